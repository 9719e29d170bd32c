"""From the judgments of one task to pairs and labels; every number is worked out by hand."""

from collections import Counter

import pytest

from rewards.exporting.pairs import (
    Label,
    Pair,
    Placed,
    Value,
    Vote,
    labels_by_balance,
    labels_by_value,
    labels_of_each_pair,
    mean_values,
    pairs_by_majority,
    pairs_by_value,
    pairs_of_each_vote,
    values_by_rater,
    votes_of_rankings,
)
from rewards.exporting.reasons import REASONS
from rewards.models import Comparison


def vote(a, b, choice, rater=1, tie_kind="", strength=None):
    return Vote(a, b, choice, tie_kind or ("equal" if choice == "tie" else ""), strength, rater)


def test_each_comparison_is_a_pair_with_its_strength_as_margin():
    left_out: Counter[str] = Counter()
    votes = [vote(1, 2, "a"), vote(1, 2, "b", strength=3), vote(3, 1, "tie", tie_kind="both_bad")]
    assert pairs_of_each_vote(votes, min_gap=0, left_out=left_out) == [Pair(1, 2, 1.0), Pair(2, 1, 3.0)]
    assert left_out == {"tie_both_bad": 1}


def test_pairs_with_too_small_a_margin_are_counted():
    left_out: Counter[str] = Counter()
    votes = [vote(1, 2, "a", strength=1), vote(1, 2, "a", strength=2)]
    assert pairs_of_each_vote(votes, min_gap=2, left_out=left_out) == [Pair(1, 2, 2.0)]
    assert left_out == {"gap_too_small": 1}


def test_an_output_is_never_preferred_to_itself():
    left_out: Counter[str] = Counter()
    votes = [vote(5, 5, "a"), vote(5, 5, "tie")]
    assert pairs_of_each_vote(votes, min_gap=0, left_out=left_out) == []
    assert left_out == {"same_output": 1, "tie_equal": 1}


def test_every_kind_of_tie_has_words_of_its_own():
    kinds = [kind for kind in Comparison.TieKind.values if kind]
    left_out: Counter[str] = Counter()
    pairs_of_each_vote([vote(1, 2, "tie", tie_kind=kind) for kind in kinds], min_gap=0, left_out=left_out)
    assert left_out.keys() == {f"tie_{kind}" for kind in kinds} <= REASONS.keys()


def test_swapped_pairs_are_one_pair_and_the_majority_of_raters_decides():
    # Raters 1 and 2 prefer 7 to 8, whichever was stored first; rater 3 prefers 8: two of three.
    votes = [vote(7, 8, "a", rater=1), vote(8, 7, "b", rater=2), vote(8, 7, "a", rater=3)]
    (pair,) = pairs_by_majority(votes, min_gap=0, left_out=Counter())
    assert pair[:2] == (7, 8)
    assert pair.margin == pytest.approx(2 / 3)


def test_a_rater_has_one_vote_on_a_pair_however_often_asked():
    # Rater 1 says 7 three times, raters 2 and 3 say 8 once each: 8 wins with two of three.
    votes = [vote(7, 8, "a", rater=1)] * 3 + [vote(7, 8, "b", rater=2), vote(7, 8, "b", rater=3)]
    (pair,) = pairs_by_majority(votes, min_gap=0, left_out=Counter())
    assert pair[:2] == (8, 7)


def test_raters_who_tie_or_contradict_themselves_lower_the_share_of_the_winner():
    # Four raters: one for 7, one tie, one who says both, one for 7 again: 2 of 4.
    left_out: Counter[str] = Counter()
    votes = [
        vote(7, 8, "a", rater=1),
        vote(7, 8, "tie", rater=2, tie_kind="cannot_tell"),
        vote(7, 8, "a", rater=3),
        vote(8, 7, "a", rater=3),
        vote(7, 8, "a", rater=4),
    ]
    assert pairs_by_majority(votes, min_gap=0, left_out=left_out) == [Pair(7, 8, 0.5)]
    assert {reason: n for reason, n in left_out.items() if n} == {"tie_cannot_tell": 1, "contradiction": 1}


def test_a_pair_without_a_majority_is_left_out():
    left_out: Counter[str] = Counter()
    votes = [vote(7, 8, "a", rater=1), vote(7, 8, "b", rater=2)]
    assert pairs_by_majority(votes, min_gap=0, left_out=left_out) == []
    assert left_out["no_majority"] == 1


def test_the_smallest_share_can_be_asked_for():
    votes = [vote(7, 8, choice, rater=n) for n, choice in enumerate("aab")]
    left_out: Counter[str] = Counter()
    assert pairs_by_majority(votes, min_gap=0.7, left_out=left_out) == []
    assert left_out["gap_too_small"] == 1


def test_the_order_in_which_votes_were_stored_does_not_matter():
    votes = [vote(7, 8, "a", 1), vote(9, 8, "b", 2), vote(8, 7, "a", 3), vote(7, 9, "a", 1)]
    forwards = pairs_by_majority(votes, min_gap=0, left_out=Counter())
    assert forwards == pairs_by_majority(votes[::-1], min_gap=0, left_out=Counter())


