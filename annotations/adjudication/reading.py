"""The standing answers to an item, as lanes beside each other, and how far those of a whole campaign are apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from django.db.models import Count, F, Q, QuerySet, Sum

from annotations.adjudication.canonical import canonical_answer, own_item, renaming, settled_questions
from annotations.adjudication.model_spans import (
    ModelSpan,
    ReviewsAsked,
    decisions_in,
    marks_decided,
    model_spans,
)
from annotations.adjudication.rules import EXACT, Asked, Part, agree, disagreement, parts_of_lanes
from annotations.models import (
    Campaign,
    CampaignItem,
    CampaignItemOutput,
    CampaignProtocol,
    ItemDisagreement,
    Submission,
)
from annotations.protocols import CONFIDENCE, LABELS, REVIEWS, Question, ShownItem, ShownOutput, parse_questions
from rewards.models import Output, Rater, SpanMark

_WORDING: Final = frozenset({"prompt", "required", "confidence"})
"""Of a question: may change between versions without its answers meaning something else."""

MOST_COMPARED: Final = 500
"""Items whose answers are compared while somebody waits; a worker compares the others."""


class Lane(NamedTuple):
    """One person's standing answer.

    Attributes
    ----------
    submission, user : int
        Keys.
    rater : Rater
    protocol : int
        Number of the version under which it was given.
    answer : dict
        Under the item's own labels; questions that were asked otherwise are left out. Under `REVIEWS` what was decided
        on models' spans.
    sure : dict
        How sure the person was, by question.
    seconds : float
        For how long the page was looked at.
    """

    submission: int
    user: int
    rater: Rater
    protocol: int
    answer: Mapping[str, Any]
    sure: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class Lanes:
    """An item with all that was answered about it."""

    item: CampaignItem
    protocol: CampaignProtocol
    questions: Sequence[Question]
    """As they are asked of whoever settles it."""
    shown: ShownItem
    outputs: Sequence[Output]
    lanes: Sequence[Lane]
    marks: Sequence[SpanMark] = ()
    """Of models, on which people decided, and what else these models marked here."""

    @property
    def asked(self) -> list[Asked]:
        """The questions, and the decisions on models' spans."""
        return asked_with_reviews(self.questions)

    @cached_property
    def model_spans(self) -> list[ModelSpan]:
        return model_spans(self.marks, self.shown, self.item.campaign) if self.marks else []

    def parts(self, *, iou: float = EXACT) -> list[Part]:
        return parts_of_lanes(self.asked, [lane.answer for lane in self.lanes], self.shown, iou=iou)

    @property
    def submissions(self) -> list[int]:
        return [lane.submission for lane in self.lanes]


def lanes_of(item: CampaignItem) -> Lanes | None:
    """The standing answers to an item by who began first, or None where there is none yet.

    Four queries, and one more where people decided on spans of models.
    """
    submissions = list(_standing(Submission.objects.filter(assignment__item=item)))
    if not submissions:
        return None
    outputs = list(
        Output.objects.filter(item_outputs__item=item)
        .order_by("item_outputs__position")
        .only("id", "project_id", "messages")
    )
    protocol = max((one.assignment.protocol for one in submissions), key=lambda version: version.number)
    questions = settled_questions(parse_questions(protocol.questions))
    raters = _raters(item.project_id, submissions)
    stored = [output.pk for output in outputs]
    lanes = [_lane(one, protocol, questions, stored, raters) for one in submissions]
    marks = marks_decided([lane.answer for lane in lanes], stored)
    return Lanes(item, protocol, questions, own_item(outputs), outputs, lanes, marks)


def asked_with_reviews(questions: Sequence[Question]) -> list[Asked]:
    return [*questions, ReviewsAsked()]


def items_to_compare(campaign: Campaign) -> QuerySet[CampaignItem]:
    """Work whose stored disagreement is not that of the answers that stand now."""
    # Retention empties answers as they were sent: what is left of those says nothing.
    standing = Q(assignments__submissions__undone_at__isnull=True) & ~Q(assignments__submissions__answer={})
    return (
        campaign.items.filter(Q(submitted_count__gte=2) | Q(disagreement__isnull=False), kind=CampaignItem.Kind.WORK)
        .annotate(
            n_standing=Count("assignments__submissions", filter=standing),
            sum_standing=Sum("assignments__submissions__id", filter=standing, default=0),
        )
        .filter(
            Q(disagreement__isnull=True, n_standing__gte=2)
            | (
                Q(disagreement__isnull=False)
                & (~Q(disagreement__lane_count=F("n_standing")) | ~Q(disagreement__lane_sum=F("sum_standing")))
            )
        )
        .order_by("position")
    )


