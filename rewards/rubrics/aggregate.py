"""From verdicts to a score: the named aggregations of the field, side by side because they disagree.

A verdict is the share of a criterion that an output earns, in [0, 1]: the probability that it is met, a hard 0 or 1,
or the value of a level. NaN is no verdict: such a criterion enters neither the numerator nor the denominator, so that
a judge's failure is never a 0, and every score says of how many it is made. What a rater said could not be assessed
may count otherwise (`CANNOT_ASSESS`); what a judge failed to answer never does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.rubrics.content import IMPORTANCE_WEIGHTS, Criterion, RubricContent
from rewards.rubrics.rules import AGGREGATIONS, Aggregation, Floats

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MUST_HAVE_THRESHOLD = 0.5

CannotAssess = Literal["skip", "zero", "partial", "fail"]
Gate = Literal["to_zero", "off"]

CANNOT_ASSESS: Final[Mapping[CannotAssess, str]] = {
    "skip": "Left out, of earned and possible points alike",
    "zero": "Counts as not met",
    "partial": "Earns a share where it is positive; a penalty is not incurred",
    "fail": "Counts as the worst answer: a penalty is incurred",
}
"""What a criterion counts that a rater said could not be assessed: the strategies of autorubric, by its names."""

GATES: Final[Mapping[Gate, str]] = {
    "to_zero": "A must-have that is not met takes the score to 0",
    "off": "A must-have only weighs what it weighs",
}


@dataclass(frozen=True)
class Handling:
    """What is done with criteria that could not be assessed, and with must-haves.

    Attributes
    ----------
    cannot_assess : {"skip", "zero", "partial", "fail"}
        See `CANNOT_ASSESS`. All but ``skip`` keep the criterion among the possible points.
    partial_credit : float
        In [0, 1]: what ``partial`` earns.
    gate : {"to_zero", "off"}
        See `GATES`.
    """

    cannot_assess: CannotAssess = "skip"
    partial_credit: float = 0.5
    gate: Gate = "to_zero"

    def __post_init__(self) -> None:
        if self.cannot_assess not in CANNOT_ASSESS:
            raise ValueError(f"cannot_assess {self.cannot_assess!r}: expected one of {list(CANNOT_ASSESS)}")
        if self.gate not in GATES:
            raise ValueError(f"gate {self.gate!r}: expected one of {list(GATES)}")
        if not 0 <= self.partial_credit <= 1:
            raise ValueError(f"partial_credit {self.partial_credit}: expected 0 to 1")


USUAL: Final = Handling()


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
    n_filled : ndarray of int64, shape (n,)
        Criteria that could not be assessed and count all the same; they are not among ``n_scored``.
    """

    values: Floats
    n_scored: Ints
    n_total: int
    gated_by: Ints
    ungated: Ints
    n_filled: Ints
    keys: tuple[str, ...]
    undefined: str

    def __len__(self) -> int:
        return len(self.values)

    def row(self, index: int) -> AggregateScore:
        """One output's score, with its reason in words."""
        value, gate, open_gate = float(self.values[index]), int(self.gated_by[index]), int(self.ungated[index])
        n_scored, n_filled = int(self.n_scored[index]), int(self.n_filled[index])
        reason = ""
        if gate >= 0:
            reason = f"must-have {self.keys[gate]} is not met"
        elif np.isnan(value):
            reason = self.undefined if n_scored + n_filled else "no criterion has a verdict"
        elif open_gate >= 0:
            reason = f"must-have {self.keys[open_gate]} has no verdict, so it did not gate"
        elif n_filled:
            reason = f"{n_filled} of {self.n_total} could not be assessed and count all the same"
        return AggregateScore(
            value=None if np.isnan(value) else value,
            n_scored=n_scored,
            n_total=self.n_total,
            gated_by=self.keys[gate] if gate >= 0 else None,
            reason=reason,
        )


def aggregate(
    content: RubricContent,
    verdicts: Mapping[str, float | None],
    aggregation: str = "rar_explicit",
    *,
    not_applicable: Sequence[str] = (),
    handling: Handling = USUAL,
) -> AggregateScore:
    """Aggregate one output's verdicts by criterion key; None, NaN or a missing key is no verdict.

    Parameters
    ----------
    not_applicable : sequence of str
        Keys of criteria that the rater said could not be assessed; `handling` says what they count.

    Raises
    ------
    ValueError
        For an unknown key or aggregation, or a verdict outside [0, 1].
    """
    unknown = sorted({*verdicts, *not_applicable} - set(content.keys))
    if unknown:
        raise ValueError(f"verdicts of {unknown}: expected keys of the rubric, {list(content.keys)}")
    given = [verdicts.get(key) for key in content.keys]
    row = np.array([np.nan if verdict is None else verdict for verdict in given], dtype=np.float64)
    flags = np.array([[key in not_applicable for key in content.keys]])
    return aggregate_many(content, row[None, :], aggregation, not_applicable=flags, handling=handling).row(0)


