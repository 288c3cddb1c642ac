"""Zonal statistics and covered fractions: reference values, and cases worked out by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import rioxarray
import shapely
import xarray as xr
from affine import Affine
from scipy import sparse
from shapely.geometry import LineString, Point, Polygon, box

from hotspots.analysis.zonal.coverage import cover_fractions, remainder, share_out
from hotspots.analysis.zonal.statistics import zonal, zonal_from_cover
from hotspots.errors import BadInputError, GridMismatchError, RasterError
from hotspots.layers.grid import Grid, cell_area, grid_of
from hotspots.layers.variables import CLIMATE_ZONES, describe, flags

LONLAT = pyproj.CRS(4326)
NUMBERS = np.arange(1.0, 10.0).reshape(3, 3)


def plane(values: np.ndarray, side_m: float = 1000, **attrs: str) -> xr.DataArray:
    """A layer in EPSG:6933 (equal-area: a cell of 1 km is 100 ha), its corner at (0, 0)."""
    rows, columns = values.shape
    y, x = side_m * (rows - np.arange(rows) - 0.5), side_m * (np.arange(columns) + 0.5)
    coords = {"y": y, "x": x}
    return xr.DataArray(
        values, dims=("y", "x"), coords=coords, name="soc_stock", attrs={"units": "t ha-1", **attrs}
    ).rio.write_crs(6933)


def frame(*shapes: shapely.Geometry | None, crs: int = 6933, **columns: list) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


def world(step: float, west: float = -180, south_up: bool = False) -> xr.Dataset:
    """A stock that depends on place alone, whatever the grid's order; a fifth is missing."""
    y = 90 - step * (np.arange(round(180 / step)) + 0.5)
    x = west + step * (np.arange(round(360 / step)) + 0.5)
    y = y[::-1] if south_up else y
    lat, lon = np.meshgrid(y, x, indexing="ij")
    stock = 60 + 40 * np.cos(np.radians(2 * lon)) * np.cos(np.radians(lat))
    stock[np.sin(np.radians(5 * lon)) + np.cos(np.radians(7 * lat)) > 1.2] = np.nan
    share = 0.5 + 0.5 * np.sin(np.radians(lon)) ** 2
    data = xr.Dataset(
        {
            "soc_stock": (("y", "x"), stock, {"units": "t ha-1"}),
            "valid_share": (("y", "x"), share, {"units": "1"}),
        },
        coords={"y": y, "x": x},
    )
    return data.rio.write_crs(4326)


# ---------------------------------------------------------------- covered fractions


