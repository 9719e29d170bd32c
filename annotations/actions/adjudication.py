"""Settling items: an answer of its own rater beside the answers that it settles, which stay as they are."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from annotations.actions.submission import store_cuts
from annotations.adjudication.model_spans import spans_asked
from annotations.adjudication.reading import Lanes, compare_answers, lanes_of
from annotations.adjudication.rules import EXACT, agree, departures, lanes_followed, merged_answer
from annotations.answers import storable_json
from annotations.models import Adjudication, Campaign, CampaignItem, ItemDisagreement
from annotations.proposals import planned_reviews, reviewed_marks
from annotations.protocols import REVIEWS, PlannedJudgment, plan_judgments
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.actions.reviews import lock_reviews_of, withdraw_other_reviews
from rewards.adjudicated import MARK, PREFIX
from rewards.models import Judgment, RankedOutput, Rater

LONGEST_REASON = 2_000
MOST_SETTLED = 200
"""Items settled in one go while somebody waits."""


@dataclass(frozen=True)
class Settlement:
    """What somebody settles on, and what they had before them.

    Attributes
    ----------
    answer : dict
        By question, under the item's own labels; under `REVIEWS` what is decided on models' spans, by their ids.
    seen : sequence of int
        Ids of the submissions that were looked at.
    standing : int, optional
        The adjudication that is changed; None where there was none.
    reason : str
    iou : float
        From which overlap on spans counted as the same.
    """

    answer: Mapping[str, Any]
    seen: Sequence[int]
    standing: int | None = None
    reason: str = ""
    iou: float = EXACT


class Settled(NamedTuple):
    """How far a round of settling came."""

    settled: int
    has_more: bool


def settle_item(*, item: CampaignItem, actor: User, key: str, decision: Settlement) -> Adjudication:
    """Store what `actor` settles on; the same `key` and answer again change nothing.

    Parameters
    ----------
    item : CampaignItem
        From `access.adjudicated_item_for`.
    actor : User
    key : str
        Chosen by the sender for this decision.
    decision : Settlement

    Raises
    ------
    AppError
        ``answer_invalid`` naming each problem; ``reason_needed`` where the answer goes against what most people said or
        is nobody's, naming where; 409 with ``key_reused``, ``nothing_to_settle``, ``answers_changed`` where other
        answers stand than were seen, ``adjudication_changed`` where somebody settled it meanwhile.
    """
    storable_json(dict(decision.answer))
    if not 0 < decision.iou <= 1:
        raise AppError(gettext("The overlap must be more than 0 and at most 1."), code="answer_invalid")
    known = item.adjudications.filter(idempotency_key=key).first()
    if known is not None:
        return _known(known, decision)
    lanes = lanes_of(item)
    if lanes is None or item.kind != CampaignItem.Kind.WORK:
        raise AppError(gettext("Nobody's answer to this item stands."), code="nothing_to_settle", status=409)
    if sorted(decision.seen) != sorted(lanes.submissions):
        raise AppError(
            gettext("Answers came or went meanwhile: look at them first."), code="answers_changed", status=409
        )
    planned = _planned(lanes, dict(decision.answer))
    parts = lanes.parts(iou=decision.iou)
    against = departures(lanes.asked, parts, decision.answer, lanes.shown, iou=decision.iou)
    reason = _reason(decision.reason, against)
    store_cuts(planned, lanes.outputs, item.project_id)
    rater = ensure_adjudicating_rater(item.campaign)
    followed = lanes_followed(lanes.asked, parts, decision.answer, lanes.shown, iou=decision.iou)
    made = Adjudication(
        project_id=item.project_id,
        campaign_id=item.campaign_id,
        item=item,
        protocol=lanes.protocol,
        rater=rater,
        adjudicator=actor,
        idempotency_key=key,
        act=uuid.uuid4(),
        answer=dict(decision.answer),
        method=_method(followed, len(lanes.lanes), is_agreed=agree(parts)),
        picked_id=lanes.lanes[followed[0]].submission if followed else None,
        lanes=lanes.submissions,
        departures=against,
        iou=decision.iou,
        reason=reason,
    )
    return _write(made, planned, decision)


@transaction.atomic
def undo_adjudication(*, adjudication: Adjudication, actor: User) -> None:
    """Take a settled answer back: its judgments are withdrawn, and the item is open again.

    Raises
    ------
    AppError
        ``nothing_to_undo`` (409) where it does not stand.
    """
    CampaignItem.objects.select_for_update(no_key=True).get(pk=adjudication.item_id)
    if not _withdraw(adjudication.pk, adjudication.act, adjudication.project_id, actor):
        raise AppError(gettext("This adjudication does not stand."), code="nothing_to_undo", status=409)
    record_event(
        actor=actor,
        verb="adjudication.undone",
        project=adjudication.project,
        target=adjudication.campaign,
        data={"item": adjudication.item_id},
    )


def settle_agreed(*, campaign: Campaign, actor: User, iou: float = EXACT, limit: int = MOST_SETTLED) -> Settled:
    """Settle the items on which all agree, each with what they agree on; each is a transaction of its own.

    Looked at are the `limit` open items whose answers are nearest to each other: somebody waits.

    Parameters
    ----------
    campaign : Campaign
    actor : User
    iou : float
        From which overlap on spans are the same; of such spans the characters that all marked are taken.
    limit : int
        Items looked at, and settled, at most.
    """
    compare_answers(campaign)
    open_items = ItemDisagreement.objects.of(campaign).unsettled()
    if iou == EXACT:
        open_items = open_items.filter(agrees=True)
    nearest = list(open_items.select_related("item__campaign").order_by("value", "item__position")[: limit + 1])
    settled = 0
    for row in nearest[:limit]:
        lanes = lanes_of(row.item)
        parts = lanes.parts(iou=iou) if lanes else []
        if lanes is None or len(lanes.lanes) < 2 or not agree(parts):
            continue
        answer = merged_answer(lanes.asked, parts, iou=iou)
        decision = Settlement(answer=answer, seen=lanes.submissions, iou=iou)
        try:
            settle_item(item=row.item, actor=actor, key=f"agreed:{uuid.uuid4()}", decision=decision)
        except AppError:
            # Settled or answered anew while this went on, or not what the questions take: it stays open.
            continue
        settled += 1
    # Where none of the nearest could be settled, pressing again would look at the same ones.
    return Settled(settled, settled > 0 and len(nearest) > limit)


def ensure_adjudicating_rater(campaign: Campaign) -> Rater:
    """The rater by whom a campaign's settled answers are: one a campaign, whoever settles."""
    return Rater.objects.get_or_create(
        project_id=campaign.project_id,
        pseudonym=f"{PREFIX}{campaign.pk}",
        defaults={"kind": Rater.Kind.PERSON, "name": f"Adjudicated: {campaign.name}"[:200]},
    )[0]


