"""How far orders of the same outputs agree: Kendall's W and the mean tau-b among those who ranked them."""

from collections.abc import Hashable, Sequence
from itertools import combinations, groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from rewards.statistics.proportions import Estimate, cluster_bootstrap_mean
from rewards.statistics.rank import kendall_tau

Floats = npt.NDArray[np.float64]


class Place(NamedTuple):
    """The tier at which one rater put one output of an item: 1 is best, tied outputs share a tier."""

    item: Hashable
    rater: Hashable
    output: Hashable
    tier: float


class RankAgreement(NamedTuple):
    """Agreement of orders, item by item.

    Attributes
    ----------
    tau : Estimate
        Mean of tau-b over pairs of raters of the same item (`n` pairs), with a bootstrap over items. A pair in which
        one rater tied everything has no tau and is left out.
    w : Estimate
        Mean of Kendall's W over items (`n` items).
    n_items, n_raters : int
        Items that two or more raters ordered, and how many raters these are.
    """

    tau: Estimate
    w: Estimate
    n_items: int
    n_raters: int


def kendall_w(tiers: npt.ArrayLike) -> float:
    """Kendall's coefficient of concordance, ``12 S / (m^2 (n^3 - n) - m sum_j T_j)``, corrected for ties.

    Parameters
    ----------
    tiers : array_like, shape (m raters, n outputs)
        Places; equal ones are tied and share their mean rank. S is the squared deviation of the outputs' rank sums from
        their mean, ``T_j = sum (t^3 - t)`` over the groups of t tied outputs of rater j.

    Returns
    -------
    float
        1 where all give the same order, 0 where they cancel out; NaN for fewer than two raters or outputs, or where
        everybody tied everything.

    Raises
    ------
    ValueError
        Unless `tiers` is a matrix without NaN.

    References
    ----------
    M. G. Kendall and B. Babington Smith (1939), Annals of Mathematical Statistics 10; ties: M. G. Kendall, Rank
    Correlation Methods (1948), chapter 6.
    """
    given = np.asarray(tiers, dtype=np.float64)
    if given.ndim != 2 or np.isnan(given).any():
        raise ValueError(f"tiers of shape {given.shape}: expected a row for each rater and a place for each output")
    m, n = given.shape
    if m < 2 or n < 2:
        return float("nan")
    ranks = rankdata(given, axis=1)
    spread = float(((ranks.sum(axis=0) - m * (n + 1) / 2) ** 2).sum())
    tied = sum(float((times**3 - times).sum()) for times in (np.unique(row, return_counts=True)[1] for row in given))
    most = m**2 * (n**3 - n) - m * tied
    return 12 * spread / most if most else float("nan")


def rank_agreement(places: Sequence[Place], *, replicates: int = 1_000, seed: int = 0) -> RankAgreement:
    """How far raters order the outputs of an item alike, over all items.

    Parameters
    ----------
    places : sequence of Place
        Where a rater ordered an item more than once the first place of each output counts. Outputs that not every rater
        of the item placed are left out of it.
    replicates, seed : int
        Of the bootstrap, which draws items.

    Returns
    -------
    RankAgreement
    """
    taus: list[tuple[Hashable, float]] = []
    concordances: list[tuple[Hashable, float]] = []
    raters: set[Hashable] = set()
    n_items = 0
    for item, orders in _orders(places):
        if len(orders) < 2:
            continue
        n_items += 1
        raters.update(orders)
        shared = sorted(set.intersection(*(set(order) for order in orders.values())), key=str)
        tiers = np.array([[order[output] for output in shared] for order in orders.values()])
        concordances.append((item, kendall_w(tiers)))
        taus += [(item, kendall_tau(one, other).value) for one, other in combinations(tiers, 2)]
    return RankAgreement(_mean(taus, replicates, seed), _mean(concordances, replicates, seed), n_items, len(raters))


def _orders(places: Sequence[Place]) -> list[tuple[Hashable, dict[Hashable, dict[Hashable, float]]]]:
    """By item and rater: the tier of each output."""
    found = []
    for item, rows in groupby(sorted(places, key=lambda place: str(place.item)), key=lambda place: place.item):
        orders: dict[Hashable, dict[Hashable, float]] = {}
        for row in rows:
            orders.setdefault(row.rater, {}).setdefault(row.output, row.tier)
        found.append((item, orders))
    return found


def _mean(rows: list[tuple[Hashable, float]], replicates: int, seed: int) -> Estimate:
    known = [(item, value) for item, value in rows if not np.isnan(value)]
    return cluster_bootstrap_mean(
        [value for _, value in known], [item for item, _ in known], replicates=replicates, seed=seed
    )
