"""One's own layers: each format, what is refused and what to add, and the traps of real files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from serving import Serving, server  # noqa: F401  (fixture)

from hotspots.errors import HotspotsError, RasterError
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.regrid.source_raster import open_grid, read
from hotspots.ingest.user_files.read import Own, read_own
from hotspots.ingest.user_files.requirements import needs_depth
from hotspots.layers.target_grid import target_grid
from hotspots.layers.variables import variable

NAN = np.nan
VALUES = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype="float32")  # north row first
BOX = (10.0, 4.0, 13.0, 6.0)


def tif(path: Path, values: Any = VALUES, **options: Any) -> Path:
    """Write a GeoTIFF of 1-degree cells from 10 E, 6 N; several planes become bands."""
    planes = np.atleast_3d(np.asarray(values).T).T
    units, tags, scale = (options.pop(k, None) for k in ("unit", "tags", "scale"))
    given = {"crs": "EPSG:4326", "transform": Affine(1, 0, 10, 0, -1, 6)} | options
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(planes),
        height=planes.shape[1],
        width=planes.shape[2],
        dtype=str(planes.dtype),
        **given,
    ) as file:
        file.write(planes)
        if units:
            file.units = (units,) * len(planes)
        if scale:
            file.scales = (scale,) * len(planes)
        file.update_tags(**(tags or {}))
    return path


def ingested(own: Own, box: tuple[float, float, float, float] = BOX, cell: float = 1.0) -> Any:
    """Carry a layer of one's own onto the grid of `box`, and return it north up."""
    layer, _ = on_grid(
        own.raw,
        target_grid([box], cell),
        own.variable,
        how=Regridding(legend=own.legend),
        attrs=own.attrs,
    )
    return layer


def refused(path: Path | str, **options: Any) -> str:
    with pytest.raises(RasterError) as caught:
        read_own(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


STOCK = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"}


# -- what is declared ---------------------------------------------------------------------------


def test_a_geotiff_with_all_that_is_needed(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif")
    own = read_own(
        path,
        variable="soc_stock",
        unit="kg m-2",
        depth="0-30",
        year=2015,
        licence="CC BY 4.0",
        citation="Us (2015)",
    )
    layer = ingested(own)
    assert layer.values.tolist() == (VALUES * 10).tolist()
    assert layer.attrs["units"] == "t ha-1"
    assert (layer.attrs["depth_cm"], layer.attrs["year"]) == ("0-30", 2015)
    assert (layer.attrs["licence"], layer.attrs["citation"]) == ("CC BY 4.0", "Us (2015)")
    assert layer.attrs["source"] == "a.tif"
    assert own.raw.origin is not None
    assert own.raw.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert own.given["unit"] == "kg m-2"


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("soc_stock_lower", "level of the interval or its support"),
        ("soc_stock_upper", "--level 0.90 (or 0.95) --support point"),
        ("clay_upper", "--level 0.90 (or 0.95) --support point"),
        ("soc_stock_sd", "doesn't say its support"),
        ("soc_stock_error", "--support point (or cell"),
        ("soc_density_error", "--support point (or cell"),
    ],
)
def test_errors_need_level_and_support(tmp_path: Path, variable: str, told: str) -> None:
    unit = {"clay_upper": "%", "soc_density_error": "kg m-3"}.get(variable, "t ha-1")
    given: dict[str, Any] = {"variable": variable, "unit": unit, "depth": "0-30"}
    path = tif(tmp_path / "a.tif")
    assert told in refused(path, **given)
    level = {"level": "95 %"} if variable.endswith(("_lower", "_upper")) else {}
    own = read_own(path, **given, support="Cell", **level)
    layer = ingested(own)
    assert layer.attrs["support"] == own.given["support"] == "cell"
    assert layer.attrs.get("level") == own.given.get("level") == (0.95 if level else None)


