"""The report on a campaign's answers: agreement question by question, then person by person."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from annotations.models import Campaign
from annotations.protocols import Question, parse_questions
from annotations.quality import reading
from annotations.quality.people import people_of
from annotations.studies.inputs import Triples
from rewards.models import Rater
from rewards.statistics.agreement import krippendorff_alpha, percent_agreement
from rewards.statistics.concordance import Place, rank_agreement
from rewards.statistics.differences import Metric
from rewards.statistics.proportions import Estimate
from rewards.statistics.unitising import unitising_alpha

REPLICATES = 1_000
MANY_VALUES = 200_000
"""With more answers to a question the bootstrap draws fewer replicates: the interval is narrow, and time is not."""

METRICS: Mapping[str, Metric] = {
    "rating": "ordinal",
    "comparison": "ordinal",
    "checklist": "ordinal",
    "steps": "ordinal",
    "stop": "interval",
}
"""How far two different answers are apart, by kind of question."""


class Columns(NamedTuple):
    """All standing answers of a campaign, by kind of answer and question."""

    values: dict[str, Triples]
    """Questions answered by one value a unit."""
    places: dict[str, list[Place]]
    spans: dict[str, reading.Spans]
    words: dict[str, int]


def quality_report(campaign: Campaign, *, known: Rater | None = None, seed: int = 0) -> dict[str, Any]:
    """What the answers of a campaign say about themselves, as JSON; NaN becomes None.

    Parameters
    ----------
    campaign : Campaign
    known : Rater, optional
        Whose answers count as right: an expert, or gold answers from an import.
    seed : int
        Of the bootstraps.
    """
    texts = reading.Texts(campaign)
    asked = _questions(campaign)
    columns = _read(campaign, asked, texts)
    submitted = reading.submitted_in(campaign)
    rows = [_question_row(question, columns, texts, seed) for question in asked]
    people = people_of(campaign, asked, columns.values, METRICS, submitted, texts, known)
    report = {
        "campaign": campaign.pk,
        "name": campaign.name,
        "answers": len(submitted),
        "known": known.label if known else "",
        "questions": rows,
        **people,
    }
    return {name: plain_json(entry) for name, entry in report.items()}


def plain_json(value: Any) -> Any:
    """None for NaN, which JSON does not have, at any depth."""
    if isinstance(value, dict):
        return {name: plain_json(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [plain_json(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value


def _read(campaign: Campaign, asked: Sequence[Question], texts: reading.Texts) -> Columns:
    judgments = reading.judgments_of(campaign)
    values = {kind: read(judgments) for kind, read in reading.VALUE_READERS.items()}
    values["stop"] = reading.stop_columns(judgments, texts)
    spans = {"spans": reading.span_units(judgments, texts), "edit": reading.edit_units(judgments, texts)}
    # By kind first: a key may have stood for another kind of question in an earlier version.
    return Columns(
        {one.key: values[one.kind][one.key] for one in asked if one.key in values.get(one.kind, {})},
        reading.places(judgments),
        {one.key: spans[one.kind][one.key] for one in asked if one.key in spans.get(one.kind, {})},
        reading.counted_words(judgments),
    )


def _questions(campaign: Campaign) -> list[Question]:
    """Those in force first, then those that only earlier versions asked: their answers stand."""
    found: dict[str, Question] = {}
    for protocol in campaign.protocols.order_by("-number"):
        for question in parse_questions(protocol.questions):
            found.setdefault(question.key, question)
    return list(found.values())


def _question_row(question: Question, columns: Columns, texts: reading.Texts, seed: int) -> dict[str, Any]:
    row = {"key": question.key, "kind": question.kind, "label": question.label, "prompt": question.prompt}
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "ranking": lambda: _ranked(columns.places.get(question.key, []), seed),
        "best_worst": lambda: _ranked(columns.places.get(question.key, []), seed),
        "tick": lambda: _ranked(columns.places.get(question.key, []), seed),
        "spans": lambda: _spans(columns.spans.get(question.key), texts, seed),
        "edit": lambda: _spans(columns.spans.get(question.key), texts, seed),
        "critique": lambda: _words(columns.words.get(question.key, 0)),
    }
    if question.kind in makers:
        return row | makers[question.kind]()
    metric = METRICS.get(question.kind, "nominal")
    return row | _values(columns.values.get(question.key, Triples([], [], [])), metric, seed)


def _values(columns: Triples, metric: Metric, seed: int) -> dict[str, Any]:
    n = len(columns.values)
    replicates = REPLICATES if n <= MANY_VALUES else REPLICATES // 10
    alpha = krippendorff_alpha(*columns, metric=metric, replicates=replicates, seed=seed)
    return {
        "measure": f"Krippendorff's alpha, {metric}",
        "value": alpha.value,
        "low": alpha.low,
        "high": alpha.high,
        "equal": percent_agreement(*columns).value,
        "n_units": alpha.n_units,
        "n_raters": alpha.n_raters,
        "n_values": alpha.n_values,
        "n_unpaired": alpha.n_unpaired,
        "n_missing": alpha.n_missing,
        "parts": [],
        "note": "" if alpha.n_units else "Nothing has been answered by two people yet.",
    }


def _ranked(places: Sequence[Place], seed: int) -> dict[str, Any]:
    found = rank_agreement(places, replicates=REPLICATES, seed=seed)
    return {
        "measure": "Kendall's tau-b, mean over pairs of people",
        "value": found.tau.value,
        "low": found.tau.low,
        "high": found.tau.high,
        "equal": None,
        "n_units": found.n_items,
        "n_raters": found.n_raters,
        "n_values": len(places),
        "n_unpaired": 0,
        "n_missing": 0,
        "parts": [_part("Kendall's W, mean over items", found.w)] if found.n_items else [],
        "note": "" if found.n_items else "Nothing has been ordered by two people yet.",
    }


def _part(name: str, estimate: Estimate) -> dict[str, Any]:
    return {"name": name, "value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}


def _spans(spans: reading.Spans | None, texts: reading.Texts, seed: int) -> dict[str, Any]:
    units, observers = spans or reading.Spans([], {})
    lengths = {output: length for output, length in texts.lengths().items() if output in observers}
    alpha = unitising_alpha(units, lengths=lengths, observers=observers, replicates=REPLICATES // 5, seed=seed)
    return {
        "measure": "Krippendorff's unitising alpha",
        "value": alpha.value,
        "low": alpha.low,
        "high": alpha.high,
        "equal": None,
        "n_units": alpha.n_continua,
        "n_raters": alpha.n_observers,
        "n_values": alpha.n_units,
        "n_unpaired": alpha.n_unpaired,
        "n_missing": 0,
        "parts": [
            {"name": name, "value": one.value, "low": None, "high": None, "n": one.n_units}
            for name, one in alpha.by_category.items()
        ],
        "note": _why_no_spans(alpha.n_continua, alpha.n_units),
    }


def _why_no_spans(n_continua: int, n_units: int) -> str:
    if not n_continua:
        return "No text has been read by two people yet."
    return "" if n_units else "Nobody marked anything in a text that two people read."


def _words(n: int) -> dict[str, Any]:
    return {
        "measure": "none: words of one's own have no agreement",
        "value": None,
        "low": None,
        "high": None,
        "equal": None,
        "n_units": 0,
        "n_raters": 0,
        "n_values": n,
        "n_unpaired": 0,
        "n_missing": 0,
        "parts": [],
        "note": f"{n:,} written.",
    }
