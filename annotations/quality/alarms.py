"""Alarms in words: what was seen of a person, what it was compared with, and how likely an honest person is to do so.

With several questions or people each is tested the more strictly, so that `LEVEL` holds for the person and the kind of
alarm. Nobody is told of with fewer than `MIN_ANSWERS` answers, nor of a drop with fewer than `MIN_KNOWN` known ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rewards.statistics.alarms import RELATIVE_FAST
from rewards.statistics.annotators import FAST_SHARE, LEVEL, MAX_WORDS_PER_MINUTE, MIN_ANSWERS

Row = Mapping[str, Any]

_SELDOM = 100_000
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def alarms_of(row: Row) -> list[str]:
    """All that a person's row raises."""
    found = _of_drop(row["drop"])
    if row["answered"] < MIN_ANSWERS:
        return found
    return [
        *_of_pace(row),
        *_of_copying(row["copied"]),
        *_of_patterns(row["patterns"]),
        *_of_straight_lines(row["straight"]),
        *_of_places(row["places"]),
        *found,
    ]


def _of_pace(row: Row) -> list[str]:
    found = []
    timed, relative = row["pace"], row["relative_pace"]
    if timed and timed["is_alarming"]:
        fast = f"{timed['fast']} of {timed['timed']} items at over {MAX_WORDS_PER_MINUTE:.0f} words a minute"
        found.append(f"{fast}, where up to {FAST_SHARE:.0%} may be ({_chance(timed['p_value'])})")
    if relative and _is_below(relative["p_value"], LEVEL):
        fast = f"{relative['fast']} of {relative['timed']} items in less than {RELATIVE_FAST:.0%} of the others' time"
        found.append(f"{fast} on them, {relative['ratio']:.0%} in the median ({_chance(relative['p_value'])})")
    return found


def _of_copying(copied: Sequence[Row]) -> list[str]:
    """The same words need no test."""
    tested = [one for one in copied if one["p_value"] is not None and one["n"] >= MIN_ANSWERS]
    found = [
        f"{one['question']}: {one['same']} of {one['odd']} unusual answers are the same as {one['name']}'s, where "
        f"{one['expected']:.1f} are of two who err by themselves ({_chance(one['p_value'])})"
        for one in tested
        if _is_below(one["p_value"], LEVEL / len(tested))
    ]
    alike = [one for one in copied if one["p_value"] is None]
    return found + [f"{one['question']}: the same words as {one['name']} in {one['same']} critiques" for one in alike]


def _of_patterns(patterns: Sequence[Row]) -> list[str]:
    told = [
        f"{one['question']}: the same answer {one['observed']:.0f} times running, where the others' vary more "
        f"({_chance(one['p_value'])})"
        for one in _alarming([one for one in patterns if one["pattern"] == "same"])
    ]
    return told + [
        f"{one['question']}: {one['observed']:.0%} of answers differ from the one before, where {one['expected']:.0%} "
        f"do in random order ({_chance(one['p_value'])})"
        for one in _alarming([one for one in patterns if one["pattern"] == "alternating"])
    ]


def _of_straight_lines(straight: Sequence[Row]) -> list[str]:
    return [
        f"{one['question']}: one answer for everything on {one['seen']} of {one['n']} items, where the others' answers "
        f"to these make it {one['expected']:.1f} ({_chance(one['p_value'])})"
        for one in _alarming(straight)
    ]


def _of_places(places: Sequence[Row]) -> list[str]:
    return [
        f"{one['question']}: what is shown {_PLACES[one['place']]} was preferred on {one['seen']} of {one['n']} items, "
        f"where the lot makes it {one['expected']:.1f} ({_chance(one['p_value'])})"
        for one in _alarming(places)
    ]


def _of_drop(drop: Row | None) -> list[str]:
    if drop is None or not _is_below(drop["p_value"], LEVEL):
        return []
    after, before = (f"{drop[name]} of {drop[f'n_{name}']}" for name in ("after", "before"))
    return [f"known answers: {after} right lately, {before} before ({_chance(drop['p_value'])})"]


def _alarming(rows: Sequence[Row]) -> list[Row]:
    tested = [one for one in rows if one["p_value"] == one["p_value"]]
    return [one for one in tested if _is_below(one["p_value"], LEVEL / len(tested))]


def _is_below(p_value: float, level: float) -> bool:
    """False for what was not tested, which is NaN."""
    return p_value < level


def _chance(p_value: float) -> str:
    if p_value * _SELDOM < 1:
        return f"chance below 1 in {_SELDOM:,}"
    return f"chance 1 in {1 / p_value:,.0f}"
