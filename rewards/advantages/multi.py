"""Several objectives: each normalised by itself before they are summed, and weights from how their series move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.group import EPS, SPREAD, scaled
from rewards.advantages.groups import Groups
from rewards.advantages.whitening import whitened
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows


def normalise_then_sum(
    reward: Rows,
    groups: Ints,
    objectives: Sequence[Rows],
    weights: Sequence[float],
    eps: float = 1e-4,
    spread: str = "sample",
    batch: bool = True,
) -> Rows:
    """``A = whiten(sum_k w_k (r_k - mean_group(r_k)) / (std_group(r_k) + eps))``: GDPO (arXiv 2601.05242).

    Normalising the sum instead makes different combinations of rewards equal: an objective that all outputs of a task
    meet takes part in no difference there, and one with wide numbers covers the others.

    Parameters
    ----------
    reward : Rows
        Only tells which outputs are scored: the objectives take its place.
    groups : ndarray of int64, shape (n,)
    objectives : sequence of Rows, length k
        One number an output each.
    weights : sequence of float, length k
    batch : bool
        Whether the sum is whitened over the batch.

    Returns
    -------
    Rows
        Unscored where the reward or an objective is. A group of one, or of equal rewards, gets 0 from an objective.
    """
    known = reward.scored.copy()
    for objective in objectives:
        known &= objective.scored
    total = np.where(known, 0.0, np.nan)
    for objective, weight in zip(objectives, weights, strict=True):
        members = Groups(np.where(known, objective.values, np.nan), groups)
        std = members.std(ddof=1 if spread == "sample" else 0)
        total += weight * scaled(members.centred, std[groups], eps)
    return reward.with_values(whitened(total) if batch else total)


class ObjectiveWeights(NamedTuple):
    """Weights of k objectives that sum to 1, and the two signals that they come from."""

    weights: Floats
    progress: Floats
    """How far the series moved through the window, in its own mean size: 0 where it is saturated."""
    instability: Floats
    """The coefficient of variation of what the trend leaves over."""

    @property
    def reasons(self) -> list[str]:
        """One word an objective: which of the two speaks for it, or ``saturated``."""
        return [
            "saturated" if max(moved, shaken) < 0.01 else "volatile" if shaken > moved else "moving"
            for moved, shaken in zip(self.progress, self.instability, strict=True)
        ]


def objective_weights(
    series: npt.ArrayLike, window: int = 10, temperature: float = 0.5, floor: float = 0.05
) -> ObjectiveWeights:
    """Weights that go from saturated objectives to those still moving or unstable, in the way of RECAP
    (arXiv 2510.21978).

    The paper's own formula is not in its abstract: this one is reconstructed. Over the last `window` steps a line is
    fitted to each series; with m its mean size, ``progress = |slope| (steps - 1) / m`` and ``instability = std of the
    residuals / m``, and the weights are ``floor + (1 - k floor) softmax((progress + instability) / temperature)``.

    Parameters
    ----------
    series : array_like of float, shape (steps, k)
        The mean reward of each objective at each step; NaN is unscored and left out.
    window : int
        At least 3.
    temperature : float
        Above 0.
    floor : float
        The least weight of an objective, at most 1/k.

    Raises
    ------
    ValueError
        For settings out of range, or an objective with fewer than 3 scored steps in the window: no trend is known.
    """
    recent = np.asarray(series, dtype=np.float64)[-window:]
    if recent.ndim != 2 or window < 3 or temperature <= 0:
        raise ValueError("expected a table of steps and objectives, a window of at least 3, a temperature above 0")
    n_objectives = recent.shape[1]
    if not 0 <= floor * n_objectives <= 1:
        raise ValueError(f"floor {floor:g} of {n_objectives} objectives: expected at most {1 / n_objectives:g}")
    scored = ~np.isnan(recent)
    short = np.flatnonzero(scored.sum(axis=0) < 3)
    if len(short):
        raise ValueError(f"objective {short[0]}: expected at least 3 scored steps among the last {window}")
    n = scored.sum(axis=0)
    steps = np.where(scored, np.arange(len(recent))[:, None], np.nan)
    time = steps - np.nanmean(steps, axis=0)
    level = recent - np.nanmean(recent, axis=0)
    slope = np.nansum(time * level, axis=0) / np.nansum(time**2, axis=0)
    left = np.sqrt(np.nansum((level - slope * time) ** 2, axis=0) / n)
    size = np.abs(recent, where=scored, out=np.zeros_like(recent)).sum(axis=0) / n
    size = np.where(size > 0, size, 1.0)
    progress, instability = np.abs(slope) * (len(recent) - 1) / size, left / size
    shares = softmax((progress + instability) / temperature)
    return ObjectiveWeights(floor + (1 - n_objectives * floor) * shares, progress, instability)


ESTIMATORS: Final = (
    Estimator(
        name="normalise_then_sum",
        label="Normalise, then sum (GDPO)",
        family=Family.OBJECTIVES,
        summary="Each objective against its own group before the weighted sum, so that none covers another.",
        formula="A = whiten(sum_k w_k (r_k - mean(r_k)) / (std(r_k) + eps))",
        papers=(Paper("GDPO: Group reward-Decoupled Normalization Policy Optimization", "2601.05242"),),
        needs=(
            Need(
                "objectives",
                "Objectives",
                help="They take the reward's place",
                many=True,
                per_item=(Parameter("weight", "number", 1.0, "Weight", minimum=-1000.0, maximum=1000.0),),
            ),
        ),
        parameters=(EPS, SPREAD, Parameter("batch", "boolean", True, "Whiten the sum over the batch")),
        apply=normalise_then_sum,
        alone="0",
        ignores_offset=True,
        sums_to_zero=True,
    ),
)
