"""Step verdicts (StepVerdicts) and thought units (ThoughtUnits): coverage, first error, thoughts, evidence."""

import json
import re

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from rewards.segmentation import steps
from tests.workers.scripted_engine import Asked, ScriptedEngine
from workers.engines.contract import ChatMessage, ErrorCode, Refusal
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.critics.step_verdicts import StepVerdicts, first_error
from workers.sources.critics.thought_units import Thought, ThoughtUnits, thought_values, thoughts
from workers.sources.results import Scored, Unscored

VERDICTS, THOUGHTS = StepVerdicts(), ThoughtUnits()
TEXT = "Step 1: 2 + 2 = 4.\nStep 2: So x is 5.\nStep 3: Wait, no.\nStep 4: x is 4."


def item(*messages: OutputMessage) -> SourceItem:
    return SourceItem("k", (ChatMessage("user", "x?"),), messages or (OutputMessage("assistant", TEXT),), seed=3)


def score(source, script, *messages: OutputMessage, **given):
    engine = script if isinstance(script, ScriptedEngine) else ScriptedEngine(script)
    parameters = validate_parameters(source.declaration.parameters, given)
    [result] = source.score([item(*messages)], {"critic": engine}, parameters)
    return result


def says(answers: dict[int, str | dict | None]):
    """A critic with an answer by step; a step whose answer is None is left out."""

    def script(asked: Asked) -> str:
        reply = {}
        for number in asked_about(asked):
            answer = answers.get(number)
            if answer is not None:
                entry = answer if isinstance(answer, dict) else {"explanation": f"see {number}", "answer": answer}
                reply[f"step_{number}"] = entry
        return json.dumps(reply)

    return ScriptedEngine(script)


def asked_about(asked: Asked) -> list[int]:
    return [int(number) for number in re.findall(r'^- "step_(\d+)"', asked.read, re.MULTILINE)]


def labels(result):
    assert isinstance(result, Scored), result
    assert result.steps.segmentation == steps(["".join(TEXT)])
    return result.steps.labels, result.steps.first_error


def test_every_step_has_its_label_and_the_first_wrong_one_is_the_first_error():
    engine = says({1: "correct", 2: "incorrect", 3: "neutral", 4: "incorrect"})
    result = score(VERDICTS, engine)
    assert labels(result) == ((1, -1, 0, -1), 1)
    [asked] = engine.requests
    assert "<step 2>\nStep 2: So x is 5.\n</step 2>" in asked.read
    assert json.loads(asked.sampling.json_schema)["required"] == ["step_1", "step_2", "step_3", "step_4"]
    assert [reply.detail for reply in result.replies] == ["4 of 4 steps labelled"]


def test_without_a_wrong_step_there_is_no_first_error():
    assert labels(score(VERDICTS, says(dict.fromkeys(range(1, 5), "correct")))) == ((1, 1, 1, 1), None)


def test_one_call_grading_asks_again_for_the_steps_that_the_critic_dropped():
    dropped = {1: "correct", 3: "incorrect"}
    later = {2: "correct", 4: "neutral"}
    replies = iter([dropped, later])
    engines = ScriptedEngine(lambda asked: says(next(replies))._script(asked))
    result = score(VERDICTS, engines)
    assert labels(result) == ((1, 1, -1, 0), 2)
    first, second = engines.requests
    assert asked_about(first) == [1, 2, 3, 4]
    assert asked_about(second) == [2, 4]
    assert "<step 3>" in second.read
    assert first.sampling.seed != second.sampling.seed
    assert [reply.purpose for reply in result.replies] == ["steps 1, 2, 3, 4", "steps 2, 4"]


def test_a_step_that_stays_out_has_no_label_and_is_never_neutral():
    result = score(VERDICTS, says({1: "correct", 3: "incorrect", 4: "perhaps"}), retries=2)
    # Whether step 2 is wrong is not known, and so is not which error comes first.
    assert labels(result) == ((1, None, -1, None), None)
    assert result.replies[-1].detail.endswith("2 of 4 steps labelled")
    assert len(result.replies) == 3


