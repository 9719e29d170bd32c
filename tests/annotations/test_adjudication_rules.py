"""Where answers agree and what they make together: each rule on answers whose outcome is worked out by hand."""

from typing import Any

import pytest

from annotations.adjudication import rules
from annotations.adjudication.canonical import canonical_answer, renaming, settled_questions
from annotations.adjudication.model_spans import ReviewsAsked
from annotations.protocols import REVIEWS, ShownItem, ShownOutput, parse_questions

TEXT = "Paris is the capital of Spain."
ITEM = ShownItem(
    [ShownOutput(label, pk, [TEXT]) for label, pk in zip("ABC", (11, 12, 13), strict=True)], [11, 12, 13], 0
)
RATING = {"kind": "rating", "key": "stars", "prompt": "How good?"}
SPANS = {
    "kind": "spans",
    "key": "errors",
    "prompt": "What is wrong?",
    "types": [{"key": "fact", "label": "Fact"}, {"key": "style", "label": "Style"}],
}


def span(start: int, end: int, *, output: str = "A", kind: str = "fact") -> dict[str, Any]:
    return {"output": output, "message": 0, "start": start, "end": end, "quote": TEXT[start:end], "type": kind}


def parts_of(question: dict[str, Any], *given: Any, iou: float = 1.0) -> list[rules.Part]:
    questions = parse_questions([question])
    return rules.parts_of_lanes(questions, [{question["key"]: answer} for answer in given], ITEM, iou=iou)


def test_answers_given_in_different_orders_come_under_the_items_own_labels() -> None:
    # The person saw output 13 as A, 11 as B and 12 as C; the item keeps them as 11 = A, 12 = B, 13 = C.
    names = renaming([13, 11, 12], [11, 12, 13])
    assert names == {"A": "C", "B": "A", "C": "B"}
    questions = parse_questions(
        [
            RATING,
            SPANS,
            {"kind": "comparison", "key": "pair", "prompt": "?", "steps": 5},
            {"kind": "ranking", "key": "order", "prompt": "?"},
            {"kind": "best_worst", "key": "ends", "prompt": "?"},
            {"kind": "tick", "key": "good", "prompt": "?"},
            {"kind": "steps", "key": "steps", "prompt": "?"},
        ]
    )
    answer = {
        "stars": {"A": 7, "B": 1},
        "errors": [span(0, 5, output="A")],
        "pair": {"A-B": "B+2", "B-C": "both_bad"},
        "order": {"order": [["A", "B"], ["C"]]},
        "ends": {"best": "A", "worst": "C"},
        "good": {"good": ["A", "B"]},
        "steps": {"B/10": -1},
    }
    assert canonical_answer(questions, answer, names) == {
        "stars": {"C": 7, "A": 1},
        "errors": [span(0, 5, output="C")],
        "pair": {"A-C": "A+2", "A-B": "both_bad"},
        "order": {"order": [["A", "C"], ["B"]]},
        "ends": {"best": "C", "worst": "B"},
        "good": {"good": ["A", "C"]},
        "steps": {"A/10": -1},
    }


def test_the_share_of_pairs_that_differ_is_averaged_over_parts_and_then_over_questions() -> None:
    questions = parse_questions([RATING, {"kind": "tick", "key": "good", "prompt": "?"}])
    answers = [
        {"stars": {"A": 5, "B": 3}, "good": {"good": ["A"]}},
        {"stars": {"A": 5, "B": 2}, "good": {"good": ["A"]}},
        {"stars": {"A": 4, "B": 1}, "good": {"good": ["A"]}},
    ]
    parts = rules.parts_of_lanes(questions, answers, ITEM)
    # A: of the pairs 12, 13, 23 two differ; B: all three do; ticks: none. ((2/3 + 1) / 2 + 0) / 2 = 5/12.
    assert rules.disagreement(parts) == pytest.approx(5 / 12)
    assert [part.majority for part in parts] == [0, None, 0]
    assert not rules.agree(parts)
    # What more than half say stands, and what nobody has a majority for is left to a person.
    assert rules.merged_answer(questions, parts) == {"stars": {"A": 5}, "good": {"good": ["A"]}}


@pytest.mark.parametrize(
    ("question", "one", "other", "same"),
    [
        ({"kind": "ranking"}, {"order": [["A"], ["B", "C"]]}, {"order": [["A"], ["B"], ["C"]]}, False),
        ({"kind": "comparison", "steps": 5}, {"A-B": "A+1"}, {"A-B": "A+2"}, False),
        ({"kind": "stop"}, {"A": span(0, 5)}, {"A": {**span(0, 5), "end": 8}}, True),
        ({"kind": "stop"}, {"A": span(0, 5)}, {"A": "none"}, False),
        ({"kind": "edit"}, {"A": "Paris."}, {"A": "Paris"}, False),
        ({"kind": "rating"}, {"A": 5}, {}, False),
    ],
)
def test_each_kind_of_question_has_its_own_rule_for_the_same_answer(
    question: dict[str, Any], one: Any, other: Any, same: bool
) -> None:
    [part] = parts_of({"key": "it", "prompt": "?", **question}, one, other)
    assert part.agrees is same


def test_words_of_ones_own_are_shown_and_not_compared() -> None:
    question = {"kind": "critique", "key": "words", "prompt": "?", "voices": ["user"]}
    parts = parts_of(question, {"A/user": "Good."}, {"A/user": "Bad."})
    assert [part.values for part in parts] == [("Good.", "Bad.")]
    assert (rules.disagreement(parts), rules.agree(parts)) == (0.0, False)
    assert rules.merged_answer(parse_questions([question]), parts) == {"words": {}}


