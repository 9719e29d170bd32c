"""From verdicts to a score: the named aggregations of the field, side by side because they disagree.

A verdict is the share of a criterion that an output earns, in [0, 1]: the probability that it is met, a hard 0 or 1,
or the value of a level. NaN is no verdict (unscored, or "does not apply"): such a criterion enters neither the
numerator nor the denominator, so that a judge's failure is never a 0, and every score says of how many it is made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.rubrics.content import Criterion, RubricContent

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MUST_HAVE_THRESHOLD = 0.5


class AggregateScore(NamedTuple):
    """The score of one output.

    Attributes
    ----------
    value : float or None
        None where the aggregation is undefined; ``reason`` says why.
    n_scored, n_total : int
        How many criteria had a verdict, of how many.
    gated_by : str or None
        The key of the must-have that the output does not meet.
    reason : str
        Why there is no value, why it was lowered, or what is uncertain about it; empty where there is nothing to say.
    """

    value: float | None
    n_scored: int
    n_total: int
    gated_by: str | None
    reason: str


@dataclass(frozen=True)
class AggregateScores:
    """The scores of n outputs under one rubric.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        NaN where undefined.
    n_scored : ndarray of int64, shape (n,)
    n_total : int
    gated_by, ungated : ndarray of int64, shape (n,)
        Index of the first must-have that is not met, and of the first without a verdict; -1 for none.
    """

    values: Floats
    n_scored: Ints
    n_total: int
    gated_by: Ints
    ungated: Ints
    keys: tuple[str, ...]
    undefined: str

    def __len__(self) -> int:
        return len(self.values)

    def row(self, index: int) -> AggregateScore:
        """One output's score, with its reason in words."""
        value, gate, open_gate = float(self.values[index]), int(self.gated_by[index]), int(self.ungated[index])
        n_scored = int(self.n_scored[index])
        reason = ""
        if gate >= 0:
            reason = f"must-have {self.keys[gate]} is not met"
        elif np.isnan(value):
            reason = self.undefined if n_scored else "no criterion has a verdict"
        elif open_gate >= 0:
            reason = f"must-have {self.keys[open_gate]} has no verdict, so it did not gate"
        return AggregateScore(
            value=None if np.isnan(value) else value,
            n_scored=n_scored,
            n_total=self.n_total,
            gated_by=self.keys[gate] if gate >= 0 else None,
            reason=reason,
        )


def aggregate(
    content: RubricContent, verdicts: Mapping[str, float | None], aggregation: str = "rar_explicit"
) -> AggregateScore:
    """Aggregate one output's verdicts by criterion key; None, NaN or a missing key is no verdict.

    Raises
    ------
    ValueError
        For an unknown key or aggregation, or a verdict outside [0, 1].
    """
    unknown = sorted(set(verdicts) - set(content.keys))
    if unknown:
        raise ValueError(f"verdicts of {unknown}: expected keys of the rubric, {list(content.keys)}")
    given = [verdicts.get(key) for key in content.keys]
    row = np.array([np.nan if verdict is None else verdict for verdict in given], dtype=np.float64)
    return aggregate_many(content, row[None, :], aggregation).row(0)


def aggregate_many(
    content: RubricContent,
    verdicts: npt.ArrayLike,
    aggregation: str = "rar_explicit",
    weights: Sequence[float] | None = None,
) -> AggregateScores:
    """Aggregate the verdicts of many outputs at once, without a loop over them.

    A must-have gates: where its verdict is below `MUST_HAVE_THRESHOLD`, the score is the lower of 0 and what it would
    have been. A must-have without a verdict does not gate, and the score says so.

    Parameters
    ----------
    content : RubricContent
        k criteria.
    verdicts : array_like of float, shape (n, k)
        In [0, 1]; NaN for no verdict.
    aggregation : str
        A name in `AGGREGATIONS`.
    weights : sequence of float, length k, optional
        In place of the rubric's effective weights, to try out others.

    Returns
    -------
    AggregateScores

    Raises
    ------
    ValueError
        For another shape, a verdict outside [0, 1], an unknown aggregation, or a weight that is not finite.
    """
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation {aggregation!r}: expected one of {sorted(AGGREGATIONS)}")
    rule, matrix = AGGREGATIONS[aggregation], _checked_verdicts(content, verdicts)
    used = np.array(content.weights if weights is None else weights, dtype=np.float64)
    if used.shape != (len(content.criteria),) or not np.isfinite(used).all():
        raise ValueError(f"weights {used.tolist()}: expected {len(content.criteria)} finite numbers")
    values = rule.formula(_ranks(content, matrix) if rule.uses_ranks else matrix, used)
    must_have = np.array([criterion.must_have for criterion in content.criteria], dtype=bool)
    gated_by = _first(must_have & (matrix < MUST_HAVE_THRESHOLD))
    gated = gated_by >= 0
    values[gated] = np.fmin(values[gated], 0.0)
    return AggregateScores(
        values=values,
        n_scored=np.count_nonzero(~np.isnan(matrix), axis=1).astype(np.int64),
        n_total=len(content.criteria),
        gated_by=gated_by,
        ungated=_first(must_have & np.isnan(matrix)),
        keys=content.keys,
        undefined=rule.undefined,
    )


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


