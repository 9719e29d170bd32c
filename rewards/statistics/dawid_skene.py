"""What is true, and who errs how, from the answers of several raters alone: the model of Dawid and Skene."""

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.statistics.columns import Column, codes_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_CLASSES = 100


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
    if not len(units) == len(raters) == len(values):
        raise ValueError(f"{len(units)} units, {len(raters)} raters, {len(values)} values: expected as many of each")
    if smoothing < 0:
        raise ValueError(f"smoothing {smoothing}: expected at least 0")
    value, classes = codes_of(values)
    known = value >= 0
    (unit, unit_names), (rater, rater_names) = (_seen(column, known) for column in (units, raters))
    value = value[known]
    if not len(value):
        raise ValueError("no answers: expected at least one")
    if len(classes) > MAX_CLASSES:
        raise ValueError(f"{len(classes)} different answers: expected at most {MAX_CLASSES}")
    n_classes = len(classes)
    posterior = np.zeros((len(unit_names), n_classes))
    np.add.at(posterior, (unit, value), 1.0)
    posterior /= posterior.sum(axis=1, keepdims=True)
    likelihood, before, converged, n_iterations = -np.inf, -np.inf, False, 0
    while not converged and n_iterations < max_iterations:
        n_iterations += 1
        prevalence, confusion = _maximise(posterior, unit, rater, value, len(rater_names), smoothing)
        posterior, likelihood = _expect(prevalence, confusion, unit, rater, value, len(unit_names))
        converged = likelihood - before < tolerance * len(value)
        before = likelihood
    prevalence, confusion = _maximise(posterior, unit, rater, value, len(rater_names), smoothing)
    return DawidSkene(
        classes,
        unit_names,
        rater_names,
        posterior,
        prevalence,
        confusion,
        _accuracy(prevalence, confusion),
        likelihood,
        n_iterations=n_iterations,
        converged=converged,
    )


def _seen(column: Column, known: npt.NDArray[np.bool_]) -> tuple[Ints, list[Hashable]]:
    """Codes of the rows that are known, numbered without gaps."""
    codes, names = codes_of(column)
    if (codes < 0).any():
        raise ValueError("an answer without a unit or a rater: expected both for every value")
    used, dense = np.unique(codes[known], return_inverse=True)
    return dense.astype(np.int64), [names[code] for code in used]


def _maximise(
    posterior: Floats, unit: Ints, rater: Ints, value: Ints, n_raters: int, smoothing: float
) -> tuple[Floats, Floats]:
    n_classes = posterior.shape[1]
    counts = np.zeros((n_raters * n_classes, n_classes))
    cell = rater * n_classes + value
    for true in range(n_classes):
        counts[:, true] = np.bincount(cell, posterior[unit, true], minlength=len(counts))
    by_true = counts.reshape(n_raters, n_classes, n_classes).transpose(0, 2, 1) + smoothing
    total = by_true.sum(axis=2, keepdims=True)
    with np.errstate(invalid="ignore"):
        confusion = np.where(total > 0, by_true / total, np.nan)
    return posterior.mean(axis=0), confusion


def _expect(
    prevalence: Floats, confusion: Floats, unit: Ints, rater: Ints, value: Ints, n_units: int
) -> tuple[Floats, float]:
    with np.errstate(divide="ignore"):
        # A class that a rater never met says nothing about that rater's answers.
        log_confusion = np.log(np.where(np.isnan(confusion), 1.0, confusion))
        log_joint = np.tile(np.log(prevalence), (n_units, 1))
    for true in range(len(prevalence)):
        np.add.at(log_joint[:, true], unit, log_confusion[rater, true, value])
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
