"""Dividing items between a judge and people: posteriors by hand, and regret against simulated judges."""

import numpy as np
import pytest

from rewards.acquisition.allocation import (
    ALLOCATIONS,
    drawn_losses,
    errors_of,
    expected_losses,
    play_allocations,
    prior,
)


def test_the_expected_loss_is_that_of_the_normal_gamma_posterior():
    # Prior: centre 0, weight 1, shape 1, rate 0.04. Differences 0.2 and 0.4: weight 3, centre 0.2, shape 2, rate
    # 0.04 + (0.02 + 1 * 2 * 0.09 / 3) / 2 = 0.08; E[1 / tau] = 0.08 / 1, and the bias adds a third of it.
    errors = errors_of([0, 0], [0.2, 0.4], 1, scale=0.2)
    assert errors.posterior()[0][0] == pytest.approx(0.2)
    assert expected_losses(errors)[0] == pytest.approx(0.08 * (1 + 1 / 3))


def test_drawn_losses_have_the_expected_loss_as_their_mean_and_nothing_is_expected_of_nothing():
    errors = errors_of([0] * 12, np.linspace(-0.2, 0.4, 12), 2)
    drawn = drawn_losses(errors, np.zeros(200_000, dtype=int), np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(expected_losses(errors)[0], rel=0.02)
    assert expected_losses(errors)[1] == np.inf


def test_a_difference_that_is_missing_or_of_no_stratum_is_refused():
    with pytest.raises(ValueError, match="expected a finite number"):
        errors_of([0], [float("nan")], 1)
    with pytest.raises(ValueError, match="stratum 2: expected 0 to 1"):
        errors_of([2], [0.1], 2)
    with pytest.raises(ValueError, match="expected all above 0"):
        prior(0)


def test_asking_people_alone_costs_their_price_wherever_the_judge_would_have_done():
    # Three strata alike: the judge's noise 0.1 is borne (0.25 may be), so each item for people costs 0.25^2 - 0.1^2.
    [people] = play_allocations(
        [ALLOCATIONS["people"]], [0.0] * 3, [0.1] * 3, tolerance=0.25, horizon=40, repeats=2, points=5
    )
    assert people.regret[-1] == pytest.approx(40 * (0.0625 - 0.01))
    assert people.asked == 40


def test_learning_the_noise_of_each_stratum_beats_what_does_not():
    bias, noise = [0.3, -0.2, 0.0, 0.1], [0.05, 0.1, 0.4, 0.6]
    curves = {
        curve.name: curve.regret[-1]
        for curve in play_allocations(
            list(ALLOCATIONS.values()), bias, noise, tolerance=0.25, horizon=300, repeats=8, points=3
        )
    }
    # By expected error alone is as good here: it asks until a stratum looks good, and these soon look as they are.
    assert curves["variance_adaptive"] < min(curves[name] for name in ("coin", "people", "judge", "equal_variance"))


def test_games_that_make_no_sense_are_refused():
    for bias, noise, tolerance in (([0.0], [0.1, 0.2], 0.2), ([0.0], [-0.1], 0.2), ([0.0], [0.1], 0.0)):
        with pytest.raises(ValueError, match="one of each for every stratum"):
            play_allocations([], bias, noise, tolerance=tolerance)
