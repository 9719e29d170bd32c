"""Reads of campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, FilteredRelation, Q

if TYPE_CHECKING:
    from annotations.models import Campaign
    from projects.models import Project, User


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def of(self, project: Project) -> CampaignQuerySet:
        return self.filter(project=project)

    def answerable_by(self, user: User) -> CampaignQuerySet:
        """Campaigns that ask `user`: published ones that name nobody, or name `user`."""
        return self.exclude(status="draft").filter(Q(campaign_members__isnull=True) | Q(campaign_members__user=user))

    def with_progress_of(self, user: User) -> CampaignQuerySet:
        """Adds `mine` and `mine_skipped`: how many items `user` answered and skipped (null where none)."""
        return self.alias(own=FilteredRelation("progress", condition=Q(progress__user=user))).annotate(
            mine=F("own__submitted_count"), mine_skipped=F("own__skipped_count")
        )

    def for_list(self) -> CampaignQuerySet:
        """Rows of a list, newest first."""
        return self.defer("selection", "leak_scan").order_by("-id")
