"""Submits: an answer becomes judgments exactly once, and can be taken back for some minutes."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from annotations.actions.check_results import record_check
from annotations.actions.counters import uncount_submit
from annotations.actions.draft import restore_draft
from annotations.actions.lease import regain_item, release_item, require_open
from annotations.actions.submit_statement import LeaseNotHeldError, write_submission
from annotations.active_parts import check_parts, parts_known
from annotations.answers import storable_json
from annotations.blinding import outputs_of, shown_item
from annotations.checks import stands_at_once
from annotations.models import Assignment, CampaignItem, Submission
from annotations.overlay import overlay_level, shown_by
from annotations.proposals import plan_reviews, reviewed_marks
from annotations.protocols import (
    REVIEWS,
    SHOWN,
    STAGES,
    PlannedJudgment,
    Question,
    ShownItem,
    parse_questions,
    plan_judgments,
)
from annotations.stages import Record, submitted, told, without_stages
from projects.errors import AppError
from rewards.actions.rater import ensure_person_rater
from rewards.actions.reviews import lock_reviews_of, withdraw_other_reviews
from rewards.models import Judgment, Output, StepLabel
from rewards.signal_store import segmentation_for


class Acknowledged(NamedTuple):
    """What a submit answers, the same however often it is sent."""

    submission: Submission
    undo_until: datetime


class Act(NamedTuple):
    """One submit on its way into the database."""

    key: str
    answer: dict[str, Any]
    active_ms: int
    active_parts: Mapping[str, int]
    rater_id: int
    planned: Sequence[PlannedJudgment]
    earlier: Sequence[Submission]
    stages: Record | None


def submit_answer(
    *,
    assignment: Assignment,
    key: str,
    answer: dict[str, Any],
    active_ms: int = 0,
    active_parts: Mapping[str, int] | None = None,
) -> Acknowledged:
    """Write the judgments of an answer. Sending the same `key` and answer again changes nothing.

    Parameters
    ----------
    assignment : Assignment
        From `access.assignment_for`.
    key : str
        Chosen by the sender for this answer: what makes a repeated request the same submit.
    answer : dict
        By question; see the files of `annotations.protocols`.
    active_ms : int
        How long the person worked on it.
    active_parts : mapping of str to int, optional
        Of that, how long on which part; see `annotations.active_parts`.

    Raises
    ------
    AppError
        ``answer_invalid`` and ``time_invalid`` naming each problem; 409 with ``key_reused``, ``already_submitted``,
        ``first_part_open``, ``lease_lost``, ``campaign_closed``. The draft is untouched by all of them.

    Notes
    -----
    Only answers to work become judgments. One to an item that checks is compared and kept as it was sent; one that
    makes gold becomes the item's right answer.
    """
    storable_json(answer)
    answer = without_stages(answer)
    earlier = [] if _is_untouched(assignment) else list(assignment.submissions.all())
    known = _known(earlier, key, answer)
    if known is not None:
        return _acknowledged(assignment, known)
    act = _act(assignment, earlier, key=key, answer=answer, active_ms=active_ms, active_parts=active_parts or {})
    try:
        submission = _write(assignment, act)
    except AppError:
        # The same submit, sent twice at once: the other one has finished while this one waited for the item.
        known = _known(assignment.submissions.all(), key, answer)
        if known is None:
            raise
        return _acknowledged(assignment, known)
    return _acknowledged(assignment, submission)


@transaction.atomic
def undo_submission(*, assignment: Assignment) -> None:
    """Take the standing submit back: its judgments are withdrawn and its answer is the draft again.

    An item that the person has taken up since is given back, with its draft.

    Raises
    ------
    AppError
        409 with ``nothing_to_undo``, ``undo_too_late``, ``campaign_closed``; ``answer_stands`` for training and
        qualification, for gold where people are told what is right, and for what made gold: a right answer is changed
        on its own page.
    """
    submission = assignment.submissions.filter(undone_at=None).first()
    if submission is None:
        raise AppError(gettext("There is no submit to take back."), code="nothing_to_undo", status=409)
    campaign = assignment.campaign
    if stands_at_once(assignment):
        raise AppError(gettext("This answer stands: it has been compared already."), code="answer_stands", status=409)
    require_open(campaign, in_work=True)
    now = timezone.now()
    if now > undo_until(assignment, submission):
        minutes = campaign.undo_minutes
        raise AppError(
            gettext("A submit can be taken back for %(minutes)s minutes.") % {"minutes": minutes},
            code="undo_too_late",
            status=409,
        )
    others = list(campaign.assignments.of(assignment.user).live())
    items = CampaignItem.objects.filter(pk__in=[assignment.item_id, *(other.item_id for other in others)])
    list(items.select_for_update(no_key=True).order_by("pk"))
    for other in others:
        release_item(assignment=other)
    CampaignItem.objects.filter(pk=assignment.item_id).update(submitted_count=F("submitted_count") - 1)
    if not Submission.objects.filter(pk=submission.pk, undone_at=None).update(undone_at=now):
        raise AppError(gettext("There is no submit to take back."), code="nothing_to_undo", status=409)
    withdrawn = Judgment.objects.filter(act=submission.act).update(withdrawn_at=now, withdrawn_by=assignment.user)
    assignment.status = Assignment.Status.LEASED
    assignment.lease_until = now + timedelta(minutes=campaign.lease_minutes)
    assignment.save(update_fields=["status", "lease_until"])
    restore_draft(assignment=assignment, answer=submission.answer)
    uncount_submit(assignment=assignment, judgments=withdrawn, active_ms=submission.active_ms)


def store_cuts(planned: Iterable[PlannedJudgment], outputs: Iterable[Output], project_id: int) -> None:
    """Bind rows about segments to how their output is cut; stored once, and kept where the submit fails after it."""
    by_id = {output.pk: output for output in outputs}
    for plan in planned:
        if plan.cut is not None and plan.output_id is not None:
            output = by_id[plan.output_id]
            output.project_id = project_id
            segmentation = segmentation_for(output, plan.cut.segmenter, plan.cut.spans)
            for row in plan.rows:
                if isinstance(row, StepLabel):
                    row.segmentation = segmentation


def _is_untouched(assignment: Assignment) -> bool:
    """Whether it was never submitted, as far as it was loaded; if it has been since, the claim fails."""
    return assignment.status == Assignment.Status.LEASED and assignment.submitted_at is None


def _rater_id(assignment: Assignment) -> int:
    """Of the person, made on the first submit. Not inside the submit's transaction: it locks the project."""
    known: int | None = getattr(assignment, "rater_id", None)
    return known or ensure_person_rater(project=assignment.project, user=assignment.user).pk


