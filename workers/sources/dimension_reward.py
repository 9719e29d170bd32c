"""Dimension-level reward: how confident, relevant and coherent a policy's reasoning is, without a reference answer.

Wang et al. 2025, "From <Answer> to <Think>: Multidimensional Supervision of Reasoning Process for LLM Optimization"
(arXiv 2510.11457). With the reasoning R, the answer A, the question Q and documents D:

    confidence = (1 / |R|) sum_{t in R} log p(y_t) + sum_{t in A} log p(y_t)
    relevance  = of R to Q, of R to D, of R to A
    coherence  = what an outcome reward model gives to R as a response to Q and D

Each is a signal of its own. Within a task they are normalised and weighed by
`rewards.rubrics.dimensions.weighed_dimensions`; the weights are for a recipe to set.

Fidelity: reconstructed. Confidence is the paper's formula, log p the policy's own. The paper measures relevance by
natural-language inference between R and Q and between R and A, and by a re-ranker between R and D, models of a kind
that no engine here runs; here it is the mean over the sentences of R of their cosine with Q, D or A in an embedding
model (by sentence, since reasoning is longer than such models read), and `relevance` the mean of those that there are.
Whether entailment is asked of R or of the other is thereby left out. What is public does not say how the weights are
set. R is what the policy thought apart from its answer; where it did not, all steps but the last of what it wrote, an
assumption that a parameter turns off. Without reasoning there is only the confidence of the answer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import sentences, steps, whole
from rewards.signals import RewardSignal
from workers.engines.contract import (
    Capability,
    ChatMessage,
    Continuation,
    Engine,
    Prompt,
    Refusal,
    TokenLogprobs,
    require,
)
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.log_ratio import with_context
from workers.sources.prompts import conversation_text
from workers.sources.results import Gives, Scored, SignalResult, Unscored
from workers.sources.similarity import FAMILY, Embedded, cosine

CONFIDENCE, RELEVANCE, COHERENCE = "confidence", "relevance", "coherence"
STEPS, NONE = "steps", "none"
POLICY, ENCODER, REWARD_MODEL = "policy", "encoder", "reward_model"


@dataclass(frozen=True, slots=True)
class _Written:
    """A message of the policy's: characters before `cut` are reasoning, those from it on are the answer."""

    message: int
    text: str
    cut: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """All that is asked about an item."""

    parts: tuple[_Written, ...]
    continuations: tuple[Continuation, ...]
    sentences: tuple[str, ...]
    targets: Mapping[str, str]
    conversation: tuple[ChatMessage, ...]


