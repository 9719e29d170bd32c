"""Reads of scorers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project
    from workers.models import Scorer


class ScorerQuerySet(models.QuerySet["Scorer"]):
    def of(self, project: Project) -> ScorerQuerySet:
        return self.filter(project=project)

    def active(self) -> ScorerQuerySet:
        return self.filter(archived_at__isnull=True)

    def by_source(self, source: str) -> ScorerQuerySet:
        return self.filter(source=source)

    def for_list(self) -> ScorerQuerySet:
        """With rubric, prompt, models and author; two queries."""
        return (
            self.select_related("rubric_version__rubric", "prompt_version__prompt", "created_by", "rater")
            .prefetch_related("models__endpoint")
            .order_by("-id")
        )
