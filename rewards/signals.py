"""Reward signals: numbers bound to the segments of one output, and their exact projection between segmentations.

Pure numpy. NaN means unscored, which is not zero: it adds nothing to a sum, is left out of an average, and stays NaN
where nothing scored arrives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from rewards.segmentation import (
    Segmentation,
    Spans,
    end_of_sequence,
    sentences,
    steps,
    turns,
    whole,
)
from rewards.text import Span

__all__ = [
    "Placement",
    "Preserve",
    "RewardSignal",
    "Segmentation",
    "end_of_sequence",
    "place_spans",
    "project",
    "sentences",
    "spans_to_tokens",
    "spread_spans",
    "steps",
    "turns",
    "unplaced",
    "whole",
]

DIAGNOSTIC_CHANNELS = frozenset({"dispersion", "quotes_located", "completeness_gap"})
"""Channels that say how a value came about: how far a judge's opinions lie apart, how many of its quotes were found,
what an attribution leaves over. They are no rewards: nobody ranks outputs by them, and no page opens on them."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Preserve = Literal["sum", "mean"]
Placement = Literal["each", "split", "last"]


@dataclass(frozen=True, eq=False)
class RewardSignal:
    """One number for each segment.

    Attributes
    ----------
    segmentation : Segmentation
        n segments.
    values : ndarray of float32, shape (n,), read-only
        Finite, or NaN for a segment that is unscored.

    Raises
    ------
    ValueError
        For another number of values, or an infinite one (float32 holds up to 3.4e38).
    """

    segmentation: Segmentation
    values: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            values = np.array(self.values, dtype=np.float32, order="C")
        if values.shape != (len(self.segmentation),):
            raise ValueError(
                f"values of shape {values.shape}: expected one for each of {len(self.segmentation)} segments"
            )
        if np.isinf(values).any():
            index = int(np.flatnonzero(np.isinf(values))[0])
            raise ValueError(f"value {index} is infinite: expected a finite number, or NaN for unscored")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RewardSignal):
            return NotImplemented
        return self.segmentation == other.segmentation and np.array_equal(self.values, other.values, equal_nan=True)

    def __hash__(self) -> int:
        return hash((self.segmentation, self.to_bytes()))

    @classmethod
    def from_bytes(cls, segmentation: Segmentation, data: bytes) -> Self:
        """Read `to_bytes`; ValueError where the length is not four bytes a segment."""
        if len(data) != 4 * len(segmentation):
            raise ValueError(f"{len(data)} bytes: expected {4 * len(segmentation)}, a float32 for each segment")
        return cls(segmentation, np.frombuffer(data, dtype="<f4"))

    def to_bytes(self) -> bytes:
        """Little-endian float32, one for each segment."""
        return self.values.astype("<f4").tobytes()

    @property
    def n_scored(self) -> int:
        """How many segments have a value."""
        return int(np.count_nonzero(~np.isnan(self.values)))

    @property
    def total(self) -> float:
        """The sum of the scored values in double precision; NaN where none is scored."""
        return float(np.nansum(self.values, dtype=np.float64)) if self.n_scored else float("nan")

    def filled(self, value: float) -> Self:
        """The signal with every unscored segment set to ``value``: for a consumer that has no notion of unscored."""
        return type(self)(self.segmentation, np.nan_to_num(self.values, nan=value))


