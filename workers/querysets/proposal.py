"""Reads of rubric proposals."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Rubric
    from workers.models import RubricProposal

SILENT_AFTER = timedelta(minutes=2)
"""A proposal without a sign of life for so long has lost its worker."""
WIDE = ("content", "facts", "replies", "task__messages", "task__context", "task__reference", "task__metadata")


class RubricProposalQuerySet(models.QuerySet["RubricProposal"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def about(self, rubric: Rubric) -> Self:
        """Those that would change this rubric."""
        return self.filter(rubric=rubric)

    def open(self) -> Self:
        """Those that nobody has decided on: waiting, being written, or ready to read."""
        return self.filter(status__in=["pending", "running", "ready"])

    def for_list(self) -> Self:
        """Narrow rows, the latest first, with what they are about."""
        return self.select_related("rubric", "task", "endpoint", "created_by").defer(*WIDE).order_by("-id")

    def claimable(self) -> Self:
        """Waiting, or given to a worker that fell silent."""
        return self.filter(Q(status="pending") | Q(status="running", heartbeat_at__lt=Now() - SILENT_AFTER))