def _planned(lanes: Lanes, answer: dict[str, Any]) -> list[PlannedJudgment]:
    known = {str(mark.pk): mark for mark in lanes.marks}
    reviews = planned_reviews(answer.get(REVIEWS) or {}, known, spans_asked(lanes.questions), lanes.shown)
    return [*plan_judgments(lanes.questions, answer, lanes.shown), *reviews]


def _known(known: Adjudication, decision: Settlement) -> Adjudication:
    if known.answer != dict(decision.answer):
        raise AppError(gettext("This key was used for another answer."), code="key_reused", status=409)
    return known


def _reason(given: str, against: Sequence[str]) -> str:
    reason = given.strip()
    if len(reason) > LONGEST_REASON:
        words = gettext("At most %(most)s characters.") % {"most": f"{LONGEST_REASON:,}"}
        raise AppError(words, code="answer_invalid", fields={"reason": [words]})
    if against and not reason:
        raise AppError(
            gettext("Say why: this goes against what people answered."),
            code="reason_needed",
            fields={
                "reason": [gettext("Say why this goes against what people answered.")],
                "departures": list(against),
            },
        )
    storable_json({"reason": reason})
    return reason


def _method(followed: Sequence[int] | None, n_lanes: int, *, is_agreed: bool) -> Adjudication.Method:
    if followed is None:
        return Adjudication.Method.OWN
    if len(followed) == n_lanes and is_agreed and n_lanes > 1:
        return Adjudication.Method.AGREED
    return Adjudication.Method.PICKED if followed else Adjudication.Method.MERGED


