"""Beta normalisation of rewards between two bounds, one reward or several."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.groups import Groups
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows

MAX_WEIGHT: Final = 1e6
"""Where the density is nearly 0 its inverse is cut here, as the authors do."""


class BetaShape(NamedTuple):
    """The parameters of the normalising Beta density, at least 1 each."""

    alpha: float
    beta: float


def beta_shape(success_rates: Floats) -> BetaShape:
    """``alpha = max(1, 1 + a/3), beta = max(1, 1 + b/3)`` from the mean and variance of tasks' success rates.

    ``a = (m (1 - m) / v - 1) m`` and ``b = (m (1 - m) / v - 1)(1 - m)`` are Beta's estimates by moments, v being the
    variance of a sample (n - 1).

    Parameters
    ----------
    success_rates : ndarray of float64
        One of each group with at least two scored members, in [0, 1]. Fewer than two of them, or all equal, tell
        nothing of a Beta distribution: the shape is then (1, 1), the plain baseline, where the released code divides
        by 0.

    Examples
    --------
    m = 1/2 and v = 1/8: m(1-m)/v - 1 = 1, so a = b = 1/2 and alpha = beta = 7/6:

    >>> [round(value, 6) for value in beta_shape(np.array([0.25, 0.75]))]
    [1.166667, 1.166667]
    """
    if len(success_rates) < 2 or (success_rates == success_rates[0]).all():
        return BetaShape(1.0, 1.0)
    mean, variance = float(success_rates.mean()), float(success_rates.var(ddof=1))
    precision = mean * (1 - mean) / variance - 1
    return BetaShape(max(1.0, 1 + precision * mean / 3), max(1.0, 1 + precision * (1 - mean) / 3))


def beta_advantages(values: Floats, groups: Ints) -> Floats:
    """``A_i = (r_i - p) / Beta(p; alpha, beta)`` with p the group's mean: shape (n,); rewards in [0, 1]."""
    members = Groups(values, groups)
    shape = beta_shape(members.mean[members.n_scored > 1])
    rate = np.clip(members.mean, 0, 1)
    log_density = xlogy(shape.alpha - 1, rate) + xlog1py(shape.beta - 1, -rate) - betaln(shape.alpha, shape.beta)
    weight = np.exp(np.minimum(-log_density, np.log(MAX_WEIGHT)))
    # A group of equal rewards at p = 0 or 1 has density 0; its centred rewards are exactly 0.
    advantages: Floats = members.centred * weight[groups]
    return advantages


def beta_normalisation(
    reward: Rows, groups: Ints, objectives: tuple[Rows, ...] = (), lowest: float = 0.0, highest: float = 1.0
) -> Rows:
    """``A_i = (r_i - p) / Beta(p; alpha, beta)``: BNPO (arXiv 2506.02864), one objective or the mean of several.

    Parameters
    ----------
    reward : Rows
        One number an output: n, between `lowest` and `highest`.
    groups : ndarray of int64, shape (n,)
    objectives : tuple of Rows
        Where given they take the reward's place: each is normalised by itself, and the advantages averaged (the
        paper's decomposition).
    lowest, highest : float
        Brought to 0 and 1 first.

    Returns
    -------
    Rows
        Unscored where the reward or an objective is. Groups of one or of equal rewards get 0 (the released code takes
        0 as the mean of a group of one, so that its raw reward passes for an advantage).

    Raises
    ------
    ValueError
        For a reward beyond its bounds, or bounds that are not in order.
    """
    if not lowest < highest:
        raise ValueError(f"bounds {lowest:g} and {highest:g}: expected the lower one first")
    known = reward.scored.copy()
    for objective in objectives:
        known &= objective.scored
    total = np.zeros(len(reward))
    parts = objectives or (reward,)
    for part in parts:
        values = np.where(known, (part.values - lowest) / (highest - lowest), np.nan)
        beyond = np.flatnonzero((values < 0) | (values > 1))
        if len(beyond):
            raise ValueError(
                f"output {beyond[0]}: reward {part.values[beyond[0]]:g}: expected from {lowest:g} to {highest:g}"
            )
        total += beta_advantages(values, groups)
    return reward.with_values(total / len(parts))


ESTIMATORS: Final = (
    Estimator(
        name="beta_normalisation",
        label="Beta normalisation (BNPO)",
        family=Family.OBJECTIVES,
        summary="The reward less its group's mean, divided by a Beta density fitted to all tasks' success rates.",
        formula="A_i = (r_i - p) / Beta(p; alpha, beta)",
        papers=(Paper("BNPO: Beta Normalization Policy Optimization", "2506.02864"),),
        needs=(
            Need(
                "objectives",
                "Objectives",
                help="Each normalised by itself in place of the reward, then averaged",
                many=True,
                optional=True,
            ),
        ),
        parameters=(
            Parameter("lowest", "number", 0.0, "Lowest reward"),
            Parameter("highest", "number", 1.0, "Highest reward"),
        ),
        apply=beta_normalisation,
        alone="0",
        sums_to_zero=True,
        notes="With alpha = beta = 1 it is the reward less the group's mean.",
    ),
)
