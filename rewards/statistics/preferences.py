"""How well scores predict which of two outputs people prefer, and how far a judge follows the order of presentation."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from rewards.statistics.proportions import Estimate, cluster_bootstrap_mean


class Preference(NamedTuple):
    """One decided comparison: of a task's two outputs, `better` was preferred."""

    task: Hashable
    better: Hashable
    worse: Hashable


class PreferenceAccuracy(NamedTuple):
    """The share of preferences that scores put in the same order.

    Attributes
    ----------
    value, low, high : float
        Equal scores count as half; the interval is a bootstrap over tasks. NaN where no pair is scored.
    right, wrong, equal : int
        Pairs by the order of their scores.
    n : int
        Pairs of which both outputs have a score.
    n_total : int
        All pairs: a pair with an unscored output is left out, not counted as wrong.
    """

    value: float
    low: float
    high: float
    right: int
    wrong: int
    equal: int
    n: int
    n_total: int

    @property
    def is_chance(self) -> bool:
        """Whether guessing (one half) lies within the interval, or nothing is known."""
        return not (self.low > 0.5 or self.high < 0.5)


def preference_accuracy(
    scores: Mapping[Hashable, float],
    preferences: Sequence[Preference],
    *,
    replicates: int = 2_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> PreferenceAccuracy:
    """Accuracy of scores against preferences: ``mean of 1[s(better) > s(worse)] + 1/2 1[s(better) = s(worse)]``.

    This is how reward models are measured on pairs (RewardBench, Lambert et al. 2024, arXiv 2403.13787), where a tie
    counts as half. Pairs of one task share outputs and are not independent, so whole tasks are drawn for the interval.

    Parameters
    ----------
    scores : mapping of output to float
        An output that is not in it, or whose score is NaN, is unscored.
    preferences : sequence of Preference
    replicates, confidence, seed
        Of the bootstrap.
    """
    scored = [
        (preference.task, scores[preference.better] - scores[preference.worse])
        for preference in preferences
        if _is_scored(scores, preference.better) and _is_scored(scores, preference.worse)
    ]
    margins = np.array([margin for _, margin in scored], dtype=np.float64)
    credit = (1 + np.sign(margins)) / 2
    share = _bootstrap(credit, [task for task, _ in scored], replicates, confidence, seed)
    return PreferenceAccuracy(
        value=share.value,
        low=share.low,
        high=share.high,
        right=int((margins > 0).sum()),
        wrong=int((margins < 0).sum()),
        equal=int((margins == 0).sum()),
        n=len(scored),
        n_total=len(preferences),
    )


Choice = Literal["a", "b", "tie"]


class PositionBias(NamedTuple):
    """What changes when the same two outputs change places.

    Attributes
    ----------
    first : Estimate
        Of all decided answers: the share that chose the output shown first. One half for a judge without position
        bias, with an interval over tasks.
    consistent, flipped_first, flipped_second, partly_tied : int
        Pairs by their two answers: the same both times (a tie both times included), the first shown both times, the
        second shown both times, a tie in one order only.
    n : int
        Pairs asked in both orders.
    """

    first: Estimate
    consistent: int
    flipped_first: int
    flipped_second: int
    partly_tied: int
    n: int


def position_bias(
    answers: Sequence[tuple[Choice, Choice]],
    tasks: Sequence[Hashable],
    *,
    replicates: int = 2_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> PositionBias:
    """Measure the position bias of a judge that was asked about pairs in both orders (Zheng et al. 2023, arXiv
    2306.05685, section 3.4: consistency, and bias towards the first and the second position).

    Parameters
    ----------
    answers : sequence of (choice with a shown first, choice with b shown first), length n
    tasks : sequence of hashable, length n

    Raises
    ------
    ValueError
        For columns of unequal length, or an answer that is none.
    """
    if len(answers) != len(tasks):
        raise ValueError(f"{len(answers)} answers of {len(tasks)} tasks: expected a task for each")
    unknown = {choice for pair in answers for choice in pair} - {"a", "b", "tie"}
    if unknown:
        raise ValueError(f"answers {sorted(unknown)}: expected a, b or tie")
    chose_first: list[bool] = []
    clusters: list[Hashable] = []
    for (a_first, b_first), task in zip(answers, tasks, strict=True):
        for choice, shown_first in ((a_first, "a"), (b_first, "b")):
            if choice != "tie":
                chose_first.append(choice == shown_first)
                clusters.append(task)
    return PositionBias(
        first=_bootstrap(np.array(chose_first, dtype=np.float64), clusters, replicates, confidence, seed),
        consistent=sum(one == other for one, other in answers),
        flipped_first=sum(pair == ("a", "b") for pair in answers),
        flipped_second=sum(pair == ("b", "a") for pair in answers),
        partly_tied=sum((one == "tie") != (other == "tie") for one, other in answers),
        n=len(answers),
    )


def _is_scored(scores: Mapping[Hashable, float], output: Hashable) -> bool:
    score = scores.get(output, float("nan"))
    return score == score


def _bootstrap(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    clusters: Sequence[Hashable],
    replicates: int,
    confidence: float,
    seed: int,
) -> Estimate:
    return cluster_bootstrap_mean(values, clusters, replicates=replicates, confidence=confidence, seed=seed)
