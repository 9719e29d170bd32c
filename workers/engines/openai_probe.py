"""Finding out what a server really supports: each thing is tried, and only what was seen to work is offered.

A server that ignores a field answers as if nothing had been asked, so every check is made such that being ignored
looks different from being heeded. A probe costs about a dozen requests of a few tokens each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workers.engines.contract import (
    Capability,
    ChatMessage,
    EngineError,
    ErrorCode,
    Generated,
    Prompt,
    Refusal,
    Sampling,
)
from workers.engines.openai_client import OpenAIClient, RouteMissingError, ServerAnswer
from workers.engines.openai_replies import (
    ShapeError,
    read_embeddings,
    read_first_tokens,
    read_generated,
    read_given,
    read_reward,
    read_tokens,
)
from workers.engines.openai_requests import (
    ServerFacts,
    first_token,
    generation,
    given_tokens,
    layout,
    reward_request,
    tokens_of_text,
    written_messages,
)
from workers.engines.openai_tokens import token_spans

_QUESTION = Prompt((ChatMessage("user", "Is ice cold? Answer Yes or No."),))
_BEGUN = "The capital of France is called"
# A reply that nobody gives to the question unless the schema holds the model to it.
_UNLIKELY = "quince-7319"
_SCHEMA = {
    "type": "object",
    "properties": {"fruit": {"type": "string", "enum": [_UNLIKELY]}},
    "required": ["fruit"],
    "additionalProperties": False,
}
# An accent, an emoji of two code points, and a script without spaces: bytes, not letters, must be counted.
_PLACED = "a naïve 👍🏽 漢字 test"
_TALKS = (
    (ChatMessage("user", "What is two and two?"), ChatMessage("assistant", "It is four.")),
    (ChatMessage("user", "What is two and two?"), ChatMessage("assistant", "Potato potato potato!!!")),
)
_MOST_LISTED = (20, 5)
_TOKENS = 64
_NAMES_SHOWN = 5


@dataclass(slots=True)
class Probed:
    """What was found.

    Attributes
    ----------
    capabilities : set of Capability
    facts : ServerFacts
    context_length : int or None
    served_model : str
        What the server says that it ran, with its fingerprint.
    reasons : dict of str to str
        By capability, why it is not offered.
    """

    capabilities: set[Capability] = field(default_factory=set)
    facts: ServerFacts = field(default_factory=ServerFacts)
    context_length: int | None = None
    served_model: str = ""
    reasons: dict[str, str] = field(default_factory=dict)


def probe(client: OpenAIClient) -> Probed:
    """Ask the server about everything that an engine may offer.

    Raises
    ------
    EngineError
        It cannot be reached, refuses the key, does not know the model, or gives nothing that a source could use.
    """
    found = Probed()
    _look_at_models(client, found)
    _try_generation(client, found)
    if Capability.GENERATE in found.capabilities:
        _try_structured_output(client, found)
        _try_prefill(client, found)
        _try_first_tokens(client, found)
        _try_given_tokens(client, found)
    _try_embeddings(client, found)
    _try_reward(client, found)
    if not found.capabilities:
        told = "; ".join(f"{name}: {reason}" for name, reason in found.reasons.items())
        raise EngineError(ErrorCode.UNSUPPORTED, f"the server gives nothing that a source could use ({told})"[:1000])
    return found


def _look_at_models(client: OpenAIClient, found: Probed) -> None:
    """Its own list, where it has one: whether the model is there, and how long its context is."""
    listed = client.get(f"{client.server.base_url}/models")
    entries = [entry for entry in (listed or {}).get("data") or [] if isinstance(entry, dict)]
    names = [str(entry.get("id")) for entry in entries]
    if names and client.server.model not in names:
        shown = ", ".join(names[:_NAMES_SHOWN]) + (" ..." if len(names) > _NAMES_SHOWN else "")
        raise EngineError(ErrorCode.MODEL_MISSING, f"the server has no model {client.server.model!r}: it has {shown}")
    for entry in entries:
        if entry.get("id") == client.server.model:
            length = entry.get("max_model_len") or entry.get("context_length")
            found.context_length = length if isinstance(length, int) and length > 0 else None
            found.facts = replace(found.facts, software=str(entry.get("owned_by") or "")[:40])


def _try_generation(client: OpenAIClient, found: Probed) -> None:
    """A few greedy tokens; fields that the server refuses by name are renamed or left out where that is harmless."""
    for _ in range(3):
        route, payload = generation(client.server.model, _QUESTION, Sampling(_TOKENS, seed=1), found.facts)
        answer = _asked(client, client.server.base_url + route, payload)
        if isinstance(answer, str):
            adapted = _adapted(found.facts, answer)
            if adapted is None:
                found.reasons["generate"] = answer
                return
            found.facts = adapted
            continue
        try:
            reply = read_generated(answer)
        except ShapeError as error:
            found.reasons["generate"] = str(error)
            return
        if isinstance(reply, Generated):
            found.capabilities.add(Capability.GENERATE)
            found.served_model = reply.served_model
        else:
            found.reasons["generate"] = reply.detail
        return


def _adapted(facts: ServerFacts, refusal: str) -> ServerFacts | None:
    """The facts that a refusal teaches; None where it names nothing that could be written otherwise."""
    if "max_completion_tokens" in refusal and facts.limit_field == "max_tokens":
        return replace(facts, limit_field="max_completion_tokens")
    if "seed" in refusal and facts.takes_seed:
        return replace(facts, takes_seed=False)
    return None


def _try_structured_output(client: OpenAIClient, found: Probed) -> None:
    for way in ("json_schema", "guided_json"):
        facts = replace(found.facts, structured_output=way)
        sampling = Sampling(_TOKENS, json_schema=json.dumps(_SCHEMA))
        route, payload = generation(client.server.model, _QUESTION, sampling, facts)
        answer = _asked(client, client.server.base_url + route, payload)
        if isinstance(answer, ServerAnswer) and _holds_schema(answer):
            found.facts = facts
            return
    found.reasons["structured output"] = "replies were not held to a schema"


def _holds_schema(answer: ServerAnswer) -> bool:
    try:
        reply = read_generated(answer)
        return isinstance(reply, Generated) and json.loads(reply.text) == {"fruit": _UNLIKELY}
    except ValueError:
        return False


def _try_prefill(client: OpenAIClient, found: Probed) -> None:
    """A turn that is gone on with takes fewer prompt tokens than one that is closed and followed by another."""
    messages = written_messages(_QUESTION.messages, _BEGUN)
    payload: dict[str, Any] = {"model": client.server.model, "messages": messages, found.facts.limit_field: 1}
    url = f"{client.server.base_url}/chat/completions"
    closed = _asked(client, url, payload)
    going_on = _asked(client, url, payload | {"continue_final_message": True, "add_generation_prompt": False})
    if isinstance(closed, ServerAnswer) and isinstance(going_on, ServerAnswer):
        has_prefill = 0 < going_on.prompt_tokens < closed.prompt_tokens
        found.facts = replace(found.facts, has_prefill=has_prefill)
    if not found.facts.has_prefill:
        found.reasons["prefill"] = "the server was not seen to go on with a turn that was begun"


def _try_first_tokens(client: OpenAIClient, found: Probed) -> None:
    reason = ""
    for listed in _MOST_LISTED:
        facts = replace(found.facts, top_logprobs=listed)
        route, payload = first_token(client.server.model, _QUESTION, facts)
        answer = _asked(client, client.server.base_url + route, payload)
        if isinstance(answer, str):
            reason = answer
            continue
        try:
            tokens = read_first_tokens(answer)
        except ShapeError as error:
            reason = str(error)
            continue
        # Fewer than two cannot hold two labels.
        if len(tokens) >= 2 and sum(math.exp(value) for value in tokens.values()) <= 1.01:
            found.facts = facts
            found.capabilities.add(Capability.CHOOSE)
            return
        reason = f"{len(tokens)} tokens were listed, of more than all probability or too few to choose among"
    found.reasons["choose"] = f"no list of likeliest first tokens: {reason}"


def _try_given_tokens(client: OpenAIClient, found: Probed) -> None:
    """Token ids of a chat prompt and of a text, their places in the text, and their log-probabilities."""
    prompt = _tokens(client, layout(client.server.model, _QUESTION), found)
    text = _tokens(client, tokens_of_text(client.server.model, _PLACED), found)
    if prompt is None or text is None or not prompt[0] or not text[0]:
        found.reasons["logprobs"] = "the server does not tell the tokens of a prompt (/tokenize)"
        return
    found.facts = replace(found.facts, has_layout=True)
    ids = [*prompt[0], *text[0]]
    for way in ("prompt_logprobs", "echo"):
        payload = given_tokens(client.server.model, ids, way)
        answer = _asked(client, f"{client.server.base_url}/completions", payload)
        if isinstance(answer, str):
            continue
        try:
            read_given(answer, ids, len(text[0]), way)
        except ShapeError:
            continue
        found.facts = replace(found.facts, prompt_logprobs=way)
        found.capabilities.add(Capability.CHOOSE)
        found.reasons.pop("choose", None)
        if text[1] is not None and token_spans(_PLACED, text[1]) is not None:
            found.capabilities.add(Capability.LOGPROBS)
        else:
            found.reasons["logprobs"] = "the server's tokens do not spell the text, so their places are not known"
        return
    found.reasons["logprobs"] = "the server does not score given tokens (prompt_logprobs, or echo with logprobs)"


def _tokens(
    client: OpenAIClient, payload: Mapping[str, Any], found: Probed
) -> tuple[list[int], list[str] | None] | None:
    answer = _asked(client, f"{client.server.root}/tokenize", payload, is_metered=False)
    if isinstance(answer, str):
        return None
    try:
        ids, written, length = read_tokens(answer)
    except ShapeError:
        return None
    found.context_length = found.context_length or length
    return ids, written


def _try_embeddings(client: OpenAIClient, found: Probed) -> None:
    payload = {"model": client.server.model, "input": ["ice", "fire"], "encoding_format": "float"}
    answer = _asked(client, f"{client.server.base_url}/embeddings", payload)
    if isinstance(answer, str):
        found.reasons["embed"] = answer
        return
    try:
        read_embeddings(answer, 2)
    except ShapeError as error:
        found.reasons["embed"] = str(error)
        return
    found.capabilities.add(Capability.EMBED)
    found.served_model = found.served_model or answer.served_model


def _try_reward(client: OpenAIClient, found: Probed) -> None:
    """A raw score, its activation proved to be off: scores outside [0, 1], or whose sigmoid the same server gives.

    A server that puts a softmax over a reward model's one logit answers 1.0 for everything.
    """
    for route in ("pooling", "classify"):
        url = f"{client.server.root}/{route}"
        raw = [_reward(client, url, talk, activation=False) for talk in _TALKS]
        scores = [score for score in raw if isinstance(score, float)]
        if len(scores) < len(_TALKS):
            found.reasons["reward"] = next(score for score in raw if isinstance(score, str))
            continue
        if _is_raw(client, url, scores):
            found.capabilities.add(Capability.REWARD)
            found.reasons.pop("reward", None)
            found.facts = replace(found.facts, reward_route=route)
            return
        found.reasons["reward"] = (
            f"the scores {scores[0]:g} and {scores[1]:g} may have passed a softmax or sigmoid, which could not be "
            "switched off"
        )


def _is_raw(client: OpenAIClient, url: str, scores: list[float]) -> bool:
    if any(not 0 <= score <= 1 for score in scores):
        return True
    activated = _reward(client, url, _TALKS[0], activation=True)
    expected = 1 / (1 + math.exp(-scores[0]))
    return isinstance(activated, float) and abs(activated - expected) < 1e-3 < abs(activated - scores[0])


def _reward(client: OpenAIClient, url: str, talk: tuple[ChatMessage, ...], *, activation: bool) -> float | str:
    answer = _asked(client, url, reward_request(client.server.model, talk, activation=activation))
    if isinstance(answer, str):
        return answer
    try:
        return read_reward(answer)
    except ShapeError as error:
        return str(error)


def _asked(
    client: OpenAIClient, url: str, payload: Mapping[str, Any], *, is_metered: bool = True
) -> ServerAnswer | str:
    """The answer, or why the server does not serve this.

    Raises
    ------
    EngineError
        It does not answer at all, or refuses the key: nothing can be said of what it supports.
    """
    try:
        answer = client.post(url, payload, is_metered=is_metered)
    except RouteMissingError as error:
        return error.message
    if not isinstance(answer, Refusal):
        return answer
    if answer.code in {ErrorCode.ENDPOINT_REFUSED, ErrorCode.ENDPOINT_MALFORMED, ErrorCode.CONTEXT_OVERRUN}:
        return answer.detail
    if answer.code == ErrorCode.ENDPOINT_DOWN and client.usage.requests:
        # It has answered other requests: some servers fail with a 500 at what they do not support.
        return answer.detail
    raise EngineError(answer.code, answer.detail)
