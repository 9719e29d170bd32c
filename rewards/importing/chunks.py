"""Cuts what a reader yields into chunks, and prepares the next one while the last one is written."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from rewards.formats.records import FormatError, Record, RowError

CHUNK_ROWS: Final = 1_000
CHUNK_CHARACTERS: Final = 8_000_000
"""A chunk also ends here, so that 10 MB prompts do not pile up."""

T = TypeVar("T")


@dataclass
class Chunk:
    """Records to write in one transaction, and the rows between them that could not be read."""

    records: list[Record] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    characters: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.records) + len(self.errors) >= CHUNK_ROWS or self.characters >= CHUNK_CHARACTERS

    def add(self, row: Record | RowError) -> None:
        if isinstance(row, RowError):
            self.errors.append(row)
        else:
            self.records.append(row)
            self.characters += _characters(row)


def chunks_of(rows: Iterator[Record | RowError]) -> Iterator[Chunk]:
    """Group rows as they come; where the file cannot be read any further, what came before is a chunk still."""
    chunk = Chunk()
    try:
        for row in rows:
            chunk.add(row)
            if chunk.is_full:
                yield chunk
                chunk = Chunk()
    except FormatError:
        yield chunk
        raise
    if chunk.records or chunk.errors:
        yield chunk


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items unchanged, taking each from its iterator in a thread while the one before is being used.

    Only for iterators that leave the database alone: connections belong to threads.
    """
    ended = object()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as pool:
        upcoming = pool.submit(next, items, ended)
        while (item := upcoming.result()) is not ended:
            upcoming = pool.submit(next, items, ended)
            yield item  # type: ignore[misc]  # ended is the only other thing


def _characters(record: Record) -> int:
    count = 0
    for message in getattr(record, "messages", ()):
        count += len(message["text"])
    for output in getattr(record, "outputs", ()):
        for message in output.messages:
            count += len(message["text"])
    return count
