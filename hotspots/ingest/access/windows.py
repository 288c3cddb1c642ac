"""Which cells of a raster a region needs: boxes projected into the raster's CRS.

Coordinates are only projected forward, from longitude and latitude into the raster's CRS: a corner
of an interrupted projection may lie outside the globe, where the inverse isn't defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj
from affine import Affine

from hotspots.ingest.sources.model import Tiles
from hotspots.layers.crs import metres_per_unit

Box = tuple[float, float, float, float]
# Points along each side of a box. Between two of them a projected edge deviates from a straight
# line by less than a cell of 250 m for boxes up to 30 degrees; wider boxes have their extremes at
# the equator, which is added.
_POINTS = 129
_KM_PER_DEGREE = 111.32  # along the equator of WGS84


@dataclass(frozen=True, order=True)
class Window:
    """Cells of a raster, counted from its first row and column as stored."""

    row: int
    column: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows and columns as rasterio takes them."""
        return (self.row, self.row + self.height), (self.column, self.column + self.width)


def split_boxes(boxes: Sequence[Box]) -> list[Box]:
    """Return boxes with west < east: one across the antimeridian (west > east) becomes two."""
    out: list[Box] = []
    for west, south, east, north in boxes:
        if west > east:
            out += [(west, south, 180.0, north), (-180.0, south, east, north)]
        else:
            out.append((west, south, east, north))
    return out


def windows(
    transform: Affine, shape: tuple[int, int], crs: pyproj.CRS, boxes: Sequence[Box]
) -> list[Window]:
    """Return the windows of a raster that contain boxes, with a margin of one cell.

    Parameters
    ----------
    transform : Affine
        Affine transform of the raster; rows may run north or south, longitudes from 0 to 360.
    shape : tuple of int
        (rows, columns) of the raster.
    crs : pyproj.CRS
        CRS of the raster.
    boxes : sequence of (west, south, east, north)
        Degrees, EPSG:4326.

    Returns
    -------
    list of Window
        No window lies within another; empty if the raster doesn't intersect the boxes.
    """
    found: set[Window] = set()
    for box in split_boxes(boxes):
        for xs, ys in box_points(box, crs):
            window = _around(transform, shape, xs, ys)
            if window:
                found.add(window)
    return [w for w in sorted(found) if not any(_within(w, other) for other in found - {w})]


