"""Differences between the values of units: what Krippendorff's alpha sums, by level of measurement."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Metric = Literal["nominal", "ordinal", "interval", "ratio"]

# The ratio metric compares all pairs of distinct values, a block of them at a time.
_BLOCK = 1_000


class Table(NamedTuple):
    """How often each unit got each value, as parallel arrays ordered by unit: only the combinations that occur."""

    unit: Ints
    value: Ints
    times: Ints
    size: Ints
    """Values of each unit, shape (n_units,)."""
    n_units: int

    @classmethod
    def of(cls, unit: Ints, value: Ints) -> "Table":
        n_units = int(unit.max(initial=-1)) + 1
        n_values = int(value.max(initial=-1)) + 1
        cells, count = np.unique(unit * max(n_values, 1) + value, return_counts=True)
        size = np.bincount(unit, minlength=n_units)
        return cls(cells // max(n_values, 1), cells % max(n_values, 1), count.astype(np.int64), size, n_units)


def alpha_of(table: Table, measure: "Measure", weights: Floats) -> float:
    """Alpha of the table with every unit taken ``weights`` times."""
    margins: Floats = np.bincount(table.value, weights[table.unit] * table.times).astype(np.float64)
    if np.count_nonzero(margins) < 2:
        return float("nan")
    within, total = measure.differences(margins)
    observed = float((weights * within / (table.size - 1)).sum())
    return 1.0 - (float(margins.sum()) - 1.0) * observed / total if total else float("nan")


class Measure(ABC):
    """Sums of squared differences over ordered pairs of values: within each unit, and among all of them."""

    def __init__(self, table: Table, levels: Floats) -> None:
        self.table = table
        self.levels = levels

    @abstractmethod
    def differences(self, margins: Floats) -> tuple[Floats, float]:
        """Shape (n_units,), and their counterpart over all pairs, given how often each value occurs."""


class _Nominal(Measure):
    def differences(self, margins: Floats) -> tuple[Floats, float]:
        equal = np.bincount(self.table.unit, self.table.times.astype(np.float64) ** 2, minlength=self.table.n_units)
        return self.table.size.astype(np.float64) ** 2 - equal, float(margins.sum() ** 2 - (margins**2).sum())


class _Interval(Measure):
    def differences(self, margins: Floats) -> tuple[Floats, float]:
        return self.squared(self.levels, margins)

    def squared(self, levels: Floats, margins: Floats) -> tuple[Floats, float]:
        """The squares of all differences of m numbers sum to 2 m times their squared distances from the mean."""
        table, x = self.table, levels[self.table.value]
        size = table.size.astype(np.float64)
        mean = np.bincount(table.unit, table.times * x, minlength=table.n_units) / size
        spread = np.bincount(table.unit, table.times * (x - mean[table.unit]) ** 2, minlength=table.n_units)
        n = margins.sum()
        return 2.0 * size * spread, float(2.0 * n * (margins * (levels - (margins @ levels) / n) ** 2).sum())


class _Ordinal(_Interval):
    def differences(self, margins: Floats) -> tuple[Floats, float]:
        order = np.argsort(self.levels)
        ranks = np.empty(len(order), dtype=np.float64)
        ranks[order] = np.cumsum(margins[order]) - margins[order] / 2
        return self.squared(ranks, margins)


class _Ratio(Measure):
    def differences(self, margins: Floats) -> tuple[Floats, float]:
        total = 0.0
        for start in range(0, len(self.levels), _BLOCK):
            part = slice(start, start + _BLOCK)
            total += float(margins[part] @ _ratio_squared(self.levels[part, None], self.levels) @ margins)
        return self.within, total

    @cached_property
    def within(self) -> Floats:
        """Pairs of values k places apart in the table, for each k for which a unit has that many."""
        table, result = self.table, np.zeros(self.table.n_units)
        for apart in range(1, int(np.bincount(table.unit).max(initial=1))):
            left = np.flatnonzero(table.unit[:-apart] == table.unit[apart:])
            right = left + apart
            squared = _ratio_squared(self.levels[table.value[left]], self.levels[table.value[right]])
            pairs = 2.0 * table.times[left] * table.times[right] * squared
            result += np.bincount(table.unit[left], pairs, minlength=table.n_units)
        return result


def _ratio_squared(left: Floats, right: Floats) -> Floats:
    total = left + right
    # Only 0 against 0 has no sum, and those are equal.
    return np.asarray(((left - right) / np.where(total == 0, 1.0, total)) ** 2)


MEASURES: Mapping[Metric, type[Measure]] = {
    "nominal": _Nominal,
    "ordinal": _Ordinal,
    "interval": _Interval,
    "ratio": _Ratio,
}
