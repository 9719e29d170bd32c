"""A pytest plugin: a throw-away PostgreSQL for this run, unless DATABASE_URL names one.

It starts before Django's settings load. Under xdist only the controller starts it, and a process of its own migrates
one database while the workers collect their tests; they inherit DATABASE_URL, and each copies that database.
"""

import atexit
import fcntl
import gc
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# The variable that names a file which is locked while our server's database is migrated. A server that somebody else
# gave has none: nothing but databases of the tests is touched there.
MIGRATING = "RUBRICATE_TESTS_MIGRATING"

sys.path.insert(0, str(ROOT / "platform"))

# Thousands of collected tests are long-lived objects: walking through them again and again takes a tenth of the time.
gc.set_threshold(100_000, 20, 100)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    if not os.environ.get("DATABASE_URL"):
        _start()
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    if MIGRATING in os.environ:
        _migrate_meanwhile()


def wait_for_migrated_database() -> bool:
    """Whether the database that DATABASE_URL names may be copied: of a server of ours, once nobody migrates it."""
    if MIGRATING not in os.environ:
        return False
    with open(os.environ[MIGRATING], "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    return True


def _start() -> None:
    from rubricate.stack.postgres import Passwords, PostgresServer

    folder = Path(tempfile.mkdtemp(prefix="rubricate-tests-"))
    passwords = Passwords(superuser=secrets.token_hex(), rubricate=secrets.token_hex())
    log = folder.with_suffix(".log")
    migrating = folder.with_suffix(".migrating")
    server = PostgresServer(folder, log=log, passwords=passwords, durable=False)

    def stop() -> None:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink(missing_ok=True)
        migrating.unlink(missing_ok=True)

    atexit.register(stop)
    server.start()
    migrating.touch()
    os.environ |= {"DATABASE_URL": server.url, MIGRATING: str(migrating)}


def _migrate_meanwhile() -> None:
    """Begin to migrate. Where it fails, nothing is lost: each worker goes on from there and shows what is wrong."""
    with open(os.environ[MIGRATING], "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = subprocess.Popen(
            [sys.executable, "manage.py", "migrate", "--no-input"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "rubricate.settings.test"},
            # The child alone keeps the lock, so it is free once the child has ended, however it ended.
            pass_fds=[lock.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop() -> None:
        child.kill()
        child.wait()

    atexit.register(stop)
