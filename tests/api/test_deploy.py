"""The files of deploy/: the proxy run for real, the others as far as they can be read."""

from __future__ import annotations

import json
import re
import select
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra 'api' is not installed")

from service import HANG_S, Service, parsed, serving, wait_until

import hotspots as hs
from hotspots.registry import open_registry

GET = b"GET /v1/regions/KEN HTTP/1.1\r\nHost: a\r\n"


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def answered(callers: list[socket.socket]) -> list[socket.socket]:
    """Return those of the connections on which something has come."""
    return select.select(callers, [], [], 0)[0]


@dataclass
class Proxy(Service):
    """A running proxy, and the service behind it."""

    behind: Service


@pytest.fixture(scope="module")
def proxy(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Run nginx with the project's own configuration: ports, folder and one time are changed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("no nginx on this machine: install the system package 'nginx-light'")
    folder = tmp_path_factory.mktemp("proxy")
    edition = hs.analyze(hs.load("KEN")).save(folder / "edition")
    registry = folder / "r.sqlite"
    open_registry(registry, create=True)
    with serving(folder, edition, registry) as behind:
        port = free_port()
        text = (repo / "deploy" / "nginx.conf").read_text()
        for old, new in [
            ("/tmp/", f"{folder}/"),
            ("hotspots:8000", f"127.0.0.1:{behind.port}"),
            ("listen 8080", f"listen 127.0.0.1:{port}"),
            ("client_header_timeout 10s", "client_header_timeout 2s"),
            ("/dev/stdout", str(folder / "access.log")),
            ("error_log stderr", f"error_log {folder / 'error.log'}"),
        ]:
            assert old in text
            text = text.replace(old, new)
        config = folder / "nginx.conf"
        config.write_text(text)
        command = [program, "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
        tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert tried.returncode == 0, tried.stderr
        running = subprocess.Popen([*command, "-g", "daemon off;"], text=True)
        try:
            wait_for(port)
            yield Proxy(port, running, folder / "access.log", behind)
        finally:
            running.terminate()
            running.wait(HANG_S)


def wait_for(port: int) -> None:
    gone = time.monotonic() + HANG_S
    while time.monotonic() < gone:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionError:
            time.sleep(0.1)
    pytest.fail("nginx doesn't listen")


def test_the_proxy_passes_the_services_answers_on(proxy: Proxy) -> None:
    """Status, body, compression and each security header, once."""
    for path in ("/", "/health", "/v1/regions/KEN", "/none"):
        asked = ("Accept-Encoding: gzip", "Origin: https://a.example")
        got, direct = (at.get(path, *asked) for at in (proxy, proxy.behind))
        assert (got[0], got[2]) == (direct[0], direct[2])
        for name in (
            "Content-Security-Policy",
            "X-Content-Type-Options",
            "Referrer-Policy",
            "ETag",
            "Content-Encoding",
            "Vary",
            "Access-Control-Allow-Origin",
        ):
            assert got[1].get_all(name) == direct[1].get_all(name)


def test_the_proxys_own_refusals_have_the_security_headers(proxy: Proxy) -> None:
    large = GET + b"Connection: close\r\nContent-Length: 100000\r\n\r\n"
    long = GET + b"X-Long: " + b"a" * 10_000 + b"\r\n\r\n"
    for sent, expected in ((large, 413), (long, 400), (b"nonsense\r\n\r\n", 400)):
        status, headers, _ = parsed(proxy.ask(sent))
        assert status == expected
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Server"] == "nginx"  # without its version


def test_a_slow_head_is_ended_by_the_proxy(proxy: Proxy) -> None:
    assert proxy.ask(GET) == b""


def test_one_address_has_so_many_connections(proxy: Proxy) -> None:
    """A connection counts once its head is read; a body that doesn't come keeps it so."""
    held = [proxy.connect() for _ in range(25)]
    for caller in held:
        caller.sendall(GET.replace(b"GET", b"POST") + b"Content-Length: 9\r\n\r\n")
    # The proxy's workers share the count, not the order: any five of them are refused.
    wait_until(lambda: len(answered(held)) >= 5)
    refused = [parsed(caller.recv(1 << 16))[0] for caller in answered(held)]
    for caller in held:
        caller.close()
    assert refused == [429] * 5
    # nginx writes why it refuses, with the address, at the level "error".
    assert "127.0.0.1" not in proxy.log.with_name("error.log").read_text()


def test_no_request_forges_a_line_of_the_proxys_log(proxy: Proxy) -> None:
    proxy.ask(b"GET /%0d%0aforged%1b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    wait_until(lambda: "forged" in proxy.log.read_text())
    assert all(re.match(r"\d{4}-", line) for line in proxy.log.read_text().splitlines())


# ---------------------------------------------------------------------------------- the image


def instructions(repo: Path) -> list[tuple[str, str]]:
    """Return the Containerfile's instructions, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (repo / "deploy" / "Containerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def test_the_image_starts_the_command_line_that_there_is(repo: Path) -> None:
    """Every option of its command is one of `hotspots serve`."""
    import typer

    from hotspots.cli import app

    told = dict(instructions(repo))
    command = json.loads(told["ENTRYPOINT"]) + json.loads(told["CMD"])
    assert command[:2] == ["hotspots", "serve"]
    serve: Any = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    context = serve.make_context("serve", command[2:])
    assert context.params["port"] == int(told["EXPOSE"])
    assert str(context.params["edition"]) == "/edition"


def test_the_image_is_installed_by_hash_and_runs_as_nobody_special(repo: Path) -> None:
    told = instructions(repo)
    installs = [part for name, text in told if name == "RUN" for part in text.split("&&")]
    for words in map(shlex.split, (part for part in installs if "pip" in part)):
        assert "--require-hashes" in words or {"--no-index", "--no-deps"} <= set(words)
    assert ("USER", "10001:10001") in told
    names = [name for name, _ in told]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_its_health_check_fails_with_the_service(repo: Path, proxy: Proxy, tmp_path: Path) -> None:
    """The very command, at the port of a running service, and at one where there is none."""
    import sys

    check = dict(instructions(repo))["HEALTHCHECK"]
    code = json.loads(check[check.index("[") :])[2]
    for port, expected in ((proxy.behind.port, 0), (free_port(), 1)):
        command = [sys.executable, "-c", code.replace(":8000", f":{port}")]
        assert subprocess.run(command, capture_output=True).returncode == expected


def test_what_the_image_copies_is_there(repo: Path) -> None:
    """The list of what may be sent to the builder names files and folders of the repository."""
    lines = (repo / "deploy" / "Containerfile.dockerignore").read_text().split()
    named = [line[1:] for line in lines if line.startswith("!")]
    missing = {name for name in named if not (repo / name).exists()}
    assert missing <= {"requirements"}  # made by `make lock`


def test_the_services_of_the_compose_file_are_confined(repo: Path) -> None:
    yaml = pytest.importorskip("yaml")
    told = yaml.safe_load((repo / "deploy" / "compose.yaml").read_text())["services"]
    for service in told.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "mem_limit" in service
    assert "ports" not in told["hotspots"]  # only the proxy is reached from outside
    assert (repo / "deploy" / told["hotspots"]["build"]["dockerfile"]).parent.name == "deploy"
