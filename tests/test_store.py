"""The store: layers in and out unchanged, a readable catalogue, and nothing half-done."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
import xarray as xr

from hotspots.errors import EmptyRegionError, GridMismatchError, RasterError
from hotspots.grid import grid_of
from hotspots.ingest import Store, geotiff, open_data, open_layers
from hotspots.ingest import store as store_module
from hotspots.variables import CLIMATE_ZONES, CLUSTERS, classes_of, describe

SAID = {"source": "made by a test", "citation": "Nobody (2024)", "licence": "CC0 1.0"}


def layer(
    name: str = "soc_stock",
    values: Any = None,
    step: float = 10.0,
    crs: str = "EPSG:4326",
    **attrs: Any,
) -> xr.DataArray:
    """A grid of 18 x 36 cells from the upper left corner (-180, 90), or as many as `values`."""
    if values is None:
        values = np.arange(18 * 36, dtype="float32").reshape(18, 36)
        values[0, 0] = np.nan
    rows, columns = values.shape
    out = xr.DataArray(
        values,
        dims=("y", "x"),
        coords={
            "y": 90 - step * (np.arange(rows) + 0.5),
            "x": -180 + step * (np.arange(columns) + 0.5),
        },
    )
    return describe(out.rio.write_crs(crs), name, **(SAID | {"year": 2010} | attrs))


def zones() -> xr.DataArray:
    values = (np.arange(18 * 36).reshape(18, 36) % 13).astype("uint8")
    return layer("climate_zone", values, guidelines="2019")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def state(store: Store) -> dict[str, bytes]:
    """What a user sees: the names, and every layer's values, read anew."""
    return {n: Store(store.path).open([n])[n].values.tobytes() for n in store.names()}


def test_nothing_is_written_before_the_first_layer(store: Store) -> None:
    assert store.names() == []
    assert not store.path.exists()


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
        path, "w", driver="GTiff", width=3, height=2, count=1, dtype="int8", nodata=nodata,
        crs="EPSG:4326", transform=rasterio.transform.from_origin(-3, 4, 2, 2),
    ) as file:  # fmt: skip
        file.write(given, 1)
        file.update_tags(**SAID)
    store.add(open_layers(path).cluster_loss)
    got = store.open().cluster_loss
    assert got.dtype == "int8"
    assert got.values.tolist() == given.tolist()
    assert classes_of(got) == CLUSTERS
    with rasterio.open(store.file("cluster_loss")) as file:
        assert (file.dtypes, file.nodata) == (("int8",), -128)
    (item,) = pystac.Catalog.from_file(str(store.path / "catalog.json")).get_items()
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
    items = list(pystac.Catalog.from_file(str(store.path / "catalog.json")).get_items())
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
    assert str(store.path.parent) not in (store.path / "catalog.json").read_text()


def test_a_moved_store_still_opens(store: Store) -> None:
    store.add(layer())
    moved = store.path.rename(store.path.with_name("moved"))
    np.testing.assert_array_equal(Store(moved).open().soc_stock, layer())


def test_an_undated_layer_holds_for_all_time(store: Store) -> None:
    given = layer("soc_stock_reference")
    del given.attrs["year"]
    store.add(given)
    (item,) = pystac.Catalog.from_file(str(store.path / "catalog.json")).get_items()
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
    assert sorted(p.suffix for p in (store.path / "soc_stock").iterdir()) == [".json", ".tif"]


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


# --- what is refused ---------------------------------------------------------------------------


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
    assert not store.path.exists()


def test_a_layer_of_an_unknown_name(store: Store) -> None:
    with pytest.raises(RasterError, match="did you mean"):
        store.add(layer().rename("soc_stok"))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RasterError, match="can't be written"):
        Store(tmp_path / "file").add(layer())


def test_a_spoilt_catalogue(store: Store) -> None:
    store.add(layer())
    (store.path / "catalog.json").write_text("{")
    with pytest.raises(RasterError, match="can't be read"):
        store.names()


@pytest.mark.parametrize(
    "content", ["{}", "[]", "5", '{"links": 5}', '{"links": [{"rel": "item"}]}']
)
def test_a_catalogue_that_is_none_of_a_store(store: Store, content: str) -> None:
    store.path.mkdir()
    (store.path / "catalog.json").write_text(content)
    with pytest.raises(RasterError, match="is no store of layers"):
        store.open()
    with pytest.raises(RasterError, match="is no store of layers"):
        store.add(layer())
    assert (store.path / "catalog.json").read_text() == content


def test_an_item_that_is_none(store: Store) -> None:
    store.add(layer())
    (item,) = (store.path / "soc_stock").glob("*.json")
    item.write_text("{}")
    with pytest.raises(RasterError, match="Add 'soc_stock' anew"):
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
    script = FULL.format(path=[str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script, str(store.path), str(limit)],
        check=False, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout == (
        f"The store '{store.path}' can't be written (File too large); it is as it was."
        " Mend that, or give another folder.\n"
    )
    assert state(store) == before
    assert not any((store.path / "soc_stock").iterdir())


# --- killed on the way -------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for a signal: nothing in the package catches it."""


def fall_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the step-th renaming never happen (1 the raster, 2 its item, 3 the catalogue)."""
    real, count = os.replace, iter(range(1, 10))

    def replace(source: Any, target: Any) -> None:
        if next(count) == step:
            raise Killed
        real(source, target)

    monkeypatch.setattr(store_module.os, "replace", replace)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("name", ["soc_stock", "climate_zone"], ids=["replaced", "new"])
def test_a_fallen_add_changes_nothing(
    store: Store, name: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(layer())
    before = state(store)
    given = zones() if name == "climate_zone" else describe(layer() + 1, name, **SAID)
    with monkeypatch.context() as patch:
        fall_at(step, patch)
        with pytest.raises(Killed):
            store.add(given)
    assert state(store) == before
    # Running again finishes the work and clears what was left.
    store.add(given)
    np.testing.assert_array_equal(store.open([name])[name].values, given.values)
    store.add(describe(layer("clay", layer().values % 100), "clay", **SAID))
    left = {p.name for p in store.path.rglob("*") if p.is_file() and p.name != ".lock"}
    files = {store.file(n).name for n in store.names()}
    assert left == {"catalog.json"} | files | {f.replace(".tif", ".json") for f in files}


KILL = """
import os, sys
from pathlib import Path
sys.path[:0] = {path!r}
import test_store as t
from hotspots.ingest import store as store_module
real, count = os.replace, iter(range(1, 10))
def replace(source, target):
    if next(count) == int(sys.argv[2]):
        os._exit(9)
    real(source, target)
store_module.os.replace = replace
t.Store(sys.argv[1]).add(t.zones())
"""


@pytest.mark.parametrize("step", [1, 3])
def test_a_process_killed_while_adding(store: Store, step: int) -> None:
    """Killed for good: no clean-up runs, and its lock is gone with it."""
    store.add(layer())
    before = state(store)
    script = KILL.format(path=[str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script, str(store.path), str(step)], check=False, timeout=120
    )
    assert done.returncode == 9
    assert state(store) == before
    store.add(zones())
    assert store.names() == ["climate_zone", "soc_stock"]


def test_items_are_json_that_any_reader_takes(store: Store) -> None:
    """NaN, which JSON hasn't, is written as the word."""
    store.add(layer())
    (item,) = (store.path / "soc_stock").glob("*.json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    told = json.loads(item.read_text(), parse_constant=refuse)
    assert told["assets"]["data"]["bands"][0]["nodata"] == "nan"
