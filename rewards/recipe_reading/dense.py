"""Reading numbers that stand on segments: stored signals, marked spans and labels of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple, cast

import numpy as np

from rewards import signal_store
from rewards.models import Judgment, RewardSignal, SpanMark, StepLabel
from rewards.recipe_reading.reading import Found, Reading, standing
from rewards.recipes.inputs import MarkValue, RecipeInput
from rewards.segmentation import Spans
from rewards.shaping.rows import OUTPUT, STEP, TOKEN, Floats, Ints, Level, Rows
from rewards.signals import Placement, Preserve, place_spans

_PRESERVING: Final = ("sum", "mean")
STOP: Final = "stop"
"""What `presentation` says was asked, and how the span is labelled, where a rater says from which word on to stop."""


def read_signal(reading: Reading, given: RecipeInput) -> Found:
    """The newest stored signal of each output; one query."""
    choice = reading.resolved.signals[given.name]
    chosen = RewardSignal.objects.of(reading.project).chosen(choice, reading.outputs.ids)
    stored = signal_store.load_cut_values(chosen)
    native = reading.outputs.level_of(
        TOKEN if given.level == OUTPUT else given.level, {pk: cut.spans for pk, cut in stored.items()}
    )
    values = [stored[pk].values for pk in reading.outputs.ids if pk in stored]
    flat = np.concatenate(values).astype(np.float64) if values else np.zeros(0)
    return Found(carried(Rows(native, flat), reading, given))


def carried(rows: Rows, reading: Reading, given: RecipeInput) -> Rows:
    """Numbers on their own segments, brought to the level that the input declares."""
    how = given.text("carry")
    if given.level == OUTPUT:
        return Rows.scalars(_reduced(rows, how))
    level = reading.cuts.of(given.level)
    has = (rows.level.counts > 0)[level.output]
    if np.array_equal(level.spans[has], rows.level.spans):
        values = np.full(level.size, np.nan)
        values[has] = rows.values
        return Rows(level, values)
    if how in _PRESERVING:
        return rows.on(level, cast(Preserve, how))
    return rows.placed(level, cast(Placement, how))


def _reduced(rows: Rows, how: str) -> Floats:
    if how == "sum":
        return rows.total()
    if how == "mean":
        return rows.mean()
    values = np.full(len(rows), np.nan)
    values[rows.level.counts > 0] = rows.values[rows.level.last]
    return values


def read_steps(reading: Reading, given: RecipeInput) -> Found:
    """Mean over raters of the labels of each step, on the newest segmentation that has any; two queries."""
    labels = standing(reading, given, StepLabel.objects.filter(segmentation__output__in=reading.outputs.ids))
    rows = list(
        labels.values_list("segmentation__output", "segmentation", "judgment__rater", "step", "label").order_by("pk")
    )
    newest: dict[int, int] = {}
    for output, cut, *_ in rows:
        newest[output] = max(cut, newest.get(output, 0))
    cuts = signal_store.load_segmentations(newest.values())
    native = reading.outputs.level_of(STEP, {output: cuts[key].spans for output, key in newest.items()})
    place = reading.outputs.place
    at = [
        (int(native.starts[place[output]]) + step, rater, float(label))
        for output, cut, rater, step, label in rows
        if cut == newest[output]
    ]
    values = np.full(native.size, np.nan)
    if at:
        segment = np.array([row[0] for row in at])
        # A later label of the same rater on the same step stands for the earlier one.
        last = {(row[0], row[1]): row[2] for row in at}
        index = np.array([key[0] for key in last])
        total = np.bincount(index, np.array(list(last.values())), minlength=native.size)
        count = np.bincount(index, minlength=native.size)
        values[np.unique(segment)] = (total / np.maximum(count, 1))[np.unique(segment)]
    return Found(carried(Rows(native, values), reading, given))


class _Marks(NamedTuple):
    """Marked spans whose labels count: which reading each belongs to, where it lies and what it is worth.

    `reading` numbers the judgments; `span` has messages numbered through all outputs.
    """

    reading: Ints
    span: Spans
    worth: Floats


class _Readings(NamedTuple):
    """The judgments that marked spans: of which output each is, how much it weighs, and its number there."""

    place: Ints
    weight: Floats
    number: Ints


def read_marks(reading: Reading, given: RecipeInput) -> Found:
    """Marked spans by what their labels are worth: mean over raters, each by the mean of their readings; three queries.

    Whoever judged an output and marked nothing read it all and found nothing. An output that nobody marked up is
    unscored. To mark faults and to say where to stop are two things that one rater may do with one output: each is
    averaged by itself, they add up, and `unmarked` counts once. Of values that name labels, only what may carry one of
    them is read.
    """
    about = Judgment.objects.filter(kind=Judgment.Kind.SPANS, output__in=reading.outputs.ids)
    rows = (
        standing(reading, given, about, "").order_by("pk").values_list("pk", "output", "rater", "presentation__asked")
    )
    by_asked: dict[bool, list[tuple[int, int, int]]] = {}
    for pk, output, rater, asked in rows:
        by_asked.setdefault(asked == STOP, []).append((pk, output, rater))
    labels = {value.label for value in given.values}
    wanted = {stops for stops in by_asked if not labels or (STOP in labels if stops else labels != {STOP})}
    level = reading.cuts.of(given.level)
    values, judged = np.zeros(level.size), np.zeros(len(reading.outputs), dtype=bool)
    said: list[str] = []
    for place, stops in enumerate(sorted(wanted)):
        judgments = by_asked[stops]
        readings = _readings(reading, judgments)
        number = {pk: index for index, (pk, *_) in enumerate(judgments)}
        marks, more = _marks(reading, _of_kind(given, stops=stops), number, readings)
        unmarked = given.number("unmarked") if place == 0 else 0.0
        values += _placed(marks, readings, level, given.text("place"), unmarked)
        judged |= np.bincount(readings.place, minlength=len(reading.outputs)) > 0
        said.append(more)
    values[~judged[level.output]] = np.nan
    return Found(Rows(level, values), "; ".join(filter(None, said)))


def _of_kind(given: RecipeInput, *, stops: bool) -> RecipeInput:
    """The input with the values of those labels that such judgments carry."""
    return replace(given, values=tuple(value for value in given.values if (value.label == STOP) == stops))


def _readings(reading: Reading, judgments: Sequence[tuple[int, int, int]]) -> _Readings:
    place = np.array([reading.outputs.place[output] for _, output, _ in judgments], dtype=np.int64)
    rater = np.array([rater for *_, rater in judgments], dtype=np.int64)
    if not len(place):
        return _Readings(place, np.zeros(0), place)
    pairs, pair_of, n_readings = np.unique(np.stack([place, rater]), axis=1, return_inverse=True, return_counts=True)
    n_raters = np.bincount(pairs[0], minlength=len(reading.outputs))
    weight = 1.0 / (n_readings[pair_of.reshape(-1)] * n_raters[place])
    order = np.argsort(place, kind="stable")
    number = np.empty_like(place)
    number[order] = np.arange(len(place)) - np.searchsorted(place[order], place[order])
    return _Readings(place, weight, number)


def _marks(reading: Reading, given: RecipeInput, number: Mapping[int, int], readings: _Readings) -> tuple[_Marks, str]:
    rows = SpanMark.objects.filter(judgment__in=list(number)).values_list(
        "judgment", "message", "start", "end", "type", "severity", "value"
    )
    worth_of = _worths(given.values)
    counted: list[tuple[int, int, int, int, float]] = []
    passed_over = 0
    seen: set[str] = set()
    for judgment, message, start, end, label, severity, value in rows.order_by("pk"):
        seen.add(label)
        worth = worth_of.get((label, severity), worth_of.get((label, ""))) if given.values else value
        if worth is None:
            passed_over += 1
            continue
        which = number[judgment]
        first = int(reading.outputs.first_message[readings.place[which]])
        counted.append((which, first + message, start, end, worth))
    table = np.array(counted, dtype=np.float64).reshape(-1, 5)
    marks = _Marks(table[:, 0].astype(np.int64), table[:, 1:4].astype(np.int32), table[:, 4])
    return marks, _said(given.values, seen, passed_over)


def _worths(values: Sequence[MarkValue]) -> dict[tuple[str, str], float]:
    return {(value.label, value.severity): value.value for value in values}


def _said(values: Sequence[MarkValue], seen: set[str], passed_over: int) -> str:
    never = sorted({value.label for value in values} - seen)
    parts = [f"no span here is {', '.join(never)}"] if never and seen else []
    if passed_over:
        parts.append(f"{passed_over} spans " + ("of other labels do not count" if values else "have no value"))
    return "; ".join(parts)


def _placed(marks: _Marks, readings: _Readings, level: Level, place: str, unmarked: float) -> Floats:
    if level.name == OUTPUT:
        return _summed(marks, readings, len(level), place, unmarked)
    weight = readings.weight[marks.reading]
    if place != "lowest" and not unmarked:
        # Every placement but the lowest adds up, so all readings go at once.
        return place_spans(marks.span, marks.worth * weight, level.spans, _place(place))
    values = np.zeros(level.size)
    for number in range(int(readings.number.max(initial=-1)) + 1):
        mine = readings.number[marks.reading] == number
        one = _Marks(marks.reading[mine], marks.span[mine], marks.worth[mine])
        weight_of = np.zeros(len(level))
        here = readings.number == number
        weight_of[readings.place[here]] = readings.weight[here]
        values += weight_of[level.output] * _of_one_reading(one, level, place, unmarked)
    return values


def _of_one_reading(marks: _Marks, level: Level, place: str, unmarked: float) -> Floats:
    touched = place_spans(marks.span, np.ones(len(marks.worth)), level.spans, "each") > 0
    if place != "lowest":
        values = place_spans(marks.span, marks.worth, level.spans, _place(place))
    else:
        values = np.full(level.size, np.inf)
        for worth in np.unique(marks.worth)[::-1]:
            these = marks.worth == worth
            values[place_spans(marks.span[these], np.ones(these.sum()), level.spans, "each") > 0] = worth
    values[~touched] = unmarked
    return values


def _summed(marks: _Marks, readings: _Readings, n_outputs: int, place: str, unmarked: float) -> Floats:
    """One number an output: the sum of what its spans are worth, or the lowest of them."""
    n = len(readings.place)
    if place == "lowest":
        of_reading = np.full(n, np.inf)
        np.minimum.at(of_reading, marks.reading, marks.worth)
    else:
        of_reading = np.bincount(marks.reading, marks.worth, minlength=n).astype(np.float64)
    of_reading[np.bincount(marks.reading, minlength=n) == 0] = unmarked
    return np.bincount(readings.place, of_reading * readings.weight, minlength=n_outputs).astype(np.float64)


def _place(place: str) -> Literal["each", "split", "last"]:
    return cast(Placement, place)
