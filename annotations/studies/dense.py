"""Dense rewards against the spans that people marked: every signal over parts of outputs, on one table."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from django.db.models import Max

from annotations.protocols.stop import STOP
from annotations.studies import step_errors
from annotations.studies.inputs import comparisons_of, decided, people_of, ratings_of
from projects.models import Project
from rewards import signal_store
from rewards.models import Judgment, Output, Rater, RewardSignal, Segmentation, SpanMark
from rewards.querysets.signal import SignalChoice
from rewards.segmentation import WHOLE, sentences
from rewards.segmentation import Segmentation as Cut
from rewards.signals import spans_to_tokens
from rewards.statistics.localisation import (
    Ints,
    MarkedTokens,
    auroc,
    average_precision,
    first_error,
    matched_rate_threshold,
    span_score,
)
from rewards.statistics.preferences import Preference, preference_accuracy
from rewards.statistics.proportions import Estimate
from rewards.statistics.rank import spearman
from rewards.text import Span
from workers.models import Attempt

CHUNK = 200
"""Outputs read together: messages and values of a few megabytes."""
_CHARACTERS_A_TOKEN = 4
LEAST_MARKED = 10
"""Marked tokens of a type below which its area says nothing."""


class _Marks(NamedTuple):
    """What people marked on one output: the spans, and the type of each."""

    spans: list[Span]
    types: list[str]


class _Read(NamedTuple):
    """The tokens of one signal over all marked outputs, with the sentence of each and the type of span it lies in."""

    tokens: MarkedTokens
    sentence: Ints
    types: dict[str, Any]
    totals: dict[int, float]
    unscored: int


class _Said(NamedTuple):
    """What people said of whole outputs, and what scorers took by 1,000 tokens: read once for all signals."""

    ratings: dict[int, list[float]]
    preferences: list[Preference]
    seconds: dict[int, float]


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study; `parameters` are `span_raters` and `seed`.

    An output counts where a person was asked for spans, also where nothing was marked. Spans with a positive value are
    praise and no errors. Each signal is read as a detector of errors: the lower the value, the more suspected. Step
    labels of scorers are compared apart, by the first wrong step that they name.
    """
    seed = int(parameters.get("seed", 0))
    marks = _marks(project, set(parameters.get("span_raters", [])))
    choices = _choices(project, list(marks))
    types = sorted({one for found in marks.values() for one in found.types})
    names = Rater.objects.in_bulk({choice.rater_id for choice in choices})
    said = _said(project, names)
    rows = []
    for choice in choices:
        read = _read(project, choice, marks, types)
        if read is not None:
            rows.append(_row(project, names[choice.rater_id], choice, read, said, seed))
    rows.sort(key=lambda row: (row["auroc"]["value"] is None, -(row["auroc"]["value"] or 0), row["name"]))
    return {
        "outputs": len(marks),
        "spans": sum(len(found.spans) for found in marks.values()),
        "types": types,
        "rows": rows,
        "steps": step_errors.compute(project, {output: _first(found) for output, found in marks.items()}, seed=seed),
    }


def _first(found: _Marks) -> Span | None:
    """The mark that begins first."""
    return min(found.spans, key=lambda span: (span.message, span.start), default=None)


def _marks(project: Project, raters: set[int]) -> dict[int, _Marks]:
    """Errors that people marked by themselves, by output."""
    asked = Judgment.objects.of(project).standing().without_reviews().filter(kind=Judgment.Kind.SPANS)
    asked = asked.exclude(rater__kind=Rater.Kind.SCORER)
    # Where a person would have stopped is another question: the words there need not be wrong.
    asked = asked.exclude(presentation__contains={"asked": STOP})
    asked = asked.filter(rater__in=raters) if raters else asked.without_settled()
    spans = SpanMark.objects.filter(judgment__in=asked).exclude(value__gt=0)
    marks = {output: _Marks([], []) for output in asked.values_list("output_id", flat=True).distinct()}
    rows = spans.order_by("id").values_list("output_id", "message", "start", "end", "type")
    for output, message, start, end, kind in rows.iterator(chunk_size=20_000):
        marks.setdefault(output, _Marks([], []))
        marks[output].spans.append(Span(message, start, end))
        marks[output].types.append(kind)
    return marks


