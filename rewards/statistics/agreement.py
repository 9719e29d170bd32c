"""How far raters agree: Krippendorff's alpha, percent agreement and Cohen's kappa.

Judgments come as three parallel columns, one row a judgment: unit (what was judged), rater, value. A value of None or
NaN is missing. Where a rater judged a unit more than once the first counts, and the rest are counted as duplicates.
"""

from collections.abc import Hashable, Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.statistics.columns import Column, check_lengths, codes_of, plain
from rewards.statistics.differences import MEASURES, Measure, Metric, Table, alpha_of
from rewards.statistics.proportions import normal_quantile, percentile_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
METRICS: tuple[Metric, ...] = ("nominal", "ordinal", "interval", "ratio")

MAX_CATEGORIES = 1_000


class Alpha(NamedTuple):
    """Krippendorff's alpha and what it rests on.

    Attributes
    ----------
    value : float
        1 for perfect agreement, 0 for what chance gives, below 0 for less. NaN where it is undefined: no unit with two
        values, or all values alike, so that there is no variation against which to agree.
    low, high : float
        Percentile bootstrap interval over units, or clusters of them; NaN where none was asked for, with fewer than
        two of these, or where alpha is undefined.
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


class Kappa(NamedTuple):
    """Cohen's kappa with a Wald interval; NaN where it is undefined."""

    value: float
    low: float
    high: float
    n_pairs: int


