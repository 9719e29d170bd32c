"""What rows are made from: the judgments of a project, read task by task through one server-side cursor."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import Count, F, Func, IntegerField, QuerySet
from django.db.models import Value as Constant

from projects.models import Project
from rewards.adjudicated import PREFIX, settled_first
from rewards.exporting.choices import Answers, Combine, ExportChoices, Pairing, Source
from rewards.exporting.pairs import (
    Label,
    Pair,
    Placed,
    Value,
    Vote,
    labels_by_balance,
    labels_by_value,
    labels_of_each_pair,
    mean_values,
    pairs_by_majority,
    pairs_by_value,
    pairs_of_each_vote,
    values_by_rater,
    votes_of_rankings,
)
from rewards.exporting.scope import in_scope, outputs_in_scope
from rewards.models import Comparison, DerivedScore, Judgment, RankedOutput, Rater, Rating, RewardSignal

_FETCHED_ROWS = 5_000
"""Narrow rows that one fetch from the cursor brings."""
_COMPRESSION = 4
"""Long prompts are stored compressed; natural language by less than this."""


@dataclass
class Tally:
    """What was read and what made no row."""

    read: int = 0
    valued_outputs: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


class TaskItems(NamedTuple):
    """The rows of one task, still without texts.

    `size` is about how many characters the texts of the task and of its judged outputs have.
    """

    task_id: int
    items: list[Pair] | list[Label]
    size: int


class Reading(NamedTuple):
    """A source that is ready to be read.

    Attributes
    ----------
    rows : QuerySet
        In the order of tasks.
    columns : tuple of str
        What to read of each row; the task first, and what `items_of` takes after it.
    outputs : tuple of str
        The paths from a row to the outputs that it is about.
    items_of : callable
        From the tuples of one task to its pairs or labels.
    reads : str
        What a tuple is, in the plural.
    """

    rows: QuerySet[Any]
    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    items_of: Callable[[Iterable[tuple[Any, ...]], Tally], list[Pair] | list[Label]]
    reads: str


def reading_of(project: Project, choices: ExportChoices, *, definition_hash: str = "") -> Reading:
    """Prepare the chosen source; scores must have been derived under `definition_hash`."""
    if choices.source == Source.COMPARISONS:
        return _comparisons(project, choices)
    if choices.source == Source.RANKINGS:
        return _rankings(project, choices)
    if choices.source == Source.RATINGS:
        return _ratings(project, choices)
    if choices.source in (Source.SCORES, Source.RECIPE):
        return _scores(project, choices, definition_hash)
    return _signals(project, choices)


def task_items(reading: Reading, tally: Tally, *, limit: int | None = None) -> Iterator[TaskItems]:
    """Yield what each task gives, counting as it goes; with `limit`, only so many tuples are read."""
    task = reading.columns[0].removesuffix("_id")
    sizes = [
        Func(F(f"{task}__messages"), function="pg_column_size", output_field=IntegerField()),
        sum((F(f"{output}__char_count") for output in reading.outputs), start=Constant(0)),
    ]
    rows = reading.rows.values_list(*reading.columns, *sizes)[:limit]
    for task_id, group in groupby(rows.iterator(chunk_size=_FETCHED_ROWS), key=itemgetter(0)):
        of_task = list(group)
        items = reading.items_of(of_task, tally)
        if items:
            yield TaskItems(task_id, items, _COMPRESSION * of_task[0][-2] + sum(row[-1] for row in of_task))


def count_unread(project: Project, choices: ExportChoices, tally: Tally) -> None:
    """Add to the tally what never comes by: outputs without a value, and judgments that were taken back."""
    if choices.source == Source.RUBRICS:
        return
    if choices.source in _KINDS:
        kind, output = _KINDS[Source(choices.source)]
        withdrawn = Judgment.objects.of(project).filter(kind=kind, withdrawn_at__isnull=False)
        narrowed = in_scope(withdrawn, choices, task="task__", output=output, rater="rater")
        tally.left_out["withdrawn"] += narrowed.distinct().count()
    if not choices.is_of_votes:
        outputs = outputs_in_scope(project, choices).count()
        tally.left_out["unscored"] += outputs - tally.valued_outputs - tally.left_out["partly_scored"]


_KINDS: Mapping[str, tuple[str, str]] = {
    Source.COMPARISONS: (Judgment.Kind.COMPARISON, "comparison__output_a__"),
    Source.RANKINGS: (Judgment.Kind.RANKING, "ranking__places__output__"),
    Source.RATINGS: (Judgment.Kind.RATING, "output__"),
}
"""The kind of judgment of a source that reads judgments, and the path to an output."""


def _comparisons(project: Project, choices: ExportChoices) -> Reading:
    standing = Comparison.objects.filter(judgment__project=project, judgment__withdrawn_at__isnull=True)
    rows = in_scope(standing, choices, task="judgment__task__", output="output_a__", rater="judgment__rater")
    if choices.policies:
        rows = rows.filter(output_b__policy__in=choices.policies)
    current_only, settled = choices.current_only, _settling(project, choices)
    columns = (
        "judgment__task_id",
        "output_a_id",
        "output_b_id",
        "choice",
        "tie_kind",
        "strength",
        "judgment__rater_id",
        "judgment__task__is_current",
        "output_a__is_current",
        "output_b__is_current",
    )

    def items_of(of_task: Iterable[tuple[Any, ...]], tally: Tally) -> list[Pair] | list[Label]:
        votes = []
        for _, a, b, choice, tie_kind, strength, rater, task_stands, a_stands, b_stands, *_ in of_task:
            tally.read += 1
            if current_only and not (task_stands and a_stands and b_stands):
                tally.left_out["outdated"] += 1
            else:
                votes.append(Vote(a, b, choice, tie_kind, strength, rater))
        return _items_of_votes(_unsettled_votes(votes, settled, tally.left_out), choices, tally.left_out)

    ordered = rows.order_by("judgment__task_id", "judgment_id")
    return Reading(ordered, columns, ("output_a", "output_b"), items_of, "comparisons")


def _rankings(project: Project, choices: ExportChoices) -> Reading:
    judged = {"ranking__judgment__project": project, "ranking__judgment__withdrawn_at__isnull": True}
    standing = RankedOutput.objects.filter(**judged)
    path = "ranking__judgment__"
    rows = in_scope(standing, choices, task=f"{path}task__", output="output__", rater=f"{path}rater")
    settled = _settling(project, choices)
    columns = (
        f"{path}task_id",
        "ranking_id",
        f"{path}rater_id",
        f"{path}presentation__asked",
        "output_id",
        "tier",
        f"{path}task__is_current",
        "output__is_current",
    )

    def items_of(of_task: Iterable[tuple[Any, ...]], tally: Tally) -> list[Pair] | list[Label]:
        places = []
        for _, ranking, rater, asked, output, tier, task_stands, output_stands, *_ in of_task:
            tally.read += 1
            if choices.current_only and not (task_stands and output_stands):
                tally.left_out["outdated"] += 1
            else:
                places.append(Placed(ranking, rater, asked or "", output, tier))
        best_worst = choices.pairing == Pairing.BEST_WORST
        votes = votes_of_rankings(places, best_worst=best_worst, left_out=tally.left_out)
        return _items_of_votes(_unsettled_votes(votes, settled, tally.left_out), choices, tally.left_out)

    ordered = rows.order_by(f"{path}task_id", "ranking_id", "output_id")
    return Reading(ordered, columns, ("output",), items_of, "places")


def _settling(project: Project, choices: ExportChoices) -> frozenset[int]:
    """The raters whose answers take the place of others', where that is wanted; one query."""
    if choices.answers != Answers.FIRST:
        return frozenset()
    raters = Rater.objects.of(project).filter(pseudonym__startswith=PREFIX)
    return frozenset(raters.values_list("pk", flat=True))