def test_spans_are_the_same_from_the_overlap_asked_for_and_merge_into_what_all_marked() -> None:
    # 0-10 and 2-12 share 8 of 12 characters: 2/3.
    one, other = [span(0, 10), span(20, 25)], [span(20, 25), span(2, 12)]
    assert not parts_of(SPANS, one, other)[0].agrees
    assert not parts_of(SPANS, one, other, iou=0.7)[0].agrees
    [of_a, *empty] = parts_of(SPANS, one, other, iou=0.66)
    assert of_a.agrees
    assert [part.values for part in empty] == [([], []), ([], [])]
    assert rules.merged_value(of_a, iou=0.66) == [span(2, 10), span(20, 25)]
    assert not parts_of(SPANS, [span(0, 10)], [span(0, 10, kind="style")], iou=0.5)[0].agrees


def test_spans_are_paired_also_where_the_nearest_partner_is_needed_by_another() -> None:
    # 0-10 fits both others, 4-14 only the first: the first partner of 0-10 must give way.
    one, other = [span(0, 10), span(4, 14)], [span(2, 12), span(0, 8)]
    # 0-10/2-12: 8/12; 0-10/0-8: 8/10; 4-14/2-12: 8/12; 4-14/0-8: 4/14.
    assert rules.matched(one, other, iou=0.6) == [(one[0], other[1]), (one[1], other[0])]


def test_an_answer_departs_where_most_said_otherwise_and_where_nobody_said_it() -> None:
    questions = parse_questions([RATING])
    parts = parts_of(RATING, {"A": 5, "B": 3}, {"A": 5, "B": 2}, {"A": 4, "B": 1})

    def against(answer: dict[str, int]) -> list[str]:
        return rules.departures(questions, parts, {"stars": answer}, ITEM)

    assert against({"A": 5, "B": 1}) == []
    assert against({"A": 4, "B": 1}) == ["stars.A"]
    assert against({"A": 5, "B": 7}) == ["stars.B"]
    assert against({"A": 5, "B": 1, "C": 2}) == ["stars.C"]
    assert rules.lanes_followed(questions, parts, {"stars": {"A": 4, "B": 1}}, ITEM) == [2]
    assert rules.lanes_followed(questions, parts, {"stars": {"A": 5, "B": 1}}, ITEM) == []
    assert rules.lanes_followed(questions, parts, {"stars": {"A": 5, "B": 7}}, ITEM) is None


def test_parts_go_back_into_the_answer_that_they_came_from() -> None:
    [spans] = parse_questions([SPANS])
    given = [span(0, 5), span(6, 8, output="B")]
    assert rules.answer_of(spans, rules.values_of(spans, given, ITEM)) == given


def test_whoever_settles_is_not_asked_for_confidence_and_may_settle_any_pair() -> None:
    questions = parse_questions(
        [{"kind": "comparison", "key": "pair", "prompt": "?", "pairs": "consecutive", "confidence": True}]
    )
    [settled] = settled_questions(questions)
    assert settled.config()["pairs"] == "all"
    assert settled.config()["required"] is False
    assert settled.confidence is False


def changed(start: int, end: int, kind: str = "fact") -> dict[str, Any]:
    quoted = {"message": 0, "start": start, "end": end, "quote": TEXT[start:end]}
    return {"decision": "changed", **quoted, "type": kind, "severity": "", "comment": ""}


def test_decisions_on_a_models_span_are_compared_between_those_who_decided() -> None:
    accepted, rejected = {"decision": "accepted"}, {"decision": "rejected"}
    given: list[dict[str, Any]] = [
        # Span 1: two against one; 2: one voice; 3: changed to [0, 10) and [2, 10), IoU 8/10; 4: one to one.
        {"1": accepted, "2": rejected, "3": changed(0, 10), "4": accepted},
        {"1": accepted, "3": changed(2, 10), "4": rejected},
        {"1": rejected},
    ]
    asked = [ReviewsAsked()]

    def parts(iou: float) -> list[rules.Part]:
        return rules.parts_of_lanes(asked, [{REVIEWS: one} for one in given], ITEM, iou=iou)

    one, two, three, four = parts(0.8)
    assert [part.heard for part in (one, two, three, four)] == [[0, 1, 2], [0], [0, 1], [0, 1]]
    assert [part.agrees for part in (one, two, three, four)] == [False, True, True, False]
    assert parts(1.0)[2].agrees is False
    # 2 of 3 pairs differ on the first, none on the third, the only one on the fourth; one voice makes no pair.
    assert rules.disagreement([one, two, three, four]) == pytest.approx((2 / 3 + 0 + 1) / 3)
    merged = rules.merged_answer(asked, [one, two, three, four], iou=0.8)[REVIEWS]
    assert merged == {"1": accepted, "2": rejected, "3": changed(2, 10)}
    # Leaving open what nobody agrees on goes against nobody; leaving out what most say, or saying what none said, does.
    assert rules.departures(asked, [one, two, three, four], {REVIEWS: merged}, ITEM, iou=0.8) == []
    against = {"1": rejected, "2": rejected, "4": changed(0, 3)}
    found = rules.departures(asked, [one, two, three, four], {REVIEWS: against}, ITEM, iou=0.8)
    assert found == [f"{REVIEWS}.{name}" for name in "134"]
    # Whoever takes a lane that left span 2 open goes against one voice of three; without span 3, against two of three.
    found = rules.departures(asked, [one, two, three, four], {REVIEWS: {"1": accepted, "4": accepted}}, ITEM, iou=0.8)
    assert found == [f"{REVIEWS}.3"]
