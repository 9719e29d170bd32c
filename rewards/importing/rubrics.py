"""Writes the own rubrics of a chunk's tasks."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson
from django.utils import timezone

from rewards.formats.records import RowError, TaskRecord
from rewards.importing.copying import copy_rows, reserve_ids
from rewards.importing.report import ImportReport
from rewards.models import Criterion, ImportBatch, Rubric, RubricVersion
from rewards.rubrics.content import RubricContent
from rewards.rubrics.parse import RubricError, content_hash, rubric_from_dict, rubric_to_dict


class _NewVersion(NamedTuple):
    rubric_id: int
    number: int
    content: RubricContent
    content_hash: str


def version_note(batch_id: int) -> str:
    """The note of versions that an import wrote: by it an undo finds them."""
    return f"Import {batch_id}"


def parsed_rubrics(records: Sequence[TaskRecord], report: ImportReport) -> dict[str, RubricContent]:
    """The rubrics of the rows by task id; a rubric that cannot be read rejects its row (it is then in neither)."""
    contents = {}
    for record in records:
        if record.rubric is None:
            continue
        try:
            contents[record.external_id] = rubric_from_dict(record.rubric)
        except RubricError as error:
            first = error.problems[0]
            field = "rubric" if first.criterion is None else f"rubric.criteria[{first.criterion}].{first.field}"
            report.reject(RowError(record.row, field, str(error)[:2000], "a rubric", record.file))
    return contents


def write_task_rubrics(batch: ImportBatch, contents: dict[str, RubricContent], report: ImportReport) -> None:
    """Give each task its own rubric, or the rubric a new version; the same content is left alone."""
    if not contents:
        return
    rubrics = {
        rubric.task_external_id: rubric
        for rubric in Rubric.objects.filter(project_id=batch.project_id, task_external_id__in=list(contents))
    }
    missing = [external_id for external_id in contents if external_id not in rubrics]
    created = Rubric.objects.bulk_create(
        [
            Rubric(
                project_id=batch.project_id,
                name=f"Rubric of {external_id}"[:200],
                task_external_id=external_id,
                import_batch_id=batch.pk,
            )
            for external_id in missing
        ]
    )
    rubrics.update(zip(missing, created, strict=True))
    newest = {
        version.rubric_id: version
        for version in RubricVersion.objects.filter(rubric__in=rubrics.values())
        .order_by("rubric_id", "-number")
        .distinct("rubric_id")
    }
    versions = []
    for external_id, content in contents.items():
        rubric_id = rubrics[external_id].pk
        old, new_hash = newest.get(rubric_id), content_hash(content)
        if old is None or old.content_hash != new_hash:
            versions.append(_NewVersion(rubric_id, old.number + 1 if old else 1, content, new_hash))
    _insert(batch, versions)
    report.counts["rubric_versions"] += len(versions)


def _insert(batch: ImportBatch, versions: Sequence[_NewVersion]) -> None:
    ids = reserve_ids(RubricVersion, len(versions))
    now = timezone.now()
    copy_rows(
        RubricVersion,
        ["id", "project_id", "rubric_id", "number", "note", "content_hash", "created_at"],
        (
            (pk, batch.project_id, version.rubric_id, version.number, version_note(batch.pk), version.content_hash, now)
            for pk, version in zip(ids, versions, strict=True)
        ),
    )
    columns = [
        "project_id", "version_id", "position", "key", "title", "text", "kind", "levels", "weight", "importance",
        "must_have", "may_be_na",
    ]  # fmt: skip
    copy_rows(
        Criterion,
        columns,
        (
            (
                batch.project_id,
                pk,
                position,
                row["key"],
                row["title"],
                row["text"],
                row["kind"],
                orjson.dumps(row["levels"]).decode(),
                row["weight"],
                row["importance"] or "",
                row["must_have"],
                row["may_be_na"],
            )
            for pk, version in zip(ids, versions, strict=True)
            for position, row in enumerate(rubric_to_dict(version.content)["criteria"])
        ),
    )
