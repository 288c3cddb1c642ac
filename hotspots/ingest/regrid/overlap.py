"""Area-weighted means and majorities between two grids of one CRS, by exact overlap.

Cells of two regular grids overlap in rectangles, so the shared area is the product of a row part
and a column part. On a geographic grid the row part is a difference of the authalic q(φ) (as in
`hotspots.layers.grid`) and columns overlap modulo 360 degrees; on a projected one both are lengths.
Nothing is sampled: ``value × share × area``, summed over the target, is the sum over the source.

`Overlap` lists, for one axis, the source cells under each target cell; the compiled functions
iterate over those lists. Sums are float64; memory is that of the given values and of one row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from hotspots.layers.grid import Grid, authalic_q
from hotspots.layers.rounding import split

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Reals = npt.NDArray[np.floating]

# Edges closer to each other than this part of a source cell are the same edge, rounded.
_SAME_EDGE = 1e-5
# Areas that differ by less than this part are equal: only the order of summation differs.
_TIE = 1e-9
# Rounds before float64 becomes float32, so that float64 rounding errors have no effect.
_steady = numba.njit(cache=True, nogil=True)(split)


class Overlap(NamedTuple):
    """Source cells under each target cell, along one axis.

    Target cell i lies over the source cells ``cell[first[i]:first[i + 1]]``, and shares with them
    ``weight`` (same positions); ``size[i]`` is its own measure. Weights and sizes are degrees of
    longitude, differences of q(φ), or lengths, in one unit each. `same` says that each target cell
    is one whole source cell, or lies outside. A named tuple, because numba compiles functions of
    those but not of dataclasses.
    """

    first: Index
    cell: Index
    weight: Array
    size: Array
    same: bool

    def part(self, start: int, end: int) -> Overlap:
        """Return the overlap of the target cells from `start` to `end` (exclusive)."""
        low, high = self.first[start], self.first[end]
        return Overlap(
            self.first[start : end + 1] - low,
            self.cell[low:high],
            self.weight[low:high],
            self.size[start:end],
            self.same,
        )


class _Axis(NamedTuple):
    """One axis of a grid, as stored: its first edge, the step from cell to cell, its cells."""

    edge: float
    step: float
    cells: int


def overlaps(source: Grid, target: Grid) -> tuple[Overlap, Overlap]:
    """Return the overlaps of rows and of columns of two grids of one CRS, in any orientation."""
    s, t = source.transform, target.transform
    geographic = source.is_geographic
    rows = _overlap(
        _Axis(s.f, s.e, source.shape[0]),
        _Axis(t.f, t.e, target.shape[0]),
        areal=geographic,
        turn=0.0,
    )
    columns = _overlap(
        _Axis(s.c, s.a, source.shape[1]),
        _Axis(t.c, t.a, target.shape[1]),
        areal=False,
        turn=360.0 if geographic else 0.0,
    )
    return rows, columns


def _overlap(source: _Axis, target: _Axis, *, areal: bool, turn: float) -> Overlap:
    """Return the overlap of two axes; `turn` is the length of a full rotation, 0 for none."""
    (start, step, count), (t_start, t_step, t_count) = source, target
    edges = t_start + t_step * np.arange(t_count + 1)
    # In source cells from the first edge, which removes orientation and rounding.
    at = _rounded((edges - start) / step)
    low, high = np.minimum(at[:-1], at[1:]), np.maximum(at[:-1], at[1:])
    period = _rounded(abs(turn / step))
    most = min(count, period) if turn else count  # a column that occurs twice counts once
    shifts = _shifts(low, high, most, period) if turn else [0.0]
    pieces = [_pieces(low + shift, high + shift, most) for shift in shifts]
    target_cell, cell, left, right = (np.concatenate(part) for part in zip(*pieces, strict=True))
    order = np.argsort(target_cell, kind="stable")
    target_cell, cell, left, right = target_cell[order], cell[order], left[order], right[order]
    first = np.concatenate([[0], np.cumsum(np.bincount(target_cell, minlength=t_count))])
    whole_cells = (high - low == 1).all() and (low == np.rint(low)).all()
    return Overlap(
        first.astype("int64"),
        cell,
        _measure(start + step * left, start + step * right, areal),
        _measure(edges[:-1], edges[1:], areal),
        bool(whole_cells and (right - left == 1).all()),
    )


def _rounded(cells: Any) -> Any:
    whole = np.rint(cells)
    return np.where(np.abs(cells - whole) < _SAME_EDGE, whole, cells)[()]


def _shifts(low: Array, high: Array, most: float, period: float) -> list[float]:
    """Return the full rotations, in cells, that bring target cells over source cells."""
    least = int(np.floor(-high.max() / period))
    last = int(np.ceil((most - low.min()) / period))
    return [n * period for n in range(least, last + 1)]


def _pieces(low: Array, high: Array, most: float) -> tuple[Index, Index, Array, Array]:
    """Return target cell, source cell, left and right end (in source cells) of each overlap."""
    low, high = np.clip(low, 0, most), np.clip(high, 0, most)
    begin = np.floor(low).astype("int64")
    # A target cell outside the source was clipped to nothing.
    number = np.where(high > low, np.ceil(high).astype("int64") - begin, 0)
    cell = np.repeat(np.arange(low.size), number)
    offset = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    source = begin[cell] + offset
    return cell, source, np.maximum(low[cell], source), np.minimum(high[cell], source + 1)


def _measure(a: Reals, b: Reals, areal: bool) -> Array:
    if areal:
        # Edges of a rounded grid may lie a trace beyond the poles.
        a, b = (authalic_q(np.clip(edge, -90, 90)) for edge in (a, b))
    return np.asarray(np.abs(b - a), dtype="float64")


@numba.njit(cache=True, nogil=True)
def _mean(
    values: Reals, rows: Overlap, columns: Overlap
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    shape = (rows.size.size, columns.size.size)
    mean, share = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for i in range(shape[0]):
        total, area = np.zeros(shape[1]), np.zeros(shape[1])
        # Along the source's rows, so that memory is read in order.
        for k in range(rows.first[i], rows.first[i + 1]):
            line, height = values[rows.cell[k]], rows.weight[k]
            for j in range(shape[1]):
                part, width = 0.0, 0.0
                for n in range(columns.first[j], columns.first[j + 1]):
                    value = line[columns.cell[n]]
                    if value == value:  # not NaN
                        part += columns.weight[n] * value
                        width += columns.weight[n]
                total[j] += height * part
                area[j] += height * width
        for j in range(shape[1]):
            mean[i, j] = _steady(total[j] / area[j]) if area[j] > 0 else np.nan
            # Rounding may carry the share of a full cell just above 1.
            share[i, j] = min(_steady(area[j] / (rows.size[i] * columns.size[j])), 1.0)
    return mean, share


def mean(
    values: Reals, rows: Overlap, columns: Overlap
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the area-weighted mean of the valid source values, and the share of area they cover.

    Parameters
    ----------
    values : array, shape (source rows, source columns)
        float32 or float64, NaN is missing.
    rows, columns : Overlap
        With indices into `values`.

    Returns
    -------
    mean, share : float32, shape (target rows, target columns)
        NaN and 0 where there is no valid value.
    """
    made, share = _mean(values, rows, columns)
    return made, share


