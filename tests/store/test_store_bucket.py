"""A store in a bucket: the same promises, kept against a real server that speaks S3."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow.fs import FileSelector, S3FileSystem
from stored_layers import layer, zones
from test_store import add_at_once, big, killed_while_adding

from hotspots.errors import BadInputError, FetchError, HotspotsError, RasterError
from hotspots.ingest import Store
from hotspots.store.items import unreferenced
from hotspots.store.s3 import Bucket
from hotspots.store.storage import Entry

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server, a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = tmp_path_factory.mktemp("moto") / "log"
    with said.open("w") as log:
        run = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        while not _answers(port):  # for as long as a test may take
            assert run.poll() is None, said.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        run.kill()
        run.wait()


def _answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def settings(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of a user of that server; returns its address."""
    for name in [key for key in os.environ if key.startswith(("AWS_", "HOTSPOTS_"))]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOTSPOTS_S3_ENDPOINT", server)
    monkeypatch.setenv("HOTSPOTS_CACHE", str(tmp_path / "cache"))
    return server


def client(server: str) -> S3FileSystem:
    return S3FileSystem(
        endpoint_override=server.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        access_key="testing",
        secret_key="testing",
        allow_bucket_creation=True,
    )


@pytest.fixture
def bucket(settings: str, tmp_path: Path) -> str:
    """A bucket of the test's own."""
    name = f"b{abs(hash(str(tmp_path)))}"
    client(settings).create_dir(name)
    return name


@pytest.fixture
def store(bucket: str) -> Store:
    return Store(f"s3://{bucket}/some/prefix")


def objects(store: Store, server: str) -> dict[str, bytes]:
    """All objects of a store: name -> content."""
    storage = store.storage
    assert isinstance(storage, Bucket)
    files = client(server)
    found = files.get_file_info(FileSelector(storage.root, recursive=True))
    return {
        info.path.removeprefix(f"{storage.root}/"): files.open_input_stream(info.path).read()
        for info in found
        if info.is_file
    }


def overwrite(store: Store, key: str, server: str, content: bytes | None) -> None:
    storage = store.storage
    assert isinstance(storage, Bucket)
    if content is None:
        client(server).delete_file(f"{storage.root}/{key}")
        return
    with client(server).open_output_stream(f"{storage.root}/{key}") as stream:
        stream.write(content)


def test_layers_come_out_as_they_went_in(store: Store, settings: str) -> None:
    assert store.names() == []
    store.add(layer(), report={"cells": 3})
    store.add(zones())
    data = Store(store.storage.shown).open()
    np.testing.assert_array_equal(data.soc_stock, layer())
    np.testing.assert_array_equal(data.climate_zone, zones())
    stem = store.file("soc_stock").stem[:16]
    assert set(objects(store, settings)) == {
        "catalog.json",
        "climate_zone/climate_zone.json",
        f"climate_zone/{store.file('climate_zone').stem[:16]}.tif",
        "soc_stock/soc_stock.json",
        f"soc_stock/{stem}.tif",
        f"soc_stock/{stem}.quality.json",
    }
    assert [row["state"] for row in store.layers(check=True)] == ["ok", "ok"]


def test_a_bucket_and_a_folder_hold_the_same_bytes(
    store: Store, settings: str, tmp_path: Path
) -> None:
    folder = Store(tmp_path / "folder")
    for there in (store, folder):
        there.add(layer())
    assert objects(store, settings) == {
        str(p.relative_to(tmp_path / "folder")): p.read_bytes()
        for p in (tmp_path / "folder").rglob("*.*")
        if p.name != ".lock"
    }


def test_a_bucket_without_prefix(bucket: str, settings: str) -> None:
    store = Store(f"s3://{bucket}")
    store.add(layer())
    assert store.names() == ["soc_stock"]
    assert "catalog.json" in objects(store, settings)


def test_a_layer_is_fetched_once(store: Store, settings: str, tmp_path: Path) -> None:
    """The copy is used again, as long as it is whole."""
    store.add(layer())
    first = store.file("soc_stock")
    assert first.parent == tmp_path / "cache" / "layers"
    stamp = first.stat().st_mtime_ns
    assert store.file("soc_stock") == first
    assert first.stat().st_mtime_ns == stamp
    whole = first.read_bytes()
    first.write_bytes(whole[:-1] + b"x")  # a spoilt copy is fetched anew
    assert store.file("soc_stock").read_bytes() == whole
    np.testing.assert_array_equal(store.open().soc_stock, layer())
    assert not list((tmp_path / "cache" / "layers").glob(".*"))


def test_the_catalogue_opens_in_a_stac_client(store: Store, settings: str) -> None:
    """By HTTP, as from a public bucket."""
    from pystac_client import Client

    store.add(layer())
    address = f"{settings}/{store.storage.shown.removeprefix('s3://')}/catalog.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a file answers no searches
        (item,) = Client.open(address).get_items(recursive=True)
    href = item.assets["data"].get_absolute_href()
    assert href.startswith(settings)
    with urllib.request.urlopen(href) as answer:
        assert answer.read() == store.file("soc_stock").read_bytes()


