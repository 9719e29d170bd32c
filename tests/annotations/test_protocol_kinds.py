"""What each kind of question takes as an answer, how it names what is wrong, and the rows that it plans."""

from typing import Any

import pytest

from annotations.protocols import ShownItem, ShownOutput, min_outputs, parse_questions, plan_judgments
from annotations.protocols.presets import (
    BEST_WORST,
    COMPARISON,
    CRITIQUE,
    EDIT,
    RANKING,
    RATING,
    SPANS,
    STEPS,
    STOP,
    TICK,
)
from projects.errors import AppError
from rewards.models import Comparison, Critique, RankedOutput, SpanMark, StepLabel, Verdict
from rewards.text import sha256_text

TEXT = "First line.\nSecond line.\nThird line."
CHECKLIST: dict[str, Any] = {
    "kind": "checklist",
    "key": "rubric",
    "prompt": "Does it meet these?",
    "criteria": [
        {
            "criterion": 7,
            "key": "true",
            "text": "States only what is true",
            "levels": [{"label": "Yes", "value": 1.0, "anchor": ""}, {"label": "No", "value": 0.0, "anchor": ""}],
            "allow_na": True,
        },
        {
            "criterion": 8,
            "key": "tone",
            "text": "What is its tone?",
            "levels": [{"label": "Warm", "value": 0.5, "anchor": ""}, {"label": "Other", "value": None, "anchor": ""}],
            "allow_na": False,
        },
    ],
}


def shown(labels="AB", text=TEXT, channels=()):
    outputs = [ShownOutput(label, number, [text], channels) for number, label in enumerate(labels, start=11)]
    return ShownItem(outputs, [output.pk for output in outputs], 0)


def planned(question, answer, item=None):
    questions = parse_questions([question])
    return plan_judgments(questions, {question["key"]: answer}, item or shown())


def refused(question, answer, item=None):
    with pytest.raises(AppError) as error:
        planned(question, answer, item)
    assert error.value.code == "answer_invalid"
    return error.value.fields


def place(start, end, text=TEXT, **fields):
    return {
        "message": 0,
        "start": start,
        "end": end,
        "quote": text[start:end],
        "text_sha256": sha256_text(text),
        **fields,
    }


class TestConfiguration:
    @pytest.mark.parametrize(
        ("question", "field"),
        [
            ({**COMPARISON, "steps": 4}, "questions.0.steps"),
            ({**COMPARISON, "steps": 9}, "questions.0.steps"),
            ({**RANKING, "allow_ties": "yes"}, "questions.0.allow_ties"),
            ({**STEPS, "segmenter": "token"}, "questions.0.segmenter"),
            ({**STEPS, "mode": "some"}, "questions.0.mode"),
            ({**CRITIQUE, "voices": []}, "questions.0.voices"),
            ({**CRITIQUE, "voices": ["king"]}, "questions.0.voices"),
            ({**EDIT, "confidence": 3}, "questions.0.confidence"),
            ({**TICK, "tikcs": 3}, "questions.0.tikcs"),
            ({**CHECKLIST, "criteria": []}, "questions.0.criteria"),
            (
                {**CHECKLIST, "criteria": [{**CHECKLIST["criteria"][0], "criterion": None}]},
                "questions.0.criteria.0.criterion",
            ),
            ({**CHECKLIST, "criteria": [{**CHECKLIST["criteria"][0], "levels": []}]}, "questions.0.criteria.0.levels"),
            (
                {**CHECKLIST, "criteria": [{**CHECKLIST["criteria"][0], "levels": [{"label": "a", "value": "x"}] * 2}]},
                "questions.0.criteria.0.levels.0.value",
            ),
            ({**CHECKLIST, "criteria": [CHECKLIST["criteria"][0]] * 2}, "questions.0.criteria"),
        ],
    )
    def test_a_question_that_does_not_fit_names_its_field(self, question, field):
        with pytest.raises(AppError) as error:
            parse_questions([question])
        assert field in error.value.fields

    @pytest.mark.parametrize("question", [CHECKLIST, {**COMPARISON, "steps": 7}, {**RANKING, "confidence": True}])
    def test_a_question_comes_back_as_it_was_written(self, question):
        written = [found.config() for found in parse_questions([question])]
        assert [found.config() for found in parse_questions(written)] == written
        assert question.items() <= written[0].items()

    @pytest.mark.parametrize("question", [SPANS, STEPS, STOP, EDIT])
    def test_what_the_page_can_ask_once_is_asked_once(self, question):
        with pytest.raises(AppError) as error:
            parse_questions([question, {**question, "key": "again"}])
        assert "questions" in error.value.fields

    def test_each_kind_says_how_many_outputs_it_needs(self):
        needs = {
            kind["kind"]: min_outputs(parse_questions([kind])) for kind in (RANKING, BEST_WORST, TICK, STEPS, EDIT)
        }
        assert needs == {"ranking": 2, "best_worst": 3, "tick": 2, "steps": 1, "edit": 1}


