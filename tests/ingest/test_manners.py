"""Answers that are no file, alternatives of an address, and servers that ask for patience."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import publishing as pub
import pytest
from serving import Serving, quick_client, running

import hotspots as hs
from hotspots.errors import FetchError
from hotspots.ingest.access.http import USER_AGENT
from hotspots.ingest.access.rate_limits import pause_due
from hotspots.ingest.public_layers import ingest
from hotspots.ingest.sources.catalogue import SOURCES, source
from hotspots.store import Store


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    (tmp_path / "public").mkdir()
    with running(tmp_path / "public") as server:
        monkeypatch.setenv("HOTSPOTS_MIRRORS", pub.mirrors(server.url))
        monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "1")
        yield server


def request(word: str, tmp_path: Path, **options: Any) -> dict[str, Any]:
    (row,) = ingest([word], hs.region(pub.BOX), Store(tmp_path / "s"), cache=tmp_path / "c",
                    **{"resolution": "1km"} | options)  # fmt: skip
    return dict(row)


def koppen(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Write the archive at figshare's second address; return the paths of both."""
    # The real archive's checksum can't be that of the test's.
    text = "".join(
        line for line in (SOURCES / "koppen-geiger.toml").read_text().splitlines(keepends=True)
        if not line.startswith("checksum")
    )  # fmt: skip
    (tmp_path / "own").mkdir()
    (tmp_path / "own/koppen-geiger.toml").write_text(text)
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path / "own"))
    access = source("koppen-geiger").access[0]
    member = tmp_path / "koppen.tif"
    pub.raster(member, (1, 6), 1 / 120, "uint8")
    first, second = (pub.path_of(folder, a) for a in (access.address, *access.also))
    pub.archive(second, {"1991_2020/koppen_geiger_0p00833333.tif": member})
    return first, second


def test_an_answer_of_202_is_no_file_and_the_next_address_is_tried(
    upstream: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = koppen(upstream.folder, tmp_path, monkeypatch)
    first.parent.mkdir(parents=True)
    first.with_name(f"{first.name}.202").write_bytes(b"")
    assert request("koppen-geiger", tmp_path)["state"] == "added"
    statuses = [entry["status"] for entry in upstream.log() if first.name in entry["path"]]
    assert statuses[0] == 202
    second.unlink()
    with pytest.raises(FetchError) as caught:
        request("koppen-geiger", tmp_path / "again")
    said = str(caught.value)
    assert said.startswith("None of the 2 addresses of 'koppen-geiger' gives the file. (1) ")
    assert "isn't ready (202)" in said
    assert "(404)" in said
    assert said.endswith("The page of 'koppen-geiger': https://www.gloh2o.org/koppen/")


def test_an_empty_file_is_no_file(upstream: Serving, tmp_path: Path) -> None:
    address = pub.access_of("terraclimate", "2.5min").address.replace("{file}", "ppt")
    path = pub.path_of(upstream.folder, address)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    with pytest.raises(FetchError, match="answered with an empty file"):
        request("terraclimate/annual_precipitation", tmp_path)
    assert not list((tmp_path / "c").rglob("*.nc"))


def test_only_the_new_path_of_terraclimate_is_asked(upstream: Serving, tmp_path: Path) -> None:
    address = pub.access_of("terraclimate", "2.5min").address.replace("{file}", "ppt")
    pub.months(pub.path_of(upstream.folder, address), "ppt", 100.0, 50.0, 0.1)
    assert request("terraclimate/annual_precipitation", tmp_path)["state"] == "added"
    assert not [entry for entry in upstream.log() if "/summaries/" in entry["path"]]


def test_a_closed_port_names_the_makers_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSPOTS_MIRRORS", "http://54.229.242.119=http://127.0.0.1:9")
    monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "1")
    with pytest.raises(FetchError, match=r"connection was refused.* The page of 'gsocseq': https"):
        request("gsocseq/soc_bau", tmp_path)


