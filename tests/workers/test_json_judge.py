"""The one-line rubric judge (JsonJudge): rubric, demonstrations in the form of the answer, rationale and verdict."""

import json
from typing import Any

import pytest

from rewards.parameters import ParameterError, parameters_schema, validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.json_judge import JsonJudge, read_demonstrations
from workers.sources.results import Scored, Unscored

SOURCE = JsonJudge()
DEMONSTRATIONS = [
    {"task": "Name a fruit.", "response": "An apple.", "rationale": "It is one.", "verdict": 9},
    {"task": "Name a tree.", "response": "A cat.", "rationale": "It is none.", "verdict": 1},
]
LINES = "\n".join(json.dumps(one) for one in DEMONSTRATIONS)
ITEM = SourceItem("k", (ChatMessage("user", "Name a bird."),), (OutputMessage("assistant", "An owl."),), seed=4)


def parameters(**given):
    return validate_parameters(SOURCE.declaration.parameters, given)


def judge(engine: Any = None, **given):
    engine = engine or ScriptedEngine(json.dumps({"explanation": "An owl is a bird.", "answer": 8}))
    chosen = parameters(**given)
    SOURCE.check(chosen, ["judge"])
    [result] = SOURCE.score([ITEM], {"judge": engine}, chosen)
    return result, engine


def test_the_verdict_is_a_rating_and_the_rationale_a_comment():
    result, engine = judge()
    assert isinstance(result, Scored)
    [rating] = result.ratings
    assert (rating.question, rating.value, rating.low, rating.high) == ("overall", 8, 1, 10)
    [comment] = result.critiques
    assert (comment.kind, comment.text) == ("comment", "An owl is a bird.")
    assert result.signals == ()
    assert engine.requests[0].sampling.seed == 4


def test_the_first_k_demonstrations_are_turns_in_the_very_form_of_the_answer():
    for k in (0, 1, 2):
        _, engine = judge(demonstrations=LINES, shots=k)
        messages = engine.requests[0].prompt.messages
        assert [message.role for message in messages] == ["user", "assistant"] * k + ["user"]
        for one, asked, answer in zip(DEMONSTRATIONS, messages[::2], messages[1::2], strict=False):
            assert f"<task>\n{one['task']}\n</task>" in asked.text
            assert f"<response>\n{one['response']}\n</response>" in asked.text
            assert json.loads(answer.text) == {"explanation": one["rationale"], "answer": one["verdict"]}
        assert "<response>\nAn owl.\n</response>" in messages[-1].text
        # All questions are worded alike but for the texts.
        assert len({message.text.split("How good")[1] for message in messages[::2]}) == 1


def test_a_judge_that_answers_by_probabilities_sees_demonstrations_of_that():
    # LetterEngine counts in the last message: "from 1 ... to 5" and "1, 2, 3, 4, 5", so weights 3, 2, 2, 2, 3.
    # Mean (3 + 4 + 6 + 8 + 15) / 12 = 3.
    lines = json.dumps({**DEMONSTRATIONS[0], "verdict": 5})
    result, engine = judge(ScriptedEngine(), demonstrations=lines, shots=1, answer_by="probabilities", scale="1-5")
    assert engine.asked[0].messages[1] == ChatMessage("assistant", "5")
    assert result.ratings[0].value == pytest.approx(3)
    assert result.critiques == ()
    # Second moment (3 + 8 + 18 + 32 + 75) / 12 = 34/3; variance 34/3 - 9 = 7/3.
    assert float(result.signals[0].signal.values[0]) == pytest.approx((7 / 3) ** 0.5, abs=1e-6)
    _, engine = judge(ScriptedEngine("Hm."), demonstrations=lines, shots=1, answer_by="reasoned", scale="1-5")
    assert engine.requests[0].prompt.messages[1].text == "It is one.\nAnswer:\n5"


def test_the_rubric_is_shown_as_one_line():
    _, engine = judge(rubric_json='{\n  "kind": "is it kind? </rubric>"\n}')
    read = engine.requests[0].read
    assert '<rubric>\n{"kind": "is it kind? (/rubric>"}\n</rubric>' in read


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"rubric_json": "[1]"}, "rubric_json", "expected a JSON object"),
        ({"rubric_json": "be kind"}, "rubric_json", "expected a JSON object"),
        ({"rubric_json": "[" * 1900}, "rubric_json", "expected a JSON object"),
        ({"demonstrations": LINES, "shots": 3}, "shots", "2 demonstrations are given"),
        ({"demonstrations": "{"}, "demonstrations", "line 1: expected a JSON object"),
        ({"demonstrations": LINES + "\n7"}, "demonstrations", "line 3: expected an object with task"),
        ({"demonstrations": '{"task": "x"}'}, "demonstrations", "line 1: expected an object with task"),
        ({"demonstrations": LINES, "scale": "1-5"}, "demonstrations", "line 1, verdict: expected a whole number"),
        (
            {"demonstrations": json.dumps({**DEMONSTRATIONS[0], "verdict": True})},
            "demonstrations",
            "line 1, verdict: expected a whole number from 1 to 10",
        ),
        ({"demonstrations": json.dumps({**DEMONSTRATIONS[0], "task": " "})}, "demonstrations", "line 1, task"),
        (
            {"demonstrations": json.dumps({**DEMONSTRATIONS[0], "task": "\ud800"})},
            "demonstrations",
            "line 1, task: lone surrogate",
        ),
    ],
)
def test_what_cannot_work_is_an_error_that_names_the_line_before_the_run(given, field, said):
    with pytest.raises(ParameterError) as caught:
        SOURCE.check(parameters(**given), ["judge"])
    assert said.lower() in caught.value.problems[field].lower()


def test_demonstrations_may_have_blank_lines_and_the_line_ends_of_a_form():
    given = parameters(demonstrations=f"{json.dumps(DEMONSTRATIONS[0])}\r\n\r\n{json.dumps(DEMONSTRATIONS[1])}\r\n")
    assert "\r" not in given["demonstrations"]
    assert [one.verdict for one in read_demonstrations(given["demonstrations"], (1, 10))] == [9, 1]


def test_a_long_text_of_demonstrations_is_allowed_where_other_texts_are_short():
    schema = parameters_schema(SOURCE.declaration.parameters)["properties"]
    assert schema["demonstrations"]["maxLength"] == 60_000
    assert schema["rubric_json"]["maxLength"] == 2_000
    with pytest.raises(ParameterError):
        parameters(rubric_json="x" * 2_001)
    parameters(demonstrations="x" * 60_000)


def test_a_reply_without_a_verdict_is_unscored():
    result, _ = judge(ScriptedEngine("An owl is a bird, so 8."), retries=0)
    assert isinstance(result, Unscored)
    assert result.reason == "no_json"


def test_the_estimate_counts_the_demonstrations():
    none = SOURCE.estimate([ITEM], parameters(demonstrations=LINES))
    two = SOURCE.estimate([ITEM], parameters(demonstrations=LINES, shots=2))
    _, engine = judge(demonstrations=LINES, shots=2)
    assert two.requests == none.requests == 1
    assert two.characters == sum(len(message.text) for message in engine.requests[0].prompt.messages)
    assert two.characters > 2 * none.characters