class TestGradedComparison:
    @pytest.mark.parametrize(
        ("steps", "choice", "side", "strength"),
        [(3, "A", "a", None), (5, "A+2", "a", 2), (5, "B+1", "b", 1), (7, "B+3", "b", 3), (7, "A+1", "a", 1)],
    )
    def test_a_side_comes_with_its_steps_from_the_middle(self, steps, choice, side, strength):
        (plan,) = planned({**COMPARISON, "steps": steps}, {"A-B": choice})
        (row,) = plan.rows
        assert isinstance(row, Comparison)
        assert (row.choice, row.strength, row.tie_kind) == (side, strength, "")
        assert plan.presentation["steps"] == steps

    @pytest.mark.parametrize("tie", ["both_good", "both_bad", "cannot_tell"])
    def test_a_tie_keeps_its_kind_and_has_no_strength(self, tie):
        ((row,),) = [plan.rows for plan in planned({**COMPARISON, "steps": 5}, {"A-B": tie})]
        assert (row.choice, row.strength, row.tie_kind) == ("tie", None, tie)

    def test_the_side_is_of_the_output_and_not_of_the_screen(self):
        # B is stored first: its side is a, wherever it was shown.
        outputs = [ShownOutput("A", 12, [TEXT]), ShownOutput("B", 11, [TEXT])]
        ((row,),) = [
            plan.rows for plan in planned({**COMPARISON, "steps": 5}, {"A-B": "B+2"}, ShownItem(outputs, [11, 12], 0))
        ]
        assert (row.choice, row.output_a_id, row.output_b_id) == ("a", 11, 12)

    @pytest.mark.parametrize(("steps", "choice"), [(3, "A+1"), (5, "A"), (5, "A+3"), (7, "equal"), (5, ["A+1"])])
    def test_an_answer_that_is_not_offered_is_refused(self, steps, choice):
        assert "preference.A-B" in refused({**COMPARISON, "steps": steps}, {"A-B": choice})

    def test_steps_are_offered_from_one_side_to_the_other(self):
        (question,) = parse_questions([{**COMPARISON, "steps": 5, "ties": ["equal"]}])
        (pair,) = question.layout(shown())["pairs"]
        assert [choice["value"] for choice in pair["choices"]] == ["A+2", "A+1", "equal", "B+1", "B+2"]


class TestRanking:
    def test_places_become_tiers_and_ties_share_one(self):
        (plan,) = planned(RANKING, {"order": [["B"], ["A", "C"]]}, shown("ABC"))
        places = {row.output_id: row.tier for row in plan.rows if isinstance(row, RankedOutput)}
        assert places == {12: 1, 11: 2, 13: 2}
        assert (plan.kind, plan.output_id, plan.presentation["asked"]) == ("ranking", None, "ranking")

    @pytest.mark.parametrize(
        ("order", "words"),
        [
            (None, "Rank the responses"),
            ([], "Rank the responses"),
            ([["A"]], "B, C have no place yet"),
            ([["A"], ["B"], ["C"], ["A"]], "one place only"),
            ([["A"], ["B"], ["Z"]], "The responses are A, B, C"),
            ([["A"], [], ["B", "C"]], "Expected a list of places"),
            (["A", "B", "C"], "Expected a list of places"),
            ([[["A"]], ["B"]], "The responses are"),
        ],
    )
    def test_an_order_that_is_none_is_refused_with_what_is_missing(self, order, words):
        fields = refused(RANKING, {"order": order}, shown("ABC"))
        assert words in fields["ranking.order"][0]

    def test_ties_can_be_ruled_out(self):
        assert "ranking.order" in refused({**RANKING, "allow_ties": False}, {"order": [["A", "B"]]})
        assert planned({**RANKING, "allow_ties": False}, {"order": [["B"], ["A"]]})

    def test_one_that_is_optional_may_be_left_out_but_not_half_done(self):
        assert planned({**RANKING, "required": False}, {}) == []
        assert "ranking.order" in refused({**RANKING, "required": False}, {"order": [["A"]]})


