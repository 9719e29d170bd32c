"""Runs: estimated, started, cancelled, resumed, tried again."""

from dataclasses import asdict, dataclass
from functools import partial

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Now

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.models import Output
from workers.actions.dispatch import dispatch
from workers.actions.run_items import add_items, reopen_failed_items
from workers.code_version import code_version
from workers.models import Attempt, Batch, Run, RunItem, Scorer
from workers.selection import OutputSelection

MOST_REPEATS = 100
# Until a run was measured: the shipped model of 135 million parameters reads about 800 tokens a second on two cores
# (bfloat16), and English has about four characters to a token.
DEFAULT_TOKENS_PER_SECOND = 800
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class RunEstimate:
    """What a run would cost.

    Attributes
    ----------
    outputs, items : int
        Items are outputs times repeats.
    reused : int
        Items that need no model, having been scored before.
    characters, tokens : int
        Of the outputs to compute, once for each repeat; tokens at four characters each. What a source's prompts add is
        in the measured speed, not here.
    seconds : float
        Of one worker.
    measured_on : int or None
        The run whose speed is assumed; None where none of this scorer or source was measured and the default is used.
    """

    outputs: int
    items: int
    reused: int
    characters: int
    tokens: int
    seconds: float
    measured_on: int | None


def estimate_run(*, project: Project, scorer: Scorer, selection: OutputSelection, repeats: int = 1) -> RunEstimate:
    """What it would cost to score the selection; four queries, nothing is written."""
    outputs = selection.outputs(project, scorer)
    total = Output.objects.filter(pk__in=outputs.values("pk")).aggregate(
        count=Count("pk"), characters=Sum("char_count", default=0)
    )
    known = {"count": 0, "characters": 0}
    if scorer.is_pinned:
        stored = Attempt.objects.filter(
            rater=scorer.rater_id, status=Attempt.Status.SCORED, repeat__lt=repeats, output__in=outputs.values("pk")
        )
        known = stored.aggregate(count=Count("pk"), characters=Sum("output__char_count", default=0))
    characters = max(0, total["characters"] * repeats - known["characters"])
    measured = _measured_run(project, scorer)
    if measured is None:
        seconds = characters / CHARACTERS_PER_TOKEN / DEFAULT_TOKENS_PER_SECOND
    else:
        seconds = characters * measured.busy_seconds / max(1, measured.attempted_characters)
    return RunEstimate(
        outputs=total["count"],
        items=total["count"] * repeats,
        reused=min(known["count"], total["count"] * repeats),
        characters=characters,
        tokens=characters // CHARACTERS_PER_TOKEN,
        seconds=seconds,
        measured_on=measured.pk if measured else None,
    )


def start_run(
    *,
    project: Project,
    scorer: Scorer,
    selection: OutputSelection,
    actor: User | None,
    repeats: int = 1,
    seed: int = 0,
    name: str = "",
) -> Run:
    """Put the selected outputs in the queue for `scorer`; what it has scored before is taken over at once.

    Raises
    ------
    AppError
        ``nothing_selected``, ``repeats_invalid``, ``scorer_archived`` or ``endpoint_not_ready``.
    """
    _require_startable(scorer, repeats)
    estimate = estimate_run(project=project, scorer=scorer, selection=selection, repeats=repeats)
    with transaction.atomic():
        run = Run.objects.create(
            project=project,
            scorer=scorer,
            name=name,
            selection=selection.to_json(),
            repeats=repeats,
            seed=seed,
            estimate=asdict(estimate),
            code_version=code_version(),
            created_by=actor,
        )
        add_items(
            run=run,
            outputs=selection.outputs(project, scorer),
            queue=scorer.queue,
            endpoint_id=_first_endpoint(scorer),
            # A task's own rubric may have changed since: the worker compares the whole input.
            take_over=scorer.is_pinned and not scorer.uses_task_rubric,
        )
        counts = RunItem.objects.filter(run=run).aggregate(
            items=Count("pk"), reused=Count("pk", filter=Q(status=RunItem.Status.SCORED))
        )
        if not counts["items"]:
            raise AppError("No output fits this selection.", code="nothing_selected")
        Run.objects.filter(pk=run.pk).update(
            item_count=counts["items"], scored_count=counts["reused"], reused_count=counts["reused"]
        )
        finish_if_settled(run_id=run.pk)
        record_event(
            actor=actor,
            verb="run.started",
            project=project,
            target=run,
            data={"scorer": scorer.name, "items": counts["items"]},
        )
        transaction.on_commit(partial(dispatch, queue=scorer.queue))
    run.refresh_from_db()
    return run


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
            raise AppError("This run is not active any more.", code="run_not_active", status=409)
        record_event(actor=actor, verb="run.cancelled", project=run.project, target=run)
    run.refresh_from_db()


def resume_run(*, run: Run, actor: User | None) -> None:
    """Let a cancelled run go on with what is still waiting.

    Raises
    ------
    AppError
        ``run_not_cancelled`` (409).
    """
    with transaction.atomic():
        # The run first: a worker that is giving its batch back reads the new state (see give_back_if_cancelled).
        cancelled = Run.objects.filter(pk=run.pk, status=Run.Status.CANCELLED)
        if not cancelled.update(status=Run.Status.RUNNING, cancel_requested_at=None, finished_at=None):
            raise AppError("Only a cancelled run can be resumed.", code="run_not_cancelled", status=409)
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
            raise AppError("This run was cancelled: resume it first.", code="run_cancelled", status=409)
        count = reopen_failed_items(run=run, queue=run.scorer.queue, endpoint_id=_first_endpoint(run.scorer))
        if not count:
            raise AppError("Nothing in this run has failed.", code="nothing_failed", status=409)
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
    return unfinished.update(status=Run.Status.FINISHED, finished_at=Now()) == 1


def _require_startable(scorer: Scorer, repeats: int) -> None:
    if not 1 <= repeats <= MOST_REPEATS:
        raise AppError(
            f"Ask for 1 to {MOST_REPEATS} repeats.",
            code="repeats_invalid",
            fields={"repeats": [f"From 1 to {MOST_REPEATS}."]},
        )
    if scorer.archived_at is not None:
        raise AppError("This scorer is archived.", code="scorer_archived", status=409)
    for use in scorer.models.select_related("endpoint"):
        if use.endpoint.failure:
            raise AppError(
                f"The model {use.endpoint.name} cannot be used: {use.endpoint.failure}", code="endpoint_not_ready"
            )


def _first_endpoint(scorer: Scorer) -> int | None:
    """The model that a worker should have loaded."""
    return scorer.models.order_by("role").values_list("endpoint_id", flat=True).first()


def _measured_run(project: Project, scorer: Scorer) -> Run | None:
    """The latest run that says how fast this scorer is, else one of the same source on the same model."""
    runs = Run.objects.of(project).measured().filter(attempted_characters__gt=0)
    same = runs.filter(scorer=scorer).first()
    if same is not None:
        return same
    return runs.filter(scorer__source=scorer.source, scorer__models__endpoint=_first_endpoint(scorer)).first()
