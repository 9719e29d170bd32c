"""Who knows and who guesses, from the answers of several raters alone: the model MACE."""

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, xlogy

from rewards.statistics.columns import Answers, Column, read_answers
from rewards.statistics.gibbs import BURN_IN, RaterDraws, drawn_classes, drawn_shares

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_CLASSES = 100
KNOWING_PRIOR = 0.5
GUESSING_PRIOR = 10.0
"""Parameters of the symmetric priors: Beta over how often a rater knows, Dirichlet over what the rater guesses."""


class Mace(NamedTuple):
    """Estimates of the model.

    Attributes
    ----------
    classes : list of hashable, length K
        The distinct answers, in the order in which they first occur.
    units, raters : list of hashable
    posterior : ndarray, shape (n_units, K)
        Probability of each class being the true one.
    competence : ndarray, shape (n_raters,)
        Mean of the approximate posterior of how often each rater knows the true class, instead of guessing.
    mean, low, high : ndarray, shape (n_raters,)
        Mean and central interval of Gibbs draws from the posterior itself, which know that truths and guesses are not
        known either: the approximate posterior is too narrow to say how sure one is. NaN without draws.
    guesses : ndarray, shape (n_raters, K)
        What each rater answers where guessing.
    entropy : ndarray, shape (n_units,)
        Of the posterior, in nats: how hard each unit is.
    log_likelihood : float
        Of the answers under the parameters of the last expectation, by which the best start is chosen.
    n_iterations : int
        Of that start.
    """

    classes: list[Hashable]
    units: list[Hashable]
    raters: list[Hashable]
    posterior: Floats
    competence: Floats
    mean: Floats
    low: Floats
    high: Floats
    guesses: Floats
    entropy: Floats
    log_likelihood: float
    n_iterations: int

    def answers(self) -> dict[Hashable, Hashable]:
        """The most probable class of each unit; of equal ones the first."""
        return {unit: self.classes[place] for unit, place in zip(self.units, self.posterior.argmax(1), strict=True)}


class Expected(NamedTuple):
    """What one expectation says: posteriors, expected counts and the likelihood."""

    posterior: Floats
    knew: Floats
    guessed: Floats
    log_likelihood: float


