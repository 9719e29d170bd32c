"""All operators, by name."""

from collections.abc import Mapping
from typing import Final

from rewards.shaping import (
    channels,
    combine,
    controls,
    ensembles,
    gates,
    groups,
    length,
    links,
    orders,
    placement,
    redistribution,
    returns,
    smoothing,
    sparsity,
    stages,
    steps,
    tools,
)
from rewards.shaping.contract import Family, Operator

_MODULES: Final = (
    combine,
    channels,
    placement,
    redistribution,
    returns,
    sparsity,
    steps,
    links,
    ensembles,
    groups,
    orders,
    controls,
    smoothing,
    gates,
    stages,
    length,
    tools,
)

OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator for module in _MODULES for operator in module.OPERATORS
}


def by_family() -> dict[Family, list[Operator]]:
    """Operators in the order of families."""
    return {family: [op for op in OPERATORS.values() if op.family is family] for family in Family}
