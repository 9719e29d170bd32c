"""Takes the rows of an import out again, unless something else has come to depend on them."""

from collections.abc import Mapping

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.deletion import RestrictedError
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project
from rewards.actions.erasing import purge_judgments
from rewards.importing.rubrics import version_note
from rewards.models import ImportBatch, Judgment, Output, RewardSignal, Rubric, RubricVersion, Task


def remove_rows(batch: ImportBatch) -> Mapping[str, int]:
    """Delete what `batch` created and make the versions before it current again; return what was removed, by name.

    Call it in a transaction: it raises AppError `import_in_use`, with nothing to be kept, where rows are depended on.
    """
    _refuse_if_in_use(batch)
    removed = {"judgments": _remove_judgments(batch)}
    try:
        removed["outputs"] = _remove_versions(Output.objects.filter(import_batch=batch))
        removed["tasks"] = _remove_versions(Task.objects.filter(import_batch=batch))
        rubrics = Rubric.objects.filter(import_batch=batch)
        removed["rubrics"] = rubrics.count()
        rubrics.delete()
        # What is left of the versions stands on rubrics that were there before: those keep the versions before it.
        _versions_of(batch).delete()
    except RestrictedError as error:
        raise _in_use(gettext("campaigns or verdicts refer to its rows")) from error
    _recount(batch)
    return removed


def _refuse_if_in_use(batch: ImportBatch) -> None:
    mine = Output.objects.filter(import_batch=batch)
    others = Judgment.objects.filter(project_id=batch.project_id).exclude(import_batch=batch)
    judged = others.filter(
        Q(output__in=mine)
        | Q(comparison__output_a__in=mine)
        | Q(comparison__output_b__in=mine)
        | Q(task__import_batch=batch)
    ).exists()
    if judged:
        raise _in_use(gettext("its outputs have been judged since"))
    if others.filter(Q(replaces__import_batch=batch) | Q(spans__origin__judgment__import_batch=batch)).exists():
        raise _in_use(gettext("its marks have been reviewed since"))
    if RewardSignal.objects.filter(output__in=mine).exists():
        raise _in_use(gettext("its outputs have been scored since"))
    if mine.filter(is_current=False).exists() or Task.objects.filter(import_batch=batch, is_current=False).exists():
        raise _in_use(gettext("a later import made new versions of its rows; undo that one first"))
    if _changed_rubrics(batch):
        raise _in_use(gettext("its rubrics have been changed since"))
    if Output.objects.filter(task__import_batch=batch).exclude(import_batch=batch).exists():
        raise _in_use(gettext("a later import added outputs to its tasks; undo that one first"))


def _versions_of(batch: ImportBatch) -> QuerySet[RubricVersion]:
    """The rubric versions that the import wrote, also on rubrics that were there before."""
    return RubricVersion.objects.filter(project_id=batch.project_id, created_by=None, note=version_note(batch.pk))


def _changed_rubrics(batch: ImportBatch) -> bool:
    """Whether one of the import's rubrics got another version since: that must not go with the import."""
    mine = _versions_of(batch)
    newer = RubricVersion.objects.filter(rubric=OuterRef("rubric"), number__gt=OuterRef("number"))
    return mine.filter(Exists(newer)).exists()


def _in_use(why: str) -> AppError:
    return AppError(
        gettext("This import can no longer be undone: %(why)s.") % {"why": why}, code="import_in_use", status=409
    )


def _remove_judgments(batch: ImportBatch) -> int:
    return purge_judgments(Judgment.objects.filter(import_batch=batch))


def _remove_versions(rows: QuerySet[Task] | QuerySet[Output]) -> int:
    """Delete versions and make their predecessors current again."""
    replaced = list(rows.filter(version__gt=1).values_list("project_id", "external_id", "version"))
    count = rows.count()
    rows.delete()
    for project_id, external_id, version in replaced:
        rows.model._default_manager.filter(project_id=project_id, external_id=external_id, version=version - 1).update(
            is_current=True
        )
    return count


def _recount(batch: ImportBatch) -> None:
    """Set the kept counters right: an undo is rare, so counting is fine here."""
    project_id = batch.project_id
    Project.objects.filter(pk=project_id).update(
        task_count=Task.objects.filter(project_id=project_id, is_current=True).count(),
        output_count=Output.objects.filter(project_id=project_id, is_current=True).count(),
        judgment_count=Judgment.objects.filter(project_id=project_id).count(),
    )
    stale = Task.objects.filter(project_id=project_id, is_current=True)
    for task_id, count in _current_outputs(project_id).items():
        stale.filter(pk=task_id).exclude(output_count=count).update(output_count=count)


def _current_outputs(project_id: int) -> dict[int, int]:
    counted = (
        Task.objects.filter(project_id=project_id, is_current=True)
        .annotate(found=Count("outputs", filter=Q(outputs__is_current=True)))
        .exclude(output_count=F("found"))
    )
    return dict(counted.values_list("pk", "found"))
