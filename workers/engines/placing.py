"""Where the tokens of a chat prompt stand in its messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workers.engines.contract import ErrorCode, Prompt, Refusal
from workers.engines.encoding import _PLACEHOLDER, _PLACEHOLDER_FOUND, Encoder

MARKUP = -1


class PlacedText(NamedTuple):
    """Token ids as the encoder gives them, and each token's (message, start, end): int32, shape (N, 3).

    In code points of the message; the prefill is the message after the last. Tokens of the template's markup have
    message `MARKUP`; one that reaches over markup and text counts as text.
    """

    ids: list[int]
    places: npt.NDArray[np.int32]


class _Piece(NamedTuple):
    """A stretch of a rendered conversation: markup, or a message's text without its first `skipped` characters."""

    message: int
    text: str
    skipped: int = 0


def place_tokens(encoder: Encoder, prompt: Prompt, *, opens_reply: bool) -> PlacedText | Refusal:
    """The prompt's tokens, the same as `encode_prompt` or `encode_conversation` gives, with their places.

    Templates that change a message's text other than by trimming it are refused (unsupported).
    """
    ids = encoder.encode_prompt(prompt) if opens_reply else encoder.encode_conversation(prompt.messages)
    if isinstance(ids, Refusal):
        return ids
    roles = [message.role for message in prompt.messages]
    texts = [message.text for message in prompt.messages]
    marked = encoder._render(roles, [_PLACEHOLDER.format(n) for n in range(len(texts))], opens_reply=opens_reply)
    rendered = encoder._render(roles, texts, opens_reply=opens_reply)
    if isinstance(marked, Refusal) or isinstance(rendered, Refusal):
        return marked if isinstance(marked, Refusal) else Refusal(ErrorCode.UNSUPPORTED, "a template that differs")
    for pieces in (_pieces(marked, texts), _pieces(marked, texts, trims=True)):
        if "".join(piece.text for piece in pieces) != rendered:
            continue
        for found in (_together(encoder, pieces), _apart(encoder, pieces)):
            placed = _with_prefill(encoder, found, prompt)
            if placed.ids == ids:
                return placed
    return Refusal(
        ErrorCode.UNSUPPORTED, "the chat template changes the messages' text: its tokens cannot be found there"
    )


def _pieces(marked: str, texts: list[str], *, trims: bool = False) -> list[_Piece]:
    pieces, position = [], 0
    for found in _PLACEHOLDER_FOUND.finditer(marked):
        message = int(found.group(1))
        text = texts[message]
        skipped = len(text) - len(text.lstrip()) if trims else 0
        pieces.append(_Piece(MARKUP, marked[position : found.start()]))
        pieces.append(_Piece(message, text.strip() if trims else text, skipped))
        position = found.end()
    return [*pieces, _Piece(MARKUP, marked[position:])]


def _together(encoder: Encoder, pieces: list[_Piece]) -> PlacedText:
    """Tokens of the whole, control tokens read as such."""
    encoded = encoder.tokenizer(
        "".join(piece.text for piece in pieces), add_special_tokens=False, return_offsets_mapping=True
    )
    places = [_place(pieces, start, end) for start, end in encoded["offset_mapping"]]
    return PlacedText(list(encoded["input_ids"]), _array(places))


def _apart(encoder: Encoder, pieces: list[_Piece]) -> PlacedText:
    """Tokens of each piece by itself, control tokens in messages read as characters."""
    ids: list[int] = []
    places: list[tuple[int, int, int]] = []
    for piece in pieces:
        is_text = piece.message != MARKUP
        encoded = encoder.tokenizer(
            piece.text, add_special_tokens=False, split_special_tokens=is_text, return_offsets_mapping=True
        )
        ids += encoded["input_ids"]
        places += [_place([piece], start, end) for start, end in encoded["offset_mapping"]]
    return PlacedText(ids, _array(places))


def _with_prefill(encoder: Encoder, placed: PlacedText, prompt: Prompt) -> PlacedText:
    if not prompt.prefill:
        return placed
    added = _apart(encoder, [_Piece(len(prompt.messages), prompt.prefill)])
    return PlacedText(placed.ids + added.ids, np.concatenate([placed.places, added.places]))


def _place(pieces: list[_Piece], start: int, end: int) -> tuple[int, int, int]:
    """Of a token's characters, those in the first message that it touches."""
    for piece, first in zip(pieces, _starts(pieces), strict=True):
        inside = max(start, first), min(end, first + len(piece.text))
        if piece.message != MARKUP and inside[0] < inside[1]:
            return piece.message, inside[0] - first + piece.skipped, inside[1] - first + piece.skipped
    return MARKUP, 0, 0


def _starts(pieces: list[_Piece]) -> Iterator[int]:
    position = 0
    for piece in pieces:
        yield position
        position += len(piece.text)


def _array(places: list[tuple[int, int, int]]) -> npt.NDArray[np.int32]:
    return np.array(places, dtype=np.int32).reshape(-1, 3)
