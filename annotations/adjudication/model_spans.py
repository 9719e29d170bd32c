"""What people decided about the spans that models marked, as something that was asked and can be settled.

A campaign whose plan shows a model's spans has annotators accept, change or reject them as part of the answer (see
`annotations.proposals`). Here these decisions stand beside each other like the answers to any question: a part for each
span of a model, by its id. Nobody has to decide on a span, so those who did not are no voice on it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext

from annotations.adjudication.rules import REVIEWED
from annotations.models import Campaign
from annotations.overlay import shown_by
from annotations.protocols import REVIEWS, Question, ShownItem
from annotations.protocols.spans import SpansQuestion
from rewards.models import SpanMark
from rewards.reviews import Decision

_SAID = ("message", "start", "end", "quote", "text_sha256", "type", "severity", "comment")


class ReviewsAsked(NamedTuple):
    """What stands for the decisions among the questions."""

    key: str = REVIEWS
    kind: str = REVIEWED

    @property
    def prompt(self) -> str:
        return gettext("What a model marked")


class ModelSpan(NamedTuple):
    """A span of a model in the item, under the item's own labels; `source` is what annotators know the model by."""

    id: int
    source: str
    output: str
    message: int
    start: int
    end: int
    quote: str
    type: str
    severity: str
    comment: str


def decisions_in(questions: Sequence[Question], answer: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The decisions of one accepted answer by the span's id; none where spans were not asked for, or otherwise."""
    if spans_asked(questions) is None:
        return {}
    told: Mapping[str, Mapping[str, Any]] = answer.get(REVIEWS) or {}
    return {str(key): decision_of(entry) for key, entry in told.items()}


def decision_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One decision without what is not compared or shown."""
    if entry["decision"] != Decision.CHANGED:
        return {"decision": entry["decision"]}
    return {"decision": entry["decision"]} | {name: entry[name] for name in _SAID if name in entry}


def spans_asked(questions: Sequence[Question]) -> SpansQuestion | None:
    return next((question for question in questions if isinstance(question, SpansQuestion)), None)


def marks_decided(answers: Sequence[Mapping[str, Any]], outputs: Sequence[int]) -> list[SpanMark]:
    """The spans on which somebody decided, and what else the same models marked here, in reading order.

    One query; none where nobody decided on any.
    """
    decided = {int(key) for answer in answers for key in answer.get(REVIEWS, ())}
    if not decided:
        return []
    raters = SpanMark.objects.filter(pk__in=decided).values("judgment__rater")
    standing = Q(judgment__withdrawn_at=None, judgment__rater__in=raters)
    marks = SpanMark.objects.filter(Q(pk__in=decided) | standing, output__in=outputs)
    kept: list[SpanMark] = []
    seen: set[tuple[Any, ...]] = set()
    # What a model marked twice, asked again, stands once: as that on which somebody decided.
    for mark in sorted(marks.select_related("judgment__rater"), key=lambda mark: (mark.pk not in decided, mark.pk)):
        same = (mark.judgment.rater_id, mark.output_id, mark.message, mark.start, mark.end, mark.type)
        if mark.pk in decided or same not in seen:
            kept.append(mark)
        seen.add(same)
    place = {pk: at for at, pk in enumerate(outputs)}
    return sorted(kept, key=lambda mark: (place[mark.output_id], mark.message, mark.start, -mark.end, mark.pk))


def model_spans(marks: Sequence[SpanMark], item: ShownItem, campaign: Campaign) -> list[ModelSpan]:
    """As pages and the API show them; no model is named."""
    shown = shown_by(campaign)
    return [
        ModelSpan(
            mark.pk,
            # A plan from before it was changed may have shown other models.
            shown.name_of(mark.judgment.rater_id) if mark.judgment.rater_id in shown.marks else gettext("Model"),
            item.label_of(mark.output_id),
            mark.message,
            mark.start,
            mark.end,
            mark.quote,
            mark.type,
            mark.severity,
            mark.explanation,
        )
        for mark in marks
    ]


def place_of(mark: ModelSpan, decision: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Where the span stands by a decision, with its ``type`` and ``severity``; None for nowhere."""
    if decision["decision"] == Decision.REJECTED:
        return None
    return decision if decision["decision"] == Decision.CHANGED else mark._asdict()
