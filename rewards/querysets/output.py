"""Reads of outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project


class OutputQuerySet(models.QuerySet["Output"]):
    def current(self) -> OutputQuerySet:
        return self.filter(is_current=True)

    def of(self, project: Project) -> OutputQuerySet:
        return self.filter(project=project)

    def for_list(self) -> OutputQuerySet:
        """Narrow rows for lists: no messages; the policy joined."""
        return self.current().select_related("policy").defer("messages", "generation")