@transaction.atomic
def _write(made: Adjudication, planned: Sequence[PlannedJudgment], decision: Settlement) -> Adjudication:
    """Under a lock of the item: the earlier one goes, this one comes, with its judgments."""
    item = CampaignItem.objects.select_for_update(no_key=True).get(pk=made.item_id)
    same = item.adjudications.filter(idempotency_key=made.idempotency_key).first()
    if same is not None:
        return _known(same, decision)
    earlier = item.adjudications.filter(undone_at__isnull=True).first()
    if (earlier.pk if earlier else None) != decision.standing:
        raise AppError(
            gettext("Somebody settled this item meanwhile: look at it first."), code="adjudication_changed", status=409
        )
    if earlier is not None:
        _withdraw(earlier.pk, earlier.act, earlier.project_id, made.adjudicator)
        made.replaces = earlier
    reviewed = reviewed_marks(planned)
    if reviewed:
        lock_reviews_of(made.rater_id)
    made.save()
    _write_judgments(made, planned, earlier)
    if reviewed and made.adjudicator is not None:
        # The same output may stand in another item: of one span one decision stands.
        withdraw_other_reviews(marks=reviewed, rater_id=made.rater_id, user=made.adjudicator, act=made.act)
    record_event(
        actor=made.adjudicator,
        verb="adjudication.made",
        project=made.project,
        target=made.campaign,
        data={"item": made.item_id, "method": made.method, "departures": made.departures},
    )
    return made


def _write_judgments(made: Adjudication, planned: Sequence[PlannedJudgment], earlier: Adjudication | None) -> None:
    replaced = {}
    if earlier is not None:
        rows = Judgment.objects.filter(act=earlier.act).values_list("idempotency_key", "pk")
        replaced = {key.partition(":")[2]: pk for key, pk in rows}
    told = {
        "campaign": made.campaign_id,
        "protocol": made.protocol.number,
        MARK: {"id": made.pk, "method": made.method},
    }
    envelopes = Judgment.objects.bulk_create(
        Judgment(
            project_id=made.project_id,
            kind=plan.kind,
            rater_id=made.rater_id,
            task_id=made.item.task_id,
            output_id=plan.output_id,
            act=made.act,
            idempotency_key=f"{made.act}:{plan.name}",
            presentation={**told, **plan.presentation},
            replaces_id=replaced.get(plan.name),
        )
        for plan in planned
    )
    by_model: dict[Any, list[Any]] = {}
    for envelope, plan in zip(envelopes, planned, strict=True):
        for row in plan.rows:
            setattr(row, "ranking_id" if isinstance(row, RankedOutput) else "judgment_id", envelope.pk)
            by_model.setdefault(type(row), []).append(row)
    # A ranking comes before its places: each kind is planned in the order in which it can be stored.
    for model, answers in by_model.items():
        model.objects.bulk_create(answers)
    Project.objects.filter(pk=made.project_id).update(judgment_count=F("judgment_count") + len(envelopes))


def _withdraw(pk: int, act: uuid.UUID, project: int, actor: User | None) -> bool:
    """Take one back if it stands; to be called under a lock of its item."""
    now = timezone.now()
    if not Adjudication.objects.filter(pk=pk, undone_at__isnull=True).update(undone_at=now, undone_by=actor):
        return False
    withdrawn = Judgment.objects.filter(act=act, withdrawn_at__isnull=True).update(withdrawn_at=now, withdrawn_by=actor)
    Project.objects.filter(pk=project).update(judgment_count=F("judgment_count") - withdrawn)
    return True
