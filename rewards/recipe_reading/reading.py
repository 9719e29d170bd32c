"""What a reader of inputs is handed, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from django.db.models import QuerySet

from projects.models import Project
from rewards.adjudicated import PREFIX
from rewards.recipe_reading.outputs import Cuts, Outputs
from rewards.recipe_reading.resolution import RATER_KINDS, Resolved
from rewards.recipes.inputs import RecipeInput
from rewards.shaping.rows import Floats, Rows


@dataclass(frozen=True)
class Reading:
    """One reading of a recipe's inputs."""

    project: Project
    outputs: Outputs
    cuts: Cuts
    resolved: Resolved


class Found(NamedTuple):
    """An input's numbers, and what a reader should know of them beyond how many outputs have one."""

    rows: Rows
    more: str = ""


def standing(reading: Reading, given: RecipeInput, answers: QuerySet[Any], judgment: str = "judgment__") -> Any:
    """Narrow answers to the standing ones of the project by the raters that the input names.

    What people said of a model's span is about that span and no reading of the output: it is left out. So is what
    somebody settled on from others' answers, unless its rater is named: it would count those twice.

    Parameters
    ----------
    judgment : str
        The path from an answer to its judgment; empty where they are judgments.
    """
    narrowed = answers.filter(**{f"{judgment}project": reading.project, f"{judgment}withdrawn_at": None})
    narrowed = narrowed.exclude(**{f"{judgment}presentation__has_key": "review"})
    keys = reading.resolved.raters[given.name]
    if keys is not None:
        return narrowed.filter(**{f"{judgment}rater__in": keys})
    narrowed = narrowed.exclude(**{f"{judgment}rater__pseudonym__startswith": PREFIX})
    if given.raters.whose == "all":
        return narrowed
    return narrowed.filter(**{f"{judgment}rater__kind__in": RATER_KINDS[given.raters.whose]})


def mean_over_raters(outputs: Outputs, answers: Iterable[tuple[int, int, float]]) -> Floats:
    """Mean over raters, each by the mean of what they gave.

    Parameters
    ----------
    answers : iterable of (output, rater, value)
        Keys and a number.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where nobody gave one.
    """
    rows = list(answers)
    result = np.full(len(outputs), np.nan)
    if not rows:
        return result
    place = np.array([outputs.place[row[0]] for row in rows])
    rater = np.array([row[1] for row in rows])
    value = np.array([row[2] for row in rows], dtype=np.float64)
    pairs, pair_of, n_given = np.unique(np.stack([place, rater]), axis=1, return_inverse=True, return_counts=True)
    of_rater = np.bincount(pair_of.reshape(-1), value) / n_given
    n_raters = np.bincount(pairs[0], minlength=len(outputs))
    total = np.bincount(pairs[0], of_rater, minlength=len(outputs))
    np.divide(total, n_raters, out=result, where=n_raters > 0)
    return result
