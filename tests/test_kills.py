"""Killed in the last steps of a write: the former state or the new one, and the rerun ends well.

Editions, demonstrations, map pages and stores; of registries see their own tests.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pystac
import pytest
from kill_points import FUNCTIONS, each_kill
from test_store import layer, zones
from test_store_bucket import bucket, server, settings  # noqa: F401  (fixtures)

import hotspots as hs
from hotspots import demo
from hotspots.errors import EditionError
from hotspots.files import exchange
from hotspots.ingest import Store
from hotspots.loading import clip
from hotspots.variables import describe


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edition of Fiji, as a demo of other code would have made it."""
    edition = hs.analyze(clip(hs.sample(), hs.region("FJI")))
    edition.times["made_by"] = "demo"
    return edition.save(tmp_path_factory.mktemp("saved") / "fiji", beside={"map.html": "former"})


def places(tmp_path: Path) -> object:
    """Give a new empty folder each time."""
    numbers = count()

    def new() -> Path:
        folder = tmp_path / f"place{next(numbers)}"
        folder.mkdir()
        return folder

    return new


# The analysis itself is not what is tested: an edition made before stands for what it gives.
GIVEN = """
import sys
import hotspots as hs
from hotspots import demo
from hotspots.cli import main
made = hs.open_edition(sys.argv[1])
hs.analyze = lambda *_, **__: made
hs.explore = lambda *_, **__: type("M", (), {"get_root": lambda s: s, "render": lambda s: "new"})()
"""
SAVE = GIVEN + "made.save(sys.argv[2], beside={'map.html': 'new'})"
ANALYZE = (
    GIVEN
    + """
sys.argv[1:] = ["analyze", "--data", "sample", "--region", "FJI", "--out", sys.argv[2]]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended
"""
)
DEMO = (
    GIVEN
    + """
demo.identify = lambda *_: "of other code"
demo.run_demo(__import__("pathlib").Path(sys.argv[2]), "en", print)
"""
)
WITHOUT_EXCHANGE = "from hotspots import demo\ndemo.exchange = lambda *_: False\n"
MAP = (
    GIVEN
    + """
from pathlib import Path
from hotspots.files import write_text
write_text(Path(sys.argv[2]) / "map.html", "new")
"""
)


@pytest.mark.parametrize("snippet", [SAVE, ANALYZE], ids=["save", "analyze"])
def test_an_edition_is_there_whole_or_not_at_all(saved: Path, tmp_path: Path, snippet: str) -> None:
    new = places(tmp_path)
    seen = set()
    for name, (_, target) in each_kill(snippet, lambda: (saved, new() / "edition")):
        there = os.path.lexists(target)
        seen.add(there)
        if there:
            assert len(hs.open_edition(target).table) > 0, name
            with pytest.raises(EditionError, match="exists already"):
                hs.open_edition(saved).save(target)
        else:
            hs.open_edition(saved).save(target)
        assert os.listdir(target.parent) == ["edition"], name
    assert seen == {False, True}


def replaced(saved: Path, new: Path) -> Sequence[Path]:
    """Give a former demo, with a mark that the new one lacks."""
    shutil.copytree(saved, new / "demo")
    return saved, new / "demo"


