"""Which tasks and outputs a campaign asks about: kept with it for the reader."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from projects.models import Project
from rewards.models import Task
from rewards.querysets.task import TaskQuerySet


@dataclass(frozen=True)
class Selection:
    """Conditions that must all hold; an empty one holds for every current task of the project.

    Attributes
    ----------
    tags, splits, task_ids : tuple of str
        A task has one of the tags, is in one of the splits, has one of these external ids.
    limit : int or None
        At most so many tasks, first imported first.
    outputs_per_item : int
        At most so many outputs of a task are judged together, drawn by the campaign's seed.
    """

    tags: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    limit: int | None = None
    outputs_per_item: int = 2

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Without the conditions that are not set."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items() if value
        }

    def tasks(self, project: Project, *, min_outputs: int) -> TaskQuerySet:
        """The tasks meant that have enough outputs, in the order of import; no query is made yet."""
        tasks = Task.objects.of(project).current().filter(output_count__gte=min_outputs).order_by("id")
        if self.tags:
            tasks = tasks.filter(tags__overlap=list(self.tags))
        if self.splits:
            tasks = tasks.filter(split__in=self.splits)
        if self.task_ids:
            tasks = tasks.filter(external_id__in=self.task_ids)
        return tasks if self.limit is None else tasks[: self.limit]
