"""Reads of raters."""

from __future__ import annotations

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
