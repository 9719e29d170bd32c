"""The models that this process keeps in memory, with the least used one let go."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from workers.engines.contract import EngineError, ErrorCode

T = TypeVar("T")


class LoadedModels(Generic[T]):
    """Holds up to `capacity` loaded models by key; loading another one first lets go of the least recently used.

    A model that does not fit beside the others is tried again alone. Loading holds the lock: two threads that ask for
    one model load it once.
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
                    self._models.popitem(last=False)
                self._models[key] = self._load_alone_if_needed(load)
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

    def _load_alone_if_needed(self, load: Callable[[], T]) -> T:
        try:
            return load()
        except EngineError as error:
            if error.code != ErrorCode.MODEL_TOO_BIG or not self._models:
                raise
        self._models.clear()
        return load()
