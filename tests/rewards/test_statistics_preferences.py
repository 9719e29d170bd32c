"""Accuracy against preferences and position bias, against values counted by hand."""

import math

import numpy as np
import pytest

from rewards.statistics.preferences import Preference, position_bias, preference_accuracy


def test_accuracy_counts_right_half_for_equal_and_leaves_unscored_pairs_out():
    # Right, wrong, equal, and one without a score: (1 + 0 + 1/2) / 3 = 0.5 of 3 pairs, of 4.
    scores = {"a": 2.0, "b": 1.0, "c": 1.0, "d": float("nan")}
    pairs = [
        Preference("t1", "a", "b"),
        Preference("t1", "c", "a"),
        Preference("t2", "b", "c"),
        Preference("t2", "a", "d"),
        Preference("t3", "a", "not there"),
    ]
    found = preference_accuracy(scores, pairs)
    assert found[3:] == (1, 1, 1, 3, 5)
    assert found.value == pytest.approx(0.5)
    assert found.is_chance


def test_a_score_and_its_negative_add_up_to_one():
    generator = np.random.default_rng(1)
    scores = {output: float(generator.integers(5)) for output in range(40)}
    pairs = [Preference(n // 4, n, (n + 1) % 40) for n in range(40)]
    straight = preference_accuracy(scores, pairs)
    turned = preference_accuracy({output: -score for output, score in scores.items()}, pairs)
    assert straight.value + turned.value == pytest.approx(1)
    assert straight.low == pytest.approx(1 - turned.high, abs=1e-12)


def test_a_score_that_is_always_right_has_no_spread_and_is_not_chance():
    pairs = [Preference(task, ("good", task), ("bad", task)) for task in range(10)]
    scores = {output: float(output[0] == "good") for pair in pairs for output in (pair.better, pair.worse)}
    found = preference_accuracy(scores, pairs)
    assert (found.value, found.low, found.high) == (1, 1, 1)
    assert not found.is_chance


def test_without_a_scored_pair_accuracy_is_undefined_and_not_zero():
    found = preference_accuracy({}, [Preference("t", "a", "b")])
    assert math.isnan(found.value)
    assert found.n == 0
    assert found.is_chance


def test_position_bias_by_hand():
    # Two steady pairs (one a tie both times), three that follow the first place, one the second, one tied once.
    answers = [("a", "a"), ("tie", "tie"), ("a", "b"), ("a", "b"), ("a", "b"), ("b", "a"), ("tie", "b")]
    found = position_bias(answers, tasks=list("ttuuvvw"))
    assert found[1:] == (2, 3, 1, 1, 7)
    # Decided answers, a shown first: a a a a b -> first, first, first, first, second; b shown first: a b b b a b ->
    # second, first, first, first, second, first. 8 of 11.
    assert found.first.n == 11
    assert found.first.value == pytest.approx(8 / 11)


def test_a_judge_that_always_names_the_first_is_wholly_biased():
    found = position_bias([("a", "b")] * 6, tasks=list("abcdef"))
    assert (found.first.value, found.first.low, found.flipped_first) == (1, 1, 6)


def test_answers_that_are_none_are_refused():
    with pytest.raises(ValueError, match="expected a, b or tie"):
        position_bias([("a", "c")], tasks=["t"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="a task for each"):
        position_bias([("a", "b")], tasks=[])
