"""What operators share: terms on the same segments, what an unscored one does, and checks of what they are given."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.rows import Floats, Ints, Level, Rows

UNSCORED: Final = Parameter(
    "unscored",
    "choice",
    "unscored",
    "Where a term has no number",
    choices=(("unscored", "There is no result"), ("skip", "The result of the others")),
)
"""What an operator over a list does where one term is unscored; where all are, there is never a result."""


def same_level(terms: Sequence[Rows], name: str = "term") -> Level:
    """The level that all terms stand on.

    Raises
    ------
    ValueError
        Where one stands on other segments than the first.
    """
    first = terms[0].level
    for index, term in enumerate(terms):
        if not term.level.same_as(first):
            raise ValueError(f"{name} {index} stands on other segments than {name} 0")
    return first


def n_scored(terms: Sequence[Rows]) -> Ints:
    """How many terms have a number on each segment: shape (N,)."""
    count = np.zeros(terms[0].level.size, dtype=np.int64)
    for term in terms:
        count += term.scored
    return count


def voided(values: Floats, terms: Sequence[Rows], unscored: str) -> Rows:
    """The values, NaN where too few terms have a number; `values` is written to."""
    needed = len(terms) if unscored == "unscored" else 1
    values[n_scored(terms) < needed] = np.nan
    return Rows(terms[0].level, values)


def check_range(name: str, rows: Rows, low: float, high: float) -> None:
    """ValueError for a number outside [low, high], by its output and place."""
    if np.fmin.reduce(rows.values, initial=low) < low or np.fmax.reduce(rows.values, initial=high) > high:
        index = int(np.flatnonzero((rows.values < low) | (rows.values > high))[0])
        output = int(rows.level.output[index])
        place = f"value {index - rows.level.starts[output]} of {name} is {rows.values[index]:g}"
        expected = f"at least {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"
        raise ValueError(f"output {output}: {place}: expected {expected}")


def check_bounds(low: float, high: float) -> None:
    """ValueError for bounds the wrong way round."""
    if low > high:
        raise ValueError(f"bounds {low:g} and {high:g}: expected the lower one first")


def check_groups(groups: Ints, scores: Rows) -> None:
    """ValueError unless each output has a group."""
    if len(groups) != len(scores):
        raise ValueError(f"{len(groups)} groups for {len(scores)} outputs: expected one each")
