"""What people said about the spans that models marked, as their judgments tell it."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import models

from rewards.models import Judgment, Rater

REVIEW = "review"
"""The entry of a judgment's `presentation` that makes it a review: `{"mark": key, "decision": Decision}`."""


class Decision(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    CHANGED = "changed", "Changed"
    REJECTED = "rejected", "Rejected"


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
