"""Computing a recipe over many outputs at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewards.advantages.choice import estimate
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import InputNode, Node, OperatorNode, Recipe
from rewards.shaping.contract import ONTO, Want, call
from rewards.shaping.rows import Ints, Level, Rows


@dataclass(frozen=True)
class Frame:
    """What a recipe is computed over: n outputs.

    Attributes
    ----------
    groups : ndarray of int64, shape (n,)
        Which task each output answers, numbered from 0.
    inputs : mapping of str to Rows
        By the recipe's names, each on its declared level.
    levels : mapping of str to Level
        Every level that the recipe places onto.
    """

    groups: Ints
    inputs: Mapping[str, Rows]
    levels: Mapping[str, Level]


@dataclass(frozen=True)
class Evaluation:
    """A computed recipe.

    Attributes
    ----------
    reward : Rows
    advantages : Rows or None
        Within each task's group, where the recipe names an estimator.
    kept : mapping of str to Rows
        What was asked for by path besides, such as the terms of a sum for a stacked chart.
    """

    reward: Rows
    advantages: Rows | None
    kept: Mapping[str, Rows]


def evaluate(recipe: Recipe, frame: Frame, keep: frozenset[str] = frozenset()) -> Evaluation:
    """Compute the reward; results in between are let go of as soon as nothing needs them.

    Parameters
    ----------
    keep : frozenset of str
        Paths of nodes whose results are kept.

    Raises
    ------
    RecipeError
        For an input or level that the frame lacks, or values that an operator cannot work with, by the node's path.
    """
    walk = _Walk(recipe, frame, keep)
    reward = walk.value(recipe.reward)
    advantages = None
    if recipe.advantage is not None:
        advantages = estimate(recipe.advantage, reward, frame.groups, frame.inputs)
    return Evaluation(reward, advantages, walk.kept)


class _Walk:
    def __init__(self, recipe: Recipe, frame: Frame, keep: frozenset[str]) -> None:
        self._seed = recipe.seed
        self._frame = frame
        self._keep = keep
        # A node that several use is computed once; the others are let go of.
        self._shared = {id(node): node for node in recipe.nodes.values()}
        self._done: dict[int, Rows] = {}
        self.kept: dict[str, Rows] = {}

    def value(self, node: Node) -> Rows:
        if id(node) in self._done:
            return self._done[id(node)]
        rows = self._input(node) if isinstance(node, InputNode) else self._applied(node)
        if id(node) in self._shared:
            self._done[id(node)] = rows
        if node.path in self._keep:
            self.kept[node.path] = rows
        return rows

    def _input(self, node: InputNode) -> Rows:
        rows = self._frame.inputs.get(node.name)
        if rows is None:
            raise RecipeError({node.path: f"the input {node.name} has no values here"})
        if rows.level.name != node.level:
            message = f"the input {node.name} stands on the level {rows.level.name}: expected {node.level}"
            raise RecipeError({node.path: message})
        return rows

    def _applied(self, node: OperatorNode) -> Rows:
        arguments: dict[str, object] = {}
        for name, given in node.slots.items():
            arguments[name] = tuple(map(self.value, given)) if isinstance(given, tuple) else given and self.value(given)
            for parameter, values in node.per_term.get(name, {}).items():
                arguments[f"{parameter}s"] = values
        try:
            return call(node.operator, arguments, dict(node.parameters), self._given(node))
        except RecipeError:
            raise
        except ValueError as error:
            raise RecipeError({node.path: str(error)}) from error

    def _given(self, node: OperatorNode) -> dict[Want, object]:
        given: dict[Want, object] = {Want.GROUPS: self._frame.groups}
        if Want.RNG in node.operator.wants:
            digest = hashlib.sha256(f"{self._seed}:{node.path}".encode()).digest()
            given[Want.RNG] = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        if Want.LEVEL in node.operator.wants:
            level = self._frame.levels.get(str(node.parameters[ONTO]))
            if level is None:
                raise RecipeError({node.path: f"there are no {node.parameters[ONTO]}s here to place onto"})
            given[Want.LEVEL] = level
        return given
