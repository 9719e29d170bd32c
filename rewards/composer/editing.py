"""What a person did on the page, done to the document. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from rewards.composer.document import (
    Document,
    PlaceError,
    below,
    bound_input,
    empty_document,
    inputs_of,
    keys_of,
    moved,
    renamed_input,
    replaced,
    unwrapped,
    with_estimator,
    with_extra,
    with_input,
    with_term,
    with_value,
    without,
    wrapped,
)
from rewards.composer.fields import CHOICE, SHOWN, Field, RecipeForm, fields_of, nodes_of, read_field
from rewards.composer.form import recipe_form
from rewards.composer.naming import NAMED, renamed_node, with_name, without_name
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import TERM
from rewards.shaping.contract import ONTO

NAME: Final = "name:"
"""Before the pointer in the name of the field that says what an input is called."""
BIND: Final = "bind:"
"""Before the pointer in the name of the field by which an input gets another source."""
WRAP: Final = "wrap:"
"""Before the pointer in the name of the field by which an operator is put around a node."""
MAX_CHARACTERS: Final = 200_000

_RESHAPES: Final = frozenset({"level", ONTO})
"""Parameters whose change shows in other places of the tree."""


class Edited(NamedTuple):
    """A document after an edit.

    Attributes
    ----------
    is_reshaped : bool
        More changed than the values of fields, so the tree must be drawn anew.
    focus : str
        The place to go on from, as a pointer; empty where nothing moved.
    """

    document: Document
    is_reshaped: bool = False
    focus: str = ""


def read_json(text: str) -> Document:
    """A document from its text.

    Raises
    ------
    RecipeError
        At ``recipe``: where the text is no JSON object, and what was expected.
    """
    if not text.strip():
        return empty_document()
    if len(text) > MAX_CHARACTERS:
        raise RecipeError({"recipe": f"{len(text):,} characters: expected at most {MAX_CHARACTERS:,}"})
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RecipeError({"recipe": f"{where}: {error.msg[:1].lower()}{error.msg[1:]}, expected JSON"}) from error
    except (ValueError, RecursionError) as error:
        raise RecipeError({"recipe": str(error) or "too deeply nested"}) from error
    if not isinstance(document, dict):
        raise RecipeError({"recipe": "expected an object with inputs and a reward"})
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON: expected a finite one")


def write_json(document: Mapping[str, Any]) -> str:
    """The document as text to read and to edit."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def edited(document: Document, posted: Mapping[str, str]) -> Edited:
    """The document after what the page sent: first the fields, then what nodes are, then the button.

    Raises
    ------
    RecipeError
        Where a button is about a place that is not there.
    """
    form = recipe_form(document, {})
    result = _with_fields(document, form, posted)
    try:
        result = _with_choices(result, form, posted)
        return _pressed(result, posted.get("edit", ""), posted)
    except PlaceError as error:
        raise RecipeError({"recipe": str(error)}) from error


def _with_fields(document: Document, form: RecipeForm, posted: Mapping[str, str]) -> Edited:
    is_reshaped = False
    for one in fields_of(form):
        value = _posted_value(one, posted)
        if value == one.value:
            continue
        document = with_value(document, one.pointer, value)
        is_reshaped |= one.parameter.name in _RESHAPES
    return Edited(document, is_reshaped)


def _posted_value(one: Field, posted: Mapping[str, str]) -> Any:
    """A checkbox that is not ticked is not sent: it is read where the page says that it was there."""
    if one.name in posted:
        return read_field(one, posted[one.name])
    return False if SHOWN + one.pointer in posted else one.value


def _with_choices(edit: Edited, form: RecipeForm, posted: Mapping[str, str]) -> Edited:
    for node in nodes_of(form):
        choice = posted.get(CHOICE + node.pointer, "")
        if choice and choice != node.choice:
            edit = Edited(replaced(edit.document, node.pointer, choice), is_reshaped=True, focus=node.pointer)
        if outer := posted.get(WRAP + node.pointer, ""):
            edit = Edited(wrapped(edit.document, node.pointer, outer), is_reshaped=True, focus=node.pointer)
    estimator = posted.get(f"{CHOICE}/advantage", form.advantage.choice)
    if estimator != form.advantage.choice:
        edit = Edited(with_estimator(edit.document, estimator), is_reshaped=True, focus="/advantage")
    for one in form.inputs:
        if offer := posted.get(BIND + one.pointer, ""):
            bound = bound_input(edit.document, one.pointer, _read_offer(offer)[1])
            edit = Edited(bound, is_reshaped=True, focus=one.pointer)
        new = posted.get(NAME + one.pointer, one.name)
        if new != one.name:
            edit = Edited(renamed_input(edit.document, one.name, new), is_reshaped=True, focus="")
    for old, _ in form.named:
        new = posted.get(NAME + below(NAMED, old), old)
        if new != old:
            edit = Edited(renamed_node(edit.document, old, new), is_reshaped=True, focus="")
    return edit


def _pressed(edit: Edited, pressed: str, posted: Mapping[str, str]) -> Edited:
    verb, _, pointer = pressed.partition(" ")
    document = edit.document
    if verb == "add-input":
        return _with_offer(document, posted.get("offer", ""))
    if verb == "add-term":
        added = with_term(document, pointer)
        n_terms = len(_list_at(added, pointer))
        return Edited(added, is_reshaped=True, focus=below(pointer, n_terms - 1, TERM))
    if verb == "add-extra":
        return Edited(with_extra(document, pointer), is_reshaped=True, focus="/advantage")
    if verb == "add-slot":
        return Edited(with_value(document, pointer, {"input": _first_input(document)}), is_reshaped=True, focus=pointer)
    if verb == "remove":
        return Edited(without(document, pointer), is_reshaped=True, focus="/reward")
    if verb in ("up", "down"):
        place = moved(document, pointer, -1 if verb == "up" else 1)
        return Edited(place, is_reshaped=True, focus=pointer)
    if verb == "give-name":
        named, name = with_name(document, pointer)
        return Edited(named, is_reshaped=True, focus=below(NAMED, name))
    if verb == "take-name":
        return Edited(without_name(document, keys_of(pointer)[-1]), is_reshaped=True, focus="/reward")
    if verb == "unwrap":
        return Edited(unwrapped(document, pointer), is_reshaped=True, focus=pointer)
    return edit


def _with_offer(document: Document, text: str) -> Edited:
    added, named = with_input(document, *_read_offer(text))
    return Edited(added, is_reshaped=True, focus=below("", "inputs", named))


def _read_offer(text: str) -> tuple[str, Mapping[str, Any]]:
    """Name and declaration, as `rewards.composer.offers` writes them into the page."""
    try:
        offer = json.loads(text)
        name, declared = str(offer["name"]), offer["input"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PlaceError("choose what the recipe should start from") from error
    if not isinstance(declared, Mapping):
        raise PlaceError("choose what the recipe should start from")
    return name, declared


def _list_at(document: Document, pointer: str) -> list[Any]:
    found: Any = document
    for key in keys_of(pointer):
        found = found[int(key)] if isinstance(found, list) else found[key]
    return list(found)


def _first_input(document: Document) -> str:
    return next(iter(inputs_of(document)), "")
