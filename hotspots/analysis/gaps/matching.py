"""Spatial matching of records and hotspots: inside or within a geodesic distance.

Boundaries are cut into pieces of at most `SPACING_KM` and looked up as points in space (earth-
centred, km), so that the antimeridian and the poles need no special case; a k-d tree finds the
candidates, runs of pieces first; the nearest point of a piece is computed and then its geodesic
distance (WGS84).
An edge of a polygon is straight in longitude and latitude, as in its file; an edge along the
antimeridian, where a polygon was cut, is no nearer than the true boundary and has no effect.

A *point* is within 10 m of its true distance to a boundary if that is below `EXACT_KM` (30 m beyond
85 degrees of latitude, where parallels bend), or within the requested distance. Footprints
are compared by points along their outline: distances are overestimated by at most half of
`SPACING_KM` where they nearly touch, and by less than 0.1 km beyond `EXACT_KM`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from hotspots.layers.array_types import BoolArray, FloatArray, IntArray, ObjectArray

if TYPE_CHECKING:
    import pandas as pd
    from scipy.spatial import cKDTree

SPACING_KM = 5.0
EXACT_KM = 30.0  # below it distances are measured to edges, above it to points along them

_AXIS_KM, _ECCENTRICITY2 = 6378.137, 0.0066943799901413165  # WGS84
_DEGREE_KM = 111.7  # not less than a degree of latitude or of longitude at the equator
_MOST_PAIRS = 4_000_000  # candidates held at once
_TOUCHING_KM = 1e-6
_TOUCHING_DEGREES = 1e-9
_RUN = 4  # pieces looked up together
_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True)
class Outlines:
    """Boundaries as pieces: `owner` (n,), `start` and `end` (n, 2), longitude and latitude."""

    owner: IntArray
    start: FloatArray
    end: FloatArray


@dataclass(frozen=True)
class Runs:
    """Runs of pieces: the `first` and their number (`size`); bounding balls of midpoints, km."""

    first: IntArray
    size: IntArray
    centre: FloatArray
    radius: FloatArray


@dataclass(frozen=True)
class Sites:
    """Locations of items: distinct points (n, 2), and which `item` is at which `site`."""

    points: FloatArray
    site: IntArray
    item: IntArray


def pairs_within(areas: ObjectArray, items: ObjectArray, km: float) -> pd.DataFrame:
    """Return the items that touch, or lie within `km` of, each area.

    Parameters
    ----------
    areas : array of shapely Polygon or MultiPolygon, EPSG:4326
        None and empty ones match nothing.
    items : array of shapely geometry, EPSG:4326
        Points, or polygons whose own outline counts.
    km : float
        Geodesic distance; 0 for those that touch only.

    Returns
    -------
    DataFrame
        area, item (positions), km (0 where they touch); each pair once, by area, km, item.
    """
    import pandas as pd

    touching = _touching(areas, items)
    near = _measured(outlines_of(areas), sites_of(items), km)
    found = pd.concat([touching, near], ignore_index=True)
    found.loc[found["km"] < _TOUCHING_KM, "km"] = 0.0  # as at a seam that the areas are cut at
    # By distance before duplicates are dropped: the least one of each pair stays.
    found = found.sort_values(["area", "km", "item"], kind="stable")
    return found.drop_duplicates(["area", "item"]).reset_index(drop=True)


def nearest_items(
    areas: ObjectArray, items: ObjectArray, pairs: pd.DataFrame
) -> tuple[IntArray, FloatArray]:
    """Return the nearest item of each area and its distance in km, without a distance limit.

    `pairs` are those of `pairs_within` at `EXACT_KM` or more; only areas without one are searched
    for. -1 and NaN where there is no item or no area.
    """
    item, km = np.full(len(areas), -1, dtype=np.int64), np.full(len(areas), np.nan)
    firsts = pairs.drop_duplicates("area")  # sorted by km
    item[firsts["area"]], km[firsts["area"]] = firsts["item"], firsts["km"]
    sites = sites_of(items)
    alone = np.flatnonzero((item < 0) & ~absent(areas))
    if not len(alone) or not len(sites.points):
        return item, km
    ours = sites_of(areas[alone])
    # The tree compares chords through the earth, which on a sphere rank as distances on it do.
    there = _nearest_sites(ours.points, sites)[ours.site]
    away = geodesic_km(ours.points[ours.site], sites.points[there])
    best = np.lexsort((away, ours.item))
    # Sorted by distance within each area, so that the first entry of each is its nearest.
    best = best[np.unique(ours.item[best], return_index=True)[1]]
    owner = alone[ours.item[best]]
    item[owner], km[owner] = _first_items(sites)[there[best]], away[best]
    return item, km


def outlines_of(areas: ObjectArray) -> Outlines:
    """Return the boundaries of polygons in pieces of at most `SPACING_KM`."""
    parts, owner = shapely.get_parts(areas, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    # An edge joins points of one ring, never the last of one to the first of the next.
    same = ring[1:] == ring[:-1]
    start, end = points[:-1][same], points[1:][same]
    whose = owner[part[ring[:-1][same]]] if len(points) else np.empty(0, dtype=np.int64)
    # The parallel nearest the equator is the longest, so that no piece is longer than it should.
    narrow = np.cos(np.radians(np.minimum(np.abs(start[:, 1]), np.abs(end[:, 1]))))
    step = end - start
    length = _DEGREE_KM * np.hypot(step[:, 0] * narrow, step[:, 1])
    count = np.maximum(np.ceil(length / SPACING_KM), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(count)), count)
    # Position within the edge: the running number less that of the edge's first piece.
    nth = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    low, high = nth / count[edge], (nth + 1) / count[edge]
    return Outlines(
        whose[edge].astype(np.int64),
        start[edge] + low[:, None] * step[edge],
        start[edge] + high[:, None] * step[edge],
    )


def sites_of(items: ObjectArray) -> Sites:
    """Return the distinct locations of items: points themselves, polygons by their outline."""
    polygonal = np.isin(shapely.get_type_id(items), _POLYGONS)
    outlines = outlines_of(items[polygonal])
    others = np.flatnonzero(~polygonal & ~absent(items))
    points, whose = shapely.get_coordinates(items[others], return_index=True)
    points = np.concatenate([points, outlines.start])
    item = np.concatenate([others[whose], np.flatnonzero(polygonal)[outlines.owner]])
    # Many records share a town; each location is searched once.
    # As complex numbers they are sorted far faster than as rows, and in the same order.
    flat = np.ascontiguousarray(points, dtype=np.float64).view(np.complex128).ravel()
    places, site = np.unique(flat, return_inverse=True)
    return Sites(
        places.view(np.float64).reshape(-1, 2),
        np.asarray(site, dtype=np.int64),
        item.astype(np.int64),
    )


def geodesic_km(here: FloatArray, there: FloatArray) -> FloatArray:
    """Return the geodesic distances (WGS84) between points (n, 2), longitude and latitude."""
    from pyproj import Geod

    _, _, metres = Geod(ellps="WGS84").inv(here[:, 0], here[:, 1], there[:, 0], there[:, 1])
    return np.asarray(metres, dtype=np.float64) / 1000


def area_shares(areas: ObjectArray, items: ObjectArray, pairs: pd.DataFrame) -> FloatArray:
    """Return the share of each area that polygons of `items` cover, overlaps counted once.

    Areas on the ellipsoid (EPSG:6933); NaN for an area that is absent or has no area.
    """
    from pyproj import Transformer

    flat = Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True)

    def true_area(shapes: ObjectArray) -> FloatArray:
        """Return the areas, m2."""
        return np.asarray(shapely.area(shapely.transform(shapes, _planar)), dtype=np.float64)

    def _planar(points: FloatArray) -> FloatArray:
        return np.column_stack(flat.transform(points[:, 0], points[:, 1]))

    polygonal = np.isin(shapely.get_type_id(items), _POLYGONS)
    both = pairs[(pairs["km"] == 0) & polygonal[pairs["item"]]]
    covered = np.zeros(len(areas))
    for area, group in both.groupby("area")["item"]:
        footprint = shapely.union_all(items[group.to_numpy()])
        within = shapely.intersection(areas[int(str(area))], footprint)
        covered[int(str(area))] = true_area(np.array([within], dtype=object))[0]
    whole = np.full(len(areas), np.nan)
    there = ~absent(areas)
    whole[there] = true_area(areas[there])
    share = np.full(len(areas), np.nan)
    np.divide(covered, whole, out=share, where=whole > 0)
    # An intersection may come out larger than the whole by rounding.
    np.minimum(share, 1, out=share)
    return share


def absent(shapes: ObjectArray) -> BoolArray:
    """Return which geometries are None or empty."""
    return np.asarray(shapely.is_missing(shapes) | shapely.is_empty(shapes))


def in_space(points: FloatArray) -> FloatArray:
    """Return points on the ellipsoid (n, 2), degrees, as earth-centred coordinates (n, 3), km."""
    longitude, latitude = np.radians(points[:, 0]), np.radians(points[:, 1])
    radius = _AXIS_KM / np.sqrt(1 - _ECCENTRICITY2 * np.sin(latitude) ** 2)
    across = radius * np.cos(latitude)
    return np.column_stack(
        [
            across * np.cos(longitude),
            across * np.sin(longitude),
            radius * (1 - _ECCENTRICITY2) * np.sin(latitude),
        ]
    )


def _touching(areas: ObjectArray, items: ObjectArray) -> pd.DataFrame:
    import pandas as pd

    area, item = shapely.STRtree(items).query(areas, predicate="intersects")
    return pd.DataFrame({"area": area, "item": item, "km": np.zeros(len(area))})


def _measured(outlines: Outlines, sites: Sites, km: float) -> pd.DataFrame:
    """Return the pairs of area and item whose outlines are within `km`."""
    import pandas as pd
    from scipy.spatial import cKDTree

    owners, places, feet = [], [], []
    if len(outlines.owner) and len(sites.points):
        start, end = in_space(outlines.start), in_space(outlines.end)
        middle, runs = (start + end) / 2, _runs(outlines, start, end)
        heads, where = cKDTree(runs.centre), in_space(sites.points)
        # A point of a piece is at most half a piece from its middle.
        reach = km + SPACING_KM / 2
        # The tree takes one radius, that of the widest run; what it finds is cut to each run's own.
        for chunk in _chunks(heads, where, reach + runs.radius.max()):
            near = cKDTree(where[chunk]).sparse_distance_matrix(
                heads, reach + runs.radius.max(), output_type="ndarray"
            )
            near = near[near["v"] - runs.radius[near["j"]] <= reach]
            site, run = chunk[near["i"]], near["j"]
            pair = outlines.owner[runs.first[run]] * len(where) + site
            # The nearest piece has its middle at most one length farther than the nearest middle.
            radius = runs.radius[run]
            kept = _least(pair, near["v"] - radius, SPACING_KM, near["v"] + radius)
            pair, site, piece = _spread(pair[kept], site[kept], run[kept], runs)
            kept = _least(pair, np.linalg.norm(where[site] - middle[piece], axis=1), SPACING_KM)
            pair, site, piece = pair[kept], site[kept], piece[kept]
            foot = _foot(where[site], start[piece], end[piece])
            kept = _least(pair, np.linalg.norm(where[site] - foot, axis=1), 0)
            owners.append(outlines.owner[piece[kept]])
            places.append(site[kept])
            feet.append(foot[kept])
    # With an empty array first: concatenate refuses an empty list.
    owner = np.concatenate([np.empty(0, dtype=np.int64), *owners])
    place = np.concatenate([np.empty(0, dtype=np.int64), *places])
    exact = geodesic_km(_on_globe(np.concatenate([np.empty((0, 3)), *feet])), sites.points[place])
    there = pd.DataFrame({"area": owner, "site": place, "km": exact})[exact <= km]
    who = pd.DataFrame({"site": sites.site, "item": sites.item})
    return there.merge(who, on="site")[["area", "item", "km"]]


def _runs(outlines: Outlines, start: FloatArray, end: FloatArray) -> Runs:
    """Return the pieces in runs of at most `_RUN` that follow each other."""
    gap = np.abs(outlines.start[1:] - outlines.end[:-1]).max(axis=1, initial=0) > _TOUCHING_DEGREES
    new = np.concatenate([[True], gap | (outlines.owner[1:] != outlines.owner[:-1])])
    nth = np.arange(len(new)) - np.flatnonzero(new)[np.cumsum(new) - 1]
    first = np.flatnonzero(nth % _RUN == 0)
    size = np.diff(first, append=len(new))
    centre = (start[first] + end[first + size - 1]) / 2
    away = np.linalg.norm((start + end) / 2 - np.repeat(centre, size, axis=0), axis=1)
    return Runs(first, size, centre, np.maximum.reduceat(away, first))


def _spread(
    pair: IntArray, site: IntArray, run: IntArray, runs: Runs
) -> tuple[IntArray, IntArray, IntArray]:
    """Return pair, site and piece for each piece of the runs."""
    size = runs.size[run]
    nth = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return np.repeat(pair, size), np.repeat(site, size), np.repeat(runs.first[run], size) + nth


def _chunks(heads: cKDTree, where: FloatArray, reach: float) -> Sequence[IntArray]:
    """Return the sites in parts whose candidates fit in memory."""
    from scipy.spatial import cKDTree

    pairs = int(cKDTree(where).count_neighbors(heads, reach))
    # Neighbours in the table are neighbours in longitude: interleaved, so that parts are balanced.
    parts = pairs // _MOST_PAIRS + 1
    return [np.arange(first, len(where), parts) for first in range(min(parts, len(where)))]


def _foot(point: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the nearest point of each straight piece, (n, 3)."""
    along = end - start
    length2 = np.einsum("ij,ij->i", along, along)
    part = np.einsum("ij,ij->i", point - start, along)
    # A piece without length, of a doubled vertex, has its start as the nearest point.
    part = np.divide(part, length2, out=np.zeros_like(part), where=length2 > 0)
    foot: FloatArray = start + np.clip(part, 0, 1)[:, None] * along
    return foot


