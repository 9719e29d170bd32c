"""Requests have one thread each, which holds no connection once they are answered."""

import asyncio
import threading

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from rubricate.http import PooledHandler

SEEN = []


def plain(request):
    SEEN.append((threading.current_thread().name, request.body))
    return HttpResponse("plain")


def endless(request):
    async def pieces():
        try:
            while True:
                yield b"piece"
                await asyncio.sleep(0)
        finally:
            SEEN.append("closed")

    return StreamingHttpResponse(pieces())


urlpatterns = [path("plain/", plain), path("endless/", endless)]


@pytest.fixture(autouse=True)
def _urls():
    SEEN.clear()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["django.middleware.common.CommonMiddleware"]):
        yield


def scope(where):
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": where,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"transfer-encoding", b"chunked")],
    }


def test_a_body_in_pieces_without_a_length_reaches_the_view_in_a_thread_of_the_pool():
    async def ask():
        client = ApplicationCommunicator(PooledHandler(threads=1), scope("/plain/"))
        await client.send_input({"type": "http.request", "body": b"half and ", "more_body": True})
        await client.send_input({"type": "http.request", "body": b"half", "more_body": False})
        return await client.receive_output(), await client.receive_output()

    start, body = asyncio.run(ask())
    assert (start["status"], body["body"]) == (200, b"plain")
    [(thread, received)] = SEEN
    assert thread.startswith("http")
    assert received == b"half and half"


def test_a_stream_that_nobody_listens_to_any_more_ends():
    async def ask():
        client = ApplicationCommunicator(PooledHandler(threads=1), scope("/endless/"))
        await client.send_input({"type": "http.request", "body": b"", "more_body": False})
        await client.receive_output()
        assert (await client.receive_output())["body"] == b"piece"
        await client.send_input({"type": "http.disconnect"})
        await client.wait(timeout=5)

    asyncio.run(ask())
    assert SEEN == ["closed"]


def test_more_requests_than_threads_are_all_answered():
    async def ask():
        handler = PooledHandler(threads=2)
        clients = [ApplicationCommunicator(handler, scope("/plain/")) for _ in range(7)]
        for client in clients:
            await client.send_input({"type": "http.request", "body": b"", "more_body": False})
        return [(await client.receive_output())["status"] for client in clients]

    assert asyncio.run(ask()) == [200] * 7
    assert len({thread for thread, _ in SEEN}) <= 2
