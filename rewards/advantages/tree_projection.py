"""Advantages that a prefix tree allows: rewards projected on what parents, children and siblings say of one another."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from rewards.advantages.contract import Estimator, Family
from rewards.advantages.groups import Bools, Groups
from rewards.advantages.trees import NODES, check_nodes
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows


class _Places(NamedTuple):
    """Where outputs stand in the tree: the prefix that each continues, its parent, and whether a success lies below.

    Attributes
    ----------
    family : ndarray of int64, shape (n,)
        Outputs whose prefixes have one parent share a number; -1 for those that continue the task itself.
    is_proven : ndarray of bool, shape (n,)
        An output that goes on from the same prefix, deeper down, succeeds.
    is_known : ndarray of bool, shape (n,)
        False where the number of its own prefix is unscored.
    """

    family: Ints
    is_proven: Bools
    is_known: Bools


def tree_projection(
    reward: Rows, groups: Ints, nodes: Rows, margin: float = 0.1, passes_from: float = 0.5, norm: str = "at_most"
) -> Rows:
    """The advantages nearest to the centred outcomes among those that respect the tree: the quadratic program of
    Staged Advantage Estimation (Tree-OPO, arXiv 2509.09284v2)::

        min_a |a - (r - mean r)|^2   so that   sum a = 0,   |a|^2 <= N (or = N),   a_i + margin <= a_j

    for each pair (i, j) of one task where j continues a child of the prefix that i continues, i fails and j succeeds;
    and for each pair where both fail from sibling prefixes, a success lies below that of i and none below that of j:
    to fail where success was shown to be near is worse.

    The program is solved in closed form, without a loop over groups. Outcomes are 0 or 1 and the margin is at most 1,
    so parents and children keep their margin by themselves, and pairs of siblings tie only the failures of one parent:
    with u of them below a success and v not, the nearest point takes ``margin v / (u + v)`` from the former and gives
    ``margin u / (u + v)`` to the latter, as may be read from its stationarity. Its norm is never above N; for a norm of
    exactly N the centred outcomes are stretched, which stationarity allows as the pairs stay as they are.

    The text that was at hand leaves the margins' values open, and names the constraints in words.

    Parameters
    ----------
    reward : Rows
        One number an output: n; a success from `passes_from` on.
    groups : ndarray of int64, shape (n,)
    nodes : Rows
        The path from the root to the prefix that the output continues; without steps it continues the task itself.
    margin : float
        From 0 to 1.
    norm : {"at_most", "exactly"}
        The convex or the strict form. Where all outcomes of a group are equal there is nothing to stretch.

    Returns
    -------
    Rows
        One number an output, with sum 0 over each group; groups of one get 0. Without a tree they are the centred
        outcomes. Unscored for an output whose own prefix is unknown.

    Raises
    ------
    ValueError
        For a node that is not a whole number.

    Examples
    --------
    Two siblings fail; a success lies below the first. The root succeeds once:

    >>> nodes = Rows.ragged("step", [[1], [2], [1, 3], []])
    >>> tree_projection(Rows.scalars([0, 0, 1, 1]), np.zeros(4, dtype=np.int64), nodes, margin=0.2).values.tolist()
    [-0.6, -0.4, 0.5, 0.5]
    """
    outcome = np.where(reward.scored, (reward.values >= passes_from).astype(np.float64), np.nan)
    places = _places(outcome, groups, nodes)
    members = Groups(np.where(places.is_known, outcome, np.nan), groups)
    shift = _shift(members, places, margin)
    if norm == "at_most":
        return reward.with_values(members.centred + shift)
    left = members.n_scored - members.total(shift**2)
    own = members.total(members.centred**2)
    stretch = np.where(own > 0, np.sqrt(left / np.where(own > 0, own, 1.0)), 0.0)
    return reward.with_values(stretch[groups] * members.centred + shift)


def _places(outcome: Floats, groups: Ints, nodes: Rows) -> _Places:
    check_nodes(nodes)
    level = nodes.level
    n = len(groups)
    labels = _labels(nodes)
    # 0 is the task itself.
    n_labels = int(labels.max(initial=0)) + 1
    keys = groups[level.output] * n_labels + labels
    is_last = np.zeros(level.size, dtype=bool)
    is_last[level.last] = True
    below = keys[~is_last & nodes.scored & (outcome[level.output] == 1)]
    own = np.full(n, -1)
    parent = np.full(n, -1)
    ends = level.last
    holder = level.output[ends]
    own[holder] = keys[ends]
    before = np.where(level.counts[holder] > 1, keys[np.maximum(ends - 1, 0)], groups[holder] * n_labels)
    parent[holder] = before
    is_known = np.ones(n, dtype=bool)
    is_known[holder] = nodes.scored[ends]
    return _Places(parent, np.isin(own, below) & (own >= 0), is_known)


def _labels(nodes: Rows) -> Ints:
    """Small numbers from 1 for those of nodes, 0 for unscored ones: shape (N,)."""
    labels = np.zeros(nodes.level.size, dtype=np.int64)
    named = nodes.values[nodes.scored]
    if not len(named):
        return labels
    low, high = named.min(), named.max()
    # Close numbers are counted from the lowest, which spares the sorting; whatever names nodes otherwise is sorted.
    is_close = high - low < 16 * len(named)
    labels[nodes.scored] = 1 + (named - low if is_close else np.unique(named, return_inverse=True)[1])
    return labels


def _shift(members: Groups, places: _Places, margin: float) -> Floats:
    """What the pairs of siblings move each failure by; NaN for outputs without a number."""
    failed = (members.values == 0) & (places.family >= 0)
    _, family = np.unique(places.family, return_inverse=True)
    proven = np.bincount(family, failed & places.is_proven)[family]
    open_ones = np.bincount(family, failed & ~places.is_proven)[family]
    share = np.where(places.is_proven, -open_ones, proven) / np.maximum(proven + open_ones, 1)
    moved: Floats = np.where(members.scored, np.where(failed, margin * share, 0.0), np.nan)
    return moved


ESTIMATORS: Final = (
    Estimator(
        name="tree_projection",
        label="Projection on a prefix tree (Tree-OPO)",
        family=Family.TREE,
        summary="The advantages nearest to the centred outcomes that put a failure beside a success below it last.",
        formula="min |a - (r - mean r)|^2, sum a = 0, |a|^2 <= N, a_i + margin <= a_j",
        papers=(Paper("Tree-OPO: Off-policy Monte Carlo Tree-Guided Advantage Optimization", "2509.09284"),),
        needs=(NODES,),
        parameters=(
            Parameter("margin", "number", 0.1, "Margin", "Between ordered outputs", minimum=0.0, maximum=1.0),
            Parameter(
                "passes_from", "number", 0.5, "Passes from", "Rewards below it fail", minimum=-1000.0, maximum=1000.0
            ),
            Parameter(
                "norm",
                "choice",
                "at_most",
                "Length",
                choices=(("at_most", "At most that of N ones"), ("exactly", "Exactly that of N ones")),
            ),
        ),
        apply=tree_projection,
        alone="0",
        sums_to_zero=True,
        notes="Outcomes count as 0 or 1, as in the paper.",
    ),
)
