"""Reward model: the raw score of a sequence-classification head for the whole conversation.

    r(x, y) = head(h_last),  the last token's state after the chat template

trained as a Bradley-Terry model, P(y1 > y2) = sigmoid(r1 - r2) (Ouyang et al. 2022, "Training language models to
follow instructions with human feedback", arXiv 2203.02155, equation 1). The score is as the head gives it, without
sigmoid or softmax: a server that squashes a one-logit head makes every reward the same. Scores of different models have
different zeros and scales. Fidelity: code; equal to the plain call of the model, whose own layout is its template.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import whole
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, ChatMessage, Engine, Refusal, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.log_ratio import with_context
from workers.sources.results import Gives, Scored, SignalResult, Unscored

REWARD = "reward"


class RewardModel:
    """A reward model's raw score of the whole output; see the module."""

    declaration = Declaration(
        name="reward_model",
        version=1,
        title="Reward model",
        summary="The raw score that a trained reward model's head gives to the prompt with the output.",
        formula="r(x, y) = head(h_last), no sigmoid and no softmax",
        paper="Ouyang et al. 2022, Training language models to follow instructions, arXiv 2203.02155",
        fidelity=Fidelity.CODE,
        checked_by="Equal to the plain call of the model, in the tests of the engine; what it reads, by hand.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            ModelRole(
                name="reward_model",
                label="Reward model",
                help="Has a head with one number for a whole conversation.",
                capabilities=frozenset({Capability.REWARD}),
            ),
        ),
        parameters=(
            Parameter("use_context", "boolean", False, "Read the context", "Before the prompt, where there is one."),
            Parameter(
                "include_thinking",
                "boolean",
                False,
                "Read the thinking",
                "Reward models are trained on answers alone, as a rule.",
            ),
        ),
        family="Outcome and step models",
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """One reading an output."""
        found = [conversation(item, parameters) for item in items]
        read = [sum(len(message.text) for message in messages) for messages in found if messages]
        return Estimate(len(read), sum(read))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signal `reward`, one value on the whole output, by item."""
        engine = engines["reward_model"]
        require(engine, Capability.REWARD)
        conversations = [conversation(item, parameters) for item in items]
        rewards = iter(engine.reward([messages for messages in conversations if messages]))
        return [
            _result(item, next(rewards)) if messages else Unscored("empty_output", "the output has no text to show")
            for item, messages in zip(items, conversations, strict=True)
        ]


def conversation(item: SourceItem, parameters: Parameters) -> tuple[ChatMessage, ...]:
    """What the reward model reads: the task and the output's messages; none where the output has no text to show."""
    shown = [
        message
        for message in item.output_messages
        if message.text.strip() and (parameters["include_thinking"] or message.channel != "thinking")
    ]
    if not any(message.role == "assistant" for message in shown):
        return ()
    task = list(item.task_messages)
    if item.context and parameters["use_context"]:
        task = with_context(task, item.context)
    return (*task, *(ChatMessage(message.role, message.text) for message in shown))


def _result(item: SourceItem, reward: float | Refusal) -> Scored | Unscored:
    if isinstance(reward, Refusal):
        return Unscored(reward.code.value, reward.detail)
    if not math.isfinite(reward):
        return Unscored("not_finite", "the model's score is no finite number")
    value = np.array([reward], dtype=np.float32)
    return Scored(signals=(SignalResult(REWARD, RewardSignal(whole(item.texts), value)),))