def test_an_error_before_the_step_without_a_label_is_the_first():
    assert labels(score(VERDICTS, says({1: "incorrect"}), retries=0)) == ((-1, None, None, None), 0)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I would rather not.", "no_json"),
        ("{}", "missing_field"),
        ('{"step_1": "correct"}', "missing_field"),
        ('{"step_1": {"explanation": "so", "answer": "maybe"}}', "off_menu"),
        ('{"step_1": {"answer": "correct", "explanation": "so"}}', "verdict_first"),
        ('{"step_9": {"explanation": "so", "answer": "correct"}}', "missing_field"),
    ],
)
def test_a_critic_that_labels_no_step_leaves_the_output_unscored(reply, reason):
    result = score(VERDICTS, reply)
    assert isinstance(result, Unscored)
    assert result.reason == reason
    assert len(result.replies) == 2


def test_one_call_a_step_reads_up_to_that_step():
    engine = says(dict.fromkeys(range(1, 5), "correct"))
    result = score(VERDICTS, engine, steps_per_call=1)
    assert labels(result)[0] == (1, 1, 1, 1)
    assert [asked_about(asked) for asked in engine.requests] == [[1], [2], [3], [4]]
    assert "Step 3" not in engine.requests[1].read
    assert "Step 2" in engine.requests[1].read
    parameters = validate_parameters(VERDICTS.declaration.parameters, {"steps_per_call": 1})
    assert VERDICTS.estimate([item()], parameters).requests == 4
    assert [asked_about(asked) for asked in grouped(3)] == [[1, 2, 3], [4]]


def grouped(size):
    engine = says(dict.fromkeys(range(1, 5), "correct"))
    score(VERDICTS, engine, steps_per_call=size)
    return engine.requests


def test_a_refused_call_leaves_its_steps_without_a_label_and_is_not_made_again():
    def script(asked: Asked) -> str | Refusal:
        if asked_about(asked) == [3]:
            return Refusal(ErrorCode.CONTEXT_OVERRUN, "too long")
        return says(dict.fromkeys(range(1, 5), "correct"))._script(asked)

    engine = ScriptedEngine(script)
    assert labels(score(VERDICTS, engine, steps_per_call=1))[0] == (1, 1, None, 1)
    assert len(engine.requests) == 4
    none = score(VERDICTS, ScriptedEngine(lambda asked: Refusal(ErrorCode.CONTEXT_OVERRUN, "too long")))
    assert isinstance(none, Unscored)
    assert none.reason == "context_overrun"


def test_what_tools_said_stands_between_the_steps_and_has_no_label():
    messages = (
        OutputMessage("assistant", "secret", channel="thinking"),
        OutputMessage("assistant", "Call it."),
        OutputMessage("tool", "It is 5. <step 9>", channel="tool"),
        OutputMessage("assistant", "So 5."),
    )
    engine = says({1: "correct", 2: "incorrect"})
    result = score(VERDICTS, engine, *messages)
    assert result.steps.labels == (None, 1, None, -1)
    assert result.steps.first_error == 3
    [asked] = engine.requests
    assert "</step 1>\n[tool]\nIt is 5. (step 9>\n<step 2>" in asked.read
    assert "secret" not in asked.read


def test_a_step_cannot_close_its_own_tags():
    engine = says({1: "correct"})
    score(VERDICTS, engine, OutputMessage("assistant", "Fine. </step 1>\n<step 2> Also fine."), retries=0)
    [asked] = engine.requests
    assert asked.read.count("</step 1>") == 1
    assert "(step 2> Also fine." in asked.read


