"""How people answered, whatever their answers are worth: pace, patterns, places, copies, and what got worse."""

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any

from annotations.checks import Kind
from annotations.models import Campaign
from annotations.protocols import LABELS, Question
from annotations.protocols.checklist import EVIDENCE
from annotations.quality.reading import Submitted, Texts
from annotations.studies.inputs import Triples
from rewards.statistics.alarms import Drop, Excess, drop_in_known, favoured_place, relative_pace, straight_lining
from rewards.statistics.annotators import Pace, Pattern, alternation, copying, pace, same_answer

PATTERNED = ("rating", "comparison", "checklist", "ranking", "best_worst", "tick")
"""Kinds that are answered by choosing: marked words and written ones make no pattern."""

GRIDS = ("rating", "checklist", "steps")
"""Kinds whose answers are several choices on one scale."""

LEAST_PARTS = 3
"""Of a grid: that two choices are the same says nothing."""

LEAST_WORDS = 8
"""Of a critique: shorter ones two people may well write alike."""

Rows = dict[int, dict[str, Any]]


def add_pace(rows: Rows, submitted: Sequence[Submitted], texts: Texts) -> None:
    """Against reading, and against the others on the same items."""
    timed: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for one in submitted:
        timed[one.rater].append((texts.words[one.item], one.seconds))
    for rater, found in timed.items():
        rows[rater]["answered"] = len(found)
        rows[rater]["pace"] = _pace_row(pace([n for n, _ in found], [taken for _, taken in found]))
    columns = [(one.item, one.rater, one.seconds) for one in submitted]
    items, raters, seconds = zip(*columns, strict=True) if columns else ((), (), ())
    for who, relative in relative_pace(items, raters, seconds).items():
        fast = relative.fast
        told = {"ratio": relative.ratio, "fast": fast.successes, "timed": fast.n, "p_value": relative.p_value}
        rows[int(str(who))]["relative_pace"] = told


def _pace_row(found: Pace) -> dict[str, Any]:
    return {
        "words_per_minute": found.words_per_minute,
        "seconds": found.seconds,
        "fast": found.fast.successes,
        "timed": found.fast.n,
        "p_value": found.p_value,
        "is_alarming": found.is_alarming,
    }


def add_patterns(rows: Rows, questions: Sequence[Question], submitted: Sequence[Submitted]) -> None:
    """Runs and alternation of answers as they were seen: by neutral label, in the order in which they were given."""
    for question in questions:
        if question.kind not in PATTERNED:
            continue
        given: dict[int, list[str]] = defaultdict(list)
        for one in submitted:
            if one.answer.get(question.key) is not None:
                given[one.rater].append(json.dumps(one.answer[question.key], sort_keys=True))
        everyone = Counter(answer for answers in given.values() for answer in answers)
        for rater, answers in given.items():
            others = list((everyone - Counter(answers)).elements())
            for name, found in (("same", same_answer(answers, others)), ("alternating", alternation(answers))):
                rows[rater]["patterns"].append(_pattern_row(question, name, found))


def _pattern_row(question: Question, name: str, found: Pattern) -> dict[str, Any]:
    return {
        "question": question.key,
        "pattern": name,
        "observed": found.observed,
        "expected": found.expected,
        "p_value": found.p_value,
        "n": found.n,
    }


def add_straight_lines(rows: Rows, questions: Sequence[Question], submitted: Sequence[Submitted]) -> None:
    """One answer for everything that an item asks on one kind of scale, against the others on the same items."""
    for kind in GRIDS:
        keys = [question.key for question in questions if question.kind == kind]
        straight: dict[Hashable, dict[Hashable, bool]] = defaultdict(dict)
        for one in submitted:
            parts = [value for key in keys for value in _parts(one.answer.get(key))]
            if len(parts) >= LEAST_PARTS:
                straight[one.item][one.rater] = all(part == parts[0] for part in parts)
        for who, found in straight_lining(straight).items():
            rows[int(str(who))]["straight"].append({"question": ", ".join(keys), **_excess_row(found)})


def _parts(answer: Any) -> list[Any]:
    """The choices of one question, by output, criterion or step; evidence for them is none."""
    return [value for key, value in answer.items() if key != EVIDENCE] if isinstance(answer, Mapping) else []


