"""What a reward is made of at one of its nodes: its terms, and whether they add up to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from rewards.recipes.tree import InputNode, Node, OperatorNode, Recipe
from rewards.shaping.rows import OUTPUT, Floats, Rows

_WEIGHT: Final = "weight"
_CLOSE: Final = 1e-9


class Term(NamedTuple):
    """One node that another is made of.

    Attributes
    ----------
    label : str
    path : str
    weight : float
        By which it was multiplied; 1 where it has none.
    rows : Rows
        Already weighted.
    is_dense : bool
        An input on turns, steps, sentences or tokens is part of it.
    """

    label: str
    path: str
    weight: float
    rows: Rows
    is_dense: bool


class Terms(NamedTuple):
    """The terms of a node, with its result.

    Attributes
    ----------
    add_up : bool
        Where the result has a number, it is the sum of the terms, so that they may be stacked.
    """

    label: str
    path: str
    result: Rows
    terms: list[Term]
    add_up: bool


def children(node: Node) -> Iterator[tuple[Node, float]]:
    """The nodes that this one is made of, each with its weight."""
    if isinstance(node, InputNode):
        return
    for name, given in node.slots.items():
        weights = node.per_term.get(name, {}).get(_WEIGHT)
        for index, child in enumerate(given if isinstance(given, tuple) else (given,)):
            if child is not None:
                yield child, float(weights[index]) if weights else 1.0


def label_of(node: Node, recipe: Recipe) -> str:
    """What to call a node: its name, its input's, or its operator and the input that it begins with."""
    if isinstance(node, InputNode):
        return node.name
    named = next((name for name, one in recipe.nodes.items() if one is node), "")
    if named:
        return named
    first = next((one.name for one in _below(node) if isinstance(one, InputNode)), "")
    return f"{node.operator.label} ({first})" if first else node.operator.label


def nodes_to_show(recipe: Recipe) -> dict[str, Node]:
    """Every operator whose terms can be looked at, by path, the reward itself first."""
    found = {recipe.reward.path: recipe.reward}
    found.update({node.path: node for node in _below(recipe.reward) if isinstance(node, OperatorNode)})
    return found


def paths_to_keep(node: Node) -> frozenset[str]:
    """What the evaluation must keep for `terms_of`."""
    return frozenset({node.path, *(child.path for child, _ in children(node))})


def terms_of(node: Node, recipe: Recipe, kept: Mapping[str, Rows]) -> Terms:
    """The terms of a node from what an evaluation kept; an input is its own only term."""
    result = kept[node.path]
    parts = list(children(node)) or [(node, 1.0)]
    terms = [
        Term(
            label_of(child, recipe),
            child.path,
            weight,
            _weighted(kept[child.path], weight),
            any(isinstance(one, InputNode) and one.level != OUTPUT for one in _below(child)),
        )
        for child, weight in parts
    ]
    return Terms(label_of(node, recipe), node.path, result, terms, _add_up(result, terms))


def dense_sum(terms: Terms) -> Floats:
    """Each output's sum of the terms that dense inputs are part of; of the whole result where terms do not add up."""
    dense = [term for term in terms.terms if term.is_dense]
    if not terms.add_up or not dense:
        return terms.result.total()
    totals = np.stack([term.rows.total() for term in dense])
    return np.where(np.isnan(totals).all(axis=0), np.nan, np.nansum(totals, axis=0))


def _weighted(rows: Rows, weight: float) -> Rows:
    return rows if weight == 1 else rows.with_values(rows.values * weight)


def _add_up(result: Rows, terms: list[Term]) -> bool:
    if any(not term.rows.level.same_as(result.level) for term in terms):
        return False
    total = np.zeros(result.level.size)
    magnitude = np.ones(result.level.size)
    for term in terms:
        values = np.where(term.rows.scored, term.rows.values, 0.0)
        total += values
        magnitude += np.abs(values)
    return bool((np.abs(total - result.values)[result.scored] <= _CLOSE * magnitude[result.scored]).all())


def _below(node: Node) -> Iterator[Node]:
    """The node and all that it is made of, each once."""
    seen: set[int] = set()
    left = [node]
    while left:
        one = left.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [child for child, _ in children(one)]