def project(signal: RewardSignal, onto: Segmentation, preserve: Preserve = "sum") -> RewardSignal:
    """Carry a signal over to another segmentation of the same output.

    ``preserve="sum"``: each value is spread evenly over those of its characters that ``onto`` covers; where several
    target segments share a character (the byte-level tokens inside one emoji), each gets an equal part of what lies on
    it, so nothing counts twice; then every target adds up its characters. The total of the scored values is kept,
    except for segments that share no character with ``onto`` (see `unplaced`).

    ``preserve="mean"``: a character carries the average of the scored segments that cover it, and a target the average
    of its scored characters, so a constant stays constant. Targets that share a character each see it in full.

    A zero-width segment holds no character and receives only from zero-width segments at the same place. As a source,
    in a sum, its value goes (a) to the zero-width targets at the same place, in equal parts, else (b) to the targets
    that share the last covered character before it in reading order, else (c) the first one after it: a reward at the
    end of the sequence reaches the last token, as trainers put it. In a mean it has no weight beside characters, so
    only (a) applies, as an average.

    Parameters
    ----------
    signal : RewardSignal
        m values; NaN is unscored.
    onto : Segmentation
        n segments of the same output's messages; may leave gaps and overlap.
    preserve : {"sum", "mean"}
        Sum for rewards that add up to a return, mean for levels and probabilities.

    Returns
    -------
    RewardSignal
        n values, float32, computed in float64. NaN where no scored value arrives.

    Notes
    -----
    O((m + n) log(m + n) + pairs of overlapping segments and stretches), without a loop over characters. Equal to the
    character-by-character definition (tested against it).
    """
    if preserve not in ("sum", "mean"):
        raise ValueError(f"preserve={preserve!r}: expected 'sum' or 'mean'")
    values = signal.values.astype(np.float64)
    scored = ~np.isnan(values)
    spread = spread_spans(signal.segmentation.spans[scored], values[scored], onto.spans, preserve)
    return RewardSignal(onto, spread.astype(np.float32))


def spread_spans(source: Spans, values: Floats, target: Spans, preserve: Preserve = "sum") -> Floats:
    """What `project` does, on bare spans: for many outputs at once, whose messages are numbered through.

    Parameters
    ----------
    source, target : ndarray of int, shapes (m, 3) and (n, 3)
        Message, start, end.
    values : ndarray of float64, shape (m,)
        Without NaN.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where nothing arrives.
    """
    spread = _spread_sum if preserve == "sum" else _spread_mean
    return spread(_Axis.over(source, target), values)


def unplaced(signal: RewardSignal, onto: Segmentation) -> npt.NDArray[np.bool_]:
    """Which scored segments a sum-preserving projection cannot place: they share no character with any target.

    Returns
    -------
    ndarray of bool, shape (m,)
        For a zero-width segment: True where ``onto`` has neither a character nor a zero-width segment at its place.
    """
    axis = _Axis.over(signal.segmentation.spans, onto.spans)
    n_segments = len(signal.segmentation)
    reached = np.bincount(axis.inside.segment, axis.n_targets[axis.inside.stretch], minlength=n_segments) > 0
    empty = np.flatnonzero(axis.source[:, 0] == axis.source[:, 1])
    reached[empty] = axis.n_targets.any() or np.isin(axis.source[empty, 0], _empty_places(axis.target))
    return np.asarray(~reached & ~np.isnan(signal.values))


def spans_to_tokens(
    spans: Sequence[Span], values: Sequence[float], segmentation: Segmentation, place: Placement = "each"
) -> RewardSignal:
    """Turn marked spans into a dense reward over segments, by offsets and never by matching text.

    Parameters
    ----------
    spans : sequence of Span, length k
        In any order; may overlap.
    values : sequence of float, length k
        The reward of each span; NaN (unscored) adds nothing.
    segmentation : Segmentation
        The tokens, or any other segments, of the same output.
    place : {"each", "split", "last"}
        ``each``: every segment that shares a character with the span gets its full value (DRLC, arXiv 2401.07382).
        ``split``: the value is split as in a sum-preserving `project`. ``last``: it goes to the last segment that
        shares a character with the span (Fine-Grained RLHF, arXiv 2306.01693).

    Returns
    -------
    RewardSignal
        Values of overlapping spans add. Segments outside every span carry 0, not NaN: whoever marks spans has read the
        whole text and said nothing about the rest.
    """
    marked = np.array(spans, dtype=np.int32).reshape(-1, 3)
    worth = np.asarray(values, dtype=np.float64)
    if len(marked) != len(worth):
        raise ValueError(f"{len(marked)} spans with {len(worth)} values: expected one value for each span")
    scored = ~np.isnan(worth)
    marked, worth = marked[scored], worth[scored]
    return RewardSignal(segmentation, place_spans(marked, worth, segmentation.spans, place).astype(np.float32))


