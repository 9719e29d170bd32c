"""Length, repetition, endings and tools: exact values at the boundaries, and what is unknown stays so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.length import (
    difficulty_budget,
    easy_sample_weight,
    efficiency_adjusted,
    length_gap_penalty,
    repetition_penalty,
    soft_overlong,
    stop_properly,
    within_budget,
)
from rewards.shaping.rows import Rows
from rewards.shaping.tools import fewest_calls, tool_efficiency, tool_productivity

NAN = float("nan")
ONE_TASK = np.zeros(4, dtype=np.int64)


def _approx(values: list[float]) -> object:
    return pytest.approx(values, nan_ok=True)


def test_an_output_over_its_budget_earns_nothing_right_or_wrong() -> None:
    rewards, lengths = Rows.scalars([1, 1, NAN, 1, NAN]), Rows.scalars([100, 101, 101, NAN, 1])
    assert within_budget(rewards, lengths, budget=100).values.tolist() == _approx([1, 0, 0, NAN, NAN])
    own = Rows.scalars([99, 101, 101, 1, NAN])
    assert within_budget(rewards, lengths, own, over=-1).values.tolist() == _approx([-1, 1, NAN, NAN, NAN])
    dense = within_budget(Rows.ragged("token", [[1, 2], [3]]), Rows.scalars([5, 200]), budget=100)
    assert dense.to_lists() == [[1, 2], [0]]


def test_easier_tasks_have_tighter_budgets() -> None:
    # Task 0: 3 of 4 right, 4000 - 0.75 x 3000; task 1: none; task 2: nothing known.
    outcomes, groups = Rows.scalars([1, 1, 0, 1, 0, NAN, NAN]), np.array([0, 0, 0, 0, 1, 1, 2])
    budgets = difficulty_budget(outcomes, groups)
    assert budgets.values.tolist() == _approx([1750, 1750, 1750, 1750, 4000, 4000, NAN])
    with pytest.raises(ValueError, match="budgets 2 and 1"):
        difficulty_budget(outcomes, groups, 1, 2)


@pytest.mark.parametrize(
    ("length", "expected"),
    # L = 100, c = 20: the boundaries are 80 and 100; 90 is the example of TRL's documentation.
    [(0, 0), (80, 0), (81, -0.05), (90, -0.5), (100, -1), (101, -1), (10_000, -1), (NAN, NAN)],
)
def test_overlong_outputs_are_punished_softly_and_exactly_at_the_boundaries(length: float, expected: float) -> None:
    assert soft_overlong(Rows.scalars([length]), 100, 20).values.tolist() == _approx([expected])


def test_without_a_last_stretch_the_penalty_is_a_step() -> None:
    assert soft_overlong(Rows.scalars([100, 101, NAN]), 100, 0, 2).values.tolist() == _approx([0, -2, NAN])
    with pytest.raises(ValueError, match="cache 101: expected from 0 to 100"):
        soft_overlong(Rows.scalars([1]), 100, 101)
    with pytest.raises(ValueError, match="output 0: value 0 of lengths is -1"):
        soft_overlong(Rows.scalars([-1]), 100, 20)


@given(lengths=st.lists(st.integers(0, 200), min_size=2, max_size=9), cache=st.integers(0, 100))
def test_longer_never_earns_more(lengths: list[int], cache: int) -> None:
    penalties = soft_overlong(Rows.scalars(sorted(lengths)), 100, cache).values
    assert (np.diff(penalties) <= 0).all()
    assert ((penalties <= 0) & (penalties >= -1)).all()


def test_what_is_missing_to_the_reference_beyond_five_words_costs() -> None:
    lengths, references = Rows.scalars([15, 14, 30, NAN, 10]), Rows.scalars([20, 20, 20, 20, NAN])
    assert length_gap_penalty(lengths, references, weight=2).values.tolist() == _approx([0, -2, 0, NAN, NAN])
    longer = length_gap_penalty(lengths, references, side="longer", weight=2)
    assert longer.values.tolist() == _approx([0, 0, -10, NAN, NAN])
    assert not np.signbit(longer.values[:2]).any()


def test_gibberish_costs_three_whatever_its_length() -> None:
    lengths, references = Rows.scalars([20, NAN, 10, 10]), Rows.scalars([20, 20, 20, 20])
    gibberish = Rows.scalars([1, 1, 0, NAN])
    assert length_gap_penalty(lengths, references, gibberish).values.tolist() == _approx([-3, -3, -5, NAN])


def test_repetition_costs_in_proportion() -> None:
    # TRL's example: 1 unique of 4 bigrams, a share of 3/4.
    assert repetition_penalty(Rows.scalars([0, 0.75, NAN])).values.tolist() == _approx([0, -0.75, NAN])
    assert not np.signbit(repetition_penalty(Rows.scalars([0])).values).any()
    with pytest.raises(ValueError, match="value 0 of repetition is 3: expected 0 to 1"):
        repetition_penalty(Rows.scalars([3]))


def test_rewards_of_what_was_cut_off_are_scaled() -> None:
    rewards, stopped = Rows.ragged("token", [[1, -1], [1, NAN], [1]]), Rows.scalars([1, 0, NAN])
    scaled = stop_properly(rewards, stopped, 0.1)
    assert scaled.values.tolist() == _approx([1, -1, 0.1, NAN, NAN])


def test_moderately_easy_tasks_weigh_more_and_settled_ones_nothing() -> None:
    outcomes = Rows.scalars([1, 1, 1, 0, 1, 0, 0, 0, 1, 0, NAN])
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 2, 3, 3, 4])
    # 3/4 easy; 1/3 not; 0; 1/2 not; unknown.
    weights = easy_sample_weight(outcomes, groups).values
    assert weights.tolist() == _approx([2] * 4 + [1] * 3 + [0] + [1] * 2 + [NAN])
    assert easy_sample_weight(Rows.scalars([1]), np.array([0])).values.tolist() == [0]


def test_efficiency_falls_from_the_shortest_output_to_the_longest() -> None:
    rewards, lengths = Rows.scalars([1, 1, 2, 1, 1]), Rows.scalars([10, 20, 30, 7, NAN])
    groups = np.array([0, 0, 0, 1, 2])
    adjusted = efficiency_adjusted(rewards, lengths, groups).values
    # gamma = 3 at 0, 1/2 and 1 of the way; an output alone is the shortest.
    assert adjusted.tolist() == _approx([1, np.exp(-1.5), 2 * np.exp(-3), 1, NAN])
    among_all = efficiency_adjusted(rewards, lengths, groups, among="all").values
    assert among_all[3] == 1
    assert among_all[0] == pytest.approx(np.exp(-3 * 3 / 23))


def test_tool_calls_are_measured_against_the_fewest_of_the_right_answers() -> None:
    outcomes, calls = Rows.scalars([1, 1, 0, 1]), Rows.scalars([2, 6, 1, 4])
    assert fewest_calls(outcomes, calls, ONE_TASK).tolist() == [2, 2, 2, 2]
    # n = 2. m = 2: f = 2, sin(pi/2) = 1. m = 6: f = 24/8 = 3, sin(3 pi/4). m = 4: f = 16/6, sin(2 pi/3).
    rewards = tool_efficiency(outcomes, calls, ONE_TASK).values
    assert rewards.tolist() == pytest.approx([1, np.sqrt(0.5), 0, np.sqrt(3) / 2])


def test_no_tool_calls_at_all_are_the_best_where_a_right_answer_needs_none() -> None:
    """The zero cases of OTC: n = 0 divides by nothing, and m = n = 0 is worth 1."""
    outcomes, calls = Rows.scalars([1, 1, 0, 1]), Rows.scalars([0, 3, 0, 1])
    tool = tool_efficiency(outcomes, calls, ONE_TASK, smooth=6, times_outcome=False).values
    # cos(0) = 1; cos(3 pi / 12); cos(pi / 8).
    assert tool.tolist() == pytest.approx([1, np.sqrt(0.5), 1, np.cos(np.pi / 8)])


def test_a_wrong_answer_without_calls_earns_nothing_where_a_right_one_needed_some() -> None:
    outcomes, calls = Rows.scalars([1, 0]), Rows.scalars([2, 0])
    tool = tool_efficiency(outcomes, calls, np.array([0, 0]), times_outcome=False).values
    assert tool.tolist() == [1, 0]


def test_the_other_form_knows_only_the_number_of_calls() -> None:
    outcomes, calls = Rows.scalars([1, 1, 0, 1]), Rows.scalars([0, 2, 2, NAN])
    # c = 4: cos(2 pi / 8).
    rewards = tool_efficiency(outcomes, calls, ONE_TASK, "ppo", smooth=4, alpha=2).values
    assert rewards.tolist() == _approx([2, np.sqrt(2), 0, NAN])


def test_a_task_without_a_known_right_answer_has_no_fewest_calls() -> None:
    outcomes, calls = Rows.scalars([0, NAN, 1, 0]), Rows.scalars([1, 1, NAN, NAN])
    assert np.isnan(fewest_calls(outcomes, calls, ONE_TASK)).all()
    rewards = tool_efficiency(outcomes, calls, ONE_TASK).values
    assert rewards.tolist() == _approx([0, NAN, NAN, 0])
    alone = tool_efficiency(outcomes, calls, ONE_TASK, smooth=2, times_outcome=False).values
    assert alone.tolist() == _approx([np.sqrt(0.5), np.sqrt(0.5), NAN, NAN])


def test_calls_below_zero_and_a_cosine_without_a_constant_are_refused() -> None:
    one = Rows.scalars([1])
    with pytest.raises(ValueError, match="value 0 of calls is -1"):
        tool_efficiency(one, Rows.scalars([-1]), np.array([0]))
    with pytest.raises(ValueError, match="c 0: expected above 0"):
        tool_efficiency(one, one, np.array([0]), smooth=0)


@given(
    calls=st.lists(st.integers(0, 40), min_size=2, max_size=8),
    form=st.sampled_from(["grpo", "ppo"]),
)
def test_among_right_answers_more_calls_never_earn_more(calls: list[int], form: str) -> None:
    count = len(calls)
    right = Rows.scalars(np.ones(count))
    rewards = tool_efficiency(right, Rows.scalars(sorted(calls)), np.zeros(count, dtype=np.int64), form).values
    assert (np.diff(rewards) <= 1e-12).all()
    assert ((rewards >= 0) & (rewards <= 1)).all()
    shuffled = np.random.default_rng(0).permutation(count)
    again = tool_efficiency(right, Rows.scalars(np.array(sorted(calls))[shuffled]), np.zeros(count, dtype=int), form)
    np.testing.assert_allclose(again.values, rewards[shuffled])


def test_productivity_is_right_answers_by_call() -> None:
    outcomes, calls = Rows.scalars([1, 1, 0, 1, NAN]), Rows.scalars([2, 1, 3, NAN, 9])
    assert tool_productivity(outcomes, calls) == pytest.approx(2 / 6)
    assert np.isnan(tool_productivity(outcomes, Rows.scalars([0] * 5)))
