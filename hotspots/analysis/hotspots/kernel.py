"""Sums over cell neighbourhoods that are made of runs along rows; compiled with numba.

Each row's prefix sums turn a run of any length into one subtraction, so that the cost grows with
the number of rows in a neighbourhood, not with its number of cells. `kernel_reference` is the
direct implementation that tests compare it with.
"""

from __future__ import annotations

import numba
import numpy as np

from hotspots.layers.array_types import FloatArray, IntArray


@numba.njit(cache=True, nogil=True)
def run_sums(
    values: FloatArray, first: IntArray, row: IntArray, low: IntArray, high: IntArray, wraps: bool
) -> FloatArray:
    """Return for each cell the sum of `values` over its neighbourhood, shape (rows, columns).

    Runs ``first[i]:first[i + 1]`` belong to the cells of row i: run k holds, in row ``row[k]``,
    the columns from ``low[k]`` to ``high[k]`` inclusive, counted from the cell's own column and
    less than a turn away. Columns beyond the edge are left out, or taken from the other side if
    the grid `wraps`; there a run of a whole turn counts every column once.

    Parameters
    ----------
    values : array (rows, columns)
        Values to sum, of any unit, without NaN: missing cells are given as 0.
    first : array of int (rows + 1,)
        Position of the first run of each row's cells; the last element is the number of runs.
    row : array of int (runs,)
        Row of the grid in which each run lies, from 0.
    low, high : array of int (runs,)
        First and last column of each run, inclusive, relative to the cell's own column.
    wraps : bool
        Whether the grid's last column is followed by its first, as on a global grid.
    """
    rows, columns = values.shape
    prefix = np.zeros((rows, columns + 1))
    for i in range(rows):
        for j in range(columns):
            prefix[i, j + 1] = prefix[i, j] + values[i, j]
    out = np.zeros((rows, columns))
    for i in range(rows):
        for k in range(first[i], first[i + 1]):
            line = prefix[row[k]]
            if wraps and high[k] - low[k] + 1 >= columns:
                out[i] += line[columns]
            else:
                _add_shifted(out[i], line, high[k] + 1, 1.0, wraps)
                _add_shifted(out[i], line, low[k], -1.0, wraps)
    return out


@numba.njit(cache=True, nogil=True)
def _add_shifted(out: FloatArray, line: FloatArray, shift: int, sign: float, wraps: bool) -> None:
    """Add ``sign × line[j + shift]`` to ``out[j]``, beyond the edges by turns or held at the edge.

    Split at the edge into two plain loops, which the compiler can vectorise.
    """
    columns = out.size
    turn = line[columns]
    if shift >= 0:
        inside = max(columns - shift, 0)
        for j in range(inside):
            out[j] += sign * line[j + shift]
        for j in range(inside, columns):
            out[j] += sign * (turn + line[j + shift - columns] if wraps else turn)
    else:
        before = min(-shift, columns)
        # Without wrapping, the prefix sum before the first column is 0: nothing to add.
        if wraps:
            for j in range(before):
                out[j] += sign * (line[j + shift + columns] - turn)
        for j in range(before, columns):
            out[j] += sign * line[j + shift]
