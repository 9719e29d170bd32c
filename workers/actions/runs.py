"""Runs: started, cancelled, resumed, tried again."""

import math
from dataclasses import asdict
from functools import partial

from django.db import transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.actions.notification import notify
from projects.errors import AppError
from projects.models import Project, User
from workers.actions.dispatch import dispatch
from workers.actions.run_items import add_items, items_per_batch, reopen_failed_items
from workers.budgets import SPENT, is_priced, spent_budget
from workers.code_version import code_version
from workers.estimation import estimate_run, first_endpoint
from workers.models import Batch, Run, RunItem, Scorer
from workers.selection import OutputSelection
from workers.sources.registry import SOURCES, source_named

MOST_REPEATS = 100


def start_run(
    *,
    project: Project,
    scorer: Scorer,
    selection: OutputSelection,
    actor: User | None,
    repeats: int = 1,
    seed: int = 0,
    name: str = "",
    budget: float | None = None,
    notify: bool = True,
) -> Run:
    """Put the selected outputs in the queue for `scorer`; what it has scored before is taken over at once.

    Without `notify` no message is sent: the caller computes itself, or leaves it to beat.

    Raises
    ------
    AppError
        ``nothing_selected``, ``repeats_invalid``, ``source_unknown``, ``scorer_archived``, ``endpoint_not_ready``,
        ``budget_invalid`` or ``budget_without_prices``.
    """
    _require_startable(scorer, repeats)
    _require_budget_to_bind(scorer, budget)
    estimate = estimate_run(project=project, scorer=scorer, selection=selection, repeats=repeats)
    with transaction.atomic():
        run = Run.objects.create(
            project=project,
            scorer=scorer,
            name=name,
            selection=selection.to_json(),
            repeats=repeats,
            seed=seed,
            budget=budget,
            estimate=asdict(estimate),
            code_version=code_version(),
            created_by=actor,
        )
        item_count = _add_selected(run, selection)
        finish_if_settled(run_id=run.pk)
        record_event(
            actor=actor,
            verb="run.started",
            project=project,
            target=run,
            data={"scorer": scorer.name, "items": item_count},
        )
        if notify:
            transaction.on_commit(partial(dispatch, queue=scorer.queue))
    run.refresh_from_db()
    return run


def _add_selected(run: Run, selection: OutputSelection) -> int:
    """Put the selected outputs in batches, count what was scored before, and say how many there are."""
    scorer = run.scorer
    in_groups = source_named(scorer.source).declaration.reads_group
    add_items(
        run=run,
        outputs=selection.outputs(run.project, scorer),
        queue=scorer.queue,
        endpoint_id=first_endpoint(scorer),
        # A task's own rubric may have changed since: the worker compares the whole input.
        take_over=scorer.is_pinned and not scorer.uses_task_rubric and not in_groups,
        in_groups=in_groups,
        batch_items=items_per_batch(scorer),
    )
    counts = RunItem.objects.filter(run=run).aggregate(
        items=Count("pk"), reused=Count("pk", filter=Q(status=RunItem.Status.SCORED))
    )
    if not counts["items"]:
        raise AppError(gettext("No output fits this selection."), code="nothing_selected")
    Run.objects.filter(pk=run.pk).update(
        item_count=counts["items"], scored_count=counts["reused"], reused_count=counts["reused"]
    )
    return int(counts["items"])


def cancel_run(*, run: Run, actor: User | None) -> None:
    """Stop a run: waiting batches at once, those under way after their present few items. What is scored stays.

    Raises
    ------
    AppError
        ``run_not_active`` (409) where it has finished or was cancelled.
    """
    with transaction.atomic():
        # Batches before the run: the order in which claiming locks them.
        Batch.objects.filter(run=run, status=Batch.Status.READY).update(status=Batch.Status.CANCELLED)
        active = Run.objects.filter(pk=run.pk, status__in=[Run.Status.PENDING, Run.Status.RUNNING])
        if not active.update(status=Run.Status.CANCELLED, cancel_requested_at=Now()):
            raise AppError(gettext("This run is not active any more."), code="run_not_active", status=409)
        record_event(actor=actor, verb="run.cancelled", project=run.project, target=run)
    run.refresh_from_db()


