"""Baselines other than the group's mean: the greedy answer, a quantile, and the halves by a metric."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.group import EPS, SPREAD, scaled
from rewards.advantages.groups import Groups
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows


def greedy_baseline(reward: Rows, groups: Ints, greedy: Rows) -> Rows:
    """``A_i = r_i - r(greedy answer)``: ReMax (arXiv 2310.10505).

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
        Not looked at: the baseline is known for each output.
    greedy : Rows
        The reward of the greedy answer to the same task by the same policy, at each output.

    Returns
    -------
    Rows
        Unscored where the greedy answer is.

    Examples
    --------
    >>> greedy_baseline(Rows.scalars([1, 0]), np.array([0, 0]), Rows.scalars([0.4, 0.4])).values.tolist()
    [0.6, -0.4]
    """
    return reward.with_values(reward.values - greedy.values)


class _Sorted(NamedTuple):
    """Scored members by group and value."""

    members: Ints
    """Index of each among all outputs."""
    groups: Ints
    starts: Ints
    """Where each group begins: shape (g,)."""
    counts: Ints


def _sorted(values: Floats, groups: Ints, n_groups: int) -> _Sorted:
    scored = np.flatnonzero(~np.isnan(values))
    order = scored[np.lexsort((values[scored], groups[scored]))]
    counts = np.bincount(groups[order], minlength=n_groups)
    return _Sorted(order, groups[order], np.cumsum(counts) - counts, counts)


def group_quantile(values: Floats, groups: Ints, level: float, method: str = "exact") -> Floats:
    """Each group's quantile of its scored numbers: shape (g,), NaN for a group without one.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    groups : ndarray of int64, shape (n,)
    level : float
        In (0, 1].
    method : {"exact", "linear"}
        The smallest number that at least that share of the group does not exceed, or interpolated as numpy and torch
        do by default.

    Examples
    --------
    >>> rewards, groups = np.array([0, 0, 0, 1, 1, 1, 1, 1.0]), np.zeros(8, dtype=np.int64)
    >>> group_quantile(rewards, groups, 0.4).tolist(), group_quantile(rewards, groups, 0.4, "linear").round(6).tolist()
    ([1.0], [0.8])
    """
    n_groups = int(groups.max()) + 1 if len(groups) else 0
    result = np.full(n_groups, np.nan)
    ranked = _sorted(values, groups, n_groups)
    filled = ranked.counts > 0
    n, starts = ranked.counts[filled], ranked.starts[filled]
    ordered = values[ranked.members]
    if method == "exact":
        # 0.55 * 20 is a little more than 11 in floating point: without the slack the eleventh would become the twelfth.
        rank = np.ceil(level * n - 1e-9).astype(np.int64) - 1
        result[filled] = ordered[starts + np.clip(rank, 0, n - 1)]
        return result
    place = level * (n - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, n - 1)
    result[filled] = ordered[starts + below] * (1 - (place - below)) + ordered[starts + above] * (place - below)
    return result


def quantile_baseline(
    reward: Rows, groups: Ints, level: float = 0.4, method: str = "exact", eps: float = 1e-4, spread: str = "sample"
) -> Rows:
    """``A_i = (r_i - Q_K(r)) / (std(r) + eps)``: QAE (arXiv 2509.22611).

    Of rewards 0 and 1 with success rate p, only the rare successes of a hard task (p <= 1 - K) and only the remaining
    failures of an easy one get an advantage. That holds at the boundary for the exact quantile; the interpolated one,
    which the authors' line of code uses, gives 0.8 in place of 1 for 5 of 8 right and K = 0.4.

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
    level : float
        K.
    method : {"exact", "linear"}

    Returns
    -------
    Rows
        Groups of one or of equal rewards get 0.
    """
    members = Groups(reward.values, groups)
    above = reward.values - group_quantile(reward.values, groups, level, method)[groups]
    std = members.std(ddof=1 if spread == "sample" else 0)
    return reward.with_values(np.where(members.is_constant[groups], above * 0.0, scaled(above, std[groups], eps)))


def lower_share(metric: Floats, groups: Ints) -> Floats:
    """How much of each member is in the lower half of its group by the metric: shape (n,), in [0, 1].

    The lower half is n/2 members wide. The middle one of an odd group is half in each, and members that tie share
    their places: so the halves are equal whatever the size, and no tie is broken by the order of outputs.

    Examples
    --------
    >>> lower_share(np.array([5.0, 1.0, 3.0]), np.zeros(3, dtype=np.int64)).tolist()
    [0.0, 1.0, 0.5]
    """
    n_groups = int(groups.max()) + 1 if len(groups) else 0
    ranked = _sorted(metric, groups, n_groups)
    rank = np.arange(len(ranked.members)) - ranked.starts[ranked.groups]
    share = np.clip(ranked.counts[ranked.groups] / 2 - rank, 0.0, 1.0)
    ordered = metric[ranked.members]
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]) | (ranked.groups[1:] != ranked.groups[:-1])
    tie = np.cumsum(is_new) - 1
    shared = np.bincount(tie, share) / np.maximum(np.bincount(tie), 1)
    result = np.full(len(metric), np.nan)
    result[ranked.members] = shared[tie]
    return result


def conditional(reward: Rows, groups: Ints, metric: Rows, mix: float = 0.5, upper_scale: float = 1.0) -> Rows:
    """``A = mu A_inter + (1 - mu) A_intra``: CANON (arXiv 2509.23962).

    A group is halved by a metric such as length or entropy. ``A_inter = r - mean(the other half)`` tells which
    direction of the metric pays, ``A_intra = r - mean(the own half)`` the better ones within a half. With mu = 0.5
    it is the reward less the group's mean, exactly, at every size of group.

    Parameters
    ----------
    reward, metric : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
    mix : float
        mu, in [0, 1].
    upper_scale : float
        Factor on the rewards of the upper half; below 1 with length as the metric it prefers the shorter.

    Returns
    -------
    Rows
        Unscored where the reward or the metric is. A group of one gets 0, as one whose metric does not differ gets the
        group's mean as both baselines. The paper takes even groups without ties; see `lower_share` for the others.
    """
    values = np.where(metric.scored, reward.values, np.nan)
    low = lower_share(np.where(reward.scored, metric.values, np.nan), groups)
    values = values * (1 - (1 - upper_scale) * (1 - low))
    members = Groups(values, groups)
    width = np.maximum(members.n_scored, 1) / 2
    # Of centred rewards, so that the halves of equal rewards are exactly equal.
    low_mean = (members.total(low * members.centred) / width)[groups]
    high_mean = (members.total((1 - low) * members.centred) / width)[groups]
    other = low * high_mean + (1 - low) * low_mean
    own = low * low_mean + (1 - low) * high_mean
    return reward.with_values(members.centred - mix * other - (1 - mix) * own)


ESTIMATORS: Final = (
    Estimator(
        name="greedy_baseline",
        label="Greedy baseline (ReMax)",
        family=Family.GROUP,
        summary="Is it better than the policy's own greedy answer?",
        formula="A_i = r_i - r(greedy)",
        papers=(Paper("ReMax: A Simple, Effective, and Efficient Reinforcement Learning Method", "2310.10505"),),
        needs=(Need("greedy", "Greedy answer's reward", help="At each output: the same number through a group"),),
        apply=greedy_baseline,
        alone="Its reward less the greedy answer's",
    ),
    Estimator(
        name="quantile_baseline",
        label="Quantile baseline (QAE)",
        family=Family.GROUP,
        summary="The reward less a quantile of its group: only rare successes, or only remaining failures, count.",
        formula="A_i = (r_i - Q_K(r)) / (std(r) + eps)",
        papers=(Paper("Quantile Advantage Estimation for Entropy-Safe Reasoning", "2509.22611"),),
        parameters=(
            Parameter("level", "number", 0.4, "K", "Which quantile is the baseline", minimum=0.01, maximum=0.99),
            Parameter(
                "method",
                "choice",
                "exact",
                "Quantile",
                choices=(("exact", "Exact at the boundary"), ("linear", "Interpolated, as released")),
            ),
            EPS,
            SPREAD,
        ),
        apply=quantile_baseline,
        alone="0",
        ignores_offset=True,
    ),
    Estimator(
        name="conditional",
        label="By a condition (CANON)",
        family=Family.GROUP,
        summary="Halves the group by a metric and weighs the reward against the other half and its own.",
        formula="A = mu (r - mean(other half)) + (1 - mu) (r - mean(own half))",
        papers=(Paper("Conditional Advantage Estimation for Reinforcement Learning", "2509.23962"),),
        needs=(Need("metric", "Metric", help="Such as length, entropy or a criterion"),),
        parameters=(
            Parameter("mix", "number", 0.5, "Mu", "1: only the other half; 0: only its own", minimum=0.0, maximum=1.0),
            Parameter(
                "upper_scale", "number", 1.0, "Upper half's factor", "Such as 0.9 by length", minimum=0.0, maximum=2.0
            ),
        ),
        apply=conditional,
        alone="0",
        notes="A number added to a group's rewards changes nothing as long as the upper half's factor is 1.",
    ),
)