def _known(submissions: Iterable[Submission], key: str, answer: Any) -> Submission | None:
    """The submit that was made with `key`; refuses a key that stood for something else, and a second submit."""
    standing = False
    for submission in submissions:
        if submission.idempotency_key == key:
            if without_stages(submission.answer) != answer:
                raise AppError(gettext("This key was used for another answer."), code="key_reused", status=409)
            return submission
        standing = standing or submission.undone_at is None
    if standing:
        raise AppError(gettext("You have already submitted this item."), code="already_submitted", status=409)
    return None


def _write(assignment: Assignment, act: Act) -> Submission:
    """Claim the item and write everything."""
    try:
        return _written(assignment, act)
    except LeaseNotHeldError:
        # Late, but if nobody took the item the work counts.
        if not assignment.makes_gold:
            require_open(assignment.campaign, in_work=True)
    with transaction.atomic():
        regain_item(assignment=assignment)
        return _written(assignment, act)


def _written(assignment: Assignment, act: Act) -> Submission:
    submission = Submission(
        project_id=assignment.project_id,
        assignment=assignment,
        idempotency_key=act.key,
        act=uuid.uuid4(),
        answer=act.answer if act.stages is None else act.answer | {STAGES: act.stages},
        protocol=assignment.protocol,
        active_ms=act.active_ms,
        active_parts=act.active_parts,
        created_at=timezone.now(),
    )
    if assignment.makes_gold or assignment.item.kind != CampaignItem.Kind.WORK:
        with transaction.atomic():
            write_submission(assignment=assignment, submission=submission, judgments=(), answers={})
            record_check(assignment=assignment, submission=submission)
        return submission
    answers: dict[type[models.Model], list[tuple[str, models.Model]]] = {}
    for plan in act.planned:
        for row in plan.rows:
            answers.setdefault(type(row), []).append((_key(submission, plan), row))
    judgments = _envelopes(assignment, submission, act)
    reviewed = reviewed_marks(act.planned)
    if not reviewed:
        write_submission(assignment=assignment, submission=submission, judgments=judgments, answers=answers)
        return submission
    with transaction.atomic():
        lock_reviews_of(act.rater_id)
        write_submission(assignment=assignment, submission=submission, judgments=judgments, answers=answers)
        withdraw_other_reviews(marks=reviewed, rater_id=act.rater_id, user=assignment.user, act=submission.act)
    return submission


