"""Reads of assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

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

    def for_answering(self) -> AssignmentQuerySet:
        """With all that leasing, showing and submitting read (one query)."""
        return self.select_related("campaign", "protocol", "item", "project").defer(
            "campaign__selection", "campaign__leak_scan", "project__description"
        )
