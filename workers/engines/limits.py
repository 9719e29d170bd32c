"""How fast a server may be asked: concurrency that adapts, rates per minute, pauses after failures, and a breaker.

Nothing here knows HTTP or Django. All times come from a monotonic clock that the caller may replace.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

Clock = Callable[[], float]

DEFAULT_CONCURRENCY = 64
_FIRST_CONCURRENCY = 16
_MINUTE = 60.0
# In a row, before the breaker opens; or as many as are under way at a time, where that is more.
_LEAST_FAILURES = 5
# Latency is judged by medians over so many answers; with this factor over the best median seen, growth waits.
_WINDOW = 32
_SLOW = 3.0
_CONGESTED = 6.0
_DRIFT = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """What the owner of an endpoint states; None: no bound is known.

    Attributes
    ----------
    concurrency : int
        Requests under way at a time, at most.
    requests_per_minute, tokens_per_minute : int or None
        Tokens are those of prompts and replies together, as servers count them.
    timeout_seconds : float
        For one answer.
    """

    concurrency: int = DEFAULT_CONCURRENCY
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout_seconds: float = 120.0


class AdaptiveLimit:
    """How many requests may be under way: additive increase, multiplicative decrease (AIMD; Chiu and Jain 1989).

    It starts at 16 (or the bound), doubles each round of answers until the server first objects, and then grows by one
    a round. A refusal for being busy, a failure or a time-out halves it, once for all requests that were under way at
    that moment. While the median latency is above thrice the best median seen it does not grow; above six times it
    shrinks by a tenth a round, so that a queue at the server does not grow into time-outs. Latency also grows with the
    texts: the best median is let drift upwards by a tenth a window, and latency alone never takes it below where it
    started.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("at least one request must be allowed at a time")
        self.most = most
        self._value = float(min(most, _FIRST_CONCURRENCY))
        self._is_probing = True
        self._epoch = 0
        self._latencies: deque[float] = deque(maxlen=_WINDOW)
        self._best: float | None = None

    @property
    def value(self) -> int:
        """Requests allowed now, from 1 to `most`."""
        return int(self._value)

    @property
    def epoch(self) -> int:
        """Changes with every decrease: a request remembers the one that it was sent in."""
        return self._epoch

    def note_answer(self, seconds: float) -> None:
        """A request was answered in so long."""
        self._latencies.append(seconds)
        pressure = self._pressure()
        if pressure >= _CONGESTED:
            self._is_probing = False
            floor = min(self._value, self.most, _FIRST_CONCURRENCY)
            self._value = max(float(floor), self._value - 0.1)
        elif pressure < _SLOW:
            self._value = min(self.most, self._value + (1.0 if self._is_probing else 1.0 / self._value))

    def note_objection(self, epoch: int) -> None:
        """A request that was sent in `epoch` was refused as too many, failed, or took too long."""
        if epoch != self._epoch:
            return
        self._epoch += 1
        self._is_probing = False
        self._value = max(1.0, self._value / 2)

    def _pressure(self) -> float:
        """The present median latency over the best one; 0 until there is enough to tell."""
        if len(self._latencies) < _WINDOW:
            return 0.0
        now = median(self._latencies)
        drift = 1 + _DRIFT / _WINDOW
        self._best = now if self._best is None else min(now, self._best * drift)
        return now / self._best if self._best > 0 else 1.0


