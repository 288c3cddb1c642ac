"""Reading a user's file according to its format: the raster in it, and its metadata.

GeoTIFF, NetCDF and Zarr (version 2) are read by GDAL in place. Zarr version 3, tables and polygons
are first converted to a plain GeoTIFF, strip by strip.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.errors import RasterError
from hotspots.ingest.user_files.source import DEGREES, Selection, UserRaster, chosen
from hotspots.io.os_errors import permitted, require_permitted
from hotspots.io.readers.rasters import raster, zarr
from hotspots.io.readers.zarr_store import is_zarr
from hotspots.layers.dimensions import MONTH, third_dimension
from hotspots.layers.variables import Variable

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

TIFF = (".tif", ".tiff")
NETCDF = (".nc", ".nc4", ".cdf", ".h5", ".hdf5")
TABLES = (".csv", ".tsv", ".txt")
POLYGONS = (".geojson", ".json", ".gpkg", ".parquet", ".geoparquet", ".shp", ".fgb")
_TAGS = (
    "year",
    "depth_cm",
    "guidelines",
    "level",
    "support",
    "source",
    "citation",
    "licence",
    "url",
    "doi",
)
_MONTHS = 12
_AXES = (("lat", "lon"), ("latitude", "longitude"))


def own_folder(given: str | Path | None) -> Path:
    """Return the folder for converted or downloaded files; by default a temporary one."""
    if given is None:
        return Path(_temporary().name)
    path = Path(given)
    path.mkdir(parents=True, exist_ok=True)
    return path


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hotspots-own-", ignore_cleanup_errors=True)


def user_raster(
    path: Path, row: Variable, selection: Selection, folder: str | Path | None
) -> UserRaster:
    """Return the raster in a file.

    Parameters
    ----------
    path : Path
        GeoTIFF, NetCDF, Zarr store, CSV table of points, or polygons.
    row : Variable
        The canonical variable that the file contains.
    selection : Selection
        What the user selects from it.
    folder : str, path or None
        Folder for converted files, created if absent; None for a temporary one.

    Raises
    ------
    RasterError
        An unsupported format, no variable of the requested name, several bands and none chosen.
    """
    if path.is_file():
        require_permitted(path)
    with permitted(path):
        suffix = path.suffix.lower()
        if is_zarr(path):
            return _zarr(path, row, selection, own_folder(folder))
        if path.is_dir():
            raise RasterError(
                f"'{path}' is a folder, but not a Zarr store. Give one file (add-layer takes one)."
            )
        if suffix in TIFF:
            return _described(str(path), row, selection)
        if suffix in NETCDF:
            return _netcdf(path, row, selection)
        from hotspots.ingest.user_files import tables as own_tables

        if suffix in TABLES:
            return own_tables.table(path, row, selection, own_folder(folder))
        if suffix in POLYGONS:
            return own_tables.polygons(path, row, selection, own_folder(folder))
    read = ", ".join((*TIFF, *NETCDF, ".zarr", *TABLES, *POLYGONS))
    raise RasterError(
        f"The format of '{path.name}' isn't supported ({read} are). Convert it first."
    )


@contextmanager
def _open(path: str, shown: str) -> Iterator[DatasetReader]:
    import rasterio

    try:
        with raster(path) as file:
            yield file
    except rasterio.errors.RasterioError as error:
        message = str(error).rstrip(".") or type(error).__name__
        raise RasterError(
            f"'{shown}' can't be read; it may be damaged or truncated ({message}). Download or"
            " write it again."
        ) from error


def _described(
    path: str, row: Variable, selection: Selection, layer: str = "", shown: str = ""
) -> UserRaster:
    with _open(path, shown or path) as file:
        bands, notes = _bands(file, row, selection, shown or path)
        first = bands[0]
        tags = {k.casefold(): v for k, v in (file.tags() | file.tags(first)).items()}
        if "license" in tags:
            tags.setdefault("licence", tags["license"])
        unit = file.units[first - 1] or tags.get("units") or tags.get("unit") or ""
        crs = file.crs.to_string() if file.crs else ""
        # CF files whose axes are in degrees often name no CRS.
        seen = "" if crs or not _has_axes(tags) else DEGREES
        return UserRaster(
            path,
            bands,
            layer,
            str(unit),
            crs or seen,
            seen,
            file.nodatavals[first - 1],
            file.dtypes[first - 1],
            {key: tags[key] for key in _TAGS if tags.get(key)},
            notes,
        )


def _has_axes(tags: dict[str, str]) -> bool:
    """Return whether the tags have latitude and longitude coordinates in degrees (CF)."""
    return any(
        str(tags.get(f"{y}#units", "")).startswith("deg")
        and str(tags.get(f"{x}#units", "")).startswith("deg")
        for y, x in _AXES
    )


def _bands(
    file: DatasetReader, row: Variable, selection: Selection, shown: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the bands to read, and notes on why these."""
    count, band, year = file.count, selection.band, selection.year
    if band is not None:
        if not 1 <= band <= count:
            raise RasterError(
                f"'{shown}' has no band {band}; it has {count}. Give --band from 1 to {count}."
            )
        return (band,), ()
    if count == 1:
        return (1,), ()
    if third_dimension(row.name) == MONTH and count == _MONTHS:
        return tuple(range(1, count + 1)), ("Its 12 bands are the months.",)
    steps = [_step(file, i) for i in file.indexes]
    if year is not None and steps.count(str(year)) == 1:
        index = steps.index(str(year)) + 1
        return (index,), (f"Band {index} is that of {year}.",)
    some = ", ".join(f"{i} ({s})" if s else str(i) for i, s in enumerate(steps[:12], start=1))
    raise RasterError(
        f"'{shown}' has {count} bands: {some}{' and more' if count > 12 else ''}. Choose one with"
        " --band."
    )


