"""Layers that stand in for ones that weren't given: from the sample, or from land cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from drivers import classed, piece, quick
from rasterio.transform import from_origin

import hotspots as hs
from hotspots.analysis.land_shares import shares_of_classes
from hotspots.edition.borrowed import filled, lacking
from hotspots.edition.inputs import clip, coarsen
from hotspots.errors import BadInputError
from hotspots.ingest.user_layers import add_own
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import LAND_COVERS
from hotspots.store import Store

CROPLAND, WATER = 3, 7
OWN = {"source": "a made file", "citation": "nobody", "licence": "CC0"}


def tif(path: Path, values: np.ndarray, cell: float) -> str:
    """Write a GeoTIFF north up from 32 E, 1 N, which lies in Uganda."""
    values = np.asarray(values)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=str(values.dtype),
        crs="EPSG:4326",
        transform=from_origin(32, 1, cell, cell),
    ) as file:
        file.write(values, 1)
    return str(path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of 0.1 degrees with a stock alone, over two cells of the sample."""
    made = Store(tmp_path / "store")
    path = tif(tmp_path / "soc.tif", np.full((5, 10), 60, "float32"), 0.1)
    add_own(made, path, variable="soc_stock", unit="t ha-1", depth="0-30", year=2015, **OWN)
    return made


def test_each_cell_has_the_zone_and_share_of_the_sample(store: Store) -> None:
    world, data = hs.sample(), store.open()
    assert lacking(data, hs.Recipe()) == ("climate_zone", "cropland_share")
    full = filled(data, "sample", hs.Recipe())
    for name in ("climate_zone", "cropland_share"):
        expected = world[name].sel(y=data["y"], x=data["x"], method="nearest")
        np.testing.assert_allclose(full[name].values, expected.values, rtol=1e-6)
        assert full[name].attrs["licence"] == world[name].attrs["licence"]
        assert full[name].attrs["citation"] == world[name].attrs["citation"]
        assert "From the packaged sample at 0.5 degrees" in full[name].attrs["method"]
    assert full["soc_stock"].equals(data["soc_stock"])


def test_a_coarser_grid_gets_means_by_area() -> None:
    world = hs.sample()
    coarse = coarsen(world, 2.0)[["soc_stock"]]
    made = filled(coarse, "sample", hs.Recipe())["cropland_share"]
    share = world["cropland_share"]
    weight = cell_area(share).where(share.notnull(), 0)
    blocks = {"y": 4, "x": 4}
    sums = (share.fillna(0) * weight).coarsen(blocks).sum(), weight.coarsen(blocks).sum()
    expected = (sums[0] / sums[1].where(sums[1] > 0)).values
    np.testing.assert_allclose(made.values, expected, rtol=1e-4, atol=1e-6)


def test_what_the_data_have_is_never_replaced() -> None:
    data = piece("UGA")
    assert lacking(data, hs.Recipe()) == ()
    assert filled(data, "sample", hs.Recipe()).equals(data)
    climate = data.drop_vars(["climate_zone", "climate_zone_2006"])
    of_2006 = hs.Recipe.from_dict({"potential": {"guidelines": "2006"}})
    assert lacking(climate, hs.Recipe()) == ("climate_zone",)
    assert lacking(climate, of_2006) == ("climate_zone_2006",)
    assert filled(climate, "sample", of_2006)["climate_zone_2006"].attrs["guidelines"] == "2006"
    with pytest.raises(BadInputError, match="can't be taken from 'nature'"):
        filled(data, "nature", hs.Recipe())


def test_an_edition_says_what_was_borrowed(store: Store) -> None:
    """In the manifest's notes and inputs, among licences, and on the map in its language."""
    data = filled(clip(store.open(), hs.region("UGA")), "sample", hs.Recipe())
    edition = hs.analyze(data, quick())
    assert "potential_ipcc_tier1" in edition.rasters
    told = "climate_zone: not among the data given; from the packaged sample at 0.5 degrees"
    assert any(note.startswith(told) for note in edition.manifest["notes"])
    assert {"borrowed_zones", "borrowed_cropland"} <= set(edition.manifest["caveats"])
    inputs = edition.manifest["inputs"]
    assert "packaged sample" in inputs["climate_zone"]["method"]
    assert inputs["cropland_share"]["licence"] in edition.manifest["licences"]
    page = hs.explore(edition, lang="fr").get_root().render()
    assert "Les zones climatiques proviennent de l" in page
    own = hs.analyze(piece("UGA"), quick())
    assert not [key for key in own.manifest["caveats"] if key.startswith(("borrowed", "classed"))]


