"""Regridding of stored files to a layer: area-weighted means, majorities, shares.

The target is processed in strips of whole rows, each of which reads only the source window under
it; strips are small enough that a world of 30 arc-seconds needs one gigabyte of memory. Grids of
one CRS are combined by the exact overlap of their cells (`overlap`); another CRS is first sampled
on a refined target grid (`warped`). Where the grids coincide, the stored numbers are used
unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from hotspots.ingest.regrid.plan import Plan, Regridding, plan_of
from hotspots.ingest.regrid.source_raster import SourceRaster
from hotspots.ingest.regrid.strips import strip, strip_rows
from hotspots.layers.grid import Grid
from hotspots.layers.typed import in_chunks
from hotspots.layers.variables import describe

__all__ = ["RegriddedLayer", "Regridding", "on_grid"]
# Up to this number of target cells are computed at once, which shows if a share is needed.
AT_ONCE = 4_000_000
_SHARE_MATTERS = 1e-3
_AS_IT_IS = Regridding()


class RegriddedLayer(NamedTuple):
    """A layer on the requested grid, and the share of each cell's area that has values.

    `share` is None if each cell is covered wholly or not at all; see `on_grid`.
    """

    layer: xr.DataArray
    share: xr.DataArray | None


def on_grid(
    raws: SourceRaster | Sequence[SourceRaster],
    grid: Grid,
    name: str,
    how: Regridding = _AS_IT_IS,
    *,
    attrs: Mapping[str, object] | None = None,
) -> RegriddedLayer:
    """Return a layer on the requested grid, and the share of each cell's area that has values.

    Parameters
    ----------
    raws : SourceRaster or sequence of SourceRaster
        Adjacent files (where two cover a cell, the area-weighted mean, or the class of the file
        that covers more of it); or the terms of a sum or mean; or the bands of 12 months.
    grid : Grid
        Target grid, north up, any CRS; longitudes from -180.
    name : str
        Canonical variable; values are converted to its unit.
    how : Regridding
        Treatment of classes, of several files and of months.
    attrs : mapping, optional
        Further attributes: ``source``, ``depth_cm``, ``year``.

    Returns
    -------
    layer : DataArray
        (y, x), or (month, y, x), on `grid`; float32 with NaN, or uint8 with 0 for classes;
        attributes as set by `describe`. Up to `AT_ONCE` cells in memory; above, dask-backed
        in strips, which read their files when they are computed.
    share : DataArray or None
        ``<name>_valid_share``, float32, 0 where there are no values; with ``share_of``, the land's
        share of the cell. None if each cell is covered wholly or not at all (to 0.001): true of
        a grid that coincides with the source's, tested on a small one; a large one always has a
        share.

    Raises
    ------
    RasterError
        Unreadable files, no CRS, an inconvertible unit, an undeclared nodata number or an unknown
        class code; for a large layer raised when it is computed.
    """
    plan = plan_of(
        [raws] if isinstance(raws, SourceRaster) else list(raws),
        grid,
        name,
        how,
    )
    made = _lazily(plan)
    if grid.shape[0] * grid.shape[1] <= AT_ONCE:
        made = made.compute()
    layer = made[: plan.planes]
    coincide = len(plan.views) == 1 and plan.views[0].same and not how.share_of
    share = None if coincide else made[plan.planes]
    # Only in memory: a lazy share would have to be computed to be examined.
    if isinstance(share, np.ndarray):
        valid = share > 0
        share = share if (np.abs(share[valid] - 1) > _SHARE_MATTERS).any() else None
    out = describe(_placed(layer, plan), name, **dict(attrs or {}))
    if share is None:
        return RegriddedLayer(out, None)
    kept = _placed(
        share[None].astype("float32"), replace(plan, how=replace(how, months="")), "float32"
    )
    return RegriddedLayer(out, describe(kept, f"{name}_valid_share"))


def _lazily(plan: Plan) -> Any:
    rows, columns = plan.grid.shape
    step = strip_rows(plan)
    chunks = tuple(min(step, rows - top) for top in range(0, rows, step))
    coincide = len(plan.views) == 1 and plan.views[0].same and not plan.how.share_of
    planes = plan.planes if coincide else plan.planes + 1
    # Classes share an array with their share of area; float32 holds all codes exactly.
    dtype = plan.dtype if coincide else "float32"
    return in_chunks(
        strip,
        plan=plan,
        with_share=not coincide,
        chunks=((planes,), chunks, (columns,)),
        dtype=dtype,
        meta=np.empty((0, 0, 0), dtype=dtype),
    )


def _placed(planes: Any, plan: Plan, dtype: str = "") -> xr.DataArray:
    """Return planes as a layer of `plan`'s grid."""
    grid = plan.grid
    kept = plan.how.months == "keep"
    dims = ("month", "y", "x") if kept else ("y", "x")
    data = (planes if kept else planes[0]).astype(dtype or plan.dtype, copy=False)
    out = xr.DataArray(data, dims=dims, coords={"y": grid.y, "x": grid.x})
    if kept:
        out = out.assign_coords(month=np.arange(1, 13))
    placed: xr.DataArray = out.rio.write_crs(grid.crs).rio.write_transform(grid.transform)
    return placed
