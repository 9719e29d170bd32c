"""How far raters agree: Krippendorff's alpha, percent agreement and Cohen's kappa.

Judgments come as three parallel columns, one row a judgment: unit (what was judged), rater, value. A value of None or
NaN is missing. Where a rater judged a unit more than once the first counts, and the rest are counted as duplicates.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.statistics.columns import Column, codes_of, plain
from rewards.statistics.proportions import percentile_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Metric = Literal["nominal", "ordinal", "interval", "ratio"]

METRICS: tuple[Metric, ...] = ("nominal", "ordinal", "interval", "ratio")

MAX_CATEGORIES = 1_000

# The ratio metric compares all pairs of distinct values, a block of them at a time.
_BLOCK = 1_000


class Alpha(NamedTuple):
    """Krippendorff's alpha and what it rests on.

    Attributes
    ----------
    value : float
        1 for perfect agreement, 0 for what chance gives, below 0 for less. NaN where it is undefined: no unit with two
        values, or all values alike, so that there is no variation against which to agree.
    low, high : float
        Percentile bootstrap interval over units; NaN where none was asked for or alpha is undefined.
    n_units : int
        Units with at least two values: the others cannot be paired.
    n_raters, n_values : int
        Raters and values on those units.
    n_unpaired, n_missing, n_duplicates : int
        Judgments left out: alone on their unit, without a value, repeated by one rater on one unit.
    """

    value: float
    low: float
    high: float
    n_units: int
    n_raters: int
    n_values: int
    n_unpaired: int
    n_missing: int
    n_duplicates: int


class Agreement(NamedTuple):
    """The share of pairs of judgments of one unit that are equal; NaN where there is no pair."""

    value: float
    n_pairs: int


def krippendorff_alpha(
    units: Column,
    raters: Column,
    values: Column,
    *,
    metric: Metric = "nominal",
    replicates: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alpha:
    """Krippendorff's alpha, ``1 - D_observed / D_expected``, for any number of raters and missing values.

    With n pairable values, m_u of them on unit u, and the squared difference d2 of the metric,
    ``alpha = 1 - (n - 1) * sum_u [sum of d2 over pairs in u / (m_u - 1)] / sum of d2 over all pairs``, which is what
    the coincidence matrix gives, computed without building it.

    Parameters
    ----------
    units, raters : sequence of hashable, length N
    values : sequence, length N
        Any hashable for ``nominal``; numbers otherwise, at least 0 for ``ratio``. None or NaN is missing.
    metric : {"nominal", "ordinal", "interval", "ratio"}
        ``nominal``: 0 or 1; ``interval``: (a - b)^2; ``ratio``: ((a - b) / (a + b))^2; ``ordinal``: the squared number
        of values from a to b, counting half of those at either end, which is an interval metric on mid-ranks.
    replicates : int
        Bootstrap replicates for the interval; 0 for none. Units are drawn with replacement; replicates in which alpha
        is undefined are left out.
    confidence : float
    seed : int

    Returns
    -------
    Alpha

    Raises
    ------
    ValueError
        For columns of unequal length, a missing unit or rater, an unknown metric, or values that it cannot compare.

    Notes
    -----
    O(N) for nominal, O(N log N) for ordinal and interval; for ratio also O(V^2) in the number V of distinct values.

    References
    ----------
    K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); the rules of `inspect_ai` and of the
    `krippendorff` package for missing values are the same.
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r}: expected one of {METRICS}")
    judged = _pairable(units, raters, values)
    table = _Table.of(judged.unit, judged.value)
    measure = _MEASURES[metric](table, _levels(judged.values, metric))
    value = _alpha(table, measure, np.ones(table.n_units))
    low = high = float("nan")
    if replicates and not np.isnan(value):
        generator = np.random.default_rng(seed)
        drawn = [
            _alpha(table, measure, np.bincount(picks, minlength=table.n_units).astype(np.float64))
            for picks in (generator.integers(table.n_units, size=table.n_units) for _ in range(replicates))
        ]
        low, high = percentile_interval(np.array(drawn), confidence)
    return Alpha(
        value,
        low,
        high,
        n_units=table.n_units,
        n_raters=judged.n_raters,
        n_values=len(judged.unit),
        n_unpaired=judged.n_unpaired,
        n_missing=judged.n_missing,
        n_duplicates=judged.n_duplicates,
    )