class Rate:
    """At most so much in any minute, by a token bucket; what was spent is corrected when it is known."""

    def __init__(self, per_minute: float | None, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._held = per_minute or 0.0
        self._at = clock()

    @property
    def per_minute(self) -> float | None:
        return self._per_minute

    def wait_for(self, amount: float) -> float:
        """Seconds until `amount` may be spent; 0: now. More than a minute's worth waits for a whole one."""
        if self._per_minute is None:
            return 0.0
        self._refill()
        missing = min(amount, self._per_minute) - self._held
        return max(0.0, missing * _MINUTE / self._per_minute)

    def spend(self, amount: float) -> None:
        """Take it; a negative amount gives back what was reserved and not needed."""
        if self._per_minute is not None:
            self._refill()
            self._held = min(self._per_minute, self._held - amount)

    def lower_to(self, per_minute: float) -> None:
        """The server states a limit of its own: the smaller one holds."""
        if per_minute > 0 and (self._per_minute is None or per_minute < self._per_minute):
            self._refill()
            self._held = per_minute if self._per_minute is None else min(self._held, per_minute)
            self._per_minute = per_minute

    def _refill(self) -> None:
        now = self._clock()
        if self._per_minute is not None:
            self._held = min(self._per_minute, self._held + (now - self._at) * self._per_minute / _MINUTE)
        self._at = now


class CircuitBreaker:
    """Stops asking a server that fails again and again (closed, open, half-open; Nygard, Release It!, 2007).

    It opens after `threshold` failures with no answer between them, for `pause` seconds, doubling up to `longest`. Then
    one request is let through: its answer closes the breaker, its failure opens it again.
    """

    def __init__(self, *, pause: float = 15.0, longest: float = 300.0, clock: Clock = time.monotonic) -> None:
        self._first_pause = pause
        self._longest = longest
        self._clock = clock
        self._failures = 0
        self._pause = pause
        self._open_until: float | None = None
        self._is_trying = False

    @property
    def blocks(self) -> bool:
        """Whether no request may go out now."""
        return self._open_until is not None and (self._is_trying or self._clock() < self._open_until)

    def begin(self) -> bool:
        """A request goes out; True where it is the one that is let through."""
        self._is_trying = self._open_until is not None
        return self._is_trying

    @property
    def seconds_left(self) -> float:
        """Until the next probe."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())

    def note_answer(self) -> None:
        """The server answers, with whatever: it is not down."""
        self._failures = 0
        self._pause = self._first_pause
        self._open_until = None
        self._is_trying = False

    def note_failure(self, threshold: int) -> None:
        """No connection, no answer, or a server's own error."""
        self._failures += 1
        if self._is_trying:
            self._is_trying = False
            self._pause = min(self._longest, self._pause * 2)
            self._open_until = self._clock() + self._pause
        elif self._open_until is None and self._failures >= threshold:
            self._open_until = self._clock() + self._pause

    def abandon_probe(self) -> None:
        """The probe ended without telling anything of the server."""
        self._is_trying = False


class BreakerOpenError(Exception):
    """The server is not asked for now."""


@dataclass
class Permit:
    """Leave for one request."""

    epoch: int
    tokens: float
    is_probe: bool = False


class Gate:
    """What a request passes before it goes out: breaker, concurrency, rates. Shared by all threads of an engine."""

    def __init__(self, limits: Limits, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Condition()
        self._under_way = 0
        self._not_before = 0.0
        self.concurrency = AdaptiveLimit(limits.concurrency)
        self.requests = Rate(limits.requests_per_minute, clock)
        self.tokens = Rate(limits.tokens_per_minute, clock)
        self.breaker = CircuitBreaker(clock=clock)

    @contextmanager
    def passage(self, tokens: float) -> Iterator[Permit]:
        """Wait for leave to send one request that may cost so many tokens, and hold it until the request is over.

        Raises
        ------
        BreakerOpenError
            At once, while the breaker is open.
        """
        with self._turn:
            while True:
                if self.breaker.blocks:
                    raise BreakerOpenError
                if self._under_way < self.concurrency.value:
                    pause = self._pause(tokens)
                    if pause <= 0:
                        break
                    self._turn.wait(pause)
                else:
                    self._turn.wait(1.0)
            self._under_way += 1
            self.requests.spend(1)
            self.tokens.spend(tokens)
            permit = Permit(self.concurrency.epoch, tokens, self.breaker.begin())
        try:
            yield permit
        finally:
            with self._turn:
                self._under_way -= 1
                if permit.is_probe:
                    self.breaker.abandon_probe()
                self._turn.notify_all()

    def answered(self, permit: Permit, seconds: float, tokens: float | None) -> None:
        """The server answered; `tokens` is what it really cost, where it says."""
        with self._turn:
            self.breaker.note_answer()
            self.concurrency.note_answer(seconds)
            if tokens is not None:
                self.tokens.spend(tokens - permit.tokens)
                permit.tokens = tokens
            self._turn.notify_all()

    def refused(self) -> None:
        """The server answered that this one request cannot be served: it lives, and nothing was spent."""
        with self._turn:
            self.breaker.note_answer()
            self._turn.notify_all()

    def objected(self, permit: Permit, pause: float) -> None:
        """The server said that it is asked too much; nobody asks it before `pause` seconds have passed."""
        with self._turn:
            self.breaker.note_answer()
            self.concurrency.note_objection(permit.epoch)
            self._not_before = max(self._not_before, self._clock() + pause)
            self._turn.notify_all()

    def failed(self, permit: Permit) -> None:
        """No answer, or the server's own error."""
        with self._turn:
            threshold = max(_LEAST_FAILURES, self.concurrency.value)
            self.concurrency.note_objection(permit.epoch)
            self.breaker.note_failure(threshold)
            self._turn.notify_all()

    def stated(self, *, requests: float | None, tokens: float | None) -> None:
        """What the server's headers say about its own limits."""
        with self._turn:
            if requests:
                self.requests.lower_to(requests)
            if tokens:
                self.tokens.lower_to(tokens)

    def _pause(self, tokens: float) -> float:
        return max(self._not_before - self._clock(), self.requests.wait_for(1), self.tokens.wait_for(tokens))


class Backoff:
    """Pauses between tries of one request: full jitter (Brooker 2015) over a doubling bound, or what the server asks.

    The sum of the pauses is bounded by `patience`: None where the next one would exceed it.
    """

    def __init__(
        self,
        *,
        first: float = 0.5,
        longest: float = 30.0,
        patience: float = 180.0,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._bound = first
        self._longest = longest
        self._patience = patience
        self._draw = draw

    def next_pause(self, asked: float | None = None) -> float | None:
        """Seconds until the next try. A server that asks for a pause gets it, with up to a tenth more."""
        pause = self._draw(0.0, self._bound) if asked is None else asked * self._draw(1.0, 1.1)
        self._bound = min(self._longest, self._bound * 2)
        if pause > self._patience:
            return None
        self._patience -= pause
        return pause
