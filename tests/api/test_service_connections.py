"""The service and its clients over real sockets: slow, silent, greedy, many, and malformed."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'api' is not installed")

from service import HANG_S, Service, parsed, rest_of, serving, wait_until

import hotspots as hs
from hotspots.registry import open_registry

LIMITS = {
    "request_seconds": 2,
    "idle_seconds": 2,
    "unread_seconds": 3,
    "stop_seconds": 1,
    "connections": 16,
    "head_bytes": 8_192,
    "body_bytes": 1_000,
}
GET = b"GET /v1/regions/KEN HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small edition on the disk."""
    return hs.analyze(hs.load("KEN")).save(tmp_path_factory.mktemp("edition") / "edition")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry."""
    path = tmp_path_factory.mktemp("registry") / "r.sqlite"
    open_registry(path, create=True)
    return path


@pytest.fixture(scope="module")
def service(
    edition: Path, registry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service under narrow limits."""
    with serving(tmp_path_factory.mktemp("service"), edition, registry, **LIMITS) as running:
        yield running


def assert_guarded(status: int, headers: Message, body: bytes, expected: int) -> str:
    """Check a refusal by the server itself; return its sentence."""
    assert status == expected
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers
    told = json.loads(body)
    assert set(told) == {"type", "title", "status", "detail", "instance"}
    assert told["status"] == expected
    return str(told["detail"])


def test_a_silent_connection_is_ended(service: Service) -> None:
    assert service.ask(b"") == b""


def test_a_head_that_comes_byte_by_byte_is_ended_with_408(service: Service) -> None:
    """Each byte comes well within any time between two bytes; the whole doesn't."""
    with service.connect() as caller:
        caller.settimeout(0.2)
        found = b""
        for byte in GET + b"X-Slow: " + b"a" * 600:  # two minutes
            try:
                caller.sendall(bytes([byte]))
                found += caller.recv(1 << 16)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if found:
                break
        caller.settimeout(HANG_S)
        found += rest_of(caller)
    assert "within 2 seconds" in assert_guarded(*parsed(found), 408)
    assert parsed(found)[1]["Access-Control-Allow-Origin"] == "*"


def test_a_second_request_may_be_no_slower_than_the_first(service: Service) -> None:
    """After a first answer, a head that never ends is ended too."""
    answers = service.ask(GET + b"\r\n" + GET)
    first, second = re.split(rb"(?=HTTP/1.1 408)", answers)
    assert parsed(first)[0] == 200
    assert_guarded(*parsed(second), 408)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # without Host
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS on a plain port
        GET + b"X-Long: " + b"a" * 1_000_000 + b"\r\n\r\n",
    ],
    ids=["nonsense", "no-host", "bad-length", "tls", "long-header"],
)
def test_what_is_no_request_is_refused_like_everything_else(service: Service, sent: bytes) -> None:
    with service.connect() as caller:
        caller.sendall(sent)
        told = assert_guarded(*parsed(rest_of(caller)), 400)
    assert "at most 8,192 bytes" in told


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 8_200 + b" HTTP/1.1\r\nHost: a\r\n",
        b"GET /?" + b"a" * 8_200 + b" HTTP/1.1\r\nHost: a\r\n",
        GET + b"X-Long: " + b"a" * 8_200 + b"\r\n",
        GET + b"a: b\r\n" * 1_500,
    ],
    ids=["path", "query", "header", "headers"],
)
def test_a_large_head_is_refused_in_one_piece_too(service: Service, sent: bytes) -> None:
    """h11 limits only a head that isn't complete yet."""
    status, headers, body = parsed(service.ask(sent + b"Connection: close\r\n\r\n"))
    assert status in (400, 431)  # as it came in one piece or in several
    assert "at most 8,192 bytes" in assert_guarded(status, headers, body, status)


def test_a_chunk_that_is_none_ends_the_connection_without_a_traceback(service: Service) -> None:
    """The answer is out already when the body turns out to be malformed."""
    chunked = GET + b"Transfer-Encoding: chunked\r\n\r\n"
    with service.connect() as caller:
        caller.sendall(chunked)
        found = caller.recv(1 << 16)
        caller.sendall(b"no number\r\n")
        found += rest_of(caller)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.count(b"HTTP/1.1") == 1
    assert "Traceback" not in service.log.read_text()


