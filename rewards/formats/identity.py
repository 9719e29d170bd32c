"""External ids: their hashes, and which of them a file has used already."""

import hashlib
from array import array
from bisect import bisect_left
from typing import Final

import numpy as np

_RECENT: Final = 100_000


class SeenIds:
    """A set of ids that grows by eight bytes an id, so that a file of millions is read in nearly constant memory.

    Only 64-bit hashes are kept: two different ids of one file meet with probability n^2 / 2^65, 3e-8 for a million.
    """

    __slots__ = ("_older", "_recent")

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._older: list[array[int]] = []

    def add(self, external_id: str) -> bool:
        """Remember an id; return whether it was new."""
        if external_id in self:
            return False
        self._recent.add(hash(external_id))
        if len(self._recent) >= _RECENT:
            self._settle()
        return True

    def __contains__(self, external_id: str) -> bool:
        key = hash(external_id)
        if key in self._recent:
            return True
        for older in self._older:
            place = bisect_left(older, key)
            if place < len(older) and older[place] == key:
                return True
        return False

    def _settle(self) -> None:
        """Move the recent keys to a sorted array, merging arrays of like size so that there are O(log n) of them."""
        fresh = array("q", sorted(self._recent))
        self._recent.clear()
        while self._older and len(self._older[-1]) <= 2 * len(fresh):
            # In numpy: a list of a million Python integers would cost what the arrays save.
            joined = np.concatenate([np.frombuffer(part, dtype=np.int64) for part in (self._older.pop(), fresh)])
            fresh = array("q", np.sort(joined).tobytes())
        self._older.append(fresh)


def digest_of(*parts: str, characters: int = 16) -> str:
    """Return the first hexadecimal digits of the SHA-256 of `parts`, whose boundaries count."""
    sha = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        sha.update(len(encoded).to_bytes(8, "little"))
        sha.update(encoded)
    return sha.hexdigest()[:characters]
