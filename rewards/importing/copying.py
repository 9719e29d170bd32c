"""COPY into a table: what makes an import of hundreds of thousands of rows a matter of seconds."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models


def array_literal(values: Iterable[str]) -> str:
    """A text[] as COPY takes it: the driver's own conversion of lists costs as much as all other columns of a task."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def reserve_ids(model: type[models.Model], count: int) -> list[int]:
    """Take `count` ascending ids from the table's sequence, so that rows can refer to each other before they exist."""
    if not count:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of plain values (JSON as text) through COPY; the table's constraints hold as with any insert."""
    names = ", ".join(f'"{column}"' for column in columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{model._meta.db_table}" ({names}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row(row)
