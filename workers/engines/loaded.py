"""The models that this process keeps in memory, with the least used one let go."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from workers.engines.contract import EngineError, ErrorCode

T = TypeVar("T")


class LoadedModels(Generic[T]):
    """Holds up to `capacity` loaded models by key; loading another one first lets go of the least recently used.

    One that does not fit into what memory is free makes the others go too, the least recently used first, as many as it
    takes. Loading holds the lock: two threads that ask for one model load it once.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._capacity = capacity
        self._models: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """The model of that key, loaded by `load` where it is not held."""
        with self._lock:
            if key not in self._models:
                while len(self._models) >= self._capacity:
                    self._let_go_of_one()
                self._models[key] = self._load_with_room(load)
            self._models.move_to_end(key)
            return self._models[key]

    def keys(self) -> list[Hashable]:
        """What is held, least recently used first."""
        with self._lock:
            return list(self._models)

    def clear(self) -> None:
        """Let go of all models."""
        with self._lock:
            self._models.clear()

    def _load_with_room(self, load: Callable[[], T]) -> T:
        while True:
            try:
                return load()
            except EngineError as error:
                if error.code != ErrorCode.MODEL_TOO_BIG or not self._models:
                    raise
            self._let_go_of_one()

    def _let_go_of_one(self) -> None:
        self._models.popitem(last=False)
        # Models refer to themselves in circles: without this their memory is free some time later.
        gc.collect()
