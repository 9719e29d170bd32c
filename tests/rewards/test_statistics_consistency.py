"""The consistency study against hand-worked cases and the numbers of the public sample."""

import csv
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.consistency import Choice, Comparison, Rating, TextLength, consistency_study, text_length

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sparse_feedback"
NAN = float("nan")


def ratings(**values):
    return [Rating("t", output, value, "r") for output, value in values.items()]


def compare(pair, choice, rater="c", task="t"):
    return Comparison(task, pair[0], pair[1], choice, rater)


@pytest.fixture(scope="module")
def sample():
    if not DATA.exists():
        pytest.skip(f"the public sample is not at {DATA}")

    def rows(name):
        with (DATA / name).open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    rated = [
        Rating((instruction, given), output, float(value), "judge")
        for instruction, given, output, value in rows("feedback_ratings_sample_generation.csv")
    ]
    choices: dict[str, Choice] = {"(a)": "a", "(b)": "b", "equal": "equal"}
    compared = [
        Comparison((instruction, given), first, second, choices[choice], "judge")
        for instruction, given, first, second, choice in rows("feedback_rankings_sample_generation.csv")
    ]
    lengths = {(one.task, one.output): text_length(str(one.output)) for one in rated}
    return consistency_study(rated, compared, lengths=lengths)


def test_the_public_sample_gives_the_table_that_its_readme_states(sample):
    assert sample.table == ((19, 10, 8), (6, 26, 9), (11, 7, 21))
    assert (sample.pairs, sample.consistent) == (117, 66)
    assert 100 * (1 - sample.inconsistency.value) == pytest.approx(56.41025641)
    assert (sample.both_decisive, sample.agreeing, sample.hard_reversals) == (61, 45, 16)


def test_the_public_sample_counts_what_was_left_out(sample):
    assert sum(sample.unjoined.values()) == 1
    assert (sample.rating_duplicates, sample.comparison_duplicates, sample.unscored_ratings) == (2, 0, 0)


def test_the_public_sample_by_rating_gap(sample):
    assert [(row.gap, row.agreeing, row.reversed, row.decisive, row.equal) for row in sample.by_gap] == [
        (0, 0, 0, 18, 21),
        (1, 25, 13, 38, 9),
        (2, 12, 3, 15, 7),
        (3, 8, 0, 8, 1),
    ]


def test_the_public_sample_by_length(sample):
    comparison = sample.preferred_length[1]
    assert comparison.pairs == 79
    assert comparison.preferred_words == pytest.approx(43.1, abs=0.05)
    assert comparison.other_words == pytest.approx(36.1, abs=0.05)
    assert comparison.preferred_unique_words == pytest.approx(30.6, abs=0.05)
    assert comparison.other_unique_words == pytest.approx(27.1, abs=0.05)
    assert sum(row.pairs for row in sample.by_length) == 117
    assert sum(row.inconsistent for row in sample.by_length) == 51


def test_the_public_sample_lists_its_contradictions_with_reversals_first(sample):
    kinds = [one.kind for one in sample.contradictions]
    # off the diagonal: 16 reversals, 8 + 9 ranked equal, 11 + 7 rated equal
    assert kinds == ["reversal"] * 16 + ["rating_decides"] * 17 + ["comparison_decides"] * 18


def test_the_interval_over_tasks_holds_the_share(sample):
    interval = sample.inconsistency_by_task
    assert interval.low < interval.value == sample.inconsistency.value < interval.high


def test_a_hand_worked_study():
    # Ratings imply: x > y, x > z, y = z.
    result = consistency_study(
        ratings(x=6, y=4, z=4),
        [compare("xy", "a"), compare("zx", "a"), compare("yz", "equal"), compare("xw", "a"), compare("vw", "b")],
    )
    # x over y agrees (A, a); z against x: the ratings say b, the comparison a; y and z are equal twice.
    assert result.table == ((1, 0, 0), (1, 0, 0), (0, 0, 1))
    assert (result.pairs, result.consistent, result.both_decisive, result.hard_reversals) == (3, 2, 2, 1)
    assert result.inconsistency.value == pytest.approx(1 / 3)
    (contradiction,) = result.contradictions
    assert contradiction == ("reversal", "t", "z", "x", 4.0, 6.0, "b", "a")
    assert result.unjoined == {"neither output is rated": 1, "output a is not rated": 0, "output b is not rated": 1}
    assert result.noise_floor is None


