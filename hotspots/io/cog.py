"""Writing GeoTIFFs: cloud-optimised ones of layers, and plain ones of any raster.

All files of rasters are created here. The same layer gives the same bytes for any number of
threads: no time stamp is written, and GDAL writes the tiles in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError, WriteError, deepest_reason
from hotspots.io.os_errors import quiet_libtiff
from hotspots.layers.crs import crs_text
from hotspots.layers.dimensions import labels_as_text
from hotspots.layers.grid import Grid, grid_of
from hotspots.layers.variables import class_nodata, classes_of

if TYPE_CHECKING:
    from rasterio.crs import CRS
    from rasterio.io import DatasetWriter

BLOCK = 512
DTYPES = ("float32", "uint8", "int8", "int16")
# Overviews (average or mode) are for display only; no result is computed from an overview.
OPTIONS: dict[str, str | int] = {
    "COMPRESS": "DEFLATE",
    "PREDICTOR": "YES",
    "BLOCKSIZE": BLOCK,
    "BIGTIFF": "IF_SAFER",
    "NUM_THREADS": "ALL_CPUS",
}
# Other options would change the bytes of every edition that is computed again.
_EDITION_OPTIONS: dict[str, str | int] = {
    "COMPRESS": "DEFLATE",
    "OVERVIEW_RESAMPLING": "NEAREST",
    "BLOCKSIZE": BLOCK,
}
_FLOAT_PREDICTOR, _INTEGER_PREDICTOR = 3, 2  # numbers of the TIFF format
# GDAL's default side of a tile.
_TILE = 256
# By default GDAL caches blocks in 5 % of the machine's memory; here blocks aren't read again.
_CACHE = 256 * 2**20
_OF_THE_STORE = ("sha256", "_FillValue")  # attributes that aren't written as tags


@dataclass(frozen=True)
class RasterForm:
    """What a raster file states about its cells.

    Attributes
    ----------
    transform : Affine
        From (column, row) to coordinates.
    shape : (int, int)
        Rows and columns.
    crs : str, rasterio.crs.CRS or None
        WKT, or authority and code; None for a file without one.
    dtype : str
        Data type of the stored numbers.
    nodata : float or None
        Stored number that means missing.
    count : int
        Bands.
    """

    transform: Affine
    shape: tuple[int, int]
    crs: str | CRS | None
    dtype: str
    nodata: float | None = None
    count: int = 1

    @classmethod
    def of_grid(cls, grid: Grid, dtype: str, nodata: float | None, count: int = 1) -> RasterForm:
        """Return the form of a raster on `grid`."""
        return cls(grid.transform, grid.shape, crs_text(grid.crs), dtype, nodata, count)


def _writable(transform: Affine) -> Affine:
    """Return a transform that GDAL writes: it leaves out one of cells of 1 from the origin.

    A file without it would lie nowhere. The origin is moved by far less than a nanometre.
    """
    if (transform.c, transform.f, transform.a, abs(transform.e)) == (0, 0, 1, 1):
        return Affine(transform.a, 0, 1e-15, 0, transform.e, transform.f)
    return transform


def new_geotiff(
    path: str | Path,
    form: RasterForm,
    *,
    tile: int = _TILE,
    compress: bool = True,
    predict: bool = False,
) -> DatasetWriter:
    """Create a tiled GeoTIFF without overviews; return it open for writing.

    Parameters
    ----------
    path : path
        The file; an existing one is replaced.
    form : RasterForm
        Grid, CRS, data type, nodata and bands.
    tile : int
        Side of a tile, a multiple of 16.
    compress : bool
        By DEFLATE.
    predict : bool
        Store differences of neighbouring cells, which compress better.

    Raises
    ------
    rasterio.errors.RasterioError
        The file can't be created.
    """
    import rasterio

    options: dict[str, str | int] = {"compress": "DEFLATE"} if compress else {}
    if predict:
        is_float = np.dtype(form.dtype).kind == "f"
        options["predictor"] = _FLOAT_PREDICTOR if is_float else _INTEGER_PREDICTOR
    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=form.shape[1],
        height=form.shape[0],
        count=form.count,
        dtype=form.dtype,
        crs=form.crs,
        transform=_writable(form.transform),
        nodata=form.nodata,
        tiled=True,
        blockxsize=tile,
        blockysize=tile,
        # The compressed size isn't known in advance, and a plain TIFF ends at 4 GB.
        BIGTIFF="IF_SAFER",
        **options,
    )


def write_cog(
    layer: xr.DataArray,
    path: str | Path,
    *,
    named: str = "",
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write a layer as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    layer : DataArray
        Dimensions (y, x), preceded by a third one where its variable has it (it becomes bands);
        regular coordinates and a CRS; one of `DTYPES`. Missing values are NaN; for classes the code
        that their legend leaves free; else ``attrs["_FillValue"]``. May be dask-backed: it is
        computed in strips of whole tiles.
    path : path
        The file; a temporary ``.plain.tif`` is written beside it. The caller renames the file into
        place.
    named : str, optional
        Name of the output in error messages: "The store 'x'"; the file by default.
    on_progress : callable, optional
        Called with the fraction that is done, 0 to 1.

    Raises
    ------
    RasterError
        Another data type.
    WriteError
        The disk is full or fails; nothing of the file is left.
    """
    import rasterio.shutil
    from rasterio._err import CPLE_BaseError  # what closing a file on a full disk raises

    path = Path(path)
    if str(layer.dtype) not in DTYPES:
        raise RasterError(
            f"Layer '{layer.name}' is of type {layer.dtype}; a layer is written as one of"
            f" {', '.join(DTYPES)}. Convert it first."
        )
    plain = path.with_name(f".{path.stem.removeprefix('.')}.plain.tif")
    method = "MODE" if classes_of(layer) is not None else "AVERAGE"
    said: list[str] = []
    try:
        with rasterio.Env(GDAL_CACHEMAX=_CACHE), quiet_libtiff() as said:
            _write_plain(layer, plain, on_progress or _no_progress)
            rasterio.shutil.copy(plain, path, driver="COG", OVERVIEW_RESAMPLING=method, **OPTIONS)
    except (rasterio.errors.RasterioError, CPLE_BaseError) as error:
        path.unlink(missing_ok=True)  # free the space on a full disk
        reason = said[0].split(": ")[-1].rstrip(".") if said else deepest_reason(error)
        place = named or f"'{path}'"
        raise WriteError(
            f"{place} can't be written ({reason}). Free some space or give another place; nothing"
            " was left half-written."
        ) from error
    finally:
        plain.unlink(missing_ok=True)
    (on_progress or _no_progress)(1.0)


