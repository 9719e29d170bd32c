"""Reads of exports and their files."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q, Sum

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Export, ExportFile


class ExportQuerySet(models.QuerySet["Export"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def for_list(self) -> Self:
        """With author and `size` in bytes; no manifest."""
        return self.select_related("created_by").defer("manifest", "failure").annotate(size=Sum("files__bytes"))

    def claimable(self, *, silent_since: datetime) -> Self:
        """Those that wait, and those whose worker has not been heard since."""
        return self.filter(Q(status="pending") | Q(status="running", heartbeat_at__lt=silent_since))

    def stalled(self, *, silent_since: datetime) -> Self:
        """Those that wait unheard, or whose worker fell silent."""
        return self.claimable(silent_since=silent_since).exclude(status="pending", created_at__gte=silent_since)


class ExportFileQuerySet(models.QuerySet["ExportFile"]):
    def in_order(self) -> Self:
        """Card and manifest first, then the splits as they were written."""
        return self.order_by("id")
