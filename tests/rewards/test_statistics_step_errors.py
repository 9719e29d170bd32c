"""First wrong steps: the two accuracies and their harmonic mean, by hand."""

import math

import pytest

from rewards.statistics.step_errors import StepCase, step_score


def test_accuracies_by_kind_of_output_and_their_harmonic_mean():
    # With an error 1 of 2 right, without one 3 of 4: 2 * 1/2 * 3/4 / (5/4) = 3/5.
    cases = [StepCase(n, True, n == 0) for n in range(2)] + [StepCase(n, False, n > 0) for n in range(4)]
    found = step_score(cases)
    assert (found.erroneous.value, found.erroneous.n) == (0.5, 2)
    assert (found.correct.value, found.correct.n) == (0.75, 4)
    assert found.f1 == pytest.approx(0.6)


def test_who_always_or_never_finds_an_error_gets_nothing():
    always = [StepCase(0, True, True), StepCase(1, False, False)]
    never = [StepCase(0, True, False), StepCase(1, False, True)]
    assert step_score(always).f1 == step_score(never).f1 == 0
    assert step_score([StepCase(0, True, False), StepCase(1, False, False)]).f1 == 0


def test_without_outputs_of_a_kind_there_is_no_f1():
    found = step_score([StepCase(0, True, True)])
    assert found.erroneous.value == 1
    assert math.isnan(found.correct.value)
    assert math.isnan(found.f1)
