"""Reads of recipes and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import OuterRef, Subquery

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Recipe, RecipeVersion


class RecipeQuerySet(models.QuerySet["Recipe"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def active(self) -> Self:
        return self.filter(archived_at__isnull=True)

    def named_like(self, search: str) -> Self:
        return self.filter(name__icontains=search) if search else self

    def for_list(self) -> Self:
        """With the newest version: `version_number`, `content_hash`, `changed_at`."""
        versions = apps.get_model("rewards", "RecipeVersion").objects
        newest = versions.filter(recipe=OuterRef("pk")).order_by("-number")
        return self.annotate(
            version_number=Subquery(newest.values("number")[:1]),
            content_hash=Subquery(newest.values("content_hash")[:1]),
            changed_at=Subquery(newest.values("created_at")[:1]),
        )


class RecipeVersionQuerySet(models.QuerySet["RecipeVersion"]):
    def newest_first(self) -> Self:
        return self.order_by("-number")

    def for_list(self) -> Self:
        """The versions of a recipe, the newest first, each with its author and without its tree."""
        return self.select_related("created_by").defer("tree").order_by("-number")
