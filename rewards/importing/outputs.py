"""Writes the outputs of a chunk."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import orjson
from django.db.models import F
from django.utils import timezone

from rewards.formats.records import OutputRecord, RowError
from rewards.importing.contents import content_hash_of_output
from rewards.importing.copying import copy_rows, reserve_ids
from rewards.importing.report import ImportReport
from rewards.importing.tasks import preview_of
from rewards.models import ImportBatch, Output, Policy, Task
from rewards.querysets.arrays import one_of

_COLUMNS = [
    "id", "project_id", "task_id", "policy_id", "external_id", "version", "is_current", "preview", "messages",
    "char_count", "generation", "content_hash", "import_batch_id", "created_at",
]  # fmt: skip


class NewOutput(NamedTuple):
    """An output, or a version of one, that is to be inserted."""

    record: OutputRecord
    content_hash: str
    task_id: int
    version: int


class OutputWriter:
    """Remembers the policies of one import, which every chunk names again."""

    def __init__(self, batch: ImportBatch) -> None:
        self._batch = batch
        self._policies: dict[str, int] = {}

    def plan(
        self, records: Sequence[OutputRecord], task_ids: Mapping[str, int], report: ImportReport
    ) -> list[NewOutput]:
        """Find out which rows are new outputs or new versions.

        An output whose task got a new version becomes a new version too: it answers another prompt now. One whose task
        was rejected is rejected with it.
        """
        existing = {
            output.external_id: output
            for output in Output.objects.filter(project_id=self._batch.project_id)
            .current()
            .filter(external_id__in=one_of(record.external_id for record in records))
            .only("id", "external_id", "version", "content_hash", "task_id", "task__external_id", "import_batch_id")
            .select_related("task")
        }
        new: list[NewOutput] = []
        for record in records:
            task_id = task_ids.get(record.task_external_id)
            if task_id is None:
                report.counts["outputs_without_task"] += 1
                continue
            old = existing.get(record.external_id)
            content_hash = content_hash_of_output(record)
            if old is None:
                new.append(NewOutput(record, content_hash, task_id, 1))
            elif old.content_hash == content_hash and old.task_id == task_id:
                mine = old.import_batch_id == self._batch.pk
                report.counts["outputs_created" if mine else "outputs_unchanged"] += 1
            elif old.task.external_id != record.task_external_id:
                report.reject(_taken(record, old.task.external_id))
            elif self._batch.on_conflict == ImportBatch.OnConflict.ROW_ERROR:
                report.reject(_conflict(record))
            else:
                new.append(NewOutput(record, content_hash, task_id, old.version + 1))
        return new

    def insert(self, outputs: Sequence[NewOutput], new_tasks: Container[int], report: ImportReport) -> None:
        """Insert what was planned, and tell tasks that were there before (not in `new_tasks`) how many they gain."""
        superseded = [output.record.external_id for output in outputs if output.version > 1]
        if superseded:
            self._retire(superseded)
        self._learn_policies({output.record.policy for output in outputs})
        ids = reserve_ids(Output, len(outputs))
        now = timezone.now()
        copy_rows(
            Output,
            _COLUMNS,
            (
                (
                    pk,
                    self._batch.project_id,
                    task_id,
                    self._policies.get(record.policy),
                    record.external_id,
                    version,
                    True,
                    preview_of(record.messages, "assistant"),
                    orjson.dumps(record.messages).decode(),
                    sum(len(message["text"]) for message in record.messages),
                    orjson.dumps(record.generation).decode(),
                    content_hash,
                    self._batch.pk,
                    now,
                )
                for pk, (record, content_hash, task_id, version) in zip(ids, outputs, strict=True)
            ),
        )
        gains = Counter(output.task_id for output in outputs if output.task_id not in new_tasks)
        for count, tasks in _tasks_by_count(gains).items():
            Task.objects.filter(pk__in=tasks).update(output_count=F("output_count") + count)
        report.counts["outputs_created"] += len(outputs) - len(superseded)
        report.inserted["outputs"] += len(outputs) - len(superseded)
        report.counts["outputs_new_version"] += len(superseded)

    def _retire(self, external_ids: Sequence[str]) -> None:
        retired = (
            Output.objects.filter(project_id=self._batch.project_id).current().filter(external_id__in=external_ids)
        )
        for count, tasks in _tasks_by_count(Counter(retired.values_list("task_id", flat=True))).items():
            Task.objects.filter(pk__in=tasks).update(output_count=F("output_count") - count)
        retired.update(is_current=False)

    def _learn_policies(self, names: set[str]) -> None:
        unknown = names - self._policies.keys() - {""}
        if not unknown:
            return
        project_id = self._batch.project_id
        Policy.objects.bulk_create(
            [Policy(project_id=project_id, name=name) for name in sorted(unknown)], ignore_conflicts=True
        )
        found = Policy.objects.filter(project_id=project_id, name__in=unknown)
        self._policies.update(found.values_list("name", "id"))


def _tasks_by_count(counts: Counter[int]) -> dict[int, list[int]]:
    """Group tasks by how many outputs they gain: most chunks need one update."""
    grouped: dict[int, list[int]] = {}
    for task_id, count in counts.items():
        grouped.setdefault(count, []).append(task_id)
    return grouped


def _conflict(record: OutputRecord) -> RowError:
    return RowError(
        record.row,
        "outputs.id",
        f"The output {record.external_id!r} is stored with other content",
        "the stored content, a new id, or an import that makes new versions",
        record.file,
    )


def _taken(record: OutputRecord, task_external_id: str) -> RowError:
    return RowError(
        record.row,
        "outputs.id",
        f"The output id {record.external_id!r} belongs to the task {task_external_id!r}",
        "an id that no output of another task has",
        record.file,
    )
