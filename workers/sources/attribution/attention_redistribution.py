"""Attention-based credit (ABC): a reward model's score spread over the answer's tokens by attention.

    r_t = beta * alpha_t * r + 1[t = T] (1 - beta) r,        sum_t r_t = r

Chan, Sun, Holt and van der Schaar 2024, "Dense Reward for Free in Reinforcement Learning from Human Feedback", arXiv
2402.00782; XanderJC/attention-based-credit, `abcrl/attention/redistribution.py`. alpha sums to 1 over the tokens:

- `abc`: what the last token attends to in the reward model's last layer, mean over heads, among the answer's tokens;
- `abc_d`: the same of a language model that could have written the answer, each column's mean over the tokens that can
  attend to it (the authors' code has these columns one place later, where the token is fed and not read);
- `uniform`: equal shares, of words, since a reward model behind HTTP names no tokens.

The answer is the policy's last message; what stands before it is read. In float32 the sum is r up to rounding, which
the channel `completeness_gap` shows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.segmentation import words
from rewards.signals import RewardSignal
from rewards.statistics.attribution import Floats, completeness_gap, redistributed
from workers.engines.contract import (
    Attentions,
    Capability,
    ChatMessage,
    Continuation,
    Engine,
    Prompt,
    Refusal,
    require,
)
from workers.sources.attribution.parts import GAP_CHANNEL, SCALAR_CHANNEL, whole_numbers
from workers.sources.attribution.perturbation import FAMILY
from workers.sources.attribution.scalars import (
    INCLUDE_THINKING,
    SCALAR,
    USE_CONTEXT,
    shown_messages,
    task_messages,
    unscored,
)
from workers.sources.attribution.tokens import token_signal
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.results import Gives, Scored, SignalResult, Unscored
from workers.sources.similarity import written

CHANNEL = "redistributed_reward"
ABC, ABC_D, UNIFORM = "abc", "abc_d", "uniform"


class AttentionRedistribution:
    """A scalar reward made dense by attention; see the module."""

    declaration = Declaration(
        name="attention_redistribution",
        version=2,
        title="Reward spread by attention",
        summary="Spreads a reward model's score over the answer's tokens by what its last token attends to.",
        formula="r_t = beta alpha_t r + 1[t=T] (1 - beta) r;  sum_t r_t = r",
        paper="Chan et al. 2024, Dense Reward for Free in RLHF, arXiv 2402.00782",
        fidelity=Fidelity.CODE,
        checked_by="Vectors worked by hand; sums to the score. Uniform is over words; abc_d is not shifted by a token.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            ModelRole(
                name="reward_model",
                label="Reward model",
                help="Gives the score, and its own attention where that is used.",
                capabilities=frozenset({Capability.REWARD}),
                ways=(
                    (ABC, frozenset({Capability.ATTENTIONS})),
                    (ABC_D, frozenset()),
                    (UNIFORM, frozenset()),
                ),
            ),
            ModelRole(
                name="generator",
                label="Language model",
                help="Gives the attention, where the reward model's own is not used.",
                capabilities=frozenset({Capability.ATTENTIONS}),
                required=False,
            ),
        ),
        parameters=(
            Parameter(
                # The name by which a role's `ways` are looked up.
                SCALAR.name,
                "choice",
                ABC,
                "Weights",
                choices=(
                    (ABC, "Attention of the reward model's last token"),
                    (ABC_D, "Attention of a language model, mean over its tokens"),
                    (UNIFORM, "Equal, by word"),
                ),
            ),
            Parameter(
                "beta",
                "number",
                0.5,
                "Beta",
                "The part that is spread; the rest stays at the end.",
                minimum=0,
                maximum=1,
            ),
            replace(USE_CONTEXT, default=False),
            INCLUDE_THINKING,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """A language model's attention needs one."""
        if parameters[SCALAR.name] == ABC_D and "generator" not in roles:
            raise ParameterError({"generator": "choose the language model whose attention is used"})

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Two readings an output, one where the weights are equal."""
        readings = 1 if parameters[SCALAR.name] == UNIFORM else 2
        found = [_answer(item, parameters) for item in items]
        read = [len(one.text) + sum(len(m.text) for m in one.prompt.messages) for one in found if one]
        return Estimate(readings * len(read), readings * sum(read))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `redistributed_reward` by token, the score and the completeness gap, by item."""
        self.check(parameters, engines)
        model, kind = engines["reward_model"], str(parameters[SCALAR.name])
        attending = engines["generator"] if kind == ABC_D else model
        require(model, Capability.REWARD)
        answers = [_answer(item, parameters) for item in items]
        asked = [answer for answer in answers if answer]
        rewards = iter(model.reward([(*one.prompt.messages, _said(one)) for one in asked]))
        weights: list[Attentions | Refusal | None] = [None] * len(asked)
        if kind != UNIFORM:
            require(attending, Capability.ATTENTIONS)
            weights = list(attending.attentions(asked))
        found = iter(weights)
        return [
            _result(item, next(rewards), next(found), attending, parameters)
            if answer
            else Unscored("empty_output", "the output has no text to show")
            for item, answer in zip(items, answers, strict=True)
        ]


