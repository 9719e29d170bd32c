"""Writes the tasks of a chunk."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
from django.utils import timezone

from rewards.formats.records import RowError, TaskRecord
from rewards.importing.contents import content_hash_of_task
from rewards.importing.copying import array_literal, copy_rows, reserve_ids
from rewards.importing.report import ImportReport
from rewards.models import ImportBatch, Task
from rewards.querysets.arrays import one_of

_COLUMNS = [
    "id", "project_id", "external_id", "version", "is_current", "preview", "messages", "reference", "context", "tags",
    "split", "licence", "metadata", "content_hash", "output_count", "import_batch_id", "created_at",
]  # fmt: skip
_LABELS = ["tags", "split", "licence", "metadata"]
PREVIEW_CHARACTERS = 240


class NewTask(NamedTuple):
    """A task, or a version of one, that is to be inserted under an id which is reserved already."""

    pk: int
    record: TaskRecord
    content_hash: str
    version: int


class TaskPlan(NamedTuple):
    """What is to be inserted, and the ids of all tasks that the rows may refer to, stored or not, by external id."""

    new: list[NewTask]
    ids: dict[str, int]


def plan_tasks(batch: ImportBatch, records: Sequence[TaskRecord], report: ImportReport) -> TaskPlan:
    """Find out which rows are new tasks or new versions, and relabel the tasks that stand.

    Rows whose id is taken by other content are rejected where the import says so, and are then not in the plan.
    """
    hashes = {record.external_id: content_hash_of_task(record) for record in records}
    existing = {
        task.external_id: task
        for task in Task.objects.filter(project_id=batch.project_id)
        .current()
        .filter(external_id__in=one_of(hashes))
        .only("id", "external_id", "version", "content_hash", "import_batch_id", *_LABELS)
    }
    ids: dict[str, int] = {}
    changes: list[tuple[TaskRecord, str, int]] = []
    for record in records:
        old = existing.get(record.external_id)
        content_hash = hashes[record.external_id]
        if old is None:
            changes.append((record, content_hash, 1))
        elif old.content_hash == content_hash:
            ids[record.external_id] = old.pk
            report.counts["tasks_created" if old.import_batch_id == batch.pk else "tasks_unchanged"] += 1
            _relabel(old, record, report)
        elif batch.on_conflict == ImportBatch.OnConflict.ROW_ERROR:
            report.reject(_conflict(record))
        else:
            changes.append((record, content_hash, old.version + 1))
    new = [NewTask(pk, *change) for pk, change in zip(reserve_ids(Task, len(changes)), changes, strict=True)]
    ids.update((task.record.external_id, task.pk) for task in new)
    return TaskPlan(new, ids)


def insert_tasks(
    batch: ImportBatch, tasks: Sequence[NewTask], output_counts: Mapping[int, int], report: ImportReport
) -> None:
    """Insert what was planned; `output_counts` by task id says how many outputs will come.

    A task is stored with its final count, because an update would write the row and its index entries once more.
    """
    superseded = [task.record.external_id for task in tasks if task.version > 1]
    if superseded:
        Task.objects.filter(project_id=batch.project_id).current().filter(external_id__in=superseded).update(
            is_current=False
        )
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
                array_literal(record.tags),
                record.split,
                record.licence,
                orjson.dumps(record.metadata).decode(),
                content_hash,
                output_counts.get(pk, 0),
                batch.pk,
                now,
            )
            for pk, record, content_hash, version in tasks
        ),
    )
    report.counts["tasks_created"] += len(tasks) - len(superseded)
    report.inserted["tasks"] += len(tasks) - len(superseded)
    report.counts["tasks_new_version"] += len(superseded)


def preview_of(messages: Sequence[object], role: str) -> str:
    """The start of the last message of `role` (else of the last message), white space folded."""
    texts = [m["text"] for m in messages if isinstance(m, dict) and m.get("role") == role]
    last = texts[-1] if texts else next((m["text"] for m in reversed(messages) if isinstance(m, dict)), "")
    # White space may fold, so more than a preview's length is looked at; as a rule the first stretch is enough.
    text = str(last)
    folded = " ".join(text[: PREVIEW_CHARACTERS + 60].split())
    if len(folded) < PREVIEW_CHARACTERS and len(text) > PREVIEW_CHARACTERS + 60:
        folded = " ".join(text[: 4 * PREVIEW_CHARACTERS].split())
    return folded[:PREVIEW_CHARACTERS]


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
