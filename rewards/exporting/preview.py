"""What an export would hold, before it is asked for."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

import orjson

from projects.models import Project
from rewards.exporting.build import left_out
from rewards.exporting.choices import ExportChoices, Source
from rewards.exporting.derivation import derive_for
from rewards.exporting.reasons import REASONS
from rewards.exporting.recipes import READS as RECIPE_READS
from rewards.exporting.recipes import reward_rows
from rewards.exporting.rows import Row, Written, dataset_rows
from rewards.exporting.rubrics import READS as RUBRIC_READS
from rewards.exporting.rubrics import rubric_rows
from rewards.exporting.sources import Tally, count_unread, reading_of, task_items
from rewards.formats.registry import REWARDS

READ_AT_MOST = 20_000
"""Judgments: so the answer comes at once, however many there are."""
TASKS_AT_MOST = 1_000
"""Of those that come with their rubrics, which are read whole."""
OUTPUTS_AT_MOST = 400
"""Of a recipe, which is computed over them alone."""
SAMPLES = 3
_CLIPPED = 280


class Cell(NamedTuple):
    """A column of a sample, its text clipped."""

    column: str
    text: str


class Preview(NamedTuple):
    """`is_partial`: only the first `read` judgments were looked at, so all numbers are of those."""

    rows: int
    tasks: int
    read: int
    reads: str
    is_partial: bool
    left_out: list[tuple[str, int]]
    samples: list[list[Cell]]


def preview_of(project: Project, choices: ExportChoices) -> Preview:
    """Count the rows that the first judgments give, and show some; reads narrow rows and three tasks' texts."""
    if choices.source == Source.RUBRICS:
        tally, written = Tally(), Written()
        batches = rubric_rows(project, choices, tally, written, limit=TASKS_AT_MOST)
        return _preview_of_rows(batches, tally, written, RUBRIC_READS, TASKS_AT_MOST)
    if choices.export_format.kind == REWARDS:
        tally, written = Tally(), Written()
        batches = reward_rows(project, choices, tally, written, limit=OUTPUTS_AT_MOST)
        return _preview_of_rows(batches, tally, written, RECIPE_READS, OUTPUTS_AT_MOST)
    tally = Tally()
    reading = reading_of(project, choices, definition_hash=derive_for(project, choices))
    items = task_items(reading, tally, limit=READ_AT_MOST)
    first = list(islice(items, SAMPLES))
    rows, tasks = sum(len(task.items) for task in first), len(first)
    for task in items:
        rows += len(task.items)
        tasks += 1
    is_partial = tally.read >= READ_AT_MOST
    if not is_partial:
        count_unread(project, choices, tally)
    reasons = left_out(tally)
    samples = [
        row for by_split in dataset_rows(first, choices, Tally(), Written()) for of in by_split.values() for row in of
    ]
    return Preview(
        rows=rows,
        tasks=tasks,
        read=tally.read,
        reads=reading.reads,
        is_partial=is_partial,
        left_out=[(REASONS[reason], count) for reason, count in reasons.items()],
        samples=[_cells(row) for row in samples[:SAMPLES]],
    )


def _preview_of_rows(
    batches: Iterable[Mapping[str, list[Row]]], tally: Tally, written: Written, reads: str, limit: int
) -> Preview:
    """Of rows that come whole."""
    samples = [row for by_split in batches for of in by_split.values() for row in of[:SAMPLES]][:SAMPLES]
    return Preview(
        rows=written.rows,
        tasks=written.tasks,
        read=tally.read,
        reads=reads,
        is_partial=tally.read >= limit,
        left_out=[(REASONS[reason], count) for reason, count in left_out(tally).items()],
        samples=[_cells(row) for row in samples],
    )


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    return [Cell(column, _clipped(_text(value))) for column, value in row.items()]


def _text(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict) and "role" in value[0]:
        return "\n".join(f"{message['role']}: {message['content']}" for message in value)
    if isinstance(value, list | dict):
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clipped(text: str) -> str:
    return text if len(text) <= _CLIPPED else text[: _CLIPPED - 1] + "…"
