"""Reading one number an output: ratings, verdicts, comparisons, critiques, metadata, and counts of the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from django.db.models import F, Q
from django.db.models.fields.json import KeyTransform

from projects.errors import AppError
from rewards.actions.scores import score_table
from rewards.adjudicated import PREFIX
from rewards.models import Comparison, Critique, Judgment, Output, Rater, Rating, Task
from rewards.recipe_reading.reading import Found, Reading, mean_over_raters, standing
from rewards.recipe_reading.resolution import RATER_KINDS
from rewards.recipes.errors import RecipeError
from rewards.recipes.inputs import RecipeInput
from rewards.segmentation import words
from rewards.shaping.rows import TOKEN, Floats, Rows
from rewards.verdict_table import own_verdict_tables, verdict_table

_NGRAM: Final = 4
_SHOWN: Final = 60


def read_rating(reading: Reading, given: RecipeInput) -> Found:
    """Mean over raters; one query."""
    ratings = standing(reading, given, Rating.objects.filter(judgment__output__in=reading.outputs.ids))
    rows = ratings.filter(question=given.text("question"), value__isnull=False).values_list(
        "judgment__output", "judgment__rater", "value", "scale_low", "scale_high"
    )
    unit = given.text("scale") == "unit"
    return Found(
        Rows.scalars(
            mean_over_raters(
                reading.outputs,
                (
                    (output, rater, (value - low) / (high - low) if unit else value)
                    for output, rater, value, low, high in rows
                    if not unit or high > low
                ),
            )
        )
    )


def read_comparison(reading: Reading, given: RecipeInput) -> Found:
    """Share of comparisons won, ties half; one query. Who could not tell said nothing, and no output beats itself."""
    ids = reading.outputs.ids
    met = Comparison.objects.filter(Q(output_a__in=ids) | Q(output_b__in=ids)).exclude(output_a=F("output_b"))
    rows = (
        standing(reading, given, met)
        .exclude(tie_kind=Comparison.TieKind.CANNOT_TELL)
        .values_list("output_a", "output_b", "choice")
    )
    place = reading.outputs.place
    won, met_by = np.zeros(len(ids)), np.zeros(len(ids))
    for output_a, output_b, choice in rows:
        share = {Comparison.Choice.A: 1.0, Comparison.Choice.B: 0.0}.get(choice, 0.5)
        for output, part in ((output_a, share), (output_b, 1.0 - share)):
            if output in place:
                won[place[output]] += part
                met_by[place[output]] += 1
    return Found(Rows.scalars(np.divide(won, met_by, out=np.full(len(ids), np.nan), where=met_by > 0)))


def read_critiques(reading: Reading, given: RecipeInput) -> Found:
    """How many critiques of one kind a rater gave: mean over those who marked or wrote of the output; two queries."""
    looked = [Judgment.Kind.SPANS, Judgment.Kind.CRITIQUE]
    about = Judgment.objects.filter(kind__in=looked, output__in=reading.outputs.ids)
    judged = standing(reading, given, about, "").values_list("output", "rater")
    count: dict[tuple[int, int], int] = dict.fromkeys(judged, 0)
    critiques = standing(reading, given, Critique.objects.filter(judgment__output__in=reading.outputs.ids))
    for pair in critiques.filter(kind=given.text("type")).values_list("judgment__output", "judgment__rater"):
        count[pair] = count.get(pair, 0) + 1
    answers = ((output, rater, float(n)) for (output, rater), n in count.items())
    return Found(Rows.scalars(mean_over_raters(reading.outputs, answers)))


def read_rubric(reading: Reading, given: RecipeInput) -> Found:
    """Scores under a rubric, or each task's own in its newest version; at most five queries."""
    version = reading.resolved.versions[given.name]
    raters, ids = _rater_keys(reading, given), reading.outputs.ids
    if version is not None:
        tables = [verdict_table(version, raters, output_ids=ids)]
    else:
        tables = own_verdict_tables(reading.project, raters, ids)
    values = np.full(len(ids), np.nan)
    for table in tables:
        try:
            scores = score_table(table, given.text("aggregation"))
        except AppError as error:
            raise RecipeError({f"inputs.{given.name}.aggregation": error.message}) from error
        for row, pk in enumerate(table.output_ids):
            values[reading.outputs.place[pk]] = scores.values[row]
    return Found(Rows.scalars(values))


