"""What the sources of this package share: outputs read by one or several models, token by token.

Each message that the policy wrote is read after all that came before it: the context, the task's messages and the
output's earlier messages. No token of a chat template is ever scored, so steps end where their text ends; the released
code of the implicit process reward leaves out the template's last two tokens by their number, which holds for one
template only, and marks padding by a reward of 1000, which has no counterpart here. Models that are read together must
cut the text into the same tokens: where they do not, the output is unscored (`tokenizers_differ`). A text beyond a
model's context is unscored (`context_overrun`), never cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import Segmentation, steps, whole
from rewards.signals import RewardSignal, project
from workers.engines.contract import (
    Capability,
    ChatMessage,
    Continuation,
    Engine,
    Prompt,
    Refusal,
    TokenDistributions,
    TokenLogprobs,
    require,
)
from workers.sources.contract import Estimate, ModelRole, OutputMessage, SourceItem
from workers.sources.log_ratio import FAMILY as FAMILY
from workers.sources.log_ratio import with_context
from workers.sources.results import SignalResult, Unscored

Values = npt.NDArray[np.float64]

LAYOUT = Parameter(
    "layout",
    "choice",
    "chat",
    "Layout",
    "Plain is for base models, which have no chat template: texts separated by blank lines.",
    choices=(("chat", "The model's chat template"), ("plain", "Plain text")),
)
USE_CONTEXT = Parameter(
    "use_context", "boolean", True, "Read the context", "Before the prompt, where the task has one."
)
# Without any such words a policy that has answered would end its turn rather than answer again, and every output makes
# the reference less likely.
LEAD = Parameter(
    "lead",
    "text",
    "The final answer is: ",
    "Before the reference",
    "Words that lead over from what the policy wrote to the reference answer.",
    max_length=500,
)
SEPARATOR = "\n\n"


class OutputTokens(NamedTuple):
    """All tokens that the policy wrote in one output, message after message.

    Attributes
    ----------
    segmentation : Segmentation
        T tokens, named after the first model's tokenizer.
    logprobs : mapping of role to float64 array, shape (T,)
        In nats.
    distributions : mapping of role to `Distributions`
        Of the roles that were read with them.
    """

    segmentation: Segmentation
    logprobs: Mapping[str, Values]
    distributions: Mapping[str, Distributions]


class Distributions(NamedTuple):
    """Of each token's place: its logit, logsumexp and entropy over the vocabulary, float64, shape (T,)."""

    logits: Values
    logsumexps: Values
    entropies: Values


class Piece(NamedTuple):
    """One message that is scored: its item, its place among the output's messages, and what a model reads for it."""

    item: int
    message: int
    request: Continuation


def a_model(name: str, label: str, what: str, *, required: bool = True, distributions: bool = False) -> ModelRole:
    """A role for a model whose log-probabilities are read, or its distributions beside them."""
    capability = Capability.DISTRIBUTIONS if distributions else Capability.LOGPROBS
    return ModelRole(name, label, what, frozenset({capability}), required, compares_tokens=True)


def task_messages(item: SourceItem, parameters: Parameters) -> list[ChatMessage]:
    """The task as the policy read it, with its context where that is asked for."""
    messages = list(item.task_messages)
    if item.context and parameters["use_context"]:
        messages = with_context(messages, item.context)
    return messages


def asked_after(messages: Sequence[ChatMessage], layout: str, lead: str = "") -> Prompt:
    """A prompt whose answer goes on after these messages.

    What the assistant said last is not closed: it is the beginning of the turn that goes on, followed by `lead`.
    """
    if layout == "plain":
        return Prompt(plain_text="".join(f"{one.text}{SEPARATOR}" for one in messages if one.text) + lead)
    end = len(messages)
    while end > 1 and messages[end - 1].role == "assistant":
        end -= 1
    said = [one.text for one in messages[end:] if one.text]
    return Prompt(tuple(messages[:end]), prefill="".join(f"{text}{SEPARATOR}" for text in said) + lead)


def as_chat(messages: Sequence[OutputMessage]) -> list[ChatMessage]:
    """An output's messages as a model reads them."""
    return [ChatMessage(message.role, message.text) for message in messages]


def read_tokens(
    items: Sequence[SourceItem],
    engines: Mapping[str, Engine],
    parameters: Parameters,
    *,
    roles: Sequence[ModelRole],
    distributions: Sequence[str] = (),
) -> list[OutputTokens | Unscored]:
    """Every token that the policy wrote, as each of the given models sees it; one result by item.

    Parameters
    ----------
    roles : sequence of ModelRole
        Of the source; a role without an engine is left out.
    distributions : sequence of str
        Roles of which distributions are read.
    """
    pieces = scored_pieces(items, parameters)
    requests = [piece.request for piece in pieces]
    read: dict[str, Sequence[TokenLogprobs | Refusal]] = {}
    for role in roles:
        if role.name in engines:
            engine = engines[role.name]
            require(engine, *role.capabilities)
            read[role.name] = (
                engine.distributions(requests) if role.name in distributions else engine.logprobs(requests)
            )
    labels = {role.name: role.label for role in roles}
    segmenter = f"tokenizer:{engines[next(iter(read))].identity['tokenizer'][:12]}"
    places: list[list[int]] = [[] for _ in items]
    for place, piece in enumerate(pieces):
        places[piece.item].append(place)
    return [
        _tokens(
            [pieces[place].message for place in own],
            {role: [answers[place] for place in own] for role, answers in read.items()},
            labels,
            segmenter,
        )
        for own in places
    ]


