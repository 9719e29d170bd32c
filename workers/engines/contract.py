"""What a reward source may ask of a model, and the values that come back.

No torch here: sources, pages and tests import this module without loading a model library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from workers.engines.explained import AttentionRule, Explained, InputBaseline, InputGradients, InputRelevances


class Capability(StrEnum):
    """The questions that an engine can answer. A source names those it needs."""

    LOGPROBS = "logprobs"
    CHOOSE = "choose"
    GENERATE = "generate"
    EMBED = "embed"
    HIDDEN_STATES = "hidden_states"
    ATTENTIONS = "attentions"
    REWARD = "reward"
    DISTRIBUTIONS = "distributions"
    GRADIENTS = "gradients"
    RELEVANCES = "relevances"


class ErrorCode(StrEnum):
    """Stable codes: stored with failed attempts, shown to people, matched by programs."""

    MODEL_MISSING = "model_missing"
    MODEL_INVALID = "model_invalid"
    MODEL_CHECKSUM = "model_checksum"
    MODEL_TOO_BIG = "model_too_big"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    CONTEXT_OVERRUN = "context_overrun"
    INVALID_TEXT = "invalid_text"
    NO_CHAT_TEMPLATE = "no_chat_template"
    CHAT_TEMPLATE_REFUSED = "chat_template_refused"
    NO_START_TOKEN = "no_start_token"
    UNSUPPORTED = "unsupported"
    ADAPTER_INVALID = "adapter_invalid"
    ENDPOINT_DOWN = "endpoint_down"
    ENDPOINT_TIMEOUT = "endpoint_timeout"
    ENDPOINT_BUSY = "endpoint_busy"
    ENDPOINT_REFUSED = "endpoint_refused"
    ENDPOINT_MALFORMED = "endpoint_malformed"
    BUDGET_SPENT = "budget_spent"


TRANSIENT_ENDPOINT_CODES = frozenset(
    {ErrorCode.ENDPOINT_DOWN, ErrorCode.ENDPOINT_TIMEOUT, ErrorCode.ENDPOINT_BUSY, ErrorCode.ENDPOINT_MALFORMED}
)
"""What a server did that it may not do the next time: an item that met it has failed, and may be tried again."""


class EngineError(Exception):
    """A failure of a whole call or of loading a model, in one line for a person, with a stable code."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Refusal:
    """One request that the engine did not answer, beside others that it did. Never a cut text or a made-up value."""

    code: ErrorCode
    detail: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message as a chat template takes it."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads before it answers: chat messages, or plain text as it stands.

    Chat messages are laid out by the model's own chat template, up to and including the opening of the assistant's
    turn. Control tokens that occur in the messages' text are read as ordinary characters.

    Attributes
    ----------
    messages : tuple of ChatMessage
    plain_text : str or None
    prefill : str
        What the assistant has said already in the turn that it is about to go on with: a judge's reasoning, before
        the verdict is asked for. Chat messages only.
    """

    messages: tuple[ChatMessage, ...] = ()
    plain_text: str | None = None
    prefill: str = ""

    def __post_init__(self) -> None:
        if (self.plain_text is None) == (not self.messages):
            raise ValueError("a prompt is either chat messages or plain text")
        if self.prefill and not self.messages:
            raise ValueError("only a chat prompt has an assistant's turn to begin")


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text whose tokens are to be scored after a prompt."""

    prompt: Prompt
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class TokenLogprobs:
    """Log-probabilities of a continuation's tokens, each given the prompt and the tokens before it.

    Attributes
    ----------
    token_ids : int64 array, shape (T,)
    spans : int32 array, shape (T, 2)
        Start and end of each token in the continuation, in Unicode code points. They are in order and together cover
        the text; tokens of a byte-level tokenizer may share a character.
    logprobs : float32 array, shape (T,)
        Natural logarithms.
    """

    token_ids: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int32]
    logprobs: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TokenDistributions(TokenLogprobs):
    """What a model makes of each place of a continuation before it reads the token there, beside that token's share.

    Attributes
    ----------
    token_ids, spans, logprobs
        As in `TokenLogprobs`.
    logits : float32 array, shape (T,)
        The score that the model's last layer gives to the token, after what the model itself does to its scores.
    logsumexps : float32 array, shape (T,)
        log sum_v e^z(v) over the whole vocabulary: `logits - logsumexps` are the log-probabilities.
    entropies : float32 array, shape (T,)
        -sum_v p(v) log p(v) of the distribution from which the token would be drawn at temperature 1, in nats.
    """

    logits: npt.NDArray[np.float32]
    logsumexps: npt.NDArray[np.float32]
    entropies: npt.NDArray[np.float32]


LengthHandling = Literal["sum", "mean"]


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """A prompt and the answers among which the model's probabilities are asked."""

    prompt: Prompt
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2 or not all(self.labels):
            raise ValueError("a choice needs at least two different, non-empty labels")


@dataclass(frozen=True, slots=True)
class Choice:
    """Log-probabilities of the offered labels, before normalising over the offer.

    Attributes
    ----------
    labels : tuple of str
    logprobs : tuple of float
        Per label, the sum (or the mean, by `LengthHandling`) of its tokens' log-probabilities.
    token_counts : tuple of int
        Tokens summed per label, so that a reader can judge the effect of length.
    prompt_token_count, served_model, cost, seconds
        As in `Generated`; of a server, summed over the requests that it took.
    """

    labels: tuple[str, ...]
    logprobs: tuple[float, ...]
    token_counts: tuple[int, ...]
    prompt_token_count: int = 0
    served_model: str = ""
    cost: float | None = None
    seconds: float | None = None

    @property
    def probabilities(self) -> dict[str, float]:
        """Probabilities normalised over the offered labels (a softmax of `logprobs`)."""
        highest = max(self.logprobs)
        weights = [math.exp(value - highest) for value in self.logprobs]
        total = sum(weights)
        return {label: weight / total for label, weight in zip(self.labels, weights, strict=True)}

    @property
    def offered_mass(self) -> float:
        """Probability that the model gives to the offered labels together; small means that it would say other things.

        Meaningful for `sum` only.
        """
        return min(1.0, sum(math.exp(value) for value in self.logprobs))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw text. Temperature 0 is greedy; `seed` starts a generator of this request's own.

    `json_schema` is the text of a JSON schema that the reply should follow: servers that can hold a model to it do;
    where they cannot it is ignored, so a reply is parsed and checked in any case.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    json_schema: str = ""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"sampling out of range: {self}")


