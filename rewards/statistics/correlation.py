"""Rank correlation with an interval that knows that outputs of one task resemble each other."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from rewards.statistics.columns import Column, codes_of
from rewards.statistics.proportions import percentile_interval


class Correlation(NamedTuple):
    """Spearman's rho over the n pairs in which both are scored, with its interval.

    NaN where it is undefined: fewer than two such pairs, or one side all ties; the interval also with one cluster.
    """

    value: float
    low: float
    high: float
    n: int


def cluster_bootstrap_spearman(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    clusters: Column,
    *,
    replicates: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Correlation:
    """Spearman's rho, with the percentile interval of a bootstrap that draws whole clusters with replacement.

    Ranks are taken once, over all pairs, ties sharing their mean rank; each replicate is Pearson's correlation of the
    drawn pairs' ranks, from the clusters' sums alone.

    Parameters
    ----------
    first, second : array_like of float, shape (n,)
        NaN is unscored: pairs in which either is NaN are left out.
    clusters : sequence of hashable, length n
        The task, or whatever the pair came with.
    replicates, seed : int
    confidence : float

    Raises
    ------
    ValueError
        For columns of unequal length.

    References
    ----------
    C. Spearman (1904), American Journal of Psychology 15; A. C. Davison and D. V. Hinkley (1997), Bootstrap Methods
    and their Application, section 3.8.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or len(clusters) != len(one):
        raise ValueError(f"shapes {one.shape} and {other.shape}, {len(clusters)} clusters: expected the same length")
    scored = ~(np.isnan(one) | np.isnan(other))
    x, y = one[scored], other[scored]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(float("nan"), float("nan"), float("nan"), len(x))
    rank_x, rank_y = (stats.rankdata(values) - (len(x) + 1) / 2 for values in (x, y))
    code = codes_of([clusters[place] for place in np.flatnonzero(scored).tolist()])[0]
    sums = np.stack(
        [np.bincount(code, of) for of in (np.ones(len(x)), rank_x, rank_y, rank_x**2, rank_y**2, rank_x * rank_y)]
    ).astype(np.float64)
    value = float(_pearson(sums.sum(axis=1, keepdims=True))[0])
    if sums.shape[1] < 2:
        return Correlation(value, float("nan"), float("nan"), len(x))
    n_clusters = sums.shape[1]
    drawn = np.random.default_rng(seed).multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=replicates)
    low, high = percentile_interval(_pearson(sums @ drawn.T), confidence, n_drawn=n_clusters)
    return Correlation(value, low, high, len(x))


def _pearson(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From counts, sums, sums of squares and of products: shape (6, k) to (k,); NaN where one side is constant."""
    n, x, y, xx, yy, xy = sums
    spread = (n * xx - x * x) * (n * yy - y * y)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 1e-9, np.clip((n * xy - x * y) / np.sqrt(np.maximum(spread, 0)), -1, 1), np.nan)
