"""Losses on pairs of outputs: DPO, its length-desensitised form, IPO, KTO and SimPO.

Notation: ``r_w, r_l`` are the sums of ``log pi - log pi_ref`` over the chosen and the rejected output, s the sigmoid.
Every preview carries, for each token, minus the derivative of the pair's loss by its log-prob: what a step of gradient
descent pulls at it, before the gradient of the log-prob itself.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import expit, log_expit

from rewards.advantages.sequences import positions
from rewards.parameters import Parameter
from rewards.preferences.contract import LossPreview, PairLogProbs, PreferenceLoss, spread, whole
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Rows


def dpo(pairs: PairLogProbs, beta: float = 0.1, label_smoothing: float = 0.0) -> LossPreview:
    """``L = -(1 - e) log s(u) - e log s(-u)`` with ``u = beta (r_w - r_l)``: DPO (arXiv 2305.18290, Eq. 7).

    Parameters
    ----------
    pairs : PairLogProbs
        With the reference.
    beta : float
    label_smoothing : float
        e: the share of pairs taken to be the wrong way round.

    Examples
    --------
    No token has moved from the reference: the loss is log 2, each token is pulled by beta / 2.

    >>> same = Rows.ragged("token", [[-1, -2]])
    >>> preview = dpo(PairLogProbs(same, same, same, same))
    >>> preview.losses.round(6).tolist(), preview.chosen_weights.to_lists(), preview.rejected_weights.to_lists()
    ([0.693147], [[0.05, 0.05]], [[-0.05, -0.05]])
    """
    return length_desensitised_dpo(pairs, beta, 1.0, label_smoothing)


def length_desensitised_dpo(
    pairs: PairLogProbs, beta: float = 0.1, alpha: float = 0.5, label_smoothing: float = 0.0
) -> LossPreview:
    """DPO with the tokens beyond the shorter output's length weighted by alpha: LD-DPO (arXiv 2409.06411).

    ``log pi^(y) = sum_{t <= l} log pi(y_t) + alpha sum_{t > l} log pi(y_t)``, l being the shorter length of the pair,
    for policy and reference. alpha = 1 is DPO; 0 leaves out whatever one output has more.
    """
    chosen, rejected = pairs.ratios()
    shorter = np.minimum(chosen.level.counts, rejected.level.counts)
    counts = [np.where(positions(side.level) < shorter[side.level.output], 1.0, alpha) for side in (chosen, rejected)]
    margins = beta * (whole(chosen, counts[0]) - whole(rejected, counts[1]))
    losses = -(1 - label_smoothing) * log_expit(margins) - label_smoothing * log_expit(-margins)
    pulls = beta * ((1 - label_smoothing) * expit(-margins) - label_smoothing * expit(margins))
    return LossPreview(losses, margins, spread(chosen, pulls, counts[0]), spread(rejected, -pulls, counts[1]))


def ipo(pairs: PairLogProbs, beta: float = 0.1, per_token: bool = False) -> LossPreview:
    """``L = (h - 1/(2 beta))^2`` with ``h = r_w - r_l``: IPO (arXiv 2310.12036, Eq. 17).

    The pull falls to 0 once the pair is apart by ``1/(2 beta)``, and turns beyond.

    Parameters
    ----------
    pairs : PairLogProbs
        With the reference.
    beta : float
        tau of the paper.
    per_token : bool
        r as means over tokens, as some trainers take them, so that long outputs do not pass the target by length.
    """
    chosen, rejected = pairs.ratios()
    sizes = [_lengths(side) if per_token else np.ones(len(pairs)) for side in (chosen, rejected)]
    apart = whole(chosen) / sizes[0] - whole(rejected) / sizes[1]
    pulls = -2 * (apart - 1 / (2 * beta))
    return LossPreview(
        pulls**2 / 4, beta * apart, spread(chosen, pulls / sizes[0]), spread(rejected, -pulls / sizes[1])
    )


def kto(
    pairs: PairLogProbs,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    reference_kl: float = 0.0,
) -> LossPreview:
    """``L = (d (1 - s(beta (r_w - z))) + u (1 - s(beta (z - r_l)))) / 2``: KTO (arXiv 2402.01306, Eq. 8) on the outputs
    of a pair, each by itself.

    Parameters
    ----------
    pairs : PairLogProbs
        With the reference.
    desirable_weight, undesirable_weight : float
        d and u.
    reference_kl : float
        z, in nats: how far the policy is from the reference. Trainers estimate it from answers to other prompts, whose
        log-probs stored pairs do not have: it is given.

    Notes
    -----
    The loss of a pair is the mean of its outputs', so that the mean over pairs is KTO's over all outputs.
    """
    chosen, rejected = pairs.ratios()
    r_w, r_l = whole(chosen), whole(rejected)
    gain, loss = expit(beta * (r_w - reference_kl)), expit(beta * (reference_kl - r_l))
    losses = (desirable_weight * (1 - gain) + undesirable_weight * (1 - loss)) / 2
    up = desirable_weight * beta * gain * (1 - gain) / 2
    down = undesirable_weight * beta * loss * (1 - loss) / 2
    # One side unknown leaves the pair unscored, its other side too.
    unknown = np.where(np.isnan(losses), np.nan, 0.0)
    return LossPreview(losses, beta * (r_w - r_l), spread(chosen, up + unknown), spread(rejected, unknown - down))


def simpo(pairs: PairLogProbs, beta: float = 2.0, gamma_beta_ratio: float = 0.5) -> LossPreview:
    """``L = -log s(u - gamma)``, ``u = beta (mean log pi(y_w) - mean log pi(y_l))``: SimPO (arXiv 2405.14734, Eq. 6).

    Parameters
    ----------
    pairs : PairLogProbs
        A reference is not looked at.
    gamma_beta_ratio : float
        The target margin gamma in units of beta.

    Returns
    -------
    LossPreview
        An output without a token has no mean: its pair is unscored.
    """
    sizes = [_lengths(side) for side in (pairs.chosen, pairs.rejected)]
    margins = beta * (whole(pairs.chosen) / sizes[0] - whole(pairs.rejected) / sizes[1])
    above = margins - gamma_beta_ratio * beta
    pulls = beta * expit(-above)
    return LossPreview(
        -log_expit(above), margins, spread(pairs.chosen, pulls / sizes[0]), spread(pairs.rejected, -pulls / sizes[1])
    )


def _lengths(rows: Rows) -> Floats:
    return np.where(rows.level.counts > 0, rows.level.counts, np.nan)


_BETA: Final = Parameter("beta", "number", 0.1, "Beta", "How closely the reference is kept", minimum=1e-4, maximum=10.0)
_SMOOTHING: Final = Parameter(
    "label_smoothing", "number", 0.0, "Label smoothing", "Share of pairs the wrong way round", minimum=0.0, maximum=0.5
)
_DPO: Final = Paper(
    "Direct Preference Optimization: Your Language Model is Secretly a Reward Model", "2305.18290", "Eq. 7"
)

LOSSES: Final = (
    PreferenceLoss(
        name="dpo",
        label="DPO",
        summary="Every token of a pair is pulled alike, the more the less the pair is apart.",
        formula="-log s(beta (r_w - r_l))",
        papers=(_DPO,),
        parameters=(_BETA, _SMOOTHING),
        apply=dpo,
    ),
    PreferenceLoss(
        name="length_desensitised_dpo",
        label="LD-DPO",
        summary="DPO in which the tokens that one output has more than the other weigh less.",
        formula="-log s(beta (r^_w - r^_l)), r^ = sum_{t <= l} + alpha sum_{t > l}",
        papers=(Paper("Length Desensitization in Direct Preference Optimization", "2409.06411"), _DPO),
        parameters=(
            _BETA,
            Parameter("alpha", "number", 0.5, "Alpha", "1 is DPO", minimum=0.0, maximum=1.0),
            _SMOOTHING,
        ),
        apply=length_desensitised_dpo,
    ),
    PreferenceLoss(
        name="ipo",
        label="IPO",
        summary="Pulls a pair to a set distance, and back where it is farther apart.",
        formula="(r_w - r_l - 1/(2 beta))^2",
        papers=(Paper("A General Theoretical Paradigm to Understand Learning from Human Preferences", "2310.12036"),),
        parameters=(_BETA, Parameter("per_token", "boolean", False, "Means over tokens", "As some trainers take them")),
        apply=ipo,
    ),
    PreferenceLoss(
        name="kto",
        label="KTO",
        summary="Each output by itself: the pull is strongest near the reference point and fades on both sides.",
        formula="(d (1 - s(beta (r_w - z))) + u (1 - s(beta (z - r_l)))) / 2",
        papers=(Paper("KTO: Model Alignment as Prospect Theoretic Optimization", "2402.01306"),),
        parameters=(
            _BETA,
            Parameter("desirable_weight", "number", 1.0, "Weight of chosen ones", minimum=0.0, maximum=100.0),
            Parameter("undesirable_weight", "number", 1.0, "Weight of rejected ones", minimum=0.0, maximum=100.0),
            Parameter("reference_kl", "number", 0.0, "Reference point", "Nats from the reference", minimum=0.0),
        ),
        apply=kto,
    ),
    PreferenceLoss(
        name="simpo",
        label="SimPO",
        summary="Without a reference: the mean log-prob of a token is the reward, and a margin is asked for.",
        formula="-log s(beta (mean log pi(y_w) - mean log pi(y_l)) - gamma)",
        papers=(Paper("SimPO: Simple Preference Optimization with a Reference-Free Reward", "2405.14734"),),
        parameters=(
            Parameter("beta", "number", 2.0, "Beta", minimum=1e-4, maximum=100.0),
            Parameter("gamma_beta_ratio", "number", 0.5, "Gamma / beta", "Target margin", minimum=0.0, maximum=10.0),
        ),
        apply=simpo,
        needs_reference=False,
    ),
)
