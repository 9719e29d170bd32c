"""The reward model source: what is read, and that its score comes through as it is."""

import math
from typing import Any

import pytest

from rewards.parameters import validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage, ErrorCode, Refusal
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Scored, Unscored
from workers.sources.reward_model import RewardModel

SOURCE = RewardModel()


def item(*outputs: str | OutputMessage, task: str = "do it", **given) -> SourceItem:
    messages = tuple(
        output if isinstance(output, OutputMessage) else OutputMessage("assistant", output) for output in outputs
    )
    return SourceItem("k", (ChatMessage("user", task),), messages, **given)


class Recording(ScriptedEngine):
    def __init__(self, *answers):
        super().__init__()
        self.conversations: list[tuple[ChatMessage, ...]] = []
        self.answers = list(answers)

    def reward(self, conversations):
        self.conversations += conversations
        return [self.answers.pop(0) if self.answers else answer for answer in super().reward(conversations)]


def score(*items, engine: Any = None, **given):
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    model: Any = engine or ScriptedEngine()
    return SOURCE.score(items, {"reward_model": model}, parameters)


def test_the_raw_score_stands_on_the_whole_output_unsquashed():
    # The scripted head counts words, less ten for each "!": 3 and 1 - 20 = -19.
    good, bad = score(item("one two three"), item("no!!"))
    assert good.signals[0].signal.values.tolist() == [3.0]
    assert bad.signals[0].signal.values.tolist() == [-19.0]
    assert good.signals[0].signal.segmentation.spans.tolist() == [[0, 0, 13]]
    assert good.signals[0].channel == "reward"


def test_the_conversation_is_the_task_and_the_answer():
    engine = Recording()
    thought = OutputMessage("assistant", "hm", channel="thinking")
    score(item(thought, "yes", task="is it?", context="a map"), engine=engine)
    assert engine.conversations == [(ChatMessage("user", "is it?"), ChatMessage("assistant", "yes"))]
    score(item(thought, "yes", task="is it?", context="a map"), engine=engine, use_context=True, include_thinking=True)
    assert engine.conversations[1] == (
        ChatMessage("user", "a map\n\nis it?"),
        ChatMessage("assistant", "hm"),
        ChatMessage("assistant", "yes"),
    )


def test_a_refusal_or_a_number_that_is_none_is_unscored_beside_others():
    engine = Recording(Refusal(ErrorCode.CHAT_TEMPLATE_REFUSED, "roles must alternate"), math.nan, -4.25)
    refused, nothing, fine = score(item("a"), item("b"), item("c"), engine=engine)
    assert isinstance(refused, Unscored)
    assert (refused.reason, refused.detail) == ("chat_template_refused", "roles must alternate")
    assert nothing.reason == "not_finite"
    assert isinstance(fine, Scored)
    assert fine.signals[0].signal.total == pytest.approx(-4.25)


def test_thoughts_alone_are_no_answer():
    [result] = score(item(OutputMessage("assistant", "hm", channel="thinking")))
    assert result.reason == "empty_output"
