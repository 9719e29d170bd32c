"""How soon a reward tells which outputs are good: what a reader of it learns after its first segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rewards.shaping.rows import Floats, Ints, Rows
from rewards.shaping.terms import check_groups


class Informativeness(NamedTuple):
    """Of a reward about an outcome.

    Attributes
    ----------
    values : ndarray of float64, shape (h,)
        One a horizon, in units of the reward times those of the outcome; NaN where no task tells outputs apart.
    shares : ndarray of float64, shape (h,)
        Over the deviations, within tasks, of the outcome and of the whole reward: for the whole output their
        correlation within tasks. NaN where either is the same for all outputs of each task.
    n_outputs : int
        Outputs with both, in tasks with at least two of them.
    """

    values: Floats
    shares: Floats
    n_outputs: int


def informativeness(rewards: Rows, outcome: Rows, groups: Ints, horizons: Sequence[float]) -> Informativeness:
    """``I_h = E[(R - E[R | task]) (S_h - E[S_h | task])]`` with ``S_h`` the reward's sum over the first segments.

    The criterion of informative reward design (Devidze et al. 2024, arXiv 2402.07019; Devidze 2025, arXiv 2503.21949)
    weighs the advantage of each action under the true reward by its advantage over h steps under the designed one. Here
    the state is a task and the actions are the outputs that were sampled for it, so both advantages are against the
    mean of the task's outputs. An end-of-sequence reward has 0 at every horizon but the last.

    Parameters
    ----------
    rewards : Rows
        Of n outputs; unscored segments add nothing, an output without any is left out.
    outcome : Rows
        One number an output.
    groups : ndarray of int64, shape (n,)
    horizons : sequence of float
        Shares of an output's segments, above 0 and up to 1; at least the first segment is read.

    Returns
    -------
    Informativeness

    Raises
    ------
    ValueError
        For a horizon outside 0 to 1.

    Examples
    --------
    The first output is right. One reward says so at once, the other at the end:

    >>> groups, right = np.zeros(2, dtype=np.int64), Rows.scalars([1, 0])
    >>> [informativeness(Rows.ragged("step", [row, [0, 0]]), right, groups, [0.5, 1]).shares.round(3).tolist()
    ...  for row in ([1, 0], [0, 1])]
    [[1.0, 1.0], [0.0, 1.0]]
    """
    check_groups(groups, rewards)
    if any(not 0 < horizon <= 1 for horizon in horizons):
        raise ValueError(f"horizons {list(horizons)}: expected shares of an output above 0 and up to 1")
    known = outcome.scored & (rewards.n_scored() > 0)
    known &= np.bincount(groups, known)[groups] > 1
    members = groups[known]
    true = _centred(outcome.values[known], members)
    whole = _centred(rewards.total()[known], members)
    place = np.arange(rewards.level.size) - rewards.level.starts[rewards.level.output]
    counts = rewards.level.counts[rewards.level.output]
    read = np.where(rewards.scored, rewards.values, 0.0)
    values = []
    for horizon in horizons:
        within = place < np.maximum(np.ceil(horizon * counts), 1)
        so_far: Floats = np.bincount(rewards.level.output, np.where(within, read, 0.0), len(rewards)).astype(np.float64)
        values.append(float((true * _centred(so_far[known], members)).mean()) if known.any() else np.nan)
    found = np.array(values)
    scale = float(np.sqrt((true**2).mean() * (whole**2).mean())) if known.any() else 0.0
    return Informativeness(found, found / scale if scale > 0 else np.full(len(found), np.nan), int(known.sum()))


def _centred(values: Floats, groups: Ints) -> Floats:
    """Differences from the task's mean; those of rounding are none."""
    n_members = np.maximum(np.bincount(groups), 1)
    apart = values - (np.bincount(groups, values) / n_members)[groups]
    rounding = 1e-12 * np.abs(values).max(initial=0.0)
    settled: Floats = np.where(np.abs(apart) <= rounding, 0.0, apart)
    return settled
