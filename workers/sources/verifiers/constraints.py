"""Constraints on an answer that a program can check: pure functions g(text, parameters) -> bool, in one registry.

They are of the kind of IFEval (Zhou et al. 2023, arXiv 2311.07911). A constraint is data:

    {"kind": "max_words", "n": 100}        {"kind": "contains", "words": ["cat", "mat"]}

Words are runs of letters, digits and underscores, as IFEval counts them; sentences are those of
`rewards.segmentation.sentences`. Each kind also proposes, for a given text, parameters that the text keeps and others
that it breaks, from which `constraint_pairs` builds pairs of instructions.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rewards.segmentation import sentences

FieldKind = Literal["count", "text", "words", "script"]
Values = Mapping[str, Any]

MOST_CONSTRAINTS = 50
SCRIPTS = (
    "LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "THAI", "CJK", "HIRAGANA", "KATAKANA",
    "HANGUL", "ARMENIAN", "GEORGIAN", "TAMIL", "TELUGU",
)  # fmt: skip
# Rarely written, so that a text seldom holds one of them: what it lacks can be asked for.
_RARE = ("lantern", "orchard", "granite", "violet", "compass", "harbour", "saffron", "meridian", "thimble", "walrus")
_WORD = re.compile(r"\w+")
_BULLET = re.compile(r"^[ \t]*+[*\-•][ \t]++\S", re.MULTILINE)
_HIGHLIGHT = re.compile(r"(?<!\*)(\*{1,2})(?=\S)[^*\n]++(?<=\S)\1(?!\*)")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]++\]")
_TITLE = re.compile(r"<<[^<>\n]++>>")
_PARAGRAPHS = re.compile(r"\n[ \t]*+\n\s*+")


class ConstraintError(ValueError):
    """A constraint that cannot be read: says which part, and what was expected."""


class Proposal(NamedTuple):
    """Parameters that a text keeps, and parameters that it breaks."""

    kept: Values
    broken: Values


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of constraint.

    Attributes
    ----------
    name : str
    fields : mapping of name to kind of value
        ``count``: a whole number from 0; ``text``: not empty; ``words``: a list of such; ``script``: one of `SCRIPTS`.
    instruction : str
        What a policy is told; fields in curly brackets.
    holds : callable
        g(text, values).
    propose : callable
        A proposal for a text, or None where it gives no ground for one.
    """

    name: str
    fields: Mapping[str, FieldKind]
    instruction: str
    holds: Callable[[str, Values], bool]
    propose: Callable[[str, random.Random], Proposal | None]


@dataclass(frozen=True)
class Constraint:
    """One constraint with its parameters."""

    kind: Kind
    values: Values

    def holds(self, text: str) -> bool:
        """Whether the text keeps it."""
        return self.kind.holds(text, self.values)

    @property
    def instruction(self) -> str:
        """What a policy is told."""
        shown = {
            name: ", ".join(f"“{word}”" for word in value) if isinstance(value, list | tuple) else value
            for name, value in self.values.items()
        }
        return self.kind.instruction.format(**shown)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind.name, **self.values}


def read_constraints(given: Any) -> list[Constraint]:
    """Constraints from their data.

    Raises
    ------
    ConstraintError
        Names the first one that cannot be read.
    """
    if not isinstance(given, list) or not given:
        raise ConstraintError("expected a list of constraints")
    if len(given) > MOST_CONSTRAINTS:
        raise ConstraintError(f"{len(given)} constraints: expected {MOST_CONSTRAINTS} at most")
    return [_read(f"constraint {number}", one) for number, one in enumerate(given, 1)]


def holds_loosely(constraint: Constraint, text: str) -> bool:
    """Whether some variant of the text keeps it: without its first line, its last, both, or Markdown's asterisks.

    IFEval's loose accuracy: an opening such as "Sure, here it is:" or a highlighted word breaks no constraint.
    """
    lines = text.split("\n")
    variants = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    variants += [variant.replace("*", "") for variant in variants]
    return any(variant.strip() and constraint.holds(variant) for variant in variants)


def count_words(text: str) -> int:
    return len(_WORD.findall(text))


def count_sentences(text: str) -> int:
    return len(sentences([text]))


def count_paragraphs(text: str) -> int:
    """Separated by blank lines."""
    return sum(bool(part.strip()) for part in _PARAGRAPHS.split(text))


def count_word(text: str, word: str) -> int:
    """How often a word, or a phrase, stands by itself, in any letter case."""
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE))


def count_capital_words(text: str) -> int:
    """Words all in capitals; a single letter is none."""
    return sum(len(word) > 1 and word.isupper() for word in _WORD.findall(text))


