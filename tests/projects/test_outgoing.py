"""Outgoing HTTP: who may be asked, at which address, and what becomes of answers that are none."""

import socket

import pytest

from projects import outgoing
from projects.outgoing import (
    Outgoing,
    OutgoingBrokenError,
    OutgoingRefusedError,
    OutgoingTimeoutError,
    OutgoingTooLargeError,
    OutgoingUnreachableError,
    Timeouts,
    Waiting,
    check_url,
    is_public,
)
from tests.workers.replaying import replay_server, status


@pytest.fixture(scope="module")
def server():
    with replay_server("ollama") as running:
        yield running


@pytest.fixture
def client():
    made = Outgoing()
    yield made
    made.close()


@pytest.fixture
def opened(settings, server):
    """The operator has opened the server by name and port."""
    settings.OUTGOING_LOCAL_HOSTS = [server.host]
    server.fail_next()
    return server


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.9.9", "192.168.1.1", "127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_public_however_they_are_wrapped(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "example.org/v1",
        "https://",
        "https://user:secret@example.org/v1",
        "https://example.org:notaport/",
        "http://example.org/v1",
    ],
)
def test_what_is_no_plain_https_address_is_refused(url):
    with pytest.raises(OutgoingRefusedError):
        check_url(url)


def test_the_operator_may_narrow_the_public_hosts(settings):
    settings.OUTGOING_HOSTS = ["api.openai.com", "*.example.org"]
    check_url("https://API.openai.com/v1")
    check_url("https://models.example.org/v1")
    for url in ("https://example.com/v1", "https://api.openai.com.evil.example/v1", "https://example.org.evil/v1"):
        with pytest.raises(OutgoingRefusedError, match="RUBRICATE_OUTGOING_HOSTS"):
            check_url(url)


def test_a_server_on_this_machine_is_refused_until_it_is_opened_by_name(client, server, settings):
    server.requests()
    with pytest.raises(OutgoingRefusedError, match="RUBRICATE_LOCAL_HOSTS"):
        client.request("GET", f"{server.url}/models")
    settings.OUTGOING_LOCAL_HOSTS = ["127.0.0.1:1"]
    with pytest.raises(OutgoingRefusedError):
        client.request("GET", f"{server.url}/models")
    assert server.requests() == []
    settings.OUTGOING_LOCAL_HOSTS = [server.host]
    assert client.request("GET", f"{server.url}/models").status == 200


@pytest.mark.parametrize("written", ["localhost", "0x7f.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_other_ways_to_write_this_machine_are_refused_too(client, server, settings, written):
    settings.OUTGOING_LOCAL_HOSTS = []
    port = server.host.rpartition(":")[2]
    server.requests()
    with pytest.raises((OutgoingRefusedError, OutgoingUnreachableError)):
        client.request("GET", f"https://{written}:{port}/v1/models")
    assert server.requests() == []


def resolving(monkeypatch, *answers):
    """Name servers that say another address each time; what was connected to."""
    queue, connected = list(answers), []

    def getaddrinfo(host, port, *args, **kwargs):
        found = queue.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def create_connection(address, *args, **kwargs):
        connected.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    return connected


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(client, monkeypatch):
    # A second look at the name would give the address of this machine: it is never taken.
    connected = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    with pytest.raises(OutgoingUnreachableError):
        client.request("GET", "https://rebinding.example/v1/models")
    assert connected == [("93.184.216.34", 443)]


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["93.184.216.34", "10.0.0.7"], ["169.254.169.254"]])
def test_a_public_name_that_leads_inside_is_refused_before_any_connection(client, monkeypatch, answers):
    connected = resolving(monkeypatch, answers)
    with pytest.raises(OutgoingRefusedError, match="private address"):
        client.request("GET", "https://inside.example/v1/models")
    assert connected == []


def test_an_unknown_name_is_unreachable(client, monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OutgoingUnreachableError, match=r"nowhere\.example is unknown"):
        client.request("GET", "https://nowhere.example/")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_refused(client, opened, code):
    opened.fail_next(status(code, Location="http://169.254.169.254/latest/meta-data"))
    opened.requests()
    with pytest.raises(OutgoingRefusedError, match="redirect"):
        client.request("GET", f"{opened.url}/models")
    assert len(opened.requests()) == 1


def test_proxies_of_the_environment_are_not_used(opened, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    fresh = Outgoing()
    assert fresh.request("GET", f"{opened.url}/models").status == 200
    fresh.close()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "cut"}, OutgoingBrokenError),
        ({"kind": "no_http"}, OutgoingBrokenError),
        ({"kind": "huge", "bytes": 2_000_000}, OutgoingTooLargeError),
        ({"kind": "hang"}, OutgoingTimeoutError),
        ({"kind": "drip"}, OutgoingTimeoutError),
    ],
)
def test_an_answer_that_is_none_has_its_own_error(client, opened, fault, error):
    opened.fail_next(fault)
    with pytest.raises(error):
        client.request("GET", f"{opened.url}/models", timeouts=Timeouts(answer=0.3), most_bytes=1_000_000)


def test_nobody_listening_is_unreachable(client, settings):
    settings.OUTGOING_LOCAL_HOSTS = ["127.0.0.1"]
    with pytest.raises(OutgoingUnreachableError, match="Connection refused"):
        client.request("GET", "http://127.0.0.1:9/")


def test_time_that_this_process_lost_is_not_the_servers():
    now = 0.0

    def clock():
        return now

    def pieces():
        nonlocal now
        for _ in range(3):
            now += 1.0
            yield b"x"

    read = []
    for piece in Waiting(3.5, clock).through(pieces()):
        read.append(piece)
        # This process stood still for an hour between two reads.
        now += 3600.0
    assert len(read) == 3


def test_time_spent_waiting_for_pieces_adds_up():
    now = 0.0

    def pieces():
        nonlocal now
        while True:
            now += 1.0
            yield b"x"

    waiting = Waiting(3.5, lambda: now)
    with pytest.raises(OutgoingTimeoutError):
        list(waiting.through(pieces()))
    assert now == 4.0


def test_a_header_that_cannot_be_sent_is_not_quoted(client, opened):
    with pytest.raises(outgoing.OutgoingError) as error:
        client.request("GET", f"{opened.url}/models", headers={"authorization": "Bearer sk-secret\nnext"})
    assert "sk-secret" not in str(error.value)
    assert error.value.__cause__ is None
