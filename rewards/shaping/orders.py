"""Orders within a task's group: who dominates whom by several criteria, and one number that fits it.

A group are the outputs that answer one task. Members that one criterion leaves unscored are not compared.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot, Want
from rewards.shaping.rows import Floats, Ints, Rows
from rewards.shaping.terms import check_groups, same_level

MAX_MEMBERS: Final = 2048
"""All pairs of a group are held at once: at this size half a GiB while a scalar is fitted."""
_CELLS: Final = 500_000
_MAX_STEPS: Final = 100
_TOLERANCE: Final = 1e-10
_ENOUGH: Final = 1e-4
"""Of the fall in loss that the slope promises (Armijo's rule)."""

Bools = npt.NDArray[np.bool_]


def pareto_rank(terms: Sequence[Rows], directions: Sequence[str], groups: Ints, gives: str = "front") -> Rows:
    """``r = 1[no member of the task dominates]``, or minus the number of fronts above (Parrot, arXiv 2401.05675).

    i dominates j where it is at least as good by every criterion and better by one. The first front are those that
    nobody dominates, the second those that only the first dominates, and so on (non-dominated sorting).

    Parameters
    ----------
    terms : sequence of Rows, length k
        Criteria, one number an output.
    directions : sequence of {"higher", "lower"}, length k
        Which is better.
    groups : ndarray of int64, shape (n,)
    gives : {"front", "rank", "share"}
        1 on the first front and 0 elsewhere; 0 on the first front, -1 on the second ...; or the same from 1 on the
        first front to 0 on the last (1 where there is one front only).

    Returns
    -------
    Rows
        Unscored for members that one criterion leaves unscored.

    Raises
    ------
    ValueError
        For another number of groups than outputs, or a group of more than 2,048 scored members.

    Notes
    -----
    All pairs of a group are compared: time and memory grow with the square of its members.
    """
    check_groups(groups, terms[0])
    criteria = _criteria(terms, directions)
    result = np.full(len(criteria), np.nan)
    for members in _blocks(groups, criteria):
        depth = _fronts(_dominates(criteria[members]))
        if gives == "front":
            result[members] = depth == 0
        elif gives == "rank":
            result[members] = -depth
        else:
            last = depth.max(axis=1, keepdims=True)
            result[members] = 1.0 - depth / np.maximum(last, 1)
    return terms[0].with_values(result)


def maximal_uniform(terms: Sequence[Rows], directions: Sequence[str], groups: Ints) -> Rows:
    """``r = 1[i maximal] / number of maximal members`` of the task (OP-GFN, arXiv 2310.00386: the target distribution).

    Maximal is a member that no other dominates, as in `pareto_rank`; the rewards of a task sum to 1.
    Parameters, cost and errors are those of `pareto_rank`.
    """
    front = pareto_rank(terms, directions, groups, "front")
    scored = front.scored
    counts = np.bincount(groups[scored], front.values[scored], minlength=int(groups.max(initial=-1)) + 1)
    result = np.full(len(front), np.nan)
    result[scored] = front.values[scored] / counts[groups[scored]]
    return front.with_values(result)


def order_to_scalar(
    terms: Sequence[Rows], directions: Sequence[str], groups: Ints, prior: float = 0.1, gives: str = "log_reward"
) -> Rows:
    """The scalar that fits a partial order of the task's members (OP-GFN, arXiv 2310.00386).

    Each pair is a Bradley-Terry comparison with the label y = 1 where i dominates j (as in `pareto_rank`), 0 where it
    is dominated, 1/2 otherwise. The log-rewards s minimise, task by task::

        - sum_{i<j} [y_ij ln sigmoid(s_i - s_j) + (1 - y_ij) ln sigmoid(s_j - s_i)] + prior / 2 sum_i s_i^2

    The prior, which the paper does not have, makes the optimum finite: without it a member that wins always would
    have no bound. A member that dominates another has the larger s; a task's s sum to 0.

    Parameters
    ----------
    terms : sequence of Rows, length k
        Criteria, one number an output.
    directions : sequence of {"higher", "lower"}, length k
    groups : ndarray of int64, shape (n,)
    prior : float
        Above 0; the larger, the flatter.
    gives : {"log_reward", "share"}
        s, or ``exp(s_i) / sum_j exp(s_j)`` over the task.

    Returns
    -------
    Rows
        One member alone: s = 0, share 1. Unscored for members that one criterion leaves unscored.

    Raises
    ------
    ValueError
        For a prior that is not above 0, another number of groups than outputs, or a group of more than 2,048 members.

    Notes
    -----
    Newton's method, all tasks of a size at once: about 10 steps, each with one linear system a task, O(members^3).
    """
    if not prior > 0:
        raise ValueError(f"prior {prior:g}: expected a number above 0")
    check_groups(groups, terms[0])
    criteria = _criteria(terms, directions)
    result = np.full(len(criteria), np.nan)
    for members in _blocks(groups, criteria):
        dominates = _dominates(criteria[members])
        wins = (dominates + (1.0 - dominates.transpose(0, 2, 1))).sum(axis=2) / 2 - 0.5
        fitted = _bradley_terry(wins, prior)
        if gives == "share":
            fitted = np.exp(fitted - fitted.max(axis=1, keepdims=True))
            fitted /= fitted.sum(axis=1, keepdims=True)
        result[members] = fitted
    return terms[0].with_values(result)


def _bradley_terry(wins: Floats, prior: float) -> Floats:
    """Log-rewards of shape (g, m) from points won, shape (g, m), in which every pair of a group met once."""
    n_groups, size = wins.shape
    fitted, identity = np.zeros((n_groups, size)), np.eye(size)
    open_groups = np.arange(n_groups)
    for _ in range(_MAX_STEPS):
        now, won = fitted[open_groups], wins[open_groups]
        p = expit(now[:, :, None] - now[:, None, :])
        # On the diagonal p is 1/2: a member does not meet itself.
        gradient = p.sum(axis=2) - 0.5 - won + prior * now
        curve = p * (1 - p)
        hessian = (curve.sum(axis=2) + prior)[:, :, None] * identity - curve
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        fitted[open_groups] = now - _lengths(now, won, prior, step, (gradient * step).sum(axis=1))[:, None] * step
        open_groups = open_groups[np.abs(gradient).max(axis=1) > _TOLERANCE * size]
        if not len(open_groups):
            return fitted
    raise ValueError(f"{len(open_groups)} groups were not fitted in {_MAX_STEPS} steps: expected a larger prior")


def _lengths(fitted: Floats, wins: Floats, prior: float, step: Floats, slope: Floats) -> Floats:
    """How much of each group's Newton step to take: shape (g,), halved from 1 until the loss falls enough."""
    length, reach = np.ones(len(fitted)), step.max(axis=1) - step.min(axis=1)
    # A step that moves no difference by more than 1 changes the curvature by at most e, so it descends unasked.
    asked = np.flatnonzero(reach > 1)
    before = _loss(fitted[asked], wins[asked], prior)
    while len(asked):
        after = _loss(fitted[asked] - length[asked, None] * step[asked], wins[asked], prior)
        too_long = (after > before - _ENOUGH * length[asked] * slope[asked]) & (length[asked] * reach[asked] > 1)
        asked, before = asked[too_long], before[too_long]
        length[asked] /= 2
    return length


def _loss(fitted: Floats, wins: Floats, prior: float) -> Floats:
    """What `order_to_scalar` minimises, group by group: shape (g,)."""
    apart = np.abs(fitted[:, :, None] - fitted[:, None, :])
    # Each pair is there twice; itself, a member is 0 apart and adds a constant.
    pairs = (apart / 2 + np.log1p(np.exp(-apart))).sum(axis=(1, 2)) / 2
    loss: Floats = (
        pairs - (fitted * (wins - (fitted.shape[1] - 1) / 2)).sum(axis=1) + prior / 2 * (fitted**2).sum(axis=1)
    )
    return loss


def _criteria(terms: Sequence[Rows], directions: Sequence[str]) -> Floats:
    """Shape (n, k), the larger the better."""
    same_level(terms)
    signs = [1.0 if direction == "higher" else -1.0 for direction in directions]
    return np.stack([sign * term.values for sign, term in zip(signs, terms, strict=True)], axis=1)


def _dominates(criteria: Floats) -> Bools:
    """Whether i dominates j: shape (g, m, m) from criteria of shape (g, m, k)."""
    n_groups, size, n_criteria = criteria.shape
    no_worse = np.ones((n_groups, size, size), dtype=bool)
    better = np.zeros((n_groups, size, size), dtype=bool)
    for k in range(n_criteria):
        one, other = criteria[:, :, None, k], criteria[:, None, :, k]
        no_worse &= one >= other
        better |= one > other
    return no_worse & better


def _fronts(dominates: Bools) -> Ints:
    """How many fronts lie above each member: shape (g, m); each member is taken out once."""
    above = dominates.sum(axis=1)
    depth = np.full(above.shape, -1)
    for current in range(above.shape[1]):
        group, member = np.nonzero((above == 0) & (depth < 0))
        if not len(group):
            break
        depth[group, member] = current
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        above[group[starts]] -= np.add.reduceat(dominates[group, member], starts, axis=0, dtype=np.int64)
    return depth


def _blocks(groups: Ints, criteria: Floats) -> Iterator[Ints]:
    """The outputs with all criteria, group by group: arrays of shape (g, m) for each number of members m."""
    members = np.flatnonzero(~np.isnan(criteria).any(axis=1))
    order = members[np.argsort(groups[members], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    for size in np.unique(counts):
        if size > MAX_MEMBERS:
            raise ValueError(f"a group of {size} members: expected at most {MAX_MEMBERS}, since all pairs are compared")
        of_size = starts[counts == size]
        n_at_once = max(1, _CELLS // (int(size) ** 2))
        for begin in range(0, len(of_size), n_at_once):
            yield order[of_size[begin : begin + n_at_once, None] + np.arange(size)]


_CRITERIA: Final = (
    Slot(
        "terms",
        "Criteria",
        accepts="output",
        many=True,
        per_term=(
            Parameter("direction", "choice", "higher", "Better is", choices=(("higher", "Higher"), ("lower", "Lower"))),
        ),
    ),
)
_GROUPED: Final = frozenset({Want.GROUPS})
_OP_GFN: Final = Paper("Order-Preserving GFlowNets", "2310.00386")

OPERATORS: Final = (
    Operator(
        name="pareto_rank",
        label="Pareto front within the task",
        family=Family.GROUP,
        summary="1 for outputs that no other of the task beats by every criterion, or how many fronts are above.",
        formula="r = 1[no j of the task dominates i]",
        papers=(Paper("Parrot: Pareto-optimal Multi-Reward Reinforcement Learning Framework", "2401.05675"),),
        slots=_CRITERIA,
        parameters=(
            Parameter(
                "gives",
                "choice",
                "front",
                "Gives",
                choices=(
                    ("front", "1 on the front, 0 below"),
                    ("rank", "Minus the fronts above"),
                    ("share", "From 1 on the front to 0 on the last"),
                ),
            ),
        ),
        apply=pareto_rank,
        gives="output",
        wants=_GROUPED,
    ),
    Operator(
        name="maximal_uniform",
        label="Uniform over the best",
        family=Family.GROUP,
        summary="Shares a reward of 1 among a task's outputs that no other dominates.",
        formula="r = 1[i maximal] / |maximal|",
        papers=(_OP_GFN,),
        slots=_CRITERIA,
        apply=maximal_uniform,
        gives="output",
        wants=_GROUPED,
    ),
    Operator(
        name="order_to_scalar",
        label="From an order to a scalar",
        family=Family.GROUP,
        summary="Fits one number to each output of a task so that those that dominate others have more.",
        formula="min_s - sum_{i<j} [y ln sigmoid(s_i - s_j) + (1 - y) ln sigmoid(s_j - s_i)] + prior/2 sum s^2",
        papers=(_OP_GFN,),
        slots=_CRITERIA,
        parameters=(
            Parameter("prior", "number", 0.1, "Prior", "The larger, the flatter.", minimum=0.001, maximum=1000.0),
            Parameter(
                "gives",
                "choice",
                "log_reward",
                "Gives",
                choices=(("log_reward", "Logarithm of the reward"), ("share", "Share of the task's reward")),
            ),
        ),
        apply=order_to_scalar,
        gives="output",
        wants=_GROUPED,
    ),
)
