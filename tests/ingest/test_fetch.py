"""Whole files over HTTP: each fault and what a user reads of it, resuming, staleness, the cache."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from serving import Serving, impatient_client, quick_client, running
from small_disk import small_disk

from hotspots.errors import BadInputError, FetchError, WriteError
from hotspots.ingest.access import http_settings
from hotspots.ingest.access.fetch import Expected, fetch
from hotspots.ingest.access.http import Client
from hotspots.ingest.access.http_settings import Settings

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module", autouse=True)
def files(server: Serving) -> None:
    (server.folder / "data.bin").write_bytes(CONTENT)
    (server.folder / "told.json").write_text('{"a": 1}')


@pytest.fixture(autouse=True)
def forget(server: Serving) -> None:
    server.forget()


def got(client: Client, url: str, cache: Path, **options: str) -> bytes:
    path, origin = fetch(url, cache, expected=Expected(**options), with_client=client)
    assert origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    return path.read_bytes()


def told(client: Client, url: str, cache: Path, **options: str) -> str:
    with pytest.raises(FetchError) as raised:
        fetch(url, cache, expected=Expected(**options), with_client=client)
    return str(raised.value)


FAULTS = {
    "404": r"There is nothing at 'http://127.0.0.1:\d+/404/data.bin\?…' \(404\). It may have moved",
    "410": r"was taken away by its maker \(410\)",
    "403": r"'127.0.0.1' refuses '.*' \(403\). It may need a token or an accepted licence",
    "401": r"'127.0.0.1' asks who you are \(401\) .* needs a token",
    "500": r"'127.0.0.1' has a fault of its own \(500\) .* Try again later",
    "html": r"answered with a web page where data were due: .* Open the address in a browser",
    "htmltyped": r"answered with a web page where data were due",
    "loop": r"is redirected in a circle \(more than 5 times\)",
    "truncated": r"ended before its end.*what was downloaded is kept",
    "stalled": r"stood still for 5 s. Try again later; what was downloaded is kept.",
    "reset": r"'127.0.0.1' can't be reached: the connection was reset. Check the network",
    "silent": r"'127.0.0.1' can't be reached: no answer within \d[\d.e+]* s",
}
# Who never answers is met with less patience; half of "stalled" must come in time.
LESS_PATIENT = {"silent": impatient_client, "stalled": partial(quick_client, stall=5.0, tries=1)}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_plain_sentence(fault: str, server: Serving, tmp_path: Path) -> None:
    client = LESS_PATIENT.get(fault, quick_client)()
    text = told(client, f"{server.url}/{fault}/data.bin?token=secret", tmp_path)
    assert re.search(FAULTS[fault], text), text
    assert "secret" not in text
    assert "\n" not in text
    assert not list(tmp_path.rglob("data.bin"))


def test_a_moment_of_trouble_is_got_over(server: Serving, quick: Client, tmp_path: Path) -> None:
    assert got(quick, f"{server.url}/500then/data.bin", tmp_path) == CONTENT
    statuses = [entry["status"] for entry in server.log("/500then/data.bin")]
    assert statuses == [500, 200]


def test_what_can_not_get_better_is_asked_once(
    server: Serving, quick: Client, tmp_path: Path
) -> None:
    told(quick, f"{server.url}/404/data.bin", tmp_path)
    told(quick, f"{server.url}/html/data.bin", tmp_path)
    assert len(server.log("/404/data.bin")) == len(server.log("/html/data.bin")) == 1


def test_retry_after_is_waited_for(server: Serving, quick: Client, tmp_path: Path) -> None:
    assert got(quick, f"{server.url}/429/data.bin?wait=0.7", tmp_path) == CONTENT
    first, second = server.log("/429/data.bin")
    assert first["status"] == 429
    assert second["time"] - first["time"] >= 0.7


def test_a_long_retry_after_is_told_at_once(server: Serving, quick: Client, tmp_path: Path) -> None:
    text = told(quick, f"{server.url}/429/data.bin?wait=3600", tmp_path)
    assert re.search(r"had too many requests \(429\) and asks to wait 3600 s before", text)
    assert len(server.log("/429/data.bin")) == 1


def test_the_client_says_who_it_is(server: Serving, quick: Client, tmp_path: Path) -> None:
    got(quick, f"{server.url}/data.bin", tmp_path)
    assert server.log("/data.bin")[0]["agent"].startswith("hotspots/")


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_right_checksum_passes_and_then_asks_no_more(
    algorithm: str, server: Serving, quick: Client, tmp_path: Path
) -> None:
    checksum = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"
    for _ in range(2):
        assert got(quick, f"{server.url}/data.bin", tmp_path, checksum=checksum) == CONTENT
    assert len(server.log("/data.bin")) == 1


def test_a_wrong_checksum_leaves_nothing(server: Serving, quick: Client, tmp_path: Path) -> None:
    text = told(quick, f"{server.url}/data.bin", tmp_path, checksum=f"md5:{'0' * 32}")
    assert re.search("has the checksum [0-9a-f]{32} where 0{32} is due, so it was thrown", text)
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.stat().st_size]


def test_a_stream_that_breaks_goes_on_where_it_ended(
    server: Serving, quick: Client, tmp_path: Path
) -> None:
    assert got(quick, f"{server.url}/truncatedonce/data.bin", tmp_path) == CONTENT
    first, second = server.log("/truncatedonce/data.bin")
    assert (first["range"], second["range"]) == (None, f"bytes={len(CONTENT) // 2}-")
    assert second["status"] == 206
    assert second["if_range"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'


@pytest.mark.parametrize("fault", ["weak", "undated", "norange", "changing"])
def test_parts_of_unknown_version_are_never_joined(
    fault: str, server: Serving, quick: Client, tmp_path: Path
) -> None:
    """An older part lies there; the file has changed since, and the server tells in its way."""
    url = f"{server.url}/{fault}/data.bin"
    got(quick, url, tmp_path)
    (kept,) = tmp_path.rglob("data.bin")
    folder = kept.parent
    kept.unlink()
    (folder / "record.json").unlink()
    (folder / "data.bin.whole.part").write_bytes(b"another version" * 1000)
    note = {"address": url, "validator": '"older"', "etag": '"older"', "last_modified": ""}
    if fault == "undated":
        note["validator"] = ""
    (folder / "data.bin.whole.part.json").write_text(json.dumps(note))
    assert got(quick, url, tmp_path) == CONTENT


def environment(cache: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HOTSPOTS_HTTP_TIMEOUT": "120",
        "HOTSPOTS_CACHE": str(cache),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


FETCHING = """
import sys
from pathlib import Path
from hotspots.ingest.access.fetch import fetch
path, origin = fetch(sys.argv[1], Path(sys.argv[2]))
print(origin.sha256)
"""


def test_a_killed_download_is_resumed(server: Serving, quick: Client, tmp_path: Path) -> None:
    half = len(CONTENT) // 2
    url = f"{server.url}/stalledonce/data.bin"
    run = subprocess.Popen(
        [sys.executable, "-c", FETCHING, url, str(tmp_path)], env=environment(tmp_path)
    )
    await_part(tmp_path, half)
    run.send_signal(signal.SIGKILL)
    run.wait()
    (part,) = tmp_path.rglob("*.part")
    assert part.stat().st_size == half
    assert not list(tmp_path.rglob("data.bin"))
    assert got(quick, url, tmp_path) == CONTENT
    last = server.log("data.bin")[-1]
    assert last["range"] == f"bytes={half}-"
    assert last["status"] == 206
    assert not list(tmp_path.rglob("*.part*"))


def await_part(folder: Path, least: int) -> None:
    for _ in range(2400):
        if any(p.stat().st_size >= least for p in folder.rglob("*.part")):
            return
        time.sleep(0.05)
    pytest.fail("the download didn't get on")


def test_two_runs_at_once_fetch_once(server: Serving, tmp_path: Path) -> None:
    url = f"{server.url}/slow-1000000/data.bin"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", FETCHING, url, str(tmp_path)],
            text=True,
            stdout=subprocess.PIPE,
            env=environment(tmp_path),
        )
        for _ in range(2)
    ]
    assert [run.communicate()[0].strip() for run in runs] == [SHA, SHA]
    full = [entry for entry in server.log("data.bin") if entry["sent"] == len(CONTENT)]
    assert len(full) == 1


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
from pathlib import Path
from hotspots.errors import WriteError
from hotspots.ingest.access.fetch import fetch
try:
    fetch(sys.argv[1], Path(sys.argv[2]))
except WriteError as error:
    print(error)
"""


