"""A person's connection to a server: kept open, with cookies, and strict about what comes back."""

import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class ServerFaultError(RuntimeError):
    """The server answered with a status of 500 or more."""


class Browser:
    """Requests of one person, one after the other; cookies are kept, redirects are not followed.

    Parameters
    ----------
    address : str
        Host and port.
    headers : dict
        Sent with every request.
    """

    def __init__(self, address: str, headers: dict[str, str] | None = None) -> None:
        self.cookies: dict[str, str] = {}
        self._headers = headers or {}
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def get(self, path: str, **headers: str) -> bytes:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, data: object = None, **headers: str) -> bytes:
        """Send `data` as JSON."""
        return self._ask("POST", path, json.dumps(data).encode(), {"Content-Type": JSON, **headers})

    def patch(self, path: str, data: object, **headers: str) -> bytes:
        return self._ask("PATCH", path, json.dumps(data).encode(), {"Content-Type": JSON, **headers})

    def post_form(self, path: str, fields: dict[str, str], **headers: str) -> bytes:
        return self._ask("POST", path, urlencode(fields).encode(), {"Content-Type": FORM, **headers})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            self._connection.request(method, path, body, self._headers | sent)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            # A server may close a connection that stood idle: as a browser does, ask once more on a new one.
            self._connection.close()
            self._connection.request(method, path, body, self._headers | sent)
            response = self._connection.getresponse()
        content = response.read()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                self.cookies |= {cookie.key: cookie.value for cookie in SimpleCookie(value).values()}
        if response.status >= 400:
            fault = ServerFaultError if response.status >= 500 else RuntimeError
            raise fault(f"{method} {path} was answered {response.status}: {content[:300]!r}")
        return content


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def json_of(content: bytes) -> Any:
    return json.loads(content)


def wait_until_up(address: str, path: str, *, seconds: float = 120) -> None:
    """Wait until `path` is answered with success.

    Raises
    ------
    RuntimeError
        If it is not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"http://{address}{path} is not answered after {seconds:g} s")