class TestPicks:
    def test_best_and_worst_are_the_ends_and_nothing_is_said_of_the_others(self):
        (plan,) = planned(BEST_WORST, {"best": "C", "worst": "A"}, shown("ABCD"))
        assert {row.output_id: row.tier for row in plan.rows[1:]} == {11: 3, 12: 2, 13: 1, 14: 2}
        assert plan.presentation["asked"] == "best_worst"

    @pytest.mark.parametrize(
        ("answer", "field"),
        [
            ({"best": "A"}, "best-worst.worst"),
            ({"best": "A", "worst": "A"}, "best-worst.worst"),
            ({"best": "Z", "worst": "A"}, "best-worst.best"),
            ({"best": "A", "worst": "B", "middle": "C"}, "best-worst.middle"),
        ],
    )
    def test_a_pick_that_does_not_fit_is_named(self, answer, field):
        assert field in refused(BEST_WORST, answer, shown("ABC"))

    @pytest.mark.parametrize(("good", "tiers"), [(["B"], [2, 1]), (["A", "B"], [1, 1]), ([], [2, 2])])
    def test_ticked_ones_are_relevant_and_the_others_are_not_even_where_all_are_alike(self, good, tiers):
        (plan,) = planned(TICK, {"good": good})
        assert [row.tier for row in plan.rows[1:]] == tiers

    @pytest.mark.parametrize("good", [None, "A", ["A", "A"], ["Z"], [["A"]]])
    def test_no_answer_is_not_the_answer_that_none_is_good(self, good):
        assert "good.good" in refused(TICK, {"good": good})


class TestChecklist:
    def test_every_criterion_gets_a_verdict_and_not_applicable_has_no_value(self):
        answer = {"A/true": 1, "A/tone": 1, "B/true": "na", "B/tone": 2}
        first, second = planned(CHECKLIST, answer)
        verdicts = {row.criterion_id: (row.state, row.label, row.value) for row in first.rows}
        assert verdicts == {7: ("scored", "Yes", 1.0), 8: ("scored", "Warm", 0.5)}
        # A level without a value says nothing of worth: unscored, with the reason, and never 0.
        without_labels = {row.criterion_id: (row.state, row.value) for row in second.rows}
        assert without_labels == {7: ("not_applicable", None), 8: ("unscored", None)}
        assert second.rows[1].reason
        assert (first.kind, first.output_id) == ("verdicts", 11)

    def test_evidence_is_bound_to_its_criterion(self):
        evidence = [place(0, 5, output="B", type="tone")]
        plans = planned(CHECKLIST, {"A/true": 1, "A/tone": 1, "B/true": 2, "B/tone": 1, "evidence": evidence})
        marks = [row for plan in plans for row in plan.rows if isinstance(row, SpanMark)]
        assert [(mark.output_id, mark.quote, mark.criterion_id, mark.type) for mark in marks] == [
            (12, "First", 8, "evidence")
        ]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"A/true": None}, "rubric.A/true"),
            ({"A/true": 3}, "rubric.A/true"),
            ({"A/true": 0}, "rubric.A/true"),
            ({"A/true": True}, "rubric.A/true"),
            ({"A/tone": "na"}, "rubric.A/tone"),
            ({"C/true": 1}, "rubric.C/true"),
            ({"evidence": [place(0, 5, output="A", type="other")]}, "rubric.evidence.0.type"),
            ({"evidence": [place(0, 5, output="Z", type="true")]}, "rubric.evidence.0.output"),
            ({"evidence": [place(0, 5, output="A", type="true", quote="Other")]}, "rubric.evidence.0"),
            ({"evidence": ["x"]}, "rubric.evidence.0"),
            ({"evidence": "x"}, "rubric.evidence"),
        ],
    )
    def test_an_answer_that_does_not_fit_is_named(self, change, field):
        answer = {"A/true": 1, "A/tone": 1, "B/true": 2, "B/tone": 1, **change}
        assert field in refused(CHECKLIST, answer)

    def test_evidence_is_refused_where_it_is_not_asked(self):
        answer = {
            "A/true": 1,
            "A/tone": 1,
            "B/true": 2,
            "B/tone": 1,
            "evidence": [place(0, 5, output="A", type="true")],
        }
        assert "rubric.evidence" in refused({**CHECKLIST, "evidence": False}, answer)

    def test_one_that_is_optional_stores_what_was_answered(self):
        plans = planned({**CHECKLIST, "required": False}, {"B/true": 2})
        assert [(plan.output_id, len(plan.rows)) for plan in plans] == [(12, 1)]


