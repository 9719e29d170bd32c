"""One chunk: the records that are written in one transaction, in the order tasks, outputs, rubrics, judgments."""

from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from projects.models import Project
from rewards.formats.records import OutputRecord, Record, TaskRecord
from rewards.importing.chunks import Chunk
from rewards.importing.judgments import JudgmentWriter
from rewards.importing.outputs import OutputWriter
from rewards.importing.report import ImportReport
from rewards.importing.rubrics import parsed_rubrics, write_task_rubrics
from rewards.importing.tasks import insert_tasks, plan_tasks
from rewards.models import ImportBatch, Task
from rewards.querysets.arrays import one_of


class ChunkWriter:
    """Writes the chunks of one import."""

    def __init__(self, batch: ImportBatch) -> None:
        self._batch = batch
        self._outputs = OutputWriter(batch)
        self._judgments = JudgmentWriter(batch)

    def write(self, chunk: Chunk, report: ImportReport) -> None:
        for error in chunk.errors:
            report.reject(error)
        if not chunk.records:
            return
        before = report.inserted.copy()
        with transaction.atomic():
            self._write(chunk.records, report)
            gained = report.inserted - before
            Project.objects.filter(pk=self._batch.project_id).update(
                task_count=F("task_count") + gained["tasks"],
                output_count=F("output_count") + gained["outputs"],
                judgment_count=F("judgment_count") + gained["judgments"],
            )

    def _write(self, records: Sequence[Record], report: ImportReport) -> None:
        tasks = [record for record in records if isinstance(record, TaskRecord)]
        rubrics = parsed_rubrics(tasks, report)
        tasks = [task for task in tasks if task.rubric is None or task.external_id in rubrics]
        plan = plan_tasks(self._batch, tasks, report)
        outputs = [output for task in tasks for output in task.outputs]
        outputs += [record for record in records if isinstance(record, OutputRecord)]
        new_outputs = self._outputs.plan(outputs, plan.ids | self._earlier_tasks(outputs, plan.ids), report)
        output_counts = Counter(output.task_id for output in new_outputs)
        insert_tasks(self._batch, plan.new, output_counts, report)
        self._outputs.insert(new_outputs, {task.pk for task in plan.new}, report)
        taken = {external_id: content for external_id, content in rubrics.items() if external_id in plan.ids}
        write_task_rubrics(self._batch, taken, report)
        judgments = [record for record in records if not isinstance(record, TaskRecord | OutputRecord)]
        self._judgments.write(judgments, report)

    def _earlier_tasks(self, outputs: Sequence[OutputRecord], known: dict[str, int]) -> dict[str, int]:
        """Ids of tasks that an earlier chunk or import stored and that outputs of this one answer."""
        missing = {output.task_external_id for output in outputs if output.task_external_id not in known}
        if not missing:
            return {}
        found = Task.objects.filter(project_id=self._batch.project_id).current().filter(external_id__in=one_of(missing))
        return dict(found.values_list("external_id", "id"))
