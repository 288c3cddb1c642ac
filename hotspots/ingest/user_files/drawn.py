"""What rasters made of points and of polygons have in common: form and largest size."""

from __future__ import annotations

import re
from pathlib import Path

from affine import Affine

from hotspots.errors import RasterError
from hotspots.io.cog import RasterForm

_MOST_CELLS = 500_000_000
_LONGEST_NAME = 100


def made_name(path: Path, *parts: str) -> str:
    """Return the name of a raster made of a file and, for example, one of its columns."""
    # A name may hold a slash: "t/ha".
    return re.sub(r"[^\w.-]+", "_", "_".join([path.stem, *parts]))[:_LONGEST_NAME] + ".tif"


def form_of(transform: Affine, shape: tuple[int, ...], crs: str) -> RasterForm:
    """Return the form of a raster of float64 numbers in which NaN is missing; "" for no CRS."""
    return RasterForm(transform, (shape[0], shape[1]), crs or None, "float64", float("nan"))


def require_cells(path: Path, cells: float, remedy: str) -> None:
    """Raise `RasterError` if a raster made of points or polygons would have too many cells."""
    if cells > _MOST_CELLS:
        raise RasterError(
            f"'{path}' spans {cells:,.0f} cells; at most {_MOST_CELLS:,} are made of a table or of"
            f" polygons. {remedy[:1].upper()}{remedy[1:]}."
        )
