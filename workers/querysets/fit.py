"""Reads of fits and of the artefacts that came of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from projects.models import Project
    from workers.models import Artefact, Fit

SILENT_AFTER = timedelta(minutes=2)
"""A fit without a sign of life for so long has lost its worker."""


class FitQuerySet(models.QuerySet["Fit"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def for_list(self) -> Self:
        """Narrow rows, the latest first, with what they are fitted on and what came of them."""
        narrow = self.select_related("export", "endpoint", "artefact", "created_by")
        return narrow.defer("export__manifest", "export__failure", "facts").order_by("-id")

    def open(self) -> Self:
        """Those that wait or are under way."""
        return self.filter(status__in=["pending", "running"])

    def claimable(self) -> Self:
        """Waiting, or given to a worker that fell silent."""
        return self.filter(Q(status="pending") | Q(status="running", heartbeat_at__lt=Now() - SILENT_AFTER))


class ArtefactQuerySet(models.QuerySet["Artefact"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def of_kind(self, kind: str) -> Self:
        return self.filter(source=kind)

    def for_list(self) -> Self:
        """The latest first, with the export that they were fitted on."""
        narrow = self.select_related("export", "created_by").defer("export__manifest", "export__failure")
        return narrow.order_by("-id")
