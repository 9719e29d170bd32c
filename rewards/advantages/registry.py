"""All estimators, by name."""

from collections.abc import Mapping
from typing import Final

from rewards.advantages import (
    baselines,
    beta,
    difficulty,
    group,
    multi,
    off_policy,
    signed,
    tree_projection,
    trees,
    turns,
    values,
    whitening,
)
from rewards.advantages.contract import Estimator, Family

_MODULES: Final = (
    group,
    baselines,
    difficulty,
    whitening,
    multi,
    beta,
    signed,
    off_policy,
    turns,
    values,
    trees,
    tree_projection,
)

ESTIMATORS: Final[Mapping[str, Estimator]] = {
    estimator.name: estimator for module in _MODULES for estimator in module.ESTIMATORS
}


def by_family() -> dict[Family, list[Estimator]]:
    """Estimators in the order of families."""
    return {family: [one for one in ESTIMATORS.values() if one.family is family] for family in Family}
