"""What a campaign's answers say about each person who gave them."""

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any

from annotations.models import Campaign
from annotations.protocols import Question
from annotations.quality import reading
from annotations.quality.reading import Submitted
from annotations.studies.inputs import Triples
from rewards.models import Judgment, Rater
from rewards.statistics.agreement import krippendorff_alpha
from rewards.statistics.annotators import (
    LEVEL,
    MAX_WORDS_PER_MINUTE,
    Pace,
    Pattern,
    Repeats,
    accuracy_on_known,
    alternation,
    copying,
    pace,
    repeats,
    same_answer,
)
from rewards.statistics.dawid_skene import dawid_skene
from rewards.statistics.differences import Metric
from rewards.statistics.leniency import fit_leniency
from rewards.statistics.mace import mace
from rewards.statistics.proportions import Proportion

PATTERNED = ("rating", "comparison", "checklist", "ranking", "best_worst", "tick")
"""Kinds that are answered by choosing: marked words and written ones make no pattern."""

STARTS = 4
"""Of MACE, whose likelihood has several maxima."""

LEAST_WORDS = 8
"""Of a critique: shorter ones two people may well write alike."""

SMOOTHING = 0.1
"""Of confusion matrices: a tenth of an answer in each cell."""

WITHOUT_LIMIT = 300_000
"""Answers times people up to which agreement is worked out again without each of them."""

Rows = dict[int, dict[str, Any]]


def people_of(
    campaign: Campaign,
    questions: Sequence[Question],
    columns: Mapping[str, Triples],
    metrics: Mapping[str, Metric],
    submitted: Sequence[Submitted],
    texts: reading.Texts,
    known: Rater | None,
) -> dict[str, Any]:
    """`people`, a row for each, and `notes`: what could not be worked out by question, and why."""
    raters = Rater.objects.select_related("user").in_bulk({one.rater for one in submitted})
    rows: Rows = {pk: _row(rater) for pk, rater in raters.items()}
    _pace(rows, submitted, texts)
    _patterns(rows, questions, submitted)
    valued = [question for question in questions if columns.get(question.key) and question.kind in metrics]
    notes: list[dict[str, str]] = []
    for question in valued:
        answers = columns[question.key]
        _without(rows, question, answers, metrics[question.kind])
        _confusion(rows, question, answers, notes)
        _copying(rows, question, answers)
        if question.kind == "rating":
            _leniency(rows, question, answers, notes)
        if known is not None:
            _known(rows, question, answers, known)
    _repeats(rows, campaign, valued, metrics)
    _same_words(rows, questions, submitted)
    for row in rows.values():
        row["alarms"] = _alarms(row)
    ordered = sorted(rows.values(), key=lambda row: (-len(row["alarms"]), -row["answered"], row["name"]))
    return {"people": ordered, "notes": notes}


def _row(rater: Rater) -> dict[str, Any]:
    return {
        "rater": rater.pk,
        "name": str(rater.user) if rater.user else rater.label,
        "answered": 0,
        "pace": None,
        "patterns": [],
        "without": [],
        "estimated": [],
        "competence": [],
        "copied": [],
        "leniency": [],
        "known": None,
        "repeats": [],
        "alarms": [],
    }


def _pace(rows: Rows, submitted: Sequence[Submitted], texts: reading.Texts) -> None:
    timed: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for one in submitted:
        timed[one.rater].append((texts.words[one.item], one.seconds))
    for rater, found in timed.items():
        rows[rater]["answered"] = len(found)
        rows[rater]["pace"] = _pace_row(pace([n for n, _ in found], [taken for _, taken in found]))


def _pace_row(found: Pace) -> dict[str, Any]:
    return {
        "words_per_minute": found.words_per_minute,
        "seconds": found.seconds,
        "fast": found.fast.successes,
        "timed": found.fast.n,
        "p_value": found.p_value,
        "is_alarming": found.is_alarming,
    }


