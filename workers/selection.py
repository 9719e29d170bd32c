"""Which outputs a run scores: said by people and programs in one small shape, kept with the run for the reader."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from django.db.models import Exists, OuterRef

from projects.models import Project
from rewards.models import Output
from rewards.querysets.output import OutputQuerySet
from workers.models import Attempt, Scorer


@dataclass(frozen=True)
class OutputSelection:
    """Conditions that must all hold; an empty one holds for every current output of the project.

    Attributes
    ----------
    tags, splits, policies, task_ids, output_ids : tuple of str
        A task has one of the tags, is in one of the splits; the policy's name, the task's or the output's external id
        is one of those named.
    only_unscored : bool
        Leave out what this scorer has scored before.
    limit : int or None
        At most so many, first imported first.
    """

    tags: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    output_ids: tuple[str, ...] = ()
    only_unscored: bool = False
    limit: int | None = None

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
        }
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Without the conditions that are not set."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items() if value
        }

    def describe(self) -> str:
        """In words, for the run's page."""
        parts = [
            f"{label} {', '.join(values[:5])}{' and others' if len(values) > 5 else ''}"
            for label, values in (
                ("tagged", self.tags),
                ("in split", self.splits),
                ("by policy", self.policies),
                ("of tasks", self.task_ids),
                ("with ids", self.output_ids),
            )
            if values
        ]
        words = f"Outputs {'; '.join(parts)}" if parts else "All outputs"
        words += ", not yet scored by this scorer" if self.only_unscored else ""
        return words if self.limit is None else f"The first {self.limit:,} of: {words[0].lower()}{words[1:]}"

    def outputs(self, project: Project, scorer: Scorer | None) -> OutputQuerySet:
        """The outputs meant, in the order of import; no query is made yet.

        Without a scorer, nothing has been scored by it before.
        """
        outputs = Output.objects.of(project).current().order_by("id")
        conditions = {
            "task__tags__overlap": self.tags,
            "task__split__in": self.splits,
            "policy__name__in": self.policies,
            "task__external_id__in": self.task_ids,
            "external_id__in": self.output_ids,
        }
        outputs = outputs.filter(**{name: list(values) for name, values in conditions.items() if values})
        if self.only_unscored and scorer is not None:
            scored = Attempt.objects.filter(rater=scorer.rater_id, output=OuterRef("pk"), status=Attempt.Status.SCORED)
            outputs = outputs.exclude(Exists(scored))
        return outputs if self.limit is None else outputs[: self.limit]
