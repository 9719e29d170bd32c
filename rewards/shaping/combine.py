"""Several rewards made one, segment by segment: sums, mixtures, products, extremes and logic."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Rows
from rewards.shaping.terms import UNSCORED, check_range, n_scored, same_level, voided

WEIGHT: Final = Parameter("weight", "number", 1.0, "Weight", minimum=-1000.0, maximum=1000.0)
SHARE: Final = Parameter("weight", "number", 1.0, "Weight", minimum=0.0, maximum=1000.0)
THRESHOLD: Final = Parameter("threshold", "number", 0.5, "Holds from", "The term holds where it is at least this.")


def weighted_sum(terms: Sequence[Rows], weights: Sequence[float], unscored: str = "unscored") -> Rows:
    """``r = sum_k w_k r_k``, element by element (Fine-Grained RLHF, arXiv 2306.01693, Eq. 1).

    Parameters
    ----------
    terms : sequence of Rows, length k
        All on the same segments.
    weights : sequence of float, length k
    unscored : {"unscored", "skip"}
        Where one term has no number: the sum has none either, or it is the sum of the others.

    Raises
    ------
    ValueError
        Where terms stand on different segments.
    """
    level = same_level(terms)
    total = np.zeros(level.size)
    with np.errstate(over="ignore"):
        for term, weight in zip(terms, weights, strict=True):
            total += weight * np.where(term.scored, term.values, 0.0)
    return voided(total, terms, unscored)


def simplex_mixture(terms: Sequence[Rows], weights: Sequence[float], unscored: str = "unscored") -> Rows:
    """``r = sum_k w_k r_k / sum_k w_k`` with ``w_k >= 0``: a point of the simplex (MODPO, arXiv 2310.03708).

    The mixture stays between the smallest and the largest term, and does not change when all weights are doubled.

    Parameters
    ----------
    terms : sequence of Rows, length k
        All on the same segments.
    weights : sequence of float, length k
    unscored : {"unscored", "skip"}
        Where one term has no number: the mixture has none, or the weights of the others are brought to a sum of 1;
        if those are all 0 there is none either.

    Raises
    ------
    ValueError
        For a weight below 0, weights that are all 0, or terms on different segments.
    """
    if min(weights) < 0 or not sum(weights):
        raise ValueError("weights: expected none below 0 and at least one above")
    level = same_level(terms)
    total, weight_of_scored = np.zeros(level.size), np.zeros(level.size)
    for term, weight in zip(terms, weights, strict=True):
        share = weight / sum(weights)
        total += share * np.where(term.scored, term.values, 0.0)
        weight_of_scored += share * term.scored
    if unscored == "skip":
        total = _divided(total, weight_of_scored)
    return voided(total, terms, unscored)


def sum_of_products(
    terms: Sequence[Rows], factors: Sequence[Rows], normalised: bool = True, unscored: str = "unscored"
) -> Rows:
    """``r = sum_k g_k r_k``: weights that change from output to output (the gating of ArmoRM, arXiv 2406.12845).

    Parameters
    ----------
    terms, factors : sequences of Rows, both of length k
        All on the same segments.
    normalised : bool
        Divide by ``sum_k g_k``; then every factor must be at least 0, and where they sum to 0 there is no result.
    unscored : {"unscored", "skip"}
        Where a term or its factor has no number: there is no result, or that of the other pairs.

    Raises
    ------
    ValueError
        For another number of factors than terms, different segments, or a factor below 0 where they are normalised.
    """
    if len(terms) != len(factors):
        raise ValueError(f"{len(factors)} factors for {len(terms)} terms: expected one each")
    level = same_level([*terms, *factors])
    total, weight = np.zeros(level.size), np.zeros(level.size)
    pairs: list[Rows] = []
    with np.errstate(over="ignore"):
        for term, factor in zip(terms, factors, strict=True):
            if normalised:
                check_range("factors", factor, 0.0, np.inf)
            pairs.append(term.with_values(term.values * factor.values))
            total += np.where(pairs[-1].scored, pairs[-1].values, 0.0)
            if normalised:
                weight += np.where(pairs[-1].scored, factor.values, 0.0)
    return voided(_divided(total, weight) if normalised else total, pairs, unscored)


def product(terms: Sequence[Rows], unscored: str = "unscored") -> Rows:
    """``r = prod_k r_k``, element by element (CRM, arXiv 2511.09158: a conciseness that counts only where correct).

    Parameters
    ----------
    terms : sequence of Rows
        All on the same segments.
    unscored : {"unscored", "skip"}
        Where one term has no number: the product has none, or it is that of the others.

    Raises
    ------
    ValueError
        For different segments, or a product too large for a number.
    """
    result = np.ones(same_level(terms).size)
    with np.errstate(over="ignore"):
        for term in terms:
            result *= np.where(term.scored, term.values, 1.0)
    return voided(result, terms, unscored)


def minimum(terms: Sequence[Rows], unscored: str = "unscored") -> Rows:
    """``r = min_k r_k``, element by element: the weakest of several objectives (MaxMin-RLHF, arXiv 2402.08925).

    Parameters
    ----------
    terms : sequence of Rows
        All on the same segments.
    unscored : {"unscored", "skip"}
        Where one term has no number: there is no minimum, or that of the others.

    Raises
    ------
    ValueError
        Where terms stand on different segments.
    """
    return _extreme(np.fmin, terms, unscored)


def maximum(terms: Sequence[Rows], unscored: str = "unscored") -> Rows:
    """``r = max_k r_k``, element by element: common practice for alternatives of which one must succeed.

    Parameters and errors are those of `minimum`.
    """
    return _extreme(np.fmax, terms, unscored)


def logical_and(terms: Sequence[Rows], thresholds: Sequence[float], unscored: str = "unscored") -> Rows:
    """``r = prod_k 1[r_k >= c_k]``: 1 where every term holds (Spurious Rewards, arXiv 2506.10947: format and outcome).

    Parameters
    ----------
    terms : sequence of Rows, length k
        All on the same segments.
    thresholds : sequence of float, length k
    unscored : {"unscored", "skip", "decided"}
        Where one term has no number: there is no result; that of the others; or, as in three-valued logic, 0 where
        another term fails already and none otherwise.

    Raises
    ------
    ValueError
        Where terms stand on different segments.
    """
    return _logic(terms, thresholds, unscored, decisive=False)


def logical_or(terms: Sequence[Rows], thresholds: Sequence[float], unscored: str = "unscored") -> Rows:
    """``r = 1 - prod_k 1[r_k < c_k]``: 1 where a term holds; common practice for several verifiers of one answer.

    Parameters and errors are those of `logical_and`; what decides early is a term that holds.
    """
    return _logic(terms, thresholds, unscored, decisive=True)


def _extreme(smaller_or_larger: np.ufunc, terms: Sequence[Rows], unscored: str) -> Rows:
    result = np.full(same_level(terms).size, np.nan)
    for term in terms:
        smaller_or_larger(result, term.values, out=result)
    return voided(result, terms, unscored)


def _logic(terms: Sequence[Rows], thresholds: Sequence[float], unscored: str, *, decisive: bool) -> Rows:
    """1 or 0; `decisive` is what one term must be for the others not to matter."""
    decided = np.zeros(same_level(terms).size, dtype=bool)
    for term, threshold in zip(terms, thresholds, strict=True):
        decided |= term.scored & ((term.values >= threshold) == decisive)
    result = np.where(decided, float(decisive), float(not decisive))
    if unscored != "decided":
        return voided(result, terms, unscored)
    result[~decided & (n_scored(terms) < len(terms))] = np.nan
    return Rows(terms[0].level, result)


def _divided(values: Floats, by: Floats) -> Floats:
    """NaN where there is nothing to divide by."""
    quotient: Floats = np.divide(values, by, out=np.full(len(values), np.nan), where=by > 0)
    return quotient


_DECIDED: Final = Parameter(
    UNSCORED.name,
    "choice",
    "unscored",
    UNSCORED.label,
    choices=(*UNSCORED.choices, ("decided", "What the others decide, if they do")),
)


OPERATORS: Final = (
    Operator(
        name="weighted_sum",
        label="Weighted sum",
        family=Family.COMBINE,
        summary="Adds rewards on the same segments, each by its weight.",
        formula="r = sum_k w_k r_k",
        papers=(Paper("Fine-Grained Human Feedback Gives Better Rewards", "2306.01693", "Eq. 1"),),
        slots=(Slot("terms", "Terms", many=True, per_term=(WEIGHT,)),),
        parameters=(UNSCORED,),
        apply=weighted_sum,
    ),
    Operator(
        name="simplex_mixture",
        label="Mixture with weights that sum to 1",
        family=Family.COMBINE,
        summary="Averages rewards by weights of at least 0, which are divided by their sum.",
        formula="r = sum_k w_k r_k / sum_k w_k, w_k >= 0",
        papers=(Paper("Beyond One-Preference-Fits-All Alignment: Multi-Objective DPO", "2310.03708"),),
        slots=(Slot("terms", "Terms", many=True, per_term=(SHARE,)),),
        parameters=(UNSCORED,),
        apply=simplex_mixture,
    ),
    Operator(
        name="sum_of_products",
        label="Sum weighted by other rewards",
        family=Family.COMBINE,
        summary="Adds rewards, each weighted by a number of the same output, such as its objective's weight there.",
        formula="r = sum_k g_k r_k / sum_k g_k",
        papers=(Paper("Interpretable Preferences via Multi-Objective Reward Modeling and MoE", "2406.12845"),),
        slots=(Slot("terms", "Terms", many=True), Slot("factors", "Weights", many=True)),
        parameters=(
            Parameter("normalised", "boolean", True, "Divide by the sum of the weights"),
            UNSCORED,
        ),
        apply=sum_of_products,
    ),
    Operator(
        name="product",
        label="Product",
        family=Family.COMBINE,
        summary="Multiplies rewards on the same segments.",
        formula="r = prod_k r_k",
        papers=(Paper("Efficient Reasoning via Reward Model", "2511.09158"),),
        slots=(Slot("terms", "Terms", many=True),),
        parameters=(UNSCORED,),
        apply=product,
    ),
    Operator(
        name="minimum",
        label="Smallest",
        family=Family.COMBINE,
        summary="The smallest of several rewards on each segment.",
        formula="r = min_k r_k",
        papers=(Paper("MaxMin-RLHF: Alignment with Diverse Human Preferences", "2402.08925"),),
        slots=(Slot("terms", "Terms", many=True),),
        parameters=(UNSCORED,),
        apply=minimum,
    ),
    Operator(
        name="maximum",
        label="Largest",
        family=Family.COMBINE,
        summary="The largest of several rewards on each segment.",
        formula="r = max_k r_k",
        papers=(),
        slots=(Slot("terms", "Terms", many=True),),
        parameters=(UNSCORED,),
        apply=maximum,
    ),
    Operator(
        name="logical_and",
        label="All hold",
        family=Family.COMBINE,
        summary="1 where every term reaches its threshold, 0 where one does not.",
        formula="r = prod_k 1[r_k >= c_k]",
        papers=(Paper("Spurious Rewards: Rethinking Training Signals in RLVR", "2506.10947"),),
        slots=(Slot("terms", "Terms", many=True, per_term=(THRESHOLD,)),),
        parameters=(_DECIDED,),
        apply=logical_and,
    ),
    Operator(
        name="logical_or",
        label="One holds",
        family=Family.COMBINE,
        summary="1 where a term reaches its threshold, 0 where none does.",
        formula="r = 1 - prod_k 1[r_k < c_k]",
        papers=(),
        slots=(Slot("terms", "Terms", many=True, per_term=(THRESHOLD,)),),
        parameters=(_DECIDED,),
        apply=logical_or,
    ),
)
