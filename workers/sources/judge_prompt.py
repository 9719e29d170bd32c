"""Prompts for judges: data set text stands between delimiters that it cannot close.

Whatever a task or an output says, it stays material to judge. Control tokens of the chat template are the engine's
concern (it reads them as ordinary characters); the delimiters of the prompt itself are kept here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from workers.engines.contract import ChatMessage, Prompt
from workers.sources.contract import OutputMessage

TAGS = ("task", "context", "reference", "response", "criterion")

# Also the signs that look like the delimiters' own, and spaces where a lenient reader would skip them.
_DELIMITER = re.compile(r"[<＜﹤‹〈](?=[\s\W]{0,4}(?:" + "|".join(TAGS) + r")\b)", re.IGNORECASE)
_HARMLESS = "("


def neutralise(text: str) -> str:
    """The text with the opening sign of anything that reads like a delimiter replaced by a round bracket.

    Only judge prompts see the result; stored texts and offsets are untouched.
    """
    return _DELIMITER.sub(_HARMLESS, text)


def section(tag: str, text: str) -> str:
    """The text between its delimiters; `tag` is one of `TAGS`."""
    if tag not in TAGS:
        raise ValueError(f"{tag!r} is not a delimiter that neutralise() keeps out of texts")
    return f"<{tag}>\n{neutralise(text)}\n</{tag}>"


def conversation_text(messages: Sequence[ChatMessage]) -> str:
    """A task's messages as one text: a single user message as it stands, else each under its role."""
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].text
    return "\n\n".join(f"[{message.role}]\n{message.text}" for message in messages)


def response_text(messages: Sequence[OutputMessage], *, include_thinking: bool) -> str:
    """An output's messages as one text: a single answer as it stands, else each under its role and channel."""
    shown = [message for message in messages if include_thinking or message.channel != "thinking"]
    if len(shown) == 1 and shown[0].role == "assistant" and shown[0].channel == "answer":
        return shown[0].text
    return "\n\n".join(f"[{message.role}, {message.channel}]\n{message.text}" for message in shown)


def prompt_sha256(prompt: Prompt) -> str:
    """Hash of a prompt as the model is asked to read it."""
    parts = [f"{message.role}\x1f{message.text}" for message in prompt.messages] or [prompt.plain_text or ""]
    return hashlib.sha256("\x1e".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
