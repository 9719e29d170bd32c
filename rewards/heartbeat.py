"""A sign of life while something long is done, such as one transaction over a whole file."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_BEATS = 20.0


@contextmanager
def beating(beat: Callable[[], object]) -> Iterator[None]:
    """Call `beat` now and then, in a thread with a database connection of its own, until the block is left.

    So a beat is seen at once, whatever transaction the block is in. `beat` must not raise but for the database.
    """
    ended = Event()

    def run() -> None:
        while not ended.wait(SECONDS_BETWEEN_BEATS):
            try:
                beat()
            except DatabaseError as error:
                logger.warning("no heartbeat: %s", error)
            finally:
                connection.close()

    thread = Thread(target=run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
