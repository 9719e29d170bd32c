"""Folds, returns and risk over steps, against values worked by hand and their limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.returns import (
    broken_chain_returns,
    discounted_returns,
    iterated_cvar,
    iterated_cvar_returns,
    min_returns,
)
from rewards.shaping.rows import Rows
from rewards.shaping.steps import aggregate_steps, cvar_steps, cvar_terms, min_form

NAN = float("nan")
PAPER = [0.9, 0.8, -0.4, 0.7]
NUMBERS = st.floats(-4, 4, width=16)
STEPS = st.lists(st.lists(NUMBERS, min_size=1, max_size=9), min_size=1, max_size=5)


def _steps(*outputs: list[float]) -> Rows:
    return Rows.ragged("step", outputs)


def _one(rows: Rows) -> float:
    (value,) = rows.values.tolist()
    return float(value)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        # 2 + 0.5 x -1 + 0.25 x 4 with the discount 0.5.
        ("sum", 2.5),
        ("mean", 5 / 3),
        ("min", -1),
        ("max", 4),
        ("last", 4),
        ("product", -8),
    ],
)
def test_steps_are_folded_by_hand(how: str, expected: float) -> None:
    assert _one(aggregate_steps(_steps([2, -1, 4]), how, discount=0.5)) == pytest.approx(expected)


def test_the_soft_minimum_weighs_steps_by_their_softmax() -> None:
    # T = 1 over (0, ln 2): exp(-p) = 1, 1/2, so the weights are 2/3 and 1/3: r* = (0, ln 2 / 3).
    steps = _steps([0.0, float(np.log(2))])
    assert min_form(steps, 1.0).to_lists() == [[0, pytest.approx(np.log(2) / 3)]]
    assert _one(aggregate_steps(steps, "soft_min", 1.0)) == pytest.approx(np.log(2) / 3)


def test_filler_steps_raise_the_sum_and_leave_the_soft_minimum() -> None:
    padded = [*PAPER, *[0.95] * 5]
    # 0.9 + 0.8 - 0.4 + 0.7 = 2.0, and 5 x 0.95 = 4.75 more.
    assert aggregate_steps(_steps(PAPER, padded), "sum").values.tolist() == pytest.approx([2.0, 6.75])
    assert aggregate_steps(_steps(PAPER, padded), "soft_min").values.tolist() == pytest.approx([-0.4, -0.4], abs=1e-3)


def test_steps_that_share_the_minimum_share_it_without_temperature() -> None:
    assert min_form(_steps([-2, 3, -2]), 0.0).to_lists() == [[-1, 0, -1]]


@given(outputs=STEPS)
def test_the_soft_minimum_goes_from_the_minimum_to_the_mean(outputs: list[list[float]]) -> None:
    steps = _steps(*outputs)
    np.testing.assert_allclose(aggregate_steps(steps, "soft_min", 0.0).values, steps.smallest(), atol=1e-12)
    np.testing.assert_allclose(aggregate_steps(steps, "soft_min", 1e6).values, steps.mean(), atol=1e-4)
    between = aggregate_steps(steps, "soft_min", 0.3).values
    assert (between >= steps.smallest() - 1e-12).all()
    assert (between <= steps.mean() + 1e-12).all()


def test_a_soft_minimum_far_below_the_other_steps_stays_finite() -> None:
    assert min_form(_steps([1e30, -1e30]), 1e-9).to_lists() == [[0, -1e30]]


def test_a_constant_is_its_own_fold() -> None:
    steps = _steps([0.25] * 4, [0.25])
    for how in ("mean", "min", "max", "last", "soft_min"):
        assert aggregate_steps(steps, how).values.tolist() == pytest.approx([0.25, 0.25])
    assert cvar_steps(steps, 0.3).values.tolist() == pytest.approx([0.25, 0.25])
    assert iterated_cvar(steps, 0.3).values.tolist() == pytest.approx([0.25, 0.25])


@pytest.mark.parametrize("how", ["sum", "mean", "min", "soft_min", "max", "last", "product"])
def test_an_output_with_an_unscored_step_is_unscored_unless_it_is_skipped(how: str) -> None:
    steps = _steps([2, NAN], [NAN], [], [3])
    strict = aggregate_steps(steps, how).values.tolist()
    assert strict == pytest.approx([NAN, NAN, NAN, 3], nan_ok=True)
    lenient = aggregate_steps(steps, how, unscored="skip").values.tolist()
    assert lenient == pytest.approx([2, NAN, NAN, 3], nan_ok=True)


def test_the_last_step_alone_decides_whether_the_last_is_scored() -> None:
    assert aggregate_steps(_steps([NAN, 2]), "last").values.tolist() == [2]


def test_returns_are_discounted_by_the_distance() -> None:
    # From the end: 8; 4 + 8/2 = 8; 2 + 8/2 = 6; and one output does not reach into the next.
    assert discounted_returns(_steps([2, 4, 8], [1], [], [1, 1]), 0.5).to_lists() == [[6, 8, 8], [1], [], [1.5, 1]]


def test_an_unscored_step_passes_on_what_follows_it_at_its_distance() -> None:
    # 1 + 0.5 x (nothing) + 0.25 x 8 = 3.
    returns = discounted_returns(_steps([1, NAN, 8]), 0.5)
    assert returns.to_lists()[0] == pytest.approx([3, NAN, 8], nan_ok=True)


@given(outputs=STEPS, discount=st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_each_return_is_its_reward_and_the_discounted_return_after_it(
    outputs: list[list[float]], discount: float
) -> None:
    rows = discounted_returns(_steps(*outputs), discount)
    for rewards, returns in zip(outputs, rows.to_lists(), strict=True):
        after = [*returns[1:], 0.0]
        expected = [r + discount * later for r, later in zip(rewards, after, strict=True)]
        assert returns == pytest.approx(expected, abs=1e-9)


def test_the_strict_form_is_the_worst_step_from_here_on() -> None:
    returns = min_returns(_steps([*PAPER, NAN, 0.5], [1], []))
    assert returns.to_lists()[0] == pytest.approx([-0.4, -0.4, -0.4, 0.5, NAN, 0.5], nan_ok=True)
    assert returns.to_lists()[1:] == [[1], []]


def test_pure_strict_returns_do_not_favour_fewer_steps() -> None:
    """A baseline taken per step pays a short output for being short (PURE's issue 2): the strict return of the first
    step, on which an output's advantage is built, is the same however many equal steps it is cut into."""
    assert min_returns(_steps([0.6], [0.6] * 3, [0.6] * 12)).values[[0, 1, 4]].tolist() == [0.6, 0.6, 0.6]
    totals = min_form(_steps([0.6], [0.6] * 3, [0.6] * 12)).total()
    assert totals.tolist() == pytest.approx([0.6, 0.6, 0.6])


def test_a_mismatch_gets_no_credit_for_what_follows() -> None:
    # Steps 1, 2 match, 3 does not, 4 matches; d = 1/2. R4 = 8; R3 = 4; R2 = 2 + 4/2 = 4; R1 = 1 + 4/2 = 3.
    rewards, matches = _steps([1, 2, 4, 8], [5]), _steps([1, 1, 0, 1], [1])
    assert broken_chain_returns(rewards, matches, 0.5).to_lists() == [[3, 4, 4, 8], [5]]


def test_a_chain_is_unscored_up_to_the_step_whose_match_is_unknown() -> None:
    rewards, matches = _steps([1, 1, 1, 1, 1], [2]), _steps([0, 1, NAN, 1, 1], [1])
    returns = broken_chain_returns(rewards, matches)
    assert returns.to_lists()[0] == pytest.approx([1, NAN, NAN, 2, 1], nan_ok=True)
    assert returns.to_lists()[1] == [2]


def test_matches_on_other_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="matches: expected the same segments"):
        broken_chain_returns(_steps([1, 2]), _steps([1]))


