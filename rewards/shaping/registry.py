"""All operators, by name."""

from collections.abc import Mapping
from typing import Final

from rewards.shaping import combine, placement
from rewards.shaping.contract import Family, Operator

_MODULES: Final = (combine, placement)

OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator for module in _MODULES for operator in module.OPERATORS
}


def by_family() -> dict[Family, list[Operator]]:
    """Operators in the order of families."""
    return {family: [op for op in OPERATORS.values() if op.family is family] for family in Family}
