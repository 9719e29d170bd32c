"""What the composer says about computed outputs, against cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.composer.findings import (
    centred,
    distribution,
    group_findings,
    human_link,
    length_link,
    places_within,
    rank_changes,
    suspicion,
)
from rewards.composer.terms import dense_sum, nodes_to_show, paths_to_keep, terms_of
from rewards.composer.text import Written, show_output
from rewards.recipes.evaluate import Frame, evaluate
from rewards.recipes.tree import read_recipe
from rewards.shaping.rows import Level, Rows
from rewards.statistics.preferences import Preference

NAN = float("nan")


def test_a_distribution_counts_the_scored_and_says_how_many_are_not():
    found = distribution(np.array([0.0, 1.0, 2.0, 3.0, NAN]))
    assert (found.n_scored, found.n_total, sum(found.counts)) == (4, 5, 4)
    # Mean 1.5; variance (2.25 + .25 + .25 + 2.25) / 4 = 1.25; quartiles by linear interpolation .75 and 2.25.
    assert found.mean == 1.5
    assert found.deviation == pytest.approx(1.25**0.5)
    assert (found.low, found.first, found.median, found.third, found.high) == (0, 0.75, 1.5, 2.25, 3)


def test_equal_rewards_are_one_bin_and_none_are_no_bin():
    assert distribution(np.array([2.0, 2.0])).counts == (2,)
    assert distribution(np.array([NAN])).counts == ()


def test_groups_without_gradient_are_told_apart_by_why():
    values = np.array([1.0, 1.0, 0.0, 2.0, 5.0, NAN, NAN, NAN])
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    found = group_findings(values, groups)
    assert (found.n_groups, found.n_equal, found.n_alone, found.n_unscored) == (4, 1, 1, 1)
    assert found.n_without_gradient == 3
    assert [(group.state, group.members) for group in found.shown] == [
        ("equal", (0, 1)),
        ("", (3, 2)),
        ("alone", (4, 5)),
        ("unscored", (6, 7)),
    ]


def test_rewards_that_differ_by_rounding_alone_give_no_gradient():
    # 0.1 + 0.2 is not 0.3 in binary, and no trainer learns from that.
    assert group_findings(np.array([0.1 + 0.2, 0.3]), np.array([0, 0])).n_equal == 1
    assert group_findings(np.array([0.30001, 0.3]), np.array([0, 0])).n_equal == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3) | st.none()), max_size=20))
def test_places_are_those_that_counting_the_better_ones_gives(rows):
    groups = np.array([group for group, _ in rows], dtype=np.int64)
    values = np.array([NAN if value is None else float(value) for _, value in rows])
    expected = [
        NAN
        if np.isnan(value)
        else 1 + sum(other > value for other, its in zip(values, groups, strict=True) if its == group)
        for value, group in zip(values, groups, strict=True)
    ]
    np.testing.assert_array_equal(places_within(values, groups), expected)


def test_changes_of_rank_stay_within_tasks_and_leave_out_the_unscored():
    old = np.array([3.0, 2.0, 1.0, 10.0, 20.0, NAN])
    new = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 9.0])
    found = rank_changes(old, new, np.array([0, 0, 0, 1, 1, 1]))
    # The first task is turned round: 3 pairs flip. The second keeps its order: 1 pair. The last output has no old one.
    assert (found.n_flipped, found.n_pairs, found.n_moved, found.n_ranked) == (3, 4, 2, 5)
    assert [(move.output, move.old, move.new, move.n_members) for move in found.moves] == [(0, 1, 3, 3), (2, 3, 1, 3)]


def test_a_pair_that_only_one_reward_tells_apart_is_in_another_order():
    found = rank_changes(np.array([1.0, 1.0]), np.array([1.0, 2.0]), np.array([0, 0]))
    assert (found.n_flipped, found.n_pairs) == (1, 1)
    assert rank_changes(np.array([1.0, 1.0]), np.array([2.0, 2.0]), np.array([0, 0])).n_pairs == 0


def test_length_between_tasks_is_not_length_within_them():
    # Longer tasks get more, but within each task the longer output gets less.
    lengths = np.array([10.0, 20.0, 110.0, 120.0, 210.0, 220.0])
    values = np.array([1.0, 0.0, 11.0, 10.0, 21.0, 20.0])
    found = length_link(values, lengths, np.array([0, 0, 1, 1, 2, 2]))
    assert found.overall.value > 0.7
    assert found.within.value == pytest.approx(-1)


def test_people_are_met_where_the_order_is_theirs_and_a_tie_counts_half():
    values = np.array([3.0, 1.0, 1.0, NAN])
    pairs = [Preference("t", 0, 1), Preference("t", 1, 0), Preference("t", 1, 2), Preference("t", 0, 3)]
    # The higher reward won more of its comparisons.
    won = np.array([0.9, 0.4, 0.4, 1.0])
    found = human_link(values, np.array([7.0, 2.0, 3.0, 4.0]), pairs, won, np.zeros(4, dtype=np.int64))
    # Right, wrong, tied, unscored: (1 + 0 + 1/2) / 3.
    assert found.preferences.value == pytest.approx(0.5)
    assert (found.preferences.n, found.preferences.n_total) == (3, 4)
    assert found.ratings.n == 3
    assert found.won.value == pytest.approx(1.0)
    assert found.won.n == 3


def test_a_high_dense_sum_with_a_failed_outcome_is_suspected():
    dense = np.array([9.0, 8.0, 1.0, 2.0, 7.0, 3.0, 0.0, NAN])
    outcome = np.array([0.0, 1.0, 0.0, 0.0, NAN, 1.0, 1.0, 0.0])
    found = suspicion(dense, outcome, 0.5)
    # Judged are 9, 8, 1, 2, 3, 0; the upper quarter begins at 6.75, so that of 9, 1, 2 that failed only 9 is high.
    assert found.threshold == pytest.approx(6.75)
    assert [(one.output, one.dense) for one in found.suspects] == [(0, 9.0)]
    assert (found.n_suspects, found.n_failed, found.n_judged) == (1, 3, 6)


def test_nobody_is_suspected_where_all_sums_are_equal_or_nothing_is_judged():
    assert suspicion(np.zeros(3), np.zeros(3), 0.5).suspects == []
    assert suspicion(np.full(2, NAN), np.zeros(2), 0.5).n_judged == 0


def test_a_centred_reward_is_its_difference_from_the_scored_of_its_group():
    found = centred(np.array([1.0, 3.0, NAN, 5.0]), np.array([0, 0, 0, 1]))
    np.testing.assert_array_equal(found, [-1, 1, NAN, 0])


# The terms of a reward

INPUTS = {"critic": {"kind": "given", "level": "token"}, "rm": {"kind": "given", "level": "output"}}
TOKENS = Level.of_lengths("token", [3, 2])
FRAME = Frame(
    np.array([0, 0]),
    {"critic": Rows(TOKENS, np.array([1, 0, -1, 2, np.nan])), "rm": Rows.scalars([4, 10])},
    {"token": TOKENS},
)
AT_END = {"op": "end_of_sequence", "scores": {"input": "rm"}, "onto": "token"}


def terms(reward):
    recipe = read_recipe({"recipe": 1, "inputs": INPUTS, "reward": reward})
    evaluation = evaluate(recipe, FRAME, paths_to_keep(recipe.reward))
    return terms_of(recipe.reward, recipe, evaluation.kept)


def weighted(unscored="skip"):
    rows = [{"of": {"input": "critic"}, "weight": 0.5}, {"of": AT_END, "weight": 2.0}]
    return {"op": "weighted_sum", "terms": rows, "unscored": unscored}


def test_the_terms_of_a_sum_are_weighted_and_add_up_to_it():
    found = terms(weighted())
    assert found.add_up
    assert [term.label for term in found.terms] == ["critic", "At the end of the sequence (rm)"]
    assert found.terms[0].rows.of(0).tolist() == [0.5, 0, -0.5]
    assert found.terms[1].rows.of(0).tolist() == [0, 0, 8]
    assert found.result.of(0).tolist() == [0.5, 0, 7.5]


def test_terms_that_do_not_add_up_are_not_stacked():
    assert not terms({"op": "product", "terms": [{"of": {"input": "critic"}}, {"of": AT_END}]}).add_up
    assert not terms({"op": "sigmoid", "rewards": {"input": "critic"}}).add_up


def test_an_input_alone_is_its_own_only_term():
    found = terms({"input": "critic"})
    assert found.add_up
    assert [term.label for term in found.terms] == ["critic"]


def test_the_dense_sum_is_of_the_terms_that_dense_inputs_are_part_of():
    # Half of 1 + 0 - 1 and of 2: what stands at the end comes from whole outputs, and is no dense term.
    assert dense_sum(terms(weighted())).tolist() == [0.0, 1.0]
    # Where terms do not add up, the reward itself is summed.
    product = terms({"op": "product", "terms": [{"of": {"input": "critic"}}, {"of": AT_END}]})
    assert dense_sum(product)[0] == product.result.total()[0]


def test_every_operator_of_a_reward_can_be_looked_at():
    recipe = read_recipe({"recipe": 1, "inputs": INPUTS, "reward": weighted()})
    assert list(nodes_to_show(recipe)) == ["reward", "reward.terms[1].of"]


def test_the_shown_output_has_its_own_part_of_every_row_and_its_text_in_full():
    # Segments of one character each in a message of their own: the second output is message 1 of all.
    written = Written(7, "policy", "task", [{"role": "assistant", "channel": "answer", "text": "ab tail"}])
    found = show_output(written, terms(weighted()), row=1, first_message=1, with_rows=True)
    assert [lane.total for lane in found.lanes] == [1.0, 20.0]
    assert found.is_stacked
    [message] = found.messages
    assert "".join(piece.text for piece in message.pieces) == "ab tail"
    assert [(piece.text, piece.look) for piece in message.pieces] == [("a", "heat-0"), ("b", "heat-p5"), (" tail", "")]
    assert [(row.text, row.result) for row in found.rows] == [("a", 1.0), ("b", 20.0)]
    assert np.isnan(found.rows[1].terms[0])


def test_an_unscored_segment_is_hatched_and_a_zero_is_plain():
    rows = terms(weighted(unscored="unscored"))
    written = Written(7, "policy", "task", [{"role": "assistant", "channel": "answer", "text": "ab"}])
    [message] = show_output(written, rows, row=1, first_message=1).messages
    assert message.pieces[1].look == "heat-unscored"
    assert message.pieces[1].value is None
