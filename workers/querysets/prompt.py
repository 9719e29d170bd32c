"""Reads of judge prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Count, Max, OuterRef, Q, Subquery

if TYPE_CHECKING:
    from projects.models import Project
    from workers.models import Prompt, PromptVersion


class PromptQuerySet(models.QuerySet["Prompt"]):
    def of(self, project: Project) -> PromptQuerySet:
        return self.filter(project=project)

    def offered_to(self, project: Project) -> PromptQuerySet:
        """The project's own, and those that the operator offers to every project."""
        return self.filter(Q(project=project) | Q(project=None))

    def for_list(self) -> PromptQuerySet:
        """With `newest_number`, `changed_at` and `scorer_count`."""
        return self.annotate(
            newest_number=Max("versions__number"),
            changed_at=Max("versions__created_at"),
            scorer_count=Count("versions__scorers", distinct=True),
        ).order_by("-id")


class PromptVersionQuerySet(models.QuerySet["PromptVersion"]):
    def offered_to(self, project: Project) -> PromptVersionQuerySet:
        return self.filter(Q(prompt__project=project) | Q(prompt__project=None))

    def for_source(self, source: str) -> PromptVersionQuerySet:
        return self.filter(prompt__source=source)

    def newest(self) -> PromptVersionQuerySet:
        """The newest version of each prompt."""
        newest = self.model._default_manager.filter(prompt=OuterRef("prompt")).order_by("-number").values("pk")[:1]
        return self.filter(pk=Subquery(newest))

    def for_list(self) -> PromptVersionQuerySet:
        """With prompt and author, the newest of each prompt first."""
        return self.select_related("prompt", "created_by").order_by("prompt__name", "prompt", "-number")
