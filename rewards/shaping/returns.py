"""What a step is worth with all that comes after it: discounted, worst-case, broken at a mismatch, or risk-averse."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Rows
from rewards.shaping.sequences import UNSCORED, Bools, along, answered, blocks, decayed, share_segments
from rewards.shaping.steps import ITERATED_CVAR, PURE, TAU, check_tau

DISCOUNT: Final = Parameter("discount", "number", 1.0, "Discount", minimum=0.0, maximum=1.0)


def discounted_returns(rewards: Rows, discount: float = 1.0) -> Rows:
    """``R_k = sum_{j >= k} d^(j-k) r_j``: what a step earns and all that follows, common practice (the gamma-decay form
    that PURE, arXiv 2504.15275, replaces).

    Returns
    -------
    Rows
        On the same segments. An unscored step adds nothing to those before it, has no return itself, and still takes
        its place in time.
    """

    def walk(values: Floats, inside: Bools) -> Floats:
        return decayed(np.where(inside & ~np.isnan(values), values, 0.0), discount)

    returns = along(rewards.level.starts, rewards.values, walk)
    return rewards.with_values(np.where(rewards.scored, returns, np.nan))


def min_returns(rewards: Rows) -> Rows:
    """``R_k = min_{j >= k} p_j``: the strict min form (PURE, arXiv 2504.15275).

    Returns
    -------
    Rows
        On the same segments; unscored steps stay so and are passed over.
    """

    def walk(values: Floats, inside: Bools) -> Floats:
        backwards = np.where(inside, values, np.nan)[:, ::-1]
        return np.fmin.accumulate(backwards, axis=1)[:, ::-1]

    returns = along(rewards.level.starts, rewards.values, walk)
    return rewards.with_values(np.where(rewards.scored, returns, np.nan))


def broken_chain_returns(rewards: Rows, matches: Rows, discount: float = 1.0) -> Rows:
    """Returns that a mismatch with the expert cuts: ``R_t = r_t + d R_{t+1}`` where step t matches, else ``R_t = r_t``
    (UI-S1, arXiv 2509.11543).

    Parameters
    ----------
    rewards : Rows
    matches : Rows
        On the same segments: above 0 where the step is the expert's.
    discount : float
        d.

    Returns
    -------
    Rows
        Unscored where the match is unknown, and so is every step of the chain before it. An unscored reward adds
        nothing to those before it and has no return itself.

    Raises
    ------
    ValueError
        Where matches stand on other segments.
    """
    share_segments(rewards, matches, "matches")
    # A chain is a run of matching steps with the mismatch that ends it: nothing crosses from one into the next.
    ends = matches.values <= 0
    ends[rewards.level.last] = True
    starts = np.concatenate([[0], np.flatnonzero(ends) + 1]).astype(np.int64)
    known = np.where(rewards.scored, rewards.values, 0.0)
    known[np.isnan(matches.values)] = np.nan

    def walk(values: Floats, inside: Bools) -> Floats:
        return decayed(np.where(inside, values, 0.0), discount)

    returns = along(starts, known, walk)
    return rewards.with_values(np.where(rewards.scored, returns, np.nan))


def iterated_cvar_returns(steps: Rows, tau: float = 0.5) -> Rows:
    """Nested risk of an output's steps: at each one, the CVaR of this step against the value of those after it.

    With m scored steps from k to the end, ``V_k = CVaR_tau(p_k with probability 1 / m, V_{k+1} with (m - 1) / m)`` and
    ``V_K = p_K``: the iterated CVaR of arXiv 2307.02842 for one step drawn evenly, revealed step by step. So tau = 1 is
    the mean of what is left, and tau -> 0 its minimum. Reconstructed: the paper nests over transitions of a Markov
    decision process, which stored outputs do not have. Not in general below the static CVaR.

    Parameters
    ----------
    tau : float
        In (0, 1].

    Returns
    -------
    Rows
        On the same segments: the value of the first step is that of the output. Unscored steps stay so and are passed
        over.

    Notes
    -----
    O(N) work, in as many rounds as the longest output has segments.
    """
    check_tau(tau)
    level = steps.level
    result = np.full(level.size, np.nan)
    for segments, inside in blocks(level.starts):
        values = np.where(inside, steps.values[segments], np.nan)
        nested = np.empty_like(values)
        following, left = np.full(len(values), np.nan), np.zeros(len(values))
        for place in range(values.shape[1] - 1, -1, -1):
            here = values[:, place]
            left += ~np.isnan(here)
            following = _worst_of_two(here, following, left, tau)
            nested[:, place] = np.where(np.isnan(here), np.nan, following)
        result[segments[inside]] = nested[inside]
    return steps.with_values(result)


def iterated_cvar(steps: Rows, tau: float = 0.5, unscored: str = "unscored") -> Rows:
    """``r = V_1``, the `iterated_cvar_returns` of the first step: one number an output (arXiv 2307.02842).

    Parameters
    ----------
    unscored : {"unscored", "skip"}
        Where a step has no number: the output has none either, or it is made of the others.
    """
    nested = iterated_cvar_returns(steps, tau)
    result = np.full(len(steps), np.nan)
    scored = np.flatnonzero(nested.scored)[::-1]
    # Earlier segments overwrite later ones of the same output.
    result[steps.level.output[scored]] = nested.values[scored]
    return Rows.scalars(np.where(answered(steps, unscored), result, np.nan))


def _worst_of_two(here: Floats, following: Floats, left: Floats, tau: float) -> Floats:
    """CVaR of ``here`` with probability 1 / left and ``following`` with the rest; NaN takes no part."""
    share = 1.0 / np.maximum(left, 1.0)
    low, high = np.fmin(here, following), np.fmax(here, following)
    share_of_low = np.where(here <= following, share, 1.0 - share)
    weight = np.minimum(share_of_low / tau, 1.0)
    worst = weight * low + (1.0 - weight) * high
    return np.where(np.isnan(here), following, np.where(np.isnan(following), here, worst))


OPERATORS: Final = (
    Operator(
        name="discounted_returns",
        label="Discounted returns",
        family=Family.STEPS,
        summary="What each step earns with all that follows it.",
        formula="R_k = sum_{j >= k} d^(j-k) r_j",
        papers=(PURE,),
        slots=(Slot("rewards", "Rewards", accepts="dense"),),
        parameters=(DISCOUNT,),
        apply=discounted_returns,
    ),
    Operator(
        name="min_returns",
        label="Worst step from here on",
        family=Family.STEPS,
        summary="Each step gets the smallest reward from it to the end: the strict min form.",
        formula="R_k = min_{j >= k} p_j",
        papers=(PURE,),
        slots=(Slot("rewards", "Rewards", accepts="dense"),),
        apply=min_returns,
    ),
    Operator(
        name="broken_chain_returns",
        label="Returns broken at a mismatch",
        family=Family.STEPS,
        summary="A step that differs from the expert's gets no credit for what follows it.",
        formula="R_t = r_t + d R_{t+1} if step t matches, else r_t",
        papers=(Paper("UI-S1: Advancing GUI Automation via Semi-online Reinforcement Learning", "2509.11543"),),
        slots=(
            Slot("rewards", "Rewards", accepts="dense"),
            Slot("matches", "Matches the expert", accepts="dense"),
        ),
        parameters=(DISCOUNT,),
        apply=broken_chain_returns,
    ),
    Operator(
        name="iterated_cvar_returns",
        label="Nested risk from here on",
        family=Family.STEPS,
        summary="Each step's worst-share value against what follows it, nested to the end.",
        formula="V_k = CVaR_tau(p_k with probability 1/m, V_{k+1} with (m-1)/m), m steps left",
        papers=(ITERATED_CVAR,),
        slots=(Slot("steps", "Steps", accepts="dense"),),
        parameters=(TAU,),
        apply=iterated_cvar_returns,
        notes="Reconstructed for stored outputs: one step drawn evenly, revealed step by step.",
    ),
    Operator(
        name="iterated_cvar",
        label="Nested risk of the steps",
        family=Family.STEPS,
        summary="One number an output: the nested worst-share value of its first step.",
        formula="r = V_1, V_k = CVaR_tau(p_k with probability 1/m, V_{k+1} with (m-1)/m)",
        papers=(ITERATED_CVAR,),
        slots=(Slot("steps", "Steps", accepts="dense"),),
        parameters=(TAU, UNSCORED),
        apply=iterated_cvar,
        gives="output",
        notes="Reconstructed for stored outputs: one step drawn evenly, revealed step by step.",
    ),
)
