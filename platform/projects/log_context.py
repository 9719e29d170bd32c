"""What the lines of a log are about: a request, a run; and one JSON object a line where programs read them."""

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

from django.http import HttpRequest, HttpResponse

_about: ContextVar[Mapping[str, str]] = ContextVar("log_about", default=MappingProxyType({}))
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@contextmanager
def log_about(**ids: object) -> Iterator[None]:
    """Name what the lines written inside are about: ``with log_about(run_id=3): ...``."""
    token = _about.set({**_about.get(), **{name: str(value) for name, value in ids.items()}})
    try:
        yield
    finally:
        _about.reset(token)


class AboutFilter(logging.Filter):
    """Gives each record what it is about, as `about`; it keeps every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.about = dict(_about.get())
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, traceback, and what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class RequestIdMiddleware:
    """Names each request in its log lines and in `X-Request-ID`; a proxy that names it already is believed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        # Anything else could forge lines of a log that is read as text.
        request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        with log_about(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response
