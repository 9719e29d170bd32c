"""Verdicts side by side: criteria down, outputs and their raters across, an aggregated score at the foot."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rewards.models import Judgment, Output, Rater, RubricVersion, Verdict
from rewards.provenance import Fact, facts_about_judgment
from rewards.rubrics.aggregate import AggregateScore, aggregate
from rewards.rubrics.content import Criterion, RubricContent
from rewards.rubrics.rules import AGGREGATIONS, Aggregation, suggested_aggregation


class Probability(NamedTuple):
    """Of one offered answer, with what a content-free output got."""

    label: str
    probability: float
    prior: float | None


class Cell(NamedTuple):
    """One verdict as shown; None of it where the rater was not asked."""

    verdict: Verdict | None
    is_scored: bool
    label: str
    value: float | None
    probabilities: list[Probability]


class Column(NamedTuple):
    """One judgment of one output."""

    output: Output
    judgment: Judgment
    rater: Rater
    starts_output: bool
    score: AggregateScore
    facts: list[Fact]


class Row(NamedTuple):
    criterion: Criterion
    cells: list[Cell]


class OutputSpan(NamedTuple):
    """An output above its columns."""

    output: Output
    n_columns: int


class CriterionTable(NamedTuple):
    """All verdicts under one rubric version."""

    version: RubricVersion
    aggregation: Aggregation
    outputs: list[OutputSpan]
    columns: list[Column]
    rows: list[Row]


def criterion_tables(
    outputs: Sequence[Output], judgments: Sequence[Judgment], versions: Iterable[RubricVersion], aggregation: str
) -> list[CriterionTable]:
    """One table for each rubric version that any of the outputs was judged under, the newest first; no query.

    An empty `aggregation` takes for each rubric one that suits it. Where a rater judged the same output under the same
    version again, the newest judgment of each repeat stands.
    """
    tables = []
    for version in sorted(versions, key=lambda version: (version.rubric.name, -version.number)):
        content = version.content()
        chosen = [_of_version(output, judgments, version) for output in outputs]
        rule = aggregation or suggested_aggregation(content)
        columns = [
            _column(output, judgment, version, _score(content, judgment, rule), starts_output=index == 0)
            for output, own in zip(outputs, chosen, strict=True)
            for index, judgment in enumerate(own)
        ]
        spans = [OutputSpan(output, len(own)) for output, own in zip(outputs, chosen, strict=True) if own]
        tables.append(CriterionTable(version, AGGREGATIONS[rule], spans, columns, _rows(content, columns)))
    return tables


def version_ids(judgments: Sequence[Judgment]) -> set[int]:
    """Keys of the rubric versions that the verdicts are about."""
    return {verdict.criterion.version_id for judgment in judgments for verdict in judgment.verdicts.all()}


def _of_version(output: Output, judgments: Sequence[Judgment], version: RubricVersion) -> list[Judgment]:
    newest: dict[tuple[int, int], Judgment] = {}
    for judgment in judgments:
        if judgment.output_id == output.pk and any(
            verdict.criterion.version_id == version.pk for verdict in judgment.verdicts.all()
        ):
            newest[judgment.rater_id, judgment.repeat] = judgment
    return [newest[key] for key in sorted(newest)]


def _column(
    output: Output, judgment: Judgment, version: RubricVersion, score: AggregateScore, *, starts_output: bool
) -> Column:
    return Column(
        output=output,
        judgment=judgment,
        rater=judgment.rater,
        starts_output=starts_output,
        score=score,
        facts=facts_about_judgment(judgment, version),
    )


def _score(content: RubricContent, judgment: Judgment, aggregation: str) -> AggregateScore:
    values = {verdict.criterion.key: verdict.value for verdict in judgment.verdicts.all()}
    try:
        return aggregate(content, values, aggregation)
    except ValueError as error:
        n_scored = sum(value is not None for value in values.values())
        return AggregateScore(None, n_scored, len(content.criteria), None, str(error))


def _rows(content: RubricContent, columns: Sequence[Column]) -> list[Row]:
    by_column = [{verdict.criterion.key: verdict for verdict in column.judgment.verdicts.all()} for column in columns]
    return [
        Row(criterion, [_cell(verdicts.get(criterion.key)) for verdicts in by_column]) for criterion in content.criteria
    ]


def _cell(verdict: Verdict | None) -> Cell:
    if verdict is None:
        return Cell(None, False, "", None, [])
    prior = verdict.prior or {}
    probabilities = [
        Probability(label, probability, prior.get(label))
        for label, probability in (verdict.probabilities or {}).items()
    ]
    is_scored = verdict.state == Verdict.State.SCORED
    return Cell(verdict, is_scored, verdict.label, verdict.value, probabilities)
