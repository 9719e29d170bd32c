"""Columns of judgments as small whole numbers, which numpy can count."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Column = Sequence[Hashable] | npt.NDArray[np.generic]


class Answers(NamedTuple):
    """Known answers as codes, numbered without gaps in the order of first occurrence, and the names behind them.

    Attributes
    ----------
    unit, rater, value : ndarray of int, shape (N,)
    units, raters, classes : list of hashable
        What the codes stand for.
    """

    unit: Ints
    rater: Ints
    value: Ints
    units: list[Hashable]
    raters: list[Hashable]
    classes: list[Hashable]

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many units, raters and classes there are."""
        return len(self.units), len(self.raters), len(self.classes)


def read_answers(units: Column, raters: Column, values: Column, *, least: int = 1, most: int) -> Answers:
    """The rows that have a value.

    Raises
    ------
    ValueError
        For columns of unequal length, no value at all, fewer than `least` or more than `most` different ones, or a row
        without a unit or a rater.
    """
    check_lengths(units, raters, values)
    value, classes = codes_of(values)
    known = value >= 0
    (unit, unit_names), (rater, rater_names) = (dense_codes(column, known) for column in (units, raters))
    if not known.any():
        raise ValueError("no answers: expected at least one")
    if not least <= len(classes) <= most:
        expected = f"{least} to {most}" if least > 1 else f"at most {most}"
        raise ValueError(f"{len(classes)} different answers: expected {expected}")
    return Answers(unit, rater, value[known], unit_names, rater_names, classes)


def check_lengths(units: Column, raters: Column, values: Column) -> None:
    """ValueError where the columns are not parallel."""
    if not len(units) == len(raters) == len(values):
        raise ValueError(f"{len(units)} units, {len(raters)} raters, {len(values)} values: expected as many of each")


def dense_codes(column: Column, known: npt.NDArray[np.bool_]) -> tuple[Ints, list[Hashable]]:
    """Codes of the known rows, numbered without gaps; ValueError for a missing name in any row."""
    codes, names = codes_of(column)
    if (codes < 0).any():
        raise ValueError("an answer without a unit or a rater: expected both for every value")
    used, dense = np.unique(codes[known], return_inverse=True)
    return dense.astype(np.int64), [names[code] for code in used]


def codes_of(column: Column) -> tuple[Ints, list[Hashable]]:
    """Number the distinct values of a column; -1 for None and NaN."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "biuf":
        distinct, codes = np.unique(column, return_inverse=True)
        missing = np.isnan(distinct) if column.dtype.kind == "f" else np.zeros(len(distinct), dtype=bool)
        return np.where(missing[codes], -1, codes).astype(np.int64), list(distinct[~missing].tolist())
    seen: dict[Hashable, int] = {}
    numbered = [-1 if value is None or value != value else seen.setdefault(value, len(seen)) for value in plain(column)]
    return np.array(numbered, dtype=np.int64), list(seen)


def plain(column: Column) -> list[Hashable]:
    return list(column.tolist() if isinstance(column, np.ndarray) else column)
