"""Regridding of stored files to a layer: area-weighted means, majorities, shares.

The target is processed in strips of whole rows, each of which reads only the source window under
it; strips are small enough that a world of 30 arc-seconds needs one gigabyte of memory. Grids of
one CRS are combined by the exact overlap of their cells (`overlap`); another CRS is first sampled
on a refined target grid (`warped`). Where the grids coincide, the stored numbers are used
unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from hotspots.errors import RasterError
from hotspots.ingest.regrid import overlap
from hotspots.ingest.regrid.overlap import Overlap
from hotspots.ingest.regrid.reproject import Warped, read_warped, warped
from hotspots.ingest.regrid.source_raster import (
    Numbers,
    SourceRaster,
    Stored,
    open_grid,
    read_stored,
)
from hotspots.layers.crs import same_crs
from hotspots.layers.grid import Grid
from hotspots.layers.legends import legend as legend_of
from hotspots.layers.legends import recode, to_canonical
from hotspots.layers.rounding import steady
from hotspots.layers.typed import in_chunks
from hotspots.layers.units import conversion, spelled
from hotspots.layers.variables import Variable, class_nodata, describe, variable

COMBINATIONS = ("", "sum", "mean")
MONTHLY = ("", "keep", "sum", "mean")
WATER = "water_body"
# Up to this number of target cells are computed at once, which shows if a share is needed.
AT_ONCE = 4_000_000
_SOURCE_CELLS = 16_000_000  # of a strip; decoded, 128 MB
_STRIP_ROWS = 512  # at most; a power of two, so that strips fill the tiles of the file written
_SHARE_MATTERS = 1e-3


@dataclass(frozen=True)
class Regridding:
    """Treatment of classes, of several files and of months.

    Attributes
    ----------
    legend : str
        Name of the legend of the codes in class files; "" for the canonical legend.
    share_of : str
        Class of that legend: the layer is its share of each cell's land. Land is all area with a
        class other than water.
    combine : str
        "sum" or "mean" of the files; a cell that is missing in one of them is missing.
    months : str
        Treatment of 12 bands (or files): "keep" (dimension ``month``), "sum", "mean"; where files
        are combined, of the 12 bands of each.
    """

    legend: str = ""
    share_of: str = ""
    combine: str = ""
    months: str = ""


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
    how: Regridding = Regridding(),
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
    plan = _plan(
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


@dataclass(frozen=True)
class _View:
    """One file and the position of its cells under those of the target.

    ``columns`` counts from the first column of ``runs``, the parts of a row that are read.
    """

    raw: SourceRaster
    warp: Warped | None
    rows: Overlap
    columns: Overlap
    runs: tuple[tuple[int, int], ...]

    @property
    def same(self) -> bool:
        """Whether each target cell is a whole source cell."""
        return self.warp is None and self.rows.same and self.columns.same

    @property
    def width(self) -> int:
        """Columns that are read."""
        return sum(end - start for start, end in self.runs)


@dataclass(frozen=True)
class _Plan:
    views: tuple[_View, ...]
    grid: Grid
    row: Variable
    how: Regridding

    @property
    def planes(self) -> int:
        """Number of (y, x) planes of the layer."""
        return 12 if self.how.months == "keep" else 1

    @property
    def dtype(self) -> str:
        """Data type of the layer."""
        if self.row.classes is None:
            return "float32"
        return "int8" if class_nodata(self.row.classes) else "uint8"


def _plan(raws: list[SourceRaster], grid: Grid, name: str, how: Regridding) -> _Plan:
    row = variable(name)
    if not raws:
        raise RasterError(f"No file is given for '{name}'. Give at least one.")
    for key, given, allowed in (
        ("combine", how.combine, COMBINATIONS),
        ("months", how.months, MONTHLY),
    ):
        if given not in allowed:
            raise RasterError(f"'{key}' is '{given}'; allowed are {', '.join(allowed[1:])}.")
    bands = sum(len(raw.bands) for raw in raws)
    years = bands // 12 if how.combine else 1  # each part of a sum or mean has its months
    if how.months and (bands != 12 * years or not years):
        raise RasterError(f"'{name}' has {bands} bands; the 12 months of a year are needed.")
    if not how.months and any(len(raw.bands) != 1 for raw in raws):
        raise RasterError(f"'{name}' takes one band of each file. Say which one.")
    if how.share_of:
        _class_code(how.legend, how.share_of)
    elif row.classes is None:
        for raw in raws:
            conversion(_unit(raw, how.months), row.unit)
    return _Plan(tuple(_view(raw, grid) for raw in raws), grid, row, how)


def _class_code(legend: str, name: str) -> int:
    classes = variable(legend_of(legend).variable).classes or {}
    for code, own in classes.items():
        if own == name:
            return code
    raise RasterError(f"'{name}' isn't a class; allowed are {', '.join(classes.values())}.")


def _unit(raw: SourceRaster, months: str) -> str:
    """Return the unit of a file's values after its months are summed."""
    # The catalogue states the unit of the sum, as it does for any product.
    if months != "sum" or spelled(raw.unit).endswith("yr-1"):
        return raw.unit
    unit = raw.unit.replace("/month", " month-1")
    return unit.replace("month-1", "yr-1") if "month-1" in unit else f"{unit} yr-1"


