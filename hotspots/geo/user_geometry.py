"""User-defined areas: a box, GeoJSON, or a file of outlines.

Results are valid polygons in EPSG:4326, cut at the antimeridian. Geometries without an area, off
the globe or without a CRS raise an error with one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError, EmptyRegionError, deepest_reason
from hotspots.geo.antimeridian import has_jump, jumps_of, repair_each
from hotspots.geo.areas import areal_union
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import parse_json
from hotspots.io.readers.vectors import topology_error
from hotspots.layers.crs import horizontal, in_plain_degrees, placing_remark, without_places

if TYPE_CHECKING:
    import geopandas as gpd

    from hotspots.layers.array_types import FloatArray

Unchecked: TypeAlias = Any  # a member of a JSON object before its form is known
GeoJson = Mapping[str, Unchecked]

SUFFIXES = (".geojson", ".json", ".gpkg", ".parquet", ".geoparquet", ".kml", ".shp", ".fgb")

# Exceptions that readers of vector files raise for damaged files.
DAMAGE = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    shapely.errors.ShapelyError,
)
NOTE = "outline_note"  # column of `read_areas`

_BOX_RULE = "Give W,S,E,N in degrees, with W > E for a box across the antimeridian."
_SHORT_WAY = "edges over more than 180 degrees of longitude were taken across the antimeridian"
_MOST_LONGITUDE = 360.0  # drawing tools write 185 for 175 W
_WIDEST_EDGE = 180.0
_SEGMENTS = 100  # number of segments of an area's longest side before reprojection


def parse_box(text: str) -> tuple[float, ...] | None:
    """Return the numbers of "W,S,E,N", or None if `text` isn't a list of numbers."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        return None
    # One number alone is a numeric country code.
    return numbers if len(numbers) > 1 else None


def box_geometry(bounds: Sequence[float]) -> BaseGeometry:
    """Return the Polygon of a box (W, S, E, N) in degrees, or two of them if W > E.

    Raises
    ------
    BadInputError
        Not four finite numbers, S >= N, W = E, or off the globe (longitude -180 to 180).
    """
    box_text = ",".join(f"{value:g}" for value in bounds)
    if len(bounds) != 4 or not all(math.isfinite(value) for value in bounds):
        raise BadInputError(f"A box has four finite numbers, not {box_text}. {_BOX_RULE}")
    west, south, east, north = bounds
    if not (-180 <= west <= 180 and -180 <= east <= 180 and south >= -90 and north <= 90):
        raise BadInputError(
            f"The box {box_text} lies off the globe, where longitude runs from -180 to 180 and"
            f" latitude from -90 to 90. {_BOX_RULE}"
        )
    if south >= north:
        raise BadInputError(f"The box {box_text} has its south not below its north. {_BOX_RULE}")
    # 180 to -180 is one meridian, -180 to 180 the whole turn.
    if (west - east) % 360 == 0 and west >= east:
        raise BadInputError(f"The box {box_text} has no width. {_BOX_RULE}")
    if west < east:
        # Points along wide edges: only an edge over more than 180 degrees would be ambiguous.
        return shapely.segmentize(shapely.box(west, south, east, north), _WIDEST_EDGE)
    halves = [(west, 180.0), (-180.0, east)]
    # A box that starts or ends at 180 has one half only.
    return areal_union([shapely.box(a, south, b, north) for a, b in halves if a < b])


def parse_geojson(text: str) -> GeoJson:
    """Return the object in a GeoJSON text."""
    try:
        parsed = parse_json(text)
    except ValueError as error:
        raise BadInputError(
            f"The GeoJSON text can't be read ({error}). Check that it is whole."
        ) from error
    return parsed if isinstance(parsed, dict) else {}


def geojson_geometry(data: GeoJson) -> tuple[BaseGeometry, str]:
    """Return the area of a GeoJSON object, and a note on how it was read.

    It may be a Polygon, MultiPolygon, GeometryCollection, Feature or FeatureCollection.

    Raises
    ------
    BadInputError
        Points or lines, coordinates off the globe, another CRS, or not GeoJSON.
    EmptyRegionError
        Nothing in it has an area.
    """
    _check_crs(data.get("crs"))
    try:
        geometry = _assembled(list(_rings(data)))
    except RecursionError as error:
        raise BadInputError("The GeoJSON is nested too deep. Give a simple collection.") from error
    return usable(geometry), _SHORT_WAY if has_jump(geometry) else ""


