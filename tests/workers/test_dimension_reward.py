"""Confidence, relevance and coherence, against values worked by hand with the scripted engine."""

import math

import pytest

from rewards.parameters import validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.dimension_reward import DimensionReward
from workers.sources.results import Scored, Unscored

SOURCE = DimensionReward()
HALF, EIGHTH = math.log(1 / 2), math.log(1 / 8)


def thinking(text: str) -> OutputMessage:
    return OutputMessage("assistant", text, channel="thinking")


def item(*outputs: str | OutputMessage, task: str = "ab", **given) -> SourceItem:
    messages = tuple(
        output if isinstance(output, OutputMessage) else OutputMessage("assistant", output) for output in outputs
    )
    return SourceItem("k", (ChatMessage("user", task),), messages, **given)


def score(*items: SourceItem, roles=("policy", "encoder", "reward_model"), engine=None, **given):
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    engine = engine or ScriptedEngine()
    return SOURCE.score(items, dict.fromkeys(roles, engine), parameters)


def values(result):
    assert isinstance(result, Scored), result
    return {found.channel: found.signal.total for found in result.signals}


def test_confidence_is_the_mean_over_the_reasoning_and_the_sum_over_the_answer():
    # The scripted model gives 1/2 to a letter of the message before it, else 1/8.
    # Thinking "aac" after "ab": 1/2, 1/2, 1/8, mean (2 ln 1/2 + ln 1/8) / 3.
    # Answer "ab" after the thinking "aac": a 1/2, b 1/8, sum ln 1/2 + ln 1/8.
    [result] = score(item(thinking("aac"), "ab"), roles=("policy",))
    found = values(result)
    assert found["confidence_reasoning"] == pytest.approx((2 * HALF + EIGHTH) / 3)
    assert found["confidence_answer"] == pytest.approx(HALF + EIGHTH)
    assert found["confidence"] == pytest.approx((2 * HALF + EIGHTH) / 3 + HALF + EIGHTH)
    assert set(found) == {"confidence", "confidence_reasoning", "confidence_answer"}


def test_relevance_is_the_mean_cosine_of_the_reasonings_sentences():
    # Letters a and b. Reasoning "a" and "bb" against the question "ab": 1/sqrt 2 each. Against the context "a": 1 and
    # 0, mean 1/2. Against the answer "b": 0 and 1, mean 1/2. Together (1/sqrt 2 + 1/2 + 1/2) / 3.
    [result] = score(item(thinking("a\nbb"), "b", context="a"))
    found = values(result)
    assert found["relevance_question"] == pytest.approx(1 / math.sqrt(2))
    assert found["relevance_context"] == pytest.approx(1 / 2)
    assert found["relevance_answer"] == pytest.approx(1 / 2)
    assert found["relevance"] == pytest.approx((1 / math.sqrt(2) + 1) / 3)


def test_without_a_context_relevance_is_of_question_and_answer():
    found = values(score(item(thinking("a"), "b"))[0])
    assert "relevance_context" not in found
    assert found["relevance"] == pytest.approx((1 / math.sqrt(2) + 0) / 2)
    hidden = values(score(item(thinking("a"), "b", context="a"), use_context=False)[0])
    assert "relevance_context" not in hidden


def test_coherence_is_the_reward_models_score_of_the_reasoning_alone():
    # The scripted head counts the words of the last message: the reasoning has three, the answer one.
    assert values(score(item(thinking("one two three"), "four"))[0])["coherence"] == 3


def test_without_thinking_apart_all_steps_but_the_last_are_the_reasoning():
    # "Step 1: aa" with its line break against "Step 2: b": the reasoning is 11 of 20 characters.
    text = "Step 1: aa\nStep 2: b"
    found = values(score(item(text))[0])
    read = {letter: HALF if letter in "ab" else EIGHTH for letter in text}
    assert found["confidence_reasoning"] == pytest.approx(sum(read[x] for x in text[:11]) / 11)
    assert found["confidence_answer"] == pytest.approx(sum(read[x] for x in text[11:]))
    assert found["coherence"] == 3
    all_answer = values(score(item(text), without_thinking="none")[0])
    assert all_answer == {"confidence_answer": pytest.approx(sum(read[x] for x in text))}


def test_without_reasoning_there_is_only_the_answers_confidence():
    assert values(score(item("ab"))[0]) == {"confidence_answer": pytest.approx(2 * HALF)}


def test_thinking_without_an_answer_has_no_confidence_as_a_whole():
    found = values(score(item(thinking("a")))[0])
    assert "confidence" not in found
    assert found["confidence_reasoning"] == pytest.approx(HALF)
    assert "relevance_answer" not in found


def test_what_a_tool_says_is_read_and_not_weighed():
    # The tool's "c" stands before the answer "c", which is then 1/2.
    parts = (thinking("a"), OutputMessage("tool", "c"), OutputMessage("assistant", "c"))
    assert values(score(item(*parts), roles=("policy",))[0])["confidence_answer"] == pytest.approx(HALF)


def test_a_dimension_that_cannot_be_measured_leaves_the_output_unscored():
    class NoEmbedding(ScriptedEngine):
        def embed(self, texts):
            return [self._refusal("x" * 10**6) for _ in texts]

    [result, no_reasoning] = score(item(thinking("a"), "b"), item("a"), engine=NoEmbedding())
    assert isinstance(result, Unscored)
    assert result.reason == "context_overrun"
    assert result.detail.startswith("relevance: ")
    assert isinstance(no_reasoning, Scored)


def test_a_policy_that_writes_nothing_is_unscored():
    assert score(item(""))[0].reason == "empty_output"