def _unsettled_votes(votes: list[Vote], settled: frozenset[int], left_out: Counter[str]) -> list[Vote]:
    """Without the votes on pairs that somebody settled, but for the settled ones themselves."""
    kept = settled_first(
        votes,
        unit=lambda vote: frozenset((vote.output_a, vote.output_b)),
        settled=lambda vote: vote.rater in settled,
    )
    left_out["settled"] += len(votes) - len(kept)
    return kept


def _unsettled_values(values: list[Value], settled: frozenset[int], left_out: Counter[str]) -> list[Value]:
    kept = settled_first(values, unit=lambda value: value.output, settled=lambda value: value.rater in settled)
    left_out["settled"] += len(values) - len(kept)
    return kept


def _items_of_votes(votes: list[Vote], choices: ExportChoices, left_out: Counter[str]) -> list[Pair] | list[Label]:
    if choices.combine == Combine.EACH:
        pairs = pairs_of_each_vote(votes, min_gap=choices.min_gap, left_out=left_out)
        return pairs if choices.is_paired else labels_of_each_pair(pairs)
    pairs = pairs_by_majority(votes, min_gap=choices.min_gap, left_out=left_out)
    return pairs if choices.is_paired else labels_by_balance(pairs, left_out=left_out)


def _ratings(project: Project, choices: ExportChoices) -> Reading:
    standing = Rating.objects.filter(
        judgment__project=project, judgment__withdrawn_at__isnull=True, question=choices.question
    )
    ratings = in_scope(standing, choices, task="judgment__task__", output="judgment__output__", rater="judgment__rater")
    scale, settled = _commonest_scale(ratings), _settling(project, choices)
    columns = (
        "judgment__task_id",
        "judgment__output_id",
        "judgment__rater_id",
        "value",
        "scale_low",
        "scale_high",
        "judgment__task__is_current",
        "judgment__output__is_current",
    )

    def items_of(of_task: Iterable[tuple[Any, ...]], tally: Tally) -> list[Pair] | list[Label]:
        values = []
        for _, output, rater, value, low, high, task_stands, output_stands, *_ in of_task:
            tally.read += 1
            if choices.current_only and not (task_stands and output_stands):
                tally.left_out["outdated"] += 1
            elif value is None:
                tally.left_out["not_applicable"] += 1
            elif (low, high) != scale:
                tally.left_out["other_scale"] += 1
            else:
                values.append(Value(output, rater, value))
        values = _unsettled_values(values, settled, tally.left_out)
        together = mean_values(values)
        tally.valued_outputs += len(together)
        each = [together] if choices.combine == Combine.TOGETHER else values_by_rater(values)
        return _items_of_values(each, choices, tally.left_out)

    ordered = ratings.order_by("judgment__task_id", "judgment__output_id", "judgment_id")
    return Reading(ordered, columns, ("judgment__output",), items_of, "ratings")