class _RefusedError(Exception):
    """A dimension that could not be measured: the item is unscored, rather than made of fewer dimensions."""

    def __init__(self, dimension: str, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.unscored = Unscored(refusal.code.value, f"{dimension}: {refusal.detail}")


class DimensionReward:
    """Confidence, relevance and coherence of a reasoning; see the module for formulas, paper and gaps."""

    declaration = Declaration(
        name="dimension_reward",
        version=1,
        title="Confidence, relevance and coherence",
        summary="Three dimensions of a policy's reasoning, measured without a reference answer and kept apart.",
        formula="confidence = mean_R log p + sum_A log p;  relevance = mean cos(R, Q | D | A);  coherence = r(Q, R)",
        paper="Wang et al. 2025, From <Answer> to <Think>, arXiv 2510.11457",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Vectors worked by hand. Confidence is the paper's; relevance is by embeddings, not inference.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            ModelRole(
                name=POLICY,
                label="Policy",
                help="The model that wrote the output: how sure it is of what it wrote.",
                capabilities=frozenset({Capability.LOGPROBS}),
            ),
            ModelRole(
                name=ENCODER,
                label="Embedding model",
                help="For the relevance; without one there is none.",
                capabilities=frozenset({Capability.EMBED}),
                required=False,
            ),
            ModelRole(
                name=REWARD_MODEL,
                label="Outcome reward model",
                help="For the coherence; without one there is none.",
                capabilities=frozenset({Capability.REWARD}),
                required=False,
            ),
        ),
        parameters=(
            Parameter("use_context", "boolean", True, "Read the context", "Before the prompt, where the task has one."),
            Parameter(
                "without_thinking",
                "choice",
                STEPS,
                "An output without thinking",
                "Many policies reason in their answer.",
                choices=((STEPS, "All steps but the last are the reasoning"), (NONE, "It is all answer")),
            ),
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work with any of the roles."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """With all three models: each message once, each sentence and what it is compared with, the reasoning once."""
        sizes: list[int] = []
        for item in items:
            reading = _reading(item, parameters)
            sizes += [_length(one.prompt.messages) + len(one.text) for one in reading.continuations]
            sizes += [len(text) for text in _texts(reading)]
            sizes += [_length(reading.conversation)] if reading.conversation else []
        return Estimate(len(sizes), sum(sizes))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `confidence`, `relevance` and `coherence` with their parts, one value on the whole output each."""
        for role in self.declaration.models:
            if role.name in engines:
                require(engines[role.name], *role.capabilities)
        readings = [_reading(item, parameters) for item in items]
        asked = [one for reading in readings for one in reading.continuations]
        logprobs = iter(engines[POLICY].logprobs(asked))
        embedded = _embedded(engines.get(ENCODER), readings)
        rewards = _rewards(engines.get(REWARD_MODEL), readings)
        results: list[Scored | Unscored] = []
        for item, reading, reward in zip(items, readings, rewards, strict=True):
            found = [next(logprobs) for _ in reading.continuations]
            try:
                values = _confidence(reading, found) | _relevance(reading, embedded) | _coherence(reward)
            except _RefusedError as error:
                results.append(error.unscored)
                continue
            results.append(_result(item, values))
        return results


def _reading(item: SourceItem, parameters: Parameters) -> _Reading:
    parts = _written(item, str(parameters["without_thinking"]))
    context = item.context if parameters["use_context"] else None
    task = list(item.task_messages)
    if context:
        task = with_context(task, context)
    by_message = {part.message: part for part in parts}
    before, continuations = list(task), []
    for index, message in enumerate(item.output_messages):
        if index in by_message:
            continuations.append(Continuation(Prompt(tuple(before)), message.text))
        before.append(ChatMessage(message.role, message.text))
    reasoning = "\n\n".join(part.text[: part.cut] for part in parts if part.text[: part.cut].strip())
    answer = "\n\n".join(part.text[part.cut :] for part in parts if part.text[part.cut :].strip())
    targets = {"question": conversation_text(item.task_messages), "context": context or "", "answer": answer}
    return _Reading(
        parts=tuple(parts),
        continuations=tuple(continuations),
        sentences=tuple(_sentences_of(reasoning)),
        targets={name: text for name, text in targets.items() if text.strip()},
        conversation=(*task, ChatMessage("assistant", reasoning)) if reasoning else (),
    )


def _written(item: SourceItem, without_thinking: str) -> list[_Written]:
    own = [
        (index, message)
        for index, message in enumerate(item.output_messages)
        if message.role == "assistant" and message.text.strip()
    ]
    thinks = any(message.channel == "thinking" for _, message in own)
    parts = [
        _Written(index, message.text, len(message.text) if message.channel == "thinking" else 0)
        for index, message in own
    ]
    if thinks or without_thinking == NONE or not parts:
        return parts
    # Without thinking apart: all but the last step of the last message, and whatever came before it.
    *earlier, last = parts
    start = int(steps([last.text]).spans[-1, 1])
    return [
        *(_Written(one.message, one.text, len(one.text)) for one in earlier),
        _Written(last.message, last.text, start),
    ]


def _sentences_of(text: str) -> list[str]:
    spans = sentences([text]).spans[:, 1:].tolist() if text else []
    return [text[start:end].strip() for start, end in spans]


def _length(messages: Sequence[ChatMessage]) -> int:
    return sum(len(message.text) for message in messages)


def _texts(reading: _Reading) -> list[str]:
    """What is embedded; nothing where there is no reasoning to compare."""
    return [*reading.sentences, *reading.targets.values()] if reading.sentences else []


def _embedded(encoder: Engine | None, readings: Sequence[_Reading]) -> Embedded:
    if encoder is None:
        return {}
    texts = list(dict.fromkeys(text for reading in readings for text in _texts(reading)))
    return dict(zip(texts, encoder.embed(texts), strict=True))


def _rewards(engine: Engine | None, readings: Sequence[_Reading]) -> list[float | Refusal | None]:
    if engine is None:
        return [None] * len(readings)
    found = iter(engine.reward([reading.conversation for reading in readings if reading.conversation]))
    return [next(found) if reading.conversation else None for reading in readings]


def _confidence(reading: _Reading, found: Sequence[TokenLogprobs | Refusal]) -> dict[str, float]:
    reasoning, answer = [np.zeros(0)], [np.zeros(0)]
    for part, tokens in zip(reading.parts, found, strict=True):
        if isinstance(tokens, Refusal):
            raise _RefusedError(CONFIDENCE, tokens)
        is_reasoning: npt.NDArray[np.bool_] = tokens.spans[:, 0] < part.cut
        logprobs = tokens.logprobs.astype(np.float64)
        reasoning.append(logprobs[is_reasoning])
        answer.append(logprobs[~is_reasoning])
    of_reasoning, of_answer = np.concatenate(reasoning), np.concatenate(answer)
    values: dict[str, float] = {}
    if len(of_reasoning):
        values[f"{CONFIDENCE}_reasoning"] = float(of_reasoning.mean())
    if len(of_answer):
        values[f"{CONFIDENCE}_answer"] = float(of_answer.sum())
    return values | ({CONFIDENCE: sum(values.values())} if len(values) == 2 else {})


def _relevance(reading: _Reading, embedded: Embedded) -> dict[str, float]:
    if not embedded or not reading.sentences:
        return {}
    vectors = {}
    for text in _texts(reading):
        vector = embedded[text]
        if isinstance(vector, Refusal):
            raise _RefusedError(RELEVANCE, vector)
        vectors[text] = vector
    values = {
        f"{RELEVANCE}_{name}": sum(cosine(vectors[one], vectors[text]) for one in reading.sentences)
        / len(reading.sentences)
        for name, text in reading.targets.items()
    }
    return values | {RELEVANCE: sum(values.values()) / len(values)} if values else {}


def _coherence(reward: float | Refusal | None) -> dict[str, float]:
    if isinstance(reward, Refusal):
        raise _RefusedError(COHERENCE, reward)
    return {} if reward is None else {COHERENCE: reward}


def _result(item: SourceItem, values: Mapping[str, float]) -> Scored | Unscored:
    if not values:
        return Unscored("empty_output", "the policy wrote nothing")
    if infinite := [name for name, value in values.items() if not math.isfinite(value)]:
        return Unscored("not_finite", f"{infinite[0]} is no finite number")
    place = whole(item.texts)
    signals = (SignalResult(name, RewardSignal(place, np.array([value], np.float32))) for name, value in values.items())
    return Scored(signals=tuple(signals))