def test_a_tie_against_a_decision_is_inconsistent_but_no_reversal():
    result = consistency_study(ratings(x=5, y=4, z=4), [compare("xy", "equal"), compare("yz", "b")])
    assert (result.consistent, result.hard_reversals, result.both_decisive) == (0, 0, 0)
    assert [one.kind for one in result.contradictions] == ["rating_decides", "comparison_decides"]


def test_the_first_judgment_counts_and_the_others_are_duplicates():
    twice = [*ratings(x=6, y=4), *ratings(x=1)]
    result = consistency_study(twice, [compare("xy", "a"), compare("xy", "b"), compare("yx", "a")])
    assert (result.pairs, result.consistent) == (1, 1)
    assert (result.rating_duplicates, result.comparison_duplicates) == (1, 2)


def test_an_unscored_rating_is_no_rating():
    result = consistency_study(ratings(x=None, y=NAN, z=3), [compare("xz", "a"), compare("xy", "a")])
    assert (result.pairs, result.unscored_ratings) == (0, 2)
    assert result.unjoined["output a is not rated"] == 1
    assert math.isnan(result.inconsistency.value)
    # an unscored one does not stand in the way of a later one, and is no duplicate
    later = consistency_study([*ratings(x=None), *ratings(x=5, y=3)], [compare("xy", "a")])
    assert (later.consistent, later.rating_duplicates) == (1, 0)


def test_several_raters_are_pooled_by_mean_and_majority():
    rated = [
        Rating("t", "x", 5, "r"),
        Rating("t", "x", 4, "s"),
        Rating("t", "y", 3, "r"),
        Rating("t", "y", 7, "s"),
        Rating("t", "z", 5, "s"),
    ]
    votes = [
        compare("xy", "a", "c"),
        compare("yx", "b", "d"),
        compare("xy", "b", "e"),
        compare("yz", "a"),
        compare("yz", "b", "d"),
    ]
    result = consistency_study(rated, votes)
    # means: x 4.5, y 5, z 5. x against y: 2 votes of 3 for x, against the ratings; y against z: 1 to 1, and equal.
    assert result.table == ((0, 0, 0), (1, 0, 0), (0, 0, 1))
    assert (result.contradictions[0].rating_a, result.contradictions[0].rating_b) == (4.5, 5.0)
    assert result.by_gap[1].gap == 1
    # r: x > y; votes of c and d for x agree, e does not. s: y > x, and y > z (7 to 5): c said y, d said z.
    assert {row[:2]: row[2:] for row in result.by_raters} == {
        ("r", "c"): (1, 1),
        ("r", "d"): (1, 1),
        ("r", "e"): (1, 0),
        ("s", "c"): (2, 1),
        ("s", "d"): (2, 0),
        ("s", "e"): (1, 1),
    }


def test_equal_means_are_equal_whoever_gave_them():
    rated = [Rating("t", "x", value, i) for i, value in enumerate([0.1, 0.2, 0.3])]
    rated += [Rating("t", "y", value, i) for i, value in enumerate([0.3, 0.1, 0.2])]
    assert consistency_study(rated, [compare("xy", "equal")]).consistent == 1


def test_the_noise_floor_counts_each_protocol_against_itself():
    rated = [
        *[Rating("t", output, value, "r") for output, value in (("x", 5), ("y", 3), ("x", 2), ("y", 3))],
        *[Rating("t", output, value, "s") for output, value in (("x", 6), ("y", 1))],
    ]
    votes = [compare("xy", "a", "c"), compare("yx", "a", "c"), compare("xy", "a", "d"), compare("xy", "equal", "e")]
    rows = consistency_study(rated, votes).noise_floor
    found = {(row.protocol, row.again_by): (row.disagreement.successes, row.disagreement.n) for row in rows or ()}
    assert found == {
        # r preferred x (5 to 3), and then y (2 to 3)
        ("rating", "same rater"): (1, 1),
        # first rounds of r and s both prefer x
        ("rating", "another rater"): (0, 1),
        # c chose x, and then y in the other order
        ("comparison", "same rater"): (1, 1),
        # c and d agree, e differs from both
        ("comparison", "another rater"): (2, 3),
    }


