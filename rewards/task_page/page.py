"""Assembles the page of one task: a fixed number of queries whatever the number of outputs and judgments."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rewards.models import Judgment, Output, Rater, RewardSignal, Rubric, RubricVersion, Task
from rewards.provenance import Fact, facts_about_raters
from rewards.querysets.signal import SignalChoice
from rewards.segmentation import WHOLE
from rewards.signals import DIAGNOSTIC_CHANNELS
from rewards.task_page.criterion_tables import CriterionTable, criterion_tables, version_ids
from rewards.task_page.panels import (
    MessageRow,
    Panel,
    marks_by_output,
    overlays,
    paint_data,
    scale_of,
    step_label_choices,
)
from rewards.task_page.summaries import summarise

MAX_SHOWN = 8
DEFAULT_SHOWN = 4


class LabelledChoice(NamedTuple):
    """A signal to choose, with its rater."""

    choice: SignalChoice
    rater: Rater


@dataclass
class TaskPage:
    """Everything that the template prints."""

    task: Task
    versions: list[Task]
    own_rubric: Rubric | None
    chooser: list[Output]
    shown_ids: list[int]
    panels: list[Panel]
    choices: list[LabelledChoice]
    choice: LabelledChoice | None
    limit: float
    tables: list[CriterionTable]
    rater_facts: dict[int, list[Fact]]
    aggregation: str


def task_page(
    task: Task,
    *,
    output_ids: Sequence[int],
    choice_key: str | None,
    aggregation: str,
    rater_id: int | None = None,
) -> TaskPage:
    """Read a task with some of its outputs and everything said about them.

    Parameters
    ----------
    task : Task
    output_ids : sequence of int
        Which outputs to show; those that are not current outputs of the task are left out, none means the first four.
    choice_key : str | None
        `SignalChoice.key` of the signal to lay over the texts; empty for none, None for `main_choice`.
    aggregation : str
        For the score under each rater's verdicts; empty for one that suits each rubric.
    rater_id : int or None
        Only what this rater said; None for everybody.
    """
    chooser = list(Output.objects.chooser(task))
    shown_ids = _shown_ids([output.pk for output in chooser], output_ids)
    outputs = list(Output.objects.to_show(task, shown_ids))
    judgments = [
        judgment
        for judgment in Judgment.objects.for_task_page(task, shown_ids)
        if rater_id is None or judgment.rater_id == rater_id
    ]
    stored = [*RewardSignal.objects.choices(shown_ids), *step_label_choices(judgments)]
    choices = _labelled([choice for choice in stored if rater_id is None or choice.rater_id == rater_id])
    if choice_key is None:
        choice_key = main_choice([labelled.choice for labelled in choices])
    choice = next((labelled for labelled in choices if labelled.choice.key == choice_key), None)
    shown = overlays(choice.choice if choice else None, outputs, judgments)
    limit = scale_of(list(shown.values()))
    marks = marks_by_output(outputs, judgments)
    names = _names(chooser)
    panels = [
        Panel(
            output=output,
            messages=[MessageRow(row["role"], row.get("channel", ""), row["text"]) for row in output.messages],
            overlay=shown.get(output.pk),
            marks=marks[output.pk],
            summary=summarise(output, judgments, names),
            paint=paint_data(output, shown.get(output.pk), marks[output.pk], limit),
        )
        for output in outputs
    ]
    versions = RubricVersion.objects.to_show(version_ids(judgments))
    raters = {judgment.rater_id: judgment.rater for judgment in judgments} | {
        labelled.rater.pk: labelled.rater for labelled in choices
    }
    return TaskPage(
        task=task,
        versions=list(Task.objects.versions_of(task)),
        own_rubric=Rubric.objects.own_of(task),
        chooser=chooser,
        shown_ids=shown_ids,
        panels=panels,
        choices=choices,
        choice=choice,
        limit=limit,
        tables=criterion_tables(outputs, judgments, versions, aggregation),
        rater_facts=facts_about_raters(raters.values()),
        aggregation=aggregation,
    )


def main_choice(choices: Sequence[SignalChoice]) -> str:
    """The key of what a reader most likely came for, empty where nothing is stored.

    A source that also stores its channel over steps or sentences means that one; of its segmentations the finest, that
    of a tokenizer, shows most, and one value on the whole output least. Diagnostics are for who asks for them.
    """
    choices = [choice for choice in choices if choice.channel not in DIAGNOSTIC_CHANNELS]
    segmenters = Counter((choice.rater_id, choice.channel) for choice in choices)
    ranked = sorted(
        choices,
        key=lambda choice: (
            -segmenters[choice.rater_id, choice.channel],
            choice.segmenter == WHOLE,
            not choice.segmenter.startswith("tokenizer:"),
        ),
    )
    return ranked[0].key if ranked else ""


def _names(outputs: Sequence[Output]) -> dict[int, str]:
    """What to call each output in a sentence: its policy, and its id too where that policy wrote several."""
    policies = Counter(output.policy_id for output in outputs)
    return {
        output.pk: output.external_id
        if output.policy is None
        else f"{output.policy} ({output.external_id})"
        if policies[output.policy_id] > 1
        else str(output.policy)
        for output in outputs
    }


def _shown_ids(there: Sequence[int], asked: Sequence[int]) -> list[int]:
    wanted = set(asked)
    return [pk for pk in there if pk in wanted][:MAX_SHOWN] or list(there[:DEFAULT_SHOWN])


def _labelled(choices: Sequence[SignalChoice]) -> list[LabelledChoice]:
    raters = Rater.objects.in_bulk({choice.rater_id for choice in choices})
    return [LabelledChoice(choice, raters[choice.rater_id]) for choice in choices]
