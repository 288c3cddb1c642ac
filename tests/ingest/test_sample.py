"""The packaged world sample keeps the originals' world totals, and says where it comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from hotspots.errors import RasterError
from hotspots.ingest import sample_build
from hotspots.ingest.sample import SAMPLE, sample
from hotspots.ingest.sample_build import (
    block_majority,
    block_mean,
    build_world,
    world_grid,
    write_sample,
)
from hotspots.layers.grid import row_area_ha
from hotspots.layers.legends import CLIMATE_ZONE_LEGENDS, recode, zones_to_jrc
from hotspots.layers.plausibility import require_unit
from hotspots.layers.variables import CLIMATE_ZONES, classes_of

STOCKS = {"soc_stock": "2010AD", "soc_stock_1990": "1990AD", "soc_stock_reference": "NoLU"}
GROSS = {"modelled_gross_loss": -1, "modelled_gross_gain": 1}
YEARS = 20
T_PER_PG = 1e9


@pytest.fixture(scope="module")
def world() -> xr.Dataset:
    return sample()


@pytest.fixture(scope="module")
def fine(shared: Path) -> xr.Dataset:
    """The 10 km world, from the originals."""
    return build_world(shared / "data", cells_per_degree=12)


def area(cells_per_degree: int) -> np.ndarray:
    """Hectares of a cell of each row of the world, as a column."""
    return row_area_ha(world_grid(cells_per_degree))[:, None]


def total(data: xr.Dataset, name: str, share: str | None = "valid_share") -> float:
    """Sum of area x share x value over a world."""
    weight = area(data.sizes["y"] // 180) * np.float64(data[share].values if share else 1)
    return float(np.nansum(weight * data[name].values.astype("float64")))


def stored(path: Path, nodata: float) -> np.ndarray:
    """An original as it is stored, by rasterio alone: no line of the package has a part in it."""
    with rasterio.open(path) as file:
        values = file.read(1).astype("float64")
    values[values == nodata] = np.nan
    return values


def test_block_mean_weights_by_area_and_skips_missing() -> None:
    """Rows of 1 ha and 3 ha cells; one cell is missing.

    ::

        10  20   area 1 each     mean = (10 + 20 + 3 * 40) / 5 = 30
         -  40   area 3 each     share = 5 / 8
    """
    mean, share = block_mean(np.array([[10, 20], [np.nan, 40]]), np.array([1.0, 3.0]), 2)
    assert mean == pytest.approx(30)
    assert share == pytest.approx(5 / 8)


def test_block_without_a_value_is_missing_with_share_zero() -> None:
    mean, share = block_mean(np.full((2, 4), np.nan), np.ones(2), 2)
    assert np.isnan(mean).all()
    assert share.tolist() == [[0, 0]]


def test_block_majority_is_by_area_and_missing_has_no_vote() -> None:
    """Rows of 1 ha and 3 ha cells, three blocks.

    ::

        2  2  |  0  0  |  5  4     area 1 each
        7  2  |  0  9  |  4  5     area 3 each

    1: zone 2 has 5 ha, 7 has 3. 2: one cell of zone 9 decides for 8 ha. 3: 4 and 5 have 4 ha each.
    """
    codes = np.array([[2, 2, 0, 0, 5, 4], [7, 2, 0, 9, 4, 5]])
    assert block_majority(codes, np.array([1.0, 3.0]), 2).tolist() == [[2, 9, 4]]
    assert block_majority(codes[:, :2], np.array([1.0, 9.0]), 2).tolist() == [[2]]
    assert block_majority(codes[:, :2], np.array([1.0, np.sqrt(2)]), 1).tolist() == [[2, 2], [7, 2]]
    assert block_majority(np.zeros((4, 2), int), np.ones(4), 2).tolist() == [[0], [0]]


def test_block_majority_against_counting_one_by_one() -> None:
    """Each block's class is the one with the most area in a plain loop over its cells."""
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 5, size=(12, 18))
    row_area = rng.integers(1, 6, size=12).astype(float)
    found = block_majority(codes, row_area, 6)
    for row, column in np.ndindex(2, 3):
        votes = dict.fromkeys(range(1, 5), 0.0)
        for y, x in np.ndindex(6, 6):
            code = int(codes[6 * row + y, 6 * column + x])
            if code:
                votes[code] += row_area[6 * row + y]
        assert found[row, column] == max(votes, key=lambda code: (votes[code], -code))


