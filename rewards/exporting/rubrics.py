"""Tasks with the rubrics of their own as rows of a dataset."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from django.db.models import QuerySet

from projects.models import Project
from rewards.exporting.choices import ExportChoices
from rewards.exporting.rows import Row, Written
from rewards.exporting.sources import Tally
from rewards.formats import healthbench, rar
from rewards.formats.records import TaskRecord
from rewards.formats.rubric_rows import Unwritable
from rewards.formats.splits import split_of
from rewards.models import RubricVersion, Task
from rewards.rubrics.parse import rubric_to_dict

READS: Final = "tasks"
_BATCH_TASKS: Final = 200
_ROW_OF: Final[Mapping[str, Callable[[TaskRecord], dict[str, Any]]]] = {
    healthbench.NAME: healthbench.row_of,
    rar.NAME: rar.row_of,
}


def tasks_in_scope(project: Project, choices: ExportChoices) -> QuerySet[Task]:
    """The current tasks that the choices leave, in the order of import."""
    tasks = Task.objects.of(project).current()
    if choices.tag:
        tasks = tasks.filter(tags__contains=[choices.tag])
    if choices.split:
        tasks = tasks.filter(split=choices.split)
    return tasks.order_by("id")


def rubric_rows(
    project: Project, choices: ExportChoices, tally: Tally, written: Written, *, limit: int | None = None
) -> Iterator[Mapping[str, list[Row]]]:
    """Yield some rows at a time by split, counting them in `written` and what makes none in `tally`.

    Three queries for each `_BATCH_TASKS` tasks; with `limit`, only so many tasks are looked at.
    """
    tasks = tasks_in_scope(project, choices)[:limit]
    for some in _batches(tasks.iterator(chunk_size=_BATCH_TASKS)):
        versions = _own_rubrics(project, some)
        by_split: dict[str, list[Row]] = defaultdict(list)
        for task in some:
            tally.read += 1
            try:
                row = _ROW_OF[choices.export_format.kind](_record_of(task, versions.get(task.external_id)))
            except Unwritable as refusal:
                tally.left_out[refusal.reason] += 1
                continue
            by_split[split_of(task.external_id, choices.fractions, choices.seed)].append(row)
            written.rows += 1
            written.tasks += 1
            written.licences[task.licence] += 1
        yield by_split


def _batches(tasks: Iterable[Task]) -> Iterator[Sequence[Task]]:
    remaining = iter(tasks)
    while some := list(islice(remaining, _BATCH_TASKS)):
        yield some


def _own_rubrics(project: Project, tasks: Sequence[Task]) -> dict[str, RubricVersion]:
    """The newest version of each task's own rubric by the task's external id; two queries."""
    newest = RubricVersion.objects.newest_of_tasks(project)
    found = newest.filter(rubric__task_external_id__in=[task.external_id for task in tasks]).select_related("rubric")
    return {str(version.rubric.task_external_id): version for version in found.with_criteria()}


def _record_of(task: Task, version: RubricVersion | None) -> TaskRecord:
    return TaskRecord(
        0,
        task.external_id,
        task.messages,
        task.reference,
        task.context,
        task.tags,
        task.split,
        task.licence,
        task.metadata,
        rubric_to_dict(version.content()) if version else None,
    )
