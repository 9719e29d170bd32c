"""How far to trust a soft reward beside a hard one, by what it says of right and wrong answers of one group.

Trust-GRPO of SophiaVL-R1 (Fan et al. 2025, arXiv 2505.17018). In a group of outputs to one task, mu_c and mu_w are the
means of the soft reward R_t (a judge's, of the thinking) over the outputs whose outcome reward R_o is right and wrong:

    gamma = 1 if mu_c >= mu_w else exp(mu_c - mu_w)
    R     = R_o + gamma alpha exp(-step / T) R_t

A judge that prefers the thinking behind wrong answers is trusted less; the soft part fades as training goes on. The
released code differs from the paper (alpha 0.3; no soft reward for answers scored below 0.2, nor in groups that are all
right or all wrong); what is here is the paper's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RIGHT = 0.5
"""An outcome reward from here on is a right answer."""


class Trust(NamedTuple):
    """The trust weight of one group.

    Attributes
    ----------
    gamma : float
        In (0, 1].
    mean_right, mean_wrong : float
        Of the soft reward; NaN where there is none.
    is_inverted : bool
        The soft reward prefers wrong answers.
    """

    gamma: float
    mean_right: float
    mean_wrong: float
    is_inverted: bool


def trust_weight(outcome: npt.ArrayLike, soft: npt.ArrayLike) -> Trust:
    """How far the group's soft reward is to be trusted.

    Parameters
    ----------
    outcome, soft : array_like of float, shape (n,)
        Rewards of the outputs of one task, in one order. NaN is no value: such an output is left out.

    Returns
    -------
    Trust
        `gamma` is 1 where all outputs are right or all wrong: nothing speaks against the soft reward.

    Raises
    ------
    ValueError
        For shapes that differ.
    """
    hard, given = _pair(outcome, soft)
    known = ~(np.isnan(hard) | np.isnan(given))
    right, wrong = given[known & (hard >= RIGHT)], given[known & (hard < RIGHT)]
    mean_right = float(right.mean()) if len(right) else float("nan")
    mean_wrong = float(wrong.mean()) if len(wrong) else float("nan")
    is_inverted = mean_right < mean_wrong
    gamma = math.exp(mean_right - mean_wrong) if is_inverted else 1.0
    return Trust(gamma, mean_right, mean_wrong, is_inverted)


def trusted_rewards(
    outcome: npt.ArrayLike, soft: npt.ArrayLike, *, step: int = 0, alpha: float = 1.0, horizon: float = float("inf")
) -> npt.NDArray[np.float64]:
    """The combined rewards R of one group's outputs.

    Parameters
    ----------
    outcome, soft : array_like of float, shape (n,)
    step : int
        Of training.
    alpha : float
        Weight of the soft reward.
    horizon : float
        T, in steps; infinite: it does not fade.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where either reward is: a missing one is no zero.

    Raises
    ------
    ValueError
        For shapes that differ, a negative step, or a horizon that is not positive.
    """
    if step < 0:
        raise ValueError(f"step {step}: expected 0 or more")
    if not horizon > 0:
        raise ValueError(f"horizon {horizon}: expected more than 0")
    hard, given = _pair(outcome, soft)
    gamma = trust_weight(hard, given).gamma
    faded = gamma * alpha * math.exp(-step / horizon)
    combined: npt.NDArray[np.float64] = hard + faded * given
    return combined


def _pair(outcome: npt.ArrayLike, soft: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    hard, given = np.asarray(outcome, dtype=np.float64), np.asarray(soft, dtype=np.float64)
    if hard.shape != given.shape or hard.ndim != 1:
        raise ValueError(f"rewards of shapes {hard.shape} and {given.shape}: expected one of each by output")
    return hard, given
