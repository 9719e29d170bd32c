"""HealthBench's JSONL: conversations, each with its own rubric of criteria with points (Arora et al. 2025).

A row is `{"prompt": [{"role", "content"}], "prompt_id", "rubrics": [{"criterion", "points", "tags"}], "example_tags",
"ideal_completions_data", "canary"}`. The ideal completion becomes the task's reference. What no column of ours holds
(tags of criteria, the group and the other completions, the canary) stays with the task and is written back, so that a
file is read and written without a loss; a key that a row leaves out comes back as null.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

import orjson

from rewards.formats.identity import SeenIds
from rewards.formats.json_rows import decode_row, kind_of, refuse_unknown_keys
from rewards.formats.records import ROLES, InvalidRow, PromptMessage, RowError, TaskRecord
from rewards.formats.row_files import Columns, ColumnType
from rewards.formats.rubric_rows import Unwritable, binary_criteria, optional_text, plain_number, what
from rewards.formats.rubricate_jsonl import MAX_ID, MAX_TAG
from rewards.formats.sources import SourceFile, lines_of
from rewards.rubrics.parse import MAX_TEXT, rubric_from_dict

NAME: Final = "healthbench"
MOST_POINTS: Final = 10.0
COLUMNS: Final[Columns] = {
    "prompt": ColumnType.MESSAGES,
    "prompt_id": ColumnType.TEXT,
    "rubrics": ColumnType.POINTS,
    "example_tags": ColumnType.TEXTS,
    "ideal_completions_data": ColumnType.IDEAL,
    "canary": ColumnType.TEXT,
}
_IDEAL_KEYS: Final = ("ideal_completion", "ideal_completions_group", "ideal_completions_ref_completions")
_MESSAGE_KEYS: Final = frozenset({"role", "content"})
_CRITERION_KEYS: Final = frozenset({"criterion", "points", "tags"})


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[TaskRecord | RowError]:
    """Yield the tasks of the files, each with its rubric; a line with any fault is one `RowError` and no task."""
    seen = SeenIds()
    for source in files:
        for line in lines_of(source):
            if isinstance(line, RowError):
                yield line
                continue
            if not line.raw or line.raw.isspace():
                continue
            try:
                task = parse_row(decode_row(line.raw), line.number, source.name)
                if not seen.add(task.external_id):
                    raise InvalidRow(
                        "prompt_id", f"The id {task.external_id!r} is used by an earlier row", "an id of its own"
                    )
            except InvalidRow as invalid:
                yield invalid.at(line.number, source.name)
            else:
                yield task


def write(tasks: Iterable[TaskRecord], file: BinaryIO) -> int:
    """Write tasks with rubrics so that `read` gives them back unchanged; return their number.

    Raises
    ------
    Unwritable
        For a task that the format cannot hold.
    """
    count = 0
    for task in tasks:
        file.write(orjson.dumps(row_of(task), option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count


def parse_row(data: object, row: int, file: str = "") -> TaskRecord:
    """Check one decoded line; InvalidRow names the path of the first field that is wrong."""
    if type(data) is not dict:
        raise InvalidRow("", f"The row is {kind_of(data)}", "one JSON object a line")
    if not data.keys() <= COLUMNS.keys():
        refuse_unknown_keys(data, frozenset(COLUMNS))
    criteria, tags = _criteria(data.get("rubrics"))
    ideal = _ideal(data.get("ideal_completions_data"))
    kept = {
        "criterion_tags": tags,
        "canary": optional_text(data.get("canary"), "canary"),
        "ideal": None if ideal is None else {name: ideal.get(name) for name in _IDEAL_KEYS[1:]},
    }
    return TaskRecord(
        row,
        _id(data.get("prompt_id")),
        _prompt(data.get("prompt")),
        reference=ideal["ideal_completion"] if ideal else None,
        tags=_texts(data.get("example_tags"), "example_tags", MAX_TAG),
        metadata={NAME: kept},
        rubric={"criteria": criteria},
        file=file,
    )


def row_of(task: TaskRecord) -> dict[str, Any]:
    """The row that holds a task with its rubric.

    Raises
    ------
    Unwritable
        Where there is no rubric, a criterion is not binary, or its points are beyond 10.
    """
    if task.rubric is None:
        raise Unwritable("no_rubric")
    kept = task.metadata.get(NAME)
    kept = kept if isinstance(kept, dict) else {}
    tags = kept.get("criterion_tags") or {}
    rubrics = []
    for criterion in binary_criteria(rubric_from_dict(task.rubric)):
        if abs(criterion.effective_weight) > MOST_POINTS:
            raise Unwritable("points_out_of_range")
        rubrics.append(
            {
                "criterion": criterion.text,
                "points": plain_number(criterion.effective_weight),
                "tags": list(tags.get(criterion.key, [])),
            }
        )
    return {
        "prompt": [{"role": message["role"], "content": message["text"]} for message in task.messages],
        "prompt_id": task.external_id,
        "rubrics": rubrics,
        "example_tags": list(task.tags),
        "ideal_completions_data": _ideal_of(task.reference, kept.get("ideal")),
        "canary": kept.get("canary"),
    }


def _ideal_of(reference: str | None, ideal: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if reference is None and ideal is None:
        return None
    rest = ideal or {}
    return {"ideal_completion": reference} | {name: rest.get(name) for name in _IDEAL_KEYS[1:]}


def _id(value: object) -> str:
    if type(value) is not str:
        raise InvalidRow("prompt_id", "It is missing" if value is None else f"It is {kind_of(value)}", "a string")
    if not value.strip() or len(value) > MAX_ID:
        raise InvalidRow("prompt_id", f"It has {len(value):,} characters", f"1 to {MAX_ID}, not all spaces")
    return value


def _prompt(value: object) -> list[PromptMessage]:
    if type(value) is not list or not value:
        raise InvalidRow("prompt", what(value), "a list of at least one message")
    messages: list[PromptMessage] = []
    for index, message in enumerate(value):
        at = f"prompt[{index}]"
        if type(message) is not dict:
            raise InvalidRow(at, f"It is {kind_of(message)}", "an object with role and content")
        if not message.keys() <= _MESSAGE_KEYS:
            refuse_unknown_keys(message, _MESSAGE_KEYS, at)
        role, content = message.get("role"), message.get("content")
        if type(role) is not str or role not in ROLES:
            raise InvalidRow(f"{at}.role", what(role), "one of " + ", ".join(sorted(ROLES)))
        if type(content) is not str:
            raise InvalidRow(f"{at}.content", what(content), "a string")
        messages.append({"role": role, "text": content})
    return messages


def _criteria(value: object) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Criteria as rubrics are parsed from, and their tags by key."""
    if type(value) is not list or not value:
        raise InvalidRow("rubrics", what(value), "a list of at least one criterion")
    criteria: list[dict[str, Any]] = []
    tags: dict[str, list[str]] = {}
    for index, data in enumerate(value):
        at = f"rubrics[{index}]"
        if type(data) is not dict:
            raise InvalidRow(at, f"It is {kind_of(data)}", "an object with criterion and points")
        if not data.keys() <= _CRITERION_KEYS:
            refuse_unknown_keys(data, _CRITERION_KEYS, at)
        key = f"criterion-{index + 1}"
        criteria.append(
            {
                "key": key,
                "text": _criterion_text(data.get("criterion"), f"{at}.criterion"),
                "weight": _points(data.get("points"), f"{at}.points"),
            }
        )
        tags[key] = _texts(data.get("tags"), f"{at}.tags", None)
    return criteria, tags


