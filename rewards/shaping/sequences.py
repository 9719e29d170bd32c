"""What operators along an output's segments share: numbers of outputs on their segments, and walks from end to end.

A walk never crosses from one output into the next, and costs no loop over outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter
from rewards.shaping.rows import Floats, Ints, Level, Rows

Bools = npt.NDArray[np.bool_]

UNSCORED: Final = Parameter(
    "unscored",
    "choice",
    "unscored",
    "Where a segment has no number",
    choices=(("unscored", "The output has none"), ("skip", "The others are used")),
)
"""What becomes of an output whose segments are not all scored."""


class Block(NamedTuple):
    """Outputs of like length side by side: shape (m, width).

    Attributes
    ----------
    segments : ndarray of int64
        Which ones; an output's last one again and again beyond its end.
    inside : ndarray of bool
        False beyond the end.
    """

    segments: Ints
    inside: Bools


def blocks(starts: Ints) -> Iterator[Block]:
    """Every output that has a segment, once; at most half of each block lies beyond ends."""
    counts = np.diff(starts)
    filled = np.flatnonzero(counts)
    doublings = np.ceil(np.log2(counts[filled])).astype(np.int64)
    for doubling in np.unique(doublings):
        outputs = filled[doublings == doubling]
        length = counts[outputs][:, None]
        position = np.arange(length.max())
        yield Block(starts[outputs][:, None] + np.minimum(position, length - 1), position < length)


def along(starts: Ints, values: Floats, walk: Callable[[Floats, Bools], Floats]) -> Floats:
    """Apply a function of whole outputs to all of them.

    Parameters
    ----------
    starts : ndarray of int64, shape (n + 1,)
        The segments of output i are ``starts[i]:starts[i + 1]``.
    values : ndarray of float64, shape (N,)
    walk : callable
        Takes values and what lies inside, both of shape (m, width), and gives the same shape; what it gives beyond an
        end is let go of.
    """
    result = np.empty_like(values)
    for segments, inside in blocks(starts):
        result[segments[inside]] = walk(values[segments], inside)[inside]
    return result


def decayed(values: Floats, decay: float) -> Floats:
    """``y_t = x_t + decay y_{t+1}`` along the last axis, by doubling: log2(width) passes.

    NaN reaches everything before it.
    """
    result = values.copy()
    step, factor = 1, decay
    while step < result.shape[-1] and factor != 0.0:
        result[..., :-step] = result[..., :-step] + factor * result[..., step:]
        step, factor = 2 * step, factor * factor
    return result


def on_segments(scores: Rows, level: Level) -> Floats:
    """Each output's number, once for each of its segments: shape (N,).

    Raises
    ------
    ValueError
        Where the scores are those of other outputs.
    """
    if len(scores) != len(level):
        raise ValueError(f"{len(scores)} numbers for {len(level)} outputs: expected one for each")
    return scores.values[level.output]


def share_segments(rows: Rows, others: Rows, what: str) -> None:
    """ValueError unless both stand on the same segments."""
    if not rows.level.same_as(others.level):
        raise ValueError(f"{what}: expected the same segments as the rewards")


def largest(keys: Floats, level: Level, k: int) -> Bools:
    """Which segments are among the k largest of their output, earlier ones first among equals: shape (N,).

    NaN is never among them.
    """

    def walk(values: Floats, inside: Bools) -> Floats:
        known = inside & ~np.isnan(values)
        ordered = np.sort(np.where(known, values, -np.inf), axis=1)
        bound = ordered[:, -min(k, values.shape[1])][:, None]
        above, at_bound = known & (values > bound), known & (values == bound)
        # Of those at the bound, the first as many as there is room for.
        room = k - np.count_nonzero(above, axis=1)[:, None]
        chosen: Bools = above | (at_bound & (np.cumsum(at_bound, axis=1) <= room))
        return chosen.astype(np.float64)

    return along(level.starts, keys, walk) > 0


def answered(rows: Rows, unscored: str) -> Bools:
    """Which outputs a fold over segments gives a number for: shape (n,); ``unscored`` as in `UNSCORED`."""
    n_scored = rows.n_scored()
    enough = n_scored == rows.level.counts if unscored == "unscored" else True
    return (n_scored > 0) & enough