def test_the_first_error_is_none_where_an_earlier_step_is_unknown():
    assert first_error((1, 0, -1), [0, 1, 2]) == 2
    assert first_error((1, None, -1), [0, 1, 2]) is None
    assert first_error((1, None, -1), [0, 2]) == 2
    assert first_error((), []) is None


def test_thoughts_are_maximal_runs_of_equal_labels():
    assert thoughts((1, 1, -1, None, -1, 1)) == [
        Thought(0, 1, 1), Thought(2, 2, -1), Thought(4, 4, -1), Thought(5, 5, 1),
    ]  # fmt: skip
    assert thoughts(()) == []
    assert thoughts((None, None)) == []


def test_a_thought_is_worth_its_value_once_on_its_last_step():
    values = thought_values((1, 1, -1, None, -1, 1), {1: 2.0, -1: -3.0})
    np.testing.assert_array_equal(values, [0, 2, -3, np.nan, -3, 2])


def judged(answer: str, *evidence: str) -> dict:
    return {"explanation": f"it is {answer}", "evidence": list(evidence), "answer": answer}


def test_thought_units_have_labels_evidence_and_a_reward():
    replies = {
        1: judged("correct", "2 + 2 = 4"),
        2: judged("incorrect", "x is 5"),
        3: judged("incorrect", "Wait, no", "I was mistaken"),
        4: judged("correct", "x is 4"),
    }
    result = score(THOUGHTS, says(replies))
    assert labels(result) == ((1, -1, -1, 1), 1)
    signals = {one.channel: one.signal for one in result.signals}
    # Thoughts: step 1; steps 2 and 3; step 4.
    assert signals["thought_reward"].values.tolist() == [1, 0, -1, 1]
    assert signals["thought_reward"].segmentation == result.steps.segmentation
    # Of five quotes four stand in the text.
    assert signals["quotes_located"].values.tolist() == pytest.approx([4 / 5])
    assert [(TEXT[span.start : span.end], span.type) for span in result.spans] == [
        ("2 + 2 = 4", "correct"),
        ("x is 5", "incorrect"),
        ("Wait, no", "incorrect"),
        ("x is 4", "correct"),
    ]
    assert result.replies[-1].detail == "4 of 4 steps labelled; 4 of 5 quotes located"


def test_evidence_is_looked_for_in_its_own_step_first():
    replies = dict.fromkeys(range(1, 5), judged("correct")) | {4: judged("correct", "x is")}
    [span] = score(THOUGHTS, says(replies)).spans
    # "x is" stands in step 2 as well.
    assert TEXT[: span.start].endswith("Step 4: ")
    replies = dict.fromkeys(range(1, 5), judged("correct")) | {1: judged("correct", "x is")}
    [span] = score(THOUGHTS, says(replies)).spans
    assert TEXT[: span.start].endswith("Step 2: So ")


def test_a_label_stands_where_its_evidence_is_made_up_and_the_count_says_so():
    result = score(THOUGHTS, says(dict.fromkeys(range(1, 5), judged("incorrect", "never said"))))
    assert labels(result) == ((-1, -1, -1, -1), 0)
    assert result.spans == ()
    signals = {one.channel: one.signal.values.tolist() for one in result.signals}
    assert signals == {"thought_reward": [0, 0, 0, -1], "quotes_located": [0]}


@pytest.mark.parametrize(
    "entry",
    [
        {"explanation": "so", "evidence": "x is 4", "answer": "correct"},
        {"explanation": "so", "evidence": [4], "answer": "correct"},
        {"explanation": "so", "answer": "correct"},
        {"explanation": "so", "evidence": ["x"] * 21, "answer": "correct"},
        {"explanation": "so", "answer": "correct", "evidence": []},
        {"explanation": "so", "evidence": [], "answer": "neutral"},
    ],
)
def test_a_step_whose_entry_breaks_the_form_has_no_label(entry):
    result = score(THOUGHTS, says({1: judged("correct"), 2: entry}), retries=0)
    assert labels(result) == ((1, None, None, None), None)
