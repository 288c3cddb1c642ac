"""Files of many habits brought to a grid: totals, classes, projections, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError
from hotspots.ingest.regrid import resample, strips
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.regrid.source_raster import HOMOLOSINE, SourceRaster, open_grid, read
from hotspots.ingest.sources.catalogue import source
from hotspots.layers.grid import Grid, cell_area, row_area_ha
from hotspots.layers.harmonise import harmonise

# As ISRIC's files write it: the same projection as ESRI:54052, but compares unequal.
ISRIC = (
    'PROJCS["Homolosine",GEOGCS["WGS 84",DATUM["WGS_1984",'
    'SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Interrupted_Goode_Homolosine"],UNIT["metre",1]]'
)
SINUSOIDAL = "+proj=sinu +lon_0=0 +datum=WGS84 +units=m"

Write = Callable[..., SourceRaster]


def world(step: float, west: float = -180, crs: Any = 4326) -> Grid:
    shape = (round(180 / step), round(360 / step))
    return Grid(Affine(step, 0, west, 0, -step, 90), shape, pyproj.CRS(crs))


def box(west: float, north: float, step: float, shape: tuple[int, int]) -> Grid:
    return Grid(Affine(step, 0, west, 0, -step, north), shape, pyproj.CRS(4326))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write values as a GeoTIFF on a grid; return its SourceRaster, with what else is declared."""

    def call(
        values: Any, grid: Grid, *, nodata: float | None = None, crs: Any = "", **declared: Any
    ) -> SourceRaster:
        array = np.asarray(values)
        array = array if array.ndim == 3 else array[None]
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.tif"
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=len(array),
            height=array.shape[1],
            width=array.shape[2],
            dtype=array.dtype,
            nodata=nodata,
            transform=grid.transform,
            crs=grid.crs.to_wkt() if crs == "" else crs,
        ) as file:
            file.write(array)
        return SourceRaster(str(path), **{"unit": "t ha-1", **declared})

    return call


