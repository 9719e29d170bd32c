"""A private stack for tests that break it: PostgreSQL and Valkey from the wheels, workers and web servers as processes.

What happened is read by SQL, and work is started by the commands a person would use.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import redis

from rubricate.stack.account import Account
from rubricate.stack.postgres import Passwords, PostgresServer
from rubricate.stack.valkey import ValkeyServer

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 3
REDISPATCH_SECONDS = 1


class ChaosStack:
    """Servers and workers in `folder`; `stop` ends them all."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        passwords = Passwords(superuser=secrets.token_hex(), rubricate=secrets.token_hex())
        # Durable: without, a commit that was acknowledged may still be in the memory of a process that is killed.
        self.postgres = PostgresServer(folder / "postgres", log=folder / "postgres.log", passwords=passwords)
        self.postgres.start()
        account = Account(os.geteuid(), os.getegid())
        self.valkey = ValkeyServer(log=folder / "valkey.log", password=secrets.token_hex(), account=account)
        self.valkey.start()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.webs: dict[int, subprocess.Popen[bytes]] = {}
        self._connection: psycopg.Connection[Any] | None = None
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "rubricate.settings.dev",
            "DATABASE_URL": self.postgres.url,
            "CELERY_BROKER_URL": self.valkey.url(0),
            "CHANNEL_LAYER_URL": self.valkey.url(1),
            "SECRET_KEY": secrets.token_hex(),
            "WORKERS_LEASE_SECONDS": str(LEASE_SECONDS),
            "WORKERS_REDISPATCH_SECONDS": str(REDISPATCH_SECONDS),
            "MODEL_ROOTS": str(models),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
            "OMP_NUM_THREADS": "1",
        }

    def manage(self, *arguments: str | Path) -> str:
        """Run a management command to its end; what it printed."""
        command = [sys.executable, str(ROOT / "manage.py"), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, code: str) -> str:
        """Run some lines with Django set up, as an action behind a button would be."""
        return self.manage("shell", "--no-imports", "-c", code)

    def start_run(self, slug: str) -> int:
        """Score all outputs of the project with the tiny model; the run's key."""
        self.manage("score", "--project", slug, "--source", "log_ratio", "--model", "view_a=tiny")
        return int(self.sql("SELECT max(id) FROM workers_run"))

    def settled(self, run: int) -> int:
        """How many items of the run are settled, by its own counters."""
        return int(self.sql("SELECT scored_count + unscored_count + failed_count FROM workers_run WHERE id = %s", run))

    def is_finished(self, run: int) -> bool:
        return bool(self.sql("SELECT status = 'finished' FROM workers_run WHERE id = %s", run))

    def import_outputs(self, slug: str, count: int) -> None:
        """One task a ten outputs, of different lengths."""
        path = self.folder / f"{slug}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(0, count, 10):
                outputs = [
                    {
                        "id": f"{slug}-o{index}",
                        "policy": "p",
                        "text": f"Answer {index}: " + "because it is so. " * (1 + index % 7),
                    }
                    for index in range(number, min(number + 10, count))
                ]
                row = {"id": f"{slug}-t{number}", "prompt": f"Question {number}?", "outputs": outputs}
                file.write(json.dumps(row) + "\n")
        self.manage("import_data", "--project", slug, "--create", "--format", "rubricate_jsonl", path)

    def start_worker(self, *, beat: bool = False, queue: str = "gpu") -> subprocess.Popen[bytes]:
        """A real Celery worker; with `beat` it also ticks."""
        command = [sys.executable, "-m", "celery", "-A", "rubricate", "worker", "--pool", "solo", "--queues", queue]
        command += ["--hostname", f"{queue}{len(self.workers)}@%h", "--without-gossip", "--without-mingle"]
        if beat:
            command += ["--beat", "--schedule", str(self.folder / "beat")]
        worker = self._start(command, f"worker{len(self.workers)}")
        self.workers.append(worker)
        return worker

    def restart_worker(self, index: int, **options: Any) -> None:
        """SIGKILL to a worker and its beat, and another one in its place."""
        kill(self.workers.pop(index))
        self.start_worker(**options)

    def start_web(self, port: int) -> None:
        """The web server as it is deployed; in place of the one at this port, which gets SIGKILL."""
        if port in self.webs:
            kill(self.webs[port])
        command = [sys.executable, "-m", "uvicorn", "rubricate.asgi:application", "--port", str(port)]
        self.webs[port] = self._start([*command, "--lifespan", "off", "--no-access-log"], f"web{port}")

    def _start(self, command: list[str], name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                # What it starts itself, such as the embedded beat, is killed with it.
                start_new_session=True,
            )

    def restart_broker(self) -> None:
        """SIGKILL to the broker: what was said is forgotten; it comes back at the same port."""
        assert self.valkey.child is not None
        os.killpg(self.valkey.child.process.pid, signal.SIGKILL)
        self.valkey.child.process.wait()
        self.valkey.child = None
        self.valkey.start()

    def flush_broker(self) -> None:
        """Everything that was said is forgotten, on all its databases."""
        with redis.Redis.from_url(self.valkey.url(0)) as broker:
            broker.flushall()

    def kill_database(self) -> None:
        """kill -9 to the postmaster and its sessions, then start it again; it recovers from its log."""
        assert self.postgres.child is not None
        os.killpg(self.postgres.child.process.pid, signal.SIGKILL)
        self.postgres.child.process.wait()
        self.postgres.child = None
        self._hang_up()
        self.postgres.start()

    def sql(self, query: str, *parameters: Any) -> Any:
        """The first row, or its one column."""
        if self._connection is None:
            self._connection = psycopg.connect(self.postgres.url, autocommit=True)
        row = self._connection.execute(query, parameters).fetchone()
        return row[0] if row is not None and len(row) == 1 else row

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        """All rows."""
        self.sql("SELECT 1")
        assert self._connection is not None
        return self._connection.execute(query, parameters).fetchall()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def wait_until(self, holds: Callable[[], Any], *, seconds: float, what: str) -> float:
        """Wait; how long it took. The logs are shown when it does not happen."""
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > seconds:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.logs()}")
            time.sleep(0.1)
        return time.monotonic() - started

    def logs(self) -> str:
        """The end of every log of a worker and of a web server."""
        paths = sorted([*self.folder.glob("worker*.log"), *self.folder.glob("web*.log")])
        texts = (path.read_text(errors="replace")[-3000:] for path in paths)
        return "\n----\n".join(texts)

    def reset(self) -> None:
        """No worker, no message, no run and nothing scored; what was imported stays."""
        self.kill_workers()
        self.flush_broker()
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute(
                "TRUNCATE workers_run, workers_workerheartbeat, rewards_segmentation, rewards_rewardsignal CASCADE"
            )

    def kill_workers(self) -> None:
        """SIGKILL to all of them."""
        for worker in self.workers:
            kill(worker)
        self.workers.clear()

    def stop(self) -> None:
        """End all of it."""
        self.kill_workers()
        for web in self.webs.values():
            kill(web)
        if self._connection is not None:
            self._connection.close()
        self.valkey.stop()
        self.postgres.stop()


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and to what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
