"""How far observers agree on where units of a text begin and end: Krippendorff's unitising alpha.

Spans have no cells to compare one by one: two people may mark the same error with different borders, one of them may
have seen it as two, or not at all. Alpha compares the sections into which each observer cut a continuum.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.statistics.proportions import percentile_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Unit(NamedTuple):
    """What one observer marked: from `begin` up to `end`, in characters of the continuum, as one category."""

    continuum: Hashable
    observer: Hashable
    category: str
    begin: int
    end: int


class CategoryAlpha(NamedTuple):
    """Alpha of one category, and disagreements summed over pairs of observers, in squared characters."""

    value: float
    low: float
    high: float
    observed: float
    expected: float
    n_units: int


class UnitisingAlpha(NamedTuple):
    """Unitising alpha and what it rests on.

    Attributes
    ----------
    value : float
        ``1 - observed / expected`` over all categories: 1 for the same units, 0 for what chance gives. NaN where
        nothing was marked on a continuum that two observers looked at.
    low, high : float
        Percentile bootstrap interval over continua; NaN where none was asked for, or with fewer than two.
    by_category : dict of str to CategoryAlpha
    n_continua, n_observers, n_units : int
        Those with at least two observers, who they are, and their units.
    n_unpaired : int
        Continua at which one observer looked alone.
    """

    value: float
    low: float
    high: float
    by_category: dict[str, CategoryAlpha]
    n_continua: int
    n_observers: int
    n_units: int
    n_unpaired: int


def unitising_alpha(
    units: Iterable[Unit],
    *,
    lengths: Mapping[Hashable, int],
    observers: Mapping[Hashable, Collection[Hashable]],
    replicates: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
) -> UnitisingAlpha:
    """Krippendorff's alpha for unitising, of any number of observers and continua.

    A continuum is cut by each observer into units of a category and the gaps between them. Two units that overlap
    differ by ``(b_g - b_h)^2 + (e_g - e_h)^2``, a unit within the other's gap by its squared length. With m observers,
    L characters, N units of lengths l and all observers' gaps of lengths q,
    ``D_o = sum over ordered pairs of observers / (m (m - 1) L^2)`` and
    ``D_e = (2 / L) sum_units [(N - 1) (2 l^3 - 3 l^2 + l) / 3 + l^2 sum_gaps max(0, q - l + 1)]
    / (m L (m L - 1) - sum_units l (l - 1))``; ``alpha = 1 - sum_c D_o / sum_c D_e`` over categories c.

    Parameters
    ----------
    units : iterable of Unit
        Units of one observer and category that overlap count as their union: the measure knows no overlaps within one.
    lengths : mapping of continuum to int
        In characters.
    observers : mapping of continuum to collection of observers
        Who looked at it, also without marking anything: that is one gap from end to end.
    replicates : int
        Of the bootstrap for the interval; 0 for none.
    confidence : float
    seed : int

    Returns
    -------
    UnitisingAlpha

    Raises
    ------
    ValueError
        For a unit that is empty or outside its continuum, of an unknown continuum, or by who did not look at it.

    Notes
    -----
    Continua with the same observers count as one that is cut where they end. Groups with different observers are
    summed over their pairs of observers, ``m (m - 1) L^2 D``, so that a pair weighs by the text that it shares. Exact,
    O(n log n) in units and gaps.

    References
    ----------
    K. Krippendorff, "Measuring the reliability of qualitative text analysis data", Quality & Quantity 38 (2004), and
    Content Analysis, 2nd ed. (2004), section 11.6, whose worked example is a test here.
    """
    paired = [continuum for continuum in lengths if len(set(observers.get(continuum, ()))) > 1]
    groups = _groups(paired, observers)
    categories = {
        category: [_Group.of(group, looking, lengths, found) for looking, group in groups.items()]
        for category, found in sorted(_by_category(units, lengths, observers).items())
    }
    drawn = _replicates(categories, groups, replicates if len(paired) > 1 else 0, seed)
    rows = {
        category: _category_row(parts, drawn[:, place], confidence, len(paired))
        for place, (category, parts) in enumerate(categories.items())
    }
    return UnitisingAlpha(
        _ratio((row.observed, row.expected) for row in rows.values()),
        *percentile_interval(_ratios(drawn.sum(axis=1)), confidence, n_drawn=len(paired)),
        {category: row for category, row in rows.items() if row.n_units},
        n_continua=len(paired),
        n_observers=len({who for continuum in paired for who in observers[continuum]}),
        n_units=sum(row.n_units for row in rows.values()),
        n_unpaired=sum(len(set(observers.get(continuum, ()))) == 1 for continuum in lengths),
    )


_Marks = dict[tuple[Hashable, Hashable], list[tuple[int, int]]]
"""Disjoint, ordered units by (continuum, observer)."""


def _by_category(
    units: Iterable[Unit], lengths: Mapping[Hashable, int], observers: Mapping[Hashable, Collection[Hashable]]
) -> dict[str, _Marks]:
    found: dict[str, _Marks] = defaultdict(lambda: defaultdict(list))
    for unit in units:
        if unit.continuum not in lengths:
            raise ValueError(f"{unit}: expected a continuum with a length")
        if not 0 <= unit.begin < unit.end <= lengths[unit.continuum]:
            raise ValueError(f"{unit}: expected 0 <= begin < end <= {lengths[unit.continuum]}")
        if unit.observer not in observers.get(unit.continuum, ()):
            raise ValueError(f"{unit}: expected its observer among those who looked at the continuum")
        found[unit.category][unit.continuum, unit.observer].append((unit.begin, unit.end))
    return {
        category: {key: _union(rows) for key, rows in of_category.items()} for category, of_category in found.items()
    }


def _union(rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping units as one; units that only touch stay apart."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(rows):
        if joined and begin < joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined


def _groups(
    paired: Iterable[Hashable], observers: Mapping[Hashable, Collection[Hashable]]
) -> dict[frozenset[Hashable], list[Hashable]]:
    groups: dict[frozenset[Hashable], list[Hashable]] = defaultdict(list)
    for continuum in paired:
        groups[frozenset(observers[continuum])].append(continuum)
    return groups


class _Group(NamedTuple):
    """One category on the continua that the same m observers looked at; arrays name continua by their place here."""

    m: int
    length: Floats
    observed: Floats
    """Sum of squared differences over ordered pairs of observers, by continuum."""
    unit_of: Ints
    unit: Floats
    """Lengths of all units, with the continuum of each in `unit_of`."""
    gap_of: Ints
    gap: Floats
    """Lengths of all gaps, longest first."""

    @property
    def n(self) -> int:
        return len(self.length)

    @classmethod
    def of(
        cls,
        continua: list[Hashable],
        looking: frozenset[Hashable],
        lengths: Mapping[Hashable, int],
        marks: _Marks,
    ) -> "_Group":
        observed = np.zeros(len(continua))
        units: list[tuple[int, int]] = []
        gaps: list[tuple[int, int]] = []
        for place, continuum in enumerate(continua):
            rows = [marks.get((continuum, who), []) for who in looking]
            observed[place] = 2 * sum(
                _difference(rows[one], rows[other]) for other in range(len(rows)) for one in range(other)
            )
            units += [(place, end - begin) for row in rows for begin, end in row]
            gaps += [(place, size) for row in rows for size in _gap_sizes(row, lengths[continuum])]
        gaps.sort(key=lambda row: -row[1])
        unit, gap = (np.array(rows, dtype=np.int64).reshape(-1, 2) for rows in (units, gaps))
        size = np.array([lengths[continuum] for continuum in continua], dtype=np.float64)
        return cls(
            len(looking),
            size,
            observed,
            unit[:, 0],
            unit[:, 1].astype(np.float64),
            gap[:, 0],
            gap[:, 1].astype(np.float64),
        )

    def expected(self, weights: Floats) -> float:
        """``m (m - 1) L^2 D_e`` with continuum c taken ``weights[c]`` times."""
        times, total = weights[self.unit_of], float(weights @ self.length)
        n_units = times.sum()
        if not n_units:
            return 0.0
        taken = weights[self.gap_of]
        n_gaps, in_gaps = (np.concatenate([[0.0], np.cumsum(values)]) for values in (taken, taken * self.gap))
        longer = np.searchsorted(-self.gap, -self.unit, side="right")
        room = in_gaps[longer] - n_gaps[longer] * (self.unit - 1)
        each = (n_units - 1) / 3 * (2 * self.unit**3 - 3 * self.unit**2 + self.unit) + self.unit**2 * room
        places = self.m * total
        pairs = places * (places - 1) - float(times @ (self.unit * (self.unit - 1)))
        # One character each, all of it marked: there is nowhere else to put a unit.
        return self.m * (self.m - 1) * total * 2.0 * float(times @ each) / pairs if pairs else 0.0


def _difference(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> float:
    """Squared differences between two observers' sections of one continuum."""
    if not one or not other:
        return float(sum((end - begin) ** 2 for begin, end in [*one, *other]))
    a, b = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    first = np.searchsorted(b[:, 1], a[:, 0], side="right")
    last = np.searchsorted(b[:, 0], a[:, 1], side="left")
    meets = last - first
    left = np.repeat(np.arange(len(a)), meets)
    right = np.arange(len(left)) - np.repeat(np.cumsum(meets) - meets, meets) + np.repeat(first, meets)
    met = np.zeros(len(b), dtype=bool)
    met[right] = True
    apart = ((a[left] - b[right]) ** 2).sum()
    alone = np.concatenate([a[meets == 0], b[~met]])
    return float(apart + ((alone[:, 1] - alone[:, 0]) ** 2).sum())


