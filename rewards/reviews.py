"""What people said about the spans that models marked, as their judgments tell it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from django.db import models
from django.utils.translation import gettext

from rewards.models import Judgment, Rater, SpanMark
from rewards.text import Span, check_span, check_text, quote, sha256_text

REVIEW = "review"
"""The entry of a judgment's `presentation` that makes it a review; `told_of` says what is in it."""

LONGEST_TYPE, LONGEST_SEVERITY, LONGEST_EXPLANATION = 80, 40, 2000


class Decision(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    CHANGED = "changed", "Changed"
    REJECTED = "rejected", "Rejected"


@dataclass(frozen=True)
class MarkContent:
    """What a mark says, without whose it is."""

    span: Span
    type: str
    severity: str
    explanation: str

    @classmethod
    def of(cls, mark: SpanMark) -> Self:
        return cls(Span(mark.message, mark.start, mark.end), mark.type, mark.severity, mark.explanation)


class Review(NamedTuple):
    """What one person said about one mark of a model."""

    mark_id: int
    decision: Decision
    rater: Rater

    def __str__(self) -> str:
        return f"{self.decision.value} by {self.rater.label}"


def review_in(judgment: Judgment) -> Review | None:
    """The review that a judgment is; None for every other answer. No query where the rater is loaded."""
    told = judgment.presentation.get(REVIEW)
    return None if told is None else Review(told["mark"], Decision(told["decision"]), judgment.rater)


def reviews_by_mark(judgments: Iterable[Judgment]) -> dict[int, list[Review]]:
    """The reviews among these judgments by the model's mark that they are about, in the judgments' order."""
    found: dict[int, list[Review]] = {}
    for review in filter(None, map(review_in, judgments)):
        found.setdefault(review.mark_id, []).append(review)
    return found


def told_of(mark: SpanMark, decision: Decision) -> dict[str, Any]:
    """What a review keeps of the model's mark beside the decision; `mark.judgment.rater` is read.

    ``source`` is the hash of the scorer and ``value`` what it gave the span. ``verified`` says that a person looked and
    lets a span stand here, as it was or changed.
    """
    return {
        "mark": mark.pk,
        "decision": decision.value,
        "source": mark.judgment.rater.scorer_hash,
        "value": mark.value,
        "verified": decision != Decision.REJECTED,
    }


def reviewed_row(mark: SpanMark, content: MarkContent, texts: Sequence[str]) -> SpanMark:
    """The span as the person lets it stand, not saved, with the model's as its origin; `texts` are the output's."""
    text = texts[content.span.message]
    return SpanMark(
        output_id=mark.output_id,
        message=content.span.message,
        start=content.span.start,
        end=content.span.end,
        text_sha256=sha256_text(text),
        quote=quote(text, content.span),
        type=content.type,
        severity=content.severity,
        # What a model's value would be with another type or severity is for nobody to say.
        value=mark.value if (content.type, content.severity) == (mark.type, mark.severity) else None,
        explanation=content.explanation,
        criterion_id=mark.criterion_id,
        origin=mark,
    )


def content_problems(content: MarkContent, texts: Sequence[str]) -> dict[str, list[str]]:
    """What cannot be stored of it, by field."""
    limits = {"type": LONGEST_TYPE, "severity": LONGEST_SEVERITY, "explanation": LONGEST_EXPLANATION}
    problems: dict[str, list[str]] = {}
    for name, longest in limits.items():
        value: str = getattr(content, name)
        if len(value) > longest:
            problems[name] = [gettext("At most %(longest)s characters.") % {"longest": longest}]
        try:
            check_text(value)
        except ValueError as error:
            problems[name] = [f"{error}."]
    if not content.type.strip():
        problems["type"] = [gettext("Give it a type.")]
    try:
        check_span(content.span, texts)
    except ValueError as error:
        problems["span"] = [f"{error}."]
    return problems
