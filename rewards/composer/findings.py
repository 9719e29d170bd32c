"""What a computed recipe says about the outputs: spread, groups, changes of rank, length, people, hacking. Pure.

Every function takes one number an output, NaN for unscored, and counts what it leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.advantages.filters import measure_groups
from rewards.advantages.groups import Groups as Members
from rewards.shaping.rows import Floats, Ints, Rows
from rewards.statistics.correlation import Correlation, cluster_bootstrap_spearman
from rewards.statistics.preferences import Preference, PreferenceAccuracy, preference_accuracy

BINS: Final = 24
MAX_GROUPS: Final = 8
MAX_MOVES: Final = 10
MAX_SUSPECTS: Final = 10
SUSPECT_SHARE: Final = 0.75
"""Outputs from this quantile of the dense sum on have a high one."""

_REPLICATES: Final = 500


class Distribution(NamedTuple):
    """One number an output, in bins of equal width.

    Attributes
    ----------
    counts : tuple of int
    edges : tuple of float
        One more than counts.
    mean, deviation, low, first, median, third, high : float
        Over the scored; NaN where none is. The deviation is that of the population.
    """

    counts: tuple[int, ...]
    edges: tuple[float, ...]
    n_scored: int
    n_total: int
    mean: float
    deviation: float
    low: float
    first: float
    median: float
    third: float
    high: float


def distribution(values: Floats) -> Distribution:
    """Counts and quartiles; all scored values equal are one bin."""
    scored = values[~np.isnan(values)]
    if not len(scored):
        return Distribution((), (), 0, len(values), *(float("nan"),) * 7)
    low, first, median, third, high = np.quantile(scored, [0, 0.25, 0.5, 0.75, 1]).tolist()
    n_bins = BINS if high > low else 1
    counts, edges = np.histogram(scored, n_bins, (low, high) if high > low else (low - 0.5, low + 0.5))
    return Distribution(
        tuple(counts.tolist()),
        tuple(edges.tolist()),
        len(scored),
        len(values),
        float(scored.mean()),
        float(scored.std()),
        low,
        first,
        median,
        third,
        high,
    )


class Group(NamedTuple):
    """The outputs of one task.

    Attributes
    ----------
    group : int
    members : tuple of int
        Places of the outputs, the highest reward first; unscored ones last.
    deviation : float
        Of the population; NaN where none is scored.
    state : {"", "alone", "equal", "unscored"}
        Why the group gives no gradient: one scored member, equal rewards, none scored; empty where it gives one.
    """

    group: int
    members: tuple[int, ...]
    n_scored: int
    mean: float
    deviation: float
    state: str


class Groups(NamedTuple):
    """All groups: those shown, and how many of all give no gradient."""

    shown: list[Group]
    n_groups: int
    n_alone: int
    n_equal: int
    n_unscored: int

    @property
    def n_without_gradient(self) -> int:
        return self.n_alone + self.n_equal + self.n_unscored


def group_findings(values: Floats, groups: Ints) -> Groups:
    """Which groups have rewards that differ: equal ones, and a lone one, give every member the advantage 0.

    Two rewards count as equal where they differ by less than 1e-9 of the greatest magnitude in the group.

    The share of groups without a spread is what DAPO (arXiv 2503.14476, section 3.2) filters by sampling anew.
    """
    members, meter = Members(values, groups), measure_groups(Rows.scalars(values), groups)
    n_groups = members.n_groups
    states = np.where(
        members.n_scored == 0,
        "unscored",
        np.where(members.n_scored == 1, "alone", np.where(members.is_constant, "equal", "")),
    )
    order = np.lexsort((-np.nan_to_num(values, nan=-np.inf), groups))
    starts = np.searchsorted(groups[order], np.arange(n_groups + 1))
    # Those without a gradient come first: they are what to look at.
    wanted = np.argsort(states == "", kind="stable")[:MAX_GROUPS]
    half = MAX_GROUPS // 2
    without = [int(group) for group in wanted if states[group]][:half]
    others = [int(group) for group in np.flatnonzero(states == "")[: MAX_GROUPS - len(without)]]
    return Groups(
        [
            _group(group, order[starts[group] : starts[group + 1]], values, str(states[group]))
            for group in sorted(without + others)
        ],
        n_groups,
        meter.n_alone,
        meter.n_equal,
        meter.n_unscored,
    )


def _group(group: int, members: npt.NDArray[np.intp], values: Floats, state: str) -> Group:
    scored = values[members][~np.isnan(values[members])]
    mean, deviation = (float(scored.mean()), float(scored.std())) if len(scored) else (float("nan"),) * 2
    return Group(group, tuple(members.tolist()), len(scored), mean, deviation, state)


def centred(values: Floats, groups: Ints) -> Floats:
    """Each value's difference from the mean of its group's scored values: shape (n,), NaN where unscored."""
    scored = ~np.isnan(values)
    n_groups = int(groups.max(initial=-1)) + 1
    total = np.bincount(groups, np.where(scored, values, 0.0), minlength=n_groups)
    count = np.bincount(groups, scored, minlength=n_groups)
    return values - (total / np.maximum(count, 1))[groups]


class Move(NamedTuple):
    """An output whose place within its task changed; places from 1, the highest reward first."""

    output: int
    old: int
    new: int
    n_members: int


class RankChanges(NamedTuple):
    """Places within tasks under two rewards.

    Attributes
    ----------
    moves : list of Move
        The greatest ones.
    n_moved, n_ranked : int
        Outputs whose place differs, of those that both rewards score.
    n_flipped, n_pairs : int
        Pairs of one task in another order, of those that either reward tells apart.
    correlation : Correlation
        Spearman's over all outputs.
    """

    moves: list[Move]
    n_moved: int
    n_ranked: int
    n_flipped: int
    n_pairs: int
    correlation: Correlation


def rank_changes(old: Floats, new: Floats, groups: Ints) -> RankChanges:
    """What another reward does to the order within each task, over the outputs that both score."""
    both = ~(np.isnan(old) | np.isnan(new))
    old_places, new_places = (places_within(np.where(both, values, np.nan), groups) for values in (old, new))
    change = np.where(both, np.abs(new_places - old_places), 0)
    first, second = _pairs_within(groups, both)
    before, after = np.sign(old[first] - old[second]), np.sign(new[first] - new[second])
    told_apart = (before != 0) | (after != 0)
    sizes = np.bincount(groups[both], minlength=int(groups.max(initial=-1)) + 1)
    greatest = [int(row) for row in np.argsort(-change, kind="stable")[:MAX_MOVES] if change[row] > 0]
    return RankChanges(
        [Move(row, int(old_places[row]), int(new_places[row]), int(sizes[groups[row]])) for row in greatest],
        int((change > 0).sum()),
        int(both.sum()),
        int((told_apart & (before != after)).sum()),
        int(told_apart.sum()),
        cluster_bootstrap_spearman(old, new, groups.tolist(), replicates=_REPLICATES),
    )


def places_within(values: Floats, groups: Ints) -> Floats:
    """Places from 1 within each group, the highest value first; ties share the best of theirs; NaN where unscored."""
    places = np.full(len(values), np.nan)
    rows = np.flatnonzero(~np.isnan(values))
    if not len(rows):
        return places
    order = rows[np.lexsort((-values[rows], groups[rows]))]
    group, value = groups[order], values[order]
    starts_group = np.concatenate([[True], group[1:] != group[:-1]])
    starts_tie = starts_group | np.concatenate([[True], value[1:] != value[:-1]])
    index = np.arange(len(order))
    first_of_group = np.maximum.accumulate(np.where(starts_group, index, 0))
    first_of_tie = np.maximum.accumulate(np.where(starts_tie, index, 0))
    places[order] = first_of_tie - first_of_group + 1
    return places


def _pairs_within(groups: Ints, chosen: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """All pairs of chosen rows of one group."""
    rows = np.flatnonzero(chosen)
    order = rows[np.argsort(groups[rows], kind="stable")]
    later = np.searchsorted(groups[order], groups[order], side="right") - np.arange(len(order)) - 1
    first = np.repeat(np.arange(len(order)), later)
    within = np.arange(len(first)) - np.repeat(np.cumsum(later) - later, later)
    return order[first], order[first + 1 + within]


class LengthLink(NamedTuple):
    """How far a reward follows length: over all outputs, and within tasks, where a group's advantages see it."""

    overall: Correlation
    within: Correlation


