"""What is true, and who errs how, from the answers of several raters alone: the model of Dawid and Skene."""

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.special import betaln

from rewards.statistics.columns import Answers, Column, read_answers
from rewards.statistics.gibbs import BURN_IN, RaterDraws, drawn_classes, drawn_shares

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_CLASSES = 100
WRONG_PRIOR = 0.5
"""Wrong answers that a class has before any, at each other class: Jeffreys' prior of how they fall. Much less lets
confusions that nobody made explain answers away, and the best rater comes out worse than is true."""

SHARES = np.sin((np.arange(24) + 0.5) / 24 * np.pi / 2) ** 2
"""Of right answers that a rater may have over all classes: equally likely ones are Jeffreys' prior, Beta(1/2, 1/2)."""
PRECISIONS = np.array([5.0, 15.0, 50.0, 200.0])
"""How alike a rater's classes may be in it, as answers that one class lends another."""

_LEAST = 1e-300


class DawidSkene(NamedTuple):
    """Estimates of the model.

    Attributes
    ----------
    classes : list of hashable, length K
        The distinct answers, which are also the true classes, in the order in which they first occur.
    units, raters : list of hashable
    posterior : ndarray, shape (n_units, K)
        Probability of each true class.
    prevalence : ndarray, shape (K,)
        Share of each true class.
    confusion : ndarray, shape (n_raters, K true, K given)
        How each rater answers units of each true class; a row of NaN where the rater saw none of that class.
    accuracy : ndarray, shape (n_raters,)
        ``sum_k prevalence_k confusion_kk`` over the classes that the rater saw.
    log_likelihood : float
    n_iterations : int
    converged : bool
    """

    classes: list[Hashable]
    units: list[Hashable]
    raters: list[Hashable]
    posterior: Floats
    prevalence: Floats
    confusion: Floats
    accuracy: Floats
    log_likelihood: float
    n_iterations: int
    converged: bool

    def answers(self) -> dict[Hashable, Hashable]:
        """The most probable class of each unit; of equal ones the first."""
        return {unit: self.classes[place] for unit, place in zip(self.units, self.posterior.argmax(1), strict=True)}


def dawid_skene(
    units: Column,
    raters: Column,
    values: Column,
    *,
    smoothing: float = 0.0,
    max_iterations: int = 1_000,
    tolerance: float = 1e-8,
) -> DawidSkene:
    """Maximum likelihood by EM of true classes, their prevalence and each rater's confusion matrix.

    E (eq. 2.5): ``P(true = j) ~ p_j prod_k prod_l pi_k(j, l)^n_k(l)``; M (eqs. 2.3 and 2.4): ``pi_k(j, l)`` and ``p_j``
    are weighted counts. It starts from each unit's shares of answers (eq. 3.1).

    Parameters
    ----------
    units, raters, values : sequence, length N
        A row for each answer; None or NaN is missing. A rater may answer a unit more than once.
    smoothing : float
        Added to each cell of the counts behind the confusion matrices: with few answers a rater's zero is a guess.
    max_iterations : int
    tolerance : float
        It stops when the log-likelihood gains less than this, per answer.

    Returns
    -------
    DawidSkene

    Raises
    ------
    ValueError
        For columns of unequal length, no answer at all, more than `MAX_CLASSES` different ones, or negative smoothing.

    References
    ----------
    A. P. Dawid and A. M. Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm,
    Applied Statistics 28. Their data are a test here.
    """
    if smoothing < 0:
        raise ValueError(f"smoothing {smoothing}: expected at least 0")
    answers = read_answers(units, raters, values, most=MAX_CLASSES)
    climbed = _climb(answers, smoothing, max_iterations, tolerance)
    prevalence, confusion = _maximise(climbed.posterior, answers, smoothing)
    return DawidSkene(
        answers.classes,
        answers.units,
        answers.raters,
        climbed.posterior,
        prevalence,
        confusion,
        _accuracy(prevalence, confusion),
        climbed.log_likelihood,
        n_iterations=climbed.n_iterations,
        converged=climbed.converged,
    )


class _Climbed(NamedTuple):
    posterior: Floats
    log_likelihood: float
    n_iterations: int
    converged: bool


def _climb(answers: Answers, smoothing: float, max_iterations: int, tolerance: float) -> _Climbed:
    """From the shares of answers on, until the likelihood stands still."""
    n_units, _, n_classes = answers.shape
    posterior = np.zeros((n_units, n_classes))
    np.add.at(posterior, (answers.unit, answers.value), 1.0)
    posterior /= posterior.sum(axis=1, keepdims=True)
    likelihood, before, converged, n_iterations = -np.inf, -np.inf, False, 0
    while not converged and n_iterations < max_iterations:
        n_iterations += 1
        posterior, likelihood = _expect(*_maximise(posterior, answers, smoothing), answers)
        converged = likelihood - before < tolerance * len(answers.value)
        before = likelihood
    return _Climbed(posterior, likelihood, n_iterations, converged)


def _maximise(posterior: Floats, answers: Answers, smoothing: float) -> tuple[Floats, Floats]:
    _, n_raters, n_classes = answers.shape
    counts = np.zeros((n_raters * n_classes, n_classes))
    cell = answers.rater * n_classes + answers.value
    for true in range(n_classes):
        counts[:, true] = np.bincount(cell, posterior[answers.unit, true], minlength=len(counts))
    by_true = counts.reshape(n_raters, n_classes, n_classes).transpose(0, 2, 1) + smoothing
    total = by_true.sum(axis=2, keepdims=True)
    with np.errstate(invalid="ignore"):
        confusion = np.where(total > 0, by_true / total, np.nan)
    return posterior.mean(axis=0), confusion