def _view(raw: SourceRaster, grid: Grid) -> _View:
    source = open_grid(raw)
    warp = None if same_crs(source.crs, grid.crs) else warped(raw, source, grid)
    rows, columns = overlap.overlaps(source if warp is None else warp.grid, grid)
    used = np.unique(columns.cell)
    # There are several runs where a region crosses the meridian at which the source begins.
    gaps = np.flatnonzero(np.diff(used) > 1)
    starts = used[np.concatenate([[0], gaps + 1])] if used.size else []
    ends = used[np.concatenate([gaps, [used.size - 1]])] + 1 if used.size else []
    runs = tuple((int(a), int(b)) for a, b in zip(starts, ends, strict=True))
    # A warped source is read through the refined target grid, whose cells have no gaps.
    if warp is not None:
        runs = ((0, warp.grid.shape[1]),)
    else:
        columns = columns._replace(cell=np.searchsorted(used, columns.cell).astype("int64"))
    return _View(raw, warp, rows, columns, runs)


# ------------------------------------------------------------------------------------- strips


def _lazily(plan: _Plan) -> Any:
    rows, columns = plan.grid.shape
    step = _strip_rows(plan)
    chunks = tuple(min(step, rows - top) for top in range(0, rows, step))
    coincide = len(plan.views) == 1 and plan.views[0].same and not plan.how.share_of
    planes = plan.planes if coincide else plan.planes + 1
    # Classes share an array with their share of area; float32 holds all codes exactly.
    dtype = plan.dtype if coincide else "float32"
    return in_chunks(
        _strip,
        plan=plan,
        with_share=not coincide,
        chunks=((planes,), chunks, (columns,)),
        dtype=dtype,
        meta=np.empty((0, 0, 0), dtype=dtype),
    )


def _strip_rows(plan: _Plan) -> int:
    """Return the number of target rows of a strip: a power of two."""
    heaviest = 1.0
    for view in plan.views:
        per_row = max(view.rows.cell.size / max(view.rows.size.size, 1), 1.0)
        cells = per_row * view.width * len(view.raw.bands)
        # The strip's own planes count too: they may be larger than the source cells under it.
        heaviest = max(heaviest, cells, plan.grid.shape[1] * (plan.planes + 1))
    most = int(_SOURCE_CELLS / heaviest)
    return int(np.clip(1 << max(most, 1).bit_length() - 1, 1, _STRIP_ROWS))


