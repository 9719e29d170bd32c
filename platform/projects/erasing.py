"""The one door through which append-only rows may go (docs/decisions/0008-one-door-for-erasing.md)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

SETTING = "rubricate.erasing"
"""Read by the triggers of append-only tables; it holds for the transaction that set it and no further."""


@contextmanager
def erasing() -> Iterator[None]:
    """Let rows of append-only tables be deleted in this block, which is one transaction.

    Without it PostgreSQL refuses. What may be changed, beside what may be deleted, is listed in the trigger: a
    reference to a row that goes, and the replies of models.
    """
    with transaction.atomic():
        _set("on")
        yield
        # Where this is part of a larger transaction the rest of it finds the door shut. After an error the savepoint
        # has taken the setting back.
        _set("")


def _set(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, value])
