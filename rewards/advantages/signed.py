"""Right and wrong apart: positive and negative reinforcement, and confident mistakes of groups that are all wrong."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.group import EPS, SPREAD, scaled
from rewards.advantages.groups import Bools, Groups
from rewards.advantages.sequences import sequence_log_probs
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows

THRESHOLD: Final = Parameter("threshold", "number", 0.5, "Right from", "Rewards of at least this are of right answers")
LOG_PROBS: Final = Need(
    "log_probs", "Log-probs of the policy that wrote it", accepts="any", help="Of each token, or summed over the output"
)
LENGTHS: Final = Need("lengths", "Tokens", help="Where the log-probs are summed: how many tokens", optional=True)


def signed(reward: Rows, groups: Ints, mode: str = "weighted", weight: float = 0.1, threshold: float = 0.5) -> Rows:
    """``A = 1[right]`` (positive), ``-1[wrong]`` (negative) or ``lambda 1[right] - 1[wrong]`` (weighted).

    Positive and Negative Sample Reinforcement, and Weighted-REINFORCE (arXiv 2506.01347).

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
        Not looked at: there is no baseline.
    mode : {"positive", "negative", "weighted"}
    weight : float
        lambda: 1 is REINFORCE with rewards +1 and -1, 0 is negative reinforcement.
    threshold : float
        An output is right if its reward is at least this.

    Examples
    --------
    >>> signed(Rows.scalars([1, 0]), np.zeros(2, dtype=np.int64)).values.tolist()
    [0.1, -1.0]
    """
    right = reward.values >= threshold
    gain, loss = {"positive": (1.0, 0.0), "negative": (0.0, -1.0), "weighted": (weight, -1.0)}[mode]
    return reward.with_values(np.where(reward.scored, np.where(right, gain, loss), np.nan))


def confidence_penalty(
    reward: Rows,
    groups: Ints,
    log_probs: Rows,
    lengths: Rows | None = None,
    negative_scale: float = 0.25,
    eps: float = 1e-4,
    spread: str = "sample",
) -> Rows:
    """Wrong answers penalised by the policy's confidence in them, so that groups without a right one teach (LENS).

    ``r~ = r - (1 - r) (1/G) c / (D - c)`` with ``c = pi(o|q)^(1/|o|)``; ``D = 2 max_j c_j`` in groups that are all
    wrong, ``max(D_imp, 2 max_j c_j)`` with ``D_imp = 1 / mean_i(r_i / pi(o_i|q))`` in mixed ones. Then the group's mean
    and standard deviation in mixed groups, and `negative_scale` times the centred penalty in those all wrong
    (arXiv 2510.08696).

    Parameters
    ----------
    reward : Rows
        One number an output, from 0 (wrong) to 1 (right): n.
    groups : ndarray of int64, shape (n,)
    log_probs : Rows
        In nats.
    lengths : Rows, optional
    negative_scale : float
        The paper's alpha.

    Returns
    -------
    Rows
        Unscored where the reward or the confidence is. Groups of one, and those all right, get 0.

    Notes
    -----
    All in log space: the probability of a text of a thousand tokens underflows, and with it ``D_imp``.

    Raises
    ------
    ValueError
        For a reward beyond [0, 1], or a positive log-probability.
    """
    confidence = sequence_log_probs(log_probs, lengths)
    known = reward.scored & ~np.isnan(confidence.per_token)
    values = np.where(known, reward.values, np.nan)
    _check_unit(values)
    members = Groups(values, groups)
    penalised = Groups(values - (1 - values) * penalties(members, confidence.totals, confidence.per_token), groups)
    std = penalised.std(ddof=1 if spread == "sample" else 0)
    is_negative = (members.largest == 0)[groups]
    mixed = scaled(penalised.centred, std[groups], eps)
    return reward.with_values(np.where(is_negative, negative_scale * penalised.centred, mixed))


def penalties(members: Groups, totals: Floats, per_token: Floats) -> Floats:
    """``(1/G) c / (D - c)`` of each member: shape (n,), in (0, 1/G], 1/G for the most confident one of an all-wrong
    group."""
    most = Groups(np.where(members.scored, per_token, np.nan), members.numbers).largest
    log_d = np.maximum(np.log(2) + most, _log_importance(members, totals))[members.numbers]
    size = members.n_scored[members.numbers]
    # c / (D - c) = 1 / (D / c - 1), and D / c is at least 2.
    with np.errstate(over="ignore"):
        penalty: Floats = 1 / (size * np.expm1(log_d - per_token))
    return penalty


def _log_importance(members: Groups, totals: Floats) -> Floats:
    """``log D_imp`` of each group, -inf for one without a right answer: shape (g,)."""
    right: Bools = members.scored & (members.values > 0)
    terms = np.full(len(totals), np.nan)
    terms[right] = np.log(members.values[right]) - totals[right]
    top = Groups(terms, members.numbers).largest
    shifted = np.exp(terms - top[members.numbers])
    # A group's sum is at least 1, of its largest term, wherever it has a right answer.
    log_mean = top + np.log(np.maximum(members.total(shifted), 1.0)) - np.log(np.maximum(members.n_scored, 1))
    return np.where(np.isnan(top), -np.inf, -log_mean)


def _check_unit(values: Floats) -> None:
    beyond = np.flatnonzero((values < 0) | (values > 1))
    if len(beyond):
        raise ValueError(f"output {beyond[0]}: reward {values[beyond[0]]:g}: expected from 0 (wrong) to 1 (right)")


ESTIMATORS: Final = (
    Estimator(
        name="signed",
        label="Positive, negative, weighted",
        family=Family.OUTCOME,
        summary="Learns from right answers only, from wrong ones only, or from both with the right ones weighed down.",
        formula="A = lambda 1[right] - 1[wrong]",
        papers=(Paper("The Surprising Effectiveness of Negative Reinforcement in LLM Reasoning", "2506.01347"),),
        parameters=(
            Parameter(
                "mode",
                "choice",
                "weighted",
                "Learn from",
                choices=(("positive", "Right answers"), ("negative", "Wrong answers"), ("weighted", "Both, weighted")),
            ),
            Parameter("weight", "number", 0.1, "Lambda", "Weight of right answers", minimum=0.0, maximum=100.0),
            THRESHOLD,
        ),
        apply=signed,
        alone="As in any group: there is no baseline",
    ),
    Estimator(
        name="confidence_penalty",
        label="Confident mistakes (LENS)",
        family=Family.OUTCOME,
        summary="Penalises wrong answers by the policy's confidence: groups that are all wrong teach too.",
        formula="r~ = r - (1 - r) (1/G) c / (D - c), c = pi(o|q)^(1/|o|)",
        papers=(Paper("Don't Waste Mistakes: Leveraging Negative RL-Groups via Confidence Reweighting", "2510.08696"),),
        needs=(LOG_PROBS, LENGTHS),
        parameters=(
            Parameter(
                "negative_scale", "number", 0.25, "Alpha", "Scale of all-wrong groups", minimum=0.0, maximum=10.0
            ),
            EPS,
            SPREAD,
        ),
        apply=confidence_penalty,
        alone="0",
        sums_to_zero=True,
    ),
)
