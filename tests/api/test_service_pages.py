"""What the service shows: the registry as it is, compressed once; and what it says of itself."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xarray as xr

pytest.importorskip("fastapi", reason="the extra 'api' is not installed")

from fastapi.testclient import TestClient
from service import HANG_S, serving, wait_until

import hotspots as hs
from hotspots.api import create_app
from hotspots.api.encoding import accepts_gzip
from hotspots.edition.edition import Edition
from hotspots.io.logs import PlainFormatter
from hotspots.registry import Registry, open_registry
from hotspots.registry.current import CurrentRegistry

PROJECT = {
    "id": "p-1",
    "type": "project",
    "name": "Terraces of Kitui",
    "country": "KEN",
    "latitude": "-1.4",
    "longitude": "38.0",
    "place_precision": "locality",
    "summary": "Terraces.",
    "theme": "pillar2",
    "source_kind": "publication",
    "source": "A test",
    "verified_on": "2026-01-01",
}
NAMED, RENAMED = PROJECT["name"], "Hedges of Kitui"


@pytest.fixture(scope="module")
def edition() -> Edition:
    """A small real edition."""
    return hs.analyze(hs.load("KEN"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A registry of one record, on the disk."""
    path = tmp_path / "r.sqlite"
    registry = open_registry(path, create=True)
    registry.import_rows([(0, PROJECT)])
    registry.engine.dispose()
    return path


def client_of(edition: Edition, registry: Registry) -> TestClient:
    return TestClient(create_app(edition, registry), raise_server_exceptions=False)


def shows(client: TestClient, words: str) -> bool:
    """Say whether the map comes to show words; a change may take as long as the limit says."""
    gone = time.monotonic() + HANG_S
    while words not in client.get("/").text:
        if time.monotonic() > gone:
            return False
        time.sleep(0.2)
    return True


# ------------------------------------------------------------------------------ the registry


def test_a_rename_by_another_process_is_on_the_map(edition: Edition, path: Path) -> None:
    client = client_of(edition, open_registry(path))
    assert shows(client, NAMED)
    open_registry(path).change("p-1", {"name": RENAMED})
    assert shows(client, RENAMED)
    assert NAMED not in client.get("/?lang=fr").text


def test_a_replaced_file_is_opened_again(edition: Edition, path: Path, tmp_path: Path) -> None:
    """Open connections would stay with the former file, which has no name any more."""
    other = tmp_path / "other.sqlite"
    renamed = open_registry(other, create=True)
    renamed.import_rows([(0, PROJECT | {"name": RENAMED})])
    renamed.engine.dispose()
    client = client_of(edition, open_registry(path))
    assert shows(client, NAMED)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with sqlite3.connect(other) as file:  # all of it into the one file
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    os.replace(other, path)
    assert shows(client, RENAMED)


def test_changed_files_of_records_are_read_again(edition: Edition, tmp_path: Path) -> None:
    table = tmp_path / "records"
    table.mkdir()

    def write(name: str, file: str = "a.csv", id: str = "p-1") -> None:
        row = PROJECT | {"name": name, "id": id}
        (table / file).write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")

    write(NAMED)
    client = client_of(edition, open_registry(table))
    assert shows(client, NAMED)
    write(RENAMED)
    assert shows(client, RENAMED)
    write("A second file", "b.csv", "p-2")
    assert shows(client, "A second file")


def test_a_file_that_may_only_be_read_is_looked_at_too(path: Path, as_ordinary_user: Any) -> None:
    """SQLite opens it as one that never changes; its owner changes it all the same."""
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA journal_mode=DELETE")
    file.close()
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "r.sqlite"
        shutil.copy(path, copy)
        copy.chmod(0o444)
        copy.parent.chmod(0o555)
        with as_ordinary_user():
            current = CurrentRegistry(open_registry(copy))
            first = current.get()
            assert first.get("p-1")["name"] == NAMED
        copy.chmod(0o644)
        with sqlite3.connect(path) as file:
            file.execute("UPDATE record SET name = ?", (RENAMED,))
        file.close()
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o444)
        with as_ordinary_user():
            assert current.get().get("p-1")["name"] == RENAMED
            assert current.get() is current.get()
        copy.parent.chmod(0o755)


