"""A recipe's rewards for an export: as scores that pairs and labels are made from, or as rows of their own."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project
from rewards.actions.recipe_rewards import MAX_STORED
from rewards.actions.recipes import refused
from rewards.exporting.choices import ExportChoices
from rewards.exporting.rows import Row, Written
from rewards.exporting.scope import outputs_in_scope
from rewards.exporting.sources import Tally
from rewards.formats.reward_rows import reward_row
from rewards.formats.splits import split_of
from rewards.models import DerivedScore, Output, RecipeVersion, Task
from rewards.recipe_results import OutputReward, RecipeResult, compute
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import read_recipe

READS: Final = "rewards"
_LOT: Final = 200


def recipe_version_of(project: Project, choices: ExportChoices) -> RecipeVersion:
    """The chosen version with its recipe; one query."""
    assert choices.recipe_version is not None
    return RecipeVersion.objects.select_related("recipe").get(project=project, pk=choices.recipe_version)


def rewards_of(project: Project, choices: ExportChoices, *, limit: int | None = None) -> RecipeResult:
    """The recipe over every output in scope, at once: a spread or a rank depends on all of them.

    Raises
    ------
    AppError
        ``selection_too_large``, or ``recipe_invalid``.
    """
    outputs = outputs_in_scope(project, choices).order_by("task_id", "pk")
    ids = list(outputs.values_list("pk", flat=True)[: limit or MAX_STORED + 1])
    if len(ids) > MAX_STORED:
        message = gettext("More than %(max_stored)s outputs: a recipe is computed over all at once. Narrow them.") % {
            "max_stored": f"{MAX_STORED:,}"
        }
        raise AppError(message, code="selection_too_large")
    try:
        return compute(project, read_recipe(recipe_version_of(project, choices).tree), ids)
    except RecipeError as error:
        raise refused(error) from error


@transaction.atomic
def derive_recipe_scores(project: Project, choices: ExportChoices) -> str:
    """Write the rewards as derived scores in place of those of an earlier export of the same; what finds them."""
    result = rewards_of(project, choices)
    version = recipe_version_of(project, choices)
    definition = hashlib.sha256(f"recipe:{version.content_hash}:of:{_scope(result)}".encode()).hexdigest()
    DerivedScore.objects.of(project).defined_by(definition).delete()
    digest = result.built.input_hash
    DerivedScore.objects.bulk_create(
        (
            DerivedScore(
                project=project,
                output_id=row.output_id,
                definition_hash=definition,
                judgment_set_hash=digest,
                value=row.total,
                scored_count=sum(value is not None for value in row.values),
                total_count=len(row.values),
            )
            for row in result.rows()
        ),
        batch_size=2000,
    )
    return definition


def reward_rows(
    project: Project, choices: ExportChoices, tally: Tally, written: Written, *, limit: int | None = None
) -> Iterator[Mapping[str, list[Row]]]:
    """Yield some rows at a time by split, counting them in `written` and outputs without a reward in `tally`.

    One query for each `_LOT` outputs beside those of the recipe.
    """
    result = rewards_of(project, choices, limit=limit)
    tally.left_out["unscored"] += len(result.built.left_out)
    rows = list(result.rows())
    names, seen = _external_ids(result), set[int]()
    for first in range(0, len(rows), _LOT):
        places = range(first, min(first + _LOT, len(rows)))
        tasks = Task.objects.in_bulk({result.built.outputs.task_ids[index] for index in places})
        by_split: dict[str, list[Row]] = defaultdict(list)
        for index in places:
            tally.read += 1
            row = rows[index]
            task = tasks.get(result.built.outputs.task_ids[index])
            if task is None or row.total is None:
                tally.left_out["removed" if task is None else "unscored"] += 1
                continue
            found = _row(result, index, row, task)
            if choices.ids:
                found |= {"task_id": task.external_id, "output_id": names[row.output_id]}
            by_split[split_of(task.external_id, choices.fractions, choices.seed)].append(found)
            _count(written, task, is_new=task.pk not in seen)
            seen.add(task.pk)
        yield by_split


def _row(result: RecipeResult, index: int, row: OutputReward, task: Task) -> dict[str, Any]:
    assert row.total is not None
    return reward_row(
        task.messages,
        result.built.outputs.messages[index],
        reward=row.total,
        rewards=row.values,
        segments=result.built.segmentation(result.evaluation.reward, index).spans,
        advantage=row.advantage,
        advantages=row.advantages,
    )


def _count(written: Written, task: Task, *, is_new: bool) -> None:
    written.rows += 1
    written.outputs += 1
    if is_new:
        written.tasks += 1
        written.licences[task.licence] += 1


def _external_ids(result: RecipeResult) -> dict[int, str]:
    return dict(Output.objects.filter(pk__in=result.built.output_ids).values_list("pk", "external_id"))


def _scope(result: RecipeResult) -> str:
    return hashlib.sha256(repr(result.built.output_ids).encode()).hexdigest()