def test_a_stale_layer(store: Store) -> None:
    store.add(layer())
    store.mark_stale("soc_stock", "example.org can't be reached.")
    assert store.layers()[0]["state"].startswith("stale since 20")
    store.add(layer())
    assert store.layers()[0]["state"] == "ok"


# --- several runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [["soc_stock", "clay"], ["sand", "sand"]], ids=["two", "same"])
def test_two_runs_at_once_lose_nothing(store: Store, settings: str, names: list[str]) -> None:
    add_at_once(store.storage.shown, names, 3)
    assert store.names() == sorted(set(names))
    assert {row["state"] for row in store.layers(check=True)} == {"ok"}
    for name in names:
        assert float(store.open([name])[name].mean()) == 2
    assert in_catalogue(store, settings) == store.names()


def in_catalogue(store: Store, server: str) -> list[str]:
    links = json.loads(objects(store, server)["catalog.json"])["links"]
    return [link["title"] for link in links if link["rel"] == "item"]


class Interrupted(Bucket):
    """A bucket in which something happens just before the first writing of a key."""

    def __init__(self, address: str, key: str, happens: Any) -> None:
        super().__init__(address)
        self.key, self.happens = key, happens

    def write(self, key: str, content: bytes) -> None:
        """Let it happen, then write."""
        if key == self.key and self.happens:
            happens, self.happens = self.happens, None
            happens()
        super().write(key, content)


def test_a_catalogue_written_too_late_is_mended(store: Store, settings: str) -> None:
    """Another run adds its layer after ours has listed the items, before it writes them down."""
    late = Interrupted(store.storage.shown, "catalog.json", lambda: store.add(zones()))
    Store(late).add(layer())
    assert store.names() == ["climate_zone", "soc_stock"]
    assert in_catalogue(store, settings) == ["climate_zone", "soc_stock"]


def test_a_file_swept_too_early_is_put_again(store: Store) -> None:
    """Another run's sweep meets a former version of the same content, as ours brings it back."""

    def sweep() -> None:
        (path,) = [e.key for e in store.storage.entries() if e.key.endswith(".tif")]
        store.storage.remove(path)

    Store(Interrupted(store.storage.shown, "soc_stock/soc_stock.json", sweep)).add(layer())
    np.testing.assert_array_equal(store.open().soc_stock, layer())