def test_zone_numbers_are_matched_by_name() -> None:
    """Each code of the 2019 file lands on the JRC code of the same name; nodata stays."""
    for code, name in CLIMATE_ZONE_LEGENDS["colinahill_2019"].items():
        assert CLIMATE_ZONES[int(zones_to_jrc(code, "colinahill_2019"))] == name
    assert zones_to_jrc([[0, 1], [12, 5]], "colinahill_2019").tolist() == [[0, 9], [6, 1]]
    assert set(CLIMATE_ZONE_LEGENDS["colinahill_2019"].values()) == set(CLIMATE_ZONES.values())


@pytest.mark.parametrize(
    ("codes", "given", "part"),
    [([13], {1: "tropical_wet"}, "code 13"), ([1], {1: "tropical_wett"}, "did you mean")],
)
def test_a_class_without_partner_is_refused(codes: list[int], given: dict, part: str) -> None:
    with pytest.raises(RasterError, match=part):
        recode(codes, given, CLIMATE_ZONES)


def test_unknown_legend_is_refused() -> None:
    with pytest.raises(RasterError, match="colinahill_2019"):
        zones_to_jrc([1], "colinahil_2019")


def test_the_form_of_the_sample(world: xr.Dataset) -> None:
    assert dict(world.sizes) == {"y": 360, "x": 720}
    assert world.y[0] == 89.75
    assert world.x[0] == -179.75
    assert world.rio.crs == "EPSG:4326"
    assert set(world.data_vars) == set(sample_build.catalogue()["variables"])
    for name, layer in world.data_vars.items():
        require_unit(layer)
        assert layer.dtype == ("uint8" if classes_of(layer) else "float32"), name
    assert classes_of(world.climate_zone) == CLIMATE_ZONES
    assert classes_of(world.climate_zone_2006) == CLIMATE_ZONES
    assert world.climate_zone.attrs["guidelines"] == "2019"
    assert world.climate_zone_2006.attrs["guidelines"] == "2006"
    assert not world.valid_share.isnull().any()


@pytest.mark.parametrize("name", list(sample_build.catalogue()["variables"]))
def test_every_variable_says_where_it_comes_from(world: xr.Dataset, name: str) -> None:
    attrs = world[name].attrs
    for key in ("long_name", "source", "url", "citation", "licence", "method", "period"):
        assert len(str(attrs[key])) > 2, key
    if name.startswith(("soc_stock", "modelled_gross")) and not name.endswith("valid_share"):
        assert attrs["depth_cm"] == "0-30"


def test_dates_of_the_stocks(world: xr.Dataset) -> None:
    assert world.soc_stock.attrs["year"] == 2010
    assert world.soc_stock_1990.attrs["year"] == 1990
    assert "year" not in world.soc_stock_reference.attrs
    for name in GROSS:
        assert world[name].attrs["period"] == "1990-2010"


def test_the_file_is_small_opens_with_little_work_and_plainly() -> None:
    assert SAMPLE.stat().st_size < 1.3e6
    # Cells in memory, whatever the compression: what opening it costs.
    assert sample().nbytes < 40e6
    with xr.open_dataset(SAMPLE) as plain:
        assert float(plain.soc_stock.max()) > 100


def test_land_use_is_within_the_land(world: xr.Dataset) -> None:
    both = world.cropland_share + world.pasture_share
    assert float(both.max()) <= 1 + 1e-6
    assert float(both.min()) >= 0
    assert (world.cropland_share.isnull() == world.pasture_share.isnull()).all()


def test_coasts_need_valid_share(world: xr.Dataset) -> None:
    assert total(world, "soc_stock") / T_PER_PG == pytest.approx(868.36, rel=1e-3)
    assert total(world, "soc_stock", share=None) / T_PER_PG == pytest.approx(989, abs=1)


def test_land_without_land_use_data_is_missing_not_zero(world: xr.Dataset) -> None:
    """12 Mha of valid soil have no land-use data; as zero they would pass for wilderness."""
    unknown = world.valid_share.where(world.cropland_share.isnull(), 0).astype("float64")
    assert float((unknown * area(2)).sum()) / 1e6 == pytest.approx(11.97, abs=0.05)


def test_stocks_keep_the_originals_totals(world: xr.Dataset, shared: Path) -> None:
    for name, year in STOCKS.items():
        path = shared / "data" / "global_10km" / f"SOCS_0_30cm_year_{year}_10km.tif"
        expected = np.nansum(stored(path, -32767) * area(12))
        assert total(world, name) == pytest.approx(expected, rel=1e-4), name


