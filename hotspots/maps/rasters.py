"""Layers of class codes as paletted PNG images in Web Mercator, the projection of the map.

Leaflet stretches an image linearly between its corners in Web Mercator metres; an image with rows
evenly spaced in latitude would be displaced by up to hundreds of kilometres. Layers are therefore
resampled to Web Mercator by nearest neighbour, which doesn't mix classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj

from hotspots.io.png import paletted_png
from hotspots.layers.grid import Grid
from hotspots.maps.palettes import rgb

# Semi-major axis of WGS 84, which Web Mercator (EPSG:3857) takes as the radius of a sphere.
MERCATOR_RADIUS_M = 6378137.0
# Just within the square map of the world, which ends at 85.05 degrees.
MAX_LATITUDE = 85.0
# A pixel shows the cell at its centre, so edges are displaced by up to half a pixel: 1/32 of a
# cell. Columns of a geographic grid have one pixel each: their edges coincide.
PIXELS_A_CELL = 16
# Limits for finer grids, to keep pages small: at 10 km the largest layer takes 0.44 MB at this
# width with square pixels. The second limits an unpacked image in the browser to 34 MB.
MOST_COLUMNS = 2880
MOST_PIXELS = 2880 * 2880
# Smallest gap in longitude that identifies a region across the antimeridian.
LEAST_GAP_DEG = 90.0

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Image:
    """A Mercator image: `codes` (rows from the north, columns), 0 = transparent.

    ``south``, ``west``, ``north``, ``east`` are the edges of the image, degrees.
    """

    codes: Codes
    south: float
    west: float
    north: float
    east: float

    @property
    def bounds(self) -> list[list[float]]:
        """[[south, west], [north, east]], the order of Leaflet."""
        return [[self.south, self.west], [self.north, self.east]]


def mercator_y(latitude: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the Web Mercator northing (m) of a latitude (degrees)."""
    phi = np.radians(np.asarray(latitude, dtype="float64"))
    # The same as ln(tan(π/4 + φ/2)), and exactly 0 at the equator.
    return np.asarray(MERCATOR_RADIUS_M * np.arctanh(np.sin(phi)))


def mercator_latitude(y: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the latitude (degrees) of a Web Mercator northing (m)."""
    unscaled = np.asarray(y, dtype="float64") / MERCATOR_RADIUS_M
    return np.asarray(np.degrees(np.arcsin(np.tanh(unscaled))))


def first_longitude(used: npt.NDArray[np.bool_], grid: Grid) -> float:
    """Return the longitude (degrees) of the western edge of a map of the `used` cells.

    It is the grid's western edge, except for a grid of all longitudes whose used cells lie on both
    sides of the antimeridian, as for Fiji: then it is the end of the widest gap, so that the map
    isn't split. `used` is boolean (rows, columns).
    """
    west = float(grid.x_edges.min())
    columns = np.flatnonzero(used.any(axis=0))
    if not grid.wraps or columns.size == 0 or columns[0] > 0 or columns[-1] < grid.shape[1] - 1:
        return west
    gaps = np.diff(columns)
    widest = int(gaps.argmax()) if gaps.size else 0
    if gaps.size == 0 or gaps[widest] * abs(grid.transform.a) < LEAST_GAP_DEG:
        return west
    return float(grid.x_edges[columns[widest + 1]])


def to_mercator(codes: Codes, grid: Grid, start: float | None = None) -> Image | None:
    """Return `codes` (rows, columns of `grid`; 0 = nothing) as a Mercator image.

    The image is cropped to non-zero codes; None if there are none between 85° S and 85° N.
    `start` is the western edge, degrees, for a grid of all longitudes (`first_longitude`).
    """
    west, south, east, north = map_bounds(grid)
    if start is not None and grid.wraps:
        west, east = start, start + 360
    south, north = max(south, -MAX_LATITUDE), min(north, MAX_LATITUDE)
    if south >= north or not codes.any():
        return None
    top, bottom = float(mercator_y(north)), float(mercator_y(south))
    height, width = _size(grid, top - bottom, np.radians(east - west) * MERCATOR_RADIUS_M)
    step = (top - bottom) / height
    # Latitudes of the centres of rows that are evenly spaced in metres, from the north.
    latitude = mercator_latitude(top - step * (np.arange(height) + 0.5))
    longitude = np.asarray(west + (east - west) / width * (np.arange(width) + 0.5), "float64")
    drawn = _looked_up(codes, grid, longitude, latitude)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if rows.size == 0:
        return None
    r0, r1, c0, c1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    # Edges of the cropped image, at whole pixels.
    edges_y = mercator_latitude(top - step * np.array([r0, r1]))
    edges_x = west + (east - west) / width * np.array([c0, c1])
    return Image(
        drawn[r0:r1, c0:c1],
        float(edges_y[1]),
        float(edges_x[0]),
        float(edges_y[0]),
        float(edges_x[1]),
    )


def _size(grid: Grid, tall: float, wide: float) -> tuple[int, int]:
    """Return (rows, columns) of the image of a grid of `tall` x `wide` Mercator metres."""
    columns = grid.shape[1]
    if columns > MOST_COLUMNS:
        width, pixel = MOST_COLUMNS, wide / MOST_COLUMNS
    else:
        width = columns if grid.is_geographic else min(PIXELS_A_CELL * columns, MOST_COLUMNS)
        cell = _least_height(grid) if grid.is_geographic else wide / columns
        pixel = cell / PIXELS_A_CELL
    return max(1, min(math.ceil(tall / pixel), MOST_PIXELS // width)), width


def _least_height(grid: Grid) -> float:
    """Return the Mercator height (m) of the row nearest to the equator, where cells are lowest."""
    edges = np.clip(grid.y_edges, -MAX_LATITUDE, MAX_LATITUDE)
    # Rows wholly beyond 85 degrees have a height of 0.
    heights = np.abs(np.diff(mercator_y(edges)))
    return float(heights[heights > 0].min())


def map_bounds(grid: Grid) -> tuple[float, float, float, float]:
    """Return (west, south, east, north) of a grid in degrees; east may exceed 180."""
    west, south, east, north = grid.lonlat_bounds
    return west, south, east if east > west else east + 360, north


def _looked_up(
    codes: Codes,
    grid: Grid,
    longitude: npt.NDArray[np.float64],
    latitude: npt.NDArray[np.float64],
) -> Codes:
    """Return the code at each (latitude, longitude), 0 outside the grid."""
    inverse = ~grid.transform
    if grid.is_geographic:
        column = np.floor(inverse.a * longitude + inverse.c)[None, :]
        if grid.wraps:
            # Longitudes beyond 180 degrees continue at the western edge of the grid.
            column %= grid.shape[1]
        row = np.floor(inverse.e * latitude + inverse.f)[:, None]
    else:
        project = pyproj.Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
        x, y = project.transform(*np.meshgrid(longitude, latitude))
        # Points outside the projection's domain are infinite: any number outside the grid will do.
        x, y = np.nan_to_num(x, posinf=1e30), np.nan_to_num(y, posinf=1e30)
        column, row = np.floor(inverse.a * x + inverse.c), np.floor(inverse.e * y + inverse.f)
    rows, columns = grid.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    r = np.clip(row, 0, rows - 1).astype("int64")
    c = np.clip(column, 0, columns - 1).astype("int64")
    return np.where(inside, codes[r, c], 0).astype("uint8")


def png(codes: Codes, colours: Sequence[str]) -> bytes:
    """Return a paletted PNG: code 0 is transparent, code k has the k-th of `colours`."""
    return paletted_png(codes, np.array([(0, 0, 0), *map(rgb, colours)], "uint8"))
