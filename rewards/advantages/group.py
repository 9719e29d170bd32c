"""Rewards against those of the same task: the baselines and scales of group-based policy gradients."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.advantages.contract import Estimator, Family
from rewards.advantages.groups import Groups
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows

EPS: Final = Parameter("eps", "number", 1e-4, "Epsilon", "Added to the standard deviation", minimum=0.0, maximum=1.0)
SPREAD: Final = Parameter(
    "spread",
    "choice",
    "sample",
    "Standard deviation",
    "Trainers differ: torch divides by n - 1, numpy by n",
    choices=(("sample", "Of a sample (n - 1)"), ("population", "Of a population (n)")),
)


def scaled(centred: Floats, scale: Floats, eps: float) -> Floats:
    """``centred / (scale + eps)``, and 0 where nothing is above or below: a scale of 0 is no division by 0."""
    divisor = scale + eps
    return np.where(centred == 0, 0.0, centred / np.where(divisor > 0, divisor, 1.0))


def group_mean_std(reward: Rows, groups: Ints, eps: float = 1e-4, spread: str = "sample") -> Rows:
    """``A_i = (r_i - mean(r)) / (std(r) + eps)``: GRPO (arXiv 2402.03300, Sec. 4.1.2).

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
    eps : float
    spread : {"sample", "population"}
        Whether the variance is divided by n - 1 or n.

    Returns
    -------
    Rows
        One number an output. Groups of one or of equal rewards get 0.

    Examples
    --------
    The mean of 0, 0, 1, 1 is 1/2 and so is their population standard deviation:

    >>> import numpy as np
    >>> rewards, groups = Rows.scalars([0, 0, 1, 1]), np.zeros(4, dtype=np.int64)
    >>> group_mean_std(rewards, groups, eps=0, spread="population").values.tolist()
    [-1.0, -1.0, 1.0, 1.0]
    """
    members = Groups(reward.values, groups)
    std = members.std(ddof=1 if spread == "sample" else 0)
    return reward.with_values(scaled(members.centred, std[groups], eps))


def group_mean(reward: Rows, groups: Ints) -> Rows:
    """``A_i = r_i - mean(r)``: Dr. GRPO, which leaves the standard deviation out (arXiv 2503.20783, Sec. 3.2).

    Parameters and shapes are those of `group_mean_std`; a group of one gets 0.
    """
    return reward.with_values(Groups(reward.values, groups).centred)


def leave_one_out(reward: Rows, groups: Ints) -> Rows:
    """``A_i = r_i - mean_{j != i}(r_j) = n / (n - 1) (r_i - mean(r))``: RLOO (arXiv 2402.14740).

    Parameters and shapes are those of `group_mean_std`. A group of one has no others: it gets 0, where some trainers
    leave the raw reward, which is not an advantage.

    Examples
    --------
    >>> import numpy as np
    >>> leave_one_out(Rows.scalars([1, 2, 6]), np.zeros(3, dtype=np.int64)).values.tolist()
    [-3.0, -1.5, 4.5]
    """
    return reward.with_values(left_out(Groups(reward.values, groups)))


def left_out(members: Groups) -> Floats:
    """Each number less the mean of its group's others: shape (n,), 0 where there are none."""
    n = members.n_scored[members.numbers]
    return members.centred * (n / np.maximum(n - 1, 1))


def group_mean_batch_std(reward: Rows, groups: Ints, eps: float = 1e-8, spread: str = "sample") -> Rows:
    """``A_i = (d_i - mean_batch(d)) / (std_batch(d) + eps)`` with ``d_i = r_i - mean(r)``: one scale for all groups.

    A group whose rewards hardly differ is not blown up, and one of equal rewards gets 0 (DLER, arXiv 2510.15110; the
    same form as REINFORCE++ with a baseline, arXiv 2501.03262). The mean of ``d`` over the batch is 0 by construction.
    Parameters and shapes are those of `group_mean_std`.
    """
    centred = Groups(reward.values, groups).centred
    std = Groups(centred, np.zeros_like(groups)).std(ddof=1 if spread == "sample" else 0)
    scale = np.broadcast_to(std if len(std) else np.zeros(1), centred.shape)
    return reward.with_values(scaled(centred, scale, eps))


ESTIMATORS: Final = (
    Estimator(
        name="group_mean_std",
        label="Group mean and standard deviation (GRPO)",
        family=Family.GROUP,
        summary="The reward less its group's mean, in the group's standard deviations.",
        formula="A_i = (r_i - mean(r)) / (std(r) + eps)",
        papers=(Paper("DeepSeekMath: Pushing the Limits of Mathematical Reasoning", "2402.03300", "Sec. 4.1.2"),),
        parameters=(EPS, SPREAD),
        apply=group_mean_std,
        alone="0",
        ignores_offset=True,
        sums_to_zero=True,
    ),
    Estimator(
        name="group_mean",
        label="Group mean (Dr. GRPO)",
        family=Family.GROUP,
        summary="The reward less its group's mean: easy and hard tasks are not scaled up.",
        formula="A_i = r_i - mean(r)",
        papers=(Paper("Understanding R1-Zero-Like Training: A Critical Perspective", "2503.20783", "Sec. 3.2"),),
        apply=group_mean,
        alone="0",
        ignores_offset=True,
        sums_to_zero=True,
    ),
    Estimator(
        name="leave_one_out",
        label="Leave one out (RLOO)",
        family=Family.GROUP,
        summary="The reward less the mean of the group's others, which makes the baseline independent of the output.",
        formula="A_i = r_i - mean_{j != i}(r_j)",
        papers=(Paper("Back to Basics: Revisiting REINFORCE Style Optimization", "2402.14740"),),
        apply=leave_one_out,
        alone="0: there are no others",
        ignores_offset=True,
        sums_to_zero=True,
    ),
    Estimator(
        name="group_mean_batch_std",
        label="Group mean, batch standard deviation (DLER)",
        family=Family.GROUP,
        summary="The reward less its group's mean, in standard deviations of the whole batch.",
        formula="A_i = d_i / (std_batch(d) + eps), d_i = r_i - mean(r)",
        papers=(
            Paper("DLER: Doing Length pEnalty Right", "2510.15110"),
            Paper("REINFORCE++: An Efficient RLHF Algorithm", "2501.03262"),
        ),
        parameters=(Parameter("eps", "number", 1e-8, "Epsilon", minimum=0.0, maximum=1.0), SPREAD),
        apply=group_mean_batch_std,
        alone="0",
        ignores_offset=True,
        sums_to_zero=True,
    ),
)
