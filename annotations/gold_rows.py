"""Right answers as rows: of a CSV or JSONL file, of the API, or of a column that came with the tasks.

A row names its task, the kind of check, the answer by question, and optionally the outputs in the order of the labels
that the answer speaks of, an explanation, and marks of its own.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from annotations.checks import KNOWN, Kind
from annotations.models import Campaign
from annotations.protocols import Problems
from projects.errors import AppError
from rewards.models import Task
from rewards.text import check_text

MAX_ROWS = 2_000
MAX_EXPLANATION = 10_000
COLUMNS = ("task", "kind", "answer", "outputs", "explanation", "pass_marks")


@dataclass(frozen=True)
class GoldRow:
    """One right answer; `outputs` are external ids, the first one is A, and empty for the item's own order."""

    number: int
    task: str
    kind: str
    answer: Mapping[str, Any]
    outputs: tuple[str, ...] = ()
    explanation: str = ""
    pass_marks: Mapping[str, float] = field(default_factory=dict)


def rows_of_file(name: str, content: bytes) -> list[GoldRow]:
    """Read a file: CSV where the name ends so, else a JSON object a line.

    Raises
    ------
    AppError
        ``gold_invalid`` with every problem by ``rows.<number>.<column>``, the first row being 1.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = gettext("Expected UTF-8: byte %(start)s is none.") % {"start": error.start}
        raise AppError(message, code="gold_invalid", fields={"file": [message]}) from error
    problems = Problems()
    entries = _csv_entries(text) if name.lower().endswith(".csv") else _json_lines(text, problems)
    return _read(entries, problems)


def rows_of_data(entries: Iterable[Any]) -> list[GoldRow]:
    """Read objects as the API gets them; raises as `rows_of_file`."""
    return _read(list(entries), Problems())


def rows_of_column(campaign: Campaign, column: str) -> list[GoldRow]:
    """Read a column that was imported with the tasks: of each current one that has it; raises as `rows_of_file`."""
    tasks = Task.objects.of(campaign.project).current().filter(metadata__has_key=column).order_by("id")
    found = tasks.values_list("external_id", f"metadata__{column}")[: MAX_ROWS + 1]
    entries = []
    for task, value in found:
        told = _parsed(value)
        entries.append({"task": task, **told} if isinstance(told, Mapping) else {"task": task, "answer": told})
    if not entries:
        message = gettext("No task has a column %(column)s.") % {"column": column}
        raise AppError(message, code="gold_invalid", fields={"column": [message]})
    return _read(entries, Problems())


def _csv_entries(text: str) -> list[Any]:
    return [{key: value for key, value in row.items() if key and value} for row in csv.DictReader(io.StringIO(text))]


def _json_lines(text: str, problems: Problems) -> list[Any]:
    entries = []
    for number, line in enumerate((line for line in text.splitlines() if line.strip()), start=1):
        try:
            entries.append(json.loads(line))
        except ValueError as error:
            problems.add(f"rows.{number}", gettext("Expected a JSON object: %(error)s.") % {"error": error})
            entries.append({})
    return entries


def _read(entries: list[Any], problems: Problems) -> list[GoldRow]:
    if not 1 <= len(entries) <= MAX_ROWS:
        problems.add(
            "rows",
            gettext("Expected 1 to %(max_rows)s rows, got %(entries)s.")
            % {"max_rows": f"{MAX_ROWS:,}", "entries": f"{len(entries):,}"},
        )
        entries = []
    rows = [_row(entry, number, problems) for number, entry in enumerate(entries, start=1)]
    problems.refuse(code="gold_invalid", message=gettext("Nothing was taken."))
    return rows


def _row(entry: Any, number: int, problems: Problems) -> GoldRow:
    where = f"rows.{number}"
    if not isinstance(entry, Mapping):
        problems.add(where, gettext("Expected an object."))
        entry = {}
    for name in entry:
        if name not in COLUMNS:
            problems.add(
                f"{where}.{name}",
                gettext("There is no such column: expected %(columns)s.") % {"columns": ", ".join(COLUMNS)},
            )
    task = entry.get("task")
    if not isinstance(task, str) or not task:
        problems.add(f"{where}.task", gettext("Expected the external id of a task."))
    kind = entry.get("kind") or Kind.GOLD
    if kind not in KNOWN:
        problems.add(f"{where}.kind", gettext("Expected one of %(known)s.") % {"known": ", ".join(KNOWN)})
    answer = _parsed(entry.get("answer"))
    if not isinstance(answer, Mapping) or not answer:
        problems.add(f"{where}.answer", gettext("Expected an object with an answer by question."))
        answer = {}
    return GoldRow(
        number, str(task), str(kind), answer, _outputs(entry.get("outputs"), where, problems),
        _explanation(entry.get("explanation"), where, problems), _marks(entry.get("pass_marks"), where, problems),
    )  # fmt: skip


def _outputs(value: Any, where: str, problems: Problems) -> tuple[str, ...]:
    outputs = _parsed(value) or []
    if not isinstance(outputs, list) or not all(isinstance(one, str) for one in outputs):
        problems.add(f"{where}.outputs", gettext("Expected a list of external ids, the first one being A."))
        return ()
    return tuple(outputs)


def _explanation(value: Any, where: str, problems: Problems) -> str:
    text = value or ""
    if not isinstance(text, str) or len(text) > MAX_EXPLANATION:
        problems.add(
            f"{where}.explanation",
            gettext("Expected a text of at most %(max_explanation)s characters.")
            % {"max_explanation": f"{MAX_EXPLANATION:,}"},
        )
        return ""
    try:
        check_text(text)
    except ValueError as error:
        problems.add(f"{where}.explanation", f"{error}.")
    return text


def _marks(value: Any, where: str, problems: Problems) -> dict[str, float]:
    marks = _parsed(value) or {}
    is_read = isinstance(marks, Mapping) and all(
        isinstance(mark, int | float) and not isinstance(mark, bool) and 0 < mark <= 1 for mark in marks.values()
    )
    if not is_read:
        problems.add(
            f"{where}.pass_marks", gettext("Expected an object with a number above 0 and up to 1 by question.")
        )
        return {}
    return {str(key): float(mark) for key, mark in marks.items()}


def _parsed(value: Any) -> Any:
    """A cell of a CSV file holds JSON as text; what is none stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
