"""Reading TopoJSON outlines, and repairing polygons at the antimeridian and the poles.

world-atlas files are *geo-stitched*: a ring that crosses the antimeridian jumps by 360 degrees
there instead of being cut, and Antarctica's ring encircles the pole without an edge to it. As plane
polygons, Russia would cover the Atlantic. Such a ring is unwrapped by counting its turns, closed
over the pole if it encircles it, made valid, and cut at 180 degrees. Most rings need no repair, so
validity is tested on all at once and only the others are changed.

References
----------
Bostock M., "The TopoJSON Format Specification" (arcs, quantisation, ``~i`` for a reversed arc).
RFC 7946 section 3.1.9 (areas are cut at the antimeridian).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from hotspots.errors import MissingAssetError
from hotspots.geo.areas import areal_union, collect, parts_of, valid_area
from hotspots.geo.edges import require_simple, require_untangled

if TYPE_CHECKING:
    import geopandas as gpd

    from hotspots.layers.array_types import BoolArray, FloatArray, IntArray, ObjectArray

WORLD_BOX = shapely.box(-180, -90, 180, 90)


class _Polygon(TypedDict):
    type: Literal["Polygon"]
    arcs: list[list[int]]


class _MultiPolygon(TypedDict):
    type: Literal["MultiPolygon"]
    arcs: list[list[list[int]]]


_Outline = _Polygon | _MultiPolygon  # objects of a TopoJSON collection


class _Transform(TypedDict):
    scale: tuple[float, float]
    translate: tuple[float, float]


class _Topology(TypedDict):
    """What is read of a TopoJSON file: integer points of arcs, and how they become degrees."""

    arcs: list[list[tuple[int, int]]]
    transform: _Transform


_FEWEST_POINTS = 4  # of a closed ring that can have an area


@dataclass(frozen=True)
class Feature:
    """One object of a TopoJSON collection; `id` is "" where the file gives none."""

    id: str
    name: str
    geometry: BaseGeometry


def read_topology(path: Path, layer: str = "countries") -> list[Feature]:
    """Read a quantised TopoJSON collection of polygons.

    Parameters
    ----------
    path
        A TopoJSON file with a `transform`; longitude and latitude in degrees (WGS84).
    layer
        Name of the collection within the file.

    Returns
    -------
    list of Feature
        In the file's order. Geometries are valid Polygons or MultiPolygons in EPSG:4326, cut at
        the antimeridian; empty where quantisation left nothing of a feature.

    Raises
    ------
    MissingAssetError
        The file is absent, truncated or not a quantised TopoJSON.
    """
    try:
        topology = json.loads(Path(path).read_bytes())
        objects = topology["objects"][layer]["geometries"]
        polygons, owners = _polygons(objects, *_decode_arcs(topology))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise MissingAssetError(
            f"The outlines in '{path}' can't be read ({error!r}). Install the package again."
        ) from error
    geometries = collect(_repair_all(polygons), owners, len(objects))
    return [
        Feature(str(item.get("id") or ""), str(item["properties"]["name"]), geometry)
        for item, geometry in zip(objects, geometries, strict=True)
    ]


def repair(geometry: BaseGeometry) -> BaseGeometry:
    """Return the areal part of `geometry`, valid and cut at the antimeridian.

    Parameters
    ----------
    geometry
        Any geometry in EPSG:4326, valid or not. An edge over more than 180 degrees of longitude is
        taken the short way, across the antimeridian; only a belt around the world, cut open along
        the meridian of -180 and 180, is kept. Longitudes may exceed 180.

    Returns
    -------
    shapely geometry
        Polygon or MultiPolygon within -180..180, -90..90; empty where nothing has an area.
    """
    return repair_each([geometry])[0]


def repair_each(geometries: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """Return each geometry repaired (see `repair`); valid ones are found in one vectorised test."""
    parts, owners = parts_of(geometries)
    parts = shapely.remove_repeated_points(shapely.force_2d(parts))
    require_simple(parts)
    odd = _is_odd(parts)
    if odd.any():
        require_untangled(parts[odd])
        parts[odd] = [repair_polygon(part) for part in parts[odd]]
    return collect(parts, owners, len(geometries))


def repair_polygon(polygon: shapely.Polygon, stitched: bool = False) -> BaseGeometry:
    """Return one polygon unwrapped, valid and cut at the antimeridian (see `repair`).

    `stitched` means that every jump is a crossing, as in world-atlas files; a ring that encircles
    the globe once is then closed over the nearer pole.
    """
    rings = [_unwrap(shapely.get_coordinates(ring), stitched) for ring in _rings(polygon)]
    if stitched:
        # Antarctica at 1:50m comes with a ring at 89.999 S first and its coast as the "hole".
        rings.sort(key=lambda ring: -shapely.Polygon(ring).area)
    shell, *holes = rings
    centre = (shell[:, 0].min() + shell[:, 0].max()) / 2
    for hole in holes:
        # Each ring is unwrapped by itself and may end a turn away from its shell.
        hole[:, 0] += 360 * np.round((centre - hole[:, 0].mean()) / 360)
    return _cut(valid_area(shapely.Polygon(shell, holes)))


def has_jump(geometry: BaseGeometry) -> bool:
    """Whether an edge of a polygon spans more than 180 degrees of longitude, but less than 360."""
    return bool(jumps_of([geometry])[0])


def jumps_of(geometries: Sequence[BaseGeometry]) -> BoolArray:
    """Return `has_jump` of each geometry."""
    # 360 degrees exactly is the edge of a box around the world, kept as given.
    return _with_edges(geometries, 180, 360)


def may_jump(geometries: Sequence[BaseGeometry]) -> BoolArray:
    """Return which geometries have an edge over more than 180 degrees: a jump, or a belt."""
    return _with_edges(geometries, 180, np.inf)


def _with_edges(geometries: Sequence[BaseGeometry], above: float, below: float) -> BoolArray:
    parts, owners = parts_of(geometries)
    steps, part_of_step = _steps(parts)
    found = np.zeros(len(geometries), dtype=bool)
    found[owners[part_of_step[(steps > above) & (steps < below)]]] = True
    return found


def short_way(geometries: gpd.GeoSeries) -> gpd.GeoSeries:
    """Return areas with edges over more than 180 degrees taken across the antimeridian.

    Parameters
    ----------
    geometries : GeoSeries
        Any geometries, missing ones too. Only those in degrees that jump are changed: see `repair`.
    """
    crs = geometries.crs
    if crs is not None and not crs.is_geographic:
        return geometries
    shapes = np.asarray(geometries.array, dtype=object)
    at = np.flatnonzero(~shapely.is_missing(shapes))
    jumping = at[may_jump(list(shapes[at]))]
    if not jumping.size:
        return geometries
    changed = shapes.copy()
    changed[jumping] = repair_each(list(shapes[jumping]))
    return type(geometries)(changed, index=geometries.index, crs=crs)


def _is_odd(polygons: ObjectArray) -> BoolArray:
    """Return which polygons jump, extend beyond the antimeridian or aren't valid."""
    odd = ~shapely.is_valid(polygons)
    steps, polygon_of_step = _steps(polygons)
    odd[polygon_of_step[steps > 180]] = True
    bounds = shapely.bounds(polygons).reshape(-1, 4)
    return np.asarray(odd | (bounds[:, 0] < -180) | (bounds[:, 2] > 180))