def main_script(text: str) -> str:
    """The script of most letters, by the first word of their Unicode names; empty where there is no letter."""
    counts: dict[str, int] = {}
    for character in text:
        if character.isalpha():
            name = unicodedata.name(character, "").split(" ")[0].split("-")[0]
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else ""


def _read(where: str, given: Any) -> Constraint:
    if not isinstance(given, Mapping) or given.get("kind") not in KINDS:
        raise ConstraintError(f"{where}: expected an object with a kind, one of {', '.join(KINDS)}")
    kind = KINDS[given["kind"]]
    if unknown := sorted(set(given) - set(kind.fields) - {"kind"}):
        raise ConstraintError(f"{where} ({kind.name}): {unknown[0]} is none of {', '.join(kind.fields) or 'no fields'}")
    return Constraint(
        kind,
        {name: _value(f"{where} ({kind.name}): {name}", sort, given.get(name)) for name, sort in kind.fields.items()},
    )


def _value(where: str, sort: FieldKind, given: Any) -> Any:
    if sort == "count":
        if isinstance(given, bool) or not isinstance(given, int) or given < 0:
            raise ConstraintError(f"{where} is {given!r}: expected a whole number from 0")
        return given
    if sort == "words":
        if (
            not isinstance(given, list)
            or not given
            or not all(isinstance(word, str) and word.strip() for word in given)
        ):
            raise ConstraintError(f"{where} is {given!r}: expected a list of words")
        return [word.strip() for word in given]
    if not isinstance(given, str) or not given.strip():
        raise ConstraintError(f"{where} is {given!r}: expected text")
    if sort == "script":
        if given.upper() not in SCRIPTS:
            raise ConstraintError(f"{where} is {given!r}: expected one of {', '.join(SCRIPTS)}")
        return given.upper()
    return given


def _at_least(name: str, instruction: str, count: Callable[[str], int], *, spare: float = 0.25) -> Kind:
    """A lower bound of a count."""

    def propose(text: str, draw: random.Random) -> Proposal | None:
        found = count(text)
        if not found:
            return None
        less = max(1, found - draw.randint(0, int(found * spare)))
        return Proposal({"n": less}, {"n": found + 1 + draw.randint(0, int(found * spare) + 1)})

    return Kind(name, {"n": "count"}, instruction, lambda text, values: count(text) >= values["n"], propose)


def _at_most(name: str, instruction: str, count: Callable[[str], int], *, spare: float = 0.25) -> Kind:
    """An upper bound of a count."""

    def propose(text: str, draw: random.Random) -> Proposal | None:
        found = count(text)
        if not found:
            return None
        fewer = found - 1 - draw.randint(0, int(found * spare))
        return Proposal({"n": found + draw.randint(0, int(found * spare) + 1)}, {"n": max(0, fewer)})

    return Kind(name, {"n": "count"}, instruction, lambda text, values: count(text) <= values["n"], propose)


def _exactly(name: str, instruction: str, count: Callable[[str], int]) -> Kind:
    """A count."""

    def propose(text: str, draw: random.Random) -> Proposal | None:
        found = count(text)
        return Proposal({"n": found}, {"n": found + draw.randint(1, 3)}) if found else None

    return Kind(name, {"n": "count"}, instruction, lambda text, values: count(text) == values["n"], propose)


def _property(name: str, instruction: str, holds: Callable[[str], bool]) -> Kind:
    """Something that a text has or has not: no parameter makes the other case of it."""
    return Kind(name, {}, instruction, lambda text, values: holds(text), lambda text, draw: None)


def _some_words(text: str, draw: random.Random, n: int) -> list[str]:
    words = sorted({word.casefold() for word in _WORD.findall(text) if len(word) > 3 and word.isalpha()})
    # Case folding may make a word that the text does not hold: only what is found counts.
    words = [word for word in words if count_word(text, word)]
    return draw.sample(words, n) if len(words) >= n else []


def _lacking(text: str, draw: random.Random) -> str:
    lacking = [word for word in _RARE if not count_word(text, word)]
    return draw.choice(lacking) if lacking else ""


def _contains(text: str, draw: random.Random) -> Proposal | None:
    there, missing = _some_words(text, draw, 2), _lacking(text, draw)
    return Proposal({"words": there}, {"words": [there[0], missing]}) if there and missing else None


def _avoids(text: str, draw: random.Random) -> Proposal | None:
    there, missing = _some_words(text, draw, 1), _lacking(text, draw)
    return Proposal({"words": [missing]}, {"words": there}) if there and missing else None


