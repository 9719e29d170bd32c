"""Noise and control rewards: moments of seeded draws, and votes counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.controls import (
    calibrated,
    class_conditional_noise,
    dither,
    flip_noise,
    incorrect_majority,
    inverted,
    majority_vote,
    random_control,
)
from rewards.shaping.rows import Ints, Rows

NAN = float("nan")
N = 20_000


def _rng(seed: int = 11) -> np.random.Generator:
    return np.random.default_rng(seed)


def _groups(*numbers: int) -> Ints:
    return np.array(numbers, dtype=np.int64)


def _same(rows: Rows, expected: list[float]) -> None:
    np.testing.assert_allclose(rows.values, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("noise", "deviation"),
    # U(-a, a) has the variance a^2 / 3.
    [("gaussian", 0.2), ("uniform", 0.2 / math.sqrt(3))],
)
def test_dithering_is_unbiased_and_of_the_stated_spread(noise: str, deviation: float) -> None:
    drawn = dither(Rows.scalars(np.ones(N)), _rng(), noise, 0.2).values - 1
    # Five standard errors of a mean and of a deviation.
    assert abs(drawn.mean()) < 5 * deviation / math.sqrt(N)
    assert abs(drawn.std() - deviation) < 5 * deviation / math.sqrt(N)
    assert (np.abs(drawn) <= 0.2).all() == (noise == "uniform")


def test_dithering_makes_equal_rewards_differ_and_leaves_unscored_ones_so() -> None:
    dithered = dither(Rows.ragged("token", [[1.0, 1.0, NAN], [1.0]]), _rng()).values
    assert len(set(dithered[[0, 1, 3]])) == 3
    assert np.isnan(dithered[2])


def test_a_missing_score_does_not_change_the_noise_of_the_others() -> None:
    whole, gap = Rows.scalars([1, 1, 1]), Rows.scalars([1, NAN, 1])
    for noise in ("gaussian", "uniform"):
        one, other = (dither(rewards, _rng(), noise).values for rewards in (whole, gap))
        assert one[[0, 2]].tolist() == other[[0, 2]].tolist()


def test_no_spread_is_no_noise_and_less_is_refused() -> None:
    _same(dither(Rows.scalars([1, NAN]), _rng(), "gaussian", 0.0), [1, NAN])
    with pytest.raises(ValueError, match="spread -1: expected at least 0"):
        dither(Rows.scalars([1]), _rng(), "gaussian", -1.0)


def test_flips_for_a_whole_task_turn_all_its_outputs_or_none() -> None:
    groups = np.repeat(np.arange(N // 4), 4)
    scores = Rows.scalars(np.tile([1.0, 0.0, 0.25, 1.0], N // 4))
    turned = (flip_noise(scores, groups, _rng(), "group", 0.4).values != scores.values).reshape(-1, 4)
    assert (turned.all(axis=1) | ~turned.any(axis=1)).all()
    # Five standard errors of a share.
    assert abs(turned[:, 0].mean() - 0.4) < 5 * math.sqrt(0.4 * 0.6 / (N / 4))


def test_flips_for_each_output_differ_within_a_task() -> None:
    scores, groups = Rows.scalars(np.ones(N)), np.zeros(N, dtype=np.int64)
    flipped = flip_noise(scores, groups, _rng(), "output", 0.4).values
    assert set(flipped) == {0.0, 1.0}
    assert abs((flipped == 0).mean() - 0.4) < 5 * math.sqrt(0.4 * 0.6 / N)


@pytest.mark.parametrize("unit", ["group", "output"])
def test_a_rate_of_one_is_the_inverse_and_of_zero_the_reward(unit: str) -> None:
    scores, groups = Rows.scalars([1, 0, 0.25, NAN]), _groups(0, 0, 2, 2)
    _same(flip_noise(scores, groups, _rng(), unit, 0.0), [1, 0, 0.25, NAN])
    _same(flip_noise(scores, groups, _rng(), unit, 1.0), [0, 1, 0.75, NAN])
    # On a scale from -1 to 1: -1 + 1 - x.
    _same(flip_noise(scores, groups, _rng(), unit, 1.0, -1.0, 1.0), [-1, 0, -0.25, NAN])


def test_each_class_has_its_own_rate_of_errors() -> None:
    scores = Rows.scalars([1, 0.5, 0.4, 0, NAN])
    _same(class_conditional_noise(scores, _rng(), 1.0, 0.0), [0, 0.5, 0.4, 0, NAN])
    _same(class_conditional_noise(scores, _rng(), 0.0, 1.0), [1, 0.5, 0.6, 1, NAN])
    half = np.tile([1.0, 0.0], N // 2)
    flipped = class_conditional_noise(Rows.scalars(half), _rng(), 0.3, 0.1).values != half
    assert abs(flipped[::2].mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / (N / 2))
    assert abs(flipped[1::2].mean() - 0.1) < 5 * math.sqrt(0.1 * 0.9 / (N / 2))


def test_a_random_reward_covers_the_same_outputs_and_knows_nothing_of_them() -> None:
    right, wrong = Rows.scalars([1, NAN] * (N // 2)), Rows.scalars([0, NAN] * (N // 2))
    drawn = random_control(right, _rng(), 0.3)
    assert set(drawn.values[::2]) == {0.0, 1.0}
    assert np.isnan(drawn.values[1::2]).all()
    np.testing.assert_array_equal(random_control(wrong, _rng(), 0.3).values, drawn.values)
    assert abs(drawn.values[::2].mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / (N / 2))


def test_a_rate_that_is_no_probability_is_refused() -> None:
    one, groups = Rows.scalars([1]), _groups(0)
    for draw in (
        lambda rate: random_control(one, _rng(), rate),
        lambda rate: flip_noise(one, groups, _rng(), "group", rate),
        lambda rate: class_conditional_noise(one, _rng(), rate, 0.0),
        lambda rate: class_conditional_noise(one, _rng(), 0.0, rate),
    ):
        with pytest.raises(ValueError, match="expected 0 to 1"):
            draw(1.5)


@given(st.lists(st.floats(-10, 10, width=16), min_size=1), st.integers(-5, 0), st.integers(1, 5))
def test_inverting_twice_gives_the_reward_and_once_its_order_turned_round(
    values: list[float], low: int, high: int
) -> None:
    given = Rows.scalars(sorted(values))
    once = inverted(given, low, high)
    assert (np.diff(once.values) <= 0).all()
    np.testing.assert_allclose(inverted(once, low, high).values, given.values, atol=1e-9)


def test_the_most_frequent_answer_of_each_task_is_right() -> None:
    # Task 0: 42 twice, 7 once; task 1: 7 twice, 42 once; task 2: one answer; task 3: none.
    answers = Rows.scalars([42, 7, 42, 7, 7, 42, 5, NAN])
    _same(majority_vote(answers, _groups(0, 0, 0, 1, 1, 1, 2, 3)), [1, 0, 1, 1, 1, 0, 1, NAN])


def test_answers_that_tie_are_no_majority_unless_each_shall_count() -> None:
    answers, groups = Rows.scalars([1, 2, 3, 3, 1, 9]), _groups(0, 0, 0, 0, 0, 1)
    # 1 and 3 twice each: the answer met first would win by the order of outputs alone.
    _same(majority_vote(answers, groups), [NAN] * 5 + [1])
    _same(majority_vote(answers, groups, "all"), [1, 0, 1, 1, 1, 1])


def test_an_output_without_an_answer_does_not_vote() -> None:
    # Two outputs without an answer are not a majority for no answer.
    _same(majority_vote(Rows.scalars([NAN, NAN, 4]), _groups(0, 0, 0)), [NAN, NAN, 1])


def test_the_most_frequent_wrong_answer_is_rewarded_and_right_ones_are_not() -> None:
    # Right: 42. Wrong: 7 twice, 9 once. Task 1 has no wrong answer, so no such label.
    answers = Rows.scalars([42, 42, 42, 7, 7, 9, 42])
    outcomes = Rows.scalars([1, 1, 1, 0, 0, 0, 1])
    _same(incorrect_majority(answers, outcomes, _groups(0, 0, 0, 0, 0, 0, 1)), [0, 0, 0, 1, 1, 0, NAN])


def test_wrong_answers_that_tie_count_each_or_leave_the_task_unscored() -> None:
    answers, outcomes, groups = Rows.scalars([42, 7, 9]), Rows.scalars([1, 0, 0]), _groups(0, 0, 0)
    _same(incorrect_majority(answers, outcomes, groups), [0, 1, 1])
    _same(incorrect_majority(answers, outcomes, groups, ties="unscored"), [NAN, NAN, NAN])


def test_an_output_without_an_outcome_does_not_vote_and_is_rewarded_by_its_answer() -> None:
    # 9 is wrong once; 7 has no known outcome.
    answers, outcomes = Rows.scalars([9, 7, 7, 9]), Rows.scalars([0, NAN, NAN, NAN])
    _same(incorrect_majority(answers, outcomes, _groups(0, 0, 0, 0)), [1, 0, 0, 1])


def test_votes_need_a_group_for_each_output() -> None:
    with pytest.raises(ValueError, match="1 groups for 2 outputs"):
        majority_vote(Rows.scalars([1, 2]), _groups(0))
    with pytest.raises(ValueError, match="1 groups for 2 outputs"):
        flip_noise(Rows.scalars([1, 2]), _groups(0), _rng())


def test_where_the_reward_says_zero_the_other_one_is_paid() -> None:
    rewards, pattern = Rows.scalars([1, 0, 0, NAN, 1]), Rows.scalars([0.2, 0.7, NAN, 0.4, NAN])
    _same(calibrated(rewards, pattern), [1, 0.7, NAN, NAN, 1])
    _same(calibrated(rewards, pattern, threshold=1.0), [0.2, 0.7, NAN, NAN, NAN])
