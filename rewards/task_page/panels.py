"""The outputs of a task with a signal and people's marks over their texts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rewards import heat, signal_store
from rewards.models import Judgment, Output, Rater, RewardSignal, SpanMark
from rewards.provenance import Fact, facts_about_signals
from rewards.querysets.signal import SignalChoice
from rewards.reviews import Decision, Review, review_in, reviews_by_mark
from rewards.signals import RewardSignal as Signal
from rewards.task_page.summaries import OutputSummary
from rewards.text import Span, to_utf16_many

STEP_LABELS = "(step labels)"
"""Stands for a channel where people's step labels are laid over the text as +1, 0 and -1."""

MARK_STYLES = 8


class MessageRow(NamedTuple):
    role: str
    channel: str
    text: str


class MarkRow(NamedTuple):
    """One span that somebody marked."""

    mark: SpanMark
    rater: Rater
    lane: int
    style: int

    reviews: Sequence[Review]
    """What people said of a model's mark, oldest first."""

    @property
    def is_model(self) -> bool:
        return self.rater.kind == Rater.Kind.SCORER

    @property
    def decision(self) -> str:
        """The newest one; empty where there is none."""
        return self.reviews[-1].decision.value if self.reviews else ""

    @property
    def is_of_people(self) -> bool:
        """Whether a person says it, by themselves or by accepting a model's mark."""
        return not self.is_model or self.decision == Decision.ACCEPTED


class Overlay(NamedTuple):
    """A chosen signal over one output."""

    signal: Signal
    pk: int | None
    """Of the stored signal; None for step labels, which are judgments."""
    merged: heat.Merged
    facts: list[Fact]

    @property
    def total(self) -> float | None:
        return self.signal.total if self.signal.n_scored else None

    @property
    def n_scored(self) -> int:
        return self.signal.n_scored

    @property
    def n_total(self) -> int:
        return len(self.signal.segmentation)

    @property
    def n_merged(self) -> int:
        """Pieces that stand for several segments."""
        return int((self.merged.counts > 1).sum())


@dataclass
class Panel:
    """One output as shown."""

    output: Output
    messages: list[MessageRow]
    overlays: list[Overlay | None]
    """One for each chosen signal, None where it is not stored for this output."""
    marks: list[MarkRow]
    summary: OutputSummary
    paint: str
    """JSON for the page's module: numbers only, so nothing of a text can break out of it."""
    outside_of: Sequence[Rater] = ()
    """Detectors of novelty that find the output outside of what they know."""

    @property
    def overlay(self) -> Overlay | None:
        """Of the signal that is laid over the text itself."""
        return self.overlays[0] if self.overlays else None

    @property
    def has_overlay(self) -> bool:
        return any(self.overlays)

    @property
    def is_empty(self) -> bool:
        return not any(message.text for message in self.messages)


def texts_of(output: Output) -> list[str]:
    return [message["text"] for message in output.messages]


def step_label_choices(judgments: Sequence[Judgment]) -> list[SignalChoice]:
    """People's step labels as something to lay over the text; no query when the answers are prefetched."""
    found = {
        SignalChoice(judgment.rater_id, STEP_LABELS, label.segmentation.segmenter)
        for judgment in judgments
        for label in judgment.steps.all()
    }
    return sorted(found)


def overlays_of(choice: SignalChoice, outputs: Sequence[Output], judgments: Sequence[Judgment]) -> dict[int, Overlay]:
    """The chosen signal by output; four queries, or none for step labels. Outputs without it are left out."""
    if choice.channel == STEP_LABELS:
        labelled = [_from_step_labels(judgment) for judgment in judgments if judgment.rater_id == choice.rater_id]
        return {pk: Overlay(signal, None, heat.merge_overlaps(signal), []) for pk, signal in filter(None, labelled)}
    stored = signal_store.load(RewardSignal.objects.chosen(choice, [output.pk for output in outputs]))
    facts = facts_about_signals(stored)
    return {
        row.output_id: Overlay(row.signal, row.pk, heat.merge_overlaps(row.signal), facts[row.pk]) for row in stored
    }


def marks_by_output(outputs: Sequence[Output], judgments: Sequence[Judgment]) -> dict[int, list[MarkRow]]:
    """Every span on the outputs shown; a type has the same style in all of them.

    A model's mark that a person accepted stands once, with who accepted it.
    """
    shown = {output.pk for output in outputs}
    reviews = reviews_by_mark(judgments)
    found = [
        (mark, judgment.rater)
        for judgment in judgments
        if not _is_acceptance(judgment)
        for mark in judgment.spans.all()
        if mark.output_id in shown
    ]
    types = sorted({mark.type for mark, _ in found})
    styles = {name: index % MARK_STYLES + 1 for index, name in enumerate(types)}
    result: dict[int, list[MarkRow]] = {}
    for output in outputs:
        own = [(mark, rater) for mark, rater in found if mark.output_id == output.pk]
        own.sort(key=lambda row: (row[0].message, row[0].start, -row[0].end))
        lanes = heat.lanes([Span(mark.message, mark.start, mark.end) for mark, _ in own])
        result[output.pk] = [
            MarkRow(mark, rater, lane, styles[mark.type], reviews.get(mark.pk, []))
            for (mark, rater), lane in zip(own, lanes, strict=True)
        ]
    return result


def _is_acceptance(judgment: Judgment) -> bool:
    review = review_in(judgment)
    return review is not None and review.decision == Decision.ACCEPTED


def paint_data(
    output: Output, overlays: Sequence[Overlay | None], marks: Sequence[MarkRow], limits: Sequence[float]
) -> str:
    """What the page's module needs to colour one output's text, as compact JSON; a scale's limit for each overlay."""
    texts = texts_of(output)
    layers = [
        None if overlay is None else {"limit": limit, **heat.display_block(overlay.merged, texts)}
        for overlay, limit in zip(overlays, limits, strict=True)
    ]
    return json.dumps({"layers": layers, "marks": _mark_numbers(texts, marks)}, separators=(",", ":"))


def scale_of(shown: Sequence[Overlay]) -> float:
    return heat.scale_limit([overlay.merged.values for overlay in shown])


def _from_step_labels(judgment: Judgment) -> tuple[int, Signal] | None:
    labels = list(judgment.steps.all())
    if not labels or judgment.output_id is None:
        return None
    cut = signal_store.pure_segmentation(labels[0].segmentation)
    values = np.full(len(cut), np.nan)
    for label in labels:
        values[label.step] = label.label
    return judgment.output_id, Signal(cut, values)


def _mark_numbers(texts: Sequence[str], marks: Sequence[MarkRow]) -> list[list[int]]:
    """Message, start and end in UTF-16 units, lane, style and key of each mark; marks outside the text are left out."""
    rows = []
    for row in marks:
        mark = row.mark
        if mark.message < len(texts) and mark.end <= len(texts[mark.message]):
            start, end = to_utf16_many(texts[mark.message], [mark.start, mark.end]).tolist()
            rows.append([mark.message, start, end, row.lane, row.style, mark.pk])
    return rows