def edition_cog(layer: xr.DataArray) -> bytes:
    """Return a layer of an edition as the bytes of a cloud-optimised GeoTIFF.

    Made in memory, because on a full disk GDAL may leave a truncated file without an error.

    Parameters
    ----------
    layer : DataArray
        Dimensions (y, x), with a CRS. Quantities are written as float32 with NaN for missing;
        classes as uint8 with 0, or as int8 with -128 if a code is negative.
    """
    import rasterio

    grid = grid_of(layer)
    classes = classes_of(layer)
    options, dtype, missing = dict(_EDITION_OPTIONS), "float32", float("nan")
    if classes is None:
        options["PREDICTOR"] = _FLOAT_PREDICTOR
    else:
        dtype, missing = ("int8", -128) if min(classes, default=0) < 0 else ("uint8", 0)
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="COG",
            width=grid.shape[1],
            height=grid.shape[0],
            count=1,
            dtype=dtype,
            nodata=missing,
            crs=grid.crs.to_wkt(),
            transform=_writable(grid.transform),
            **options,
        ) as out:
            out.write(np.asarray(layer.values, dtype=dtype), 1)
            out.update_tags(
                **{k: str(v) for k, v in layer.attrs.items() if not k.startswith("flag_")}
            )
            out.set_band_description(1, str(layer.name))
        return bytes(memory.getbuffer())


def tags(layer: xr.DataArray) -> dict[str, str]:
    """Return the attributes of a layer as GeoTIFF tags, with its name and dimension labels."""
    out = {"variable": str(layer.name)}
    for key, value in layer.attrs.items():
        if key in _OF_THE_STORE:
            continue
        text = " ".join(map(str, value)) if isinstance(value, list | tuple | np.ndarray) else value
        out[str(key)] = str(text)
    return out | labels_as_text(layer)


def nodata(layer: xr.DataArray) -> float | None:
    """Return the nodata value of a layer's file, or None."""
    if layer.dtype.kind == "f":
        return float("nan")
    classes = classes_of(layer)
    if classes is not None:
        return class_nodata(classes)
    return layer.attrs.get("_FillValue")


def _write_plain(layer: xr.DataArray, path: Path, report: Callable[[float], None]) -> None:
    """Write a layer as a GeoTIFF without overviews, computing it strip by strip."""
    grid = grid_of(layer)
    rows, columns = grid.shape
    bands = list(range(1, int(np.prod(layer.shape[:-2])) + 1))
    form = RasterForm.of_grid(grid, str(layer.dtype), nodata(layer), len(bands))
    # Uncompressed: it is read back at once to make the final file, and then deleted.
    with new_geotiff(path, form, tile=BLOCK, compress=False) as file:
        for top in range(0, rows, BLOCK):
            strip = layer.isel(y=slice(top, top + BLOCK)).values
            strip = strip.reshape(len(bands), -1, columns)
            file.write(strip, bands, window=((top, top + strip.shape[1]), (0, columns)))
            # The copy to the final form is the other half of the work.
            report(0.5 * min(top + BLOCK, rows) / rows)
        for band in bands:
            file.set_band_description(band, str(layer.name))
            if layer.attrs.get("units"):
                file.set_band_unit(band, str(layer.attrs["units"]))
        file.update_tags(**tags(layer))


def _no_progress(share: float) -> None:
    pass
