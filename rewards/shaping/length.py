"""What an output's length, its repetitions and its end are worth.

Lengths are facts that come in as rewards do, one number an output, in whatever unit the recipe counts: tokens, words.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot, Want
from rewards.shaping.rows import Floats, Ints, Rows
from rewards.shaping.sequences import on_segments
from rewards.shaping.terms import check_groups, check_range

DLER: Final = Paper("DLER: Doing Length pEnalty Right", "2510.15110")
DAPO: Final = Paper("DAPO: An Open-Source LLM Reinforcement Learning System at Scale", "2503.14476", "Eq. 13")
RELC: Final = Paper("Reinforcement Learning with Dense Rewards from LLM Critic", "2401.07382")
LONG_COT: Final = Paper("Demystifying Long Chain-of-Thought Reasoning in LLMs", "2502.03373", "Appendix C.2")
FRUGAL: Final = Paper(
    "Shorter but not Worse: Frugal Reasoning via Easy Samples as Length Regularizers in Math RLVR", "2511.01937"
)


def within_budget(
    rewards: Rows, lengths: Rows, budgets: Rows | None = None, budget: float = 4000.0, over: float = 0.0
) -> Rows:
    """``r' = r`` up to the budget, else 0: plain truncation as the length penalty (DLER, arXiv 2510.15110).

    Parameters
    ----------
    rewards : Rows
    lengths : Rows
        n, one number an output.
    budgets : Rows or None
        One for each output, such as those of `difficulty_budget`; in place of `budget`.
    over : float
        What every segment of a longer output gets, also where it had no number: it does not depend on one.

    Returns
    -------
    Rows
        On the rewards' segments; unscored where length or budget is.

    Raises
    ------
    ValueError
        For a length below 0.
    """
    check_range("lengths", lengths, 0.0, np.inf)
    limit = np.full(len(lengths), budget) if budgets is None else budgets.values
    room = on_segments(lengths.with_values(limit - lengths.values), rewards.level)
    values = np.where(room >= 0, rewards.values, over)
    return rewards.with_values(np.where(np.isnan(room), np.nan, values))


def difficulty_budget(
    outcomes: Rows, groups: Ints, longest: float = 4000.0, shortest: float = 1000.0, correct_from: float = 0.5
) -> Rows:
    """A budget for each output, tighter for easier tasks: ``L = longest + p (shortest - longest)``, p the share of
    right outputs of the task (difficulty-aware DLER, arXiv 2510.15110).

    Reconstructed: the paper tightens truncation on easier questions; that it is linear is this function's.

    Parameters
    ----------
    outcomes : Rows
        One number an output, right from `correct_from` on.
    groups : ndarray of int64, shape (n,)

    Returns
    -------
    Rows
        One number an output, the same for all of a task; unscored where none of the task has an outcome.

    Raises
    ------
    ValueError
        For a longest budget below the shortest, or another number of groups.
    """
    if longest < shortest:
        raise ValueError(f"budgets {shortest:g} and {longest:g}: expected the longest no shorter than the shortest")
    return outcomes.with_values(longest + _pass_rate(outcomes, groups, correct_from) * (shortest - longest))


def soft_overlong(lengths: Rows, longest: float = 16384.0, cache: float = 4096.0, factor: float = 1.0) -> Rows:
    """``0`` for ``n <= L - c``, ``(L - c - n) / c`` up to L, ``-1`` above (DAPO, arXiv 2503.14476, Eq. 13).

    Parameters
    ----------
    lengths : Rows
        n, one number an output.
    longest, cache : float
        L and c; c = 0 is the step from 0 to -1 just above L.
    factor : float
        Of the penalty.

    Raises
    ------
    ValueError
        For a length below 0, or a cache below 0 or above L.
    """
    check_range("lengths", lengths, 0.0, np.inf)
    if not 0 <= cache <= longest:
        raise ValueError(f"cache {cache:g}: expected from 0 to {longest:g}, the longest length")
    beyond = np.maximum(lengths.values - (longest - cache), 0.0)
    penalty = np.minimum(beyond / cache, 1.0) if cache > 0 else (beyond > 0).astype(np.float64)
    # Adding 0 turns the -0 of what costs nothing into 0.
    return lengths.with_values(np.where(lengths.scored, -factor * penalty + 0.0, np.nan))


def length_gap_penalty(
    lengths: Rows,
    references: Rows,
    gibberish: Rows | None = None,
    side: str = "shorter",
    weight: float = 1.0,
    slack: float = 5.0,
    gibberish_reward: float = -3.0,
) -> Rows:
    """``-w max(0, |ref| - |y| - slack)``: what is missing to the reference's length (DRLC, arXiv 2401.07382, in words).

    Parameters
    ----------
    lengths, references : Rows
        One number an output each.
    gibberish : Rows or None
        One number an output: above 0 the output gets `gibberish_reward` whatever its length.
    side : {"shorter", "longer"}
        ``longer`` turns it round: ``-w max(0, |y| - |ref| - slack)``.
    slack : float
        What costs nothing; 5 words in the authors' code.

    Returns
    -------
    Rows
        One number an output; unscored where a length is, unless it is gibberish.

    Raises
    ------
    ValueError
        For a length below 0.
    """
    check_range("lengths", lengths, 0.0, np.inf)
    check_range("references", references, 0.0, np.inf)
    gap = references.values - lengths.values
    gap = gap if side == "shorter" else -gap
    values = -weight * np.maximum(gap - slack, 0.0) + 0.0
    if gibberish is not None:
        values = np.where(gibberish.scored, values, np.nan)
        values = np.where(gibberish.values > 0, gibberish_reward, values)
    return lengths.with_values(values)


def repetition_penalty(repetition: Rows, largest: float = -1.0) -> Rows:
    """``(1 - unique / total) p`` over n-grams (arXiv 2502.03373, Appendix C.2).

    Parameters
    ----------
    repetition : Rows
        ``1 - unique / total``, the repeated share of an output's n-grams, one number an output in [0, 1].
    largest : float
        p <= 0, what an output of nothing but repetition gets.

    Raises
    ------
    ValueError
        For a share outside [0, 1].
    """
    check_range("repetition", repetition, 0.0, 1.0)
    return repetition.with_values(repetition.values * largest + 0.0)


def stop_properly(rewards: Rows, stopped: Rows, coefficient: float = 0.0) -> Rows:
    """``r' = r (s + (1 - s) c)``: rewards of an output that was cut off are scaled (authors' code of DLER, arXiv
    2510.15110).

    Parameters
    ----------
    stopped : Rows
        s, one number an output: above 0 where it ended by itself.
    coefficient : float
        c in [0, 1]; 0 takes all of the reward, 1 nothing.
    """
    ended = on_segments(stopped, rewards.level)
    scale = np.where(np.isnan(ended), np.nan, np.where(ended > 0, 1.0, coefficient))
    return rewards.with_values(rewards.values * scale)


def easy_sample_weight(
    outcomes: Rows, groups: Ints, easy_from: float = 0.6, weight: float = 2.0, correct_from: float = 0.5
) -> Rows:
    """``w = 0`` where a task's share of right outputs is 0 or 1, ``weight`` from `easy_from` on, 1 below: weights of
    tasks that keep answers short without a length penalty (arXiv 2511.01937).

    Parameters
    ----------
    outcomes : Rows
        One number an output, right from `correct_from` on.
    groups : ndarray of int64, shape (n,)
    easy_from : float
        The share of right outputs, out of 16 rollouts in the paper, from which a task is easy.
    weight : float
        The paper up-weights modestly.

    Returns
    -------
    Rows
        One number an output, the same for all of a task; unscored where none of the task has an outcome.
    """
    rate = _pass_rate(outcomes, groups, correct_from)
    weights = np.where(rate >= easy_from, weight, 1.0)
    weights[(rate == 0) | (rate == 1)] = 0.0
    return outcomes.with_values(np.where(np.isnan(rate), np.nan, weights))


def efficiency_adjusted(rewards: Rows, lengths: Rows, groups: Ints, gamma: float = 3.0, among: str = "task") -> Rows:
    """``r' = r exp(-gamma (L - Lmin) / (Lmax - Lmin))``: efficiency-adjusted accuracy (arXiv 2511.01937), gamma = 3.

    Parameters
    ----------
    rewards : Rows
    lengths : Rows
        L, one number an output.
    among : {"task", "all"}
        Whose shortest and longest output count. Where they are equally long nothing is taken off.

    Returns
    -------
    Rows
        On the rewards' segments; unscored where the length is.

    Raises
    ------
    ValueError
        For a length below 0, or another number of groups.
    """
    check_groups(groups, lengths)
    check_range("lengths", lengths, 0.0, np.inf)
    group = groups if among == "task" else np.zeros_like(groups)
    n_groups = int(group.max(initial=-1)) + 1
    low, high = np.full(n_groups, np.inf), np.full(n_groups, -np.inf)
    np.minimum.at(low, group[lengths.scored], lengths.values[lengths.scored])
    np.maximum.at(high, group[lengths.scored], lengths.values[lengths.scored])
    span = np.where(high > low, high - low, 1.0)[group]
    # Where no length of a group is known its bounds stay infinite, and so do not count.
    above = lengths.values - np.where(np.isfinite(low), low, 0.0)[group]
    factor = np.exp(-gamma * above / span)
    return rewards.with_values(rewards.values * on_segments(lengths.with_values(factor), rewards.level))


def _pass_rate(outcomes: Rows, groups: Ints, correct_from: float) -> Floats:
    """Each output's task's share of right outputs among those scored: shape (n,), NaN where none is."""
    check_groups(groups, outcomes)
    n_groups = int(groups.max(initial=-1)) + 1
    scored = np.bincount(groups, outcomes.scored, minlength=n_groups)
    right = np.bincount(groups, outcomes.values >= correct_from, minlength=n_groups)
    rate: Floats = np.divide(right, scored, out=np.full(n_groups, np.nan), where=scored > 0)[groups]
    return rate


_LENGTHS: Final = Slot("lengths", "Lengths", accepts="output")
_GROUPED: Final = frozenset({Want.GROUPS})
CORRECT_FROM: Final = Parameter("correct_from", "number", 0.5, "Right from", minimum=-1e9, maximum=1e9)


def _length(name: str, label: str, default: float, explanation: str = "") -> Parameter:
    return Parameter(name, "number", default, label, explanation, minimum=0.0, maximum=1e9)


OPERATORS: Final = (
    Operator(
        name="within_budget",
        label="Within a length budget",
        family=Family.LENGTH,
        summary="Keeps rewards of outputs that are no longer than the budget; the others get 0.",
        formula="r' = r if n <= L, else 0",
        papers=(DLER,),
        slots=(
            Slot("rewards", "Rewards"),
            _LENGTHS,
            Slot("budgets", "Budget of each output", accepts="output", optional=True),
        ),
        parameters=(
            _length("budget", "Budget", 4000.0, "L, where outputs have none of their own"),
            Parameter("over", "number", 0.0, "Over the budget", minimum=-1e9, maximum=1e9),
        ),
        apply=within_budget,
    ),
    Operator(
        name="difficulty_budget",
        label="Budget by difficulty",
        family=Family.LENGTH,
        summary="A length budget that is tighter the more of a task's outputs are right.",
        formula="L = longest + p (shortest - longest)",
        papers=(DLER,),
        slots=(Slot("outcomes", "Outcomes", accepts="output"),),
        parameters=(
            _length("longest", "Longest", 4000.0, "Where none is right"),
            _length("shortest", "Shortest", 1000.0, "Where all are right"),
            CORRECT_FROM,
        ),
        apply=difficulty_budget,
        gives="output",
        wants=_GROUPED,
        notes="Reconstructed: the published text says that it tightens, not how.",
    ),
    Operator(
        name="soft_overlong",
        label="Soft penalty for overlong outputs",
        family=Family.LENGTH,
        summary="Nothing up to the last stretch before the longest length, then down to -1.",
        formula="r = 0 if n <= L - c, (L - c - n) / c up to L, -1 above",
        papers=(DAPO,),
        slots=(_LENGTHS,),
        parameters=(
            _length("longest", "Longest", 16384.0, "L"),
            _length("cache", "Last stretch", 4096.0, "c"),
            Parameter("factor", "number", 1.0, "Factor", minimum=0.0, maximum=1e6),
        ),
        apply=soft_overlong,
        gives="output",
    ),
    Operator(
        name="length_gap_penalty",
        label="Penalty for another length than the reference",
        family=Family.LENGTH,
        summary="Takes off for what is missing to the reference's length, or for what is beyond it.",
        formula="r = -w max(0, |ref| - |y| - slack)",
        papers=(RELC,),
        slots=(
            _LENGTHS,
            Slot("references", "Lengths of references", accepts="output"),
            Slot("gibberish", "Gibberish where above 0", accepts="output", optional=True),
        ),
        parameters=(
            Parameter(
                "side",
                "choice",
                "shorter",
                "Takes off where the output is",
                choices=(("shorter", "Shorter"), ("longer", "Longer")),
            ),
            Parameter("weight", "number", 1.0, "Weight", "w", minimum=0.0, maximum=1e6),
            _length("slack", "Free", 5.0, "slack"),
            Parameter("gibberish_reward", "number", -3.0, "Gibberish gets", minimum=-1e6, maximum=1e6),
        ),
        apply=length_gap_penalty,
        gives="output",
    ),
    Operator(
        name="repetition_penalty",
        label="Penalty for repetition",
        family=Family.LENGTH,
        summary="Takes off in proportion to the repeated n-grams.",
        formula="r = (1 - unique / total) p",
        papers=(LONG_COT,),
        slots=(Slot("repetition", "Repeated share", accepts="output"),),
        parameters=(Parameter("largest", "number", -1.0, "p", "At most 0", minimum=-1e6, maximum=0.0),),
        apply=repetition_penalty,
        gives="output",
    ),
    Operator(
        name="stop_properly",
        label="Scaled where it was cut off",
        family=Family.LENGTH,
        summary="Scales the rewards of outputs that did not end by themselves.",
        formula="r' = r (s + (1 - s) c)",
        papers=(DLER,),
        slots=(Slot("rewards", "Rewards"), Slot("stopped", "Ended where above 0", accepts="output")),
        parameters=(Parameter("coefficient", "number", 0.0, "Coefficient", "c", minimum=0.0, maximum=1.0),),
        apply=stop_properly,
    ),
    Operator(
        name="easy_sample_weight",
        label="Weight of easy tasks",
        family=Family.LENGTH,
        summary="Weighs moderately easy tasks up and drops those that all or none get right.",
        formula="w = 0 if p is 0 or 1, W if p >= easy, else 1",
        papers=(FRUGAL,),
        slots=(Slot("outcomes", "Outcomes", accepts="output"),),
        parameters=(
            Parameter("easy_from", "number", 0.6, "Easy from", "Share of right outputs", minimum=0.0, maximum=1.0),
            Parameter("weight", "number", 2.0, "Weight of easy tasks", "W", minimum=0.0, maximum=1000.0),
            CORRECT_FROM,
        ),
        apply=easy_sample_weight,
        gives="output",
        wants=_GROUPED,
    ),
    Operator(
        name="efficiency_adjusted",
        label="Adjusted for efficiency",
        family=Family.LENGTH,
        summary="Discounts rewards by how much longer an output is than the shortest.",
        formula="r' = r exp(-gamma (L - Lmin) / (Lmax - Lmin))",
        papers=(FRUGAL,),
        slots=(Slot("rewards", "Rewards"), _LENGTHS),
        parameters=(
            Parameter("gamma", "number", 3.0, "Gamma", minimum=0.0, maximum=100.0),
            Parameter(
                "among",
                "choice",
                "task",
                "Shortest and longest among",
                choices=(("task", "The task's outputs"), ("all", "All outputs")),
            ),
        ),
        apply=efficiency_adjusted,
        wants=_GROUPED,
    ),
)
