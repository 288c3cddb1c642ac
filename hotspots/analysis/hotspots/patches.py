"""Patches: connected components of a mask (8-neighbour), including across the antimeridian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hotspots.errors import BadInputError
from hotspots.layers.array_types import BoolArray
from hotspots.layers.grid import Grid
from hotspots.layers.rounding import SAME_SUM

if TYPE_CHECKING:
    import geopandas as gpd

HA_PER_KM2 = 100.0


def label_patches(mask: npt.ArrayLike, wraps: bool = False) -> npt.NDArray[np.int32]:
    """Return the patch number of each cell of a boolean `mask` (rows, columns).

    Patches are connected components (8-neighbour); with `wraps`, the first and the last column
    are adjacent. Numbers are 1, 2, … in the order of first occurrence, row by row; 0 is outside
    every patch.
    """
    from scipy import ndimage

    cells = np.asarray(mask)
    if cells.ndim != 2:
        raise BadInputError(f"Patches need a 2-D mask (rows, columns), not shape {cells.shape}.")
    labels = np.empty(cells.shape, dtype="int32")
    count = ndimage.label(cells.astype(bool), structure=np.ones((3, 3)), output=labels)
    return _joined_around(labels, count) if wraps and count > 1 else labels


def _joined_around(labels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.int32]:
    """Merge the patches that are adjacent across the last and the first column."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    pairs = []
    rows = labels.shape[0]
    # Diagonal neighbours across the edge count too, as inside the grid.
    for step in (-1, 0, 1):
        here = slice(max(0, -step), rows - max(0, step))
        there = slice(max(0, step), rows - max(0, -step))
        pairs.append(np.column_stack([labels[here, -1], labels[there, 0]]))
    touching = np.concatenate(pairs)
    touching = touching[(touching > 0).all(axis=1)]
    graph = sparse.coo_array(
        (np.ones(len(touching)), (touching[:, 0], touching[:, 1])), shape=(count + 1, count + 1)
    )
    group = connected_components(graph, directed=False)[1]
    # Label 0 is alone in its group; renumber the others by the first patch of each group.
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype="int32")
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse][labels], dtype="int32")


def drop_small(
    mask: npt.ArrayLike,
    area_ha: npt.ArrayLike,
    min_cells: int | None = 4,
    min_area_km2: float | None = 1000.0,
    wraps: bool = False,
) -> BoolArray:
    """Return `mask` without its small patches: those below either minimum.

    Parameters
    ----------
    mask : boolean array (rows, columns)
    area_ha : array
        Area of each cell in ha, of a shape that broadcasts to the mask's.
    min_cells : int or None
        Minimum number of cells of a patch; None for no minimum.
    min_area_km2 : float or None
        Minimum area of a patch, km2; None for no minimum.
    wraps : bool
        Whether the first and the last column are adjacent.
    """
    labels = label_patches(mask, wraps)
    area = np.broadcast_to(np.asarray(area_ha, dtype="float64"), labels.shape)
    cells = np.bincount(labels.ravel())
    km2 = np.bincount(labels.ravel(), weights=area.ravel()) / HA_PER_KM2
    keep = np.ones(len(cells), dtype=bool)
    if min_cells is not None:
        keep &= cells >= min_cells
    if min_area_km2 is not None:
        # A patch of exactly the minimum stays, whatever the rounding of its sum.
        keep &= km2 * (1 + SAME_SUM) >= min_area_km2
    keep[0] = False  # label 0 is what lies outside of all patches
    return np.asarray(keep[labels], dtype=bool)


def patch_polygons(labels: npt.NDArray[np.int32], grid: Grid) -> gpd.GeoDataFrame:
    """Return the outline of each patch along cell edges.

    Parameters
    ----------
    labels : int32 array (rows, columns)
        From `label_patches`; 0 is outside every patch.
    grid : Grid
        Of `labels`; a patch across the antimeridian has parts on both sides of it.

    Returns
    -------
    GeoDataFrame
        ``label``, ``geometry`` (valid MultiPolygons in the grid's CRS), in ascending order of
        label.
    """
    import geopandas as gpd
    import shapely
    from rasterio.features import shapes

    from hotspots.geo.areas import polygons_of, valid_areas

    labels = np.asarray(labels, dtype="int32")
    if labels.shape != grid.shape:
        raise BadInputError(f"Labels have shape {labels.shape}, their grid {grid.shape}.")
    # Outlines by edge neighbours only: cells that touch at a corner then are parts of one valid
    # MultiPolygon instead of one polygon that crosses itself.
    found = shapes(labels, mask=labels > 0, connectivity=4, transform=grid.transform)
    parts: dict[int, list[shapely.Polygon]] = {}
    for outline, label in found:
        rings = outline["coordinates"]
        polygon = shapely.Polygon(rings[0], rings[1:])
        parts.setdefault(int(label), []).extend(polygons_of(valid_areas([polygon])[0]))
    numbers = sorted(parts)
    outlines = [shapely.MultiPolygon(parts[number]) for number in numbers]
    return gpd.GeoDataFrame({"label": numbers}, geometry=outlines, crs=grid.crs)
