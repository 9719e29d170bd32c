"""Puts the marks of a file on the texts that are stored: where they were marked, or where the same words stand now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from rewards.formats.records import Anchor, InvalidRow, SpanMark, SpansRecord
from rewards.text import QuoteSelector, Span, check_span, find_again, from_utf16_many, sha256_text


class Anchored(NamedTuple):
    """A record whose marks lie on the stored texts, and how many of them were found elsewhere than the file says."""

    record: SpansRecord
    moved: int


def anchored_record(record: SpansRecord, messages: Sequence[Mapping[str, Any]]) -> Anchored:
    """The marks of a record on the output's stored messages; one that has no place there is a fault of the row.

    Leaving only that mark out would tell of a rater who found less.

    Raises
    ------
    InvalidRow
        Names the mark and what was expected.
    """
    texts = [str(message["text"]) for message in messages]
    hashes: dict[int, str] = {}
    marks, moved = [], 0
    for index, mark in enumerate(record.spans):
        place, has_moved = _place_of(mark, f"spans[{index}]", texts, hashes)
        marks.append(replace(mark, start=place.start, end=place.end, anchor=None))
        moved += has_moved
    return Anchored(replace(record, spans=marks), moved)


def _place_of(mark: SpanMark, at: str, texts: Sequence[str], hashes: dict[int, str]) -> tuple[Span, bool]:
    if not 0 <= mark.message < len(texts):
        raise InvalidRow(f"{at}.message", f"There is no message {mark.message}", f"0 to {len(texts) - 1}")
    text, anchor = texts[mark.message], mark.anchor
    try:
        stated = _stated(mark, text)
        check_span(stated, texts)
    except ValueError as error:
        if anchor is None or not anchor.quote:
            raise InvalidRow(at, f"{error}"[:1].upper() + f"{error}"[1:], "offsets of the stored text") from None
        stated = None
    if anchor is None and stated is not None:
        return stated, False
    assert anchor is not None
    if mark.message not in hashes:
        hashes[mark.message] = sha256_text(text)
    if stated is not None and anchor.text_sha256 in ("", hashes[mark.message]) and _fits(anchor, text, stated):
        return stated, False
    found = find_again(text, QuoteSelector(anchor.quote, anchor.prefix, anchor.suffix))
    if found is None:
        raise InvalidRow(at, *_not_found(mark, anchor, text))
    return Span(mark.message, *found), stated is None or found != (stated.start, stated.end)


def _stated(mark: SpanMark, text: str) -> Span:
    """Where the file says; ValueError where there is no such place in the text."""
    if mark.anchor is None or not mark.anchor.in_utf16:
        return Span(mark.message, mark.start, mark.end)
    return Span(mark.message, *from_utf16_many(text, [mark.start, mark.end]).tolist())


def _fits(anchor: Anchor, text: str, span: Span) -> bool:
    """Whether the words stand there, and beside them what stood beside them. Without words, the text's hash vouches."""
    if not anchor.quote:
        return bool(anchor.text_sha256)
    return (
        text[span.start : span.end] == anchor.quote
        and text[: span.start].endswith(anchor.prefix)
        and text.startswith(anchor.suffix, span.end)
    )


def _not_found(mark: SpanMark, anchor: Anchor, text: str) -> tuple[str, str]:
    """What is wrong, and what was expected instead."""
    if not anchor.quote:
        return "It was marked in another text than the one that is stored, and says no words", "a quote, or that text"
    words = anchor.quote if len(anchor.quote) <= 60 else f"{anchor.quote[:59]}…"
    whole = anchor.prefix + anchor.quote + anchor.suffix
    around = " with what stands around them" if anchor.prefix or anchor.suffix else ""
    often = "several times" if whole in text else "nowhere"
    return (
        f"The words {words!r} are not at {mark.start}-{mark.end} of the stored text, and{around} stand {often} in it",
        "words that stand there, or once in the text with their prefix and suffix",
    )
