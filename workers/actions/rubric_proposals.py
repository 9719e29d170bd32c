"""Rubrics that a model proposes: asked for, written by a worker, and accepted as a diff by a person, or not."""

import logging
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.actions.rubrics import create_rubric, save_version
from rewards.heartbeat import beating
from rewards.models import Output, Rubric, RubricVersion, Task
from rewards.rubric_notes import proposal_note
from rewards.rubrics.content import RubricContent
from rewards.rubrics.parse import RubricError, rubric_from_dict
from workers.authoring.refinement import MOST_ITERATIONS
from workers.authoring.work import Written, write
from workers.catalogue import unfit
from workers.engines.contract import Capability, EngineError
from workers.models import ModelEndpoint, RubricProposal
from workers.proposal_changes import Change, apply_changes, changes_of
from workers.sources.contract import ModelRole

logger = logging.getLogger(__name__)

QUEUE = "gpu"
MOST_OUTPUTS = 16
"""Candidates of a refinement, as many as Chasing the Tail takes."""
MOST_TOKENS = 16_384
_MOST_WORKERS_LOST = 3
_STATUS = RubricProposal.Status


class ProposalGone(Exception):  # noqa: N818 - nobody's error: it was withdrawn while it was being written
    """The proposal is no longer wanted."""


def request_generation(
    *,
    task: Task,
    endpoint: ModelEndpoint,
    actor: User | None,
    max_new_tokens: int = 2_048,
    seed: int = 0,
) -> RubricProposal:
    """Have a model write a rubric for one task; where the task has one, the proposal is a diff against it.

    Raises
    ------
    AppError
        ``endpoint_not_ready`` where the model cannot write.
    """
    _require_serving(endpoint, Capability.GENERATE, "write")
    rubric = Rubric.objects.own_of(task)
    return _new(
        project=task.project,
        actor=actor,
        kind=RubricProposal.Kind.GENERATE,
        task=task,
        rubric=rubric,
        base_version=_newest(rubric) if rubric else None,
        endpoint=endpoint,
        request={"max_new_tokens": max_new_tokens, "seed": seed},
    )


def request_refinement(
    *,
    rubric: Rubric,
    task: Task,
    endpoint: ModelEndpoint,
    actor: User | None,
    judge: ModelEndpoint | None = None,
    way: str = "reply",
    outputs: Sequence[int] | None = None,
    iterations: int = MOST_ITERATIONS,
    tail_share: float = 0.25,
    max_new_tokens: int = 2_048,
    seed: int = 0,
) -> RubricProposal:
    """Have a model refine a rubric so that it tells the best outputs of one task apart.

    Parameters
    ----------
    judge : ModelEndpoint, optional
        Scores the outputs; the proposer itself by default.
    way : {"reply", "probabilities"}
        See `workers.authoring.judging`.
    outputs : sequence of int, optional
        Keys of the task's current outputs; by default up to `MOST_OUTPUTS`, of each policy in turn.
    tail_share : float
        The best share of the outputs, by what people think, over which tail accuracy is measured.

    Raises
    ------
    AppError
        ``endpoint_not_ready``; ``too_few_outputs`` where the task has fewer than two; ``task_unfit`` for another
        task's own rubric; ``rubric_archived``.
    """
    _require_serving(endpoint, Capability.GENERATE, "write")
    needed = Capability.CHOOSE if way == "probabilities" else Capability.GENERATE
    _require_serving(judge or endpoint, needed, "judge")
    _require_refinable(rubric, task)
    _require_outputs(task, outputs)
    return _new(
        project=rubric.project,
        actor=actor,
        kind=RubricProposal.Kind.REFINE,
        task=task,
        rubric=rubric,
        base_version=_newest(rubric),
        endpoint=endpoint,
        request={
            "judge": judge.pk if judge else None,
            "way": way,
            "outputs": sorted(set(outputs)) if outputs else None,
            "most_outputs": MOST_OUTPUTS,
            "iterations": iterations,
            "tail_share": tail_share,
            "max_new_tokens": max_new_tokens,
            "seed": seed,
        },
    )


def write_proposal(pk: int) -> bool:
    """Write a waiting proposal, or one whose worker died; False where another worker has it. No model in transactions.

    An unexpected error fails the proposal and is raised again, for the worker's log.
    """
    proposal = _claim(pk)
    if proposal is None:
        return False
    try:
        with beating(partial(_beat, pk)):
            written = write(proposal, partial(_report, proposal))
    except ProposalGone:
        return True
    except EngineError as error:
        _finish(proposal, Written([], {}, [], f"{error.code.value}: {error.message}"))
    except Exception as error:
        _finish(proposal, Written([], {}, [], f"{type(error).__name__}: {error}"[:2000].replace("\x00", "?")))
        raise
    else:
        _finish(proposal, written)
    return True