def test_an_erased_contact_leaves_the_map(edition: Edition, path: Path) -> None:
    """An erasure changes no version of the record; the journal has it."""
    registry = open_registry(path)
    before = registry.state()
    with registry.writing() as connection:
        from hotspots.registry.database.changes import add_to_journal
        from hotspots.registry.permissions import LOCAL

        add_to_journal(connection, LOCAL, "2026-01-02T00:00:00Z", "erased", "p-1")
    assert registry.state() != before


def test_a_registry_that_is_gone_leaves_the_last_map_and_is_told(
    edition: Edition, path: Path
) -> None:
    """All languages show the last records; /ready says what is wrong, and names no file."""
    client = client_of(edition, open_registry(path))
    assert shows(client, NAMED)
    assert client.get("/ready").json() == {"status": "ready", "edition": edition.id, "records": 1}
    hidden = path.rename(path.with_name("hidden"))
    wait_until(lambda: client.get("/ready").status_code != 200)
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert ready.headers["content-type"] == "application/problem+json"
    assert "The registry can't be read; the map shows the records" in ready.json()["detail"]
    assert str(path.parent) not in ready.text
    assert client.get("/health").status_code == 200
    assert NAMED in client.get("/?lang=es").text
    hidden.rename(path)
    wait_until(lambda: client.get("/ready").status_code == 200)


# ---------------------------------------------------------------------------- what can't be drawn


