"""Erasing in bounded pieces: each is one transaction with its own record, so that a kill loses or doubles nothing."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

PIECE_ROWS = 2_000
"""Rows of one table that go in one transaction: nobody waits for more than these."""


def in_pieces(rows: QuerySet[Any], *, erase: Callable[[list[Any]], bool]) -> Iterator[int]:
    """Hand the keys of `rows` to `erase`, `PIECE_ROWS` at a time; how many each time.

    Whoever changes a row at the same time is waited for, and what then is none of `rows` any more stays. Keys rise from
    piece to piece: a row that `erase` leaves as it was is not met again, and the whole costs one pass.

    Parameters
    ----------
    rows : QuerySet
        Of one table, in any order.
    erase : callable
        Runs in the transaction in which the rows are locked and writes the record of the piece in it as well. False:
        the piece stays, and no other one follows.
    """
    last: Any = None
    while True:
        with transaction.atomic():
            left = rows if last is None else rows.filter(pk__gt=last)
            # `of`: a join to what the rows hang on must not lock that as well.
            locked = left.order_by("pk").select_for_update(of=("self",))
            keys = list(locked.values_list("pk", flat=True)[:PIECE_ROWS])
            if not keys or not erase(keys):
                return
        last = keys[-1]
        yield len(keys)
