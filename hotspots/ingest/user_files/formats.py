"""Reading a user's file according to its format: the raster in it, and its metadata.

GeoTIFF, NetCDF and Zarr are read in place; tables and polygons are first made a plain GeoTIFF.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hotspots.errors import RasterError
from hotspots.ingest.user_files.source import Selection, UserRaster, Year, chosen
from hotspots.io.os_errors import permitted, require_permitted
from hotspots.io.rasters.open import NETCDF, layers_in, stored_raster
from hotspots.io.rasters.steps import MONTHS, Step, in_calendar_order, of_year
from hotspots.io.rasters.stored import RasterFile
from hotspots.io.readers.vectors import TOPOJSON
from hotspots.io.readers.zarr_store import is_zarr
from hotspots.layers.crs import crs_text
from hotspots.layers.dimensions import MONTH, third_dimension
from hotspots.layers.variables import Variable

TIFF = (".tif", ".tiff")
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
            return _of_variable("ZARR", path, row, selection)
        if path.is_dir():
            raise RasterError(
                f"'{path}' is a folder, but not a Zarr store. Give one file (add-layer takes one)."
            )
        if suffix in TIFF:
            return _described(str(path), row, selection)
        if suffix in NETCDF:
            return _of_variable("NETCDF", path, row, selection)
        if suffix in TABLES:
            from hotspots.ingest.user_files.tables import table

            return table(path, row, selection, own_folder(folder))
        if suffix in (*POLYGONS, TOPOJSON):
            from hotspots.ingest.user_files.polygons import polygons

            return polygons(path, row, selection, own_folder(folder))
    read = ", ".join((*TIFF, *NETCDF, ".zarr", *TABLES, *POLYGONS))
    raise RasterError(
        f"The format of '{path.name}' isn't supported ({read} are). Convert it first."
    )


def _of_variable(format: str, path: Path, row: Variable, selection: Selection) -> UserRaster:
    """Return one variable of a NetCDF file or a Zarr store."""
    wanted = selection.subdataset or ""
    if "/" in wanted.strip("/"):  # in a group
        name = wanted
    else:
        name = chosen(path, row, layers_in(path), wanted.strip("/"))
    slash = "/" if format == "ZARR" and not name.startswith("/") else ""
    return _described(f'{format}:"{path}":{slash}{name}', row, selection, name, str(path))


def _described(
    path: str, row: Variable, selection: Selection, layer: str = "", shown: str = ""
) -> UserRaster:
    """Return the raster of a name that `hotspots.io.rasters.open.stored_raster` takes."""
    with stored_raster(path) as file:
        bands, notes = _bands(file, row, selection, shown or path)
        first = bands[0]
        said, place = file.described(first), file.placement(selection.crs)
        nodata = file.decoding(first).nodata
        tags = {key: str(value) for key, value in said.attrs.items()}
        if "license" in tags:
            tags.setdefault("licence", tags["license"])
        crs = crs_text(place.crs) if place.crs and not selection.crs else ""
        return UserRaster(
            path,
            bands,
            layer,
            said.unit,
            crs,
            crs if place.crs_follows else "",
            nodata,
            said.dtype,
            {key: tags[key] for key in _TAGS if tags.get(key)},
            (*place.notes, *said.notes, *notes),
        )


def _bands(
    file: RasterFile, row: Variable, selection: Selection, shown: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the bands to read, and notes on why these."""
    steps, band, year = file.steps, selection.band, selection.year
    count = len(steps)
    if band is not None:
        if not 1 <= band <= count:
            raise RasterError(
                f"'{shown}' has no band {band}; it has {count}. Give --band from 1 to {count}."
            )
        return (band,), ()
    if count == 1:
        return (1,), _of_one_step(steps[0], year)
    if third_dimension(row.name) == MONTH and count == MONTHS:
        order, note = in_calendar_order(steps, shown)
        return tuple(i + 1 for i in order), (note,)
    if year is not None and str(year).isdecimal():
        found = of_year(steps, int(year))
        if len(found) == 1:
            return (found[0] + 1,), (f"Band {found[0] + 1} is that of {year}.",)
    some = ", ".join(f"{i} ({s.label})" if s.label else str(i) for i, s in enumerate(steps[:12], 1))
    raise RasterError(
        f"'{shown}' has {count} bands: {some}{' and more' if count > 12 else ''}. Choose one with"
        " --band."
    )


def _of_one_step(step: Step, year: Year) -> tuple[str, ...]:
    """Return a note where the declared year isn't that of the file's only step."""
    if step.year is None or year in (None, "") or str(step.year) == str(year):
        return ()
    return (f"The year {year} was declared where the file's only step is {step.label}.",)