def _answer(item: SourceItem, parameters: Parameters) -> Continuation | None:
    """The policy's last message behind all that is read before it."""
    read = written(item, with_thinking=bool(parameters["include_thinking"]))
    if not read:
        return None
    before = shown_messages(item.output_messages[: read[-1]], parameters)
    shown = [message for message in before if message.text.strip()]
    return Continuation(Prompt((*task_messages(item, parameters), *shown)), item.texts[read[-1]])


def _said(answer: Continuation) -> ChatMessage:
    return ChatMessage("assistant", answer.text)


def _result(
    item: SourceItem,
    reward: float | Refusal,
    found: Attentions | Refusal | None,
    engine: Engine,
    parameters: Parameters,
) -> Scored | Unscored:
    if isinstance(reward, Refusal):
        return unscored(reward)
    if isinstance(found, Refusal):
        return unscored(found)
    if not math.isfinite(reward):
        return Unscored("not_finite", "the model's score is no finite number")
    message = written(item, with_thinking=bool(parameters["include_thinking"]))[-1]
    beta = float(parameters["beta"])
    if found is None:
        signal = _spread_over_words(item, message, reward, beta)
    else:
        alpha = last_row(found.weights) if parameters[SCALAR.name] == ABC else column_means(found.weights)
        if not (np.isfinite(alpha).all() and alpha.sum() > 0):
            return Unscored("no_attention", "no token of the answer is attended to")
        spans = np.column_stack([np.zeros(len(found.spans), dtype=np.int32), found.spans])
        placed = token_signal(item, engine, [message], spans, redistributed(reward, alpha, beta=beta))
        if isinstance(placed, Refusal):
            return unscored(placed)
        signal = placed
    numbers = {SCALAR_CHANNEL: reward, GAP_CHANNEL: completeness_gap(signal.values, reward, 0.0)}
    return Scored(signals=(SignalResult(CHANNEL, signal), *whole_numbers(item, numbers)))


def _spread_over_words(item: SourceItem, message: int, reward: float, beta: float) -> RewardSignal:
    """Equal shares of one message's words; words of others have none."""
    cut = words(item.texts)
    places = np.flatnonzero(cut.spans[:, 0] == message)
    values = np.full(len(cut), np.nan)
    values[places] = redistributed(reward, np.ones(len(places)), beta=beta)
    return RewardSignal(cut, values.astype(np.float32))


def last_row(weights: np.ndarray) -> Floats:
    """What the last token attends to: shape (T,)."""
    return np.asarray(weights[-1], dtype=np.float64)


def column_means(weights: np.ndarray) -> Floats:
    """Mean over the tokens t >= j of what t pays to j: shape (T,)."""
    square = np.tril(np.asarray(weights, dtype=np.float64))
    means: Floats = square.sum(0) / np.arange(len(square), 0, -1)
    return means
