"""Assembles the page of one task: a fixed number of queries whatever the number of outputs and judgments."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rewards.models import Judgment, Output, Rater, RewardSignal, Rubric, RubricVersion, Task
from rewards.provenance import Fact, facts_about_raters
from rewards.querysets.signal import SignalChoice
from rewards.segmentation import WHOLE
from rewards.signals import DIAGNOSTIC_CHANNELS
from rewards.task_page.badges import out_of_domain
from rewards.task_page.criterion_tables import CriterionTable, criterion_tables, version_ids
from rewards.task_page.panels import (
    MarkRow,
    MessageRow,
    Overlay,
    Panel,
    marks_by_output,
    overlays_of,
    paint_data,
    scale_of,
    step_label_choices,
)
from rewards.task_page.places import Disagreement, Reading, disagreements
from rewards.task_page.summaries import summarise

MAX_SIGNALS = 3
MAX_SHOWN = 8
DEFAULT_SHOWN = 4


class LabelledChoice(NamedTuple):
    """A signal to choose, with its rater."""

    choice: SignalChoice
    rater: Rater


class Layer(NamedTuple):
    """A chosen signal: the first is laid over the texts, the others lie in lanes under their lines."""

    labelled: LabelledChoice
    limit: float
    """Where its colours end, common to all outputs shown."""
    name: str
    """Short, and unlike the names of the others."""
    overlays: dict[int, Overlay]
    """By output; outputs without it are left out."""


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
    layers: list[Layer]
    disagreements: list[Disagreement]
    tables: list[CriterionTable]
    rater_facts: dict[int, list[Fact]]
    aggregation: str

    @property
    def selects(self) -> list[LabelledChoice | None]:
        """What each control for a signal shows: as many as may be chosen, and as there are to choose from."""
        chosen: list[LabelledChoice | None] = [layer.labelled for layer in self.layers]
        n_selects = max(1, min(MAX_SIGNALS, len(self.choices)))
        return chosen + [None] * (n_selects - len(chosen))

    @property
    def choice(self) -> LabelledChoice | None:
        """The signal over the texts."""
        return self.layers[0].labelled if self.layers else None


def task_page(
    task: Task,
    *,
    output_ids: Sequence[int],
    choice_keys: Sequence[str] | None,
    aggregation: str,
    rater_id: int | None = None,
) -> TaskPage:
    """Read a task with some of its outputs and everything said about them.

    Parameters
    ----------
    task : Task
    output_ids : sequence of int
        Which outputs to show; those that are not current outputs of the task are left out, none means the first four.
    choice_keys : sequence of str | None
        `SignalChoice.key` of the signals to lay over the texts and under their lines; None for `main_choice`.
    aggregation : str
        For the score under each rater's verdicts; empty for one that suits each rubric.
    rater_id : int or None
        Only what this rater said; None for everybody.
    """
    chooser = list(Output.objects.chooser(task))
    shown_ids = _shown_ids([output.pk for output in chooser], output_ids)
    outputs = list(Output.objects.to_show(task, shown_ids))
    judgments = _judgments(task, shown_ids, rater_id)
    choices = _choices(shown_ids, judgments, rater_id)
    layers = _layers(_chosen(choices, choice_keys), outputs, judgments)
    marks = marks_by_output(outputs, judgments)
    versions = RubricVersion.objects.to_show(version_ids(judgments))
    return TaskPage(
        task=task,
        versions=list(Task.objects.versions_of(task)),
        own_rubric=Rubric.objects.own_of(task),
        chooser=chooser,
        shown_ids=shown_ids,
        panels=_panels(outputs, judgments, layers, marks, names=_names(chooser), outside=_outside(choices, shown_ids)),
        choices=choices,
        layers=layers,
        disagreements=disagreements(
            [Reading(layer.name, layer.limit, layer.overlays) for layer in layers], outputs, judgments, marks
        ),
        tables=criterion_tables(outputs, judgments, versions, aggregation),
        rater_facts=facts_about_raters(_raters(judgments, choices)),
        aggregation=aggregation,
    )


def _judgments(task: Task, shown_ids: Sequence[int], rater_id: int | None) -> list[Judgment]:
    """What was said about these outputs, by everybody or by one rater."""
    return [
        judgment
        for judgment in Judgment.objects.for_task_page(task, shown_ids)
        if rater_id is None or judgment.rater_id == rater_id
    ]


def _choices(shown_ids: Sequence[int], judgments: Sequence[Judgment], rater_id: int | None) -> list[LabelledChoice]:
    """The signals that there are to choose from, of everybody or of one rater."""
    stored = [*RewardSignal.objects.choices(shown_ids), *step_label_choices(judgments)]
    return _labelled([choice for choice in stored if rater_id is None or choice.rater_id == rater_id])


def _chosen(choices: Sequence[LabelledChoice], keys: Sequence[str] | None) -> list[LabelledChoice]:
    """Those with these keys, in their order; where none were asked for, the one that a reader came for."""
    wanted = [main_choice([labelled.choice for labelled in choices])] if keys is None else keys
    return [labelled for key in wanted for labelled in choices if labelled.choice.key == key]


def _outside(choices: Sequence[LabelledChoice], shown_ids: Sequence[int]) -> dict[int, list[Rater]]:
    """By output, the scorers for which it lies outside of what they were fitted on."""
    raters = {labelled.choice.rater_id: labelled.rater for labelled in choices}
    found = out_of_domain([labelled.choice for labelled in choices], shown_ids)
    return {output: [raters[rater] for rater in outside] for output, outside in found.items()}


def _panels(
    outputs: Sequence[Output],
    judgments: Sequence[Judgment],
    layers: Sequence[Layer],
    marks: Mapping[int, list[MarkRow]],
    *,
    names: dict[int, str],
    outside: Mapping[int, list[Rater]],
) -> list[Panel]:
    """Each output with its texts, and what is laid over them."""
    return [
        Panel(
            output=output,
            messages=[MessageRow(row["role"], row.get("channel", ""), row["text"]) for row in output.messages],
            overlays=(shown := [layer.overlays.get(output.pk) for layer in layers]),
            marks=marks[output.pk],
            summary=summarise(output, judgments, names),
            paint=paint_data(output, shown, marks[output.pk], [layer.limit for layer in layers]),
            outside_of=outside.get(output.pk, []),
        )
        for output in outputs
    ]


def _raters(judgments: Sequence[Judgment], choices: Sequence[LabelledChoice]) -> Collection[Rater]:
    """Everybody whom the page names, each once."""
    raters = {judgment.rater_id: judgment.rater for judgment in judgments}
    raters |= {labelled.rater.pk: labelled.rater for labelled in choices}
    return raters.values()


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


def _layers(chosen: Sequence[LabelledChoice], outputs: Sequence[Output], judgments: Sequence[Judgment]) -> list[Layer]:
    """The chosen signals with what they say about these outputs; four queries for each."""
    layers = []
    for labelled in chosen:
        found = overlays_of(labelled.choice, outputs, judgments)
        layers.append(Layer(labelled, scale_of(list(found.values())), _layer_name(labelled, chosen), found))
    return layers


def _layer_name(labelled: LabelledChoice, chosen: Sequence[LabelledChoice]) -> str:
    """The channel, with as much before and after it as tells the chosen signals apart."""
    choice = labelled.choice
    others = [other.choice for other in chosen if other != labelled and other.choice.channel == choice.channel]
    name = choice.channel
    if any(other.rater_id != choice.rater_id for other in others):
        name = f"{labelled.rater.label} · {name}"
    if any(other.segmenter != choice.segmenter for other in others):
        name = f"{name} by {choice.segmenter}"
    return name


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
