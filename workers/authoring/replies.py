"""Reading what a model wrote about rubrics: criteria and edits, each kept or dropped with a reason, never repaired."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from rewards.formats.rar import category_of
from rewards.rubrics.content import Criterion, RubricContent
from rewards.rubrics.parse import RubricError, rubric_from_dict
from workers.authoring.prompts import FEWEST_CRITERIA, MOST_CRITERIA
from workers.sources.replies import ParseState, ReplyError, json_object

_TITLE, _KEY = 200, 60
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_ITEM_FIELDS = ("title", "text", "importance", "weight")

Action = Literal["add", "rewrite", "decompose", "delete"]


class Dropped(NamedTuple):
    """An item of a reply that was not taken, as it was written, and why."""

    item: str
    reason: str


@dataclass(frozen=True)
class WrittenRubric:
    """The valid criteria of a reply; `note` says where their number is not what was asked for."""

    content: RubricContent
    dropped: tuple[Dropped, ...]
    note: str


@dataclass(frozen=True)
class EditedRubric:
    """A rubric after the valid edits of a reply, and what was done in a line each."""

    content: RubricContent
    applied: tuple[str, ...]
    dropped: tuple[Dropped, ...]


def read_criteria(reply: str) -> WrittenRubric:
    """The criteria of a reply `{"criteria": [...]}`; invalid ones and those beyond the largest number are dropped.

    Raises
    ------
    ReplyError
        ``no_json``, or ``missing_field`` where no criterion can be taken.
    """
    items = _list_of(json_object(reply), "criteria")
    taken: list[Criterion] = []
    dropped: list[Dropped] = []
    for item in items:
        found = _criterion(item, taken)
        if isinstance(found, str):
            dropped.append(Dropped(_shown(item), found))
        elif len(taken) == MOST_CRITERIA:
            dropped.append(Dropped(_shown(item), f"more than the {MOST_CRITERIA} criteria asked for"))
        else:
            taken.append(found)
    if not taken:
        reasons = "; ".join(f"{each.item}: {each.reason}" for each in dropped[:3])
        raise ReplyError(ParseState.MISSING_FIELD, f"no criterion of the reply can be taken ({reasons})")
    few = f"{len(taken)} criteria: at least {FEWEST_CRITERIA} were asked for" if len(taken) < FEWEST_CRITERIA else ""
    return WrittenRubric(RubricContent(tuple(taken)), tuple(dropped), few)


def read_edits(reply: str, content: RubricContent) -> EditedRubric:
    """The rubric after the edits of a reply `{"edits": [{"action": ...}, ...]}`, in their order.

    A rewritten criterion keeps its key, kind, weight and must-have; the parts of a decomposed one stand in its place
    with its weight, where they give none. The last criterion is never deleted.

    Raises
    ------
    ReplyError
        ``no_json`` or ``missing_field``; no edit at all is an answer, and changes nothing.
    """
    edits = _list_of(json_object(reply), "edits", may_be_empty=True)
    criteria = list(content.criteria)
    applied: list[str] = []
    dropped: list[Dropped] = []
    for edit in edits:
        done = _apply(edit, criteria)
        if done.startswith("!"):
            dropped.append(Dropped(_shown(edit), done[1:]))
        else:
            applied.append(done)
    return EditedRubric(RubricContent(tuple(criteria)), tuple(applied), tuple(dropped))


def _apply(edit: object, criteria: list[Criterion]) -> str:
    """Change `criteria`; what was done, or why not after an exclamation mark."""
    if not isinstance(edit, Mapping):
        return "!not an object with an action"
    action = str(edit.get("action", "")).strip().lower()
    if action == "add":
        added = _criterion(edit, criteria)
        if isinstance(added, str):
            return f"!{added}"
        criteria.append(added)
        return f"added {added.key}"
    if action not in ("rewrite", "decompose", "delete"):
        return f"!no action {action!r}: expected add, rewrite, decompose or delete"
    place = next((index for index, each in enumerate(criteria) if each.key == edit.get("key")), None)
    if place is None:
        return f"!the rubric has no criterion {_short(edit.get('key'))}"
    if action == "delete":
        if len(criteria) == 1:
            return "!it is the last criterion"
        return f"deleted {criteria.pop(place).key}"
    return _rewrite(edit, criteria, place) if action == "rewrite" else _decompose(edit, criteria, place)


def _rewrite(edit: Mapping[str, Any], criteria: list[Criterion], place: int) -> str:
    old = criteria[place]
    others = [criterion for criterion in criteria if criterion is not old]
    found = _criterion({"title": old.title} | dict(edit), others)
    if isinstance(found, str):
        return f"!{found}"
    if found.text == old.text:
        return "!the text is the same"
    criteria[place] = replace(
        old,
        text=found.text,
        title=found.title,
        importance=found.importance or old.importance,
        weight=old.weight if found.weight is None else found.weight,
    )
    return f"rewrote {old.key}"


def _decompose(edit: Mapping[str, Any], criteria: list[Criterion], place: int) -> str:
    old = criteria[place]
    parts: list[Criterion] = []
    into = edit.get("into")
    for item in into if isinstance(into, list) else []:
        found = _criterion(item, [*criteria, *parts])
        if isinstance(found, str):
            return f"!{_short(item)}: {found}"
        unweighed = found.weight is None and found.importance is None
        parts.append(replace(found, weight=old.weight, importance=old.importance) if unweighed else found)
    if len(parts) < 2:
        return "!expected at least two criteria in into"
    criteria[place : place + 1] = parts
    return f"decomposed {old.key} into {', '.join(part.key for part in parts)}"


def _criterion(item: object, others: Collection[Criterion]) -> Criterion | str:
    """A binary criterion that the rubric's own reader takes, or why not."""
    if not isinstance(item, Mapping):
        return "not an object with a text"
    row = {field: item[field] for field in _ITEM_FIELDS if item.get(field) not in (None, "")}
    text = row.get("text", item.get("description"))
    if isinstance(text, str):
        category, row["text"] = category_of(text.strip())
        if category and "importance" not in row:
            row["importance"] = category
    if isinstance(row.get("importance"), str):
        row["importance"] = row["importance"].strip().capitalize()
    row["key"] = _key_of(row.get("title") or row.get("text"), {criterion.key for criterion in others})
    try:
        [criterion] = rubric_from_dict([row]).criteria
    except RubricError as error:
        return "; ".join(f"{problem.field}: {problem.message}" for problem in error.problems)
    same = " ".join(criterion.text.casefold().split())
    twin = next((other for other in others if " ".join(other.text.casefold().split()) == same), None)
    return f"asks the same as {twin.key}" if twin else criterion


def _key_of(words: object, taken: Collection[str]) -> str:
    """A key from the first words that no other criterion has."""
    stem = _NOT_WORD.sub("-", str(words).lower())[:_KEY].strip("-") or "criterion"
    number = 1
    key = stem
    while key in taken:
        number += 1
        key = f"{stem}-{number}"
    return key


def _list_of(reply: Mapping[str, Any], field: str, *, may_be_empty: bool = False) -> list[Any]:
    items = reply.get(field)
    if not isinstance(items, list) or not (items or may_be_empty):
        raise ReplyError(ParseState.MISSING_FIELD, f"the reply's JSON has no list {field}")
    return items


def _shown(item: object) -> str:
    if isinstance(item, Mapping):
        for field in ("text", "description", "title", "key"):
            if isinstance(item.get(field), str) and item[field].strip():
                return _short(item[field])
    return _short(item)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
