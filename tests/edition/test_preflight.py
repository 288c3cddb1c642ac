"""Registry and room on the disk are looked at first; a full disk leaves all as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_disk import SmallDisk, small_disk
from stored_layers import layer, state, zones

import hotspots as hs
from hotspots.cli import demonstration as demo
from hotspots.edition.inputs import clip
from hotspots.edition.preflight import edition_bytes, read_through, require_space
from hotspots.errors import RegistryError, WriteError
from hotspots.ingest import Store
from hotspots.layers.variables import describe
from hotspots.registry import open_registry

SAID = {"source": "made by a test", "citation": "Nobody (2024)", "licence": "CC0 1.0"}
FIJI = ("analyze", "--data", "sample", "--region", "FJI", "--out")


class Computed(Exception):
    """Raised in the place of minutes of work."""


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def analyze(*_: object, **__: object) -> None:
        raise Computed

    monkeypatch.setattr(hs, "analyze", analyze)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk("1m", tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def disk_of_a_store(tmp_path: Path) -> Iterator[SmallDisk]:
    """A layer is written plain first, in tiles of 1 MB, and then as a COG."""
    with small_disk("8m", tmp_path / "disk") as disk:
        yield disk


# --- before the work -----------------------------------------------------------------------------


def damaged(path: Path) -> Path:
    """A registry whose first page is sound: it opens, and its records can't be read."""
    open_registry(path, create=True).engine.dispose()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    return path


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", [FIJI, ("demo", "--out")], ids=["analyze", "demo"])
def test_the_registry_is_read_before_the_work(
    command: tuple[str, ...], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "junk.sqlite").write_bytes(b"SQLite format 3\0" + b"junk" * 100)
    (tmp_path / "empty").mkdir()
    damaged(tmp_path / "damaged.sqlite")
    for name in ("absent.sqlite", "junk.sqlite", "damaged.sqlite", "empty"):
        monkeypatch.setenv("HOTSPOTS_REGISTRY", str(tmp_path / name))
        code, out, told = run(*command, tmp_path / "edition")
        assert (code, out) == (2, ""), (name, told)
        assert told.startswith("Error: "), told
        assert name in told
        assert "Traceback" not in told
    assert not (tmp_path / "edition").exists()


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", [FIJI, ("demo", "--out")], ids=["analyze", "demo"])
def test_a_registry_that_others_may_read_is_told_before_the_work(
    command: tuple[str, ...], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_registry(tmp_path / "mine.sqlite", create=True).engine.dispose()
    (tmp_path / "mine.sqlite").chmod(0o644)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(tmp_path / "mine.sqlite"))
    code, _, told = run(*command, tmp_path / "edition")
    assert (code, told.count("Warning")) == (1, 1)
    assert "chmod 600" in told
    assert "Computed" in told


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", [FIJI, ("demo", "--out")], ids=["analyze", "demo"])
def test_room_is_looked_for_before_the_work(
    command: tuple[str, ...], run: Any, disk: SmallDisk
) -> None:
    code, out, told = run(*command, disk.folder / "above" / "edition")
    assert (code, out) == (1, "")
    assert "needs about" in told
    assert "1.0 MB are free" in told
    assert os.listdir(disk.folder) == []


def test_a_map_looks_for_room_before_it_is_drawn(
    run: Any, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hs, "open_edition", lambda _: (_ for _ in ()).throw(Computed))
    code, _, told = run("map", disk.folder, "--out", disk.folder / "map.html")
    assert code == 1
    assert "needs about 2.0 MB" in told


def test_a_sound_registry_and_room_let_the_work_begin(
    run: Any, tmp_path: Path, no_work: None
) -> None:
    code, _, told = run(*FIJI, tmp_path / "edition")
    assert code == 1
    assert "Computed" in told


