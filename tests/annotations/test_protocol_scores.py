"""How every kind of question compares an answer with a known one, and tells it in words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.protocols import KINDS, Problems, ShownItem, ShownOutput, parse_questions
from annotations.protocols.likeness import f1, interval_iou, rank_likeness, word_distance
from annotations.protocols.presets import PRESETS
from rewards.text import sha256_text

TEXT = "one two three four five"
WRONG_TYPE = {"key": "factual", "label": "Factual error"}


def shown(*pks, text=TEXT):
    """Outputs under the labels A, B, ... in this order; the item keeps them by id."""
    return ShownItem([ShownOutput(label, pk, [text]) for label, pk in zip("ABCD", pks, strict=False)], sorted(pks), 7)


def asked(kind, **fields):
    preset = next(one for row in PRESETS.values() for one in row.questions if one["kind"] == kind)
    (question,) = parse_questions([{**preset, **fields}])
    return question


def planned(question, answer, item):
    problems = Problems()
    found = question.plan(answer, item, problems)
    assert not problems.fields
    return found


def score(question, given_answer, right_answer, item, right_item=None):
    right = planned(question, right_answer, right_item or item)
    return question.score(planned(question, given_answer, item), right, item)


def mark(label, start, end, **fields):
    return {
        "output": label, "message": 0, "start": start, "end": end, "quote": TEXT[start:end],
        "text_sha256": sha256_text(TEXT), "type": "factual", **fields,
    }  # fmt: skip


CHECKLIST = {
    "kind": "checklist", "key": "list", "prompt": "Holds?", "evidence": False,
    "criteria": [
        {"criterion": pk, "key": f"c{pk}", "text": f"Criterion {pk}", "allow_na": True,
         "levels": [{"label": "No", "value": 0}, {"label": "Yes", "value": 1}]}
        for pk in (1, 2)
    ],
}  # fmt: skip


def test_ratings_are_as_near_as_their_levels():
    # From 1 to 7: A is off by 1 of 6 levels and B by 3 of 6: (5/6 + 1/2) / 2 = 2/3. One level off on average passes.
    question = asked("rating", scale_low=1, scale_high=7, allow_na=True)
    assert score(question, {"A": 5, "B": 4}, {"A": 6, "B": 1}, shown(1, 2)) == pytest.approx(2 / 3)
    assert score(question, {"A": "na", "B": 4}, {"A": 6, "B": "na"}, shown(1, 2)) == 0
    assert score(question, {"A": "na"}, {"A": "na"}, shown(1)) == 1
    assert question.pass_mark == pytest.approx(5 / 6)
    # Two levels are right or wrong.
    assert asked("rating", scale_low=0, scale_high=1, anchors={}).pass_mark == 1


def test_answers_are_compared_by_output_whatever_their_labels_were():
    question = asked("rating")
    # The same judgment of outputs 1 and 2, seen in either order.
    assert score(question, {"A": 7, "B": 1}, {"A": 1, "B": 7}, shown(2, 1), shown(1, 2)) == 1
    compared = asked("comparison")
    assert score(compared, {"A-B": "B"}, {"A-B": "A"}, shown(2, 1), shown(1, 2)) == 1
    assert compared.tell(planned(compared, {"A-B": "A"}, shown(1, 2)), shown(2, 1)) == [
        ("Responses A and B", "B is better")
    ]


def test_comparisons_need_the_right_side_and_lose_by_the_steps_between():
    three, five = asked("comparison"), asked("comparison", steps=5, ties=["equal", "cannot_tell"])
    item = shown(1, 2)
    assert score(three, {"A-B": "both_good"}, {"A-B": "both_bad"}, item) == 0
    # One step of two between "slightly" and "much": 1 - 1/4. The other side: 0.
    assert score(five, {"A-B": "A+1"}, {"A-B": "A+2"}, item) == pytest.approx(0.75)
    assert score(five, {"A-B": "B+1"}, {"A-B": "A+1"}, item) == 0
    assert (three.pass_mark, five.pass_mark) == (1, 0.75)


def test_pairs_that_were_not_asked_are_not_compared():
    question = asked("comparison", pairs="consecutive")
    # Neighbours are 1-2 and 2-3 for one, 1-3 and 3-2 for the other: only 2-3 was asked of both.
    right = planned(question, {"A-B": "A", "B-C": "B"}, shown(1, 2, 3))
    given_plan = planned(question, {"A-B": "A", "B-C": "C"}, shown(1, 3, 2))
    assert question.score(given_plan, right, shown(1, 3, 2)) == 1


def test_verdicts_count_one_by_one():
    (question,) = parse_questions([CHECKLIST])
    right = {"A/c1": 2, "A/c2": "na", "B/c1": 1, "B/c2": 1}
    # Three of four: c2 of A is answered where it does not apply.
    assert score(question, {**right, "A/c2": 2}, right, shown(1, 2)) == 0.75


def test_rankings_lose_half_a_pair_for_a_tie_that_is_none():
    question = asked("ranking")
    # A > B > C against A > (B = C): of three pairs one is tied in one order alone: 1 - 0.5/3.
    found = score(question, {"order": [["A"], ["B", "C"]]}, {"order": [["A"], ["B"], ["C"]]}, shown(1, 2, 3))
    assert found == pytest.approx(5 / 6)
    # Reversed: every pair the other way.
    assert score(question, {"order": [["C"], ["B"], ["A"]]}, {"order": [["A"], ["B"], ["C"]]}, shown(1, 2, 3)) == 0


def test_picks_count_each_and_ticks_by_f1():
    best = asked("best_worst")
    item = shown(1, 2, 3)
    assert score(best, {"best": "A", "worst": "B"}, {"best": "A", "worst": "C"}, item) == 0.5
    tick = asked("tick")
    # Two ticked, one of them right, one right: 2*1 / (2 + 1).
    assert score(tick, {"good": ["A", "B"]}, {"good": ["A"]}, item) == pytest.approx(2 / 3)
    assert score(tick, {"good": []}, {"good": []}, item) == 1


def test_spans_count_the_characters_marked_in_both_with_the_same_type():
    question = asked("spans")
    # "one two" (7) against "two three" (9): "two" is in both, 13 in either; B is empty in both: (3/13 + 1) / 2.
    found = score(question, [mark("A", 0, 7)], [mark("A", 4, 13)], shown(1, 2))
    assert found == pytest.approx((3 / 13 + 1) / 2)
    assert score(question, [mark("A", 0, 7, type="harmful")], [mark("A", 0, 7)], shown(1)) == 0


def test_steps_count_one_by_one_or_by_the_first_error():
    text = "Step one.\nStep two.\nStep three."
    item = shown(1, text=text)
    every, first = asked("steps"), asked("steps", mode="first_error")
    right = {"A/0": 1, "A/1": -1, "A/2": 0}
    assert score(every, {**right, "A/0": 0}, right, item) == pytest.approx(2 / 3)
    assert score(first, {"A/0": 0, "A/1": -1}, {"A/0": 1, "A/1": -1}, item) == 1
    assert score(first, {"A/0": -1}, {"A/0": 1, "A/1": -1}, item) == 0
    assert score(first, {"A/0": 1, "A/1": 1, "A/2": 1}, {"A/0": 1, "A/1": -1}, item) == 0


def test_stops_lose_the_share_of_the_text_between_them():
    question = asked("stop")
    # The words begin at 4 and at 14 of 23 characters; to let it go on is to stop at 23.
    at = {name: {k: v for k, v in mark("A", *place).items() if k not in ("output", "type")} for name, place in
          {"two": (4, 7), "four": (14, 18)}.items()}  # fmt: skip
    assert score(question, {"A": at["two"]}, {"A": at["four"]}, shown(1)) == pytest.approx(1 - 10 / 23)
    assert score(question, {"A": "none"}, {"A": at["four"]}, shown(1)) == pytest.approx(1 - 9 / 23)


def test_edits_count_by_the_way_that_they_went():
    question = asked("edit")
    right = "one deux three quatre five"
    # Four words away (two out, two in); half of them done leaves two.
    assert score(question, {"A": "one deux three four five"}, {"A": right}, shown(1)) == pytest.approx(0.5)
    assert score(question, {"A": TEXT}, {"A": right}, shown(1)) == 0
    assert score(question, {"A": TEXT}, {"A": TEXT}, shown(1)) == 1
    assert score(question, {"A": right}, {"A": TEXT}, shown(1)) == 0


def test_critiques_count_by_their_words():
    question = asked("critique", voices=["user"])
    # Shared: "too", "long" of 3 and 4 words: 2*2 / 7.
    found = score(question, {"A/user": "Too long again"}, {"A/user": "much too long, sadly"}, shown(1))
    assert found == pytest.approx(4 / 7)


ANSWERS = {
    "rating": {"A": 1, "B": 2, "C": 3}, "comparison": {"A-B": "A", "A-C": "C", "B-C": "both_bad"},
    "checklist": {f"{label}/c{pk}": 2 for label in "ABC" for pk in (1, 2)},
    "ranking": {"order": [["B"], ["A", "C"]]}, "best_worst": {"best": "A", "worst": "C"}, "tick": {"good": ["B"]},
    "spans": [mark("A", 0, 3)], "steps": {"A/0": 1, "B/0": -1, "C/0": 0},
    "stop": {"A": "none", "B": "none", "C": "none"}, "edit": {"A": "new", "B": TEXT, "C": TEXT},
    "critique": {f"{label}/{voice}": "fine" for label in "ABC" for voice in ("user", "reviewer")},
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_scores_itself_one_nothing_none_and_an_empty_answer_zero(kind):
    question = parse_questions([CHECKLIST])[0] if kind == "checklist" else asked(kind)
    item = shown(1, 2, 3)
    right = planned(question, ANSWERS[kind], item)
    assert question.score(right, right, item) == 1
    assert question.score(right, [], item) is None
    assert question.score([], right, item) == 0
    assert 0 < question.pass_mark <= 1
    told = question.tell(right, item)
    assert told
    assert all(about and words for about, words in told)


@given(st.lists(st.integers(1, 3), min_size=2, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_rank_likeness_is_symmetric_and_one_for_the_same_order_alone(tiers, rng):
    other = rng.sample(tiers, len(tiers))
    a, b = dict(enumerate(tiers)), dict(enumerate(other))
    assert rank_likeness(a, b) == pytest.approx(rank_likeness(b, a))
    assert (rank_likeness(a, b) == 1) == (tiers == other)


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_distance_of_words_is_that_of_the_longest_common_subsequence(a, b):
    # The textbook recursion over both lengths.
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            lengths[i][j] = lengths[i - 1][j - 1] + 1 if x == y else max(lengths[i - 1][j], lengths[i][j - 1])
    assert word_distance(a, b) == len(a) + len(b) - 2 * lengths[-1][-1]


def test_stretches_that_overlap_count_once():
    # 0-5 and 3-8 make 0-8; against 6-10 they share 6-8 and cover 0-10.
    assert interval_iou([(3, 8), (0, 5)], [(6, 10)]) == (2, 10)
    assert f1([], ["x"]) == 0
