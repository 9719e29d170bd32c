"""Places in a recipe's document, and its changes one at a time; a document is never changed in place. Pure.

A place is a JSON pointer (RFC 6901), such as ``/reward/terms/0/of``: names may hold any character.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rewards.advantages.choice import ESTIMATOR, EXTRAS, INPUT
from rewards.advantages.contract import Need
from rewards.advantages.registry import ESTIMATORS
from rewards.recipes.inputs import KINDS
from rewards.recipes.tree import TERM, VERSION
from rewards.shaping.contract import ONTO, Operator, Slot
from rewards.shaping.registry import OPERATORS
from rewards.shaping.rows import OUTPUT

Document = dict[str, Any]

REWARD: Final = "/reward"
_DEEPEST: Final = 60


class PlaceError(ValueError):
    """A place that leads nowhere in this document."""


def empty_document() -> Document:
    """A recipe before its first input."""
    return {"recipe": VERSION, "inputs": {}, "reward": {"input": ""}}


def below(pointer: str, *keys: str | int) -> str:
    """The place further down."""
    return pointer + "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)


def keys_of(pointer: str) -> list[str]:
    """The keys that a pointer is made of."""
    if pointer and not pointer.startswith("/"):
        raise PlaceError(f"{pointer!r} is no place: expected a slash before each key")
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]


def path_of(pointer: str) -> str:
    """The same place as the reading of recipes names it: ``reward.terms[0].of``."""
    path = ""
    for key in keys_of(pointer):
        path += f"[{key}]" if key.isdecimal() and path else f".{key}" if path else key
    return path


def value_at(document: Any, pointer: str) -> Any:
    """What stands at a place.

    Raises
    ------
    PlaceError
        Where nothing does.
    """
    found = document
    for key in keys_of(pointer):
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            raise PlaceError(f"there is nothing at {path_of(pointer)}")
    return found


def with_value(document: Document, pointer: str, value: Any) -> Document:
    """The document with `value` at a place: an object may get a new key, a list one more at its end."""
    *parents, last = keys_of(pointer) or [""]
    changed = copy.deepcopy(document)
    holder = value_at(changed, "".join(below("", key) for key in parents))
    if isinstance(holder, dict):
        holder[last] = value
    elif isinstance(holder, list) and last.isdecimal() and int(last) <= len(holder):
        holder[int(last) : int(last) + 1] = [value]
    else:
        raise PlaceError(f"nothing can be put at {path_of(pointer)}")
    return changed


def without(document: Document, pointer: str) -> Document:
    """The document without what stands at a place."""
    value_at(document, pointer)
    *parents, last = keys_of(pointer)
    changed = copy.deepcopy(document)
    holder = value_at(changed, "".join(below("", key) for key in parents))
    del holder[int(last) if isinstance(holder, list) else last]
    return changed


def moved(document: Document, pointer: str, by: int) -> Document:
    """The document with an element of a list put `by` places further on; the ends of the list hold."""
    *parents, last = keys_of(pointer)
    value_at(document, pointer)
    changed = copy.deepcopy(document)
    terms = value_at(changed, "".join(below("", key) for key in parents))
    if not isinstance(terms, list):
        raise PlaceError(f"{path_of(pointer)} stands in no list")
    place = min(max(int(last) + by, 0), len(terms) - 1)
    terms.insert(place, terms.pop(int(last)))
    return changed


def renamed_input(document: Document, old: str, new: str) -> Document:
    """The document with an input called otherwise, wherever it is used.

    Raises
    ------
    PlaceError
        For a name that another input has, or an empty one.
    """
    value_at(document, below("", "inputs", old))
    if not new.strip() or (new != old and new in document["inputs"]):
        raise PlaceError(f"inputs.{old}: expected a name that no other input has, not {new!r}")
    changed = copy.deepcopy(document)
    changed["inputs"] = {new if name == old else name: given for name, given in changed["inputs"].items()}
    for node in nodes_in(changed):
        if node.get("input") == old:
            node["input"] = new
    return changed


def with_input(document: Document, name: str, declared: Mapping[str, Any]) -> tuple[Document, str]:
    """The document with one input more, and the name that it got: a number is put after one that is taken.

    Where the reward does not start from anything yet, it starts from the new input.
    """
    changed = copy.deepcopy(document)
    inputs = dict(inputs_of(changed))
    changed["inputs"] = inputs
    base = name.strip() or "input"
    free = base
    number = 2
    while free in inputs:
        free, number = f"{base} {number}", number + 1
    inputs[free] = dict(declared)
    if changed.get("reward") == {"input": ""}:
        changed["reward"] = {"input": free}
    return changed, free


def bound_input(document: Document, pointer: str, declared: Mapping[str, Any]) -> Document:
    """The document with another source for an input, on the level where it stood if the new one can stand there."""
    level = _level_of_input(value_at(document, pointer))
    kind = KINDS.get(str(declared.get("kind")))
    kept = {"level": level} if kind is not None and level in kind.levels else {}
    return with_value(document, pointer, {**declared, **kept})


def inputs_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The declared inputs by name; none where the document declares them in no such way."""
    inputs = document.get("inputs")
    return inputs if isinstance(inputs, Mapping) else {}


