"""Numbers as people and models write them, read exactly: no floating point is involved.

Read are digits with or without separators of thousands, decimals, exponents, fractions (`3/4`, `\\frac{3}{4}`,
`1 1/2`), percents, and signs, full-width and typographic forms included. A number is at most `MOST_DIGITS` characters
long and its exponent three digits, so that no text can ask for a number that does not fit into memory.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

MOST_DIGITS = 300

# One character for one, so that offsets stay those of the text.
_FORMS = str.maketrans("０１２３４５６７８９，．％／＋－−–﹣", "0123456789,.%/+----")
_GROUPS = "\u00a0\u2009\u202f'’_"


class Number(NamedTuple):
    """A number and where it stands."""

    value: Fraction
    start: int
    end: int


def _pattern(decimal: str) -> re.Pattern[str]:
    thousands = re.escape(("," if decimal == "." else ".") + _GROUPS)
    point = re.escape(decimal)
    grouped = rf"\d{{1,3}}(?P<separator>[{thousands}])\d{{3}}(?:(?P=separator)\d{{3}})*+(?!\d)"
    plain = rf"(?:(?:{grouped}|\d++)(?:{point}\d++)?+|{point}\d++)"
    return re.compile(
        rf"""
        (?P<sign>(?<![\w)\]}}])[+-]\s?|)
        (?:
          \\[dt]?frac\s*\{{\s*(?P<top>[+-]?\d++)\s*\}}\s*\{{\s*(?P<bottom>\d++)\s*\}}
        | (?<![\w.,])(?P<mixed>\d++)\s(?P<part>\d++)/(?P<whole>\d++)(?![\d/])
        | (?<![\w.,/])(?P<over>\d++)\s?/\s?(?P<under>\d++)(?![\d/])
        | (?<!\w)(?P<plain>{plain})(?:[eE](?P<exponent>[+-]?\d{{1,3}}))?+(?!\d|[eE][+-]?\d)
        )
        (?P<percent>\s?\\?%|\spercent\b)?
        """,
        re.VERBOSE,
    )


_PATTERNS = {".": _pattern("."), ",": _pattern(",")}


def find_numbers(text: str, *, decimal: str = ".", percent_is_fraction: bool = True) -> list[Number]:
    """Every number of the text, in order.

    Parameters
    ----------
    text : str
    decimal : {".", ","}
        The decimal mark; the other one separates thousands.
    percent_is_fraction : bool
        Whether 50 % is 1/2; else it is 50.
    """
    found = _PATTERNS[decimal].finditer(text.translate(_FORMS))
    numbers = (_number(match, decimal, percent_is_fraction) for match in found)
    return [number for number in numbers if number is not None]


def _number(match: re.Match[str], decimal: str, percent_is_fraction: bool) -> Number | None:
    if match.end() - match.start() > MOST_DIGITS:
        return None
    value = _value(match, decimal)
    if value is None:
        return None
    if match["sign"].strip() == "-":
        value = -value
    if match["percent"] and percent_is_fraction:
        value /= 100
    return Number(value, match.start(), match.end())


def _value(match: re.Match[str], decimal: str) -> Fraction | None:
    for over, under in (("top", "bottom"), ("over", "under")):
        if match[under]:
            return Fraction(int(match[over]), int(match[under])) if int(match[under]) else None
    if match["whole"]:
        if not int(match["whole"]):
            return None
        return int(match["mixed"]) + Fraction(int(match["part"]), int(match["whole"]))
    digits = match["plain"]
    whole, _, decimals = digits.partition(decimal)
    whole = re.sub(r"\D", "", whole)
    exponent = int(match["exponent"] or 0) - len(decimals)
    return Fraction(int(f"{whole}{decimals}")) * Fraction(10) ** exponent