def _choices(project: Project, outputs: Sequence[int]) -> list[SignalChoice]:
    """Every signal over parts of these outputs."""
    found = RewardSignal.objects.of(project).filter(rater__kind=Rater.Kind.SCORER).choices(outputs)
    return [choice for choice in found if choice.segmenter != WHOLE]


def _read(project: Project, choice: SignalChoice, marks: dict[int, _Marks], types: Sequence[str]) -> _Read | None:
    columns: dict[str, list[Any]] = {name: [] for name in ("suspicion", "marked", "output", "start", "end", "task")}
    sentence: list[Any] = []
    by_type: dict[str, list[Any]] = {one: [] for one in types}
    totals: dict[int, float] = {}
    for some in _chunks(sorted(marks)):
        texts = {
            pk: (task, [message["text"] for message in messages])
            for pk, task, messages in Output.objects.filter(pk__in=some).values_list("pk", "task_id", "messages")
        }
        for stored in signal_store.load(RewardSignal.objects.of(project).chosen(choice, some)):
            task, said = texts[stored.output_id]
            cut = stored.signal.segmentation
            inside = {one: _inside(marks[stored.output_id], cut, one) for one in types}
            n = len(cut)
            offsets = np.cumsum([0, *(len(text) for text in said)])[cut.spans[:, 0]]
            columns["suspicion"].append(-stored.signal.values.astype(np.float64))
            columns["marked"].append(np.any(list(inside.values()), axis=0) if types else np.zeros(n, dtype=bool))
            columns["output"].append(np.full(n, stored.output_id))
            columns["start"].append(cut.spans[:, 1] + offsets)
            columns["end"].append(cut.spans[:, 2] + offsets)
            columns["task"].append(np.full(n, task))
            sentence.append(_sentence_of(cut, said))
            for one, flags in inside.items():
                by_type[one].append(flags)
            if stored.signal.n_scored:
                totals[stored.output_id] = stored.signal.total
    if not sentence:
        return None
    tokens = MarkedTokens(**{name: np.concatenate(parts) for name, parts in columns.items()})
    return _Read(
        tokens,
        np.concatenate(sentence),
        {one: np.concatenate(parts) for one, parts in by_type.items()},
        totals,
        int(np.isnan(tokens.suspicion).sum()),
    )


def _inside(marks: _Marks, cut: Cut, kind: str) -> Any:
    """Which segments share a character with a span of this type."""
    spans = [span for span, one in zip(marks.spans, marks.types, strict=True) if one == kind]
    return spans_to_tokens(spans, [1.0] * len(spans), cut).values > 0


def _sentence_of(cut: Cut, texts: Sequence[str]) -> Ints:
    """The sentence in which each segment starts, numbered through the output."""
    places = sentences(texts).spans
    starts = [(int(message), int(start)) for message, start, _ in places]
    found = np.searchsorted(
        np.array([message * 2**32 + start for message, start in starts], dtype=np.int64),
        cut.spans[:, 0].astype(np.int64) * 2**32 + cut.spans[:, 1],
        side="right",
    )
    return np.maximum(found - 1, 0).astype(np.int64)


def _row(project: Project, rater: Rater, choice: SignalChoice, read: _Read, said: _Said, seed: int) -> dict[str, Any]:
    threshold = matched_rate_threshold(read.tokens)
    precision = average_precision(read.tokens, seed=seed)
    scores = span_score(read.tokens, threshold)
    first = first_error(read.tokens, read.sentence, threshold, seed=seed)
    ratings, rated = _correlation(said.ratings, read.totals)
    return {
        "rater": rater.pk,
        "name": rater.name,
        "channel": choice.channel,
        "segmenter": choice.segmenter,
        "outputs": len(read.totals),
        "tokens": len(read.tokens.suspicion),
        "unscored": read.unscored,
        "auroc": _estimate(auroc(read.tokens, seed=seed)),
        "average_precision": _estimate(precision.area),
        "base_rate": _number(precision.base_rate),
        "token_f1": _number(scores.token_f1),
        "span_f1": _number(scores.span_f1),
        "first_error": _estimate(first.exact),
        "worst_sentence": _estimate(first.worst),
        "rating_correlation": ratings,
        "rated_outputs": rated,
        "preference": _preference(project, choice, said.preferences, seed),
        "by_type": {one: _of_type(read, one, seed) for one in read.types},
        "seconds_per_1000_tokens": said.seconds.get(rater.pk),
    }


