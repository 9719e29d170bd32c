"""Reads of what was erased."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Erasure, Project


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def of(self, project: Project) -> ErasureQuerySet:
        return self.filter(project=project)

    def totals(self, *, since: datetime | None = None) -> dict[str, int]:
        """How much went, by what it was; after `since` where given (one query)."""
        rows = self if since is None else self.filter(created_at__gt=since)
        totals: Counter[str] = Counter()
        for counts in rows.values_list("counts", flat=True):
            totals.update(counts)
        return dict(totals)
