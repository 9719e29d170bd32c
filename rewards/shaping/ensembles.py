"""Several scores of the same thing: their conservative summaries, their disagreement, and what that takes off."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.combine import minimum, simplex_mixture
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Rows
from rewards.shaping.terms import UNSCORED, check_range, n_scored, same_level, voided

Variance = Literal["population", "sample"]
Measure = Literal["variance", "deviation", "range"]

COSTE: Final = Paper("Reward Model Ensembles Help Mitigate Overoptimization", "2310.02743", "Sec. 3")
CTRL_U: Final = Paper("Ctrl-U: Robust Conditional Image Generation via Uncertainty-aware Reward Modeling", "2410.11236")
PESSIMISM: Final = Paper("Lipschitzness Is All You Need To Tame Off-policy GAIL", "2006.16785")


def ensemble_mean(terms: Sequence[Rows], unscored: str = "unscored") -> Rows:
    """``r = mean_k r_k`` (Reward Model Ensembles, arXiv 2310.02743, Sec. 3).

    Parameters
    ----------
    terms : sequence of Rows
        The members' scores, on the same segments.
    unscored : {"unscored", "skip"}
        Where one member has no number: there is no result, or that of the others.

    Raises
    ------
    ValueError
        Where members stand on different segments.
    """
    return simplex_mixture(terms, [1.0] * len(terms), unscored)


def ensemble_worst_case(terms: Sequence[Rows], unscored: str = "unscored") -> Rows:
    """``r = min_k r_k``: worst-case optimisation, WCO (Reward Model Ensembles, arXiv 2310.02743, Sec. 3).

    Parameters and errors are those of `ensemble_mean`.
    """
    return minimum(terms, unscored)


def ensemble_uncertainty_weighted(
    terms: Sequence[Rows], penalty: float = 0.5, variance: Variance = "population", unscored: str = "unscored"
) -> Rows:
    """``r = mean_k r_k - lambda var_k r_k``: UWO (Reward Model Ensembles, arXiv 2310.02743, Sec. 3).

    The released code takes the variance over n members for best-of-n and over n - 1 for PPO, so the same lambda weighs
    n / (n - 1) times as much in the second; hence the choice.

    Parameters
    ----------
    terms : sequence of Rows
        The members' scores, on the same segments.
    penalty : float
        lambda, at least 0; released: 0.5 for best-of-n, 0.1 for PPO. 0 gives the mean.
    variance : {"population", "sample"}
        Over n (ddof 0, best-of-n), or n - 1 (ddof 1, PPO), which one member alone does not have: unscored.
    unscored : {"unscored", "skip"}
        Where one member has no number: there is no result, or that of the others.

    Raises
    ------
    ValueError
        Where members stand on different segments.
    """
    mean, spread = _moments(terms, variance)
    return voided(mean - penalty * spread if penalty else mean, terms, unscored)


def ensemble_disagreement(
    terms: Sequence[Rows], measure: Measure = "variance", variance: Variance = "population", unscored: str = "unscored"
) -> Rows:
    """``U = var_k r_k``, its root, or ``max_k r_k - min_k r_k`` (of two runs: Ctrl-U, arXiv 2410.11236).

    The variance is what an uncertainty-weighted ensemble takes off (Reward Model Ensembles, arXiv 2310.02743).

    Parameters
    ----------
    terms : sequence of Rows
        Scores of the same outputs by several members, or by one asked several times.
    measure : {"variance", "deviation", "range"}
    variance : {"population", "sample"}
        Over n (ddof 0) or n - 1 (ddof 1); one score alone varies by 0, or has no variance.
    unscored : {"unscored", "skip"}
        Where one member has no number: there is no result, or that of the others.

    Raises
    ------
    ValueError
        Where members stand on different segments.
    """
    level = same_level(terms)
    if measure == "range":
        low, high = np.full(level.size, np.nan), np.full(level.size, np.nan)
        for term in terms:
            np.fmin(low, term.values, out=low)
            np.fmax(high, term.values, out=high)
        return voided(high - low, terms, unscored)
    _, spread = _moments(terms, variance)
    return voided(np.sqrt(spread) if measure == "deviation" else spread, terms, unscored)


def uncertainty_discount(
    rewards: Rows, uncertainty: Rows, scale: float = 1.0, regulariser: float = 0.0, gives: str = "reward"
) -> Rows:
    """``r = exp(-U / s) x - lambda U``, or the weight ``exp(-U / s)`` itself (Ctrl-U, arXiv 2410.11236).

    As a factor in (0, 1] on the reward, this is also a pessimistic preconditioning (arXiv 2006.16785). Where nothing
    is uncertain the weight is 1 and the reward unchanged; the more uncertain, the nearer to 0.

    Parameters
    ----------
    rewards, uncertainty : Rows
        x and U >= 0, on the same segments.
    scale : float
        s, above 0: at U = s the weight is 1/e.
    regulariser : float
        lambda, at least 0: the price of being uncertain, in the loss ``exp(-U) L + lambda U``.
    gives : {"reward", "weight"}

    Raises
    ------
    ValueError
        For an uncertainty below 0, a scale that is not above 0, or different segments.
    """
    _check_uncertainty(rewards, uncertainty)
    if not scale > 0:
        raise ValueError(f"scale {scale:g}: expected a number above 0")
    weight = np.exp(-uncertainty.values / scale)
    if gives == "weight":
        return rewards.with_values(np.where(rewards.scored, weight, np.nan))
    return rewards.with_values(weight * rewards.values - regulariser * uncertainty.values)


def pessimistic(rewards: Rows, uncertainty: Rows, penalty: float = 1.0) -> Rows:
    """``r = x - kappa U`` (pessimistic reward shaping; arXiv 2006.16785).

    Never above the reward; with kappa = 0 the reward itself, also where the uncertainty has no number.

    Parameters
    ----------
    rewards, uncertainty : Rows
        x and U >= 0, on the same segments.
    penalty : float
        kappa, at least 0.

    Raises
    ------
    ValueError
        For an uncertainty below 0, or different segments.
    """
    _check_uncertainty(rewards, uncertainty)
    if not penalty:
        return rewards
    return rewards.with_values(rewards.values - penalty * uncertainty.values)


def lipschitz_envelope(rewards: Rows, slope: float = 1.0) -> Rows:
    """``r_t = min_s (x_s + L |t - s|)`` within each output: nowhere above x, and no jump above L between neighbours.

    The largest such function (the envelope of McShane and of Pasch and Hausdorff): the pessimistic way to give a reward
    the Lipschitz bound that arXiv 2006.16785 finds indispensable, here over the places of an output.

    Parameters
    ----------
    rewards : Rows
        Unscored segments stay so and bound nothing; places are counted through them.
    slope : float
        L, at least 0. At 0 each output has its smallest value everywhere; at or above the largest jump nothing changes.

    Notes
    -----
    About ``2 log2(range / L)`` passes over the values, and no more than ``2 log2`` of the most segments.
    """
    if slope < 0:
        raise ValueError(f"slope {slope:g}: expected at least 0")
    values = np.where(rewards.scored, rewards.values, np.inf)
    known = rewards.values[rewards.scored]
    farthest = float(rewards.level.counts.max(initial=0)) - 1
    if slope and len(known):
        # Beyond this distance the bound is above every value.
        farthest = min(farthest, (float(known.max()) - float(known.min())) / slope)
    output, step = rewards.level.output, 1
    # After the steps 1, 2, 4 ... 2^j every place has heard of all others up to 2^(j + 1) - 1 away.
    while step <= farthest:
        same = output[step:] == output[:-step]
        before, after = values[:-step], values[step:]
        lowered = np.minimum(after, np.where(same, before + slope * step, np.inf))
        np.minimum(before, np.where(same, after + slope * step, np.inf), out=before)
        values[step:] = np.minimum(values[step:], lowered)
        step *= 2
    return rewards.with_values(np.where(rewards.scored, values, np.nan))


def _moments(terms: Sequence[Rows], variance: Variance) -> tuple[Floats, Floats]:
    """Mean and variance over the members that have a number, segment by segment; equal scores vary by exactly 0."""
    level, count = same_level(terms), n_scored(terms)
    # Measured from one of the scores, so that the rounding of a mean never passes for disagreement.
    origin = np.full(level.size, np.nan)
    for term in terms:
        np.copyto(origin, term.values, where=np.isnan(origin))
    first, second = np.zeros(level.size), np.zeros(level.size)
    for term in terms:
        first += np.where(term.scored, term.values - origin, 0.0)
    first /= np.maximum(count, 1)
    for term in terms:
        second += np.where(term.scored, (term.values - origin - first) ** 2, 0.0)
    n = count - (variance == "sample")
    return origin + first, np.divide(second, n, out=np.full(level.size, np.nan), where=n > 0)


def _check_uncertainty(rewards: Rows, uncertainty: Rows) -> None:
    same_level([rewards, uncertainty], "input")
    check_range("uncertainty", uncertainty, 0.0, np.inf)


_MEMBERS: Final = (Slot("terms", "Members", many=True),)
_WITH_UNCERTAINTY: Final = (Slot("rewards", "Rewards"), Slot("uncertainty", "Uncertainty"))
_VARIANCE: Final = Parameter(
    "variance",
    "choice",
    "population",
    "Variance",
    "The released code uses the first for best-of-n and the second for PPO.",
    choices=(("population", "Over n (ddof 0)"), ("sample", "Over n - 1 (ddof 1)")),
)

OPERATORS: Final = (
    Operator(
        name="ensemble_mean",
        label="Mean of an ensemble",
        family=Family.ENSEMBLE,
        summary="The mean of several scores of the same thing.",
        formula="r = mean_k r_k",
        papers=(COSTE,),
        slots=_MEMBERS,
        parameters=(UNSCORED,),
        apply=ensemble_mean,
    ),
    Operator(
        name="ensemble_worst_case",
        label="Worst case of an ensemble (WCO)",
        family=Family.ENSEMBLE,
        summary="The lowest of several scores of the same thing.",
        formula="r = min_k r_k",
        papers=(COSTE,),
        slots=_MEMBERS,
        parameters=(UNSCORED,),
        apply=ensemble_worst_case,
    ),
    Operator(
        name="ensemble_uncertainty_weighted",
        label="Mean less variance of an ensemble (UWO)",
        family=Family.ENSEMBLE,
        summary="The mean of several scores, less their variance times a penalty.",
        formula="r = mean_k r_k - lambda var_k r_k",
        papers=(COSTE,),
        slots=_MEMBERS,
        parameters=(
            Parameter("penalty", "number", 0.5, "Penalty on variance", minimum=0.0, maximum=1000.0),
            _VARIANCE,
            UNSCORED,
        ),
        apply=ensemble_uncertainty_weighted,
    ),
    Operator(
        name="ensemble_disagreement",
        label="Disagreement of an ensemble",
        family=Family.ENSEMBLE,
        summary="How far several scores of the same thing are apart: an uncertainty for other operators.",
        formula="U = var_k r_k | sd_k r_k | max_k r_k - min_k r_k",
        papers=(COSTE, CTRL_U),
        slots=_MEMBERS,
        parameters=(
            Parameter(
                "measure",
                "choice",
                "variance",
                "Measure",
                choices=(("variance", "Variance"), ("deviation", "Standard deviation"), ("range", "Range")),
            ),
            _VARIANCE,
            UNSCORED,
        ),
        apply=ensemble_disagreement,
    ),
    Operator(
        name="uncertainty_discount",
        label="Discounted by uncertainty",
        family=Family.ENSEMBLE,
        summary="Multiplies a reward by a weight that falls from 1 to 0 as its uncertainty grows.",
        formula="r = exp(-U / s) x - lambda U",
        papers=(CTRL_U, PESSIMISM),
        slots=_WITH_UNCERTAINTY,
        parameters=(
            Parameter("scale", "number", 1.0, "Scale of the uncertainty", minimum=1e-6, maximum=1e6),
            Parameter("regulariser", "number", 0.0, "Price of uncertainty", minimum=0.0, maximum=1000.0),
            Parameter(
                "gives", "choice", "reward", "Gives", choices=(("reward", "The reward"), ("weight", "The weight"))
            ),
        ),
        apply=uncertainty_discount,
    ),
    Operator(
        name="pessimistic",
        label="Less its uncertainty",
        family=Family.ENSEMBLE,
        summary="Takes a multiple of its uncertainty off a reward.",
        formula="r = x - kappa U",
        papers=(PESSIMISM,),
        slots=_WITH_UNCERTAINTY,
        parameters=(Parameter("penalty", "number", 1.0, "Penalty", minimum=0.0, maximum=1000.0),),
        apply=pessimistic,
    ),
    Operator(
        name="lipschitz_envelope",
        label="Lipschitz envelope",
        family=Family.ENSEMBLE,
        summary="Lowers a dense reward just enough that neighbours differ by no more than a bound.",
        formula="r_t = min_s (x_s + L |t - s|)",
        papers=(PESSIMISM,),
        slots=(Slot("rewards", "Rewards", accepts="dense"),),
        parameters=(Parameter("slope", "number", 1.0, "Largest jump", minimum=0.0, maximum=1e6),),
        apply=lipschitz_envelope,
    ),
)
