"""What a setting of a judge is worth: its accuracy against preferences by value, and the gain over the first value."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from rewards.statistics.preferences import Preference, PreferenceAccuracy, preference_accuracy
from rewards.statistics.proportions import Estimate, cluster_bootstrap_mean

Setting = TypeVar("Setting", bound=Hashable)


class AblationRow(NamedTuple, Generic[Setting]):
    """One value of the setting.

    Attributes
    ----------
    setting : hashable
    accuracy : PreferenceAccuracy
        Over the pairs that this value scores.
    gain : Estimate
        Mean difference of the credit for a pair (1 right, 1/2 equal, 0 wrong) to the first value, over the pairs that
        both score, with the interval of a bootstrap over tasks; 0 for the first itself. Paired, so that it can be
        clear where the two accuracies' own intervals overlap.
    """

    setting: Setting
    accuracy: PreferenceAccuracy
    gain: Estimate


def ablate(
    scores: Mapping[Setting, Mapping[Hashable, float]],
    preferences: Sequence[Preference],
    *,
    replicates: int = 2_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[AblationRow[Setting]]:
    """Accuracy and gain for each value, in the order given.

    Parameters
    ----------
    scores : mapping of setting to (mapping of output to float)
        An output that is not in it, or whose score is NaN, is unscored under that value.
    preferences : sequence of Preference
    replicates, confidence, seed
        Of the bootstrap.
    """
    credit_by = {setting: _credits(found, preferences) for setting, found in scores.items()}
    rows: list[AblationRow[Setting]] = []
    for setting, found in scores.items():
        first = credit_by[rows[0].setting] if rows else credit_by[setting]
        both = ~(np.isnan(first) | np.isnan(credit_by[setting]))
        tasks = [preference.task for preference, known in zip(preferences, both, strict=True) if known]
        difference = (credit_by[setting] - first)[both]
        gain = cluster_bootstrap_mean(difference, tasks, replicates=replicates, confidence=confidence, seed=seed)
        accuracy = preference_accuracy(found, preferences, replicates=replicates, confidence=confidence, seed=seed)
        rows.append(AblationRow(setting, accuracy, gain))
    return rows


def _credits(
    scores: Mapping[Hashable, float], preferences: Sequence[Preference]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """By preference 1, 1/2 or 0; NaN where an output is unscored."""
    nothing = float("nan")
    margins = [scores.get(pair.better, nothing) - scores.get(pair.worse, nothing) for pair in preferences]
    return (1 + np.sign(np.array(margins, dtype=np.float64))) / 2
