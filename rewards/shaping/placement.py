"""Where a reward is put: from one number an output to its tokens, and from one segmentation to another."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot, Want, onto_parameter
from rewards.shaping.rows import OUTPUT, Floats, Level, Rows, at_end
from rewards.shaping.sequences import Bools, along, on_segments, share_segments

DRLC: Final = Paper("Reinforcement Learning with Dense Rewards from LLM Critic", "2401.07382")
RTO: Final = Paper("DPO Meets PPO: Reinforced Token Optimization for RLHF", "2404.18922")
FINE_GRAINED: Final = Paper("Fine-Grained Human Feedback Gives Better Rewards", "2306.01693", "Eq. 1")
IMPLICIT_PRM: Final = Paper("Free Process Rewards without Process Labels", "2412.01981")


def end_of_sequence(scores: Rows, level: Level) -> Rows:
    """``r_t = 1[t = T] r``: the whole reward on the last segment (DRLC, arXiv 2401.07382; RTO, arXiv 2404.18922)."""
    return at_end(scores, level)


def carry(rewards: Rows, level: Level, how: str = "last") -> Rows:
    """Carry rewards to other segments of the same outputs, by the characters that they share.

    ``last`` is where Fine-Grained RLHF (arXiv 2306.01693, Eq. 1) puts a sentence's reward, ``each`` where DRLC (arXiv
    2401.07382) puts a span's.

    Parameters
    ----------
    rewards : Rows
        On any level; one number an output is its own segment.
    how : {"sum", "mean", "each", "split", "last"}
        ``sum``: each value is spread over its characters and gathered by the new segments, so that the total stays.
        ``mean``: each new segment gets the average of the characters that it covers. ``each``, ``split``, ``last``:
        each value on every new segment that it covers, in parts by characters, or on the last one; 0 beside them.

    Returns
    -------
    Rows
        On ``level``. Outputs without a number stay unscored; on the segments where they stand already, rewards stay as
        they are.

    Raises
    ------
    ValueError
        Where an output's number, which is to be kept in sum, has no segment to go to.
    """
    if rewards.level.same_as(level):
        return rewards
    if rewards.level.name == OUTPUT:
        return _whole_outputs(rewards, level, how)
    if how in ("sum", "mean"):
        return rewards.on(level, "sum" if how == "sum" else "mean")
    return rewards.placed(level, "each" if how == "each" else "split" if how == "split" else "last")


def _whole_outputs(scores: Rows, level: Level, how: str) -> Rows:
    placed = at_end(scores, level)
    if how == "last":
        return placed
    values = on_segments(scores, level)
    return Rows(level, values / level.counts[level.output] if how in ("sum", "split") else values)


def evenly(scores: Rows, level: Level, places: int = 4) -> Rows:
    """``r_t = r / k`` at k evenly spaced segments that end with the last, 0 elsewhere: a sparse dense reward.

    With T segments and k' = min(k, T), these are the segments ceil(j T / k'), j = 1 ... k'. k = 1 is the end of the
    sequence, k >= T the uniform split of ABC (arXiv 2402.00782). The sparsity ablated in arXiv 2510.01132.

    Raises
    ------
    ValueError
        Where an output with a number has no segment to put it on.
    """
    at_end(scores, level)
    k = np.minimum(places, level.counts)[level.output]
    place = np.arange(level.size) - level.starts[level.output] + 1
    length = level.counts[level.output]
    # Segment t is the ceil(j T / k)-th for some j exactly where floor(t k / T) steps up.
    chosen = (place * k) // length > ((place - 1) * k) // length
    return Rows(level, on_segments(scores, level) * chosen / k)


def fill(rewards: Rows, value: float = 0.0) -> Rows:
    """``r = x``, or v where x is unscored: common practice for trainers that have no notion of unscored."""
    return rewards.with_values(np.where(rewards.scored, rewards.values, value))


def mask(rewards: Rows, keep: Rows, beside: str = "zero") -> Rows:
    """``r'_t = m_t r_t``: only the segments that are marked, common practice (tool results, prompts and padding earn
    nothing; the mask m of RTO, arXiv 2404.18922).

    Parameters
    ----------
    keep : Rows
        On the same segments: above 0 to keep.
    beside : {"zero", "unscored"}
        What the others get.

    Returns
    -------
    Rows
        Unscored where the mask is.

    Raises
    ------
    ValueError
        Where the mask stands on other segments.
    """
    share_segments(rewards, keep, "mask")
    values = np.where(keep.values > 0, rewards.values, 0.0 if beside == "zero" else np.nan)
    # What is dropped has to have been scored: a 0 in place of nothing would say that it was.
    return rewards.with_values(np.where(keep.scored & rewards.scored, values, np.nan))


def difference(values: Rows, start: float = 0.0) -> Rows:
    """``r_k = Q_k - Q_{k-1}``, ``Q_0 = start``: from accumulated values to rewards (implicit PRM, arXiv 2412.01981).

    Returns
    -------
    Rows
        On the same segments. Unscored ones stay so, and the next scored one is compared with the last scored one before
        it, so that ``start + sum_k r_k`` is the last value.
    """
    scored = np.flatnonzero(values.scored)
    output = values.level.output[scored]
    known = values.values[scored]
    before = np.concatenate([[start], known[:-1]])[: len(known)]
    first = np.concatenate([[True], output[1:] != output[:-1]])[: len(known)]
    result = np.full(values.level.size, np.nan)
    result[scored] = known - np.where(first, start, before)
    return values.with_values(result)


def cumulative(rewards: Rows, start: float = 0.0) -> Rows:
    """``Q_k = start + sum_{j <= k} r_j``: the inverse of `difference` (implicit PRM, arXiv 2412.01981).

    Returns
    -------
    Rows
        On the same segments; unscored ones stay so and add nothing.
    """

    def walk(values: Floats, inside: Bools) -> Floats:
        return np.cumsum(np.nan_to_num(values), axis=1)

    summed = along(rewards.level.starts, rewards.values, walk) + start
    return rewards.with_values(np.where(rewards.scored, summed, np.nan))


_START: Final = Parameter("start", "number", 0.0, "Before the first", minimum=-1e9, maximum=1e9)

OPERATORS: Final = (
    Operator(
        name="end_of_sequence",
        label="At the end of the sequence",
        family=Family.PLACE,
        summary="Puts one number an output on its last segment, and 0 on the others.",
        formula="r_t = 1[t = T] r",
        papers=(RTO,),
        slots=(Slot("scores", "Scores", accepts="output"),),
        parameters=(onto_parameter(),),
        apply=end_of_sequence,
        gives="onto",
        wants=frozenset({Want.LEVEL}),
    ),
    Operator(
        name="carry",
        label="Carry to other segments",
        family=Family.PLACE,
        summary="Puts rewards of one level on the segments of another, by the characters that they share.",
        formula="r_t = sum_j share(t, j) r_j; the share is by characters, all, or all on the last",
        papers=(FINE_GRAINED, DRLC),
        slots=(Slot("rewards", "Rewards"),),
        parameters=(
            onto_parameter(),
            Parameter(
                "how",
                "choice",
                "last",
                "How",
                choices=(
                    ("sum", "Spread, total kept"),
                    ("mean", "Average over characters"),
                    ("each", "On each segment inside"),
                    ("split", "Split among those inside"),
                    ("last", "On the last one inside"),
                ),
            ),
        ),
        apply=carry,
        gives="onto",
        wants=frozenset({Want.LEVEL}),
    ),
    Operator(
        name="evenly",
        label="On k evenly spaced segments",
        family=Family.PLACE,
        summary="Splits one number an output over k segments at even distances, the last one included.",
        formula="r_t = r / k at t = ceil(j T / k), j = 1 ... k",
        papers=(Paper("A Practitioner's Guide to Multi-turn Agentic Reinforcement Learning", "2510.01132"),),
        slots=(Slot("scores", "Scores", accepts="output"),),
        parameters=(
            onto_parameter(),
            Parameter("places", "integer", 4, "Segments", "k", minimum=1, maximum=100_000),
        ),
        apply=evenly,
        gives="onto",
        wants=frozenset({Want.LEVEL}),
    ),
    Operator(
        name="fill",
        label="Fill in",
        family=Family.PLACE,
        summary="Counts unscored segments as a stated value.",
        formula="r'_t = r_t, or v where there is none",
        papers=(),
        slots=(Slot("rewards", "Rewards"),),
        parameters=(Parameter("value", "number", 0.0, "Value", minimum=-1e9, maximum=1e9),),
        apply=fill,
        notes="Common practice.",
    ),
    Operator(
        name="mask",
        label="Mask",
        family=Family.PLACE,
        summary="Keeps rewards only where a second signal is above 0.",
        formula="r'_t = 1[m_t > 0] r_t",
        papers=(RTO,),
        slots=(Slot("rewards", "Rewards"), Slot("keep", "Keep where above 0")),
        parameters=(
            Parameter(
                "beside", "choice", "zero", "The others", choices=(("zero", "Get 0"), ("unscored", "Are unscored"))
            ),
        ),
        apply=mask,
    ),
    Operator(
        name="difference",
        label="Difference to the one before",
        family=Family.PLACE,
        summary="Turns accumulated values into what each segment adds.",
        formula="r_k = Q_k - Q_{k-1}",
        papers=(IMPLICIT_PRM,),
        slots=(Slot("values", "Values", accepts="dense"),),
        parameters=(_START,),
        apply=difference,
    ),
    Operator(
        name="cumulative",
        label="Running total",
        family=Family.PLACE,
        summary="Adds up rewards from the first segment on: the inverse of the difference.",
        formula="Q_k = sum_{j <= k} r_j",
        papers=(IMPLICIT_PRM,),
        slots=(Slot("rewards", "Rewards", accepts="dense"),),
        parameters=(_START,),
        apply=cumulative,
    ),
)
