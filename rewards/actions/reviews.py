"""A person accepts, changes or rejects a span that a model marked. Nothing of the model's is touched.

A review is a judgment of kind spans by the person's own rater, whose `presentation` names the model's mark and the
decision. An accepted or changed mark is a span of that judgment with the model's as its `origin`; a rejection carries
no span. Taking back withdraws the judgment, and deciding anew also makes another that `replaces` it.

A review answers "is this right?" and not "where are the faults?", so whoever reads people's own spans leaves reviews
out (`JudgmentQuerySet.without_reviews`): neither is a rejection an output without faults, nor would a model be measured
against marks that it proposed itself.
"""

import uuid
from collections.abc import Collection

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project, User
from rewards.actions.rater import ensure_person_rater
from rewards.models import Judgment, Rater, SpanMark
from rewards.reviews import REVIEW, Decision, MarkContent, content_problems, reviewed_row, told_of


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
            raise AppError(
                gettext("Say what should be different: type, severity, place or explanation."), code="change_missing"
            )
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
        raise AppError(gettext("You have said nothing about this span."), code="nothing_to_undo", status=409)
    _withdraw(standing[-1], user)


def lock_reviews_of(rater_id: int) -> None:
    """What one rater says of marks is said one at a time: call first, inside the transaction."""
    Rater.objects.select_for_update(no_key=True).only("pk").get(pk=rater_id)


def withdraw_other_reviews(*, marks: Collection[int], rater_id: int, user: User, act: uuid.UUID) -> None:
    """Withdraw what the rater said of these marks before the judgments of `act`. After `lock_reviews_of`."""
    said = Judgment.objects.standing().filter(rater=rater_id, kind=Judgment.Kind.SPANS)
    others = said.filter(presentation__review__mark__in=list(marks)).exclude(act=act)
    withdrawn = others.update(withdrawn_at=timezone.now(), withdrawn_by=user)
    if withdrawn:
        project_id = Rater.objects.values_list("project", flat=True).get(pk=rater_id)
        _count(project_id, -withdrawn)


def _reviews(mark: SpanMark, rater: Rater) -> list[Judgment]:
    """All that the rater ever said of the mark, oldest first; locks the rater, so that it is said one at a time."""
    lock_reviews_of(rater.pk)
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
        presentation={REVIEW: told_of(mark, decision)},
        replaces=earlier[-1] if earlier else None,
    )
    _count(judgment.project_id, 1)
    if content is not None:
        row = reviewed_row(mark, content, _texts(mark))
        row.judgment = judgment
        row.save()
    return judgment


def _check(content: MarkContent, mark: SpanMark) -> None:
    """Refuse what cannot be stored, naming the field."""
    problems = content_problems(content, _texts(mark))
    if problems:
        raise AppError(gettext("This span cannot be stored."), code="mark_invalid", fields=problems)


def _texts(mark: SpanMark) -> list[str]:
    return [message["text"] for message in mark.output.messages]
