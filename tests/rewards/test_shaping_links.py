"""Scales, clips and links of one reward, against values worked by hand and their limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.links import (
    Link,
    affine,
    clip,
    confidence_weighted,
    indicator,
    log_sigmoid,
    probability_link,
    sigmoid,
    z_score,
)
from rewards.shaping.rows import Rows

NAN = float("nan")
NUMBERS = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=10)
PROBABILITIES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=10)


def _scalars(*values: float) -> Rows:
    return Rows.scalars(values)


def _same(rows: Rows, expected: list[float]) -> None:
    np.testing.assert_allclose(rows.values, expected, rtol=1e-12, atol=1e-12)


def test_a_rating_from_one_to_seven_is_brought_to_zero_to_one() -> None:
    # (x - 1) / 6.
    _same(affine(_scalars(1, 4, 7, NAN), scale=1 / 6, shift=-1 / 6), [0, 0.5, 1, NAN])


def test_a_scaled_reward_too_large_for_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="output 0: value 0 is infinite"):
        affine(_scalars(1e305), scale=1e6)


def test_rewards_are_clipped_at_both_bounds() -> None:
    _same(clip(_scalars(-3, -1, 0.5, 2, NAN), -1, 1), [-1, -1, 0.5, 1, NAN])
    with pytest.raises(ValueError, match="bounds 1 and -1: expected the lower one first"):
        clip(_scalars(0), 1, -1)


def test_standard_scores_of_what_is_at_hand() -> None:
    # 1, 3, 5: mean 3, squares 4 + 0 + 4, deviation sqrt(8/3).
    _same(z_score(_scalars(1, 3, NAN, 5)), [-2 / math.sqrt(8 / 3), 0, NAN, 2 / math.sqrt(8 / 3)])


def test_standard_scores_by_moments_that_were_fixed_do_not_change_with_what_is_at_hand() -> None:
    _same(z_score(_scalars(1, 3), "fixed", 2.0, 0.5), [-2, 2])
    _same(z_score(_scalars(3), "fixed", 2.0, 0.5), [2])
    with pytest.raises(ValueError, match="deviation 0: expected a number above 0"):
        z_score(_scalars(1), "fixed", 0.0, 0.0)


@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [5.0]])
def test_equal_values_are_at_their_mean_and_not_one_rounding_error_away(values: list[float]) -> None:
    # The mean of three 0.1 is 0.10000000000000002: by its own deviation, every value would be 1 away from it.
    assert z_score(Rows.scalars(values)).values.tolist() == [0] * len(values)


@given(NUMBERS, st.floats(0.5, 20), st.floats(-20, 20))
def test_standard_scores_do_not_depend_on_scale_and_shift(values: list[float], scale: float, shift: float) -> None:
    given = np.array(values)
    if np.ptp(given) < 1e-3:
        given = np.append(given, given[0] + 1)
    one, other = z_score(Rows.scalars(given)), z_score(Rows.scalars(given * scale + shift))
    np.testing.assert_allclose(one.values, other.values, atol=1e-6)
    assert one.values.mean() == pytest.approx(0, abs=1e-9)
    assert one.values.std() == pytest.approx(1)


def test_sigmoid_and_its_logarithm_at_known_points() -> None:
    # sigmoid(ln 3) = 3/4; temperature 2 halves the argument, so 2 ln 3 gives the same.
    _same(sigmoid(_scalars(0, math.log(3), -math.log(3), NAN)), [0.5, 0.75, 0.25, NAN])
    _same(sigmoid(_scalars(1 + 2 * math.log(3)), centre=1.0, temperature=2.0), [0.75])
    _same(log_sigmoid(_scalars(0, math.log(3), NAN)), [-math.log(2), math.log(0.75), NAN])


def test_sigmoids_hold_where_an_exponential_would_not() -> None:
    _same(sigmoid(_scalars(-1e4, 1e4)), [0, 1])
    # ln sigmoid(x) tends to x on the left and to 0 on the right.
    _same(log_sigmoid(_scalars(-1e4, 1e4)), [-1e4, 0])
    with pytest.raises(ValueError, match="temperature 0: expected a number above 0"):
        sigmoid(_scalars(1), temperature=0.0)


@given(NUMBERS, NUMBERS)
def test_log_sigmoids_add_to_the_log_probability_that_all_properties_hold(
    first: list[float], second: list[float]
) -> None:
    n = min(len(first), len(second))
    a, b = Rows.scalars(first[:n]), Rows.scalars(second[:n])
    summed = log_sigmoid(a).values + log_sigmoid(b).values
    np.testing.assert_allclose(np.exp(summed), sigmoid(a).values * sigmoid(b).values, rtol=1e-9)


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("at_least", [0, 1, 1]),
        ("above", [0, 0, 1]),
        ("at_most", [1, 1, 0]),
        ("below", [1, 0, 0]),
        ("equal", [0, 1, 0]),
    ],
)
def test_a_verdict_by_each_relation_at_the_threshold_itself(relation: str, expected: list[float]) -> None:
    _same(indicator(_scalars(1, 2, 3, NAN), 2.0, relation), [*expected, NAN])


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        # q = 1/2 and 1/8 with p = 1/4: logarithms of 2 and 1/2; odds 1 and 1/7 over 1/3.
        ("log", [math.log(2), -math.log(2)]),
        ("logit", [math.log(3), math.log(3 / 7)]),
        ("linear", [0.25, -0.125]),
        ("clipped_linear", [0.25, 0]),
    ],
)
def test_each_link_from_a_probability_to_a_reward(link: Link, expected: list[float]) -> None:
    _same(probability_link(_scalars(0.5, 0.125, NAN), None, link, prior=0.25), [*expected, NAN])
    _same(probability_link(_scalars(0.5, 0.125, 0.5), _scalars(0.25, 0.25, NAN), link), [*expected, NAN])


def test_a_probability_of_zero_has_a_logarithm_of_the_floor_and_not_minus_infinity() -> None:
    assert probability_link(_scalars(0), None, "log", prior=1.0, floor=1e-3).values[0] == pytest.approx(math.log(1e-3))
    logits = probability_link(_scalars(0, 1), None, "logit", prior=0.5, floor=1e-3).values
    np.testing.assert_allclose(logits, [-math.log(999), math.log(999)])


@given(PROBABILITIES, st.floats(0, 1))
def test_the_clipped_link_is_the_larger_of_posterior_and_prior_less_the_prior(
    values: list[float], prior: float
) -> None:
    # IRRL writes max(q, p) - p.
    clipped = probability_link(Rows.scalars(values), None, "clipped_linear", prior).values
    np.testing.assert_allclose(clipped, np.maximum(values, prior) - prior, atol=1e-15)


@given(st.floats(0.001, 0.01), st.floats(0.0001, 0.0009))
def test_noise_near_zero_moves_the_logarithm_by_more_than_the_linear_link(q: float, noise: float) -> None:
    # The derivative of ln q is 1/q >= 100 here, that of q - p is 1.
    clean, noisy = _scalars(q), _scalars(q + noise)
    moved = {
        link: float((probability_link(noisy, None, link).values - probability_link(clean, None, link).values)[0])
        for link in ("log", "linear")
    }
    assert moved["log"] > 10 * moved["linear"]


def test_a_number_that_is_no_probability_is_refused_by_its_output() -> None:
    with pytest.raises(ValueError, match=r"output 1: value 1 of probabilities is 1.5: expected 0 to 1"):
        probability_link(Rows.ragged("token", [[0.1], [0.2, 1.5]]))
    with pytest.raises(ValueError, match=r"value 0 of priors is -0.1"):
        probability_link(_scalars(0.5), _scalars(-0.1))
    with pytest.raises(ValueError, match="input 1 stands on other segments"):
        probability_link(_scalars(0.5), _scalars(0.5, 0.5))


def test_sure_and_right_earns_most_and_sure_and_wrong_least() -> None:
    # s clip(c, .2, .9): right .9, right but unsure .2, wrong and sure -.9, wrong and unsure -.2.
    outcomes, confidence = _scalars(1, 1, 0, 0, NAN, 1), _scalars(0.99, 0.05, 0.99, 0.05, 0.5, NAN)
    result = confidence_weighted(outcomes, confidence, low=0.2, high=0.9)
    _same(result, [0.9, 0.2, -0.9, -0.2, NAN, NAN])


def test_an_outcome_of_many_values_can_count_as_it_is() -> None:
    _same(confidence_weighted(_scalars(3, -2), _scalars(0.5, 0.5), "value"), [1.5, -1])


@given(PROBABILITIES)
def test_full_confidence_leaves_plus_and_minus_one_and_none_leaves_the_lower_bound(outcomes: list[float]) -> None:
    given = Rows.scalars(outcomes)
    sure, unsure = given.with_values(np.ones(len(given))), given.with_values(np.zeros(len(given)))
    assert set(confidence_weighted(given, sure).values) <= {1.0, -1.0}
    np.testing.assert_allclose(np.abs(confidence_weighted(given, unsure, low=0.3).values), 0.3)
