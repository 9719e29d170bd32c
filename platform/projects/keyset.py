"""Keyset pagination: the next page is found by the last row's place in the index, at the same cost at any depth."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils import timezone
from django.utils.translation import gettext

from projects.errors import AppError

Row = TypeVar("Row")

PAGE_SIZE = 50


@dataclass(frozen=True)
class KeysetPage(Generic[Row]):
    """Some rows, and where the next ones start."""

    rows: list[Row]
    next_cursor: str | None
    cursor: str | None
    """Where this page starts; None for the first one."""


def keyset_page(
    queryset: models.QuerySet[Any, Row], *, ordering: str = "-id", cursor: str | None = None, limit: int = PAGE_SIZE
) -> KeysetPage[Row]:
    """Cut one page out of `queryset` (one query).

    Parameters
    ----------
    queryset : QuerySet
        Filtered, in any order: the order is replaced.
    ordering : str
        A field or annotation that is never NULL, with ``-`` for descending; ties go by id in the same direction, so an
        index on (field, id) serves it.
    cursor : str | None
        `next_cursor` of the page before; None or empty for the first page.
    limit : int
        Rows at most.

    Raises
    ------
    AppError
        ``cursor_invalid`` if the cursor is not one of this list in this order.
    """
    name, descending = ordering.removeprefix("-"), ordering.startswith("-")
    sign = "-" if descending else ""
    columns = [name] if name in {"id", "pk"} else [name, "id"]
    if cursor:
        values = _decode(cursor, ordering, [_field(queryset, column) for column in columns])
        lookup = TupleLessThan if descending else TupleGreaterThan
        if len(columns) == 1:
            queryset = queryset.filter(**{f"{name}__{'lt' if descending else 'gt'}": values[0]})
        else:
            queryset = queryset.filter(lookup(Tuple(*(F(column) for column in columns)), tuple(values)))
    rows = list(queryset.order_by(*(sign + column for column in columns))[: limit + 1])
    has_more = len(rows) > limit
    rows = rows[:limit]
    next_cursor = _encode(ordering, [_value(rows[-1], column) for column in columns]) if has_more else None
    return KeysetPage(rows=rows, next_cursor=next_cursor, cursor=cursor or None)


def _field(queryset: models.QuerySet[Any, Any], name: str) -> models.Field[Any, Any]:
    annotation = queryset.query.annotations.get(name)
    if annotation is not None:
        return annotation.output_field
    meta = queryset.model._meta
    field: models.Field[Any, Any] = meta.pk if name == "pk" else meta.get_field(name)
    return field


def _value(row: Any, name: str) -> str:
    value = row[name] if isinstance(row, dict) else getattr(row, name)
    if value is None:
        raise ValueError(f"Keyset pagination needs {name!r} to be never NULL.")
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def _encode(ordering: str, values: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([ordering, *values]).encode()).decode().rstrip("=")


def _decode(cursor: str, ordering: str, fields: list[models.Field[Any, Any]]) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        made_for, *texts = json.loads(base64.urlsafe_b64decode(padded))
        if made_for != ordering:
            raise ValueError("made for another order")
        return [_parsed(text, field) for text, field in zip(texts, fields, strict=True)]
    except (binascii.Error, ValueError, TypeError, ValidationError) as error:
        raise AppError(
            gettext("This page address is not valid. Start from the first page."), code="cursor_invalid"
        ) from error


def _parsed(text: str, field: models.Field[Any, Any]) -> Any:
    """The column's value; ValidationError or ValueError for what the database could not compare."""
    if not isinstance(text, str) or "\x00" in text:
        raise ValueError("not a column's text")
    value = field.to_python(text)
    field.run_validators(value)
    if value is None or (isinstance(value, datetime.datetime) and timezone.is_naive(value)):
        raise ValueError("not a value of this column")
    return value
