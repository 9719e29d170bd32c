"""What is read once and computed on again and again while sliders move.

Kept in this process alone, and few at a time: a frame of 200 outputs of 500 tokens with five signals has 4 MB, more
than a shared cache should carry to and fro for each step of a slider.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple, TypeVar

Value = TypeVar("Value")

MAX_KEPT: Final = 12
KEPT_SECONDS: Final = 300.0


class _Entry(NamedTuple):
    made_at: float
    value: Any


class Shelf:
    """At most `max_kept` values, the least recently used of which goes; each for at most `seconds`."""

    def __init__(self, max_kept: int = MAX_KEPT, seconds: float = KEPT_SECONDS) -> None:
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._max_kept = max_kept
        self._seconds = seconds

    def get(self, key: Hashable, make: Callable[[], Value], *, is_fresh: bool = False) -> Value:
        """The value under `key`, made where it is missing or too old, and anew with `is_fresh`.

        Two threads may make the same value at once: waiting for one another would stop the page for all.
        """
        now = time.monotonic()
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and not is_fresh and now - entry.made_at < self._seconds:
                self._entries.move_to_end(key)
                value: Value = entry.value
                return value
        value = make()
        with self._lock:
            self._entries[key] = _Entry(now, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._max_kept:
                self._entries.popitem(last=False)
        return value

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


shelf: Final = Shelf()
