"""The user's own rasters: every format, every trap, every bad input in one plain sentence."""

from __future__ import annotations

import pickle
import re
import shlex
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from click.testing import CliRunner
from rasterio.rio.main import main_group
from rasterio.transform import Affine

from hotspots.errors import GridMismatchError, RasterError
from hotspots.ingest import open_data, open_layers
from hotspots.ingest.user_files import rasters as open_module
from hotspots.io import geotiff
from hotspots.layers.grid import grid_of
from hotspots.layers.variables import CLIMATE_ZONES, classes_of

# Two degrees a cell, west of Greenwich to east of it:   10  20  30
#                                                        40  --  60
STOCK = np.array([[10, 20, 30], [40, np.nan, 60]], dtype="float32")
HERE = Affine(2, 0, -3, 0, -2, 4)
UTM = {"crs": "EPSG:32632", "transform": Affine(1000, 0, 5e5, 0, -1000, 5e6)}
AEQD = "+proj=sinu +lon_0=0 +R=6371007 +units=m +no_defs"


def write_tif(path: Path, values: Any, unit: str | None = "t ha-1", **options: Any) -> Path:
    """Write `values` (or a list of bands) with the given GeoTIFF options and tags."""
    bands = values if isinstance(values, list) else [values]
    tags, descriptions = options.pop("tags", {}), options.pop("descriptions", ())
    scale, offset = options.pop("scale", 1.0), options.pop("offset", 0.0)
    profile = {"crs": "EPSG:4326", "transform": HERE, "nodata": None} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=len(bands),
            dtype=bands[0].dtype,
            height=bands[0].shape[0],
            width=bands[0].shape[1],
            **profile,
        ) as file:
            for i, band in enumerate(bands, start=1):
                file.write(band, i)
            file.scales, file.offsets = [scale] * len(bands), [offset] * len(bands)
            if unit:
                file.units = [unit] * len(bands)
            if descriptions:
                file.descriptions = descriptions
            file.update_tags(**tags)
    return path


def as_dataset(values: Any = STOCK, **attrs: Any) -> xr.Dataset:
    """A NetCDF-like world corner: lat runs south to north, no CRS but degrees."""
    layer = xr.DataArray(
        np.asarray(values)[::-1],
        dims=("lat", "lon"),
        coords={"lat": [1.0, 3.0], "lon": [-2.0, 0.0, 2.0]},
        attrs={"units": "t ha-1"} | attrs,
    )
    return layer.to_dataset(name="soc_stock")


def rio(*words: str) -> None:
    """Run rasterio's own command line, which the messages point to."""
    done = CliRunner().invoke(main_group, words)
    assert done.exit_code == 0, done.output


def zones(**attrs: Any) -> np.ndarray:
    return np.array([[1, 2, 12], [0, 5, 12]], dtype="uint8")