def krippendorff_alpha(
    units: Column,
    raters: Column,
    values: Column,
    *,
    metric: Metric = "nominal",
    clusters: Mapping[Hashable, Hashable] | None = None,
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
    clusters : mapping of unit to hashable, optional
        What units were judged with, such as the text whose steps they are: units of one cluster resemble each other, so
        that for the interval whole clusters are drawn. Without it every unit is one.
    replicates : int
        Bootstrap replicates for the interval; 0 for none. Units or clusters are drawn with replacement; replicates in
        which alpha is undefined are left out.
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
    ready = _Ready.of(units, raters, values, metric)
    value = ready.alpha(np.ones(ready.table.n_units))
    low = high = float("nan")
    cluster = ready.clusters(clusters)
    n_clusters = int(cluster.max(initial=-1)) + 1
    if replicates and n_clusters > 1 and not np.isnan(value):
        low, high = percentile_interval(ready.replicates(cluster, replicates, seed), confidence, n_drawn=n_clusters)
    return ready.told(value, low, high)


def percent_agreement(units: Column, raters: Column, values: Column) -> Agreement:
    """The share of equal pairs among all pairs of judgments of the same unit by different raters.

    Every pair weighs the same, so a unit with many raters weighs more. Chance is not taken off.
    """
    judged = _pairable(units, raters, values)
    table = Table.of(judged.unit, judged.value)
    n_pairs = int((table.size * (table.size - 1)).sum()) // 2
    equal = int((table.times * (table.times - 1)).sum()) // 2
    return Agreement(equal / n_pairs if n_pairs else float("nan"), n_pairs)


def cohen_kappa(
    first: Column,
    second: Column,
    *,
    weighting: Literal["none", "linear", "quadratic"] = "none",
    confidence: float = 0.95,
) -> Kappa:
    """Cohen's kappa of two raters, ``1 - observed disagreement / disagreement expected by chance``.

    Parameters
    ----------
    first, second : sequence, length N
        The two raters' values of the same N units; pairs in which either is None or NaN are left out.
    weighting : {"none", "linear", "quadratic"}
        What a disagreement costs: 1, the distance of the two categories, or its square. Categories are taken in the
        order of their values and as evenly spaced.
    confidence : float
        Of the interval, which is cut at 1. Its standard error holds for large N, whatever kappa is.

    Returns
    -------
    Kappa
        NaN where no pair is left, or where chance alone leaves no disagreement (both raters always give one value).

    Raises
    ------
    ValueError
        For columns of unequal length, or more than `MAX_CATEGORIES` different values.

    References
    ----------
    J. Cohen (1960), Educational and Psychological Measurement 20; weighted: J. Cohen (1968), Psychological Bulletin 70;
    the standard error: J. L. Fleiss, J. Cohen and B. S. Everitt (1969), Psychological Bulletin 72, eq. 8.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values: expected one of each rater for every unit")
    row, column, n_categories = _given_by_both(first, second)
    n = len(row)
    index = np.arange(n_categories, dtype=np.float64)
    apart = np.abs(index[:, None] - index)
    cost = {"none": np.sign(apart), "linear": apart, "quadratic": apart**2}[weighting]
    of_first, of_second = (np.bincount(side, minlength=n_categories) / max(n, 1) for side in (row, column))
    by_first, by_second = cost @ of_second, of_first @ cost
    expected = float(of_first @ by_first)
    if not expected:
        return Kappa(float("nan"), float("nan"), float("nan"), n)
    value = 1.0 - float(cost[row, column].mean()) / expected
    # One pair's share in kappa, but for what is the same for all pairs.
    pull = cost[row, column] - (1.0 - value) * (by_first[row] + by_second[column])
    wide = normal_quantile(confidence) * float(pull.std()) / (expected * np.sqrt(n))
    return Kappa(value, value - wide, min(value + wide, 1.0), n)


def _given_by_both(first: Column, second: Column) -> tuple[Ints, Ints, int]:
    """Codes of the pairs in which neither is missing, in the order of the values, and how many values there are."""
    codes, values = codes_of([*plain(first), *plain(second)])
    codes = codes.reshape(2, -1)
    given, (row, column) = np.unique(_rank_order(values)[codes[:, (codes >= 0).all(axis=0)]], return_inverse=True)
    if len(given) > MAX_CATEGORIES:
        raise ValueError(f"{len(given)} different values: expected at most {MAX_CATEGORIES} categories")
    return row, column, len(given)


class _Judged(NamedTuple):
    """Pairable judgments: codes of unit and value, what the codes stand for, and counts."""

    unit: Ints
    value: Ints
    units: list[Hashable]
    values: list[Hashable]
    n_raters: int
    n_unpaired: int
    n_missing: int
    n_duplicates: int


class _Ready(NamedTuple):
    """Judgments counted once, from which alpha follows for any weights of the units."""

    judged: _Judged
    table: Table
    measure: Measure

    @classmethod
    def of(cls, units: Column, raters: Column, values: Column, metric: Metric) -> "_Ready":
        if metric not in METRICS:
            raise ValueError(f"metric {metric!r}: expected one of {METRICS}")
        judged = _pairable(units, raters, values)
        table = Table.of(judged.unit, judged.value)
        return cls(judged, table, MEASURES[metric](table, _levels(judged.values, metric)))

    def alpha(self, weights: Floats) -> float:
        """Weights: how often each unit is taken, shape (n_units,)."""
        return alpha_of(self.table, self.measure, weights)

    def clusters(self, of: Mapping[Hashable, Hashable] | None) -> Ints:
        """The cluster of each unit, shape (n_units,), numbered from 0."""
        if of is None:
            return np.arange(self.table.n_units)
        return codes_of([of[unit] for unit in self.judged.units])[0]

    def replicates(self, cluster: Ints, n: int, seed: int) -> Floats:
        """Alpha of n draws of the clusters with replacement, shape (n,)."""
        generator, n_clusters = np.random.default_rng(seed), int(cluster.max()) + 1
        draws = (generator.integers(n_clusters, size=n_clusters) for _ in range(n))
        times = (np.bincount(drawn, minlength=n_clusters).astype(np.float64) for drawn in draws)
        return np.array([self.alpha(taken[cluster]) for taken in times])

    def told(self, value: float, low: float, high: float) -> Alpha:
        judged = self.judged
        return Alpha(
            value,
            low,
            high,
            n_units=self.table.n_units,
            n_raters=judged.n_raters,
            n_values=len(judged.unit),
            n_unpaired=judged.n_unpaired,
            n_missing=judged.n_missing,
            n_duplicates=judged.n_duplicates,
        )


def _pairable(units: Column, raters: Column, values: Column) -> _Judged:
    """Drop missing values, a rater's repetitions on a unit (the first counts), and units with one value."""
    check_lengths(units, raters, values)
    (unit, names), (rater, _), (value, distinct) = codes_of(units), codes_of(raters), codes_of(values)
    if (unit < 0).any() or (rater < 0).any():
        raise ValueError("a judgment without a unit or a rater: expected both for every value")
    known = np.flatnonzero(value >= 0)
    unit, rater = unit[known], rater[known]
    n_raters = int(rater.max(initial=-1)) + 1
    _, first = np.unique(unit * max(n_raters, 1) + rater, return_index=True)
    first = np.sort(first)
    unit, rater, value = unit[first], rater[first], value[known][first]
    paired = np.bincount(unit)[unit] > 1 if len(unit) else np.zeros(0, dtype=bool)
    kept, dense_unit = np.unique(unit[paired], return_inverse=True)
    used, dense_value = np.unique(value[paired], return_inverse=True)
    return _Judged(
        dense_unit.astype(np.int64),
        dense_value.astype(np.int64),
        [names[code] for code in kept],
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
