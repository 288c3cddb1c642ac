"""Limits on the complexity of outlines, checked before their edges are compared pairwise.

The time and memory to test, repair and unite outlines grow with the number of pairs of nearby edges
and of their crossings. A few kilobytes of a comb, or of a hatch of long diagonals, have millions of
either. Both are counted with a spatial index of the edges, up to the limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError
from hotspots.io.limits import limits, raised

Geometries = Sequence[BaseGeometry] | npt.NDArray[np.object_]
_FEW = 3_000  # edges; all pairs of this many are compared in less than a second
_MOST_BOXES = 1_000_000
_CHUNK = 64  # edges queried at once, each of which may intersect all others


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
    found = _count(pieces, limits().edge_pairs, predicate=None)
    if found > limits().edge_pairs:
        raise _entangled("edge_pairs", "pairs of edges near each other")


def require_untangled(geometries: Geometries) -> None:
    """Raise `BadInputError` if edges cross each other too often to be repaired or united."""
    ends, starts = _ends(geometries)
    if math.comb(len(starts), 2) <= limits().crossings:
        return
    found = _count(_pieces(ends, starts, 1), 2 * limits().crossings, predicate="crosses")
    if found > 2 * limits().crossings:
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


def _count(pieces: npt.NDArray[np.object_], most: int, predicate: Literal["crosses"] | None) -> int:
    """Return the ordered pairs of intersecting pieces; counting stops above `most`."""
    tree = shapely.STRtree(pieces)
    found = 0
    for at in range(0, len(pieces), _CHUNK):
        found += tree.query(pieces[at : at + _CHUNK], predicate=predicate).shape[1]
        if found > most:
            break
    return found
