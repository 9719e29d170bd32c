"""The numbers that can be explained: functions from an output's messages, edited or not, to one number.

- `outcome`: the probability of YES that `outcome_model` gives, for the same prompt; an output of which nothing is left
  is shown as an empty response.
- `reward`: the score of `reward_model`; messages of which nothing is left stay, empty.
- `reference_mean`, `reference_sum`: log p of the reference, after the task and the output, by the mean or the sum over
  the reference's tokens. The output's last message is the beginning of the turn that the reference goes on with.
- `similarity`: the cosine of what the policy wrote with the reference, as `semantic_similarity`; without any visible
  text it is 0, since there is no vector to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import (
    Capability,
    ChatMessage,
    ChoiceQuestion,
    Continuation,
    Engine,
    Prompt,
    Refusal,
)
from workers.sources.contract import ModelRole, OutputMessage, SourceItem
from workers.sources.log_ratio import with_context
from workers.sources.outcome_model import NO, YES
from workers.sources.prompts import conversation_text, fill, response_text, section
from workers.sources.results import Unscored
from workers.sources.similarity import BETWEEN_MESSAGES, cosine, written_text

Messages = tuple[OutputMessage, ...]

OUTCOME, REWARD, SIMILARITY = "outcome", "reward", "similarity"
REFERENCE_MEAN, REFERENCE_SUM = "reference_mean", "reference_sum"
NEEDS_REFERENCE = frozenset({REFERENCE_MEAN, REFERENCE_SUM, SIMILARITY})
_EMPTY_RESPONSE = "<response>\n\n</response>"


class Scalar(Protocol):
    """One number for each of several versions of one output, in order.

    Versions are asked about together, so that an engine reads once what they begin with.
    """

    def __call__(self, versions: Sequence[Messages]) -> list[float | Refusal]: ...


SCALAR = Parameter(
    # The name by which a role's `ways` are looked up: what a model must be able to give follows from it.
    "answer_by",
    "choice",
    OUTCOME,
    "Number to explain",
    "The model must be able to give it.",
    choices=(
        (OUTCOME, "Outcome model: probability of YES"),
        (REWARD, "Reward model: its score"),
        (REFERENCE_MEAN, "Language model: mean log-probability of the reference after the output"),
        (REFERENCE_SUM, "Language model: summed log-probability of the reference after the output"),
        (SIMILARITY, "Embedding model: cosine with the reference"),
    ),
)
USE_CONTEXT = Parameter("use_context", "boolean", True, "Read the context", "Where the task has one.")
INCLUDE_THINKING = Parameter(
    "include_thinking", "boolean", False, "Read the thinking", "Else it is not shown and gets no value."
)
ROLE = ModelRole(
    name="model",
    label="Model whose number is explained",
    help="An outcome model, a reward model, a language model or an embedding model, by the number that is chosen.",
    capabilities=frozenset(),
    ways=(
        (OUTCOME, frozenset({Capability.CHOOSE})),
        (REWARD, frozenset({Capability.REWARD})),
        (REFERENCE_MEAN, frozenset({Capability.LOGPROBS})),
        (REFERENCE_SUM, frozenset({Capability.LOGPROBS})),
        (SIMILARITY, frozenset({Capability.EMBED})),
    ),
)


def scalar_for(item: SourceItem, engine: Engine, parameters: Parameters, template: str) -> Scalar | Unscored:
    """The chosen number as a function of the item's output; Unscored where the task lacks what it takes."""
    name = str(parameters["answer_by"])
    if name in NEEDS_REFERENCE and not (item.reference or "").strip():
        return Unscored("no_reference", "this task has no reference answer")
    if name == OUTCOME:
        return _outcome(item, engine, parameters, template)
    if name == REWARD:
        return _reward(item, engine, parameters)
    if name == SIMILARITY:
        return _similarity(item, engine, parameters)
    return _reference(item, engine, parameters, np.mean if name == REFERENCE_MEAN else np.sum)


