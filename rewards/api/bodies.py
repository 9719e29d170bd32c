"""Bodies of requests that are data themselves and no parameters: rows of JSON, kept as the bytes they are."""

from collections.abc import Mapping
from typing import IO, Any

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from rest_framework.parsers import BaseParser, DataAndFiles

from projects.errors import AppError

LARGEST_ROW = 32 * 2**20
_PIECE = 2**18


class RowParser(BaseParser):
    """One JSON value, undecoded, as `request.data`: the importer's decoder says what cannot be stored, and where."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # a parser may give anything
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        row: bytes = stream.read(LARGEST_ROW + 1)
        if len(row) > LARGEST_ROW:
            raise AppError(
                gettext("The task is larger than %(largest)s MiB: import it as a file.")
                % {"largest": LARGEST_ROW // 2**20},
                code="task_too_big",
                status=413,
            )
        return row


class JsonlParser(BaseParser):
    """A JSONL file as the whole body, of any size: it goes to a temporary file piece by piece."""

    media_type = "application/jsonl"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        upload = TemporaryUploadedFile("body.jsonl", self.media_type, 0, None)
        size = 0
        while piece := stream.read(_PIECE):
            upload.write(piece)
            size += len(piece)
        upload.size = size
        upload.seek(0)
        files: MultiValueDict[str, UploadedFile[Any]] = MultiValueDict({"files": [upload]})
        return DataAndFiles({}, files)