def test_level_and_support_of_the_file(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", tags={"level": "0.68", "support": "point"})
    own = read_own(path, variable="soc_stock_lower", unit="t ha-1", depth="0-30")
    assert (own.attrs["level"], own.attrs["support"]) == (0.68, "point")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"level": "95"}, "'95' isn't the level of an interval. Give the share"),
        ({"level": "1"}, "'1' isn't the level"),
        ({"level": "wide"}, "'wide' isn't the level"),
        ({"level": "nan"}, "'nan' isn't the level"),
        ({"support": "pixel"}, "'pixel' isn't a support. Give 'point'"),
        ({"variable": "soc_stock"}, "--level is of the bounds of an interval"),
        ({"variable": "soc_stock", "level": None}, "--support is of layers of errors"),
        ({"variable": "soc_stock_sd"}, "--level is of the bounds of an interval"),
    ],
)
def test_levels_and_supports_that_cant_be(tmp_path: Path, given: dict[str, Any], told: str) -> None:
    fine = {"variable": "soc_stock_lower", "unit": "t ha-1", "depth": "0-30"}
    fine |= {"level": "0.9", "support": "cell"}
    assert told in refused(tif(tmp_path / "a.tif"), **(fine | given))


def test_all_that_is_missing_is_told_at_once_with_its_options(tmp_path: Path) -> None:
    text = refused(tif(tmp_path / "a.tif", crs=None), variable="soc_stock")
    assert "its unit or its coordinate reference system (CRS) or its depth" in text
    assert '--unit "t ha-1" --crs EPSG:4326 --depth 0-30.' in text


@pytest.mark.parametrize(
    ("leave_out", "options"),
    [("unit", '--unit "t ha-1"'), ("depth", "--depth 0-30"), ("crs", "--crs EPSG:4326")],
)
def test_each_missing_thing_has_its_option(tmp_path: Path, leave_out: str, options: str) -> None:
    path = tif(tmp_path / "a.tif", **({"crs": None} if leave_out == "crs" else {}))
    told = {k: v for k, v in STOCK.items() if k != leave_out}
    text = refused(path, **told)
    assert text.endswith(f"add: {options}.")
    if leave_out == "crs":
        assert open_grid(read_own(path, crs="EPSG:4326", **told).raw).is_geographic


def test_what_the_file_says_counts_and_is_told(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", unit="kg m-2", tags={"DEPTH_CM": "0-30", "YEAR": "2012"})
    own = read_own(path, variable="soc_stock")
    assert ingested(own).values[0, 0] == 10
    assert own.attrs["year"] == 2012
    assert own.notes == (
        "The unit 'kg m-2' is the file's own.",
        "The depth 0-30 cm is the file's own.",
    )
    over = read_own(path, variable="soc_stock", unit="t ha-1", depth="0-100", year=2000)
    assert ingested(over).values[0, 0] == 1
    assert (over.attrs["depth_cm"], over.attrs["year"]) == ("0-100", 2000)
    assert any("isn't mixed with stocks of 0-30" in note for note in over.notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variable": "soc_stok"}, "did you mean soc_stock"),
        ({"variable": "organic carbon"}, "not a canonical variable"),
        ({"unit": "K"}, "'K' can't be converted to 't ha-1'"),
        ({"scale": 0}, "--scale is 0"),
        ({"scale": NAN}, "--scale is nan"),
        ({"offset": np.inf}, "--offset is inf"),
        ({"band": 2}, "no band 2; it has 1"),
        ({"band": 0}, "no band 0"),
        ({"depth": "15"}, "A stock is of a layer of soil"),
        ({"depth": "30-0"}, "'30-0' isn't a depth"),
        ({"depth": "topsoil"}, "'topsoil' isn't a depth"),
        ({"year": "twelve"}, "year 'twelve'"),
        ({"crs": "EPSG:nonsense"}, "isn't a coordinate reference system"),
        ({"legend": "igbp"}, "is of 'land_cover', not of 'soc_stock'"),
    ],
)
def test_what_can_not_be_is_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    assert words in refused(tif(tmp_path / "a.tif"), **(STOCK | options))


