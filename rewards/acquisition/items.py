"""Which items to have labelled at all: a sample that estimates the mean of all, or those that are most in doubt."""

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from rewards.advantages.difficulty import DifficultyPosterior
from rewards.statistics.proportions import Estimate

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

__all__ = ["DifficultyPosterior", "Sample", "by_ensemble_variance", "cluster_centres", "sensitivity_sample"]


class Sample(NamedTuple):
    """Items drawn with replacement, and by how much each stands for others.

    Attributes
    ----------
    chosen : ndarray of int64, shape (m,)
    weight : ndarray, shape (m,)
        ``1 / (m p_i)``: the weighted sum of values over the sample estimates their sum over all items without bias.
    n : int
        Items drawn from.
    """

    chosen: Ints
    weight: Floats
    n: int

    def mean(self, values: npt.ArrayLike, z: float = 1.959964) -> Estimate:
        """The mean of all items from the values of those drawn, with a normal interval.

        Parameters
        ----------
        values : array_like, shape (m,)
            Of `chosen`, in its order.

        Raises
        ------
        ValueError
            For values that are missing or of another number: leaving one out would bias the mean.
        """
        given = np.asarray(values, dtype=np.float64)
        if given.shape != self.chosen.shape or np.isnan(given).any():
            raise ValueError(f"{given.shape} values: expected one for each of the {len(self.chosen)} drawn")
        m = len(given)
        each = given * self.weight * m / self.n
        value = float(each.mean())
        half = z * float(each.std(ddof=1)) / np.sqrt(m) if m > 1 else float("nan")
        return Estimate(value, value - half, value + half, m)


def cluster_centres(points: npt.ArrayLike, k: int, *, seed: int = 0) -> tuple[Ints, Ints, Floats]:
    """k-means: the item nearest to each centre, the cluster of each item, its distance from that nearest item.

    Parameters
    ----------
    points : array_like, shape (n, d)
        Embeddings.
    k : int

    Returns
    -------
    tuple
        ``centre`` of shape (at most k,), ``cluster`` and ``distance`` of shape (n,). Empty clusters are left out.

    Raises
    ------
    ValueError
        For points that are no matrix of finite numbers, or k outside 1 .. n.
    """
    given = np.asarray(points, dtype=np.float64)
    if given.ndim != 2 or not np.isfinite(given).all():
        raise ValueError(f"points of shape {given.shape}: expected a row of finite numbers for each item")
    if not 1 <= k <= len(given):
        raise ValueError(f"{k} clusters of {len(given)} items: expected 1 to {len(given)}")
    rng = np.random.default_rng(seed)
    start = given[rng.choice(len(given), k, replace=False)]
    with warnings.catch_warnings():
        # Of a cluster without items, which is left out below.
        warnings.simplefilter("ignore", UserWarning)
        middles, labels = kmeans2(given, start, iter=50, minit="matrix", missing="warn", seed=seed)
    used, cluster = np.unique(labels, return_inverse=True)
    away = ((given - middles[labels]) ** 2).sum(axis=1)
    centre = np.array([np.flatnonzero(cluster == one)[np.argmin(away[cluster == one])] for one in range(len(used))])
    return centre, cluster.astype(np.int64), np.sqrt(((given - given[centre[cluster]]) ** 2).sum(axis=1))


def sensitivity_sample(
    centre_loss: npt.ArrayLike,
    cluster: npt.ArrayLike,
    distance: npt.ArrayLike,
    n: int,
    rng: np.random.Generator,
    *,
    lipschitz: float = 1.0,
    power: float = 2.0,
    uniform: float = 0.1,
) -> Sample:
    """Draw items by how much they may weigh in the mean, knowing the value at the centre of each cluster alone.

    ``p_i ~ |loss(c_i)| + lipschitz distance_i^power``, mixed with `uniform` parts of equal chances: no item may have no
    chance, or the estimate would be biased.

    Parameters
    ----------
    centre_loss : array_like, shape (k,)
        The value (a judge's score, say) at each centre.
    cluster, distance : array_like, shape (n_items,)
        From `cluster_centres`.
    n : int
        How many to draw, with replacement.
    rng : numpy.random.Generator
    lipschitz, power, uniform : float

    Raises
    ------
    ValueError
        For a loss that is missing, n below 1, or `uniform` outside (0, 1].

    References
    ----------
    Axiotis et al. (2024), Data-efficient learning via clustering-based sensitivity sampling, arXiv 2402.17327,
    algorithm 1; the uniform part is ours.
    """
    loss = np.abs(np.asarray(centre_loss, dtype=np.float64))
    if np.isnan(loss).any():
        raise ValueError(f"centre {int(np.flatnonzero(np.isnan(loss))[0])} has no loss: expected one for each")
    if n < 1 or not 0 < uniform <= 1:
        raise ValueError(f"n {n}, uniform {uniform}: expected n >= 1 and 0 < uniform <= 1")
    weight = loss[np.asarray(cluster)] + lipschitz * np.asarray(distance, dtype=np.float64) ** power
    size = len(weight)
    share = weight / weight.sum() if weight.sum() > 0 else np.full(size, 1 / size)
    chance = (1 - uniform) * share + uniform / size
    drawn = rng.choice(size, n, p=chance)
    return Sample(drawn.astype(np.int64), 1 / (n * chance[drawn]), size)


def by_ensemble_variance(values: npt.ArrayLike, n: int) -> Ints:
    """The n items on which the members of an ensemble differ most, most first.

    Parameters
    ----------
    values : array_like, shape (members, items)
        NaN is unscored; items with fewer than two scores come last.
    n : int

    Notes
    -----
    Population variance, as in Coste et al. (2023), arXiv 2310.02743, for best of n. Equal items keep their order.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2:
        raise ValueError(f"values of shape {given.shape}: expected a row for each member of the ensemble")
    scored = ~np.isnan(given)
    count = scored.sum(axis=0)
    total = np.where(scored, given, 0.0).sum(axis=0)
    mean = total / np.maximum(count, 1)
    variance = np.where(scored, (given - mean) ** 2, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.argsort(-np.where(count > 1, variance, -1.0), kind="stable")[:n].astype(np.int64)
