"""Rewards compared within a task's group: re-centred and ranked.

A group are the outputs that answer one task. Members without a number are not compared; a group without any stays
unscored.
"""

from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot, Want
from rewards.shaping.rows import Floats, Ints, Rows
from rewards.shaping.terms import check_groups


def recentre(scores: Rows, groups: Ints, bound: float = 0.0) -> Rows:
    """``a = r - mean_task r``, and ``a min(1, m / max_task |a|)`` where bounded (Advantage Model, arXiv 2309.10202).

    What a score says beyond what is expected of the task: tasks that score high throughout earn nothing by it. The
    paper trains a model to such scores, with a mean near 0 and within +-m for each task; here they are computed, and
    scaling a task's scores keeps their mean at 0 where clipping would not.

    Parameters
    ----------
    scores : Rows
        One number an output.
    groups : ndarray of int64, shape (n,)
    bound : float
        m; 0 for none.

    Returns
    -------
    Rows
        Exactly 0 for members that are all equal, one alone among them: each is what was expected.

    Raises
    ------
    ValueError
        For another number of groups than outputs, or a bound below 0.
    """
    if bound < 0:
        raise ValueError(f"bound {bound:g}: expected at least 0")
    members = _members(groups, scores)
    values, of_member = scores.values[members], groups[members]
    n_groups = int(groups.max(initial=-1)) + 1
    # Measured from a member, so that the rounding of a mean never passes for a difference.
    origin = np.zeros(n_groups)
    origin[of_member] = values
    values = values - origin[of_member]
    counts = np.bincount(of_member, minlength=n_groups)
    values -= (np.bincount(of_member, values, minlength=n_groups) / np.maximum(counts, 1))[of_member]
    if bound:
        peak = np.zeros(n_groups)
        np.maximum.at(peak, of_member, np.abs(values))
        values *= np.minimum(1.0, bound / np.maximum(peak, bound))[of_member]
    return _placed(scores, members, values)


def group_rank(scores: Rows, groups: Ints) -> Rows:
    """``r = (rank - 1) / (n - 1)`` within the task: 0 the lowest, 1 the highest; common practice against outliers.

    Parameters
    ----------
    scores : Rows
        One number an output.
    groups : ndarray of int64, shape (n,)

    Returns
    -------
    Rows
        Equal scores share their mean rank; so members that are all equal, one alone among them, have 1/2.

    Raises
    ------
    ValueError
        For another number of groups than outputs.
    """
    members = _members(groups, scores)
    order = members[np.lexsort((scores.values[members], groups[members]))]
    group, value, place = groups[order], scores.values[order], np.arange(len(order))
    starts_group = np.diff(group, prepend=-1) != 0
    starts_tie = starts_group | (np.diff(value, prepend=np.nan) != 0)
    first, ties = np.flatnonzero(starts_tie), np.cumsum(starts_tie) - 1
    after = np.append(first[1:], len(order))
    rank = (first + after - 1)[ties] / 2 - np.flatnonzero(starts_group)[np.cumsum(starts_group) - 1]
    others = np.bincount(group)[group] - 1 if len(order) else place
    return _placed(scores, order, np.divide(rank, others, out=np.full(len(order), 0.5), where=others > 0))


def _members(groups: Ints, scores: Rows) -> Ints:
    """The outputs that have a number."""
    check_groups(groups, scores)
    return np.flatnonzero(scores.scored)


def _placed(like: Rows, members: Ints, values: Floats) -> Rows:
    result = np.full(len(like), np.nan)
    result[members] = values
    return like.with_values(result)


_SCORES: Final = (Slot("scores", "Scores", accepts="output"),)
_GROUPED: Final = frozenset({Want.GROUPS})

OPERATORS: Final = (
    Operator(
        name="recentre",
        label="Re-centred by task",
        family=Family.GROUP,
        summary="Subtracts the mean of the task's outputs; optionally keeps each task within a bound.",
        formula="a = r - mean_task r",
        papers=(Paper("Stabilizing RLHF through Advantage Model and Selective Rehearsal", "2309.10202"),),
        slots=_SCORES,
        parameters=(Parameter("bound", "number", 0.0, "Bound", "0 for none.", minimum=0.0, maximum=1e6),),
        apply=recentre,
        gives="output",
        wants=_GROUPED,
    ),
    Operator(
        name="group_rank",
        label="Rank within the task",
        family=Family.GROUP,
        summary="From 0 for the lowest of a task's outputs to 1 for the highest.",
        formula="r = (rank - 1) / (n - 1)",
        papers=(),
        slots=_SCORES,
        apply=group_rank,
        gives="output",
        wants=_GROUPED,
    ),
)
