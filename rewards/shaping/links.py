"""Functions of one reward, segment by segment: scales, clips, and links from a probability to a reward."""

from typing import Final, Literal

import numpy as np
from scipy.special import expit, log_expit, logit

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Rows
from rewards.shaping.terms import check_bounds, check_range, same_level

Link = Literal["log", "logit", "linear", "clipped_linear"]
Relation = Literal["at_least", "above", "at_most", "below", "equal"]


def affine(rewards: Rows, scale: float = 1.0, shift: float = 0.0) -> Rows:
    """``r = a x + b``: another scale, such as a rating from 1 to 7 as 0 to 1; common practice.

    Parameters
    ----------
    rewards : Rows
    scale, shift : float
        a and b.

    Raises
    ------
    ValueError
        For a result too large for a number.
    """
    with np.errstate(over="ignore"):
        return rewards.with_values(scale * rewards.values + shift)


def clip(rewards: Rows, low: float = -1.0, high: float = 1.0) -> Rows:
    """``r = min(max(x, lo), hi)`` (DQN, arXiv 1312.5602, Sec. 5).

    Raises
    ------
    ValueError
        For a lower bound above the upper one.
    """
    check_bounds(low, high)
    return rewards.with_values(np.clip(rewards.values, low, high))


def z_score(rewards: Rows, moments: str = "measured", mean: float = 0.0, deviation: float = 1.0) -> Rows:
    """``r = (x - m) / s`` (fine-tuning from preferences, arXiv 1909.08593: mean 0, variance 1).

    Parameters
    ----------
    rewards : Rows
    moments : {"measured", "fixed"}
        m and s are the mean and the standard deviation (ddof 0) of all scored values at hand, which changes with what
        is at hand, or those given.
    mean, deviation : float
        Of ``fixed``; the deviation is above 0.

    Returns
    -------
    Rows
        With measured moments, values that are all equal (one value alone among them) are at their mean: 0.

    Raises
    ------
    ValueError
        For a deviation that is not above 0.
    """
    if not deviation > 0:
        raise ValueError(f"deviation {deviation:g}: expected a number above 0")
    if moments == "measured":
        scored = rewards.values[rewards.scored]
        # The rounded mean of equal values differs from them by as much as their rounded deviation.
        varies = len(scored) > 0 and scored.min() < scored.max()
        mean = float(scored.mean()) if varies else float(scored[0]) if len(scored) else 0.0
        deviation = float(scored.std()) if varies else 1.0
    return rewards.with_values((rewards.values - mean) / deviation)


def sigmoid(rewards: Rows, centre: float = 0.0, temperature: float = 1.0) -> Rows:
    """``r = 1 / (1 + exp(-(x - c) / T))``: scores of any size as 0 to 1 (ALaRM, arXiv 2403.06754).

    Raises
    ------
    ValueError
        For a temperature that is not above 0.
    """
    _check_temperature(temperature)
    return rewards.with_values(expit((rewards.values - centre) / temperature))


def log_sigmoid(rewards: Rows, centre: float = 0.0, temperature: float = 1.0) -> Rows:
    """``r = ln sigmoid((x - c) / T)`` (Transforming and Combining Rewards, arXiv 2402.00742).

    Below the centre nearly linear, above it flat: gains are paid where outputs are poor. The sum over several rewards
    is the logarithm of the probability that an output is good by all of them.

    Raises
    ------
    ValueError
        For a temperature that is not above 0.
    """
    _check_temperature(temperature)
    return rewards.with_values(log_expit((rewards.values - centre) / temperature))


def indicator(rewards: Rows, threshold: float = 0.5, relation: Relation = "at_least") -> Rows:
    """``r = 1[x >= c]``, or another relation: a score made a verdict; common practice.

    Parameters
    ----------
    rewards : Rows
    threshold : float
    relation : {"at_least", "above", "at_most", "below", "equal"}
    """
    compare = {
        "at_least": np.greater_equal,
        "above": np.greater,
        "at_most": np.less_equal,
        "below": np.less,
        "equal": np.equal,
    }[relation]
    holds = compare(rewards.values, threshold)
    return rewards.with_values(np.where(rewards.scored, holds, np.nan))


