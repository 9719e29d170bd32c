"""Advantages: what a reward is worth beside the other outputs of its task. Pure.

`read_estimator` checks the ``advantage`` of a recipe, `estimate` computes it.
"""

from rewards.advantages.choice import ChosenEstimator, estimate, read_estimator
from rewards.advantages.contract import Estimator, Need
from rewards.advantages.registry import ESTIMATORS

__all__ = ["ESTIMATORS", "ChosenEstimator", "Estimator", "Need", "estimate", "read_estimator"]