@given(outputs=STEPS, discount=st.sampled_from([0.5, 1.0]))
def test_a_chain_that_never_breaks_is_the_discounted_return(outputs: list[list[float]], discount: float) -> None:
    rewards = _steps(*outputs)
    whole = broken_chain_returns(rewards, rewards.with_values(np.ones(rewards.level.size)), discount)
    np.testing.assert_allclose(whole.values, discounted_returns(rewards, discount).values, atol=1e-9)
    cut = broken_chain_returns(rewards, rewards.with_values(np.zeros(rewards.level.size)), discount)
    np.testing.assert_array_equal(cut.values, rewards.values)


def test_the_worst_share_counts_the_step_at_its_edge_in_part() -> None:
    # tau K = 0.375 x 4 = 1.5 steps: (-1 + 0.5 x 0) / 1.5.
    assert _one(cvar_steps(_steps([3, 0, -1, 2]), 0.375)) == pytest.approx(-2 / 3)


def test_the_worst_share_of_several_judges_is_taken_element_by_element() -> None:
    judges = tuple(Rows.scalars(values) for values in ([1, 4, NAN], [3, 2, 5], [2, 9, 7]))
    # tau = 2/3 of three judges: the two lowest, (1 + 2) / 2 and (2 + 4) / 2.
    assert cvar_terms(judges, 2 / 3).values.tolist() == pytest.approx([1.5, 3, NAN], nan_ok=True)
    # Of two judges 4/3 count: (5 + 7 / 3) / (4 / 3) = 5.5.
    assert cvar_terms(judges, 2 / 3, "skip").values.tolist() == pytest.approx([1.5, 3, 5.5])
    with pytest.raises(ValueError, match="term 1 stands on other segments"):
        cvar_terms((Rows.scalars([1]), Rows.scalars([1, 2])))


