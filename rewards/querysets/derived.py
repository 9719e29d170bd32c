"""Reads of derived scores."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import DerivedScore


class DerivedScoreQuerySet(models.QuerySet["DerivedScore"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def defined_by(self, definition_hash: str) -> Self:
        return self.filter(definition_hash=definition_hash)

    def ranked(self) -> Self:
        """Scored outputs from the best to the worst, then the unscored ones."""
        return self.order_by(models.F("value").desc(nulls_last=True), "output_id")

    def about(self, output_ids: Collection[int]) -> Self:
        return self.filter(output__in=output_ids)
