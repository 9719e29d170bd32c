"""Child processes: started in their own session, logged to a file, stopped in order, never left behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rubricate.stack.account import Account
from rubricate.stack.errors import StackError

_LOG_BYTES = 10 * 2**20


@dataclass
class Child:
    """A running child and how to stop it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: int
    stop_seconds: float
    was_asked_to_stop: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of its log."""
        return tail(self.log, lines)

    def require_running(self) -> None:
        """Raise a StackError with the end of the log when it has ended."""
        if not self.is_running:
            raise StackError(died(self))

    def ask_to_stop(self) -> None:
        """Tell it to end, once, without waiting."""
        if self.is_running and not self.was_asked_to_stop:
            self.was_asked_to_stop = True
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Ask it to end, and kill its whole session when it does not in time."""
        self.ask_to_stop()
        if self.is_running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.stop_seconds)
        kill_session(self.process.pid)
        self.process.wait()


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    account: Account,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    stop_signal: int = signal.SIGTERM,
    death_signal: int = signal.SIGTERM,
    stop_seconds: float = 10,
) -> Child:
    """Start a child in a session of its own, so that Ctrl-C reaches its parent alone, which stops all in order.

    When the parent is killed outright, the kernel sends the child `death_signal` (Linux).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/" if account.capability is not None else None,
            env=None if environment is None else dict(environment),
            start_new_session=True,
            preexec_fn=account.become(death_signal=death_signal),
        )
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(stdin)
    return Child(name, process, log, stop_signal, stop_seconds)


def wait_until_gone(pid: int, seconds: float) -> bool:
    """Wait for a process that need not be our child to end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        time.sleep(0.05)
    return False


def kill_session(pid: int) -> None:
    """Kill what is left of the session that `pid` led."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def tail(log: Path, lines: int) -> str:
    """Return the last `lines` lines of a log file."""
    try:
        text = log.read_bytes()[-20_000:].decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def died(child: Child) -> str:
    """Say which child ended and why, as far as its log tells."""
    log = child.log_tail()
    if "No space left on device" in log or "Disk quota exceeded" in log:
        return f"The disk is full: {child.name} stopped. Free some space and start again ({child.log})."
    if "address already in use" in log.lower():
        return f"{child.name} found its port taken; choose another with --port ({child.log})."
    return f"{child.name} ended with status {child.process.returncode}. The end of {child.log}:\n{log}"
