"""Data whose keys somebody else chose: `{% for name, value in mapping|pairs %}`, `{{ value|in_words }}`.

`mapping.items` would look for a key called "items" first.
"""

from collections.abc import ItemsView, Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def pairs(mapping: Mapping[str, Any]) -> ItemsView[str, Any]:
    """Keys and values of data whose keys an import or a caller chose."""
    return mapping.items()


@register.filter
def in_words(value: Any) -> str:
    """A value of such data for reading: the entries of a list beside each other."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