def _patterns(rows: Rows, questions: Sequence[Question], submitted: Sequence[Submitted]) -> None:
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
        "p_value": found.p_value,
        "n": found.n,
    }


def _without(rows: Rows, question: Question, answers: Triples, metric: Metric) -> None:
    """Agreement as it is without each person: who lowers it stands out."""
    raters = set(answers.raters) & rows.keys()
    if len(raters) < 3 or len(raters) * len(answers.values) > WITHOUT_LIMIT:
        return
    whole = krippendorff_alpha(*answers, metric=metric).value
    for rater in raters:
        kept = [row for row in zip(*answers, strict=True) if row[1] != rater]
        left = krippendorff_alpha(*(list(column) for column in zip(*kept, strict=True)), metric=metric)
        rows[rater]["without"].append({"question": question.key, "value": left.value, "change": left.value - whole})


def _confusion(rows: Rows, question: Question, answers: Triples, notes: list[dict[str, str]]) -> None:
    """How often each person is right, by Dawid and Skene; comparisons count by side alone."""
    if question.kind == "stop":
        return
    values = [_side(value) for value in answers.values] if question.kind == "comparison" else answers.values
    n_units = len({unit for unit, value in zip(answers.units, values, strict=True) if value is not None})
    if len(set(answers.raters)) < 3 or len(values) < 2 * n_units:
        words = "Who errs how often takes three people and two answers to each unit."
        notes.append({"question": question.key, "note": words})
        return
    found = dawid_skene(answers.units, answers.raters, values, smoothing=SMOOTHING)
    counts = Counter(answers.raters)
    for rater, accuracy in zip(found.raters, found.accuracy, strict=True):
        if isinstance(rater, int) and rater in rows:
            row = {"question": question.key, "value": float(accuracy), "n": counts[rater]}
            rows[rater]["estimated"].append(row)
    if len(found.classes) > 1:
        _competence(rows, question, Triples(answers.units, answers.raters, list(values)))


def _competence(rows: Rows, question: Question, answers: Triples) -> None:
    """How often each person knows instead of guessing, by MACE."""
    found = mace(answers.units, answers.raters, answers.values, restarts=STARTS)
    counts = Counter(answers.raters)
    for place, rater in enumerate(found.raters):
        if isinstance(rater, int) and rater in rows:
            figures = {name: float(getattr(found, name)[place]) for name in ("low", "high")}
            value = float(found.competence[place])
            row = {"question": question.key, "value": value, "n": counts[rater], **figures}
            rows[rater]["competence"].append(row)


def _copying(rows: Rows, question: Question, answers: Triples) -> None:
    """Answers that differ from what the others say and are the same for two people."""
    for (one, other), found in copying(*answers).items():
        for rater, partner in ((one, other), (other, one)):
            if rater in rows and partner in rows:
                told = {"question": question.key, "partner": partner, "name": rows[partner]["name"]}
                rows[rater]["copied"].append(told | {"same": found.same, "odd": found.odd, "p_value": found.p_value})


def _same_words(rows: Rows, questions: Sequence[Question], submitted: Sequence[Submitted]) -> None:
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


def _side(value: float | str | None) -> float | None:
    return None if not isinstance(value, int | float) else float((value > 0) - (value < 0))


def _leniency(rows: Rows, question: Question, answers: Triples, notes: list[dict[str, str]]) -> None:
    try:
        found = fit_leniency(answers.units, answers.raters, answers.values)
    except ValueError as error:
        notes.append({"question": question.key, "note": f"Leniency: {error}."})
        return
    for place, rater in enumerate(found.raters):
        if isinstance(rater, int) and rater in rows:
            rows[rater]["leniency"].append(
                {
                    "question": question.key,
                    "value": float(found.leniency[place]),
                    "low": float(found.low[place]),
                    "high": float(found.high[place]),
                    "in_levels": float(found.in_levels[place]),
                }
            )


