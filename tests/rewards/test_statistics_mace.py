"""MACE: the model's equation by hand and by enumeration, and simulated truth found again."""

from itertools import product

import numpy as np
import pytest
from scipy.special import digamma

from rewards.statistics.mace import expect, mace


def test_posteriors_and_expected_counts_by_hand():
    # Two raters who know half of the time and else guess one of two classes evenly. Unit 0: both say 0, so
    # P(T = 0) : P(T = 1) = (1/2 + 1/4)^2 : (1/4)^2 = 9 : 1. Unit 1: they differ, 1 : 1.
    # Rater 0 knew unit 0 with 0.9 * (1/2) / (3/4) = 0.6, and unit 1 with 0.5 * 2/3 = 1/3.
    unit, rater, value = (np.array(column) for column in ([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1]))
    found = expect(unit, rater, value, np.array([0.5, 0.5]), np.full((2, 2), 0.5))
    assert found.posterior == pytest.approx(np.array([[0.9, 0.1], [0.5, 0.5]]))
    assert found.knew == pytest.approx([0.6 + 1 / 3] * 2)
    assert found.guessed == pytest.approx(np.array([[0.4 + 2 / 3, 0.0], [0.4, 2 / 3]]))
    # 1/2 (9/16 + 1/16) and 1/2 (2 * 3/16).
    assert found.log_likelihood == pytest.approx(np.log(5 / 16) + np.log(3 / 16))


def test_the_likelihood_is_the_sum_over_every_truth_and_every_guess():
    generator = np.random.default_rng(3)
    knows, guesses = generator.uniform(0.1, 0.9, 3), generator.dirichlet(np.ones(3), 3)
    value = np.array([2, 0, 2])
    whole = sum(
        np.prod(
            [
                (1 - knows[j]) * guesses[j, value[j]] if spams else knows[j] * (value[j] == true)
                for j, spams in enumerate(how)
            ]
        )
        / 3
        for true in range(3)
        for how in product([False, True], repeat=3)
    )
    found = expect(np.zeros(3, dtype=int), np.arange(3), value, knows, guesses)
    assert found.log_likelihood == pytest.approx(np.log(whole))


def simulated(competence, n_units=400, n_classes=4, seed=5):
    generator = np.random.default_rng(seed)
    truth = generator.integers(n_classes, size=n_units)
    rows = [
        (
            unit,
            rater,
            int(truth[unit])
            if generator.random() < knows
            else int(generator.choice(n_classes, p=[0.7, 0.1, 0.1, 0.1])),
        )
        for unit in range(n_units)
        for rater, knows in enumerate(competence)
    ]
    return truth, rows


def test_who_knows_how_often_is_found_again_and_a_spammer_outvoted():
    competence = [0.9, 0.7, 0.5, 0.0, 0.0]
    truth, rows = simulated(competence)
    found = mace(*zip(*rows, strict=True), restarts=4)
    # 400 units: the standard error of a share is at most 0.025, and truths are not seen.
    assert found.competence == pytest.approx(competence, abs=0.08)
    assert (found.low < found.competence).all()
    assert (found.high > found.competence).all()
    right = np.mean([found.answers()[unit] == true for unit, true in enumerate(truth)])
    votes = [
        np.bincount([value for unit, _, value in rows[5 * at : 5 * at + 5]], minlength=4).argmax()
        for at in range(len(truth))
    ]
    assert right > 0.9 > np.mean(votes == truth)


def test_the_estimates_are_where_the_updates_stand_still():
    _, rows = simulated([0.8, 0.6, 0.3], n_units=60)
    found = mace(*zip(*rows, strict=True), restarts=2, tolerance=1e-13)
    unit, rater, value = (np.array(column) for column in zip(*rows, strict=True))
    value = np.array([found.classes.index(given) for given in value.tolist()])
    # competence = (knew + 1/2) / (answers + 1), so the expected count can be read back.
    knew = found.competence * 61 - 0.5
    theta, fails = (np.exp(digamma(count + 0.5) - digamma(61)) for count in (knew, 60 - knew))
    counts = found.guesses * (60 - knew + 40)[:, None]
    guesses = np.exp(digamma(counts) - digamma(counts.sum(axis=1, keepdims=True)))
    again = expect(unit, rater, value, theta, guesses, fails=fails)
    assert again.posterior == pytest.approx(found.posterior, abs=1e-4)
    assert again.knew == pytest.approx(knew, abs=1e-3)


def test_the_names_and_the_order_of_rows_do_not_matter():
    _, rows = simulated([0.9, 0.6, 0.2], n_units=50)
    one = mace(*zip(*rows, strict=True))
    other = mace(
        *zip(*[(f"u{unit}", f"r{rater}", value) for unit, rater, value in reversed(rows)], strict=True), seed=9
    )
    again = dict(zip(other.raters, other.competence, strict=True))
    assert [again[f"r{rater}"] for rater in one.raters] == pytest.approx(list(one.competence), abs=1e-3)


@pytest.mark.parametrize(
    ("columns", "words"),
    [(([1], [1], []), "as many"), (([1], [1], [None]), "no answers"), (([1, 1], [1, 2], [3, 3]), "2 to 100")],
)
def test_what_cannot_be_used_is_refused_in_words(columns, words):
    with pytest.raises(ValueError, match=words):
        mace(*columns)
