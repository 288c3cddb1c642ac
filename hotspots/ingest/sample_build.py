"""A world Dataset of canonical variables, computed from the openly licensed originals.

``sample/originals.toml`` describes the originals; this module holds the arithmetic. Five arc-minute
rasters are reduced to area-weighted block means, so that area x valid_share x mean preserves every
world total (classes: the class with the largest land area); half-degree data are used unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import numpy as np
import numpy.typing as npt
import pyproj
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError, deepest_reason
from hotspots.ingest.regrid.source_raster import Numbers
from hotspots.io.atomic import file_hash
from hotspots.io.readers.netcdf import open_netcdf
from hotspots.io.readers.rasters import geotiff
from hotspots.io.readers.texts import parse_toml, read_text
from hotspots.layers.grid import M2_PER_HA, Grid, row_area_ha
from hotspots.layers.legends import zones_to_jrc
from hotspots.layers.rounding import to_step
from hotspots.layers.variables import describe, variable

Array = npt.NDArray[np.float64]

CATALOGUE = Path(__file__).parent / "sample" / "originals.toml"
FINEST = 12  # cells per degree of the stock maps
COARSEST = 2  # cells per degree of land use and climate
ERROR_DEPTH_M = 0.3  # kg m-3 times this are the kg m-2 of the upper 30 cm
T_HA_PER_KG_M2 = 10.0
MISSING_U16, MISSING_I16 = 65535, -32768
_PASSED_ON = ("year", "period", "depth_cm", "guidelines", "support", "method")


class Original(TypedDict):
    """A file of the originals, on a world grid; `time` is a value of its time axis."""

    file: str
    sha256: str
    data_set: str
    cells_per_degree: int
    nodata: float
    scale: float
    variable: NotRequired[str]
    time: NotRequired[float]
    legend: NotRequired[str]


class DataSet(TypedDict):
    """Where originals come from."""

    source: str
    url: str
    citation: str
    licence: str
    doi: NotRequired[str]


class SampleVariable(TypedDict):
    """A variable of the sample: its originals, the step of its values, further attributes."""

    originals: list[str]
    step: float
    year: NotRequired[int]
    period: NotRequired[str]
    depth_cm: NotRequired[str]
    guidelines: NotRequired[str]
    support: NotRequired[str]
    method: NotRequired[str]


class SampleCatalogue(TypedDict):
    """The content of ``originals.toml``."""

    originals: dict[str, Original]
    data_sets: dict[str, DataSet]
    variables: dict[str, SampleVariable]
    world: dict[str, str]


@cache
def catalogue(path: Path = CATALOGUE) -> SampleCatalogue:
    """Return the originals, data sets and variables of the sample described in `path` (TOML)."""
    return cast("SampleCatalogue", parse_toml(read_text(path, "toml_bytes")))


def world_grid(cells_per_degree: int) -> Grid:
    """Return the EPSG:4326 grid of the whole world, north up, from 180 W."""
    step = 1 / cells_per_degree
    shape = (180 * cells_per_degree, 360 * cells_per_degree)
    return Grid(Affine(step, 0, -180, 0, -step, 90), shape, pyproj.CRS.from_epsg(4326))


def build_world(source_dir: str | Path, cells_per_degree: int = 2) -> xr.Dataset:
    """Compute the world of canonical variables from the originals.

    Parameters
    ----------
    source_dir : path
        Folder that holds the files of ``sample/originals.toml`` under the paths given there.
    cells_per_degree : int
        2 (0.5 degrees, the packaged sample), 4, 6 or 12 (5 arc-minutes, about 10 km: the stock
        maps unchanged, with the half-degree layers repeated over their cells).

    Returns
    -------
    Dataset
        Dimensions (y, x), y descending, EPSG:4326; quantities float32 with NaN for missing,
        the climate zones uint8 with 0 for missing; ``valid_share`` is 0 (never missing) where no
        soil carbon is mapped. Values are rounded to the steps of ``originals.toml``.

    Raises
    ------
    RasterError
        An original is absent, unreadable, on another grid, or not the file described.

    Notes
    -----
    All sums run in float64. Gross loss and gain are formed cell by cell of the originals before
    they are averaged, because they would cancel within a coarser cell. The originals give shares of
    land use per area of the *cell*; here they are per area of its soil-covered land, so that area x
    valid_share x share gives the original hectares.
    """
    if cells_per_degree not in (2, 4, 6, 12):
        raise RasterError(
            f"A world of {cells_per_degree} cells per degree can't be built: 2, 4, 6 or 12 can."
        )
    originals = _Originals(Path(source_dir), cells_per_degree)
    layers, soil = _stocks(originals)
    layers |= _error(originals) | _climate(originals, soil)
    layers |= _land_use(originals, soil, on_soil=layers["valid_share"] > 0)
    return _dataset(layers, cells_per_degree)


def block_sum(values: Array, factor: int) -> Array:
    """Return the sums over blocks of factor x factor cells; `values` is (rows, columns)."""
    rows, columns = values.shape
    blocks = values.reshape(rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.sum(axis=(1, 3)))


def block_mean(values: Array, row_area: Array, factor: int) -> tuple[Array, Array]:
    """Return the area-weighted mean of the valid cells of each block, and their share of its area.

    Parameters
    ----------
    values : array (rows, columns)
        NaN is missing; rows and columns are multiples of `factor`.
    row_area : array (rows,)
        Area of one cell of each row.

    Returns
    -------
    mean, share : arrays (rows / factor, columns / factor)
        Mean is NaN where share is 0, so that sum(area x share x mean) is the sum over `values`.
    """
    area = np.broadcast_to(row_area[:, None], values.shape)
    valid = np.isfinite(values)
    weight = block_sum(np.where(valid, area, 0.0), factor)
    total = block_sum(np.where(valid, values * area, 0.0), factor)
    mean = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
    return mean, weight / block_sum(np.array(area), factor)


def block_majority(codes: Numbers, row_area: Array, factor: int) -> npt.NDArray[np.uint8]:
    """Return the class that covers most area of each block of factor x factor cells.

    Parameters
    ----------
    codes : array of int (rows, columns)
        Class codes 1-255; 0 is missing and doesn't count.
    row_area : array (rows,)
        Area of one cell of each row.

    Returns
    -------
    array of uint8 (rows / factor, columns / factor)
        0 where a block has no class; the lower code where two areas are equal.
    """
    area = np.broadcast_to(row_area[:, None], codes.shape)
    best: npt.NDArray[np.uint8] | None = None
    for code in sorted(set(np.unique(codes).tolist()) - {0}):
        # Whole square metres, so that equal areas are equal whatever the order of summation.
        covered = np.rint(block_sum(np.where(codes == code, area, 0.0), factor) * M2_PER_HA)
        if best is None:
            best, most = np.zeros(covered.shape, dtype="uint8"), np.zeros_like(covered)
        best = np.where(covered > most, np.uint8(code), best)
        most = np.maximum(most, covered)
    rows, columns = codes.shape
    return np.zeros((rows // factor, columns // factor), dtype="uint8") if best is None else best


class _Originals:
    """The originals in one folder, read on demand as arrays on the requested world grid."""

    def __init__(self, folder: Path, cells_per_degree: int) -> None:
        self.folder = folder
        self.cells_per_degree = cells_per_degree
        self._rows = catalogue()["originals"]

    def row(self, key: str) -> Original:
        return self._rows[key]

    def stored(self, key: str) -> Array:
        """Return an original on its own grid, north up, NaN for missing, in its stated unit."""
        row = self.row(key)
        path = self.folder / row["file"]
        if not path.is_file():
            raise RasterError(
                f"The original '{row['file']}' is not in '{self.folder}'. Give the folder that"
                " holds the files listed by hotspots/ingest/sample/originals.toml."
            )
        if file_hash(path) != row["sha256"]:
            raise RasterError(
                f"'{row['file']}' is not the file that originals.toml describes (its SHA-256"
                " differs), so its unit and nodata can't be trusted. Take the version named there."
            )
        read = _read_tif if path.suffix == ".tif" else _read_netcdf
        stored = read(path, row)
        expected = world_grid(row["cells_per_degree"]).shape
        if stored.shape != expected:
            raise RasterError(f"'{row['file']}' has {stored.shape} cells, not {expected}.")
        return np.where(stored == row["nodata"], np.nan, stored * row["scale"])

    def coarsened(self, values: Array) -> tuple[Array, Array]:
        """Return (block mean, share) of a 5-arc-minute array on the requested grid."""
        row_area = row_area_ha(world_grid(FINEST))
        return block_mean(values, row_area, FINEST // self.cells_per_degree)

    def majority(self, codes: Numbers) -> npt.NDArray[np.uint8]:
        """Return the class with the largest land area per cell of the requested grid."""
        row_area = row_area_ha(world_grid(FINEST))
        return block_majority(codes, row_area, FINEST // self.cells_per_degree)

    def zones(self, key: str) -> npt.NDArray[np.uint8]:
        """Return an original of climate zones on its own grid, in the JRC numbering."""
        codes = np.nan_to_num(self.stored(key), nan=0).astype("int16")
        return zones_to_jrc(codes, self.row(key)["legend"])

    def carried(self, values: Numbers) -> Numbers:
        """Return a half-degree array with each cell repeated over the cells it covers."""
        n = self.cells_per_degree // COARSEST
        return values.repeat(n, axis=0).repeat(n, axis=1)


def _read_tif(path: Path, row: Original) -> Array:
    import rasterio

    try:
        with geotiff(path) as file:
            stored = file.read(1).astype("float64")
            south_up = file.transform.e > 0
    except rasterio.errors.RasterioError as error:
        raise RasterError(
            f"'{path}' can't be read as a GeoTIFF: {deepest_reason(error)}."
        ) from error
    return np.asarray(stored[::-1] if south_up else stored)


def _read_netcdf(path: Path, row: Original) -> Array:
    # Undecoded, since nodata and scale are those of the catalogue.
    with open_netcdf(path, decode_cf=False) as file:
        layer = file[row["variable"]]
        if "time" in row:
            layer = layer.isel(time=file["time"].values.tolist().index(row["time"]))
        stored = layer.transpose("lat", "lon").values
        south_up = file["lat"].values[0] < file["lat"].values[-1]
    # 1e20 in the catalogue is the float32 next to it in the file.
    stored = np.where(
        stored == stored.dtype.type(row["nodata"]), row["nodata"], stored.astype("float64")
    )
    return np.asarray(stored[::-1] if south_up else stored)


def _stocks(originals: _Originals) -> tuple[dict[str, Array], Array]:
    """Return the stocks with valid_share, and 1 or NaN for each 5-arc-minute cell with soil."""
    layers: dict[str, Array] = {}
    soil: Array | None = None
    maps: dict[str, Array] = {}
    for name in ("soc_stock", "soc_stock_1990", "soc_stock_reference"):
        (key,) = catalogue()["variables"][name]["originals"]
        stored = maps[name] = originals.stored(key)
        layers[name], layers["valid_share"] = originals.coarsened(stored)
        here = np.where(np.isfinite(stored), 1.0, np.nan)
        if soil is not None and not np.array_equal(here, soil, equal_nan=True):
            raise RasterError(
                f"'{key}' covers other cells than the stock of 2010; one valid_share won't do."
            )
        soil = here
    assert soil is not None
    return layers | _gross_change(originals, maps["soc_stock_1990"], maps["soc_stock"]), soil


def _gross_change(originals: _Originals, start: Array, end: Array) -> dict[str, Array]:
    of = catalogue()["variables"]
    rate = (end - start) / (of["soc_stock"]["year"] - of["soc_stock_1990"]["year"])
    parts = {"modelled_gross_loss": -rate, "modelled_gross_gain": rate}
    return {n: originals.coarsened(np.maximum(part, 0.0))[0] for n, part in parts.items()}


def _error(originals: _Originals) -> dict[str, Array]:
    top, bottom = (originals.stored(f"density_error_{depth}cm") for depth in (0, 30))
    # Errors of both depths fully correlated: the error of the mean is the mean of the errors.
    mean, share = originals.coarsened((top + bottom) / 2 * ERROR_DEPTH_M * T_HA_PER_KG_M2)
    return {"soc_stock_error": mean, "soc_stock_error_valid_share": share}


def _land_use(
    originals: _Originals, soil: Array, on_soil: npt.NDArray[np.bool_]
) -> dict[str, Array]:
    # Divided by the half-degree share even on a finer grid: the fractions are of that cell.
    _, share = block_mean(soil, row_area_ha(world_grid(FINEST)), FINEST // COARSEST)
    land = np.where(share > 0, share, np.nan)
    # The land-use map has a coast of its own: its shares of a cell may exceed the soil's.
    cropland = np.minimum(originals.stored("cropland_2005") / land, 1.0)
    # Rounded before pasture is limited, so that the stored shares don't exceed 1 together.
    cropland = _rounded(cropland, "cropland_share")
    pasture = np.minimum(originals.stored("pasture_2005") / land, 1.0 - cropland)
    return {
        "cropland_share": np.where(on_soil, originals.carried(cropland), np.nan),
        "pasture_share": np.where(on_soil, originals.carried(pasture), np.nan),
    }


def _climate(originals: _Originals, soil: Array) -> dict[str, Numbers]:
    # The zones of 2006 extend over the sea: cells without soil must not count in the majority.
    zones_2006 = np.where(np.isfinite(soil), originals.zones("zones_2006"), 0)
    return {
        "climate_zone": originals.carried(originals.zones("zones_2019")),
        "climate_zone_2006": originals.majority(zones_2006),
        "mean_annual_temperature": originals.carried(originals.stored("temperature_2005")),
        "annual_precipitation": originals.carried(originals.stored("precipitation_2005")),
    }


def _rounded(values: Array, name: str) -> Array:
    step = catalogue()["variables"][name]["step"]
    return to_step(values, step)


def _dataset(layers: Mapping[str, Numbers], cells_per_degree: int) -> xr.Dataset:
    grid = world_grid(cells_per_degree)
    out = xr.Dataset(coords={"y": ("y", grid.y), "x": ("x", grid.x)})
    for name, row in catalogue()["variables"].items():
        values = layers[name]
        if variable(name).classes is None:
            values = _rounded(values, name).astype("float32")
        layer = xr.DataArray(values, dims=("y", "x"))
        out[name] = describe(layer, name, **_provenance(row))
    out.attrs = _global_attrs(cells_per_degree)
    out["y"].attrs = {"units": "degrees_north", "standard_name": "latitude"}
    out["x"].attrs = {"units": "degrees_east", "standard_name": "longitude"}
    placed: xr.Dataset = out.rio.write_crs(4326).rio.write_transform(grid.transform)
    return placed


def _provenance(row: SampleVariable) -> dict[str, object]:
    """Return the attributes of a variable that state its origin."""
    described = catalogue()
    rows = [described["originals"][key] for key in row["originals"]]
    data_set = described["data_sets"][rows[0]["data_set"]]
    files = ", ".join(dict.fromkeys(Path(r["file"]).name for r in rows))
    attributes: Mapping[str, object] = row
    return {
        "source": f"{data_set['source']}: {files}",
        "url": data_set["url"],
        **({"doi": data_set["doi"]} if "doi" in data_set else {}),
        "citation": data_set["citation"],
        "licence": data_set["licence"],
    } | {key: attributes[key] for key in _PASSED_ON if key in attributes}


def _global_attrs(cells_per_degree: int) -> dict[str, str]:
    world = catalogue()["world"]
    return {
        "Conventions": "CF-1.11",
        "title": f"{world['title']}, {60 // cells_per_degree} arc-minutes",
        "licence": world["licence"],
        "caveat": world["caveat"],
    }


def write_sample(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a world of `build_world` as packed NetCDF-4, aside and then renamed into place.

    Quantities become 16-bit integers of the steps in ``originals.toml`` (`build_world` rounded
    to, so nothing is lost), deflated. No clock enters the file: the same world gives the same
    bytes with the same libraries. Any NetCDF-4 reader opens it.
    """
    path = Path(path)
    encoding = {str(name): _packing(str(name), dataset) for name in dataset.data_vars}
    encoding |= {axis: {"_FillValue": None, "dtype": "float64"} for axis in ("y", "x")}
    # With the process's number, so that two builds don't write to one file.
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        dataset.to_netcdf(aside, engine="h5netcdf", format="NETCDF4", encoding=encoding)
        os.replace(aside, path)
    except OSError as error:
        raise RasterError(f"'{path}' can't be written: {error.strerror or error}.") from error
    finally:
        aside.unlink(missing_ok=True)
    return path


def _packing(name: str, dataset: xr.Dataset) -> dict[str, object]:
    common: dict[str, object] = {
        "zlib": True,
        "complevel": 9,
        "shuffle": True,
        "chunksizes": tuple(min(n, 720) for n in dataset[name].shape),
        "grid_mapping": "spatial_ref",
    }
    if variable(name).classes is not None:
        # With a _FillValue, xarray would turn the codes into floats.
        return common | {"dtype": "uint8", "_FillValue": None}
    signed = variable(name).low < 0
    return common | {
        "dtype": "int16" if signed else "uint16",
        "_FillValue": np.array(MISSING_I16 if signed else MISSING_U16).item(),
        "scale_factor": catalogue()["variables"][name]["step"],
    }
