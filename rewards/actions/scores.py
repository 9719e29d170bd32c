"""Scores derived from stored verdicts: kept so that lists sort by them, thrown away at will, never asking a model."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project
from rewards.models import DerivedScore, RubricVersion
from rewards.rubrics.aggregate import USUAL, AggregateScores, Handling, aggregate_many
from rewards.rubrics.rules import AGGREGATIONS
from rewards.verdict_table import VerdictTable, verdict_table

DEFAULT_AGGREGATION = "rar_explicit"


@dataclass(frozen=True)
class ScoreDefinition:
    """What makes a number of verdicts: the identity of a derived score.

    Attributes
    ----------
    aggregation : str
        A name in `rewards.rubrics.aggregate.AGGREGATIONS`.
    rater_ids : tuple of int
        Whose verdicts count; each output's score is the aggregate of their mean.
    rubric_hash : str
        Content hash of the rubric version; empty for "each task's own rubric".
    weights : tuple of float, optional
        In place of the rubric's own, in the order of its criteria.
    """

    aggregation: str
    rater_ids: tuple[int, ...]
    rubric_hash: str = ""
    weights: tuple[float, ...] | None = None

    @property
    def hash(self) -> str:
        """SHA-256 over all of it; the order of raters does not matter."""
        canonical = json.dumps(
            {
                "aggregation": self.aggregation,
                "raters": sorted(set(self.rater_ids)),
                "rubric": self.rubric_hash,
                "weights": self.weights,
            },
            sort_keys=True,
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


def score_table(
    table: VerdictTable,
    aggregation: str = DEFAULT_AGGREGATION,
    weights: Sequence[float] | None = None,
    handling: Handling = USUAL,
) -> AggregateScores:
    """Aggregate verdicts that were read; the user's choices are checked here.

    Raises
    ------
    AppError
        ``aggregation_unknown``, ``weights_invalid``, or ``verdict_out_of_range`` where a stored verdict is no share.
    """
    if aggregation not in AGGREGATIONS:
        raise AppError(gettext("There is no such aggregation."), code="aggregation_unknown")
    n_criteria = len(table.content.criteria)
    if weights is not None and (len(weights) != n_criteria or not np.isfinite(weights).all()):
        raise AppError(
            gettext("Give %(n_criteria)s weights, one for each criterion.") % {"n_criteria": n_criteria},
            code="weights_invalid",
        )
    try:
        return aggregate_many(
            table.content,
            table.values,
            aggregation,
            weights,
            not_applicable=table.not_applicable,
            handling=handling,
        )
    except ValueError as error:
        raise AppError(
            gettext("These verdicts have no score: %(error)s.") % {"error": error}, code="verdict_out_of_range"
        ) from error


@transaction.atomic
def derive_scores(
    *,
    version: RubricVersion,
    rater_ids: Iterable[int],
    aggregation: str = DEFAULT_AGGREGATION,
    weights: Sequence[float] | None = None,
    task_id: int | None = None,
) -> ScoreDefinition:
    """Bring the derived scores of a rubric version up to date with its stored verdicts.

    Rows whose judgments have not changed stay; rows of other judgment sets under the same definition go.

    Returns
    -------
    ScoreDefinition
        By whose `hash` the scores are found: ``DerivedScore.objects.defined_by(definition.hash)``.
    """
    definition = ScoreDefinition(
        aggregation=aggregation,
        rater_ids=tuple(sorted(set(rater_ids))),
        rubric_hash=version.content_hash,
        weights=None if weights is None else tuple(float(weight) for weight in weights),
    )
    table = verdict_table(version, definition.rater_ids, task_id=task_id)
    _store(version.project, definition, table, score_table(table, aggregation, weights), replace_all=task_id is None)
    return definition


@transaction.atomic
def derive_task_rubric_scores(
    *, project: Project, rater_ids: Iterable[int], aggregation: str = DEFAULT_AGGREGATION
) -> ScoreDefinition:
    """The same under each task's own rubric, in its newest version: one definition over all of them."""
    definition = ScoreDefinition(aggregation=aggregation, rater_ids=tuple(sorted(set(rater_ids))))
    versions = RubricVersion.objects.newest_of_tasks(project).with_criteria()
    DerivedScore.objects.of(project).defined_by(definition.hash).delete()
    for version in versions:
        table = verdict_table(version, definition.rater_ids)
        _store(project, definition, table, score_table(table, aggregation), replace_all=False)
    return definition


def _store(
    project: Project,
    definition: ScoreDefinition,
    table: VerdictTable,
    scores: AggregateScores,
    *,
    replace_all: bool,
) -> None:
    fresh = {output_id: table.judgment_set_hash(row) for row, output_id in enumerate(table.output_ids)}
    stored = DerivedScore.objects.of(project).defined_by(definition.hash)
    if not replace_all:
        stored = stored.about(table.output_ids)
    outdated = [
        pk
        for pk, output_id, judgments in stored.values_list("pk", "output_id", "judgment_set_hash")
        if fresh.get(output_id) != judgments
    ]
    DerivedScore.objects.filter(pk__in=outdated).delete()
    DerivedScore.objects.bulk_create(
        (
            DerivedScore(
                project=project,
                output_id=output_id,
                definition_hash=definition.hash,
                judgment_set_hash=fresh[output_id],
                value=None if np.isnan(scores.values[row]) else float(scores.values[row]),
                scored_count=int(scores.n_scored[row]),
                total_count=scores.n_total,
            )
            for row, output_id in enumerate(table.output_ids)
        ),
        ignore_conflicts=True,
        batch_size=2000,
    )
