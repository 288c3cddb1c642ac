"""How many bytes the layers of a region cost to download, computed before anything is downloaded.

Windows and tiles are counted as stored, without their compression, so that the number is an upper
bound; complete files by the size that the catalogue states.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pyproj

from hotspots.ingest.access.windows import (
    box_points,
    overview_level,
    split_boxes,
    tile_names,
)
from hotspots.ingest.layer_requests import LayerRequest
from hotspots.ingest.sources.model import Access, filled, values_of
from hotspots.layers.target_grid import Box

_UNKNOWN_TYPE = "float32"
_MARGIN = 4  # cells that a window has beyond the box at most, on both sides together
_OVERVIEWS = tuple(2**n for n in range(1, 12))
_WHOLE = ("file", "cds")
_PIECES = ("window", "tiles", "stac")


def download_bytes(
    requests: Iterable[tuple[LayerRequest, Access]], boxes: Sequence[Box], cell: float
) -> int | None:
    """Return the bytes to download at most, or None if the size of a file isn't known.

    Parameters
    ----------
    requests : iterable of (LayerRequest, Access)
        Layers, and the access by which each would be read. A complete file that several of them
        share counts once.
    boxes : sequence of (west, south, east, north)
        The region, degrees; west > east across the antimeridian.
    cell : float
        Side of a requested cell, degrees: it chooses the overview where the access has some.
    """
    whole: dict[str, float] = {}
    pieces = 0.0
    for request, access in requests:
        if access.kind in _WHOLE:
            whole |= dict.fromkeys(_addresses(request, access), access.megabytes * 1e6)
        elif access.kind in _PIECES:
            pieces += _stored_cells(access, boxes, cell) * _bytes_per_cell(request)
        else:
            return None
    if not all(whole.values()):
        return None
    return math.ceil(sum(whole.values()) + pieces)


def _addresses(request: LayerRequest, access: Access) -> set[str]:
    """Return what identifies each complete file of a request."""
    # An order of the Climate Data Store has no address of its own: its member has the year.
    template = access.address if access.kind == "file" else f"{access.address} {access.member}"
    return {
        filled(
            template,
            values_of(request.product, access, year=request.year, depth=request.depth, part=part),
        )
        for part in request.product.parts or ({},)
    }


def _bytes_per_cell(request: LayerRequest) -> int:
    product = request.product
    size = np.dtype(product.dtype or _UNKNOWN_TYPE).itemsize
    return product.bands_read * len(product.parts or ({},)) * size


def _stored_cells(access: Access, boxes: Sequence[Box], cell: float) -> float:
    """Return the number of a source's cells that are read for the boxes."""
    crs = pyproj.CRS.from_user_input(access.crs)
    side = access.cell * _overview(access, crs, boxes, cell)
    if access.tiles is not None and not tile_names(access.tiles, boxes):
        return 0.0
    return sum(
        math.prod(extent / side + _MARGIN for extent in _extents(box, crs))
        for box in split_boxes(boxes)
    )


def _extents(box: Box, crs: pyproj.CRS) -> tuple[float, float]:
    """Return width and height of a box in units of `crs`."""
    xs, ys = box_points(box, crs)[0]
    return float(np.ptp(xs)), float(np.ptp(ys))


def _overview(access: Access, crs: pyproj.CRS, boxes: Sequence[Box], cell: float) -> int:
    """Return the decimation factor of the overview that is read, if overviews halve their sides."""
    level = overview_level(_OVERVIEWS, access.cell, crs, boxes, cell, access.samples)
    return _OVERVIEWS[level] if level >= 0 else 1