@given(outputs=STEPS)
def test_risk_goes_from_the_minimum_to_the_mean(outputs: list[list[float]]) -> None:
    steps = _steps(*outputs)
    for risk in (cvar_steps, iterated_cvar):
        np.testing.assert_allclose(risk(steps, 1.0).values, steps.mean(), atol=1e-9)
        np.testing.assert_allclose(risk(steps, 1e-6).values, steps.smallest(), atol=1e-9)


@given(outputs=STEPS, tau=st.floats(0.05, 0.95), more=st.floats(0.0, 1.0), shift=NUMBERS)
def test_risk_grows_with_the_share_and_moves_with_a_shift(
    outputs: list[list[float]], tau: float, more: float, shift: float
) -> None:
    steps = _steps(*outputs)
    milder = tau + more * (1 - tau)
    for risk in (cvar_steps, iterated_cvar):
        assert (risk(steps, milder).values >= risk(steps, tau).values - 1e-9).all()
        moved = risk(steps.with_values(steps.values + shift), tau).values
        np.testing.assert_allclose(moved, risk(steps, tau).values + shift, atol=1e-9)


def test_nested_risk_is_folded_from_the_end() -> None:
    # tau = 1/2 over (0, 4, 2): V3 = 2; V2: 4 and 2 with 1/2 each: the worse half is 2. V1: 0 with 1/3 and 2 with 2/3:
    # (1/3 x 0 + (1/2 - 1/3) x 2) / (1/2) = 2/3.
    nested = iterated_cvar_returns(_steps([0, 4, 2]), 0.5)
    assert nested.to_lists()[0] == pytest.approx([2 / 3, 2, 2])
    # The static one: the lowest 1.5 of 3 steps, (0 + 0.5 x 2) / 1.5 = 2/3.
    assert _one(cvar_steps(_steps([0, 4, 2]), 0.5)) == pytest.approx(2 / 3)


def test_nested_risk_passes_over_unscored_steps() -> None:
    nested = iterated_cvar_returns(_steps([NAN, 0, NAN, 4, 2, NAN]), 0.5)
    assert nested.to_lists()[0] == pytest.approx([NAN, 2 / 3, NAN, 2, 2, NAN], nan_ok=True)
    lenient = iterated_cvar(_steps([NAN, 0, NAN, 4, 2], [NAN], []), 0.5, "skip")
    assert lenient.values.tolist() == pytest.approx([2 / 3, NAN, NAN], nan_ok=True)
    assert np.isnan(iterated_cvar(_steps([NAN, 0, 4, 2]), 0.5).values).all()


FOLDS = (
    lambda rows: aggregate_steps(rows, "soft_min"),
    lambda rows: aggregate_steps(rows, "product"),
    cvar_steps,
    iterated_cvar,
)
WALKS = (discounted_returns, min_returns, iterated_cvar_returns, min_form)


@given(outputs=st.lists(st.lists(st.one_of(NUMBERS, st.just(NAN)), max_size=6), min_size=1, max_size=5))
def test_every_output_is_worked_out_as_if_it_were_alone(outputs: list[list[float]]) -> None:
    together = _steps(*outputs)
    for fold in FOLDS:
        alone = [_one(fold(_steps(output))) for output in outputs]
        np.testing.assert_allclose(fold(together).values, alone, atol=1e-12)
    for walk in WALKS:
        apart = [value for output in outputs for value in walk(_steps(output)).values]
        np.testing.assert_allclose(walk(together).values, apart, atol=1e-12)
        assert (np.isnan(walk(together).values) == np.isnan(together.values)).all()
