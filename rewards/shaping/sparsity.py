"""Few segments that carry a reward: the most important, the largest, every n-th, or some by chance."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot, Want
from rewards.shaping.rows import Rows
from rewards.shaping.sequences import largest, on_segments
from rewards.shaping.terms import check_range

EXPLICABLE: Final = Paper("Reward Design for Reinforcement Learning Agents", "2503.21949")
SPARSITY: Final = Paper("A Practitioner's Guide to Multi-turn Agentic Reinforcement Learning", "2510.01132")


def on_most_important(scores: Rows, importance: Rows, k: int = 5, share: str = "equal") -> Rows:
    """One number an output, split over its k most important segments, 0 elsewhere: k non-zero rewards, as in the sparse
    and interpretable design of arXiv 2503.21949; ``proportional`` is ABC's redistribution (arXiv 2402.00782) cut to k.

    Parameters
    ----------
    scores : Rows
        One number an output.
    importance : Rows
        On the segments to place on; an unscored one is never chosen and stays unscored. Of equals the earlier comes
        first.
    k : int
        All, where an output has fewer.
    share : {"equal", "proportional"}
        Equal parts, or by importance, which then may not be negative; where all chosen weigh 0, equal parts.

    Returns
    -------
    Rows
        Whose sums are the scores; unscored for an output without a score or without any importance.

    Raises
    ------
    ValueError
        For a negative importance in ``proportional``.
    """
    level = importance.level
    chosen = largest(importance.values, level, k)
    weights = chosen.astype(np.float64)
    if share == "proportional":
        check_range("importance", importance, 0.0, np.inf)
        weighted = np.where(chosen, importance.values, 0.0)
        total = np.bincount(level.output, weighted, minlength=len(level))
        weights = np.where(total[level.output] > 0, weighted, weights)
    total = np.bincount(level.output, weights, minlength=len(level))[level.output]
    values = on_segments(scores, level) * weights / np.where(total > 0, total, 1.0)
    return importance.with_values(np.where(importance.scored, values, np.nan))


def keep_largest(rewards: Rows, k: int = 5, by: str = "magnitude") -> Rows:
    """``r_t = 1[t among the k largest] x_t`` within each output (sparse, interpretable rewards, arXiv 2503.21949).

    Parameters
    ----------
    by : {"magnitude", "value"}
        Of equals the earlier is kept.

    Returns
    -------
    Rows
        On the same segments; unscored ones stay so and take none of the k places.
    """
    keys = np.abs(rewards.values) if by == "magnitude" else rewards.values
    kept = largest(keys, rewards.level, k)
    return rewards.with_values(np.where(kept | ~rewards.scored, rewards.values, 0.0))


def sparsify(
    rewards: Rows,
    rng: np.random.Generator,
    how: str = "every",
    every: int = 2,
    probability: float = 0.5,
    rest: str = "drop",
) -> Rows:
    """Keep every n-th reward, or each with probability p, and the last one of each output (arXiv 2510.01132).

    Parameters
    ----------
    how : {"every", "random"}
        ``every``: the segments n, 2n, 3n ... of an output. ``random``: each by itself, seeded.
    rest : {"drop", "carry"}
        The others become 0, or wait for the next kept one, so that each output keeps its sum.

    Returns
    -------
    Rows
        On the same segments; unscored ones stay so, and the last one is the last that is scored.
    """
    level = rewards.level
    place = np.arange(level.size) - level.starts[level.output] + 1
    kept = place % every == 0 if how == "every" else rng.random(level.size) < probability
    scored = np.flatnonzero(rewards.scored)
    output = level.output[scored]
    # The next scored segment belongs to another output, or there is none.
    is_last = np.concatenate([output[1:] != output[:-1], [True]])[: len(output)]
    stays = kept[scored] | is_last
    result = np.full(level.size, np.nan)
    if rest == "drop":
        result[scored] = np.where(stays, rewards.values[scored], 0.0)
    else:
        next_kept = np.flatnonzero(stays)
        target = next_kept[np.searchsorted(next_kept, np.arange(len(scored)))]
        result[scored] = np.bincount(target, rewards.values[scored], minlength=len(scored))
    return rewards.with_values(result)


_K: Final = Parameter("k", "integer", 5, "Segments", "k", minimum=1, maximum=100_000)

OPERATORS: Final = (
    Operator(
        name="on_most_important",
        label="On the k most important segments",
        family=Family.PLACE,
        summary="Splits one number an output over the segments with the largest importance.",
        formula="r_t = a_t r / sum_{top k} a, 0 outside the top k",
        papers=(EXPLICABLE, Paper("Dense Reward for Free in Reinforcement Learning from Human Feedback", "2402.00782")),
        slots=(
            Slot("scores", "Scores", accepts="output"),
            Slot("importance", "Importance", accepts="dense"),
        ),
        parameters=(
            _K,
            Parameter(
                "share",
                "choice",
                "equal",
                "Share",
                choices=(("equal", "Equal parts"), ("proportional", "By importance")),
            ),
        ),
        apply=on_most_important,
        follows="importance",
    ),
    Operator(
        name="keep_largest",
        label="Keep the k largest",
        family=Family.PLACE,
        summary="Sets all but the k largest rewards of each output to 0.",
        formula="r'_t = r_t if |r_t| is among the k largest, else 0",
        papers=(EXPLICABLE,),
        slots=(Slot("rewards", "Rewards", accepts="dense"),),
        parameters=(
            _K,
            Parameter(
                "by", "choice", "magnitude", "Largest by", choices=(("magnitude", "Magnitude"), ("value", "Value"))
            ),
        ),
        apply=keep_largest,
    ),
    Operator(
        name="sparsify",
        label="Sparsify",
        family=Family.PLACE,
        summary="Keeps every n-th reward, or some by chance, and the last of each output.",
        formula="r'_t = r_t if n divides t, or with probability p, or at the last; else 0 or carried on",
        papers=(SPARSITY,),
        slots=(Slot("rewards", "Rewards", accepts="dense"),),
        parameters=(
            Parameter("how", "choice", "every", "Keep", choices=(("every", "Every n-th"), ("random", "By chance"))),
            Parameter("every", "integer", 2, "n", "Of every n-th", minimum=1, maximum=100_000),
            Parameter("probability", "number", 0.5, "p", "Of by chance", minimum=0.0, maximum=1.0),
            Parameter(
                "rest", "choice", "drop", "The others", choices=(("drop", "Become 0"), ("carry", "Go to the next kept"))
            ),
        ),
        apply=sparsify,
        wants=frozenset({Want.RNG}),
    ),
)
