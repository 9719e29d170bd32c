"""HTTP on its way through Django: one thread of a pool has a request from its first middleware to its last.

Every view and middleware is synchronous. Django's own handler would start a thread for each request, and cross between
it and the event loop a dozen times, which costs more than most pages do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class PooledHandler(ASGIHandler):
    """Django's ASGI handler with `threads` threads; further requests wait for one, their bodies received already.

    Nobody holds a thread by being slow: bodies are received and responses sent by the event loop, and what is streamed
    is read piece by piece in other threads (see `rewards.exporting.downloads`).
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        pool = ThreadPoolExecutor(threads, thread_name_prefix="http")
        self._answer_in_pool = sync_to_async(self._answer, thread_sensitive=False, executor=pool)
        self._close_in_pool = sync_to_async(HttpResponseBase.close, thread_sensitive=False, executor=pool)

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain of middleware for threads, whatever Django's handler asks for."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            response = await self._answer_in_pool(scope, body)
            if response.streaming:
                await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)

    def _answer(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        """The response; by then this thread holds no connection to the database any more."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response = refusal if request is None else self.get_response(request)
        assert response is not None, "neither a request nor a refusal of one"
        if response.streaming:
            close_old_connections()
        else:
            response.close()
        return response

    async def _stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send piece by piece until the end, or until nobody listens any more."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        listening = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([sending, listening], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            for task in (sending, listening):
                task.cancel()
                with suppress(asyncio.CancelledError, RequestAborted):
                    await task
            await self._close_in_pool(response)