def test_a_full_disk_is_told_and_the_part_stays(
    server: Serving, quick: Client, tmp_path: Path
) -> None:
    url = f"{server.url}/data.bin"
    done = subprocess.run(
        [sys.executable, "-c", FULL, url, str(tmp_path)],
        text=True,
        check=True,
        capture_output=True,
        env=environment(tmp_path),
        timeout=240,
    )
    assert re.search(
        r"can't be written \(File too large\). Free some space, or set HOTSPOTS_CACHE", done.stdout
    ), done
    assert got(quick, url, tmp_path) == CONTENT
    assert server.log("data.bin")[-1]["range"] == "bytes=300000-"


def test_no_space_left_on_device(server: Serving, quick: Client, tmp_path: Path) -> None:
    with (
        small_disk("512k", tmp_path / "disk") as disk,
        pytest.raises(WriteError, match=r"\(No space left on device\). Free some space"),
    ):
        fetch(f"{server.url}/data.bin", disk.folder, with_client=quick)


def test_a_cache_that_may_not_be_written(server: Serving, quick: Client, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="can't be written"):
        fetch(f"{server.url}/data.bin", tmp_path / "file", with_client=quick)


def test_unchanged_upstream_is_only_asked(server: Serving, quick: Client, tmp_path: Path) -> None:
    for _ in range(2):
        assert got(quick, f"{server.url}/data.bin", tmp_path) == CONTENT
    entries = server.log("/data.bin")
    assert [(e["status"], e["sent"]) for e in entries] == [(200, len(CONTENT)), (304, 0)]


