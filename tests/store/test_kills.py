"""Killed in the last steps of a write: the former state or the new one, and the rerun ends well.

Editions, demonstrations, map pages and stores; of registries see their own tests.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pystac
import pytest
from forked_kills import forked_kills
from kill_points import FUNCTIONS
from stored_layers import layer, zones
from test_store_bucket import bucket, server, settings  # noqa: F401  (fixtures)

import hotspots as hs
from hotspots.cli import demonstration as demo
from hotspots.edition.inputs import clip
from hotspots.errors import EditionError
from hotspots.ingest import Store
from hotspots.io.atomic import exchange
from hotspots.layers.variables import describe


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edition of Fiji, as a demo of other code would have made it."""
    edition = hs.analyze(clip(hs.sample(), hs.region("FJI")))
    edition.times["made_by"] = "demo"
    return edition.save(tmp_path_factory.mktemp("saved") / "fiji", beside={"map.html": "former"})


# The analysis itself is not what is tested: an edition made before stands for what it gives.
GIVEN = """
import os, shutil, sys
from pathlib import Path
import hotspots as hs
from hotspots import cli
from hotspots.cli import demonstration as demo
import dask
dask.config.set(scheduler="synchronous")  # no threads before the forks
made = hs.open_edition({saved!r})
made.rasters = made.rasters.compute()
page = type("Page", (), {{"get_root": lambda s: s, "render": lambda s: "new"}})()
hs.analyze = lambda *_, **__: made
hs.explore = lambda *_, **__: page
demo.identify = lambda *_: "of other code"
"""
FOLDER = "os.mkdir(place)"
SAVE = "made.save(place + '/edition', beside={'map.html': 'new'})"
ANALYZE = """
sys.argv = "hotspots analyze --data sample --region FJI --out".split() + [place + "/edition"]
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code, ended
"""
FORMER_DEMO = FOLDER + "; shutil.copytree({saved!r}, place + '/demo')"
DEMO = "demo.run_demo(Path(place) / 'demo', 'en', str)"
FORMER_MAP = FOLDER + "; Path(place, 'map.html').write_text('former')"
MAP = "demo.write_text(Path(place) / 'map.html', 'new')"


def given(saved: Path) -> str:
    return GIVEN.format(saved=str(saved))


@pytest.mark.parametrize(
    "change",
    [pytest.param(SAVE, id="save"), pytest.param(ANALYZE, id="analyze", marks=pytest.mark.slow)],
)
def test_an_edition_is_there_whole_or_not_at_all(saved: Path, tmp_path: Path, change: str) -> None:
    seen = set()
    for name, place in forked_kills(tmp_path / "at", given(saved), FOLDER, change):
        target = Path(place, "edition")
        seen.add(there := os.path.lexists(target))
        if there:
            assert len(hs.open_edition(target).table) > 0, name
            with pytest.raises(EditionError, match="exists already"):
                hs.open_edition(saved).save(target)
        else:
            hs.open_edition(saved).save(target)
        assert os.listdir(place) == ["edition"], name
    assert seen == {False, True}


@pytest.mark.slow
def test_a_demo_gives_way_in_one_step(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system exchanges no folders")
    seen = set()
    former = FORMER_DEMO.format(saved=str(saved))
    functions = (*FUNCTIONS, "hotspots.io.atomic.exchange")
    for name, place in forked_kills(tmp_path / "at", given(saved), former, DEMO, functions):
        out = Path(place, "demo")
        assert len(hs.open_edition(out).table) > 0, name
        seen.add((out / "map.html").read_text())
        demo.sweep(out)
        assert os.listdir(place) == ["demo"], name
    assert seen == {"former", "new"}


@pytest.mark.slow
def test_without_such_a_step_a_demo_is_made_again(saved: Path, tmp_path: Path) -> None:
    """Two renames: killed between them there is none, and the next run has a free place."""
    seen = set()
    former = FORMER_DEMO.format(saved=str(saved))
    imports = given(saved) + "demo.exchange = lambda *_: False"
    for name, place in forked_kills(tmp_path / "at", imports, former, DEMO):
        out = Path(place, "demo")
        seen.add((out / "map.html").read_text() if out.exists() else "none")
        if not out.exists():
            hs.open_edition(saved).save(out)
        demo.sweep(out)
        assert len(hs.open_edition(out).table) > 0, name
        assert os.listdir(place) == ["demo"], name
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
    seen = set()
    for _, place in forked_kills(tmp_path / "at", given(saved), FORMER_MAP, MAP):
        seen.add(Path(place, "map.html").read_text())
        demo.write_text(Path(place, "map.html"), "again")
        assert os.listdir(place) == ["map.html"]
    assert seen == {"former", "new"}


# --- stores --------------------------------------------------------------------------------------

STORE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import stored_layers as t
"""
FORMER_STORE = "store = t.Store(place); store.add(t.layer())"
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
OF_A_BUCKET = tuple(f"hotspots.store.s3.Bucket.{n}" for n in ("write", "put_file", "remove"))


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
    job = (STORE, FORMER_STORE, CHANGES[change])
    for name, place in forked_kills(tmp_path / "at", *job, OF_A_STORE):
        folder = Path(place)
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
    job = (STORE, FORMER_STORE, CHANGES[change])
    for name, address in forked_kills(f"s3://{bucket}/at", *job, OF_A_BUCKET):
        assert values(address) in (FORMER, AFTER[change]), name
        again(address, change)
        assert values(address) == AFTER[change], name


def test_the_states_differ() -> None:
    """Or a test above could not tell one from the other."""
    assert FORMER != AFTER["replace"] != AFTER["remove"]
    assert not np.array_equal(layer().values, layer().values + 1, equal_nan=True)
