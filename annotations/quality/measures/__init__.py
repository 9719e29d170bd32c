"""Which figures of agreement fit which kind of question, each with its interval.

A measure holds the standing answers to one question. It gives the row of the report, and its coefficient over some of
the items alone, from which differences between study arms get their intervals.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from annotations.protocols import Question
from annotations.quality import reading
from annotations.quality.measures.orders import OrderMeasure, TickMeasure
from annotations.quality.measures.rows import Measure
from annotations.quality.measures.texts import EditMeasure, MarkMeasure, WordMeasure
from annotations.quality.measures.values import METRICS, ValueMeasure
from annotations.studies.inputs import Triples
from rewards.statistics.concordance import Place
from rewards.statistics.pair_agreement import Given

__all__ = ["MEASURES", "METRICS", "Answers", "Measure", "measure_of"]


class Answers(NamedTuple):
    """All standing answers of a campaign, or of an arm of it, by shape and question."""

    values: Mapping[str, Triples]
    """Questions answered by one value a unit."""
    places: Mapping[str, list[Place]]
    spans: Mapping[str, reading.Spans]
    edits: Mapping[str, list[Given[reading.Edit]]]
    words: Mapping[str, list[Given[str]]]
    texts: reading.Texts


def _values(question: Question, answers: Answers) -> Measure:
    return ValueMeasure(question, answers.values.get(question.key, Triples([], [], [])), answers.texts)


def _ranking(question: Question, answers: Answers) -> Measure:
    return OrderMeasure(answers.places.get(question.key, []), {"first": "The same first place"})


def _best_worst(question: Question, answers: Answers) -> Measure:
    ends = {"first": "The same best", "last": "The same worst"}
    return OrderMeasure(answers.places.get(question.key, []), ends, has_chance=True)


def _tick(question: Question, answers: Answers) -> Measure:
    return TickMeasure(answers.places.get(question.key, []))


def _spans(question: Question, answers: Answers) -> Measure:
    return MarkMeasure(answers.spans.get(question.key, reading.Spans([], {})), answers.texts)


def _edit(question: Question, answers: Answers) -> Measure:
    spans = answers.spans.get(question.key, reading.Spans([], {}))
    return EditMeasure(spans, answers.texts, answers.edits.get(question.key, []))


def _critique(question: Question, answers: Answers) -> Measure:
    return WordMeasure(answers.words.get(question.key, []), answers.texts)


MEASURES: Mapping[str, Callable[[Question, Answers], Measure]] = {
    "rating": _values,
    "comparison": _values,
    "checklist": _values,
    "steps": _values,
    "stop": _values,
    "ranking": _ranking,
    "best_worst": _best_worst,
    "tick": _tick,
    "spans": _spans,
    "edit": _edit,
    "critique": _critique,
}
"""By kind of question."""


def measure_of(question: Question, answers: Answers) -> Measure:
    return MEASURES[question.kind](question, answers)