def place_spans(marked: Spans, worth: Floats, target: Spans, place: Placement = "each") -> Floats:
    """What `spans_to_tokens` does, on bare spans: for many outputs at once, whose messages are numbered through.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 outside every marked span; ``worth`` must hold no NaN.
    """
    if place not in ("each", "split", "last"):
        raise ValueError(f"place={place!r}: expected 'each', 'split' or 'last'")
    # A zero-width span shares no character with anything: it goes where a projection would put it.
    split = np.full(len(marked), place == "split") | (marked[:, 1] == marked[:, 2])
    dense = np.zeros(len(target))
    if split.any():
        dense += np.nan_to_num(_spread_sum(_Axis.over(marked[split], target), worth[split]))
    span, segment = _sharing(*_on_one_line(marked[~split], target), last_only=place == "last")
    dense += _gather(segment, worth[~split][span], len(target))
    return dense


class _Incidence(NamedTuple):
    """Which segment contains which stretch: parallel arrays of pairs, ordered by segment."""

    segment: Ints
    stretch: Ints


class _Axis(NamedTuple):
    """The characters of all messages on one line, cut into stretches at every boundary of source or target.

    Inside one stretch every character lies in the same segments, so a sum over characters is a sum over stretches
    weighted by their ``length``. ``source`` and ``target`` hold (start, end) on the line; ``inside`` and ``target_in``
    say which of their segments contains which stretch; ``n_targets`` counts the target segments on each stretch.
    """

    source: Ints
    target: Ints
    starts: Ints
    length: Floats
    inside: _Incidence
    target_in: _Incidence
    n_targets: Ints

    @classmethod
    def over(cls, source: Spans, target: Spans) -> Self:
        lines = _on_one_line(source, target)
        # np.unique hashes, which takes many times as long as a sort.
        edges = np.sort(np.vstack(lines), axis=None)
        edges = edges[np.diff(edges, prepend=-1) > 0]
        inside, target_in = (_incidence(edges, points) for points in lines)
        starts, length = edges[:-1], np.diff(edges).astype(np.float64)
        n_targets = np.bincount(target_in.stretch, minlength=len(starts))
        return cls(*lines, starts, length, inside, target_in, n_targets)