def _least(
    pair: IntArray, away: FloatArray, slack: float, bound: FloatArray | None = None
) -> IntArray:
    """Return the positions whose distance is the least `bound` of its pair, or `slack` above it.

    Distances are their own bounds by default. The positions are in order of their pairs.
    """
    order = np.argsort(pair, kind="stable")
    first = np.flatnonzero(np.diff(pair[order], prepend=-1))
    bound = away if bound is None else bound
    least = np.minimum.reduceat(bound[order], first) if len(first) else away
    sizes = np.diff(first, append=len(order))
    return order[away[order] <= np.repeat(least, sizes) + slack]


def _on_globe(points: FloatArray) -> FloatArray:
    """Return longitude and latitude of points in space on, or close to, the ellipsoid."""
    across = np.hypot(points[:, 0], points[:, 1])
    latitude = np.arctan2(points[:, 2], across * (1 - _ECCENTRICITY2))
    lonlat: FloatArray = np.degrees(
        np.column_stack([np.arctan2(points[:, 1], points[:, 0]), latitude])
    )
    return lonlat


def _nearest_sites(points: FloatArray, sites: Sites) -> IntArray:
    from scipy.spatial import cKDTree

    tree = cKDTree(in_space(sites.points))
    return np.asarray(tree.query(in_space(points), workers=-1)[1], dtype=np.int64)


def _first_items(sites: Sites) -> IntArray:
    """Return the first item at each site."""
    first = np.full(len(sites.points), np.iinfo(np.int64).max)
    np.minimum.at(first, sites.site, sites.item)
    return first
