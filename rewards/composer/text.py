"""One output with a reward over its text, and the terms of that reward segment by segment. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from rewards.composer.terms import Terms
from rewards.heat import BINS, Merged, merge_overlaps, scale_limit
from rewards.segmentation import Segmentation, Spans
from rewards.shaping.rows import OUTPUT, Floats, Level, Rows
from rewards.signals import RewardSignal

MAX_ROWS: Final = 1_000
_FLOAT32_MAX: Final = float(np.finfo(np.float32).max)


class Piece(NamedTuple):
    """A stretch of text; `look` is a class of signals.css, empty where there is nothing to say of it."""

    text: str
    look: str
    value: float | None


class ShownMessage(NamedTuple):
    role: str
    channel: str
    pieces: list[Piece]


class Lane(NamedTuple):
    """One term, or the result, on its own segments of one output.

    Attributes
    ----------
    values : ndarray, shape (k,)
        NaN where unscored.
    total, mean : float or None
        Over the scored.
    """

    label: str
    weight: float | None
    level: str
    values: Floats
    total: float | None
    mean: float | None
    n_scored: int


class SegmentRow(NamedTuple):
    """One segment in numbers; a term that stands on other segments has none."""

    number: int
    text: str
    result: float
    terms: list[float]


@dataclass(frozen=True)
class ShownOutput:
    """An output as drawn.

    Attributes
    ----------
    lanes : list of Lane
        The terms.
    result : Lane
    is_stacked : bool
        The terms add up to the result, segment by segment.
    painted : str
        What lies over the text; empty where nothing is dense.
    """

    pk: int
    name: str
    task: str
    lanes: list[Lane]
    result: Lane
    is_stacked: bool
    painted: str
    limit: float
    messages: list[ShownMessage]
    rows: list[SegmentRow]

    @property
    def dense_lanes(self) -> list[Lane]:
        return [lane for lane in self.lanes if lane.level != OUTPUT]

    @property
    def n_rows(self) -> int:
        """Segments of the result, shown as rows or not."""
        return len(self.result.values)


class Written(NamedTuple):
    """What a shown output is: its key, who wrote it, its task's id and its messages as stored."""

    pk: int
    name: str
    task: str
    messages: Sequence[Mapping[str, Any]]


def show_output(
    written: Written, terms: Terms, row: int, first_message: int, *, with_rows: bool = False
) -> ShownOutput:
    """Everything about one row of a computed recipe.

    Parameters
    ----------
    row : int
        Of the frame.
    first_message : int
        The number of the output's first message in the frame's levels.
    with_rows : bool
        The first `MAX_ROWS` segments in numbers too.
    """
    painted = _painted(terms)
    texts = [str(message["text"]) for message in written.messages]
    limit = scale_limit([painted[1].values[painted[1].scored]]) if painted else 1.0
    merged = _merged(painted[1], row, first_message) if painted else None
    messages = [
        ShownMessage(
            str(message.get("role", "")),
            str(message.get("channel", "")),
            list(_pieces(texts[index], merged, index, limit)),
        )
        for index, message in enumerate(written.messages)
    ]
    return ShownOutput(
        pk=written.pk,
        name=written.name,
        task=written.task,
        lanes=[_lane(term.label, term.weight, term.rows, row) for term in terms.terms],
        result=_lane(terms.label, None, terms.result, row),
        is_stacked=terms.add_up and terms.result.level.name != OUTPUT,
        painted=painted[0] if painted else "",
        limit=limit,
        messages=messages,
        rows=_rows(terms, row, texts, first_message) if with_rows else [],
    )


def _painted(terms: Terms) -> tuple[str, Rows] | None:
    """The result where it is dense, else the first term that is."""
    named = [(terms.label, terms.result), *((term.label, term.rows) for term in terms.terms)]
    return next(((label, rows) for label, rows in named if rows.level.name != OUTPUT), None)


def _lane(label: str, weight: float | None, rows: Rows, row: int) -> Lane:
    values = rows.of(row)
    scored = values[~np.isnan(values)]
    total, mean = (float(scored.sum()), float(scored.mean())) if len(scored) else (None, None)
    return Lane(label, weight, rows.level.name, values, total, mean, len(scored))


def _spans(level: Level, row: int, first_message: int) -> Spans:
    spans = level.spans[level.starts[row] : level.starts[row + 1]].copy()
    spans[:, 0] -= first_message
    return spans


def _merged(rows: Rows, row: int, first_message: int) -> Merged:
    # Colours need no more than float32 holds; a value beyond it is as dark as any.
    values = np.clip(rows.of(row), -_FLOAT32_MAX, _FLOAT32_MAX)
    return merge_overlaps(
        RewardSignal(Segmentation("shown", _spans(rows.level, row, first_message)), values.astype(np.float32))
    )


def _pieces(text: str, merged: Merged | None, message: int, limit: float) -> Iterator[Piece]:
    if merged is None:
        yield Piece(text, "", None)
        return
    at = 0
    plain = ""
    mine = merged.spans[:, 0] == message
    for (start, end), value in zip(merged.spans[mine, 1:].tolist(), merged.values[mine].tolist(), strict=True):
        plain += text[at:start]
        at = max(at, end)
        if value == 0 or start == end:
            plain += text[start:end]
            continue
        if plain:
            yield Piece(plain, "", None)
            plain = ""
        yield Piece(text[start:end], _look(value, limit), None if math.isnan(value) else value)
    plain += text[at:]
    if plain:
        yield Piece(plain, "", None)


def _look(value: float, limit: float) -> str:
    """As the output page colours it."""
    if math.isnan(value):
        return "heat-unscored"
    step = min(BINS, round(abs(value) / limit * BINS))
    return f"heat-{'n' if value < 0 else 'p'}{step}" if step else "heat-0"


def _rows(terms: Terms, row: int, texts: Sequence[str], first_message: int) -> list[SegmentRow]:
    level = terms.result.level
    if level.name == OUTPUT:
        return []
    columns = [
        term.rows.of(row) if term.rows.level.same_as(level) else np.full(level.counts[row], np.nan)
        for term in terms.terms
    ]
    spans = _spans(level, row, first_message)[:MAX_ROWS].tolist()
    return [
        SegmentRow(index + 1, texts[message][start:end], float(value), [float(column[index]) for column in columns])
        for index, ((message, start, end), value) in enumerate(zip(spans, terms.result.of(row), strict=False))
    ]
