"""Starts the sandbox, feeds and reads the program, and ends it where it goes beyond its limits."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import IO, Any

import psutil
from django.conf import settings

LAUNCHER = Path(__file__).with_name("launcher.py")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}
# Whom the program's user is outside, where Rubricate itself runs as root: the one that conventionally owns nothing.
NOBODY = 65534

_LOOK_EVERY_SECONDS = 0.05
_SETUP_SECONDS = 30.0
_ENDING_SECONDS = 10.0
_READ_AT_ONCE = 65536


class SandboxUnavailableError(RuntimeError):
    """This machine cannot give a program namespaces of its own: nothing is run at all."""


class Ending(StrEnum):
    """How a program ended."""

    EXITED = "exited"
    KILLED = "killed"
    """By a signal, such as a segmentation fault."""
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MUCH_OUTPUT = "too_much_output"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take.

    Attributes
    ----------
    wall_seconds : float
        From the program's start.
    cpu_seconds : int
        Of each process.
    memory_bytes : int
        Of all processes together (looked at every 50 ms), and of each process's address space.
    disk_bytes : int
        Of all files in its folder, which is held in memory.
    processes : int
        Threads included.
    output_bytes : int
        Of standard output, and of standard error.
    address_space : bool
        Off for run-times that reserve far more than they use (Node, Java, Go): only memory in use is then limited.
    """

    wall_seconds: float = 10.0
    cpu_seconds: int = 10
    memory_bytes: int = 512 * 2**20
    disk_bytes: int = 32 * 2**20
    processes: int = 32
    output_bytes: int = 2**20
    address_space: bool = True


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program did.

    Attributes
    ----------
    ending : Ending
    exit_code : int or None
        Where it exited by itself.
    stdout, stderr : bytes
        At most `Limits.output_bytes` of each.
    seconds : float
        Wall time of the program.
    """

    ending: Ending
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def is_success(self) -> bool:
        return self.ending == Ending.EXITED and self.exit_code == 0


def run(
    command: Sequence[str],
    *,
    files: Mapping[str, bytes] | None = None,
    stdin: bytes = b"",
    limits: Limits | None = None,
    folders: Sequence[str] = (),
) -> Finished:
    """Run a program in the sandbox and wait for its end.

    Parameters
    ----------
    command : sequence of str
        The path of an executable and its arguments; the working folder is ``/tmp``, the only one to write into.
    files : mapping of plain name to content
        Put into the working folder first.
    stdin : bytes
    limits : Limits
    folders : sequence of str
        Absolute folders of this machine that the program may read beside the system's own.

    Raises
    ------
    SandboxUnavailableError
        Where the kernel refuses the namespaces, or the command cannot be started in them.
    """
    limits = limits or Limits()
    order = {
        "command": list(command),
        "environment": ENVIRONMENT,
        "files": {_plain(name): base64.b64encode(content).decode() for name, content in (files or {}).items()},
        "limits": asdict(limits),
        "folders": [str(folder) for folder in folders],
        "hidden": [str(settings.BASE_DIR), str(settings.VAR_DIR)],
        "outside_id": NOBODY if os.geteuid() == 0 else None,
    }
    if sys.platform != "linux":
        raise SandboxUnavailableError("programs are run in Linux namespaces, and this is not Linux")
    with _launched(order) as (process, reports):
        return _Watch(process, reports, stdin, limits).until_the_end()


@cache
def obstacle() -> str:
    """Why programs cannot be run on this machine; empty where they can. Tried once a process, by running one."""
    try:
        finished = run(["/bin/true"])
    except SandboxUnavailableError as error:
        return str(error)
    return "" if finished.is_success else f"a first program {finished.ending} instead of ending well"


@contextlib.contextmanager
def _launched(order: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The launcher with its pipes; nothing of it is left over, whatever happens."""
    order_file = os.memfd_create("order")
    os.write(order_file, json.dumps(order).encode())
    os.lseek(order_file, 0, os.SEEK_SET)
    report_end, report_pipe = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(order_file), str(report_pipe)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(order_file, report_pipe),
            env={},
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        os.close(report_end)
        raise
    finally:
        os.close(order_file)
        os.close(report_pipe)
    with os.fdopen(report_end, "rb") as reports, process:
        try:
            yield process, reports
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all that is inside, and wait until it has."""
    if process.poll() is not None:
        return
    with contextlib.suppress(psutil.Error, ValueError, subprocess.TimeoutExpired):
        # The kernel ends the others before the first one counts as ended, and only then its parents go.
        _first_inside(process.pid).kill()
        process.wait(_ENDING_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _first_inside(launcher: int) -> psutil.Process:
    """The first process of the sandbox; psutil.Error or ValueError where there is none (yet)."""
    [child] = psutil.Process(launcher).children()
    [first] = child.children()
    return first


def _plain(name: str) -> str:
    if not name or "/" in name or name in {".", ".."} or "\0" in name:
        raise ValueError(f"{name!r}: expected the plain name of a file")
    return name


class _Watch:
    """One program under way."""

    def __init__(self, process: subprocess.Popen[bytes], reports: IO[bytes], stdin: bytes, limits: Limits) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._limits = limits
        self._input = memoryview(stdin)
        self._started: float | None = None
        self._deadline = time.monotonic() + _SETUP_SECONDS
        self._ending: Ending | None = None
        self._first: psutil.Process | None = None
        self._read = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
        self._stdout, self._stderr = self._read
        self._reports_end = reports.fileno()
        self._reported = bytearray()
        self._selector = selectors.DefaultSelector()
        for end in (*self._read, self._reports_end):
            self._selector.register(end, selectors.EVENT_READ)
        os.set_blocking(process.stdin.fileno(), False)
        self._selector.register(process.stdin.fileno(), selectors.EVENT_WRITE)

    def until_the_end(self) -> Finished:
        """Feed, read and look after the program until nothing of it is left."""
        open_ends = {*self._read, self._reports_end}
        look_at = time.monotonic() + _LOOK_EVERY_SECONDS
        with self._selector:
            while open_ends and self._ending is None:
                for key, _ in self._selector.select(_LOOK_EVERY_SECONDS):
                    if key.fd in open_ends:
                        if not self._take(key.fd):
                            self._selector.unregister(key.fd)
                            open_ends.remove(key.fd)
                    else:
                        self._feed(key.fd)
                # Looking at every process of the machine is not free: not after each few bytes.
                if time.monotonic() >= look_at:
                    self._look()
                    look_at = time.monotonic() + _LOOK_EVERY_SECONDS
        seconds = time.monotonic() - (self._started or time.monotonic())
        _end(self._process)
        self._process.wait()
        return self._finished(seconds)

    def _take(self, end: int) -> bool:
        """Read what is there; False at the end of it."""
        data = os.read(end, _READ_AT_ONCE)
        if end == self._reports_end:
            self._reported += data
            if self._started is None and b'"ready"' in self._reported:
                self._started = time.monotonic()
                self._deadline = self._started + self._limits.wall_seconds
            return bool(data)
        self._read[end] += data
        if len(self._read[end]) > self._limits.output_bytes:
            del self._read[end][self._limits.output_bytes :]
            self._ending = Ending.TOO_MUCH_OUTPUT
        return bool(data)

    def _feed(self, end: int) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            if self._input:
                self._input = self._input[os.write(end, self._input[:_READ_AT_ONCE]) :]
                if self._input:
                    return
        self._selector.unregister(end)
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _look(self) -> None:
        """Whether a limit is passed that only an onlooker can keep."""
        if self._ending is not None:
            return
        if time.monotonic() > self._deadline:
            self._ending = Ending.TIMED_OUT
        elif self._started is not None and self._memory_in_use() > self._limits.memory_bytes:
            self._ending = Ending.OUT_OF_MEMORY

    def _memory_in_use(self) -> int:
        """Of the program and all that it started: what runs below the first process inside."""
        total = 0
        with contextlib.suppress(psutil.Error, ValueError):
            if self._first is None:
                self._first = _first_inside(self._process.pid)
            for one in self._first.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss
        return total

    def _finished(self, seconds: float) -> Finished:
        said: dict[str, Any] = {}
        for line in self._reported.decode().splitlines():
            said |= json.loads(line)
        if "obstacle" in said:
            raise SandboxUnavailableError(said["obstacle"])
        if self._started is None:
            stderr = self._read[self._stderr].decode(errors="replace").strip()
            raise SandboxUnavailableError(stderr.rpartition("\n")[2] or "the sandbox could not be built in time")
        ending, code = self._ending, said.get("exit")
        if ending is None and code is None:
            ending = Ending.TIMED_OUT if said.get("signal") == signal.SIGXCPU else Ending.KILLED
        return Finished(
            ending=ending or Ending.EXITED,
            exit_code=code if ending is None else None,
            stdout=bytes(self._read[self._stdout]),
            stderr=bytes(self._read[self._stderr]),
            seconds=seconds,
        )
