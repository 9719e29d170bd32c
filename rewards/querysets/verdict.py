"""Reads of verdicts."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from rewards.models import Rubric, Verdict


class VerdictQuerySet(models.QuerySet["Verdict"]):
    def standing(self) -> Self:
        """Verdicts that nobody withdrew."""
        return self.filter(judgment__withdrawn_at__isnull=True)

    def about(self, rubric: Rubric) -> Self:
        """Verdicts on any version of the rubric."""
        return self.filter(criterion__version__rubric=rubric)

    def by(self, rater_ids: Collection[int]) -> Self:
        return self.filter(judgment__rater__in=rater_ids)

    def of_current_outputs(self, task: int | None = None) -> Self:
        """Verdicts on outputs that no newer version replaced, of one task or of all."""
        verdicts = self.filter(judgment__output__is_current=True)
        return verdicts if task is None else verdicts.filter(judgment__output__task=task)

    def on_newest_outputs(self, n: int) -> Self:
        """Those of these verdicts that are on the `n` youngest outputs among theirs."""
        outputs = self.order_by("-judgment__output").values("judgment__output").distinct()[:n]
        return self.filter(judgment__output__in=outputs)
