"""Who wins when options were compared in pairs: several notions of the winner, and where preferences run in circles.

Who is preferred to every other one wins by Copeland and by von Neumann as well, and not always by Borda. Where
preferences run in circles no ranking tells what people prefer. Survey of the notions: Bengs, Busa-Fekete, El
Mesaoudi-Paul and Huellermeier (2021), arXiv 1807.11398, section 3.1.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components

from rewards.statistics.proportions import normal_quantile

Floats = npt.NDArray[np.float64]


class Cycle(NamedTuple):
    """Options each of which is preferred to the next, and the last to the first."""

    members: tuple[int, ...]
    is_certain: bool
    """Whether each of these preferences is beyond chance."""


class Standings(NamedTuple):
    """K options as they were compared.

    Attributes
    ----------
    share : ndarray, shape (K, K)
        ``p_ij``: how often i was preferred to j, a tie as half; NaN for pairs that were not compared.
    borda : ndarray, shape (K,)
        Mean of ``p_ij`` over the options that i was compared with; NaN without any.
    copeland : ndarray, shape (K,)
        Share of these that i is preferred to more often than not, an even pair as half; NaN without any.
    von_neumann : ndarray, shape (K,)
        The mixture that no single option is preferred to.
    condorcet : int or None
        The option that is preferred to every other one.
    cycles : list of Cycle
        One for each group of options that reach each other, the shortest of it; none where preferences are transitive.
    """

    share: Floats
    borda: Floats
    copeland: Floats
    von_neumann: Floats
    condorcet: int | None
    cycles: list[Cycle]


def standings(wins: npt.ArrayLike, *, confidence: float = 0.95) -> Standings:
    """Winners by Borda, Copeland, Condorcet and von Neumann, and the cycles among the options.

    Parameters
    ----------
    wins : array_like, shape (K, K)
        ``wins[i, j]``: how often i was preferred to j; a tie counts as half for either.
    confidence : float
        Of "beyond chance": a score test of each pair's share against one half.

    Raises
    ------
    ValueError
        For wins that are no square matrix of finite numbers of 0 or more.

    Notes
    -----
    Pairs that were never compared say nothing: they are in no mean, no edge of a cycle, and even in the game whose
    equilibrium the von Neumann winner is (Dudik, Hofmann, Schapire, Slivkins and Zoghi, 2015, arXiv 1502.06362). The
    score test at ``2 sqrt(n) (p - 1/2) > z`` is the same as a Wilson interval that excludes one half.
    """
    given = np.asarray(wins, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not np.isfinite(given).all() or (given < 0).any():
        raise ValueError(f"wins of shape {given.shape}: expected a square matrix of finite numbers of 0 or more")
    met = given + given.T
    np.fill_diagonal(met, 0)
    known = met > 0
    share = np.divide(given, met, out=np.full_like(met, np.nan), where=known)
    edge = np.where(known, share - 0.5, 0.0)
    certain = 2 * np.sqrt(met) * edge > normal_quantile(confidence)
    n_met = known.sum(axis=1)
    beaten = ((edge > 0) + 0.5 * (known & (edge == 0))).sum(axis=1)
    every = np.flatnonzero((edge > 0).sum(axis=1) == len(given) - 1)
    return Standings(
        share,
        np.divide(np.nansum(share, axis=1), n_met, out=np.full(len(given), np.nan), where=n_met > 0),
        np.divide(beaten, n_met, out=np.full(len(given), np.nan), where=n_met > 0),
        _equilibrium(edge),
        int(every[0]) if len(every) and len(given) > 1 else None,
        _cycles(edge > 0, certain),
    )


def _equilibrium(edge: Floats) -> Floats:
    """The mixture q with the largest ``min_j sum_i q_i edge_ij``, whose value is 0, by linear programming."""
    n = len(edge)
    if not n:
        return np.zeros(0)
    found = linprog(
        np.r_[np.zeros(n), -1.0],
        A_ub=np.c_[-edge.T, np.ones(n)],
        b_ub=np.zeros(n),
        A_eq=np.r_[np.ones(n), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, 1)] * n + [(None, None)],
    )
    mixture: Floats = np.clip(found.x[:n], 0.0, None)
    mixture /= mixture.sum()
    return mixture


def _cycles(beats: npt.NDArray[np.bool_], certain: npt.NDArray[np.bool_]) -> list[Cycle]:
    n_groups, group = connected_components(beats, directed=True, connection="strong")
    found = []
    for one in range(n_groups):
        members = np.flatnonzero(group == one)
        if len(members) > 1:
            found.append(_shortest(members, beats, certain))
    return sorted(found, key=lambda cycle: cycle.members)


def _shortest(members: npt.NDArray[np.intp], beats: npt.NDArray[np.bool_], certain: npt.NDArray[np.bool_]) -> Cycle:
    """Of the cycles of a group: one of certain preferences where there is one, the shortest, from its lowest member."""
    for edges, is_certain in ((certain, True), (beats, False)):
        loops = [loop for start in members if (loop := _loop(int(start), members, edges)) is not None]
        if loops:
            best = min(loops, key=lambda loop: (len(loop), loop))
            return Cycle(best, is_certain)
    raise AssertionError("a strongly connected group has a cycle")


def _loop(start: int, members: npt.NDArray[np.intp], edges: npt.NDArray[np.bool_]) -> tuple[int, ...] | None:
    """The shortest way along the edges from `start` back to it, breadth first."""
    before: dict[int, int] = {}
    waiting = deque([start])
    while waiting:
        at = waiting.popleft()
        for after in members[edges[at, members]]:
            if after == start:
                path = [at]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return tuple(reversed(path))
            if int(after) not in before:
                before[int(after)] = at
                waiting.append(int(after))
    return None
