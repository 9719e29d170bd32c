"""When work will be done and what it will cost: against hand calculations and simulated campaigns."""

import math

import numpy as np
import pytest

from rewards.statistics.forecast import finish_by_days, finish_evenly, sum_to_come


def test_days_that_are_all_alike_leave_no_doubt():
    # 10 a day: 25 more take two days and half of a third.
    assert finish_by_days(25, [10] * 6)[:3] == (2.5, 2.5, 2.5)


def test_days_without_work_come_again_as_often_as_they_came():
    # 5 of 7 days have 10 answers: 100 more take ten such days, 14 days in all; the last may follow idle ones.
    found = finish_by_days(100, [10, 10, 10, 10, 10, 0, 0])
    assert 12.5 <= found.days <= 14.5
    assert found.low < found.days < found.high


def test_one_answer_that_comes_as_one_did_takes_as_long_in_the_median():
    # n = R = 1: X is the ratio of two exponentials, whose median is 1 and whose 95 % quantile is 19.
    found = finish_evenly(1, 1, 2.0)
    assert found.days == pytest.approx(2.0)
    assert [found.low, found.high] == pytest.approx([2 / 19, 2 * 19])


def test_intervals_cover_the_true_finish_as_often_as_they_say():
    # Answers of a Poisson process with rate 8 a day: seen for 20 answers, forecast for 40 more, 1,000 times.
    rng = np.random.default_rng(5)
    seen, rest = rng.gamma(20, 1 / 8, 1000), rng.gamma(40, 1 / 8, 1000)
    found = [finish_evenly(40, 20, took) for took in seen]
    covered = sum(one.low <= true <= one.high for one, true in zip(found, rest, strict=True))
    # Binomial with p = .9: 3 standard errors are 2.8 points.
    assert 872 <= covered <= 928


def test_what_is_to_come_is_uncertain_by_its_own_spread_and_by_that_of_the_mean():
    # m 2, s 1, n 25, R 100: sqrt(100 + 10000 / 25) = sqrt(500), times 1.6449 for 90 %.
    found = sum_to_come(100, 2.0, 1.0, 25)
    assert found.value == 200
    assert found.high - 200 == pytest.approx(1.6448536 * math.sqrt(500))
    assert math.isnan(sum_to_come(3, 1.0, 0.0, 1).low)


def test_a_pace_of_nothing_is_refused():
    with pytest.raises(ValueError, match="expected some answers"):
        finish_by_days(3, [0, 0])
    with pytest.raises(ValueError, match="expected at least 1"):
        finish_evenly(3, 0, 1.0)