def accept_proposal(*, proposal: RubricProposal, actor: User, changes: Collection[str] | None = None) -> RubricVersion:
    """Make a version of the rubric, or a new rubric of the task, from all proposed changes or from those chosen.

    The version before stays. What was changed since by others is kept, unless it is the same criterion.

    Parameters
    ----------
    changes : collection of str, optional
        Ids of `workers.proposal_changes.Change`.

    Raises
    ------
    AppError
        ``proposal_not_ready`` (409), ``change_unknown``, ``nothing_chosen``, ``proposal_conflict`` (409) where a
        chosen criterion was changed since, or ``proposal_invalid`` where nothing would be left.
    """
    with transaction.atomic():
        locked = (
            RubricProposal.objects.select_for_update(of=("self",)).select_related("rubric", "task").get(pk=proposal.pk)
        )
        if locked.status != _STATUS.READY:
            raise AppError(gettext("Nobody can accept this proposal any more."), code="proposal_not_ready", status=409)
        base = locked.base_version.content() if locked.base_version else RubricContent(())
        all_changes = changes_of(base, rubric_from_dict(locked.content))
        version = _adopt(locked, actor, _content(locked, base, _chosen(all_changes, changes)))
        _decide(locked, _STATUS.ACCEPTED, actor, accepted_version=version)
        taken = len(all_changes) if changes is None else len(set(changes))
        data = {"changes": taken, "of": len(all_changes), "version": version.number}
        record_event(actor=actor, verb="proposal.accepted", project=proposal.project, target=version.rubric, data=data)
    proposal.refresh_from_db()
    return version


def reject_proposal(*, proposal: RubricProposal, actor: User) -> None:
    """Turn a proposal down, or stop one that is still being written.

    Raises
    ------
    AppError
        ``proposal_decided`` (409).
    """
    with transaction.atomic():
        undecided = RubricProposal.objects.filter(pk=proposal.pk).open()
        if not undecided.update(status=_STATUS.REJECTED, decided_by=actor, decided_at=Now()):
            raise AppError(gettext("This proposal is not open any more."), code="proposal_decided", status=409)
        record_event(actor=actor, verb="proposal.rejected", project=proposal.project, target=proposal)
    proposal.refresh_from_db()


def retry_proposal(*, proposal: RubricProposal, actor: User) -> None:
    """Have a failed proposal written again, as it was asked for.

    Raises
    ------
    AppError
        ``proposal_not_failed`` (409).
    """
    with transaction.atomic():
        failed = RubricProposal.objects.filter(pk=proposal.pk, status=_STATUS.FAILED)
        if not failed.update(status=_STATUS.PENDING, failure="", facts={}, replies=[], heartbeat_at=None):
            raise AppError(
                gettext("Only a failed proposal can be tried again."), code="proposal_not_failed", status=409
            )
        record_event(actor=actor, verb="proposal.retried", project=proposal.project, target=proposal)
        transaction.on_commit(partial(_send, proposal.pk))
    proposal.refresh_from_db()


def redispatch_proposals() -> int:
    """Beat's duty: send again what waits, or was lost with its worker; how many were sent."""
    waiting = list(RubricProposal.objects.claimable().order_by("pk").values_list("pk", flat=True)[:10])
    for pk in waiting:
        _send(pk)
    return len(waiting)


def _new(*, project: Project, actor: User | None, **fields: Any) -> RubricProposal:
    with transaction.atomic():
        proposal = RubricProposal.objects.create(project=project, created_by=actor, **fields)
        record_event(
            actor=actor,
            verb="proposal.requested",
            project=project,
            target=proposal,
            data={"kind": proposal.kind, "model": proposal.endpoint.name},
        )
        transaction.on_commit(partial(_send, proposal.pk))
    return proposal


def _require_serving(endpoint: ModelEndpoint, capability: Capability, role: str) -> None:
    wanted = ModelRole(name=role, label=role, help="", capabilities=frozenset({capability}))
    obstacle = unfit(wanted, endpoint)
    if obstacle:
        field = "judge" if role == "judge" else "endpoint"
        raise AppError(f"{obstacle}.", code="endpoint_not_ready", status=409, fields={field: [f"{obstacle}."]})


def _require_refinable(rubric: Rubric, task: Task) -> None:
    if rubric.archived_at is not None:
        raise AppError(gettext("This rubric is archived."), code="rubric_archived", status=409)
    if rubric.task_external_id not in (None, task.external_id):
        raise AppError(
            gettext("This rubric is that of task %(task_external_id)s alone.")
            % {"task_external_id": rubric.task_external_id},
            code="task_unfit",
            fields={
                "task": [gettext("Expected %(task_external_id)s.") % {"task_external_id": rubric.task_external_id}]
            },
        )


