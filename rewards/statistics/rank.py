"""Rank correlation between two sets of scores of the same things."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats


class RankCorrelation(NamedTuple):
    """A correlation in [-1, 1] over the ``n`` pairs in which both are scored.

    NaN where it is undefined: fewer than two such pairs, or one side all ties.
    """

    value: float
    n: int


def kendall_tau(first: npt.ArrayLike, second: npt.ArrayLike) -> RankCorrelation:
    """Kendall's tau-b, ``(concordant - discordant) / sqrt((pairs - ties_1)(pairs - ties_2))``.

    Parameters
    ----------
    first, second : array_like of float, shape (n,)
        NaN is unscored: pairs in which either is NaN are left out.

    Returns
    -------
    RankCorrelation

    Raises
    ------
    ValueError
        For arrays that are not of one dimension and the same length.

    References
    ----------
    M. G. Kendall (1945), Biometrika 33.
    """
    one, other = _scored_pairs(first, second)
    if _is_undefined(one, other):
        return RankCorrelation(float("nan"), len(one))
    return RankCorrelation(float(stats.kendalltau(one, other, variant="b").statistic), len(one))


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> RankCorrelation:
    """Spearman's rho: Pearson's correlation of the ranks, ties sharing their mean rank.

    Parameters, return value, errors and the treatment of NaN are those of `kendall_tau`.

    References
    ----------
    C. Spearman (1904), American Journal of Psychology 15.
    """
    one, other = _scored_pairs(first, second)
    if _is_undefined(one, other):
        return RankCorrelation(float("nan"), len(one))
    return RankCorrelation(float(stats.spearmanr(one, other).statistic), len(one))


def _scored_pairs(
    first: npt.ArrayLike, second: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"shapes {one.shape} and {other.shape}: expected two arrays of the same length")
    scored = ~(np.isnan(one) | np.isnan(other))
    return one[scored], other[scored]


def _is_undefined(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    return len(one) < 2 or bool((one == one[0]).all()) or bool((other == other[0]).all())
