"""The places of a task's page where two readings of the outputs lie furthest apart."""

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from rewards import disagreement, heat
from rewards.models import Judgment, Output, Rater
from rewards.reviews import review_in
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.task_page.panels import MarkRow, Overlay, texts_of
from rewards.text import Span, to_utf16

MOST_PLACES = 30


class Reading(NamedTuple):
    """A signal as the page shows it: its name, where its scale ends, what it says by output."""

    name: str
    limit: float
    overlays: Mapping[int, Overlay]


class Disagreement(NamedTuple):
    """Two readings and where they disagree, the most first."""

    label: str
    places: str
    """JSON for the page's module: panel, message, start in UTF-16 units and per mille of the scale, for each place."""
    n_places: int


def disagreements(
    readings: Sequence[Reading],
    outputs: Sequence[Output],
    judgments: Sequence[Judgment],
    marks: Mapping[int, Sequence[MarkRow]],
) -> list[Disagreement]:
    """Between every two signals shown, and between each signal and people's spans where people were asked for some."""
    found = [
        _ranked(f"{a.name} and {b.name}", outputs, {pk: _between(a, b, pk) for pk in a.overlays if pk in b.overlays})
        for a, b in combinations(readings, 2)
    ]
    asked = {
        judgment.output_id
        for judgment in judgments
        if judgment.kind == Judgment.Kind.SPANS and judgment.rater.kind != Rater.Kind.SCORER and not review_in(judgment)
    }
    for reading in readings:
        apart = {pk: _from_people(reading, pk, marks[pk]) for pk in reading.overlays if pk in asked}
        if apart:
            found.append(_ranked(f"{reading.name} and people’s spans", outputs, apart))
    return found


def _between(a: Reading, b: Reading, output: int) -> disagreement.Apart:
    return disagreement.between_signals(_drawn(a, output), a.limit, _drawn(b, output), b.limit)


def _from_people(reading: Reading, output: int, marks: Sequence[MarkRow]) -> disagreement.Apart:
    faults = [
        Span(row.mark.message, row.mark.start, row.mark.end)
        for row in marks
        # A positive value is praise, and evidence for a criterion may speak for the output.
        if row.is_of_people and row.mark.criterion_id is None and not (row.mark.value or 0) > 0
    ]
    return disagreement.from_spans(_drawn(reading, output), reading.limit, faults)


def _drawn(reading: Reading, output: int) -> RewardSignal:
    """The signal in the pieces that the page draws."""
    merged: heat.Merged = reading.overlays[output].merged
    segmenter = reading.overlays[output].signal.segmentation.segmenter
    return RewardSignal(Segmentation(segmenter, merged.spans), merged.values.astype(np.float32))


def _ranked(label: str, outputs: Sequence[Output], apart: Mapping[int, disagreement.Apart]) -> Disagreement:
    shown = [(panel, output) for panel, output in enumerate(outputs) if output.pk in apart]
    places = disagreement.largest([apart[output.pk] for _, output in shown], MOST_PLACES)
    rows = []
    for which, span, distance in places:
        panel, output = shown[which]
        start = to_utf16(texts_of(output)[span.message], span.start)
        rows.append([panel, span.message, start, round(1000 * distance)])
    return Disagreement(label, json.dumps(rows, separators=(",", ":")), len(rows))
