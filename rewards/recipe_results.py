"""A recipe computed over stored outputs, row by row: what the API, the command and exports give out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from projects.models import Project
from rewards.models import Output
from rewards.recipe_frames import BuiltFrame, frame_for
from rewards.recipes.evaluate import Evaluation, evaluate
from rewards.recipes.tree import Recipe
from rewards.shaping.rows import Floats, Rows


class OutputReward(NamedTuple):
    """One output's reward.

    Attributes
    ----------
    output_id : int
    total : float or None
        Sum over its scored segments; None for unscored.
    values : tuple of float or None
        One a segment of the reward's level; one for a reward of the whole output.
    advantage : float or None
        Likewise the sum; None too where the recipe names no estimator.
    advantages : tuple of float or None
        Empty where it names none.
    """

    output_id: int
    total: float | None
    values: tuple[float | None, ...]
    advantage: float | None
    advantages: tuple[float | None, ...]


@dataclass(frozen=True)
class RecipeResult:
    """A computed recipe with the outputs that its rows are."""

    recipe: Recipe
    built: BuiltFrame
    evaluation: Evaluation

    @property
    def level(self) -> str:
        return self.evaluation.reward.level.name

    @cached_property
    def totals(self) -> Floats:
        """Shape (n,); NaN for unscored."""
        return self.evaluation.reward.total()

    def rows(self) -> Iterator[OutputReward]:
        """In the order of the outputs that were asked for, without those left out."""
        reward, advantages = self.evaluation.reward, self.evaluation.advantages
        summed = advantages.total() if advantages is not None else None
        for index, pk in enumerate(self.built.output_ids):
            yield OutputReward(
                output_id=pk,
                total=_number(float(self.totals[index])),
                values=_numbers(reward, index),
                advantage=None if summed is None else _number(float(summed[index])),
                advantages=() if advantages is None else _numbers(advantages, index),
            )

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON; one query for the outputs' ids."""
        names = dict(Output.objects.filter(pk__in=self.built.output_ids).values_list("pk", "external_id"))
        left_out = dict(Output.objects.filter(pk__in=list(self.built.left_out)).values_list("pk", "external_id"))
        advantages = self.evaluation.advantages
        return {
            "level": self.level,
            "advantage_level": None if advantages is None else advantages.level.name,
            "n_outputs": len(self.built.output_ids),
            "n_scored": sum(not math.isnan(total) for total in self.totals.tolist()),
            "notes": [note.text for note in self.built.notes],
            "left_out": [
                {"output": pk, "external_id": left_out.get(pk, ""), "reason": reason}
                for pk, reason in self.built.left_out.items()
            ],
            "rows": [
                {
                    "output": row.output_id,
                    "external_id": names[row.output_id],
                    "total": row.total,
                    "values": list(row.values),
                    "advantage": row.advantage,
                    "advantages": list(row.advantages),
                }
                for row in self.rows()
            ],
        }


def compute(project: Project, recipe: Recipe, output_ids: Sequence[int]) -> RecipeResult:
    """Compute a recipe over these outputs; reads what `frame_for` reads, and asks no model.

    Estimators and operators within a task's group see those of its outputs that are among these, and no others.

    Raises
    ------
    RecipeError
        By path.
    AppError
        ``output_unknown`` (404).
    """
    built = frame_for(project, recipe, output_ids)
    return RecipeResult(recipe, built, evaluate(recipe, built.frame))


def _numbers(rows: Rows, index: int) -> tuple[float | None, ...]:
    return tuple(_number(value) for value in rows.of(index).tolist())


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