@pytest.fixture(params=["eager", "lazy"])
def laziness(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to read: small rasters at once, big ones block by block."""
    if request.param == "lazy":
        monkeypatch.setattr(geotiff, "LAZY_CELLS", 0)
        monkeypatch.setattr(open_module, "LAZY_CELLS", 0)
    return str(request.param)


def check(data: xr.Dataset, laziness: str, rtol: float = 1e-6) -> None:
    """The one expected answer of every way to write STOCK down."""
    assert data.soc_stock.dims == ("y", "x")
    assert (data.soc_stock.chunks is not None) == (laziness == "lazy")
    assert data.y.values == pytest.approx([3, 1])
    assert data.x.values == pytest.approx([-2, 0, 2])
    assert data.rio.crs == "EPSG:4326"
    assert data.soc_stock.dtype == "float32"
    assert data.soc_stock.attrs["units"] == "t ha-1"
    np.testing.assert_allclose(data.soc_stock.values, STOCK, rtol=rtol)


def test_geotiff_named_by_its_stem(tmp_path: Path, laziness: str) -> None:
    check(open_data(write_tif(tmp_path / "soc_stock.tif", STOCK, nodata=np.nan)), laziness)


def test_geotiff_named_by_its_band(tmp_path: Path, laziness: str) -> None:
    path = write_tif(tmp_path / "mine.tif", STOCK, nodata=np.nan, descriptions=["soc_stock"])
    check(open_data(path), laziness)


def test_unit_from_a_tag(tmp_path: Path, laziness: str) -> None:
    tags = {"UNITS": "t ha-1", "year": "2010", "licence": "CC BY 4.0", "OTHER": "left out"}
    data = open_data(write_tif(tmp_path / "soc_stock.tif", STOCK, None, nodata=np.nan, tags=tags))
    check(data, laziness)
    assert data.soc_stock.attrs["year"] == 2010
    assert data.soc_stock.attrs["licence"] == "CC BY 4.0"
    assert "OTHER" not in data.soc_stock.attrs


def test_nodata_is_masked_before_scale_and_offset(tmp_path: Path, laziness: str) -> None:
    """-32767 * 0.1 + 5 would be a stock of -3271.7."""
    raw = np.where(np.isnan(STOCK), -32767, (STOCK - 5) * 10).astype("int16")
    path = write_tif(tmp_path / "soc_stock.tif", raw, nodata=-32767, scale=0.1, offset=5)
    check(open_data(path), laziness)


def test_south_up_geotiff(tmp_path: Path, laziness: str) -> None:
    south_up = Affine(2, 0, -3, 0, 2, 0)
    path = write_tif(tmp_path / "soc_stock.tif", STOCK[::-1], nodata=np.nan, transform=south_up)
    check(open_data(path), laziness)


def test_netcdf_with_lat_lon(tmp_path: Path, laziness: str) -> None:
    as_dataset().to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    check(open_data(tmp_path / "d.nc"), laziness)


def test_netcdf_3(tmp_path: Path, laziness: str) -> None:
    as_dataset().to_netcdf(tmp_path / "d.nc", engine="scipy")
    check(open_data(tmp_path / "d.nc"), laziness)


def test_packed_netcdf(tmp_path: Path, laziness: str) -> None:
    packing = {"dtype": "int16", "scale_factor": 0.1, "add_offset": 5.0, "_FillValue": -32767}
    as_dataset().to_netcdf(tmp_path / "d.nc", engine="h5netcdf", encoding={"soc_stock": packing})
    check(open_data(tmp_path / "d.nc"), laziness)


def test_netcdf_with_one_date(tmp_path: Path) -> None:
    dated = as_dataset().expand_dims(time=[2010])
    dated.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    check(open_data(tmp_path / "d.nc"), "eager")


def test_netcdf_with_its_grid_mapping_named_otherwise(tmp_path: Path, laziness: str) -> None:
    data = as_dataset().rename(lat="y", lon="x").rio.write_crs(4326, grid_mapping_name="crs")
    data.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    opened = open_data(tmp_path / "d.nc")
    check(opened, laziness)
    assert "crs" not in opened.variables


def test_longitudes_of_0_to_360_are_rolled(tmp_path: Path, laziness: str) -> None:
    """Four columns of 90 degrees from Greenwich: 1 2 | 3 4 becomes 3 4 | 1 2."""
    layer = xr.DataArray(
        np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype="float32"),
        dims=("lat", "lon"),
        coords={"lat": [45.0, -45.0], "lon": [45.0, 135.0, 225.0, 315.0]},
        attrs={"units": "t ha-1"},
    )
    layer.to_dataset(name="soc_stock").to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    data = open_data(tmp_path / "d.nc")
    assert data.x.values.tolist() == [-135, -45, 45, 135]
    assert data.soc_stock.values.tolist() == [[3, 4, 1, 2], [7, 8, 5, 6]]
    assert grid_of(data).wraps


def test_a_region_written_beyond_180_goes_west(tmp_path: Path) -> None:
    east = Affine(2, 0, 200, 0, -2, 4)
    data = open_data(write_tif(tmp_path / "soc_stock.tif", STOCK, nodata=np.nan, transform=east))
    assert data.x.values.tolist() == [-159, -157, -155]


def test_a_region_across_the_antimeridian_is_refused(tmp_path: Path) -> None:
    across = Affine(2, 0, 177, 0, -2, 4)
    path = write_tif(tmp_path / "soc_stock.tif", STOCK, transform=across)
    with pytest.raises(RasterError, match="antimeridian"):
        open_data(path)


def test_a_world_with_a_rounded_step_spans_the_world(tmp_path: Path, laziness: str) -> None:
    """0.0833333 for 1/12 leaves the last column 0.0001 degrees short: it would not wrap."""
    step = 9.9999
    world = np.ones((18, 36), dtype="float32")
    rounded = Affine(step, 0, -180, 0, -step, 90)
    data = open_data(write_tif(tmp_path / "soc_stock.tif", world, transform=rounded))
    assert grid_of(data).bounds == (-180, -90, 180, 90)
    assert grid_of(data).wraps


def test_a_folder_of_geotiffs(tmp_path: Path, laziness: str) -> None:
    write_tif(tmp_path / "soc_stock.tif", STOCK, nodata=np.nan)
    # Off by less than a thousandth of a cell: the same grid, though not the same numbers.
    nearly = Affine(2, 0, -3 + 1e-6, 0, -2, 4)
    share = np.full((2, 3), 0.5, dtype="float32")
    write_tif(tmp_path / "cropland_share.tif", share, "1", transform=nearly)
    tags = {"guidelines": "2019"}
    write_tif(tmp_path / "climate_zone.tif", zones(), None, nodata=0, tags=tags)
    (tmp_path / "soc_stock.tif.aux.xml").write_text("<PAMDataset/>")
    data = open_data(tmp_path)
    check(data, laziness)
    assert set(data.data_vars) == {"soc_stock", "cropland_share", "climate_zone"}
    assert data.cropland_share.values.tolist() == [[0.5] * 3] * 2
    assert data.climate_zone.dtype == "uint8"
    assert data.climate_zone.values.tolist() == [[1, 2, 12], [0, 5, 12]]
    assert data.climate_zone.attrs["guidelines"] == "2019"
    assert classes_of(data.climate_zone) == CLIMATE_ZONES


def test_a_geotiff_of_several_bands(tmp_path: Path, laziness: str) -> None:
    path = write_tif(
        tmp_path / "both.tif",
        [STOCK, STOCK + 1],
        nodata=np.nan,
        descriptions=["soc_stock", "soc_stock_reference"],
    )
    data = open_data(path)
    check(data, laziness)
    np.testing.assert_array_equal(data.soc_stock_reference.values, STOCK + 1)


def test_classes_of_another_numbering_are_matched_by_name(tmp_path: Path, laziness: str) -> None:
    """1 means tropical wet in this file, which is 10 here."""
    data = as_dataset()
    codes = np.array([[1.0, 2.0, np.nan], [0.0, 1.0, 2.0]])[::-1]
    data["climate_zone"] = data.soc_stock.copy(data=codes).assign_attrs(
        flag_values=np.array([1, 2], dtype="int8"),
        flag_meanings="tropical_wet polar_dry",
        guidelines=2019,
    )
    del data.climate_zone.attrs["units"]
    data.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    opened = open_data(tmp_path / "d.nc")
    assert opened.climate_zone.values.tolist() == [[10, 6, 0], [0, 10, 6]]
    assert classes_of(opened.climate_zone) == CLIMATE_ZONES


def test_a_projected_grid_without_epsg_code(tmp_path: Path) -> None:
    km = Affine(1000, 0, 0, 0, -1000, 0)
    path = write_tif(tmp_path / "soc_stock.tif", STOCK, nodata=np.nan, crs=AEQD, transform=km)
    data = open_data(path)
    assert data.rio.crs.is_projected
    assert data.y.values.tolist() == [-500, -1500]


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (1, 1)])
def test_a_single_row_or_column(tmp_path: Path, shape: tuple[int, int], laziness: str) -> None:
    part = STOCK[: shape[0], : shape[1]]
    data = open_data(write_tif(tmp_path / "soc_stock.tif", part, nodata=np.nan))
    np.testing.assert_array_equal(data.soc_stock.values, part)
    assert grid_of(data).bounds == (-3, 4 - 2 * shape[0], -3 + 2 * shape[1], 4)


def test_lazy_layers_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geotiff, "LAZY_CELLS", 0)
    data = open_data(write_tif(tmp_path / "soc_stock.tif", STOCK, nodata=np.nan))
    check(pickle.loads(pickle.dumps(data)), "lazy")


def test_blocks_of_a_tiled_file_land_in_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geotiff, "LAZY_CELLS", 0)
    monkeypatch.setattr(geotiff, "_CHUNK", 16)
    values = np.arange(50 * 70, dtype="float32").reshape(50, 70) / 10
    path = write_tif(
        tmp_path / "soc_stock.tif",
        values,
        tiled=True,
        blockxsize=16,
        blockysize=16,
        transform=Affine(0.5, 0, 0, 0, -0.5, 30),
    )
    data = open_data(path)
    assert len(data.soc_stock.chunks[0]) == 4
    np.testing.assert_array_equal(data.soc_stock.values, values)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("soc_stok", {}, "did you mean .*soc_stock"),
        ("soc_stock", {"unit": None}, "has no unit"),
        ("soc_stock", {"unit": "kg m-2"}, "'kg m-2', but 't ha-1'"),
        ("soc_stock", {"crs": None}, r"no coordinate reference system"),
        ("soc_stock", {"transform": Affine(2, 0.5, -3, 0.5, -2, 4)}, "rotated"),
        ("soc_stock", {"transform": Affine(2000, 0, -3, 0, -2000, 4)}, "claims degrees"),
        ("clay", {"unit": "%"}, "no 'soc_stock'"),
    ],
)
def test_a_geotiff_that_lacks_something(
    tmp_path: Path, name: str, options: dict[str, Any], said: str
) -> None:
    path = write_tif(tmp_path / f"{name}.tif", STOCK, **({"nodata": np.nan} | options))
    with pytest.raises(RasterError, match=said) as caught:
        open_data(path)
    assert "\n" not in str(caught.value)


def test_undeclared_nodata_is_refused(tmp_path: Path, laziness: str) -> None:
    raw = np.where(np.isnan(STOCK), -9999, STOCK).astype("int16")
    with pytest.raises(RasterError, match="-9999"):
        open_data(write_tif(tmp_path / "soc_stock.tif", raw)).compute()


@pytest.mark.parametrize(
    "nodata", [-1, -99, -999, -32767, -32768, -3.4e38, -3.3999999521443642e38, 1e20, -np.inf]
)
def test_customary_nodata_outside_the_range_is_refused(
    tmp_path: Path, nodata: float, laziness: str
) -> None:
    """-3.4e38, rounded, stands in public layers; nobody's stock is negative."""
    raw = np.where(np.isnan(STOCK), np.float32(nodata), STOCK).astype("float32")
    path = write_tif(tmp_path / "soc_stock.tif", raw)
    with pytest.raises(RasterError, match="looks like a nodata value") as caught:
        open_data(path).compute()
    assert f"{np.float32(nodata):g}" in str(caught.value)
    # What the message says to do works.
    command = re.search(r"rio (edit-info .*) FILE", str(caught.value))
    assert command
    rio(*shlex.split(command[1].split(" FILE")[0]), str(path))
    check(open_data(path), laziness)


def test_255_is_nodata_for_shares_only(tmp_path: Path, laziness: str) -> None:
    mask = np.where(np.isnan(STOCK), 255, 0.5).astype("float32")
    write_tif(tmp_path / "cropland_share.tif", mask, "1")
    write_tif(tmp_path / "soc_stock.tif", np.where(np.isnan(STOCK), 255, STOCK))
    with pytest.raises(RasterError, match="'cropland_share' holds 255"):
        open_data(tmp_path).compute()
    (tmp_path / "cropland_share.tif").unlink()
    assert float(open_data(tmp_path).soc_stock.max()) == 255


def test_customary_numbers_within_the_range_are_values(tmp_path: Path, laziness: str) -> None:
    """-1 degree is cold, not missing; and a change may well be -1."""
    write_tif(tmp_path / "mean_annual_temperature.tif", np.full((2, 3), -1, "int16"), "degC")
    write_tif(tmp_path / "modelled_change.tif", np.full((2, 3), -1, "int16"), "t ha-1 yr-1")
    data = open_layers(tmp_path).compute()
    assert data.mean_annual_temperature.values.tolist() == [[-1] * 3] * 2
    assert data.modelled_change.values.tolist() == [[-1] * 3] * 2
    write_tif(tmp_path / "modelled_change.tif", np.full((2, 3), -9999, "int16"), "t ha-1 yr-1")
    with pytest.raises(RasterError, match="'modelled_change' holds -9999"):
        open_layers(tmp_path).compute()


@pytest.mark.parametrize("given", ["t/ha", "Mg C ha-1", "tC/ha"])
@pytest.mark.parametrize("kind", ["GeoTIFF", "NetCDF"])
def test_a_unit_in_another_spelling(tmp_path: Path, kind: str, given: str, laziness: str) -> None:
    if kind == "GeoTIFF":
        path = write_tif(tmp_path / "soc_stock.tif", STOCK, given, nodata=np.nan)
    else:
        path = tmp_path / "d.nc"
        as_dataset(units=given).to_netcdf(path, engine="h5netcdf")
    check(open_data(path), laziness)


@pytest.mark.parametrize("kind", ["GeoTIFF", "NetCDF"])
def test_the_year_comes_from_the_name(tmp_path: Path, kind: str) -> None:
    if kind == "GeoTIFF":
        path = write_tif(tmp_path / "soc_stock_1990.tif", STOCK, nodata=np.nan)
    else:
        path = tmp_path / "d.nc"
        as_dataset().rename(soc_stock="soc_stock_1990").to_netcdf(path, engine="h5netcdf")
    assert open_layers(path).soc_stock_1990.attrs["year"] == 1990


def test_a_year_that_cannot_be(tmp_path: Path) -> None:
    as_dataset(year="2010.0").to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    assert open_data(tmp_path / "d.nc").soc_stock.attrs["year"] == 2010
    as_dataset(year="2006-2015").to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match="'2006-2015'; a year of up to four digits"):
        open_data(tmp_path / "d.nc")
    write_tif(tmp_path / "soc_stock_1990.tif", STOCK, nodata=np.nan, tags={"year": "2000"})
    with pytest.raises(RasterError, match="the year 2000, another than its name"):
        open_layers(tmp_path / "soc_stock_1990.tif")


