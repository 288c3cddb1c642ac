"""Searching records by area, theme, type or text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hotspots.errors import BadInputError, near_matches
from hotspots.registry.database import queries, rows, tables
from hotspots.registry.permissions import countries_of
from hotspots.registry.schema.fields import code_called
from hotspots.registry.schema.vocabulary import vocabulary

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from hotspots.geo.regions import Region

MOST = 10_000  # records of one page


def find(
    connection: sa.Connection,
    *,
    box: tuple[float, float, float, float] | None = None,
    region: str | None = None,
    theme: str | None = None,
    type: str | None = None,
    text: str | None = None,
    stale_before: str | None = None,
    limit: int = 100,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Return records including personal fields, which `Registry.find` removes.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry; nothing is written.
    box : tuple of float, optional
        (W, S, E, N) in degrees, EPSG:4326; W > E crosses the antimeridian. Records whose footprint,
        or point if they have none, intersects it.
    region : str, optional
        Id of a country or of a region of the initiative; None and "world" for all.
    theme, type : str, optional
        Codes of the vocabulary, or their labels in a language.
    text : str, optional
        Part of a name or id.
    stale_before : str, optional
        A date (YYYY-MM-DD); records last verified before it, or never.
    limit : int
        Maximum number of records, 1 to `MOST`.
    after : str, optional
        Id of the record after which the page begins; by default it begins with the first record.

    Raises
    ------
    BadInputError
        Unknown code or region, invalid box, or too large a page.
    """
    if not 0 < limit <= MOST:
        raise BadInputError(f"A page of {limit} records is not possible; give 1 to {MOST:,}.")
    theme, type = _code("theme", theme), _code("type", type)
    shape = None
    boxes: list[queries.Box] = []
    if box is not None:
        import shapely

        from hotspots.geo.user_geometry import box_geometry

        shape = box_geometry(box)
        boxes = [part.bounds for part in shapely.get_parts(shape)]
    conditions: dict[str, Any] = {
        "boxes": boxes,
        "countries": [] if region in (None, "world") else sorted(_region_codes(str(region))),
        "codes": {"theme": theme} if theme else {},
        "type": type,
        "text": text,
        "stale_before": stale_before,
    }
    found: list[dict[str, Any]] = []
    at = _number(connection, after) if after else 0
    while len(found) < limit:
        query = queries.page_query(connection, **conditions, after=at, limit=limit)
        page = [dict(row) for row in connection.execute(query).mappings()]
        found += [rows.from_row(row) for row in page if shape is None or _meets(row, shape)]
        if len(page) < limit:
            break
        at = page[-1]["no"]
    return found[:limit]


def _region_codes(region: str) -> set[str]:
    """Return the values of `country` or `regions` that place a record in a region."""
    return {region, *countries_of(region)}


def _code(name: str, word: str | None) -> str | None:
    """Return the code for a word: the code itself, or its label in one of the languages."""
    if not word:
        return None
    known = vocabulary()[name]
    code = code_called(name, word)
    if code is None:
        raise BadInputError(
            f"'{word}' is not a valid {name}{near_matches(word, known) or '.'} Use one of"
            f" {', '.join(known)}."
        )
    return code


def _number(connection: sa.Connection, id: str) -> int:
    no = connection.scalar(sa.select(tables.record.c.no).where(tables.record.c.id == id))
    if no is None:
        raise BadInputError(f"The page can't begin after '{id}': no record has this id.")
    return int(no)


def _meets(row: dict[str, Any], shape: BaseGeometry) -> bool:
    """Return whether a record's geometry intersects an area; the index has bounding boxes only."""
    import shapely

    if area := row["footprint"]:
        return bool(shapely.intersects(shapely.from_wkt(area), shape))
    return bool(shapely.intersects_xy(shape, row["longitude"], row["latitude"]))


def within(records: gpd.GeoDataFrame, area: Region | BaseGeometry) -> gpd.GeoDataFrame:
    """Return the records within an area.

    Parameters
    ----------
    records : GeoDataFrame
        See `Registry.records`.
    area : Region or shapely geometry, EPSG:4326
        For the world, countries and initiative regions, records are selected by country code (or
        by geometry if they have none), so that a generalised coastline excludes none. For other
        shapes they are selected by geometry, and records located only to a country or region are
        excluded, since their exact position is unknown.
    """
    kind = getattr(area, "kind", "custom")
    if kind == "world":
        return records
    placed = records.geometry.intersects(getattr(area, "geometry", area))
    if kind in ("country", "initiative"):
        codes = _region_codes(area.id)  # type: ignore[union-attr]
        has_country = records["country"] != ""
        return records[records["country"].isin(codes) | (placed & ~has_country)]
    return records[placed & ~records["place_precision"].isin(["country", "region"])]
