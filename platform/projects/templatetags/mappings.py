"""`{% for name, value in mapping|pairs %}`: `mapping.items` would look for a key called "items" first."""

from collections.abc import ItemsView, Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def pairs(mapping: Mapping[str, Any]) -> ItemsView[str, Any]:
    """Keys and values of data whose keys an import or a caller chose."""
    return mapping.items()