@pytest.mark.parametrize(
    ("options", "lacking"),
    [({"unit": None}, "has no unit"), ({"crs": None}, "no coordinate reference system"), ({}, "")],
)
def test_what_a_message_says_to_do_mends_the_file(
    tmp_path: Path, options: dict[str, Any], lacking: str
) -> None:
    name, values = "soc_stock", STOCK
    if not lacking:
        name, values, lacking, options = "climate_zone", zones(), "guidelines", {"unit": None}
    path = write_tif(tmp_path / f"{name}.tif", values, **options)
    with pytest.raises(RasterError, match=lacking) as caught:
        open_layers(path)
    command = re.search(r"rio (edit-info .*?) FILE", str(caught.value))
    assert command
    rio(*shlex.split(command[1]), str(path))
    assert name in open_layers(path)


def test_values_out_of_range_are_kept(tmp_path: Path) -> None:
    """Flagged elsewhere, never clipped: 900 t/ha is odd, but no nodata value."""
    data = open_data(write_tif(tmp_path / "soc_stock.tif", np.full((2, 3), 900, "int16")))
    assert float(data.soc_stock.min()) == 900


@pytest.mark.parametrize("said", ["guidelines", "code 13"])
def test_climate_zones_that_cannot_be_told(tmp_path: Path, said: str, laziness: str) -> None:
    write_tif(tmp_path / "soc_stock.tif", STOCK, nodata=np.nan)
    tags = {} if said == "guidelines" else {"guidelines": "2006"}
    write_tif(tmp_path / "climate_zone.tif", zones() + (said != "guidelines"), None, tags=tags)
    with pytest.raises(RasterError, match=said):
        open_data(tmp_path).compute()


