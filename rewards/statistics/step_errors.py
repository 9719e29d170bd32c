"""Whether step labels name the first wrong step that people named (Zheng et al. 2024, arXiv 2412.06559, ProcessBench).

Of outputs with an error the share where the very step was named, of outputs without one the share where none was;
their harmonic mean punishes who always finds an error, and who never does.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rewards.statistics.proportions import Estimate, cluster_bootstrap_mean


class StepCase(NamedTuple):
    """One output that both labelled.

    Attributes
    ----------
    task : int
        What is drawn with replacement for intervals.
    has_error : bool
        Whether people named a wrong step.
    is_right : bool
        Whether the same first step was named, or none where there is none.
    """

    task: int
    has_error: bool
    is_right: bool


class StepScore(NamedTuple):
    """Shares by kind of output, and their harmonic mean; NaN where there is no output of a kind.

    Attributes
    ----------
    erroneous, correct : Estimate
    f1 : float
        2 a b / (a + b); 0 where both are 0.
    """

    erroneous: Estimate
    correct: Estimate
    f1: float


def step_score(cases: Sequence[StepCase], *, seed: int = 0) -> StepScore:
    """Accuracies on outputs with and without an error, with intervals over tasks, and their harmonic mean."""

    def share(*, has_error: bool) -> Estimate:
        kept = [case for case in cases if case.has_error == has_error]
        return cluster_bootstrap_mean([float(case.is_right) for case in kept], [case.task for case in kept], seed=seed)

    erroneous, correct = share(has_error=True), share(has_error=False)
    both = erroneous.value + correct.value
    return StepScore(erroneous, correct, 2 * erroneous.value * correct.value / both if both else both)
