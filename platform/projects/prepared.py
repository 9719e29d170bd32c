"""Statements that the database plans once."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


@contextmanager
def prepared_statements() -> Iterator[None]:
    """Within the block, or the function so decorated, PostgreSQL keeps the plan of each statement, by connection.

    For what is asked all day and finds little: planning a join of ten tables takes ten times as long as running it.
    Not for lists and searches, where the best plan depends on the values.
    """
    connection.ensure_connection()
    raw = connection.connection
    before = raw.cursor_factory, raw.prepare_threshold
    # Django sends values within the text of a statement, which is then another one each time.
    raw.cursor_factory, raw.prepare_threshold = ServerBindingCursor, 1
    try:
        yield
    finally:
        raw.cursor_factory, raw.prepare_threshold = before
