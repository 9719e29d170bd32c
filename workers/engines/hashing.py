"""Hashes of files and of lists of files, remembered while a file does not change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    status = path.stat()
    return _sha256_file(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _sha256_file(path: Path, size: int, modified_ns: int) -> str:
    """Size and time of change are there for the cache to notice a new content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_lines(lines: Iterable[str]) -> str:
    """SHA-256 of lines joined by line feeds, in hexadecimal."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
