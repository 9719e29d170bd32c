"""Reads of raters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Rater, Rubric


class RaterQuerySet(models.QuerySet["Rater"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def of_verdicts(self, rubric: Rubric) -> Self:
        """Those who judged anything under any version of the rubric, scorers first."""
        verdicts = apps.get_model("rewards", "Verdict").objects.standing().about(rubric)
        judged = verdicts.filter(judgment__rater=OuterRef("pk"))
        return self.filter(Exists(judged), project=rubric.project_id).order_by("-kind", "name", "pk")

    def of_task_rubrics(self, project: Project) -> Self:
        """Those who judged anything under a task's own rubric."""
        verdicts = apps.get_model("rewards", "Verdict").objects.standing()
        judged = verdicts.filter(
            judgment__rater=OuterRef("pk"), criterion__version__rubric__task_external_id__isnull=False
        )
        return self.filter(Exists(judged), project=project).order_by("-kind", "name", "pk")

    def who_gave(self, project: Project, kinds: Sequence[str]) -> Self:
        """Those with standing judgments of these kinds, people first."""
        judged = apps.get_model("rewards", "Judgment").objects.standing().filter(rater=OuterRef("pk"), kind__in=kinds)
        return self.filter(Exists(judged), project=project).order_by("kind", "name", "pk")