def test_points_and_layers_of_soil_properties(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif")
    point = read_own(path, variable="soc", unit="g kg-1", depth="15")
    layer = read_own(path, variable="soc", unit="g kg-1", depth="0-30 cm")
    assert (point.attrs["depth_cm"], layer.attrs["depth_cm"]) == ("15", "0-30")
    assert "--depth 15 of values at 15 cm" in refused(path, variable="soc", unit="g kg-1")


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("soc_stock", True),
        ("soc_stock_1990", True),
        ("clay", True),
        ("bulk_density", True),
        ("soc_density", True),
        ("soc_stock_valid_share", False),
        ("cropland_share", False),
        ("climate_zone", False),
    ],
)
def test_which_variables_need_a_depth(name: str, needed: bool) -> None:
    assert needs_depth(name) is needed


def test_scale_and_offset_are_the_files_unless_declared(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.array([[100, 200]], dtype="int16"), scale=0.1)
    box = (10, 5, 12, 6)
    assert ingested(read_own(path, **STOCK), box).values.tolist() == [[10, 20]]
    own = read_own(path, **STOCK, scale=0.5, offset=1)
    assert ingested(own, box).values.tolist() == [[51, 101]]
    assert ingested(read_own(path, **STOCK, scale=1), box).values.tolist() == [[100, 200]]


# -- nodata -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "unit", "number", "dtype"),
    [
        ("soc_stock", "t ha-1", -32768, "int16"),
        ("clay", "%", 255, "uint8"),
        ("soc", "g kg-1", -9999, "float32"),
        ("bulk_density", "kg m-3", 65535, "uint16"),
    ],
)
def test_undeclared_nodata_is_named_with_the_option(
    tmp_path: Path, name: str, unit: str, number: int, dtype: str
) -> None:
    values = np.full((2, 3), 50 if name != "bulk_density" else 1300, dtype=dtype)
    values[0, 0] = number
    path = tif(tmp_path / "a.tif", values)
    own = read_own(path, variable=name, unit=unit, depth="0-30")
    with pytest.raises(RasterError, match=rf"--nodata {number}\b"):
        ingested(own).values  # noqa: B018
    own = read_own(path, variable=name, unit=unit, depth="0-30", nodata=number)
    assert np.isnan(ingested(own).values).tolist() == [[True, False, False], [False] * 3]


def test_declared_nodata_takes_the_place_of_the_files(tmp_path: Path) -> None:
    """A file may declare 0, which is a value here, and hold another number for missing."""
    values = np.array([[0, 50, -32768]], dtype="int16")
    path = tif(tmp_path / "a.tif", values, nodata=0)
    own = read_own(path, **STOCK, nodata=-32768)
    got = ingested(own, (10, 5, 13, 6)).values[0]
    assert got[:2].tolist() == [0, 50]
    assert np.isnan(got[2])
    assert own.notes == ("The file's own nodata 0 counts as a value.",)


def test_a_nan_of_the_files_own_never_counts_as_a_value(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.array([[1, NAN, -9]], dtype="float32"), nodata=NAN)
    own = read_own(path, **STOCK, nodata=-9)
    assert not any("counts as a value" in note for note in own.notes)
    assert np.isnan(read(own.raw)[0]).tolist() == [[False, True, True]]


def test_several_numbers_may_mean_missing(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.array([[-1, 50, -9999]], dtype="int16"))
    own = read_own(path, **STOCK, nodata=(-1, -9999))
    assert np.isnan(ingested(own, (10, 5, 13, 6)).values[0]).tolist() == [True, False, True]


def test_nodata_that_the_type_can_not_hold_is_refused(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.full((1, 2), 7, dtype="uint8"))
    text = refused(path, variable="clay", unit="%", depth="0-30", nodata=-32768)
    assert "stores uint8 (0 to 255), which can't be -32768" in text


# -- bands and formats --------------------------------------------------------------------------


def test_several_bands_want_a_choice(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.stack([VALUES, VALUES * 2]))
    assert "has 2 bands: 1, 2. Choose one with --band." in refused(path, **STOCK)
    assert ingested(read_own(path, **STOCK, band=2)).values[0, 0] == 2


def test_twelve_bands_of_a_monthly_layer_are_its_months(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.stack([VALUES + m for m in range(12)]))
    own = read_own(path, variable="precipitation", unit="mm month-1")
    assert own.raw.bands == tuple(range(1, 13))
    layer, _ = on_grid(own.raw, target_grid([BOX], 1), own.variable, how=Regridding(months="keep"))
    assert layer.sel(month=12).values[0, 0] == 12


