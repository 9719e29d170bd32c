"""What a signal looks like over a text: tokens merged where they share a character, a colour scale, span lanes.

Pure, and the only place that turns code points into the browser's UTF-16 offsets for display.
"""

import math
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.segmentation import Segmentation, Spans
from rewards.signals import RewardSignal
from rewards.text import Span, to_utf16_many

BINS = 5
"""Steps of colour on each side of zero, as the classes heat-n5 ... heat-p5 have them."""
LANES = 6
"""Stacked underlines, as the classes lane-1 ... lane-6 have them."""

_REACH = 0.99
"""Share of the values that the scale must hold: one outlier should not bleach all the others."""

_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_PRINTABLE = "".join(chr(code) for code in range(32, 127) if chr(code) not in "\"&'<>")


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
    """What the page's module paints from, packed: three signals over four long outputs are one page.

    Returns
    -------
    dict
        ``spans``: by message, see `pack_spans`; ``values`` and ``base``: see `pack_values`; ``merged``: number of
        segments by index, where more than one.
    """
    spans = []
    for message, text in enumerate(texts):
        rows = merged.spans[merged.spans[:, 0] == message]
        spans.append(pack_spans(to_utf16_many(text, rows[:, 1:].reshape(-1)).reshape(-1, 2)))
    values, base = pack_values(merged.values.tolist())
    return {
        "spans": spans,
        "values": values,
        "base": base,
        "merged": {str(index): int(merged.counts[index]) for index in np.flatnonzero(merged.counts > 1)},
    }


def pack_spans(points: npt.NDArray[np.int64]) -> str:
    """Spans in reading order that do not overlap, shape (n, 2): most tokens take one character.

    Each is its length times two, plus one where a gap lies before it, and then the gap. A number is written in base 32,
    its lowest digit first, by the alphabet of base64; 32 is added to every digit but the last (as in source maps).
    """
    numbers: list[int] = []
    at = 0
    for start, end in points.tolist():
        numbers.append(2 * (end - start) + (start > at))
        if start > at:
            numbers.append(start - at)
        at = end
    return "".join(_base32_number(number) for number in numbers)


def pack_tokens(cut: Segmentation, messages: int) -> list[str]:
    """Where the tokens of an output begin and end, by message, packed as `pack_spans` says, in code points.

    Tokens that share a character are one here, and those without any are none: neither can be marked by itself.
    """
    spans = merge_overlaps(RewardSignal(cut, np.zeros(len(cut), dtype=np.float32))).spans
    spans = spans[spans[:, 2] > spans[:, 1]]
    return [pack_spans(spans[spans[:, 0] == message, 1:].astype(np.int64)) for message in range(messages)]


def pack_values(values: Sequence[float]) -> tuple[str, int]:
    """Values to three significant digits, two characters each, and the lowest power of ten in use.

    A value is ± digits * 10 ** (base + step) with digits <= 999 and step <= 3. Its number is 1 + digits + 1000 * step,
    and 4000 more where it is negative; 0 is a value that is not there (NaN). The number is written in base 90, the high
    digit first, by the printable ASCII characters that HTML need not escape. Beside a value of three digits at step 3
    the small ones lose digits: they are rounded to 10 ** base.
    """
    pairs = [None if math.isnan(value) else _digits(value) for value in values]
    base = max((exponent for digits, exponent in filter(None, pairs) if digits), default=3) - 3
    numbers = [0 if pair is None else _number(value, pair, base) for value, pair in zip(values, pairs, strict=True)]
    return "".join(_PRINTABLE[number // 90] + _PRINTABLE[number % 90] for number in numbers), base


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


def _base32_number(number: int) -> str:
    digits = ""
    while number > 31:
        digits += _ALPHABET[32 + number % 32]
        number //= 32
    return digits + _ALPHABET[number]


def _digits(value: float) -> tuple[int, int]:
    """Three significant digits and their power of ten, of the magnitude."""
    mantissa, exponent = f"{abs(value):.2e}".split("e")
    return int(mantissa.replace(".", "")), int(exponent) - 2


def _number(value: float, pair: tuple[int, int], base: int) -> int:
    digits, exponent = pair
    if exponent < base or digits == 0:
        digits, exponent = round(abs(value) / 10.0**base), base
    return 1 + digits + 1000 * (exponent - base) + (4000 if value < 0 and digits else 0)
