"""Starting the replay server from a test, and speaking to it."""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
REPLIES = FOLDER / "replies"


class Replay:
    """A running replay server."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}/v1"

    def fail_next(self, *faults: dict[str, Any]) -> None:
        """The next requests fail so, one each; `{"kind": "none"}` lets one through."""
        self._control("/_faults", {"faults": list(faults)})

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """What was asked since the last call, of one path or all."""
        return [entry for entry in self._control("/_log")["requests"] if path in {"", entry["path"]}]

    def busy(self) -> tuple[float, float]:
        """The share of its slots' time that was used, and seconds from the first request to the last answer."""
        said = self._control("/_busy")
        return said["busy"], said["seconds"]

    def _control(self, path: str, payload: Any = None) -> dict[str, Any]:
        data = json.dumps(payload).encode() if payload is not None else None
        with urllib.request.urlopen(f"http://{self.host}{path}", data=data, timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def replay_server(kind: str, *, slots: int = 1000, service_seconds: float = 0.0) -> Iterator[Replay]:
    """A process that replays `replies/<kind>.json`."""
    command = [sys.executable, str(FOLDER / "replay_server.py"), str(REPLIES / f"{kind}.json")]
    command += ["--slots", str(slots), "--service-seconds", str(service_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Replay(int(process.stdout.readline()))
        finally:
            process.kill()


def status(code: int, message: str = "", **headers: str) -> dict[str, Any]:
    """A fault: an error answer of that status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"kind": "status", "status": code, "reply": {"error": {"message": message}}, "headers": named}
