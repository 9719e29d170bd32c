"""Reads of assignments."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from rewards.models import Rater

if TYPE_CHECKING:
    from annotations.models import Assignment, Campaign
    from projects.models import User


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def of(self, user: User) -> AssignmentQuerySet:
        return self.filter(user=user)

    def live(self) -> AssignmentQuerySet:
        """In work: they count against the item's overlap, even past their time until someone else asks."""
        return self.filter(status="leased")

    def overdue(self, campaign: Campaign) -> AssignmentQuerySet:
        """Leases of `campaign` whose time is over."""
        return self.live().filter(campaign=campaign, lease_until__lt=timezone.now())

    def undoable_by(self, user: User, campaign: Campaign) -> Assignment | None:
        """The last submit of `user` in `campaign` that can still be taken back (one query)."""
        since = timezone.now() - timedelta(minutes=campaign.undo_minutes)
        # Items are granted in the order of their ids, so the last submit is among the last few.
        recent = self.of(user).filter(campaign=campaign, status="submitted", makes_gold=False)
        recent = recent.exclude(item__kind__in=["training", "qualification"]).order_by("-id")[:10]
        submitted = [
            assignment for assignment in recent if assignment.submitted_at and assignment.submitted_at >= since
        ]
        return max(submitted, key=lambda assignment: assignment.submitted_at or since, default=None)

    def for_answering(self) -> AssignmentQuerySet:
        """With all that leasing, showing and submitting read, and `rater_id`: null for who never judged (one query)."""
        raters = Rater.objects.filter(project=OuterRef("project"), user=OuterRef("user"))
        return (
            self.select_related("campaign__plan", "protocol", "item", "project")
            .defer("campaign__selection", "campaign__leak_scan", "project__description")
            .annotate(rater_id=Subquery(raters.values("pk")[:1]))
        )