def test_unknown_guidelines(tmp_path: Path) -> None:
    write_tif(tmp_path / "climate_zone.tif", zones(), None, tags={"guidelines": "2013"})
    with pytest.raises(RasterError, match="2006 or 2019; it says '2013'"):
        open_data(tmp_path)


def test_bands_without_description(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="Band 1"):
        open_data(write_tif(tmp_path / "soc_stock.tif", [STOCK, STOCK]))


def test_one_name_twice(tmp_path: Path) -> None:
    write_tif(tmp_path / "soc_stock.tif", STOCK)
    write_tif(tmp_path / "soc.tif", STOCK, descriptions=["soc_stock"])
    with pytest.raises(RasterError, match="twice"):
        open_data(tmp_path)


@pytest.mark.parametrize(
    "other",
    [{"transform": Affine(2, 0, -1, 0, -2, 4)}, UTM, {"transform": Affine(1, 0, -3, 0, -1, 4)}],
    ids=["shifted", "other CRS", "finer"],
)
def test_two_grids(tmp_path: Path, other: dict[str, Any]) -> None:
    write_tif(tmp_path / "soc_stock.tif", STOCK, nodata=np.nan)
    write_tif(tmp_path / "soc_stock_reference.tif", STOCK, nodata=np.nan, **other)
    with pytest.raises(GridMismatchError, match="soc_stock_reference"):
        open_data(tmp_path)