def _word_frequency(text: str, draw: random.Random) -> Proposal | None:
    there = _some_words(text, draw, 1)
    if not there:
        return None
    found = count_word(text, there[0])
    return Proposal({"word": there[0], "n": found}, {"word": there[0], "n": found + draw.randint(1, 3)})


def _starts(text: str, draw: random.Random) -> Proposal | None:
    first = " ".join(text.split()[:2]) if text.strip() else ""
    missing = _lacking(text, draw)
    # White space between the two words may be a line break: then the text does not start with them as quoted.
    return Proposal({"text": first}, {"text": missing}) if missing and _starts_with(text, first) else None


def _ends(text: str, draw: random.Random) -> Proposal | None:
    last = text.split()[-1] if text.strip() else ""
    missing = _lacking(text, draw)
    return Proposal({"text": last}, {"text": missing}) if last and missing else None


def _scripts(text: str, draw: random.Random) -> Proposal | None:
    found = main_script(text)
    if found not in SCRIPTS:
        return None
    return Proposal({"script": found}, {"script": draw.choice([script for script in SCRIPTS if script != found])})


def _starts_with(text: str, start: str) -> bool:
    return bool(start) and text.strip().casefold().startswith(start.casefold())


def _is_json(text: str) -> bool:
    fenced = re.fullmatch(r"\s*+```(?:json)?+[ \t]*+\n(.*)```\s*+", text, re.DOTALL | re.IGNORECASE)
    try:
        json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_quoted(text: str) -> bool:
    inner = text.strip()
    return len(inner) > 1 and (inner[0], inner[-1]) in {('"', '"'), ("“", "”"), ("«", "»"), ("„", "“")}


_ALL = (
    _at_least("min_words", "Write at least {n} words.", count_words),
    _at_most("max_words", "Write at most {n} words.", count_words),
    _at_least("min_characters", "Write at least {n} characters.", len),
    _at_most("max_characters", "Write at most {n} characters.", len),
    _at_least("min_sentences", "Write at least {n} sentences.", count_sentences),
    _at_most("max_sentences", "Write at most {n} sentences.", count_sentences),
    _exactly("paragraphs", "Write exactly {n} paragraphs, with a blank line between them.", count_paragraphs),
    _exactly("bullets", "Write exactly {n} bullet points.", lambda text: len(_BULLET.findall(text))),
    _at_least("highlights", "Highlight at least {n} parts, *like this*.", lambda text: len(_HIGHLIGHT.findall(text))),
    _at_least(
        "placeholders", "Use at least {n} placeholders in square brackets.", lambda t: len(_PLACEHOLDER.findall(t))
    ),
    _at_most("max_capital_words", "Write at most {n} words all in capitals.", count_capital_words),
    _at_most("max_commas", "Use at most {n} commas.", lambda text: text.count(",")),
    Kind(
        "contains",
        {"words": "words"},
        "Use each of these words: {words}.",
        lambda text, values: all(count_word(text, word) for word in values["words"]),
        _contains,
    ),
    Kind(
        "avoids",
        {"words": "words"},
        "Do not use any of these words: {words}.",
        lambda text, values: not any(count_word(text, word) for word in values["words"]),
        _avoids,
    ),
    Kind(
        "word_frequency",
        {"word": "text", "n": "count"},
        "Use the word “{word}” at least {n} times.",
        lambda text, values: count_word(text, values["word"]) >= values["n"],
        _word_frequency,
    ),
    Kind(
        "starts_with",
        {"text": "text"},
        "Begin with “{text}”.",
        lambda text, values: _starts_with(text, values["text"].strip()),
        _starts,
    ),
    Kind(
        "ends_with",
        {"text": "text"},
        "End with “{text}”, and write nothing after it.",
        lambda text, values: text.strip().casefold().endswith(values["text"].strip().casefold()),
        _ends,
    ),
    Kind(
        "script",
        {"script": "script"},
        "Write in {script} script.",
        lambda text, values: main_script(text) == values["script"],
        _scripts,
    ),
    _property("lowercase", "Write in small letters only.", lambda text: text == text.lower()),
    _property("uppercase", "Write in capitals only.", lambda text: text == text.upper()),
    _property("title", "Give a title in double angle brackets: <<title>>.", lambda text: bool(_TITLE.search(text))),
    _property(
        "postscript",
        "Add a postscript that begins with P.S.",
        lambda text: bool(re.search(r"(?m)^\s*+P\.\s?S\.", text)),
    ),
    _property("quoted", "Put the whole answer between double quotation marks.", _is_quoted),
    _property("json", "Answer in JSON and nothing else.", _is_json),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
"""By name."""
