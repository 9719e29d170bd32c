"""Writes the tasks of a chunk."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson
from django.utils import timezone

from rewards.formats.records import RowError, TaskRecord
from rewards.importing.contents import content_hash_of_task
from rewards.importing.copying import copy_rows, reserve_ids
from rewards.importing.report import ImportReport
from rewards.models import ImportBatch, Task

_COLUMNS = [
    "id", "project_id", "external_id", "version", "is_current", "preview", "messages", "reference", "context", "tags",
    "split", "licence", "metadata", "content_hash", "output_count", "import_batch_id", "created_at",
]  # fmt: skip
_LABELS = ["tags", "split", "licence", "metadata"]
PREVIEW_CHARACTERS = 240


class _Change(NamedTuple):
    record: TaskRecord
    content_hash: str
    version: int


def write_tasks(batch: ImportBatch, records: Sequence[TaskRecord], report: ImportReport) -> dict[str, int]:
    """Insert new tasks and new versions; return the ids by external id of all tasks that the rows may refer to.

    Rows whose id is taken by other content are rejected where the import says so, and are then not in the result.
    """
    hashes = {record.external_id: content_hash_of_task(record) for record in records}
    existing = {
        task.external_id: task
        for task in Task.objects.filter(project_id=batch.project_id)
        .current()
        .filter(external_id__in=list(hashes))
        .only("id", "external_id", "version", "content_hash", "import_batch_id", *_LABELS)
    }
    ids: dict[str, int] = {}
    changes: list[_Change] = []
    for record in records:
        old = existing.get(record.external_id)
        content_hash = hashes[record.external_id]
        if old is None:
            changes.append(_Change(record, content_hash, 1))
        elif old.content_hash == content_hash:
            ids[record.external_id] = old.pk
            report.counts["tasks_created" if old.import_batch_id == batch.pk else "tasks_unchanged"] += 1
            _relabel(old, record, report)
        elif batch.on_conflict == ImportBatch.OnConflict.ROW_ERROR:
            report.reject(_conflict(record))
        else:
            changes.append(_Change(record, content_hash, old.version + 1))
    ids.update(_insert(batch, changes, report))
    return ids


def preview_of(messages: Sequence[object], role: str) -> str:
    """The start of the last message of `role` (else of the last message), white space folded."""
    texts = [m["text"] for m in messages if isinstance(m, dict) and m.get("role") == role]
    last = texts[-1] if texts else next((m["text"] for m in reversed(messages) if isinstance(m, dict)), "")
    return " ".join(str(last)[: 4 * PREVIEW_CHARACTERS].split())[:PREVIEW_CHARACTERS]


def _insert(batch: ImportBatch, changes: Sequence[_Change], report: ImportReport) -> dict[str, int]:
    superseded = [change.record.external_id for change in changes if change.version > 1]
    if superseded:
        Task.objects.filter(project_id=batch.project_id).current().filter(external_id__in=superseded).update(
            is_current=False
        )
    ids = reserve_ids(Task, len(changes))
    now = timezone.now()
    copy_rows(
        Task,
        _COLUMNS,
        (
            (
                pk,
                batch.project_id,
                record.external_id,
                version,
                True,
                preview_of(record.messages, "user"),
                orjson.dumps(record.messages).decode(),
                record.reference,
                record.context,
                list(record.tags),
                record.split,
                record.licence,
                orjson.dumps(record.metadata).decode(),
                content_hash,
                0,
                batch.pk,
                now,
            )
            for pk, (record, content_hash, version) in zip(ids, changes, strict=True)
        ),
    )
    report.counts["tasks_created"] += len(changes) - len(superseded)
    report.inserted["tasks"] += len(changes) - len(superseded)
    report.counts["tasks_new_version"] += len(superseded)
    return {change.record.external_id: pk for pk, change in zip(ids, changes, strict=True)}


def _relabel(task: Task, record: TaskRecord, report: ImportReport) -> None:
    labels = {
        "tags": list(record.tags),
        "split": record.split,
        "licence": record.licence,
        "metadata": dict(record.metadata),
    }
    if any(getattr(task, name) != value for name, value in labels.items()):
        Task.objects.filter(pk=task.pk).update(**labels)
        report.counts["tasks_relabelled"] += 1


def _conflict(record: TaskRecord) -> RowError:
    return RowError(
        record.row,
        "id",
        f"The task {record.external_id!r} is stored with other content",
        "the stored content, a new id, or an import that makes new versions",
        record.file,
    )
