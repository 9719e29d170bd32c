"""Reads of runs and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project


class RunQuerySet(models.QuerySet["Run"]):
    def of(self, project: Project) -> RunQuerySet:
        return self.filter(project=project)

    def for_list(self) -> RunQuerySet:
        return self.select_related("scorer", "created_by").defer("selection", "estimate")


class BatchQuerySet(models.QuerySet["Batch"]):
    """Claiming lives in `workers.actions.batches`."""