@pytest.mark.parametrize("suffix", [".tif", ".nc"])
@pytest.mark.parametrize("content", [b"", b"no raster at all, only words" * 50])
def test_garbage(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"soc_stock{suffix}"
    path.write_bytes(content)
    with pytest.raises(RasterError, match="can't be read"):
        open_data(path)


def big_tif(path: Path) -> Path:
    values = np.random.default_rng(1).uniform(0, 100, (128, 128)).astype("float32")
    return write_tif(
        path,
        values,
        compress="deflate",
        tiled=True,
        blockxsize=32,
        blockysize=32,
        transform=Affine(0.5, 0, -30, 0, -0.5, 30),
    )


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
def test_truncated_geotiff(tmp_path: Path, kept: float, laziness: str) -> None:
    """Cut short, it is refused when opened, not in the midst of an analysis."""
    path = big_tif(tmp_path / "soc_stock.tif")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(RasterError, match="can't be read"):
        open_data(path)


def test_spoilt_block_of_a_geotiff(tmp_path: Path, laziness: str) -> None:
    path = big_tif(tmp_path / "soc_stock.tif")
    content = bytearray(path.read_bytes())
    content[30000:30400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(RasterError, match="can't be read"):
        open_data(path).compute()


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_netcdf(tmp_path: Path, engine: str, kept: float, laziness: str) -> None:
    path = tmp_path / "d.nc"
    as_dataset().to_netcdf(path, engine=engine)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(RasterError, match="can't be read"):
        open_data(path).compute()


def test_spoilt_chunk_of_a_netcdf(tmp_path: Path, laziness: str) -> None:
    values = np.random.default_rng(1).uniform(0, 100, (128, 128)).astype("float32")
    layer = xr.DataArray(
        values,
        dims=("lat", "lon"),
        coords={"lat": np.linspace(20, 10, 128), "lon": np.linspace(0, 10, 128)},
        attrs={"units": "t ha-1"},
    )
    path = tmp_path / "d.nc"
    packing = {"soc_stock": {"zlib": True}}
    layer.to_dataset(name="soc_stock").to_netcdf(path, engine="h5netcdf", encoding=packing)
    content = bytearray(path.read_bytes())
    content[-30000:-20000] = bytes(10000)
    path.write_bytes(content)
    with pytest.raises(RasterError, match="can't be read"):
        open_data(path).compute()


def test_netcdf_with_several_dates(tmp_path: Path, laziness: str) -> None:
    as_dataset().expand_dims(time=[1990, 2010]).to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match="2 steps along 'time'"):
        open_data(tmp_path / "d.nc")


def test_netcdf_without_crs_or_degrees(tmp_path: Path) -> None:
    data = as_dataset().rename(lat="y", lon="x")
    data.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match="no coordinate reference system"):
        open_data(tmp_path / "d.nc")