def test_gross_change_keeps_the_originals_totals(world: xr.Dataset, shared: Path) -> None:
    """From the files alone; the half-degree stocks by themselves would show a third less."""
    folder = shared / "data" / "global_10km"
    start, end = (
        stored(folder / f"SOCS_0_30cm_year_{year}AD_10km.tif", -32767) for year in (1990, 2010)
    )
    net = world.soc_stock.values.astype("float64") - world.soc_stock_1990.values
    land = area(2) * world.valid_share.values
    for name, sign in GROSS.items():
        expected = np.nansum(np.maximum(sign * (end - start), 0) * area(12))
        assert total(world, name) * YEARS == pytest.approx(expected, rel=1e-3), name
        assert np.nansum(np.maximum(sign * net, 0) * land) < 0.75 * expected


def test_gross_change_is_that_published(world: xr.Dataset, vectors: Path) -> None:
    """The net is the difference of the two published stocks; gross loss has its own maps."""
    stocks = pd.read_csv(vectors / "sanderman_totals.csv").set_index("year")["total_pg_c"]
    loss, gain = (total(world, name) * YEARS / T_PER_PG for name in GROSS)
    assert loss - gain == pytest.approx(stocks["1990AD"] - stocks["2010AD"], abs=1e-3)
    assert loss == pytest.approx(4.27, abs=0.005)


def test_gross_change_adds_up_to_the_net(world: xr.Dataset) -> None:
    """Where all is lost or all gained it is the net; nowhere is it less, or missing alone."""
    loss, gain = (world[name].astype("float64") for name in GROSS)
    net = (world.soc_stock.astype("float64") - world.soc_stock_1990) / YEARS
    # Rounding: two stocks of 0.1 t/ha in 20 years, and two rates of 0.001.
    assert float(abs(gain - loss - net).max()) <= 0.1 / YEARS + 0.001 + 1e-9
    assert (loss.isnull() == world.soc_stock.isnull()).all()
    assert (gain.isnull() == world.soc_stock.isnull()).all()
    assert float(loss.min()) == float(gain.min()) == 0
    assert float(((loss > 0) & (gain > 0)).sum()) > 10_000


def test_error_is_the_mean_of_both_depths_as_a_stock(world: xr.Dataset, shared: Path) -> None:
    folder = shared / "data" / "global_10km"
    top, bottom = (
        stored(folder / f"abs_error_OCDENS_{d}cm_2010AD_10km_ll.tif", -9999) for d in (0, 30)
    )
    expected = np.nansum((top + bottom) / 2 * 0.3 * 10 * area(12))
    own_share = "soc_stock_error_valid_share"
    assert total(world, "soc_stock_error", own_share) == pytest.approx(expected, rel=1e-3)
    covered = np.sum(np.isfinite(top + bottom) * area(12))
    assert np.sum(world[own_share].values * area(2)) == pytest.approx(covered, rel=1e-3)
    # The error maps lack cells that the stocks have: one valid_share for both would be wrong.
    assert total(world, "soc_stock_error") != pytest.approx(expected, rel=1e-3)


def test_land_use_keeps_the_originals_hectares(world: xr.Dataset, shared: Path) -> None:
    path = shared / "data" / "global_0p5deg" / "landuse_isimip2b_1995_2005.nc"
    with xr.open_dataset(path, engine="h5netcdf") as file:
        for name, column in {
            "cropland_share": "cropland_total",
            "pasture_share": "pastures",
        }.items():
            fraction = file[column].sel(time=2005).sortby("lat", ascending=False).values
            expected = np.nansum(fraction.astype("float64") * area(2))
            assert total(world, name) == pytest.approx(expected, rel=1e-3), name


def test_climate_keeps_the_originals_means(world: xr.Dataset, shared: Path) -> None:
    path = shared / "data" / "global_0p5deg" / "bioclim_gswp3-w5e5_1995_2005.nc"
    with xr.open_dataset(path, engine="h5netcdf") as file:
        for name, column in {
            "mean_annual_temperature": "bio1",
            "annual_precipitation": "bio12",
        }.items():
            values = file[column].sel(time=2005).sortby("lat", ascending=False).values
            expected = np.nansum(values.astype("float64") * area(2))
            assert total(world, name, share=None) == pytest.approx(expected, rel=1e-3), name
            assert (np.isnan(values) == world[name].isnull().values).all()


