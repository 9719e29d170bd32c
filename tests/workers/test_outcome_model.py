"""Outcome and step models, against values worked by hand with the letter model."""

import math

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from tests.workers.tiny_model import LetterEngine
from workers.engines.contract import ChatMessage, Choice, ErrorCode, Refusal
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.outcome_model import OutcomeModel, StepModel
from workers.sources.results import Scored, Unscored

OUTCOME, STEPS = OutcomeModel(), StepModel()


def item(*outputs: str | OutputMessage, task: str = "do it", **given) -> SourceItem:
    messages = tuple(
        output if isinstance(output, OutputMessage) else OutputMessage("assistant", output) for output in outputs
    )
    return SourceItem("k", (ChatMessage("user", task),), messages, **given)


def score(source, *items: SourceItem, engine=None, **given):
    parameters = validate_parameters(source.declaration.parameters, given)
    return source.score(items, {"judge": engine or LetterEngine()}, parameters)


def value_of(result):
    assert isinstance(result, Scored)
    [found] = result.signals
    return found.signal


def test_the_outcome_is_the_probability_of_yes_against_no():
    # The letter model's weight is 1 + how often the label occurs: the prompt says YES and NO once each, the response
    # YES three times more. Weights 5 and 2: 5/7.
    [result] = score(OUTCOME, item("YES YES YES"))
    signal = value_of(result)
    assert signal.values == pytest.approx([5 / 7])
    assert signal.segmentation.spans.tolist() == [[0, 0, 11]]
    assert result.signals[0].channel == "success"
    assert result.replies[0].offered_mass == pytest.approx(7 / 100)


def test_the_outcome_is_that_of_the_logits_and_is_no_label():
    # Logits 2 and 1: e^2 / (e^2 + e) = 1 / (1 + e^-1). Just above one half stays just above one half.
    class Fixed(LetterEngine):
        def _choose(self, question):
            return Choice(question.labels, (2.0, 1.0), (1, 1))

    [result] = score(OUTCOME, item("a"), engine=Fixed())
    assert value_of(result).values == pytest.approx([1 / (1 + math.exp(-1))])


def test_the_whole_trajectory_is_read_and_its_outcome_stands_at_its_end():
    engine = LetterEngine()
    trajectory = (OutputMessage("assistant", "plan", channel="thinking"), OutputMessage("tool", "found"), "done")
    [result] = score(OUTCOME, item(*trajectory, context="the shop"), engine=engine)
    shown = engine.asked[0].messages[-1].text
    assert all(part in shown for part in ("plan", "found", "done", "the shop"))
    assert value_of(result).segmentation.spans.tolist() == [[2, 4, 4]]
    score(OUTCOME, item(*trajectory, context="the shop"), engine=engine, include_thinking=False, use_context=False)
    assert "plan" not in engine.asked[1].messages[-1].text
    assert "the shop" not in engine.asked[1].messages[-1].text


def test_an_output_of_thoughts_alone_is_unscored_where_they_are_not_shown():
    thoughts = item(OutputMessage("assistant", "plan", channel="thinking"))
    [result, beside] = score(OUTCOME, thoughts, item("YES"), include_thinking=False)
    assert result.reason == "empty_output"
    assert isinstance(beside, Scored)


def test_each_step_is_asked_with_the_earlier_ones_answered_by_a_plus():
    engine = LetterEngine()
    score(STEPS, item("Step 1: one\nStep 2: two", task="sum"), engine=engine)
    assert [[(message.role, message.text) for message in prompt.messages] for prompt in engine.asked] == [
        [("user", "sum Step 1: one")],
        [("user", "sum Step 1: one"), ("assistant", "+"), ("user", "Step 2: two")],
    ]


def test_a_step_is_worth_the_probability_of_plus_against_minus():
    # Weights 1 + occurrences in the step: "a + b" 2 and 1, so 2/3; "c - d - e" 1 and 3, so 1/4; "f" 1/2.
    [result] = score(STEPS, item("a + b\nc - d - e\nf", task="sum"))
    signal = value_of(result)
    np.testing.assert_allclose(signal.values, [2 / 3, 1 / 4, 1 / 2], rtol=1e-6)
    assert signal.segmentation.segmenter == "step/1"
    assert signal.segmentation.spans.tolist() == [[0, 0, 6], [0, 6, 16], [0, 16, 17]]


def test_what_a_tool_says_is_read_with_the_next_step_and_has_no_value():
    engine = LetterEngine()
    [result] = score(STEPS, item("look", OutputMessage("tool", "+ +"), "done", task="go"), engine=engine)
    assert [message.text for message in engine.asked[1].messages] == ["go look", "+", "+ +\n\ndone"]
    # "+ +" is in the message of the second step: weights 3 and 1.
    np.testing.assert_allclose(value_of(result).values, [1 / 2, math.nan, 3 / 4], rtol=1e-6)


def test_a_step_that_cannot_be_read_leaves_the_output_unscored():
    class Short(LetterEngine):
        def _choose(self, question):
            if len(question.prompt.messages) > 1:
                return Refusal(ErrorCode.CONTEXT_OVERRUN, "too many")
            return super()._choose(question)

    [result, one_step] = score(STEPS, item("a\nb"), item("a"), engine=Short())
    assert isinstance(result, Unscored)
    assert (result.reason, result.detail) == ("context_overrun", "step 2 of 2: too many")
    assert len(result.replies) == 2
    assert isinstance(one_step, Scored)


def test_the_context_is_read_before_the_first_step_where_wanted():
    engine = LetterEngine()
    score(STEPS, item("a", task="go", context="map"), engine=engine, use_context=True)
    assert engine.asked[0].messages[0].text == "map\n\ngo a"