def test_netcdf_without_coordinates(tmp_path: Path) -> None:
    as_dataset().drop_vars("lat").to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match="no coordinates along 'lat'"):
        open_data(tmp_path / "d.nc")


def test_netcdf_with_an_unknown_name(tmp_path: Path) -> None:
    data = as_dataset()
    data["croplandshare"] = data.soc_stock
    data.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match="did you mean cropland_share"):
        open_data(tmp_path / "d.nc")


def test_netcdf_without_raster(tmp_path: Path) -> None:
    xr.Dataset({"a": ("n", [1, 2])}).to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match="no raster"):
        open_data(tmp_path / "d.nc")


@pytest.mark.parametrize("axis", ["lat", "lon"])
def test_netcdf_without_cells(tmp_path: Path, axis: str) -> None:
    as_dataset().isel({axis: slice(0, 0)}).to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match=f"'soc_stock' has no cells: '{axis}' has length 0"):
        open_data(tmp_path / "d.nc")


@pytest.mark.parametrize("which", ["folder", "GeoTIFF", "NetCDF", "file in a folder"])
def test_a_missing_permission_is_named(which: str, as_ordinary_user: Any) -> None:
    """A file that may not be read isn't damaged."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)  # pytest's own folders are closed to the user below
        tif = write_tif(folder / "soc_stock.tif", STOCK, nodata=np.nan)
        netcdf = folder / "d.nc"
        as_dataset().to_netcdf(netcdf, engine="h5netcdf")
        inner = folder / "inner"
        inner.mkdir()
        closed = {"folder": inner, "GeoTIFF": tif, "NetCDF": netcdf, "file in a folder": tif}[which]
        opened = folder if which == "file in a folder" else closed
        closed.chmod(0)
        try:
            with as_ordinary_user(), pytest.raises(RasterError) as caught:
                open_data(opened)
        finally:
            closed.chmod(0o755)
    assert f"no permission to read '{closed}'" in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_uneven_coordinates(tmp_path: Path) -> None:
    data = as_dataset().assign_coords(lon=[-2.0, 0.0, 5.0])
    data.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(RasterError, match="evenly"):
        open_data(tmp_path / "d.nc")


def test_nothing_there_or_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="no file or folder"):
        open_data(tmp_path / "absent.nc")
    with pytest.raises(RasterError, match="holds no GeoTIFF"):
        open_data(tmp_path)
    (tmp_path / "table.csv").write_text("a,b\n")
    with pytest.raises(RasterError, match="neither NetCDF"):
        open_data(tmp_path / "table.csv")


def test_the_packaged_sample_opens_like_any_file() -> None:
    from hotspots.ingest.sample import SAMPLE, sample

    opened, packaged = open_data(SAMPLE), sample()
    for name, layer in packaged.data_vars.items():
        np.testing.assert_array_equal(opened[name].values, layer.values, err_msg=str(name))
        assert opened[name].attrs["source"] == layer.attrs["source"]


def test_an_original_with_its_traps(shared: Path, tmp_path: Path) -> None:
    """The south-up zones of the reference data, given their name and guidelines by a copy."""
    original = shared / "data" / "global_0p5deg" / "ipcc_climate_zones_2019.tif"
    with rasterio.open(original) as file:
        codes = file.read(1)
        south_up = file.transform
    meanings = {
        "flag_values": " ".join(map(str, range(1, 13))),
        "flag_meanings": "tropical_montane tropical_wet tropical_moist tropical_dry"
        " warm_temperate_moist warm_temperate_dry cool_temperate_moist cool_temperate_dry"
        " boreal_moist boreal_dry polar_moist polar_dry",
        "guidelines": "2019",
    }
    write_tif(tmp_path / "climate_zone.tif", codes, None, transform=south_up, tags=meanings)
    stock = np.ones((360, 720), dtype="float32")
    world = Affine(0.5, 0, -180, 0, -0.5, 90)
    write_tif(tmp_path / "soc_stock.tif", stock, transform=world)
    from hotspots.ingest import sample

    np.testing.assert_array_equal(
        open_data(tmp_path).climate_zone.values, sample().climate_zone.values
    )
