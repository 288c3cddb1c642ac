"""What a user's own file says of its raster, and which of its variables is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotspots.errors import RasterError, near_matches
from hotspots.layers.variables import Variable

DEGREES = "EPSG:4326"


@dataclass(frozen=True)
class Found:
    """A raster that GDAL opens, and what its file says.

    Attributes
    ----------
    path : str
        What GDAL opens.
    bands : tuple of int
        Bands to read.
    layer : str
        Variable of a NetCDF file or Zarr store, attribute of polygons, column of a table.
    unit, crs : str
        As the file says; "" if it doesn't.
    crs_needed : str
        The CRS where it follows from the file, but GDAL doesn't see it.
    nodata : float or None
    dtype : str
    attrs : dict
        Year, depth and source that the file tells.
    notes : tuple of str
        Sentences on what was done.
    """

    path: str
    bands: tuple[int, ...] = (1,)
    layer: str = ""
    unit: str = ""
    crs: str = ""
    crs_needed: str = ""
    nodata: float | None = None
    dtype: str = "float64"
    attrs: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def listed(names: Sequence[str], most: int = 20, longest: int = 60) -> str:
    """Return names joined by commas; of very many, or very long ones, only the beginning."""
    cut = [name if len(name) <= longest else f"{name[:longest]}…" for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(cut) + more


def chosen(
    path: Path,
    row: Variable,
    names: Sequence[str],
    asked: str | None,
    *,
    of: str = "variable",
    option: str = "--subdataset",
) -> str:
    """Return which of a file's variables (or columns) is meant.

    The one that is asked for; else the one of the canonical name; else the only one.

    Raises
    ------
    RasterError
        There is none of that name, or a choice; says the names and the option.
    """
    if asked and asked not in names:
        raise RasterError(
            f"'{path}' has no {of} '{asked}'{near_matches(asked, names) or '.'} It has:"
            f" {listed(names)}."
        )
    if asked or row.name in names:
        return asked or row.name
    if len(names) != 1:
        raise RasterError(
            f"'{path}' has several {of}s ({listed(names) or 'none'}), and none is named"
            f" '{row.name}'. Choose one with {option}."
        )
    return names[0]
