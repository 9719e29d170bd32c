"""Reads of model endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from projects.models import Project
    from workers.models import ModelEndpoint


class ModelEndpointQuerySet(models.QuerySet["ModelEndpoint"]):
    def offered_to(self, project: Project) -> ModelEndpointQuerySet:
        """The project's own, and those that the operator offers to every project."""
        return self.filter(Q(project=project) | Q(project=None)).order_by("name", "id")

    def to_probe(self, version: int) -> ModelEndpointQuerySet:
        """Never looked at; or in process, and found usable by a probe before this version."""
        older = Q(engine="transformers", failure="") & (
            Q(resolved__probe__isnull=True) | Q(resolved__probe__lt=version)
        )
        return self.filter(Q(probed_at=None) | older)