@dataclass(frozen=True, slots=True)
class Generated:
    """A drawn text, and whether the model ended it (`stop`) or the limit did (`length`).

    Attributes
    ----------
    text : str
    token_count, prompt_token_count : int
        Of the reply, and of what was read for it.
    finish_reason : {"stop", "length"}
    served_model : str
        What a hosted server says that it ran, with its fingerprint; empty in process.
    cost : float or None
        In the currency of the endpoint's prices; None where none are stated.
    seconds : float or None
        Of the request, where it was one of its own.
    """

    text: str
    token_count: int
    finish_reason: Literal["stop", "length"]
    prompt_token_count: int = 0
    served_model: str = ""
    cost: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an engine has been asked since it was made; two readings subtract to what lies between them.

    `cost` is in the currency of the endpoint's prices: 0 where none are stated.
    """

    requests: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.reply_tokens + other.reply_tokens,
            self.cost + other.cost,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.requests - other.requests,
            self.prompt_tokens - other.prompt_tokens,
            self.reply_tokens - other.reply_tokens,
            self.cost - other.cost,
        )


@dataclass(frozen=True, slots=True, eq=False)
class HiddenStates:
    """States of a continuation's tokens at one layer, each at the position where the token has been read.

    Attributes
    ----------
    token_ids : int64 array, shape (T,)
    spans : int32 array, shape (T, 2)
        As in `TokenLogprobs`.
    states : float32 array, shape (T, H)
    """

    token_ids: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int32]
    states: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Attentions:
    """Last-layer attention from one position to a continuation's tokens, averaged over heads.

    Attributes
    ----------
    token_ids : int64 array, shape (T,)
    spans : int32 array, shape (T, 2)
    weights : float32 array, shape (T, T)
        Row t: what the continuation's token t attends to among the continuation's tokens; not normalised over them.
    """

    token_ids: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


class Engine(Protocol):
    """A loaded model. An engine defines only the methods named in its `capabilities`.

    Every method takes a list and returns a list in the same order with one value or one `Refusal` per request. Results
    do not depend on what else is in the list beyond rounding: 1e-4 in float32; coarser in bfloat16.
    """

    capabilities: frozenset[Capability]
    dtype: str
    context_length: int
    identity: dict[str, str]

    @property
    def usage(self) -> Usage:
        """What it has been asked since it was made."""
        ...

    def logprobs(self, requests: Sequence[Continuation]) -> list[TokenLogprobs | Refusal]:
        """Token log-probabilities of each continuation after its prompt."""
        ...

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32] | Refusal]:
        """Where the tokens of each text lie, cut as a continuation is: as `TokenLogprobs.spans`. Nothing is read."""
        ...

    def distributions(self, requests: Sequence[Continuation]) -> list[TokenDistributions | Refusal]:
        """As `logprobs`, with scores and entropy of the whole vocabulary's distribution at each token."""
        ...

    def choose(
        self, questions: Sequence[ChoiceQuestion], *, length_handling: LengthHandling = "sum"
    ) -> list[Choice | Refusal]:
        """Log-probabilities of each question's labels as the answer to its prompt."""
        ...

    def generate(self, requests: Sequence[tuple[Prompt, Sampling]]) -> list[Generated | Refusal]:
        """Draw one answer per request."""
        ...

    def embed(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32] | Refusal]:
        """One vector of length 1 per text, float32, shape (H,)."""
        ...

    def hidden_states(self, requests: Sequence[Continuation], *, layer: int = -1) -> list[HiddenStates | Refusal]:
        """States of each continuation's tokens after its prompt; `layer` counts as in transformers, -1 is the last."""
        ...

    def attentions(self, requests: Sequence[Continuation]) -> list[Attentions | Refusal]:
        """Attention among each continuation's tokens; needs the eager implementation."""
        ...

    def reward(self, conversations: Sequence[tuple[ChatMessage, ...]]) -> list[float | Refusal]:
        """The raw score that a reward model's head gives to each whole conversation, no softmax or sigmoid."""
        ...

    def gradients(
        self, requests: Sequence[Explained], *, steps: int = 0, baseline: InputBaseline = "zero"
    ) -> list[InputGradients | Refusal]:
        """Gradient of each number times the credited embeddings, less the baseline; integrated where there are steps.

        `zero` and `mean` (of all tokens' embeddings) say what takes the place of the credited tokens' embeddings.
        """
        ...

    def relevances(
        self, requests: Sequence[Explained], *, attention: AttentionRule = "weights"
    ) -> list[InputRelevances | Refusal]:
        """Each number handed back through the layers to the credited tokens; of known architectures alone."""
        ...


def require(engine: Engine, *needed: Capability) -> None:
    """Raise `EngineError` (unsupported) when the engine lacks a capability."""
    missing = [capability.value for capability in needed if capability not in engine.capabilities]
    if missing:
        raise EngineError(ErrorCode.UNSUPPORTED, f"this model cannot give {', '.join(missing)}")
