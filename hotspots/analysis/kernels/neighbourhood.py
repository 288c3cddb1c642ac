"""Sums over cell neighbourhoods that are made of runs along rows; compiled with numba.

Each row's prefix sums turn a run of any length into one subtraction, so that the cost grows with
the number of rows in a neighbourhood, not with its number of cells. `reference` is the plain twin.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def run_sums(
    values: Array, first: Index, row: Index, low: Index, high: Index, wraps: bool
) -> Array:
    """Return for each cell the sum of `values` over its neighbourhood, shape (rows, columns).

    Runs ``first[i]:first[i + 1]`` belong to the cells of row i: run k holds, in row ``row[k]``,
    the columns from ``low[k]`` to ``high[k]`` inclusive, counted from the cell's own column and
    less than a turn away. Columns beyond the edge are left out, or taken from the other side if
    the grid `wraps`; there a run of a whole turn counts every column once.
    """
    rows, columns = values.shape
    prefix = np.zeros((rows, columns + 1))
    for i in range(rows):
        for j in range(columns):
            prefix[i, j + 1] = prefix[i, j] + values[i, j]
    out = np.zeros((rows, columns))
    for i in range(rows):
        for k in range(first[i], first[i + 1]):
            line, lo, hi = prefix[row[k]], low[k], high[k]
            turn = line[columns]
            if wraps and hi - lo + 1 >= columns:
                out[i] += turn
                continue
            for j in range(columns):
                a, b, over = j + lo, j + hi + 1, 0
                if wraps:
                    if a < 0:
                        a, over = a + columns, over + 1
                    elif a > columns:
                        a, over = a - columns, over - 1
                    if b < 0:
                        b, over = b + columns, over - 1
                    elif b > columns:
                        b, over = b - columns, over + 1
                else:
                    a, b = min(max(a, 0), columns), min(max(b, 0), columns)
                out[i, j] += line[b] - line[a] + over * turn
    return out
