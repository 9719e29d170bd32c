"""The confusion of a model's marks and people's, counted by hand."""

import math

import pytest

from rewards.statistics.confusion import confusion

NAN = math.nan


def test_subgoals_by_turns_by_hand():
    # Turns across, sub-goals down. Model right on 2 of its 3 marks; people marked 4, of which one has no prediction.
    found = confusion([[1, 0, 1], [0, 1, NAN]], [[1, 0, 0], [1, 1, 1]])
    assert found[:4] == (2, 1, 1, 1)
    assert (found.n, found.n_unscored) == (5, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.accuracy == pytest.approx(3 / 5)


def test_what_cannot_be_said_is_not_a_number():
    nothing = confusion([0, 0], [0, 0])
    assert nothing.accuracy == 1
    assert math.isnan(nothing.precision)
    assert math.isnan(nothing.recall)
    assert math.isnan(nothing.f1)
    assert math.isnan(confusion([], []).accuracy)


def test_tables_are_of_one_shape_and_hold_0_and_1():
    with pytest.raises(ValueError, match="expected the same"):
        confusion([1], [1, 0])
    with pytest.raises(ValueError, match="predicted holds something else"):
        confusion([0.7], [1])