def _strip(plan: _Plan, with_share: bool, block_info: Any = None) -> Numbers:
    """Return the planes of some target rows, followed by the share."""
    _, (top, bottom), _ = block_info[None]["array-location"]
    if plan.how.share_of or plan.row.classes is not None:
        parts = [_classes(plan, view, top, bottom) for view in plan.views]
    else:
        parts = [_quantity(plan, view, top, bottom) for view in plan.views]
    values, share = _merged(plan, parts)
    return np.concatenate([values, share[None]]) if with_share else values


def _merged(plan: _Plan, parts: list[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    """Merge the planes of several files, (planes, rows, columns), and their shares."""
    if plan.how.months:
        values = np.concatenate([part[0] for part in parts])
        # A year is known only as far as the month that covers least.
        share = np.min([part[1] for part in parts], axis=0)
        if plan.how.combine:
            whole = values.reshape(-1, 12, *values.shape[1:]).sum(axis=0, dtype="float64")
            count = len(values) // 12 if plan.how.combine == "mean" else 1
            values = steady(whole / count).astype("float32")
        if plan.how.months == "keep":
            return values, share
        # A cell that is missing in one month is NaN in the sum.
        reduced = values.sum(axis=0, dtype="float64") / (12 if plan.how.months == "mean" else 1)
        return steady(reduced)[None].astype("float32"), share
    if len(parts) == 1:
        return parts[0]
    values = np.stack([part[0][0] for part in parts])
    shares = np.stack([part[1] for part in parts])
    if plan.how.combine:
        total = values.sum(axis=0, dtype="float64")
        total = total / len(parts) if plan.how.combine == "mean" else total
        return steady(total)[None].astype("float32"), np.where(
            np.isnan(total), 0, shares.min(axis=0)
        )
    return _side_by_side(plan, values, shares)


def _side_by_side(plan: _Plan, values: Numbers, shares: Numbers) -> tuple[Numbers, Numbers]:
    covered = shares.sum(axis=0, dtype="float64")
    if plan.row.classes is None:
        # Where a file has no share its value is NaN, which a weight of 0 wouldn't remove.
        weighted = np.where(shares > 0, values.astype("float64") * shares, 0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            made = steady(weighted / covered).astype("float32")
    else:
        made = np.take_along_axis(values, shares.argmax(axis=0)[None], axis=0)[0]
    # Files may overlap, so that their shares sum to more than 1.
    return made[None], np.minimum(covered, 1).astype("float32")


def _quantity(plan: _Plan, view: _View, top: int, bottom: int) -> tuple[Numbers, Numbers]:
    shape = (len(view.raw.bands), bottom - top, plan.grid.shape[1])
    out = np.full(shape, np.nan, dtype="float32")
    share = np.zeros(shape, dtype="float32")
    found = _read(view, top, bottom)
    if found is None:
        return out, share[0]
    stored, rows = found
    unit = _unit(view.raw, plan.how.months)
    # The valid range of a year's sum doesn't hold for months; their unit is needed for decoding.
    row = replace(plan.row, unit=view.raw.unit) if plan.how.months == "sum" else plan.row
    # Values that are only copied need no float64; weighted sums do.
    values = stored.values(row, "float32" if view.same else "float64")
    for i, plane in enumerate(values):
        if view.same:
            out[i] = _coinciding_cells(plane, rows, view.columns, np.nan)
            share[i] = np.isfinite(out[i])
        else:
            out[i], share[i] = overlap.mean(plane, rows, view.columns)
    factor, offset = conversion(unit, plan.row.unit)
    if factor != 1 or offset:
        out = steady(out.astype("float64") * factor + offset).astype("float32")
    return out, share.min(axis=0)


def _classes(plan: _Plan, view: _View, top: int, bottom: int) -> tuple[Numbers, Numbers]:
    shape = (bottom - top, plan.grid.shape[1])
    found = _read(view, top, bottom)
    classes, nodata = _legend(plan)
    empty = np.nan if plan.how.share_of else nodata
    if found is None:
        return np.full((1, *shape), empty, dtype=plan.dtype), np.zeros(shape, dtype="float32")
    stored, rows = found
    codes = _canonical(stored, plan, classes)
    low = min(classes)
    if view.same and not plan.how.share_of:
        cells = _coinciding_cells(codes, rows, view.columns, nodata)
        return cells[None], (cells != nodata).astype("float32")
    # The kernel's codes start at 1, as those of most legends do. In int16, because the stored
    # 8 bits could overflow.
    if low != 1:
        codes = np.where(codes == nodata, 0, codes.astype("int16") - low + 1).astype("uint8")
    number = max(classes) - low + 1
    if plan.how.share_of:
        names = {name: code - low + 1 for code, name in classes.items()}
        part, land = overlap.share_of(
            codes, number, names[plan.how.share_of], names.get(WATER, 0), rows, view.columns
        )
        return part[None], land
    most, share = overlap.majority(codes, number, rows, view.columns)
    made = np.where(most == 0, nodata, most.astype("int16") + low - 1)
    return made[None].astype(plan.dtype), share


def _legend(plan: _Plan) -> tuple[dict[int, str], int]:
    """Return the canonical classes of the codes, and the code that means missing."""
    classes = plan.row.classes
    if plan.how.legend:
        classes = variable(legend_of(plan.how.legend).variable).classes
    if not classes:
        raise RasterError(f"'{plan.row.name}' has no classes. Name the legend that the file is in.")
    return classes, class_nodata(classes)


def _canonical(stored: Stored, plan: _Plan, classes: dict[int, str]) -> Numbers:
    """Return the stored codes of the first band in the canonical numbering."""
    numbers, missing = stored.numbers[0], stored.missing()
    nodata = class_nodata(classes)
    some = next(iter(legend_of(plan.how.legend).classes)) if plan.how.legend else nodata
    if missing.any():  # nodata numbers aren't in any legend
        numbers = np.where(missing, some, numbers)
    try:
        codes = (
            to_canonical(numbers, plan.how.legend)
            if plan.how.legend
            else recode(numbers, classes, classes)
        )
    except RasterError as error:
        raise RasterError(f"'{stored.raw.path}': {error}") from error
    codes[missing] = nodata
    return codes


def _read(view: _View, top: int, bottom: int) -> tuple[Stored, Overlap] | None:
    """Return the source cells under some target rows, and their overlap; None if there are none."""
    rows = view.rows.part(top, bottom)
    if not rows.cell.size or not view.width:
        return None
    first, end = int(rows.cell.min()), int(rows.cell.max()) + 1
    rows = rows._replace(cell=rows.cell - first)
    if view.warp is not None:
        return read_warped(view.warp, (first, end)), rows
    parts = [read_stored(view.raw, ((first, end), run)) for run in view.runs]
    if len(parts) == 1:
        return parts[0], rows
    numbers = np.concatenate([part.numbers for part in parts], axis=2)
    masks = [part.inside for part in parts if part.inside is not None]
    inside = np.concatenate(masks, axis=2) if masks else None
    return replace(parts[0], numbers=numbers, inside=inside), rows


def _coinciding_cells(values: Numbers, rows: Overlap, columns: Overlap, missing: float) -> Numbers:
    """Return the cells of a source whose grid coincides with the target's."""
    down, across = (np.diff(axis.first) > 0 for axis in (rows, columns))
    cells = values
    # Indexing copies; a window that is used as a whole needs no copy.
    if not np.array_equal(rows.cell, np.arange(len(values))):
        cells = cells[rows.cell]
    if not np.array_equal(columns.cell, np.arange(values.shape[1])):
        cells = cells[:, columns.cell]
    if down.all() and across.all():
        return cells
    out = np.full((down.size, across.size), missing, dtype=values.dtype)
    out[np.ix_(down, across)] = cells
    return out


def _placed(planes: Any, plan: _Plan, dtype: str = "") -> xr.DataArray:
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