def probability_link(
    probabilities: Rows,
    priors: Rows | None = None,
    link: Link = "clipped_linear",
    prior: float = 0.5,
    floor: float = 1e-6,
) -> Rows:
    """From the probability q that a classifier gives to the right label, to a reward (IRRL, arXiv 2302.00270).

    With p the probability of that label before anything was seen::

        log             ln q - ln p            (the mutual-information reward; its noise grows without bound as q -> 0)
        logit           logit q - logit p
        linear          q - p
        clipped_linear  max(q - p, 0) = max(q, p) - p

    Parameters
    ----------
    probabilities : Rows
    priors : Rows or None
        p for each segment, on the same segments.
    link : {"log", "logit", "linear", "clipped_linear"}
    prior : float
        p where `priors` are not given, such as 1 / (number of labels).
    floor : float
        Above 0, at most 1/2: log and logit read q and p no nearer to 0 and 1 than this.

    Raises
    ------
    ValueError
        For a number outside 0 to 1, a floor outside its range, or priors on other segments.
    """
    check_range("probabilities", probabilities, 0.0, 1.0)
    if priors is not None:
        same_level([probabilities, priors], "input")
        check_range("priors", priors, 0.0, 1.0)
    if not 0.0 <= prior <= 1.0 or not 0.0 < floor <= 0.5:
        raise ValueError(f"prior {prior:g}, floor {floor:g}: expected 0 to 1, and above 0 to 0.5")
    q, p = probabilities.values, prior if priors is None else priors.values
    if link == "log":
        return probabilities.with_values(np.log(np.maximum(q, floor)) - np.log(np.maximum(p, floor)))
    if link == "logit":
        ends = (floor, 1 - floor)
        return probabilities.with_values(logit(np.clip(q, *ends)) - logit(np.clip(p, *ends)))
    return probabilities.with_values(np.maximum(q - p, 0.0) if link == "clipped_linear" else q - p)


def confidence_weighted(
    outcomes: Rows,
    confidence: Rows,
    outcome: str = "sign",
    threshold: float = 0.5,
    low: float = 0.0,
    high: float = 1.0,
) -> Rows:
    """``r = s clip(c, lo, hi)``, ``s = +1`` where right and ``-1`` where wrong (ConfClip, arXiv 2509.17730).

    Fidelity: reconstructed. The text at hand gives a product of confidence and correctness, clipped; that the clip is
    of the confidence, and that a wrong answer counts -1, is the reading here.

    Parameters
    ----------
    outcomes : Rows
    confidence : Rows
        c, 0 to 1, on the same segments; usually ``exp(mean log-probability)`` of the output.
    outcome : {"sign", "value"}
        s is +1 for outcomes of at least `threshold` and -1 below, or the outcome itself.
    threshold : float
    low, high : float
        The lower bound keeps a right answer of no confidence from earning nothing.

    Raises
    ------
    ValueError
        For a confidence outside 0 to 1, bounds the wrong way round, or different segments.
    """
    same_level([outcomes, confidence], "input")
    check_range("confidence", confidence, 0.0, 1.0)
    check_bounds(low, high)
    signs = np.where(outcomes.values >= threshold, 1.0, -1.0)
    factor = np.where(outcomes.scored, signs, np.nan) if outcome == "sign" else outcomes.values
    return outcomes.with_values(factor * np.clip(confidence.values, low, high))


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature {temperature:g}: expected a number above 0")


_REWARDS: Final = (Slot("rewards", "Rewards"),)
_CENTRE: Final = Parameter("centre", "number", 0.0, "Centre", "Where the curve is half way up.")
_TEMPERATURE: Final = Parameter(
    "temperature", "number", 1.0, "Temperature", "The larger, the flatter.", minimum=1e-6, maximum=1e6
)
_THRESHOLD: Final = Parameter("threshold", "number", 0.5, "Threshold")