class TestSteps:
    def test_each_step_gets_its_label_and_the_first_error_is_known(self):
        answer = {"A/0": 1, "A/1": -1, "A/2": -1, "B/0": 0, "B/1": 1, "B/2": 1}
        first, second = planned(STEPS, answer)
        assert [(row.step, row.label, row.is_first_error) for row in first.rows] == [
            (0, 1, False),
            (1, -1, True),
            (2, -1, False),
        ]
        assert [row.label for row in second.rows] == [0, 1, 1]
        # The lines of the text, each with its line break.
        assert first.cut.spans.tolist() == [[0, 0, 12], [0, 12, 25], [0, 25, 36]]

    def test_up_to_the_first_error_nothing_more_is_asked(self):
        question = {**STEPS, "mode": "first_error"}
        first, second = planned(question, {"A/0": -1, "B/0": 1, "B/1": 0, "B/2": 1})
        assert [row.step for row in first.rows] == [0]
        assert len(second.rows) == 3
        fields = refused(question, {"A/0": -1, "A/1": 1, "B/0": 1, "B/1": 0})
        assert set(fields) == {"steps.A/1", "steps.B/2"}

    @pytest.mark.parametrize("value", [2, True, "1", 1.0, [1], None])
    def test_a_label_that_is_none_is_refused_by_its_step(self, value):
        answer = {"A/0": value, "A/1": 1, "A/2": 1, "B/0": 1, "B/1": 1, "B/2": 1}
        assert set(refused(STEPS, answer)) == {"steps.A/0"}

    def test_a_step_that_is_not_there_is_refused(self):
        assert "steps.A/3" in refused({**STEPS, "required": False}, {"A/3": 1})

    def test_a_text_without_steps_asks_nothing(self):
        assert planned(STEPS, {}, shown("A", text="")) == []

    def test_sentences_can_be_the_steps(self):
        question = {**STEPS, "segmenter": "sentence"}
        (plan,) = planned(question, {"A/0": 1, "A/1": 1}, shown("A", text="One thing. Another thing."))
        assert all(isinstance(row, StepLabel) for row in plan.rows)
        assert plan.cut.spans.tolist() == [[0, 0, 11], [0, 11, 25]]


class TestWords:
    def test_a_corrected_text_is_kept_whole_and_an_equal_one_says_that_it_is_right(self):
        fixed = TEXT.replace("Second", "2nd")
        first, second = planned(EDIT, {"A": fixed, "B": TEXT})
        assert [(row.kind, row.text) for row in first.rows] == [(Critique.Kind.EDIT, fixed)]
        assert second.rows == []
        assert (first.presentation["changed"], second.presentation["changed"]) == (True, False)
        assert first.presentation["text_sha256"] == sha256_text(TEXT)

    @pytest.mark.parametrize("text", ["", "\n"])
    def test_an_empty_response_may_be_right_as_it_is(self, text):
        assert [plan.rows for plan in planned(EDIT, {"A": text, "B": text}, shown(text=text))] == [[], []]

    def test_the_answer_is_edited_and_not_the_thinking(self):
        output = ShownOutput("A", 11, ["hm", "Said.", "out"], ["thinking", "answer", "tool"])
        (question,) = parse_questions([EDIT])
        assert question.layout(ShownItem([output], [11], 0)) == {"messages": {"A": 1}}

    @pytest.mark.parametrize("value", [None, "", "  ", 5, "nul \x00", "half \ud800", "x" * 100_001])
    def test_a_text_that_cannot_be_kept_is_refused(self, value):
        assert set(refused(EDIT, {"A": value, "B": TEXT})) == {"edit.A"}

    def test_two_voices_are_two_critiques_of_one_judgment(self):
        (plan,) = planned(CRITIQUE, {"A/user": "Fine.", "A/reviewer": "It omits the year."}, shown("A"))
        assert [(row.kind, row.text) for row in plan.rows] == [
            (Critique.Kind.USER_VOICE, "Fine."),
            (Critique.Kind.REVIEWER_VOICE, "It omits the year."),
        ]

    @pytest.mark.parametrize(
        ("part", "value"), [("A/user", " "), ("A/user", ["x"]), ("A/king", "Off"), ("A/user", "\x00")]
    )
    def test_words_that_do_not_fit_are_named(self, part, value):
        answer = {"A/user": "Fine.", "A/reviewer": "Fine.", part: value}
        assert set(refused(CRITIQUE, answer, shown("A"))) == {f"critique.{part}"}