def length_link(values: Floats, lengths: Floats, groups: Ints) -> LengthLink:
    """Spearman's rho of reward and length; within tasks both are taken as differences from the task's mean.

    A reward that follows length is the oldest way to be gamed (Singhal et al. 2023, arXiv 2310.03716).
    """
    known = ~np.isnan(values)
    return LengthLink(
        cluster_bootstrap_spearman(values, lengths, groups.tolist(), replicates=_REPLICATES),
        cluster_bootstrap_spearman(
            _settled(centred(values, groups)),
            _settled(centred(np.where(known, lengths, np.nan), groups)),
            groups.tolist(),
            replicates=_REPLICATES,
        ),
    )


def _settled(values: Floats) -> Floats:
    """Rounding must not tell apart what is equal: differences from a mean carry its last digits."""
    known = values[~np.isnan(values)]
    scale = float(np.abs(known).max(initial=0.0)) or 1.0
    return np.round(values / scale, 9)


class HumanLink(NamedTuple):
    """How far a reward agrees with people."""

    ratings: Correlation
    preferences: PreferenceAccuracy
    won: Correlation


def human_link(
    values: Floats, ratings: Floats, preferences: Sequence[Preference], won: Floats, groups: Ints
) -> HumanLink:
    """Spearman's rho with people's mean ratings and with the share of comparisons won, and the share of people's
    preferences in the same order.

    Pairs need a number for both outputs; the share of comparisons won needs one for each output alone, so it also
    speaks of a reward that one output of each task has.

    Parameters
    ----------
    ratings : ndarray, shape (n,)
        NaN where nobody rated the output.
    preferences : sequence of Preference
        Of outputs by their place.
    won : ndarray, shape (n,)
        NaN where an output was in no comparison.
    """
    scores = {place: float(value) for place, value in enumerate(values) if not np.isnan(value)}
    return HumanLink(
        cluster_bootstrap_spearman(values, ratings, groups.tolist(), replicates=_REPLICATES),
        preference_accuracy(scores, preferences, replicates=_REPLICATES),  # type: ignore[arg-type]
        cluster_bootstrap_spearman(values, won, groups.tolist(), replicates=_REPLICATES),
    )


