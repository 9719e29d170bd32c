"""`manage.py up` as a person uses it: started, interrupted, killed, started again."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120

pytestmark = pytest.mark.chaos


class Up:
    """One `manage.py up` on a folder and a port of its own."""

    def __init__(self, folder, port):
        self.folder = folder
        self.port = port
        self.process = None

    def start(self, *options):
        """Start it, without the servers that this test run uses itself."""
        ours = ("DATABASE_URL", "CELERY_BROKER_URL", "CHANNEL_LAYER_URL", "DJANGO_SETTINGS_MODULE")
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        environment["RUBRICATE_VAR"] = str(self.folder)
        command = [sys.executable, "manage.py", "up", "--port", str(self.port), "--no-demo", *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self

    def read_until(self, words):
        """Return what it prints up to and with a line that holds `words`."""
        printed = []
        for line in self.process.stdout:
            printed.append(line)
            if words in line:
                return "".join(printed)
        raise AssertionError(f"It ended without {words!r}:\n{''.join(printed)}")

    def finish(self):
        """Return its exit status and what it still prints."""
        printed, _ = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, printed

    def parts(self):
        """Return the process numbers of its children, by the start of their command lines."""
        return [
            int(pid)
            for pid in subprocess.run(
                ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=True
            ).stdout.split()
        ]

    def database_url(self):
        """Return the address that a second terminal would use."""
        return re.search(r"^DATABASE_URL=(.*)$", (self.folder / "local.env").read_text(), re.MULTILINE)[1]


@pytest.fixture
def up(tmp_path):
    """A stack that is gone after the test, however it went."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    up = Up(tmp_path / "var", port)
    yield up
    if up.process and up.process.poll() is None:
        up.process.send_signal(signal.SIGTERM)
        up.finish()
    if up.process:
        up.process.stdout.close()


def is_gone(pid, seconds=10):
    """Whether a process ends within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False


def test_it_says_when_it_is_healthy_and_ctrl_c_leaves_nothing_behind(up):
    up.start()
    assert f"http://127.0.0.1:{up.port}/" in up.read_until("Stop   Ctrl-C")
    parts = up.parts()
    assert len(parts) == 6  # PostgreSQL, Valkey, web server, gpu worker, cpu worker, beat
    up.process.send_signal(signal.SIGINT)
    status, printed = up.finish()
    assert status == 0
    assert printed.rstrip().endswith("stopped.")
    assert all(is_gone(pid) for pid in parts)
    assert not (up.folder / "local.env").exists()


def test_killed_outright_it_leaves_nothing_running_and_the_next_start_finds_its_data(up):
    up.start()
    up.read_until("Stop   Ctrl-C")
    parts = up.parts()
    with psycopg.connect(up.database_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    up.process.kill()
    up.finish()
    assert all(is_gone(pid) for pid in parts)
    up.start()
    up.read_until("Stop   Ctrl-C")
    with psycopg.connect(up.database_url()) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_when_a_part_dies_all_stop_and_it_is_named(up):
    up.start()
    up.read_until("Stop   Ctrl-C")
    parts = up.parts()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in parts}
    beat = next(pid for pid, command in commands.items() if "\0beat\0" in command)
    os.kill(beat, signal.SIGKILL)
    status, printed = up.finish()
    assert status == 1
    assert "beat ended with status -9" in printed
    assert all(is_gone(pid) for pid in parts)


def test_a_second_start_and_a_taken_port_are_one_line(up):
    up.start()
    up.read_until("Stop   Ctrl-C")
    second = Up(up.folder, up.port + 1).start()
    status, printed = second.finish()
    assert (status, len(printed.strip().splitlines())) == (1, 1)
    assert "already runs from this folder" in printed
    other = Up(up.folder.with_name("other"), up.port).start()
    status, printed = other.finish()
    assert (status, len(printed.strip().splitlines())) == (1, 1)
    assert f"Port {up.port} on 127.0.0.1 cannot be used" in printed
