"""Areas: the polygons within geometries, made valid, and joined.

A polygon that crosses itself is the area that its rings enclose, and parts that overlap count once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hotspots.geo.edges import require_untangled

if TYPE_CHECKING:
    from hotspots.layers.array_types import IntArray, ObjectArray


def polygons_of(geometry: BaseGeometry) -> list[shapely.Polygon]:
    """Return the polygons within `geometry`, however nested, without the empty ones."""
    return list(parts_of([geometry])[0])


def parts_of(geometries: Sequence[BaseGeometry]) -> tuple[ObjectArray, IntArray]:
    """Return the polygons of geometries (see `polygons_of`), and the index of their geometry."""
    parts, owners = shapely.get_parts(np.asarray(geometries, dtype=object), return_index=True)
    while (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owners = owners[index]
    areal = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    kept = areal & ~shapely.is_empty(parts)
    return parts[kept], owners[kept]


def areal_union(geometries: Sequence[BaseGeometry]) -> BaseGeometry:
    """Return the union of areas as a Polygon or MultiPolygon, dropping lines and points."""
    # Several times faster than union_all on archipelagos, with the same result.
    union = shapely.disjoint_subset_union_all(list(geometries))
    return union if union.geom_type in ("Polygon", "MultiPolygon") else joined(polygons_of(union))


def joined(polygons: Sequence[shapely.Polygon]) -> BaseGeometry:
    """Return polygons that don't overlap as one geometry."""
    if len(polygons) == 1:
        return polygons[0]
    several: BaseGeometry = shapely.MultiPolygon(polygons)
    return several


def valid_area(polygon: shapely.Polygon) -> BaseGeometry:
    """Return the area that the rings of one polygon enclose; empty where they enclose none."""
    # The other method, "linework", would make holes where a ring overlaps itself.
    return shapely.make_valid(polygon, method="structure", keep_collapsed=False)


def valid_areas(geometries: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """Return the areal part of each geometry, valid.

    Parameters
    ----------
    geometries : sequence of shapely geometries
        In the plane of any CRS, valid or not. Edges are straight lines: use
        `hotspots.geo.antimeridian.repair_each` for longitudes that may jump.

    Returns
    -------
    list of shapely geometries
        Polygon or MultiPolygon; empty where nothing has an area. Overlapping parts are united.

    Raises
    ------
    BadInputError
        Invalid outlines cross themselves too often.
    """
    parts, owners = parts_of(geometries)
    bad = ~shapely.is_valid(parts)
    if bad.any():
        require_untangled(parts[bad])
        parts[bad] = [valid_area(part) for part in parts[bad]]
    return collect(parts, owners, len(geometries))


def collect(areas: ObjectArray, owners: IntArray, count: int) -> list[BaseGeometry]:
    """Return one valid geometry for each of `count` owners; empty where an owner has no area."""
    parts, index = shapely.get_parts(areas, return_index=True)
    kept = ~shapely.is_empty(parts)
    parts, owner_of_part = parts[kept], owners[index[kept]]
    # In the order of owners.
    found = np.split(parts, np.searchsorted(owner_of_part, np.arange(1, count)))
    geometries = [joined(list(group)) for group in found]
    # Islands that overlap after quantisation make a MultiPolygon invalid: dissolve them.
    for owner in np.flatnonzero(~shapely.is_valid(geometries)):
        require_untangled(found[owner])
        geometries[owner] = areal_union(list(found[owner]))
    return geometries
