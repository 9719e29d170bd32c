"""Where a critic's quotes stand in what it quotes: found by offset, word for word, or not at all.

A critic names places by their words. Marking every token whose text occurs in the quotes, as the released code of DRLC
does (arXiv 2401.07382), also marks the same words elsewhere; so each quote is looked up in the text, and what is marked
are its characters. The rules, for every source of this package:

- White space around a quote does not count. Nothing else is forgiven: not letter case, not quotation marks, not dots
  for words left out. A quote that does not stand in the text word for word is not located, and is counted.
- Only what the policy itself wrote and the critic was shown is searched, message by message, in their order.
- A place where the quote would begin or end inside a word counts only where the words stand nowhere by themselves.
- Places do not overlap. Where there are several, the critic's own number of the occurrence decides; one that is too
  high is not located. Without a number the parameter `repeated` decides: the first place, every place, or none, which
  counts as not located.

A reply none of whose quotes can be located is unread (`unlocated`): asked for again, and then unscored. One some of
whose quotes are located counts with these; how many stands with the reply and is the signal `quotes_located`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import whole, words
from rewards.signals import RewardSignal, spans_to_tokens
from rewards.text import Span, word_cuts
from workers.sources.asking import closed_object, read_whole
from workers.sources.contract import SourceItem
from workers.sources.prompts import neutralise
from workers.sources.replies import ParseState, ReplyError
from workers.sources.results import Reply, SignalResult, SpanResult

FAMILY = "Critics"
FIRST, EVERY, NOWHERE = "first", "every", "nowhere"
QUOTE, OCCURRENCE, SPANS = "quote", "occurrence", "spans"
LOCATED = "quotes_located"

MOST_PLACES = 1_000
MOST_LOOKED = 20_000
"""Places of one quote that are kept, and that are looked at in a message: hostile texts repeat a letter for ever."""
MOST_SPANS = 5_000
"""Marks on one output; a critic that gives more is not read."""

QUOTE_FORM = {
    QUOTE: "words of the response, copied exactly, without dots for words left out",
    OCCURRENCE: "a whole number where the same words stand more than once: 1 for the first place; else null",
}
QUOTE_SCHEMA: dict[str, dict[str, Any]] = {
    QUOTE: {"type": "string"},
    OCCURRENCE: {"type": ["integer", "null"], "minimum": 1},
}

REPEATED_PARAMETER = Parameter(
    "repeated",
    "choice",
    FIRST,
    "A quote that stands several times",
    "Where the critic does not say which place it means. Quotes that do not stand in the text word for word are "
    "counted and mark nothing.",
    choices=((FIRST, "Marks the first place"), (EVERY, "Marks every place"), (NOWHERE, "Counts as not located")),
)


class Quote(NamedTuple):
    """Words, and which of their occurrences is meant, from 1, where the critic says so."""

    text: str
    occurrence: int | None = None


class Mark(NamedTuple):
    """What a critic says of the words that it quotes; the fields of `SpanResult` without the place."""

    quote: Quote
    type: str
    severity: str = ""
    value: float | None = None
    explanation: str = ""
    criterion_key: str = ""


class Found(NamedTuple):
    """The marks that have a place, and how many quotes were given and located."""

    spans: tuple[SpanResult, ...] = ()
    given: int = 0
    located: int = 0

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.located} of {self.given} quotes located" if self.given else "nothing was quoted"


class QuoteFinder:
    """Finds quotes in messages, by the rules of this module.

    Parameters
    ----------
    texts : mapping of int to str
        What may be quoted, by the index of its message.
    repeated : {"first", "every", "nowhere"}
    """

    def __init__(self, texts: Mapping[int, str], repeated: str = FIRST) -> None:
        self._texts = texts
        # A critic reads texts with their delimiters neutralised, character for character.
        self._shown = {message: neutralise(text) for message, text in texts.items()}
        self._repeated = repeated
        self._cuts: dict[str, bytearray] = {}
        self._places: dict[str, tuple[Span, ...]] = {}

    def places(self, text: str) -> tuple[Span, ...]:
        """Everywhere that the words stand, in order; at most `MOST_PLACES`."""
        exact = text.strip()
        if exact not in self._places:
            self._places[exact] = self._occurrences(exact, self._shown) or self._occurrences(exact, self._texts)
        return self._places[exact]

    def _occurrences(self, exact: str, texts: Mapping[int, str]) -> tuple[Span, ...]:
        found = {message: text for message, text in texts.items() if exact and exact in text}
        for text in found.values():
            if text not in self._cuts:
                self._cuts[text] = word_cuts(text)
        return _occurrences(exact, found, self._cuts)

    def find(self, quote: Quote) -> tuple[Span, ...]:
        """What the quote marks; nothing where it is not located."""
        places = self.places(quote.text)
        if quote.occurrence is not None:
            return places[quote.occurrence - 1 : quote.occurrence] if quote.occurrence > 0 else ()
        if len(places) > 1 and self._repeated != EVERY:
            return places[:1] if self._repeated == FIRST else ()
        return places


def quotable(item: SourceItem, parameters: Parameters) -> dict[int, str]:
    """What a critic may quote: messages that the policy wrote, its thinking only where `include_thinking` shows it."""
    return {
        index: message.text
        for index, message in enumerate(item.output_messages)
        if message.role == "assistant"
        and message.text.strip()
        and (parameters["include_thinking"] or message.channel != "thinking")
    }


def entries_of(reply: Mapping[str, Any], name: str = SPANS) -> list[Mapping[str, Any]]:
    """The objects of a list; ReplyError (``missing_field``) where there is none or something else in it."""
    value = reply.get(name)
    if not isinstance(value, list):
        raise ReplyError(ParseState.MISSING_FIELD, f"{name} holds no list")
    if not all(isinstance(entry, Mapping) for entry in value):
        raise ReplyError(ParseState.MISSING_FIELD, f"{name} holds something that is no object")
    return value


def quote_of(entry: Mapping[str, Any]) -> Quote:
    """The quote of an entry. An empty one is located nowhere; one that is no text is a ReplyError."""
    if not isinstance(entry.get(QUOTE), str):
        raise ReplyError(ParseState.MISSING_FIELD, f"an entry has no {QUOTE}")
    occurrence = entry.get(OCCURRENCE)
    if occurrence is None or occurrence == "":
        return Quote(entry[QUOTE])
    return Quote(entry[QUOTE], read_whole(entry, OCCURRENCE, 1, 10**9))


def marked_schema(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A list of objects that each begin with a quote."""
    return {"type": "array", "items": closed_object({**QUOTE_SCHEMA, **properties})}


