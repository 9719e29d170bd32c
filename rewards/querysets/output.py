"""Reads of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Output, Task


class OutputQuerySet(models.QuerySet["Output"]):
    def current(self) -> Self:
        return self.filter(is_current=True)

    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def for_list(self) -> Self:
        """Narrow rows for lists: no messages; the policy joined."""
        return self.current().select_related("policy").defer("messages", "generation")

    def with_id_like(self, typed: str) -> Self:
        """Narrow rows of current outputs whose id holds what was typed, first imported first."""
        found = self.current().only("id", "external_id", "preview").order_by("id")
        return found.filter(external_id__icontains=typed) if typed else found

    def chooser(self, task: Task) -> Self:
        """The task's current outputs by age, narrow: what a reader picks from."""
        return self.for_list().filter(task=task).order_by("id")

    def to_show(self, task: Task, ids: Sequence[int]) -> Self:
        """These outputs of the task with their texts, by age."""
        return self.filter(task=task, pk__in=ids).select_related("policy").order_by("id")

    def for_ranking(self, ids: Sequence[int]) -> dict[int, Output]:
        """These outputs by key, narrow, with policy and task; one query."""
        outputs = self.select_related("policy", "task").only(
            "id", "project_id", "external_id", "version", "policy__name", "task__external_id"
        )
        return outputs.in_bulk(ids)

    def task_ids(self, ids: Sequence[int]) -> dict[int, int]:
        """The task of each of these outputs; one query."""
        return dict(self.filter(pk__in=ids).values_list("pk", "task_id"))

    def matching(self, *, task: int | None = None, policy: int | None = None) -> Self:
        """Those that every given condition fits; what is not given does not narrow."""
        outputs = self
        if task is not None:
            outputs = outputs.filter(task_id=task)
        if policy is not None:
            outputs = outputs.filter(policy_id=policy)
        return outputs
