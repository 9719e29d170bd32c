"""External ids: their hashes, and which of them a file has used already."""

import hashlib
from array import array
from bisect import bisect_left
from typing import Final

_BUCKETS: Final = 4096


class SeenIds:
    """A set of ids that grows by some nine bytes an id, so that a file of millions is read in nearly constant memory.

    Only 64-bit hashes are kept, sorted in small arrays: two different ids of one file meet with probability n^2 / 2^65,
    3e-8 for a million.
    """

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: list[array[int]] = [array("q") for _ in range(_BUCKETS)]

    def add(self, external_id: str) -> bool:
        """Remember an id; return whether it was new."""
        key = hash(external_id)
        bucket = self._buckets[key % _BUCKETS]
        place = bisect_left(bucket, key)
        if place < len(bucket) and bucket[place] == key:
            return False
        bucket.insert(place, key)
        return True

    def __contains__(self, external_id: str) -> bool:
        key = hash(external_id)
        bucket = self._buckets[key % _BUCKETS]
        place = bisect_left(bucket, key)
        return place < len(bucket) and bucket[place] == key


def digest_of(*parts: str, characters: int = 16) -> str:
    """Return the first hexadecimal digits of the SHA-256 of `parts`, whose boundaries count."""
    sha = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        sha.update(len(encoded).to_bytes(8, "little"))
        sha.update(encoded)
    return sha.hexdigest()[:characters]
