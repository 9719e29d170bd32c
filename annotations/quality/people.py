"""What a campaign's answers say about each person who gave them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from annotations.models import Campaign
from annotations.protocols import Question
from annotations.quality import conduct, reading
from annotations.quality.alarms import alarms_of
from annotations.quality.conduct import Rows
from annotations.quality.measures import METRICS
from annotations.quality.measures.values import sign
from annotations.quality.reading import Submitted
from annotations.quality.times import times_of
from annotations.studies.inputs import Triples
from rewards.models import Judgment, Rater
from rewards.statistics.agreement import krippendorff_alpha
from rewards.statistics.annotators import MIN_ANSWERS, Repeats, accuracy_on_known, repeats
from rewards.statistics.dawid_skene import accuracy_draws
from rewards.statistics.differences import Metric
from rewards.statistics.gibbs import RaterDraws
from rewards.statistics.leniency import fit_leniency
from rewards.statistics.mace import mace
from rewards.statistics.proportions import Proportion

STARTS = 4
"""Of MACE, whose likelihood has several maxima."""

MANY_ANSWERS = 50_000
DRAWS, FEW_DRAWS = 500, 200
"""From the posterior of what people know: fewer of many answers, where each takes longer and says as much."""

WITHOUT_LIMIT = 300_000
"""Answers times people up to which agreement is worked out again without each of them."""


def people_of(
    campaign: Campaign,
    questions: Sequence[Question],
    columns: Mapping[str, Triples],
    submitted: Sequence[Submitted],
    texts: reading.Texts,
    known: Rater | None,
) -> dict[str, Any]:
    """`people`, a row for each, and `notes`: what could not be worked out by question, and why."""
    raters = Rater.objects.select_related("user").in_bulk({one.rater for one in submitted})
    rows: Rows = {pk: empty_row(rater) for pk, rater in raters.items()}
    conduct.add_pace(rows, submitted, texts)
    conduct.add_patterns(rows, questions, submitted)
    conduct.add_straight_lines(rows, questions, submitted)
    conduct.add_places(rows, questions, submitted, texts)
    valued = [question for question in questions if columns.get(question.key) and question.kind in METRICS]
    notes: list[dict[str, Any]] = []
    for question in valued:
        answers = columns[question.key]
        _without(rows, question, answers, METRICS[question.kind])
        _confusion(rows, question, answers, notes)
        conduct.add_copies(rows, question, answers)
        if question.kind == "rating":
            _leniency(rows, question, answers, notes)
        if known is not None:
            _known(rows, question, answers, known)
    _repeats(rows, campaign, valued)
    conduct.add_same_words(rows, questions, submitted)
    conduct.add_known_over_time(rows, campaign, {rater.user_id: pk for pk, rater in raters.items() if rater.user_id})
    for pk, times in times_of(campaign).items():
        if pk in rows:
            rows[pk]["times"] = times
    for row in rows.values():
        row["alarms"] = alarms_of(row)
    ordered = sorted(rows.values(), key=lambda row: (-len(row["alarms"]), -row["answered"], row["name"]))
    return {"people": ordered, "notes": notes, "least_answers": MIN_ANSWERS}


def empty_row(rater: Rater) -> dict[str, Any]:
    return {
        "rater": rater.pk,
        "name": str(rater.user) if rater.user else rater.label,
        "answered": 0,
        "pace": None,
        "times": None,
        "relative_pace": None,
        "patterns": [],
        "straight": [],
        "places": [],
        "drop": None,
        "without": [],
        "estimated": [],
        "competence": [],
        "copied": [],
        "leniency": [],
        "known": None,
        "repeats": [],
        "alarms": [],
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


def _confusion(rows: Rows, question: Question, answers: Triples, notes: list[dict[str, Any]]) -> None:
    """How often each person is right, by Dawid and Skene; comparisons count by side alone."""
    if question.kind == "stop":
        return
    values = [_side(value) for value in answers.values] if question.kind == "comparison" else answers.values
    n_units = len({unit for unit, value in zip(answers.units, values, strict=True) if value is not None})
    if len(set(answers.raters)) < 3 or len(values) < 2 * n_units:
        notes.append({"question": question.key, "note": {"code": "few_people"}})
        return
    draws = DRAWS if len(values) <= MANY_ANSWERS else FEW_DRAWS
    found = accuracy_draws(answers.units, answers.raters, values, draws=draws)
    _add(rows, "estimated", question, answers, found)
    if len({value for value in answers.values if value is not None}) > 1:
        _competence(rows, question, answers, draws)


def _competence(rows: Rows, question: Question, answers: Triples, draws: int) -> None:
    """How often each person knows instead of guessing, by MACE."""
    found = mace(answers.units, answers.raters, answers.values, restarts=STARTS, draws=draws)
    _add(rows, "competence", question, answers, RaterDraws(found.raters, found.mean, found.low, found.high))


def _add(rows: Rows, name: str, question: Question, answers: Triples, found: RaterDraws) -> None:
    """A figure of each person with its interval, to the list of that name."""
    counts = Counter(answers.raters)
    for rater, value, low, high in zip(found.raters, found.mean, found.low, found.high, strict=True):
        if isinstance(rater, int) and rater in rows:
            bounds = {"value": float(value), "low": float(low), "high": float(high)}
            rows[rater][name].append({"question": question.key, "n": counts[rater], **bounds})


def _side(value: float | str | None) -> float | None:
    return float(sign(value)) if isinstance(value, int | float) else None


def _leniency(rows: Rows, question: Question, answers: Triples, notes: list[dict[str, Any]]) -> None:
    try:
        found = fit_leniency(answers.units, answers.raters, answers.values)
    except ValueError as error:
        notes.append({"question": question.key, "note": {"code": "no_leniency", "reason": str(error)}})
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


def _repeats(rows: Rows, campaign: Campaign, questions: Sequence[Question]) -> None:
    """The same thing asked again of the same person, anywhere in the project."""
    judged = Judgment.objects.filter(project=campaign.project_id, rater__in=list(rows), withdrawn_at__isnull=True)
    for kind in {question.kind for question in questions} & reading.VALUE_READERS.keys():
        columns = reading.VALUE_READERS[kind](judged)
        for question in questions:
            if question.kind == kind and question.key in columns:
                _repeats_of(rows, question, columns[question.key], METRICS[kind])


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
