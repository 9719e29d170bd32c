"""The normal form of a recipe: every default spelled out, so that equal recipes have equal documents and one hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rewards.advantages.choice import ESTIMATOR, EXTRAS, INPUT, ChosenEstimator
from rewards.recipes.inputs import KINDS, RecipeInput
from rewards.recipes.tree import TERM, VERSION, InputNode, Node, OperatorNode, Recipe


def normal_form(recipe: Recipe) -> dict[str, Any]:
    """The document of a checked recipe with all defaults written out.

    It is what is stored: a default that changes later leaves stored recipes as they were. Reading it again gives the
    same recipe, and the same normal form.
    """
    document: dict[str, Any] = {
        "recipe": VERSION,
        "inputs": {name: _input(given) for name, given in recipe.inputs.items()},
        "tokens": recipe.tokens,
        "nodes": {name: _definition(node, f"nodes.{name}") for name, node in recipe.nodes.items()},
        "reward": _definition(recipe.reward, "reward"),
        "seed": recipe.seed,
    }
    if recipe.advantage is not None:
        document["advantage"] = _advantage(recipe.advantage)
    return document


def content_hash(recipe: Recipe) -> str:
    """SHA-256 over the normal form; the order of keys does not matter, that of terms does."""
    canonical = json.dumps(normal_form(recipe), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _input(given: RecipeInput) -> dict[str, Any]:
    kind = KINDS[given.kind]
    declared: dict[str, Any] = {"kind": given.kind, "level": given.level, **given.parameters}
    if kind.takes_raters:
        declared["raters"] = list(given.raters.names) if given.raters.whose == "named" else given.raters.whose
    if given.values:
        declared["values"] = _values(given)
    return declared


def _advantage(chosen: ChosenEstimator) -> dict[str, Any]:
    document: dict[str, Any] = {ESTIMATOR: chosen.estimator.name, **chosen.parameters}
    extras = {need: _extras(names, chosen.per_item.get(need, {})) for need, names in chosen.extras.items()}
    return document | ({EXTRAS: extras} if extras else {})


def _extras(names: tuple[str, ...], beside: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [
        {INPUT: name, **{parameter: values[index] for parameter, values in beside.items()}}
        for index, name in enumerate(names)
    ]


def _values(given: RecipeInput) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for mark in given.values:
        values.setdefault(mark.label, {})[mark.severity] = mark.value
    return {label: worth[""] if set(worth) == {""} else worth for label, worth in values.items()}


def _definition(node: Node, path: str) -> dict[str, Any]:
    """What stands at a path: the node itself, or a reference where it is defined elsewhere."""
    if node.path != path:
        return {"node": node.path.removeprefix("nodes.")}
    return {"input": node.name} if isinstance(node, InputNode) else _operator(node)


def _operator(node: OperatorNode) -> dict[str, Any]:
    document: dict[str, Any] = {"op": node.operator.name, **node.parameters}
    for name, given in node.slots.items():
        if isinstance(given, tuple):
            document[name] = _terms(node, name, given)
        elif given is not None:
            document[name] = _definition(given, f"{node.path}.{name}")
    return document


def _terms(node: OperatorNode, name: str, terms: tuple[Node, ...]) -> list[dict[str, Any]]:
    beside: Mapping[str, tuple[Any, ...]] = node.per_term.get(name, {})
    return [
        {TERM: _definition(term, f"{node.path}.{name}[{index}].{TERM}")}
        | {parameter: values[index] for parameter, values in beside.items()}
        for index, term in enumerate(terms)
    ]
