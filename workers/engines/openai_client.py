"""One server that speaks the OpenAI protocol: requests with tries, limits and prices; answers as checked JSON.

What a request asks and how an answer is read stands in `openai_requests` and `openai_replies`; here is what every
request goes through. Blocking calls in threads: time-outs are the sockets' own, so a busy process is never taken for a
slow server.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from projects.outgoing import (
    Answer,
    Outgoing,
    OutgoingBrokenError,
    OutgoingError,
    OutgoingRefusedError,
    OutgoingTimeoutError,
    OutgoingTooLargeError,
    OutgoingUnreachableError,
    Timeouts,
)
from workers.engines.contract import EngineError, ErrorCode, Refusal, Usage
from workers.engines.limits import Backoff, BreakerOpenError, Gate, Limits, Permit
from workers.engines.openai_errors import error_message, header_number, is_overrun, is_quota_error, retry_after

Request = TypeVar("Request")
Result = TypeVar("Result")

# Tries of one request by what went wrong; what is not named is not tried again.
_TRIES = {
    ErrorCode.ENDPOINT_BUSY: 8,
    ErrorCode.ENDPOINT_DOWN: 4,
    ErrorCode.ENDPOINT_MALFORMED: 3,
    ErrorCode.ENDPOINT_TIMEOUT: 2,
}
_MOST_DETAIL = 300
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens, in whatever currency the endpoint states."""

    prompt_per_million: float = 0.0
    reply_per_million: float = 0.0

    def cost(self, prompt_tokens: int, reply_tokens: int) -> float:
        """Of one request."""
        return (prompt_tokens * self.prompt_per_million + reply_tokens * self.reply_per_million) / 1e6


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is served and on what terms.

    Attributes
    ----------
    base_url : str
        Such as ``https://host/v1``; without a slash at its end.
    model : str
        The name by which the server knows it.
    key : str
        Sent as a bearer token; never shown.
    prices : Prices or None
        None where none are stated: nothing is counted as cost then.
    """

    base_url: str
    model: str
    key: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)
    prices: Prices | None = None

    @property
    def root(self) -> str:
        """The address without its version: some routes stand beside ``/v1``."""
        return self.base_url.removesuffix("/v1")


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """A JSON object that a server answered with, and what it took.

    Attributes
    ----------
    body : dict
    prompt_tokens, reply_tokens : int
        As the server metered them; 0 where it does not.
    served_model : str
        What the server says that it ran, with its fingerprint.
    cost : float or None
        None where no prices are stated.
    seconds : float
    """

    body: dict[str, Any]
    prompt_tokens: int
    reply_tokens: int
    served_model: str
    cost: float | None
    seconds: float


class _TryError(Exception):
    """One try that failed in a way that another one may mend."""

    def __init__(self, code: ErrorCode, detail: str, pause: float | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pause = pause


class _RequestRefusedError(Exception):
    """The server will not serve this very request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class RouteMissingError(EngineError):
    """The server answers 404: it serves another model, or not this kind of request."""