class Suspect(NamedTuple):
    """An output with a high dense sum whose outcome failed."""

    output: int
    dense: float
    outcome: float


class Suspicion(NamedTuple):
    """Outputs that may have found a way around the outcome.

    Attributes
    ----------
    threshold : float
        The dense sum from which on it is high; NaN where nothing is scored.
    n_failed, n_judged : int
        Outputs whose outcome failed, of those with an outcome and a dense sum.
    """

    suspects: list[Suspect]
    n_suspects: int
    threshold: float
    n_failed: int
    n_judged: int


def suspicion(dense: Floats, outcome: Floats, passes_from: float) -> Suspicion:
    """A high dense sum (of the upper quarter) with a failed outcome (below `passes_from`), the highest sums first.

    A process reward that is collected without solving the task is the hacking that PURE is about (arXiv 2504.15275).
    """
    judged = ~(np.isnan(dense) | np.isnan(outcome))
    failed = judged & (outcome < passes_from)
    if not judged.any():
        return Suspicion([], 0, float("nan"), 0, 0)
    threshold = float(np.quantile(dense[judged], SUSPECT_SHARE))
    suspected = np.flatnonzero(failed & (dense >= threshold) & (dense > dense[judged].min()))
    order = suspected[np.argsort(-dense[suspected], kind="stable")]
    return Suspicion(
        [Suspect(int(row), float(dense[row]), float(outcome[row])) for row in order[:MAX_SUSPECTS]],
        len(order),
        threshold,
        int(failed.sum()),
        int(judged.sum()),
    )
