"""Files of rows for trainers: JSONL and Parquet, written as a stream and summed up with their SHA-256."""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Final, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]

_BUFFER_BYTES: Final = 2**20
_GROUP_ROWS: Final = 1_000
_GROUP_CHARACTERS: Final = 4 * 2**20
"""A row group ends at the first of the two: rows are small, but one prompt may have ten million characters."""


class ColumnType(StrEnum):
    """What a column holds. Columns of Parquet files are required, but for the one kind that says so."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MESSAGES = "messages"
    """A list of `{"role": str, "content": str}`."""
    WHOLE = "whole number"
    NUMBER_OR_NONE = "number or nothing"
    """The one kind whose cells may be null."""
    NUMBERS = "numbers"
    """A list of numbers, null for unscored."""
    SPANS = "spans"
    """A list of `{"message": int, "start": int, "end": int}`, in code points."""
    TEXTS = "texts"
    """A list of strings."""
    RUBRIC = "rubric"
    """A list of `{"title": str, "description": str, "weight": int}`."""
    POINTS = "points"
    """A list of `{"criterion": str, "points": number, "tags": [str]}`; JSONL only."""
    IDEAL = "ideal completions"
    """An object with an ideal completion and what it was made from, or null; JSONL only."""


Columns = Mapping[str, ColumnType]


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What was written."""

    rows: int
    bytes: int
    sha256: str


class RowWriter(Protocol):
    """Writes rows to a binary file that stays the caller's: `close` ends the content and leaves the file open."""

    def write_rows(self, rows: Iterable[Row]) -> None:
        """Append rows; each has exactly the columns of the file, or `ValueError` is raised."""

    def close(self) -> FileSummary:
        """Finish the content and say what was written."""


class _HashingSink(io.RawIOBase):
    """Passes bytes on to a file and keeps their number and SHA-256; Parquet writers never seek back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        block = memoryview(data)
        self._sha.update(block)
        self._file.write(block)
        self.size += block.nbytes
        return block.nbytes

    def tell(self) -> int:
        return self.size

    def summary(self, rows: int) -> FileSummary:
        return FileSummary(rows, self.size, self._sha.hexdigest())


class JsonlWriter:
    """One JSON object a line, keys in the order of the columns as the rows give them."""

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self._sink = _HashingSink(file)
        self._keys = columns.keys()
        self._rows = 0

    def write_rows(self, rows: Iterable[Row]) -> None:
        keys = self._keys
        buffer = bytearray()
        for row in rows:
            if row.keys() != keys:
                _refuse(row, keys)
            buffer += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
            self._rows += 1
            if len(buffer) >= _BUFFER_BYTES:
                self._sink.write(buffer)
                buffer = bytearray()
        if buffer:
            self._sink.write(buffer)

    def close(self) -> FileSummary:
        return self._sink.summary(self._rows)


class ParquetWriter:
    """Row groups of some thousand rows, so that neither writing nor reading holds more than one of them."""

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self._sink = _HashingSink(file)
        self._columns = columns
        self._schema = pa.schema(
            [pa.field(name, _ARROW[kind], nullable=kind == ColumnType.NUMBER_OR_NONE) for name, kind in columns.items()]
        )
        # Texts are nearly all different: dictionaries of them cost half the speed, and zstd finds repeated prompts too.
        self._writer = pq.ParquetWriter(self._sink, self._schema, use_dictionary=False, compression="zstd")
        self._group: list[Row] = []
        self._group_characters = 0
        self._rows = 0

    def write_rows(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row.keys() != self._columns.keys():
                _refuse(row, self._columns.keys())
            self._group.append(row)
            self._group_characters += _characters(row)
            if len(self._group) >= _GROUP_ROWS or self._group_characters >= _GROUP_CHARACTERS:
                self._flush()

    def close(self) -> FileSummary:
        self._flush()
        self._writer.close()
        return self._sink.summary(self._rows)

    def _flush(self) -> None:
        if not self._group:
            return
        arrays = [
            pa.array([row[name] for row in self._group], type=_ARROW[kind]) for name, kind in self._columns.items()
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows += len(self._group)
        self._group = []
        self._group_characters = 0


_ARROW: Final = {
    ColumnType.TEXT: pa.string(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.MESSAGES: pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
    ColumnType.WHOLE: pa.int64(),
    ColumnType.NUMBER_OR_NONE: pa.float64(),
    ColumnType.NUMBERS: pa.list_(pa.float64()),
    ColumnType.SPANS: pa.list_(pa.struct([("message", pa.int32()), ("start", pa.int32()), ("end", pa.int32())])),
    ColumnType.TEXTS: pa.list_(pa.string()),
    ColumnType.RUBRIC: pa.list_(
        pa.struct([("title", pa.string()), ("description", pa.string()), ("weight", pa.int64())])
    ),
}

WRITERS: Final[Mapping[str, Callable[[BinaryIO, Columns], RowWriter]]] = {
    "jsonl": JsonlWriter,
    "parquet": ParquetWriter,
}


def open_writer(file_type: str, file: BinaryIO, columns: Columns) -> RowWriter:
    """Start a `jsonl` or `parquet` file in `file`, which is written from where it stands and never read or sought."""
    if file_type not in WRITERS:
        raise ValueError(f"file type {file_type!r} is not one of {', '.join(WRITERS)}")
    return WRITERS[file_type](file, columns)


def _characters(value: object) -> int:
    """Of all texts in a row, about: what the size of a row group goes by."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_characters(inner) for inner in value.values())
    return sum(_characters(inner) for inner in value) if isinstance(value, list) else 0


def _refuse(row: Row, keys: Iterable[str]) -> None:
    raise ValueError(f"a row has the columns {sorted(row)}, the file {sorted(keys)}")
