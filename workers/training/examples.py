"""Labelled outputs from the rows of an unpaired export: read, split, and checked before anything is fitted."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rewards.formats.splits import split_of
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage
from workers.training.contract import LEAST_OF_A_LABEL, Example, FitError

TRAIN = "train"


def examples_from_rows(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Example]:
    """Examples from (split, row), rows as TRL's unpaired preference has them, plain or conversational.

    All splits but `train` are held out.

    Raises
    ------
    FitError
        ``row_invalid``, naming the row and the field.
    """
    for number, (split, row) in enumerate(rows, start=1):
        prompt = _prompt(row.get("prompt"), number)
        completion = _completion(row.get("completion"), number)
        label = row.get("label")
        if not isinstance(label, bool):
            raise FitError("row_invalid", f"row {number}, label: expected true or false, found {label!r:.60}")
        task = row.get("task_id")
        yield Example(prompt, completion, label, task if isinstance(task, str) else _hash(prompt), split != TRAIN)


def prepared(
    examples: Sequence[Example], *, held_out_share: float, most: int, seed: int, needs_both_labels: bool
) -> list[Example]:
    """At most so many of the examples, drawn by the seed in their order, with some of them held out.

    Where the export holds none out, or its other splits are empty, tasks are split here by their hash, so that all
    outputs of a task stay on one side.

    Raises
    ------
    FitError
        ``one_class_only``, ``too_few_labels`` or ``nothing_held_out``, with the counts that were found.
    """
    kept = list(examples)
    if len(kept) > most:
        kept = [kept[place] for place in sorted(random.Random(seed).sample(range(len(kept)), most))]
    if len({example.is_held_out for example in kept}) < 2:
        fractions = {TRAIN: 1 - held_out_share, "held_out": held_out_share}
        kept = [example._replace(is_held_out=split_of(example.task, fractions, seed) != TRAIN) for example in kept]
    _check(kept, needs_both_labels=needs_both_labels)
    return kept


def _check(examples: Sequence[Example], *, needs_both_labels: bool) -> None:
    train = [example for example in examples if not example.is_held_out]
    if examples and not train:
        raise FitError("nothing_to_train_on", "all outputs are held out: hold out a smaller share, or add tasks")
    desirable = sum(example.label for example in train)
    undesirable = len(train) - desirable
    found = f"found {desirable} desirable and {undesirable} undesirable outputs to train on"
    if needs_both_labels and train and not (desirable and undesirable):
        raise FitError("one_class_only", f"all labels are the same: {found}, and both kinds are needed")
    if (min(desirable, undesirable) if needs_both_labels else len(train)) < LEAST_OF_A_LABEL:
        of = f"at least {LEAST_OF_A_LABEL}{' of each' if needs_both_labels else ''} are needed"
        raise FitError("too_few_labels", f"too few labels: {found}, and {of}")
    if len(train) == len(examples):
        raise FitError(
            "nothing_held_out", "no output is held out to measure on: hold out a greater share, or add tasks"
        )


def _prompt(value: object, number: int) -> tuple[ChatMessage, ...]:
    if isinstance(value, str):
        return (ChatMessage("user", value),)
    return tuple(ChatMessage(role, text) for role, text in _messages(value, number, "prompt"))


def _completion(value: object, number: int) -> tuple[OutputMessage, ...]:
    if isinstance(value, str):
        return (OutputMessage("assistant", value),)
    return tuple(OutputMessage(role, text) for role, text in _messages(value, number, "completion"))


def _messages(value: object, number: int, field: str) -> list[tuple[str, str]]:
    messages = value if isinstance(value, list) else []
    found = [
        (message["role"], message["content"])
        for message in messages
        if isinstance(message, dict)
        and isinstance(message.get("role"), str)
        and isinstance(message.get("content"), str)
    ]
    if not found or len(found) != len(messages):
        raise FitError("row_invalid", f"row {number}, {field}: expected text, or messages with role and content")
    return found


def _hash(prompt: Sequence[ChatMessage]) -> str:
    said = json.dumps([[message.role, message.text] for message in prompt])
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()
