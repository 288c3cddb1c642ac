"""Limits on the complexity of outlines, checked before their edges are compared pairwise.

The time and memory to test, repair and unite outlines grow with the number of pairs of nearby edges
and of their crossings. A few kilobytes of a comb, or of a hatch of long diagonals, have millions of
either. Both are counted with a spatial index of the edges, up to the limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError
from hotspots.io.limits import limits, raised

Geometries = Sequence[BaseGeometry] | npt.NDArray[np.object_]
_FEW = 3_000  # edges; all pairs of this many are compared in less than a second
_MOST_BOXES = 1_000_000
_AT_ONCE = 1_000_000  # pairs in memory, about 150 bytes each, if every edge were near every other


def require_simple(geometries: Geometries) -> None:
    """Raise `BadInputError` if too many pairs of edges lie near each other.

    Parameters
    ----------
    geometries : sequence of Polygon
        Outlines that will be tested or united together.
    """
    ends, starts = _ends(geometries)
    if len(starts) <= _FEW:
        return
    # Of very many edges, neighbours share a box, or the index would outgrow the outline.
    pieces = _pieces(ends, starts, 1 + len(starts) // _MOST_BOXES)
    found, most = 0, limits().edge_pairs
    for pairs in _near(pieces):
        found += pairs.shape[1]
        if found > most:
            raise _entangled("edge_pairs", "pairs of edges near each other")


def require_untangled(geometries: Geometries) -> None:
    """Raise `BadInputError` if edges cross each other too often to be repaired or united."""
    ends, starts = _ends(geometries)
    found, most = 0, limits().crossings
    if math.comb(len(starts), 2) <= most:
        return
    for first, second in _near(_pieces(ends, starts, 1)):
        found += int(_crosses(ends, starts[first], starts[second]).sum())
        if found > most:
            raise _entangled("crossings", "crossings of its edges")


def _entangled(limit: str, what: str) -> BadInputError:
    most = getattr(limits(), limit)
    return BadInputError(
        f"The outline has more than {most:,} {what}, the most allowed. Simplify it, or raise the"
        f" limit: {raised(limit, most * 10)}."
    )


def _ends(geometries: Geometries) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the points (n, 2) of all outlines, and the index of the start point of each edge."""
    rings = shapely.get_rings(np.asarray(geometries, dtype=object))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    return points, np.flatnonzero(np.diff(ring) == 0)


def _pieces(
    points: npt.NDArray[np.float64], starts: npt.NDArray[np.int64], together: int
) -> npt.NDArray[np.object_]:
    """Return the edges as lines; or boxes of `together` consecutive edges if above 1."""
    first, last = points[starts], points[starts + 1]
    if together == 1:
        return np.asarray(shapely.linestrings(np.stack([first, last], axis=1)))
    at = np.arange(0, len(starts), together)
    low = np.minimum.reduceat(np.minimum(first, last), at)
    high = np.maximum.reduceat(np.maximum(first, last), at)
    return np.asarray(shapely.box(*low.T, *high.T))


def _near(pieces: npt.NDArray[np.object_]) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the pairs (2, n) of pieces whose bounding boxes intersect, some at once, each once."""
    tree = shapely.STRtree(pieces)
    together = max(8, min(1024, _AT_ONCE // len(pieces)))
    for at in range(0, len(pieces), together):
        pairs = tree.query(pieces[at : at + together])
        pairs[0] += at
        yield pairs[:, pairs[0] < pairs[1]]


def _crosses(
    points: npt.NDArray[np.float64], first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return which edges, given by their start points, cross in the interior of both."""
    a, b, c, d = points[first], points[first + 1], points[second], points[second + 1]
    # Strictly: edges that share an end or only touch don't cross.
    return (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)


def _side(
    start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], point: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return 1, 0 or -1: points (n, 2) to the left of, on, or to the right of edges."""
    (x, y), (px, py) = (end - start).T, (point - start).T
    side: npt.NDArray[np.float64] = np.sign(x * py - y * px)
    return side
