"""Reads of judgments."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, Prefetch, Q

from rewards.adjudicated import PREFIX

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Judgment, RankedOutput, SpanMark, Task

ANSWERS = {
    "verdicts": ["verdicts__criterion"],
    "rating": ["ratings"],
    "comparison": ["comparison"],
    "ranking": ["ranking__places"],
    "spans": ["spans__criterion"],
    "steps": ["steps__segmentation"],
    "critique": ["critiques"],
}
"""Relations that hold the answers, by kind of judgment."""


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def standing(self) -> Self:
        """Judgments that nobody withdrew."""
        return self.filter(withdrawn_at__isnull=True)

    def without_reviews(self) -> Self:
        """What raters said by themselves: not what people said of models' spans (see `rewards.actions.reviews`)."""
        return self.exclude(presentation__has_key="review")

    def without_settled(self) -> Self:
        """Not what somebody settled on: beside the answers that it settles, it would count them again."""
        return self.exclude(rater__pseudonym__startswith=PREFIX)

    def reviews_of(self, mark: SpanMark) -> Self:
        """What people said of a model's mark, withdrawn or not."""
        return self.filter(output=mark.output_id, kind="spans", presentation__review__mark=mark.pk)

    def matching(
        self,
        *,
        kind: str = "",
        rater: int | None = None,
        task: int | None = None,
        output: int | None = None,
        withdrawn: bool = False,
    ) -> Self:
        """Those that every given condition fits; what is not given does not narrow.

        `output` also finds comparisons and rankings that it takes part in. Withdrawn ones come only with `withdrawn`.
        """
        judgments = self if withdrawn else self.standing()
        if kind:
            judgments = judgments.filter(kind=kind)
        if rater is not None:
            judgments = judgments.filter(rater_id=rater)
        if task is not None:
            judgments = judgments.filter(task_id=task)
        if output is not None:
            judgments = judgments.about([output])
        return judgments

    def about(self, output_ids: Collection[int]) -> Self:
        """Judgments of these outputs, alone or among others."""
        return self.filter(
            Q(output__in=output_ids)
            | Q(comparison__output_a__in=output_ids)
            | Q(comparison__output_b__in=output_ids)
            | Q(pk__in=models.Subquery(_rankings_of(output_ids)))
        )

    def with_answers(self) -> Self:
        """With rater and every kind of answer; a query for each kind, however many rows."""
        relations = [relation for kind in ANSWERS.values() for relation in kind]
        return self.select_related("rater").prefetch_related(*(Prefetch(relation) for relation in relations))

    def with_marked_texts(self) -> Self:
        """With the texts that the spans lie in: one query, however many rows."""
        outputs = apps.get_model("rewards", "Output").objects.only("messages")
        return self.prefetch_related(Prefetch("spans__output", queryset=outputs))

    def for_task_page(self, task: Task, output_ids: Collection[int]) -> Self:
        """Everything that people and scorers said about these outputs, with where it comes from; oldest first.

        The raw replies of models stay where they are: a page asks for those of one judgment.
        """
        return (
            self.filter(task=task)
            .standing()
            .about(output_ids)
            .with_answers()
            .select_related("rater", "trace")
            .defer("trace__replies")
            .order_by("id")
        )

    def count_by_task(self, task_ids: Iterable[int]) -> dict[int, int]:
        """How many standing judgments each task has; tasks without any are left out. One query."""
        rows = self.standing().filter(task__in=list(task_ids)).order_by().values_list("task").annotate(n=Count("pk"))
        return dict(rows)


def _rankings_of(output_ids: Collection[int]) -> models.QuerySet[RankedOutput, Any]:
    places = apps.get_model("rewards", "RankedOutput").objects.filter(output__in=output_ids)
    return places.values_list("ranking_id")
