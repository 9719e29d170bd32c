"""The DRLC critic (DrlcCritic): good and bad spans, matched and unmatched, with the examples and the gate it lacks."""

import json
from typing import Any

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from rewards.segmentation import words
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.critics.drlc import EXAMPLES, DrlcCritic, examples_text
from workers.sources.results import Scored, Unscored

SOURCE = DrlcCritic()
TEXT = "Good start, then dull talk and dull end"
# Words:  0    1      2    3    4    5   6    7


def item(*messages: OutputMessage) -> SourceItem:
    return SourceItem("k", (ChatMessage("user", "Tell me."),), messages or (OutputMessage("assistant", TEXT),), seed=3)


def score(reply, *messages: OutputMessage, **given):
    engine: Any = reply if isinstance(reply, ScriptedEngine) else ScriptedEngine(reply)
    [result] = SOURCE.score([item(*messages)], {"critic": engine}, parameters(**given))
    return result


def parameters(**given):
    return validate_parameters(SOURCE.declaration.parameters, given)


def said(*marks) -> str:
    """A critique; a mark is (quote, kind) or (quote, kind, occurrence)."""
    entries = [
        {"quote": quote, "occurrence": more[0] if more else None, "explanation": f"is {kind}", "kind": kind}
        for quote, kind, *more in marks
    ]
    return json.dumps({"explanation": "as it is", "spans": entries})


def reward(result):
    assert isinstance(result, Scored), result
    [found] = [one.signal for one in result.signals if one.channel == "critic_reward"]
    return found


def test_words_in_good_spans_get_the_good_value_and_words_in_bad_spans_the_bad_one():
    result = score(said(("Good start", "good"), ("dull talk", "bad")))
    assert reward(result).segmentation == words([TEXT])
    # "start," shares its letters with the quote; the comma belongs to the word.
    assert reward(result).values.tolist() == [0.5, 0.5, 0, -0.5, -0.5, 0, 0, 0]
    assert [(span.start, span.end, span.type, span.value) for span in result.spans] == [
        (0, 10, "good", 0.5),
        (17, 26, "bad", -0.5),
    ]
    assert [span.explanation for span in result.spans] == ["is good", "is bad"]


def test_unmatched_all_that_is_not_quoted_as_bad_is_good():
    result = score(said(("dull talk", "bad")), mode="unmatched", good_value=1, bad_value=-2)
    assert reward(result).values.tolist() == [1, 1, 1, -2, -2, 1, 1, 1]
    assert [span.type for span in result.spans] == ["bad"]


def test_unmatched_there_is_no_good_on_the_menu():
    engine = ScriptedEngine(said(("Good start", "good")))
    result = score(engine, mode="unmatched", retries=0)
    assert isinstance(result, Unscored)
    assert result.reason == "off_menu"
    [asked] = engine.requests
    assert '"enum": ["bad"]' in asked.sampling.json_schema
    assert '"kind": "good"' not in asked.read


def test_a_word_in_several_spans_of_a_kind_counts_once_and_in_both_kinds_adds_up():
    result = score(said(("dull talk", "bad"), ("then dull talk", "bad"), ("talk and", "good")), bad_value=-0.25)
    # talk: 0.5 - 0.25.
    assert reward(result).values.tolist() == [0, 0, -0.25, -0.25, 0.25, 0.5, 0, 0]


def test_the_same_words_elsewhere_are_not_rewarded():
    # The released code would take both for marked: their texts are equal.
    result = score(said(("dull", "bad", 2)))
    assert reward(result).values.tolist() == [0, 0, 0, 0, 0, 0, -0.5, 0]
    assert reward(score(said(("dull", "bad")))).values.tolist() == [0, 0, 0, -0.5, 0, 0, 0, 0]
    every = score(said(("dull", "bad")), repeated="every")
    assert reward(every).values.tolist() == [0, 0, 0, -0.5, 0, 0, -0.5, 0]


