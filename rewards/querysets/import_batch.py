"""Reads of imports and their errors."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import ImportBatch


class ImportBatchQuerySet(models.QuerySet["ImportBatch"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def for_list(self) -> Self:
        """With its author."""
        return self.select_related("created_by")

    def claimable(self, *, silent_since: datetime) -> Self:
        """Those that wait, and those whose worker has not been heard since."""
        return self.filter(Q(status="pending") | Q(status="running", heartbeat_at__lt=silent_since))

    def stalled(self, *, silent_since: datetime) -> Self:
        """Uploads that wait unheard, or whose worker fell silent."""
        waiting = self.claimable(silent_since=silent_since).exclude(stored_files=[])
        return waiting.exclude(status="pending", created_at__gte=silent_since)
