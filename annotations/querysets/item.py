"""Reads of campaign items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import FilteredRelation, Q

if TYPE_CHECKING:
    from annotations.models import Campaign, CampaignItem
    from projects.models import User

# A lease that ran out or was given back may be granted to the same person again; the others are theirs for good.
TAKEN = ("leased", "submitted", "skipped")


class CampaignItemQuerySet(models.QuerySet["CampaignItem"]):
    def grantable_to(self, user: User, campaign: Campaign) -> CampaignItemQuerySet:
        """Items of `campaign` with room for one more answer, by someone who has not answered or skipped them."""
        return self._untaken_by(user).filter(campaign=campaign, granted_count__lt=campaign.overlap)

    def unfinished_for(self, user: User, campaign: Campaign) -> CampaignItemQuerySet:
        """Items that `user` may still be asked about once other people's leases end."""
        return self._untaken_by(user).filter(campaign=campaign, submitted_count__lt=campaign.overlap)

    def fewest_outputs(self) -> int:
        """The smallest number of outputs that one of these items has; 0 if there are none (one query)."""
        counts = self.annotate(output_count=models.Count("item_outputs")).aggregate(fewest=models.Min("output_count"))
        return counts["fewest"] or 0

    def for_list(self) -> CampaignItemQuerySet:
        """Rows of the manager's list: the task's preview, and who holds or answered each item (two queries)."""
        return (
            self.select_related("task")
            .only(
                "id",
                "campaign_id",
                "position",
                "granted_count",
                "submitted_count",
                "task__id",
                "task__preview",
                "task__external_id",
                "task__version",
            )
            .annotate(output_count=models.Count("item_outputs"))
            .prefetch_related("assignments__user")
        )

    def _untaken_by(self, user: User) -> CampaignItemQuerySet:
        taken = FilteredRelation("assignments", condition=Q(assignments__user=user, assignments__status__in=TAKEN))
        return self.alias(taken=taken).filter(taken__isnull=True)