def test_half_a_cell_in() -> None:
    """A square laid half a cell in covers quarters, halves and one whole cell."""
    # +---+---+---+
    # | ¼ | ½ | ¼ |
    # +---+---+---+
    # | ½ | 1 | ½ |
    # +---+---+---+
    # | ¼ | ½ | ¼ |
    # +---+---+---+
    grid = Grid(Affine(1, 0, 0, 0, -1, 3), (3, 3), LONLAT)
    cover = cover_fractions(grid, [box(0.5, 0.5, 2.5, 2.5)])
    expected = [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    np.testing.assert_allclose(cover.toarray().reshape(3, 3), expected)


@pytest.mark.parametrize("south_up", [False, True])
def test_cells_follow_the_grids_own_rows(south_up: bool) -> None:
    """A region of the north-west cell is the first cell, or the first of the last row."""
    grid = Grid(Affine(1, 0, 0, 0, 1 if south_up else -1, 0 if south_up else 3), (3, 4), LONLAT)
    cover = cover_fractions(grid, [box(0, 2, 1, 3)])
    assert list(cover.indices) == [8 if south_up else 0]


def test_empty_missing_and_far_geometries_are_empty_rows() -> None:
    grid = Grid(Affine(1, 0, 0, 0, -1, 3), (3, 3), LONLAT)
    shapes = [Polygon(), None, box(50, 50, 51, 51), box(0, 0, 1, 1), box(3, 0, 4, 1)]
    assert list(cover_fractions(grid, shapes).sum(axis=1)) == [0, 0, 0, 1, 0]
    assert cover_fractions(grid, []).shape == (0, 9)
    assert cover_fractions(grid, [Polygon(), None]).nnz == 0


def test_longitude_is_periodic() -> None:
    """The box 170..190 is the same on grids of -180..180, of 0..360 and of 160..200."""
    region = [
        box(170, -10, 190, 10),
        box(-190, -10, -170, 10),
        shapely.union_all([box(170, -10, 180, 10), box(-180, -10, -170, 10)]),
    ]
    for west, columns in [(-180, 36), (0, 36), (160, 4)]:
        grid = Grid(Affine(10, 0, west, 0, -10, 90), (18, columns), LONLAT)
        cover = cover_fractions(grid, region).toarray().reshape(3, 18, columns)
        np.testing.assert_array_equal(cover.sum(axis=(1, 2)), 4)
        lon = np.unique(np.nonzero(cover[0])[1] * 10 + west) % 360
        assert sorted(lon) == [170, 180]
        np.testing.assert_array_equal(cover[0], cover[1])
        np.testing.assert_array_equal(cover[0], cover[2])


def test_parts_that_overlap_count_once() -> None:
    grid = Grid(Affine(10, 0, -180, 0, -10, 90), (18, 36), LONLAT)
    around = shapely.MultiPolygon([box(-180, 0, 180, 10), box(170, 0, 200, 10)])
    assert cover_fractions(grid, [around]).sum() == 36
    bow_tie = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    assert cover_fractions(grid, [bow_tie]).sum() == pytest.approx(0.5)


def test_other_crs_is_densified_before_it_is_reprojected() -> None:
    """A parallel is no straight line in a conic projection: two corners alone would cut land off.

    The region 0..40° E, 50..60° N on the European grid has the area the ellipsoid says.
    """
    grid = Grid(Affine(20_000, 0, 2.4e6, 0, -20_000, 5.6e6), (170, 250), pyproj.CRS(3035))
    there = gpd.GeoSeries([box(0, 50, 40, 60)], crs=4326)
    hectares = cover_fractions(grid, there).sum() * 40_000  # 3035 is equal-area
    ring = shapely.get_coordinates(there[0].segmentize(0.1))
    truth = abs(pyproj.Geod(ellps="WGS84").polygon_area_perimeter(*ring.T)[0]) / 1e4
    assert hectares == pytest.approx(truth, rel=1e-4)


def test_a_projected_grid_over_the_antimeridian_and_the_pole() -> None:
    """On a polar grid, equal boxes at any longitude cover equally, 170..190 and the cap too."""
    grid = Grid(Affine(50_000, 0, -4e6, 0, -50_000, 4e6), (160, 160), pyproj.CRS(3995))
    shapes = [
        box(-10, 65, 10, 80),
        box(170, 65, 190, 80),
        box(80, 65, 100, 80),
        box(-180, 65, 180, 90),
        box(-180, 80, 180, 90),
        box(0, -60, 10, -50),
    ]
    sums = cover_fractions(grid, gpd.GeoSeries(shapes, crs=4326)).sum(axis=1)
    assert sums[1] == pytest.approx(sums[0], rel=1e-4)
    assert sums[2] == pytest.approx(sums[0], rel=1e-4)
    assert sums[3] == pytest.approx(18 * sums[0] + sums[4], rel=1e-4)
    assert sums[5] == 0


def test_a_projected_region_over_the_antimeridian_on_a_geographic_grid() -> None:
    pacific = gpd.GeoSeries([box(170, -20, 195, 20)], crs=4326)
    planar = pacific.segmentize(0.5).to_crs(3832)  # centred on 150° E
    grid = Grid(Affine(5, 0, -180, 0, -5, 90), (36, 72), LONLAT)
    here, there = cover_fractions(grid, pacific), cover_fractions(grid, planar)
    np.testing.assert_allclose(there.toarray(), here.toarray(), atol=1e-4)
    cap = gpd.GeoSeries([Point(0, 0).buffer(1e6)], crs=3995)
    with pytest.raises(BadInputError, match="holds a pole"):
        cover_fractions(grid, cap)


def test_lines_and_points_are_refused() -> None:
    grid = Grid(Affine(1, 0, 0, 0, -1, 3), (3, 3), LONLAT)
    with pytest.raises(BadInputError, match="Geometry 1 is a LineString"):
        cover_fractions(grid, [box(0, 0, 1, 1), LineString([(0, 0), (1, 1)])])


def test_shares_and_remainder_make_the_whole() -> None:
    """Two regions in one cell, ¼ and ½: shared out ⅓ to ⅔; of cover, a quarter remains."""
    grid = Grid(Affine(1, 0, 0, 0, -1, 1), (1, 2), LONLAT)
    cover = cover_fractions(grid, [box(0, 0, 0.25, 1), box(0.5, 0, 1, 1)])
    np.testing.assert_allclose(share_out(cover).toarray(), [[1 / 3, 0], [2 / 3, 0]])
    np.testing.assert_allclose(remainder(cover).toarray(), [[0.25, 1]])
    np.testing.assert_allclose(remainder(share_out(cover)).toarray(), [[0, 1]])


# ---------------------------------------------------------------- zonal


def test_vectors(vectors: Path) -> None:
    cells = pd.read_csv(vectors / "zonal_coverage.csv")
    want = pd.read_csv(vectors / "zonal_expected.csv").iloc[0]
    rows, columns = int(want["nrow"]), int(want["ncol"])
    region = gpd.GeoSeries.from_wkt([want["wkt"]], crs=4326)
    # Row 0 of the vectors is the northernmost.
    grid = Grid(Affine(1, 0, 0, 0, -1, rows), (rows, columns), LONLAT)
    cover = cover_fractions(grid, region).toarray().reshape(rows, columns)
    np.testing.assert_allclose(cover[cells["row"], cells["col"]], cells["coverage"], atol=1e-6)
    values = np.full((rows, columns), np.nan)
    values[cells["row"], cells["col"]] = cells["value"]
    layer = xr.DataArray(
        values,
        dims=("y", "x"),
        coords={"y": grid.y, "x": grid.x},
        name="soc_stock",
        attrs={"units": "t ha-1"},
    )
    layer = layer.rio.write_crs(4326)
    row = zonal(layer, gpd.GeoDataFrame(geometry=region)).iloc[0]
    found = {
        "coverage_sum": cover.sum(),
        "valid_coverage_sum": cover[~np.isnan(values)].sum(),
        "mean_geodesic_area_weighted": row["soc_stock_mean"],
        "valid_area_m2": row["soc_stock_valid_area_ha"] * 1e4,
        "total_if_values_t_ha_tC": row["soc_stock_total"],
    }
    assert found == pytest.approx(dict(want[list(found)]), rel=want["tolerance_rel"])


def test_by_hand() -> None:
    """Cells of 100 ha numbered 1 to 9; a square half a cell in, and the upper left cell."""
    # 1 2 3      ¼·(1 + 3 + 7 + 9) + ½·(2 + 4 + 6 + 8) + 5 = 20 over 4 cells
    # 4 5 6
    # 7 8 9
    regions = frame(box(500, 500, 2500, 2500), box(0, 2000, 1000, 3000), id=["square", "corner"])
    table = zonal(plane(NUMBERS), regions)
    assert list(table.index) == ["square", "corner"]
    assert table.index.name == "id"
    assert list(table.columns) == [
        "area_ha",
        "soc_stock_mean",
        "soc_stock_total",
        "soc_stock_valid_area_ha",
        "soc_stock_missing_share",
    ]
    np.testing.assert_allclose(table.loc["square"], [400, 5, 2000, 400, 0], atol=1e-3)
    np.testing.assert_allclose(table.loc["corner"], [100, 1, 100, 100, 0], atol=1e-3)


def test_missing_cells_are_neither_mean_nor_zero() -> None:
    """The centre (whole) and the right column (¼, ½, ¼) missing: 2 of 4 cells have values."""
    # 1 2 -      ¼·1 + ½·2 + ½·4 + ¼·7 + ½·8 = 9 over 2 cells
    # 4 - -
    # 7 8 -
    values = NUMBERS.copy()
    values[1, 1] = values[:, 2] = np.nan
    regions = frame(box(500, 500, 2500, 2500), box(1000, 1000, 2000, 2000), box(9e6, 0, 9.1e6, 1))
    table = zonal(plane(values), regions)
    np.testing.assert_allclose(table.iloc[0], [400, 4.5, 900, 200, 0.5], atol=1e-3)
    assert table["soc_stock_mean"].isna().tolist() == [False, True, True]
    assert table["soc_stock_total"].isna().tolist() == [False, True, True]
    assert table["soc_stock_missing_share"].iloc[1] == 1
    assert table["soc_stock_valid_area_ha"].iloc[2] == 0
    assert np.isnan(table["soc_stock_missing_share"].iloc[2])


def test_valid_share_weighs_cells_and_sea_is_not_missing() -> None:
    """Two cells of 100 ha: a coast of a quarter land with 8, a whole one with 4; then sea.

    Land 125 ha, 25·8 + 100·4 = 600 t, mean 4.8; the third cell is sea, the fourth lacks a value.
    """
    nothing = [np.nan] * 4
    stock = plane(np.array([nothing, [8.0, 4.0, np.nan, np.nan]]))
    share = plane(np.array([nothing, [0.25, 1.0, 0.0, 0.5]]), units="1")
    data = xr.Dataset({"soc_stock": stock, "valid_share": share})
    table = zonal(data, frame(box(0, 0, 3000, 1000), box(0, 0, 4000, 1000)))
    assert not [c for c in table if c.startswith("valid_share")]
    np.testing.assert_allclose(table.iloc[0], [300, 4.8, 600, 125, 0], atol=1e-3)
    np.testing.assert_allclose(table.iloc[1], [400, 4.8, 600, 125, 50 / 175], atol=1e-3)


def test_a_layers_own_share_overrides_and_only_per_hectare_units_are_summed() -> None:
    """A rate per hectare of cropland: 0.5 t/ha/yr on 40 of 100 ha is 20 t/yr."""
    rate = plane(np.full((2, 2), 0.5), units="t ha-1 yr-1")
    data = xr.Dataset(
        {
            "potential_ipcc_tier1": rate,
            "potential_ipcc_tier1_valid_share": xr.full_like(rate, 0.4).assign_attrs(units="1"),
            "mean_annual_temperature": xr.full_like(rate, 12).assign_attrs(units="degC"),
        }
    )
    table = zonal(data, frame(box(0, 0, 1000, 1000)))
    assert table["potential_ipcc_tier1_total"].item() == pytest.approx(20, rel=1e-5)
    assert table["potential_ipcc_tier1_valid_area_ha"].item() == pytest.approx(40, rel=1e-5)
    assert table["mean_annual_temperature_valid_area_ha"].item() == pytest.approx(100, rel=1e-5)
    assert table["mean_annual_temperature_mean"].item() == pytest.approx(12)
    assert "mean_annual_temperature_total" not in table


def test_class_areas() -> None:
    """Zones 12, 12, 1 and nodata, a quarter of each cell but the first of land."""
    zones = describe(plane(np.array([[12, 12], [1, 0]], dtype="uint8")), "climate_zone")
    share = plane(np.array([[1, 0.25], [0.25, 0.25]])).assign_attrs(units="1")
    table = zonal(
        xr.Dataset({"climate_zone": zones, "valid_share": share}),
        frame(box(0, 0, 2000, 2000), box(0, 0, 500, 1000)),
    )
    assert len(table.columns) == 1 + len(CLIMATE_ZONES)
    assert table["climate_zone_tropical_dry_area_ha"].tolist() == pytest.approx([125, 0], rel=1e-5)
    moist = table["climate_zone_warm_temperate_moist_area_ha"].tolist()
    assert moist == pytest.approx([25, 12.5], rel=1e-5)
    assert table["climate_zone_polar_dry_area_ha"].tolist() == [0, 0]


def test_negative_classes_and_missing_ones() -> None:
    """-1 and 0 are flags like any other; NaN in a float class layer is none of them."""
    cluster = plane(np.array([[-1, 0], [1, np.nan]]))
    cluster.attrs = flags({-1: "cold", 0: "not_significant", 1: "hot"})
    row = zonal(cluster.rename("cluster"), frame(box(0, 0, 2000, 2000))).iloc[0]
    np.testing.assert_allclose(row, [400, 100, 100, 100], rtol=1e-5)


def test_partition_shares_a_coast_out() -> None:
    """Cell 1: 40 % land, of which A has 30 % and B 10 % of the cell. Cell 2 is all B's.

    Cover × valid_share would give A 0.3·0.4 of the cell, as if its part were mostly sea.
    """
    stock = plane(np.array([[10.0, 20.0], [np.nan, np.nan]]))
    share = plane(np.array([[0.4, 1.0], [0, 0]])).assign_attrs(units="1")
    data = xr.Dataset({"soc_stock": stock, "valid_share": share})
    regions = frame(box(0, 1000, 300, 2000), box(900, 1000, 2000, 2000), id=["A", "B"])
    table = zonal(data, regions, partition=True)
    np.testing.assert_allclose(table["soc_stock_valid_area_ha"], [30, 110], rtol=1e-5)
    np.testing.assert_allclose(table["soc_stock_total"], [300, 2100], rtol=1e-5)
    np.testing.assert_allclose(table["area_ha"], [30, 110], rtol=1e-5)
    apart = zonal(data, regions)
    np.testing.assert_allclose(apart["soc_stock_valid_area_ha"], [12, 104], rtol=1e-5)


@pytest.mark.parametrize("partition", [False, True])
def test_a_partition_sums_to_the_world(partition: bool) -> None:
    """Stripes whose edges cut through cells: their totals are the world's, whatever the mode."""
    data = world(10)
    edges = [-180, -133.3, -40, 3.3, 77.7, 180]
    stripes = frame(*(box(a, -90, b, 90) for a, b in pairwise(edges)), crs=4326)
    table = zonal(data, stripes, partition=partition)
    area = cell_area(data)
    weight = (area * data["valid_share"]).where(data["soc_stock"].notnull())
    total = float((weight * data["soc_stock"]).sum())
    assert table["soc_stock_total"].sum() == pytest.approx(total, rel=1e-6)
    assert table["soc_stock_valid_area_ha"].sum() == pytest.approx(float(weight.sum()), rel=1e-6)
    assert table["area_ha"].sum() == pytest.approx(float(area.sum()), rel=1e-6)


@pytest.mark.parametrize("partition", [False, True])
def test_regions_and_their_remainder_sum_to_the_world(partition: bool) -> None:
    data = world(10)
    cover = cover_fractions(grid_of(data), [box(-23, -17, 41, 36), box(100, -50, 190, -11)])
    rows = share_out(cover) if partition else cover
    both = sparse.csr_array(sparse.vstack([rows, remainder(rows)]))
    table = zonal_from_cover(data, both, pd.Index(["a", "b", "outside"]))
    weight = cell_area(data) * data["valid_share"]
    total = float((weight * data["soc_stock"]).sum())
    assert table["soc_stock_total"].sum() == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize(("west", "south_up"), [(0, False), (-180, True), (0, True)])
@pytest.mark.parametrize("partition", [False, True])
def test_the_order_of_rows_and_columns_changes_nothing(
    west: float, south_up: bool, partition: bool
) -> None:
    regions = frame(
        box(-23, -17, 41, 36), box(170, -20, 190, -11), box(-180, -90, 180, -63), crs=4326
    )
    expected = zonal(world(10), regions, partition)
    found = zonal(world(10, west, south_up), regions, partition)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)
    turned = zonal(world(10, west, south_up).transpose("x", "y"), regions, partition)
    pd.testing.assert_frame_equal(turned, expected, rtol=1e-9)