def add_places(rows: Rows, questions: Sequence[Question], submitted: Sequence[Submitted], texts: Texts) -> None:
    """Whether somebody picks what is shown at one place: the order is drawn for each person and item."""
    sizes = Counter(texts.item_of.values())
    for question in questions:
        picked: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for one in submitted:
            pick = _pick(question.kind, one.answer.get(question.key), sizes[one.item])
            if pick is not None:
                picked[one.rater].append(pick)
        for rater, picks in picked.items():
            found = favoured_place([place for place, _ in picks], [size for _, size in picks])
            if found is not None:
                told = {"question": question.key, "place": found.place, **_excess_row(found.excess)}
                rows[rater]["places"].append(told)


def _pick(kind: str, answer: Any, n_outputs: int) -> tuple[int, int] | None:
    """The place of what was preferred, and of how many; None for a tie. Pairs hang together: the first counts."""
    if not isinstance(answer, Mapping):
        return None
    if kind == "comparison" and answer:
        name = min(answer)
        labels, chosen = sorted(name.split("-")), str(answer[name]).split("+")[0]
        return (labels.index(chosen), 2) if chosen in labels else None
    if kind == "best_worst" and answer.get("best"):
        return LABELS.index(answer["best"]), n_outputs
    if kind == "ranking" and answer.get("order") and len(answer["order"][0]) == 1:
        return LABELS.index(answer["order"][0][0]), sum(map(len, answer["order"]))
    return None


def _excess_row(found: Excess) -> dict[str, Any]:
    return {"seen": found.seen, "expected": found.expected, "n": found.n, "p_value": found.p_value}


def add_copies(rows: Rows, question: Question, answers: Triples) -> None:
    """Answers that differ from what the others say and are the same for two people."""
    units: dict[int, set[str]] = defaultdict(set)
    for unit, rater, _ in zip(*answers, strict=True):
        units[rater].add(unit)
    for pair, found in copying(*answers).items():
        one, other = (int(str(who)) for who in pair)
        for rater, partner in ((one, other), (other, one)):
            if rater in rows and partner in rows:
                told = {"question": question.key, "partner": partner, "name": rows[partner]["name"]}
                shared = {"n": len(units[rater] & units[partner]), "expected": found.expected}
                told |= {"same": found.same, "odd": found.odd, "p_value": found.p_value} | shared
                rows[rater]["copied"].append(told)


def add_same_words(rows: Rows, questions: Sequence[Question], submitted: Sequence[Submitted]) -> None:
    """Critiques of one item that two people wrote in the same words."""
    written: dict[tuple[int, str, str], set[int]] = defaultdict(set)
    keys = [question.key for question in questions if question.kind == "critique"]
    for one in submitted:
        for key in keys:
            for words in dict(one.answer.get(key) or {}).values():
                plain = " ".join(str(words).lower().split())
                if plain.count(" ") + 1 >= LEAST_WORDS:
                    written[one.item, key, plain].add(one.rater)
    shared: Counter[tuple[str, int, int]] = Counter()
    for (_, key, _), people in written.items():
        for pair in combinations(sorted(people & rows.keys()), 2):
            shared[key, *pair] += 1
    for (key, one_rater, other), times in shared.items():
        for rater, partner in ((one_rater, other), (other, one_rater)):
            told = {"question": key, "partner": partner, "name": rows[partner]["name"]}
            rows[rater]["copied"].append(told | {"same": times, "odd": times, "p_value": None})


def add_known_over_time(rows: Rows, campaign: Campaign, raters: Mapping[int, int]) -> None:
    """Gold and attention items in the order in which they were answered (one query); `raters` by user."""
    results = campaign.check_results.standing().filter(kind__in=(Kind.GOLD, Kind.ATTENTION), passed__isnull=False)
    right: dict[int, list[bool]] = defaultdict(list)
    for user, passed in results.order_by("submission__created_at", "pk").values_list("user_id", "passed"):
        right[user].append(bool(passed))
    for user, found in right.items():
        if user in raters:
            rows[raters[user]]["drop"] = _drop_row(drop_in_known(found))


def _drop_row(found: Drop) -> dict[str, Any]:
    return {
        "before": found.before.successes,
        "n_before": found.before.n,
        "after": found.after.successes,
        "n_after": found.after.n,
        "p_value": found.p_value,
    }
