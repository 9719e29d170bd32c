"""From prompts and continuations to token ids, with hostile text kept from becoming control tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workers.engines.contract import ChatMessage, EngineError, ErrorCode, Prompt, Refusal

_ROLES = frozenset({"system", "user", "assistant", "tool"})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Stand for the messages' texts while the chat template is rendered: private-use characters that no template holds.
_PLACEHOLDER = "\ue0f0{}\ue0f1"
_PLACEHOLDER_FOUND = re.compile("\ue0f0(\\d+)\ue0f1")


class EncodedText(NamedTuple):
    """Token ids, and each token's (start, end) in code points: int32, shape (T, 2)."""

    ids: list[int]
    spans: npt.NDArray[np.int32]


class Encoder:
    """A tokenizer with its chat template.

    Prompt and continuation are encoded apart and then joined, so that a continuation has the same tokens after every
    prompt; that is what lets two views of one output be subtracted token by token.
    """

    def __init__(self, tokenizer: Any, context_length: int) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise EngineError(
                ErrorCode.UNSUPPORTED, "this model has no fast tokenizer, which is needed to place tokens in the text"
            )
        self.tokenizer = tokenizer
        self.context_length = context_length
        added = [token.content for token in tokenizer.added_tokens_decoder.values()]
        self._control = re.compile("|".join(re.escape(token) for token in added)) if added else None
        # No text of more characters than this can fit the context: saves tokenising a 10 MB prompt to learn that.
        self.most_characters = context_length * max(len(token) for token in tokenizer.get_vocab())

    def encode_prompt(self, prompt: Prompt) -> list[int] | Refusal:
        """Token ids of the prompt, never empty: the first token of a continuation always has something before it."""
        texts = [message.text for message in prompt.messages] or [prompt.plain_text or ""]
        refusal = self._refuse_text("the prompt", [*texts, prompt.prefill])
        if refusal is not None:
            return refusal
        if not prompt.messages:
            return self._encode_plain(texts[0])
        ids = self._encode_messages(prompt.messages, opens_reply=True)
        if isinstance(ids, Refusal) or not prompt.prefill:
            return ids
        return ids + self._encode_text(prompt.prefill)

    def encode_conversation(self, messages: tuple[ChatMessage, ...]) -> list[int] | Refusal:
        """Token ids of a whole conversation by the chat template, with no turn opened after it."""
        refusal = self._refuse_text("the conversation", [message.text for message in messages])
        return refusal or self._encode_messages(messages, opens_reply=False)

    def encode_whole(self, text: str) -> list[int] | Refusal:
        """Token ids of a text as the model was trained to read one, with the tokens that go around it."""
        return self._refuse_text("the text", [text]) or self._encode_plain(text)

    def encode_continuation(self, text: str) -> EncodedText | Refusal:
        """Token ids and spans of a text; control tokens in it are read as ordinary characters."""
        refusal = self._refuse_text("the text", [text])
        if refusal is not None:
            return refusal
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
        return EncodedText(list(encoded["input_ids"]), _close_gaps(encoded["offset_mapping"], len(text)))

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32] | Refusal]:
        """Where the tokens of texts lie that are continuations; see the engines' contract."""
        found = [self.encode_continuation(text) for text in texts]
        return [one if isinstance(one, Refusal) else one.spans for one in found]

    def _refuse_text(self, what: str, texts: list[str]) -> Refusal | None:
        length = sum(len(text) for text in texts)
        if length > self.most_characters:
            return Refusal(
                ErrorCode.CONTEXT_OVERRUN,
                f"{what} has {length} characters, more than any {self.context_length} tokens can hold",
            )
        if any(_LONE_SURROGATE.search(text) for text in texts):
            return Refusal(ErrorCode.INVALID_TEXT, f"{what} holds a lone surrogate and cannot be encoded")
        return None

    def _encode_plain(self, text: str) -> list[int] | Refusal:
        tokenizer = self.tokenizer
        ids = list(tokenizer(text, add_special_tokens=True, split_special_tokens=True)["input_ids"])
        if ids:
            return ids
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if start is None:
            return Refusal(ErrorCode.NO_START_TOKEN, "this tokenizer has no token to start a text with")
        return [int(start)]

    def _encode_messages(self, messages: tuple[ChatMessage, ...], *, opens_reply: bool) -> list[int] | Refusal:
        if not self.tokenizer.chat_template:
            return Refusal(ErrorCode.NO_CHAT_TEMPLATE, "this tokenizer has no chat template: use the plain layout")
        unknown = [message.role for message in messages if message.role not in _ROLES]
        if unknown:
            return Refusal(ErrorCode.CHAT_TEMPLATE_REFUSED, f"unknown role {unknown[0][:40]!r}")
        texts = [message.text for message in messages]
        hostile = self._control is not None and any(self._control.search(text) for text in texts)
        shown = [_PLACEHOLDER.format(number) for number in range(len(texts))] if hostile else texts
        rendered = self._render([message.role for message in messages], shown, opens_reply=opens_reply)
        if isinstance(rendered, Refusal):
            return rendered
        return self._encode_around(rendered, texts) if hostile else self._encode_markup(rendered)

    def _render(self, roles: list[str], texts: list[str], *, opens_reply: bool) -> str | Refusal:
        from jinja2 import TemplateError

        chat = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
        try:
            rendered: str = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=opens_reply)
        except TemplateError as error:
            return Refusal(ErrorCode.CHAT_TEMPLATE_REFUSED, f"the chat template refuses these messages: {error}")
        return rendered

    def _encode_markup(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _encode_text(self, text: str) -> list[int]:
        """Control tokens in it are read as ordinary characters."""
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def _encode_around(self, rendered: str, texts: list[str]) -> list[int]:
        """Encode the template's own markup with control tokens, the messages' texts in between without."""
        ids: list[int] = []
        position = 0
        for found in _PLACEHOLDER_FOUND.finditer(rendered):
            ids += self._encode_markup(rendered[position : found.start()])
            ids += self._encode_text(texts[int(found.group(1))])
            position = found.end()
        return ids + self._encode_markup(rendered[position:])


def _close_gaps(offsets: list[tuple[int, int]], length: int) -> npt.NDArray[np.int32]:
    """Make the spans cover the text: some tokenizers leave the space before a word out of its span.

    A gap joins the token after it; one at the end joins the last token. Starts and ends are kept from going back.
    """
    spans = np.array(offsets, dtype=np.int32).reshape(-1, 2)
    if not len(spans):
        return spans
    spans[:, 1] = np.maximum.accumulate(spans[:, 1])
    spans[-1, 1] = length
    spans[0, 0] = 0
    spans[1:, 0] = np.minimum(spans[1:, 0], spans[:-1, 1])
    spans[:, 0] = np.maximum.accumulate(spans[:, 0])
    return spans
