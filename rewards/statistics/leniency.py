"""How lenient each annotator is: ratings as ordered levels whose thresholds every annotator shifts."""

from collections.abc import Hashable
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp, ndtri

from rewards.statistics.columns import Column, check_lengths, codes_of, dense_codes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_LEVELS = 30
NODES = 21
"""Of the Gauss-Hermite quadrature over a unit's quality."""

_WIDEST = 8.0
"""Bound of thresholds, shifts and the logarithm of the spread, in logits: what nothing in the ratings limits."""


class Leniency(NamedTuple):
    """Fitted thresholds and shifts, in logits.

    Attributes
    ----------
    levels : list of float
        The K distinct ratings, lowest first.
    raters : list of hashable
    leniency : ndarray, shape (n_raters,)
        How far each rater's thresholds lie below the average rater's: positive rates higher. They sum to 0.
    error : ndarray, shape (n_raters,)
        Standard errors from the observed information.
    low, high : ndarray, shape (n_raters,)
        Wald interval.
    thresholds : ndarray, shape (K - 1,)
        Of the average rater: where a rating at or above level k becomes as likely as not.
    threshold_low, threshold_high : ndarray, shape (K - 1,)
        Wald intervals; the errors of what is fitted in their place, the first threshold and the logarithms of the
        distances, carried over (delta method).
    spread : float
        Standard deviation of the units' quality.
    in_levels : ndarray, shape (n_raters,)
        Expected rating of an average unit by this rater, less the same by the average rater: leniency in the ratings'
        own unit.
    units : list of hashable
    quality : ndarray, shape (n_units,)
        Posterior mean of each unit's quality: its ratings corrected for who gave them.
    n : int
        Ratings that it rests on.
    """

    levels: list[float]
    raters: list[Hashable]
    leniency: Floats
    error: Floats
    low: Floats
    high: Floats
    thresholds: Floats
    threshold_low: Floats
    threshold_high: Floats
    spread: float
    in_levels: Floats
    units: list[Hashable]
    quality: Floats
    n: int


def fit_leniency(units: Column, raters: Column, values: Column, *, confidence: float = 0.95) -> Leniency:
    """Cumulative logit model of ratings with a shift for each rater and a random quality for each unit.

    ``P(y >= k | unit i, rater r) = sigma(s_i - theta_k + b_r)``, ``theta_1 < ... < theta_{K-1}``, ``s_i ~ N(0, tau^2)``
    and ``sum_r b_r = 0``. Marginal likelihood: qualities are integrated out by Gauss-Hermite quadrature, since to
    estimate one of them from every two or three ratings would bias all the rest.

    Parameters
    ----------
    units, raters : sequence, length N
    values : sequence of float, length N
        Ratings; only their order counts. None and NaN are missing.
    confidence : float

    Returns
    -------
    Leniency

    Raises
    ------
    ValueError
        For columns of unequal length, values that are no numbers, fewer than two or more than `MAX_LEVELS` different
        ratings, fewer than two raters, or raters that no unit joins to the others: their shifts cannot be compared.

    References
    ----------
    P. McCullagh (1980), Regression models for ordinal data, JRSS B 42: the cumulative logit. Nested ordered levels of
    feedback: GNOLR (arXiv 2505.20900); here each rater has thresholds of their own, the common ones shifted.
    """
    data = _read(units, raters, values)
    start = np.concatenate([_first_thresholds(data), np.zeros(data.n_raters - 1), [0.0]])
    found = minimize(
        _loss, start, args=(data,), jac=True, method="L-BFGS-B", bounds=[(-_WIDEST, _WIDEST)] * len(start),
        options={"maxiter": 500, "ftol": 1e-11, "gtol": 1e-5},
    )  # fmt: skip
    parameters = _Parameters.of(found.x, data)
    error, threshold_error = _errors(found.x, data)
    z = float(ndtri((1 + confidence) / 2))
    levels = np.array(data.levels)
    return Leniency(
        data.levels,
        data.rater_names,
        parameters.shift,
        error,
        parameters.shift - z * error,
        parameters.shift + z * error,
        parameters.threshold,
        parameters.threshold - z * threshold_error,
        parameters.threshold + z * threshold_error,
        parameters.spread,
        _expected_rating(parameters, levels, parameters.shift) - _expected_rating(parameters, levels, np.zeros(1)),
        data.unit_names,
        _posterior_means(parameters, data),
        len(data.level),
    )