def stocks(shape: tuple[int, int], seed: int = 1, missing: float = 0.4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.gamma(2, 40, shape).astype("float32")
    values[rng.random(shape) < missing] = np.nan
    return np.minimum(values, 790)


def total(layer: xr.DataArray, share: xr.DataArray | None) -> float:
    weights = 1.0 if share is None else share.values.astype(float)
    return float(np.nansum(cell_area(layer).values * weights * layer.values.astype(float)))


# ------------------------------------------------------------------- totals on geographic grids


@pytest.mark.parametrize("step", [10.0, 30.0, 7.5, 2.0, 180 / 7])
@pytest.mark.parametrize("west", [-180.0, 0.0, -30.0])
def test_totals_are_kept(write: Write, step: float, west: float) -> None:
    """Coarser, finer and askew; -180 to 180, 0 to 360, and a cut through the Atlantic."""
    source = world(10, west)
    values = stocks(source.shape)
    true = np.nansum(row_area_ha(source)[:, None] * values.astype(float))
    layer, share = on_grid(write(values, source), world(step), "soc_stock")
    assert total(layer, share) == pytest.approx(true, rel=1e-6)
    assert layer.dtype == "float32"
    assert layer.attrs["units"] == "t ha-1"
    if share is not None:
        assert share.name == "soc_stock_valid_share"
        assert ((share.values > 0) == layer.notnull().values).all()


def test_cells_needn_t_be_square(write: Write) -> None:
    source = Grid(Affine(12, 0, -180, 0, -5, 90), (36, 30), pyproj.CRS(4326))
    target = Grid(Affine(9, 0, -180, 0, -20, 90), (9, 40), pyproj.CRS(4326))
    values = stocks(source.shape)
    true = np.nansum(row_area_ha(source)[:, None] * values.astype(float))
    assert total(*on_grid(write(values, source), target, "soc_stock")) == pytest.approx(true, 1e-6)


@pytest.mark.parametrize("turned", ["south-up", "east to west", "0 to 360"])
@pytest.mark.parametrize("step", [10.0, 15.0])
def test_orientation_is_no_matter(write: Write, turned: str, step: float) -> None:
    source = world(10)
    values = stocks(source.shape)
    expected, _ = on_grid(write(values, source), world(step), "soc_stock")
    t = source.transform
    if turned == "south-up":
        values, t = values[::-1], Affine(t.a, 0, t.c, 0, -t.e, -90)
    elif turned == "east to west":
        values, t = values[:, ::-1], Affine(-t.a, 0, 180, 0, t.e, t.f)
    else:
        values, t = np.roll(values, 18, axis=1), Affine(t.a, 0, 0, 0, t.e, t.f)
    other = Grid(t, source.shape, source.crs)
    made, _ = on_grid(write(values, other), world(step), "soc_stock")
    np.testing.assert_allclose(made.values, expected.values, rtol=1e-6)


def test_the_same_grid_gives_the_same_numbers(write: Write) -> None:
    values = stocks((18, 36))
    layer, share = on_grid(write(values, world(10)), world(10), "soc_stock")
    np.testing.assert_array_equal(layer.values, values)
    assert share is None


def test_a_part_of_the_grid_reads_its_window_only(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = stocks((180, 360), missing=0)
    raw = write(np.roll(values, 180, axis=1), world(1, 0))  # 0 to 360: Greenwich is at both ends
    asked = []
    real = strips.read_stored
    monkeypatch.setattr(
        strips, "read_stored", lambda r, window: (asked.append(window), real(r, window))[1]
    )
    layer, _ = on_grid(raw, box(-3, 12, 1, (4, 7)), "soc_stock")
    np.testing.assert_array_equal(layer.values, values[78:82, 177:184])
    assert asked == [((78, 82), (0, 4)), ((78, 82), (357, 360))]


def test_across_the_antimeridian(write: Write) -> None:
    """A file from 170 to 190 degrees east goes to both ends of the world's columns."""
    values = stocks((2, 20), missing=0)
    layer, share = on_grid(write(values, box(170, 1, 1, (2, 20))), world(1), "soc_stock")
    rows = layer.values[89:91]
    np.testing.assert_array_equal(rows[:, 350:], values[:, :10])
    np.testing.assert_array_equal(rows[:, :10], values[:, 10:])
    assert np.isfinite(layer.values).sum() == 40
    assert share is None


def test_a_target_that_is_partly_outside(write: Write) -> None:
    raw = write(np.full((4, 4), 50, "float32"), box(0, 4, 1, (4, 4)))
    layer, share = on_grid(raw, box(-2, 5, 3, (2, 2)), "soc_stock")
    assert share is not None
    np.testing.assert_array_equal(layer.values, 50)
    # Columns share 1 and 3 of 3 degrees; rows 2 and 2 of 3 (areas of q, near the equator).
    np.testing.assert_allclose(share.values, np.outer([2 / 3, 2 / 3], [1 / 3, 1]), rtol=2e-3)


def test_large_layers_are_made_in_strips(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write(stocks((90, 180)), world(2))
    expected = [on_grid(raw, world(step), "soc_stock") for step in (2, 3)]
    monkeypatch.setattr(resample, "AT_ONCE", 0)
    monkeypatch.setattr(strips, "_SOURCE_CELLS", 2000)
    for step, (layer, share) in zip((2, 3), expected, strict=True):
        made, its_share = on_grid(raw, world(step), "soc_stock")
        assert len(made.data.chunks[0]) > 5
        np.testing.assert_array_equal(made.values, layer.values)
        assert (its_share is None) == (share is None)
        if share is not None and its_share is not None:
            np.testing.assert_array_equal(its_share.values, share.values)


def test_the_result_has_the_project_s_form(write: Write) -> None:
    raw = write(stocks((18, 36)), world(10))
    layer, _ = on_grid(raw, world(15), "soc_stock", attrs={"source": "a", "year": 2010})
    again = harmonise(layer)
    xr.testing.assert_identical(again, layer)
    assert layer.attrs["year"] == 2010


# ---------------------------------------------------------------------- stored numbers and units


def test_packed_numbers_and_units(write: Write) -> None:
    """Tenths of kelvin from -100 on; -32768 is missing and is never scaled."""
    stored = np.array([[2831, -32768], [2931, 3031]], "int16")
    raw = write(stored, box(0, 2, 1, (2, 2)), nodata=-32768, scale=0.1, offset=1.0, unit="K")
    layer, _ = on_grid(raw, box(0, 2, 1, (2, 2)), "mean_annual_temperature")
    np.testing.assert_allclose(layer.values, [[10.95, np.nan], [20.95, 30.95]], atol=1e-4)
    # The mean counts what is there, and the share tells how much that is.
    layer, share = on_grid(raw, box(0, 2, 2, (1, 1)), "mean_annual_temperature")
    assert share is not None
    assert layer.values[0, 0] == pytest.approx((10.95 + 20.95 + 30.95) / 3, abs=1e-2)
    assert share.values[0, 0] == pytest.approx(0.75, abs=1e-3)


def test_the_file_s_scale_counts_only_where_asked(write: Write) -> None:
    raw = write(np.array([[523]], "int16"), box(0, 1, 1, (1, 1)))
    with rasterio.open(raw.path, "r+") as file:
        file.scales, file.offsets = (0.1,), (2.0,)
    assert read(raw)[0, 0, 0] == 523
    assert read(SourceRaster(raw.path, use_file_scale=True))[0, 0, 0] == pytest.approx(54.3)


def test_declared_nodata_wins_over_the_file_s(write: Write) -> None:
    stored = np.array([[0, 7, -9999]], "int16")
    grid = box(0, 1, 1, (1, 3))
    raw = write(stored, grid, nodata=0)
    declared = SourceRaster(raw.path, nodata=(-9999.0,), unit="t ha-1")
    np.testing.assert_array_equal(on_grid(declared, grid, "soc_stock")[0].values, [[0, 7, np.nan]])
    with pytest.raises(RasterError, match="holds -9999, which looks like a nodata value"):
        on_grid(raw, grid, "soc_stock")
    ignored = SourceRaster(raw.path, use_file_nodata=False, unit="%")
    assert read(ignored)[0].tolist() == [[0, 7, -9999]]


@pytest.mark.parametrize(
    ("stored", "kind", "name", "unit", "scale", "told"),
    [
        (-32768, "int16", "soc_stock", "t ha-1", 0.1, "-32768"),
        (-32767, "int16", "soc_stock", "kg m-2", 1, "-32767"),
        (255, "uint8", "clay", "%", 1, "255"),
        (255, "uint8", "coarse_fragments", "vol %", 1, "255"),
        (255, "uint8", "soc", "g kg-1", 5, "255"),
        (255, "uint8", "bulk_density", "kg m-3", 10, "255"),
        (-3.4028234663852886e38, "float32", "soc_stock", "t ha-1", 1, "-3.40282347e+38"),
        (1e20, "float32", "annual_precipitation", "mm yr-1", 1, "1.00000002e+20"),
        (65535, "uint16", "soc", "dg kg-1", 1, "65535"),
    ],
)
@pytest.mark.parametrize("step", [1.0, 2.0])
def test_undeclared_nodata_is_named(
    write: Write,
    stored: float,
    kind: str,
    name: str,
    unit: str,
    scale: float,
    told: str,
    step: float,
) -> None:
    values = np.full((4, 4), 30).astype(kind)
    values[1, 2] = stored
    raw = write(values, box(0, 4, 1, (4, 4)), unit=unit, scale=scale)
    target = box(0, 4, step, (int(4 / step),) * 2)
    with pytest.raises(RasterError) as caught:
        on_grid(raw, target, name)
    assert f"holds {told}, which looks like a nodata value of '{name}'" in str(caught.value)
    declared = SourceRaster(raw.path, nodata=(stored,), unit=unit, scale=scale)
    assert np.isfinite(on_grid(declared, target, name)[0].values).sum() >= target.shape[0] ** 2 - 1


def test_a_strange_value_that_is_no_custom_passes(write: Write) -> None:
    """It is for the quality report to flag; nothing is clipped."""
    grid = box(0, 1, 1, (1, 2))
    layer, _ = on_grid(write(np.array([[-35, 30]], "int16"), grid), grid, "soc_stock")
    assert layer.values.tolist() == [[-35, 30]]


def test_another_unit_is_refused(write: Write) -> None:
    grid = box(0, 1, 1, (1, 1))
    with pytest.raises(RasterError, match="'%' can't be converted to 't ha-1'"):
        on_grid(write(np.ones((1, 1), "float32"), grid, unit="%"), grid, "soc_stock")


def test_a_mask_within_the_file(write: Write) -> None:
    grid = box(0, 1, 1, (1, 2))
    raw = write(np.array([[10, 20]], "float32"), grid)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(raw.path, "r+") as file:
        file.write_mask(np.array([[255, 0]], "uint8"))
    np.testing.assert_array_equal(on_grid(raw, grid, "soc_stock")[0].values, [[10, np.nan]])


# ----------------------------------------------------------------------- coordinates and the CRS


def test_a_file_without_crs(write: Write) -> None:
    raw = write(np.ones((18, 36), "float32"), world(10), crs=None)
    with pytest.raises(RasterError, match=r"has no coordinate reference system .* --crs EPSG:4326"):
        open_grid(raw)
    assert open_grid(SourceRaster(raw.path, crs="EPSG:4326")).is_geographic


def test_a_rotated_file(write: Write) -> None:
    turned = Grid(Affine.rotation(10), (3, 3), pyproj.CRS(4326))
    with pytest.raises(RasterError, match="is rotated"):
        open_grid(write(np.ones((3, 3), "float32"), turned))


def test_degrees_that_are_none(write: Write) -> None:
    metres = Grid(Affine(1000, 0, 500000, 0, -1000, 4e6), (3, 3), pyproj.CRS(32631))
    raw = write(np.ones((3, 3), "float32"), metres, crs=None)
    with pytest.raises(RasterError, match="claims degrees but spans"):
        open_grid(SourceRaster(raw.path, crs="EPSG:4326"))


def test_a_rounded_step_spans_the_world(write: Write) -> None:
    grid = Grid(Affine(0.33333, 0, -180, 0, 0.33333, -90), (540, 1080), pyproj.CRS(4326))
    opened = open_grid(write(np.ones(grid.shape, "uint8"), grid))
    assert opened.bounds == pytest.approx((-180, -90, 180, 90), abs=1e-9)


@pytest.mark.parametrize("crs", [ISRIC, "+proj=igh +lon_0=0 +datum=WGS84", HOMOLOSINE])
def test_homolosine_is_known_by_its_method(write: Write, crs: str) -> None:
    grid = Grid(Affine(1e6, 0, 0, 0, -1e6, 1e6), (2, 2), pyproj.CRS(crs))
    raw = write(np.ones((2, 2), "float32"), grid)
    for one in (raw, SourceRaster(raw.path, crs=HOMOLOSINE)):
        assert open_grid(one).crs.to_authority() == ("ESRI", "54052")


def test_what_is_no_homolosine_isn_t_declared_one(write: Write) -> None:
    raw = write(np.ones((18, 36), "float32"), world(10))
    with pytest.raises(RasterError, match="is in 'WGS 84', but declared as Homolosine"):
        open_grid(SourceRaster(raw.path, crs=HOMOLOSINE))


def test_unreadable(tmp_path: Path, write: Write) -> None:
    (tmp_path / "no.tif").write_text("<html>")
    with pytest.raises(RasterError, match="can't be read as a raster"):
        open_grid(SourceRaster(str(tmp_path / "no.tif")))
    raw = write(np.ones((2, 2), "float32"), box(0, 2, 1, (2, 2)))
    with pytest.raises(RasterError, match="has no band 2; it has 1"):
        open_grid(SourceRaster(raw.path, bands=(2,)))


# ------------------------------------------------------------------------------ other projections


def projected(crs: str, cell: float, extent: tuple[float, float, float, float]) -> Any:
    """Return a grid in `crs` and the longitude and latitude of its cells, NaN off the globe."""
    west, south, east, north = extent
    shape = (round((north - south) / cell), round((east - west) / cell))
    grid = Grid(Affine(cell, 0, west, 0, -cell, north), shape, pyproj.CRS(crs))
    x, y = np.meshgrid(grid.x, grid.y)
    there = pyproj.Transformer.from_crs(crs, 4326, always_xy=True)
    lon, lat = there.transform(x, y)
    back = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    with np.errstate(invalid="ignore"):
        off = ~(np.hypot(back[0] - x, back[1] - y) < 1)
    lon, lat = (np.where(off, np.nan, v) for v in (lon, lat))
    return grid, lon, lat


WHOLE = (-20040000.0, -8680000.0, 20040000.0, 8680000.0)
HERE = (-70.0, 10.0, -10.0, 50.0)  # over the northern cut at -40


def geodesic_ha(west: float, south: float, east: float, north: float) -> float:
    """Area of a box between parallels, from geodesics along a fine outline."""
    lon, lat = np.linspace(west, east, 2001), np.linspace(south, north, 2001)
    x = np.concatenate([lon, np.full(2001, east), lon[::-1], np.full(2001, west)])
    y = np.concatenate([np.full(2001, south), lat, np.full(2001, north), lat[::-1]])
    return abs(pyproj.Geod(ellps="WGS84").polygon_area_perimeter(x, y)[0]) / 1e4


@pytest.mark.parametrize(
    ("crs", "cell", "extent"),
    [
        (ISRIC, 25000.0, WHOLE),
        (SINUSOIDAL, 25000.0, (-20040000.0, -10005000.0, 20040000.0, 10005000.0)),
        ("EPSG:6933", 25000.0, (-17375000.0, -7325000.0, 17375000.0, 7325000.0)),
        ("+proj=laea +lat_0=30 +lon_0=-40", 25000.0, (-4e6, -4e6, 4e6, 4e6)),
    ],
    ids=["homolosine", "sinusoidal", "ease", "laea"],
)
@pytest.mark.parametrize("step", [1.0, 0.1])
def test_totals_of_other_projections(
    write: Write, crs: str, cell: float, extent: Any, step: float
) -> None:
    """100 t/ha between four coasts: the total is 100 times the box's geodesic area."""
    if step < 1 and crs == SINUSOIDAL:
        pytest.skip("homolosine and ease say the same")
    grid, lon, lat = projected(crs, cell, extent)
    west, south, east, north = HERE
    with np.errstate(invalid="ignore"):
        inside = (lon > west) & (lon < east) & (lat > south) & (lat < north)
    raw = write(np.where(inside, 100, np.nan).astype("float32"), grid)
    target = box(-75, 55, step, (round(50 / step), round(70 / step)))
    layer, share = on_grid(raw, target, "soc_stock")
    assert total(layer, share) == pytest.approx(100 * geodesic_ha(*HERE), rel=5e-3)


# Longitudes of the cuts and of the rim, north and south of the equator.
CUTS = {1: (-180, -40, 180), -1: (-180, -100, -20, 80, 180)}


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_homolosine_on_both_sides_of_its_cuts(write: Write, axis: str, declared: bool) -> None:
    """Values are longitudes or latitudes, 8000 in the gaps: each cell gets its own, up to the cuts.

    Where the gap isn't declared as nodata, only cells along a cut touch source cells in it.
    """
    grid, lon, lat = projected(ISRIC, 50000, WHOLE)
    stored = np.where(np.isnan(lon), 8000, lon if axis == "x" else lat).astype("float32")
    raw = write(stored, grid, unit="m", nodata=8000 if declared else None)
    layer, share = on_grid(raw, world(2), "elevation")
    here = layer.sel(y=slice(60, -60))  # nearer to the poles 2 degrees are less than a source cell
    off = np.abs(here - here[axis]).transpose("y", "x").values
    along = np.array(
        [
            [min(abs(x - cut) for cut in CUTS[1 if y > 0 else -1]) < 2 for x in here["x"].values]
            for y in here["y"].values
        ]
    )
    assert off[~along].max() < 1
    if declared:
        assert off[along].max() < 2
        assert share is not None
        shares = share.sel(y=slice(60, -60)).values
        assert shares[~along].min() == 1
        assert shares.min() > 0.5
    else:
        assert off[along].max() > 2  # the gaps were there to be met


def test_what_is_off_the_globe_is_missing_in_a_projected_target(write: Write) -> None:
    """The world's half width in EPSG:6933 is 17,367,530 m; the other side doesn't come again."""
    raw = write(np.full((180, 360), 50, "float32"), world(1))
    target = Grid(Affine(5e5, 0, -1.8e7, 0, -5e5, 7.5e6), (30, 72), pyproj.CRS(6933))
    layer, share = on_grid(raw, target, "soc_stock")
    assert share is not None
    assert layer.isnull().values[:, [0, -1]].all()
    np.testing.assert_allclose(share.values[5:-5, 1], 0.367530 / 0.5, atol=0.13)
    np.testing.assert_array_equal(share.values[5:-5, 2:-2], 1)


@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_a_projected_target(write: Write, west: float) -> None:
    """An equal-area target keeps the totals of a latitude/longitude map, however that is cut."""
    source = world(2, west)
    values = np.roll(stocks(source.shape), 90 if west == 0 else 0, axis=1)
    values[np.abs(source.y) > 80] = np.nan
    true = np.nansum(row_area_ha(source)[:, None] * values.astype(float))
    target = Grid(Affine(1e5, 0, -17.4e6, 0, -1e5, 7.4e6), (148, 348), pyproj.CRS(6933))
    layer, share = on_grid(write(values, source), target, "soc_stock")
    assert share is not None
    made = np.nansum(layer.values.astype(float) * share.values) * 1e6  # 10^10 m2 are 10^6 ha
    assert made == pytest.approx(true, rel=5e-3)


def test_the_sinusoidal_map_and_its_twin(shared: Path) -> None:
    """The README's total of 867 Pg is spherical; the twins agree among themselves."""
    folder = shared / "data" / "global_10km"
    name = "SOCS_0_30cm_year_2010AD_10km"
    found = [
        total(
            *on_grid(
                SourceRaster(str(path), nodata=(-32767,), unit="t ha-1"), world(1), "soc_stock"
            )
        )
        for path in (folder / f"{name}.tif", folder / f"{name}_sin.tif")
    ]
    assert found[0] / 1e9 == pytest.approx(867, rel=5e-3)
    assert found[0] / 1e9 == pytest.approx(868.3643, rel=1e-5)  # as the packaged sample's build
    assert found[1] == pytest.approx(found[0], rel=5e-3)


# ------------------------------------------------------------------------------ classes, and sums


def test_majority_of_converted_codes(write: Write) -> None:
    """Two kinds of trees together outweigh one cropland: converted first, counted then."""
    codes = np.array([[50, 60, 10, 10], [10, 70, 0, 210]], "uint8")
    raw = write(codes, box(0, 1, 1, (2, 4)), nodata=0, unit="")
    layer, share = on_grid(
        raw, box(0, 1, 2, (1, 2)), "land_cover", how=Regridding(legend="esa-cci")
    )
    assert layer.values.tolist() == [[1, 3]]
    assert layer.dtype == "uint8"
    assert share is not None
    np.testing.assert_allclose(share.values, [[1, 0.75]], atol=1e-3)
    same, none = on_grid(raw, box(0, 1, 1, (2, 4)), "land_cover", how=Regridding(legend="esa-cci"))
    assert same.values.tolist() == [[1, 1, 3, 3], [3, 1, 0, 7]]
    assert none is None


def test_an_unknown_code_is_named(write: Write) -> None:
    codes = np.array([[10, 99]], "uint8")
    for step in (1, 2):
        with pytest.raises(RasterError, match="lacks the codes 99 "):
            on_grid(
                write(codes, box(0, 1, 1, (1, 2)), unit=""),
                box(0, 1, step, (1, 2 // step)),
                "land_cover",
                how=Regridding(legend="esa-cci"),
            )


def test_declared_nodata_of_classes_is_in_no_legend(write: Write) -> None:
    grid = box(0, 1, 1, (1, 2))
    raw = write(np.array([[20, 255]], "uint8"), grid, unit="")
    layer, _ = on_grid(
        SourceRaster(raw.path, nodata=(255,)), grid, "land_cover", how=Regridding(legend="lc100")
    )
    assert layer.values.tolist() == [[2, 0]]


def test_canonical_classes_need_no_legend(write: Write) -> None:
    grid = box(0, 1, 1, (1, 3))
    raw = write(np.array([[12, 0, 3]], "float32"), grid, unit="")
    layer, _ = on_grid(raw, grid, "climate_zone", attrs={"guidelines": "2006"})
    assert layer.values.tolist() == [[12, 0, 3]]
    bad = write(np.array([[13, 0, 3]], "int16"), grid, unit="")
    with pytest.raises(RasterError, match="class code 13 is not in the legend"):
        on_grid(bad, grid, "climate_zone")


def test_classes_of_another_projection(write: Write) -> None:
    grid, lon, _ = projected(ISRIC, 50000, WHOLE)
    with np.errstate(invalid="ignore"):
        codes = np.where(np.isnan(lon), 255, np.where(lon < 0, 10, 30)).astype("uint8")
    raw = SourceRaster(write(codes, grid, unit="").path, nodata=(255,))
    layer, _ = on_grid(
        raw, box(-30, 40, 10, (4, 6)), "land_cover", how=Regridding(legend="worldcover")
    )
    assert layer.values.tolist() == [[1, 1, 1, 2, 2, 2]] * 4


def test_share_of_a_class_in_the_land(write: Write) -> None:
    """Of a cell: a quarter crops, a quarter trees, a quarter water, a quarter unknown."""
    codes = np.array([[40, 10, 80, 80], [80, 0, 80, 80]], "uint8")
    raw = write(codes, box(0, 1, 1, (2, 4)), nodata=0, unit="")
    layer, share = on_grid(
        raw,
        box(0, 1, 2, (1, 2)),
        "cropland_share",
        how=Regridding(legend="worldcover", share_of="cropland"),
    )
    assert share is not None
    np.testing.assert_allclose(layer.values, [[0.5, np.nan]], atol=1e-3)
    np.testing.assert_allclose(share.values, [[0.5, 0]], atol=1e-3)
    # Also where no cell is divided, water is no land.
    layer, share = on_grid(
        raw,
        box(0, 1, 1, (2, 4)),
        "cropland_share",
        how=Regridding(legend="worldcover", share_of="cropland"),
    )
    np.testing.assert_array_equal(layer.values, [[1, 0, np.nan, np.nan], [np.nan] * 4])
    with pytest.raises(RasterError, match="'crops' isn't a class; allowed are tree_covered"):
        on_grid(
            raw, world(10), "cropland_share", how=Regridding(legend="worldcover", share_of="crops")
        )


def test_files_are_summed_or_averaged(write: Write) -> None:
    """Stocks of 0-10 and 10-30 cm in kg m-2; a cell that one lacks is missing."""
    grid = box(0, 1, 1, (1, 2))
    parts = [
        write(np.array([pair], "float32"), grid, unit="kg m-2") for pair in ([3, 4], [5, np.nan])
    ]
    layer, _ = on_grid(parts, grid, "soc_stock", how=Regridding(combine="sum"))
    np.testing.assert_allclose(layer.values, [[80, np.nan]])
    layer, _ = on_grid(parts, grid, "soc_stock", how=Regridding(combine="mean"))
    np.testing.assert_allclose(layer.values, [[40, np.nan]])


def test_files_side_by_side(write: Write) -> None:
    left = write(np.full((2, 2), 10, "float32"), box(0, 2, 1, (2, 2)))
    right = write(np.full((2, 4), 40, "float32"), box(2, 2, 1, (2, 4)))
    layer, share = on_grid([left, right], box(0, 2, 1, (2, 6)), "soc_stock")
    assert layer.values.tolist() == [[10, 10, 40, 40, 40, 40]] * 2
    assert share is None
    layer, _ = on_grid([left, right], box(0, 2, 3, (1, 2)), "soc_stock")
    np.testing.assert_allclose(layer.values, [[20, 40]], rtol=1e-6)
    codes = [
        SourceRaster(write(np.full((2, n), c, "uint8"), box(w, 2, 1, (2, n)), unit="").path)
        for n, c, w in ((2, 10, 0), (4, 20, 2))
    ]
    layer, _ = on_grid(codes, box(0, 2, 3, (1, 2)), "land_cover", how=Regridding(legend="esa-cci"))
    assert layer.values.tolist() == [[3, 3]]


@pytest.mark.parametrize("one_file", [True, False])
def test_months(write: Write, one_file: bool) -> None:
    grid = box(0, 1, 1, (1, 2))
    stored = np.arange(1, 13, dtype="int16")[:, None, None] * np.ones((1, 1, 2), "int16")
    stored[4, 0, 1] = -1
    if one_file:
        raws = [
            write(stored, grid, nodata=-1, scale=10, unit="mm month-1", bands=tuple(range(1, 13)))
        ]
    else:
        raws = [write(m, grid, nodata=-1, scale=10, unit="mm month-1") for m in stored]
    kept, _ = on_grid(raws, grid, "precipitation", how=Regridding(months="keep"))
    assert kept.dims == ("month", "y", "x")
    np.testing.assert_array_equal(kept.values[:, 0, 0], 10 * np.arange(1, 13))
    assert kept["month"].values.tolist() == list(range(1, 13))
    xr.testing.assert_identical(harmonise(kept), kept)
    year, _ = on_grid(raws, grid, "annual_precipitation", how=Regridding(months="sum"))
    np.testing.assert_array_equal(year.values, [[780, np.nan]])
    with pytest.raises(RasterError, match="has 11 bands; the 12 months"):
        on_grid(
            raws[:-1] if not one_file else SourceRaster(raws[0].path, bands=tuple(range(1, 12))),
            grid,
            "precipitation",
            how=Regridding(months="keep"),
        )


def test_months_of_a_mean_of_files(write: Write) -> None:
    """Of the least and the greatest of each month, as TerraClimate has temperature."""
    grid = box(0, 1, 1, (1, 2))
    low = np.arange(12, dtype="int16")[:, None, None] * np.ones((1, 1, 2), "int16")
    high = low + 10
    high[3, 0, 1] = -99
    months = {"unit": "degC", "nodata": -99, "bands": tuple(range(1, 13))}
    raws = [write(part, grid, **months) for part in (low, high)]
    kept, _ = on_grid(raws, grid, "air_temperature", how=Regridding(combine="mean", months="keep"))
    np.testing.assert_array_equal(kept.values[:, 0, 0], np.arange(12) + 5)
    assert np.flatnonzero(np.isnan(kept.values[:, 0, 1])).tolist() == [3]
    year, share = on_grid(
        raws, grid, "mean_annual_temperature", how=Regridding(combine="mean", months="mean")
    )
    np.testing.assert_array_equal(year.values, [[10.5, np.nan]])
    assert share is None
    with pytest.raises(RasterError, match="has 24 bands; the 12 months"):
        on_grid(raws, grid, "air_temperature", how=Regridding(months="keep"))
    with pytest.raises(RasterError, match="has 13 bands; the 12 months"):
        on_grid(
            [raws[0], SourceRaster(raws[1].path, unit="degC")],
            grid,
            "air_temperature",
            how=Regridding(combine="mean", months="keep"),
        )


def test_the_catalogue_tells_the_unit_of_a_years_sum(write: Write) -> None:
    told = source("terraclimate").product("annual_precipitation")
    grid = box(0, 1, 1, (1, 1))
    raw = write(np.full((12, 1, 1), 50, "int16"), grid, unit=told.unit, bands=tuple(range(1, 13)))
    year, _ = on_grid(raw, grid, told.name, how=Regridding(months=told.months))
    assert year.values.tolist() == [[600]]
    assert year.attrs["units"] == "mm yr-1"


def test_netcdf(tmp_path: Path) -> None:
    """South-up, 0 to 360, packed, without a CRS of its own."""
    lat, lon = np.arange(-85, 90, 10.0), np.arange(5, 360, 10.0)
    values = (lon[None, :] + 0 * lat[:, None]).astype("float32")
    data = xr.Dataset({"t": (("lat", "lon"), values)}, coords={"lat": lat, "lon": lon})
    data["lat"].attrs["units"], data["lon"].attrs["units"] = "degrees_north", "degrees_east"
    path = tmp_path / "a.nc"
    data.to_netcdf(path, engine="h5netcdf")
    raw = SourceRaster(f'NETCDF:"{path}":t', crs="EPSG:4326", unit="m")
    layer, _ = on_grid(raw, world(10), "elevation")
    np.testing.assert_allclose(layer.values[3], np.mod(world(10).x, 360))
