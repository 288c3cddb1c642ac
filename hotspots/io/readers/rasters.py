"""Opening rasters with GDAL, each by the driver of its format only, and never over the network.

By default GDAL tries all its drivers, whatever the file's suffix: a virtual raster named ``x.tif``
would reach other files and servers. A GeoTIFF can itself refer to a file of overviews or of
coordinates anywhere, which is refused. Sidecar files with masks, coordinates and tags, as GIS
programs write them, are used if they are regular files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree

import numpy as np

from hotspots.errors import BadInputError, RasterError
from hotspots.io.limits import require_within
from hotspots.io.readers.hdf5 import require_sound_netcdf
from hotspots.io.readers.paths import CLOSED, first_bytes, plain_path, require_beside
from hotspots.io.readers.zarr_store import require_sound_zarr

if TYPE_CHECKING:
    import xarray as xr

# TIFF and BigTIFF, each in both byte orders.
_TIFF_BEGINS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# Overviews and masks are TIFFs themselves; statistics and tags are XML.
_BESIDE_TIFF = ((".ovr", ".msk", ".msk.ovr"), (".aux.xml",))
# Georeferencing and metadata that GDAL looks for by the file's stem.
_WORLD = (".tfw", ".tifw", ".tiffw", ".wld", ".tab", ".aux", ".xml")
# Tags by which a raster refers to other files.
_LEADS_OUT = {"OVERVIEWS": "OVERVIEW_FILE", "GEOLOCATION": "X_DATASET"}
# All XML elements that `ingest.access.mosaic` writes.
_OF_A_MOSAIC = frozenset(
    {
        "VRTDataset",
        "SRS",
        "GeoTransform",
        "Metadata",
        "MDI",
        "VRTRasterBand",
        "NoDataValue",
        "Offset",
        "Scale",
        "SimpleSource",
        "ComplexSource",
        "SourceFilename",
        "OpenOptions",
        "OOI",
        "SourceBand",
        "SourceProperties",
        "SrcRect",
        "DstRect",
        "NODATA",
    }
)


@contextmanager
def geotiff(path: str | Path) -> Iterator[Any]:
    """Hold a GeoTIFF open with rasterio.

    Raises
    ------
    BadInputError
        The file is missing or not a regular file, or a sidecar file isn't; it refers to other
        files; it has more bands or blocks, or larger blocks, than the limits allow.
    rasterio.errors.RasterioError
        It isn't a GeoTIFF, or is damaged.
    """
    file = plain_path(path)
    _require_plain_beside(file)
    with _opened(str(file), "GTiff", str(path)) as opened:
        _require_self_contained(opened, str(path))
        yield opened


def lazy_geotiff(path: str | Path, chunk: int = 2048) -> xr.DataArray:
    """Return a GeoTIFF as rioxarray reads it, in dask chunks; raises as `geotiff` does.

    References to other files are checked once, here; the chunks are then read by the same driver.
    """
    import rioxarray

    with geotiff(path):
        pass
    chunks = {"x": chunk, "y": chunk}
    raw = rioxarray.open_rasterio(plain_path(path), chunks=chunks, driver="GTiff")
    return cast("xr.DataArray", raw)


@contextmanager
def netcdf(path: str | Path, variable: str = "") -> Iterator[Any]:
    """Hold a NetCDF file, or one variable of it, open with rasterio; raises as `geotiff` does."""
    file = plain_path(path)
    require_sound_netcdf(file)
    require_beside(file, (f"{file.name}.aux.xml",))
    name = _quoted("NETCDF", file, variable)
    with _opened(f"{name}:{variable}" if variable else name, "netCDF", str(path)) as opened:
        yield opened


@contextmanager
def zarr(path: str | Path, variable: str = "") -> Iterator[Any]:
    """Hold a Zarr store, or one variable of it, open with rasterio; raises as `geotiff` does."""
    folder = require_sound_zarr(path)
    name = _quoted("ZARR", folder, variable)
    # The consolidated metadata weren't checked, so they aren't used.
    options = {"USE_ZMETADATA": "NO"}
    name = f"{name}:/{variable}" if variable else name
    with _opened(name, "Zarr", str(path), **options) as opened:
        yield opened


@contextmanager
def mosaic(path: str | Path) -> Iterator[Any]:
    """Hold a mosaic that `ingest.access.mosaic` wrote open; raises as `geotiff` does."""
    file = plain_path(path)
    _require_mosaic(file)
    with _opened(str(file), "VRT", str(path)) as opened:
        yield opened


def container_of(name: str) -> tuple[str, Path, str]:
    """Return driver ("NETCDF", "ZARR" or ""), file and variable of a raster's name for GDAL."""
    for driver in ("NETCDF", "ZARR"):
        if name.startswith(f'{driver}:"'):
            path, _, variable = name.removeprefix(f'{driver}:"').rpartition('":')
            return driver, Path(path), variable.removeprefix("/")
    return "", Path(name), ""