def test_every_request_names_the_software(upstream: Serving, tmp_path: Path) -> None:
    pub.raster(pub.path_of(upstream.folder, pub.address_of("gsocmap", "soc_stock", "30s")),
               (55, 70), 1 / 120, "float32")  # fmt: skip
    request("gsocmap", tmp_path)
    agents = {entry["agent"] for entry in upstream.log()}
    assert agents == {USER_AGENT}
    assert USER_AGENT.startswith(f"hotspots/{hs.__version__} ")


# --------------------------------------------------------------------------------- few requests


class Limited(BaseHTTPRequestHandler):
    """A server that takes so many requests, then answers 429 with Retry-After, as Zenodo does."""

    protocol_version = "HTTP/1.1"
    content = b""
    left = 3
    log: list[tuple[float, int, int]]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer as GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer with the file or a range of it, or refuse."""
        kind = type(self)
        if kind.left <= 0:
            kind.left = 6
            self.say(429, b"{}", {"Retry-After": "0.3"})
            return
        kind.left -= 1
        size = len(self.content)
        first, last = 0, size - 1
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            start, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(end or size - 1), size - 1)
        heads = {"ETag": '"1"', "Accept-Ranges": "bytes"}
        if asked:
            heads["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.say(206 if asked else 200, self.content[first : last + 1], heads)

    def say(self, status: int, body: bytes, heads: dict[str, str]) -> None:
        """Answer, and note it."""
        type(self).log.append((time.monotonic(), status, len(body)))
        self.send_response(status)
        for name, value in {"Content-Type": "image/tiff", **heads}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def test_a_limit_of_requests_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of Zenodo is read in few large ranges, and 429 is waited out."""
    import subprocess
    import sys

    file = tmp_path / "cover.tif"
    cell = pub.access_of("lc100", "world").cell
    pub.raster(file, (40, 111), cell, "uint8", nodata=255)
    server = tmp_path / "limited.py"
    server.write_text(
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from test_manners import Limited, ThreadingHTTPServer\n"
        "Limited.content, Limited.log = open(sys.argv[1], 'rb').read(), []\n"
        "at = ThreadingHTTPServer(('127.0.0.1', 0), Limited)\n"
        "print(at.server_port, flush=True)\n"
        "import threading; threading.Thread(target=at.serve_forever, daemon=True).start()\n"
        "sys.stdin.readline()\n"
        "print([(s, n) for _, s, n in Limited.log], flush=True)\n"
    )
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, str(server), str(file), str(here)], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{here}:{here.parent}:{here.parents[1]}"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        port = int(process.stdout.readline())
        monkeypatch.setenv("HOTSPOTS_MIRRORS", f"https://zenodo.org=http://127.0.0.1:{port}")
        monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "4")
        assert request("lc100/cropland_share", tmp_path)["state"] == "added"
        process.stdin.write("\n")
        process.stdin.flush()
        log = eval(process.stdout.readline())  # what the test's own server printed
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    assert 429 in [status for status, _ in log]
    # A few requests, and no storm of repetitions after a refusal.
    assert len(log) <= 20, log


def test_headers_of_limits() -> None:
    now = 1_800_000_000.0
    assert pause_due({}, now) == 0
    assert pause_due({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": str(now + 30)}, now) == 0
    assert pause_due({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(now + 30)}, now) == 30
    assert pause_due({"RateLimit-Remaining": "0", "RateLimit-Reset": "12"}, now) == 12
    assert pause_due({"RateLimit-Remaining": "0;w=60", "RateLimit-Reset": "12, 60"}, now) == 12
    assert pause_due({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, now) == 0
    assert pause_due({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(now - 9)}, now) == 0


class Counting(BaseHTTPRequestHandler):
    """A server that says how many requests it still takes."""

    times: ClassVar[list[float]] = []

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer, and say that it was the last for a while."""
        self.times.append(time.monotonic())
        self.send_response(200)
        self.send_header("X-RateLimit-Remaining", "0")
        self.send_header("X-RateLimit-Reset", f"{time.time() + 0.5:.3f}")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def test_the_client_waits_as_the_headers_ask() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        client = quick_client(longest_wait=5.0)
        for _ in range(2):
            client.json(f"http://127.0.0.1:{server.server_port}/a")
    finally:
        server.shutdown()
        server.server_close()
    first, second = Counting.times
    assert second - first >= 0.3
