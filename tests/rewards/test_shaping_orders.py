"""Pareto fronts and scalars from partial orders, against hand-worked fronts and the definition, pair by pair."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping import orders
from rewards.shaping.orders import maximal_uniform, order_to_scalar, pareto_rank
from rewards.shaping.rows import Ints, Rows

NAN = float("nan")
UP = ["higher", "higher"]
POINTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=14)


def _groups(*numbers: int) -> Ints:
    return np.array(numbers, dtype=np.int64)


def _terms(*points: tuple[float, ...]) -> list[Rows]:
    return [Rows.scalars(column) for column in zip(*points, strict=True)]


def _same(rows: Rows, expected: list[float]) -> None:
    np.testing.assert_allclose(rows.values, expected, rtol=1e-9, atol=1e-9)


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True)) and one != other


# (2, 2) and (3, 1) beat (1, 1); nobody beats them, each other's equal, or (0, 3); (1, 1) beats (0, 0).
FIVE = [(2, 2), (3, 1), (1, 1), (2, 2), (0, 3), (0, 0)]


def test_the_front_are_those_whom_no_other_beats_by_every_criterion() -> None:
    terms, groups = _terms(*FIVE), _groups(0, 0, 0, 0, 0, 0)
    _same(pareto_rank(terms, UP, groups), [1, 1, 0, 1, 1, 0])
    _same(pareto_rank(terms, UP, groups, "rank"), [0, 0, -1, 0, 0, -2])
    _same(pareto_rank(terms, UP, groups, "share"), [1, 1, 0.5, 1, 1, 0])


def test_a_criterion_of_which_less_is_better_is_turned_round() -> None:
    # Score and length: (2, 10) beats (2, 30) only where short is good.
    terms, groups = _terms((2, 10), (2, 30)), _groups(0, 0)
    _same(pareto_rank(terms, ["higher", "lower"], groups), [1, 0])
    _same(pareto_rank(terms, UP, groups), [0, 1])


def test_tasks_are_not_compared_with_each_other_and_unscored_members_with_nobody() -> None:
    terms = _terms((1, 1), (9, 9), (5, NAN), (0, 0))
    _same(pareto_rank(terms, UP, _groups(0, 1, 0, 0)), [1, 1, NAN, 0])
    _same(pareto_rank(terms, UP, _groups(0, 1, 0, 0), "share"), [1, 1, NAN, 0])


@given(POINTS)
def test_fronts_are_the_longest_chains_of_better_members(points: list[tuple[int, int, int]]) -> None:
    def above(index: int) -> int:
        """The longest chain of members that beat one another, from the front down to this one."""
        group, *own = points[index]
        beats = [i for i, (g, *p) in enumerate(points) if g == group and _dominates(tuple(p), tuple(own))]
        return max((1 + above(i) for i in beats), default=0)

    terms, groups = _terms(*(tuple(point[1:]) for point in points)), _groups(*(point[0] for point in points))
    _same(pareto_rank(terms, UP, groups, "rank"), [-above(index) for index in range(len(points))])


@given(POINTS)
def test_the_reward_of_a_task_is_shared_by_its_front_and_sums_to_one(points: list[tuple[int, int, int]]) -> None:
    terms, groups = _terms(*(tuple(point[1:]) for point in points)), _groups(*(point[0] for point in points))
    shared, front = maximal_uniform(terms, UP, groups).values, pareto_rank(terms, UP, groups).values
    for group in np.unique(groups):
        of_group = shared[groups == group]
        assert of_group.sum() == pytest.approx(1)
        assert len(set(of_group[front[groups == group] == 1])) == 1
        assert not of_group[front[groups == group] == 0].any()


def test_an_unscored_member_takes_no_share() -> None:
    _same(maximal_uniform(_terms((1, 1), (1, 1), (2, NAN)), UP, _groups(0, 0, 0)), [0.5, 0.5, NAN])


def test_the_better_of_two_is_as_far_ahead_as_the_prior_lets_it() -> None:
    # sigmoid(2a) + prior a = 1 where the gradient is 0. With a = ln 3 / 2: 3/4 + prior ln 3 / 2 = 1.
    prior = 0.5 / math.log(3)
    terms, groups = _terms((2, 2), (1, 1)), _groups(0, 0)
    _same(order_to_scalar(terms, UP, groups, prior), [math.log(3) / 2, -math.log(3) / 2])
    _same(order_to_scalar(terms, UP, groups, prior, "share"), [0.75, 0.25])


def test_members_that_cannot_be_compared_have_the_same_scalar() -> None:
    _same(order_to_scalar(_terms((2, 0), (0, 2), (1, 1)), UP, _groups(0, 0, 0)), [0, 0, 0])
    _same(order_to_scalar(_terms((5, 5)), UP, _groups(0), gives="share"), [1])


@given(POINTS, st.sampled_from([0.01, 0.1, 1.0]))
def test_the_scalar_keeps_the_order_and_is_where_the_gradient_vanishes(
    points: list[tuple[int, int, int]], prior: float
) -> None:
    terms, groups = _terms(*(tuple(point[1:]) for point in points)), _groups(*(point[0] for point in points))
    fitted = order_to_scalar(terms, UP, groups, prior).values
    for i, (group, *own) in enumerate(points):
        gradient = prior * fitted[i]
        for j, (other_group, *other) in enumerate(points):
            if other_group != group or i == j:
                continue
            wins, loses = _dominates(tuple(own), tuple(other)), _dominates(tuple(other), tuple(own))
            gradient += 1 / (1 + math.exp(fitted[j] - fitted[i])) - (1 + wins - loses) / 2
            if wins:
                assert fitted[i] > fitted[j]
        assert gradient == pytest.approx(0, abs=1e-8)
    for group in np.unique(groups):
        assert fitted[groups == group].sum() == pytest.approx(0, abs=1e-8)


def test_a_long_total_order_with_hardly_any_prior_is_fitted() -> None:
    scores = Rows.scalars(np.arange(64))
    fitted = order_to_scalar([scores], ["higher"], np.zeros(64, dtype=np.int64), 0.001).values
    assert (np.diff(fitted) > 0).all()
    np.testing.assert_allclose(fitted, -fitted[::-1], atol=1e-6)
    # The best of 64 wins 63 times for sure; what it lacks of that is what the prior takes: prior x s.
    assert 63 - (1 / (1 + np.exp(fitted[:-1] - fitted[-1]))).sum() == pytest.approx(0.001 * fitted[-1], abs=1e-6)


def test_many_groups_at_once_are_fitted_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    groups = rng.permutation(np.repeat(np.arange(9), [1, 2, 3, 3, 4, 4, 4, 5, 6]))
    terms = [Rows.scalars(rng.integers(0, 4, len(groups))) for _ in range(2)]
    together = order_to_scalar(terms, UP, groups).values
    monkeypatch.setattr(orders, "_CELLS", 1)
    np.testing.assert_allclose(order_to_scalar(terms, UP, groups).values, together, atol=1e-9)
    for group in range(9):
        at = np.flatnonzero(groups == group)
        alone = order_to_scalar([Rows.scalars(term.values[at]) for term in terms], UP, np.zeros(len(at), dtype=int))
        np.testing.assert_allclose(alone.values, together[at], atol=1e-9)


def test_groups_too_large_to_compare_pair_by_pair_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MAX_MEMBERS", 2)
    with pytest.raises(ValueError, match="a group of 3 members: expected at most 2"):
        pareto_rank(_terms((1, 1), (2, 2), (3, 3)), UP, _groups(0, 0, 0))


def test_a_prior_of_zero_and_a_missing_group_are_refused() -> None:
    with pytest.raises(ValueError, match="prior 0: expected a number above 0"):
        order_to_scalar(_terms((1, 1)), UP, _groups(0), 0.0)
    for operator in (pareto_rank, maximal_uniform, order_to_scalar):
        with pytest.raises(ValueError, match="1 groups for 2 outputs"):
            operator(_terms((1, 1), (2, 2)), UP, _groups(0))