def _known(rows: Rows, question: Question, answers: Triples, known: Rater) -> None:
    """Comparisons count by side alone."""
    right = _answers_of(known, question)
    values = answers.values
    if question.kind == "comparison":
        right, values = {unit: _side(value) for unit, value in right.items()}, [_side(value) for value in values]
    for rater, share in accuracy_on_known(answers.units, answers.raters, values, right).items():
        if isinstance(rater, int) and rater in rows and rater != known.pk:
            row = rows[rater]["known"] or {"right": 0, "n": 0}
            rows[rater]["known"] = {"right": row["right"] + share.successes, "n": row["n"] + share.n}


def _answers_of(rater: Rater, question: Question) -> dict[Hashable, float | str | None]:
    """One rater's own answers by unit: ratings to the question of that name, else to any of that kind."""
    if question.kind not in reading.VALUE_READERS:
        return {}
    found = reading.VALUE_READERS[question.kind](reading.standing_of(rater))
    if question.kind == "rating":
        found = {key: columns for key, columns in found.items() if key == question.key}
    return {
        unit: value
        for columns in found.values()
        for unit, value in zip(columns.units, columns.values, strict=True)
        if value is not None
    }


def _repeats(rows: Rows, campaign: Campaign, questions: Sequence[Question], metrics: Mapping[str, Metric]) -> None:
    """The same thing asked again of the same person, anywhere in the project."""
    judged = Judgment.objects.filter(project=campaign.project_id, rater__in=list(rows), withdrawn_at__isnull=True)
    for kind in {question.kind for question in questions} & reading.VALUE_READERS.keys():
        columns = reading.VALUE_READERS[kind](judged)
        for question in questions:
            if question.kind == kind and question.key in columns:
                _repeats_of(rows, question, columns[question.key], metrics[kind])


def _repeats_of(rows: Rows, question: Question, answers: Triples, metric: Metric) -> None:
    by_rater: dict[int, Triples] = defaultdict(lambda: Triples([], [], []))
    for unit, rater, value in zip(*answers, strict=True):
        by_rater[rater].units.append(unit)
        by_rater[rater].values.append(value)
    for rater, own in by_rater.items():
        found: Repeats = repeats(own.units, own.values, metric=metric)
        if found.same.n:
            rows[rater]["repeats"].append({"question": question.key, "alpha": found.alpha.value, **_share(found.same)})


def _share(share: Proportion) -> dict[str, Any]:
    return {"right": share.successes, "n": share.n, "value": share.value, "low": share.low, "high": share.high}


_IN_WORDS = {
    "same": "the same answer {:.0f} times running",
    "alternating": "{:.0%} of answers differ from the one before",
}


def _alarms(row: Mapping[str, Any]) -> list[str]:
    """In words; with several questions each is tested the more strictly, so that `LEVEL` holds for the person."""
    found = []
    timed = row["pace"]
    if timed and timed["is_alarming"]:
        found.append(f"{timed['fast']} of {timed['timed']} items at over {MAX_WORDS_PER_MINUTE:.0f} words a minute")
    found += _alarms_of_copying(row["copied"])
    for pattern, words in _IN_WORDS.items():
        tested = [one for one in row["patterns"] if one["pattern"] == pattern and one["p_value"] == one["p_value"]]
        alarming = (one for one in tested if one["p_value"] < LEVEL / len(tested))
        found += [f"{one['question']}: {words.format(one['observed'])}" for one in alarming]
    return found


def _alarms_of_copying(copied: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tested the more strictly the more people there are to have it from; the same words need no test."""
    tested = [one for one in copied if one["p_value"] is not None]
    found = [
        f"{one['question']}: {one['same']} of {one['odd']} unusual answers are the same as {one['name']}'s"
        for one in tested
        if one["p_value"] < LEVEL / len(tested)
    ]
    alike = [one for one in copied if one["p_value"] is None]
    return found + [f"{one['question']}: the same words as {one['name']} in {one['same']} critiques" for one in alike]
