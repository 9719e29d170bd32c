"""Agreement of answers that have no common scale, by how alike any two are: picks, edits, words of one's own."""

from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from rewards.statistics.agreement import Alpha
from rewards.statistics.jackknife import grouped_jackknife
from rewards.statistics.proportions import Estimate, cluster_bootstrap_mean

Floats = npt.NDArray[np.float64]
T = TypeVar("T")

MAX_TEXTS = 300
"""Texts that `distance_alpha` compares each with each; of more, so many of evenly spaced units."""


class Given(NamedTuple, Generic[T]):
    """One rater's answer to a unit, whatever it is."""

    unit: Hashable
    rater: Hashable
    value: T


def pair_agreement(
    answers: Sequence[Given[T]],
    likeness: Callable[[T, T], float],
    *,
    clusters: Callable[[Hashable], Hashable] = lambda unit: unit,
    replicates: int = 1_000,
    seed: int = 0,
) -> Estimate:
    """Mean likeness over all pairs of raters of the same unit, with a bootstrap over clusters of units.

    Parameters
    ----------
    answers : sequence of Given
        Of two answers of a rater to a unit the first counts.
    likeness : callable
        Of two values; NaN where the two cannot be compared, which leaves the pair out.
    clusters : callable
        What a unit was judged with.
    replicates, seed : int

    Returns
    -------
    Estimate
        `n` counts pairs. Chance is not taken off.
    """
    alike: list[float] = []
    of: list[Hashable] = []
    for unit, values in _by_unit(answers).items():
        found = [likeness(one, other) for one, other in combinations(values.values(), 2)]
        known = [value for value in found if value == value]
        alike += known
        of += [clusters(unit)] * len(known)
    return cluster_bootstrap_mean(alike, of, replicates=replicates, seed=seed)


def distance_alpha(
    answers: Sequence[Given[T]],
    distance: Callable[[T, T], float],
    *,
    clusters: Callable[[Hashable], Hashable] = lambda unit: unit,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alpha:
    """Krippendorff's alpha of values of which no more is known than how far any two of them are apart.

    With n values, m_u of them on unit u, and distances d,
    ``alpha = 1 - (n - 1) sum_u [sum of d over ordered pairs in u / (m_u - 1)] / sum of d over all ordered pairs``:
    two answers to one unit against any two answers, so that what people write about everything counts as chance.

    Parameters
    ----------
    answers : sequence of Given
        Of two answers of a rater to a unit the first counts.
    distance : callable
        At least 0, 0 for equal values, and symmetric; O(n^2) calls.
    clusters : callable
        What a unit was judged with.
    confidence, seed
        Of the interval, a jackknife over clusters: a bootstrap would set copies of a unit against each other, which are
        not apart at all.

    Returns
    -------
    Alpha
        Of more than `MAX_TEXTS` values only those of evenly spaced units are compared: `n_units` and `n_values` say of
        how many.

    References
    ----------
    K. Krippendorff, Computing Krippendorff's alpha-reliability (2011), section C, for any metric difference.
    """
    by_unit = _by_unit(answers)
    paired = _spaced([(unit, values) for unit, values in by_unit.items() if len(values) > 1])
    values = [value for _, given in paired for value in given.values()]
    unit_of = np.repeat(np.arange(len(paired)), [len(given) for _, given in paired])
    apart = _distances(values, distance)
    cluster_of = [clusters(unit) for unit, _ in paired]

    def of_clusters(kept: frozenset[Hashable]) -> float:
        is_kept = np.array([cluster in kept for cluster in cluster_of], dtype=bool)[unit_of]
        return _alpha(apart[np.ix_(is_kept, is_kept)], unit_of[is_kept])

    found = grouped_jackknife(cluster_of, of_clusters, confidence=confidence, seed=seed)
    return Alpha(
        found.value,
        found.low,
        found.high,
        n_units=len(paired),
        n_raters=len({rater for _, given in paired for rater in given}),
        n_values=len(values),
        n_unpaired=sum(len(given) == 1 for given in by_unit.values()),
        n_missing=0,
        n_duplicates=len(answers) - sum(map(len, by_unit.values())),
    )


def _by_unit(answers: Sequence[Given[T]]) -> dict[Hashable, dict[Hashable, T]]:
    found: dict[Hashable, dict[Hashable, T]] = {}
    for unit, rater, value in answers:
        found.setdefault(unit, {}).setdefault(rater, value)
    return found


def _spaced(units: list[tuple[Hashable, dict[Hashable, T]]]) -> list[tuple[Hashable, dict[Hashable, T]]]:
    """So many units, evenly spaced, that they have at most `MAX_TEXTS` values."""
    n = sum(len(values) for _, values in units)
    keep = len(units) * MAX_TEXTS // n if n > MAX_TEXTS else len(units)
    return [units[place * len(units) // keep] for place in range(keep)] if keep else units[:1]


def _distances(values: Sequence[T], distance: Callable[[T, T], float]) -> Floats:
    apart = np.zeros((len(values), len(values)))
    for one, other in combinations(range(len(values)), 2):
        apart[one, other] = apart[other, one] = distance(values[one], values[other])
    return apart


def _alpha(apart: Floats, unit_of: npt.NDArray[np.int64]) -> float:
    size = np.bincount(unit_of)[unit_of] if len(unit_of) else unit_of
    within = np.where(unit_of[:, None] == unit_of, apart, 0.0).sum(axis=1)
    total = float(apart.sum())
    return 1.0 - (len(unit_of) - 1) * float((within / (size - 1)).sum()) / total if total else float("nan")
