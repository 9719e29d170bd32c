"""Rows of tokens laid out as a forest, so that what several rows begin with is read once.

The rows of one pass stand end to end in a single row without padding. Rows that begin alike form a tree: its root
holds the shared beginning, each branch what comes after. A token attends to its own segment up to itself and to every
segment above it; `tree_attention` does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# A shared beginning is worth a branching when it saves this part of the tokens below it: each of those pays for joining
# two attentions, measured at 2 to 5 % of reading a token (135 million parameters, two cores).
_LEAST_SAVING = 0.1
# Attentions joined for one token at most; also bounds the trees that rows made to nest can build.
_MOST_LEVELS = 8


class Segment(NamedTuple):
    """Tokens `start` to `end` of a pass; everything that continues them lies between `end` and `subtree_end`."""

    start: int
    end: int
    subtree_end: int
    level: int


@dataclass(frozen=True, eq=False)
class Forest:
    """Rows laid out in one pass.

    Attributes
    ----------
    ids, positions : int64 array, shape (N,)
        Tokens, and each one's place in its own row.
    segments : list of Segment
        In order; together they cover the N tokens.
    places : list of int64 array, shape (L,) by row
        Where each token of a row stands in the pass.
    """

    ids: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    segments: list[Segment]
    places: list[npt.NDArray[np.int64]]


@dataclass
class _Open:
    """A subtree to lay out: sorted rows `low` to `high`, which have their first `depth` tokens above them."""

    low: int
    high: int
    depth: int
    above: tuple[npt.NDArray[np.int64], ...]


@dataclass
class _Close:
    """A subtree is laid out whole: its segment can be told where it ends."""

    segment: int


@dataclass
class _Layout:
    ids: list[npt.NDArray[np.int64]] = field(default_factory=list)
    positions: list[npt.NDArray[np.int64]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    size: int = 0

    def add(self, ids: npt.NDArray[np.int64], depth: int, level: int) -> npt.NDArray[np.int64]:
        """Append a segment and give its tokens' places."""
        start, self.size = self.size, self.size + len(ids)
        self.segments.append(Segment(start, self.size, self.size, level))
        self.ids.append(ids)
        self.positions.append(np.arange(depth, depth + len(ids), dtype=np.int64))
        return np.arange(start, self.size, dtype=np.int64)


def build_forest(rows: Sequence[Sequence[int]]) -> Forest:
    """Lay rows out as a forest.

    Parameters
    ----------
    rows : sequence of sequences of int
        Token ids; none is empty. A row may equal another or begin it.
    """
    arrays = [np.asarray(row, dtype=np.int64) for row in rows]
    order = sorted(range(len(rows)), key=lambda index: tuple(rows[index]))
    ordered = [arrays[index] for index in order]
    shared = _shared_lengths(ordered)
    layout = _Layout()
    places: list[npt.NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)] * len(rows)
    waiting: list[_Open | _Close] = [_Open(0, len(rows), 0, ())] if rows else []
    while waiting:
        task = waiting.pop()
        if isinstance(task, _Close):
            layout.segments[task.segment] = layout.segments[task.segment]._replace(subtree_end=layout.size)
            continue
        waiting += reversed(_lay_out(task, ordered, shared, layout, places, order))
    return Forest(np.concatenate(layout.ids), np.concatenate(layout.positions), layout.segments, places)


def _lay_out(
    task: _Open,
    ordered: list[npt.NDArray[np.int64]],
    shared: npt.NDArray[np.int64],
    layout: _Layout,
    places: list[npt.NDArray[np.int64]],
    order: list[int],
) -> list[_Open | _Close]:
    """Lay out one row, or the beginning that several share; give what is to be laid out after it, in order."""
    low, high, depth, above = task.low, task.high, task.depth, task.above
    common = int(shared[low : high - 1].min()) if high - low > 1 else len(ordered[low])
    if high - low == 1 or common == len(ordered[high - 1]):
        # One row, or rows that are all equal: sorted, the last of them is the longest.
        own = layout.add(ordered[low][depth:], depth, len(above)) if common > depth else np.zeros(0, dtype=np.int64)
        for row in range(low, high):
            places[order[row]] = np.concatenate([*above, own])
        return []
    cuts = [low, *(low + 1 + np.flatnonzero(shared[low : high - 1] == common)).tolist(), high]
    below = sum(len(ordered[row]) - common for row in range(low, high))
    saved = (common - depth) * (len(cuts) - 2)
    if saved < _LEAST_SAVING * below or saved == 0 or len(above) >= _MOST_LEVELS:
        return [_Open(a, b, depth, above) for a, b in pairwise(cuts)]
    own = layout.add(ordered[low][depth:common], depth, len(above))
    branches = [_Open(a, b, common, (*above, own)) for a, b in pairwise(cuts)]
    return [*branches, _Close(len(layout.segments) - 1)]


def _shared_lengths(ordered: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """How many first tokens each row shares with the next: shape (n - 1,)."""
    return np.array([_shared(a, b) for a, b in pairwise(ordered)], dtype=np.int64)


def _shared(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> int:
    shorter = min(len(a), len(b))
    differ = np.flatnonzero(a[:shorter] != b[:shorter])
    return int(differ[0]) if len(differ) else shorter


def pack_forests(rows: Sequence[Sequence[int]], *, pass_tokens: int, most_tokens: int) -> list[list[int]]:
    """Cut rows into passes, those that begin alike together.

    Parameters
    ----------
    rows : sequence of sequences of int
    pass_tokens : int
        Tokens at which a pass is full. A row that shares at least half of its tokens with the one before it joins
        beyond that: cutting there would read the shared beginning again.
    most_tokens : int
        What fits the memory; only a row that is longer by itself is given a pass of more.

    Returns
    -------
    list of list of int
        Every index once.
    """
    order = sorted(range(len(rows)), key=lambda index: tuple(rows[index]))
    passes: list[list[int]] = []
    size = 0
    for place, index in enumerate(order):
        length = len(rows[index])
        common = 0
        if place:
            common = _shared(np.asarray(rows[order[place - 1]]), np.asarray(rows[index]))
        own = length - (common if 2 * common >= length else 0)
        limit = most_tokens if 2 * common >= length else min(pass_tokens, most_tokens)
        if passes and size + own <= limit:
            passes[-1].append(index)
            size += own
        else:
            passes.append([index])
            size = length
    return [part for found in passes for part in _within(found, rows, most_tokens)]


def _within(indices: list[int], rows: Sequence[Sequence[int]], most_tokens: int) -> list[list[int]]:
    """Halve a pass until what it really holds fits: not every shared beginning is worth a branching."""
    if len(indices) == 1 or len(build_forest([rows[index] for index in indices]).ids) <= most_tokens:
        return [indices]
    middle = len(indices) // 2
    return _within(indices[:middle], rows, most_tokens) + _within(indices[middle:], rows, most_tokens)
