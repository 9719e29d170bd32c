"""`python -m tests.bench [NAME ...]`: speed and memory, one line a figure.

Each `bench_NAME.py` beside this file has a function `figures()` that yields Figures. It runs in a process of its own,
on a database of its own, copied from a migrated one in a private PostgreSQL that writes as durably as in production.
"""

import importlib
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(ROOT / "platform"))
ONE = "--one"


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; return 1 when one failed (a figure that falls short is not a failure)."""
    known = sorted(file.stem.removeprefix("bench_") for file in FOLDER.glob("bench_*.py"))
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit(f"No benchmark {', '.join(unknown)}: there are {', '.join(known) or 'none'}.")
    with tempfile.TemporaryDirectory(prefix="rubricate-bench-", ignore_cleanup_errors=True) as folder:
        return _run_all(names or known, Path(folder))


def _run_all(names: list[str], folder: Path) -> int:
    from rubricate.stack.postgres import Passwords, PostgresServer

    passwords = Passwords(superuser=secrets.token_hex(), rubricate=secrets.token_hex())
    # The server's account must get to its data through this folder.
    folder.chmod(0o711)
    server = PostgresServer(folder / "postgres", log=folder / "postgres.log", passwords=passwords)
    try:
        server.start()
        _manage("migrate", "--no-input", "--verbosity", "0", url=server.url)
        failed = [name for name in names if not _run(name, server.url, folder)]
    finally:
        server.stop()
    if failed:
        print(f"Failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def _run(name: str, template_url: str, folder: Path) -> bool:
    import psycopg
    from psycopg import sql

    database = f"bench_{name}"
    with psycopg.connect(template_url.replace("/rubricate?", "/postgres?"), autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE rubricate").format(sql.Identifier(database))
        connection.execute(copy)
        url = template_url.replace("/rubricate?", f"/{database}?")
        environment = _environment(url) | {"BENCH_FOLDER": str(folder / name)}
        result = subprocess.run(
            [sys.executable, "-m", "tests.bench", ONE, name], env=environment, cwd=ROOT, check=False
        )
        # Refused while autovacuum, which is the superuser's, is at work in it; the server goes soon enough.
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    return result.returncode == 0


def _manage(*arguments: str, url: str) -> None:
    subprocess.run([sys.executable, ROOT / "manage.py", *arguments], env=_environment(url), cwd=ROOT, check=True)


def _environment(url: str) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "rubricate.settings.bench",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
    }


def run_one(name: str) -> int:
    """Run one benchmark in this process and print its figures as they come."""
    import django

    django.setup()
    module = importlib.import_module(f"tests.bench.bench_{name}")
    for figure in module.figures():
        print(figure, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_one(sys.argv[2]) if sys.argv[1:2] == [ONE] else main(sys.argv[1:]))