def _rings(polygon: shapely.Polygon) -> list[shapely.LinearRing]:
    return [polygon.exterior, *polygon.interiors]


def _unwrap(xy: FloatArray, stitched: bool) -> FloatArray:
    """Return a closed ring (n, 2) without jumps, closed over a pole if it encircles it."""
    xy = xy[:, :2].copy()
    steps = np.diff(xy[:, 0])
    # np.round doesn't count exactly 180 degrees as a jump: such an edge is kept as given.
    turns = np.where(np.abs(steps) > 180, np.round(steps / 360), 0)
    if not turns.any() or (not stitched and _is_sound_belt(xy, steps)):
        return xy
    xy[1:, 0] -= 360 * np.cumsum(turns)
    # A ring that ends a turn away encircles a pole: the one on its side of the equator.
    if abs(xy[-1, 0] - xy[0, 0]) > 180:
        pole = np.copysign(90.0, xy[:, 1].mean())
        xy = np.vstack([xy, [xy[-1, 0], pole], [xy[0, 0], pole], xy[:1]])
    return xy


def _is_sound_belt(xy: FloatArray, steps: FloatArray) -> bool:
    """Whether a ring's only jumps join -180 to 180 along a belt, and it is valid as given.

    A belt has edges along the meridian where it was cut open. A ring that leaves the meridian at
    once crosses it there, with a point on either side.
    """
    jumping = np.flatnonzero(np.abs(steps) > 180)
    if not (np.abs(steps[jumping]) == 360).all():
        return False
    x, count = xy[:, 0], len(steps)
    before, after = x[(jumping - 1) % count], x[(jumping + 2) % count]
    along = (before == x[jumping]) & (after == x[jumping + 1])
    return bool(along.all()) and bool(shapely.Polygon(xy).is_valid)