def read_verdict(reading: Reading, given: RecipeInput) -> Found:
    """The verdict on one criterion: mean over raters; three queries."""
    version = reading.resolved.versions[given.name]
    assert version is not None, "a verdict names its rubric"
    table = verdict_table(version, _rater_keys(reading, given), output_ids=reading.outputs.ids)
    column = table.content.keys.index(given.text("criterion"))
    values = np.full(len(reading.outputs), np.nan)
    for row, pk in enumerate(table.output_ids):
        values[reading.outputs.place[pk]] = table.values[row, column]
    return Found(Rows.scalars(values))


def _rater_keys(reading: Reading, given: RecipeInput) -> list[int]:
    named = reading.resolved.raters[given.name]
    if named is not None:
        return list(named)
    kinds = RATER_KINDS[given.raters.whose]
    raters = Rater.objects.of(reading.project).filter(kind__in=kinds).exclude(pseudonym__startswith=PREFIX)
    return list(raters.values_list("pk", flat=True))


def read_metadata(reading: Reading, given: RecipeInput) -> Found:
    """A field that came with the output or its task; one query.

    Raises
    ------
    RecipeError
        Where something else than a number or true or false stands there, naming the first output or task.
    """
    outputs, of_task = reading.outputs, given.text("of") == "task"
    path = given.text("field").split(".")
    transform: Any = "metadata" if of_task else "generation"
    for key in path:
        transform = KeyTransform(key, transform)
    keys = outputs.task_ids if of_task else outputs.ids
    rows: Any = (Task.objects if of_task else Output.objects).filter(pk__in=set(keys))
    found = {
        pk: _number(value, given, f"{'task' if of_task else 'output'} {external_id}")
        for pk, external_id, value in rows.annotate(found=transform).values_list("pk", "external_id", "found")
    }
    return Found(Rows.scalars([found[key] for key in keys]))


def _number(value: Any, given: RecipeInput, whose: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool | int | float) and np.isfinite(value):
        return float(value)
    shown = repr(value)[:_SHOWN]
    message = f"{whose} has {shown} there: expected a number, or true or false"
    raise RecipeError({f"inputs.{given.name}.field": message})


def read_fact(reading: Reading, given: RecipeInput) -> Found:
    """Counted from the stored text; one query where the reference is asked for."""
    return Found(Rows.scalars(_FACTS[given.text("fact")](reading)))


def _n_words(reading: Reading) -> Floats:
    cut = reading.cuts.spans("word/1")
    return np.array([len(cut[pk]) for pk in reading.outputs.ids], dtype=np.float64)


def _n_characters(reading: Reading) -> Floats:
    outputs = reading.outputs
    return np.array([sum(map(len, outputs.texts(index))) for index in range(len(outputs))], dtype=np.float64)


def _n_tokens(reading: Reading) -> Floats:
    counts = reading.cuts.of(TOKEN).counts.astype(np.float64)
    cut = reading.cuts.spans(reading.cuts.segmenter(TOKEN))
    counts[[pk not in cut for pk in reading.outputs.ids]] = np.nan
    return counts


def _n_turns(reading: Reading) -> Floats:
    return np.array(reading.outputs.n_messages, dtype=np.float64)


def _n_tool_calls(reading: Reading) -> Floats:
    return np.array(
        [
            sum(message.get("channel") == "tool" or message.get("role") == "tool" for message in messages)
            for messages in reading.outputs.messages
        ],
        dtype=np.float64,
    )


def _repetition(reading: Reading) -> Floats:
    """``1 - distinct / all`` of the n-grams of words, n = 4; 0 for an output with none."""
    return np.array([_repeated(" ".join(reading.outputs.texts(index))) for index in range(len(reading.outputs))])


def _repeated(text: str) -> float:
    found = re.findall(r"\w+", text.lower())
    ngrams = [tuple(found[start : start + _NGRAM]) for start in range(len(found) - _NGRAM + 1)]
    return 1.0 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def _of_references(measure: Callable[[str], int]) -> Callable[[Reading], Floats]:
    def measured(reading: Reading) -> Floats:
        wanted = set(reading.outputs.task_ids)
        rows = Task.objects.filter(pk__in=wanted, reference__isnull=False).values_list("pk", "reference")
        found = {pk: float(measure(text)) for pk, text in rows if text is not None}
        return np.array([found.get(task, np.nan) for task in reading.outputs.task_ids])

    return measured


_FACTS: Final[Mapping[str, Callable[[Reading], Floats]]] = {
    "n_words": _n_words,
    "n_characters": _n_characters,
    "n_tokens": _n_tokens,
    "n_turns": _n_turns,
    "n_tool_calls": _n_tool_calls,
    "repetition": _repetition,
    "reference_words": _of_references(lambda text: len(words([text]))),
    "reference_characters": _of_references(len),
}