def test_nothing_is_borrowed_outside_the_region(store: Store) -> None:
    box = clip(store.open(), hs.region((32.0, 0.5, 32.5, 1.0)))
    wide = clip(store.open(), hs.region((32.0, 0.5, 33.0, 1.0)))
    assert box.sizes["x"] < wide.sizes["x"]
    data = wide.assign(region_share=wide["region_share"].where(wide["x"] < 32.5, 0))
    made = filled(data, "sample", hs.Recipe())
    outside = made["x"].values > 32.5
    assert (made["climate_zone"].values[:, outside] == 0).all()
    assert np.isnan(made["cropland_share"].values[:, outside]).all()


# ---------------------------------------------------------------- land cover


def test_classes_give_shares_of_0_and_1() -> None:
    data = piece("UGA").drop_vars(["cropland_share", "pasture_share"])
    rng = np.random.default_rng(3)
    codes = rng.integers(1, 8, data["soc_stock"].shape)
    data = data.assign(land_cover=classed(data, codes, LAND_COVERS))
    edition = hs.analyze(data, quick())
    share = edition.rasters["cropland_share"].values
    code = data["land_cover"].values
    np.testing.assert_array_equal(share == 1, code == CROPLAND)
    np.testing.assert_array_equal(np.isnan(share), (code == 0) | (code == WATER))
    assert "classed_cropland" in edition.manifest["caveats"]
    assert (
        "land_cover has the class cropland"
        in edition.manifest["inputs"]["cropland_share"]["method"]
    )
    # Shares that are given, of whatever kind, are never mixed with these.
    assert shares_of_classes(data.assign(pasture_share=data["soc_stock"] * 0)) == {}
    assert shares_of_classes(data.drop_vars("land_cover")) == {}


def test_shares_are_made_before_classes_are_merged() -> None:
    data = piece("UGA").drop_vars(["cropland_share", "pasture_share"])
    rows, columns = (size // 2 * 2 for size in data["soc_stock"].shape)
    data = data.isel(y=slice(rows), x=slice(columns))
    codes = np.where(np.arange(columns) % 2, CROPLAND, 1) * np.ones((rows, 1), dtype="int64")
    data = data.assign(land_cover=classed(data, codes, LAND_COVERS))
    share = coarsen(data, 1.0)["cropland_share"]
    assert float(share.mean()) == pytest.approx(0.5, abs=0.15)
    assert ((share > 0) & (share < 1)).any()


def test_a_finer_land_cover_gives_shares_of_the_stores_cells(store: Store, tmp_path: Path) -> None:
    """Of four parts of a cell one is cropland, one water: a third of the land is cropland."""
    part = np.array([[CROPLAND, WATER], [1, 2]], dtype="uint8")
    path = tif(tmp_path / "cover.tif", np.tile(part, (5, 10)), 0.05)
    told = add_own(store, path, variable="land_cover", year=2020, **OWN)
    assert any("cropland_share and grassland_share were made" in note for note in told["notes"])
    data = store.open()
    for name in ("cropland_share", "grassland_share"):
        np.testing.assert_allclose(data[name], 1 / 3, rtol=1e-3)
        assert "Area of the class" in data[name].attrs["method"]
        assert data[name].attrs["licence"] == "CC0"
        assert data[name].attrs["made_from"] == "land_cover"
    # Another land cover brings its own; shares of other origin stay.
    path = tif(tmp_path / "cover.tif", np.full((10, 20), CROPLAND, "uint8"), 0.05)
    add_own(store, path, variable="land_cover", year=2021, **OWN)
    np.testing.assert_allclose(store.open()["cropland_share"], 1)
    half = tif(tmp_path / "half.tif", np.full((5, 10), 0.5, "float32"), 0.1)
    add_own(store, half, variable="cropland_share", unit="1", **OWN)
    told = add_own(store, path, variable="land_cover", year=2021, **OWN)
    assert any("cropland_share of the store stay" in note for note in told["notes"])
    np.testing.assert_allclose(store.open()["cropland_share"], 0.5)


def test_a_land_cover_of_the_stores_grid_is_left_to_the_analysis(
    store: Store, tmp_path: Path
) -> None:
    path = tif(tmp_path / "cover.tif", np.full((5, 10), CROPLAND, "uint8"), 0.1)
    add_own(store, path, variable="land_cover", **OWN)
    assert "cropland_share" not in store.names()
    assert lacking(store.open(), hs.Recipe()) == ("climate_zone",)
    made: xr.DataArray = shares_of_classes(store.open())["cropland_share"]
    np.testing.assert_array_equal(made, 1)
