"""The target grid: whole cells of a given size that cover a region.

Grids of one cell size are subsets of one world grid with its origin at 180° W and 90° N, so that
layers of neighbouring regions align without resampling.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pyproj
from affine import Affine
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError
from hotspots.layers.grid import Grid

Box = tuple[float, float, float, float]
KM_PER_DEGREE = 111.31949079327358  # at the equator of WGS84
# Whole numbers of cells per degree that public grids use; "1 km" is 30 arc-seconds by custom.
_CELLS_PER_DEGREE = (
    1,
    2,
    3,
    4,
    5,
    6,
    10,
    12,
    20,
    24,
    30,
    40,
    60,
    120,
    240,
    360,
    480,
    1200,
    3600,
    12000,
)
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(km|m|deg|degrees|°|min|'|sec|s|\"|)", re.IGNORECASE)
_IN_DEGREES = {
    "deg": 1.0,
    "degrees": 1.0,
    "°": 1.0,
    "": 1.0,
    "min": 1 / 60,
    "'": 1 / 60,
    "sec": 1 / 3600,
    "s": 1 / 3600,
    '"': 1 / 3600,
}
MOST_CELLS = 1_200_000_000  # a world of 30 arc-seconds has 933 million
# Minimum gap in longitude for a split into two boxes.
_GAP_DEGREES = 60.0


def cell_size(text: str | float) -> float:
    """Return a cell size in degrees: of "1km", "250 m", "0.5", "30s", "5min" or a number.

    Metres become the nearest whole number of cells per degree that public grids use: "1km" is
    1/120 of a degree (30 arc-seconds), "250m" 1/480, "10km" 1/12. Degrees are taken as they are.

    Raises
    ------
    BadInputError
        Not a size between 1 m and 30 degrees.
    """
    found = _SIZE.fullmatch(str(text).strip())
    if found is None or not float(found[1]):
        raise _no_size(text)
    number, unit = float(found[1]), found[2].lower()
    if unit in ("km", "m"):
        per_degree = KM_PER_DEGREE / (number if unit == "km" else number / 1000)
        if not 1e-5 <= 1 / per_degree <= 30:
            raise _no_size(text)
        # Nearest by ratio: sizes span four orders of magnitude.
        return 1 / min(_CELLS_PER_DEGREE, key=lambda n: abs(math.log(n / per_degree)))
    degrees = number * _IN_DEGREES[unit]
    if not 1e-5 <= degrees <= 30:
        raise _no_size(text)
    return degrees


def _no_size(text: str | float) -> BadInputError:
    return BadInputError(
        f"'{text}' isn't a cell size. Give one such as 1km, 250m, 30s (arc-seconds), 5min or 0.5"
        " (degrees), up to 30 degrees."
    )


def size_text(degrees: float) -> str:
    """Return a cell size in words: "30 arc-seconds (about 0.93 km at the equator)"."""
    seconds = degrees * 3600
    text = (
        f"{degrees:g} degrees"
        if degrees >= 0.25
        else f"{seconds / 60:.4g} arc-minutes"
        if seconds >= 60
        else f"{seconds:.4g} arc-seconds"
    )
    km = degrees * KM_PER_DEGREE
    return (
        f"{text} (about {km:.3g} km at the equator)"
        if km >= 1
        else (f"{text} (about {km * 1000:.3g} m at the equator)")
    )


def boxes_of(geometry: BaseGeometry) -> list[Box]:
    """Return one box (west, south, east, north) that contains a region, or two at the antimeridian.

    Two where the region has parts on both sides of it with a wide gap between them: Fiji,
    Russia, New Zealand with the Chathams.
    """
    parts = [part.bounds for part in getattr(geometry, "geoms", [geometry])]
    west_side = [b for b in parts if b[2] <= 0]
    east_side = [b for b in parts if b not in west_side]
    if not west_side or not east_side:
        return [_around(parts)]
    left, right = _around(west_side), _around(east_side)
    touches = left[0] < -180 + _GAP_DEGREES / 2 and right[2] > 180 - _GAP_DEGREES / 2
    return [right, left] if touches and right[0] - left[2] > _GAP_DEGREES else [_around(parts)]


def _around(boxes: Sequence[Box]) -> Box:
    wests, souths, easts, norths = zip(*boxes, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def target_grid(boxes: Sequence[Box], degrees: float) -> Grid:
    """Return the part of the world grid of this cell size that holds `boxes`, in whole cells.

    Parameters
    ----------
    boxes : sequence of (west, south, east, north)
        Degrees. Two boxes at the antimeridian give all columns.
    degrees : float
        Cell size. Where no whole number of cells makes 360 degrees, the last column ends before
        180° E.

    Raises
    ------
    BadInputError
        More cells than `MOST_CELLS`.
    """
    west, south, east, north = _around(boxes)
    if len(boxes) > 1:
        west, east = -180.0, 180.0
    # In cells: a box that ends on a grid line must not take one more column by rounding.
    slack = 1e-9 / degrees
    left = math.floor((west + 180) / degrees + slack)
    right = min(math.ceil((east + 180) / degrees - slack), math.floor(360 / degrees + slack))
    top = math.floor((90 - north) / degrees + slack)
    bottom = min(math.ceil((90 - south) / degrees - slack), math.floor(180 / degrees + slack))
    rows, columns = max(1, bottom - top), max(1, right - left)
    if rows * columns > MOST_CELLS:
        raise BadInputError(
            f"The region has {rows:,} x {columns:,} cells of {size_text(degrees)}; {MOST_CELLS:,}"
            " are the most. Give a larger --resolution or a smaller --region."
        )
    transform = Affine(degrees, 0, -180 + left * degrees, 0, -degrees, 90 - top * degrees)
    return Grid(transform, (rows, columns), pyproj.CRS.from_epsg(4326))


def covers(grid: Grid, boxes: Sequence[Box]) -> bool:
    """Return whether a geographic grid contains `boxes`, with a tolerance of half a cell."""
    west, south, east, north = grid.bounds
    dx, dy = abs(grid.transform.a) / 2, abs(grid.transform.e) / 2
    return all(
        w >= west - dx and e <= east + dx and s >= max(south - dy, -90 - dy) and n <= north + dy
        for w, s, e, n in boxes
    )