def test_regions_in_another_crs() -> None:
    data = world(5)
    here = frame(box(10, 40, 30, 60), crs=4326)
    there = gpd.GeoDataFrame(geometry=here.geometry.segmentize(0.2).to_crs(3035))
    pd.testing.assert_frame_equal(zonal(data, there), zonal(data, here), rtol=1e-4)


def test_bad_input() -> None:
    layer, regions = plane(NUMBERS), frame(box(0, 0, 1000, 1000))
    with pytest.raises(RasterError, match="no name"):
        zonal(layer.rename(None), regions)
    with pytest.raises(RasterError, match="dimensions"):
        zonal(layer.expand_dims(depth=[5, 15]).to_dataset(name="soc"), regions)
    with pytest.raises(BadInputError, match="GeoDataFrame"):
        zonal(layer, [box(0, 0, 1, 1)])  # type: ignore[arg-type]
    with pytest.raises(GridMismatchError, match="Compute it on this grid"):
        zonal_from_cover(layer, cover_fractions(grid_of(layer), []), regions.index)


@pytest.mark.slow
def test_countries_and_remainder_make_the_published_total(shared: Path, vectors: Path) -> None:
    """The 10 km originals: 868.36 Pg C in 2010, whichever way the land is cut up."""
    want = pd.read_csv(vectors / "sanderman_totals.csv").query("depth_cm == 30").set_index("year")
    path = shared / "data" / "global_10km" / "SOCS_0_30cm_year_2010AD_10km.tif"
    stock = rioxarray.open_rasterio(path, masked=True).squeeze(drop=True).rename("soc_stock")
    stock.attrs["units"] = "t ha-1"
    countries = gpd.read_file(shared / "data" / "boundaries" / "ne_50m_admin_0_countries.geojson")
    cover = cover_fractions(grid_of(stock), countries.geometry)
    for rows in (cover, share_out(cover)):
        whole = sparse.csr_array(sparse.vstack([rows, remainder(rows)]))
        table = zonal_from_cover(stock, whole, pd.RangeIndex(len(countries) + 1))
        total = table["soc_stock_total"].sum() / 1e9
        row = want.loc["2010AD"]
        assert total == pytest.approx(row["total_pg_c"], rel=row["tolerance_rel"])
        assert table["soc_stock_total"].iloc[-1] / 1e9 < 0.05 * total
