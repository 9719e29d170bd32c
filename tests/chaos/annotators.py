"""People who annotate over the API while servers die under them, and the ledger of what they were told is kept."""

import http.client
import json
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, NamedTuple

ANSWER_SECONDS = 15
# Longer than everything takes to come back at once on a busy machine.
PATIENCE_SECONDS = 120
LEVELS = range(1, 8)


class Reply(NamedTuple):
    """What came back, and after how many requests whose fate is unknown."""

    status: int
    data: Any
    lost: int


@dataclass
class Acknowledged:
    """A submit that the server has said it holds."""

    assignment: int
    answer: dict[str, Any]
    act: str
    is_undone: bool = False


@dataclass
class Annotator:
    """One person with a token. `submits` is the ledger by key; `faults` what should not have been said."""

    name: str
    secret: str
    campaign: str
    ports: Sequence[int]
    seed: int
    submits: dict[str, Acknowledged] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lost: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def work(self, is_over: Event) -> None:
        """Item after item; the one in hand is finished when it is over."""
        try:
            while not is_over.is_set():
                self.answer_next()
        except Exception as error:  # Shown by the test, which a thread cannot fail.
            self.faults.append(f"{self.name}: {error!r}")

    def answer_next(self) -> None:
        """Draft, submit, now and then again, under a used key, or taken back and corrected."""
        given = self.expect(200, self.send("POST", f"{self.campaign}/next"))
        assignment = given["assignment"]
        self.draft(assignment)
        key = self.submit(assignment)
        if self.random.random() < 0.3:
            self.submit_again(key)
        if self.random.random() < 0.25:
            self.undo(assignment, key)
            self.draft(assignment)
            self.submit(assignment)

    def draft(self, assignment: int) -> None:
        """Save one, try to save over it from a window that has not seen it, and find it as it was."""
        held = self.held(assignment)
        seen = held["revision"] if held else 0
        answer = self.new_answer()
        reply = self.send("PUT", f"assignments/{assignment}/draft", {"answer": answer, "revision": seen})
        # Refused after a request that was lost: that one had arrived, and is what is held.
        revision = seen + 1 if reply.status == 409 and reply.lost else self.expect(200, reply)["revision"]
        if self.random.random() < 0.5:
            stale = {"answer": {"overall": {}}, "revision": seen}
            self.expect(409, self.send("PUT", f"assignments/{assignment}/draft", stale), code="draft_conflict")
        held = self.held(assignment)
        self.require((held["revision"], held["answer"]) == (revision, answer), f"the draft of {assignment} is {held}")

    def held(self, assignment: int) -> Any:
        return self.expect(200, self.send("GET", f"assignments/{assignment}"))["draft"]

    def submit(self, assignment: int) -> str:
        key, answer = str(uuid.UUID(int=self.random.getrandbits(128))), self.new_answer()
        data = self.expect(200, self.send_submit(assignment, key, answer))
        self.submits[key] = Acknowledged(assignment, answer, data["submission"])
        return key

    def submit_again(self, key: str) -> None:
        """The same request changes nothing and is told the same; another answer under its key is refused."""
        known = self.submits[key]
        data = self.expect(200, self.send_submit(known.assignment, key, known.answer))
        self.require(data["submission"] == known.act, f"{key} was {known.act} and is {data['submission']}")
        self.expect(409, self.send_submit(known.assignment, key, {"overall": {}}), code="key_reused")

    def undo(self, assignment: int, key: str) -> None:
        reply = self.send("POST", f"assignments/{assignment}/undo")
        if not (reply.status == 409 and reply.lost and reply.data.get("code") == "nothing_to_undo"):
            self.expect(200, reply)
        self.submits[key].is_undone = True

    def send_submit(self, assignment: int, key: str, answer: dict[str, Any]) -> Reply:
        return self.send("POST", f"assignments/{assignment}/submit", {"key": key, "answer": answer, "active_ms": 1})

    def new_answer(self) -> dict[str, Any]:
        overall = {label: self.random.choice(LEVELS) for label in "AB"}
        return {"overall": overall, "preference": {"A-B": self.random.choice(["A", "B", "both_good"])}}

    def send(self, method: str, path: str, body: Any = None) -> Reply:
        """The first definite reply; what is lost or answered by a server in trouble is sent again, as the page does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        lost = 0
        while time.monotonic() < deadline:
            try:
                status, data = self.request(self.random.choice(self.ports), method, path, body)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                status, data = 503, None
            if status < 500:
                return Reply(status, data, lost)
            lost += 1
            self.lost += 1
            time.sleep(0.05)
        raise TimeoutError(f"{method} {path} was not answered for {PATIENCE_SECONDS} s")

    def request(self, port: int, method: str, path: str, body: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        try:
            connection.request(method, f"/api/v1/{path}", json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def expect(self, status: int, reply: Reply, *, code: str = "") -> Any:
        self.require(reply.status == status and (not code or reply.data["code"] == code), f"not {status}: {reply}")
        self.refused += status == 409
        return reply.data

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            raise AssertionError(what)


class Crowd:
    """Annotators at work in threads of their own until the block ends."""

    def __init__(self, people: Sequence[Annotator]) -> None:
        self.people = people
        self._is_over = Event()
        self._threads = [Thread(target=person.work, args=[self._is_over], name=person.name) for person in people]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS * 2)

    @property
    def acknowledged(self) -> int:
        return sum(len(person.submits) for person in self.people)

    @property
    def faults(self) -> list[str]:
        return [fault for person in self.people for fault in person.faults]
