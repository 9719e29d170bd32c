"""A dataset's files on their way to a reader: in pieces, alone or as one zip archive, never held whole."""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Generator, Iterable
from datetime import datetime
from typing import IO, Final, cast

from django.core.files.storage import default_storage
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.text import slugify

from rewards.models import Export, ExportFile

_PIECE: Final = 2**18
_CONTENT_TYPES: Final = {
    ".jsonl": "application/jsonl",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
}

Pieces = Generator[bytes, None, None]


def file_response(request: HttpRequest, file: ExportFile) -> StreamingHttpResponse:
    """One file to save; 404 where the storage has lost it."""
    name = file.path.rpartition("/")[2]
    content_type = _CONTENT_TYPES.get(f".{name.rpartition('.')[2]}", "application/octet-stream")
    response = _attachment(request, _file_pieces(_existing(file)), name, content_type)
    response["Content-Length"] = str(file.bytes)
    return response


def archive_response(request: HttpRequest, export: Export) -> StreamingHttpResponse:
    """The whole folder as a zip archive, made as it is sent."""
    files = [_existing(file) for file in export.files.in_order()]
    if not files:
        raise Http404
    folder = folder_name(export)
    pieces = _zip_pieces(files, folder, export.finished_at or export.created_at)
    return _attachment(request, pieces, f"{folder}.zip", "application/zip")


def folder_name(export: Export) -> str:
    """The dataset's folder in its archive: safe in any path."""
    return f"{slugify(export.name)[:60].strip('-') or 'dataset'}-{export.pk}"


def _attachment(request: HttpRequest, pieces: Pieces, name: str, content_type: str) -> StreamingHttpResponse:
    # Under ASGI a plain iterator would be read to its end before the first byte is sent.
    content = _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response


async def _in_threads(pieces: Pieces) -> AsyncIterator[bytes]:
    try:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
    finally:
        pieces.close()


def _existing(file: ExportFile) -> ExportFile:
    if not default_storage.exists(file.stored_as):
        raise Http404
    return file


def _file_pieces(file: ExportFile) -> Pieces:
    with default_storage.open(file.stored_as, "rb") as stored:
        while piece := stored.read(_PIECE):
            yield piece


def _zip_pieces(files: Iterable[ExportFile], folder: str, made_at: datetime) -> Pieces:
    """Entries as they are, not compressed: Parquet is so already, and the server has better things to do."""
    sink = _Sink()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{folder}/{file.path}", made_at.timetuple()[:6])
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=file.bytes >= 2**31) as target:
                for piece in _file_pieces(file):
                    target.write(piece)
                    yield sink.take()
    yield sink.take()


class _Sink:
    """What was written since it was last asked; it cannot be sought, so zipfile writes sizes behind the entries."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