@numba.njit(cache=True, nogil=True)
def _class_areas(
    codes: npt.NDArray[np.uint8], i: int, rows: Overlap, columns: Overlap, areas: Array
) -> None:
    """Set ``areas[j, c - 1]`` to the area of class c in column j of the target row `i`."""
    areas[:] = 0.0
    for k in range(rows.first[i], rows.first[i + 1]):
        line, height = codes[rows.cell[k]], rows.weight[k]
        for j in range(areas.shape[0]):
            for n in range(columns.first[j], columns.first[j + 1]):
                code = line[columns.cell[n]]
                if code > 0:
                    areas[j, code - 1] += height * columns.weight[n]


@numba.njit(cache=True, nogil=True)
def _majority(
    codes: npt.NDArray[np.uint8], classes: int, rows: Overlap, columns: Overlap
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    shape = (rows.size.size, columns.size.size)
    most, share = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    areas = np.zeros((shape[1], classes))
    for i in range(shape[0]):
        _class_areas(codes, i, rows, columns, areas)
        for j in range(shape[1]):
            best, largest, valid = 0, 0.0, 0.0
            for c in range(classes):
                valid += areas[j, c]
                if areas[j, c] > largest * (1 + _TIE):
                    best, largest = c + 1, areas[j, c]
            most[i, j] = best
            share[i, j] = min(_steady(valid / (rows.size[i] * columns.size[j])), 1.0)
    return most, share


def majority(
    codes: npt.NDArray[np.uint8], classes: int, rows: Overlap, columns: Overlap
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return the class with the largest area (lowest code if equal) and the valid area's share.

    Parameters
    ----------
    codes : array of uint8, shape (source rows, source columns)
        1 to `classes`; 0 is missing.
    classes : int
        Highest code.
    rows, columns : Overlap
        With indices into `codes`.

    Returns
    -------
    most : uint8, shape (target rows, target columns)
        0 where there is no class.
    share : float32
    """
    most, share = _majority(codes, classes, rows, columns)
    return most, share


@numba.njit(cache=True, nogil=True)
def _share_of(
    codes: npt.NDArray[np.uint8],
    classes: int,
    selected: int,
    water: int,
    rows: Overlap,
    columns: Overlap,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    shape = (rows.size.size, columns.size.size)
    out, share = np.empty(shape, np.float32), np.empty(shape, np.float32)
    areas = np.zeros((shape[1], classes))
    for i in range(shape[0]):
        _class_areas(codes, i, rows, columns, areas)
        for j in range(shape[1]):
            land = 0.0
            for c in range(classes):
                if c + 1 != water:
                    land += areas[j, c]
            out[i, j] = _steady(areas[j, selected - 1] / land) if land > 0 else np.nan
            share[i, j] = min(_steady(land / (rows.size[i] * columns.size[j])), 1.0)
    return out, share


def share_of(
    codes: npt.NDArray[np.uint8],
    classes: int,
    selected: int,
    water: int,
    rows: Overlap,
    columns: Overlap,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the share of class `selected` in each cell's land, and the land's share of the cell.

    Land is all area with a class other than `water` (0: no class is water). For `codes` see
    `majority`. The share is NaN where there is no land.

    Parameters
    ----------
    codes : array of uint8, shape (source rows, source columns)
        1 to `classes`; 0 is missing and counts neither as land nor as water.
    classes : int
        Highest code.
    selected : int
        Code of the class whose share is returned, 1 to `classes`.
    water : int
        Code of the class that isn't land; 0 if there is none.
    rows, columns : Overlap
        With indices into `codes`.

    Returns
    -------
    part, land : float32, shape (target rows, target columns)
        Fractions from 0 to 1: of the land's area, and of the cell's area.
    """
    part, land = _share_of(codes, classes, selected, water, rows, columns)
    return part, land
