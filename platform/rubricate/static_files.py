"""WhiteNoise for an ASGI server."""

from collections.abc import Iterator
from typing import cast

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Answer with the whole file at once.

    WhiteNoise streams from a synchronous iterator, which Django under ASGI would read to the end anyway and warn about
    for each file.
    """

    @staticmethod
    def serve(static_file: object, request: object) -> HttpResponseBase:
        response: HttpResponseBase = WhiteNoiseMiddleware.serve(static_file, request)
        if not isinstance(response, FileResponse):
            return response
        whole = HttpResponse(b"".join(cast("Iterator[bytes]", response.streaming_content)), status=response.status_code)
        whole.headers = response.headers
        return whole
