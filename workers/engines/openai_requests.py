"""What is written to a server that speaks the OpenAI protocol, by what that server was found to support."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workers.engines.contract import ChatMessage, Prompt, Sampling

# Control tokens as chat templates of today write them. A server reads them as such wherever they stand in a message.
_CONTROL = re.compile(
    r"<\|[^|<>\s]{1,60}\|>|<｜[^｜<>]{1,60}｜>|</?s>|<(?:bos|eos|pad|unk|mask)>|<(?:start|end)_of_[a-z]{1,20}>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]|<</?SYS>>",
    re.IGNORECASE,
)
_WORD_JOINER = "\N{WORD JOINER}"
_SEED_BITS = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a probe found out about a server; stored with the endpoint, and the same for all its scorers.

    Attributes
    ----------
    software : str
        As the server names it: `vllm`, `sglang`, `library` (Ollama) ...; empty where it does not.
    limit_field : str
        How the limit on new tokens is called.
    structured_output : {"json_schema", "guided_json", ""}
        How a reply is held to a JSON schema; empty: it is not.
    top_logprobs : int
        Log-probabilities listed for the first reply token; 0: none.
    has_prefill : bool
        Whether an assistant's turn that was begun is gone on with.
    has_layout : bool
        Whether the server tells the token ids of a chat prompt (``/tokenize``).
    prompt_logprobs : {"prompt_logprobs", "echo", ""}
        How the log-probabilities of given tokens are asked for; empty: they cannot be.
    takes_seed : bool
    reward_route : {"pooling", "classify", ""}
    """

    software: str = ""
    limit_field: str = "max_tokens"
    structured_output: str = ""
    top_logprobs: int = 0
    has_prefill: bool = False
    has_layout: bool = False
    prompt_logprobs: str = ""
    takes_seed: bool = True
    reward_route: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ServerFacts:
        """What was stored; facts of a later version are left out."""
        return cls(**{name: stored[name] for name in cls.__slots__ if name in stored})


def harmless(text: str) -> str:
    """The text with control tokens of chat templates broken by a word joiner, which no reader sees.

    In process the engine reads such words as ordinary characters; a server cannot be told to, and an output that ends
    its turn by itself would answer in the judge's place.
    """
    return _CONTROL.sub(lambda found: found[0][0] + _WORD_JOINER + found[0][1:], text)


def written_messages(messages: Sequence[ChatMessage], prefill: str = "") -> list[dict[str, str]]:
    """Chat messages as the protocol writes them, and the assistant's turn that was begun."""
    written = [{"role": message.role, "content": harmless(message.text)} for message in messages]
    if prefill:
        written.append({"role": "assistant", "content": harmless(prefill)})
    return written


def going_on(prompt: Prompt) -> dict[str, Any]:
    """The fields that make the server go on with a prefilled turn instead of opening another one."""
    return {"continue_final_message": True, "add_generation_prompt": False} if prompt.prefill else {}


def generation(model: str, prompt: Prompt, sampling: Sampling, facts: ServerFacts) -> tuple[str, dict[str, Any]]:
    """Route and payload that draw one answer."""
    payload: dict[str, Any] = {"model": model, "temperature": sampling.temperature}
    if sampling.top_p < 1:
        payload["top_p"] = sampling.top_p
    if facts.takes_seed:
        payload["seed"] = sampling.seed & _SEED_BITS
    if sampling.json_schema:
        payload |= structured(json.loads(sampling.json_schema), facts.structured_output)
    if prompt.plain_text is not None:
        return "/completions", payload | {"prompt": prompt.plain_text, "max_tokens": sampling.max_new_tokens}
    payload[facts.limit_field] = sampling.max_new_tokens
    return "/chat/completions", payload | {
        "messages": written_messages(prompt.messages, prompt.prefill),
        **going_on(prompt),
    }


def structured(schema: Mapping[str, Any], way: str) -> dict[str, Any]:
    """The fields that hold a reply to a JSON schema; none where the server cannot."""
    if way == "json_schema":
        return {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "reply", "schema": schema, "strict": True},
            }
        }
    return {"guided_json": schema} if way == "guided_json" else {}


def first_token(model: str, prompt: Prompt, facts: ServerFacts) -> tuple[str, dict[str, Any]]:
    """Route and payload that ask for the likeliest first tokens of the answer, at the model's own temperature."""
    payload: dict[str, Any] = {"model": model, "temperature": 1.0}
    if prompt.plain_text is not None:
        return "/completions", payload | {"prompt": prompt.plain_text, "max_tokens": 1, "logprobs": facts.top_logprobs}
    return "/chat/completions", payload | {
        "messages": written_messages(prompt.messages, prompt.prefill),
        "logprobs": True,
        "top_logprobs": facts.top_logprobs,
        facts.limit_field: 1,
        **going_on(prompt),
    }


def layout(model: str, prompt: Prompt) -> dict[str, Any]:
    """Payload that asks ``/tokenize`` for the token ids of a prompt."""
    if prompt.plain_text is not None:
        return {"model": model, "prompt": prompt.plain_text, "add_special_tokens": True}
    opening = going_on(prompt) or {"add_generation_prompt": True}
    return {"model": model, "messages": written_messages(prompt.messages, prompt.prefill), **opening}


def tokens_of_text(model: str, text: str) -> dict[str, Any]:
    """Payload that asks ``/tokenize`` for the tokens of a continuation, by id and as the vocabulary writes them."""
    return {"model": model, "prompt": text, "add_special_tokens": False, "return_token_strs": True}


def given_tokens(model: str, ids: Sequence[int], way: str) -> dict[str, Any]:
    """Payload that asks ``/completions`` for the log-probabilities of these very tokens."""
    asked: dict[str, Any] = {"prompt_logprobs": 1} if way == "prompt_logprobs" else {"echo": True, "logprobs": 1}
    # One token must be drawn: not every server takes 0.
    return {"model": model, "prompt": list(ids), "max_tokens": 1, "temperature": 1.0, **asked}


def reward_request(model: str, conversation: Sequence[ChatMessage], *, activation: bool = False) -> dict[str, Any]:
    """Payload that asks for a reward model's raw score: the switch has had three names over vLLM's versions."""
    switch = {"use_activation": activation, "activation": activation, "softmax": activation}
    return {"model": model, "messages": written_messages(conversation), "add_generation_prompt": False, **switch}
