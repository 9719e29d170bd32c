"""The thinking reward (ThinkingReward): five dimensions and the whole, in steps of a tenth."""

import json
from typing import Any

import pytest

from rewards.parameters import validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Scored, Unscored
from workers.sources.thinking_reward import DIMENSIONS, ThinkingReward

SOURCE = ThinkingReward()
SAID = {
    "explanation": "It finds its slip in the second line.",
    "logical_soundness": 0.9,
    "correct_reasoning": 1,
    "error_identification": 0.7,
    "language_consistency": 1.0,
    "redundancy": "0.3",
    "overall": 0.8,
}
THOUGHT = OutputMessage("assistant", "two and two is four", channel="thinking")
ANSWER = OutputMessage("assistant", "It is four.")


def score(reply: str | dict, *messages: OutputMessage, **given):
    engine: Any = ScriptedEngine(reply if isinstance(reply, str) else json.dumps(reply))
    item = SourceItem("k", (ChatMessage("user", "2 + 2?"),), messages or (THOUGHT, ANSWER))
    parameters = validate_parameters(SOURCE.declaration.parameters, {"retries": 0, **given})
    [result] = SOURCE.score([item], {"judge": engine}, parameters)
    return result, engine


def test_every_dimension_and_the_whole_is_a_rating_from_0_to_1():
    result, _ = score(SAID)
    assert isinstance(result, Scored)
    assert {rating.question: rating.value for rating in result.ratings} == {
        "logical_soundness": 0.9,
        "correct_reasoning": 1.0,
        "error_identification": 0.7,
        "language_consistency": 1.0,
        "redundancy": 0.3,
        "overall": 0.8,
    }
    assert {(rating.low, rating.high) for rating in result.ratings} == {(0, 1)}
    assert len(DIMENSIONS) == 5


def test_the_judge_reads_the_thinking_and_not_the_answer():
    _, engine = score(SAID)
    assert "<response>\ntwo and two is four\n</response>" in engine.requests[0].read
    assert "It is four." not in engine.requests[0].read


def test_an_output_without_thinking_is_judged_by_its_answer_or_not_at_all():
    blank = OutputMessage("assistant", " \n", channel="thinking")
    for messages in ((ANSWER,), (blank, ANSWER)):
        _, engine = score(SAID, *messages)
        assert "<response>\nIt is four.\n</response>" in engine.requests[0].read
        result, engine = score(SAID, *messages, without_thinking="unscored")
        assert isinstance(result, Unscored)
        assert (result.reason, engine.requests) == ("no_thinking", [])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"overall": 0.85}, "out_of_range"),
        ({"overall": 8}, "out_of_range"),
        ({"redundancy": -0.1}, "out_of_range"),
        ({"redundancy": True}, "out_of_range"),
        ({"redundancy": None}, "missing_field"),
        ({"explanation": ""}, "missing_field"),
    ],
)
def test_a_number_off_the_scale_leaves_the_thinking_unscored(changed, reason):
    result, _ = score({**SAID, **changed})
    assert isinstance(result, Unscored)
    assert result.reason == reason


def test_numbers_before_their_reasons_are_no_ratings():
    result, _ = score({"overall": 0.5, **{name: said for name, said in SAID.items() if name != "overall"}})
    assert isinstance(result, Unscored)
    assert result.reason == "verdict_first"


def test_tenths_that_a_computer_cannot_hold_exactly_are_tenths():
    result, _ = score(json.dumps({**SAID, "overall": 0.1}).replace("0.1", "0.30000000000000004"))
    assert result.ratings[-1].value == 0.3