class TestStop:
    def test_the_place_is_negative_and_going_on_has_no_place(self):
        first, second = planned(STOP, {"A": place(12, 18), "B": "none"})
        (mark,) = first.rows
        assert (mark.quote, mark.value, mark.type) == ("Second", -1.0, "stop")
        assert second.rows == []
        assert first.kind == "spans"

    @pytest.mark.parametrize(
        "value",
        [None, "end", place(12, 12), place(30, 99), place(0, 5, quote="Other"), place(0, 5, text_sha256="x"), 3],
    )
    def test_a_place_that_is_not_in_the_text_is_refused(self, value):
        assert set(refused(STOP, {"A": value, "B": "none"})) == {"stop.A"}


class TestConfidence:
    QUESTIONS = parse_questions([{**RATING, "confidence": True}, {**RANKING, "confidence": True, "required": False}])

    def test_it_is_kept_with_each_judgment_of_its_question(self):
        answer = {"overall": {"A": 6, "B": 2}, "confidence": {"overall": 3}}
        assert [plan.presentation["confidence"] for plan in plan_judgments(self.QUESTIONS, answer, shown())] == [3, 3]

    @pytest.mark.parametrize(
        ("told", "fields"),
        [
            ({}, {"confidence.overall"}),
            ({"overall": 4}, {"confidence.overall"}),
            ({"overall": True}, {"confidence.overall"}),
            ({"overall": [1]}, {"confidence.overall"}),
            ({"overall": 2.0}, {"confidence.overall"}),
            ({"overall": 1, "other": 1}, {"confidence.other"}),
            ([], {"confidence", "confidence.overall"}),
        ],
    )
    def test_what_does_not_fit_is_named(self, told, fields):
        with pytest.raises(AppError) as error:
            plan_judgments(self.QUESTIONS, {"overall": {"A": 6, "B": 2}, "confidence": told}, shown())
        assert set(error.value.fields) == fields

    def test_an_optional_question_that_was_answered_needs_it(self):
        answer = {"overall": {"A": 6, "B": 2}, "ranking": {"order": [["A"], ["B"]]}, "confidence": {"overall": 1}}
        with pytest.raises(AppError) as error:
            plan_judgments(self.QUESTIONS, answer, shown())
        assert set(error.value.fields) == {"confidence.ranking"}

    def test_it_is_not_asked_unless_a_question_says_so_and_takes_no_questions_name(self):
        with pytest.raises(AppError) as error:
            plan_judgments(parse_questions([RATING]), {"overall": {"A": 6, "B": 2}, "confidence": {}}, shown())
        assert "confidence" in error.value.fields
        with pytest.raises(AppError) as error:
            parse_questions([{**RATING, "key": "confidence", "confidence": True}])
        assert "questions.0.key" in error.value.fields


def test_a_part_that_holds_no_object_is_refused_for_every_kind():
    for question in (RATING, COMPARISON, RANKING, TICK, STEPS, EDIT, CRITIQUE, STOP, CHECKLIST):
        assert refused(question, ["x"])[question["key"]]
    assert refused(BEST_WORST, "x", shown("ABC"))["best-worst"]


def test_verdicts_of_an_unscored_level_are_no_zero():
    rows = [row for plan in planned(CHECKLIST, {"A/true": 2, "A/tone": 2}, shown("A")) for row in plan.rows]
    assert [(row.state, row.value) for row in rows] == [(Verdict.State.SCORED, 0.0), (Verdict.State.UNSCORED, None)]
