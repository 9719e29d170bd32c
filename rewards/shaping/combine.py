"""Sums of rewards."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Rows

WEIGHT: Final = Parameter("weight", "number", 1.0, "Weight", minimum=-1000.0, maximum=1000.0)


def weighted_sum(terms: Sequence[Rows], weights: Sequence[float], unscored: str = "unscored") -> Rows:
    """``r = sum_k w_k r_k``, element by element (Fine-Grained RLHF, arXiv 2306.01693, Eq. 1).

    Parameters
    ----------
    terms : sequence of Rows, length k
        All on the same segments.
    weights : sequence of float, length k
    unscored : {"unscored", "skip"}
        Where one term has no number: the sum has none either, or it is the sum of the others.

    Raises
    ------
    ValueError
        Where terms stand on different segments.
    """
    first = terms[0].level
    for index, term in enumerate(terms):
        if not term.level.same_as(first):
            raise ValueError(f"term {index} stands on other segments than term 0")
    total = np.zeros(first.size)
    n_scored = np.zeros(first.size, dtype=np.int64)
    for term, weight in zip(terms, weights, strict=True):
        total += weight * np.where(term.scored, term.values, 0.0)
        n_scored += term.scored
    needed = len(terms) if unscored == "unscored" else 1
    total[n_scored < needed] = np.nan
    return Rows(first, total)


OPERATORS: Final = (
    Operator(
        name="weighted_sum",
        label="Weighted sum",
        family=Family.COMBINE,
        summary="Adds rewards on the same segments, each by its weight.",
        formula="r = sum_k w_k r_k",
        papers=(Paper("Fine-Grained Human Feedback Gives Better Rewards", "2306.01693", "Eq. 1"),),
        slots=(Slot("terms", "Terms", many=True, per_term=(WEIGHT,)),),
        parameters=(
            Parameter(
                "unscored",
                "choice",
                "unscored",
                "Where a term has no number",
                choices=(("unscored", "The sum has none"), ("skip", "Sum of the others")),
            ),
        ),
        apply=weighted_sum,
    ),
)
