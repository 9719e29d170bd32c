"""Prompts for judges: templates with named places, filled so that data set text cannot close its delimiters.

Whatever a task or an output says, it stays material to judge. Control tokens of the chat template are the engine's
concern (it reads them as ordinary characters); the delimiters of the prompt itself are kept here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.engines.contract import ChatMessage, Prompt

if TYPE_CHECKING:
    from workers.sources.contract import OutputMessage

TAGS = (
    "task", "context", "reference", "response", "response_a", "response_b", "responses", "criterion", "rubric",
    "earlier", "turn", "step",
)  # fmt: skip
"""Delimiters that data set text stands between; it can write none of them."""

MAX_TEMPLATE = 20_000

# Also the signs that look like the delimiters' own, and spaces where a lenient reader would skip them.
_DELIMITER = re.compile(r"[<＜﹤‹〈](?=[\s\W]{0,4}(?:" + "|".join(TAGS) + r")\b)", re.IGNORECASE)
_HARMLESS = "("
_PLACE = re.compile(r"\{([a-z_]+)\}")
_PARAGRAPHS = re.compile(r"\n{3,}")


class PromptError(ValueError):
    """A template that a source cannot fill: says which place is missing or unknown."""


@dataclass(frozen=True, slots=True)
class Place:
    """A named place of a template.

    Attributes
    ----------
    name : str
        Written `{name}` in the template.
    help : str
        What is filled in.
    required : bool
        A template without it is refused: the judge would not see what it is to judge, or how to answer.
    """

    name: str
    help: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """What a source fills into its prompt, and the template that it comes with."""

    default: str
    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        self.check(self.default)

    def check(self, template: str) -> None:
        """Raise `PromptError` unless the template has every required place and no unknown one."""
        if len(template) > MAX_TEMPLATE:
            raise PromptError(f"the template has {len(template)} characters: at most {MAX_TEMPLATE} are expected")
        found = set(_PLACE.findall(template))
        known = {place.name for place in self.places}
        if unknown := sorted(found - known):
            expected = ", ".join(f"{{{name}}}" for name in sorted(known))
            raise PromptError(f"{{{unknown[0]}}} is no place of this prompt: expected {expected}")
        if missing := [place.name for place in self.places if place.required and place.name not in found]:
            raise PromptError(f"{{{missing[0]}}} is missing: the template must say where it stands")


def fill(template: str, places: Mapping[str, str]) -> Prompt:
    """The prompt, as one user message.

    Texts go in as they are: data set text must come from `section` or `neutralise`. What it says in curly brackets is
    not filled again. Blank lines around an empty place are closed in the template, never in the texts.
    """
    shortened = _PLACE.sub(lambda found: found[0] if places.get(found[1]) else "", template)
    shortened = _PARAGRAPHS.sub("\n\n", shortened).strip()
    return Prompt((ChatMessage("user", _PLACE.sub(lambda found: places[found[1]], shortened)),))


def neutralise(text: str) -> str:
    """The text with the opening sign of anything that reads like a delimiter replaced by a round bracket.

    Only judge prompts see the result; stored texts and offsets are untouched.
    """
    return _DELIMITER.sub(_HARMLESS, text)


def section(tag: str, text: str | None) -> str:
    """The text between its delimiters, nothing where there is no text; `tag` is one of `TAGS`."""
    if tag not in TAGS:
        raise ValueError(f"{tag!r} is not a delimiter that neutralise() keeps out of texts")
    return f"<{tag}>\n{neutralise(text)}\n</{tag}>" if text else ""


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
    return text_sha256("\x1e".join([*parts, *([prompt.prefill] if prompt.prefill else [])]))


def text_sha256(text: str) -> str:
    """SHA-256 of a template or a prompt, lone surrogates included."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