def outcome_prompt(template: str, item: SourceItem, messages: Messages, parameters: Parameters) -> Prompt:
    """What an outcome model reads about these messages."""
    response = response_text(messages, include_thinking=bool(parameters["include_thinking"]))
    return fill(
        template,
        {
            "task": section("task", conversation_text(item.task_messages)),
            "context": section("context", item.context if parameters["use_context"] else None),
            "response": section("response", response) or _EMPTY_RESPONSE,
        },
    )


def task_messages(item: SourceItem, parameters: Parameters) -> list[ChatMessage]:
    """The task's messages, with its context where it is read."""
    task = list(item.task_messages)
    return with_context(task, item.context) if item.context and parameters["use_context"] else task


def shown_messages(messages: Messages, parameters: Parameters) -> list[ChatMessage]:
    """An output's messages as chat, without thinking that is not to be read; empty ones stay."""
    with_thinking = bool(parameters["include_thinking"])
    shown = [message for message in messages if with_thinking or message.channel != "thinking"]
    return [ChatMessage(message.role, message.text) for message in shown]


def reference_prompt(item: SourceItem, messages: Messages, parameters: Parameters) -> Prompt:
    """What is read before the reference: the task, the output, and a turn that the output's last message begins."""
    read = [*task_messages(item, parameters), *shown_messages(messages, parameters)]
    if read[-1].role != "assistant":
        return Prompt(tuple(read))
    *read, last = read
    return Prompt(tuple(read), prefill=last.text + BETWEEN_MESSAGES if last.text else "")


def _outcome(item: SourceItem, engine: Engine, parameters: Parameters, template: str) -> Scalar:
    def values(versions: Sequence[Messages]) -> list[float | Refusal]:
        prompts = [outcome_prompt(template, item, messages, parameters) for messages in versions]
        answers = engine.choose([ChoiceQuestion(prompt, (YES, NO)) for prompt in prompts])
        return [answer if isinstance(answer, Refusal) else answer.probabilities[YES] for answer in answers]

    return values


def _reward(item: SourceItem, engine: Engine, parameters: Parameters) -> Scalar:
    task = task_messages(item, parameters)

    def values(versions: Sequence[Messages]) -> list[float | Refusal]:
        return engine.reward([(*task, *shown_messages(messages, parameters)) for messages in versions])

    return values


def _reference(item: SourceItem, engine: Engine, parameters: Parameters, reduce: Callable[..., np.floating]) -> Scalar:
    reference = item.reference or ""

    def values(versions: Sequence[Messages]) -> list[float | Refusal]:
        prompts = [reference_prompt(item, messages, parameters) for messages in versions]
        answers = engine.logprobs([Continuation(prompt, reference) for prompt in prompts])
        return [
            answer if isinstance(answer, Refusal) else float(reduce(answer.logprobs, dtype=np.float64))
            for answer in answers
        ]

    return values


def _similarity(item: SourceItem, engine: Engine, parameters: Parameters) -> Scalar:
    [goal] = engine.embed([item.reference or ""])
    with_thinking = bool(parameters["include_thinking"])

    def values(versions: Sequence[Messages]) -> list[float | Refusal]:
        if isinstance(goal, Refusal):
            return [goal] * len(versions)
        texts = [
            written_text(replace(item, output_messages=messages), with_thinking=with_thinking) for messages in versions
        ]
        visible = list(dict.fromkeys(text for text in texts if text.strip()))
        vectors = dict(zip(visible, engine.embed(visible), strict=True)) if visible else {}
        found: list[float | Refusal] = []
        for text in texts:
            vector = vectors.get(text)
            if vector is None:
                found.append(0.0)
            else:
                found.append(vector if isinstance(vector, Refusal) else cosine(vector, goal))
        return found

    return values


def unscored(found: Refusal) -> Unscored:
    """The item's failure for a text that the model did not answer about."""
    return Unscored(found.code.value, found.detail)
