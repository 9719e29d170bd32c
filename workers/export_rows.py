"""Rows of a frozen export, read back from the storage for whoever learns from them."""

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow.parquet as pq
from django.core.files.storage import default_storage

from rewards.formats.registry import EXPORT_FORMATS
from rewards.models import Export

UNPAIRED = "unpaired"
_GROUP_ROWS = 1_000


def has_labels(export: Export) -> bool:
    """Whether its rows are outputs with a label each."""
    known = EXPORT_FORMATS.get(export.format)
    return known is not None and known.kind == UNPAIRED


def export_rows(export: Export) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its split, file by file; not one file is in memory as a whole.

    Raises
    ------
    FileNotFoundError
        Where the storage has lost a file.
    """
    for file in export.files.in_order():
        if not file.split:
            continue
        with default_storage.open(file.stored_as, "rb") as opened:
            if file.path.endswith(".parquet"):
                for batch in pq.ParquetFile(opened).iter_batches(_GROUP_ROWS):
                    yield from ((file.split, row) for row in batch.to_pylist())
            else:
                yield from ((file.split, orjson.loads(line)) for line in opened)
