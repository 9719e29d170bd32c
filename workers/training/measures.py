"""How well fitted scores tell right from wrong outputs, with intervals over tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rewards.statistics.localisation import MarkedTokens, auroc
from rewards.statistics.proportions import Estimate, cluster_bootstrap_mean
from workers.training.contract import Example


def measured(logits: Sequence[float], examples: Sequence[Example], *, seed: int = 0) -> dict[str, Any]:
    """AUROC, accuracy at probability 1/2 and mean cross-entropy (nats) of the outcome's logits; JSON.

    What is undefined, as the AUROC of labels that are all the same, is None.
    """
    labels = np.array([example.label for example in examples], dtype=bool)
    scores = np.asarray(logits, dtype=np.float64)
    tasks = _numbers([example.task for example in examples])
    right = ((scores > 0) == labels).astype(np.float64)
    losses = np.logaddexp(0.0, np.where(labels, -scores, scores))
    return {
        "n": len(labels),
        "desirable": int(labels.sum()),
        "auroc": ranking(scores, labels, tasks, seed=seed),
        "accuracy": estimate(cluster_bootstrap_mean(right, tasks, seed=seed)) if len(right) else None,
        "majority": float(max(labels.mean(), 1 - labels.mean())) if len(labels) else None,
        "loss": float(losses.mean()) if len(losses) else None,
    }


def ranking(
    scores: Sequence[float] | Any, labels: Any, tasks: Sequence[int], *, seed: int = 0
) -> dict[str, Any] | None:
    """Chance that a score of a true label is the higher one, ties counting half; None where one label is missing."""
    values = np.asarray(scores, dtype=np.float64)
    places = np.arange(len(values))
    found = auroc(
        MarkedTokens(values, np.asarray(labels, dtype=bool), places, places, places + 1, np.asarray(tasks)), seed=seed
    )
    return estimate(found) if math.isfinite(found.value) else None


def estimate(found: Estimate) -> dict[str, Any]:
    """As JSON, which has no NaN."""
    return {
        "value": found.value,
        "low": found.low if math.isfinite(found.low) else None,
        "high": found.high if math.isfinite(found.high) else None,
        "n": found.n,
    }


def task_numbers(examples: Sequence[Example]) -> list[int]:
    """A number for each example's task."""
    return _numbers([example.task for example in examples])


def _numbers(tasks: Sequence[str]) -> list[int]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(task, len(numbers)) for task in tasks]