def percent_agreement(units: Column, raters: Column, values: Column) -> Agreement:
    """The share of equal pairs among all pairs of judgments of the same unit by different raters.

    Every pair weighs the same, so a unit with many raters weighs more. Chance is not taken off.
    """
    judged = _pairable(units, raters, values)
    table = _Table.of(judged.unit, judged.value)
    n_pairs = int((table.size * (table.size - 1)).sum()) // 2
    equal = int((table.times * (table.times - 1)).sum()) // 2
    return Agreement(equal / n_pairs if n_pairs else float("nan"), n_pairs)


def cohen_kappa(
    first: Column, second: Column, *, weighting: Literal["none", "linear", "quadratic"] = "none"
) -> Agreement:
    """Cohen's kappa of two raters, ``1 - observed disagreement / disagreement expected by chance``.

    Parameters
    ----------
    first, second : sequence, length N
        The two raters' values of the same N units; pairs in which either is None or NaN are left out.
    weighting : {"none", "linear", "quadratic"}
        What a disagreement costs: 1, the distance of the two categories, or its square. Categories are taken in the
        order of their values and as evenly spaced.

    Returns
    -------
    Agreement
        NaN where no pair is left, or where chance alone leaves no disagreement (both raters always give one value).

    Raises
    ------
    ValueError
        For columns of unequal length, or more than `MAX_CATEGORIES` different values.

    References
    ----------
    J. Cohen (1960), Educational and Psychological Measurement 20; weighted: J. Cohen (1968), Psychological Bulletin 70.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values: expected one of each rater for every unit")
    codes, values = codes_of([*plain(first), *plain(second)])
    codes = codes.reshape(2, -1)
    given, (row, column) = np.unique(_rank_order(values)[codes[:, (codes >= 0).all(axis=0)]], return_inverse=True)
    if len(given) > MAX_CATEGORIES:
        raise ValueError(f"{len(given)} different values: expected at most {MAX_CATEGORIES} categories")
    n = len(row)
    index = np.arange(len(given), dtype=np.float64)
    apart = np.abs(index[:, None] - index)
    cost = {"none": np.sign(apart), "linear": apart, "quadratic": apart**2}[weighting]
    chance = np.outer(np.bincount(row, minlength=len(given)), np.bincount(column, minlength=len(given)))
    expected = float((cost * chance).sum()) / max(n, 1)
    return Agreement(1.0 - float(cost[row, column].sum()) / expected if expected else float("nan"), n)


class _Judged(NamedTuple):
    """Pairable judgments: codes of unit and value, the distinct values that the codes stand for, and counts."""

    unit: Ints
    value: Ints
    values: list[Hashable]
    n_raters: int
    n_unpaired: int
    n_missing: int
    n_duplicates: int


class _Table(NamedTuple):
    """How often each unit got each value, as parallel arrays ordered by unit: only the combinations that occur."""

    unit: Ints
    value: Ints
    times: Ints
    size: Ints
    """Values of each unit, shape (n_units,)."""
    n_units: int

    @classmethod
    def of(cls, unit: Ints, value: Ints) -> "_Table":
        n_units = int(unit.max(initial=-1)) + 1
        n_values = int(value.max(initial=-1)) + 1
        cells, count = np.unique(unit * max(n_values, 1) + value, return_counts=True)
        size = np.bincount(unit, minlength=n_units)
        return cls(cells // max(n_values, 1), cells % max(n_values, 1), count.astype(np.int64), size, n_units)


def _pairable(units: Column, raters: Column, values: Column) -> _Judged:
    """Drop missing values, a rater's repetitions on a unit (the first counts), and units with one value."""
    if not len(units) == len(raters) == len(values):
        raise ValueError(f"{len(units)} units, {len(raters)} raters, {len(values)} values: expected as many of each")
    (unit, _), (rater, _), (value, distinct) = codes_of(units), codes_of(raters), codes_of(values)
    if (unit < 0).any() or (rater < 0).any():
        raise ValueError("a judgment without a unit or a rater: expected both for every value")
    known = np.flatnonzero(value >= 0)
    unit, rater = unit[known], rater[known]
    n_raters = int(rater.max(initial=-1)) + 1
    _, first = np.unique(unit * max(n_raters, 1) + rater, return_index=True)
    first = np.sort(first)
    unit, rater, value = unit[first], rater[first], value[known][first]
    paired = np.bincount(unit)[unit] > 1 if len(unit) else np.zeros(0, dtype=bool)
    _, dense_unit = np.unique(unit[paired], return_inverse=True)
    used, dense_value = np.unique(value[paired], return_inverse=True)
    return _Judged(
        dense_unit.astype(np.int64),
        dense_value.astype(np.int64),
        [distinct[code] for code in used],
        n_raters=len(np.unique(rater[paired])),
        n_unpaired=int(np.count_nonzero(~paired)),
        n_missing=len(values) - len(known),
        n_duplicates=len(known) - len(first),
    )