def test_a_demo_gives_way_in_one_step(saved: Path, tmp_path: Path) -> None:
    new = places(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system exchanges no folders")
    seen = set()
    functions = (*FUNCTIONS, "hotspots.files.exchange")
    for name, (_, out) in each_kill(DEMO, lambda: replaced(saved, new()), functions):
        assert len(hs.open_edition(out).table) > 0, name
        seen.add((out / "map.html").read_text())
        demo.sweep(out)
        assert os.listdir(out.parent) == ["demo"], name
    assert seen == {"former", "new"}


def test_without_such_a_step_a_demo_is_made_again(saved: Path, tmp_path: Path) -> None:
    """Two renames: killed between them there is none, and the next run has a free place."""
    new = places(tmp_path)
    seen = set()
    for name, (_, out) in each_kill(WITHOUT_EXCHANGE + DEMO, lambda: replaced(saved, new())):
        seen.add((out / "map.html").read_text() if out.exists() else "none")
        if not out.exists():
            hs.open_edition(saved).save(out)
        demo.sweep(out)
        assert len(hs.open_edition(out).table) > 0, name
        assert os.listdir(out.parent) == ["demo"], name
    assert seen == {"former", "none", "new"}


def test_folders_change_places_or_stay(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    if not exchange(tmp_path / "one", tmp_path / "two"):
        pytest.skip("this file system exchanges no folders")
    assert os.listdir(tmp_path / "one") == ["two"]
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "one", tmp_path / "three")
    assert os.listdir(tmp_path / "one") == ["two"]


def test_a_map_file_is_the_former_or_the_new_one(saved: Path, tmp_path: Path) -> None:
    new = places(tmp_path)

    def prepare() -> tuple[Path, Path]:
        folder = new()
        (folder / "map.html").write_text("former")
        return saved, folder

    seen = set()
    for _, (_, folder) in each_kill(MAP, prepare):
        seen.add((folder / "map.html").read_text())
        demo.write_text(folder / "map.html", "again")
        assert os.listdir(folder) == ["map.html"]
    assert seen == {"former", "new"}


# --- stores --------------------------------------------------------------------------------------

STORE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_store as t
store = t.Store(sys.argv[1])
"""
CHANGES = {
    "add": "store.add(t.zones())",
    "replace": "store.add(t.describe(t.layer() + 1, 'soc_stock', **t.SAID))",
    "remove": "store.remove('soc_stock')",
    "stale": "store.mark_stale('soc_stock', 'nobody answered')",
}
FORMER = {"soc_stock": layer().values.tobytes()}
AFTER = {
    "add": FORMER | {"climate_zone": zones().values.tobytes()},
    "replace": {"soc_stock": (layer() + 1).values.tobytes()},
    "remove": {},
    "stale": FORMER,
}
OF_A_STORE = ("os.replace", "os.unlink")
OF_A_BUCKET = tuple(f"hotspots.ingest.store.bucket.Bucket.{n}" for n in ("write", "put_file",
                                                                         "remove"))  # fmt: skip


def values(address: str | Path) -> dict[str, bytes]:
    """What a user sees: every layer's values, verified against its item."""
    store = Store(address)
    return {name: store.open([name])[name].values.tobytes() for name in store.names()}


def again(address: str | Path, change: str) -> None:
    """Do the same as the run that was killed."""
    store = Store(address)
    if change == "add":
        store.add(zones())
    elif change == "replace":
        store.add(describe(layer() + 1, "soc_stock", **STORE_SAID))
    elif change == "stale":
        store.mark_stale("soc_stock", "nobody answered")
    elif "soc_stock" in store.names():
        store.remove("soc_stock")


STORE_SAID = {"source": "made by a test", "citation": "Nobody (2024)", "licence": "CC0 1.0"}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_store_is_the_former_or_the_new_one(tmp_path: Path, change: str) -> None:
    new = places(tmp_path)

    def prepare() -> tuple[Path]:
        folder = new() / "store"
        Store(folder).add(layer())
        return (folder,)

    for name, (folder,) in each_kill(STORE + CHANGES[change], prepare, OF_A_STORE):
        assert values(folder) in (FORMER, AFTER[change]), name
        catalogue = folder / "catalog.json"
        assert json.loads(catalogue.read_text())["type"] == "Catalog", name  # never half a file
        again(folder, change)
        assert values(folder) == AFTER[change], name
        Store(folder).add(describe(layer("clay", layer().values % 100), "clay", **STORE_SAID))
        store = Store(folder)
        named = {f"{key}.json" for key in store.names()} | {
            store.file(key).name for key in store.names()
        }
        files = {p.name for p in folder.rglob("*") if p.is_file()} - {".lock"}
        assert files == named | {"catalog.json"}, name
        items = pystac.Catalog.from_file(str(catalogue)).get_items()
        assert [item.id for item in items] == store.names(), name


@pytest.mark.parametrize("change", ["replace", "remove"])
def test_a_bucket_is_the_former_or_the_new_one(bucket: str, change: str) -> None:  # noqa: F811
    numbers = count()

    def prepare() -> tuple[str]:
        address = f"s3://{bucket}/kill{next(numbers)}"
        Store(address).add(layer())
        return (address,)

    for name, (address,) in each_kill(STORE + CHANGES[change], prepare, OF_A_BUCKET):
        assert values(address) in (FORMER, AFTER[change]), name
        again(address, change)
        assert values(address) == AFTER[change], name


def test_the_states_differ() -> None:
    """Or a test above could not tell one from the other."""
    assert FORMER != AFTER["replace"] != AFTER["remove"]
    assert not np.array_equal(layer().values, layer().values + 1, equal_nan=True)
