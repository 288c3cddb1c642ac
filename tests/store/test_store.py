"""The store: layers in and out unchanged, a readable catalogue, and nothing half-done."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pystac.validation
import pytest
import rasterio
import xarray as xr
from stored_layers import SAID, layer, state, zones

from hotspots.errors import BadInputError, EmptyRegionError, GridMismatchError, RasterError
from hotspots.ingest import Store, open_data, open_layers
from hotspots.io import geotiff
from hotspots.layers.grid import grid_of
from hotspots.layers.variables import CLIMATE_ZONES, CLUSTERS, classes_of, describe
from hotspots.store import storage


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def files(store: Store) -> set[str]:
    """The names of all files, but for the lock."""
    return {p.name for p in store.storage.path.rglob("*") if p.is_file()} - {".lock"}


def script(text: str) -> str:
    """A script of another process, which finds this module and what it needs."""
    return text.format(path=[str(Path(__file__).parent), *sys.path])


def test_nothing_is_written_before_the_first_layer(store: Store) -> None:
    assert store.names() == []
    assert not store.storage.path.exists()


def test_layers_come_out_as_they_went_in(store: Store) -> None:
    for given in (layer(depth_cm="0-30"), zones()):
        store.add(given)
    assert store.names() == ["climate_zone", "soc_stock"]
    data = store.open()
    for given in (layer(depth_cm="0-30"), zones()):
        name = str(given.name)
        np.testing.assert_array_equal(data[name].values, given.values)
        assert data[name].dtype == given.dtype
        for key, value in given.attrs.items():
            assert np.array_equal(data[name].attrs[key], value), key
        assert data[name].attrs["sha256"] == store.hashes()[name]
    assert classes_of(data.climate_zone) == CLIMATE_ZONES
    assert grid_of(data) == grid_of(layer())


def test_files_are_cloud_optimised_and_carry_their_facts(store: Store) -> None:
    store.add(layer())
    store.add(zones())
    with rasterio.open(store.file("soc_stock")) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.dtypes == ("float32",)
        assert np.isnan(file.nodata)
        assert file.units == ("t ha-1",)
        assert file.descriptions == ("soc_stock",)
        assert file.tags()["licence"] == "CC0 1.0"
    with rasterio.open(store.file("climate_zone")) as file:
        assert file.dtypes == ("uint8",)
        assert file.nodata == 0
        assert file.tags()["guidelines"] == "2019"


@pytest.mark.parametrize("nodata", [None, -128])
def test_classes_of_a_result_may_be_negative(
    store: Store, tmp_path: Path, nodata: int | None
) -> None:
    """Of clusters 0 is a class, not nodata, and stays one; what is nodata stays nodata."""
    given = np.array([[-1, 0, 1], [1, 1, nodata or 0]], dtype="int8")
    path = tmp_path / "cluster_loss.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=3,
        height=2,
        count=1,
        dtype="int8",
        nodata=nodata,
        crs="EPSG:4326",
        transform=rasterio.transform.from_origin(-3, 4, 2, 2),
    ) as file:
        file.write(given, 1)
        file.update_tags(**SAID)
    store.add(open_layers(path).cluster_loss)
    got = store.open().cluster_loss
    assert got.dtype == "int8"
    assert got.values.tolist() == given.tolist()
    assert classes_of(got) == CLUSTERS
    with rasterio.open(store.file("cluster_loss")) as file:
        assert (file.dtypes, file.nodata) == (("int8",), -128)
    (item,) = pystac.Catalog.from_file(str(store.storage.path / "catalog.json")).get_items()
    assert item.assets["data"].extra_fields["bands"][0]["nodata"] == -128


def test_a_file_of_the_store_can_be_analysed_alone(store: Store) -> None:
    store.add(layer())
    np.testing.assert_array_equal(open_data(store.file("soc_stock")).soc_stock, layer())


def test_big_layers_have_overviews_and_stay_lazy(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geotiff, "LAZY_CELLS", 0)
    values = np.random.default_rng(0).uniform(0, 100, (1200, 1300)).astype("float32")
    given = layer("soc_stock", values, step=0.05).chunk({"y": 500})
    store.add(given)
    with rasterio.open(store.file("soc_stock")) as file:
        assert file.overviews(1) == [2, 4]
    data = store.open()
    assert data.soc_stock.chunks is not None
    np.testing.assert_array_equal(data.soc_stock.values, values)


def test_the_catalogue_is_plain_static_stac(store: Store) -> None:
    store.add(layer())
    store.add(zones())
    items = list(pystac.Catalog.from_file(str(store.storage.path / "catalog.json")).get_items())
    assert [item.id for item in items] == ["climate_zone", "soc_stock"]
    item = items[1]
    assert item.bbox == [-180, -90, 180, 90]
    assert item.properties["start_datetime"].startswith("2010-01-01")
    assert item.properties["end_datetime"].startswith("2010-12-31")
    assert item.properties["licence"] == SAID["licence"]
    assert item.properties["sci:citation"] == SAID["citation"]
    assert item.properties["proj:code"] == "EPSG:4326"
    assert item.properties["proj:shape"] == [18, 36]
    path = Path(item.assets["data"].get_absolute_href())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert item.assets["data"].extra_fields["file:checksum"] == "1220" + digest
    assert store.hashes()["soc_stock"] == digest
    assert str(store.storage.path.parent) not in (store.storage.path / "catalog.json").read_text()


def test_a_moved_store_still_opens(store: Store) -> None:
    store.add(layer())
    moved = store.storage.path.rename(store.storage.path.with_name("moved"))
    np.testing.assert_array_equal(Store(moved).open().soc_stock, layer())


def test_an_undated_layer_holds_for_all_time(store: Store) -> None:
    given = layer("soc_stock_reference")
    del given.attrs["year"]
    store.add(given)
    (item,) = pystac.Catalog.from_file(str(store.storage.path / "catalog.json")).get_items()
    assert item.properties["dated"] is False
    assert "year" not in store.open().soc_stock_reference.attrs


def test_the_same_layer_gives_the_same_bytes(tmp_path: Path) -> None:
    hashes = []
    for name in ("a", "b"):
        Store(tmp_path / name).add(layer())
        hashes.append(Store(tmp_path / name).hashes())
    assert hashes[0] == hashes[1]
    catalogues = [(tmp_path / n / "catalog.json").read_bytes() for n in ("a", "b")]
    assert catalogues[0] == catalogues[1]


def test_adding_a_name_again_replaces_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geotiff, "LAZY_CELLS", 0)
    store.add(layer())
    before = store.open()
    store.add(describe(layer() + 1, "soc_stock", **SAID))
    np.testing.assert_array_equal(store.open().soc_stock, layer() + 1)
    assert store.names() == ["soc_stock"]
    # A reader of the former version isn't cut off; the next addition clears it away.
    np.testing.assert_array_equal(before.soc_stock, layer())
    store.add(zones())
    assert sorted(p.suffix for p in (store.storage.path / "soc_stock").iterdir()) == [
        ".json",
        ".tif",
    ]


def test_only_some_layers(store: Store) -> None:
    store.add(layer())
    store.add(zones())
    assert list(store.open(["soc_stock"])) == ["soc_stock"]


def test_a_box_gives_the_cells_that_touch_it(store: Store) -> None:
    """Rows of 10 degrees: 5 S to 12 N touches -10..0, 0..10 and 10..20."""
    store.add(layer())
    data = store.open(bounds=(33, -5, 42, 12))
    assert data.y.values.tolist() == [15, 5, -5]
    assert data.x.values.tolist() == [35, 45]
    whole = layer().sel(y=data.y, x=data.x)
    np.testing.assert_array_equal(data.soc_stock, whole)
    assert grid_of(data).bounds == (30, -10, 50, 20)


def test_a_box_of_one_cell_keeps_its_size(store: Store) -> None:
    store.add(layer())
    assert grid_of(store.open(bounds=(31, 1, 39, 9))).bounds == (30, 0, 40, 10)


def test_a_box_across_the_antimeridian_keeps_all_columns(store: Store) -> None:
    store.add(layer())
    data = store.open(bounds=(177, -20, -178, -10))
    assert dict(data.sizes) == {"y": 1, "x": 36}


def test_a_box_on_a_projected_grid(store: Store) -> None:
    given = layer("soc_stock", np.ones((4, 4), dtype="float32"), step=1000.0, crs="EPSG:32632")
    given = given.assign_coords(x=given.x + 500180.0, y=given.y + 4999910.0)
    store.add(given)
    data = store.open(bounds=(9.01, 44.0, 9.02, 46.0))  # some 800 to 1600 m east of 500 km
    assert data.x.values.tolist() == [500500, 501500]


@pytest.mark.parametrize("box", [(0, 10, 10, 0), (5, 0, 5, 10)])
def test_an_empty_box(store: Store, box: tuple[float, float, float, float]) -> None:
    store.add(layer())
    with pytest.raises(EmptyRegionError, match="empty"):
        store.open(bounds=box)


def test_a_box_beside_the_layers(store: Store) -> None:
    store.add(layer("soc_stock", np.ones((2, 2), dtype="float32")))
    with pytest.raises(EmptyRegionError, match="meets no cell"):
        store.open(bounds=(0, 0, 10, 10))


# --- what is refused -----------------------------------------------------------------------------


def test_two_grids_are_not_opened_together(store: Store) -> None:
    store.add(layer())
    store.add(layer("soc_stock_reference", np.ones((36, 72), dtype="float32"), step=5.0))
    assert store.names() == ["soc_stock", "soc_stock_reference"]
    with pytest.raises(GridMismatchError, match="soc_stock_reference"):
        store.open()


def test_an_unknown_layer(store: Store) -> None:
    store.add(layer())
    with pytest.raises(RasterError, match="did you mean soc_stock"):
        store.open(["soc_stok"])


def test_an_empty_store(store: Store) -> None:
    with pytest.raises(RasterError, match="no layer"):
        store.open()


@pytest.mark.parametrize("key", ["source", "citation", "licence"])
def test_a_layer_must_say_where_it_comes_from(store: Store, key: str) -> None:
    with pytest.raises(RasterError, match=key):
        store.add(layer(**{key: ""}))
    assert store.names() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [({"units": "kg m-2"}, "'kg m-2', but 't ha-1'"), ({"units": None}, "has no unit")],
)
def test_a_layer_of_another_unit(store: Store, change: dict[str, Any], said: str) -> None:
    given = layer()
    given.attrs |= change
    with pytest.raises(RasterError, match=said):
        store.add(given)
    assert not store.storage.path.exists()


def test_a_layer_of_an_unknown_name(store: Store) -> None:
    with pytest.raises(RasterError, match="did you mean"):
        store.add(layer().rename("soc_stok"))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInputError, match="is a file, and a store is a folder"):
        Store(tmp_path / "file").add(layer())


def test_a_spoilt_catalogue(store: Store) -> None:
    store.add(layer())
    (store.storage.path / "catalog.json").write_text("{")
    with pytest.raises(RasterError, match="can't be read"):
        store.names()


@pytest.mark.parametrize(
    "content", ["{}", "[]", "5", '{"links": 5}', '{"links": [{"rel": "item"}]}']
)
def test_a_catalogue_that_is_none_of_a_store(store: Store, content: str) -> None:
    store.storage.path.mkdir()
    (store.storage.path / "catalog.json").write_text(content)
    with pytest.raises(RasterError, match="isn't a store of layers"):
        store.open()
    with pytest.raises(RasterError, match="isn't a store of layers"):
        store.add(layer())
    assert (store.storage.path / "catalog.json").read_text() == content


def test_an_item_that_is_none(store: Store) -> None:
    store.add(layer())
    (item,) = (store.storage.path / "soc_stock").glob("*.json")
    item.write_text("{}")
    with pytest.raises(RasterError, match="Add 'soc_stock' again"):
        store.open()


FULL = """
import resource, signal, sys
sys.path[:0] = {path!r}
import numpy as np
import test_store as t
from hotspots.errors import WriteError
import rasterio, rasterio.shutil, pystac
store = t.Store(sys.argv[1])
values = np.random.default_rng(0).uniform(0, 100, (300, 1200)).astype("float32")
given = t.layer("soc_stock", values, step=0.3)
limit = int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    store.add(given)
except WriteError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [100_000, 2_000_000])
def test_a_full_disk(store: Store, limit: int) -> None:
    """A limit on the size of files fails a write as a full disk does: one sentence, no more."""
    pytest.importorskip("resource")
    store.add(zones())
    before = state(store)
    done = subprocess.run(
        [sys.executable, "-c", script(FULL), str(store.storage.path), str(limit)],
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout == (
        f"The store '{store.storage.path}' can't be written (File too large). Free some space or"
        " give another place; nothing was left half-written.\n"
    )
    assert state(store) == before
    assert files(store) == {"catalog.json", "climate_zone.json", store.file("climate_zone").name}


# --- killed on the way ---------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for a signal: nothing in the package catches it."""


def fall_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the step-th renaming never happen (1 the raster, 2 its item, 3 the catalogue)."""
    real, count = os.replace, iter(range(1, 10))

    def replace(source: Any, target: Any) -> None:
        if next(count) == step:
            raise Killed
        real(source, target)

    monkeypatch.setattr(storage.os, "replace", replace)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("name", ["soc_stock", "climate_zone"], ids=["replaced", "new"])
def test_a_fallen_add_is_whole_or_nothing(
    store: Store, name: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item's renaming is the moment: a run that falls later has added its layer."""
    store.add(layer())
    before = state(store)
    given = zones() if name == "climate_zone" else describe(layer() + 1, name, **SAID)
    with monkeypatch.context() as patch:
        fall_at(step, patch)
        with pytest.raises(Killed):
            store.add(given)
    assert state(store) == (before | {name: given.values.tobytes()} if step == 3 else before)
    # Running again finishes the work and clears what was left.
    store.add(given)
    np.testing.assert_array_equal(store.open([name])[name].values, given.values)
    store.add(describe(layer("clay", layer().values % 100), "clay", **SAID))
    named = {f"{key}.json" for key in store.names()} | {store.file(n).name for n in store.names()}
    assert files(store) == named | {"catalog.json"}
    catalogue = pystac.Catalog.from_file(str(store.storage.path / "catalog.json"))
    assert [item.id for item in catalogue.get_items()] == store.names()


KILL = """
import os, sys
from pathlib import Path
sys.path[:0] = {path!r}
import test_store as t
from hotspots.store import storage
real, count = os.replace, iter(range(1, 10))
def replace(source, target):
    if next(count) == int(sys.argv[2]):
        os._exit(9)
    real(source, target)
storage.os.replace = replace
t.Store(sys.argv[1]).add(t.zones())
"""


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_process_that_ends_while_adding(store: Store, step: int) -> None:
    """No clean-up runs, and its lock is gone with it."""
    store.add(layer())
    before = state(store)
    done = subprocess.run(
        [sys.executable, "-c", script(KILL), str(store.storage.path), str(step)],
        check=False,
        timeout=120,
    )
    assert done.returncode == 9
    assert state(store) == (
        before | {"climate_zone": zones().values.tobytes()} if step == 3 else before
    )
    store.add(zones())
    assert store.names() == ["climate_zone", "soc_stock"]
    assert not list(store.storage.path.glob(".new.*"))


ADD_BIG = """
import sys
sys.path[:0] = {path!r}
import numpy as np
import test_store as t
import rasterio, rasterio.shutil, pystac
given = t.big()
print("ready", flush=True)
t.Store(sys.argv[1]).add(given)
print("done", flush=True)
"""


def big() -> xr.DataArray:
    values = np.random.default_rng(0).uniform(0, 100, (900, 1800)).astype("float32")
    return layer("soc_stock", values, step=0.2)


def killed_while_adding(address: str, seconds: float) -> bool:
    """Kill a run that adds the big layer, so long after it began; say whether it had finished."""
    run = subprocess.Popen(
        [sys.executable, "-c", script(ADD_BIG), address], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    time.sleep(seconds)
    run.kill()
    return run.communicate()[0] == "done\n"


def test_kill_9_at_any_moment_leaves_the_former_layer(store: Store, tmp_path: Path) -> None:
    """Killed sooner and later; then a run that isn't gives the bytes that a new store has."""
    Store(tmp_path / "clean").add(big())
    store.add(layer())
    former = state(store)
    for seconds in (0.05, 0.4):
        if not killed_while_adding(store.storage.shown, seconds):
            assert state(store) in (former, {"soc_stock": big().values.tobytes()})
    store.add(big())
    assert store.hashes() == Store(tmp_path / "clean").hashes()
    assert store.file("soc_stock").read_bytes() == (
        Store(tmp_path / "clean").file("soc_stock").read_bytes()
    )
    assert not list(store.storage.path.glob(".new.*"))


def test_items_are_json_that_any_reader_takes(store: Store) -> None:
    """NaN, which JSON hasn't, is written as the word."""
    store.add(layer())
    (item,) = (store.storage.path / "soc_stock").glob("*.json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    told = json.loads(item.read_text(), parse_constant=refuse)
    assert told["assets"]["data"]["bands"][0]["nodata"] == "nan"


# --- what travels with a layer -------------------------------------------------------------------

MADE = {
    "source_id": "soilgrids",
    "source_version": "2.0",
    "address": ["https://example.org/ocs.tif", "/home/me/own.tif"],
    "request": {"region": "KEN", "resolution": "1km", "depth": "0-30", "year": None},
    "sha256": "ab" * 32,
    "retrieved": "2026-11-20T10:00:00Z",
    "steps": ["Read with scale 0.1.", "Averaged to 1 km."],
    "licence_id": "cc-by-4.0",
    "terms": np.array(["attribution"]),
    "stale": "",
}


def validated(store: Store) -> list[dict[str, Any]]:
    """The items of a store, after checking them and the catalogue against STAC's own schemas."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pystac.StacIO, "default", lambda: pytest.fail("a schema from the network"))
        catalogue = json.loads((store.storage.path / "catalog.json").read_text())
        found = [json.loads(p.read_text()) for p in sorted(store.storage.path.glob("*/*.json"))]
        items = [told for told in found if told.get("type") == "Feature"]
        for told in [catalogue, *items]:
            uris = pystac.validation.validate_dict(told, extensions=[])
            assert len(uris) == 1
            assert "v1." in uris[0]
    return items


def test_items_and_catalogue_are_valid_stac(store: Store) -> None:
    store.add(layer(), provenance=MADE, report={"ok": 1})
    store.add(zones())
    undated = layer("soc_stock_reference")
    del undated.attrs["year"]
    store.add(undated)
    store.add(layer("clay", layer().values % 100, depth_cm="0-5", period="1970-2000"))
    assert len(validated(store)) == 4


def test_a_spoilt_item_would_not_be_valid(store: Store) -> None:
    """The check above can fail."""
    store.add(layer())
    path = store.storage.path / "soc_stock" / "soc_stock.json"
    told = json.loads(path.read_text())
    told["properties"]["datetime"] = None
    del told["properties"]["start_datetime"]
    path.write_text(json.dumps(told))
    with pytest.raises(pystac.errors.STACValidationError):
        validated(store)


def test_the_catalogue_opens_in_a_stac_client(store: Store) -> None:
    from pystac_client import Client

    store.add(layer())
    store.add(zones())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a file answers no searches
        client = Client.open(str(store.storage.path / "catalog.json"))
        items = {item.id: item for item in client.get_items(recursive=True)}
    assert set(items) == {"climate_zone", "soc_stock"}
    with rasterio.open(items["soc_stock"].assets["data"].get_absolute_href()) as file:
        assert file.shape == (18, 36)


def test_provenance_goes_into_the_item(store: Store) -> None:
    store.add(layer(), provenance=MADE)
    item = store.item("soc_stock")
    told = item["properties"]
    assert told["hotspots:source_id"] == "soilgrids"
    assert told["hotspots:request"] == MADE["request"]
    assert told["hotspots:sha256"] == "ab" * 32
    assert told["hotspots:terms"] == ["attribution"]
    assert told["processing:lineage"] == "Read with scale 0.1. Averaged to 1 km."
    assert set(told["processing:software"]) == {"hotspots"}
    assert told["license"] == "CC-BY-4.0"
    assert "hotspots:stale" not in told
    links = {link["rel"]: link["href"] for link in item["links"]}
    assert links["via"] == "https://example.org/ocs.tif"
    assert links["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "/home/me/own.tif" not in links.values()
    used = {url.split("/")[3] for url in item["stac_extensions"]}
    assert used == {"projection", "file", "scientific", "processing"}
    (row,) = store.layers()
    assert row == {
        "layer": "soc_stock",
        "unit": "t ha-1",
        "depth": "",
        "year": 2010,
        "licence": "CC0 1.0",
        "source": "soilgrids",
        "retrieved": "2026-11-20T10:00:00Z",
        "stale": "",
        "cells": "18 x 36",
        "crs": "EPSG:4326",
        "file": f"soc_stock/{store.file('soc_stock').name}",
        "state": "ok",
    }


def test_provenance_that_json_has_not(store: Store) -> None:
    with pytest.raises(RasterError, match="provenance 'request' is a object, which can't"):
        store.add(layer(), provenance={"request": object()})
    assert not store.storage.path.exists()


@pytest.mark.parametrize(
    ("licence", "spdx"),
    [
        ("CC BY 4.0", "CC-BY-4.0"),
        ("CC0 1.0", "CC0-1.0"),
        ("cc-by-nc-sa-3.0-igo", "CC-BY-NC-SA-3.0-IGO"),
        ("odbl-1.0", "ODbL-1.0"),
        ("free, ask the maker", "other"),
    ],
)
def test_licences_with_an_id(store: Store, licence: str, spdx: str) -> None:
    store.add(layer(licence=licence))
    told = store.item("soc_stock")["properties"]
    assert (told["license"], told["licence"]) == (spdx, licence)


def test_reports_lie_beside_the_layer(store: Store) -> None:
    report = {"cells": np.int64(3), "mean": np.float32("nan"), "range": (0.0, 1.0)}
    store.add(layer(), report=report, beside={"quality.html": b"<p>fine</p>"})
    assets = store.item("soc_stock")["assets"]
    folder = store.storage.path / "soc_stock"
    assert json.loads((folder / assets["quality.json"]["href"]).read_text()) == {
        "cells": 3,
        "mean": None,
        "range": [0.0, 1.0],
    }
    assert (folder / assets["quality.html"]["href"]).read_bytes() == b"<p>fine</p>"
    assert assets["quality.html"]["type"] == "text/html"
    assert assets["quality.html"]["href"].startswith(f"./{store.file('soc_stock').stem}.")
    store.add(zones())
    assert store.layers()[1]["state"] == "ok"  # the sweep has left them
    (folder / assets["quality.html"]["href"]).unlink()
    assert store.layers()[1]["state"] == "missing"


def test_a_stale_layer_says_so_until_it_is_added_anew(store: Store) -> None:
    store.add(layer())
    before = store.hashes()
    store.mark_stale("soc_stock", "example.org can't be reached.")
    (row,) = Store(store.storage.path).layers(check=True)
    assert re.fullmatch(r"stale since \d{4}-\d\d-\d\d", row["state"])
    assert row["stale"] == "example.org can't be reached."
    assert store.hashes() == before
    assert len(validated(store)) == 1
    store.open()
    store.add(layer())
    (row,) = store.layers()
    assert (row["state"], row["stale"]) == ("ok", "")
    store.add(layer(), provenance={"stale": "example.org can't be reached."})
    assert store.layers()[0]["state"].startswith("stale since 20")
    with pytest.raises(RasterError, match="did you mean soc_stock"):
        store.mark_stale("soc_stok", "no reason")


# --- what was changed from outside ---------------------------------------------------------------


def test_a_changed_byte_is_noticed(store: Store) -> None:
    store.add(layer())
    store.add(zones())
    path = store.file("soc_stock")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"'soc_stock' .* was changed since it was added .*again"):
        store.open()
    assert list(store.open(["climate_zone"])) == ["climate_zone"]
    assert [row["state"] for row in store.layers()] == ["ok", "ok"]  # sizes tell no more
    assert [row["state"] for row in store.layers(check=True)] == ["ok", "changed"]
    path.write_bytes(content + b"x")
    assert [row["state"] for row in store.layers()] == ["ok", "changed"]


def test_a_removed_file_is_noticed(store: Store) -> None:
    store.add(layer())
    store.file("soc_stock").unlink()
    assert store.layers()[0]["state"] == "missing"
    assert store.layers(check=True)[0]["state"] == "missing"
    with pytest.raises(RasterError, match=r"'soc_stock' .* is missing .*Add the layer again"):
        store.open()
    store.add(layer())
    assert store.layers(check=True)[0]["state"] == "ok"


def test_a_removed_catalogue_is_written_anew(store: Store) -> None:
    store.add(layer())
    (store.storage.path / "catalog.json").unlink()
    assert store.names() == ["soc_stock"]
    store.add(zones())
    assert '"./soc_stock/soc_stock.json"' in (store.storage.path / "catalog.json").read_text()


def test_a_layer_taken_out(store: Store) -> None:
    store.add(layer())
    store.add(zones())
    store.remove("soc_stock")
    assert store.names() == ["climate_zone"]
    assert "soc_stock" not in (store.storage.path / "catalog.json").read_text()
    store.add(zones())
    assert not list((store.storage.path / "soc_stock").iterdir())
    with pytest.raises(RasterError, match="no layer 'soc_stock'"):
        store.remove("soc_stock")


def test_what_a_user_lays_beside_stays(store: Store) -> None:
    store.add(layer())
    (store.storage.path / "soc_stock" / "notes.txt").write_text("mine")
    (store.storage.path / "other").mkdir()
    (store.storage.path / "other" / "map.tif").write_bytes(b"mine")
    store.add(zones())
    assert {"notes.txt", "map.tif"} <= files(store)


def test_a_store_of_the_former_layout(store: Store) -> None:
    store.add(layer())
    path = store.storage.path / "catalog.json"
    path.write_text(path.read_text().replace("soc_stock/soc_stock.json", "soc_stock/8f3a61c2.json"))
    with pytest.raises(RasterError, match=r"earlier version, in another layout. Give a new folder"):
        store.names()


def test_a_folder_that_may_only_be_read(store: Store, as_ordinary_user: Any) -> None:
    store.add(layer())
    for path in (store.storage.path.parent, *store.storage.path.parent.parents[:3]):
        path.chmod(0o755)
    store.storage.path.chmod(0o555)
    with as_ordinary_user():
        np.testing.assert_array_equal(store.open().soc_stock, layer())
        with pytest.raises(RasterError, match=r"can't be written .Permission denied"):
            store.add(zones())
        with pytest.raises(RasterError, match=r"can't be written .Permission denied"):
            store.mark_stale("soc_stock", "why")
    assert store.names() == ["soc_stock"]


# --- two runs at once ----------------------------------------------------------------------------

ADD_MANY = """
import sys
sys.path[:0] = {path!r}
import numpy as np
import test_store as t
name, times = sys.argv[2], int(sys.argv[3])
store = t.Store(sys.argv[1])
for i in range(times):
    store.add(t.layer(name, np.full((18, 36), i, dtype="float32")))
"""


def add_at_once(address: str, names: list[str], times: int) -> None:
    """Let processes add layers at the same time."""
    runs = [
        subprocess.Popen([sys.executable, "-c", script(ADD_MANY), address, name, str(times)])
        for name in names
    ]
    assert [run.wait(120) for run in runs] == [0] * len(runs)


@pytest.mark.parametrize("names", [["soc_stock", "clay"], ["sand", "sand"]], ids=["two", "same"])
def test_two_runs_at_once_lose_nothing(store: Store, names: list[str]) -> None:
    add_at_once(str(store.storage.path), names, 3)
    assert store.names() == sorted(set(names))
    assert {row["state"] for row in store.layers(check=True)} == {"ok"}
    for name in names:
        assert float(store.open([name])[name].mean()) == 2
    catalogue = pystac.Catalog.from_file(str(store.storage.path / "catalog.json"))
    assert [item.id for item in catalogue.get_items()] == store.names()


# --- where a layer is ----------------------------------------------------------------------------


def test_a_layer_across_the_antimeridian(store: Store) -> None:
    """Fiji's own map grid reaches 3 degrees beyond 180: the box is told so, the outline cut."""
    given = layer("soc_stock", np.ones((4, 6), dtype="float32"), step=1e5, crs="EPSG:3460")
    given = given.assign_coords(x=given.x + 180 + 1.6e6, y=given.y - 90 + 4.2e6)
    store.add(given)
    (item,) = validated(store)
    west, south, east, north = item["bbox"]
    assert 170 < west < 180
    assert -180 < east < -170
    assert -20 < south < north < -10
    assert item["geometry"]["type"] == "MultiPolygon"
    spans = [sorted({x for x, _ in part[0]}) for part in item["geometry"]["coordinates"]]
    assert spans == [[west, 180], [-180, east]]


def test_years_and_periods(store: Store) -> None:
    store.add(layer(year=1990))
    store.add(layer("clay", layer().values % 100, year="", period="1970-2000"))
    found = [store.item(n)["properties"] for n in ("soc_stock", "clay")]
    assert [told["start_datetime"][:10] for told in found] == ["1990-01-01", "1970-01-01"]
    assert [told["end_datetime"][:10] for told in found] == ["1990-12-31", "2000-12-31"]


def test_each_month_has_a_band_name(store: Store) -> None:
    values = np.ones((12, 18, 36), dtype="float32")
    one = layer()
    given = xr.DataArray(values, {"month": range(1, 13), "y": one.y, "x": one.x})
    store.add(describe(given.rio.write_crs("EPSG:4326"), "precipitation", **SAID))
    names = [band["name"] for band in store.item("precipitation")["assets"]["data"]["bands"]]
    assert (names[0], names[-1], len(set(names))) == ("precipitation_01", "precipitation_12", 12)
