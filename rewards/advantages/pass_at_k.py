"""What the best of k outputs would be, without bias, from n outputs that there are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from rewards.shaping.rows import Floats, Ints


def pass_at_k(n_outputs: npt.ArrayLike, n_right: npt.ArrayLike, k: npt.ArrayLike) -> Floats:
    """``1 - C(n - c, k) / C(n, k)``: the chance that k of the n outputs hold a right one (arXiv 2107.03374, Eq. 1).

    Parameters
    ----------
    n_outputs, n_right, k : array_like of int
        Broadcast together.

    Returns
    -------
    ndarray of float64
        NaN where there are fewer than k outputs: nothing unbiased can be said of more than were drawn.

    Raises
    ------
    ValueError
        For negative numbers, more right ones than outputs, or k below 1.

    Notes
    -----
    ``1 - (1 - c/n)^k`` is smaller on average: it draws the same output twice.

    Examples
    --------
    Two of four right, two drawn: 1 - C(2, 2)/C(4, 2) = 1 - 1/6.

    >>> pass_at_k(4, 2, [1, 2, 3]).round(6).tolist()
    [0.5, 0.833333, 1.0]
    """
    n, c, draws = np.broadcast_arrays(*(np.asarray(x, dtype=np.int64) for x in (n_outputs, n_right, k)))
    if (c < 0).any() or (c > n).any() or (draws < 1).any():
        raise ValueError("expected 0 <= right ones <= outputs, and k of at least 1")
    return np.where(draws > n, np.nan, 1.0 - np.exp(_log_ratio(n - c, n, draws)))


def _log_ratio(few: Ints, many: Ints, k: Ints) -> Floats:
    """``log(C(few, k) / C(many, k))``: -inf where few < k."""
    possible = few >= k
    a, b = np.where(possible, few, k), np.maximum(many, k)
    log = gammaln(a + 1) - gammaln(a - k + 1) - gammaln(b + 1) + gammaln(b - k + 1)
    # Equal binomials cancel only nearly; none right is a chance of exactly 0.
    return np.where(possible, np.where(few == many, 0.0, np.minimum(log, 0.0)), -np.inf)


def best_of_n(proxy: npt.ArrayLike, gold: npt.ArrayLike, n: npt.ArrayLike) -> Floats:
    """The expected gold score of the output that the proxy likes best among n drawn of the N that there are.

    With the outputs ordered by the proxy, ``sum_i C(i - 1, n - 1) / C(N, n) gold_(i)``: every subset of size n counted
    once (arXiv 2112.09332, App. I; used by arXiv 2210.10760). Outputs that the proxy does not tell apart share their
    gold scores.

    Parameters
    ----------
    proxy, gold : array_like of float, shape (N,)
        Outputs in which either is NaN are left out.
    n : array_like of int
        Any shape.

    Returns
    -------
    ndarray of float64
        Of the shape of `n`; NaN where n exceeds the outputs that are scored.

    Raises
    ------
    ValueError
        For arrays of different lengths, or n below 1.

    Examples
    --------
    Pairs of three outputs: (1, 2), (1, 3), (2, 3) are won by 2, 3, 3: (0 + 9 + 9)/3.

    >>> best_of_n([1, 2, 3], [6, 0, 9], [1, 2, 3]).round(6).tolist()
    [5.0, 6.0, 9.0]
    """
    scores, truth = np.asarray(proxy, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    draws = np.asarray(n, dtype=np.int64)
    if scores.ndim != 1 or scores.shape != truth.shape or (draws < 1).any():
        raise ValueError("expected two arrays of the same length, and n of at least 1")
    both = ~(np.isnan(scores) | np.isnan(truth))
    scores, truth = scores[both], truth[both]
    order = np.argsort(scores, kind="stable")
    truth = _shared(scores[order], truth[order])
    size = len(truth)
    ranks = np.arange(1, size + 1)
    flat = draws.reshape(-1, 1)
    # C(i - 1, n - 1) / C(N, n) = n / N * C(i - 1, n - 1) / C(N - 1, n - 1)
    chance = np.exp(_log_ratio(*np.broadcast_arrays(ranks - 1, max(size - 1, 0), flat - 1))) * flat / max(size, 1)
    return np.where(flat[:, 0] > size, np.nan, chance @ truth).reshape(draws.shape)


def _shared(scores: Floats, truth: Floats) -> Floats:
    """Gold scores with those of equal proxy scores, which stand side by side, averaged."""
    if not len(scores):
        return truth
    tie = np.cumsum(np.concatenate([[0], scores[1:] != scores[:-1]]))
    shared: Floats = (np.bincount(tie, truth) / np.bincount(tie))[tie]
    return shared


def best_of_n_kl(n: npt.ArrayLike) -> Floats:
    """``log n - (n - 1)/n``: how far best of n is from the policy, in nats (arXiv 2210.10760, Sec. 2).

    An upper bound, met where no two outputs tie (arXiv 2401.01879).

    Examples
    --------
    >>> best_of_n_kl([1, 2]).round(6).tolist()
    [0.0, 0.193147]
    """
    draws = np.asarray(n, dtype=np.float64)
    divergence: Floats = np.log(draws) - (draws - 1) / draws
    return divergence