OPERATORS: Final = (
    Operator(
        name="affine",
        label="Scale and shift",
        family=Family.LINK,
        summary="Multiplies by one number and adds another.",
        formula="r = a x + b",
        papers=(),
        slots=_REWARDS,
        parameters=(
            Parameter("scale", "number", 1.0, "Times", minimum=-1e6, maximum=1e6),
            Parameter("shift", "number", 0.0, "Plus", minimum=-1e6, maximum=1e6),
        ),
        apply=affine,
    ),
    Operator(
        name="clip",
        label="Clip",
        family=Family.LINK,
        summary="Keeps rewards between two bounds.",
        formula="r = min(max(x, lo), hi)",
        papers=(Paper("Playing Atari with Deep Reinforcement Learning", "1312.5602", "Sec. 5"),),
        slots=_REWARDS,
        parameters=(Parameter("low", "number", -1.0, "Lowest"), Parameter("high", "number", 1.0, "Highest")),
        apply=clip,
    ),
    Operator(
        name="z_score",
        label="Standard score",
        family=Family.LINK,
        summary="Subtracts a mean and divides by a standard deviation, measured on what is at hand or fixed.",
        formula="r = (x - m) / s",
        papers=(Paper("Fine-Tuning Language Models from Human Preferences", "1909.08593"),),
        slots=_REWARDS,
        parameters=(
            Parameter(
                "moments",
                "choice",
                "measured",
                "Mean and deviation",
                choices=(("measured", "Of the values at hand"), ("fixed", "As given")),
            ),
            Parameter("mean", "number", 0.0, "Mean, if given"),
            Parameter("deviation", "number", 1.0, "Deviation, if given", minimum=1e-9),
        ),
        apply=z_score,
    ),
    Operator(
        name="sigmoid",
        label="Sigmoid",
        family=Family.LINK,
        summary="Brings scores of any size between 0 and 1.",
        formula="r = 1 / (1 + exp(-(x - c) / T))",
        papers=(Paper("ALaRM: Align Language Models via Hierarchical Rewards Modeling", "2403.06754"),),
        slots=_REWARDS,
        parameters=(_CENTRE, _TEMPERATURE),
        apply=sigmoid,
    ),
    Operator(
        name="log_sigmoid",
        label="Logarithm of the sigmoid",
        family=Family.LINK,
        summary="Pays gains where outputs are poor and little where they are good; summed, it asks for all at once.",
        formula="r = ln(1 / (1 + exp(-(x - c) / T)))",
        papers=(Paper("Transforming and Combining Rewards for Aligning Large Language Models", "2402.00742"),),
        slots=_REWARDS,
        parameters=(_CENTRE, _TEMPERATURE),
        apply=log_sigmoid,
    ),
    Operator(
        name="indicator",
        label="Verdict by a threshold",
        family=Family.LINK,
        summary="1 where a reward stands in a relation to a threshold, 0 where it does not.",
        formula="r = 1[x >= c]",
        papers=(),
        slots=_REWARDS,
        parameters=(
            _THRESHOLD,
            Parameter(
                "relation",
                "choice",
                "at_least",
                "Holds",
                choices=(
                    ("at_least", "At least"),
                    ("above", "Above"),
                    ("at_most", "At most"),
                    ("below", "Below"),
                    ("equal", "Equal"),
                ),
            ),
        ),
        apply=indicator,
    ),
    Operator(
        name="probability_link",
        label="From probability to reward",
        family=Family.LINK,
        summary="What a classifier's probability of the right label is worth beside the probability before.",
        formula="r = ln q - ln p | logit q - logit p | q - p | max(q - p, 0)",
        papers=(Paper("Internally Rewarded Reinforcement Learning", "2302.00270"),),
        slots=(Slot("probabilities", "Probabilities"), Slot("priors", "Prior probabilities", optional=True)),
        parameters=(
            Parameter(
                "link",
                "choice",
                "clipped_linear",
                "Link",
                choices=(
                    ("log", "Logarithm"),
                    ("logit", "Logit"),
                    ("linear", "Linear"),
                    ("clipped_linear", "Linear, clipped at 0"),
                ),
            ),
            Parameter("prior", "number", 0.5, "Prior, if none is given", minimum=0.0, maximum=1.0),
            Parameter("floor", "number", 1e-6, "Floor of log and logit", minimum=1e-12, maximum=0.5),
        ),
        apply=probability_link,
    ),
    Operator(
        name="confidence_weighted",
        label="Weighted by confidence",
        family=Family.LINK,
        summary="An outcome times the policy's clipped confidence: sure and right earns most, sure and wrong least.",
        formula="r = s clip(c, lo, hi), s = +1 or -1",
        papers=(Paper("ConfClip: Confidence-Weighted and Clipped Reward", "2509.17730"),),
        slots=(Slot("outcomes", "Outcomes"), Slot("confidence", "Confidence")),
        parameters=(
            Parameter(
                "outcome",
                "choice",
                "sign",
                "The outcome counts",
                choices=(("sign", "+1 or -1"), ("value", "Its value")),
            ),
            _THRESHOLD,
            Parameter("low", "number", 0.0, "Lowest confidence", minimum=0.0, maximum=1.0),
            Parameter("high", "number", 1.0, "Highest confidence", minimum=0.0, maximum=1.0),
        ),
        apply=confidence_weighted,
        notes="Reconstructed: the paper's text at hand leaves open what exactly is clipped.",
    ),
)
