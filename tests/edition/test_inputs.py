"""Cutting data to a region, and averaging them, without losing a hectare or a tonne."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from affine import Affine

from hotspots.analysis.zonal.statistics import zonal
from hotspots.edition.inputs import clip, coarsen, load, open_any
from hotspots.errors import BadInputError, EmptyRegionError, RasterError
from hotspots.geo.regions import initiative_members, region, regions
from hotspots.layers.grid import cell_area, grid_of
from hotspots.layers.variables import CLIMATE_ZONES, flags

STEP = 2.0
SOUTH_PACIFIC = (-140.0, -40.0, -120.0, -30.0)


def lonlat(values: dict[str, np.ndarray], step: float, west: float, north: float) -> xr.Dataset:
    rows, columns = next(iter(values.values())).shape
    y, x = north - step * (np.arange(rows) + 0.5), west + step * (np.arange(columns) + 0.5)
    data = xr.Dataset({n: (("y", "x"), v) for n, v in values.items()}, coords={"y": y, "x": x})
    for name in data:
        legend = flags(CLIMATE_ZONES) if name == "climate_zone" else {"units": "t ha-1"}
        data[name].attrs = {"units": "1"} if str(name).endswith("_share") else legend
    return data.rio.write_crs(4326)


@pytest.fixture(scope="module")
def world() -> xr.Dataset:
    """Soil everywhere but in the South Pacific, of random stock and valid share."""
    rng = np.random.default_rng(2)
    shape = (round(180 / STEP), round(360 / STEP))
    data = lonlat(
        {
            "soc_stock": rng.uniform(10, 200, shape),
            "climate_zone": rng.integers(0, 13, shape).astype("uint8"),
            "valid_share": rng.random(shape),
        },
        STEP,
        -180,
        90,
    )
    west, south, east, north = SOUTH_PACIFIC
    sea = (data.x > west) & (data.x < east) & (data.y > south) & (data.y < north)
    data["soc_stock"] = data["soc_stock"].where(~sea)
    data["valid_share"] = data["valid_share"].where(~sea, 0)
    return data


@pytest.fixture(scope="module")
def countries() -> gpd.GeoDataFrame:
    return regions("countries")


def tonnes(data: xr.Dataset) -> float:
    return float((data["soc_stock"] * data["valid_share"] * cell_area(data)).sum())


# ---------------------------------------------------------------- clip


def test_the_world_is_left_as_it_is(world: xr.Dataset) -> None:
    assert clip(world, region("world")) is world


def test_a_country_holds_what_its_row_of_the_world_says(
    world: xr.Dataset, countries: gpd.GeoDataFrame
) -> None:
    """Kenya, coast and all, as one of a partition of the land; the initiative's region likewise."""
    rows = zonal(world, countries, partition=True)
    kenya = clip(world, region("KEN"))
    assert tonnes(kenya) == pytest.approx(rows.loc["KEN", "soc_stock_total"], rel=1e-12)
    for code, name in CLIMATE_ZONES.items():
        area = (cell_area(kenya) * kenya["valid_share"]).where(kenya["climate_zone"] == code).sum()
        assert float(area) == pytest.approx(rows.loc["KEN", f"climate_zone_{name}_area_ha"])
    group, members = next(iter(initiative_members().items()))
    several = clip(world, region(group))
    known = rows.loc[rows.index.isin(members), "soc_stock_total"]
    assert tonnes(several) == pytest.approx(known.sum(), rel=1e-12)
    assert several.attrs["region"] == group
    assert set(several.attrs["region_countries"].split(",")) <= set(members)


def test_what_a_cut_looks_like(world: xr.Dataset) -> None:
    kenya = clip(world, region("KEN"))
    assert kenya.attrs["region"] == "KEN"
    assert kenya.attrs["region_countries"] == "KEN"
    # 33.9-41.9° E, 4.7° S-5.0° N in cells of 2°: 32-42 and −6 to 6, in the world's own cells.
    assert grid_of(kenya).bounds == (32, -6, 42, 6)
    np.testing.assert_array_equal(kenya["y"], [5, 3, 1, -1, -3, -5])
    outside = kenya["region_share"] == 0
    assert outside.any()
    assert kenya["soc_stock"].where(outside).isnull().all()
    assert (kenya["climate_zone"].where(outside, 0) == 0).all()
    assert (kenya["valid_share"].where(outside, 0) == 0).all()
    for name, layer in world.items():
        assert kenya[name].dtype == layer.dtype
        np.testing.assert_equal(kenya[name].attrs, layer.attrs)
    assert "region_share" not in world


