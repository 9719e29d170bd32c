"""The texts of a few tasks at a time, read by key and ready to be written."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson
from django.db import connection

from rewards.exporting.pairs import output_keys
from rewards.exporting.sources import TaskItems
from rewards.formats import trl

_BATCH_TASKS: Final = 1_000
_BATCH_CHARACTERS: Final = 4_000_000
"""Of the texts of a batch, about: they are in memory several times, as bytes, text and rows."""

TextValue = str | list[dict[str, str]]

# Most prompts and outputs are one message, whose text as such is all that the plain form wants: the database takes it
# out faster than JSON is parsed here. The other messages come whole.
_SIMPLE_TASK: Final = "jsonb_array_length(messages) = 1 AND messages #>> '{0,role}' = 'user'"
_SIMPLE_OUTPUT: Final = "jsonb_array_length(messages) = 1 AND messages #>> '{0,channel}' = 'answer'"
_TASKS: Final = {
    True: "SELECT id, external_id, licence, NULL, messages::text FROM rewards_task WHERE id = ANY(%s::bigint[])",
    False: f"""
        SELECT id, external_id, licence,
               CASE WHEN {_SIMPLE_TASK} THEN messages #>> '{{0,text}}' END,
               CASE WHEN {_SIMPLE_TASK} THEN NULL ELSE messages::text END
        FROM rewards_task WHERE id = ANY(%s::bigint[])""",
}
_OUTPUTS: Final = {
    True: "SELECT id, external_id, NULL, messages::text FROM rewards_output WHERE id = ANY(%s::bigint[])",
    False: f"""
        SELECT id, external_id,
               CASE WHEN {_SIMPLE_OUTPUT} THEN messages #>> '{{0,text}}' END,
               CASE WHEN {_SIMPLE_OUTPUT} THEN NULL ELSE messages::text END
        FROM rewards_output WHERE id = ANY(%s::bigint[])""",
}


class TaskText(NamedTuple):
    external_id: str
    licence: str
    prompt: TextValue


class OutputText(NamedTuple):
    """`completion` is None where the output has no message in the answer channel."""

    external_id: str
    completion: TextValue | None


class Batch(NamedTuple):
    """Some tasks with their rows to be, and the texts of both by key; what was removed meanwhile is missing."""

    items: Sequence[TaskItems]
    tasks: dict[int, TaskText]
    outputs: dict[int, OutputText]
    is_complete: bool
    """Whether every output is there and has an answer: so it is as a rule, and need not be asked row by row."""


def with_texts(items: Iterable[TaskItems], *, conversational: bool) -> Iterator[Batch]:
    """Yield the items in their order with the texts that they need; two queries for up to `_BATCH_TASKS` tasks."""
    remaining = iter(items)
    while some := list(islice(remaining, _BATCH_TASKS)):
        for batch in _by_size(some):
            tasks = _tasks([task.task_id for task in batch], conversational=conversational)
            output_ids = {key for task in batch for item in task.items for key in output_keys(item)}
            outputs = _outputs(output_ids, conversational=conversational)
            answers = sum(output.completion is not None for output in outputs.values())
            yield Batch(batch, tasks, outputs, answers == len(output_ids))


def _by_size(items: Sequence[TaskItems]) -> Iterator[Sequence[TaskItems]]:
    """Cut where texts would pile up; a single task is never cut."""
    start = total = 0
    for index, task in enumerate(items):
        if total and total + task.size > _BATCH_CHARACTERS:
            yield items[start:index]
            start, total = index, 0
        total += task.size
    yield items[start:]


def _tasks(ids: Iterable[int], *, conversational: bool) -> dict[int, TaskText]:
    rows = _read(_TASKS[conversational], ids)
    return {
        pk: TaskText(
            external_id,
            licence,
            trl.prompt_value(orjson.loads(messages), conversational=conversational) if text is None else text,
        )
        for pk, external_id, licence, text, messages in rows
    }


def _outputs(ids: Iterable[int], *, conversational: bool) -> dict[int, OutputText]:
    rows = _read(_OUTPUTS[conversational], ids)
    return {
        pk: OutputText(external_id, _completion(messages, conversational=conversational) if text is None else text)
        for pk, external_id, text, messages in rows
    }


def _completion(messages: str, *, conversational: bool) -> TextValue | None:
    answer = trl.messages_in(orjson.loads(messages))
    return trl.completion_value(answer, conversational=conversational) if answer else None


def _read(statement: str, ids: Iterable[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        # As one text: the driver's conversion of a list costs as much as reading the rows.
        cursor.execute(statement, ["{" + ",".join(map(str, ids)) + "}"])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