def _criterion_text(value: object, at: str) -> str:
    if type(value) is not str or not value.strip():
        raise InvalidRow(at, what(value), "the text of the criterion")
    if len(value) > MAX_TEXT:
        raise InvalidRow(at, f"It has {len(value):,} characters", f"at most {MAX_TEXT:,}")
    return value


def _points(value: object, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST_POINTS <= value <= MOST_POINTS:
        raise InvalidRow(at, what(value), f"a number from {-MOST_POINTS:g} to {MOST_POINTS:g}")
    return float(value)


def _ideal(value: object) -> dict[str, Any] | None:
    at = "ideal_completions_data"
    if value is None:
        return None
    if type(value) is not dict:
        raise InvalidRow(at, f"It is {kind_of(value)}", "an object or null")
    refuse_unknown_keys(value, frozenset(_IDEAL_KEYS), at)
    for name in _IDEAL_KEYS[:2]:
        optional_text(value.get(name), f"{at}.{name}")
    others = value.get(_IDEAL_KEYS[2])
    if others is not None:
        _texts(others, f"{at}.{_IDEAL_KEYS[2]}", None)
    return {name: value.get(name) for name in _IDEAL_KEYS}


def _texts(value: object, at: str, longest: int | None) -> list[str]:
    if value is None:
        return []
    if type(value) is not list:
        raise InvalidRow(at, f"It is {kind_of(value)}", "a list of strings")
    for index, text in enumerate(value):
        if type(text) is not str:
            raise InvalidRow(f"{at}[{index}]", f"It is {kind_of(text)}", "a string")
        if longest is not None and not 0 < len(text) <= longest:
            raise InvalidRow(f"{at}[{index}]", f"It has {len(text):,} characters", f"1 to {longest}")
    return value
