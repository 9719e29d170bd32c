"""Tail accuracy: whether a rubric orders the best outputs as people do.

Chasing the Tail (Zhang et al. 2025) shows that over-optimisation follows from errors at the high end of a reward, so
the pairs that count are those among the best outputs. "Best" is taken from people, never from the rubric itself: the
outputs measured are then the same before and after a refinement. Fidelity: reconstructed; the paper states no quantile.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

FEWEST_OUTPUTS = 2


class HumanPair(NamedTuple):
    """Two outputs and who wins: votes for the first, for the second, and for neither."""

    first: str
    second: str
    wins: float
    losses: float
    ties: float = 0.0

    @property
    def is_decided(self) -> bool:
        return self.wins != self.losses


class Accuracy(NamedTuple):
    """Pairs that people decided, by what the scores say of them. ``value`` is None without a scored pair.

    Attributes
    ----------
    outputs : int
        Outputs among which the pairs are.
    right, wrong, equal, unscored : int
        An equal score counts as half right; a pair with an unscored output is left out and counted.
    """

    outputs: int
    right: int
    wrong: int
    equal: int
    unscored: int

    @property
    def n(self) -> int:
        return self.right + self.wrong + self.equal

    @property
    def value(self) -> float | None:
        return (self.right + self.equal / 2) / self.n if self.n else None


def standing(pairs: Sequence[HumanPair]) -> dict[str, float]:
    """By output, the share of its pairs that it wins with people, an undecided one counted as half."""
    points: dict[str, float] = defaultdict(float)
    games: dict[str, int] = defaultdict(int)
    for pair in pairs:
        won = 0.5 if not pair.is_decided else float(pair.wins > pair.losses)
        for output, gained in ((pair.first, won), (pair.second, 1 - won)):
            points[output] += gained
            games[output] += 1
    return {output: points[output] / games[output] for output in games}


def tail(pairs: Sequence[HumanPair], share: float) -> frozenset[str]:
    """The best `share` of the outputs by what people think of them, at least two; outputs tied with the last too."""
    ranked = sorted(standing(pairs).items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) < FEWEST_OUTPUTS:
        return frozenset()
    last = ranked[max(FEWEST_OUTPUTS, math.ceil(share * len(ranked))) - 1][1]
    return frozenset(output for output, value in ranked if value >= last)


def pairwise_accuracy(
    scores: Mapping[str, float | None], pairs: Sequence[HumanPair], among: frozenset[str] | None = None
) -> Accuracy:
    """How the scores order the decided pairs, all of them or those within `among`."""
    counts = dict.fromkeys(("right", "wrong", "equal", "unscored"), 0)
    within = [pair for pair in pairs if among is None or {pair.first, pair.second} <= among]
    for pair in within:
        if not pair.is_decided:
            continue
        better, worse = (pair.first, pair.second) if pair.wins > pair.losses else (pair.second, pair.first)
        high, low = scores.get(better), scores.get(worse)
        if high is None or low is None:
            counts["unscored"] += 1
        else:
            counts["equal" if high == low else "right" if high > low else "wrong"] += 1
    return Accuracy(len({output for pair in within for output in (pair.first, pair.second)}), **counts)