def _world(dims: tuple[str, str], south_up: bool) -> xr.Dataset:
    """Two variables on 1-degree cells from 10 E, 6 N; one of them in two years."""
    y = np.array([5.5, 4.5])
    planes, x = VALUES.copy(), np.array([10.5, 11.5, 12.5])
    if south_up:
        y, planes = y[::-1], planes[::-1]
    names = dict(zip(("y", "x"), dims, strict=True))
    data = xr.Dataset(
        {
            "carbon": (dims, planes, {"units": "kg m-2"}),
            "cover": (("time", *dims), np.stack([planes / 10, planes / 20]), {"units": "1"}),
        },
        coords={names["y"]: y, names["x"]: x, "time": [1995, 2005]},
    )
    if dims[0] == "lat":
        data["lat"].attrs["units"], data["lon"].attrs["units"] = "degrees_north", "degrees_east"
    return data


@pytest.mark.parametrize("south_up", [False, True])
def test_netcdf_of_either_orientation(tmp_path: Path, south_up: bool) -> None:
    path = tmp_path / "a.nc"
    _world(("lat", "lon"), south_up).to_netcdf(path, engine="h5netcdf")
    own = read_own(path, variable="soc_stock", subdataset="carbon", depth="0-30")
    assert own.raw.crs == "EPSG:4326"  # follows from the coordinates; there is no grid mapping
    assert ingested(own).values.tolist() == (VALUES * 10).tolist()
    share = read_own(path, variable="cropland_share", subdataset="cover", year=2005)
    np.testing.assert_allclose(ingested(share).values, VALUES / 20, rtol=1e-6)
    assert share.attrs["year"] == 2005
    text = refused(path, variable="cropland_share", subdataset="cover")
    assert "2 bands: 1 (1995), 2 (2005)" in text
    text = refused(path, variable="soc_stock", depth="0-30")
    assert "several variables (carbon, cover)" in text
    assert "--subdataset" in text
    assert "did you mean carbon?" in refused(path, **STOCK, subdataset="carbom")