def compare_answers(campaign: Campaign, *, limit: int = MOST_COMPARED) -> int:
    """Bring the stored disagreements up to date, as far as `limit` items go; how many items that were; six queries."""
    items = list(items_to_compare(campaign)[:limit])
    if not items:
        return 0
    by_item: dict[int, list[Submission]] = defaultdict(list)
    for one in _standing(Submission.objects.filter(assignment__item__in=items)):
        by_item[one.assignment.item_id].append(one)
    stored: dict[int, list[int]] = defaultdict(list)
    shown = CampaignItemOutput.objects.filter(item__in=items).order_by("item", "position")
    for item, output in shown.values_list("item_id", "output_id"):
        stored[item].append(output)
    asked: dict[int, list[Question]] = {}
    rows = [
        _disagreement(item, by_item[item.pk], stored[item.pk], asked) for item in items if len(by_item[item.pk]) > 1
    ]
    ItemDisagreement.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["item"],
        update_fields=["value", "agrees", "questions", "lane_count", "lane_sum"],
    )
    left = [item.pk for item in items if len(by_item[item.pk]) < 2]
    if left:
        ItemDisagreement.objects.filter(item__in=left).delete()
    return len(items)


def _disagreement(
    item: CampaignItem, submissions: Sequence[Submission], stored: Sequence[int], asked: dict[int, list[Question]]
) -> ItemDisagreement:
    protocol = max((one.assignment.protocol for one in submissions), key=lambda version: version.number)
    if protocol.pk not in asked:
        asked[protocol.pk] = settled_questions(parse_questions(protocol.questions))
    questions = asked[protocol.pk]
    # Answers are compared by offsets and values: the texts are not read for that.
    labels = [ShownOutput(label, pk, ()) for label, pk in zip(LABELS, stored, strict=False)]
    answers = [_comparable(one, protocol, questions, stored) for one in submissions]
    parts = parts_of_lanes(asked_with_reviews(questions), answers, ShownItem(labels, stored, 0))
    return ItemDisagreement(
        item=item,
        campaign_id=item.campaign_id,
        value=disagreement(parts),
        agrees=agree(parts),
        questions=list(dict.fromkeys(part.question for part in parts if not part.agrees)),
        lane_count=len(submissions),
        lane_sum=sum(one.pk for one in submissions),
    )


def _standing(submissions: QuerySet[Submission]) -> QuerySet[Submission]:
    """Those not taken back, nor emptied by retention, with who gave them under which version."""
    return (
        submissions.filter(undone_at__isnull=True)
        .exclude(answer={})
        .select_related("assignment__protocol")
        .order_by("assignment_id", "id")
    )


def _lane(
    submission: Submission,
    protocol: CampaignProtocol,
    questions: Sequence[Question],
    stored: Sequence[int],
    raters: Mapping[int, Rater],
) -> Lane:
    assignment = submission.assignment
    return Lane(
        submission.pk,
        assignment.user_id,
        raters[assignment.user_id],
        assignment.protocol.number,
        _comparable(submission, protocol, questions, stored),
        submission.answer.get(CONFIDENCE, {}),
        submission.active_ms / 1000,
    )


def _comparable(
    submission: Submission, protocol: CampaignProtocol, questions: Sequence[Question], stored: Sequence[int]
) -> dict[str, Any]:
    assignment = submission.assignment
    if assignment.protocol_id != protocol.pk:
        earlier = {entry["key"]: _meant(entry) for entry in assignment.protocol.questions}
        now = {entry["key"]: _meant(entry) for entry in protocol.questions}
        questions = [question for question in questions if earlier.get(question.key) == now[question.key]]
    answer = canonical_answer(questions, submission.answer, renaming(assignment.order, stored))
    decisions = decisions_in(questions, submission.answer)
    return answer | ({REVIEWS: decisions} if decisions else {})


def _meant(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in _WORDING}


def _raters(project: int, submissions: Sequence[Submission]) -> dict[int, Rater]:
    users = [one.assignment.user_id for one in submissions]
    found = Rater.objects.filter(project=project, user__in=users).select_related("user")
    return {rater.user_id: rater for rater in found if rater.user_id is not None}
