"""JSON as rows: one object a line, or the items of one array, decoded so that every fault has a place and a reason."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, Final, NoReturn

import orjson

from rewards.formats.records import FormatError, InvalidRow, RowError
from rewards.formats.sources import Line, SourceFile, encoding_complaint, refuse_other_kinds

MAX_DEPTH: Final = 64
"""Deeper values are refused: databases and other readers give up at depths of their own, in unfriendly ways."""
_CHUNK: Final = 2**18
_INTERESTING: Final = re.compile(rb'["\[\]{},]')
_IN_STRING: Final = re.compile(rb'["\\]')


def decode_row(raw: bytes) -> Any:
    """Decode one JSON value, refusing what cannot be stored: NUL, lone surrogates, and nesting beyond `MAX_DEPTH`.

    Raises
    ------
    InvalidRow
        With the field, where it can be told.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _explain(raw, error)
    # Both checks walk the value, so rows that cannot fail them are passed by the bytes alone.
    if b"\\u0000" in raw or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        check_storable(value)
    return value


def check_storable(value: object, path: str = "", depth: int = 1) -> None:
    """Raise `InvalidRow` with the path of the first NUL character, lone surrogate or too deep value."""
    if isinstance(value, str):
        _check_characters(value, path)
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise InvalidRow(path[:60], "The values are nested too deeply", f"at most {MAX_DEPTH} levels")
        if isinstance(value, dict):
            for key, inner in value.items():
                at = f"{path}.{key}" if path else str(key)
                _check_characters(str(key), at.encode(errors="replace").decode().replace("\x00", "?"))
                check_storable(inner, at, depth + 1)
        else:
            for index, inner in enumerate(value):
                check_storable(inner, f"{path}[{index}]", depth + 1)


def _check_characters(text: str, path: str) -> None:
    place = text.find("\x00")
    if place >= 0:
        raise InvalidRow(path, f"Character {place + 1} is NUL (\\u0000)", "text without NUL characters")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            code = ord(text[error.start])
            raise InvalidRow(
                path,
                f"Character {error.start + 1} is half of a surrogate pair (\\u{code:04x})",
                "text in which surrogates come in pairs",
            ) from None


def _explain(raw: bytes, error: orjson.JSONDecodeError) -> NoReturn:
    """Turn the parser's complaint into one that says where and what was expected."""
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        raise InvalidRow("", encoding_complaint(raw, undecodable), "UTF-8") from None
    message = str(error.msg)
    if "surrogate" in message:
        # Where the row is broken elsewhere too, the parser's own words, below, say where.
        with suppress(ValueError, RecursionError):
            check_storable(json.loads(raw))
    if "depth limit" in message or "ecursion" in message:
        raise InvalidRow("", "The values are nested too deeply", f"at most {MAX_DEPTH} levels") from None
    raise InvalidRow("", f"It is not valid JSON at character {error.pos + 1}: {message}", "one JSON value") from None


def array_items(source: SourceFile) -> Iterator[Line | RowError]:
    """Yield the items of the one array that a JSON file holds, as undecoded bytes numbered from 1.

    The file is read in pieces and only one item is held. (The usual streaming parser, yajl, is not used: it turns lone
    surrogates into question marks without a word, and stops for good at the first fault.)

    Raises
    ------
    FormatError
        If the file holds no array, or ends before the array does.
    """
    head = source.file.read(_CHUNK)
    refuse_other_kinds(head[:8], source.name)
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head.startswith(b"["):
        raise FormatError("It does not begin with [", expected="one JSON array of objects", file=source.name)
    splitter = _ArraySplitter(source)
    yield from splitter.feed(head[1:])
    while not splitter.ended and (chunk := source.file.read(_CHUNK)):
        yield from splitter.feed(chunk)
    if not splitter.ended:
        raise FormatError(
            "The file ends in the middle of the array", expected="a closing ]", file=source.name, row=splitter.number
        )
    rest = splitter.rest
    while rest or (rest := source.file.read(_CHUNK)):
        if rest.strip():
            raise FormatError("There is more after the array's end", expected="one JSON array", file=source.name)
        rest = b""


class _ArraySplitter:
    """Finds the commas between the items of an array whose opening bracket has been read."""

    def __init__(self, source: SourceFile) -> None:
        self.number = 1
        self.ended = False
        self.rest = b""
        """What follows the closing bracket in the chunk that held it."""
        self._source = source
        self._pieces: list[bytes] = []
        self._size = 0
        self._too_long = False
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, chunk: bytes) -> Iterator[Line | RowError]:
        begin = place = 0
        if self._escaped and chunk:
            self._escaped = False
            place = 1
        while match := (_IN_STRING if self._in_string else _INTERESTING).search(chunk, place):
            place = match.end()
            byte = chunk[match.start()]
            if self._in_string:
                if byte == 0x5C:  # backslash: whatever follows is part of the string
                    self._escaped = place == len(chunk)
                    place += 1
                else:
                    self._in_string = False
            elif byte == 0x22:  # quotation mark
                self._in_string = True
            elif byte in b"[{":
                self._depth += 1
            elif byte == 0x2C and self._depth == 0:  # comma
                self._hold(chunk[begin : match.start()])
                yield self._take()
                begin = place
            elif byte in b"]}":
                self._depth -= 1
                if self._depth < 0:
                    self._hold(chunk[begin : match.start()])
                    self.ended = True
                    self.rest = chunk[place:]
                    if self._too_long or self.number > 1 or b"".join(self._pieces).strip():
                        yield self._take()
                    return
        self._hold(chunk[begin:])

    def _hold(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._source.max_row_bytes:
            self._too_long = True
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def _take(self) -> Line | RowError:
        number, limit = self.number, self._source.max_row_bytes
        raw = b"".join(self._pieces).strip()
        too_long = self._too_long
        self.number += 1
        self._pieces.clear()
        self._size = 0
        self._too_long = False
        if too_long:
            message = f"The item is longer than {limit:,} bytes"
            return RowError(number, "", message, f"at most {limit:,} bytes an item", self._source.name)
        return Line(number, raw)


def refuse_unknown_keys(data: dict[str, Any], known: frozenset[str], path: str = "") -> None:
    """Raise `InvalidRow` for a key that the format does not know, with the known one it resembles."""
    for key in data:
        if key not in known:
            at = f"{path}.{key}" if path else key
            close = get_close_matches(key, known, n=1, cutoff=0.6)
            hint = f"{close[0]!r} (did you mean that?)" if close else "one of " + ", ".join(sorted(known))
            raise InvalidRow(at[:200], f"The key {key[:80]!r} is not known here", hint)


def kind_of(value: object) -> str:
    """Name a decoded JSON value for an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value!r}"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
