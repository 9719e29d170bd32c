"""The scoring rules of the field as formulas over verdicts and weights, and their registry.

A verdict is in [0, 1]; NaN is no verdict and enters neither the numerator nor the denominator.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rewards.rubrics.content import RubricContent

Floats = npt.NDArray[np.float64]


def rar_explicit(values: Floats, weights: Floats) -> Floats:
    """Rubrics as Rewards, explicit aggregation: ``sum w_j c_j / sum w_j`` (arXiv 2507.17746, Eq. 1).

    Pitfalls are phrased positively ("avoids ...") and add when they are met. Where a criterion has no weight of its
    own, its importance gives it: Essential 1, Important 0.7, Optional 0.3, Pitfall 0.9; the paper itself uses only
    these. Undefined with a negative weight, which the equation has no place for.
    """
    if (weights < 0).any():
        return np.full(len(values), np.nan)
    return _ratio(_earned(values, weights), _weight_of_scored(values, weights))


def healthbench(values: Floats, weights: Floats) -> Floats:
    """HealthBench: ``sum points x met / sum of the positive points`` (simple-evals, ``calculate_score``).

    Below 0 where penalties outweigh; the benchmark clips only the mean over a data set. Undefined where no criterion
    with a verdict has positive points.
    """
    return _ratio(_earned(values, weights), _weight_of_scored(values, np.maximum(weights, 0.0)))


def absolute_weights(values: Floats, weights: Floats) -> Floats:
    """Open-instruct: ``sum w_j s_j / sum |w_j|``; in [-1, 1], and less than 1 at best where there are penalties."""
    return _ratio(_earned(values, weights), _weight_of_scored(values, np.abs(weights)))


def normalised_rank(values: Floats, weights: Floats) -> Floats:
    """Verifiers: ``sum w_j rank_j / (n_j - 1) / sum w_j``, with the rank of the level among the n_j of its criterion.

    The levels' own values only order them, so a scale counts as evenly spaced. A verdict between two levels (an
    expected value) is interpolated. Binary criteria have two levels. Undefined with a negative weight. ``values`` hold
    the ranks divided by ``n_j - 1``.
    """
    return rar_explicit(values, weights)


def penalty_aware(values: Floats, weights: Floats) -> Floats:
    """Autorubric: ``sum w_j s_j / sum of positive w_j`` clipped to [0, 1]; for a rubric of penalties alone
    ``1 + sum w_j s_j / sum |w_j|``, so that an output without any fault scores 1 and not a constant 0.

    The rubric decides which of the two applies, not which verdicts happen to be there.
    """
    if (weights > 0).any():
        return np.clip(healthbench(values, weights), 0.0, 1.0)
    return 1.0 + absolute_weights(values, weights)


def rar_category(values: Floats, weights: Floats) -> Floats:
    """Rubrics as Rewards by category alone: the same sum with Essential 1, Important 0.7, Optional 0.3, Pitfall 0.9.

    The paper's own weights (arXiv 2507.17746): the whole numbers that its data sets give beside the categories are not
    used, nor are weights of the rubric's own. Undefined where a criterion has no category.
    """
    if np.isnan(weights).any():
        return np.full(len(values), np.nan)
    return rar_explicit(values, weights)


def unweighted(values: Floats, weights: Floats) -> Floats:
    """Unweighted: ``mean of s_j``, of a penalty ``1 - s_j``: the share of criteria that come out well.

    Of a weight only its sign counts; a criterion that weighs 0 is left out.
    """
    well = np.where(weights >= 0, values, 1.0 - values)
    return rar_explicit(well, np.abs(np.sign(weights)))


def weighted_sum(values: Floats, weights: Floats) -> Floats:
    """Weighted sum: ``sum w_j s_j``, as Chasing the Tail (Zhang et al. 2025) adds up the weights of the items met.

    Not divided by anything, so it compares outputs of one rubric only, and only with a verdict on every criterion:
    undefined where one is missing (the authors' code counts it as not met).
    """
    result = _earned(values, weights)
    result[np.isnan(values).any(axis=1)] = np.nan
    return result


@dataclass(frozen=True)
class Aggregation:
    """One entry of the registry.

    Attributes
    ----------
    name, title : str
    formula : callable
        From verdicts, shape (n, k), and weights, shape (k,), to scores, shape (n,).
    undefined : str
        When there is no score although there are verdicts.
    uses_ranks : bool
        The formula is given ranks of levels in place of their values.
    weighs_by_category : bool
        The formula is given the weights of the categories, NaN where a criterion has none.
    """

    name: str
    title: str
    formula: Callable[[Floats, Floats], Floats]
    undefined: str
    uses_ranks: bool = False
    weighs_by_category: bool = False

    @property
    def description(self) -> str:
        return " ".join((self.formula.__doc__ or "").split())


_NO_NEGATIVE = "a criterion has a negative weight, or all weights of the verdicts are 0"
AGGREGATIONS: dict[str, Aggregation] = {
    aggregation.name: aggregation
    for aggregation in (
        Aggregation("rar_explicit", "Rubrics as Rewards, explicit", rar_explicit, _NO_NEGATIVE),
        Aggregation(
            "rar_category",
            "Rubrics as Rewards, by category",
            rar_category,
            "a criterion has no category (Essential, Important, Optional or Pitfall)",
            weighs_by_category=True,
        ),
        Aggregation("unweighted", "Unweighted", unweighted, "all weights of the verdicts are 0"),
        Aggregation("healthbench", "HealthBench", healthbench, "no criterion with a verdict has a positive weight"),
        Aggregation("absolute_weights", "Absolute weights", absolute_weights, "all weights of the verdicts are 0"),
        Aggregation("normalised_rank", "Normalised rank", normalised_rank, _NO_NEGATIVE, uses_ranks=True),
        Aggregation(
            "penalty_aware", "Penalty-aware", penalty_aware, "no verdict on a criterion with a weight that counts"
        ),
        Aggregation(
            "weighted_sum",
            "Weighted sum",
            weighted_sum,
            "a criterion has no verdict: sums compare only where every one has",
        ),
    )
}


def suggested_aggregation(content: RubricContent) -> str:
    """One that gives a score under this rubric: penalties need a rule that has a place for them."""
    if min(content.weights) >= 0:
        return "rar_explicit"
    return "healthbench" if max(content.weights) > 0 else "penalty_aware"


def _earned(values: Floats, weights: Floats) -> Floats:
    # Not a matrix product: its rounding depends on how many outputs there are, and a score must not.
    return np.asarray((np.nan_to_num(values) * weights).sum(axis=1), dtype=np.float64)


def _weight_of_scored(values: Floats, weights: Floats) -> Floats:
    return np.asarray((~np.isnan(values) * weights).sum(axis=1), dtype=np.float64)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    undefined = np.full(len(numerator), np.nan)
    result: Floats = np.divide(numerator, denominator, out=undefined, where=denominator > 0)
    return result
