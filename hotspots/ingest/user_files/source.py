"""The raster in a user's file with its metadata, and what the user selects from the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from hotspots.errors import RasterError, near_matches
from hotspots.layers.variables import Variable

DEGREES = "EPSG:4326"
Year: TypeAlias = int | str | None  # as the user gives it


@dataclass(frozen=True)
class Selection:
    """What the user selects from a file, and what is needed to convert it to a raster.

    Attributes
    ----------
    band : int or None
        Counted from 1; None if the file has one, or if the year or the months select them.
    year : int, str or None
        Selects the time step if there are several; None for any.
    crs : str
        Replaces the file's own CRS without reprojection; "" for the file's own.
    subdataset : str or None
        Variable of a NetCDF file or Zarr store.
    column : str or None
        Column of a table, or attribute of polygons.
    cell : float or None
        Side of the cells of polygons, in units of their CRS, which is required; or the distance of
        the points of a table, where they don't show it.
    accept : bool
        Whether what would be refused as doubtful is taken.
    """

    band: int | None = None
    year: Year = None
    crs: str = ""
    subdataset: str | None = None
    column: str | None = None
    cell: float | None = None
    accept: bool = False


@dataclass(frozen=True)
class UserRaster:
    """A raster that GDAL opens, with the metadata of its file.

    Attributes
    ----------
    path : str
        Name that GDAL opens.
    bands : tuple of int
        Bands to read.
    layer : str
        Variable of a NetCDF file or Zarr store, attribute of polygons, column of a table.
    unit, crs : str
        As stated in the file; "" if it isn't.
    crs_needed : str
        The CRS if it follows from the file, but GDAL doesn't recognise it.
    nodata : tuple of float
        Stored numbers that mean missing by the file itself.
    dtype : str
    attrs : dict
        Year, depth and source stated in the file.
    notes : tuple of str
        Sentences on the processing.
    """

    path: str
    bands: tuple[int, ...] = (1,)
    layer: str = ""
    unit: str = ""
    crs: str = ""
    crs_needed: str = ""
    nodata: tuple[float, ...] = ()
    dtype: str = "float64"
    attrs: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def listed(names: Sequence[str], most: int = 20, longest: int = 60) -> str:
    """Return names joined by commas; many names, or long ones, are cut off."""
    cut = [name if len(name) <= longest else f"{name[:longest]}…" for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(cut) + more


def chosen(
    path: Path,
    row: Variable,
    names: Sequence[str],
    requested: str | None,
    *,
    of: str = "variable",
    option: str = "--subdataset",
) -> str:
    """Select one of a file's variables (or columns).

    The requested one; else the one with the canonical name; else the only one.

    Parameters
    ----------
    path : Path
        The file, for messages.
    row : Variable
        The variable whose canonical name is preferred.
    names : sequence of str
        Names of the variables (or columns) of the file.
    requested : str or None
        Name given by the user; None or "" if none is given.
    of : str
        What the names are names of, for messages (singular).
    option : str
        Option of the command line that selects one, for messages.

    Raises
    ------
    RasterError
        No variable of that name, or several and none requested; the message lists the names and
        the option.
    """
    if requested and requested not in names:
        raise RasterError(
            f"'{path}' has no {of} '{requested}'{near_matches(requested, names) or '.'} It has:"
            f" {listed(names)}."
        )
    if requested or row.name in names:
        return requested or row.name
    if len(names) != 1:
        unnamed = f", and none is named '{row.name}'" if row.name else ""
        raise RasterError(
            f"'{path}' has several {of}s ({listed(names) or 'none'}){unnamed}. Choose one with"
            f" {option}."
        )
    return names[0]
