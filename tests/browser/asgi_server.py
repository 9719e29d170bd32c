"""The application as it is deployed, in threads of the test: uvicorn with sockets, and a Celery worker.

Every byte that leaves the server is kept by the browser that it went to.
"""

import contextlib
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import uvicorn
from celery.contrib.testing.worker import start_worker

from rubricate.asgi import application
from rubricate.celery import app

BROWSER = "browser"
"""A cookie that says which browser it is: sockets carry no other header that a test could set."""


class Tap:
    """An ASGI application that passes everything on, and keeps what was sent: status lines, headers, bodies, frames."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.sent: defaultdict[str, list[bytes]] = defaultdict(list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        kept = self.sent[_browser(scope)]

        async def keep_and_send(message: dict[str, Any]) -> None:
            kept.extend(_bytes_of(message))
            await send(message)

        await self._inner(scope, receive, keep_and_send)

    def everything_to(self, browser: str) -> bytes:
        return b"\n".join(self.sent[browser])


def _browser(scope: dict[str, Any]) -> str:
    cookies = SimpleCookie(dict(scope.get("headers", ())).get(b"cookie", b"").decode("latin-1"))
    return cookies[BROWSER].value if BROWSER in cookies else ""


def _bytes_of(message: dict[str, Any]) -> Iterator[bytes]:
    for name, value in message.get("headers", ()):
        yield name + b": " + value
    for part in (message.get("body"), message.get("bytes"), message.get("text")):
        if part:
            yield part.encode() if isinstance(part, str) else part


class Server:
    """A running server: its address, and what it has sent to whom."""

    def __init__(self, url: str, tap: Tap) -> None:
        self.url = url
        self.tap = tap


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[Server]:
    """Serve pages, API and sockets until the block ends: on a free port, or on that of a server that was."""
    tap = Tap(application)
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(tap, lifespan="off", log_level="warning", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="uvicorn", daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{listener.getsockname()[1]}", tap)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()


@contextlib.contextmanager
def working() -> Iterator[None]:
    """A Celery worker over the in-memory broker, so that pages see work that is under way."""
    app.conf.task_always_eager = False
    try:
        with start_worker(
            app, pool="solo", concurrency=1, perform_ping_check=False, loglevel="WARNING", shutdown_timeout=60
        ):
            yield
    finally:
        app.conf.task_always_eager = True