def nodes_in(document: Document) -> Iterator[dict[str, Any]]:
    """Every node, from the top down, the named ones too."""
    roots = [document.get("reward")]
    named = document.get("nodes")
    if isinstance(named, dict):
        roots += list(named.values())
    for root in roots:
        yield from _nodes_below(root, 0)


def _nodes_below(node: Any, depth: int) -> Iterator[dict[str, Any]]:
    if not isinstance(node, dict) or depth > _DEEPEST:
        return
    yield node
    operator = OPERATORS.get(str(node.get("op")))
    for slot in operator.slots if operator else ():
        for child in children_in(node, slot):
            yield from _nodes_below(child, depth + 1)


def children_in(node: Mapping[str, Any], slot: Slot) -> list[Any]:
    """The nodes in one slot, as the document has them."""
    given = node.get(slot.name)
    if not slot.many:
        return [] if given is None else [given]
    terms = given if isinstance(given, list) else []
    return [term[TERM] for term in terms if isinstance(term, Mapping) and TERM in term]


def level_of(document: Document, node: Any, depth: int = 0) -> str:
    """On which level a node's numbers stand; empty where that cannot be told."""
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return ""
    if isinstance(node.get("input"), str):
        return _level_of_input(inputs_of(document).get(node["input"]))
    if isinstance(node.get("node"), str):
        named = document.get("nodes")
        return level_of(document, named.get(node["node"]), depth + 1) if isinstance(named, Mapping) else ""
    operator = OPERATORS.get(str(node.get("op")))
    if operator is None:
        return ""
    if operator.gives == "output":
        return OUTPUT
    if operator.gives == "onto":
        return str(node.get(ONTO, next((p.default for p in operator.parameters if p.name == ONTO), "")))
    inside = children_in(node, operator.leading)
    return level_of(document, inside[0], depth + 1) if inside else ""


def _level_of_input(declared: Any) -> str:
    if not isinstance(declared, Mapping):
        return ""
    kind = KINDS.get(str(declared.get("kind")))
    return str(declared.get("level", kind.levels[0] if kind else OUTPUT))


def replaced(document: Document, pointer: str, choice: str) -> Document:
    """The document with another node at a place; what stood inside the old one is kept where it fits.

    Parameters
    ----------
    choice : str
        ``input:NAME``, ``node:NAME`` or ``op:NAME``.

    Raises
    ------
    PlaceError
        For a choice that says nothing, or an operator that there is none of.
    """
    kind, _, name = choice.partition(":")
    if kind in ("input", "node") and name:
        return with_value(document, pointer, {kind: name})
    operator = OPERATORS.get(name) if kind == "op" else None
    if operator is None:
        raise PlaceError(f"{path_of(pointer)}: there is no {choice!r} to put there")
    old = value_at(document, pointer)
    return with_value(document, pointer, new_node(document, operator, _inside(old)))


def wrapped(document: Document, pointer: str, name: str) -> Document:
    """The document with an operator around the node at a place."""
    operator = OPERATORS.get(name)
    if operator is None:
        raise PlaceError(f"{path_of(pointer)}: there is no operator {name!r}")
    return with_value(document, pointer, new_node(document, operator, [value_at(document, pointer)]))


def unwrapped(document: Document, pointer: str) -> Document:
    """The document with an operator taken away from around its first node."""
    inside = _inside(value_at(document, pointer))
    return with_value(document, pointer, inside[0] if inside else {"input": ""})


