"""From several scorers of one output to one reward: which of them decides, and how a verifier gates a reward model.

Pure numpy over stored scores. NaN is unscored and is never a zero.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from rewards.rubrics.dimensions import weighed_dimensions

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QWEN_ALPHA = 0.5
NOBODY = -1

# The last place that float64 can tell from 0 and from 1 alike, so that a squashed score stays strictly between them.
_EDGE = 2.0**-53


class Evidence(IntEnum):
    """What a score rests on, strongest first: the weaker, the easier a policy learns to please it."""

    VERIFIER = 0
    """A check of the answer: format, unit tests, exact or numeric match."""
    REFERENCED_JUDGE = 1
    """A judge that sees a reference answer."""
    JUDGE = 2
    """A judge or reward model without one."""


@dataclass(frozen=True)
class Decision:
    """The rewards of n outputs, each with the scorer that decided.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        NaN where nobody decided.
    decided_by : ndarray of int64, shape (n,)
        Column of the scorer, -1 for nobody.
    """

    values: Floats
    decided_by: Ints

    def evidence(self, index: int, kinds: Sequence[Evidence]) -> Evidence | None:
        """What the reward of one output rests on; None where nobody decided."""
        column = int(self.decided_by[index])
        return None if column == NOBODY else kinds[column]


def by_precedence(
    scores: npt.ArrayLike, kinds: Sequence[Evidence], groups: Sequence[Hashable] | None = None
) -> Decision:
    """Verifier before referenced judge before free judge: the strongest evidence that there is decides.

    After the hybrid reward of "Exploring Data Scaling Trends and Effects in RLHF" (Shen et al. 2025, arXiv
    2503.22230), which found resistance to reward hacking in this order: verifiers, judges with the ground truth,
    judges with a reference of lesser origin. Fidelity: reconstructed; the paper routes by kind of task, here a task is
    of the kind whose scorer could score it.

    Parameters
    ----------
    scores : array_like of float, shape (n, k)
        Of n outputs by k scorers; NaN for unscored. Scorers are not brought to one scale.
    kinds : sequence of Evidence, length k
        Of equal kinds the earlier column goes first.
    groups : sequence of hashable, length n, optional
        The task of each output. One scorer then decides for a whole group, the first that scored any of it, and what
        it did not score stays unscored: rewards that are compared within a group must not mix scales.

    Returns
    -------
    Decision

    Raises
    ------
    ValueError
        For another shape.
    """
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(kinds):
        raise ValueError(f"scores of shape {matrix.shape}: expected a column for each of {len(kinds)} scorers")
    n_outputs = len(matrix)
    if groups is not None and len(groups) != n_outputs:
        raise ValueError(f"{len(groups)} groups: expected one for each of {n_outputs} outputs")
    order = np.argsort(np.array(kinds, dtype=np.int64), kind="stable")
    codes: dict[Hashable, int] = {}
    of = np.array([codes.setdefault(group, len(codes)) for group in groups or range(n_outputs)], dtype=np.int64)
    scored = ~np.isnan(matrix[:, order])
    any_scored = np.zeros((len(codes), len(kinds)), dtype=bool)
    np.logical_or.at(any_scored, of, scored)
    if not len(kinds):
        return Decision(np.full(n_outputs, np.nan), np.full(n_outputs, NOBODY, dtype=np.int64))
    column = order[any_scored.argmax(axis=1)][of]
    has_score = np.asarray(any_scored.any(axis=1))[of]
    values = np.where(has_score, matrix[np.arange(n_outputs), column], np.nan)
    return Decision(values, np.where(np.isnan(values), NOBODY, column).astype(np.int64))


def verifier_gated(verifier: npt.ArrayLike, reward_model: npt.ArrayLike, alpha: float = QWEN_ALPHA) -> Floats:
    """A reward model's score squashed below a verifier's: ``r = sigmoid(alpha * r_m) + (r_v - 1)``.

    Qwen2.5-Math Technical Report (Yang et al. 2024, arXiv 2409.12122), alpha 0.5. Any output that the
    verifier accepts lies in (0, 1), any other in (-1, 0), and the reward model orders each side.

    Parameters
    ----------
    verifier : array_like, shape (n,)
        0 or 1; NaN for unscored.
    reward_model : array_like of float, shape (n,)
        Raw scores; NaN for unscored.
    alpha : float
        Above 0.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where either is unscored. The sigmoid is held 2**-53 away from its ends, where float64 would round it to 0
        or 1 and tie a right answer with a wrong one; so it is strictly ordered across the gate, also in float32.

    Raises
    ------
    ValueError
        For other shapes, a verifier that says neither 0 nor 1, or an alpha that is not positive.
    """
    accepted, scores = np.asarray(verifier, dtype=np.float64), np.asarray(reward_model, dtype=np.float64)
    if accepted.ndim != 1 or accepted.shape != scores.shape:
        raise ValueError(f"shapes {accepted.shape} and {scores.shape}: expected two arrays of the same length")
    if not alpha > 0:
        raise ValueError(f"alpha={alpha}: expected a number above 0")
    if not np.isin(accepted[~np.isnan(accepted)], (0.0, 1.0)).all():
        raise ValueError("the verifier's scores: expected 0 or 1 (a share of passed checks needs a threshold first)")
    with np.errstate(over="ignore"):
        squashed = special.expit(alpha * scores)
    gated: Floats = np.clip(squashed, _EDGE, 1 - _EDGE) + (accepted - 1.0)
    return gated


@dataclass(frozen=True)
class Combination:
    """A named way to make one reward of several scorers', for recipes to refer to.

    Attributes
    ----------
    name, title, formula, paper : str
    function : callable
        Pure; NaN in, NaN out.
    """

    name: str
    title: str
    formula: str
    paper: str
    function: Callable[..., Any]


COMBINATIONS: Mapping[str, Combination] = {
    combination.name: combination
    for combination in (
        Combination(
            "precedence",
            "Verifier, else judge with a reference, else free judge",
            "r = the score with the strongest evidence that the task has",
            "Shen et al. 2025, Exploring Data Scaling Trends and Effects in RLHF, arXiv 2503.22230",
            by_precedence,
        ),
        Combination(
            "verifier_gate",
            "Reward model below a verifier",
            "r = sigmoid(alpha * r_m) + (r_v - 1)",
            "Yang et al. 2024, Qwen2.5-Math Technical Report, arXiv 2409.12122",
            verifier_gated,
        ),
        Combination(
            "weighed_dimensions",
            "Dimensions normalised within their task and weighed",
            "r_i = sum_j w_j (x_ij - mean_g(x_j)) / sd_g(x_j)",
            "Wang et al. 2025, From <Answer> to <Think>, arXiv 2510.11457",
            weighed_dimensions,
        ),
    )
}
