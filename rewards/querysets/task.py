"""Reads of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.contrib.postgres.search import SearchQuery
from django.db import connection, models
from django.db.models import Exists, OuterRef, Q

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import Task

# A loose index scan: PostgreSQL reads one index entry a split and not one a task.
_SPLITS = """
WITH RECURSIVE found AS (
    (SELECT split FROM rewards_task WHERE project_id = %(project)s AND is_current ORDER BY split LIMIT 1)
    UNION ALL
    SELECT (SELECT split FROM rewards_task
            WHERE project_id = %(project)s AND is_current AND split > found.split ORDER BY split LIMIT 1)
    FROM found WHERE found.split IS NOT NULL
)
SELECT split FROM found WHERE split IS NOT NULL AND split <> '' LIMIT 100
"""


class TaskQuerySet(models.QuerySet["Task"]):
    def current(self) -> Self:
        return self.filter(is_current=True)

    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def for_list(self) -> Self:
        """Narrow rows for lists: no messages, reference, context or metadata."""
        return self.current().only(
            "id", "project_id", "external_id", "version", "preview", "tags", "split", "output_count", "created_at"
        )

    def with_id_like(self, typed: str) -> Self:
        """Narrow rows of current tasks whose id holds what was typed, first imported first."""
        found = self.current().only("id", "external_id", "preview").order_by("id")
        return found.filter(external_id__icontains=typed) if typed else found

    def for_api_list(self) -> Self:
        """As `for_list`, with what programs also want: the licence."""
        return self.for_list().only(
            "id",
            "project_id",
            "external_id",
            "version",
            "preview",
            "tags",
            "split",
            "licence",
            "output_count",
            "created_at",
        )

    def matching(
        self,
        *,
        search: str = "",
        tag: str = "",
        split: str = "",
        policy: int | None = None,
        judged: bool | None = None,
        import_batch: int | None = None,
    ) -> Self:
        """Those that every given condition fits; what is not given does not narrow.

        Parameters
        ----------
        search : str
            The beginning of the id, or beginnings of words in the start of the prompt, all of which must occur.
        tag, split : str
        policy : int | None
            Key of a policy that answered.
        judged : bool | None
            Whether anybody judged one of its outputs.
        import_batch : int | None
            Key of the import that brought them.
        """
        tasks = self
        if search.strip():
            tasks = tasks.filter(Q(external_id__istartswith=search.strip()) | _words(search))
        if tag:
            tasks = tasks.filter(tags__contains=[tag])
        if split:
            tasks = tasks.filter(split=split)
        if policy is not None:
            answers = apps.get_model("rewards", "Output").objects.current().filter(policy_id=policy)
            tasks = tasks.filter(Exists(answers.filter(task=OuterRef("pk"))))
        if import_batch is not None:
            tasks = tasks.filter(import_batch_id=import_batch)
        if judged is not None:
            standing = apps.get_model("rewards", "Judgment").objects.standing().filter(task=OuterRef("pk"))
            tasks = tasks.filter(Exists(standing) if judged else ~Exists(standing))
        return tasks

    def versions_of(self, task: Task) -> Self:
        """All versions of a task, the newest first, without its texts."""
        return (
            self.filter(project_id=task.project_id, external_id=task.external_id)
            .only("id", "project_id", "external_id", "version", "is_current", "output_count", "created_at")
            .order_by("-version")
        )

    def splits(self, project: Project) -> list[str]:
        """The splits that the project's current tasks have; one query that reads an index entry for each."""
        with connection.cursor() as cursor:
            cursor.execute(_SPLITS, {"project": project.pk})
            return [split for (split,) in cursor.fetchall()]


def _words(search: str) -> Q:
    """Every word of `search` begins a word of the preview; served by the index `task_words`."""
    quoted = ("'" + word.replace("\\", "\\\\").replace("'", "''") + "':*" for word in search.split())
    query = SearchQuery(" & ".join(quoted), search_type="raw", config="simple")
    return Q(words=query)
