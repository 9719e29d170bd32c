"""`{{ mapping|item:key }}`, `{{ rows|at:index }}`: a value by a key or place that is itself a variable."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template

register = template.Library()


@register.filter
def item(mapping: Mapping[Any, Any], key: object) -> Any:
    """The value, or None where there is none."""
    return mapping.get(key)


@register.filter
def at(rows: Sequence[Any], index: int) -> Any:
    """The row at that place."""
    return rows[index]
