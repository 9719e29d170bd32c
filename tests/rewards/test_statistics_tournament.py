"""Copeland's rule and the knock-out, against small tournaments played by hand."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.tournament import Match, copeland, knockout, tiers_of


def better(strength):
    """Who wins by strength."""

    def play(pairings):
        return ["tie" if strength[a] == strength[b] else "a" if strength[a] > strength[b] else "b" for a, b in pairings]

    return play


def test_copeland_by_hand_with_a_tie_and_a_cycle():
    # 0 beats 1, 1 beats 2, 2 beats 0; 3 ties with 0 and loses to 1 and 2.
    # 0: 1 + 0 + 1/2 of 3; 1: 0 + 1 + 1 of 3; 2: 0 + 1 + 1 of 3; 3: 1/2 of 3.
    matches = [Match(0, 1, "a"), Match(1, 2, "a"), Match(2, 0, "a")]
    matches += [Match(3, 0, "tie"), Match(3, 1, "b"), Match(2, 3, "a")]
    scores = copeland(4, matches)
    np.testing.assert_allclose(scores, [1.5 / 3, 2 / 3, 2 / 3, 0.5 / 3])
    assert tiers_of(scores) == (2, 1, 1, 3)


def test_where_few_pairs_met_a_members_share_counts_and_who_met_nobody_has_none():
    scores = copeland(4, [Match(0, 1, "a"), Match(0, 2, "b")])
    np.testing.assert_array_equal(scores, [0.5, 0.0, 1.0, math.nan])
    with pytest.raises(ValueError, match="no place"):
        tiers_of(scores)


@given(strength=st.lists(st.integers(0, 3), min_size=2, max_size=7))
def test_all_pairs_met_give_back_the_order_of_strengths(strength):
    play = better(strength)
    pairs = list(combinations(range(len(strength)), 2))
    matches = [Match(a, b, choice) for (a, b), choice in zip(pairs, play(pairs), strict=True)]
    assert tiers_of(copeland(len(strength), matches)) == tiers_of(strength)


def test_a_match_is_of_two_members():
    for a, b in ((1, 1), (0, 3), (-1, 0)):
        with pytest.raises(ValueError, match="two different members of 3"):
            copeland(3, [Match(a, b, "a")])


def test_a_knockout_of_five_by_hand():
    # Drawn 4 2 0 1 3, strengths 0 < 1 < 2 < 3 < 4. Round 1: 4-2, 0-1, 3 goes on; 2 and 0 are out.
    # Round 2: 4-1, 3 goes on; 1 is out. Final: 4-3.
    played = knockout([4, 2, 0, 1, 3], better([0, 1, 2, 3, 4]))
    assert played.matches == (Match(4, 2, "a"), Match(0, 1, "b"), Match(4, 1, "a"), Match(4, 3, "a"))
    assert played.tiers == (4, 3, 4, 2, 1)


def test_after_a_tie_the_one_drawn_earlier_goes_on():
    assert knockout([1, 0], better([5, 5])).tiers == (2, 1)


@given(order=st.permutations(range(6)))
def test_the_strongest_wins_whatever_the_draw_in_the_fewest_matches(order):
    played = knockout(order, better([3, 1, 4, 0, 5, 2]))
    assert played.tiers[4] == 1
    assert len(played.matches) == 5
    assert sorted(set(played.tiers)) == [1, 2, 3, 4]


def test_each_member_is_drawn_once():
    with pytest.raises(ValueError, match="each of 0 to 1 once"):
        knockout([0, 0], better([1, 2]))