def test_packed_integers_of_netcdf(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    packing = {"dtype": "int16", "scale_factor": 0.1, "add_offset": 2.0, "_FillValue": -1}
    data = _world(("lat", "lon"), True)[["carbon"]]
    data["carbon"][0, 0] = NAN  # the southern row
    data.to_netcdf(path, engine="h5netcdf", encoding={"carbon": packing})
    got = ingested(read_own(path, variable="soc_stock", depth="0-30")).values
    np.testing.assert_allclose(got, [[10, 20, 30], [NAN, 50, 60]], rtol=1e-6)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dims", [("lat", "lon"), ("y", "x")])
def test_zarr_of_both_versions(tmp_path: Path, version: int, dims: tuple[str, str]) -> None:
    pytest.importorskip("zarr")
    path = tmp_path / "a.zarr"
    data = _world(dims, south_up=True)
    if dims[0] == "y":
        data = data.rio.write_crs(4326)
    data.to_zarr(path, zarr_format=version, consolidated=False)
    own = read_own(path, variable="soc_stock", subdataset="carbon", depth="0-30", cache=tmp_path)
    assert ingested(own).values.tolist() == (VALUES * 10).tolist()
    share = read_own(path, variable="cropland_share", subdataset="cover", band=2, cache=tmp_path)
    np.testing.assert_allclose(ingested(share).values, VALUES / 20, rtol=1e-6)
    assert "--band" in refused(path, variable="cropland_share", subdataset="cover")
    assert own.raw.origin is not None
    assert len(own.raw.origin.sha256) == 64


@pytest.mark.parametrize("version", ["ZARR_V2", "ZARR_V3"])
def test_zarr_as_gdal_writes_it(tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.zarr"
    with rasterio.open(
        path,
        "w",
        driver="Zarr",
        count=1,
        height=2,
        width=3,
        dtype="float32",
        crs="EPSG:4326",
        transform=Affine(1, 0, 10, 0, -1, 6),
        FORMAT=version,
    ) as file:
        file.write(VALUES, 1)
    assert ingested(read_own(path, **STOCK)).values.tolist() == VALUES.tolist()


def test_packed_zarr_of_version_3(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    path = tmp_path / "a.zarr"
    packing = {"dtype": "int16", "scale_factor": 0.1, "add_offset": 2.0, "_FillValue": -1}
    data = _world(("lat", "lon"), True)[["carbon"]]
    data["carbon"][0, 0] = NAN
    data.to_zarr(path, zarr_format=3, consolidated=False, encoding={"carbon": packing})
    got = ingested(read_own(path, variable="soc_stock", depth="0-30", cache=tmp_path)).values
    np.testing.assert_allclose(got, [[10, 20, 30], [NAN, 50, 60]], rtol=1e-6)


# -- tables -------------------------------------------------------------------------------------


def table(path: Path, *, ending: str = "", delimiter: str = ",", decimal: str = ".") -> Path:
    """Write a table of half the world's cells of 30 degrees, from 0 E to 330 E, in mixed order."""
    lines = [delimiter.join(["id", "lat", "lon", "sand", "clay"])]
    for i, lat in enumerate((45, 15, -15)):
        for j, lon in enumerate(range(0, 360, 30)):
            if (i, j) != (1, 5):  # no row for a cell of sea
                row = [
                    str(10 * i + j),
                    str(lat),
                    str(lon),
                    f"{0.01 * (i + 1) + 0.02 * j:.3f}",
                    "0.5",
                ]
                lines.append(delimiter.join(v.replace(".", decimal) for v in row) + ending)
    path.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    return path


@pytest.mark.parametrize(
    ("ending", "delimiter", "decimal"), [("", ",", "."), (",", ",", "."), (";", ";", ",")]
)
def test_tables_of_points_on_a_grid(
    tmp_path: Path, ending: str, delimiter: str, decimal: str
) -> None:
    """Rows that end in a delimiter shift every column by one in a naive reader."""
    path = table(tmp_path / "a.csv", ending=ending, delimiter=delimiter, decimal=decimal)
    own = read_own(path, variable="sand", unit="1", depth="0-30", cache=tmp_path)
    layer = ingested(own, (-180, -30, 180, 60), 30)
    expected = 0.01 * np.arange(1, 4)[:, None] + 0.02 * np.arange(12)
    expected[1, 5] = NAN
    np.testing.assert_allclose(read(own.raw, row=variable("sand"))[0], expected)
    # Longitudes of 0-360: the asked cell 180-150 W has halves of the columns at 180 and 210 E.
    assert layer.values[0, 0] == pytest.approx(100 * (0.01 + 0.02 * 6.5), rel=1e-4)
    assert layer.attrs["units"] == "%"


def test_points_on_no_regular_grid_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("lat,lon,clay\n1,1,10\n2,2,20\n3.4,3,30\n4.1,4,5\n")
    assert "aren't on a regular grid" in refused(path, variable="clay", unit="%", depth="0-30")


def test_two_rows_on_one_cell_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("lat,lon,clay\n1,1,10\n2,2,20\n2,2,30\n")
    text = refused(path, variable="clay", unit="%", depth="0-30", cache=tmp_path)
    assert "1 cells with more than one row" in text


@pytest.mark.parametrize(
    ("header", "options", "words"),
    [
        ("a,b,c", {}, "no column of coordinates"),
        ("lat,lon,c,d", {}, "none is named 'clay'"),
        ("lat,lon,c", {"column": "k"}, "no column 'k'"),
        ("lat,lon,word", {}, "isn't all numbers"),
        ("x,y,c", {}, "CRS"),
    ],
)
def test_tables_that_lack_something(
    tmp_path: Path, header: str, options: dict[str, Any], words: str
) -> None:
    path = tmp_path / "a.csv"
    value = "loam" if "word" in header else "9"
    rows = "".join(
        f"{y},{x},{value}" + ",1" * (header.count(",") - 2) + "\n" for y in (1, 2) for x in (1, 2)
    )
    path.write_text(f"{header}\n{rows}")
    told = {"variable": "clay", "unit": "%", "depth": "0-30", "cache": tmp_path}
    assert words in refused(path, **told, **options)


# -- polygons -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".parquet", ".shp"])
def test_polygons_are_burnt_by_a_column(tmp_path: Path, suffix: str) -> None:
    frame = gpd.GeoDataFrame(
        {"zone": ["Tropical Dry", "tropical_wet", None], "stock": [40.0, 90.0, 10.0]},
        geometry=[shapely.box(10, 4, 11, 6), shapely.box(11, 4, 12, 6), shapely.box(12, 4, 13, 6)],
        crs=4326,
    )
    path = tmp_path / f"a{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
    zones = read_own(
        path, variable="climate_zone", column="zone", cell=0.5, guidelines="2019", cache=tmp_path
    )
    assert ingested(zones).values.tolist() == [[12, 10, 0]] * 2
    stock = read_own(path, **STOCK, column="stock", cell=0.5, cache=tmp_path)
    assert ingested(stock).values.tolist() == [[40, 90, 10]] * 2
    assert "--cell 0.05" in refused(path, **STOCK, column="stock")
    assert "Choose one with --column" in refused(path, **STOCK, cell=0.5)
    assert "is text" in refused(path, **STOCK, column="zone", cell=0.5)


def test_a_class_that_is_none_is_named_with_near_matches(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    frame = gpd.GeoDataFrame(
        {"zone": ["tropical_dri"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326
    )
    frame.to_file(path)
    text = refused(path, variable="climate_zone", cell=0.5, guidelines="2019")
    assert "'tropical_dri'" in text
    assert "did you mean tropical_dry" in text


# -- classes ------------------------------------------------------------------------------------


def test_zones_want_their_guidelines_and_legend(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.array([[4, 5, 6]], dtype="uint8"))
    assert "--guidelines 2019 (or 2006)" in refused(path, variable="climate_zone")
    own = read_own(path, variable="climate_zone", legend="colinahill_2019", guidelines="2019")
    layer = ingested(own, (10, 5, 13, 6))
    # tropical dry, warm temperate moist, warm temperate dry: other numbers in our legend.
    assert layer.values.tolist() == [[12, 1, 2]]
    assert layer.attrs["guidelines"] == "2019"
    assert "have no unit" not in refused(path, variable="climate_zone")
    text = refused(path, variable="climate_zone", unit="t ha-1", guidelines="2019")
    assert "classes, which have no unit" in text


def test_a_code_outside_the_legend_is_named(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.array([[1, 5, 99]], dtype="uint8"))
    own = read_own(path, variable="land_cover", legend="igbp")
    with pytest.raises(RasterError, match=r"99 \(1 cell\)"):
        ingested(own, (10, 5, 13, 6))
    declared = read_own(path, variable="land_cover", legend="igbp", nodata=99)
    assert ingested(declared, (10, 5, 13, 6)).values.tolist() == [[1, 1, 0]]


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "none.tif", "There is no file"),
        (lambda p: p, "not a Zarr store"),
        (lambda p: _written(p / "a.docx", b"PK"), r"The format of 'a.docx' isn't supported"),
        (lambda p: _written(p / "a.tif", b"II*\0 spoilt"), "can't be read"),
        (lambda p: _written(p / "a.nc", b"CDF\x01 spoilt"), "can't be read"),
        (lambda p: _written(p / "a.gpkg", b"spoilt"), "can't be read as .gpkg"),
        (lambda p: _written(p / "a.csv", "lat,lon,Größe\n".encode("latin-1")), "UTF-8"),
        (lambda p: "ftp://127.0.0.1/a.tif", "isn't an address that can be downloaded"),
    ],
)
def test_files_that_are_none(tmp_path: Path, make: Any, words: str) -> None:
    assert words in refused(make(tmp_path), **STOCK, cell=1)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_address_is_fetched_into_the_cache(server: Serving, tmp_path: Path) -> None:  # noqa: F811
    tif(server.folder / "own.tif")
    own = read_own(f"{server.url}/own.tif", **STOCK, cache=tmp_path)
    assert ingested(own).values.tolist() == VALUES.tolist()
    assert own.raw.origin is not None
    assert own.raw.origin.address == f"{server.url}/own.tif"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", own.raw.origin.retrieved)
    with pytest.raises(HotspotsError, match="404"):
        read_own(f"{server.url}/404/own.tif", **STOCK, cache=tmp_path)
