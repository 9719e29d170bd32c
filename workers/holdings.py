"""What this app keeps of projects (see projects.holdings); it knows people as starters of runs only."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from django.db.models import Model, QuerySet
from django.db.models.functions import Coalesce

from projects.errors import AppError
from projects.holdings import Holdings, RetentionRule
from projects.models import Project, User
from rewards.actions.erasing import strip_replies
from workers.actions.artefacts import cancel_fit
from workers.actions.runs import cancel_run
from workers.models import Artefact, Attempt, Fit, RubricProposal, Run


def _stop(project: Project, actor: User | None) -> None:
    for run in Run.objects.filter(project=project, status__in=[Run.Status.PENDING, Run.Status.RUNNING]):
        try:
            cancel_run(run=run, actor=actor)
        except AppError:
            # It has finished in this moment.
            continue
    for fit in Fit.objects.filter(project=project).open():
        try:
            cancel_fit(fit=fit, actor=actor)
        except AppError:
            continue


def _files_of(project: Project) -> Iterable[str]:
    """Weights of its own: a file that another project names as well stays."""
    mine = Artefact.objects.filter(project=project).values_list("stored_as", flat=True)
    shared = Artefact.objects.exclude(project=project).filter(stored_as__in=mine).values("stored_as")
    return Artefact.objects.filter(project=project).exclude(stored_as__in=shared).values_list("stored_as", flat=True)


def _attempts(project: Project, before: datetime) -> QuerySet[Attempt]:
    """Attempts whose replies could not be used; those that could be stand with their judgments."""
    attempts = Attempt.objects.filter(project=project, created_at__lt=before).exclude(replies=[])
    return attempts.exclude(replies__contains=[{"erased": True}])


def _proposals(project: Project, before: datetime) -> QuerySet[RubricProposal]:
    """Rubrics that models proposed, by when they were written: what is tried again counts from then."""
    proposals = RubricProposal.objects.filter(project=project).exclude(replies=[])
    written = proposals.alias(written_at=Coalesce("heartbeat_at", "created_at")).filter(written_at__lt=before)
    return written.exclude(replies__contains=[{"erased": True}])


def _erase_replies(model: type[Model], keys: list[int]) -> None:
    strip_replies(model._meta.db_table, "id", keys)


HOLDINGS = Holdings(
    app="workers",
    stop=_stop,
    files_of=_files_of,
    retention={
        "replies": [
            RetentionRule(_attempts, partial(_erase_replies, Attempt)),
            RetentionRule(_proposals, partial(_erase_replies, RubricProposal)),
        ]
    },
)