class _Data(NamedTuple):
    given: sparse.csr_array
    """How often each unit got each level from each rater, shape (n_units, n_raters * n_levels)."""
    level: Ints
    unit_names: list[Hashable]
    rater_names: list[Hashable]
    levels: list[float]

    @property
    def n_raters(self) -> int:
        return len(self.rater_names)

    @property
    def n_levels(self) -> int:
        return len(self.levels)


def _read(units: Column, raters: Column, values: Column) -> _Data:
    check_lengths(units, raters, values)
    value, distinct = codes_of(values)
    wrong = [given for given in distinct if not isinstance(given, int | float | np.number) or not np.isfinite(given)]
    if wrong:
        raise ValueError(f"rating {wrong[0]!r}: expected finite numbers")
    known = value >= 0
    (unit, unit_names), (rater, rater_names) = (dense_codes(column, known) for column in (units, raters))
    numbers = np.array(distinct, dtype=np.float64)
    levels, place = np.unique(numbers, return_inverse=True)
    if not 2 <= len(levels) <= MAX_LEVELS:
        raise ValueError(f"{len(levels)} different ratings: expected 2 to {MAX_LEVELS}")
    if len(rater_names) < 2:
        raise ValueError(f"{len(rater_names)} raters: leniency is one rater's against others', expected at least 2")
    apart = _unjoined(unit, rater, len(rater_names))
    if apart is not None:
        raise ValueError(f"rater {rater_names[apart]!r} shares no unit, nor by way of others, with {rater_names[0]!r}")
    level = place[value[known]].astype(np.int64)
    cells = (np.ones(len(level)), (unit, rater * len(levels) + level))
    given = sparse.csr_array(cells, shape=(len(unit_names), len(rater_names) * len(levels)))
    return _Data(given, level, unit_names, rater_names, levels.tolist())


def _unjoined(unit: Ints, rater: Ints, n_raters: int) -> int | None:
    """A rater whom no chain of shared units joins to the first, or None."""
    group = np.arange(n_raters)
    while True:
        lowest = np.full(int(unit.max()) + 1, n_raters)
        np.minimum.at(lowest, unit, group[rater])
        new = group.copy()
        np.minimum.at(new, rater, lowest[unit])
        if (new == group).all():
            break
        group = new
    outside = np.flatnonzero(group)
    return int(outside[0]) if len(outside) else None


class _Parameters(NamedTuple):
    threshold: Floats
    shift: Floats
    spread: float

    @classmethod
    def of(cls, free: Floats, data: _Data) -> "_Parameters":
        """From what is free: the first threshold, log distances to the next, shifts by contrast, log spread."""
        n = data.n_levels - 1
        threshold = np.cumsum(np.concatenate([free[:1], np.exp(free[1:n])]))
        return cls(threshold, _contrast(data.n_raters) @ free[n:-1], float(np.exp(free[-1])))


@cache
def _contrast(n: int) -> Floats:
    """Shape (n, n - 1): orthonormal columns that sum to 0, so that no rater is the one that is not free."""
    basis, _ = np.linalg.qr(np.eye(n)[:, 1:] - 1 / n)
    return np.asarray(basis, dtype=np.float64)


