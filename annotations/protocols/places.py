"""Where in a text an answer points: the page's offsets, checked against the text that is stored."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from annotations.protocols.contract import ShownOutput
from rewards.text import Span, check_span, quote, sha256_text


def place_span(entry: Mapping[str, Any], output: ShownOutput) -> tuple[Span, str, str] | str:
    """The span with its words and its text's hash, or what is wrong with it.

    The page sends what it saw, and it must be what is stored: otherwise the offsets mean other words.
    """
    numbers = [value for name in ("message", "start", "end") if type(value := entry.get(name)) is int]
    if len(numbers) != 3:
        return gettext("message, start and end must be whole numbers.")
    span = Span(*numbers)
    try:
        check_span(span, output.texts)
    except ValueError as error:
        return f"{error}."
    text = output.texts[span.message]
    digest = sha256_text(text)
    if entry.get("text_sha256") != digest:
        return gettext("it was marked in another text than the one that is stored. Reload the page.")
    words = quote(text, span)
    if entry.get("quote") != words:
        found = {"start": span.start, "end": span.end, "words": _short(words), "quote": _short(str(entry.get("quote")))}
        return gettext("the text at %(start)s-%(end)s reads %(words)s, not %(quote)s.") % found
    return span, words, digest


def _short(words: str) -> str:
    return f"“{words if len(words) <= 60 else words[:59] + '…'}”"