def _gap_sizes(row: list[tuple[int, int]], length: int) -> list[int]:
    edges = [0, *(edge for unit in row for edge in unit), length]
    return [end - begin for begin, end in zip(edges[::2], edges[1::2], strict=True) if end > begin]


def _count(parts: list[_Group]) -> int:
    return sum(len(part.unit) for part in parts)


def _category_row(parts: list[_Group], drawn: Floats, confidence: float, n_drawn: int) -> CategoryAlpha:
    """One category by itself; `drawn` has its two sums in each replicate."""
    observed, expected = _sums(parts, [np.ones(part.n) for part in parts])
    low, high = percentile_interval(_ratios(drawn), confidence, n_drawn=n_drawn)
    return CategoryAlpha(_ratio([(observed, expected)]), low, high, observed, expected, _count(parts))


def _sums(parts: list[_Group], weights: list[Floats]) -> tuple[float, float]:
    """Observed and expected disagreement of one category over all groups."""
    observed = sum(float(taken @ part.observed) for part, taken in zip(parts, weights, strict=True))
    return observed, sum(part.expected(taken) for part, taken in zip(parts, weights, strict=True))


def _ratio(sums: Iterable[tuple[float, float]]) -> float:
    observed, expected = (sum(column) for column in zip((0.0, 0.0), *sums, strict=True))
    return 1.0 - observed / expected if expected else float("nan")


def _ratios(sums: Floats) -> Floats:
    """Alpha of each replicate from observed and expected disagreement, shape (n, 2); NaN where there is none."""
    observed, expected = sums[:, 0], sums[:, 1]
    shares: Floats = np.divide(observed, expected, out=np.full(len(sums), np.nan), where=expected > 0)
    return 1.0 - shares


def _replicates(
    categories: Mapping[str, list[_Group]],
    groups: Mapping[frozenset[Hashable], list[Hashable]],
    n: int,
    seed: int,
) -> Floats:
    """Sums of each category in draws of continua with replacement over all groups, shape (n, n_categories, 2)."""
    generator = np.random.default_rng(seed)
    ends = np.cumsum([len(group) for group in groups.values()])
    drawn = np.empty((n, len(categories), 2))
    for index in range(n):
        picks = np.bincount(generator.integers(ends[-1], size=ends[-1]), minlength=ends[-1]).astype(np.float64)
        weights = np.split(picks, ends[:-1])
        for place, parts in enumerate(categories.values()):
            drawn[index, place] = _sums(parts, weights)
    return drawn