def box_points(
    box: Box, crs: pyproj.CRS
) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Return the points of a box, in `crs`, that lie on the globe; three turns if it is geographic.

    Parameters
    ----------
    box : (west, south, east, north)
        Degrees, EPSG:4326, west < east.
    crs : pyproj.CRS
        Geographic in degrees, or projected.

    Returns
    -------
    list of (x, y) arrays
        Empty if no point of the box has a place in the CRS.
    """
    west, south, east, north = box
    if crs.is_geographic:
        # A raster may count longitudes from 0 to 360, and a box may extend beyond 180.
        ends = np.array([west, east]), np.array([south, north])
        return [(ends[0] + turn, ends[1]) for turn in (-360.0, 0.0, 360.0)]
    lon = np.linspace(west, east, _POINTS)
    lat = np.linspace(south, north, _POINTS)
    if south < 0 < north:
        lat = np.append(lat, 0.0)
    forward = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    # Points inside the box too: across a cut of the projection, extremes needn't be on its edge.
    lons, lats = np.meshgrid(lon, lat)
    x, y = forward.transform(lons.ravel(), lats.ravel())
    on_globe = np.isfinite(x) & np.isfinite(y)
    return [(x[on_globe], y[on_globe])] if on_globe.any() else []


def _around(
    transform: Affine,
    shape: tuple[int, int],
    xs: npt.NDArray[np.float64],
    ys: npt.NDArray[np.float64],
) -> Window | None:
    columns, rows = ~transform * (xs, ys)
    span = []
    for along, length in ((rows, shape[0]), (columns, shape[1])):
        first, last = float(np.min(along)), float(np.max(along))
        if last <= 1e-6 or first >= length - 1e-6:
            return None  # outside the raster, or touching its edge only
        # A corner on a cell's edge is off by rounding; that doesn't add a cell.
        start = max(0, int(np.floor(first + 1e-6)) - 1)
        end = min(length, int(np.ceil(last - 1e-6)) + 1)
        span.append((start, end - start))
    return Window(span[0][0], span[1][0], span[0][1], span[1][1])


def _within(inner: Window, outer: Window) -> bool:
    return (
        outer.row <= inner.row
        and outer.column <= inner.column
        and inner.row + inner.height <= outer.row + outer.height
        and inner.column + inner.width <= outer.column + outer.width
    )


def overview_level(
    factors: Sequence[int],
    cell: float,
    crs: pyproj.CRS,
    boxes: Sequence[Box],
    requested_cell: float,
    samples: int,
) -> int:
    """Return the coarsest overview in which a requested cell spans `samples` cells each way.

    Parameters
    ----------
    factors : sequence of int
        Decimation factor of each overview, ascending.
    cell : float
        Side of a full-resolution cell, in units of `crs`.
    crs : pyproj.CRS
        CRS of the raster.
    boxes : sequence of (west, south, east, north)
        Degrees, EPSG:4326.
    requested_cell : float
        Side of a requested cell, degrees; on a projected raster its shorter (east-west) side
        counts, at the box's highest latitude.
    samples : int
        Overview cells per requested cell in each direction; 0 for full resolution.

    Returns
    -------
    int
        Index into `factors`; -1 for full resolution.
    """
    if samples <= 0 or requested_cell <= 0:
        return -1
    side = requested_cell
    if not crs.is_geographic:
        cell = cell * metres_per_unit(crs)
        # At a pole the shorter side would be 0.
        highest = min(89.0, max(max(abs(south), abs(north)) for _, south, _, north in boxes))
        side = requested_cell * _KM_PER_DEGREE * 1000 * float(np.cos(np.radians(highest)))
    fitting = [i for i, factor in enumerate(factors) if cell * factor * samples <= side * 1.000001]
    return fitting[-1] if fitting else -1


def tile_names(tiles: Tiles, boxes: Sequence[Box]) -> dict[str, Box]:
    """Return the names of the tiles that boxes need, with each tile's own box.

    Parameters
    ----------
    tiles : Tiles
        Tiling scheme of the set.
    boxes : sequence of (west, south, east, north)
        Degrees; west > east crosses the antimeridian. A box that only touches a tile doesn't need
        it.
    """
    side = tiles.degrees
    found: dict[str, Box] = {}
    for west, south, east, north in split_boxes(boxes):
        south, north = max(south, tiles.south), min(north, tiles.north)
        if south >= north:
            continue
        for y in _steps(south, north, side):
            for x in _steps(west, east, side):
                # Longitudes beyond 180 are wrapped to the other side of the antimeridian.
                left = (x * side + 180) % 360 - 180
                bottom = y * side
                found[_name(tiles, left, bottom)] = (left, bottom, left + side, bottom + side)
    return dict(sorted(found.items()))


def _steps(low: float, high: float, side: float) -> range:
    # A box that ends on a tile's edge, to rounding, doesn't need the tile beyond it.
    first = int(np.floor(low / side + 1e-9))
    return range(first, max(first + 1, int(np.ceil(high / side - 1e-9))))


def _name(tiles: Tiles, left: float, bottom: float) -> str:
    latitude = round(bottom + (tiles.degrees if tiles.corner == "upper-left" else 0))
    longitude = round(left)
    of_latitude = f"{'S' if latitude < 0 else 'N'}{abs(latitude):0{tiles.latitude_digits}d}"
    of_longitude = f"{'W' if longitude < 0 else 'E'}{abs(longitude):0{tiles.longitude_digits}d}"
    both = (of_longitude, of_latitude) if tiles.longitude_first else (of_latitude, of_longitude)
    return "".join(both)