def test_a_large_body_is_refused(service: Service) -> None:
    body = b"a" * 1_001
    lines = GET + b"Connection: close\r\nContent-Length: 1001\r\n\r\n" + body
    assert "at most 1,000 bytes" in assert_guarded(*parsed(service.ask(lines)), 413)


@pytest.mark.parametrize("declared", [b"Content-Length: 900", b"Transfer-Encoding: chunked"])
def test_a_body_that_never_ends_is_not_waited_for(service: Service, declared: bytes) -> None:
    """The answer needs no body; the connection is ended though the client sends now and then."""
    begun = time.monotonic()
    with service.connect() as caller:
        caller.sendall(GET + declared + b"\r\n\r\n")
        found = caller.recv(1 << 16)
        caller.settimeout(0.2)
        while time.monotonic() - begun < HANG_S:
            try:
                caller.sendall(b"1\r\na\r\n" if b"chunked" in declared else b"a")
                if not caller.recv(1 << 16):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the connection was never ended")
    assert found.startswith(b"HTTP/1.1 200")


def test_a_client_that_reads_nothing_is_ended(service: Service) -> None:
    """Some 30 MB are asked for, more than the system's own buffers take."""
    with service.connect(receive_bytes=4_096) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        assert is_ended(caller)


def is_ended(caller: socket.socket) -> bool:
    """Return whether the service ends a connection on which only we send."""
    gone = time.monotonic() + HANG_S
    while time.monotonic() < gone:
        try:
            caller.sendall(b"G")
        except ConnectionError:
            return True
        time.sleep(0.2)
    return False


def test_requests_sent_at_once_are_answered_in_order(service: Service) -> None:
    paths = [b"KEN", b"none", b"KEN/summary", b"world"]
    lines = [b"GET /v1/regions/" + path + b" HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths]
    answers = re.split(rb"(?=HTTP/1.1 )", service.ask(b"".join(lines)))[1:]
    statuses = [parsed(answer)[0] for answer in answers]
    assert statuses == [200, 404, 200, 404]


def test_too_many_connections_are_refused_and_the_service_goes_on(
    edition: Path, registry: Path, tmp_path: Path
) -> None:
    limits = LIMITS | {"request_seconds": 60}
    with serving(tmp_path, edition, registry, **limits) as service:
        held = [service.connect() for _ in range(16)]
        # The last of these has been accepted once it is answered.
        for caller in held:
            caller.sendall(GET + b"\r\n" + GET)
            assert caller.recv(1 << 16).startswith(b"HTTP/1.1 200")
        more = [service.connect() for _ in range(200)]
        answers = [rest_of(caller) for caller in more]
        refused = [answer for answer in answers if answer]
        status, headers, body = parsed(refused[0])
        assert "16 connections are open" in assert_guarded(status, headers, body, 503)
        assert headers["Retry-After"] == "5"
        assert all(answer.startswith(b"HTTP/1.1 503") for answer in refused)
        for caller in [*held, *more]:
            caller.close()
        wait_until(lambda: service.get("/v1/regions/KEN")[0] == 200)


def test_the_service_stops_though_a_client_holds_on(
    edition: Path, registry: Path, tmp_path: Path
) -> None:
    with (
        serving(tmp_path, edition, registry, **LIMITS) as service,
        service.connect(receive_bytes=4_096) as caller,
    ):
        caller.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        caller.recv(1)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(HANG_S) in (0, -signal.SIGTERM)


def test_no_path_forges_a_line_of_the_log(service: Service) -> None:
    """Each line of the log is an entry's first one, or is indented."""
    forged = b"%0d%0a2026-01-01%20ERROR%20hotspots:%20forged%1b[31m"
    service.ask(b"GET /v1/regions/" + forged + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    service.ask(b"GET / forged\x1b[31m\r\nUpgrade: websocket\r\n\r\n")
    told = service.log.read_text()
    assert "Invalid HTTP request" in told
    assert "\x1b" not in told
    for line in told.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ |    ", line), line


@pytest.mark.parametrize("value", ["0", "-1", "some"])
def test_a_limit_that_is_no_number_is_told(
    run: object, monkeypatch: pytest.MonkeyPatch, edition: Path, value: str
) -> None:
    monkeypatch.setenv("HOTSPOTS_MAX_CONNECTIONS", value)
    code, _, errors = run("serve", "--edition", edition, "--port", "0")  # type: ignore[operator]
    assert code == 2
    assert f"HOTSPOTS_MAX_CONNECTIONS is '{value}'" in errors
