"""Verbal feedback (VerbalFeedback): two voices, a summary and a score of one call, and no score where it is unread."""

import json
from typing import Any

import pytest

from rewards.parameters import validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Scored, Unscored
from workers.sources.verbal_feedback import FIELDS, VerbalFeedback

SOURCE = VerbalFeedback()
SAID = {
    "user_feedback": "I still do not know how much to take.",
    "correctness": "The dose is right.",
    "logical_rigor": "Follows.",
    "completeness": "No word on children.",
    "clarity": "Plain.",
    "summary": "Mostly sound, somewhat thin.",
    "score": 6,
}


def score(reply: str, response: str = "Take two.", **given):
    engine: Any = ScriptedEngine(reply)
    item = SourceItem("k", (ChatMessage("user", "how much?"),), (OutputMessage("assistant", response),), "two")
    parameters = validate_parameters(SOURCE.declaration.parameters, {"retries": 0, **given})
    [result] = SOURCE.score([item], {"judge": engine}, parameters)
    return result, engine


def test_one_call_gives_both_voices_a_summary_and_a_score():
    result, engine = score(json.dumps(SAID))
    assert isinstance(result, Scored)
    [rating] = result.ratings
    assert (rating.question, rating.value, rating.low, rating.high) == ("overall", 6, 0, 10)
    assert {critique.kind: critique.text for critique in result.critiques} == {
        "user_voice": "I still do not know how much to take.",
        "reviewer_voice": (
            "Correctness: The dose is right.\nLogical rigor: Follows.\nCompleteness: No word on children.\n"
            "Clarity: Plain."
        ),
        "summary": "Mostly sound, somewhat thin.",
    }
    assert len(engine.requests) == len(result.replies) == 1
    asked = engine.requests[0]
    # The words come before the number, in the form, in the schema and in the reply.
    places = [asked.read.index(f'"{name}"') for name in FIELDS]
    assert places == sorted(places)
    assert list(json.loads(asked.sampling.json_schema)["properties"]) == list(FIELDS)
    assert list(FIELDS)[-1] == "score"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("The response is fine, I would say.", "no_json"),
        (json.dumps({**SAID, "score": "five"}), "out_of_range"),
        (json.dumps({**SAID, "score": 11}), "out_of_range"),
        (json.dumps({**SAID, "score": -1}), "out_of_range"),
        (json.dumps({**SAID, "score": 6.5}), "out_of_range"),
        (json.dumps({**SAID, "score": None}), "missing_field"),
        (json.dumps({name: said for name, said in SAID.items() if name != "summary"}), "missing_field"),
        (json.dumps({**SAID, "clarity": ""}), "missing_field"),
        (json.dumps({"score": 6, **{name: said for name, said in SAID.items() if name != "score"}}), "verdict_first"),
    ],
)
def test_a_reply_that_cannot_be_read_is_unscored_and_not_the_middle_score_of_five(reply, reason):
    # The released implementation gives such a reply the score 5.
    result, _ = score(reply)
    assert isinstance(result, Unscored)
    assert result.reason == reason
    assert result.replies[0].text == reply


def test_the_ends_of_the_scale_are_scores():
    for number in (0, 10):
        result, _ = score(json.dumps({**SAID, "score": number}))
        assert result.ratings[0].value == number


def test_the_reference_is_shown_where_the_parameter_says_so():
    for shown in (True, False):
        _, engine = score(json.dumps(SAID), use_reference=shown)
        assert ("<reference>\ntwo\n</reference>" in engine.requests[0].read) == shown