def test_a_box_by_hand(world: xr.Dataset) -> None:
    """20.5-23° E, 0-3° N: of columns 20-22 and 22-24 the shares ¾ and ½; of rows 1 and ½."""
    cut = clip(world, region((20.5, 0, 23, 3)))
    np.testing.assert_allclose(cut["region_share"], [[0.375, 0.25], [0.75, 0.5]], rtol=1e-6)
    whole = world["valid_share"].sel(y=cut.y, x=cut.x)
    np.testing.assert_allclose(cut["valid_share"], whole * cut["region_share"], rtol=1e-6)
    assert cut.attrs["region_kind"] == "box"
    assert "COD" in cut.attrs["region_countries"].split(",")


def test_a_box_across_the_antimeridian(world: xr.Dataset) -> None:
    """175 to −175: of the columns of 2°, 174-176 and −176 to −174 count half, four wholly."""
    cut = clip(world, region((175, -20, -175, -10)))
    assert dict(cut.sizes) == {"y": 5, "x": 180}
    row = np.zeros(180)
    row[[0, 1, -2, -1]] = 1
    row[[2, -3]] = 0.5
    at_sea = [0, 1, 3]
    np.testing.assert_allclose(cut["region_share"][at_sea], np.tile(row, (3, 1)), rtol=1e-6)
    # What counts of a cell with land is its land: of −176 to −174, the island Niuafo'ou (15.6° S,
    # 175.6° W) lies all within, and most of Tonga's islands at 18-20° S don't.
    assert cut["region_share"].values[2, 2] == pytest.approx(1)
    assert 0 < cut["region_share"].values[4, 2] < 0.5
    assert "FJI" in cut.attrs["region_countries"].split(",")
    halves = [clip(world, region(box)) for box in ((175, -20, 180, -10), (-180, -20, -175, -10))]
    assert tonnes(cut) == pytest.approx(sum(map(tonnes, halves)), rel=1e-6)


@pytest.mark.parametrize("written", [True, False])
def test_a_region_within_one_cell(world: xr.Dataset, written: bool) -> None:
    """A single cell still tells its size, whether the data had written theirs or not."""
    data = world.rio.write_transform() if written else world
    cut = clip(data, region((20.5, 0.5, 21.5, 1.5)))
    assert dict(cut.sizes) == {"y": 1, "x": 1}
    assert grid_of(cut).transform == Affine(2, 0, 20, 0, -2, 2)
    assert cut["region_share"].item() == pytest.approx(0.25, rel=1e-6)


def test_a_region_without_land_is_refused(world: xr.Dataset) -> None:
    with pytest.raises(EmptyRegionError, match="holds no land with soil data"):
        clip(world, region(SOUTH_PACIFIC))


def test_a_region_off_the_data_is_refused(world: xr.Dataset) -> None:
    africa = world.sel(x=slice(-20, 50), y=slice(36, -36))
    for spec in ("JPN", (130, 30, 140, 40)):
        with pytest.raises(
            EmptyRegionError, match="doesn't meet the data, which span -20,-36,50,36"
        ):
            clip(africa, region(spec))


def test_valid_share_is_made_where_there_is_none(world: xr.Dataset) -> None:
    """From the stock, or, without one, from the region alone."""
    box = region((20.5, 0, 23, 3))
    for names in (["soc_stock"], ["climate_zone"]):
        cut = clip(world[names], box)
        np.testing.assert_array_equal(cut["valid_share"], cut["region_share"])


def test_each_layers_own_share_is_cut_too(world: xr.Dataset) -> None:
    data = world.assign(soc_stock_1990=world["soc_stock"] + 1)
    data["soc_stock_1990_valid_share"] = world["valid_share"] / 2
    cut = clip(data, region((20.5, 0, 23, 3)))
    np.testing.assert_allclose(cut["soc_stock_1990_valid_share"], cut["valid_share"] / 2)


# ---------------------------------------------------------------- coarsen


