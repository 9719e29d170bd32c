"""From the numbers of an output's steps to one number an output: sums, minima, and what lies between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Rows
from rewards.shaping.sequences import UNSCORED, along, answered
from rewards.shaping.terms import UNSCORED as UNSCORED_TERMS
from rewards.shaping.terms import n_scored, same_level, voided

PURE: Final = Paper("Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs", "2504.15275")
ITERATED_CVAR: Final = Paper(
    "Provably Efficient Iterated CVaR Reinforcement Learning with Function Approximation and Human Feedback",
    "2307.02842",
)
VERIFY: Final = Paper("Let's Verify Step by Step", "2305.20050", "Appendix F")

TEMPERATURE: Final = Parameter(
    "temperature", "number", 0.1, "Temperature", "0 is the minimum; large is the mean", minimum=0.0, maximum=1e6
)
TAU: Final = Parameter(
    "tau", "number", 0.5, "Worst share", "1 is the mean; towards 0 is the minimum", minimum=1e-6, maximum=1.0
)


def soft_minimum_weights(rows: Rows, temperature: float) -> Floats:
    """``softmax(-p / T)`` over each output's scored segments: shape (N,), 0 on unscored ones.

    At T = 0 those that share the minimum share the weight.
    """
    if not temperature >= 0:
        raise ValueError(f"temperature {temperature:g}: expected at least 0")
    above = np.where(rows.scored, rows.values - rows.smallest()[rows.level.output], np.inf)
    if temperature > 0:
        # Far above the minimum the exponent leaves the range of floats, and the weight is 0.
        with np.errstate(over="ignore"):
            weights = np.exp(-(above / temperature))
    else:
        weights = (above == 0).astype(np.float64)
    total = np.bincount(rows.level.output, weights, minlength=len(rows))
    # Where nothing is scored there is nothing to share.
    return weights / np.where(total > 0, total, 1.0)[rows.level.output]


def min_form(steps: Rows, temperature: float = 0.1) -> Rows:
    """``r*_k = softmax(-p / T)_k p_k``: step rewards whose sum is the soft minimum (PURE, arXiv 2504.15275).

    Parameters
    ----------
    steps : Rows
        Step rewards p, in the paper P(right) - P(wrong) in [-1, 1].
    temperature : float
        T, 0.1 in the paper. T = 0: those that share the minimum share it.

    Returns
    -------
    Rows
        On the same segments. Unscored steps stay unscored and have no part in the softmax.
    """
    return steps.with_values(soft_minimum_weights(steps, temperature) * steps.values)


def aggregate_steps(
    steps: Rows, how: str = "min", temperature: float = 0.1, discount: float = 1.0, unscored: str = "unscored"
) -> Rows:
    """One number for all steps of an output.

    ``sum``: sum_k d^(k-1) p_k with the discount d (1: the plain sum). ``mean``, ``min``, ``max``, ``last``,
    ``product``: as they say; products of step probabilities and minima are the two solution scores of Let's Verify
    Step by Step (arXiv 2305.20050, Appendix F). ``soft_min``: sum_k softmax(-p / T)_k p_k (PURE, arXiv 2504.15275).

    Parameters
    ----------
    how : {"sum", "mean", "min", "soft_min", "max", "last", "product"}
    temperature : float
        T of ``soft_min``.
    discount : float
        d of ``sum``; a step counts by its place in the output, scored or not.
    unscored : {"unscored", "skip"}
        Where a step has no number: the output has none either, or it is made of the others. ``last`` needs only the
        last step, and with ``skip`` takes the last one that is scored.

    Returns
    -------
    Rows
        One number an output; NaN for an output without steps.
    """
    values = _AGGREGATES[how](steps, temperature, discount)
    if how == "last" and unscored == "unscored":
        final = np.full(len(steps), np.nan)
        final[steps.level.counts > 0] = steps.values[steps.level.last]
        return Rows.scalars(final)
    return Rows.scalars(np.where(answered(steps, unscored), values, np.nan))


def _sum(steps: Rows, temperature: float, discount: float) -> Floats:
    place = np.arange(steps.level.size) - steps.level.starts[steps.level.output]
    return steps.with_values(steps.values * discount**place).total()


def _soft_min(steps: Rows, temperature: float, discount: float) -> Floats:
    return min_form(steps, temperature).total()


def _last(steps: Rows, temperature: float, discount: float) -> Floats:
    result = np.full(len(steps), np.nan)
    scored = np.flatnonzero(steps.scored)
    # Later segments overwrite earlier ones of the same output.
    result[steps.level.output[scored]] = steps.values[scored]
    return result


def _product(steps: Rows, temperature: float, discount: float) -> Floats:
    result = np.ones(len(steps))
    filled = steps.level.counts > 0
    if filled.any():
        factors = np.where(steps.scored, steps.values, 1.0)
        result[filled] = np.multiply.reduceat(factors, steps.level.starts[:-1][filled])
    return result


_AGGREGATES: Final[Mapping[str, Callable[[Rows, float, float], Floats]]] = {
    "sum": _sum,
    "mean": lambda steps, temperature, discount: steps.mean(),
    "min": lambda steps, temperature, discount: steps.smallest(),
    "soft_min": _soft_min,
    "max": lambda steps, temperature, discount: steps.largest(),
    "last": _last,
    "product": _product,
}


def check_tau(tau: float) -> None:
    """ValueError unless 0 < tau <= 1."""
    if not 0 < tau <= 1:
        raise ValueError(f"tau {tau:g}: expected above 0 and at most 1")


def cvar_steps(steps: Rows, tau: float = 0.5, unscored: str = "unscored") -> Rows:
    """Conditional value at risk: the mean of the worst share tau of an output's steps (Rockafellar and Uryasev 2000).

    With K sorted steps p_(1) <= ... <= p_(K), ``CVaR_tau = sum_i min(max(tau K - (i - 1), 0), 1) p_(i) / (tau K)``: the
    step at the edge counts in part. tau = 1 is the mean, tau <= 1 / K the minimum. The static form beside the iterated
    one of arXiv 2307.02842.

    Parameters
    ----------
    tau : float
        In (0, 1].
    unscored : {"unscored", "skip"}

    Returns
    -------
    Rows
        One number an output; NaN for an output without steps.
    """
    check_tau(tau)
    level, n_steps = steps.level, steps.n_scored()
    # NaN sorts to the end of its output, where no mass is left.
    ordered = along(
        level.starts, steps.values, lambda values, inside: np.sort(np.where(inside, values, np.nan), axis=1)
    )
    place = np.arange(level.size) - level.starts[level.output]
    mass = (tau * n_steps)[level.output]
    weights = np.clip(mass - place, 0.0, 1.0)
    worst = np.where(weights > 0, ordered, 0.0)
    total = np.bincount(level.output, weights * worst, minlength=len(steps))
    answers = answered(steps, unscored)
    return Rows.scalars(np.where(answers, total / np.where(n_steps > 0, tau * n_steps, 1.0), np.nan))


def cvar_terms(terms: tuple[Rows, ...], tau: float = 0.5, unscored: str = "unscored") -> Rows:
    """Conditional value at risk over several judges or samples of the same thing, element by element.

    ``CVaR_tau = sum_i min(max(tau K - (i - 1), 0), 1) r_(i) / (tau K)`` over the sorted r_(1) <= ... <= r_(K)
    (Rockafellar and Uryasev 2000; static beside the iterated form of arXiv 2307.02842). tau = 1 is the mean,
    tau <= 1 / K the worst.

    Parameters
    ----------
    terms : tuple of Rows, length K
        All on the same segments.
    tau : float
        In (0, 1].
    unscored : {"unscored", "skip"}
        Where a term has no number: there is none, or the others are used.

    Raises
    ------
    ValueError
        Where terms stand on different segments.
    """
    check_tau(tau)
    same_level(terms)
    # NaN sorts to the end, where no mass is left.
    ordered = np.sort(np.stack([term.values for term in terms]), axis=0)
    mass = tau * n_scored(terms)
    weights = np.clip(mass - np.arange(len(terms))[:, None], 0.0, 1.0)
    total = (weights * np.where(weights > 0, ordered, 0.0)).sum(axis=0)
    return voided(total / np.where(mass > 0, mass, 1.0), terms, unscored)


_HOW: Final = Parameter(
    "how",
    "choice",
    "min",
    "Fold by",
    choices=(
        ("sum", "Sum"),
        ("mean", "Mean"),
        ("min", "Minimum"),
        ("soft_min", "Soft minimum"),
        ("max", "Maximum"),
        ("last", "Last"),
        ("product", "Product"),
    ),
)

OPERATORS: Final = (
    Operator(
        name="aggregate_steps",
        label="One number for all steps",
        family=Family.STEPS,
        summary="Folds the numbers of an output's steps into one: a sum invites filler steps, a minimum does not.",
        formula="r = sum_k d^(k-1) p_k, or mean, min, sum_k softmax(-p/T)_k p_k, max, p_K, prod_k p_k",
        papers=(PURE, VERIFY),
        slots=(Slot("steps", "Steps", accepts="dense"),),
        parameters=(
            _HOW,
            TEMPERATURE,
            Parameter("discount", "number", 1.0, "Discount", "Of the sum", minimum=0.0, maximum=1.0),
            UNSCORED,
        ),
        apply=aggregate_steps,
        gives="output",
    ),
    Operator(
        name="min_form",
        label="Min form",
        family=Family.STEPS,
        summary="Reweights step rewards so that their sum is close to the worst step.",
        formula="r*_k = softmax(-p / T)_k p_k",
        papers=(PURE,),
        slots=(Slot("steps", "Steps", accepts="dense"),),
        parameters=(TEMPERATURE,),
        apply=min_form,
    ),
    Operator(
        name="cvar_steps",
        label="Worst share of the steps",
        family=Family.STEPS,
        summary="Mean of the worst share of an output's steps, between the minimum and the mean.",
        formula="r = CVaR_tau(p_1 ... p_K), the mean of the lowest tau K steps",
        papers=(ITERATED_CVAR,),
        slots=(Slot("steps", "Steps", accepts="dense"),),
        parameters=(TAU, UNSCORED),
        apply=cvar_steps,
        gives="output",
    ),
    Operator(
        name="cvar_terms",
        label="Worst share of several rewards",
        family=Family.ENSEMBLE,
        summary="Mean of the worst share of several judges or samples, element by element.",
        formula="r = CVaR_tau(r_1 ... r_K), the mean of the lowest tau K terms",
        papers=(ITERATED_CVAR,),
        slots=(Slot("terms", "Terms", many=True),),
        parameters=(TAU, UNSCORED_TERMS),
        apply=cvar_terms,
    ),
)