def mace(
    units: Column,
    raters: Column,
    values: Column,
    *,
    restarts: int = 10,
    max_iterations: int = 500,
    tolerance: float = 1e-8,
    draws: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Mace:
    """Variational inference of true classes and of each rater's competence.

    Of a unit with true class ``T``, uniform over the K classes, rater j either knows (probability ``theta_j``) and
    answers ``T``, or guesses and answers ``a`` with probability ``xi_j(a)``. Priors, as in the paper's variational
    experiments: ``theta_j ~ Beta(0.5, 0.5)``, ``xi_j ~ Dirichlet(10, ..., 10)``. Mean-field updates replace a count
    ``c`` of a total ``C`` by ``exp(digamma(c + a) - digamma(C + A))``.

    Parameters
    ----------
    units, raters, values : sequence, length N
        A row for each answer; None or NaN is missing.
    restarts : int
        Random starts, of which the one with the highest likelihood counts; the model has several maxima.
    max_iterations : int
    tolerance : float
        A start ends when the log-likelihood changes by less than this, per answer.
    draws : int
        From the posterior, for the intervals; 0 for none.
    confidence : float
        Of the intervals.
    seed : int
        Of the starts and the draws.

    Returns
    -------
    Mace

    Raises
    ------
    ValueError
        For columns of unequal length, no answer at all, fewer than two or more than `MAX_CLASSES` different ones.

    References
    ----------
    D. Hovy, T. Berg-Kirkpatrick, A. Vaswani and E. Hovy (2013), Learning whom to trust with MACE, NAACL-HLT,
    pp. 1120-1130 (ACL Anthology N13-1132); equation 1 is the likelihood.
    """
    if restarts < 1:
        raise ValueError(f"{restarts} restarts: expected at least one")
    answers = read_answers(units, raters, values, least=2, most=MAX_CLASSES)
    generator = np.random.default_rng(seed)
    climbed = [_climb(answers, generator, max_iterations, tolerance) for _ in range(restarts)]
    # Of equal ones the first.
    expected, n_iterations = max(climbed, key=lambda found: found[0].log_likelihood)
    knew, missed = expected.knew + KNOWING_PRIOR, expected.guessed.sum(axis=1) + KNOWING_PRIOR
    competence = knew / (knew + missed)
    guesses = expected.guessed + GUESSING_PRIOR
    guesses /= guesses.sum(axis=1, keepdims=True)
    share = expected.posterior
    return Mace(
        answers.classes,
        answers.units,
        answers.raters,
        share,
        competence,
        *_bounds(answers, competence, guesses, draws, confidence, generator),
        guesses,
        -xlogy(share, share).sum(axis=1),
        expected.log_likelihood,
        n_iterations,
    )


def expect(
    unit: Ints, rater: Ints, value: Ints, knows: Floats, guesses: Floats, *, fails: Floats | None = None
) -> Expected:
    """Posteriors of the true classes and expected counts of knowing and guessing, for given parameters.

    ``P(answers of a unit, T = t) = 1/K prod_j (theta_j [a_j = t] + (1 - theta_j) xi_j(a_j))`` (equation 1).

    Parameters
    ----------
    unit, rater, value : ndarray of int, shape (N,)
        Numbered from 0.
    knows : ndarray, shape (n_raters,)
        ``theta``.
    guesses : ndarray, shape (n_raters, K)
        ``xi``; above 0 for every answer that was given.
    fails : ndarray, shape (n_raters,), optional
        In the place of ``1 - theta``: under variational inference the two do not sum to 1.

    Returns
    -------
    Expected
        `guessed` has shape (n_raters, K): by the answer given.
    """
    n_units, n_classes = int(unit.max()) + 1, guesses.shape[1]
    missed = (1.0 - knows if fails is None else fails)[rater] * guesses[rater, value]
    either = knows[rater] + missed
    log_joint = np.full((n_units, n_classes), -np.log(n_classes))
    log_joint += np.bincount(unit, np.log(missed), minlength=n_units)[:, None]
    known = np.log(either) - np.log(missed)
    log_joint += np.bincount(unit * n_classes + value, known, minlength=log_joint.size).reshape(log_joint.shape)
    top = log_joint.max(axis=1, keepdims=True)
    shares = np.exp(log_joint - top)
    total = shares.sum(axis=1, keepdims=True)
    posterior = shares / total
    knew = posterior[unit, value] * knows[rater] / either
    cell = rater * n_classes + value
    guessed = np.bincount(cell, 1.0 - knew, minlength=guesses.size).astype(np.float64).reshape(guesses.shape)
    return Expected(
        posterior,
        np.bincount(rater, knew, minlength=len(knows)).astype(np.float64),
        guessed,
        float((top + np.log(total)).sum()),
    )


def _climb(
    answers: Answers, generator: np.random.Generator, max_iterations: int, tolerance: float
) -> tuple[Expected, int]:
    """One start: each rater knows so often, drawn at random, and guesses nearly evenly."""
    _, n_raters, n_classes = answers.shape
    knows = generator.uniform(0.5, 1.0, n_raters)
    fails = 1.0 - knows
    guesses = generator.dirichlet(np.full(n_classes, GUESSING_PRIOR), n_raters)
    expected, before = None, -np.inf
    n_iterations = 0
    while expected is None or n_iterations < max_iterations:
        expected = expect(answers.unit, answers.rater, answers.value, knows, guesses, fails=fails)
        n_iterations += 1
        if abs(expected.log_likelihood - before) < tolerance * len(answers.value):
            break
        before = expected.log_likelihood
        counts = np.stack([expected.knew, expected.guessed.sum(axis=1)], axis=1)
        knows, fails = _geometric_means(counts, KNOWING_PRIOR).T
        guesses = _geometric_means(expected.guessed, GUESSING_PRIOR)
    return expected, n_iterations


def _bounds(
    answers: Answers, knows: Floats, guesses: Floats, draws: int, confidence: float, generator: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high of competence, by a chain over truths, who knew, competence and guesses."""
    if not draws:
        nothing = np.full(len(knows), np.nan)
        return nothing, nothing, nothing
    drawn = np.empty((draws, len(knows)))
    for index in range(-BURN_IN, draws):
        posterior = expect(answers.unit, answers.rater, answers.value, knows, guesses).posterior
        truth = drawn_classes(posterior, generator)
        knows, guesses = _drawn_parameters(truth, knows, guesses, answers, generator)
        if index >= 0:
            drawn[index] = knows
    found = RaterDraws.of(answers.raters, drawn, confidence)
    return found.mean, found.low, found.high


def _drawn_parameters(
    truth: Ints, knows: Floats, guesses: Floats, answers: Answers, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Competence and guesses, given who is what, after a draw of who knew it: nobody knows what is wrong."""
    _, n_raters, n_classes = answers.shape
    knowing = knows[answers.rater]
    chance = knowing / (knowing + (1 - knowing) * guesses[answers.rater, answers.value])
    knew = (truth[answers.unit] == answers.value) & (generator.random(len(chance)) < chance)
    by_knowing = np.bincount(2 * answers.rater + ~knew, minlength=2 * n_raters).reshape(-1, 2)
    cell = (answers.rater * n_classes + answers.value)[~knew]
    guessed = np.bincount(cell, minlength=n_raters * n_classes).reshape(-1, n_classes)
    # Just below 1: `expect` takes the logarithm of not knowing.
    theta = np.minimum(drawn_shares(by_knowing + KNOWING_PRIOR, generator)[:, 0], 1 - 1e-12)
    return theta, drawn_shares(guessed + GUESSING_PRIOR, generator)


def _geometric_means(counts: Floats, prior: float) -> Floats:
    """``exp(E[log p])`` of a Dirichlet posterior, by row."""
    with_prior = counts + prior
    return np.asarray(np.exp(digamma(with_prior) - digamma(with_prior.sum(axis=1, keepdims=True))))
