"""Starting studies and working them out."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from annotations.models import Study
from annotations.studies.registry import KINDS
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User

STALE_AFTER = timedelta(minutes=10)


def start_study(project: Project, *, by: User, kind: str, parameters: dict[str, Any], name: str = "") -> Study:
    """Queue a study; a worker computes it."""
    from annotations.tasks import compute_study

    with transaction.atomic():
        study = _new_study(project, by=by, kind=kind, parameters=parameters, name=name)
        transaction.on_commit(lambda: compute_study.delay(study.pk))
    return study


def run_study(project: Project, *, kind: str, parameters: dict[str, Any], name: str = "") -> Study:
    """Compute a study here and now, as the command does."""
    study = _new_study(project, by=None, kind=kind, parameters=parameters, name=name)
    return work_out(study.pk)


def work_out(study_id: int) -> Study:
    """Compute a queued study; does nothing if another worker has taken it."""
    study = Study.objects.select_related("project").get(pk=study_id)
    taken = Study.objects.filter(_claimable(), pk=study_id).update(
        status=Study.Status.RUNNING, started_at=timezone.now(), failure=""
    )
    if not taken:
        return study
    try:
        result = KINDS[study.kind].compute(study.project, study.parameters)
    except ValueError as error:
        _end(study, status=Study.Status.FAILED, failure=str(error))
    except Exception as error:
        _end(study, status=Study.Status.FAILED, failure=f"{type(error).__name__}: {error}"[:2000])
        raise
    else:
        _end(study, status=Study.Status.READY, result=result)
    return study


def delete_study(study: Study, *, by: User) -> None:
    """Remove a study; the judgments that it read stay."""
    with transaction.atomic():
        record_event(actor=by, verb="study.deleted", project=study.project, target=study, data={"kind": study.kind})
        study.delete()


def requeue_stalled_studies() -> int:
    """Send studies again that no worker took or whose worker died; beat calls it."""
    from annotations.tasks import compute_study

    waiting = Q(status=Study.Status.PENDING, created_at__lt=timezone.now() - timedelta(minutes=1))
    stalled = list(Study.objects.filter(waiting | _died()).values_list("pk", flat=True))
    for study_id in stalled:
        compute_study.delay(study_id)
    return len(stalled)


def _new_study(project: Project, *, by: User | None, kind: str, parameters: dict[str, Any], name: str) -> Study:
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise AppError(
            gettext("There is no study %(kind)s. Studies: %(known)s.") % {"kind": repr(kind), "known": known},
            code="study_unknown",
            fields={"kind": [gettext("Expected one of: %(known)s.") % {"known": known}]},
        )
    study = Study.objects.create(project=project, kind=kind, name=name, parameters=parameters, created_by=by)
    record_event(actor=by, verb="study.started", project=project, target=study, data={"kind": kind})
    return study


def _claimable() -> Q:
    return Q(status=Study.Status.PENDING) | _died()


def _died() -> Q:
    return Q(status=Study.Status.RUNNING, started_at__lt=timezone.now() - STALE_AFTER)


def _end(study: Study, *, status: str, failure: str = "", result: dict[str, Any] | None = None) -> None:
    study.status, study.failure, study.result = status, failure, result or {}
    study.finished_at = timezone.now()
    study.save(update_fields=["status", "failure", "result", "finished_at"])
