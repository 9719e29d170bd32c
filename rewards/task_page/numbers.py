"""A stored signal as rows of text and number."""

import math
from typing import NamedTuple

from rewards import signal_store
from rewards.models import RewardSignal
from rewards.task_page.panels import texts_of

PAGE_SIZE = 500


class SegmentRow(NamedTuple):
    number: int
    message: int
    start: int
    end: int
    text: str
    value: float | None


class SegmentPage(NamedTuple):
    """Some segments; ``next_start`` is None on the last page."""

    rows: list[SegmentRow]
    start: int
    n_segments: int
    next_start: int | None


def segment_rows(signal: RewardSignal, *, start: str) -> SegmentPage:
    """Segments as they are stored, unmerged, from number `start` on; five queries."""
    [stored] = signal_store.load([signal.pk])
    texts = texts_of(signal.output)
    spans = stored.signal.segmentation.spans
    first = int(start) if start.isdecimal() and int(start) < len(spans) else 0
    rows = [
        SegmentRow(index, message, begin, end, texts[message][begin:end], None if math.isnan(value) else value)
        for index, ((message, begin, end), value) in enumerate(
            zip(
                spans[first : first + PAGE_SIZE].tolist(),
                stored.signal.values[first : first + PAGE_SIZE].tolist(),
                strict=True,
            ),
            first,
        )
    ]
    more = first + PAGE_SIZE
    return SegmentPage(rows, first, len(spans), more if more < len(spans) else None)
