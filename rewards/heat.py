"""What a signal looks like over a text: tokens merged where they share a character, a colour scale, span lanes.

Pure, and the only place that turns code points into the browser's UTF-16 offsets for display.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.segmentation import Spans
from rewards.signals import RewardSignal
from rewards.text import Span, to_utf16_many

BINS = 5
"""Steps of colour on each side of zero, as the classes heat-n5 ... heat-p5 have them."""
LANES = 6
"""Stacked underlines, as the classes lane-1 ... lane-6 have them."""

_REACH = 0.99
"""Share of the values that the scale must hold: one outlier should not bleach all the others."""


class Merged(NamedTuple):
    """A signal cut for display: no two pieces share a character.

    Attributes
    ----------
    spans : ndarray of int32, shape (n, 3)
        Message, start, end in code points; zero-width pieces hold no character.
    values : ndarray of float64, shape (n,)
        Sum over the scored segments in the piece; NaN where none is.
    counts : ndarray of int64, shape (n,)
        How many segments are in it.
    """

    spans: Spans
    values: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def merge_overlaps(signal: RewardSignal) -> Merged:
    """Join segments that share a character, as the tokens of one emoji do in byte-level tokenizers; values add up."""
    spans = signal.segmentation.spans
    if not len(spans):
        return Merged(spans, np.zeros(0), np.zeros(0, dtype=np.int64))
    # Ends never go back within a message, so the segment before reaches furthest of all before.
    overlaps = (spans[1:, 0] == spans[:-1, 0]) & (spans[1:, 1] < spans[:-1, 2])
    group = np.concatenate([[0], np.cumsum(~overlaps)])
    first = np.flatnonzero(np.concatenate([[True], ~overlaps]))
    last = np.append(first[1:], len(spans)) - 1
    values = signal.values.astype(np.float64)
    scored = ~np.isnan(values)
    total = np.bincount(group, np.where(scored, values, 0.0)).astype(np.float64)
    total[np.bincount(group, scored) == 0] = np.nan
    merged = np.column_stack([spans[first, :2], spans[last, 2]]).astype(np.int32)
    return Merged(merged, total, (last - first + 1).astype(np.int64))


def scale_limit(values: Sequence[npt.NDArray[np.float64]]) -> float:
    """The magnitude at which the colour is darkest, common to all texts shown together, rounded up to two digits.

    It holds 99 % of the values; the rest is drawn like the limit. 1 where every value is 0 or none is there.
    """
    magnitudes = np.abs(np.concatenate([np.zeros(0), *values]))
    magnitudes = magnitudes[magnitudes > 0]
    if not len(magnitudes):
        return 1.0
    reach = float(np.quantile(magnitudes, _REACH, method="higher"))
    step = 10.0 ** (math.floor(math.log10(reach)) - 1)
    return float(f"{math.ceil(round(reach / step, 9)) * step:.2g}")


def display_block(merged: Merged, texts: Sequence[str]) -> dict[str, Any]:
    """What the page's module paints from, small enough for long outputs.

    Returns
    -------
    dict
        ``spans``: by message, gap to the piece before and length in UTF-16 units, in turn; ``values``: to three
        digits, None where unscored; ``merged``: number of segments by index, where more than one.
    """
    spans: list[list[int]] = []
    for message, text in enumerate(texts):
        rows = merged.spans[merged.spans[:, 0] == message]
        points = to_utf16_many(text, rows[:, 1:].reshape(-1)).reshape(-1, 2)
        gaps = points[:, 0] - np.concatenate([[0], points[:-1, 1]])
        spans.append(np.column_stack([gaps, points[:, 1] - points[:, 0]]).reshape(-1).tolist())
    return {
        "spans": spans,
        "values": [None if math.isnan(value) else _short(value) for value in merged.values.tolist()],
        "merged": {str(index): int(merged.counts[index]) for index in np.flatnonzero(merged.counts > 1)},
    }


def lanes(spans: Sequence[Span]) -> list[int]:
    """A lane from 1 for each span, so that spans that share a character lie in different ones where lanes suffice.

    Greedy by start, longer ones first; beyond `LANES` overlapping at once, the last lane is shared.
    """
    result = [0] * len(spans)
    free_from: dict[int, list[int]] = {}
    order = sorted(range(len(spans)), key=lambda i: (spans[i].message, spans[i].start, -spans[i].end))
    for index in order:
        span = spans[index]
        ends = free_from.setdefault(span.message, [0] * LANES)
        lane = next((lane for lane, end in enumerate(ends) if end <= span.start), LANES - 1)
        ends[lane] = max(ends[lane], span.end)
        result[index] = lane + 1
    return result


def _short(value: float) -> float | int:
    short = float(f"{value:.3g}")
    return int(short) if short.is_integer() else short
