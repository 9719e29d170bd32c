"""Where two readings of the same outputs lie furthest apart: a ranking of places to look at. Pure.

A signal is read as it is drawn: each segment as a share of the scale's limit from -1 to 1, the same all over the
segment whatever its length. Unscored segments are no reading, so nothing disagrees with them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.segmentation import Segmentation, Spans
from rewards.signals import RewardSignal, project, spans_to_tokens
from rewards.text import Span

Floats = npt.NDArray[np.float64]


class Apart(NamedTuple):
    """How far two readings of one output are apart.

    Attributes
    ----------
    spans : ndarray of int32, shape (n, 3)
        The places: message, start, end in code points, in reading order.
    distance : ndarray of float64, shape (n,)
        From 0, agreement, to 1, opposite ends; NaN where there is nothing to compare.
    """

    spans: Spans
    distance: Floats


class Place(NamedTuple):
    """One entry of a ranking; `which` is the number of the output."""

    which: int
    span: Span
    distance: float


def between_signals(a: RewardSignal, limit_a: float, b: RewardSignal, limit_b: float) -> Apart:
    """How far two signals are apart, each as a share of its limit, on the segments of the one that is cut finer.

    Half the absolute difference. Where they are cut differently, the coarser one has its level in each place
    (`project` with ``preserve="mean"``), as its colour has.

    Parameters
    ----------
    a, b : RewardSignal
        Of the same output.
    limit_a, limit_b : float
        Where each one's scale ends; values beyond count as the end. Positive.
    """
    cut = max((a.segmentation, b.segmentation), key=len)
    distance = np.abs(_level(a, limit_a, cut) - _level(b, limit_b, cut)) / 2
    return Apart(cut.spans, distance)


def from_spans(signal: RewardSignal, limit: float, faults: Sequence[Span]) -> Apart:
    """How far a signal is from the spans in which people see faults.

    With v the share of the limit: inside a span v should be -1, so the distance is (1 + v) / 2. Outside it should not
    be negative, so the distance is -v where v < 0 and otherwise 0.

    Parameters
    ----------
    signal : RewardSignal
        Of an output that people were asked to mark; otherwise what is unmarked says nothing.
    limit : float
        Where its scale ends. Positive.
    faults : sequence of Span
        A segment that shares a character with one of them is inside.
    """
    cut = signal.segmentation
    level = _level(signal, limit, cut)
    marked = spans_to_tokens(faults, [1.0] * len(faults), cut).values > 0
    return Apart(cut.spans, np.where(marked, (1 + level) / 2, np.maximum(-level, 0)))


def largest(apart: Sequence[Apart], most: int) -> list[Place]:
    """The places that are furthest apart over all outputs, at most so many, the furthest first.

    Equal ones come in reading order; places that agree are left out.
    """
    found = [
        Place(which, Span(*span), round(distance, 6))
        for which, one in enumerate(apart)
        for span, distance in zip(one.spans.tolist(), one.distance.tolist(), strict=True)
        if round(distance, 6) > 0
    ]
    return sorted(found, key=lambda place: (-place.distance, place.which, place.span))[:most]


def _level(signal: RewardSignal, limit: float, cut: Segmentation) -> Floats:
    if signal.segmentation is not cut:
        signal = project(signal, cut, "mean")
    level: Floats = np.clip(signal.values.astype(np.float64) / limit, -1, 1)
    return level