@dataclass(frozen=True)
class Aggregation:
    """One entry of the registry; ``undefined`` says when there is no score although there are verdicts."""

    name: str
    title: str
    formula: Callable[[Floats, Floats], Floats]
    undefined: str
    uses_ranks: bool = False

    @property
    def description(self) -> str:
        return " ".join((self.formula.__doc__ or "").split())


_NO_NEGATIVE = "a criterion has a negative weight, or all weights of the verdicts are 0"
AGGREGATIONS: dict[str, Aggregation] = {
    aggregation.name: aggregation
    for aggregation in (
        Aggregation("rar_explicit", "Rubrics as Rewards, explicit", rar_explicit, _NO_NEGATIVE),
        Aggregation("healthbench", "HealthBench", healthbench, "no criterion with a verdict has a positive weight"),
        Aggregation("absolute_weights", "Absolute weights", absolute_weights, "all weights of the verdicts are 0"),
        Aggregation("normalised_rank", "Normalised rank", normalised_rank, _NO_NEGATIVE, uses_ranks=True),
        Aggregation(
            "penalty_aware", "Penalty-aware", penalty_aware, "no verdict on a criterion with a weight that counts"
        ),
    )
}


def _checked_verdicts(content: RubricContent, verdicts: npt.ArrayLike) -> Floats:
    matrix = np.asarray(verdicts, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(content.criteria):
        raise ValueError(f"verdicts of shape {matrix.shape}: expected (outputs, {len(content.criteria)} criteria)")
    outside = (matrix < 0) | (matrix > 1)
    if outside.any():
        row, column = (int(index) for index in np.argwhere(outside)[0])
        key = content.keys[column]
        raise ValueError(f"verdict {matrix[row, column]:g} of output {row} on {key}: expected 0 to 1")
    return matrix


def _earned(values: Floats, weights: Floats) -> Floats:
    # Not a matrix product: its rounding depends on how many outputs there are, and a score must not.
    return np.asarray((np.nan_to_num(values) * weights).sum(axis=1), dtype=np.float64)


def _weight_of_scored(values: Floats, weights: Floats) -> Floats:
    return np.asarray((~np.isnan(values) * weights).sum(axis=1), dtype=np.float64)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    undefined = np.full(len(numerator), np.nan)
    result: Floats = np.divide(numerator, denominator, out=undefined, where=denominator > 0)
    return result


def _ranks(content: RubricContent, matrix: Floats) -> Floats:
    """Replace level values by rank / (n - 1); a criterion with fewer than two distinct levels keeps its verdicts."""
    ranked = matrix.copy()
    for column, criterion in enumerate(content.criteria):
        steps = _level_values(criterion)
        if len(steps) > 1:
            ranked[:, column] = np.interp(matrix[:, column], steps, np.linspace(0.0, 1.0, len(steps)))
    return ranked


def _level_values(criterion: Criterion) -> Floats:
    return np.unique(np.array([level.value for level in criterion.levels if level.value is not None], dtype=np.float64))


def _first(matrix: npt.NDArray[np.bool_]) -> Ints:
    """By row, the index of the first True column, or -1."""
    if matrix.shape[1] == 0:
        return np.full(len(matrix), -1, dtype=np.int64)
    return np.where(matrix.any(axis=1), matrix.argmax(axis=1), -1).astype(np.int64)
