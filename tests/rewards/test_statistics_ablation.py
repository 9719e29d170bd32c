"""The ablation of a judge's setting, by hand."""

import numpy as np
import pytest

from rewards.statistics.ablation import ablate
from rewards.statistics.preferences import Preference

PAIRS = [Preference(task, f"good{task}", f"bad{task}") for task in range(4)]


def scores(*margins):
    """Good outputs score the margin, bad ones 0; None: the good one is unscored."""
    found = {f"bad{task}": 0.0 for task in range(4)}
    return found | {f"good{task}": float(margin) for task, margin in enumerate(margins) if margin is not None}


def test_each_value_has_its_accuracy_and_its_gain_over_the_first():
    # k = 0: right, wrong, wrong, equal: credits 1, 0, 0, 1/2, accuracy 3/8.
    # k = 3: right, right, wrong, right: credits 1, 1, 0, 1, accuracy 3/4; differences 0, 1, 0, 1/2, mean 3/8.
    none, three = ablate({0: scores(1, -1, -1, 0), 3: scores(2, 1, -1, 1)}, PAIRS)
    assert (none.setting, three.setting) == (0, 3)
    assert none.accuracy.value == pytest.approx(3 / 8)
    assert three.accuracy.value == pytest.approx(3 / 4)
    assert none.gain.value == 0
    assert (none.gain.low, none.gain.high) == (0, 0)
    assert three.gain.value == pytest.approx(3 / 8)
    assert three.gain.low <= 3 / 8 <= three.gain.high
    assert three.gain.n == 4


def test_a_gain_is_over_the_pairs_that_both_values_score():
    # Unscored under the second value in the first task: differences 1, 0, 1/2 over the other three.
    _, three = ablate({0: scores(1, -1, -1, 0), 3: scores(None, 1, -1, 1)}, PAIRS)
    assert (three.accuracy.n, three.accuracy.n_total) == (3, 4)
    assert three.gain.n == 3
    assert three.gain.value == pytest.approx(0.5)


def test_a_value_that_scores_nothing_has_no_accuracy_and_no_gain():
    _, nothing = ablate({0: scores(1, 1, 1, 1), 3: {}}, PAIRS)
    assert np.isnan(nothing.accuracy.value)
    assert np.isnan(nothing.gain.value)
    assert nothing.gain.n == 0


def test_a_constant_gain_is_certain_though_the_accuracies_are_not():
    # The second is right wherever the first is equal, so that every pair gains a half.
    _, better = ablate({0: scores(0, 0, 0, 0), 6: scores(1, 1, 1, 1)}, PAIRS)
    assert (better.gain.value, better.gain.low, better.gain.high) == (0.5, 0.5, 0.5)
