"""Spans in JSONL on outputs that are stored: one line holds all that one rater marked in one output.

A mark has offsets, and may say what it covers as W3C's web annotations do: the words (`quote`), some characters before
and after them (`prefix`, `suffix`), and the SHA-256 of the whole text's UTF-8 bytes. With these it is found again where
the stored text differs from the one that was marked.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rewards.formats.json_rows import decode_row, kind_of, refuse_unknown_keys
from rewards.formats.records import Anchor, FormatError, InvalidRow, RowError, SpanMark, SpansRecord
from rewards.formats.rubricate_jsonl import MAX_ID
from rewards.formats.sources import SourceFile, lines_of

NAME: Final = "rubricate_spans"
DEFAULT_RATER: Final = "Imported spans"
CODE_POINTS: Final = "code points"
UTF16: Final = "utf-16"
MAX_TYPE: Final = 80
MAX_SEVERITY: Final = 40
MAX_OFFSET: Final = 2**31 - 1

_KEYS: Final = frozenset({"output", "rater", "spans", "notes", "repeat"})
_SPAN_KEYS: Final = frozenset(
    {
        "message", "start", "end", "type", "severity", "value", "explanation", "quote", "prefix", "suffix",
        "text_sha256",
    }
)  # fmt: skip
_SHA256: Final = re.compile("[0-9a-f]{64}")


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[SpansRecord | RowError]:
    """Yield the marks line by line; a line with any fault is one `RowError` and yields nothing else.

    `options["units"]` says what the offsets count: `CODE_POINTS`, or `UTF16` code units, as browsers do.

    Raises
    ------
    FormatError
        For units that are neither.
    """
    units = options.get("units") or CODE_POINTS
    if units not in (CODE_POINTS, UTF16):
        raise FormatError(f"The option units is {units!r}", expected=f"{CODE_POINTS} or {UTF16}")
    rater = options.get("rater") or DEFAULT_RATER
    for source in files:
        for line in lines_of(source):
            if isinstance(line, RowError):
                yield line
            elif line.raw and not line.raw.isspace():
                try:
                    yield _record(decode_row(line.raw), line.number, source.name, rater, in_utf16=units == UTF16)
                except InvalidRow as invalid:
                    yield invalid.at(line.number, source.name)


def _record(data: object, row: int, file: str, rater: str, *, in_utf16: bool) -> SpansRecord:
    if not isinstance(data, dict):
        raise InvalidRow("", f"The row is {kind_of(data)}", "one JSON object a line")
    refuse_unknown_keys(data, _KEYS)
    spans = data.get("spans")
    if not isinstance(spans, list):
        raise InvalidRow("spans", _what(spans), "a list of marks; an empty one where nothing was found")
    return SpansRecord(
        row=row,
        task_external_id="",
        output_external_id=_text(data, "output", "", longest=MAX_ID, required=True),
        rater=_text(data, "rater", "", longest=MAX_ID) or rater,
        spans=[_mark(span, f"spans[{index}]", in_utf16) for index, span in enumerate(spans)],
        notes=_text(data, "notes", ""),
        repeat=_whole(data.get("repeat", 0), "repeat"),
        file=file,
    )


def _mark(span: object, at: str, in_utf16: bool) -> SpanMark:
    if not isinstance(span, dict):
        raise InvalidRow(at, _what(span), "an object with start, end and type")
    refuse_unknown_keys(span, _SPAN_KEYS, at)
    start, end = (_whole(span.get(key), f"{at}.{key}") for key in ("start", "end"))
    if start >= end:
        raise InvalidRow(at, f"The span {start} to {end} is empty", "start < end")
    return SpanMark(
        message=_whole(span.get("message", 0), f"{at}.message"),
        start=start,
        end=end,
        type=_text(span, "type", f"{at}.", longest=MAX_TYPE, required=True),
        severity=_text(span, "severity", f"{at}.", longest=MAX_SEVERITY),
        value=_value(span.get("value"), f"{at}.value"),
        explanation=_text(span, "explanation", f"{at}."),
        anchor=_anchor(span, at, in_utf16),
    )


def _anchor(span: Mapping[str, Any], at: str, in_utf16: bool) -> Anchor | None:
    quote, prefix, suffix, digest = (_text(span, key, f"{at}.") for key in ("quote", "prefix", "suffix", "text_sha256"))
    if digest and not _SHA256.fullmatch(digest):
        raise InvalidRow(f"{at}.text_sha256", "It is no SHA-256", "64 hexadecimal digits in lower case")
    if (prefix or suffix) and not quote:
        raise InvalidRow(f"{at}.quote", "It is missing", "the words between prefix and suffix")
    if in_utf16 and not (quote or digest):
        # Offsets of another unit that nothing vouches for would be marks on other words without anybody's notice.
        raise InvalidRow(f"{at}.quote", "It is missing", "the words, or text_sha256, where offsets count UTF-16 units")
    return Anchor(quote, prefix, suffix, digest, in_utf16) if quote or digest else None


def _text(data: Mapping[str, Any], key: str, path: str, *, longest: int = 0, required: bool = False) -> str:
    """`longest` 0: as long as it likes. Missing and null are empty, unless `required`."""
    value = data.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise InvalidRow(f"{path}{key}", "It is empty" if isinstance(value, str) else _what(value), "a string")
    if longest and len(value) > longest:
        raise InvalidRow(f"{path}{key}", f"It has {len(value):,} characters", f"at most {longest}")
    return value


def _whole(value: object, path: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_OFFSET:
        raise InvalidRow(path, _what(value), "a whole number from 0")
    return value


def _value(value: object, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidRow(path, _what(value), "a number, or null")
    return float(value)


def _what(value: object) -> str:
    return "It is missing" if value is None else f"It is {kind_of(value)}"
