"""Every scalar that a project's scorers gave its outputs, whatever kind of answer it is made of."""

from collections.abc import Collection, Hashable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple, TypeVar

import numpy as np
from django.db.models import F, Q

from projects.models import Project
from rewards.models import RankedOutput, Rater, Rating, RewardSignal, RubricVersion, Verdict
from rewards.rubrics.aggregate import aggregate_many
from rewards.rubrics.rules import suggested_aggregation
from rewards.segmentation import WHOLE
from rewards.signals import DIAGNOSTIC_CHANNELS

_CHUNK = 20_000
Key = TypeVar("Key", bound=Hashable)


class Scalar(NamedTuple):
    """One number for each output.

    Attributes
    ----------
    rater_id : int
    name : str
        What the number is: a channel and how it was reduced, a question, a rule over verdicts.
    scores : dict of int to float
        By output; outputs without a value are not in it.
    """

    rater_id: int
    name: str
    scores: dict[int, float]


def scalars_of(project: Project, outputs: Collection[int] | None = None) -> Iterator[Scalar]:
    """All of them, or those of some outputs, by scorers only; five queries."""
    yield from _signals(project, _within("output", outputs))
    yield from _ratings(project, _within("judgment__output", outputs))
    yield from _verdicts(project, _within("judgment__output", outputs))
    yield from _rankings(project, _within("output", outputs))


def _within(name: str, outputs: Collection[int] | None) -> Q:
    return Q() if outputs is None else Q(**{f"{name}__in": outputs})


def _signals(project: Project, within: Q) -> Iterator[Scalar]:
    """A value on the whole output as it is; of values on its parts the sum and the mean, over the finest segments."""
    rows = (
        RewardSignal.objects.of(project)
        .filter(within, rater__kind=Rater.Kind.SCORER, total__isnull=False)
        .exclude(channel__in=DIAGNOSTIC_CHANNELS)
        .order_by("rater_id", "channel", "segmentation__segmenter", "id")
        .values_list("rater_id", "channel", "segmentation__segmenter", "output_id", "total", "scored_count")
    )
    for (rater, channel), found in groupby(rows.iterator(chunk_size=_CHUNK), key=lambda row: row[:2]):
        by_segmenter = {
            segmenter: {output: (total, count) for *_, output, total, count in same if total is not None}
            for segmenter, same in groupby(found, key=lambda row: row[2])
        }
        segmenter = min(by_segmenter, key=_coarseness)
        values = by_segmenter[segmenter]
        if segmenter == WHOLE:
            yield Scalar(rater, channel, {output: total for output, (total, _) in values.items()})
            continue
        part = segmenter.split(":")[0].split("/")[0].replace("tokenizer", "token")
        yield Scalar(rater, f"{channel}, sum by {part}", {output: total for output, (total, _) in values.items()})
        yield Scalar(
            rater, f"{channel}, mean by {part}", {output: total / count for output, (total, count) in values.items()}
        )


def _coarseness(segmenter: str) -> tuple[bool, bool, str]:
    """Tokens come before longer parts: sums over steps are sums over tokens."""
    return segmenter == WHOLE, not segmenter.startswith("tokenizer:"), segmenter


def _ratings(project: Project, within: Q) -> Iterator[Scalar]:
    rows = (
        Rating.objects.filter(
            within,
            judgment__project=project,
            judgment__withdrawn_at__isnull=True,
            judgment__rater__kind=Rater.Kind.SCORER,
            value__isnull=False,
        )
        .order_by("judgment__rater_id", "question")
        .values_list("judgment__rater_id", "question", "judgment__output_id", "value")
    )
    for (rater, question), found in groupby(rows.iterator(chunk_size=_CHUNK), key=lambda row: row[:2]):
        yield Scalar(rater, f"rating, {question}", _means(_given(found)))


def _verdicts(project: Project, within: Q) -> Iterator[Scalar]:
    """The rubric score of each output under its own version, by the rule that suits the rubric."""
    rows = (
        Verdict.objects.filter(
            within,
            judgment__project=project,
            judgment__withdrawn_at__isnull=True,
            judgment__rater__kind=Rater.Kind.SCORER,
            value__isnull=False,
        )
        .order_by("judgment__rater_id", "criterion__version_id")
        .values_list("judgment__rater_id", "criterion__version_id", "judgment__output_id", "criterion__key", "value")
    )
    versions = RubricVersion.objects.filter(project=project).with_criteria().in_bulk()
    for rater, of_rater in groupby(rows.iterator(chunk_size=_CHUNK), key=lambda row: row[0]):
        scores: dict[int, float] = {}
        for version, found in groupby(of_rater, key=lambda row: row[1]):
            given = ((output, key, value) for *_, output, key, value in found if value is not None)
            scores |= _rubric_scores(versions[version], given)
        yield Scalar(rater, "rubric score", scores)


def _rubric_scores(version: RubricVersion, rows: Iterator[tuple[int, str, float]]) -> dict[int, float]:
    content = version.content()
    column = {key: index for index, key in enumerate(content.keys)}
    values = _means(((output, key), value) for output, key, value in rows)
    outputs = sorted({output for output, _ in values})
    place = {output: index for index, output in enumerate(outputs)}
    matrix = np.full((len(outputs), len(column)), np.nan)
    for (output, key), value in values.items():
        matrix[place[output], column[key]] = value
    found = aggregate_many(content, matrix, suggested_aggregation(content)).values
    return {output: float(score) for output, score in zip(outputs, found, strict=True) if not np.isnan(score)}


def _rankings(project: Project, within: Q) -> Iterator[Scalar]:
    """The place in a ranking, turned so that a higher number is better; comparable within a task only."""
    rows = (
        RankedOutput.objects.filter(
            within,
            ranking__judgment__project=project,
            ranking__judgment__withdrawn_at__isnull=True,
            ranking__judgment__rater__kind=Rater.Kind.SCORER,
        )
        .annotate(rater_id=F("ranking__judgment__rater_id"))
        .order_by("rater_id")
        .values_list("rater_id", "output_id", "tier")
    )
    for rater, found in groupby(rows.iterator(chunk_size=_CHUNK), key=lambda row: row[0]):
        yield Scalar(rater, "place in the ranking", _means((output, -float(tier)) for _, output, tier in found))


def _given(rows: Iterable[tuple[int, str, int | None, float | None]]) -> Iterator[tuple[int, float]]:
    """Output and value, where there are both."""
    return ((output, value) for *_, output, value in rows if output is not None and value is not None)


def _means(pairs: Iterable[tuple[Key, float]]) -> dict[Key, float]:
    """The mean over repeats."""
    total: dict[Key, list[float]] = {}
    for key, value in pairs:
        total.setdefault(key, []).append(value)
    return {key: sum(values) / len(values) for key, values in total.items()}