def estimate_readings(
    items: Sequence[SourceItem], parameters: Parameters, *, models: int = 1, passes: int = 1
) -> Estimate:
    """Each scored message read `passes` times by each of `models`."""
    texts = [characters(piece.request) for piece in scored_pieces(items, parameters)]
    return Estimate(models * passes * len(texts), models * passes * sum(texts))


def characters(request: Continuation) -> int:
    """How many a model reads of it."""
    prompt = request.prompt
    said = sum(len(message.text) for message in prompt.messages) + len(prompt.prefill)
    return len(request.text) + len(prompt.plain_text or "") + said


def over_tokens(channel: str, tokens: OutputTokens, values: Values) -> SignalResult:
    """A signal with one value a token."""
    return SignalResult(channel, RewardSignal(tokens.segmentation, values.astype(np.float32)))


def over_steps(channel: str, item: SourceItem, tokens: OutputTokens, values: Values) -> SignalResult:
    """Token values added up by step; their total stays."""
    by_token = RewardSignal(tokens.segmentation, values.astype(np.float32))
    return SignalResult(channel, project(by_token, steps(item.texts), "sum"))


def over_whole(channel: str, item: SourceItem, value: float) -> SignalResult:
    """One value on the whole output."""
    return SignalResult(channel, RewardSignal(whole(item.texts), np.array([value], dtype=np.float32)))


def mean_logprob(found: TokenLogprobs) -> float:
    """Mean over tokens, in nats a token: -inf where the model rules a token out."""
    return float(found.logprobs.mean(dtype=np.float64))


def scored_pieces(items: Sequence[SourceItem], parameters: Parameters) -> list[Piece]:
    """Every message that the policy wrote; earlier turns of its own are closed turns of the conversation."""
    pieces: list[Piece] = []
    for index, item in enumerate(items):
        before = task_messages(item, parameters)
        for number, message in enumerate(item.output_messages):
            if message.role == "assistant" and message.text:
                prompt = _turn(before, str(parameters["layout"]))
                pieces.append(Piece(index, number, Continuation(prompt, message.text)))
            before.append(ChatMessage(message.role, message.text))
    return pieces


def _turn(messages: Sequence[ChatMessage], layout: str) -> Prompt:
    """As the log-ratio reads them, so that both give one output the same tokens and log-probabilities."""
    return asked_after(messages, layout) if layout == "plain" else Prompt(tuple(messages))


def _tokens(
    messages: Sequence[int],
    read: Mapping[str, Sequence[TokenLogprobs | Refusal]],
    labels: Mapping[str, str],
    segmenter: str,
) -> OutputTokens | Unscored:
    if not messages:
        return Unscored("empty_output", "the policy wrote no text")
    first: Sequence[TokenLogprobs] = []
    logprobs: dict[str, Values] = {}
    distributions: dict[str, Distributions] = {}
    for role, answers in read.items():
        found: list[TokenLogprobs] = []
        for answer in answers:
            if isinstance(answer, Refusal):
                return Unscored(answer.code.value, f"{labels[role]}: {answer.detail}")
            found.append(answer)
        first = first or found
        if not all(_same_tokens(one, other) for one, other in zip(first, found, strict=True)):
            return Unscored(
                "tokenizers_differ", f"{labels[role]} cuts the output into other tokens than the first model"
            )
        logprobs[role] = _joined([one.logprobs for one in found])
        if not np.isfinite(logprobs[role]).all():
            return Unscored("not_finite", f"{labels[role]} gives a token no probability at all")
        wide = [one for one in found if isinstance(one, TokenDistributions)]
        if wide:
            distributions[role] = Distributions(
                _joined([one.logits for one in wide]),
                _joined([one.logsumexps for one in wide]),
                _joined([one.entropies for one in wide]),
            )
    cut = Segmentation.from_offsets(segmenter, [one.spans for one in first], messages=messages)
    return OutputTokens(cut, logprobs, distributions)


def _same_tokens(one: TokenLogprobs, other: TokenLogprobs) -> bool:
    return np.array_equal(one.token_ids, other.token_ids) and np.array_equal(one.spans, other.spans)


def _joined(parts: Sequence[npt.NDArray[np.float32]]) -> Values:
    return np.concatenate(parts).astype(np.float64)