class OpenAIClient:
    """Asks one server, as many requests at a time as it can bear.

    Parameters
    ----------
    server : Server
    sleep : callable
        How to wait between tries.
    """

    def __init__(
        self,
        server: Server,
        *,
        sleep: Callable[[float], None] = time.sleep,
        backoff: Callable[[], Backoff] = Backoff,
        gate: Gate | None = None,
    ) -> None:
        self.server = server
        self.gate = gate or Gate(server.limits)
        self.usage = Usage()
        self._sleep = sleep
        self._backoff = backoff
        self._http = Outgoing(connections=server.limits.concurrency)
        self._timeouts = Timeouts(answer=server.limits.timeout_seconds)
        self._threads = ThreadPoolExecutor(server.limits.concurrency, thread_name_prefix="model-server")
        self._metering = threading.Lock()

    def close(self) -> None:
        """Let go of threads and connections; requests under way end first."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._http.close()

    def map(self, ask: Callable[[Request], Result], requests: Sequence[Request]) -> list[Result]:
        """`ask` of every request, many at a time, in order. `ask` must not call `map`.

        Raises
        ------
        EngineError
            endpoint_refused where the server refuses whatever is asked (key, address, model): no further request is
            sent. endpoint_down where no request at all could be served because the server is down; where some were,
            the others are refusals.
        """
        futures = [self._threads.submit(ask, request) for request in requests]
        try:
            results = [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        down = [found for found in results if isinstance(found, Refusal) and found.code == ErrorCode.ENDPOINT_DOWN]
        if results and len(down) == len(results):
            raise EngineError(ErrorCode.ENDPOINT_DOWN, down[0].detail)
        return results

    def get(self, url: str) -> dict[str, Any] | None:
        """One look at an address, without tries; None where it is not served there."""
        try:
            answer = self._http.request("GET", url, headers=self._headers(), timeouts=self._timeouts)
        except OutgoingRefusedError as error:
            raise EngineError(ErrorCode.ENDPOINT_REFUSED, str(error)) from None
        except OutgoingError as error:
            raise EngineError(ErrorCode.ENDPOINT_DOWN, f"the server does not answer: {error}") from None
        if answer.status in {401, 403}:
            raise EngineError(ErrorCode.ENDPOINT_REFUSED, _key_refused(answer.status))
        if answer.status != 200:
            return None
        try:
            return _object(answer.body)
        except _TryError:
            return None

    def post(self, url: str, payload: Mapping[str, Any], *, is_metered: bool = True) -> ServerAnswer | Refusal:
        """One request, tried again after what a pause may mend.

        Parameters
        ----------
        is_metered : bool
            Whether the server states the tokens that it read; without, where prices are stated, the answer counts as
            malformed, since a budget could not be kept.

        Raises
        ------
        EngineError
            endpoint_refused, where no request can succeed.
        """
        try:
            body = json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:
            return Refusal(ErrorCode.INVALID_TEXT, "the text holds half of a surrogate pair, which is no character")
        at_most = _tokens_at_most(payload)
        backoff = self._backoff()
        tries: dict[ErrorCode, int] = {}
        while True:
            try:
                return self._try(url, body, at_most, is_metered=is_metered)
            except BreakerOpenError:
                return Refusal(ErrorCode.ENDPOINT_DOWN, self._down_detail())
            except _RequestRefusedError as error:
                return error.refusal
            except _TryError as error:
                tries[error.code] = tries.get(error.code, 0) + 1
                pause = backoff.next_pause(error.pause)
                if pause is None or tries[error.code] >= _TRIES.get(error.code, 1):
                    return Refusal(error.code, error.detail)
            self._sleep(pause)

    def _try(self, url: str, body: bytes, at_most: float, *, is_metered: bool) -> ServerAnswer:
        headers = {**self._headers(), "content-type": "application/json"}
        with self.gate.passage(at_most) as permit:
            try:
                answer = self._http.request("POST", url, headers=headers, body=body, timeouts=self._timeouts)
                found = self._checked(answer, permit)
            except OutgoingRefusedError as error:
                raise EngineError(ErrorCode.ENDPOINT_REFUSED, str(error)) from None
            except OutgoingTooLargeError as error:
                raise _RequestRefusedError(Refusal(ErrorCode.ENDPOINT_MALFORMED, str(error))) from None
            except OutgoingError as error:
                self.gate.failed(permit)
                raise _TryError(_CODES[type(error)], str(error)) from None
            counted = self._metered(found, answer, is_metered=is_metered)
            tokens = counted.prompt_tokens + counted.reply_tokens
            self.gate.answered(permit, answer.seconds, tokens or None)
        if is_metered and self.server.prices is not None and not tokens:
            detail = "the server states no token counts, and without them the stated prices cannot be applied"
            raise _RequestRefusedError(Refusal(ErrorCode.ENDPOINT_MALFORMED, detail))
        return counted

    def _checked(self, answer: Answer, permit: Permit) -> dict[str, Any]:
        """The body of a success, or the error that the status means."""
        self._heed_headers(answer.headers)
        if answer.status == 200:
            try:
                return _object(answer.body)
            except _TryError:
                self.gate.failed(permit)
                raise
        said = self._said(answer)
        if answer.status in {401, 403}:
            raise EngineError(ErrorCode.ENDPOINT_REFUSED, _key_refused(answer.status))
        if answer.status == 404:
            self.gate.refused()
            raise RouteMissingError(ErrorCode.ENDPOINT_REFUSED, f"the server knows no such model or route: {said}")
        asked = retry_after(answer.headers)
        if answer.status == 429 or (answer.status in {503, 529} and asked is not None):
            if is_quota_error(answer.body):
                raise EngineError(ErrorCode.ENDPOINT_REFUSED, f"the account's quota is used up: {said}")
            self.gate.objected(permit, asked or 0.0)
            raise _TryError(ErrorCode.ENDPOINT_BUSY, f"the server is busy ({answer.status}): {said}", asked)
        if answer.status >= 500 or answer.status in {408, 409, 425}:
            self.gate.failed(permit)
            raise _TryError(ErrorCode.ENDPOINT_DOWN, f"the server failed ({answer.status}): {said}", asked)
        self.gate.refused()
        code = ErrorCode.CONTEXT_OVERRUN if is_overrun(said) else ErrorCode.ENDPOINT_REFUSED
        raise _RequestRefusedError(Refusal(code, f"the server refused the request ({answer.status}): {said}"))

    def _metered(self, body: dict[str, Any], answer: Answer, *, is_metered: bool) -> ServerAnswer:
        """The answer with what it cost, which also enters the totals."""
        usage = body.get("usage")
        stated: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
        prompt_tokens = _count(stated.get("prompt_tokens"))
        reply_tokens = _count(stated.get("completion_tokens"))
        prices = self.server.prices
        cost = prices.cost(prompt_tokens, reply_tokens) if prices is not None else None
        with self._metering:
            self.usage += Usage(int(is_metered), prompt_tokens, reply_tokens, cost or 0.0)
        names = [str(body[name])[:200] for name in ("model", "system_fingerprint") if isinstance(body.get(name), str)]
        return ServerAnswer(body, prompt_tokens, reply_tokens, " ".join(names), cost, answer.seconds)

    def _heed_headers(self, headers: Mapping[str, str]) -> None:
        self.gate.stated(
            requests=header_number(headers.get("x-ratelimit-limit-requests")),
            tokens=header_number(headers.get("x-ratelimit-limit-tokens")),
        )

    def _headers(self) -> dict[str, str]:
        headers = {"accept": "application/json"}
        if self.server.key:
            headers["authorization"] = f"Bearer {self.server.key}"
        return headers

    def _said(self, answer: Answer) -> str:
        """The server's own words, without the key, which some servers repeat."""
        text = error_message(answer.body)
        if self.server.key:
            text = text.replace(self.server.key, "[key]")
        return text[:_MOST_DETAIL] or "it gave no reason"

    def _down_detail(self) -> str:
        seconds = math.ceil(self.gate.breaker.seconds_left)
        return f"the server failed again and again; it is asked again in {seconds} s at the earliest"


_CODES: dict[type[OutgoingError], ErrorCode] = {
    OutgoingTimeoutError: ErrorCode.ENDPOINT_TIMEOUT,
    OutgoingUnreachableError: ErrorCode.ENDPOINT_DOWN,
    OutgoingBrokenError: ErrorCode.ENDPOINT_MALFORMED,
}


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise _TryError(ErrorCode.ENDPOINT_MALFORMED, "the server's answer is not JSON") from None
    if not isinstance(found, dict):
        raise _TryError(ErrorCode.ENDPOINT_MALFORMED, "the server's answer is no JSON object")
    return found


def _key_refused(status: int) -> str:
    # Without the server's words: some quote the key, or parts of it.
    return f"the server refuses the key ({status})"


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _tokens_at_most(payload: Mapping[str, Any]) -> float:
    """What a request may cost against a limit of tokens a minute, before the server has counted."""
    limit = payload.get("max_tokens") or payload.get("max_completion_tokens") or 0
    texts = {name: payload[name] for name in ("messages", "prompt", "input") if name in payload}
    return len(json.dumps(texts, ensure_ascii=False)) / _CHARACTERS_PER_TOKEN + float(limit)
