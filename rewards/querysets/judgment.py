"""Reads of judgments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    def of(self, project: Project) -> JudgmentQuerySet:
        return self.filter(project=project)

    def standing(self) -> JudgmentQuerySet:
        """Judgments that nobody withdrew."""
        return self.filter(withdrawn_at__isnull=True)
