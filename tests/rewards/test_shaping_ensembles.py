"""Ensembles, disagreement and pessimism, against values worked by hand and numpy's own variance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.ensembles import (
    ensemble_disagreement,
    ensemble_mean,
    ensemble_uncertainty_weighted,
    ensemble_worst_case,
    lipschitz_envelope,
    pessimistic,
    uncertainty_discount,
)
from rewards.shaping.rows import Rows

NAN = float("nan")
NUMBERS = st.floats(-100, 100, width=32)
MEMBERS = st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=2, max_size=5)


def _scalars(*values: float) -> Rows:
    return Rows.scalars(values)


def _same(rows: Rows, expected: list[float]) -> None:
    np.testing.assert_allclose(rows.values, expected, rtol=1e-12, atol=1e-12)


# Three members score 1, 2 and 6: mean 3, squares 4 + 1 + 9 = 14, variance 14/3 over n and 7 over n - 1.
THREE = [_scalars(1), _scalars(2), _scalars(6)]


def test_mean_and_worst_case_of_an_ensemble() -> None:
    _same(ensemble_mean(THREE), [3])
    _same(ensemble_worst_case(THREE), [1])


def test_uwo_takes_the_variance_over_n_for_best_of_n_and_over_n_minus_1_for_ppo() -> None:
    # The two files of the released code: numpy's default and torch's. 3 - 14/3 / 2 = 2/3, and 3 - 7/2 = -1/2.
    _same(ensemble_uncertainty_weighted(THREE, 0.5, "population"), [2 / 3])
    _same(ensemble_uncertainty_weighted(THREE, 0.5, "sample"), [-0.5])


@given(MEMBERS, st.floats(0, 2))
def test_uwo_is_numpys_mean_less_its_variance_of_the_stated_ddof(values: list[list[float]], penalty: float) -> None:
    terms = [Rows.scalars(row) for row in values]
    for name, ddof in (("population", 0), ("sample", 1)):
        expected = np.mean(values, axis=0) - penalty * np.var(values, axis=0, ddof=ddof)
        np.testing.assert_allclose(ensemble_uncertainty_weighted(terms, penalty, name).values, expected, atol=1e-6)


@given(MEMBERS)
def test_uwo_over_n_minus_1_is_that_over_n_with_a_penalty_larger_by_n_over_n_minus_1(values: list[list[float]]) -> None:
    terms, n = [Rows.scalars(row) for row in values], len(values)
    one = ensemble_uncertainty_weighted(terms, 0.5, "sample").values
    other = ensemble_uncertainty_weighted(terms, 0.5 * n / (n - 1), "population").values
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-6)


@given(MEMBERS)
def test_the_worst_case_is_nowhere_above_the_mean_nor_uwo(values: list[list[float]]) -> None:
    terms = [Rows.scalars(row) for row in values]
    mean = ensemble_mean(terms).values
    assert (ensemble_worst_case(terms).values <= mean + 1e-9).all()
    assert (ensemble_uncertainty_weighted(terms, 0.5).values <= mean + 1e-9).all()
    np.testing.assert_allclose(ensemble_uncertainty_weighted(terms, 0.0).values, mean, rtol=1e-9, atol=1e-9)


def test_one_member_alone_has_no_sample_variance_and_none_over_n() -> None:
    _same(ensemble_uncertainty_weighted([_scalars(2)], 0.5, "population"), [2])
    _same(ensemble_uncertainty_weighted([_scalars(2)], 0.5, "sample"), [NAN])
    # Without a penalty there is no variance to miss.
    _same(ensemble_uncertainty_weighted([_scalars(2)], 0.0, "sample"), [2])


def test_a_member_that_did_not_score_is_left_out_or_leaves_the_output_unscored() -> None:
    terms = [_scalars(1, NAN), _scalars(3, NAN), _scalars(NAN, NAN)]
    _same(ensemble_uncertainty_weighted(terms, 1.0), [NAN, NAN])
    # Of 1 and 3: mean 2, variance 1.
    _same(ensemble_uncertainty_weighted(terms, 1.0, unscored="skip"), [1, NAN])
    _same(ensemble_mean(terms, unscored="skip"), [2, NAN])
    _same(ensemble_worst_case(terms, unscored="skip"), [1, NAN])


def test_disagreement_by_each_measure() -> None:
    _same(ensemble_disagreement(THREE), [14 / 3])
    _same(ensemble_disagreement(THREE, "deviation", "sample"), [math.sqrt(7)])
    _same(ensemble_disagreement(THREE, "range"), [5])
    _same(ensemble_disagreement([_scalars(1, 2), _scalars(NAN, 5)], "range"), [NAN, 3])


def test_two_runs_disagree_by_their_distance() -> None:
    # Ctrl-U compares two samples of the same condition: |2 - 5|; half of it is their deviation.
    runs = [_scalars(2), _scalars(5)]
    _same(ensemble_disagreement(runs, "range"), [3])
    _same(ensemble_disagreement(runs, "deviation"), [1.5])


def test_members_that_agree_have_a_variance_of_exactly_zero_and_a_weight_of_exactly_one() -> None:
    # The mean of three 0.1 is 0.10000000000000002.
    agreed = [Rows.scalars([0.1])] * 3
    uncertainty = ensemble_disagreement(agreed)
    assert uncertainty.values.tolist() == [0]
    assert uncertainty_discount(_scalars(0.7), uncertainty, gives="weight").values.tolist() == [1]
    assert uncertainty_discount(_scalars(0.7), uncertainty).values.tolist() == [0.7]


def test_the_more_uncertain_the_nearer_to_zero() -> None:
    # exp(-1) x 2 and exp(-2) x 2 at a scale of 1; at a scale of 2 an uncertainty of 2 counts as 1.
    rewards, uncertainty = _scalars(2, 2, NAN, 2), _scalars(1, 2, 1, NAN)
    _same(uncertainty_discount(rewards, uncertainty), [2 / math.e, 2 / math.e**2, NAN, NAN])
    _same(uncertainty_discount(_scalars(2), _scalars(2), scale=2.0), [2 / math.e])
    _same(uncertainty_discount(rewards, uncertainty, gives="weight"), [1 / math.e, 1 / math.e**2, NAN, NAN])


def test_being_uncertain_has_the_price_of_the_loss() -> None:
    # exp(-U) L + lambda U with L = -2, U = 1, lambda = .5, and the sign turned: 2/e - .5.
    _same(uncertainty_discount(_scalars(2), _scalars(1), regulariser=0.5), [2 / math.e - 0.5])


@given(st.lists(st.floats(0, 50), min_size=2, max_size=8))
def test_weights_fall_as_uncertainty_grows(uncertainty: list[float]) -> None:
    given = Rows.scalars(sorted(uncertainty))
    weights = uncertainty_discount(given.with_values(np.ones(len(given))), given, gives="weight").values
    assert (np.diff(weights) <= 0).all()
    assert ((weights > 0) & (weights <= 1)).all()


def test_uncertainty_is_taken_off_by_its_penalty() -> None:
    _same(pessimistic(_scalars(2, 2, 2), _scalars(0, 0.5, NAN), 2.0), [2, 1, NAN])
    _same(pessimistic(_scalars(2, 2), _scalars(0.5, NAN), 0.0), [2, 2])


def test_an_uncertainty_below_zero_is_refused_by_its_output() -> None:
    for lower in (pessimistic, uncertainty_discount):
        with pytest.raises(ValueError, match="output 1: value 0 of uncertainty is -1: expected at least 0"):
            lower(_scalars(1, 1), _scalars(0, -1))


def test_a_peak_is_lowered_until_its_neighbours_are_within_a_jump() -> None:
    # L = 1 over 0 5 1 4: from 0: 0 1 2 3; from the third (1): 3 2 1 2; the smallest of both and x: 0 1 1 2.
    rewards = Rows.ragged("token", [[0, 5, 1, 4], [9]])
    assert lipschitz_envelope(rewards, 1.0).to_lists() == [[0, 1, 1, 2], [9]]


def test_an_unscored_segment_bounds_nothing_and_counts_as_a_place() -> None:
    # 0 and 5 are two places apart: 0 + 2 L.
    assert lipschitz_envelope(Rows.ragged("step", [[0, NAN, 5]]), 1.0).to_lists()[0] == pytest.approx(
        [0, NAN, 2], nan_ok=True
    )


def test_a_slope_of_zero_leaves_each_output_its_smallest_value_and_a_steep_one_everything() -> None:
    rewards = Rows.ragged("token", [[3, 1, 2], [], [7, 8]])
    assert lipschitz_envelope(rewards, 0.0).to_lists() == [[1, 1, 1], [], [7, 7]]
    assert lipschitz_envelope(rewards, 2.0).to_lists() == [[3, 1, 2], [], [7, 8]]
    with pytest.raises(ValueError, match="slope -1: expected at least 0"):
        lipschitz_envelope(rewards, -1.0)


@given(st.lists(st.lists(st.one_of(NUMBERS, st.just(NAN)), max_size=12), min_size=1, max_size=4), st.floats(0.125, 50))
def test_the_envelope_is_the_smallest_cone_over_all_places_of_the_output(
    values: list[list[float]], slope: float
) -> None:
    given = Rows.ragged("token", values)
    for row, result in zip(values, lipschitz_envelope(given, slope).to_lists(), strict=True):
        # The definition, place by place.
        brute = [
            NAN if math.isnan(x) else min(y + slope * abs(t - s) for s, y in enumerate(row) if not math.isnan(y))
            for t, x in enumerate(row)
        ]
        np.testing.assert_allclose(result, brute, rtol=1e-9, atol=1e-9)
