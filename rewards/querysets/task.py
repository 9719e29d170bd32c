"""Reads of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project


class TaskQuerySet(models.QuerySet["Task"]):
    def current(self) -> TaskQuerySet:
        return self.filter(is_current=True)

    def of(self, project: Project) -> TaskQuerySet:
        return self.filter(project=project)

    def for_list(self) -> TaskQuerySet:
        """Narrow rows for lists: no messages, reference, context or metadata."""
        return self.current().only(
            "id", "project_id", "external_id", "version", "preview", "tags", "split", "output_count", "created_at"
        )
