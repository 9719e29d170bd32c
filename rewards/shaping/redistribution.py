"""One number an output, made dense so that the segments still add up to it."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Rows
from rewards.shaping.sequences import UNSCORED, answered, on_segments
from rewards.shaping.terms import check_range

ABC: Final = Paper("Dense Reward for Free in Reinforcement Learning from Human Feedback", "2402.00782")
SPA: Final = Paper("SPA-RL: Reinforcing LLM Agents via Stepwise Progress Attribution", "2505.20732")


def redistribute(scores: Rows, weights: Rows, beta: float = 0.5) -> Rows:
    """``r_t = beta a_t r + 1[t = T] (1 - beta) r`` with ``a_t = w_t / sum_t w_t`` (ABC, arXiv 2402.00782).

    Parameters
    ----------
    scores : Rows
        r, one number an output.
    weights : Rows
        w >= 0 on the segments to place on, such as a reward model's attention. Where an output's weights are all 0 they
        tell its segments apart no more than equal ones: they count as equal.
    beta : float
        0.5 in the paper; 0 is the end of the sequence.

    Returns
    -------
    Rows
        Whose sums are the scores. A segment without a weight is unscored, but for the last one where (1 - beta) r
        stands; an output without a score or without any weight is unscored.

    Raises
    ------
    ValueError
        For a negative weight.
    """
    level = weights.level
    check_range("weights", weights, 0.0, np.inf)
    known = np.where(weights.scored, weights.values, 0.0)
    total = np.bincount(level.output, known, minlength=len(level))[level.output]
    equal = weights.scored.astype(np.float64)
    n_scored = np.maximum(weights.n_scored(), 1)[level.output]
    shares = np.where(total > 0, known / np.where(total > 0, total, 1.0), equal / n_scored)
    score = on_segments(scores, level)
    values = np.where(weights.scored, beta * shares * score, np.nan)
    if beta < 1.0:
        at_last = (1.0 - beta) * score[level.last]
        values[level.last] = np.where(weights.scored[level.last], values[level.last], 0.0) + at_last
    values[weights.n_scored()[level.output] == 0] = np.nan
    return weights.with_values(values)


def match_sum(contributions: Rows, scores: Rows, how: str = "shift") -> Rows:
    """Correct learned contributions so that each output's add up to its score (SPA, arXiv 2505.20732, fits
    ``sum_k c_k = R`` only in the mean square).

    ``shift``: ``c_k + (R - sum c) / K``. ``last``: what is missing goes to the last scored segment. ``scale``:
    ``c_k R / sum c``.

    Returns
    -------
    Rows
        On the same segments; unscored contributions stay so and get no part. An output without a score is unscored, and
        so is one that ``scale`` cannot reach: contributions that add up to 0 with a score that is not 0.
    """
    level = contributions.level
    missing = (scores.values - contributions.total())[level.output]
    if how == "scale":
        total = contributions.total()[level.output]
        factor = on_segments(scores, level) / np.where(total == 0, np.nan, total)
        factor = np.where((total == 0) & (missing == 0), 1.0, factor)
        return contributions.with_values(contributions.values * factor)
    if how == "shift":
        return contributions.with_values(
            contributions.values + missing / np.maximum(contributions.n_scored(), 1)[level.output]
        )
    scored = np.flatnonzero(contributions.scored)
    last_scored = np.full(len(level), -1)
    last_scored[level.output[scored]] = scored
    is_last = np.zeros(level.size, dtype=bool)
    is_last[last_scored[last_scored >= 0]] = True
    unknown = np.where(np.isnan(missing), np.nan, 0.0)
    return contributions.with_values(contributions.values + np.where(is_last, missing, unknown))


def return_error(contributions: Rows, scores: Rows, unscored: str = "unscored") -> Rows:
    """``sum_k c_k - R``: how far an output's segments are from adding up to its score; SPA (arXiv 2505.20732) trains on
    the square of this error.

    Parameters
    ----------
    unscored : {"unscored", "skip"}

    Returns
    -------
    Rows
        One number an output, 0 for a redistribution that keeps its sum.
    """
    error = np.where(answered(contributions, unscored), contributions.total(), np.nan) - scores.values
    return Rows.scalars(error)


OPERATORS: Final = (
    Operator(
        name="redistribute",
        label="Redistribute by weights",
        family=Family.PLACE,
        summary="Spreads one number an output over its segments by their weights; the sum stays.",
        formula="r_t = beta a_t r + 1[t = T] (1 - beta) r, a_t = w_t / sum w",
        papers=(ABC,),
        slots=(Slot("scores", "Scores", accepts="output"), Slot("weights", "Weights", accepts="dense")),
        parameters=(Parameter("beta", "number", 0.5, "Beta", "Share that is spread", minimum=0.0, maximum=1.0),),
        apply=redistribute,
        follows="weights",
    ),
    Operator(
        name="match_sum",
        label="Match the sum",
        family=Family.PLACE,
        summary="Corrects step contributions so that they add up to the output's score.",
        formula="c'_k = c_k + (R - sum c) / K, or all on the last, or c_k R / sum c",
        papers=(SPA,),
        slots=(
            Slot("contributions", "Contributions", accepts="dense"),
            Slot("scores", "Scores", accepts="output"),
        ),
        parameters=(
            Parameter(
                "how",
                "choice",
                "shift",
                "What is missing",
                choices=(
                    ("shift", "In equal parts"),
                    ("last", "To the last segment"),
                    ("scale", "In proportion"),
                ),
            ),
        ),
        apply=match_sum,
    ),
    Operator(
        name="return_error",
        label="Error of the sum",
        family=Family.PLACE,
        summary="How far the segments are from adding up to the output's score.",
        formula="e = sum_k c_k - R",
        papers=(SPA,),
        slots=(
            Slot("contributions", "Contributions", accepts="dense"),
            Slot("scores", "Scores", accepts="output"),
        ),
        parameters=(UNSCORED,),
        apply=return_error,
        gives="output",
    ),
)
