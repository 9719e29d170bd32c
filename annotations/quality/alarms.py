"""Alarms: what was seen of a person, what it was compared with, and how likely an honest person is to do so.

With several questions or people each is tested the more strictly, so that `LEVEL` holds for the person and the kind of
alarm. Nobody is told of with fewer than `MIN_ANSWERS` answers, nor of a drop with fewer than `MIN_KNOWN` known ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rewards.statistics.alarms import RELATIVE_FAST
from rewards.statistics.annotators import FAST_SHARE, LEVEL, MAX_WORDS_PER_MINUTE, MIN_ANSWERS

Row = Mapping[str, Any]
Alarm = dict[str, Any]
"""A `code` of `annotations.quality.said.SENTENCES` with the numbers of its sentence."""


def alarms_of(row: Row) -> list[Alarm]:
    """All that a person's row raises."""
    found = _of_drop(row["drop"])
    if row["answered"] < MIN_ANSWERS:
        return found
    return [
        *_of_pace(row),
        *_of_copying(row["copied"]),
        *_of_patterns(row["patterns"]),
        *(_alarm("straight", one, "question", "seen", "n", "expected") for one in _alarming(row["straight"])),
        *(_alarm("place", one, "question", "place", "seen", "n", "expected") for one in _alarming(row["places"])),
        *found,
    ]


def _of_pace(row: Row) -> list[Alarm]:
    found = []
    timed, relative = row["pace"], row["relative_pace"]
    if timed and timed["is_alarming"]:
        bounds = {"limit": MAX_WORDS_PER_MINUTE, "allowed": FAST_SHARE}
        found.append(_alarm("fast", timed, "fast", "timed") | bounds)
    if relative and _is_below(relative["p_value"], LEVEL):
        found.append(_alarm("hurried", relative, "fast", "timed", "ratio") | {"share": RELATIVE_FAST})
    return found


def _of_copying(copied: Sequence[Row]) -> list[Alarm]:
    """The same words need no test."""
    tested = [one for one in copied if one["p_value"] is not None and one["n"] >= MIN_ANSWERS]
    found = [
        _alarm("copied", one, "question", "same", "odd", "name", "expected")
        for one in tested
        if _is_below(one["p_value"], LEVEL / len(tested))
    ]
    alike = [one for one in copied if one["p_value"] is None]
    return found + [{"code": "same_words", **{key: one[key] for key in ("question", "name", "same")}} for one in alike]


def _of_patterns(patterns: Sequence[Row]) -> list[Alarm]:
    same, changing = (
        _alarming([one for one in patterns if one["pattern"] == name]) for name in ("same", "alternating")
    )
    found = [_alarm("same_answer", one, "question") | {"times": one["observed"]} for one in same]
    return found + [
        _alarm("alternating", one, "question") | {"share": one["observed"], "by_chance": one["expected"]}
        for one in changing
    ]


def _of_drop(drop: Row | None) -> list[Alarm]:
    if drop is None or not _is_below(drop["p_value"], LEVEL):
        return []
    return [_alarm("drop", drop, "after", "n_after", "before", "n_before")]


def _alarm(code: str, seen: Row, *names: str) -> Alarm:
    return {"code": code, **{name: seen[name] for name in names}, "p_value": seen["p_value"]}


def _alarming(rows: Sequence[Row]) -> list[Row]:
    tested = [one for one in rows if one["p_value"] == one["p_value"]]
    return [one for one in tested if _is_below(one["p_value"], LEVEL / len(tested))]


def _is_below(p_value: float, level: float) -> bool:
    """False for what was not tested, which is NaN."""
    return p_value < level
