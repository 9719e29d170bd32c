"""A model whose every answer a test can work out by hand: what it writes is a function of what it was asked."""

import json
import re
import string
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tests.workers.tiny_model import LetterEngine
from workers.engines.contract import (
    Attentions,
    Capability,
    ChatMessage,
    Choice,
    ChoiceQuestion,
    Continuation,
    ErrorCode,
    Generated,
    HiddenStates,
    LengthHandling,
    Prompt,
    Refusal,
    Sampling,
    TokenDistributions,
    TokenLogprobs,
    Usage,
)
from workers.engines.explained import AttentionRule, Explained, InputBaseline, InputGradients, InputRelevances

_LETTERS = string.ascii_lowercase
_PIECE = re.compile(r"\s*\S+|\s+$")


class Asked(NamedTuple):
    """One request for a text, as a script reads it."""

    read: str
    """All messages, one a paragraph, then what the assistant has said already."""
    prompt: Prompt
    sampling: Sampling


Script = Callable[[Asked], str | Refusal]


class ScriptedEngine(LetterEngine):
    """A judge, an embedder and a reward model without weights.

    - `generate`: what `script` says; a text stands for a script that always says it. A token is a word, and a reply of
      more words than the request allows is cut there, as a model's would be. Without a script every reply follows the
      request's JSON schema (`reply_by_schema`), and a request without one is refused. The price is one a token.
    - `choose`: a label's probability is (1 + how often it occurs in the prompt's last message) / 100.
    - `logprobs`: one token a character, 1/2 where it occurs in the prompt's last message, else 1/8.
    - `distributions`: the same, of logsumexp 0 and with -log of the token's probability as the entropy.
    - `embed`: how often each of a-z occurs, letter case apart, and in a 27th place everything else that is no space;
      brought to length 1. "ab" and "ac" have the cosine 1/2.
    - `reward`: the number of words in the last message, less ten for each "!".
    - `hidden_states`: one token a character, 32 numbers each: 1 in the place of the character's code modulo 32.
    - `attentions`: one token a character; token t pays j + 1 to each token j up to itself.
    - `gradients`: one token a character; the number, as `choose`, `logprobs` or `reward` gives it, is shared evenly by
      the characters of the stretches, and the baseline is 0.
    - `relevances`: the same numbers and shares (a probability stays one); the prompt holds nothing.

    A text of more than `context_length` characters, or with a lone surrogate, is refused.
    """

    capabilities = frozenset(
        {
            Capability.LOGPROBS,
            Capability.CHOOSE,
            Capability.GENERATE,
            Capability.EMBED,
            Capability.REWARD,
            Capability.DISTRIBUTIONS,
            Capability.HIDDEN_STATES,
            Capability.ATTENTIONS,
            Capability.GRADIENTS,
            Capability.RELEVANCES,
        }
    )

    def __init__(
        self, script: Script | str | None = None, *, name: str = "scripted", context_length: int = 20_000
    ) -> None:
        super().__init__(name=name, context_length=context_length)
        self._script: Script = (lambda asked: script) if isinstance(script, str) else script or reply_by_schema
        self.requests: list[Asked] = []
        self.replies: list[str] = []

    def logprobs(self, requests: Sequence[Continuation]) -> list[TokenLogprobs | Refusal]:
        return [self._refusal(_read(request.prompt) + request.text) or self._score(request) for request in requests]

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32] | Refusal]:
        ends = [np.arange(1, len(text) + 1, dtype=np.int32) for text in texts]
        return [np.stack([end - 1, end], axis=1) for end in ends]

    def distributions(self, requests: Sequence[Continuation]) -> list[TokenDistributions | Refusal]:
        return [
            found
            if isinstance(found, Refusal)
            else TokenDistributions(
                found.token_ids,
                found.spans,
                found.logprobs,
                logits=found.logprobs,
                logsumexps=np.zeros_like(found.logprobs),
                entropies=-found.logprobs,
            )
            for found in self.logprobs(requests)
        ]

    def choose(
        self, questions: Sequence[ChoiceQuestion], *, length_handling: LengthHandling = "sum"
    ) -> list[Choice | Refusal]:
        return [self._refusal(_read(question.prompt)) or self._choose(question) for question in questions]

    def generate(self, requests: Sequence[tuple[Prompt, Sampling]]) -> list[Generated | Refusal]:
        return [self._write(Asked(_read(prompt), prompt, sampling)) for prompt, sampling in requests]

    def embed(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32] | Refusal]:
        return [self._refusal(text) or _letters(text) for text in texts]

    def reward(self, conversations: Sequence[tuple[ChatMessage, ...]]) -> list[float | Refusal]:
        return [self._rewarded(messages) for messages in conversations]

    def hidden_states(self, requests: Sequence[Continuation], *, layer: int = -1) -> list[HiddenStates | Refusal]:
        return [self._refusal(_read(request.prompt) + request.text) or _one_hot(request.text) for request in requests]

    def attentions(self, requests: Sequence[Continuation]) -> list[Attentions | Refusal]:
        return [self._refusal(_read(request.prompt) + request.text) or _attention(request.text) for request in requests]

    def gradients(
        self, requests: Sequence[Explained], *, steps: int = 0, baseline: InputBaseline = "zero"
    ) -> list[InputGradients | Refusal]:
        return [self._refusal(_read(request.prompt)) or self._shared(request) for request in requests]

    def relevances(
        self, requests: Sequence[Explained], *, attention: AttentionRule = "weights"
    ) -> list[InputRelevances | Refusal]:
        return [
            found
            if isinstance(found, Refusal)
            else InputRelevances(found.spans, found.values, found.number, found.baseline)
            for found in self.gradients(requests)
        ]

    def _shared(self, request: Explained) -> InputGradients | Refusal:
        if request.labels:
            choice = self._choose(ChoiceQuestion(request.prompt, request.labels))
            number = choice if isinstance(choice, Refusal) else choice.probabilities[request.labels[0]]
        elif request.reply:
            found = self._score(Continuation(request.prompt, request.reply))
            number = found if isinstance(found, Refusal) else float(found.logprobs.mean())
        else:
            number = self._rewarded(request.prompt.messages)
        if isinstance(number, Refusal):
            return number
        spans = [
            (place, start, start + 1)
            for place, stretch in enumerate(request.stretches)
            for start in range(stretch.start, stretch.end)
        ]
        values = np.full(len(spans), number / len(spans), dtype=np.float32)
        return InputGradients(np.array(spans, dtype=np.int32), values, number, 0.0)

    def _rewarded(self, messages: tuple[ChatMessage, ...]) -> float | Refusal:
        refusal = self._refusal("".join(message.text for message in messages))
        text = messages[-1].text
        return refusal or float(len(text.split()) - 10 * text.count("!"))

    def _write(self, asked: Asked) -> Generated | Refusal:
        self.requests.append(asked)
        reply = self._refusal(asked.read) or self._script(asked)
        if isinstance(reply, Refusal):
            return reply
        words = _PIECE.findall(reply)
        kept = words[: asked.sampling.max_new_tokens]
        text = reply if len(kept) == len(words) else "".join(kept)
        self.replies.append(text)
        read = len(asked.read.split())
        self.usage += Usage(requests=1, prompt_tokens=read, reply_tokens=len(kept), cost=read + len(kept))
        return Generated(
            text,
            token_count=len(kept),
            finish_reason="stop" if len(kept) == len(words) else "length",
            prompt_token_count=read,
            served_model=self.identity["weights"],
            cost=read + len(kept),
            seconds=0.5,
        )

    def _refusal(self, text: str) -> Refusal | None:
        if len(text) > self.context_length:
            return Refusal(ErrorCode.CONTEXT_OVERRUN, f"{len(text)} characters: at most {self.context_length}")
        try:
            text.encode()
        except UnicodeEncodeError:
            return Refusal(ErrorCode.INVALID_TEXT, "a lone surrogate")
        return None