def _first_thresholds(data: _Data) -> Floats:
    """From the shares of the levels, as if there were one rater and no spread."""
    counts = np.bincount(data.level, minlength=data.n_levels) + 0.5
    above = 1 - np.cumsum(counts)[:-1] / counts.sum()
    threshold = -np.log(above / (1 - above))
    return np.concatenate([threshold[:1], np.log(np.maximum(np.diff(threshold), 1e-3))])


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Places and log weights of a standard normal."""
    place, weight = np.polynomial.hermite_e.hermegauss(NODES)
    return place, np.log(weight / weight.sum())


def _loss(free: Floats, data: _Data) -> tuple[float, Floats]:
    """Minus the marginal log-likelihood and its slope, by the posterior over nodes."""
    parameters = _Parameters.of(free, data)
    place, _ = _nodes()
    log_level, above, below = _levels(parameters, data, place)
    posterior, total = _posterior(log_level, data)
    # How often each rater gave each level, shared out over the nodes: shape (raters, levels, nodes).
    times = np.asarray(data.given.T @ posterior).reshape(log_level.shape)
    in_below, in_above = (times * slope for slope in _threshold_slopes(log_level, above, below))
    in_threshold = in_below.sum(axis=(0, 2))[1:] + in_above.sum(axis=(0, 2))[:-1]
    in_eta = -(in_below + in_above).sum(axis=1)
    tail = np.cumsum(in_threshold[::-1])[::-1]
    slope = np.concatenate(
        [
            tail[:1],
            tail[1:] * np.exp(free[1 : data.n_levels - 1]),
            _contrast(data.n_raters).T @ in_eta.sum(axis=1),
            [float((in_eta @ place).sum()) * parameters.spread],
        ]
    )
    return -total, -slope


def _levels(parameters: _Parameters, data: _Data, place: Floats) -> tuple[Floats, Floats, Floats]:
    """Log-probability of each level by each rater at each node, and how far its upper and lower threshold lie below.

    Shape (raters, levels, nodes): ratings that share all three are alike, so that the cost of the transcendental
    functions does not grow with their number.
    """
    edges = np.concatenate([[-np.inf], parameters.threshold, [np.inf]])
    eta = parameters.shift[:, None, None] + parameters.spread * place
    below = eta - edges[:-1, None]
    above = eta - edges[1:, None]
    # log(sigma(below) - sigma(above)) = log sigma(below) + log sigma(-above) + log(1 - exp(above - below)).
    return log_expit(below) + log_expit(-above) + np.log1p(-np.exp(above - below)), above, below


def _posterior(log_level: Floats, data: _Data) -> tuple[Floats, float]:
    """Over nodes for each unit, shape (n_units, nodes), and the marginal log-likelihood."""
    joint = np.asarray(data.given @ log_level.reshape(-1, NODES)) + _nodes()[1]
    total = logsumexp(joint, axis=1, keepdims=True)
    return np.exp(joint - total), float(total.sum())


def _threshold_slopes(log_level: Floats, above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """d log P / d threshold below (raising it takes probability away) and above; 0 at the ends of the scale."""
    in_below = -np.exp(log_expit(below) + log_expit(-below) - log_level)
    in_above = np.exp(log_expit(above) + log_expit(-above) - log_level)
    return np.where(np.isfinite(below), in_below, 0.0), np.where(np.isfinite(above), in_above, 0.0)


def _information(free: Floats, data: _Data, step: float = 1e-4) -> Floats:
    """Second derivatives of the loss, by central differences of its slope."""
    rows = []
    for index in range(len(free)):
        moved = np.zeros(len(free))
        moved[index] = step
        rows.append((_loss(free + moved, data)[1] - _loss(free - moved, data)[1]) / (2 * step))
    matrix = np.array(rows)
    return np.asarray((matrix + matrix.T) / 2)


def _errors(free: Floats, data: _Data) -> tuple[Floats, Floats]:
    """Standard errors of the shifts and of the thresholds, from the observed information."""
    covariance = np.linalg.pinv(_information(free, data))
    n = data.n_levels - 1
    contrast = _contrast(data.n_raters)
    # d threshold_k / d free_j: 1 for the first, the distance itself for the logarithm of a distance up to k.
    slope = np.tril(np.ones((n, n))) * np.concatenate([[1.0], np.exp(free[1:n])])
    of_shifts = contrast @ covariance[n:-1, n:-1] @ contrast.T
    of_thresholds = slope @ covariance[:n, :n] @ slope.T
    shift, threshold = (np.sqrt(np.clip(np.diagonal(one), 0.0, None)) for one in (of_shifts, of_thresholds))
    return shift, threshold


def _expected_rating(parameters: _Parameters, levels: Floats, shift: Floats) -> Floats:
    at_least = expit(shift[:, None] - parameters.threshold)
    return np.asarray(levels[0] + at_least @ np.diff(levels))


def _posterior_means(parameters: _Parameters, data: _Data) -> Floats:
    place, _ = _nodes()
    posterior, _ = _posterior(_levels(parameters, data, place)[0], data)
    return np.asarray(posterior @ (parameters.spread * place))
