"""What operators work on: the numbers of many outputs on one level, kept flat.

A level is where the numbers stand: one a whole output, or one for each of its turns, steps, sentences, sub-sentences or
tokens. NaN is unscored, which is not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from rewards.segmentation import Segmentation, Spans
from rewards.signals import Placement, Preserve, place_spans, spread_spans

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OUTPUT: Final = "output"
TURN: Final = "turn"
STEP: Final = "step"
SENTENCE: Final = "sentence"
SUBSENTENCE: Final = "subsentence"
TOKEN: Final = "token"

DENSE: Final = (TURN, STEP, SENTENCE, SUBSENTENCE, TOKEN)
"""Levels with several numbers an output, the coarsest first."""
LEVELS: Final = (OUTPUT, *DENSE)


@dataclass(frozen=True, eq=False)
class Level:
    """The segments of n outputs, one output after the other.

    Attributes
    ----------
    name : str
        One of `LEVELS`.
    starts : ndarray of int64, shape (n + 1,)
        The segments of output i are ``starts[i]:starts[i + 1]``.
    spans : ndarray of int32, shape (N, 3)
        Message, start, end. Messages are numbered through all outputs, so no two outputs share one.

    Raises
    ------
    ValueError
        For an unknown name, or starts that do not count the spans.
    """

    name: str
    starts: Ints
    spans: Spans

    def __post_init__(self) -> None:
        if self.name not in LEVELS:
            raise ValueError(f"level {self.name!r}: expected one of {', '.join(LEVELS)}")
        starts = np.asarray(self.starts, dtype=np.int64)
        if starts.ndim != 1 or not len(starts) or starts[0] != 0 or (np.diff(starts) < 0).any():
            raise ValueError(f"starts of {self.name}: expected whole numbers that begin at 0 and never go back")
        if starts[-1] != len(self.spans):
            raise ValueError(f"{len(self.spans)} spans of {self.name}: expected {starts[-1]}, as many as starts say")
        object.__setattr__(self, "starts", starts)

    @classmethod
    def of_outputs(cls, n_outputs: int) -> Self:
        """One segment an output."""
        counting = np.arange(n_outputs, dtype=np.int32)
        return cls(OUTPUT, np.arange(n_outputs + 1), np.stack([counting, 0 * counting, 0 * counting], axis=1))

    @classmethod
    def of_lengths(cls, name: str, lengths: Iterable[int]) -> Self:
        """Segments of one character each, where nothing but their number matters: what a notebook needs."""
        starts = np.concatenate([[0], np.cumsum(np.asarray(list(lengths), dtype=np.int64))]).astype(np.int64)
        output = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        within = np.arange(starts[-1]) - starts[output]
        return cls(name, starts, np.stack([output, within, within + 1], axis=1).astype(np.int32))

    @classmethod
    def of_segmentations(cls, name: str, cuts: Sequence[Segmentation], n_messages: Sequence[int]) -> Self:
        """One segmentation an output.

        Parameters
        ----------
        cuts : sequence of Segmentation, length n
        n_messages : sequence of int, length n
            How many messages each output has.
        """
        starts = np.concatenate([[0], np.cumsum([len(cut) for cut in cuts])]).astype(np.int64)
        first = np.concatenate([[0], np.cumsum(n_messages)])[:-1].astype(np.int32)
        spans = np.vstack([np.zeros((0, 3), dtype=np.int32), *(cut.spans for cut in cuts)])
        spans[:, 0] += np.repeat(first, np.diff(starts))
        return cls(name, starts, spans)

    def __len__(self) -> int:
        """How many outputs."""
        return len(self.starts) - 1

    @property
    def size(self) -> int:
        """How many segments in all."""
        return len(self.spans)

    @cached_property
    def counts(self) -> Ints:
        """How many segments each output has: shape (n,)."""
        return np.diff(self.starts)

    @cached_property
    def output(self) -> Ints:
        """Which output each segment belongs to: shape (N,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def last(self) -> Ints:
        """The last segment of each output that has one: shape (k,), k <= n."""
        last: Ints = self.starts[1:][self.counts > 0] - 1
        return last

    def same_as(self, other: Level) -> bool:
        """Whether the segments are the same ones."""
        return self is other or (
            self.name == other.name
            and np.array_equal(self.starts, other.starts)
            and np.array_equal(self.spans, other.spans)
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """The numbers of n outputs on one level.

    Attributes
    ----------
    level : Level
        N segments.
    values : ndarray of float64, shape (N,)
        NaN for unscored.

    Raises
    ------
    ValueError
        For another number of values, or an infinite one.
    """

    level: Level
    values: Floats

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        if values.shape != (self.level.size,):
            raise ValueError(f"values of shape {values.shape}: expected one for each of {self.level.size} segments")
        if np.isinf(values).any():
            index = int(np.flatnonzero(np.isinf(values))[0])
            output = int(self.level.output[index])
            raise ValueError(f"output {output}: value {index - self.level.starts[output]} is infinite")
        object.__setattr__(self, "values", values)

    @classmethod
    def scalars(cls, values: npt.ArrayLike) -> Self:
        """One number an output: shape (n,)."""
        flat = np.asarray(values, dtype=np.float64)
        return cls(Level.of_outputs(len(flat)), flat)

    @classmethod
    def ragged(cls, name: str, values: Sequence[Sequence[float]]) -> Self:
        """One list an output, on segments that nothing but their number is known of."""
        flat = np.array([value for row in values for value in row], dtype=np.float64)
        return cls(Level.of_lengths(name, [len(row) for row in values]), flat)

    def __len__(self) -> int:
        """How many outputs."""
        return len(self.level)

    def of(self, output: int) -> Floats:
        """One output's numbers, a view."""
        return self.values[self.level.starts[output] : self.level.starts[output + 1]]

    def to_lists(self) -> list[list[float]]:
        """One list an output."""
        return [self.of(index).tolist() for index in range(len(self))]

    def with_values(self, values: npt.ArrayLike) -> Self:
        """Other numbers on the same segments."""
        return type(self)(self.level, np.asarray(values, dtype=np.float64))

    @cached_property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Which segments have a number: shape (N,)."""
        return ~np.isnan(self.values)

    def total(self) -> Floats:
        """Sum of each output's scored numbers: shape (n,), NaN where none is scored."""
        sums = np.bincount(self.level.output, np.where(self.scored, self.values, 0.0), minlength=len(self))
        return np.where(self.n_scored() > 0, sums, np.nan)

    def mean(self) -> Floats:
        """Mean of each output's scored numbers: shape (n,), NaN where none is scored."""
        return self.total() / np.maximum(self.n_scored(), 1)

    def n_scored(self) -> Ints:
        """How many of each output's numbers are scored: shape (n,)."""
        return np.bincount(self.level.output[self.scored], minlength=len(self))

    def smallest(self) -> Floats:
        """Each output's smallest scored number: shape (n,), NaN where none is scored."""
        return self._reduced(np.fmin)

    def largest(self) -> Floats:
        """Each output's largest scored number: shape (n,), NaN where none is scored."""
        return self._reduced(np.fmax)

    def on(self, level: Level, preserve: Preserve = "sum") -> Rows:
        """Carried over to other segments of the same outputs, as `rewards.signals.project` does for one output.

        In a sum, a segment that no segment of these rows reaches gets 0 where the output has a number at all: whoever
        scored the output said nothing about it. In a mean it stays unscored.
        """
        values = spread_spans(self.level.spans[self.scored], self.values[self.scored], level.spans, preserve)
        missing = np.isnan(values)
        if preserve == "sum" and missing.any():
            unscored = ~self.scored
            hidden = spread_spans(self.level.spans[unscored], np.ones(unscored.sum()), level.spans, "sum")
            known = (self.n_scored() > 0)[level.output]
            values[missing & np.isnan(hidden) & known] = 0.0
        return Rows(level, values)

    def placed(self, level: Level, place: Placement = "last") -> Rows:
        """Each number put on the segments of a finer level that its own segment covers: on every one, split among
        them, or on the last one; 0 beside them. An output without a number stays unscored; an unscored segment
        leaves those that it alone covers unscored."""
        values = place_spans(self.level.spans[self.scored], self.values[self.scored], level.spans, place)
        unscored = ~self.scored
        if unscored.any():
            reached = place_spans(self.level.spans[self.scored], np.ones(self.scored.sum()), level.spans, place) > 0
            hidden = place_spans(self.level.spans[unscored], np.ones(unscored.sum()), level.spans, place) > 0
            values[hidden & ~reached] = np.nan
        values[~(self.n_scored() > 0)[level.output]] = np.nan
        return Rows(level, values)

    def _reduced(self, smaller_or_larger: np.ufunc) -> Floats:
        result = np.full(len(self), np.nan)
        filled = self.level.counts > 0
        if filled.any():
            result[filled] = smaller_or_larger.reduceat(self.values, self.level.starts[:-1][filled])
        return result


def at_end(scores: Rows, level: Level) -> Rows:
    """Each output's number on its last segment, and 0 on the others; unscored outputs stay unscored.

    Raises
    ------
    ValueError
        Where an output with a number has no segment to put it on.
    """
    homeless = np.flatnonzero((level.counts == 0) & scores.scored)
    if len(homeless):
        raise ValueError(f"output {homeless[0]} has no {level.name} to put its reward on")
    values = np.zeros(level.size)
    values[level.last] = scores.values[level.counts > 0]
    values[~scores.scored[level.output]] = np.nan
    return Rows(level, values)
