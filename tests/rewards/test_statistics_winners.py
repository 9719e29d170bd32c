"""Winners by several notions, each against a value worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rewards.statistics.winners import standings


def test_transitive_preferences_have_one_winner_by_every_notion_and_no_cycle():
    # 0 beats 1 in 8 of 10 and 2 in 9 of 10; 1 beats 2 in 6 of 10.
    found = standings([[0, 8, 9], [2, 0, 6], [1, 4, 0]])
    assert found.condorcet == 0
    assert found.borda == pytest.approx([(0.8 + 0.9) / 2, (0.2 + 0.6) / 2, (0.1 + 0.4) / 2])
    assert found.copeland == pytest.approx([1, 0.5, 0])
    assert found.von_neumann == pytest.approx([1, 0, 0])
    assert found.cycles == []


def test_a_circle_has_no_condorcet_winner_and_a_mixture_that_nobody_beats():
    # Rock, paper, scissors by 9 of 10, 9 of 10 and 6 of 10: margins .4, .4 and .1.
    wins = [[0, 9, 4], [1, 0, 9], [6, 1, 0]]
    found = standings(wins)
    assert found.condorcet is None
    assert [cycle.members for cycle in found.cycles] == [(0, 1, 2)]
    # 6 of 10 is within chance: 2 sqrt(10) 0.1 = 0.63 < 1.96.
    assert not found.cycles[0].is_certain
    # Of margins a (0 over 1), b (1 over 2), c (2 over 0) the mixture is (b, c, a) / (a + b + c) = (4, 1, 4) / 9.
    assert found.von_neumann == pytest.approx(np.array([4, 1, 4]) / 9)
    assert standings(100 * np.array(wins)).cycles[0].is_certain


def test_borda_and_copeland_may_name_different_winners():
    # 0 beats both narrowly, 6 of 10; 1 beats 2 by 10 of 10: Borda prefers 1, the majority 0.
    found = standings([[0, 6, 6], [4, 0, 10], [4, 0, 0]])
    assert (int(found.copeland.argmax()), int(found.borda.argmax()), found.condorcet) == (0, 1, 0)


def test_ties_are_half_and_pairs_that_never_met_say_nothing():
    found = standings([[0, 5, 0, 0], [5, 0, 3, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    assert found.copeland[:3] == pytest.approx([0.5, (0.5 + 1) / 2, 0])
    assert np.isnan([found.share[0, 2], found.borda[3], found.copeland[3]]).all()
    assert found.condorcet is None
    assert found.cycles == []


def test_what_is_no_matrix_of_wins_is_refused():
    for wrong in ([[0, 1]], [[0, -1], [1, 0]], [[0, np.nan], [1, 0]]):
        with pytest.raises(ValueError, match="square matrix"):
            standings(wrong)


@given(arrays(np.int64, (5, 5), elements=st.integers(0, 6)))
def test_no_option_is_preferred_to_the_mixture_and_who_beats_all_is_in_no_cycle(wins):
    np.fill_diagonal(wins, 0)
    found = standings(wins)
    edge = np.nan_to_num(found.share - 0.5, nan=0.0)
    assert found.von_neumann.sum() == pytest.approx(1)
    assert (found.von_neumann @ edge >= -1e-7).all()
    for cycle in found.cycles:
        assert all(edge[a, b] > 0 for a, b in zip(cycle.members, (*cycle.members[1:], cycle.members[0]), strict=True))
        assert found.condorcet not in cycle.members
