"""Results as JSON has them."""

from collections.abc import Mapping
from typing import Any


def json_number(value: Any) -> Any:
    """None for NaN, which JSON does not have; a list for a tuple."""
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and value != value else value


def json_numbers(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same for each."""
    return {name: json_number(value) for name, value in found.items()}
