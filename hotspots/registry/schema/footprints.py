"""Footprints: parsing polygons given by users, and their canonical text form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotspots.errors import BadInputError
from hotspots.locale.messages import Message

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

DIGITS = 7  # of a degree: a centimetre
MOST_POINTS = 200_000


def canonical(text: str) -> str:
    """Return the canonical WKT of a footprint given as WKT or GeoJSON.

    Parameters
    ----------
    text : str
        Polygon or MultiPolygon in degrees, EPSG:4326, longitude first.

    Returns
    -------
    str
        WKT of a valid Polygon or MultiPolygon: self-intersecting rings are repaired, geometries
        that cross the antimeridian are split there, and coordinates are rounded to `DIGITS`
        decimals. The function is idempotent.

    Raises
    ------
    BadInputError
        The text can't be parsed, is not a polygon, lies outside the globe, or has no area.
    """
    import shapely

    from hotspots.geo.user_geometry import usable

    shape = _parsed(text)
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise BadInputError(Message("footprint.kind", kind=shape.geom_type))
    if (points := shapely.get_num_coordinates(shape)) > MOST_POINTS:
        raise BadInputError(Message("footprint.points", count=int(points), most=MOST_POINTS))
    # Rounded before the test, since rounding may make a valid polygon invalid.
    rounded = shapely.from_wkt(_written(shape))
    if rounded.is_valid and _on_globe(rounded):
        return _written(rounded)
    repaired = shapely.set_precision(usable(shape), 10.0**-DIGITS)
    if repaired.is_empty:
        raise BadInputError(Message("footprint.no_area"))
    return _written(repaired)


def _written(shape: BaseGeometry) -> str:
    """Return the canonical WKT of a shape, with parts and rings in shapely's normalised order."""
    import shapely

    parts = shapely.get_parts(shape)
    shape = parts[0] if len(parts) == 1 else shape
    ordered = shapely.orient_polygons(shapely.normalize(shape))
    return str(shapely.to_wkt(ordered, rounding_precision=DIGITS, trim=True))


def _parsed(text: str) -> BaseGeometry:
    import shapely

    from hotspots.geo.user_geometry import geojson_geometry, parse_geojson

    if text.lstrip().startswith("{"):
        return geojson_geometry(parse_geojson(text))[0]
    try:
        shape = shapely.from_wkt(text)
    except shapely.errors.GEOSException as fault:
        raise BadInputError(Message("footprint.wkt")) from fault
    if shape is None or shape.is_empty:
        raise BadInputError(Message("footprint.empty"))
    return shapely.force_2d(shape)


def _on_globe(shape: BaseGeometry) -> bool:
    west, south, east, north = shape.bounds
    # A jump of more than half the globe is an edge over the antimeridian, for `usable` to cut.
    return bool(west >= -180 and east <= 180 and south >= -90 and north <= 90) and not _jumps(shape)


def _jumps(shape: BaseGeometry) -> bool:
    from hotspots.geo.antimeridian import may_jump

    return bool(may_jump([shape])[0])
