"""Graded verifiers by hand: soft matches, partial credit, reasoning patterns."""

import math

import pytest

from rewards.parameters import ParameterError
from tests.workers.verifying import by_sentence, values, verified
from workers.sources.contract import OutputMessage
from workers.sources.verifiers.partial_credit import PartialCredit
from workers.sources.verifiers.reasoning_pattern import PHRASES, ReasoningPattern, repeated_share
from workers.sources.verifiers.soft_match import SoftMatch

SOFT, PARTIAL, REASONING = SoftMatch(), PartialCredit(), ReasoningPattern()


def test_a_box_is_scored_by_its_centre_and_its_overlap():
    # Reference 10 x 20 at (5, 10): sigma 5 and 10. Answer 10 x 20 at (10, 10): one sigma off in x.
    # point = exp(-1/2); D_B = 25 / (8 * 25) + 0 = 1/8; coverage = exp(-1/8).
    found = values(verified(SOFT, "It is at [5, 0, 15, 20].", reference="[0, 0, 10, 20]", kind="box"))
    assert found["point"] == pytest.approx(math.exp(-0.5))
    assert found["coverage"] == pytest.approx(math.exp(-0.125))
    assert found["soft_match"] == pytest.approx((math.exp(-0.5) + math.exp(-0.125)) / 2)


def test_a_box_of_another_size_loses_coverage_and_not_the_point():
    # Same centre, twice the size: sigma 5 and 10 in both dimensions; s = (25 + 100) / 2 = 62.5 each;
    # D_B = 2 * 1/2 ln(62.5 / 50) = ln 1.25; coverage = 0.8.
    found = values(verified(SOFT, "[-5, -5, 15, 15]", reference="[0, 0, 10, 10]", kind="box", point_weight=0.25))
    assert found["point"] == pytest.approx(1)
    assert found["coverage"] == pytest.approx(0.8)
    assert found["soft_match"] == pytest.approx(0.25 + 0.75 * 0.8)


@pytest.mark.parametrize(
    ("answer", "hit"), [("[4, 4, 20, 20]", 0), ("[4, 4, 16, 16]", 1), ("[1, 1, 2, 2]", 1), ("[10, 10, 0, 0]", 1)]
)
def test_a_hard_box_is_hit_by_its_centre(answer, hit):
    found = values(verified(SOFT, answer, reference="[0, 0, 10, 10]", kind="box", soft=False))
    assert found["soft_match"] == hit


def test_a_box_without_size_is_a_point_without_coverage():
    found = values(verified(SOFT, "[5, 5, 5, 5]", reference="[0, 0, 10, 10]", kind="box"))
    assert (found["point"], found["coverage"]) == (1, 0)


def test_numbers_and_dates_are_measured_by_the_scale():
    # sigma = 0.5 * 4 = 2; two off is one sigma.
    assert values(verified(SOFT, "about 12", reference="10", scale=4)) == {"soft_match": pytest.approx(math.exp(-0.5))}
    # 2024 has a 29 February: two days between 28 February and 1 March; sigma = 0.5 * 2 = 1.
    found = values(verified(SOFT, "on 2024-03-01", reference="2024-02-28", kind="date", scale=2))
    assert found["soft_match"] == pytest.approx(math.exp(-2))
    assert values(verified(SOFT, "12", reference="10", soft=False))["soft_match"] == 0
    assert values(verified(SOFT, "10.0", reference="10", soft=False))["soft_match"] == 1


def test_an_interval_is_a_box_in_one_dimension():
    # [2, 6] and [0, 4]: centres 4 and 2, sigma 2: point exp(-1/2), coverage exp(-4 / (8 * 4)).
    found = values(verified(SOFT, "characters (2, 6)", reference="[0, 4]", kind="interval"))
    assert found["point"] == pytest.approx(math.exp(-0.5))
    assert found["coverage"] == pytest.approx(math.exp(-0.125))
    hard = {"kind": "interval", "soft": False, "reference": "[0, 4]"}
    assert values(verified(SOFT, "[0, 4]", **hard))["soft_match"] == 1
    assert values(verified(SOFT, "[0, 5]", **hard))["soft_match"] == 0


