"""Rewards smoothed in time: a sparse reward made known to its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Rows
from rewards.shaping.sequences import Bools, along, decayed

DREAM_SMOOTH: Final = Paper(
    "DreamSmooth: Improving Model-based Reinforcement Learning via Reward Smoothing", "2311.01450"
)

_REACH: Final = 4.0
"""Standard deviations after which a Gaussian kernel is cut: 6e-5 of its mass lies beyond."""


def smooth_gaussian(rewards: Rows, sigma: float = 3.0, edges: str = "keep_total") -> Rows:
    """``r~_t = sum_i f(i) r_{t+i}``, f Gaussian, cut at 4 sigma and sum f = 1 (DreamSmooth, arXiv 2311.01450).

    Looks ahead as well as back. Edges as in `smooth_uniform`.

    Parameters
    ----------
    sigma : float
        In segments; 0 smooths nothing.
    edges : {"keep_total", "repeat"}

    Returns
    -------
    Rows
        On the same segments; unscored ones stay so, give nothing and receive nothing.
    """
    if not sigma >= 0:
        raise ValueError(f"sigma {sigma:g}: expected at least 0")
    reach = int(np.ceil(_REACH * sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2) if sigma > 0 else np.ones(1)
    return _smoothed(rewards, kernel / kernel.sum(), edges)


def smooth_uniform(rewards: Rows, reach: int = 2, edges: str = "keep_total") -> Rows:
    """``r~_t = sum_{|i| <= m} r_{t+i} / (2m + 1)`` (DreamSmooth, arXiv 2311.01450).

    Parameters
    ----------
    reach : int
        m, segments to each side.
    edges : {"keep_total", "repeat"}
        ``keep_total``: what of a reward's kernel would fall beyond an end, or on an unscored segment, is shared out
        over the rest of its kernel, so that each output keeps its total. ``repeat``, the paper's: beyond an end stands
        the last reward again, ``r_{clip(t+i)}``, so that a constant stays constant but a reward at an end counts more
        than one in the middle; unscored segments are left out of the average.

    Returns
    -------
    Rows
        On the same segments; unscored ones stay so.
    """
    if reach < 0:
        raise ValueError(f"reach {reach}: expected at least 0")
    return _smoothed(rewards, np.full(2 * reach + 1, 1.0 / (2 * reach + 1)), edges)


def smooth_exponential(rewards: Rows, decay: float = 0.5, start: str = "keep_total") -> Rows:
    """``r~_t = a r~_{t-1} + (1 - a) r_t`` with ``r~_0 = 0``: causal, nothing is known ahead (DreamSmooth, arXiv
    2311.01450).

    Parameters
    ----------
    decay : float
        a, below 1.
    start : {"keep_total", "lose_tail"}
        ``lose_tail``, the recursion as it stands: of a reward with m segments to the end, a^m is not given out before
        the end. ``keep_total``: each reward's part of the segments it reaches is scaled to 1, so that each output keeps
        its total.

    Returns
    -------
    Rows
        On the same segments; unscored ones stay so, give nothing and, where the total is kept, receive nothing.
    """
    if not 0 <= decay < 1:
        raise ValueError(f"decay {decay:g}: expected at least 0 and below 1")

    def walk(values: Floats, inside: Bools) -> Floats:
        scored = inside & ~np.isnan(values)
        given = np.where(scored, values, 0.0)
        if start == "keep_total":
            # What a reward gives out on the scored segments from its own to the end; its own is one of them.
            reached = (1 - decay) * decayed(scored.astype(np.float64), decay)
            given = np.divide(given, reached, out=np.zeros_like(given), where=scored)
        return (1 - decay) * decayed(given[:, ::-1], decay)[:, ::-1]

    return _kept_unscored(rewards, walk)


def _smoothed(rewards: Rows, kernel: Floats, edges: str) -> Rows:
    """Convolved with a symmetric kernel."""

    def keep_total(values: Floats, inside: Bools) -> Floats:
        scored = inside & ~np.isnan(values)
        reached = _convolved(scored.astype(np.float64), kernel, "constant")
        given = np.divide(values, reached, out=np.zeros_like(values), where=scored)
        return _convolved(given, kernel, "constant")

    def repeat(values: Floats, inside: Bools) -> Floats:
        # Beyond its end a block repeats the last segment already, so the end of the block does too.
        scored = ~np.isnan(values)
        weight = _convolved(scored.astype(np.float64), kernel, "nearest")
        total = _convolved(np.where(scored, values, 0.0), kernel, "nearest")
        return np.divide(total, weight, out=np.full_like(values, np.nan), where=scored)

    return _kept_unscored(rewards, keep_total if edges == "keep_total" else repeat)


def _convolved(values: Floats, kernel: Floats, mode: str) -> Floats:
    # Half a second to import, which whoever smooths nothing need not wait for.
    from scipy import ndimage

    convolved: Floats = ndimage.correlate1d(values, kernel, axis=1, mode=mode, cval=0.0)
    return convolved


def _kept_unscored(rewards: Rows, walk: Callable[[Floats, Bools], Floats]) -> Rows:
    smoothed = along(rewards.level.starts, rewards.values, walk)
    return rewards.with_values(np.where(rewards.scored, smoothed, np.nan))


_REWARDS: Final = (Slot("rewards", "Rewards", accepts="dense"),)
_EDGES: Final = Parameter(
    "edges",
    "choice",
    "keep_total",
    "At the ends",
    choices=(("keep_total", "Each output keeps its total"), ("repeat", "The last reward is repeated")),
)

OPERATORS: Final = (
    Operator(
        name="smooth_gaussian",
        label="Smooth with a Gaussian",
        family=Family.LINK,
        summary="Spreads each reward over its neighbours, before and after it.",
        formula="r~_t = sum_i f(i) r_{t+i}, f Gaussian, sum f = 1",
        papers=(DREAM_SMOOTH,),
        slots=_REWARDS,
        parameters=(Parameter("sigma", "number", 3.0, "Sigma", "In segments", minimum=0.0, maximum=100.0), _EDGES),
        apply=smooth_gaussian,
    ),
    Operator(
        name="smooth_uniform",
        label="Smooth over a window",
        family=Family.LINK,
        summary="Averages each reward with its neighbours, as many before it as after it.",
        formula="r~_t = sum_{|i| <= m} r_{t+i} / (2m + 1)",
        papers=(DREAM_SMOOTH,),
        slots=_REWARDS,
        parameters=(Parameter("reach", "integer", 2, "Reach", "m, to each side", minimum=0, maximum=400), _EDGES),
        apply=smooth_uniform,
    ),
    Operator(
        name="smooth_exponential",
        label="Smooth exponentially",
        family=Family.LINK,
        summary="Hands each reward on to those after it, less and less.",
        formula="r~_t = a r~_{t-1} + (1 - a) r_t",
        papers=(DREAM_SMOOTH,),
        slots=_REWARDS,
        parameters=(
            Parameter("decay", "number", 0.5, "Decay", "a", minimum=0.0, maximum=0.9999),
            Parameter(
                "start",
                "choice",
                "keep_total",
                "At the end",
                choices=(("keep_total", "Each output keeps its total"), ("lose_tail", "The tail is lost")),
            ),
        ),
        apply=smooth_exponential,
    ),
)
