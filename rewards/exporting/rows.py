"""From pairs and labels with their texts to the rows of a dataset, each in the split of its task."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rewards.exporting.choices import ExportChoices
from rewards.exporting.pairs import Label, Pair, output_keys
from rewards.exporting.sources import Tally, TaskItems
from rewards.exporting.texts import OutputText, TaskText, with_texts
from rewards.formats.splits import split_of

Row = dict[str, Any]


@dataclass
class Written:
    """What became rows."""

    rows: int = 0
    tasks: int = 0
    outputs: int = 0
    licences: Counter[str] = field(default_factory=Counter)
    """Tasks by licence; the empty name stands for tasks that state none."""


def dataset_rows(
    items: Iterable[TaskItems], choices: ExportChoices, tally: Tally, written: Written
) -> Iterator[Mapping[str, list[Row]]]:
    """Yield some rows at a time by split, in the order of tasks, counting them in `written`."""
    rows_of: Any = _preferences if choices.is_paired else _unpaired
    for batch in with_texts(items, conversational=choices.export_format.conversational):
        by_split: dict[str, list[Row]] = defaultdict(list)
        for task_id, of_task, _ in batch.items:
            task = batch.tasks.get(task_id)
            if task is None:
                tally.left_out["removed"] += len(of_task)
                continue
            usable = of_task if batch.is_complete else _usable(of_task, batch.outputs, tally)
            rows = rows_of(task, usable, batch.outputs, choices)
            if rows:
                by_split[split_of(task.external_id, choices.fractions, choices.seed)] += rows
                written.rows += len(rows)
                written.tasks += 1
                written.outputs += len({key for item in usable for key in output_keys(item)})
                written.licences[task.licence] += 1
        yield by_split


def _usable(items: Iterable[Pair | Label], outputs: Mapping[int, OutputText], tally: Tally) -> list[Any]:
    """The items whose outputs are all there and have an answer."""
    usable = []
    for item in items:
        found = [outputs.get(key) for key in output_keys(item)]
        if None in found:
            tally.left_out["removed"] += 1
        elif any(text is not None and text.completion is None for text in found):
            tally.left_out["no_answer"] += 1
        else:
            usable.append(item)
    return usable


def _preferences(
    task: TaskText, pairs: Iterable[Pair], outputs: Mapping[int, OutputText], choices: ExportChoices
) -> list[Row]:
    rows = []
    for chosen_key, rejected_key, margin, weight in pairs:
        chosen, rejected = outputs[chosen_key], outputs[rejected_key]
        row: Row = {"prompt": task.prompt, "chosen": chosen.completion, "rejected": rejected.completion}
        if choices.margin:
            row["margin"] = margin
        if choices.has_weight:
            row["weight"] = weight
        if choices.ids:
            row |= {"task_id": task.external_id, "chosen_id": chosen.external_id, "rejected_id": rejected.external_id}
        rows.append(row)
    return rows


def _unpaired(
    task: TaskText, labels: Iterable[Label], outputs: Mapping[int, OutputText], choices: ExportChoices
) -> list[Row]:
    rows = []
    for output_key, desirable in labels:
        output = outputs[output_key]
        row: Row = {"prompt": task.prompt, "completion": output.completion, "label": desirable}
        if choices.ids:
            row |= {"task_id": task.external_id, "output_id": output.external_id}
        rows.append(row)
    return rows