def _act(
    assignment: Assignment,
    earlier: Sequence[Submission],
    *,
    key: str,
    answer: dict[str, Any],
    active_ms: int,
    active_parts: Mapping[str, int],
) -> Act:
    """What is to be written. Refuses what does not fit, before anything is locked."""
    outputs = outputs_of(assignment)
    item, questions = shown_item(assignment, outputs), parse_questions(assignment.protocol.questions)
    check_parts(active_parts, active_ms, parts_known(questions, item))
    planned = _planned(assignment, answer, item, questions)
    stages = submitted(assignment, answer)
    store_cuts(planned, outputs, assignment.project_id)
    return Act(
        key=key,
        answer=answer,
        active_ms=active_ms,
        active_parts=active_parts,
        rater_id=_rater_id(assignment),
        planned=planned,
        earlier=earlier,
        stages=stages,
    )


def _planned(
    assignment: Assignment, answer: dict[str, Any], item: ShownItem, questions: Sequence[Question]
) -> list[PlannedJudgment]:
    """The judgments of the answers to the questions, and of what is said of a model's spans, where any are shown."""
    planned = plan_judgments(questions, answer, item)
    if not answer.get(REVIEWS):
        return planned
    raters = shown_by(assignment.campaign).marks if overlay_level(assignment) else ()
    return planned + plan_reviews(assignment, answer, item, raters)


def _envelopes(assignment: Assignment, submission: Submission, act: Act) -> list[Judgment]:
    """The judgments without their answers; each knows what was shown and what it corrects."""
    replaced = _replaced(act.earlier)
    shown = {
        "order": assignment.order,
        "seed": assignment.seed,
        "campaign": assignment.campaign_id,
        "protocol": assignment.protocol.number,
        "assignment": assignment.pk,
        # The key is there only in a study: elsewhere every judgment would carry an empty one.
        **({"arm": assignment.arm} if assignment.arm else {}),
        **_seen(assignment, act.answer),
        **({"stages": told(act.stages)} if act.stages is not None else {}),
    }
    return [
        Judgment(
            project_id=assignment.project_id,
            kind=plan.kind,
            rater_id=act.rater_id,
            task_id=assignment.item.task_id,
            output_id=plan.output_id,
            act=submission.act,
            idempotency_key=_key(submission, plan),
            presentation={**shown, **plan.presentation},
            replaces_id=replaced.get(plan.name),
        )
        for plan in act.planned
    ]


def _seen(assignment: Assignment, answer: dict[str, Any]) -> dict[str, Any]:
    """Whether the person saw a model's values, and from which size on; whose they are, the plan says."""
    if overlay_level(assignment) is None:
        return {}
    return {"overlay": answer.get(SHOWN) or {"shown": False, "threshold": 0}}


def _key(submission: Submission, plan: PlannedJudgment) -> str:
    return f"{submission.act}:{plan.name}"


def _replaced(earlier: Sequence[Submission]) -> dict[str, int]:
    """The judgments of the last submit that was taken back, by name: a correction replaces them."""
    undone = max(earlier, key=lambda submission: submission.pk, default=None)
    if undone is None:
        return {}
    judgments = Judgment.objects.filter(act=undone.act).values_list("idempotency_key", "pk")
    return {key.partition(":")[2]: pk for key, pk in judgments}


def _acknowledged(assignment: Assignment, submission: Submission) -> Acknowledged:
    return Acknowledged(submission, undo_until(assignment, submission))


def undo_until(assignment: Assignment, submission: Submission) -> datetime:
    """How long the submit can be taken back."""
    return submission.created_at + timedelta(minutes=assignment.campaign.undo_minutes)
