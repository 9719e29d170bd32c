"""A person accepts, changes or rejects a span that a model marked. Nothing of the model's is touched.

A review is a judgment of kind spans by the person's own rater, whose `presentation` names the model's mark and the
decision. An accepted or changed mark is a span of that judgment with the model's as its `origin`; a rejection carries
no span. Taking back withdraws the judgment, and deciding anew also makes another that `replaces` it.

A review answers "is this right?" and not "where are the faults?", so whoever reads people's own spans leaves reviews
out (`JudgmentQuerySet.without_reviews`): neither is a rejection an output without faults, nor would a model be measured
against marks that it proposed itself.
"""

import uuid
from dataclasses import dataclass
from typing import Self

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from projects.errors import AppError
from projects.models import Project, User
from rewards.actions.rater import ensure_person_rater
from rewards.models import Judgment, Rater, SpanMark
from rewards.reviews import REVIEW, Decision
from rewards.text import Span, check_span, check_text, quote, sha256_text

LONGEST_TYPE, LONGEST_SEVERITY, LONGEST_EXPLANATION = 80, 40, 2000


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


def review_mark(*, mark: SpanMark, user: User, decision: Decision, changed: MarkContent | None = None) -> Judgment:
    """Store what `user` says of a model's mark; saying the same again changes nothing.

    Parameters
    ----------
    mark : SpanMark
        From `access.reviewable_mark_for`.
    user : User
    decision : Decision
    changed : MarkContent, optional
        What the mark should say, for `Decision.CHANGED`.

    Raises
    ------
    AppError
        ``change_missing`` where a change is not stated or is none; ``mark_invalid`` naming the field.
    """
    content = None if decision == Decision.REJECTED else MarkContent.of(mark)
    if decision == Decision.CHANGED:
        if changed is None or changed == content:
            raise AppError("Say what should be different: type, severity, place or explanation.", code="change_missing")
        _check(changed, mark)
        content = changed
    rater = ensure_person_rater(project=mark.output.project, user=user)
    with transaction.atomic():
        earlier = _reviews(mark, rater)
        standing = next((review for review in reversed(earlier) if review.withdrawn_at is None), None)
        if standing is not None:
            if _says(standing) == (decision, content):
                return standing
            _withdraw(standing, user)
        return _written(mark, rater, decision, content, earlier)


@transaction.atomic
def take_back_review(*, mark: SpanMark, user: User) -> None:
    """Withdraw what `user` said of a model's mark; AppError ``nothing_to_undo`` (409) where nothing stands."""
    rater = ensure_person_rater(project=mark.output.project, user=user)
    standing = [review for review in _reviews(mark, rater) if review.withdrawn_at is None]
    if not standing:
        raise AppError("You have said nothing about this span.", code="nothing_to_undo", status=409)
    _withdraw(standing[-1], user)


def _reviews(mark: SpanMark, rater: Rater) -> list[Judgment]:
    """All that the rater ever said of the mark, oldest first; locks the rater, so that it is said one at a time."""
    Rater.objects.select_for_update(no_key=True).get(pk=rater.pk)
    return list(Judgment.objects.reviews_of(mark).filter(rater=rater).order_by("id"))


def _says(review: Judgment) -> tuple[Decision, MarkContent | None]:
    mark = review.spans.first()
    return Decision(review.presentation[REVIEW]["decision"]), None if mark is None else MarkContent.of(mark)


def _withdraw(review: Judgment, user: User) -> None:
    Judgment.objects.filter(pk=review.pk).update(withdrawn_at=timezone.now(), withdrawn_by=user)
    _count(review.project_id, -1)


def _count(project_id: int, by: int) -> None:
    Project.objects.filter(pk=project_id).update(judgment_count=F("judgment_count") + by)


def _written(
    mark: SpanMark, rater: Rater, decision: Decision, content: MarkContent | None, earlier: list[Judgment]
) -> Judgment:
    judgment = Judgment.objects.create(
        project=mark.output.project,
        kind=Judgment.Kind.SPANS,
        rater=rater,
        task_id=mark.output.task_id,
        output=mark.output,
        act=uuid.uuid4(),
        idempotency_key=f"review:{mark.pk}:{rater.pk}:{len(earlier) + 1}",
        presentation={REVIEW: {"mark": mark.pk, "decision": decision.value}},
        replaces=earlier[-1] if earlier else None,
    )
    _count(judgment.project_id, 1)
    if content is not None:
        text = mark.output.messages[content.span.message]["text"]
        SpanMark.objects.create(
            judgment=judgment,
            output=mark.output,
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
    return judgment


def _check(content: MarkContent, mark: SpanMark) -> None:
    """Refuse what cannot be stored, naming the field."""
    limits = {"type": LONGEST_TYPE, "severity": LONGEST_SEVERITY, "explanation": LONGEST_EXPLANATION}
    problems: dict[str, list[str]] = {}
    for name, longest in limits.items():
        value: str = getattr(content, name)
        if len(value) > longest:
            problems[name] = [f"At most {longest} characters."]
        try:
            check_text(value)
        except ValueError as error:
            problems[name] = [f"{error}."]
    if not content.type.strip():
        problems["type"] = ["Give it a type."]
    try:
        check_span(content.span, [message["text"] for message in mark.output.messages])
    except ValueError as error:
        problems["span"] = [f"{error}."]
    if problems:
        raise AppError("This span cannot be stored.", code="mark_invalid", fields=problems)
