"""What sets a person apart: chances by hand, and honest people alarmed about as seldom as stated."""

import itertools
import math

import numpy as np
import pytest

from rewards.statistics.alarms import (
    drop_in_known,
    favoured_place,
    relative_pace,
    straight_lining,
    tail_of_trials,
)
from rewards.statistics.annotators import LEVEL, MIN_ANSWERS, copying, pace


def test_the_tail_of_unequal_trials_equals_all_outcomes_counted():
    chances = [0.1, 0.5, 0.7, 0.2]
    outcomes = itertools.product([0, 1], repeat=4)
    whole = sum(
        math.prod(chance if hit else 1 - chance for chance, hit in zip(chances, outcome, strict=True))
        for outcome in outcomes
        if sum(outcome) >= 2
    )
    assert tail_of_trials(chances, 2) == pytest.approx(whole)
    assert tail_of_trials([], 0) == 1


def test_pace_is_set_against_the_others_on_the_same_items():
    # ann takes 10, ben 30 and cat 50 seconds on each of 20: ann a quarter of 40, ben as long as 30, cat 50 of 20.
    rows = [(item, who, taken) for item in range(20) for who, taken in (("ann", 10), ("ben", 30), ("cat", 50))]
    found = relative_pace(*zip(*rows, strict=True))
    assert [found[who].ratio for who in ("ann", "ben", "cat")] == pytest.approx([0.25, 1, 2.5])
    assert (found["ann"].fast.successes, found["ann"].fast.n) == (20, 20)
    assert found["ann"].p_value == pytest.approx(0.5**20)
    assert found["ben"].p_value == 1
    # Alone on an item, or without a clock, one is set against nobody.
    assert relative_pace([1, 2, 2], ["x", "x", "y"], [5, 5, 0])["x"].fast.n == 0


def test_one_answer_for_everything_is_held_against_the_others_on_these_items():
    # Items 0 to 9 are plain: everybody gives one answer for everything; on 10 to 19 only ann does.
    seen = {item: {"ann": True, "ben": item < 10, "cat": item < 10} for item in range(20)}
    found = straight_lining(seen)
    # The others gave 20 of 40 so: 10 items with (2 + .5) / 3, 10 with .5 / 3.
    assert (found["ann"].seen, found["ann"].n) == (20, 20)
    assert found["ann"].expected == pytest.approx(10 * 2.5 / 3 + 10 * 0.5 / 3)
    assert found["ann"].p_value == pytest.approx((2.5 / 3) ** 10 * (0.5 / 3) ** 10)
    assert found["ben"].p_value > 0.5


def test_a_place_that_is_picked_whatever_stands_there_is_noticed():
    found = favoured_place([0] * 18 + [1] * 2, [2] * 20)
    # 18 or more of 20 by coin: (190 + 20 + 1) / 2^20, for either of two places.
    assert (found.place, found.excess.seen, found.excess.expected) == (0, 18, 10)
    assert found.excess.p_value == pytest.approx(2 * 211 / 2**20)
    assert favoured_place([0, 1, 2] * 10, [3] * 30).excess.p_value == 1
    assert favoured_place([], []) is None


def test_a_drop_is_fishers_test_of_the_later_half_against_the_earlier():
    found = drop_in_known([True] * 5 + [False] * 4 + [True])
    # 6 right of 10: the later 5 hold at most 1 of them: C(5,1) C(5,5) / C(10,6) (at least 1, the first 5 hold 5).
    assert (found.before.successes, found.after.successes) == (5, 1)
    assert found.p_value == pytest.approx(5 / 210)
    assert drop_in_known([True] * 10).p_value == 1


def test_too_few_answers_raise_no_alarm_however_odd():
    few = MIN_ANSWERS - 1
    assert not pace([1000] * few, [1] * few).is_alarming
    assert pace([1000] * MIN_ANSWERS, [1] * MIN_ANSWERS).is_alarming
    rows = [(item, who, taken) for item in range(few) for who, taken in (("a", 1), ("b", 99))]
    assert math.isnan(relative_pace(*zip(*rows, strict=True))["a"].p_value)
    assert math.isnan(straight_lining({item: {"a": True, "b": False} for item in range(few)})["a"].p_value)
    assert math.isnan(favoured_place([0] * few, [2] * few).excess.p_value)
    assert math.isnan(drop_in_known([True] * 4 + [False] * 5).p_value)


def test_honest_people_are_alarmed_about_as_seldom_as_stated():
    generator = np.random.default_rng(3)
    n = 400
    # The binomial's 99.9 % bound for 400 people at LEVEL = 1 %: 11.
    places = generator.integers(0, 3, (n, 40))
    assert sum(favoured_place(row.tolist(), [3] * 40).excess.p_value < LEVEL for row in places) <= 11
    known = generator.random((n, 20)) < 0.8
    assert sum(drop_in_known(row.tolist()).p_value < LEVEL for row in known) <= 11
    chance = generator.beta(1, 3, 30)
    flagged = 0
    for _ in range(60):
        straight = generator.random((30, 4)) < chance[:, None]
        found = straight_lining({item: dict(enumerate(row.tolist())) for item, row in enumerate(straight)})
        flagged += sum(one.p_value < LEVEL for one in found.values())
    # 240 people: at most 9.
    assert flagged <= 9


def test_copying_says_how_many_of_two_who_err_by_themselves_would_be_alike():
    rows = [(unit, rater, "a") for unit in range(10) for rater in range(4)]
    rows += [(unit, rater, "bcde"[unit % 4]) for unit in range(10) for rater in (4, 5)]
    # b, c, d, e are unusual 6, 6, 4 and 4 times of 20: .09 + .09 + .04 + .04 for each of ten.
    assert copying(*zip(*rows, strict=True))[4, 5].expected == pytest.approx(2.6)