def _expect(prevalence: Floats, confusion: Floats, answers: Answers) -> tuple[Floats, float]:
    with np.errstate(divide="ignore"):
        # A class that a rater never met says nothing about that rater's answers.
        log_confusion = np.log(np.where(np.isnan(confusion), 1.0, confusion))
        log_joint = np.tile(np.log(prevalence), (len(answers.units), 1))
    for true in range(len(prevalence)):
        of_answers = log_confusion[answers.rater, true, answers.value]
        log_joint[:, true] += np.bincount(answers.unit, of_answers, minlength=len(log_joint))
    top = log_joint.max(axis=1, keepdims=True)
    shares = np.exp(log_joint - top)
    total = shares.sum(axis=1, keepdims=True)
    return shares / total, float((top + np.log(total)).sum())


def _accuracy(prevalence: Floats, confusion: Floats) -> Floats:
    right = np.diagonal(confusion, axis1=1, axis2=2)
    weight = np.where(np.isnan(right), 0.0, prevalence)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(total > 0, np.nansum(weight * right, axis=1) / total, np.nan))


def accuracy_draws(
    units: Column,
    raters: Column,
    values: Column,
    *,
    draws: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> RaterDraws:
    """Posterior of each rater's accuracy ``sum_k p_k pi_kk`` under the model of Dawid and Skene.

    Priors: ``p ~ Dirichlet(1, ..., 1)``; a rater is right about class k with ``pi_kk ~ Beta(s a, s (1 - a))``, where
    the rater's own a and s are any of `SHARES` and `PRECISIONS` alike, and wrong answers fall on the other classes by a
    Dirichlet with `WRONG_PRIOR` at each. A prior on each row by itself would be counted K times: with five classes it
    pulls the best rater so far down that the interval misses one time in seven. The answers cannot tell one naming of
    the true classes from another: of all namings each draw takes the one under which most answers are right.

    Parameters
    ----------
    units, raters, values : sequence, length N
        As `dawid_skene` takes them, with the same errors; the chain starts from its estimates.
    draws : int
    confidence, seed
        Of the intervals and of the chain.

    Returns
    -------
    RaterDraws

    References
    ----------
    The model as a Bayesian one, and raters' rows of one kind: B. Carpenter (2008), Multilevel Bayesian models of
    categorical data annotation; S. Paun et al. (2018), Comparing Bayesian models of annotation, TACL 6.
    Namings of classes that the likelihood cannot tell apart: M. Stephens (2000), JRSS B 62.
    """
    answers = read_answers(units, raters, values, most=MAX_CLASSES)
    posterior = dawid_skene(units, raters, values, smoothing=WRONG_PRIOR / len(answers.classes)).posterior
    generator = np.random.default_rng(seed)
    found = np.empty((draws, len(answers.raters)))
    for index in range(-BURN_IN, draws):
        truth = _named(drawn_classes(posterior, generator), answers)
        prevalence, confusion = _drawn_parameters(truth, answers, generator)
        if index >= 0:
            found[index] = np.diagonal(confusion, axis1=1, axis2=2) @ prevalence
        posterior, _ = _expect(prevalence, confusion, answers)
    return RaterDraws.of(answers.raters, found, confidence)


def _named(truth: Ints, answers: Answers) -> Ints:
    """The true classes, renamed so that as many answers as possible are right."""
    n_classes = len(answers.classes)
    cell = truth[answers.unit] * n_classes + answers.value
    together = np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)
    _, names = linear_sum_assignment(together, maximize=True)
    return np.asarray(names[truth], dtype=np.int64)


def _drawn_parameters(truth: Ints, answers: Answers, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Prevalence and confusion matrices, given who is what."""
    _, n_raters, n_classes = answers.shape
    prevalence = drawn_shares(np.bincount(truth, minlength=n_classes) + 1.0, generator)
    if n_classes == 1:
        return prevalence, np.ones((n_raters, 1, 1))
    cell = (answers.rater * n_classes + truth[answers.unit]) * n_classes + answers.value
    counts = np.bincount(cell, minlength=n_raters * n_classes**2).reshape(n_raters, n_classes, n_classes)
    is_right = np.eye(n_classes, dtype=bool)
    right = _drawn_right(counts[:, is_right], counts.sum(axis=2), generator)
    wrong = counts[:, ~is_right].reshape(n_raters, n_classes, n_classes - 1)
    shares = drawn_shares(wrong + WRONG_PRIOR, generator) * (1 - right)[..., None]
    confusion = np.empty(counts.shape)
    confusion[:, is_right] = right
    confusion[:, ~is_right] = shares.reshape(n_raters, -1)
    return prevalence, np.maximum(confusion, _LEAST)


def _drawn_right(right: Ints, seen: Ints, generator: np.random.Generator) -> Floats:
    """The diagonals of the confusion matrices, shape (n_raters, K), from how often each was right about each class.

    First each rater's a and s, of which the answers give the probability with the diagonal summed out (beta-binomial).
    """
    alpha = np.outer(SHARES, PRECISIONS).ravel()
    beta = np.outer(1 - SHARES, PRECISIONS).ravel()
    wrong = seen - right
    fits = betaln(right[..., None] + alpha, wrong[..., None] + beta) - betaln(alpha, beta)
    likelihood = fits.sum(axis=1)
    chosen = drawn_classes(np.exp(likelihood - likelihood.max(axis=1, keepdims=True)), generator)
    return generator.beta(right + alpha[chosen, None], wrong + beta[chosen, None])