def _cut(geometry: BaseGeometry) -> BaseGeometry:
    """Return a geometry cut at the antimeridian, with longitudes shifted to -180..180."""
    if geometry.is_empty:
        return geometry
    west, _, east, _ = geometry.bounds
    turns = range(floor((west + 180) / 360), ceil((east + 180) / 360))
    if turns == range(1):
        return geometry
    shifted = [affinity.translate(geometry, -360 * turn) for turn in turns]
    return areal_union([shapely.intersection(part, WORLD_BOX) for part in shifted])


def _decode_arcs(topology: _Topology) -> tuple[FloatArray, IntArray]:
    """Return the points of all arcs (n, 2) in degrees, and where each arc starts (arcs + 1)."""
    arcs = topology["arcs"]
    starts = np.concatenate([[0], np.cumsum([len(arc) for arc in arcs])]).astype(np.int64)
    points = chain.from_iterable(chain.from_iterable(arcs))
    steps = np.fromiter(points, dtype=np.int64, count=2 * int(starts[-1])).reshape(-1, 2)
    # Quantised arcs hold differences: sum them all, then subtract the sum before each arc.
    sums = np.cumsum(steps, axis=0)
    before = np.vstack([np.zeros((1, 2), np.int64), sums])[starts[:-1]]
    quantised = sums - np.repeat(before, np.diff(starts), axis=0)
    transform = topology["transform"]
    return quantised * np.array(transform["scale"]) + np.array(transform["translate"]), starts


def _polygons(
    objects: Sequence[_Outline], points: FloatArray, starts: IntArray
) -> tuple[ObjectArray, IntArray]:
    """Return unrepaired polygons and, for each, the index of its object."""
    pieces: list[FloatArray] = []
    lengths: list[int] = []  # of each ring kept
    polygon_of_ring: list[int] = []
    owners: list[int] = []
    for owner, rings in _polygons_of_objects(objects):
        arcs = [_ring(ring, points, starts) for ring in rings]
        # Quantisation shrinks tiny islands to a point; their holes are dropped with them.
        if not arcs or len(arcs[0]) < _FEWEST_POINTS:
            continue
        kept = [ring for ring in arcs if len(ring) >= _FEWEST_POINTS]
        pieces += kept
        lengths += [len(ring) for ring in kept]
        polygon_of_ring += [len(owners)] * len(kept)
        owners.append(owner)
    ring_of_point = np.repeat(np.arange(len(lengths)), lengths)
    closed = np.asarray(shapely.linearrings(np.concatenate(pieces), indices=ring_of_point))
    polygons = shapely.polygons(closed, indices=np.array(polygon_of_ring))
    return np.asarray(polygons, dtype=object), np.array(owners)


def _polygons_of_objects(
    objects: Sequence[_Outline],
) -> Iterable[tuple[int, list[list[int]]]]:
    for owner, item in enumerate(objects):
        if item["type"] == "Polygon":
            yield owner, item["arcs"]
        elif item["type"] == "MultiPolygon":
            for rings in item["arcs"]:
                yield owner, rings


def _ring(arcs: list[int], points: FloatArray, starts: IntArray) -> FloatArray:
    """Return the closed ring of some arcs; neighbours share a point, ``~i`` is arc i reversed."""
    pieces: list[FloatArray] = []
    for arc in arcs:
        index = arc if arc >= 0 else ~arc
        piece = points[starts[index] : starts[index + 1]]
        pieces.append((piece if arc >= 0 else piece[::-1])[1 if pieces else 0 :])
    return np.concatenate(pieces)


def _steps(
    polygons: ObjectArray,
) -> tuple[FloatArray, IntArray]:
    """Return |difference| in longitude along every edge, and the index of the edge's polygon."""
    rings, polygon_of_ring = shapely.get_rings(polygons, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    within = np.diff(ring) == 0
    return np.abs(np.diff(xy[:, 0]))[within], polygon_of_ring[ring[1:][within]]


def _repair_all(polygons: ObjectArray) -> ObjectArray:
    """Return one valid area per polygon; only rings that jump or are invalid are changed."""
    repaired = polygons.copy()
    steps, polygon_of_step = _steps(polygons)
    for index in np.unique(polygon_of_step[steps > 180]):
        repaired[index] = repair_polygon(polygons[index], stitched=True)
    broken = ~shapely.is_valid(repaired)
    repaired[broken] = [valid_area(polygon) for polygon in repaired[broken]]
    return repaired
