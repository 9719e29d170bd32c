"""Re-centring and ranks within tasks, against values worked by hand and scipy's ranks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from rewards.shaping.groups import group_rank, recentre
from rewards.shaping.rows import Ints, Rows

NAN = float("nan")
MEMBERS = st.lists(
    st.tuples(st.integers(0, 3), st.one_of(st.integers(-9, 9).map(float), st.just(NAN))), min_size=1, max_size=12
)


def _groups(*numbers: int) -> Ints:
    return np.array(numbers, dtype=np.int64)


def _same(rows: Rows, expected: list[float]) -> None:
    np.testing.assert_allclose(rows.values, expected, rtol=1e-12, atol=1e-12)


def test_each_task_is_centred_on_its_own_mean() -> None:
    # Task 0: mean (1 + 5) / 2 = 3; task 1 scores high throughout, mean 102.
    _same(recentre(Rows.scalars([1, 101, 5, 103, NAN]), _groups(0, 1, 0, 1, 0)), [-2, -1, 2, 1, NAN])


def test_a_bound_shrinks_a_task_as_a_whole_so_that_its_mean_stays_zero() -> None:
    # (0, 0, 9) - 3 = (-3, -3, 6); bounded by 2: a third. Clipping would give (-2, -2, 2), of mean -2/3.
    scores, groups = Rows.scalars([0, 0, 9, 1, 2]), _groups(0, 0, 0, 1, 1)
    _same(recentre(scores, groups, 2.0), [-1, -1, 2, -0.5, 0.5])
    with pytest.raises(ValueError, match="bound -1: expected at least 0"):
        recentre(scores, groups, -1.0)


@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [7.0]])
def test_members_that_are_all_equal_are_exactly_what_was_expected(values: list[float]) -> None:
    # The mean of three 0.1 is 0.10000000000000002: taken off, it would leave a gradient of rounding errors.
    assert recentre(Rows.scalars(values), _groups(*[0] * len(values))).values.tolist() == [0] * len(values)


@given(MEMBERS, st.floats(0.5, 5), st.floats(-1e3, 1e3))
def test_a_re_centred_task_has_mean_zero_within_the_bound_whatever_was_added_to_it(
    members: list[tuple[int, float]], bound: float, shift: float
) -> None:
    groups, values = _groups(*(group for group, _ in members)), np.array([value for _, value in members])
    centred = recentre(Rows.scalars(values), groups, bound).values
    np.testing.assert_array_equal(np.isnan(centred), np.isnan(values))
    np.testing.assert_allclose(
        recentre(Rows.scalars(values + shift * groups), groups, bound).values, centred, atol=1e-6
    )
    for group in np.unique(groups):
        of_group = centred[(groups == group) & ~np.isnan(centred)]
        if len(of_group):
            assert of_group.mean() == pytest.approx(0, abs=1e-9)
            assert np.abs(of_group).max() <= bound * (1 + 1e-9)


def test_ranks_run_from_the_lowest_to_the_highest_of_the_task_and_ties_share() -> None:
    # Task 0: 2 < 4 = 4 < 9, places 0, 1.5, 1.5, 3 of 3.
    scores = Rows.scalars([4, 9, 2, 4, 50, NAN])
    _same(group_rank(scores, _groups(0, 0, 0, 0, 1, 1)), [0.5, 1, 0, 0.5, 0.5, NAN])


@given(MEMBERS)
def test_ranks_are_scipys_average_ranks_of_each_task(members: list[tuple[int, float]]) -> None:
    groups, values = _groups(*(group for group, _ in members)), np.array([value for _, value in members])
    expected = np.full(len(values), np.nan)
    for group in range(4):
        at = np.flatnonzero((groups == group) & ~np.isnan(values))
        if len(at):
            expected[at] = (rankdata(values[at]) - 1) / (len(at) - 1) if len(at) > 1 else 0.5
    np.testing.assert_allclose(group_rank(Rows.scalars(values), groups).values, expected)


def test_every_output_needs_a_group() -> None:
    for operator in (recentre, group_rank):
        with pytest.raises(ValueError, match="1 groups for 2 outputs"):
            operator(Rows.scalars([1, 2]), _groups(0))
