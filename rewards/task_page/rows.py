"""The rows of the task list, as text: a template that formats numbers for fifty rows costs more than the query."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rewards.models import Task

SHOWN_TAGS = 4


class TaskRow(NamedTuple):
    """One task as the list shows it."""

    href: str
    """Relative to the list."""
    external_id: str
    version: str
    """Empty for the first one."""
    preview: str
    tags: Sequence[str]
    hidden_tags: str
    """How many more there are; empty for none."""
    split: str
    n_outputs: str
    n_judgments: str


def task_rows(tasks: Sequence[Task], judgment_counts: Mapping[int, int]) -> list[TaskRow]:
    """Rows for these tasks; no query."""
    return [
        TaskRow(
            href=f"{task.pk}/",
            external_id=task.external_id,
            version=f"v{task.version}" if task.version > 1 else "",
            preview=task.preview,
            tags=task.tags[:SHOWN_TAGS],
            hidden_tags=str(len(task.tags) - SHOWN_TAGS) if len(task.tags) > SHOWN_TAGS else "",
            split=task.split,
            n_outputs=f"{task.output_count:,}",
            n_judgments=f"{judgment_counts[task.pk]:,}" if task.pk in judgment_counts else "–",
        )
        for task in tasks
    ]


def tags_of(tasks: Sequence[Task]) -> list[str]:
    """The tags on this page, to choose from."""
    return sorted({tag for task in tasks for tag in task.tags})