def aggregate_many(
    content: RubricContent,
    verdicts: npt.ArrayLike,
    aggregation: str = "rar_explicit",
    weights: Sequence[float] | None = None,
    *,
    not_applicable: npt.ArrayLike | None = None,
    handling: Handling = USUAL,
) -> AggregateScores:
    """Aggregate the verdicts of many outputs at once, without a loop over them.

    Where must-haves gate and the verdict of one is below `MUST_HAVE_THRESHOLD`, the score is the lower of 0 and what
    it would have been. A must-have without a verdict does not gate, and the score says so.

    Parameters
    ----------
    content : RubricContent
        k criteria.
    verdicts : array_like of float, shape (n, k)
        In [0, 1]; NaN for no verdict.
    aggregation : str
        A name in `AGGREGATIONS`.
    weights : sequence of float, length k, optional
        In place of the rubric's effective weights, to try out others. A rule that brings its own weights keeps them.
    not_applicable : array_like of bool, shape (n, k), optional
        Where a rater said that it could not be assessed; only cells without a verdict are looked at.
    handling : Handling
        What those count, and whether must-haves gate.

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
    used = _used_weights(content, rule, weights)
    n_scored = np.count_nonzero(~np.isnan(matrix), axis=1).astype(np.int64)
    matrix = _filled(content, matrix, _checked_flags(matrix, not_applicable), used, handling)
    values = rule.formula(_ranks(content, matrix) if rule.uses_ranks else matrix, used)
    gated_by, ungated = _gates(content, matrix, handling)
    return AggregateScores(
        values=np.where(gated_by >= 0, np.fmin(values, 0.0), values),
        n_scored=n_scored,
        n_total=len(content.criteria),
        gated_by=gated_by,
        ungated=ungated,
        n_filled=np.count_nonzero(~np.isnan(matrix), axis=1).astype(np.int64) - n_scored,
        keys=content.keys,
        undefined=rule.undefined,
    )


def _used_weights(content: RubricContent, rule: Aggregation, weights: Sequence[float] | None) -> Floats:
    given = np.array(content.weights if weights is None else weights, dtype=np.float64)
    if given.shape != (len(content.criteria),) or not np.isfinite(given).all():
        raise ValueError(f"weights {given.tolist()}: expected {len(content.criteria)} finite numbers")
    return _category_weights(content) if rule.weighs_by_category else given


def _gates(content: RubricContent, matrix: Floats, handling: Handling) -> tuple[Ints, Ints]:
    """Of each output: the first must-have that it fails, and the first without a verdict; -1 for none."""
    closes = handling.gate == "to_zero"
    must_have = np.array([criterion.must_have and closes for criterion in content.criteria], dtype=bool)
    return _first(must_have & (matrix < MUST_HAVE_THRESHOLD)), _first(must_have & np.isnan(matrix))


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


def _checked_flags(matrix: Floats, not_applicable: npt.ArrayLike | None) -> Flags:
    flags = np.zeros(matrix.shape, dtype=bool) if not_applicable is None else np.asarray(not_applicable, dtype=bool)
    if flags.shape != matrix.shape:
        raise ValueError(f"not_applicable of shape {flags.shape}: expected that of the verdicts, {matrix.shape}")
    return flags & np.isnan(matrix)


def _filled(
    content: RubricContent, matrix: Floats, not_applicable: Flags, weights: Floats, handling: Handling
) -> Floats:
    """The verdicts with what could not be assessed put in as the strategy says (autorubric's `score_reports`)."""
    if handling.cannot_assess == "skip" or not not_applicable.any():
        return matrix
    positive = ~(weights < 0)
    if handling.cannot_assess == "zero":
        counted = np.zeros(len(weights))
    elif handling.cannot_assess == "partial":
        counted = np.where(positive, handling.partial_credit, 0.0)
    else:
        levels = [_level_values(criterion) for criterion in content.criteria]
        lowest = np.array([steps[0] if len(steps) else 0.0 for steps in levels])
        highest = np.array([steps[-1] if len(steps) else 1.0 for steps in levels])
        counted = np.where(positive, lowest, highest)
    return np.where(not_applicable, counted[None, :], matrix)


def _category_weights(content: RubricContent) -> Floats:
    """By category; NaN where a criterion has none."""
    return np.array(
        [IMPORTANCE_WEIGHTS[each.importance] if each.importance else np.nan for each in content.criteria],
        dtype=np.float64,
    )


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
