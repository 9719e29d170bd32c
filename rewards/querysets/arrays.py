"""Long lists of keys as one parameter: with a placeholder each, building a query costs more than running it."""

from collections.abc import Iterable

from django.db.models.expressions import RawSQL


def one_of(texts: Iterable[str]) -> RawSQL:
    """For `column__in=` where the column holds text."""
    return RawSQL("SELECT unnest(%s::text[])", [list(texts)])