def _on_one_line(source: Spans, target: Spans) -> tuple[Ints, Ints]:
    """(start, end) of the segments of both, their messages laid one after the other."""
    both = np.vstack([source, target]).astype(np.int64)
    _, message = np.unique(both[:, 0], return_inverse=True)
    size = np.zeros(int(message.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(size, message, both[:, 2])
    # One position of room a message, so that the end of one is not the start of the next.
    base = np.concatenate([[0], np.cumsum(size + 1)])[message]
    line = both[:, 1:] + base[:, None]
    return line[: len(source)], line[len(source) :]


def _incidence(edges: Ints, points: Ints) -> _Incidence:
    first, stop = np.searchsorted(edges, points.T)
    count = stop - first
    segment = np.repeat(np.arange(len(points)), count)
    within = np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)
    return _Incidence(segment, np.repeat(first, count) + within)


def _spread_sum(axis: _Axis, values: Floats) -> Floats:
    """Sum-preserving projection of scored values: float64, one a target, NaN where nothing arrives."""
    shared = axis.n_targets[axis.inside.stretch] > 0
    segment, stretch = axis.inside.segment[shared], axis.inside.stretch[shared]
    width = _gather(segment, axis.length[stretch], len(values))
    empty = np.flatnonzero(axis.source[:, 0] == axis.source[:, 1])
    meeting = np.isin(axis.source[empty, 0], _empty_places(axis.target))
    point, near = _nearest_stretch(axis, empty[~meeting])
    stretch_of = np.concatenate([stretch, near])
    parts = np.concatenate([values[segment] * (axis.length[stretch] / width[segment]), values[point]])
    on_stretch = _gather(stretch_of, parts, len(axis.length))
    arrived = np.bincount(stretch_of, minlength=len(axis.length)) > 0

    target, stretch = axis.target_in
    result = _gather(target, on_stretch[stretch] / axis.n_targets[stretch], len(axis.target))
    hit = np.bincount(target, arrived[stretch], minlength=len(axis.target)) > 0
    met, total, _, n_targets = _empty_meetings(axis, values)
    result[met], hit[met] = total / n_targets, True
    result[~hit] = np.nan
    return result


def _spread_mean(axis: _Axis, values: Floats) -> Floats:
    """Mean-preserving projection of scored values: float64, one a target, NaN where nothing arrives."""
    n_scored = np.bincount(axis.inside.stretch, minlength=len(axis.length))
    total = _gather(axis.inside.stretch, values[axis.inside.segment], len(axis.length))
    level = total / np.maximum(n_scored, 1)
    target, stretch = axis.target_in
    weight = axis.length[stretch] * (n_scored[stretch] > 0)
    width = _gather(target, weight, len(axis.target))
    summed = _gather(target, weight * level[stretch], len(axis.target))
    result: Floats = np.divide(summed, width, out=np.full(len(axis.target), np.nan), where=width > 0)
    met, at_place, n_sources, _ = _empty_meetings(axis, values)
    result[met] = at_place / n_sources
    return result


def _gather(index: Ints, values: Floats, size: int) -> Floats:
    """Sum the values by index; numpy's own would give whole numbers where there are no values."""
    summed: Floats = np.bincount(index, values, minlength=size).astype(np.float64)
    return summed


def _nearest_stretch(axis: _Axis, points: Ints) -> tuple[Ints, Ints]:
    """For zero-width sources, the last stretch before each that a target covers, else the first one after it."""
    covered = np.flatnonzero(axis.n_targets)
    if not len(covered):
        return points[:0], points[:0]
    before = np.searchsorted(axis.starts[covered], axis.source[points, 0]) - 1
    return points, covered[np.maximum(before, 0)]


def _empty_places(points: Ints) -> Ints:
    empty: Ints = points[points[:, 0] == points[:, 1], 0]
    return empty


def _empty_meetings(axis: _Axis, values: Floats) -> tuple[Ints, Floats, Ints, Ints]:
    """The zero-width targets that zero-width sources meet, with what is at each one's place.

    Returns the targets, the sum of the sources' values, their number, and the number of targets there.
    """
    empty = axis.source[:, 0] == axis.source[:, 1]
    places, index, n_sources = np.unique(axis.source[empty, 0], return_inverse=True, return_counts=True)
    total = _gather(index, values[empty], len(places))
    targets = np.flatnonzero((axis.target[:, 0] == axis.target[:, 1]) & np.isin(axis.target[:, 0], places))
    at = np.searchsorted(places, axis.target[targets, 0])
    return targets, total[at], n_sources[at], np.bincount(at, minlength=len(places))[at]


def _sharing(sources: Ints, targets: Ints, *, last_only: bool) -> tuple[Ints, Ints]:
    """All pairs (source, target) that share a character, or of each source only the last one; targets in order."""
    holding = np.flatnonzero(targets[:, 0] < targets[:, 1])
    # Starts and ends of a segmentation never go back, so the targets of one source are neighbours.
    first = np.searchsorted(targets[holding, 1], sources[:, 0], side="right")
    stop = np.searchsorted(targets[holding, 0], sources[:, 1], side="left")
    count = np.maximum(stop - first, 0)
    if last_only:
        source = np.flatnonzero(count)
        return source, holding[stop[source] - 1]
    source = np.repeat(np.arange(len(sources)), count)
    within = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
    return source, holding[np.repeat(first, count) + within]
