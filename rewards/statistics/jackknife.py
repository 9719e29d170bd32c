"""Intervals for any figure of clustered judgments, by leaving groups of clusters out in turn."""

from collections.abc import Callable, Collection, Hashable

import numpy as np
from scipy.special import stdtrit

from rewards.statistics.proportions import Estimate

GROUPS = 40
"""Most groups: so many suffice for the interval, and each costs the figure worked out once more."""


def grouped_jackknife(
    clusters: Collection[Hashable],
    value: Callable[[frozenset[Hashable]], float],
    *,
    groups: int = GROUPS,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """A figure with the interval of a delete-a-group jackknife.

    The clusters are dealt at random into G groups of almost the same size. With the figure v and v_g of what is left
    without group g, ``se^2 = (G - 1) / G sum_g (v_g - mean v_g)^2``, and the interval is ``v -+ t_{G-1} se``. A
    difference of two figures of the same clusters is such a figure as well: what they share cancels by itself.

    Parameters
    ----------
    clusters : collection of hashable
        Of which no two influence each other, such as items.
    value : callable
        The figure of the clusters that it gets; NaN where it is undefined, which leaves the group out.
    groups : int
        At most; with fewer clusters each is a group of its own.
    confidence, seed

    Returns
    -------
    Estimate
        `n` counts clusters. The interval is NaN with fewer than two groups.

    References
    ----------
    P. S. Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17.
    """
    known = list(dict.fromkeys(clusters))
    whole = value(frozenset(known))
    n_groups = min(groups, len(known))
    group = np.random.default_rng(seed).permutation(len(known)) % max(n_groups, 1)
    left = [value(frozenset(one for one, of in zip(known, group, strict=True) if of != out)) for out in range(n_groups)]
    without = np.array([found for found in left if found == found])
    if len(without) < 2 or whole != whole:
        return Estimate(whole, float("nan"), float("nan"), len(known))
    n = len(without)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    wide = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    return Estimate(whole, whole - wide, whole + wide, len(known))
