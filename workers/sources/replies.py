"""Reading what a judge wrote: the last JSON object counts, and what is not on the menu is no verdict.

A reply that cannot be read leaves its item unscored with the reason and the raw text; it is never a zero, a default or
the nearest match.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class ParseState(StrEnum):
    """What became of a reply; stored with the judgment and counted on pages."""

    PROBABILITIES = "probabilities"
    """The model's probabilities were read; there was no text to parse."""
    PARSED = "parsed"
    NO_JSON = "no_json"
    MISSING_FIELD = "missing_field"
    OFF_MENU = "off_menu"
    OUT_OF_RANGE = "out_of_range"
    VERDICT_FIRST = "verdict_first"
    """The answer stands before the reasons for it."""
    UNLOCATED = "unlocated"
    """None of the words that it quotes stands in the text."""
    TRUNCATED = "truncated"
    """The limit on new tokens cut the reply before its end, and what is there cannot be read."""
    REFUSED = "refused"
    """The engine gave no reply."""


UNDERSTOOD = frozenset({ParseState.PROBABILITIES, ParseState.PARSED})


class ReplyError(ValueError):
    """A reply that cannot be read: `state` for counting, the message for a person."""

    def __init__(self, state: ParseState, message: str) -> None:
        super().__init__(message)
        self.state = state


def json_object(text: str) -> dict[str, Any]:
    """The last complete JSON object in the reply, whatever stands around it.

    A judge may quote an object before it gives its own, so the last one counts; objects inside it do not.

    Raises
    ------
    ReplyError
        ``no_json``.
    """
    decoder = json.JSONDecoder(parse_constant=lambda name: math.nan)
    found: dict[str, Any] | None = None
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except RecursionError:
            # A nest deeper than any answer. Beginning again at each of its brackets would take quadratic time.
            break
        except ValueError:
            end = place + 1
        else:
            found = value if isinstance(value, dict) else found
        place = text.find("{", end)
    if found is None:
        raise ReplyError(ParseState.NO_JSON, "the reply holds no JSON object")
    return found


def label_of(reply: Mapping[str, Any], field: str, menu: Sequence[str]) -> str:
    """The answer in `field`, which must be one of the menu, letter case and outer spaces apart.

    Raises
    ------
    ReplyError
        ``missing_field`` or ``off_menu``.
    """
    value = _field(reply, field)
    said = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).strip().casefold()
    for label in menu:
        if label.casefold() == said:
            return label
    raise ReplyError(ParseState.OFF_MENU, f"{field} is {_short(value)}: expected one of {', '.join(menu)}")


def number_of(reply: Mapping[str, Any], field: str, low: float, high: float) -> float:
    """The number in `field`, within its scale; a number written as text counts.

    Raises
    ------
    ReplyError
        ``missing_field``, or ``out_of_range`` where it is no number on the scale.
    """
    value = _field(reply, field)
    expected = f"{field} is {_short(value)}: expected a number from {low:g} to {high:g}"
    if isinstance(value, bool):
        raise ReplyError(ParseState.OUT_OF_RANGE, expected)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ReplyError(ParseState.OUT_OF_RANGE, expected) from None
    if not low <= number <= high:
        raise ReplyError(ParseState.OUT_OF_RANGE, expected)
    return number


def text_of(reply: Mapping[str, Any], field: str) -> str:
    """The text in `field`; ReplyError (``missing_field``) where there is none."""
    value = _field(reply, field)
    if not isinstance(value, str) or not value.strip():
        raise ReplyError(ParseState.MISSING_FIELD, f"{field} holds no text")
    return value.strip()


def _field(reply: Mapping[str, Any], field: str) -> Any:
    if field not in reply or reply[field] is None:
        raise ReplyError(ParseState.MISSING_FIELD, f"the reply has no field {field}")
    return reply[field]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
