"""Neighbourhoods on a grid as runs of columns, defined by distance or by a mask of cells.

`Runs` is the input of `kernel.run_sums`: for the cells of each row, ranges of columns relative to
the cell's own column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj

from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, IntArray
from hotspots.layers.grid import Grid

# A cell at exactly the radius is included; rounding of coordinates must not decide it.
_AT_RADIUS = 1 + 1e-9
_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True)
class Runs:
    """Runs ``first[i]:first[i + 1]`` belong to row i; `low`..`high` are inclusive offsets."""

    first: IntArray
    row: IntArray
    low: IntArray
    high: IntArray
    wraps: bool = False


def mask_runs(mask: npt.ArrayLike, shape: tuple[int, int], wraps: bool = False) -> Runs:
    """Return the runs of a boolean neighbourhood `mask`, odd-sized, its centre included.

    `shape` = (rows, columns) of the grid; mask rows run in the direction of the grid's rows.
    """
    cells = np.asarray(mask)
    odd = cells.ndim == 2 and all(n % 2 for n in cells.shape)
    if not odd or not np.isin(cells, (0, 1)).all() or not cells[tuple(n // 2 for n in cells.shape)]:
        raise BadInputError(
            f"The neighbourhood has shape {cells.shape}; it must be a boolean 2-D array with odd"
            " numbers of rows and columns whose centre is True."
        )
    if wraps and cells.shape[1] > shape[1]:
        raise BadInputError(
            f"The neighbourhood is {cells.shape[1]} columns wide, the grid {shape[1]}: cells would"
            " count twice around the globe. Give a narrower one."
        )
    offsets = []
    for dr, line in enumerate(cells.astype(bool), start=-(cells.shape[0] // 2)):
        # 1 where a run of cells starts, -1 one cell after its end.
        steps = np.diff(np.concatenate([[0], line.astype(np.int8), [0]]))
        starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1
        middle = cells.shape[1] // 2
        offsets += [(dr, a - middle, b - middle) for a, b in zip(starts, ends, strict=True)]
    return _same_for_all_rows(np.array(offsets, dtype="int64"), shape, wraps)


def radius_runs(grid: Grid, radius_km: float) -> Runs:
    """Return the runs of all cells whose centres lie within `radius_km` of a cell's centre.

    Geographic grids: geodesic distance on WGS84, over the antimeridian where the grid spans 360°
    and over the poles; a narrower grid doesn't wrap. Projected grids: planar.
    """
    if not radius_km > 0:
        raise BadInputError(f"The radius is {radius_km:g} km; it must be above 0.")
    radius = radius_km * 1000 * _AT_RADIUS
    return _geodesic_runs(grid, radius) if grid.is_geographic else _planar_runs(grid, radius)


def _planar_runs(grid: Grid, radius: float) -> Runs:
    metres = grid.metres_per_unit
    dx, dy = abs(grid.transform.a) * metres, abs(grid.transform.e) * metres
    # A disc of cells is one run a row, symmetric around the cell's own column.
    reach = min(int(radius // dy), grid.shape[0] - 1)
    dr = np.arange(-reach, reach + 1)
    # `reach` keeps dr within the radius, so that the root is real.
    half = np.floor(np.sqrt(radius**2 - (dr * dy) ** 2) / dx).astype("int64")
    half = np.minimum(half, grid.shape[1] - 1)
    return _same_for_all_rows(np.column_stack([dr, -half, half]), grid.shape, wraps=False)


def _geodesic_runs(grid: Grid, radius: float) -> Runs:
    rows = grid.shape[0]
    # A centre at a pole may lie beyond it by rounding.
    lat = np.clip(grid.y, -90, 90)
    along = np.concatenate([[0.0], _distance(lat[:-1], lat[1:], np.zeros(rows - 1)).cumsum()])
    # The shortest way between two parallels is along a meridian: rows beyond it have no neighbour.
    last = np.searchsorted(along, along + radius, side="right") - 1
    count = last - np.arange(rows) + 1
    i = np.repeat(np.arange(rows), count)
    k = i + np.arange(len(i)) - np.repeat(count.cumsum() - count, count)
    half = _half_widths(grid, lat[i], lat[k], radius)
    # Distance is symmetric: pairs with the other row above are the mirrored ones.
    mirrored = k > i
    row_of = np.concatenate([i, k[mirrored]])
    other = np.concatenate([k, i[mirrored]])
    width = np.concatenate([half, half[mirrored]])
    order = np.lexsort((other, row_of))
    first = np.concatenate([[0], np.bincount(row_of, minlength=rows).cumsum()]).astype("int64")
    width, other = width[order], other[order].astype("int64")
    return Runs(first, other, -width, width, grid.wraps)


def _half_widths(grid: Grid, lat: FloatArray, other: FloatArray, radius: float) -> IntArray:
    """Return, per pair of rows, the most columns between two cells within `radius`.

    Bisection: distance grows with the difference of longitude up to 180°.
    """
    columns, step = grid.shape[1], abs(grid.transform.a)
    # Beyond 180° the way round the other side is shorter, and distance falls again.
    most = columns // 2 if grid.wraps else min(columns - 1, int(180 / step))
    low = np.zeros(len(lat), dtype="int64")
    high = np.full(len(lat), most, dtype="int64")
    while (open_ := np.flatnonzero(low < high)).size:
        middle = (low[open_] + high[open_] + 1) // 2
        near = _distance(lat[open_], other[open_], middle * step) <= radius
        low[open_[near]] = middle[near]
        high[open_[~near]] = middle[~near] - 1
    return low


def _distance(lat: FloatArray, other: FloatArray, dlon: FloatArray) -> FloatArray:
    metres = _GEOD.inv(np.zeros(len(lat)), lat, dlon, other)[2]
    return np.asarray(metres, dtype="float64")


def _same_for_all_rows(offsets: IntArray, shape: tuple[int, int], wraps: bool) -> Runs:
    """Repeat runs (row offset, low, high) for every row, without those off the grid."""
    rows = shape[0]
    row = np.arange(rows)[:, None] + offsets[:, 0]
    inside = (row >= 0) & (row < rows)
    first = np.concatenate([[0], inside.sum(axis=1).cumsum()]).astype("int64")
    low = np.broadcast_to(offsets[:, 1], row.shape)[inside]
    high = np.broadcast_to(offsets[:, 2], row.shape)[inside]
    return Runs(first, row[inside].astype("int64"), low.copy(), high.copy(), wraps)