def with_term(document: Document, pointer: str, choice: str = "") -> Document:
    """The document with one term more in the list at a place; `pointer` names the operator's slot."""
    *parents, last = keys_of(pointer)
    holder = "".join(below("", key) for key in parents)
    operator = OPERATORS.get(str(value_at(document, holder).get("op")))
    slot = operator.slot(last) if operator else None
    if slot is None or not slot.many:
        raise PlaceError(f"{path_of(pointer)} takes no list")
    terms = value_at(document, holder).get(last) or []
    place = below(pointer, len(terms))
    with_slot = with_value(document, pointer, terms)
    # Terms of a list stand on one level: a new one should fit to those that are there.
    beside = level_of(document, terms[0].get(TERM)) if terms and isinstance(terms[0], Mapping) else ""
    added = with_value(with_slot, place, _term(slot, _fitting(document, slot, beside)))
    return replaced(added, below(place, TERM), choice) if choice else added


def new_node(document: Document, operator: Operator, inside: list[Any]) -> dict[str, Any]:
    """An operator with its defaults; `inside` goes into its slots, the first ones first, where the level fits."""
    node: dict[str, Any] = {"op": operator.name}
    left = list(inside)
    # The slot that the result follows gets what was there before; the others come after it.
    for slot in (operator.leading, *(s for s in operator.slots if s is not operator.leading)):
        fits = [child for child in left if slot.takes(level_of(document, child) or OUTPUT)]
        if slot.many:
            taken = fits or [_fitting(document, slot)]
            taken += [_fitting(document, slot)] * max(0, slot.at_least - len(taken))
            node[slot.name] = [_term(slot, child) for child in taken]
        elif fits:
            taken = fits[:1]
            node[slot.name] = taken[0]
        elif slot.optional:
            continue
        else:
            taken = left[:1] if slot is operator.leading and left else [_fitting(document, slot)]
            node[slot.name] = taken[0]
        left = [child for child in left if not any(child is one for one in taken)]
    return node | {parameter.name: parameter.default for parameter in operator.parameters}


def with_estimator(document: Document, name: str) -> Document:
    """The document with another estimator of advantages, its defaults, and an input for each of its needs."""
    changed = {key: value for key, value in document.items() if key != "advantage"}
    if not name:
        return changed
    estimator = ESTIMATORS.get(name)
    if estimator is None:
        raise PlaceError(f"advantage: there is no estimator {name!r}")
    chosen: dict[str, Any] = {ESTIMATOR: name, **{p.name: p.default for p in estimator.parameters}}
    needs = {need.name: [_item(document, need)] for need in estimator.needs if not need.optional}
    return {**changed, "advantage": chosen | ({EXTRAS: needs} if needs else {})}


def with_extra(document: Document, name: str) -> Document:
    """The document with one input more for a need of its estimator."""
    chosen = document.get("advantage")
    estimator = ESTIMATORS.get(str(chosen.get(ESTIMATOR))) if isinstance(chosen, Mapping) else None
    need = estimator.need(name) if estimator else None
    if need is None or not isinstance(chosen, Mapping):
        raise PlaceError(f"advantage.extras.{name}: the estimator does not need it")
    extras = chosen.get(EXTRAS) if isinstance(chosen.get(EXTRAS), Mapping) else {}
    given = (extras or {}).get(name, [])
    items = [*(given if isinstance(given, list) else [given]), _item(document, need)]
    return {**document, "advantage": {**chosen, EXTRAS: {**(extras or {}), name: items}}}


def _item(document: Document, need: Need) -> dict[str, Any]:
    names = list(inputs_of(document))
    fits = [name for name in names if need.takes(level_of(document, {"input": name}))]
    return {INPUT: (fits or names or [""])[0], **{p.name: p.default for p in need.per_item}}


def _term(slot: Slot, node: Any) -> dict[str, Any]:
    return {TERM: node, **{parameter.name: parameter.default for parameter in slot.per_term}}


def _fitting(document: Document, slot: Slot, beside: str = "") -> dict[str, Any]:
    """The first input on the level `beside`, else on one that the slot takes, else the first one, else none yet."""
    levels = {name: level_of(document, {"input": name}) for name in inputs_of(document)}
    fits = [name for name, level in levels.items() if slot.takes(level)]
    same = [name for name in fits if levels[name] == beside]
    return {"input": (same or fits or list(levels) or [""])[0]}


def _inside(node: Any) -> list[Any]:
    """What a node is made of: its nodes, or itself where it is an input or a name."""
    if not isinstance(node, Mapping):
        return []
    operator = OPERATORS.get(str(node.get("op")))
    if operator is None:
        return [node] if node.get("input") or node.get("node") else []
    return [child for slot in operator.slots for child in children_in(node, slot)]
