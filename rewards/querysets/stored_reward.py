"""Reads of stored rewards and of the names that rewards go by."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import RewardName, StoredReward


class StoredRewardQuerySet(models.QuerySet["StoredReward"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def open(self) -> Self:
        return self.filter(status__in=["queued", "running"])

    def claimable(self, *, silent_since: datetime) -> Self:
        """Those that wait, and those whose worker has not been heard since."""
        return self.filter(Q(status="queued") | Q(status="running", heartbeat_at__lt=silent_since))

    def stalled(self, *, silent_since: datetime) -> Self:
        """Those that wait unheard, or whose worker fell silent."""
        return self.claimable(silent_since=silent_since).exclude(status="queued", created_at__gte=silent_since)


class RewardNameQuerySet(models.QuerySet["RewardName"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def for_list(self) -> Self:
        """With the recipe's version behind each, without its tree."""
        return self.select_related("version__recipe").defer("version__tree").order_by("name")
