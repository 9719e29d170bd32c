"""Advantages for outputs that another policy wrote: tapered weights, pairs, and the coupled actor and critic.

The needs are log-probs in nats under the policy that is trained and under the one that wrote the output.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import expit

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.group import left_out
from rewards.advantages.groups import Groups
from rewards.advantages.sequences import sequence_log_probs
from rewards.advantages.signed import LENGTHS, LOG_PROBS, THRESHOLD
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows

POLICY: Final = Need("policy_log_probs", "Log-probs of the policy in training", accepts="any", help=LOG_PROBS.help)


def log_ratios(policy_log_probs: Rows, log_probs: Rows, lengths: Rows | None = None, per_token: bool = False) -> Floats:
    """``log pi(y) - log mu(y)`` of each output, over its tokens' number where `per_token`: shape (n,).

    NaN where either is unknown, or the length is needed and unknown.
    """
    policy, wrote = sequence_log_probs(policy_log_probs, lengths), sequence_log_probs(log_probs, lengths)
    return policy.per_token - wrote.per_token if per_token else policy.totals - wrote.totals


def tapered(
    reward: Rows,
    groups: Ints,
    policy_log_probs: Rows,
    log_probs: Rows,
    lengths: Rows | None = None,
    per_token: bool = False,
    baseline: float = 0.0,
    threshold: float = 0.5,
) -> Rows:
    """``A = w (s - c)``: s is +1 for right answers, with w = 1, and -1 for wrong ones, with w = min(pi/mu, 1).

    TOPR (arXiv 2503.14286): right answers are learnt at full weight however unlikely they have become, wrong
    ones less and less as the policy leaves them.

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
        Not looked at.
    policy_log_probs, log_probs : Rows
        Under the policy in training (pi) and the one that wrote the output (mu).
    per_token : bool
        The ratio's mean over tokens (geometric), as some trainers take it.
    baseline : float
        c in [-1, 1]: -1 drops the wrong answers, 1 the right ones; see `effective_positive_share`.

    Returns
    -------
    Rows
        Unscored where the reward is, or the ratio of a wrong answer.
    """
    ratios = log_ratios(policy_log_probs, log_probs, lengths, per_token)
    right = reward.values >= threshold
    weight = np.where(right, 1.0, np.exp(np.minimum(ratios, 0.0)))
    values = weight * (np.where(right, 1.0, -1.0) - baseline)
    return reward.with_values(np.where(reward.scored, values, np.nan))


def effective_positive_share(share: float, baseline: float) -> float:
    """``p (1 - c) / (1 + c (1 - 2p))``: the share of right answers that a baseline makes of a share p (TOPR).

    NaN where nothing is left: all right and c = 1, or all wrong and c = -1.

    Examples
    --------
    >>> effective_positive_share(0.5, 0.6), effective_positive_share(0.3, 0.0)
    (0.2, 0.3)
    """
    weight = 1 + baseline * (1 - 2 * share)
    return share * (1 - baseline) / weight if weight else float("nan")


def baseline_for_share(share: float, wanted: float) -> float:
    """The baseline c by which a share p of right answers counts as `wanted`: the inverse of
    `effective_positive_share`.

    Raises
    ------
    ValueError
        Unless 0 < share < 1 and 0 <= wanted <= 1: answers of one kind cannot be made to count as two.
    """
    if not (0 < share < 1 and 0 <= wanted <= 1):
        raise ValueError(f"share {share:g} to count as {wanted:g}: expected a share between 0 and 1, neither included")
    return (share - wanted) / (share + wanted * (1 - 2 * share))


def pairwise(
    reward: Rows,
    groups: Ints,
    policy_log_probs: Rows | None = None,
    log_probs: Rows | None = None,
    clip: str = "none",
    width: float = 0.2,
) -> Rows:
    """``A_i = 1/(n - 1) sum_j (r_i - r_j)/2 w_i w_j``: what P3O puts on the log-probability of each output
    (arXiv 2310.00212).

    Rewards come in differences only, so one that is equivalent, r + delta(x), gives the same. On policy (w = 1) it is
    half of leave-one-out.

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
    policy_log_probs, log_probs : Rows, optional
        Both or neither: without them w = 1, otherwise w = pi(y) / mu(y).
    clip : {"none", "separate", "joint"}
        Each w, or each pair's product of them, kept within 1 - width and 1 + width.

    Returns
    -------
    Rows
        Groups of one get 0.

    Raises
    ------
    ValueError
        For one of the log-probs without the other, or ratios too large for a number.
    """
    if (policy_log_probs is None) != (log_probs is None):
        raise ValueError("log-probs of one policy: expected those of both, or of neither")
    weights = np.ones(len(reward))
    if policy_log_probs is not None and log_probs is not None:
        weights = np.exp(np.minimum(log_ratios(policy_log_probs, log_probs), 300.0))
    if clip == "separate":
        weights = np.clip(weights, 1 - width, 1 + width)
    members = Groups(np.where(np.isnan(weights), np.nan, reward.values), groups)
    others = np.maximum(members.n_scored - 1, 1)[groups]
    if clip == "joint":
        return reward.with_values(_joint(members, weights, width) / (2 * others))
    # sum_j (r_i - r_j) w_i w_j = w_i (r_i W - sum_j r_j w_j): no pair is looked at.
    mass = members.total(np.where(members.scored, weights, 0.0))[groups]
    drift = members.total(members.centred * weights)[groups]
    return reward.with_values(weights * (members.centred * mass - drift) / (2 * others))


def _joint(members: Groups, weights: Floats, width: float) -> Floats:
    """``sum_j (r_i - r_j) clip(w_i w_j)``: over all pairs of each group at once."""
    scored = np.flatnonzero(members.scored)
    order = scored[np.argsort(members.numbers[scored], kind="stable")]
    counts = members.n_scored
    first = np.repeat(order, counts[members.numbers[order]])
    begins = (np.cumsum(counts) - counts)[members.numbers[first]]
    runs = counts[members.numbers[order]]
    within = np.arange(len(first)) - np.repeat(np.cumsum(runs) - runs, runs)
    second = order[begins + within]
    product = np.clip(weights[first] * weights[second], 1 - width, 1 + width)
    sums = np.bincount(first, (members.values[first] - members.values[second]) * product, minlength=len(weights))
    return np.where(members.scored, sums, np.nan)


def implicit_actor_critic(
    reward: Rows,
    groups: Ints,
    policy_log_probs: Rows,
    log_probs: Rows,
    beta: float = 1.0,
    threshold: float = 0.5,
) -> Rows:
    """``A_i = beta (e_i - mean_{j != i}(e_j))`` with ``e = y - sigmoid(z)``: the weight that PACS's cross-entropy puts
    on the gradient of each log-probability.

    PACS (arXiv 2509.02522) takes the outcome y as a label and the log-ratio ``psi = beta (log pi - log pi_old)``, less
    the mean of its group's others, as the logit z. On policy z = 0, and A is beta times leave-one-out.

    Parameters
    ----------
    reward : Rows
        One number an output: n; right from `threshold`.
    groups : ndarray of int64, shape (n,)
    policy_log_probs, log_probs : Rows
        Under the policy in training and the one that wrote the output.

    Returns
    -------
    Rows
        Groups of one get 0.
    """
    scores = beta * log_ratios(policy_log_probs, log_probs)
    known = reward.scored & ~np.isnan(scores)
    logits = left_out(Groups(np.where(known, scores, np.nan), groups))
    errors = (reward.values >= threshold) - expit(logits)
    return reward.with_values(beta * left_out(Groups(np.where(known, errors, np.nan), groups)))


ESTIMATORS: Final = (
    Estimator(
        name="tapered",
        label="Tapered off-policy weights (TOPR)",
        family=Family.OFF_POLICY,
        summary="Right answers at full weight, wrong ones by how likely the policy in training still finds them.",
        formula="A = w (s - c), w = 1 if right, min(pi/mu, 1) if wrong",
        papers=(Paper("Tapered Off-Policy REINFORCE", "2503.14286"),),
        needs=(POLICY, LOG_PROBS, LENGTHS),
        parameters=(
            Parameter("per_token", "boolean", False, "Ratio per token", "The geometric mean over tokens"),
            Parameter(
                "baseline", "number", 0.0, "Baseline c", "Shifts weight to right or wrong", minimum=-1, maximum=1
            ),
            THRESHOLD,
        ),
        apply=tapered,
        alone="As in any group: there is no baseline of the group",
    ),
    Estimator(
        name="pairwise",
        label="Pairs (P3O)",
        family=Family.OFF_POLICY,
        summary="Half the difference to each other output of the task, weighted by both probability ratios.",
        formula="A_i = 1/(n - 1) sum_j (r_i - r_j)/2 w_i w_j",
        papers=(Paper("Pairwise Proximal Policy Optimization", "2310.00212"),),
        needs=(
            Need(POLICY.name, POLICY.label, POLICY.accepts, POLICY.help, optional=True),
            Need(LOG_PROBS.name, LOG_PROBS.label, LOG_PROBS.accepts, LOG_PROBS.help, optional=True),
        ),
        parameters=(
            Parameter(
                "clip",
                "choice",
                "none",
                "Clip",
                choices=(("none", "Not at all"), ("separate", "Each ratio"), ("joint", "Each pair's product")),
            ),
            Parameter("width", "number", 0.2, "Width", "Ratios stay within 1 -+ this", minimum=0.0, maximum=1.0),
        ),
        apply=pairwise,
        alone="0",
        ignores_offset=True,
        sums_to_zero=True,
    ),
    Estimator(
        name="implicit_actor_critic",
        label="Coupled actor and critic (PACS)",
        family=Family.OFF_POLICY,
        summary="The outcome is a label, the log-ratio beside the group's others its logit; the error teaches.",
        formula="A_i = beta (e_i - mean_{j != i}(e_j)), e = y - sigmoid(z)",
        papers=(Paper("Implicit Actor Critic Coupling via a Supervised Learning Framework for RLVR", "2509.02522"),),
        needs=(POLICY, LOG_PROBS),
        parameters=(Parameter("beta", "number", 1.0, "Beta", minimum=0.0, maximum=100.0), THRESHOLD),
        apply=implicit_actor_critic,
        alone="0: there are no others",
        sums_to_zero=True,
    ),
)
