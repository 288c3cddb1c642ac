"""Reference implementation of `kernel`: slow and short, for tests."""

from __future__ import annotations

import numpy as np

from hotspots.layers.array_types import FloatArray, IntArray


def run_sums(
    values: FloatArray, first: IntArray, row: IntArray, low: IntArray, high: IntArray, wraps: bool
) -> FloatArray:
    """Return for each cell the sum of `values` over its neighbourhood, cell by cell.

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
    out = np.zeros((rows, columns))
    for i in range(rows):
        for k in range(first[i], first[i + 1]):
            for j in range(columns):
                run = range(j + low[k], j + high[k] + 1)
                if wraps:
                    members = {c % columns for c in run}
                else:
                    members = {c for c in run if 0 <= c < columns}
                out[i, j] += sum(values[row[k], c] for c in members)
    return out
