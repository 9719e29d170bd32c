"""All outgoing HTTP of Rubricate: model servers, hubs, webhooks. Nothing else opens a connection to the outside.

People of a project name addresses that this server then asks, so an address is hostile until it has passed the
operator's two lists: ``OUTGOING_HOSTS`` (who may be asked at all, over HTTPS, at public addresses) and
``OUTGOING_LOCAL_HOSTS`` (whom the operator has opened by name, at private addresses and in plain HTTP as well). Names
are resolved here, every address is checked, and the connection goes to the checked address: a name that resolves to
another one a moment later (DNS rebinding) gains nothing. Redirects are answers, and refused.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2
from django.conf import settings

MOST_BYTES = 32 * 1024 * 1024
"""Of an answer, unpacked; a longer one is dropped while it is read."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class OutgoingError(Exception):
    """A request that got no answer; the message is one line for a person and holds no header."""


class OutgoingRefusedError(OutgoingError):
    """The operator's policy forbids the address, or the server sent a redirect."""


class OutgoingUnreachableError(OutgoingError):
    """No connection: nobody listens, the name is unknown, or TLS failed."""


class OutgoingTimeoutError(OutgoingError):
    """The server was waited for as long as was agreed."""


class OutgoingBrokenError(OutgoingError):
    """The connection ended within the answer, or what came is no HTTP."""


class OutgoingTooLargeError(OutgoingError):
    """The answer is longer than `MOST_BYTES`."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes
    ----------
    connect : float
        For a connection and its TLS.
    answer : float
        For the whole answer. Only time spent waiting at the socket counts, never this process' own delays: a busy
        machine must not look like a slow server.
    """

    connect: float = 10.0
    answer: float = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, whatever its status; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def check_url(url: str) -> None:
    """Raise `OutgoingRefusedError` where the policy forbids the address as it is written; no name is resolved."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OutgoingRefusedError("the address is no URL such as https://host/v1") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise OutgoingRefusedError("the address is no URL such as https://host/v1")
    if parts.username is not None or parts.password is not None:
        raise OutgoingRefusedError("the address holds a user name or password: give the key in its own field")
    _check_host(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme])


class Outgoing:
    """A client that keeps connections; safe to use from many threads at once.

    Parameters
    ----------
    connections : int
        At most so many at a time; callers that find none free wait.
    """

    def __init__(self, *, connections: int = 10) -> None:
        self._client = httpx2.Client(
            transport=PolicyTransport(connections=connections),
            follow_redirects=False,
            trust_env=False,
            # Compressed answers could unpack to anything; models' answers are small.
            headers={"accept-encoding": "identity", "user-agent": "rubricate"},
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeouts: Timeouts = Timeouts(),
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """One request and its whole answer, of any status but a redirect.

        Raises
        ------
        OutgoingError
            By its subclass: refused, unreachable, timeout, broken or too large.
        """
        wanted = httpx2.Timeout(timeouts.answer, connect=timeouts.connect, pool=None)
        waiting = Waiting(timeouts.answer)
        started = time.monotonic()
        with (
            _named_errors(),
            self._client.stream(method, url, headers=headers, content=body, timeout=wanted) as response,
        ):
            if response.is_redirect:
                raise OutgoingRefusedError(f"the server answered with a redirect ({response.status_code})")
            content = _read(waiting.through(response.iter_raw()), most_bytes)
            found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, found, content, time.monotonic() - started)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


class Waiting:
    """Adds up the time spent waiting for pieces of an answer; what lies between the reads is not the server's."""

    def __init__(self, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._left = most
        self._clock = clock

    def through(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces; `OutgoingTimeoutError` before one that would be waited for in vain."""
        while True:
            if self._left <= 0:
                raise OutgoingTimeoutError("the answer did not end in time")
            asked = self._clock()
            piece = next(pieces, None)
            self._left -= self._clock() - asked
            if piece is None:
                return
            yield piece


class PolicyTransport(httpx2.HTTPTransport):
    """A transport that asks only whom the policy allows, at the address that was checked.

    It holds at this level so that libraries which bring a client of their own (the model hub's, which must follow
    redirects) are held to it at every hop.
    """

    def __init__(self, *, connections: int = 10) -> None:
        super().__init__(trust_env=False)
        self._pool.close()
        # A private certificate authority may be named by the usual SSL_CERT_FILE; proxies are not taken from there.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=_PinnedBackend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request, once its address has passed."""
        check_url(str(request.url.copy_with(userinfo=b"")))
        return super().handle_request(request)


class _PinnedBackend(httpcore2.SyncBackend):
    """Connects to addresses that were resolved and checked here, never to a name."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in checked_addresses(host, port):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


def checked_addresses(host: str, port: int) -> list[str]:
    """The addresses of a name that may be connected to.

    Raises
    ------
    OutgoingRefusedError
        One of them is not public, and the operator has not opened the host: a name with mixed answers is refused as a
        whole, since whoever writes its records chooses which one is taken.
    OutgoingUnreachableError
        The name is unknown.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutgoingUnreachableError(f"the name {host} is unknown here") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not _is_local(host, port) and not all(is_public(address) for address in addresses):
        raise OutgoingRefusedError(
            f"{host} is at a private address: the operator must name {host}:{port} in RUBRICATE_LOCAL_HOSTS"
        )
    return addresses


def is_public(address: str) -> bool:
    """Whether an address is reached over the public internet, also where it wraps one of the other family."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = ipaddress.IPv4Address(found.packed[-4:])
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved


def _check_host(scheme: str, host: str, port: int) -> None:
    if _is_local(host, port):
        return
    if not any(fnmatch.fnmatchcase(host.lower(), pattern.lower()) for pattern in settings.OUTGOING_HOSTS):
        raise OutgoingRefusedError(f"{host} is not among the hosts of RUBRICATE_OUTGOING_HOSTS")
    if scheme != "https":
        raise OutgoingRefusedError(
            f"{host} is asked in plain HTTP: use https, or let the operator name {host}:{port} in RUBRICATE_LOCAL_HOSTS"
        )


def _is_local(host: str, port: int) -> bool:
    """Whether the operator has opened this very host, with this port or with any."""
    name = host.lower().strip("[]")
    written = f"[{name}]" if ":" in name else name
    opened = {entry.lower() for entry in settings.OUTGOING_LOCAL_HOSTS}
    return bool(opened & {name, written, f"{written}:{port}"})


def _read(pieces: Iterator[bytes], most_bytes: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > most_bytes:
            raise OutgoingTooLargeError(f"the answer is longer than {most_bytes:,} bytes")
    return bytes(body)


@contextmanager
def _named_errors() -> Iterator[None]:
    """The library's errors as ours. Their messages and causes are dropped: some quote the headers that were sent."""
    try:
        yield
    except httpx2.ConnectTimeout:
        raise OutgoingUnreachableError("no connection in time") from None
    except httpx2.TimeoutException:
        raise OutgoingTimeoutError("no answer in time") from None
    except httpx2.ConnectError as error:
        raise OutgoingUnreachableError(f"no connection ({_cause(error)})") from None
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL):
        raise OutgoingRefusedError("the address is no URL such as https://host/v1") from None
    except httpx2.HTTPError as error:
        raise OutgoingBrokenError(f"the connection broke within the answer ({type(error).__name__})") from None


def _cause(error: Exception) -> str:
    """What the system said: `Connection refused`, or that a certificate is not trusted."""
    found: BaseException = error
    while found.__cause__ or found.__context__:
        found = found.__cause__ or found.__context__ or found
    return getattr(found, "strerror", None) or type(found).__name__
