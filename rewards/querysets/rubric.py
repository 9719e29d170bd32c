"""Reads of rubrics and their versions."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, F, OuterRef, Subquery

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Rubric, RubricVersion, Task


class RubricQuerySet(models.QuerySet["Rubric"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def active(self) -> Self:
        return self.filter(archived_at__isnull=True)

    def shared(self) -> Self:
        """Rubrics of the project, which any task can be judged by."""
        return self.filter(task_external_id__isnull=True)

    def of_tasks(self) -> Self:
        """Tasks' own rubrics."""
        return self.filter(task_external_id__isnull=False)

    def kind_of(self, kind: str) -> Self:
        """``project`` for shared ones, ``tasks`` for tasks' own, anything else for all."""
        return {"project": self.shared, "tasks": self.of_tasks}.get(kind, self.all)()

    def for_list(self) -> Self:
        """With the newest version: `version_number`, `criterion_count`, `changed_at`."""
        versions = apps.get_model("rewards", "RubricVersion").objects
        newest = versions.filter(rubric=OuterRef("pk")).order_by("-number")
        count = newest.annotate(n=Count("criteria")).values("n")[:1]
        return self.annotate(
            version_number=Subquery(newest.values("number")[:1]),
            criterion_count=Subquery(count),
            changed_at=Subquery(newest.values("created_at")[:1]),
        )

    def own_of(self, task: Task) -> Rubric | None:
        """The rubric that hangs on the task's identity, if there is one."""
        return self.filter(project_id=task.project_id, task_external_id=task.external_id).first()

    def named_like(self, search: str) -> Self:
        """Those whose name, or the id of whose task, begins with or contains the words."""
        return (
            self.filter(models.Q(name__icontains=search) | models.Q(task_external_id__istartswith=search))
            if search
            else self
        )


class RubricVersionQuerySet(models.QuerySet["RubricVersion"]):
    def with_criteria(self) -> Self:
        """With criteria in order, so that `content()` costs nothing more."""
        return self.prefetch_related("criteria")

    def to_show(self, ids: Collection[int]) -> Self:
        """These versions with rubric and criteria; two queries."""
        return self.filter(pk__in=ids).select_related("rubric").prefetch_related("criteria")

    def newest_first(self) -> Self:
        return self.order_by("-number")

    def for_list(self) -> Self:
        """The versions of a rubric, the newest first, each with `criterion_count` and its author."""
        return self.select_related("created_by").annotate(criterion_count=Count("criteria")).order_by("-number")

    def newest_shared(self, project: Project) -> Self:
        """The newest version of each rubric of the project that any task can be judged by, with its rubric."""
        return (
            self.filter(project=project, rubric__task_external_id__isnull=True, rubric__archived_at__isnull=True)
            .select_related("rubric")
            .order_by("rubric_id", "-number")
            .distinct("rubric_id")
        )

    def newest_of_tasks(self, project: Project) -> Self:
        """The newest version of each task's own rubric; `task_external_id` tells whose."""
        return (
            self.filter(project=project, rubric__task_external_id__isnull=False, rubric__archived_at__isnull=True)
            .annotate(task_external_id=F("rubric__task_external_id"))
            .order_by("rubric_id", "-number")
            .distinct("rubric_id")
        )