def _one_hot(text: str) -> HiddenStates:
    ends = np.arange(1, len(text) + 1, dtype=np.int32)
    codes = np.array([ord(character) for character in text], dtype=np.int64)
    return HiddenStates(codes, np.stack([ends - 1, ends], axis=1), np.eye(32, dtype=np.float32)[codes % 32])


def _attention(text: str) -> Attentions:
    ends = np.arange(1, len(text) + 1, dtype=np.int32)
    weights = np.tril(np.tile(ends.astype(np.float32), (len(text), 1)))
    return Attentions(ends.astype(np.int64), np.stack([ends - 1, ends], axis=1), weights)


def reply_by_schema(asked: Asked) -> str | Refusal:
    """The simplest JSON that the request's schema allows: first choices, lowest numbers, one entry a list."""
    if not asked.sampling.json_schema:
        return Refusal(ErrorCode.UNSUPPORTED, "this script only knows how to follow a schema")
    return json.dumps(_instance(json.loads(asked.sampling.json_schema)))


def _instance(schema: dict[str, Any]) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _instance(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema.get("items", {})) for _ in range(max(1, schema.get("minItems", 1)))]
    if kind in {"number", "integer"}:
        return schema.get("minimum", 1)
    return {"boolean": True, "null": None}.get(kind, "because it is so")


def _read(prompt: Prompt) -> str:
    said = [message.text for message in prompt.messages] or [prompt.plain_text or ""]
    return "\n\n".join([*said, *([prompt.prefill] if prompt.prefill else [])])


def _letters(text: str) -> npt.NDArray[np.float32] | Refusal:
    shown = [character for character in text.lower() if not character.isspace()]
    if not shown:
        return Refusal(ErrorCode.INVALID_TEXT, "there is no text to embed")
    counts = np.zeros(len(_LETTERS) + 1, dtype=np.float32)
    for character in shown:
        counts[_LETTERS.find(character)] += 1
    return counts / np.linalg.norm(counts)