def test_changed_upstream_is_fetched_again(server: Serving, quick: Client, tmp_path: Path) -> None:
    url = f"{server.url}/changed.bin"
    (server.folder / "changed.bin").write_bytes(b"old" * 1000)
    first = fetch(url, tmp_path, with_client=quick)[1]
    (server.folder / "changed.bin").write_bytes(b"new" * 1000)
    path, second = fetch(url, tmp_path, with_client=quick)
    assert path.read_bytes() == b"new" * 1000
    assert first.version != second.version
    assert not second.stale


def test_without_upstream_the_cached_file_is_stale(quick: Client, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.bin").write_bytes(b"abc")
    with running(tmp_path / "s") as upstream:
        fresh = fetch(f"{upstream.url}/a.bin", tmp_path / "c", with_client=quick)[1]
        url = upstream.url
    path, origin = fetch(f"{url}/a.bin", tmp_path / "c", with_client=quick)
    assert path.read_bytes() == b"abc"
    assert not fresh.stale
    assert origin.stale.startswith(
        f"The copy of {fresh.retrieved[:10]} is used, for it couldn't be"
        " renewed: '127.0.0.1' can't be reached"
    )


def test_a_spoiled_cache_is_noticed(server: Serving, quick: Client, tmp_path: Path) -> None:
    url = f"{server.url}/data.bin"
    got(quick, url, tmp_path)
    (kept,) = tmp_path.rglob("data.bin")
    kept.write_bytes(b"spoiled")
    assert got(quick, url, tmp_path) == CONTENT


def test_nobody_listens(quick: Client, tmp_path: Path) -> None:
    text = told(quick, "http://127.0.0.1:9/a", tmp_path)
    assert text.startswith("'127.0.0.1' can't be reached: the connection was refused. Check the")


def test_an_unknown_name(quick: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy")
    monkeypatch.delenv("HTTP_PROXY")
    text = told(quick, "http://nowhere.invalid/a", tmp_path)
    assert text.startswith("'nowhere.invalid' can't be reached: its name isn't known. Check the")


@contextmanager
def no_thread_left() -> Iterator[None]:
    """Wait for the client's threads, so that none meets a socket that this test has closed."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join()


def test_the_promise_of_thirty_seconds() -> None:
    assert Settings().reach < 30


@pytest.mark.timeout(120)
@pytest.mark.parametrize("accepts", [False, True])
def test_a_black_hole_is_given_up(accepts: bool, tmp_path: Path) -> None:
    """A socket that completes the handshake (or, its queue full, doesn't) and never answers.

    With so many tries, each of them half a second and more, only `Settings.reach` can end it.
    """
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(16 if accepts else 0)
        address = hole.getsockname()
        stuffed = [socket.socket() for _ in range(0 if accepts else 3)]
        for one in stuffed:
            one.setblocking(False)
            one.connect_ex(address)
        client = impatient_client(reach=2.8, tries=1000, back_off=0.0)
        with no_thread_left():
            text = told(client, f"http://127.0.0.1:{address[1]}/a", tmp_path)
        for one in stuffed:
            one.close()
    assert "can't be reached: no" in text


@pytest.mark.timeout(120)
def test_tls_that_never_shakes_hands_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(16)
        client = impatient_client(tries=1000, back_off=0.0)
        with no_thread_left():
            text = told(client, f"https://127.0.0.1:{hole.getsockname()[1]}/a", tmp_path)
    assert "can't be reached" in text


def test_a_foreign_certificate(server: Serving, quick: Client, tmp_path: Path) -> None:
    text = told(quick, f"https{server.url.removeprefix('http')}/data.bin", tmp_path)
    assert text.startswith("The certificate of '127.0.0.1' isn't trusted, or the encryption failed")


def test_a_host_that_is_down_is_not_asked_again_soon(tmp_path: Path) -> None:
    """Not even when it is up again meanwhile: it sees no request."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = quick_client(silence=3600.0)
    first = told(client, f"http://127.0.0.1:{port}/a", tmp_path)
    with running(tmp_path, port) as up:
        assert told(client, f"http://127.0.0.1:{port}/b", tmp_path) == first
        assert up.log() == []
        assert told(quick_client(), f"{up.url}/b", tmp_path) != first


def test_never_more_than_two_connections_to_a_host(tmp_path: Path) -> None:
    """Both are held until there are two; a third would have come meanwhile."""
    (tmp_path / "told.json").write_text("{}")
    client = Client(Settings())
    with running(tmp_path) as server:
        threads = [
            threading.Thread(target=client.json, args=(f"{server.url}/meet-2/told.json",))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.most_at_once() == 2


def test_a_token_does_not_follow_to_another_host(
    server: Serving, quick: Client, tmp_path: Path
) -> None:
    (tmp_path / "other.json").write_text("{}")
    with running(tmp_path) as other:
        url = f"{server.url}/elsewhere/x?to={other.url}/other.json"
        quick.json(url, headers={"PRIVATE-TOKEN": "secret"})
        assert [entry["token"] for entry in other.log()] == [None]
    assert server.log("/x")[0]["token"] == "secret"


def test_json_that_is_none(server: Serving, quick: Client) -> None:
    assert quick.json(f"{server.url}/told.json") == {"a": 1}
    with pytest.raises(FetchError, match="answered with something that isn't JSON"):
        quick.json(f"{server.url}/data.bin")


def zipped(folder: Path, name: str, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def test_a_member_of_an_archive(server: Serving, quick: Client, tmp_path: Path) -> None:
    zipped(server.folder, "a.zip", {"d/one.tif": b"1", "d/two-7.tif": b"22", "l.txt": b""})
    url = f"{server.url}/a.zip"
    assert got(quick, url, tmp_path, member="d/one.tif") == b"1"
    assert got(quick, url, tmp_path, member="d/two-*.tif") == b"22"
    assert len([e for e in server.log("/a.zip") if e["status"] == 200]) == 1
    text = told(quick, url, tmp_path, member="d/*.tif")
    assert "has 2 files 'd/*.tif' where one is expected; it holds d/one.tif, d/two-7.tif" in text
    assert "has no files 'x.tif'" in told(quick, url, tmp_path, member="x.tif")


def test_a_member_can_not_leave_its_folder(server: Serving, quick: Client, tmp_path: Path) -> None:
    zipped(server.folder, "b.zip", {"../../../evil.tif": b"evil"})
    path, _ = fetch(
        f"{server.url}/b.zip",
        tmp_path / "cache",
        expected=Expected(member="*.tif"),
        with_client=quick,
    )
    assert path.resolve().is_relative_to(tmp_path / "cache")
    assert not list(tmp_path.parent.glob("evil.tif"))


def test_a_broken_archive(server: Serving, quick: Client, tmp_path: Path) -> None:
    zipped(server.folder, "c.zip", {"a.tif": b"right" * 100})
    archive = server.folder / "c.zip"
    content = bytearray(archive.read_bytes())
    content[40] ^= 255  # within the compressed bytes
    archive.write_bytes(content)
    assert "a valid ZIP archive" in told(quick, f"{server.url}/c.zip", tmp_path, member="a.tif")
    assert "a valid ZIP archive" in told(quick, f"{server.url}/data.bin", tmp_path, member="a")


def test_a_mirror_is_asked_instead(
    server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "HOTSPOTS_MIRRORS", f"https://a.example/x={server.url}; https://b.example={server.url}/404"
    )
    client = Client(http_settings.settings())
    path, origin = fetch("https://a.example/x/data.bin", tmp_path, with_client=client)
    assert path.read_bytes() == CONTENT
    assert origin.address == "https://a.example/x/data.bin"
    assert client.address("https://a.example/xy/data.bin") == "https://a.example/xy/data.bin"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("HOTSPOTS_MIRRORS", "nonsense", "has the entry 'nonsense'. Write ADDRESS=ADDRESS"),
        ("HOTSPOTS_HTTP_TIMEOUT", "soon", "is 'soon'. Set it to a number between"),
        ("HOTSPOTS_HTTP_TRIES", "0", "is '0'. Set it to a number between 1 and 20"),
    ],
)
def test_settings_that_can_not_be_meant(
    name: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInputError, match=text):
        http_settings.settings()
