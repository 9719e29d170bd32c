"""The stack as a whole: what starts in which order, when it is healthy, and how it stops."""

import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from rubricate import env
from rubricate.stack import preflight, processes
from rubricate.stack.account import Account
from rubricate.stack.credentials import secret, write_private
from rubricate.stack.errors import StackError
from rubricate.stack.postgres import Passwords, PostgresServer
from rubricate.stack.processes import Child
from rubricate.stack.valkey import ValkeyServer

_HEALTHY_SECONDS = 120
_POLL_SECONDS = 0.2


@dataclass
class Stack:
    """Everything that runs for one checkout.

    `report` is called with a line for each step. Only what the environment does not name is started: DATABASE_URL,
    CELERY_BROKER_URL and CHANNEL_LAYER_URL replace the servers of their own.
    """

    host: str
    port: int
    cpu_workers: int
    report: Callable[[str], None]
    folder: Path = env.VAR
    urls: dict[str, str] = field(default_factory=dict)
    _children: list[Child] = field(default_factory=list)
    _servers: list[PostgresServer | ValkeyServer] = field(default_factory=list)
    _started_at: float = 0.0

    @property
    def address(self) -> str:
        """Where a browser on this machine opens it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{self.port}/"

    def start_servers(self) -> None:
        """Start PostgreSQL and Valkey unless given, and let other commands know where they are."""
        given = {name: env.given(name) for name in ("DATABASE_URL", "CELERY_BROKER_URL", "CHANNEL_LAYER_URL")}
        self.urls = {name: url for name, url in given.items() if url}
        account = self._start_database()
        self._start_broker(account)
        write_private(env.LOCAL_ENV, "".join(f"{name}={url}\n" for name, url in self.urls.items()))

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end and return what it printed."""
        name = arguments[0]
        log = self._log(name)
        log.unlink(missing_ok=True)
        child = self._start(name, [sys.executable, env.ROOT / "manage.py", *arguments, "--no-color"])
        while child.is_running:
            self._require_all_running(besides=child)
            time.sleep(0.05)
        self._children.remove(child)
        if child.process.returncode:
            raise StackError(processes.died(child))
        return log.read_text(encoding="utf-8", errors="replace")

    def start_processes(self) -> None:
        """Start the web server, the workers and beat; they take a few seconds to be ready."""
        self._started_at = time.monotonic()
        web = ["-m", "uvicorn", "rubricate.asgi:application", "--host", self.host, "--port", str(self.port)]
        web += ["--lifespan", "off", "--no-server-header", "--timeout-graceful-shutdown", "3"]
        self._start("web", [sys.executable, *web])
        for name, queue in self._workers().items():
            worker = ["worker", "--pool", "solo", "--queues", queue, "--hostname", f"{name}@%h", "--loglevel", "INFO"]
            self._start(name, [*self._celery(), *worker, "--without-gossip", "--without-mingle"])
        run = self.folder / "run"
        (run / "beat.pid").unlink(missing_ok=True)
        self._start("beat", [*self._celery(), "beat", "-s", run / "beat-schedule", "--pidfile", run / "beat.pid"])

    def wait_until_healthy(self) -> None:
        """Wait until the web server is ready, every worker has shown itself and beat ticks."""
        deadline = time.monotonic() + _HEALTHY_SECONDS
        waiting = {"The web server": self._web_is_ready, "A worker": self._workers_live, "Beat": self._beat_runs}
        while waiting:
            self._require_all_running()
            waiting = {name: is_ready for name, is_ready in waiting.items() if not is_ready()}
            if waiting and time.monotonic() > deadline:
                raise StackError(
                    f"{next(iter(waiting))} is not ready after {_HEALTHY_SECONDS} s; see {self.folder / 'log'}."
                )
            time.sleep(_POLL_SECONDS if waiting else 0)

    def watch(self) -> None:
        """Wait for ever; raise a StackError when a part ends."""
        while True:
            self._require_all_running()
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop every part, the web server first and the database last; a second Ctrl-C kills them at once."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda *_: self._kill())
        env.LOCAL_ENV.unlink(missing_ok=True)
        for child in self._children:
            child.ask_to_stop()
        for child in self._children:
            child.stop()
        for server in reversed(self._servers):
            server.stop()

    def _start_database(self) -> Account:
        if "DATABASE_URL" in self.urls:
            preflight.require_database(self.urls["DATABASE_URL"])
            return Account(os.geteuid(), os.getegid())
        secrets = self.folder / "secrets"
        passwords = Passwords(secret(secrets, "postgres_superuser"), secret(secrets, "postgres_rubricate"))
        server = PostgresServer(self.folder / "postgres", log=self._log("postgres"), passwords=passwords)
        self._servers.append(server)
        server.start()
        self.urls["DATABASE_URL"] = server.url
        self.report("PostgreSQL is ready")
        return server.account

    def _start_broker(self, account: Account) -> None:
        if "CELERY_BROKER_URL" in self.urls:
            preflight.require_broker(self.urls["CELERY_BROKER_URL"])
        if "CHANNEL_LAYER_URL" in self.urls:
            preflight.require_channel_layer(self.urls["CHANNEL_LAYER_URL"])
        if {"CELERY_BROKER_URL", "CHANNEL_LAYER_URL"} <= self.urls.keys():
            return
        password = secret(self.folder / "secrets", "valkey")
        server = ValkeyServer(log=self._log("valkey"), password=password, account=account)
        self._servers.append(server)
        server.start()
        self.urls.setdefault("CELERY_BROKER_URL", server.url(0))
        self.urls.setdefault("CHANNEL_LAYER_URL", server.url(1))
        self.report("Valkey is ready")

    def _start(self, name: str, command: list[str | Path]) -> Child:
        child = processes.start(
            name,
            command,
            log=self._log(name),
            account=Account(os.geteuid(), os.getegid()),
            environment=self._environment(),
            # A killed worker costs one batch at most, a lingering one would hold the port and the queue.
            death_signal=signal.SIGKILL,
        )
        self._children.append(child)
        return child

    def _environment(self) -> dict[str, str]:
        hosts = {"localhost", "127.0.0.1", "[::1]", self.host, socket.gethostname()} - {"0.0.0.0", "::"}
        paths = [str(env.ROOT), str(env.ROOT / "platform"), os.environ.get("PYTHONPATH", "")]
        return {
            "ALLOWED_HOSTS": ",".join(sorted(hosts)),
            "SECRET_KEY": secret(env.SECRET_KEY_FILE.parent, env.SECRET_KEY_FILE.name),
            "RUBRICATE_ENCRYPTION_KEYS": secret(env.ENCRYPTION_KEY_FILE.parent, env.ENCRYPTION_KEY_FILE.name),
            "PUBLIC_URL": self.address,
            "PYTHONUNBUFFERED": "1",
            **os.environ,
            **self.urls,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }

    def _workers(self) -> dict[str, str]:
        return {"gpu": "gpu"} | {f"cpu{number}": "cpu" for number in range(1, self.cpu_workers + 1)}

    def _celery(self) -> list[str | Path]:
        return [sys.executable, "-m", "celery", "-A", "rubricate"]

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def _parts(self) -> list[Child]:
        return [server.child for server in self._servers if server.child] + self._children

    def _require_all_running(self, besides: Child | None = None) -> None:
        for child in self._parts():
            if child is not besides:
                child.require_running()

    def _web_is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}health/ready", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _workers_live(self) -> bool:
        """Read their signs of life: one that found work waiting is busy from its start and answers no ping."""
        names = {f"{name}@{socket.gethostname()}" for name in self._workers()}
        since_start = time.monotonic() - self._started_at
        with psycopg.connect(self.urls["DATABASE_URL"], connect_timeout=5) as connection:
            seen = connection.execute(
                "SELECT name FROM workers_workerheartbeat WHERE seen_at > now() - make_interval(secs => %s)",
                [since_start],
            )
            return names <= {name for (name,) in seen}

    def _beat_runs(self) -> bool:
        return (self.folder / "run" / "beat.pid").exists()

    def _kill(self) -> None:
        for child in self._parts():
            processes.kill_session(child.process.pid)
