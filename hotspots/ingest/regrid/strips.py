"""The values of some rows of a target grid, from the source cells under them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hotspots.errors import RasterError
from hotspots.ingest.regrid import overlap
from hotspots.ingest.regrid.overlap import Overlap
from hotspots.ingest.regrid.plan import Plan, View, classes_of_legend, unit_of
from hotspots.ingest.regrid.reproject import read_warped
from hotspots.ingest.regrid.source_raster import Numbers, Stored, read_stored
from hotspots.layers.legends import legend as legend_of
from hotspots.layers.legends import recode, to_canonical
from hotspots.layers.rounding import steady
from hotspots.layers.units import conversion
from hotspots.layers.variables import class_nodata

WATER = "water_body"
_SOURCE_CELLS = 16_000_000  # of a strip; decoded, 128 MB
_STRIP_ROWS = 512  # at most; a power of two, so that strips fill the tiles of the file written


def strip_rows(plan: Plan) -> int:
    """Return the number of target rows of a strip: a power of two."""
    heaviest = 1.0
    for view in plan.views:
        per_row = max(view.rows.cell.size / max(view.rows.size.size, 1), 1.0)
        cells = per_row * view.width * len(view.raw.bands)
        # The strip's own planes count too: they may be larger than the source cells under it.
        heaviest = max(heaviest, cells, plan.grid.shape[1] * (plan.planes + 1))
    most = int(_SOURCE_CELLS / heaviest)
    return int(np.clip(1 << max(most, 1).bit_length() - 1, 1, _STRIP_ROWS))


def strip(plan: Plan, with_share: bool, block_info: Any = None) -> Numbers:
    """Return the planes of some target rows, followed by the share."""
    _, (top, bottom), _ = block_info[None]["array-location"]
    if plan.how.share_of or plan.row.classes is not None:
        parts = [_classes(plan, view, top, bottom) for view in plan.views]
    else:
        parts = [_quantity(plan, view, top, bottom) for view in plan.views]
    values, share = _merged(plan, parts)
    return np.concatenate([values, share[None]]) if with_share else values


def _merged(plan: Plan, parts: list[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
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


def _side_by_side(plan: Plan, values: Numbers, shares: Numbers) -> tuple[Numbers, Numbers]:
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


def _quantity(plan: Plan, view: View, top: int, bottom: int) -> tuple[Numbers, Numbers]:
    shape = (len(view.raw.bands), bottom - top, plan.grid.shape[1])
    out = np.full(shape, np.nan, dtype="float32")
    share = np.zeros(shape, dtype="float32")
    found = _read(view, top, bottom)
    if found is None:
        return out, share[0]
    stored, rows = found
    unit = unit_of(view.raw, plan.how.months)
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


def _classes(plan: Plan, view: View, top: int, bottom: int) -> tuple[Numbers, Numbers]:
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


def _legend(plan: Plan) -> tuple[dict[int, str], int]:
    """Return the canonical classes of the codes, and the code that means missing."""
    classes = plan.row.classes
    if plan.how.legend or plan.how.share_of:
        classes = classes_of_legend(plan.how.legend)
    if not classes:
        raise RasterError(f"'{plan.row.name}' has no classes. Name the legend that the file is in.")
    return classes, class_nodata(classes)


def _canonical(stored: Stored, plan: Plan, classes: dict[int, str]) -> Numbers:
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


def _read(view: View, top: int, bottom: int) -> tuple[Stored, Overlap] | None:
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
