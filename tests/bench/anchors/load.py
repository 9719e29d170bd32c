"""The same load for every system: each person takes the next item, answers, and takes the next."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg

SCALE = 5
"""The answers to choose from: 1 to 5."""
TEXT = "Response {number}: Paris is the capital of France."


class Answer(NamedTuple):
    """Who answered what on which item; items by the number that is in their text."""

    person: int
    item: int
    value: int


class Annotator(Protocol):
    """A signed-in person at work."""

    def next_item(self) -> int:
        """Take the next item, its text included; the number that stands in the text."""

    def submit(self, value: int) -> None:
        """Answer the item in hand; returns once the server has acknowledged it."""


class System(Protocol):
    """A server with one project of items to answer, each by one person."""

    name: str
    settings: str
    """Its version, and how it is run."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def cpu_seconds(self) -> float:
        """What its processes and its database have computed since they started."""

    def annotator(self, person: int) -> Annotator: ...

    def stored(self) -> Mapping[tuple[int, int], int]:
        """Value by person and item, read from where the system keeps its answers."""


@dataclass
class Measured:
    """What a system did in all its rounds."""

    acknowledged: list[Answer] = field(default_factory=list)
    answered: int = 0
    """Of the acknowledged ones, those of the rounds."""
    seconds: float = 0
    """From the beginning of each round until the last submit in it was acknowledged."""
    submit_seconds: list[float] = field(default_factory=list)
    next_seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0

    @property
    def rate(self) -> float:
        return self.answered / self.seconds


class Worker:
    """A client: one person's loop in a thread of its own."""

    def __init__(self, person: int, annotator: Annotator) -> None:
        self.person = person
        self.annotator = annotator
        self.answered = 0

    def work(self, until: float, measured: Measured, lock: threading.Lock) -> None:
        answers, submits, nexts = [], [], []
        while (began := time.perf_counter()) < until:
            item = self.annotator.next_item()
            shown = time.perf_counter()
            value = 1 + (item + self.person) % SCALE
            self.annotator.submit(value)
            done = time.perf_counter()
            answers.append(Answer(self.person, item, value))
            nexts.append(shown - began)
            submits.append(done - shown)
        with lock:
            measured.acknowledged += answers
            measured.answered += len(answers)
            measured.submit_seconds += submits
            measured.next_seconds += nexts


def measure(system: System, workers: Sequence[Worker], seconds: float, measured: Measured) -> None:
    """Let all `workers` answer for `seconds`, and add what they did; fail if one of them could not go on."""
    computed = system.cpu_seconds()
    lock = threading.Lock()
    faults: list[BaseException] = []
    began = time.perf_counter()
    until = began + seconds

    def work(worker: Worker) -> None:
        try:
            worker.work(until, measured, lock)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    measured.seconds += time.perf_counter() - began
    measured.cpu_seconds += system.cpu_seconds() - computed


def check_stored(system: System, acknowledged: Sequence[Answer]) -> None:
    """Fail if an acknowledged answer is not in the store, or two people were given the same item."""
    stored = system.stored()
    lost = [answer for answer in acknowledged if stored.get((answer.person, answer.item)) != answer.value]
    if lost:
        raise RuntimeError(f"{system.name}: {len(lost)} of {len(acknowledged)} answers are not stored: {lost[:3]}")
    twice = len(acknowledged) - len({answer.item for answer in acknowledged})
    if twice:
        raise RuntimeError(f"{system.name}: {twice} items were given to more than one person")


class Stat(NamedTuple):
    """What the kernel says of a process."""

    pid: int
    parent: int
    session: int
    cpu_seconds: float


def cpu_seconds_of(is_meant: Callable[[Stat], bool]) -> float:
    return sum(stat.cpu_seconds for stat in _processes() if is_meant(stat))


def postgres_cpu_seconds(connection: psycopg.Connection[Any]) -> float:
    """Of the whole server that `connection` is to: its postmaster and everything that this has started."""
    backend = connection.info.backend_pid
    [postmaster] = [stat.parent for stat in _processes() if stat.pid == backend]
    return cpu_seconds_of(lambda stat: postmaster in (stat.pid, stat.parent))


def _processes() -> Iterator[Stat]:
    ticks = os.sysconf("SC_CLK_TCK")
    for file in Path("/proc").glob("[0-9]*/stat"):
        # A process may end while they are read.
        with suppress(OSError):
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            spent = sum(map(int, fields[11:15])) / ticks
            yield Stat(int(file.parent.name), int(fields[1]), int(fields[3]), spent)


class ServerProcess:
    """A server as a child, with its log in a file; stopped with all that it started."""

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str], folder: Path
    ) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait for it to end by itself, and fail if it did not end well."""
        if self._process.wait() != 0:
            said = self._log.read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.returncode}: ...{said[-1000:]}")

    def cpu_seconds(self) -> float:
        """Of all processes that it started, ended ones that were waited for as well."""
        return cpu_seconds_of(lambda stat: stat.session == self._process.pid)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