def resume_run(*, run: Run, actor: User | None) -> None:
    """Let a cancelled run go on with what is still waiting.

    Raises
    ------
    AppError
        ``run_not_cancelled`` (409), ``budget_spent`` (409).
    """
    spent = spent_budget(run) if run.status == Run.Status.CANCELLED else None
    if spent is not None:
        raise AppError(
            gettext("The budget of %(of)s is spent (%(spent)s of %(amount)s): raise it first.")
            % {"of": spent.said, "spent": f"{spent.spent:,.2f}", "amount": f"{spent.amount:,.2f}"},
            code=SPENT,
            status=409,
        )
    with transaction.atomic():
        # The run first: a worker that is giving its batch back reads the new state (see give_back_if_cancelled).
        cancelled = Run.objects.filter(pk=run.pk, status=Run.Status.CANCELLED)
        if not cancelled.update(status=Run.Status.RUNNING, cancel_requested_at=None, finished_at=None):
            raise AppError(gettext("Only a cancelled run can be resumed."), code="run_not_cancelled", status=409)
        Batch.objects.filter(run=run, status=Batch.Status.CANCELLED).update(
            status=Batch.Status.READY, dispatched_at=None
        )
        record_event(actor=actor, verb="run.resumed", project=run.project, target=run)
        transaction.on_commit(partial(dispatch, queue=run.scorer.queue))
    run.refresh_from_db()


def retry_failed(*, run: Run, actor: User | None) -> int:
    """Try the failed items again, and only those; how many.

    Raises
    ------
    AppError
        ``run_cancelled`` (409): resume it first. ``nothing_failed`` (409).
    """
    with transaction.atomic():
        locked = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
        if locked.status == Run.Status.CANCELLED:
            raise AppError(gettext("This run was cancelled: resume it first."), code="run_cancelled", status=409)
        count = reopen_failed_items(
            run=run,
            queue=run.scorer.queue,
            endpoint_id=first_endpoint(run.scorer),
            batch_items=items_per_batch(run.scorer),
        )
        if not count:
            raise AppError(gettext("Nothing in this run has failed."), code="nothing_failed", status=409)
        Run.objects.filter(pk=run.pk).update(
            failed_count=F("failed_count") - count, status=Run.Status.RUNNING, finished_at=None
        )
        record_event(actor=actor, verb="run.retried", project=run.project, target=run, data={"items": count})
        transaction.on_commit(partial(dispatch, queue=run.scorer.queue))
    run.refresh_from_db()
    return count


def finish_if_settled(*, run_id: int) -> bool:
    """Mark the run as finished where no item waits any more, also one that was cancelled too late."""
    unfinished = Run.objects.all_settled().filter(pk=run_id).exclude(status=Run.Status.FINISHED)
    is_finished = unfinished.update(status=Run.Status.FINISHED, finished_at=Now()) == 1
    if is_finished:
        _tell_of_end(Run.objects.select_related("project", "created_by").get(pk=run_id))
    return is_finished


def _tell_of_end(run: Run) -> None:
    if run.created_by is None:
        return
    notify(
        users=[run.created_by],
        kind="run.finished",
        project=run.project,
        data={"name": run.name or f"#{run.pk}", "scored": run.scored_count, "failed": run.failed_count},
        url=reverse("workers:run-detail", args=[run.project.slug, run.pk]),
    )


def _require_budget_to_bind(scorer: Scorer, budget: float | None) -> None:
    if budget is None:
        return
    if not (math.isfinite(budget) and budget >= 0):
        raise AppError(
            gettext("A budget is a number from 0 on."),
            code="budget_invalid",
            fields={"budget": [gettext("A number from 0 on.")]},
        )
    if not is_priced(scorer):
        message = gettext("None of this scorer's models has a price, so a budget would bound nothing.")
        raise AppError(message, code="budget_without_prices", fields={"budget": [message]})


def _require_startable(scorer: Scorer, repeats: int) -> None:
    if not 1 <= repeats <= MOST_REPEATS:
        raise AppError(
            gettext("Ask for 1 to %(most)s repeats.") % {"most": MOST_REPEATS},
            code="repeats_invalid",
            fields={"repeats": [gettext("From 1 to %(most)s.") % {"most": MOST_REPEATS}]},
        )
    if scorer.source not in SOURCES:
        raise AppError(
            gettext("This version has no source %(source)s.") % {"source": scorer.source},
            code="source_unknown",
            status=409,
        )
    if scorer.archived_at is not None:
        raise AppError(gettext("This scorer is archived."), code="scorer_archived", status=409)
    for use in scorer.models.select_related("endpoint"):
        if use.endpoint.failure:
            raise AppError(
                gettext("The model %(name)s cannot be used: %(failure)s")
                % {"name": use.endpoint.name, "failure": use.endpoint.failure},
                code="endpoint_not_ready",
            )
