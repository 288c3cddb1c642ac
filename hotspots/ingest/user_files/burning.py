"""Which polygon each cell's value is from, which polygons no cell shows, and where several lie.

A cell has the value of the polygon that holds its centre. Two polygons with different values over
one another leave a cell's value open: that is refused, except along borders drawn twice, whose
overlap is thinner than half a cell and could fall on either side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from shapely.geometry.base import BaseGeometry

from hotspots.errors import RasterError
from hotspots.io.limits import require_within

Array = npt.NDArray[np.float64]
Shape = tuple[int, int]

_AT_ONCE = 20_000  # pairs intersected together
_SLIVER = 0.5  # of a cell: the width of an overlap that may be a border drawn twice
_ROUNDING = 1e-9  # of a polygon's area: two that merely touch


class Polygons(NamedTuple):
    """Areas in the plane of the grid, their values, and their rows in the file (from 1)."""

    shapes: Sequence[BaseGeometry]
    values: Array
    rows: npt.NDArray[np.int64]


def unseen(given: Polygons, seen: npt.NDArray[np.bool_], transform: Affine, shape: Shape) -> str:
    """Return a sentence on the polygons that hold no cell's centre, or "".

    Parameters
    ----------
    given : Polygons
        Those that were burnt.
    seen : array of bool
        Whether a cell has a polygon's value.
    transform, shape
        The grid.

    Raises
    ------
    RasterError
        None holds a cell's centre.
    """
    # One that lies below others has cells, although none shows it.
    hidden = np.flatnonzero(~seen).tolist()
    lost = np.array([i for i in hidden if not _holds(given, i, transform, shape)], dtype="int64")
    if not lost.size:
        return ""
    count, cell = len(given.shapes), f"{abs(transform.a):g}"
    if lost.size == count:
        raise RasterError(
            f"None of the {count:,} polygons holds the centre of a cell of {cell}. Give a smaller"
            " --cell."
        )
    area = shapely.area(np.asarray(given.shapes, dtype=object))
    largest = lost[area[lost].argmax()]
    return (
        f"{lost.size:,} of {count:,} polygons got no cell, since they hold no cell's centre:"
        f" together {_percent(area[lost].sum() / area.sum())} of the area, the largest (feature"
        f" {given.rows[largest]}) {_percent(area[largest] / area.sum())}. A smaller --cell shows"
        " them."
    )


def _holds(given: Polygons, index: int, transform: Affine, shape: Shape) -> bool:
    """Return whether a polygon holds the centre of a cell."""
    from rasterio.features import rasterize

    west, south, east, north = shapely.bounds(given.shapes[index])
    left, right = ((x - transform.c) / transform.a for x in (west, east))
    top, bottom = ((y - transform.f) / transform.e for y in (north, south))
    first = (int(np.ceil(top - 0.5)), int(np.ceil(left - 0.5)))
    last = (int(np.floor(bottom - 0.5)), int(np.floor(right - 0.5)))
    size = (min(last[0], shape[0] - 1) - first[0] + 1, min(last[1], shape[1] - 1) - first[1] + 1)
    if min(size) <= 0:
        return False
    moved = transform * Affine.translation(first[1], first[0])
    return bool(rasterize([given.shapes[index]], out_shape=size, transform=moved).any())


class Overlapping(NamedTuple):
    """Some pairs of areas over one another: positions, what they share, its part of the smaller."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    common: npt.NDArray[np.object_]
    share: Array


def overlapping(shapes: Sequence[BaseGeometry], called: str) -> Iterator[Overlapping]:
    """Yield the pairs of areas that overlap, some at a time; those that merely touch don't.

    Raises
    ------
    BadInputError
        Too many pairs; `called` names the file.
    """
    areas = np.asarray(shapes, dtype=object)
    size = shapely.area(areas)
    first, second = shapely.STRtree(areas).query(areas, predicate="intersects")
    pairs = np.stack([first, second])[:, first < second]
    require_within(f"'{called}' has", pairs.shape[1], "edge_pairs", "give fewer polygons")
    for at in range(0, pairs.shape[1], _AT_ONCE):
        a, b = pairs[:, at : at + _AT_ONCE]
        common = shapely.intersection(areas[a], areas[b])
        share = shapely.area(common) / np.minimum(size[a], size[b])
        real = share > _ROUNDING
        if real.any():
            yield Overlapping(a[real], b[real], common[real], share[real])


def overlaps(given: Polygons, cell: float, called: str) -> str:
    """Return a sentence on polygons that overlap, or "".

    Parameters
    ----------
    given : Polygons
        Those that will be burnt.
    cell : float
        Side of a cell, in units of the coordinates.
    called : str
        The file, for messages.

    Raises
    ------
    RasterError
        Two with different values overlap by more than a border drawn twice.
    """
    area = shapely.area(np.asarray(given.shapes, dtype=object))
    count, largest, of = 0, 0.0, 0
    for a, b, common, share in overlapping(given.shapes, called):
        _require_agreement(given, (a, b), common, cell, called)
        count += share.size
        if share.max() > largest:
            k = int(share.argmax())
            largest, of = float(share.max()), int(a[k] if area[a[k]] <= area[b[k]] else b[k])
    if not count:
        return ""
    return (
        f"{count:,} pairs of polygons overlap, with one value or by less than half a cell's width;"
        f" at most {_percent(largest)} of one polygon (feature {given.rows[of]})."
    )


def _require_agreement(
    given: Polygons,
    pair: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    common: npt.NDArray[np.object_],
    cell: float,
    called: str,
) -> None:
    a, b = pair
    differ = np.flatnonzero(given.values[a] != given.values[b])
    wide = ~shapely.is_empty(shapely.buffer(common[differ], -_SLIVER * cell / 2, quad_segs=1))
    if not wide.any():
        return
    areas = shapely.area(common[differ[wide]])
    k = int(differ[wide][areas.argmax()])
    smaller = min(shapely.area(given.shapes[a[k]]), shapely.area(given.shapes[b[k]]))
    raise RasterError(
        f"{int(wide.sum()):,} pairs of polygons in '{called}' overlap with different values, and"
        f" nothing says which counts: features {given.rows[a[k]]} ({given.values[a[k]]:g}) and"
        f" {given.rows[b[k]]} ({given.values[b[k]]:g}) share"
        f" {_percent(areas.max() / smaller)} of the smaller one. Cut the overlap out of one of"
        " them, or give both the same value."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share >= 1e-4 else "less than 0.01 %"