def marked_form(fields: Mapping[str, str], empty_where: str) -> str:
    """The same in words, for a field of `object_form`."""
    inner = ", ".join(f'"{name}" ({meaning})' for name, meaning in {**QUOTE_FORM, **fields}.items())
    return f"a list, empty where {empty_where}, of objects with {inner}"


def locate(marks: Sequence[Mark], finder: QuoteFinder) -> Found:
    """The marks with their places; the same mark of the same place counts once.

    Raises
    ------
    ReplyError
        ``unlocated`` where there are quotes and none of them stands in the text; ``out_of_range`` for more than
        `MOST_SPANS` places.
    """
    found: dict[tuple[object, ...], SpanResult] = {}
    located = 0
    for mark in marks:
        places = finder.find(mark.quote)
        located += bool(places)
        for place in places:
            span = SpanResult(*place, mark.type, mark.severity, mark.value, mark.explanation, mark.criterion_key)
            found.setdefault((*place, mark.type, mark.severity, mark.criterion_key), span)
        if len(found) > MOST_SPANS:
            raise ReplyError(ParseState.OUT_OF_RANGE, f"it marks more than {MOST_SPANS} places")
    if marks and not located:
        raise ReplyError(ParseState.UNLOCATED, f"0 of {len(marks)} quotes located")
    return Found(in_order(found.values()), len(marks), located)


def in_order(spans: Collection[SpanResult]) -> tuple[SpanResult, ...]:
    """The spans as they stand in the text."""
    return tuple(sorted(spans, key=lambda span: (span.message, span.start, span.end)))


def noted(replies: tuple[Reply, ...], words: str) -> tuple[Reply, ...]:
    """The replies, with a line for people on the last one, after why it could not be read where it could not."""
    if not replies:
        return ()
    last = replies[-1]
    return (*replies[:-1], replace(last, detail=f"{last.detail}; {words}" if last.detail else words))


def located_signal(item: SourceItem, found: Found) -> tuple[SignalResult, ...]:
    """Signal `quotes_located`: the share of the quotes that stand in the text; none where nothing was quoted."""
    if not found.given:
        return ()
    share = np.array([found.located / found.given], dtype=np.float32)
    return (SignalResult(LOCATED, RewardSignal(whole(item.texts), share)),)


def word_signal(
    item: SourceItem, shown: Collection[int], spans: Sequence[Span], values: Sequence[float], rest: float
) -> RewardSignal:
    """A reward for every word: the values of the spans that share a character with it, added; `rest` without a span.

    Words of messages that the critic did not read as the policy's have no value.
    """
    cut = words(item.texts)
    inside = spans_to_tokens(spans, [1.0] * len(spans), cut).values > 0
    dense = np.where(inside, spans_to_tokens(spans, values, cut).values, rest)
    return RewardSignal(cut, np.where(np.isin(cut.spans[:, 0], sorted(shown)), dense, np.nan))


def _occurrences(exact: str, texts: Mapping[int, str], cuts_of: Mapping[str, bytearray]) -> tuple[Span, ...]:
    """Where the words stand by themselves, or else inside other words."""
    by_themselves: list[Span] = []
    inside: list[Span] = []
    for message, text in texts.items():
        start, parted = text.find(exact), cuts_of[text]
        looked = free = 0
        while start >= 0 and looked < MOST_LOOKED and len(by_themselves) < MOST_PLACES:
            looked += 1
            place = Span(message, start, start + len(exact))
            cuts = parted[place.start] or parted[place.end]
            if not cuts:
                by_themselves.append(place)
            elif place.start >= free and len(inside) < MOST_PLACES:
                inside.append(place)
                free = place.end
            start = text.find(exact, place.start + 1 if cuts else place.end)
    return tuple(by_themselves or inside)
