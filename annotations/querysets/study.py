"""Reads of studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from annotations.models import Study
    from projects.models import Project


class StudyQuerySet(models.QuerySet["Study"]):
    def of(self, project: Project) -> StudyQuerySet:
        return self.filter(project=project)

    def for_list(self) -> StudyQuerySet:
        """Without the results, which may be large."""
        return self.select_related("created_by").defer("result", "parameters")