def test_blocks_by_hand() -> None:
    """Two blocks of four cells on both sides of the equator: four cells of one area each."""
    # stock        valid share     zone
    # 10 20 | ?  ? 1  ½ | 0 0      1 2 | 0 0
    # 30 40 | ? 80 ½  0 | 0 1      2 3 | 0 12
    nan = np.nan
    data = lonlat(
        {
            "soc_stock": np.array([[10, 20, nan, nan], [30, 40, nan, 80]]),
            "valid_share": np.array([[1, 0.5, 0, 0], [0.5, 0, 0, 1]]),
            "climate_zone": np.array([[1, 2, 0, 0], [2, 3, 0, 12]], dtype="uint8"),
        },
        1.0,
        0,
        1,
    )
    out = coarsen(data, 2.0)
    # (10·1 + 20·½ + 30·½)/2 = 17.5; zone 1 and zone 2 have one cell's area each: the first.
    np.testing.assert_allclose(out["soc_stock"], [[17.5, 80]])
    np.testing.assert_allclose(out["valid_share"], [[0.5, 0.25]])
    np.testing.assert_array_equal(out["climate_zone"], [[1, 12]])
    assert out["climate_zone"].dtype == np.uint8
    assert grid_of(out).transform == Affine(2, 0, 0, 0, -2, 1)
    assert tonnes(out) == pytest.approx(tonnes(data), rel=1e-12)


def test_totals_are_kept_and_classes_go_by_area(world: xr.Dataset) -> None:
    """World by the plain way, block by block."""
    out = coarsen(world, 6.0)
    assert tonnes(out) == pytest.approx(tonnes(world), rel=1e-6)
    land = float((cell_area(out) * out["valid_share"]).sum())
    assert land == pytest.approx(float((cell_area(world) * world["valid_share"]).sum()), rel=1e-6)
    weight = (cell_area(world) * world["valid_share"]).values
    zone = world["climate_zone"].values
    for r, c in ((0, 0), (7, 31), (29, 59), (20, 40)):
        block = np.s_[3 * r : 3 * r + 3, 3 * c : 3 * c + 3]
        areas = np.bincount(zone[block].ravel(), weight[block].ravel(), minlength=13)
        assert out["climate_zone"].values[r, c] == areas[1:].argmax() + 1
    xr.testing.assert_allclose(coarsen(world.chunk({"y": 30}), 6.0).compute(), out)


def test_blocks_without_land_are_missing_not_zero(world: xr.Dataset) -> None:
    cell = coarsen(world, 10.0).sel(x=-130, y=-35, method="nearest")
    assert np.isnan(cell["soc_stock"])
    assert cell["valid_share"] == 0
    assert cell["climate_zone"] == 0


@pytest.mark.parametrize("resolution", [0.1, 14.0, 0, -2, np.nan, np.inf])
def test_blocks_that_do_not_fit_are_told(world: xr.Dataset, resolution: float) -> None:
    with pytest.raises(RasterError, match="whole multiple that divides the grid evenly"):
        coarsen(world, resolution)


def test_the_resolution_at_hand_changes_nothing(world: xr.Dataset) -> None:
    assert coarsen(world, STEP) is world


# ---------------------------------------------------------------- load


def test_load_a_country_from_the_sample_coarser() -> None:
    """The blocks are the world's; stocks and hectares are those of the country's own cells."""
    fine = load("Kenya", layers=["soc_stock", "climate_zone"])
    coarse = load("KEN", layers=["soc_stock", "climate_zone"], resolution=1.0)
    for data in (fine, coarse):
        assert set(data) == {"soc_stock", "climate_zone", "valid_share", "region_share"}
        assert data["soc_stock"].chunks
        assert data.attrs["region"] == "KEN"
    assert grid_of(coarse).transform.a == 1
    west, south, east, north = grid_of(coarse).bounds
    assert (west % 1, south % 1, east % 1, north % 1) == (0, 0, 0, 0)
    assert tonnes(coarse) == pytest.approx(tonnes(fine), rel=1e-6)
    assert float((coarse["region_share"] * cell_area(coarse)).sum()) == pytest.approx(
        float((fine["region_share"] * cell_area(fine)).sum()), rel=1e-6
    )


def test_unknown_layer_is_told() -> None:
    with pytest.raises(BadInputError, match=r"no layer soc_stok; there are soc_stock, "):
        load("KEN", layers=["soc_stock", "soc_stok"])


def test_any_source_gives_canonical_layers(world: xr.Dataset, tmp_path: object) -> None:
    path = f"{tmp_path}/stock.nc"
    part = world[["soc_stock", "valid_share"]].sel(x=slice(-20, 50), y=slice(36, -36))
    part.to_netcdf(path, engine="h5netcdf")
    np.testing.assert_allclose(open_any(path)["soc_stock"], part["soc_stock"], rtol=1e-6)
    assert "climate_zone" in open_any("sample")