def test_former_versions_go_after_an_hour(
    store: Store, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(layer())
    former = store.file("soc_stock").stem[:16]
    store.add(layer("soc_stock", layer().values + 1))
    store.add(zones())
    assert f"soc_stock/{former}.tif" in objects(store, settings)
    monkeypatch.setattr(Bucket, "grace", 0.0)
    store.add(zones())
    assert f"soc_stock/{former}.tif" not in objects(store, settings)
    assert [row["state"] for row in store.layers(check=True)] == ["ok", "ok"]


def test_ages_are_reckoned_by_the_newest_file() -> None:
    """3601, 3600 and 3599 seconds before the newest; what is named or a user's own stays."""
    entries = [
        Entry(f"clay/{digit * 16}.tif", 1, 10_000.0 - age)
        for digit, age in (("a", 3601), ("b", 3600), ("c", 3599))
    ]
    entries += [Entry("clay/notes.txt", 1, 0.0), Entry("catalog.json", 1, 10_000.0)]
    assert unreferenced(entries, [], 3600.0) == [entries[0].key, entries[1].key]


def test_kill_9_and_run_again(store: Store, tmp_path: Path) -> None:
    Store(tmp_path / "clean").add(big())
    store.add(layer())
    for seconds in (0.2, 0.6):
        killed_while_adding(store.storage.shown, seconds)
        found = store.open().soc_stock.values.tobytes()
        assert found in (layer().values.tobytes(), big().values.tobytes())
    store.add(big())
    assert store.hashes() == Store(tmp_path / "clean").hashes()
    assert not list((tmp_path / "cache" / "layers").glob(".*"))


# --- what is changed from outside ----------------------------------------------------------------


def test_a_changed_object_is_noticed(store: Store, settings: str) -> None:
    store.add(layer())
    (key,) = [k for k in objects(store, settings) if k.endswith(".tif")]
    content = bytearray(objects(store, settings)[key])
    content[-5] ^= 1
    overwrite(store, key, settings, bytes(content))
    with pytest.raises(RasterError, match="was changed since it was added"):
        store.open()
    assert store.layers()[0]["state"] == "ok"
    assert store.layers(check=True)[0]["state"] == "changed"
    overwrite(store, key, settings, None)
    with pytest.raises(RasterError, match=r"is missing .*Add the layer again"):
        store.open()
    assert store.layers()[0]["state"] == "missing"
    store.add(layer())
    assert store.layers(check=True)[0]["state"] == "ok"


def test_a_foreign_catalogue(store: Store, settings: str) -> None:
    overwrite(store, "catalog.json", settings, b'{"type": "Catalog", "id": "theirs"}')
    for act in (store.open, lambda: store.add(layer())):
        with pytest.raises(RasterError, match="isn't a store of layers"):
            act()
    assert set(objects(store, settings)) == {"catalog.json"}


# --- what doesn't work ---------------------------------------------------------------------------


def both(store: Store) -> Iterator[HotspotsError]:
    """The errors of reading and of writing."""
    for act in (store.names, lambda: store.add(layer())):
        with pytest.raises(HotspotsError) as caught:
            act()
        assert str(caught.value).count("\n") == 0
        yield caught.value


def test_a_bucket_that_is_not_there(settings: str) -> None:
    for error in both(Store("s3://nobodys/layers")):
        assert isinstance(error, RasterError)
        assert str(error) == (
            f"There is no bucket 'nobodys' at {settings}. Make it first, or correct the address of"
            " the store."
        )


def test_credentials_that_are_refused(store: Store, settings: str) -> None:
    """The server lets nobody in but those whom it knows, who are none."""
    require_known(settings, "0")
    try:
        errors = list(both(store))
    finally:
        require_known(settings, "1e9")
    for error in errors:
        assert isinstance(error, RasterError)
        assert "refuses the credentials" in str(error)
        assert "Set AWS_ACCESS_KEY_ID" in str(error)
    store.add(layer())


def require_known(server: str, after: str) -> None:
    asked = urllib.request.Request(
        f"{server}/moto-api/reset-auth", after.encode(), {"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(asked).close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("what", ["closed", "silent"])
def test_a_server_that_cannot_be_reached(
    bucket: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens there; or somebody takes the call and says nothing."""
    with socket.socket() as quiet:
        quiet.bind(("127.0.0.1", 0))
        if what == "silent":
            quiet.listen()
        endpoint = f"http://127.0.0.1:{quiet.getsockname()[1]}"
        monkeypatch.setenv("HOTSPOTS_S3_ENDPOINT", endpoint)
        error = next(both(Store(f"s3://{bucket}")))
    assert isinstance(error, FetchError)
    assert f"({endpoint}) can't be reached" in str(error)


def test_an_endpoint_that_is_none(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSPOTS_S3_ENDPOINT", "localhost:9000")
    for error in both(Store(f"s3://{bucket}")):
        assert isinstance(error, BadInputError)
        assert "'localhost:9000' isn't an address" in str(error)


@pytest.mark.parametrize(
    "address", ["gs://bucket/x", "https://example.org/store", "s3://", "s3:///"]
)
def test_places_of_other_kinds(address: str) -> None:
    with pytest.raises(BadInputError, match="can't hold a store"):
        Store(address)


def test_an_address_that_went_through_a_path(bucket: str) -> None:
    """The command line's path type makes one slash of two."""
    assert Store(Path(f"s3://{bucket}/x")).storage.shown == f"s3://{bucket}/x"


def test_the_other_endpoint_setting(
    bucket: str, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOTSPOTS_S3_ENDPOINT")
    monkeypatch.setenv("AWS_ENDPOINT_URL", settings)
    Store(f"s3://{bucket}").add(layer())
    monkeypatch.setenv("HOTSPOTS_S3_ANONYMOUS", "1")
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    assert Store(f"s3://{bucket}").names() == ["soc_stock"]


def test_no_room_for_copies(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add(layer())
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HOTSPOTS_CACHE", str(tmp_path / "file"))
    again = Store(store.storage.shown)
    with pytest.raises(
        RasterError, match=r"folder of downloads .*can't be written.*HOTSPOTS_CACHE"
    ):
        again.open()
    with pytest.raises(RasterError, match=r"folder of downloads .*can't be written"):
        again.add(layer())


FLIP = """
import sys
from hotspots.store.open_storage import open_storage
storage = open_storage(sys.argv[1])
for i in range(400):
    storage.write("catalog.json", b"a" * 399 + b"z" if i % 2 else b"a" * 899 + b"z")
"""


@pytest.mark.slow
def test_what_is_read_while_it_is_replaced_is_whole(store: Store) -> None:
    """A reader that learns the size of one version and reads the other would get a part of it."""
    store.storage.write("catalog.json", b"a" * 899 + b"z")
    writer = subprocess.Popen([sys.executable, "-c", FLIP, store.storage.shown])
    sizes = set()
    while writer.poll() is None:
        sizes.add((len(told := store.storage.read("catalog.json")), told[-1:]))
    assert writer.returncode == 0
    assert sizes == {(400, b"z"), (900, b"z")}