def test_how_many_quotes_were_located_reaches_people():
    result = score(said(("dull talk", "bad"), ("Dull talk", "bad"), ("brilliant", "good")))
    assert [reply.detail for reply in result.replies] == ["1 of 3 quotes located"]
    [located] = [one.signal for one in result.signals if one.channel == "quotes_located"]
    assert located.values.tolist() == pytest.approx([1 / 3])


def test_quotes_that_stand_nowhere_are_asked_for_again_and_then_no_reward():
    replies = iter([said(("brilliant", "good")), said(("Good start", "good"))])
    engine = ScriptedEngine(lambda asked: next(replies))
    result = score(engine)
    assert [reply.parse_state for reply in result.replies] == ["unlocated", "parsed"]
    assert "none of the words that it quoted stands in the text" in engine.requests[1].read
    never = score(said(("brilliant", "good")))
    assert isinstance(never, Unscored)
    assert never.reason == "unlocated"
    assert never.detail == "0 of 1 quotes located"
    assert len(never.replies) == 2


def test_nothing_quoted_is_a_reading_and_no_failure():
    result = score(said())
    assert result.spans == ()
    assert reward(result).values.tolist() == [0] * 8
    assert [one.channel for one in result.signals] == ["critic_reward"]


def test_only_the_policys_own_words_are_rewarded_and_hidden_thinking_has_no_value():
    messages = (
        OutputMessage("assistant", "dull thought", channel="thinking"),
        OutputMessage("tool", "dull result", channel="tool"),
        OutputMessage("assistant", "dull end"),
    )
    result = score(said(("dull", "bad")), *messages, repeated="every")
    np.testing.assert_array_equal(reward(result).values, [np.nan] * 4 + [-0.5, 0])
    shown = score(said(("dull", "bad")), *messages, repeated="every", include_thinking=True)
    np.testing.assert_array_equal(reward(shown).values, [-0.5, 0, np.nan, np.nan, -0.5, 0])


def test_a_critic_that_repeats_an_example_has_quoted_nothing():
    example = examples_text(("good", "bad")).split("Reply: ")[1].split("\n")[0]
    result = score(example, retries=0)
    assert isinstance(result, Unscored)
    assert result.reason == "unlocated"


def test_examples_quote_their_own_responses_exactly_and_may_be_left_out():
    for example in EXAMPLES:
        assert all(quote in example.response for quote, _, _ in example.marks)
    engine = ScriptedEngine(said())
    score(engine)
    score(engine, few_shot=False, focus="whether it is cheerful </response>")
    assert "Example 3" in engine.requests[0].read
    assert "Example" not in engine.requests[1].read
    assert "What to look at: whether it is cheerful (/response>" in engine.requests[1].read


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"explanation": "so", "spans": [{"quote": "dull", "explanation": "x", "kind": "ugly"}]}, "off_menu"),
        ({"explanation": "so", "spans": [{"quote": "dull", "kind": "bad", "explanation": "x"}]}, "verdict_first"),
        ({"spans": [], "explanation": "so"}, "verdict_first"),
        ({"spans": []}, "missing_field"),
        ({"explanation": "so"}, "missing_field"),
        ({"explanation": "so", "spans": "dull"}, "missing_field"),
        ({"explanation": "so", "spans": ["dull"]}, "missing_field"),
        ({"explanation": "so", "spans": [{"quote": 3, "explanation": "x", "kind": "bad"}]}, "missing_field"),
    ],
)
def test_a_reply_that_breaks_the_form_is_unscored_with_what_was_said(reply, reason):
    result = score(json.dumps(reply))
    assert isinstance(result, Unscored)
    assert result.reason == reason
    assert json.loads(result.replies[-1].text) == reply


@pytest.mark.parametrize("given", [{"good_value": -1}, {"bad_value": 0.5}, {"mode": "both"}])
def test_parameters_that_contradict_their_name_are_refused(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        parameters(**given)
