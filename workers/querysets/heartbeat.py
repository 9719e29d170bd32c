"""Reads of workers' signs of life."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from workers.models import WorkerHeartbeat

BEAT_SECONDS = 5
"""How often a worker writes its row."""
_SILENT_AFTER = timedelta(seconds=6 * BEAT_SECONDS)


class WorkerHeartbeatQuerySet(models.QuerySet["WorkerHeartbeat"]):
    def alive(self) -> WorkerHeartbeatQuerySet:
        """Seen within six beats, by the database's clock."""
        return self.filter(seen_at__gte=Now() - _SILENT_AFTER)

    def serving(self, queue: str) -> WorkerHeartbeatQuerySet:
        """Workers that take from `queue`; a worker of several names them with commas."""
        return self.filter(
            Q(queue=queue)
            | Q(queue__startswith=f"{queue},")
            | Q(queue__endswith=f",{queue}")
            | Q(queue__contains=f",{queue},")
        )
