"""Outputs that share prefixes: the worth of a prefix is what came of the outputs below it."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.groups import Groups
from rewards.advantages.sequences import lag
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows

NODES: Final = Need(
    "nodes",
    "Prefix tree",
    accepts="dense",
    help="At each step the number of its prefix: outputs of a task with the same number there share the text so far",
)


def check_nodes(nodes: Rows) -> None:
    """Refuse a node that is not a whole number; ValueError names its output."""
    broken = np.flatnonzero(nodes.scored & (nodes.values != np.round(nodes.values)))
    if len(broken):
        culprit = int(nodes.level.output[broken[0]])
        raise ValueError(f"output {culprit}: node {nodes.values[broken[0]]:g}: expected a whole number")


def node_values(reward: Rows, groups: Ints, nodes: Rows, worth: str = "mean") -> Floats:
    """What came of each prefix: the mean, largest or smallest reward of the outputs below it, at each step.

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
        The same node number in two groups is two nodes.
    nodes : Rows
        N whole numbers on steps.
    worth : {"mean", "largest", "smallest"}

    Returns
    -------
    ndarray of float64, shape (N,)
        NaN for steps without a node, and prefixes without a scored output.

    Raises
    ------
    ValueError
        For a node that is not a whole number.
    """
    check_nodes(nodes)
    result = np.full(nodes.level.size, np.nan)
    named = np.flatnonzero(nodes.scored)
    if not len(named):
        return result
    output = nodes.level.output[named]
    _, labels = np.unique(nodes.values[named], return_inverse=True)
    keys = groups[output] * (labels.max() + 1) + labels
    # By node and output: an output counts once below a node, even if the number stands at two of its steps.
    below, place = np.unique(keys * len(reward) + output, return_inverse=True)
    node = np.cumsum(np.diff(below // len(reward), prepend=-1) > 0) - 1
    members = Groups(reward.values[below % len(reward)], node)
    value = {"mean": members.mean, "largest": members.largest, "smallest": members.smallest}[worth]
    result[named] = value[node[place]]
    return result


def prefix_tree(reward: Rows, groups: Ints, nodes: Rows, worth: str = "mean", alpha: float = 1.0) -> Rows:
    """``A_i = d_i - mean(d)`` with ``d_i = r_i - alpha V(prefix_i)``: staged advantages of completions that start at
    different prefixes of a task (Tree-OPO, arXiv 2509.09284).

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
    nodes : Rows
        The path from the root to the prefix that the output continues; without steps it continues the task itself.
    worth : {"mean", "largest", "smallest"}
        V: the expectation, the optimistic or the pessimistic worth of the prefix's subtree.
    alpha : float

    Returns
    -------
    Rows
        One number an output. Without a tree every V is the group's: the reward less the group's mean. Groups of one
        get 0.
    """
    members = Groups(reward.values, groups)
    root = {"mean": members.mean, "largest": members.largest, "smallest": members.smallest}[worth][groups]
    values = root.copy()
    ends = nodes.level.last
    own = node_values(reward, groups, nodes, worth)[ends]
    # A step whose node is unknown leaves the output without a known prefix.
    values[nodes.level.output[ends]] = own
    return reward.with_values(Groups(reward.values - alpha * values, groups).centred)


def tree_steps(reward: Rows, groups: Ints, nodes: Rows) -> Rows:
    """``A_k = V(node_k) - V(node_{k-1})``: what each step did for the mean reward of the outputs below it.

    The root's value is the group's mean, so an output's steps add up to its last prefix's value less that mean.

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
    nodes : Rows
        N prefixes on steps.

    Returns
    -------
    Rows
        On the steps. A group of one has the same value throughout: 0.

    Examples
    --------
    Two outputs share the first step; the mean is 1/3, 1/2 below that step, and their second steps end at 1 and 0:

    >>> nodes = Rows.ragged("step", [[1, 2], [1, 3], [4]])
    >>> advantages = tree_steps(Rows.scalars([1, 0, 0]), np.zeros(3, dtype=np.int64), nodes)
    >>> advantages.values.round(4).tolist()
    [0.1667, 0.5, 0.1667, -0.5, -0.3333]
    """
    values = node_values(reward, groups, nodes)
    root = Groups(reward.values, groups).mean[groups]
    advantages = values - lag(values, nodes.level, root)
    return nodes.with_values(np.where(reward.scored[nodes.level.output], advantages, np.nan))


ESTIMATORS: Final = (
    Estimator(
        name="prefix_tree",
        label="Prefix tree (Tree-OPO)",
        family=Family.TREE,
        summary="The reward less what its prefix is worth, centred over the task.",
        formula="A_i = d_i - mean(d), d_i = r_i - alpha V(prefix_i)",
        papers=(Paper("Tree-OPO: Off-policy Monte Carlo Tree-Guided Advantage Optimization", "2509.09284"),),
        needs=(NODES,),
        parameters=(
            Parameter(
                "worth",
                "choice",
                "mean",
                "A prefix is worth",
                choices=(
                    ("mean", "The mean below it"),
                    ("largest", "The best below it"),
                    ("smallest", "The worst below it"),
                ),
            ),
            Parameter("alpha", "number", 1.0, "Alpha", "0: the group's mean alone", minimum=0.0, maximum=1.0),
        ),
        apply=prefix_tree,
        alone="0",
        ignores_offset=True,
        sums_to_zero=True,
    ),
    Estimator(
        name="tree_steps",
        label="Steps of a prefix tree",
        family=Family.TREE,
        summary="Each step by how it changed the mean reward of the outputs below it.",
        formula="A_k = V(node_k) - V(node_{k-1})",
        papers=(Paper("Tree-OPO: Off-policy Monte Carlo Tree-Guided Advantage Optimization", "2509.09284"),),
        needs=(NODES,),
        gives="nodes",
        apply=tree_steps,
        alone="0 at each step",
        ignores_offset=True,
    ),
)
