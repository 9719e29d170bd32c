"""One task with its outputs at a time, as programs send them: the same checks and rules as an import of one row."""

from typing import NamedTuple

from django.db import transaction

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.formats.json_rows import decode_row
from rewards.formats.records import InvalidRow, RowError
from rewards.formats.rubricate_jsonl import parse_task
from rewards.importing.chunk import ChunkWriter
from rewards.importing.chunks import Chunk
from rewards.importing.report import ImportReport
from rewards.models import ImportBatch, Task

_CONFLICTS = {"id", "outputs.id"}


class TakenTask(NamedTuple):
    """`is_new` says whether the task or one of its outputs was not stored like that before."""

    task: Task
    is_new: bool


def take_task(
    project: Project, *, by: User, row: bytes, on_conflict: str = ImportBatch.OnConflict.NEW_VERSION
) -> TakenTask:
    """Store a task as a line of Rubricate's JSONL gives it; all of it or nothing.

    Raises
    ------
    AppError
        `task_invalid` (400) with the field and what was expected, or `task_conflict` (409) where an id is taken.
    """
    try:
        record = parse_task(decode_row(row), 1)
    except InvalidRow as invalid:
        raise _refusal(invalid.at(1), code="task_invalid", status=400) from None
    report = ImportReport()
    with transaction.atomic():
        # Not stored: what came alone belongs to no import.
        ChunkWriter(ImportBatch(project=project, on_conflict=on_conflict)).write(Chunk([record]), report)
        if report.new_errors:
            error = report.new_errors[0]
            is_conflict = error.field in _CONFLICTS
            raise _refusal(
                error,
                code="task_conflict" if is_conflict else "task_invalid",
                status=409 if is_conflict else 400,
            )
        task = Task.objects.of(project).current().get(external_id=record.external_id)
        is_new = any(
            report.counts[name]
            for name in ("tasks_new_version", "outputs_new_version", "rubric_versions", "tasks_relabelled")
        ) or bool(report.inserted["tasks"] + report.inserted["outputs"])
        if is_new:
            record_event(actor=by, verb="task.taken", project=project, target=task, data={"id": task.external_id})
    return TakenTask(task, is_new)


def _refusal(error: RowError, *, code: str, status: int) -> AppError:
    message = f"{error.message}." + (f" Expected {error.expected}." if error.expected else "")
    return AppError(
        f"{error.field}: {message}" if error.field else message,
        code=code,
        status=status,
        fields={error.field: [message]} if error.field else None,
    )