def _scores(project: Project, choices: ExportChoices, definition_hash: str) -> Reading:
    scores = DerivedScore.objects.of(project).defined_by(definition_hash)
    rows = in_scope(scores, choices, task="output__task__", output="output__", rater=None)
    if choices.source == Source.SCORES or choices.current_only:
        rows = rows.filter(output__is_current=True, output__task__is_current=True)
    columns = ("output__task_id", "output_id", "value")
    reads = "rewards" if choices.source == Source.RECIPE else "scores"

    def items_of(of_task: Iterable[tuple[Any, ...]], tally: Tally) -> list[Pair] | list[Label]:
        values = {}
        for _, output, value, *_ in of_task:
            tally.read += 1
            if value is not None:
                values[output] = value
        tally.valued_outputs += len(values)
        return _items_of_values([values], choices, tally.left_out)

    return Reading(rows.order_by("output__task_id", "output_id"), columns, ("output",), items_of, reads)


def _signals(project: Project, choices: ExportChoices) -> Reading:
    """The newest signal of an output counts. One that is scored in part only has no total that others compare with."""
    signals = RewardSignal.objects.of(project).filter(rater=choices.signal_rater, channel=choices.channel)
    rows = in_scope(signals, choices, task="output__task__", output="output__", rater=None)
    if choices.current_only:
        rows = rows.filter(output__is_current=True, output__task__is_current=True)
    newest = rows.order_by("output__task_id", "output_id", "-id").distinct("output__task_id", "output_id")
    columns = ("output__task_id", "output_id", "total", "scored_count", "segmentation__count")

    def items_of(of_task: Iterable[tuple[Any, ...]], tally: Tally) -> list[Pair] | list[Label]:
        values = {}
        for _, output, total, scored, segments, *_ in of_task:
            tally.read += 1
            if total is None:
                continue
            if scored < segments:
                tally.left_out["partly_scored"] += 1
            else:
                values[output] = total
        tally.valued_outputs += len(values)
        return _items_of_values([values], choices, tally.left_out)

    return Reading(newest, columns, ("output",), items_of, "signals")


def _items_of_values(
    each: Iterable[Mapping[int, float]], choices: ExportChoices, left_out: Counter[str]
) -> list[Pair] | list[Label]:
    if choices.is_paired:
        best_worst = choices.pairing == Pairing.BEST_WORST
        made = (
            pairs_by_value(values, min_gap=choices.min_gap, best_worst=best_worst, left_out=left_out)
            for values in each
            if values
        )
        return [pair for pairs in made for pair in pairs]
    assert choices.desirable_from is not None
    assert choices.undesirable_to is not None
    return [
        label
        for values in each
        for label in labels_by_value(
            values,
            desirable_from=choices.desirable_from,
            undesirable_to=choices.undesirable_to,
            left_out=left_out,
        )
    ]


def _commonest_scale(ratings: QuerySet[Rating]) -> tuple[float, float] | None:
    """Numbers on different scales do not compare, so one scale is exported: the one with most ratings."""
    counted = ratings.order_by().values("scale_low", "scale_high").annotate(n=Count("pk"))
    return counted.order_by("-n", "scale_low", "scale_high").values_list("scale_low", "scale_high").first()
