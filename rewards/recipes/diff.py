"""What changed between two versions of a recipe, node by node. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from rewards.recipes.document import normal_form
from rewards.recipes.tree import Recipe

Kind = Literal["added", "removed", "changed"]

ABSENT: Final = None


@dataclass(frozen=True)
class Change:
    """One place where two recipes differ.

    Attributes
    ----------
    path : str
        As errors name it, such as ``reward.terms[0].weight``.
    kind : {"added", "removed", "changed"}
    old, new : object
        As the documents have them; None where there is nothing.
    """

    path: str
    kind: Kind
    old: Any
    new: Any


def diff_recipes(old: Recipe, new: Recipe) -> list[Change]:
    """Changes in the order of the documents' parts: inputs, tokens, nodes, reward, seed, advantage.

    Normal forms are compared, so a default that one of them spells out is no change. A node that became another
    operator or another input is one change, not one for each of its parameters.
    """
    return list(_changes(normal_form(old), normal_form(new), ""))


def _changes(old: Any, new: Any, path: str) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and _same_node(old, new):
        for key in dict.fromkeys([*old, *new]):
            where = f"{path}.{key}" if path else str(key)
            if key not in old:
                yield Change(where, "added", ABSENT, new[key])
            elif key not in new:
                yield Change(where, "removed", old[key], ABSENT)
            else:
                yield from _changes(old[key], new[key], where)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            where = f"{path}[{index}]"
            if index >= len(old):
                yield Change(where, "added", ABSENT, new[index])
            elif index >= len(new):
                yield Change(where, "removed", old[index], ABSENT)
            else:
                yield from _changes(old[index], new[index], where)
    elif old != new:
        yield Change(path, "changed", old, new)


_IDENTITY: Final = ("op", "input", "node", "kind", "estimator")


def _same_node(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether both are the same operator, input, reference or estimator: else their settings have no common names."""
    return all(old.get(key) == new.get(key) for key in _IDENTITY)
