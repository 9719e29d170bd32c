"""Value mappings of reward channels: their inverses, and each channel's part in the variance of the total."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.channels import MappingName, ValueMapping, channel_shares, channels, value_map
from rewards.shaping.combine import weighted_sum
from rewards.shaping.rows import Rows

NAN = float("nan")
MAPPINGS: list[MappingName] = ["identity", "log", "sqrt", "clip", "rank", "z"]
VALUES = st.lists(st.floats(-50, 50, width=32, allow_subnormal=False), min_size=1, max_size=8)


def test_each_mapping_of_values_worked_by_hand() -> None:
    # log: ln(1 + 2/2) = ln 2; sqrt: sqrt(8/2) = 2; clip to +-2; both odd: f(-x) = -f(x).
    values = np.array([2.0, -8.0, 0.0, NAN])
    ln2, ln5 = 0.6931471805599453, 1.6094379124341003
    for name, expected in {
        "identity": [2, -8, 0, NAN],
        "log": [ln2, -ln5, 0, NAN],
        "sqrt": [1, -2, 0, NAN],
        "clip": [2, -2, 0, NAN],
        # Sorted -8, 0, 2: ranks 0, 1/2, 1.
        "rank": [1, 0, 0.5, NAN],
        # Mean -2, squares 16 + 36 + 4 = 56, deviation sqrt(56/3).
        "z": [4 / (56 / 3) ** 0.5, -6 / (56 / 3) ** 0.5, 2 / (56 / 3) ** 0.5, NAN],
    }.items():
        np.testing.assert_allclose(ValueMapping.of(name, values, 2.0).forward(values), expected, rtol=1e-12)


def test_equal_values_share_their_mean_rank() -> None:
    # Places 0, 1 and 1, 2: the two 5s have place 1.5 of 0 .. 3, so 1/2.
    values = np.array([5.0, 1.0, 5.0, 9.0])
    np.testing.assert_allclose(ValueMapping.of("rank", values).forward(values), [0.5, 0, 0.5, 1])


@given(name=st.sampled_from(MAPPINGS), values=VALUES, scale=st.floats(0.25, 50))
def test_the_inverse_gives_back_what_was_mapped(name: MappingName, values: list[float], scale: float) -> None:
    given = np.clip(np.array(values), -scale, scale) if name == "clip" else np.array(values)
    mapping = ValueMapping.of(name, given, scale)
    np.testing.assert_allclose(mapping.inverse(mapping.forward(given)), given, rtol=1e-9, atol=1e-6)


@given(name=st.sampled_from(MAPPINGS), values=VALUES)
def test_a_mapping_never_turns_an_order_round(name: MappingName, values: list[float]) -> None:
    given = np.sort(np.array(values))
    assert (np.diff(ValueMapping.of(name, given).forward(given)) >= 0).all()


@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [7.0]])
def test_values_without_a_spread_have_the_middle_rank_and_the_standard_score_0(values: list[float]) -> None:
    given = np.array(values)
    assert ValueMapping.of("rank", given).forward(given).tolist() == [0.5] * len(values)
    assert ValueMapping.of("z", given).forward(given).tolist() == [0] * len(values)
    for name in ("rank", "z"):
        mapping = ValueMapping.of(name, given)
        assert mapping.inverse(mapping.forward(given)).tolist() == values


def test_nothing_fitted_leaves_ranks_unscored() -> None:
    nothing = ValueMapping.of("rank", np.array([NAN]))
    assert np.isnan(nothing.forward(np.array([1.0, NAN]))).all()
    assert np.isnan(nothing.inverse(np.array([0.5]))).all()


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="scale 0: expected a number above 0"):
        value_map(Rows.scalars([1]), "log", 0.0)


def test_an_inverse_too_large_for_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="output 0: value 0 is infinite"):
        value_map(Rows.scalars([1e6]), "log", 1.0, "inverse")


def test_a_value_goes_through_its_space_and_back() -> None:
    rewards = Rows.ragged("token", [[3.0, -0.5], [NAN]])
    there = value_map(rewards, "sqrt", 4.0)
    np.testing.assert_allclose(there.values, [0.75**0.5, -(0.125**0.5), NAN])
    np.testing.assert_allclose(value_map(there, "sqrt", 4.0, "inverse").values, rewards.values)


def test_channels_are_mapped_each_by_its_own_function_before_they_are_added() -> None:
    # 2 ln(1 + 1) + sqrt(9) = 2 ln 2 + 3, and 2 ln(1 + 0) + sqrt(4) = 2.
    terms = [Rows.scalars([1, 0]), Rows.scalars([9, 4])]
    result = channels(terms, [2, 1], ["log", "sqrt"], [1.0, 1.0])
    np.testing.assert_allclose(result.values, [2 * np.log(2) + 3, 2])


@given(st.lists(st.tuples(*[st.floats(-9, 9)] * 3), min_size=1, max_size=6), st.tuples(*[st.floats(-2, 2)] * 3))
def test_channels_that_are_not_mapped_are_a_weighted_sum(
    values: list[tuple[float, ...]], weights: tuple[float, ...]
) -> None:
    terms = [Rows.scalars(column) for column in zip(*values, strict=True)]
    plain = channels(terms, weights, ["identity"] * 3, [1.0] * 3)
    np.testing.assert_array_equal(plain.values, weighted_sum(terms, weights).values)


def test_a_channel_of_a_larger_scale_carries_nearly_all_the_variance_until_it_is_mapped() -> None:
    # Channels (0, 1) and (0, 3): total (0, 4), variance 4; covariances 1/4 x (1 x 4) = 1 and 3. Shares 1/4 and 3/4.
    terms = [Rows.scalars([0, 1]), Rows.scalars([0, 3])]
    np.testing.assert_allclose(channel_shares(terms, [1, 1], ["identity"] * 2, [1.0] * 2), [0.25, 0.75])
    np.testing.assert_allclose(channel_shares(terms, [1, 1], ["rank"] * 2, [1.0] * 2), [0.5, 0.5])
    # Turned against the other: total (0, 2), variance 1; covariances -1/2 and 3/2.
    np.testing.assert_allclose(channel_shares(terms, [-1, 1], ["identity"] * 2, [1.0] * 2), [-0.5, 1.5])


def test_a_total_that_does_not_vary_has_no_shares() -> None:
    constant = [Rows.scalars([1, 1]), Rows.scalars([2, NAN])]
    assert np.isnan(channel_shares(constant, [1, 1], ["identity"] * 2, [1.0] * 2)).all()
    assert np.isnan(channel_shares([Rows.scalars([NAN])], [1], ["log"], [1.0])).all()