def _step(file: DatasetReader, index: int) -> str:
    """Return the label of a band: its step along time, or its description."""
    tags = file.tags(index)
    along = [v for k, v in tags.items() if k.startswith("NETCDF_DIM_")]
    text = along[0] if along else file.descriptions[index - 1] or ""
    return str(text).removesuffix(".0")  # a year on an axis of floats


def _netcdf(path: Path, row: Variable, selection: Selection) -> UserRaster:
    with _open(f'NETCDF:"{path}":', str(path)) as file:
        names = [text.rpartition(":")[2] for text in file.subdatasets]
        # GDAL opens the only variable of a file itself, and lists no others.
        if not names and file.count:
            names = [file.tags(1).get("NETCDF_VARNAME", "")]
    name = chosen(path, row, [n for n in names if n], selection.subdataset)
    return _described(f'NETCDF:"{path}":{name}', row, selection, name, str(path))


def _zarr(path: Path, row: Variable, selection: Selection, folder: Path) -> UserRaster:
    import rasterio

    try:
        with zarr(path) as file:
            names = [text.rpartition("/")[2] for text in file.subdatasets]
        degrees = any(set(pair) <= set(names) for pair in _AXES)
        # In a Zarr store coordinates are arrays like all others.
        axes = {n for pair in _AXES for n in pair} | {"x", "y", "X", "Y", "time", "spatial_ref"}
        names = [n for n in names if n not in axes] or [""]
        name = chosen(path, row, names, selection.subdataset) if names != [""] else ""
        address = f'ZARR:"{path}":/{name}' if name else str(path)
        # Only opening it shows whether GDAL can read this store; if not, it is copied.
        with raster(address):
            pass
    except rasterio.errors.RasterioError:
        return _zarr_as_geotiff(path, row, selection, folder)
    seen = _described(address, row, selection, name, str(path))
    if seen.crs or not degrees:
        return seen
    return replace(seen, crs=DEGREES, crs_needed=DEGREES)


def _zarr_as_geotiff(path: Path, row: Variable, selection: Selection, folder: Path) -> UserRaster:
    from hotspots.ingest.user_files.zarr import to_geotiff

    made, layer, notes = to_geotiff(path, row, selection, folder)
    # Its bands are those selected.
    seen = _described(str(made), row, Selection(), layer, str(path))
    return replace(seen, notes=(*notes, *seen.notes))