def test_breakdowns_by_length_hold_only_known_lengths():
    lengths = {("t", "x"): TextLength(20, 12), ("t", "y"): TextLength(10, 9), ("t", "z"): TextLength(10, 5)}
    rated = ratings(x=6, y=4, z=4, w=1)
    result = consistency_study(rated, [compare("xy", "b"), compare("yz", "a"), compare("xw", "a")], lengths=lengths)
    rows = {row.low: row for row in result.by_length}
    # y against z: no difference; x against y: 10 words; x against w: unknown
    assert (rows[0].pairs, rows[0].inconsistent, rows[0].comparison_decisive) == (1, 1, 0)
    assert rows[5][1:] == (14, 1, 1, 1, 1, 1, 0)
    assert result.by_length[-1].high is None
    assert [tuple(row) for row in result.preferred_length] == [
        ("rating", 1, 20, 10, 12, 9),
        ("comparison", 2, 10, 15, 9, 8.5),
    ]


def test_without_lengths_there_is_no_breakdown_by_length():
    result = consistency_study(ratings(x=6, y=4), [compare("xy", "a")])
    assert result.by_length == ()
    assert math.isnan(result.preferred_length[0].preferred_words)


def test_words_are_divided_by_white_space():
    assert text_length("the cat\n saw  the\tCat.") == TextLength(5, 4)
    assert text_length("") == TextLength(0, 0)


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match=r"choice '\(a\)': expected one of \('a', 'b', 'equal'\)"):
        consistency_study([], [compare("xy", "(a)")])


def test_nothing_judged_is_a_study_of_nothing():
    result = consistency_study([], [])
    assert (result.pairs, result.consistent, result.table) == (0, 0, ((0, 0, 0),) * 3)
    assert [*result.by_gap, *result.contradictions, *result.by_raters] == []


def test_the_result_is_json_with_unknown_numbers_as_null():
    found = json.loads(json.dumps(consistency_study([], []).to_dict(), allow_nan=False))
    assert {"pairs", "consistent", "table"} <= set(found)
    assert found["table"] == [[0, 0, 0]] * 3
    assert found["inconsistency"] == {"value": None, "low": None, "high": None, "successes": 0, "n": 0}
    one = consistency_study(ratings(x=6, y=4), [compare("xy", "b")]).to_dict()
    assert one["contradictions"] == [
        {
            "kind": "reversal",
            "task": "t",
            "output_a": "x",
            "output_b": "y",
            "rating_a": 6.0,
            "rating_b": 4.0,
            "implied": "a",
            "choice": "b",
        }
    ]


judged = st.tuples(st.sampled_from("xyzw"), st.integers(1, 4), st.sampled_from("rs"))
chosen = st.tuples(
    st.sampled_from(["xy", "yx", "xz", "zw"]), st.sampled_from(["a", "b", "equal"]), st.sampled_from("cd")
)


@given(st.lists(judged, max_size=12), st.lists(chosen, max_size=12))
def test_every_comparison_is_counted_once_and_sums_agree(rated, votes):
    result = consistency_study(
        [Rating("t", output, value, rater) for output, value, rater in rated],
        [compare(pair, choice, rater) for pair, choice, rater in votes],
        replicates=10,
    )
    assert result.pairs == sum(map(sum, result.table)) == sum(row.pairs for row in result.by_gap)
    assert result.pairs + sum(result.unjoined.values()) == len({frozenset(pair) for pair, _, _ in votes})
    assert len(result.contradictions) == result.pairs - result.consistent
    assert result.both_decisive == result.agreeing + result.hard_reversals
    assert result.agreeing == sum(row.agreeing for row in result.by_gap)
    assert result.hard_reversals == sum(row.reversed for row in result.by_gap)