def _rank_order(values: list[Hashable]) -> Ints:
    """The position of each value when all are sorted: as numbers where they are numbers, else as text."""
    numeric = all(isinstance(value, int | float) for value in values)
    keys = values if numeric else [str(value) for value in values]
    order = np.argsort(np.array(keys), kind="stable")
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.arange(len(values))
    return ranks


def _levels(values: list[Hashable], metric: Metric) -> Floats:
    """The distinct values as numbers; for ``nominal`` they only differ, and their number stands for them."""
    if metric == "nominal":
        return np.arange(len(values), dtype=np.float64)
    wrong = [value for value in values if not isinstance(value, int | float) or not np.isfinite(value)]
    if metric == "ratio":
        wrong += [value for value in values if isinstance(value, int | float) and value < 0]
    if wrong:
        expected = "finite numbers of at least 0" if metric == "ratio" else "finite numbers"
        raise ValueError(f"value {wrong[0]!r} for the {metric} metric: expected {expected}")
    return np.array(values, dtype=np.float64)


def _alpha(table: _Table, measure: "_Measure", weights: Floats) -> float:
    """Alpha of the table with every unit taken ``weights`` times."""
    margins: Floats = np.bincount(table.value, weights[table.unit] * table.times).astype(np.float64)
    if np.count_nonzero(margins) < 2:
        return float("nan")
    within, total = measure.differences(margins)
    observed = float((weights * within / (table.size - 1)).sum())
    return 1.0 - (float(margins.sum()) - 1.0) * observed / total if total else float("nan")


class _Measure(ABC):
    """Sums of squared differences over ordered pairs of values: within each unit, and among all of them."""

    def __init__(self, table: _Table, levels: Floats) -> None:
        self.table = table
        self.levels = levels

    @abstractmethod
    def differences(self, margins: Floats) -> tuple[Floats, float]:
        """Shape (n_units,), and their counterpart over all pairs, given how often each value occurs."""


class _Nominal(_Measure):
    def differences(self, margins: Floats) -> tuple[Floats, float]:
        equal = np.bincount(self.table.unit, self.table.times.astype(np.float64) ** 2, minlength=self.table.n_units)
        return self.table.size.astype(np.float64) ** 2 - equal, float(margins.sum() ** 2 - (margins**2).sum())


class _Interval(_Measure):
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


class _Ratio(_Measure):
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


_MEASURES: dict[Metric, type[_Measure]] = {
    "nominal": _Nominal,
    "ordinal": _Ordinal,
    "interval": _Interval,
    "ratio": _Ratio,
}