def test_what_cannot_be_read_is_wrong_and_a_reference_that_cannot_is_no_value():
    assert values(verified(SOFT, "no box", reference="[0, 0, 1, 1]", kind="box")) == {
        "soft_match": 0, "point": 0, "coverage": 0,
    }  # fmt: skip
    assert values(verified(SOFT, "2024-02-30", reference="2024-02-28", kind="date")) == {"soft_match": 0}
    assert verified(SOFT, "[0, 0, 1, 1]", reference="none", kind="box").reason == "reference_not_readable"
    assert verified(SOFT, "[0, 0, 1, 1]", reference="[0, 0, 0, 1]", kind="box").reason == "reference_without_size"
    assert values(verified(SOFT, f"1{'0' * 200}", reference="1"))["soft_match"] == 0


# A route of two lines with one transfer, on a hard map: weight 1.5 + 0.5 = 2.
ROUTE = {
    "parts": [
        {"path": "/0/from", "equals": "Airport", "points": 1},
        {"path": "/1/to", "equals": "Zoo", "points": 1},
        {"path": "/0/line", "any_of": ["M1", "Metro 1"], "points": 3},
        {"path": "/1/line", "equals": "M2", "points": 3},
        {"path": "/0/to", "equals": "Market", "points": 1},
    ],
    "list": "",
    "length": 2,
    "difficulty": "hard",
    "bonus": 0.5,
}
RIGHT = '[{"from": "Airport", "to": "market ", "line": "Metro 1"}, {"from": "Market", "to": "Zoo", "line": "M2"}]'
DIRECT = {
    "parts": [
        {"path": "/0/from", "equals": "A", "points": 1},
        {"path": "/0/to", "equals": "B", "points": 1},
        {"path": "/0/line", "equals": "M1", "points": 4},
    ],
    "list": "",
    "length": 1,
}


def test_a_right_route_has_all_points_times_the_weight():
    # Detail 1 + 1 + 3 + 3 + 1 = 9; (10 + 0.5 * 9) * 2 = 29.
    found = values(verified(PARTIAL, RIGHT, metadata={"partial_credit": ROUTE}))
    assert found == {"partial_credit": 29, "detail": 9, "correct": 1}


def test_parts_that_are_right_count_where_the_answer_is_wrong():
    # The second line is wrong: detail 6; (0 + 0.5 * 6) * 2 = 6.
    result = verified(PARTIAL, RIGHT.replace("M2", "M3"), metadata={"partial_credit": ROUTE})
    assert values(result) == {"partial_credit": 6, "detail": 6, "correct": 0}
    assert [critique.text for critique in result.critiques] == ["/1/line is not as expected."]


def test_a_superfluous_segment_costs_five_points_and_a_right_one_none():
    # In the authors' code the only segment of a route without transfers loses five points, too.
    one = '{"from": "A", "to": "B", "line": "M1"}'
    direct = {"partial_credit": DIRECT}
    assert values(verified(PARTIAL, f"[{one}]", metadata=direct)) == {"partial_credit": 13, "detail": 6, "correct": 1}
    assert values(verified(PARTIAL, f"[{one}, {one}]", metadata=direct)) == {
        "partial_credit": 0.5, "detail": 1, "correct": 0,
    }  # fmt: skip
    three = f"[{one}, {one}, {one}]"
    assert values(verified(PARTIAL, three, metadata=direct))["detail"] == -4
    assert values(verified(PARTIAL, three, metadata=direct, floor=True))["detail"] == 0


def test_detail_is_ten_at_most():
    parts = [{"path": "", "equals": 1, "points": 30}]
    assert values(verified(PARTIAL, "1", metadata={"partial_credit": {"parts": parts}}))["detail"] == 10


