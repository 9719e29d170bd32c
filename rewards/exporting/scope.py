"""Which tasks, outputs and raters an export is about: the filters, over whatever table hangs on them."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from projects.models import Project
from rewards.adjudicated import PREFIX
from rewards.exporting.choices import Answers, ExportChoices, Source
from rewards.models import Output

M = TypeVar("M", bound=Model)


def in_scope(rows: QuerySet[M], choices: ExportChoices, *, task: str, output: str, rater: str | None) -> QuerySet[M]:
    """Narrow `rows` by the filters that were chosen.

    `task` and `output` are the paths to those tables, ending in `__`, and `rater` is that to the rater; None where the
    table has none.
    """
    if choices.tag:
        rows = rows.filter(**{f"{task}tags__contains": [choices.tag]})
    if choices.split:
        rows = rows.filter(**{f"{task}split": choices.split})
    if choices.policies:
        rows = rows.filter(**{f"{output}policy__in": choices.policies})
    if rater is None:
        return rows
    settled = {f"{rater}__pseudonym__startswith": PREFIX}
    if choices.answers == Answers.ADJUDICATED:
        rows = rows.filter(**settled)
    if choices.raters:
        return rows.filter(**{f"{rater}__in": choices.raters})
    # Settled answers stand beside those that they settle: who does not ask for them would count those twice.
    return rows.exclude(**settled) if choices.answers == Answers.RAW else rows


def outputs_in_scope(project: Project, choices: ExportChoices) -> QuerySet[Output]:
    """Every output that could have had a value."""
    outputs = in_scope(Output.objects.of(project), choices, task="task__", output="", rater=None)
    # Scores are derived for current outputs only.
    if choices.current_only or choices.source == Source.SCORES:
        return outputs.filter(is_current=True, task__is_current=True)
    return outputs