def test_zones_agree_with_both_other_files_of_the_source(world: xr.Dataset, shared: Path) -> None:
    """The GeoTIFF runs south to north, the polygons carry names: both tell the same zones."""
    import geopandas as gpd
    import shapely

    folder = shared / "data" / "global_0p5deg"
    with rasterio.open(folder / "ipcc_climate_zones_2019.tif") as file:
        assert file.transform.e > 0
        codes = file.read(1)[::-1]
    np.testing.assert_array_equal(zones_to_jrc(codes, "colinahill_2019"), world.climate_zone)
    polygons = gpd.read_file(folder / "ipcc_climate_zones_2019.geojson")
    rows, columns = np.arange(3, 360, 9), np.arange(4, 720, 9)
    y, x = np.meshgrid(world.y.values[rows], world.x.values[columns], indexing="ij")
    points = shapely.points(x.ravel(), y.ravel())
    told = dict(zip(polygons["climate_zone"], polygons.geometry, strict=True))
    codes = world.climate_zone.values[np.ix_(rows, columns)].ravel()
    for code, name in CLIMATE_ZONES.items():
        shape = told[name.replace("_", " ").title()]
        shapely.prepare(shape)
        assert (shapely.contains(shape, points) == (codes == code)).all(), name


def matching_area(world: xr.Dataset) -> np.ndarray:
    """Hectares of soil by zone of 2006 (rows) and of 2019 (columns), where both are known."""
    old, new = (world[n].values.astype(int) for n in ("climate_zone_2006", "climate_zone"))
    land = area(world.sizes["y"] // 180) * world.valid_share.values.astype("float64")
    out = np.zeros((13, 13))
    np.add.at(out, (old, new), land)
    return out[1:, 1:]


def test_zones_of_both_guidelines_agree_where_they_should(world: xr.Dataset) -> None:
    """Two makers, two climates, almost the same definitions: the names must still belong together.

    No other way to match the twelve numbers one to one agrees on more land than the same name with
    the same name, which a slip in either legend would not survive. Cohen's kappa above 0.6 is
    "substantial agreement" (Landis & Koch 1977, doi:10.2307/2529310): 75 % of the land here.
    """
    from scipy.optimize import linear_sum_assignment

    land = matching_area(world)
    rows, columns = linear_sum_assignment(land, maximize=True)
    assert rows.tolist() == columns.tolist()
    same = np.trace(land) / land.sum()
    chance = (land.sum(0) @ land.sum(1)) / land.sum() ** 2
    print(f"The same zone in both on {same:.1%} of the land; by chance it would be {chance:.1%}.")
    assert (same - chance) / (1 - chance) > 0.6
    most_often = {
        CLIMATE_ZONES[i + 1]: CLIMATE_ZONES[int(row.argmax()) + 1] for i, row in enumerate(land)
    }
    others = {old: new for old, new in most_often.items() if old != new}
    assert others == {"polar_moist": "boreal_moist"}  # the later climate is the warmer


def test_zones_of_2006_are_those_of_the_soil(world: xr.Dataset, shared: Path) -> None:
    """Zone area over the file's own soil cells, less what a majority in a block may move."""
    folder = shared / "data" / "global_10km"
    with rasterio.open(folder / "ipcc_climate_zones_jrc2010_10km.tif") as file:
        codes = file.read(1).astype(int)
    soil = np.isfinite(stored(folder / "SOCS_0_30cm_year_2010AD_10km.tif", -32767))
    expected = np.bincount((codes * soil).ravel(), (soil * area(12)).ravel(), minlength=13)
    land = area(2) * world.valid_share.values.astype("float64")
    found = np.bincount(world.climate_zone_2006.values.ravel(), land.ravel(), minlength=13)
    np.testing.assert_allclose(found[1:], expected[1:], rtol=0.05)
    assert found[0] == pytest.approx(expected[0], rel=0.05)  # 0.3 Mha of soil without a zone
    assert not ((world.climate_zone_2006 > 0) & (world.valid_share == 0)).any()


def test_building_again_gives_the_packaged_file(
    world: xr.Dataset, shared: Path, tmp_path: Path
) -> None:
    built = build_world(shared / "data")
    first = write_sample(built, tmp_path / "first.nc")
    second = write_sample(built, tmp_path / "second.nc")
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.nc", "second.nc"]
    # Value for value and not byte for byte: another zlib packs the same numbers otherwise.
    for name, layer in built.data_vars.items():
        np.testing.assert_array_equal(layer.values, world[name].values, err_msg=str(name))
        assert set(layer.attrs) == set(world[name].attrs)
        for key, value in layer.attrs.items():
            assert np.array_equal(value, world[name].attrs[key]), f"{name}:{key}"
    assert built.attrs == world.attrs


def test_packing_loses_nothing(world: xr.Dataset, tmp_path: Path) -> None:
    with xr.open_dataset(write_sample(world, tmp_path / "again.nc")) as again:
        for name, layer in world.data_vars.items():
            np.testing.assert_array_equal(again[name].values.astype(layer.dtype), layer.values)


@pytest.mark.slow
def test_totals_of_the_10_km_world_are_those_published(fine: xr.Dataset, vectors: Path) -> None:
    names = {year.removesuffix("AD"): name for name, year in STOCKS.items()}
    rows = pd.read_csv(vectors / "sanderman_totals.csv").query("depth_cm == 30")
    checked = 0
    for row in rows.itertuples():
        name = names.get(str(row.year).removesuffix("AD"))
        if name is None:  # the data folder has no map of that year
            continue
        tolerance = row.tolerance_rel
        assert total(fine, name) / T_PER_PG == pytest.approx(row.total_pg_c, rel=tolerance)
        valid = float((fine.valid_share * area(12)).sum())
        assert valid / 1e6 == pytest.approx(row.valid_area_mha, rel=tolerance)
        assert total(fine, name) / valid == pytest.approx(row.mean_t_ha, rel=tolerance)
        checked += 1
    assert checked == 3


@pytest.mark.slow
def test_debt_of_the_10_km_world_is_that_published(fine: xr.Dataset, vectors: Path) -> None:
    """Gross loss and gain come from 10 km cells: coarser ones cancel within themselves."""
    rows = pd.read_csv(vectors / "sanderman_debt.csv").query("depth_cm == 30 and band == 'global'")
    (row,) = rows.itertuples()
    deficit = np.float64(fine.soc_stock_reference.values) - fine.soc_stock.values
    tonnes = deficit * area(12) * fine.valid_share.values
    loss, gain = np.nansum(np.maximum(tonnes, 0)), np.nansum(np.maximum(-tonnes, 0))
    assert (loss - gain) / T_PER_PG == pytest.approx(row.net_loss_pg, rel=row.tolerance_rel)
    assert loss / T_PER_PG == pytest.approx(row.gross_loss_pg, rel=row.tolerance_rel)
    assert gain / T_PER_PG == pytest.approx(row.gross_gain_pg, rel=row.tolerance_rel)


@pytest.mark.slow
def test_the_10_km_world_has_the_cells_as_they_are(fine: xr.Dataset, shared: Path) -> None:
    """Gross change is that of the cell alone, and the zone of 2006 the file's where soil is."""
    folder = shared / "data" / "global_10km"
    net = fine.soc_stock.values.astype("float64") - fine.soc_stock_1990.values
    for name, sign in GROSS.items():
        expected = np.maximum(sign * net, 0) / YEARS
        np.testing.assert_allclose(fine[name].values, expected, atol=1e-6)
    with rasterio.open(folder / "ipcc_climate_zones_jrc2010_10km.tif") as file:
        codes = file.read(1)
    np.testing.assert_array_equal(
        fine.climate_zone_2006.values, np.where(fine.valid_share > 0, codes, 0)
    )


@pytest.mark.slow
def test_the_10_km_world_and_the_sample_are_one(fine: xr.Dataset, world: xr.Dataset) -> None:
    for name in (*STOCKS, *GROSS, "cropland_share", "pasture_share"):
        assert total(fine, name) == pytest.approx(total(world, name), rel=1e-3), name
    assert set(np.unique(fine.valid_share)) == {0, 1}


def test_another_file_than_the_one_described_is_refused(tmp_path: Path) -> None:
    """Units and nodata are declared for known files; another one may carry others."""
    first = sample_build.catalogue()["originals"]["soc_2010"]["file"]
    with pytest.raises(RasterError, match=r"originals\.toml"):
        build_world(tmp_path)
    (tmp_path / first).parent.mkdir(parents=True)
    (tmp_path / first).write_bytes(b"not it")
    with pytest.raises(RasterError, match="not the file"):
        build_world(tmp_path)


def test_a_resolution_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="2, 4, 6 or 12"):
        build_world(tmp_path, cells_per_degree=5)


def test_an_unwritable_place_leaves_nothing(world: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="can't be written"):
        write_sample(world, tmp_path / "no" / "folder.nc")
    assert list(tmp_path.iterdir()) == []