def _of_type(read: _Read, kind: str, seed: int) -> dict[str, Any]:
    """Tokens of this type against those in no span at all; other errors are neither."""
    chosen = read.types[kind]
    keep = chosen | ~read.tokens.marked
    found = MarkedTokens(**{name: column[keep] for name, column in vars(read.tokens).items()})
    found = MarkedTokens(**{**vars(found), "marked": chosen[keep]})
    marked = int(chosen.sum())
    empty = Estimate(float("nan"), float("nan"), float("nan"), 0)
    return {"marked": marked, **_estimate(auroc(found, seed=seed) if marked >= LEAST_MARKED else empty)}


def _said(project: Project, scorers: Iterable[int]) -> _Said:
    ratings: dict[int, list[float]] = {}
    seconds = _seconds_per_1000_tokens(project, scorers)
    people = people_of(project)
    # No rater at all would mean every rater, scorers included.
    if not people:
        return _Said(ratings, [], seconds)
    for rating in ratings_of(project, question="", raters=people):
        if rating.value is not None:
            ratings.setdefault(cast("int", rating.output), []).append(rating.value)
    return _Said(ratings, decided(comparisons_of(project, raters=people)), seconds)


def _correlation(given: dict[int, list[float]], totals: dict[int, float]) -> tuple[float | None, int]:
    """Spearman's correlation of sums with people's mean ratings of the same outputs."""
    both = [output for output in totals if output in given]
    found = spearman([totals[output] for output in both], [float(np.mean(given[output])) for output in both])
    return _number(found.value), found.n


def _preference(project: Project, choice: SignalChoice, preferences: list[Preference], seed: int) -> dict[str, Any]:
    """Accuracy of the sums against all comparisons that people decided."""
    signals = RewardSignal.objects.of(project).filter(
        rater=choice.rater_id, channel=choice.channel, segmentation__segmenter=choice.segmenter, total__isnull=False
    )
    totals = dict(signals.order_by("id").values_list("output_id", "total"))
    found = preference_accuracy(cast("dict[Any, float]", totals), preferences, seed=seed)
    return {"value": _number(found.value), "low": _number(found.low), "high": _number(found.high), "n": found.n}


def _seconds_per_1000_tokens(project: Project, raters: Iterable[int]) -> dict[int, float]:
    """Time of each scorer's scored attempts, of all its channels together, over the tokens of their outputs.

    The tokens are those of the finest tokenizer that has cut an output, whatever the scorer itself cuts it into, so
    that times compare; where none has, four characters are counted as one.
    """
    spent = Attempt.objects.filter(project=project, rater__in=raters, status=Attempt.Status.SCORED, seconds__gt=0)
    seconds: dict[int, float] = {}
    scored: dict[int, list[int]] = {}
    for rater, output, took in spent.values_list("rater_id", "output_id", "seconds").iterator(chunk_size=20_000):
        seconds[rater] = seconds.get(rater, 0.0) + (took or 0.0)
        scored.setdefault(rater, []).append(output)
    tokens = _token_counts({output for outputs in scored.values() for output in outputs})
    return {rater: 1000 * seconds[rater] / max(1, sum(tokens[one] for one in scored[rater])) for rater in seconds}


def _token_counts(outputs: set[int]) -> dict[int, int]:
    """By output; two queries for each of `CHUNK`."""
    counts: dict[int, int] = {}
    for some in _chunks(sorted(outputs)):
        for pk, messages in Output.objects.filter(pk__in=some).values_list("pk", "messages"):
            counts[pk] = -(-sum(len(message["text"]) for message in messages) // _CHARACTERS_A_TOKEN)
        cut = Segmentation.objects.filter(output__in=some, segmenter__startswith="tokenizer:")
        counts.update(cut.values_list("output_id").annotate(Max("count")))
    return counts


def _estimate(found: Estimate) -> dict[str, Any]:
    return {"value": _number(found.value), "low": _number(found.low), "high": _number(found.high), "n": found.n}


def _number(value: float) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if value != value else float(value)


def _chunks(outputs: Sequence[int]) -> Iterable[Sequence[int]]:
    return (outputs[first : first + CHUNK] for first in range(0, len(outputs), CHUNK))
