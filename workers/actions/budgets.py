"""Budgets: set, reached, raised. A run that reaches one stops with its items waiting, and goes on when it is raised."""

from __future__ import annotations

import math

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from workers.actions.runs import resume_run
from workers.budgets import allowance_of, spent_budget
from workers.models import Batch, ProjectBudget, Run
from workers.querysets.run import RunQuerySet


def set_run_budget(*, run: Run, amount: float | None, actor: User | None) -> None:
    """Bound what a run may spend; None: only the project's and the endpoints' bounds hold. It goes on if it may.

    Raises
    ------
    AppError
        ``budget_invalid``.
    """
    require_amount(amount)
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(budget=amount)
        record_event(actor=actor, verb="run.budget_set", project=run.project, target=run, data={"amount": amount})
    run.refresh_from_db()
    resume_affordable(Run.objects.filter(pk=run.pk), actor=actor)
    run.refresh_from_db()


def set_project_budget(*, project: Project, amount: float | None, actor: User | None) -> int:
    """Bound what all runs of a project may spend together; None: no bound. How many stopped runs go on now.

    Raises
    ------
    AppError
        ``budget_invalid``.
    """
    require_amount(amount)
    with transaction.atomic():
        if amount is None:
            ProjectBudget.objects.filter(project=project).delete()
        else:
            ProjectBudget.objects.update_or_create(project=project, defaults={"amount": amount})
        record_event(actor=actor, verb="project.budget_set", project=project, target=project, data={"amount": amount})
    return resume_affordable(Run.objects.of(project), actor=actor)


def resume_affordable(runs: RunQuerySet, *, actor: User | None) -> int:
    """Let those of the runs go on that had reached a budget and may spend again; how many."""
    resumed = 0
    for run in runs.stopped_by_budget().select_related("project", "scorer").order_by("pk"):
        if spent_budget(run) is None:
            resume_run(run=run, actor=actor)
            resumed += 1
    return resumed


def stop_spent_run(batch: Batch) -> None:
    """Stop the run of a leased batch whose next item no budget covers: nothing is begun any more, its items wait.

    It is cancelled without a request to cancel: by that it is told from a run that a person has cancelled.
    """
    run = batch.run
    tightest = allowance_of(run).budget
    with transaction.atomic():
        # Batches before the run: the order in which claiming locks them.
        ready = Q(status=Batch.Status.READY, run=run)
        own = Q(pk=batch.pk, status=Batch.Status.LEASED, attempt=batch.attempt)
        Batch.objects.filter(ready | own).update(status=Batch.Status.CANCELLED, lease_until=None)
        active = Run.objects.filter(pk=run.pk, status__in=[Run.Status.PENDING, Run.Status.RUNNING])
        if active.update(status=Run.Status.CANCELLED):
            record_event(
                actor=None,
                verb="run.budget_spent",
                project=run.project,
                target=run,
                data={"budget": tightest.of, "amount": tightest.amount} if tightest else {},
            )


def require_amount(amount: float | None, field: str = "budget") -> None:
    """Raise ``budget_invalid`` unless the amount is none, or a number from 0 on."""
    if amount is not None and not (math.isfinite(amount) and amount >= 0):
        raise AppError(
            gettext("A budget is a number from 0 on."),
            code="budget_invalid",
            fields={field: [gettext("A number from 0 on.")]},
        )
