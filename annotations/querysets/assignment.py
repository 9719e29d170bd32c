"""Reads of assignments."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, OuterRef, Q, Subquery, When
from django.db.models.functions import Now

from rewards.models import Rater

if TYPE_CHECKING:
    from annotations.models import Assignment, Campaign
    from projects.models import User

ANNOUNCED = ("training", "qualification")
"""Kinds of items that people know for what they are; their answers are compared at once, and stand."""


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def of(self, user: User) -> AssignmentQuerySet:
        return self.filter(user=user)

    def live(self) -> AssignmentQuerySet:
        """In work: they count against the item's overlap, even past their time until someone else asks."""
        return self.filter(status="leased")

    def overdue(self, campaign: Campaign | OuterRef) -> AssignmentQuerySet:
        """Leases of `campaign` whose time is over."""
        return self.live().filter(campaign=campaign, lease_until__lt=Now())

    def recently_submitted(self, *, gold_stands: bool) -> AssignmentQuerySet:
        """What may still be taken back if it is not too late: answers that are compared at once stand."""
        recent = self.filter(status="submitted", makes_gold=False)
        # Items are granted in the order of their ids, so the last submit is among the last few.
        return recent.exclude(item__kind__in=_stand_at_once(gold_stands)).order_by("-id")[:10]

    def over(self, *, gold_stands: bool) -> AssignmentQuerySet:
        """Submitted or skipped, the last first: what a person looks back at, not what has a page of feedback."""
        done = self.filter(status__in=["submitted", "skipped"], makes_gold=False)
        when = Case(When(status="skipped", then="skipped_at"), default="submitted_at")
        walked = done.exclude(item__kind__in=_stand_at_once(gold_stands))
        return walked.annotate(over_at=when).order_by("-over_at", "-pk")

    def earlier_than(self, over_at: datetime, pk: int) -> AssignmentQuerySet:
        """Of those that are `over`, what was so before."""
        return self.filter(Q(over_at__lt=over_at) | Q(over_at=over_at, pk__lt=pk))

    def later_than(self, over_at: datetime, pk: int) -> AssignmentQuerySet:
        """Of those that are `over`, what was so after, the next first."""
        return self.filter(Q(over_at__gt=over_at) | Q(over_at=over_at, pk__gt=pk)).reverse()

    def for_answering(self) -> AssignmentQuerySet:
        """With all that leasing, showing and submitting read, and `rater_id`: null for who never judged (one query)."""
        raters = Rater.objects.filter(project=OuterRef("project"), user=OuterRef("user"))
        return (
            self.select_related("campaign__plan", "protocol", "item", "project", "draft")
            .defer("campaign__selection", "campaign__leak_scan", "project__description")
            .annotate(rater_id=Subquery(raters.values("pk")[:1]))
        )


def _stand_at_once(gold_stands: bool) -> tuple[str, ...]:
    return (*ANNOUNCED, "gold") if gold_stands else ANNOUNCED
