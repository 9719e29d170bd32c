"""A model server for tests: replays labelled replies from a file, and fails on demand. A process of its own.

    python tests/workers/replay_server.py REPLIES.json [--slots N] [--service-seconds S]

It prints its port. The file says which software its replies are shaped after, and lists, by route, the reply to the
first entry whose conditions the request meets. `POST /_faults` puts failures in front of the next replies, `GET /_log`
tells what was asked, `GET /_busy` how much of the time its slots were at work. With slots and a service time it answers
like a server that works on so many requests at once and lets the others wait.
"""

import argparse
import asyncio
import json
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

_HEAD = "HTTP/1.1 {status} {phrase}\r\nContent-Length: {length}\r\nContent-Type: application/json\r\n{more}\r\n"


class ReplayServer:
    def __init__(self, replies: dict[str, Any], *, slots: int, service_seconds: float) -> None:
        self._entries = replies["replies"]
        self._slots = asyncio.Semaphore(slots)
        self._slot_count = slots
        self._service_seconds = service_seconds
        self._faults: list[dict[str, Any]] = []
        self._log: list[dict[str, Any]] = []
        self._busy_seconds = 0.0
        self._first_at: float | None = None
        self._last_at = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept for many requests."""
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        payload = json.loads(body) if body else {}
        if path.startswith("/_"):
            return await self._controlled(path, payload, writer)
        self._log.append({"method": method, "path": path, "headers": headers, "body": payload})
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None and fault["kind"] != "none":
            return await self._fail(fault, headers, writer)
        async with self._slots:
            if self._service_seconds:
                started = time.monotonic()
                self._first_at = self._first_at or started
                await asyncio.sleep(self._service_seconds)
                self._last_at = time.monotonic()
                self._busy_seconds += self._last_at - started
        entry = self._entry(f"{method} {path}", payload)
        if entry is None:
            return await _send(writer, 404, {"error": {"message": "Not Found"}})
        return await _send(writer, entry.get("status", 200), entry["reply"], entry.get("headers", {}))

    def _entry(self, route: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        for entry in self._entries:
            if entry["route"] == route and _meets(payload, entry.get("when", {})):
                return entry
        return None

    async def _controlled(self, path: str, payload: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        if path == "/_faults":
            self._faults = list(payload["faults"])
            return await _send(writer, 200, {})
        if path == "/_log":
            log, self._log = self._log, []
            return await _send(writer, 200, {"requests": log})
        elapsed = self._last_at - (self._first_at or self._last_at)
        busy = self._busy_seconds / (elapsed * self._slot_count) if elapsed else 0.0
        return await _send(writer, 200, {"busy": busy, "seconds": elapsed})

    async def _fail(self, fault: dict[str, Any], headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        kind = fault["kind"]
        if kind == "status":
            return await _send(writer, fault["status"], fault.get("reply", {}), fault.get("headers", {}))
        if kind == "hang":
            await asyncio.sleep(3600)
        elif kind == "cut":
            writer.write(_head(200, 1000, {}) + b'{"id": "chatcmpl-1", "choices": [{"mess')
            await writer.drain()
        elif kind == "drip":
            writer.write(_head(200, 1000, {}))
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        elif kind == "huge":
            writer.write(_head(200, fault["bytes"], {}) + b" " * fault["bytes"])
            await writer.drain()
        elif kind == "garbage":
            return await _send_bytes(writer, 200, b"\x00\xff<html>upstream</html>", {})
        elif kind == "no_http":
            writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
            await writer.drain()
        elif kind == "echo_key":
            said = {"error": {"message": f"your key was {headers.get('authorization')}"}}
            return await _send(writer, fault["status"], said)
        return False


def _meets(payload: dict[str, Any], conditions: dict[str, Any]) -> bool:
    """Conditions are fields with their value, or `{"has": text}`, `{"is": "absent"}`, `{"is": "present"}`."""
    for name, wanted in conditions.items():
        value = payload.get(name)
        if isinstance(wanted, dict) and "has" in wanted:
            if wanted["has"] not in json.dumps(value, ensure_ascii=False):
                return False
        elif wanted in ({"is": "absent"}, {"is": "present"}):
            if (name in payload) != (wanted["is"] == "present"):
                return False
        elif value != wanted:
            return False
    return True


def _head(status: int, length: int, headers: dict[str, str]) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    return _HEAD.format(status=status, phrase=phrase, length=length, more=more).encode("latin-1")


async def _send(writer: asyncio.StreamWriter, status: int, reply: Any, headers: dict[str, str] | None = None) -> bool:
    return await _send_bytes(writer, status, json.dumps(reply).encode(), headers or {})


async def _send_bytes(writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str]) -> bool:
    writer.write(_head(status, len(body), headers) + body)
    await writer.drain()
    return True


async def _main(arguments: argparse.Namespace) -> None:
    replies = json.loads(arguments.replies.read_text(encoding="utf-8"))
    replay = ReplayServer(replies, slots=arguments.slots, service_seconds=arguments.service_seconds)
    server = await asyncio.start_server(replay.serve, "127.0.0.1", 0, limit=1 << 24, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - how its starter learns the port
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("replies", type=Path)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--service-seconds", type=float, default=0.0)
    asyncio.run(_main(parser.parse_args()))
