"""Reads of assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

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

    def overdue(self, campaign: Campaign | OuterRef) -> AssignmentQuerySet:
        """Leases of `campaign` whose time is over."""
        return self.live().filter(campaign=campaign, lease_until__lt=Now())

    def recently_submitted(self) -> AssignmentQuerySet:
        """What may still be taken back if it is not too late: answers that are compared at once stand."""
        recent = self.filter(status="submitted", makes_gold=False)
        # Items are granted in the order of their ids, so the last submit is among the last few.
        return recent.exclude(item__kind__in=["training", "qualification"]).order_by("-id")[:10]

    def for_answering(self) -> AssignmentQuerySet:
        """With all that leasing, showing and submitting read, and `rater_id`: null for who never judged (one query)."""
        raters = Rater.objects.filter(project=OuterRef("project"), user=OuterRef("user"))
        return (
            self.select_related("campaign__plan", "protocol", "item", "project", "draft")
            .defer("campaign__selection", "campaign__leak_scan", "project__description")
            .annotate(rater_id=Subquery(raters.values("pk")[:1]))
        )