@contextmanager
def raster(name: str) -> Iterator[Any]:
    """Hold a raster open by its name in `ingest`; raises as `geotiff` does.

    Parameters
    ----------
    name : str
        A GeoTIFF, a mosaic (``.vrt``), a Zarr store, ``NETCDF:"f.nc":var`` or
        ``ZARR:"f.zarr":/var``.
    """
    driver, path, variable = container_of(name)
    if driver == "NETCDF" or path.suffix.lower() in (".nc", ".nc4"):
        way = netcdf(path, variable)
    elif driver == "ZARR" or path.is_dir():
        way = zarr(path, variable)
    else:
        way = mosaic(path) if path.suffix.lower() == ".vrt" else geotiff(path)
    with way as opened:
        yield opened


@contextmanager
def _opened(name: str, driver: str, shown: str, **options: Any) -> Iterator[Any]:
    import rasterio

    with _readable_tags(shown), rasterio.Env(**CLOSED):
        with warnings.catch_warnings():
            # A container has no grid, only its variables do; callers that need a grid raise.
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            # Handles aren't shared, because dask reads chunks in several threads.
            opened = rasterio.open(name, driver=driver, sharing=False, **options)
        with opened:
            # A container of several variables has no bands of its own.
            if opened.count:
                _require_limits(opened, shown)
            yield opened


@contextmanager
def _readable_tags(shown: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise RasterError(
            f"'{shown}' has tags that aren't text in UTF-8; it may be damaged. Fetch or write it"
            " again."
        ) from error


def _require_limits(opened: Any, shown: str) -> None:
    is_mixed = "pixel" in str(opened.profile.get("interleave", "")).lower()
    rows, columns = opened.block_shapes[0]
    cell = max(np.dtype(_plain(kind)).itemsize for kind in set(opened.dtypes))
    # A block of a pixel-interleaved file holds the cells of all bands.
    block = rows * columns * cell * (opened.count if is_mixed else 1)
    blocks = -(-opened.height // rows) * -(-opened.width // columns)
    again = "write it again in tiles (gdal_translate -co TILED=YES)"
    require_within(f"'{shown}' has", opened.count, "raster_bands", "keep the bands that you need")
    require_within(f"'{shown}' has", blocks, "raster_blocks", again)
    require_within(f"A tile or strip of '{shown}' has", block, "block_bytes", again)


def _plain(kind: str) -> str:
    # numpy has nothing like GDAL's CInt16; complex64 is larger, so the limit stays safe.
    return {"complex_int16": "complex64"}.get(kind, kind)


def _require_plain_beside(file: Path) -> None:
    rasters, texts = _BESIDE_TIFF
    require_beside(file, tuple(f"{file.name}{end}" for end in rasters), _TIFF_BEGINS)
    beside = [f"{file.name}{end}" for end in texts] + [f"{file.stem}{end}" for end in _WORLD]
    require_beside(file, tuple(beside))


def _require_self_contained(opened: Any, shown: str) -> None:
    for domain, key in _LEADS_OUT.items():
        if key in opened.tags(ns=domain):
            raise BadInputError(
                f"'{shown}' names another file to be read with it ({key}). Write it again as one"
                " file: gdal_translate -co COPY_SRC_OVERVIEWS=NO."
            )


def _require_mosaic(file: Path) -> None:
    """Raise `BadInputError` unless a VRT is a plain mosaic of GeoTIFFs on the disk."""
    try:
        elements = list(ElementTree.parse(file).iter())
    except (ElementTree.ParseError, OSError, ValueError):
        elements = []
    if not elements or {element.tag for element in elements} - _OF_A_MOSAIC:
        raise BadInputError(f"'{file.name}' isn't a mosaic of this program. Fetch it again.")
    for element in elements:
        if element.tag == "SourceFilename":
            part = plain_path(file.parent / (element.text or ""))
            _require_plain_beside(part)
            if not first_bytes(part, 4).startswith(_TIFF_BEGINS):
                raise BadInputError(f"'{part.name}' of a mosaic isn't a GeoTIFF. Fetch it again.")


def _quoted(driver: str, file: Path, variable: str) -> str:
    if '"' in str(file) or '"' in variable:
        raise BadInputError(f"'{file.name}' has a double quote in its path. Rename it.")
    return f'{driver}:"{file}"'