def test_the_room_told_is_that_taken_or_some_more(
    world_edition: hs.Edition, tmp_path: Path
) -> None:
    """Of the world, and of a country of few cells; a map has some 1.6 MB."""
    fiji = clip(hs.sample(), hs.region("FJI"))
    for data, edition in ((hs.sample(), world_edition), (fiji, hs.analyze(fiji))):
        folder = edition.save(tmp_path / edition.id, beside={"map.html": "x" * 1_600_000})
        taken = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        needed = edition_bytes(data, hs.Recipe())
        assert taken < needed < 3 * taken, (taken, needed)


def test_room_and_registry_by_themselves(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "there", 1000)
    with pytest.raises(WriteError, match=r"'.*there' needs about 1,000,000,000.0 MB, and .* free"):
        require_space(tmp_path / "not" / "there", 10**15)
    with pytest.raises(RegistryError):
        read_through(open_registry(damaged(tmp_path / "damaged.sqlite")))
    assert len(read_through(open_registry())) > 0


# --- full all the same ---------------------------------------------------------------------------


@pytest.mark.parametrize("leave", [0, 30_000, 300_000])
def test_a_disk_that_fills_meanwhile_leaves_no_edition(disk: SmallDisk, leave: int) -> None:
    edition = hs.analyze(clip(hs.sample(), hs.region("FJI")))
    disk.fill(leave)
    with pytest.raises(WriteError, match=r"No space left.*Free some space"):
        edition.save(disk.folder / "edition")
    assert os.listdir(disk.folder) == ["ballast"]
    disk.make_room()
    edition.save(disk.folder / "edition")
    assert len(hs.open_edition(disk.folder / "edition").table) > 0


def test_a_disk_that_fills_meanwhile_leaves_the_former_map(disk: SmallDisk) -> None:
    demo.write_text(disk.folder / "map.html", "former")
    disk.fill(20_000)
    with pytest.raises(WriteError, match="No space left"):
        demo.write_text(disk.folder / "map.html", "new" * 100_000)
    assert (disk.folder / "map.html").read_text() == "former"
    assert sorted(os.listdir(disk.folder)) == ["ballast", "map.html"]


@pytest.mark.parametrize("leave", [0, 5_000, 20_000, 60_000])
def test_a_full_disk_leaves_a_store_as_it_was(disk_of_a_store: SmallDisk, leave: int) -> None:
    """Whatever is written when the room ends: the raster, its item, the catalogue."""
    store = Store(disk_of_a_store.folder / "store")
    store.add(layer())
    before = state(store)
    disk_of_a_store.fill(leave)
    noise = np.random.default_rng(0).uniform(0, 100, (180, 360)).astype("float32")
    with pytest.raises(WriteError, match=r"can't be written \(.*\)"):
        store.add(describe(layer("soc_stock", noise, step=1.0), "soc_stock", **SAID))
    assert state(store) == before
    disk_of_a_store.make_room()
    store.add(zones())
    assert store.names() == ["climate_zone", "soc_stock"]
    assert not [p for p in store.storage.path.rglob(".*") if p.name != ".lock"]


def test_add_layer_on_a_full_disk_is_one_sentence(run: Any, disk_of_a_store: SmallDisk) -> None:
    store = Store(disk_of_a_store.folder / "store")
    store.add(layer())
    before = state(store)
    layer("clay", layer().values % 100).rio.to_raster(disk_of_a_store.folder.parent / "clay.tif")
    disk_of_a_store.fill()
    code, _, told = run(
        "add-layer",
        disk_of_a_store.folder.parent / "clay.tif",
        "--store",
        disk_of_a_store.folder / "store",
        "--as",
        "clay",
        "--unit",
        "%",
        "--depth",
        "0-30",
        "--source",
        "a",
        "--citation",
        "b",
        "--licence",
        "c",
    )
    assert code == 1, told
    assert "No space left" in told
    assert "nothing was left half-written" in told
    assert "Traceback" not in told
    assert told.count("Error") == 1
    assert state(store) == before
