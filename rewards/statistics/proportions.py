"""Intervals for a proportion: Wilson's, and a bootstrap over clusters for judgments that are not independent."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

from rewards.statistics.columns import Column, codes_of

# Replicates drawn at a time, so that memory does not grow with their number.
_BLOCK_CELLS = 4_000_000


def percentile_interval(
    drawn: npt.NDArray[np.float64], confidence: float, *, n_drawn: int | None = None
) -> tuple[float, float]:
    """The central interval of bootstrap replicates; NaN replicates are left out, and give NaN where none is left.

    Parameters
    ----------
    drawn : ndarray
    confidence : float
    n_drawn : int, optional
        How many units or clusters each replicate draws. Few of them vary less than what they were drawn from, by
        ``(n - 1) / n``, and their spread is itself estimated: the percentiles are taken so much further out,
        ``Phi(-+ t_{n-1} sqrt(n / (n - 1)))``.

    References
    ----------
    The expanded percentile interval: T. C. Hesterberg (2015), What teachers should know about the bootstrap, The
    American Statistician 69, section 5.3.
    """
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    outside = (1 - confidence) / 2
    if n_drawn is not None and n_drawn > 1:
        outside = float(ndtr(stdtrit(n_drawn - 1, outside) * np.sqrt(n_drawn / (n_drawn - 1))))
    low, high = np.quantile(known, [outside, 1 - outside])
    return float(low), float(high)


class Proportion(NamedTuple):
    """A share with its interval: ``value = successes / n``; all NaN where n is 0."""

    value: float
    low: float
    high: float
    successes: int
    n: int


def wilson(successes: int, n: int, confidence: float = 0.95) -> Proportion:
    """Wilson's score interval: right for few trials and for shares near 0 and 1, where the usual one is not.

    ``(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)``, z the normal quantile of ``(1 + confidence) / 2``.

    Raises
    ------
    ValueError
        Unless ``0 <= successes <= n`` and ``0 < confidence < 1``.

    References
    ----------
    E. B. Wilson (1927), Journal of the American Statistical Association 22.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n}: expected 0 <= successes <= n")
    z = normal_quantile(confidence)
    if n == 0:
        return Proportion(float("nan"), float("nan"), float("nan"), 0, 0)
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    scale = 1 + z * z / n
    # At the ends the interval reaches 0 or 1 exactly; rounding must not push it past the share itself.
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == n else (centre + half) / scale
    return Proportion(share, low, high, successes, n)


def cluster_bootstrap(
    successes: Sequence[bool] | npt.NDArray[np.bool_],
    clusters: Column,
    *,
    replicates: int = 2_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Proportion:
    """A share with the percentile interval of a bootstrap that draws whole clusters with replacement.

    Judgments of one task resemble each other, so that an interval over judgments is too narrow: draw tasks instead.

    Parameters
    ----------
    successes : sequence of bool, length n
    clusters : sequence of hashable, length n
        The task, or whatever the judgment came with.
    replicates : int
    confidence : float
    seed : int

    Returns
    -------
    Proportion
        The interval is NaN with fewer than two clusters: one cluster says nothing about others.

    Raises
    ------
    ValueError
        For columns of unequal length, or a confidence outside (0, 1).
    """
    hits = np.asarray(successes, dtype=bool)
    share = cluster_bootstrap_mean(
        hits.astype(np.float64), clusters, replicates=replicates, confidence=confidence, seed=seed
    )
    return Proportion(share.value, share.low, share.high, int(np.count_nonzero(hits)), len(hits))


class Estimate(NamedTuple):
    """A mean over n values with its interval; all NaN where n is 0."""

    value: float
    low: float
    high: float
    n: int


def cluster_bootstrap_mean(
    values: npt.ArrayLike,
    clusters: Column,
    *,
    replicates: int = 2_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """A mean with the percentile interval of a bootstrap that draws whole clusters with replacement.

    Parameters
    ----------
    values : array_like of float, shape (n,)
    clusters : sequence of hashable, length n
    replicates, confidence, seed
        As in `cluster_bootstrap`, and so are the errors.
    """
    given = np.asarray(values, dtype=np.float64)
    if len(given) != len(clusters):
        raise ValueError(f"{len(given)} outcomes of {len(clusters)} clusters: expected a cluster for each outcome")
    normal_quantile(confidence)
    code = codes_of(clusters)[0]
    code = np.where(code < 0, code.max(initial=-1) + 1, code)
    total = np.bincount(code)
    summed = np.bincount(code, given)
    low = high = float("nan")
    if len(total) > 1 and replicates > 0:
        generator = np.random.default_rng(seed)
        block = max(1, _BLOCK_CELLS // len(total))
        drawn = []
        for start in range(0, replicates, block):
            picks = generator.integers(len(total), size=(min(block, replicates - start), len(total)))
            drawn.append(summed[picks].sum(axis=1) / total[picks].sum(axis=1))
        low, high = percentile_interval(np.concatenate(drawn), confidence, n_drawn=len(total))
    return Estimate(float(given.mean()) if len(given) else float("nan"), low, high, len(given))


def normal_quantile(confidence: float) -> float:
    """Half the width of a central interval in standard errors; ValueError unless ``0 < confidence < 1``."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a number between 0 and 1")
    return float(ndtri((1 + confidence) / 2))
