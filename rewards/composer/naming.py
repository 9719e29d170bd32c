"""Named nodes of a recipe's document: a node gets a name, another name, or goes back to where it is used. Pure.

A named node is computed once, wherever it is used.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from rewards.composer.document import (
    Document,
    PlaceError,
    below,
    children_in,
    nodes_in,
    value_at,
    with_value,
    without,
)
from rewards.shaping.registry import OPERATORS

NAMED: Final = below("", "nodes")


def with_name(document: Document, pointer: str) -> tuple[Document, str]:
    """The document with the operator at a place as a named node, used there by its name; and that name.

    Raises
    ------
    PlaceError
        For a node that is no operator, or has a name already.
    """
    node = value_at(document, pointer)
    operator = OPERATORS.get(str(node.get("op"))) if isinstance(node, Mapping) else None
    if operator is None:
        raise PlaceError("only an operator gets a name: an input has one")
    holder, _, last = pointer.rpartition("/")
    if holder == NAMED:
        raise PlaceError(f"{last} has a name already")
    named = dict(_named(document))
    name, number = operator.label.lower(), 2
    while name in named:
        name, number = f"{operator.label.lower()} {number}", number + 1
    changed = with_value(document, pointer, {"node": name})
    return {**changed, "nodes": {**dict(_named(changed)), name: copy.deepcopy(dict(node))}}, name


def renamed_node(document: Document, old: str, new: str) -> Document:
    """The document with a named node called otherwise, wherever it is used.

    Raises
    ------
    PlaceError
        For a name that another node has, or an empty one.
    """
    value_at(document, below(NAMED, old))
    if not new.strip() or (new != old and new in _named(document)):
        raise PlaceError(f"nodes.{old}: expected a name that no other node has, not {new!r}")
    changed = copy.deepcopy(document)
    changed["nodes"] = {new if name == old else name: node for name, node in changed["nodes"].items()}
    for node in nodes_in(changed):
        if node.get("node") == old:
            node["node"] = new
    return changed


def without_name(document: Document, name: str) -> Document:
    """The document with a copy of a named node wherever its name was used; one that nothing uses is gone.

    Raises
    ------
    PlaceError
        For a name that there is none of, or a node that is made of itself.
    """
    node = value_at(document, below(NAMED, name))
    if _uses(node, name):
        raise PlaceError(f"nodes.{name} is made of itself")
    changed = without(document, below(NAMED, name))
    for user in list(nodes_in(changed)):
        if user.get("node") == name:
            user.clear()
            user.update(copy.deepcopy(node))
    return changed if changed["nodes"] else without(changed, NAMED)


def _named(document: Mapping[str, Any]) -> Mapping[str, Any]:
    named = document.get("nodes")
    return named if isinstance(named, Mapping) else {}


def _uses(node: Any, name: str) -> bool:
    if not isinstance(node, Mapping):
        return False
    operator = OPERATORS.get(str(node.get("op")))
    inside = [child for slot in operator.slots for child in children_in(node, slot)] if operator else []
    return node.get("node") == name or any(_uses(child, name) for child in inside)
