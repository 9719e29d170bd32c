"""From comparisons of a group's members to an order with ties: Copeland's rule and the knock-out."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Choice = Literal["a", "b", "tie"]
Pairing = tuple[int, int]


class Match(NamedTuple):
    """Members a and b met; who was better."""

    a: int
    b: int
    choice: Choice


class Knockout(NamedTuple):
    """A played knock-out.

    Attributes
    ----------
    tiers : tuple of int
        By member, from 1 (the winner) on: who went out in the same round shares a tier.
    matches : tuple of Match
        In the order of play.
    """

    tiers: tuple[int, ...]
    matches: tuple[Match, ...]


def copeland(n_members: int, matches: Iterable[Match]) -> Floats:
    """Each member's share of the points that it could have won: a win 1, a tie 1/2.

    ``score_i = (wins_i + ties_i / 2) / matches_i``. With every pair met once this orders as Copeland's rule does
    (A. H. Copeland 1951; ties at one half: Faliszewski et al. 2009, JAIR 35); dividing by the matches keeps members
    comparable where only some pairs were met.

    Returns
    -------
    ndarray of float64, shape (n_members,)
        In [0, 1]; NaN for a member that met nobody.

    Raises
    ------
    ValueError
        For a match of a member with itself or of one that is not there.
    """
    points, played = np.zeros(n_members), np.zeros(n_members)
    for a, b, choice in matches:
        if a == b or not (0 <= a < n_members and 0 <= b < n_members):
            raise ValueError(f"match of {a} and {b}: expected two different members of {n_members}")
        played[[a, b]] += 1
        points[[a, b]] += {"a": (1.0, 0.0), "b": (0.0, 1.0), "tie": (0.5, 0.5)}[choice]
    shares: Floats = np.divide(points, played, out=np.full(n_members, np.nan), where=played > 0)
    return shares


def tiers_of(scores: npt.ArrayLike) -> tuple[int, ...]:
    """Places from 1 (the highest score) on without gaps; equal scores share one. ValueError for NaN."""
    given = np.asarray(scores, dtype=np.float64)
    if np.isnan(given).any():
        raise ValueError("a member without a score has no place")
    _, place = np.unique(-given, return_inverse=True)
    return tuple(int(tier) + 1 for tier in place)


def knockout(order: Sequence[int], play: Callable[[list[Pairing]], list[Choice]]) -> Knockout:
    """A single-elimination tournament: neighbours meet, the loser is out, the winners meet in the next round.

    Parameters
    ----------
    order : sequence of int
        The members 0 .. n - 1 in the order in which they are drawn. Where a round has an odd number, the last one
        goes on without a match. After a tie the one drawn earlier goes on.
    play : callable
        Called once a round with its pairings; who was better in each.

    Returns
    -------
    Knockout
        n - 1 matches: the fewest that find a best one. Only the first tier is found by meeting; the others say how
        far a member came, which depends on the draw.

    Raises
    ------
    ValueError
        Where the order is no order of 0 .. n - 1.
    """
    if sorted(order) != list(range(len(order))):
        raise ValueError(f"order {list(order)}: expected each of 0 to {len(order) - 1} once")
    remaining, matches = list(order), []
    out_in: list[list[int]] = []
    while len(remaining) > 1:
        pairings = list(zip(remaining[::2], remaining[1::2], strict=False))
        played = [Match(a, b, choice) for (a, b), choice in zip(pairings, play(pairings), strict=True)]
        matches += played
        lost = [match.a if match.choice == "b" else match.b for match in played]
        out_in.append(lost)
        remaining = [member for member in remaining if member not in set(lost)]
    rounds = [remaining, *reversed(out_in)]
    tier_of = {member: tier for tier, members in enumerate(rounds, 1) for member in members}
    return Knockout(tuple(tier_of[member] for member in range(len(order))), tuple(matches))