def _require_outputs(task: Task, outputs: Sequence[int] | None) -> None:
    """At least two outputs to tell apart, and every one that was named."""
    current = Output.objects.current().filter(task=task)
    found = current.filter(pk__in=outputs).count() if outputs else current.count()
    if found < 2 or (outputs and found < len(set(outputs))):
        raise AppError(
            gettext("Two current outputs of task %(external_id)s are needed, and found were %(found)s.")
            % {"external_id": task.external_id, "found": found},
            code="too_few_outputs",
            fields={"task": [gettext("It needs at least two outputs.")]},
        )


def _newest(rubric: Rubric) -> RubricVersion:
    return rubric.versions.newest_first()[0]


def _claim(pk: int) -> RubricProposal | None:
    """Take the proposal, unless another worker has it; one that ends its workers is given up."""
    with transaction.atomic():
        waiting = RubricProposal.objects.claimable().select_for_update(skip_locked=True, of=("self",))
        proposal = waiting.filter(pk=pk).first()
        if proposal is None:
            return None
        lost = int(proposal.facts.get("workers_lost", 0)) + int(proposal.status == _STATUS.RUNNING)
        if lost >= _MOST_WORKERS_LOST:
            detail = f"worker_lost: {lost} workers in a row ended while they wrote this"
            RubricProposal.objects.filter(pk=pk).update(status=_STATUS.FAILED, failure=detail)
            return None
        RubricProposal.objects.filter(pk=pk).update(
            status=_STATUS.RUNNING, heartbeat_at=Now(), facts={"workers_lost": lost}
        )
    return RubricProposal.objects.select_related("endpoint", "task", "base_version", "project").get(pk=pk)


def _beat(pk: int) -> None:
    RubricProposal.objects.filter(pk=pk, status=_STATUS.RUNNING).update(heartbeat_at=Now())


def _report(proposal: RubricProposal, words: str) -> None:
    """Show what is being done; raises `ProposalGone` where nobody wants it any more."""
    facts = proposal.facts | {"progress": words}
    mine = RubricProposal.objects.filter(pk=proposal.pk, status=_STATUS.RUNNING)
    if not mine.update(facts=facts, heartbeat_at=Now()):
        raise ProposalGone


def _finish(proposal: RubricProposal, written: Written) -> None:
    status = _STATUS.FAILED if written.failure else _STATUS.READY
    finished = RubricProposal.objects.filter(pk=proposal.pk, status=_STATUS.RUNNING).update(
        status=status,
        content=written.content,
        facts=written.facts,
        replies=written.replies,
        failure=written.failure,
        heartbeat_at=Now(),
    )
    if not finished:
        logger.warning("%s was decided or written by another worker meanwhile", proposal)


def _chosen(all_changes: Sequence[Change], changes: Collection[str] | None) -> Sequence[Change]:
    if changes is None:
        return all_changes
    unknown = sorted(set(changes) - {change.id for change in all_changes})
    if unknown:
        raise AppError(
            gettext("This proposal has no change %(unknown)s.") % {"unknown": repr(unknown[0][:100])},
            code="change_unknown",
        )
    if not changes:
        raise AppError(gettext("Choose at least one change."), code="nothing_chosen")
    return [change for change in all_changes if change.id in changes]


def _content(proposal: RubricProposal, base: RubricContent, chosen: Sequence[Change]) -> RubricContent:
    """The newest version with the chosen changes; locks the rubric, so that nobody saves in between."""
    newest = base
    if proposal.rubric_id is not None:
        Rubric.objects.select_for_update().get(pk=proposal.rubric_id)
        newest = RubricVersion.objects.filter(rubric=proposal.rubric_id).newest_first()[0].content()
    try:
        return apply_changes(newest, base, chosen)
    except RubricError as error:
        raise AppError(
            gettext("These changes leave no rubric: %(error)s.") % {"error": error}, code="proposal_invalid"
        ) from error


def _adopt(proposal: RubricProposal, actor: User, content: RubricContent) -> RubricVersion:
    note = proposal_note(proposal.kind, proposal=proposal.pk, model=proposal.endpoint.name)
    if proposal.rubric is not None:
        return save_version(rubric=proposal.rubric, actor=actor, content=content, note=note).version
    task = proposal.task
    assert task is not None
    return create_rubric(
        project=proposal.project,
        actor=actor,
        name=f"Rubric of {task.external_id}"[:200],
        content=content,
        note=note,
        task_external_id=task.external_id,
    )


def _decide(proposal: RubricProposal, status: str, actor: User, **fields: Any) -> None:
    RubricProposal.objects.filter(pk=proposal.pk).update(status=status, decided_by=actor, decided_at=Now(), **fields)


def _send(pk: int) -> None:
    from workers.actions.dispatch import send_task
    from workers.tasks import write_rubric_proposal

    # Beat sends it again while it waits; what a busy worker did not get to by then is dropped.
    send_task(write_rubric_proposal, pk, queue=QUEUE, expires=settings.WORKERS_REDISPATCH_SECONDS)
