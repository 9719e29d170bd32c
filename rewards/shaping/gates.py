"""Rewards that count only where another one is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Level, Rows
from rewards.shaping.sequences import UNSCORED, Bools, answered, on_segments
from rewards.shaping.terms import same_level

ALARM: Final = Paper("ALaRM: Align Language Models via Hierarchical Rewards Modeling", "2403.06754")
GATED: Final = Paper("Stabilizing Long-term Multi-turn Reinforcement Learning with Gated Rewards", "2508.10548")
CONCISE: Final = Paper("Efficient Reasoning via Reward Model", "2511.09158")

WEIGHT: Final = Parameter("weight", "number", 1.0, "Weight", minimum=-1000.0, maximum=1000.0)


def hierarchical(
    holistic: Rows,
    aspects: Sequence[Rows],
    weights: Sequence[float],
    lengths: Rows | None = None,
    mode: str = "hierarchical",
    mean: float = 0.0,
    deviation: float = 1.0,
    threshold: float = 0.6,
    holistic_weight: float = 5.0,
    shaping: str = "none",
    shortest: int = 0,
    short_z: float = -10.0,
) -> Rows:
    """Aspect rewards that count only where the whole output is good enough (ALaRM, arXiv 2403.06754).

    With ``z = (h - mean) / deviation`` and ``a_t = sum_k w_k s(a_kt)``: where z < threshold the output gets
    ``r_t = 1[t = T] w_h z``, else ``r_t = a_t + 1[t = T] w_h z``. The modes that the paper compares it with:
    ``holistic_only`` is the first everywhere, ``weighted_sum`` the second everywhere, ``aspect_only`` is ``r_t = a_t``.

    Parameters
    ----------
    holistic : Rows
        h, one number an output.
    aspects : sequence of Rows, length k
        Placed on the same segments, such as tokens.
    weights : sequence of float, length k
    lengths : Rows or None
        One number an output for `shortest`; without it the number of segments.
    mode : {"hierarchical", "holistic_only", "aspect_only", "weighted_sum"}
    mean, deviation : float
        Of the holistic reward over a reference set, as measured before training.
    threshold, holistic_weight : float
        0.6 and 5 for long-form answers, 0.5 and 3 for translation in the paper.
    shaping : {"none", "everywhere", "marked"}
        s: the identity, or ``1 / (1 + e^-x)`` on every segment (as the authors do in translation) or on those alone
        whose reward is not 0 (as they do in long-form answers, where only the ends of sentences carry one).
    shortest : int
        An output of at most this length (2 tokens in the authors' code) gets ``1[t = T] w_h short_z`` in every mode; 0
        for none.
    short_z : float

    Returns
    -------
    Rows
        On the aspects' segments. An output is unscored where its holistic reward is, but for ``aspect_only``; a segment
        is unscored where an aspect that counts there is.

    Raises
    ------
    ValueError
        Where aspects stand on different segments, or an output with a holistic reward has no segment.
    """
    level = same_level(aspects, "aspect")
    if not deviation > 0:
        raise ValueError(f"deviation {deviation:g}: expected above 0")
    with_whole = mode != "aspect_only"
    short, known = _too_short(level, lengths, shortest)
    _check_homes(level, short | (with_whole & holistic.scored))
    z = (holistic.values - mean) / deviation
    by_mode = {"hierarchical": z >= threshold, "holistic_only": np.zeros(len(level), dtype=bool)}
    aspects_count = by_mode.get(mode, np.ones(len(level), dtype=bool))
    values = np.where(aspects_count[level.output], _weighted_aspects(aspects, weights, shaping), 0.0)
    if with_whole:
        values[level.last] += holistic_weight * z[level.counts > 0]
        known = known & holistic.scored
    values = np.where((known | short)[level.output], values, np.nan)
    return Rows(level, _with_short(level, values, short, holistic_weight * short_z))


def _check_homes(level: Level, rewarded: Bools) -> None:
    """ValueError where an output has a reward of its own and no segment to carry it."""
    homeless = np.flatnonzero((level.counts == 0) & rewarded)
    if len(homeless):
        raise ValueError(f"output {homeless[0]} has no {level.name} to put its reward on")


def _weighted_aspects(aspects: Sequence[Rows], weights: Sequence[float], shaping: str) -> Floats:
    """``a_t``."""
    values = np.zeros(aspects[0].level.size)
    for aspect, weight in zip(aspects, weights, strict=True):
        values += weight * _shaped(aspect.values, shaping)
    return values


def _with_short(level: Level, values: Floats, short: Bools, given: float) -> Floats:
    """The values, but for outputs that are too short: these get one number at their end."""
    values[short[level.output]] = 0.0
    values[level.last] = np.where(short[level.counts > 0], given, values[level.last])
    return values


def _too_short(level: Level, lengths: Rows | None, shortest: int) -> tuple[Bools, Bools]:
    """Which outputs are too short, and of which one can tell."""
    length = level.counts.astype(np.float64) if lengths is None else lengths.values
    if shortest <= 0:
        return np.zeros(len(level), dtype=bool), np.ones(len(level), dtype=bool)
    return length <= shortest, ~np.isnan(length)


def _shaped(values: Floats, shaping: str) -> Floats:
    if shaping == "none":
        return values
    # The tanh form of the sigmoid cannot overflow.
    shaped = 0.5 * (1.0 + np.tanh(0.5 * values))
    return np.where(values == 0, 0.0, shaped) if shaping == "marked" else shaped


def gated_accumulation(
    outcome: Rows, immediate: Rows, threshold: float = 1.0, gated: bool = True, unscored: str = "unscored"
) -> Rows:
    """``R = R_o + 1[R_o >= delta] sum_k r_k``: immediate rewards add up only behind a good outcome (G-RA, arXiv
    2508.10548).

    Parameters
    ----------
    outcome : Rows
        R_o, one number an output.
    immediate : Rows
        r_k, of steps or turns.
    threshold : float
        delta.
    gated : bool
        False for direct accumulation (D-RA), ``R_o + sum_k r_k`` whatever the outcome.
    unscored : {"unscored", "skip"}
        Where a step that would count has no number.

    Returns
    -------
    Rows
        One number an output. An output without steps has its outcome alone.
    """
    opens = (outcome.values >= threshold) | (not gated)
    total = np.where(answered(immediate, unscored), immediate.total(), np.nan)
    total[immediate.level.counts == 0] = 0.0
    return outcome.with_values(outcome.values + np.where(opens, total, 0.0))


def gate(rewards: Rows, outcome: Rows, threshold: float = 1.0, below: float = 0.0) -> Rows:
    """``r'_t = r_t`` where ``R_o >= delta``, else a stated value: the gate of G-RA (arXiv 2508.10548) on the rewards
    where they stand.

    Returns
    -------
    Rows
        Unscored where the outcome is. Behind a closed gate the stated value, also where there was no number: it does
        not depend on one.
    """
    gate_value = on_segments(outcome, rewards.level)
    values = np.where(gate_value >= threshold, rewards.values, below)
    return rewards.with_values(np.where(np.isnan(gate_value), np.nan, values))


def concise_if_correct(outcome: Rows, conciseness: Rows, alpha: float = 0.5, form: str = "multiplied") -> Rows:
    """``r = r_o (1 + alpha s)``: conciseness pays only where the answer does (CRF, arXiv 2511.09158).

    Reconstructed: the abstract ties the conciseness score to the outcome and leaves the form open. With outcomes below
    0 a concise wrong answer loses more, not less.

    Parameters
    ----------
    outcome : Rows
        r_o, one number an output, such as 0 or 1.
    conciseness : Rows
        s, one number an output, in [0, 1].
    alpha : float
    form : {"multiplied", "added"}
        ``added`` is the penalty that it is compared with: ``r_o + alpha s``, which pays for short wrong answers too.

    Returns
    -------
    Rows
        Multiplied, an outcome of 0 gives 0 whatever the conciseness, also where that is unscored.
    """
    if form == "added":
        return outcome.with_values(outcome.values + alpha * conciseness.values)
    values = outcome.values * (1.0 + alpha * conciseness.values)
    return outcome.with_values(np.where(outcome.values == 0, 0.0, values))


_THRESHOLD: Final = Parameter("threshold", "number", 1.0, "Threshold", "delta", minimum=-1e9, maximum=1e9)

OPERATORS: Final = (
    Operator(
        name="hierarchical",
        label="Hierarchical threshold",
        family=Family.GATE,
        summary="Adds aspect rewards to a holistic one only where that is above a threshold.",
        formula="r_t = 1[z >= tau] sum_k w_k s(a_kt) + 1[t = T] w_h z, z = (h - mean) / sd",
        papers=(ALARM,),
        slots=(
            Slot("aspects", "Aspects", accepts="dense", many=True, per_term=(WEIGHT,)),
            Slot("holistic", "Holistic", accepts="output"),
            Slot("lengths", "Lengths", accepts="output", optional=True),
        ),
        parameters=(
            Parameter(
                "mode",
                "choice",
                "hierarchical",
                "Mode",
                choices=(
                    ("hierarchical", "Hierarchical"),
                    ("holistic_only", "Holistic only"),
                    ("aspect_only", "Aspects only"),
                    ("weighted_sum", "Weighted sum"),
                ),
            ),
            Parameter("mean", "number", 0.0, "Mean of the holistic reward", minimum=-1e9, maximum=1e9),
            Parameter("deviation", "number", 1.0, "Its standard deviation", minimum=1e-9, maximum=1e9),
            Parameter("threshold", "number", 0.6, "Threshold", "tau, of z", minimum=-100.0, maximum=100.0),
            Parameter("holistic_weight", "number", 5.0, "Holistic weight", "w_h", minimum=-1000.0, maximum=1000.0),
            Parameter(
                "shaping",
                "choice",
                "none",
                "Sigmoid on aspects",
                choices=(("none", "None"), ("everywhere", "On every segment"), ("marked", "Where they are not 0")),
            ),
            Parameter("shortest", "integer", 0, "Too short up to", "0 for no check", minimum=0, maximum=1_000_000),
            Parameter("short_z", "number", -10.0, "z of what is too short", minimum=-1e6, maximum=1e6),
        ),
        apply=hierarchical,
    ),
    Operator(
        name="gated_accumulation",
        label="Gated accumulation",
        family=Family.GATE,
        summary="Adds up immediate rewards only where the outcome passes a threshold.",
        formula="R = R_o + 1[R_o >= delta] sum_k r_k",
        papers=(GATED,),
        slots=(
            Slot("outcome", "Outcome", accepts="output"),
            Slot("immediate", "Immediate rewards", accepts="dense"),
        ),
        parameters=(
            _THRESHOLD,
            Parameter("gated", "boolean", True, "Gated", "Off: direct accumulation"),
            UNSCORED,
        ),
        apply=gated_accumulation,
        gives="output",
    ),
    Operator(
        name="gate",
        label="Gate",
        family=Family.GATE,
        summary="Keeps rewards only where the output's outcome passes a threshold.",
        formula="r'_t = r_t if R_o >= delta, else v",
        papers=(GATED,),
        slots=(Slot("rewards", "Rewards"), Slot("outcome", "Outcome", accepts="output")),
        parameters=(
            _THRESHOLD,
            Parameter("below", "number", 0.0, "Below the threshold", minimum=-1e9, maximum=1e9),
        ),
        apply=gate,
    ),
    Operator(
        name="concise_if_correct",
        label="Conciseness tied to correctness",
        family=Family.GATE,
        summary="Pays for conciseness only where the answer is right.",
        formula="r = r_o (1 + alpha s)",
        papers=(CONCISE,),
        slots=(
            Slot("outcome", "Outcome", accepts="output"),
            Slot("conciseness", "Conciseness", accepts="output"),
        ),
        parameters=(
            Parameter("alpha", "number", 0.5, "Alpha", minimum=0.0, maximum=100.0),
            Parameter(
                "form",
                "choice",
                "multiplied",
                "Form",
                choices=(("multiplied", "Multiplied with the outcome"), ("added", "Added, for comparison")),
            ),
        ),
        apply=concise_if_correct,
        gives="output",
        notes="Reconstructed: the published text leaves the form open.",
    ),
)