def test_an_answer_without_json_is_wrong():
    found = values(verified(PARTIAL, "Take M1.", metadata={"partial_credit": ROUTE}))
    assert found == {"partial_credit": 0, "detail": 0, "correct": 0}
    thinking = OutputMessage("assistant", "Hm.", channel="thinking")
    assert values(verified(PARTIAL, thinking, metadata={"partial_credit": ROUTE}))["correct"] == 0


def test_true_is_not_one_and_indices_stay_within_lists():
    for answer, path, expected in (
        ("true", "", 0),
        ("1", "", 1),
        ("[1]", "/-1", 0),
        ("[1]", "/1", 0),
        ('{"a/b": 1}', "/a~1b", 1),
    ):
        template = {"parts": [{"path": path, "equals": 1}]}
        assert values(verified(PARTIAL, answer, metadata={"partial_credit": template}))["correct"] == expected


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (None, "a list of parts"),
        ({"parts": []}, "a list of parts"),
        ({"parts": [{"equals": 1}]}, "parts/0: expected an object with path"),
        ({"parts": [{"path": "a", "equals": 1}]}, "JSON pointer"),
        ({"parts": [{"path": "/a"}]}, "expected equals"),
        ({"parts": [{"path": "/a", "equals": 1, "points": "2"}]}, "parts/0/points is '2'"),
        ({"parts": [{"path": "/a", "equals": 1}], "difficulty": "extreme"}, "easy, middle, hard"),
        ({"parts": [{"path": "/a", "equals": 1}], "list": "/a", "length": "2"}, "length as a whole number"),
    ],
)
def test_a_template_that_cannot_be_read_names_what_is_wrong(template, problem):
    result = verified(PARTIAL, "{}", metadata={"partial_credit": template, "other": 1})
    assert result.reason == "invalid_metadata"
    assert problem in result.detail


def test_key_phrases_are_counted_once_and_shown_where_they_come_first():
    # "wait" twice, "therefore", "first": three phrases of twenty.
    text = "First, wait. Wait, it is 4. Therefore 4."
    result = verified(REASONING, text)
    assert values(result) == {"reasoning_pattern": pytest.approx(3 / 20), "repetition": 0, "self_play": 0}
    assert by_sentence(result, "key_phrases") == [2, 0, 1]


def test_a_phrase_is_no_part_of_a_word():
    assert values(verified(REASONING, "henceforth waiters thirst"))["reasoning_pattern"] == 0


def test_twenty_phrases_are_enough():
    text = ". ".join(PHRASES)
    assert len(PHRASES) == len(set(PHRASES)) == 40
    assert values(verified(REASONING, text))["reasoning_pattern"] == 1


def test_repetition_is_taken_off():
    # Words a b a b a: bigrams ab ba ab ba, two distinct ones occur twice, of four: 2/4.
    assert repeated_share("a b a b a", 2) == 0.5
    assert repeated_share("a b", 3) == 0
    # One phrase of one is enough: 1 - 0.5.
    found = values(verified(REASONING, "a b a b a", phrases="a", enough=1, n=2))
    assert found == {"reasoning_pattern": 0.5, "repetition": 0.5, "self_play": 0}


def test_further_turns_take_off_one_each_and_the_reward_is_never_negative():
    found = values(verified(REASONING, "Wait. User: and now? USER: and then?"))
    assert (found["reasoning_pattern"], found["self_play"]) == (0, 2)


def test_thinking_is_read_as_well():
    thinking = OutputMessage("assistant", "Wait.", channel="thinking")
    result = verified(REASONING, thinking, "Therefore 4.")
    assert values(result)["reasoning_pattern"] == pytest.approx(2 / 20)
    assert by_sentence(result, "key_phrases") == [1, 1]


def test_phrases_must_be_given():
    with pytest.raises(ParameterError, match="at least one phrase"):
        verified(REASONING, "a", phrases=" | ")