def test_health_is_not_ok_when_the_map_cannot_be_drawn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An edition without rasters: health, readiness and map say the same; the log has it once."""
    table = pd.DataFrame({"set": [], "name_en": []})
    broken = Edition(xr.Dataset(), None, pd.DataFrame(), table, {"id": "0"}, hs.Recipe())  # type: ignore[arg-type]
    client = client_of(broken, open_registry(":memory:", create=True))
    for route in ("/", "/health", "/ready", "/health"):
        answer = client.get(route)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "10"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "The map can't be drawn (the edition's rasters can't be" in answer.json()["detail"]
    assert [entry.name for entry in caplog.records] == ["hotspots.api.map_pages"]
    assert "Traceback" in caplog.text


# --------------------------------------------------------------------------------- compressed once


@pytest.fixture(scope="module")
def client(edition: Edition) -> TestClient:
    """A client of the map without records."""
    return client_of(edition, open_registry(":memory:", create=True))


def test_the_map_is_compressed_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms are the same page; no request compresses it again, neither here nor outside."""
    plain = client.get("/", headers={"Accept-Encoding": "identity"})
    with monkeypatch.context() as patch:
        patch.setattr("zlib.compressobj", None)
        packed = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content  # the client unpacks
    page = client.app.state.pages.page("en")  # type: ignore[attr-defined]
    assert int(packed.headers["content-length"]) == len(page.packed.content)
    assert int(plain.headers["content-length"]) == len(page.plain.content)
    assert gzip.decompress(page.packed.content) == page.plain.content
    for answer in (plain, packed):
        assert answer.headers["vary"] == "Accept-Encoding, Accept-Language, Origin"
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_client_that_has_the_map_is_told_so(client: TestClient, encoding: str) -> None:
    """The 304 has the page's own policy: browsers put its headers in place of the kept ones."""
    asked = {"Accept-Encoding": encoding}
    first = client.get("/", headers=asked)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for given in (tag, f'"other", W/{tag}', "*"):
        again = client.get("/", headers=asked | {"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "vary", "content-security-policy", "cache-control"):
            assert again.headers[name] == first.headers[name]
    other = client.get("/", headers=asked | {"If-None-Match": '"other"'})
    assert other.status_code == 200
    assert client.get("/?lang=fr", headers=asked | {"If-None-Match": tag}).status_code == 200


def test_each_form_and_language_has_its_own_tag(client: TestClient) -> None:
    tags = {
        client.get("/", params={"lang": lang}, headers={"Accept-Encoding": encoding}).headers[
            "etag"
        ]
        for lang in ("en", "fr", "es")
        for encoding in ("gzip", "identity")
    }
    assert len(tags) == 6


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_head_of_the_map_is_get_without_body(client: TestClient, encoding: str) -> None:
    asked = {"Accept-Encoding": encoding}
    head, get = client.head("/", headers=asked), client.get("/", headers=asked)
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(get.headers)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("br, gzip;q=1.0", True),
        ("*", True),
        ("gzip;q=0", False),
        ("", False),
        ("identity", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=x", False),
        ("xgzip", False),
    ],
)
def test_gzip_is_sent_to_those_who_take_it(client: TestClient, given: str, taken: bool) -> None:
    assert accepts_gzip({"accept-encoding": given}) is taken
    for path in ("/", "/api"):
        answer = client.get(path, headers={"Accept-Encoding": given})
        assert (answer.headers.get("content-encoding") == "gzip") is taken


# ------------------------------------------------------------------------------ refusals and log


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/none", {}, 404),
        ("POST", "/", {}, 405),
        ("TRACE", "/v1/regions", {}, 405),
        ("GET", "/", {"Content-Length": "65537"}, 413),
        ("HEAD", "/", {"Content-Length": "65537"}, 413),
        ("GET", "/", {"X-Long": "a" * 16_384}, 431),
        ("GET", "/?lang=xx", {}, 422),
    ],
)
def test_every_refusal_has_the_security_headers(
    client: TestClient, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    for name in ("content-security-policy", "x-content-type-options", "referrer-policy"):
        assert len(answer.headers.get_list(name)) == 1


@pytest.mark.parametrize("path", ["/", "/v1/regions"])
def test_a_fault_in_a_middleware_has_them_too(edition: Edition, path: str) -> None:
    """Whatever is added to the application later, its faults are answered as all others are."""
    app = create_app(edition, open_registry(":memory:", create=True))

    class Broken:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise ValueError("secret")

    app.add_middleware(Broken)
    answer = TestClient(app, raise_server_exceptions=False).get(path)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text


def test_an_entry_of_the_log_is_one() -> None:
    import logging

    said = "a\nb\r\x1b[31m\x85\u2028\u202e\x7fé\t"
    entry = logging.LogRecord("x", logging.ERROR, "", 0, said, None, None)
    assert PlainFormatter("%(name)s: %(message)s").format(entry) == (
        "x: a\n  b\\x0d\\x1b[31m\\x85\\u2028\\u202e\\x7fé\t"
    )


# ---------------------------------------------------------------------------------------- memory


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_stays_where_it_is(edition: Edition, path: Path, tmp_path: Path) -> None:
    """Rounds of changes of the registry, each drawn in three languages while clients don't read.

    What a drawing takes, and what eight clients ask for and don't read, is much more than the bound
    in each round; so are the pages of all rounds, if they were kept.
    """
    if not Path("/proc/self/status").is_file():
        pytest.skip("memory is read from /proc, which this system doesn't have")
    folder = edition.save(tmp_path / "edition")
    registry = open_registry(path)

    def load(service: Any, name: str) -> None:
        registry.change("p-1", {"name": name})
        wait_until(lambda: name in service.get("/")[2].decode())
        held = [service.connect(receive_bytes=4_096) for _ in range(8)]
        for caller in held:  # slow ones: they ask for a lot and read nothing
            caller.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
        for lang in ("en", "fr", "es"):
            assert service.get(f"/?lang={lang}", "Accept-Encoding: gzip")[0] == 200
        for caller in held:
            caller.close()

    with serving(tmp_path, folder, path) as service:
        for n in range(4):
            load(service, f"Warm {n}")
        before = service.memory_mb()
        for n in range(8):
            load(service, f"Round {n}")
        grown = service.memory_mb() - before
    assert grown < 30, f"{grown:.0f} MB more than the {before:.0f} MB after four rounds"