def _assembled(polygons: Sequence[Sequence[FloatArray]]) -> BaseGeometry:
    """Return the polygons of rings (the shell, then its holes; each (n, 2)) as one geometry."""
    rings = [ring for polygon in polygons for ring in polygon]
    if not rings:
        return shapely.MultiPolygon()
    points = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    closed = np.asarray(shapely.linearrings(np.concatenate(rings), indices=points))
    owners = np.repeat(np.arange(len(polygons)), [len(polygon) for polygon in polygons])
    # One call for all rings: a call for each takes seconds for an archipelago.
    each = np.asarray(shapely.polygons(closed, indices=owners), dtype=object)
    return cast(BaseGeometry, shapely.multipolygons(each))


def usable(geometry: BaseGeometry) -> BaseGeometry:
    """Return `geometry` (EPSG:4326) repaired; see `usable_each` for errors."""
    return usable_each([geometry])[0]


def usable_each(geometries: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """Return geometries (EPSG:4326) repaired; raise where one is off the globe or has no area."""
    repaired = on_globe(geometries)
    if shapely.is_empty(repaired).any():
        raise EmptyRegionError("The area given is empty. Draw at least one polygon with an area.")
    return repaired


def on_globe(geometries: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """Return the areas of geometries in degrees, repaired, empty where there is none.

    The one function by which every outline in longitude and latitude is read: that of a region,
    a file of regions, a footprint, polygons of a layer. See `hotspots.geo.antimeridian.repair`.

    Raises
    ------
    BadInputError
        Too many vertices, or a point off the globe.
    """
    xy = shapely.get_coordinates(geometries)
    what = "The area has" if len(geometries) == 1 else "The areas have"
    require_within(what, len(xy), "vertices", "simplify it")
    if not np.isfinite(xy).all() or (np.abs(xy) > (_MOST_LONGITUDE, 90.0)).any():
        far = xy[~(np.abs(xy) <= (_MOST_LONGITUDE, 90.0)).all(axis=1)][0]
        raise BadInputError(
            f"The point {far[0]:g}, {far[1]:g} lies off the globe. Give longitude, then latitude,"
            " in degrees, latitude from -90 to 90."
        )
    return repair_each(geometries)


def read_areas(path: Path) -> gpd.GeoDataFrame:
    """Read the polygons of a file, reprojected to EPSG:4326 and repaired; attributes are kept.

    Parameters
    ----------
    path
        GeoJSON, GeoPackage, GeoParquet, KML (all its folders) or another vector format of GDAL.

    Returns
    -------
    GeoDataFrame
        The file's columns and `NOTE`: how an outline was interpreted, or "".

    Raises
    ------
    BadInputError
        No such file, unreadable, several layers, no CRS, points or lines in it, off the globe.
    EmptyRegionError
        It holds no feature, or a feature without an area.
    """
    try:
        table = _read(path)
    except DAMAGE as error:
        # After a semicolon GDAL's wrapper suggests parameters that aren't the user's.
        why = deepest_reason(error, 120).split(";")[0]
        raise BadInputError(
            f"'{path.name}' can't be read as a file of polygons ({why}). Give GeoJSON, GeoPackage,"
            " GeoParquet or KML."
        ) from error
    return to_globe(table, path.name)


def to_globe(table: gpd.GeoDataFrame, called: str) -> gpd.GeoDataFrame:
    """Return a table of polygons in any CRS as repaired polygons in EPSG:4326."""
    if table.crs is None:
        raise BadInputError(f"'{called}' names no CRS. Save it with one, such as EPSG:4326.")
    nowhere = without_places(horizontal(table.crs))
    if nowhere:
        raise BadInputError(f"'{called}' {nowhere}")
    if not len(table):
        raise EmptyRegionError(f"'{called}' holds no feature. Give at least one polygon.")
    for kind in table.geometry.geom_type.dropna().unique():
        if kind not in ("Polygon", "MultiPolygon", "GeometryCollection"):
            raise BadInputError(_not_an_area(kind))
    geometries = table.geometry.force_2d()
    in_degrees = in_plain_degrees(table.crs)
    if not in_degrees and len(geometries.dropna()):
        west, south, east, north = geometries.total_bounds
        # A straight side in a projection is curved on the globe; corners alone would lose area.
        step = max(east - west, north - south) / _SEGMENTS
        geometries = geometries.segmentize(step) if step > 0 else geometries
    try:
        geometries = geometries.to_crs("EPSG:4326")
    except RuntimeError as error:  # pyproj's, for a site's own coordinates
        raise BadInputError(
            f"The CRS of '{called}' can't be placed on the globe. Save it in EPSG:4326."
        ) from error
    if (geometries.isna() | geometries.is_empty).any():
        row = int(np.flatnonzero(geometries.isna() | geometries.is_empty)[0]) + 1
        raise EmptyRegionError(f"Feature {row} of '{called}' has no outline. Remove it or draw it.")
    # After reprojection, a jump only marks a crossing of the antimeridian.
    jumps = jumps_of(geometries) & in_degrees
    remark = placing_remark(horizontal(table.crs), _box(geometries))
    placed = table.copy()
    placed[NOTE] = np.where(jumps, _SHORT_WAY, "")
    if remark.may_be_far:
        placed[NOTE] = [
            f"{note}; {remark.sentence}" if note else remark.sentence for note in placed[NOTE]
        ]
    return placed.set_geometry(usable_each(geometries), crs="EPSG:4326")


def _box(geometries: gpd.GeoSeries) -> tuple[float, float, float, float]:
    west, south, east, north = map(float, geometries.total_bounds)
    return west, south, east, north


def _not_an_area(kind: str) -> str:
    return f"A region needs an area, not a {kind}. Give a Polygon or a MultiPolygon."


def _read(path: Path) -> gpd.GeoDataFrame:
    import pandas as pd

    from hotspots.io.readers.vectors import PARQUET, read_vector, vector_layers

    if path.suffix.lower() in PARQUET:
        return read_vector(path)
    layers = [name for name, kind in vector_layers(path) if kind is not None]
    if not layers:
        raise ValueError("it holds no layer of outlines")
    # A KML file has a layer for each folder, which belong together.
    if path.suffix.lower() != ".kml":
        require_one_layer(path, layers)
    tables = [read_vector(path, layer) for layer in layers]
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def require_one_layer(path: Path, layers: Sequence[str]) -> None:
    """Raise `BadInputError` if a file has several layers of outlines, of which none is chosen."""
    if len(layers) > 1:
        raise BadInputError(
            f"'{path.name}' holds {len(layers)} layers ({', '.join(layers)}). Save the one you"
            " mean in a file of its own."
        )


def _check_crs(member: object) -> None:
    """Refuse a GeoJSON of before RFC 7946 whose `crs` isn't longitude/latitude on WGS84."""
    named = member
    for key in ("properties", "name"):
        # Some files hold the name alone, as "crs": "EPSG:4326".
        if not isinstance(named, str):
            named = named.get(key) if isinstance(named, Mapping) else None
    name = str(named or "")
    if name and not name.upper().endswith(("CRS84", "CRS84H", ":4326", "EPSG4326")):
        raise BadInputError(
            f"GeoJSON is in longitude and latitude, but this names the CRS '{name}'. Reproject it,"
            " or give it as a file."
        )


def _rings(data: Unchecked) -> Iterator[list[FloatArray]]:
    """Yield the rings of each polygon in a GeoJSON object: the shell, then its holes."""
    kind = data.get("type") if isinstance(data, Mapping) else None
    if kind == "FeatureCollection":
        for feature in _list(data, "features"):
            yield from _rings(feature)
    elif kind == "Feature":
        if data.get("geometry") is not None:
            yield from _rings(data["geometry"])
    elif kind == "GeometryCollection":
        for geometry in _list(data, "geometries"):
            yield from _rings(geometry)
    elif kind == "Polygon":
        yield from _polygon(_list(data, "coordinates"))
    elif kind == "MultiPolygon":
        for polygon in _list(data, "coordinates"):
            yield from _polygon(polygon)
    elif kind in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        raise BadInputError(_not_an_area(kind))
    elif kind == "Topology":
        raise topology_error("The GeoJSON")
    else:
        raise BadInputError(
            f"This isn't an area in GeoJSON (its type is {str(kind)[:40]!r}). Give a Polygon,"
            " MultiPolygon, Feature or FeatureCollection."
        )


def _list(data: GeoJson, member: str) -> Sequence[Unchecked]:
    value = data.get(member)
    if not isinstance(value, list | tuple):
        raise BadInputError(f"The GeoJSON {data['type']} has no list '{member}'. Give it one.")
    return value


def _polygon(rings: Unchecked) -> Iterator[list[FloatArray]]:
    try:
        arrays = [np.asarray([point[:2] for point in ring], dtype=float) for ring in rings]
    # KeyError: an object for a point; OverflowError: a whole number of hundreds of digits.
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise BadInputError(
            "A polygon's coordinates can't be read. Give rings of [longitude, latitude] numbers."
        ) from error
    if not all(np.isfinite(ring).all() for ring in arrays):
        raise BadInputError("A polygon has a coordinate that isn't a finite number. Correct it.")
    if any(ring.ndim != 2 or ring.shape[0] < 3 or ring.shape[1] != 2 for ring in arrays):
        raise BadInputError(
            "A polygon's ring has too few points. Give at least four, the last like the first."
        )
    if arrays:
        yield arrays
