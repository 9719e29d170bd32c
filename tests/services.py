"""A pytest plugin: a throw-away PostgreSQL for this run, unless DATABASE_URL names one.

It starts before Django's settings load. Under xdist only the controller starts it; the workers inherit DATABASE_URL.
"""

import atexit
import gc
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))


# Thousands of collected tests are long-lived objects: walking through them again and again takes a tenth of the time.
gc.set_threshold(100_000, 20, 100)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = _start()
    return (yield)


def _start() -> str:
    from rubricate.stack.postgres import Passwords, PostgresServer

    folder = Path(tempfile.mkdtemp(prefix="rubricate-tests-"))
    passwords = Passwords(superuser=secrets.token_hex(), rubricate=secrets.token_hex())
    log = folder.with_suffix(".log")
    server = PostgresServer(folder, log=log, passwords=passwords, durable=False)

    def stop() -> None:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink(missing_ok=True)

    atexit.register(stop)
    server.start()
    return server.url
