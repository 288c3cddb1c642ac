"""Clipping layers to a box, in whole cells."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.errors import EmptyRegionError
from hotspots.layers.crs import crs_text
from hotspots.layers.grid import grid_of


def clipped(data: xr.Dataset, bounds: tuple[float, float, float, float]) -> xr.Dataset:
    """Return the cells that intersect a box.

    Parameters
    ----------
    data : Dataset
        Dimensions (y, x), y descending, with a CRS.
    bounds : (west, south, east, north)
        Degrees. West > east crosses the antimeridian; then all columns are returned, because the
        two parts aren't contiguous columns.

    Raises
    ------
    EmptyRegionError
        The box is empty, or intersects no cell.
    """
    west, south, east, north = bounds
    if south >= north or west == east:
        raise EmptyRegionError(
            f"The box {west:g},{south:g},{east:g},{north:g} is empty. South must be below north and"
            " west differ from east."
        )
    grid = grid_of(data)
    if west > east:
        west, east = -180.0, 180.0
    if not grid.is_geographic:
        from rasterio.warp import transform_bounds

        # Takes points along the edges too, which are curved in the CRS of the layers.
        west, south, east, north = transform_bounds(
            "EPSG:4326", crs_text(grid.crs), west, south, east, north
        )
    # Strict, so that a cell which only touches the box is left out; rows run southward.
    columns = (grid.x_edges[:-1] < east) & (grid.x_edges[1:] > west)
    rows = (grid.y_edges[1:] < north) & (grid.y_edges[:-1] > south)
    if not columns.any() or not rows.any():
        raise EmptyRegionError(
            f"The box {','.join(f'{b:g}' for b in bounds)} meets no cell of the layers, which span"
            f" {','.join(f'{b:g}' for b in grid.bounds)}."
        )
    out = data.isel(y=np.flatnonzero(rows), x=np.flatnonzero(columns))
    t = grid.transform
    corner = (t.c + t.a * int(np.argmax(columns)), t.f + t.e * int(np.argmax(rows)))
    placed: xr.Dataset = out.rio.write_transform(type(t)(t.a, 0, corner[0], 0, t.e, corner[1]))
    return placed
