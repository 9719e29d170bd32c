"""The files that a reader is given, and how text is taken out of them line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from rewards.formats.records import FormatError, InvalidRow, RowError

DEFAULT_ROW_BYTES: Final = 64 * 2**20
"""Longest row that is taken: room for a 10 MB prompt with several outputs, small beside a worker's memory."""

_NOT_TEXT: Final = (
    (b"\xff\xfe", "It is UTF-16 (little-endian) text", "UTF-8: save the file again with that encoding"),
    (b"\xfe\xff", "It is UTF-16 (big-endian) text", "UTF-8: save the file again with that encoding"),
    (b"\x1f\x8b", "It is compressed with gzip", "the uncompressed file"),
    (b"PK\x03\x04", "It is a zip archive (or a spreadsheet in one)", "the text file inside it"),
    (b"PAR1", "It is a Parquet file", "a text file"),
    (b"BZh", "It is compressed with bzip2", "the uncompressed file"),
    (b"\xfd7zXZ", "It is compressed with xz", "the uncompressed file"),
    (b"(\xb5/\xfd", "It is compressed with zstd", "the uncompressed file"),
)
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An opened binary file and the name that errors call it by."""

    name: str
    file: BinaryIO
    max_row_bytes: int = DEFAULT_ROW_BYTES


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line break; `number` counts from 1."""

    number: int
    raw: bytes


def lines_of(source: SourceFile) -> Iterator[Line | RowError]:
    """Yield the lines of a file, the byte-order mark taken off.

    A line over `max_row_bytes` becomes a `RowError` and is skipped without being held in memory.

    Raises
    ------
    FormatError
        If the first bytes say that the file is no UTF-8 text.
    """
    limit = source.max_row_bytes
    readline = source.file.readline
    number = 0
    while raw := readline(limit + 1):
        number += 1
        if number == 1:
            refuse_other_kinds(raw[:8], source.name)
            raw = raw.removeprefix(_BOM)
        if len(raw) > limit and not raw.endswith(b"\n"):
            _skip_line(source)
            yield RowError(
                number, "", f"The row is longer than {limit:,} bytes", f"at most {limit:,} bytes a row", source.name
            )
            continue
        yield Line(number, raw)


def refuse_other_kinds(head: bytes, name: str) -> None:
    """Raise `FormatError` if `head`, the first bytes of a file, belong to something that is not UTF-8 text."""
    for magic, found, expected in _NOT_TEXT:
        if head.startswith(magic):
            raise FormatError(found, expected=expected, file=name)
    if b"\x00" in head:
        raise FormatError("It holds NUL bytes: UTF-16 or binary data", expected="UTF-8 text", file=name)


def _skip_line(source: SourceFile) -> None:
    while rest := source.file.readline(2**20):
        if rest.endswith(b"\n"):
            return


def encoding_complaint(raw: bytes, error: UnicodeDecodeError) -> str:
    """Say which byte of a row is not UTF-8; positions count from 1."""
    return f"Byte {error.start + 1} of the row is 0x{raw[error.start]:02x}, which is not UTF-8 here"


def check_decoded(text: str, field: str) -> None:
    """Refuse NUL characters and what `surrogateescape` made of bytes that are not UTF-8.

    Raises
    ------
    InvalidRow
        Naming `field` and the character's place, counted from 1.
    """
    place = text.find("\x00")
    if place >= 0:
        raise InvalidRow(field, f"Character {place + 1} is NUL", "text without NUL characters")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            byte = ord(text[error.start]) & 0xFF
            raise InvalidRow(
                field, f"Character {error.start + 1} is the byte 0x{byte:02x}, which is not UTF-8 here", "UTF-8"
            ) from None
