"""Where a server's tokens stand in a text, from the way in which its vocabulary writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_METASPACE = "\N{LOWER ONE EIGHTH BLOCK}"


def token_spans(text: str, tokens: Sequence[str]) -> npt.NDArray[np.int32] | None:
    """Start and end of each token in code points, shape (T, 2), or None where the tokens do not spell the text.

    Two ways of writing are read, each exact to the byte: that of byte-level BPE (GPT-2's table of printable signs for
    bytes) and that of SentencePiece (a low line for a space, ``<0xE2>`` for a byte, one space put before the text). The
    spelled bytes must be the text's: nothing is aligned by likeness. A token inside a character spans all of it.
    """
    written = text.encode()
    for spelled in (_byte_level(tokens), _metaspace(tokens)):
        if spelled is None:
            continue
        joined = b"".join(spelled)
        if joined == written:
            return _spans(text, spelled)
        if joined == b" " + written and spelled[0].startswith(b" "):
            return _spans(text, [spelled[0][1:], *spelled[1:]])
    return None


def _spans(text: str, spelled: Sequence[bytes]) -> npt.NDArray[np.int32]:
    """Byte ranges as code point ranges: from the character of the first byte to that of the last."""
    of_byte = [index for index, character in enumerate(text) for _ in character.encode()]
    spans = []
    at = 0
    for piece in spelled:
        end = at + len(piece)
        start = of_byte[at] if at < len(of_byte) else len(text)
        spans.append((start, of_byte[end - 1] + 1 if piece else start))
        at = end
    return np.array(spans, dtype=np.int32).reshape(len(spelled), 2)


def _byte_level(tokens: Sequence[str]) -> list[bytes] | None:
    table = _byte_of_sign()
    if not all(sign in table for token in tokens for sign in token):
        return None
    return [bytes(table[sign] for sign in token) for token in tokens]


def _metaspace(tokens: Sequence[str]) -> list[bytes]:
    return [
        bytes.fromhex(found[1]) if (found := _BYTE_TOKEN.fullmatch(token)) else token.replace(_METASPACE, " ").encode()
        for token in tokens
    ]


@cache
def _byte_of_sign() -> dict[str, int]:
    """The byte that each sign of byte-level BPE stands for: printable Latin-1 for itself, the rest from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    others = [byte for byte in range(256) if byte not in set(printable)]
    return table | {chr(0x100 + place): byte for place, byte in enumerate(others)}