def test_an_outputs_value_is_the_mean_over_raters_of_their_means():
    # Rater 1 gave 2 and 4 (mean 3), rater 2 gave 6: (3 + 6) / 2 = 4.5, not the mean 4 of the three numbers.
    values = [Value(1, 1, 2.0), Value(1, 1, 4.0), Value(1, 2, 6.0), Value(2, 2, 5.0)]
    assert mean_values(values) == {1: 4.5, 2: 5.0}
    assert values_by_rater(values) == [{1: 3.0}, {1: 6.0, 2: 5.0}]


def test_pairs_are_made_of_all_different_values_with_their_difference_as_margin():
    left_out: Counter[str] = Counter()
    pairs = pairs_by_value({1: 4.0, 2: 6.5, 3: 4.0}, min_gap=0, best_worst=False, left_out=left_out)
    assert pairs == [Pair(2, 1, 2.5), Pair(2, 3, 2.5)]
    assert left_out == {"equal_values": 1}


def test_a_gap_counts_as_what_it_is_in_decimals():
    # In binary 5.1 - 4.1 is 0.9999999999999996.
    assert pairs_by_value({1: 5.1, 2: 4.1}, min_gap=1, best_worst=False, left_out=Counter()) == [Pair(1, 2, 1.0)]


def test_the_best_against_the_worst_is_one_pair_a_task():
    values = {1: 3.0, 2: 7.0, 3: 1.0, 4: 7.0}
    assert pairs_by_value(values, min_gap=0, best_worst=True, left_out=Counter()) == [Pair(2, 3, 6.0)]


def test_a_task_with_one_valued_output_has_no_pair():
    left_out: Counter[str] = Counter()
    assert pairs_by_value({1: 3.0}, min_gap=0, best_worst=True, left_out=left_out) == []
    assert left_out == {"single_output": 1}


def test_labels_stand_at_the_thresholds_and_nothing_between_has_one():
    left_out: Counter[str] = Counter()
    values = {1: 5.0, 2: 3.0, 3: 4.0, 4: 7.0}
    labels = labels_by_value(values, desirable_from=5, undesirable_to=3, left_out=left_out)
    assert labels == [Label(1, True), Label(2, False), Label(4, True)]
    assert left_out == {"between_thresholds": 1}


def test_the_chosen_are_desirable_and_the_rejected_are_not():
    assert labels_of_each_pair([Pair(1, 2, 1.0)]) == [Label(1, True), Label(2, False)]


def test_an_output_is_labelled_once_by_whether_it_wins_more_pairs_than_it_loses():
    # 1 wins twice; 2 wins once and loses once; 3 loses twice.
    left_out: Counter[str] = Counter()
    pairs = [Pair(1, 2, 1.0), Pair(1, 3, 1.0), Pair(2, 3, 1.0)]
    assert labels_by_balance(pairs, left_out=left_out) == [Label(1, True), Label(3, False)]
    assert left_out == {"balanced": 1}


def places(asked, *tiers, ranking=1, rater=1):
    return [Placed(ranking, rater, asked, output, tier) for output, tier in enumerate(tiers, start=1)]


def test_an_order_is_a_vote_for_each_pair_and_its_ties_are_ties():
    # Outputs 1 and 3 share the first place, 2 comes next, 4 last: six pairs, of which one is a tie; each weighs 1/6.
    left_out: Counter[str] = Counter()
    votes = votes_of_rankings(places("ranking", 1, 2, 1, 3), best_worst=False, left_out=left_out)
    pairs = pairs_of_each_vote(votes, min_gap=0, left_out=left_out)
    expected = [(1, 2, 1), (1, 4, 2), (3, 2, 1), (3, 4, 2), (2, 4, 1)]
    assert pairs == [Pair(*pair, pytest.approx(1 / 6)) for pair in expected]
    assert left_out == {"tie_equal": 1}


def test_of_best_and_worst_and_of_ticks_only_what_was_asked_is_a_pair():
    left_out: Counter[str] = Counter()
    # 3 is best and 1 worst; of 2 and 4 between them no order was asked.
    votes = votes_of_rankings(places("best_worst", 3, 2, 1, 2), best_worst=False, left_out=left_out)
    pairs = pairs_of_each_vote(votes, min_gap=0, left_out=left_out)
    assert [pair[:3] for pair in pairs] == [(3, 2, 1), (3, 4, 1), (3, 1, 2), (2, 1, 1), (4, 1, 1)]
    assert left_out == {"not_asked": 1}
    # All ticked: nothing is said of any pair.
    assert votes_of_rankings(places("tick", 1, 1), best_worst=False, left_out=Counter()) == []


def test_the_ends_of_an_order_alone():
    votes = votes_of_rankings(places("ranking", 2, 1, 3), best_worst=True, left_out=Counter())
    assert [(vote.output_a, vote.output_b, vote.choice, vote.strength) for vote in votes] == [(2, 3, "a", 2)]


def test_a_majority_over_orders_of_different_length_weighs_their_mean():
    two = places("ranking", 1, 2, ranking=1, rater=1)
    three = places("ranking", 1, 2, 3, ranking=2, rater=2)
    votes = votes_of_rankings([*two, *three], best_worst=False, left_out=Counter())
    # For (1, 2): 1 of an order of two, 1/3 of one of three.
    assert Pair(1, 2, 1.0, pytest.approx(2 / 3)) in pairs_by_majority(votes, min_gap=0, left_out=Counter())
