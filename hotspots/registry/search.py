"""Which records are somewhere, or about something."""

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
    """Return records, complete with personal fields; see `Registry.find`, which takes these out.

    Raises
    ------
    BadInputError
        An unknown code or region, a box that is none, or too long a page.
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
    asked: dict[str, Any] = {
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
        query = queries.page_query(connection, **asked, after=at, limit=limit)
        page = [dict(row) for row in connection.execute(query).mappings()]
        found += [rows.from_row(row) for row in page if shape is None or _meets(row, shape)]
        if len(page) < limit:
            break
        at = page[-1]["no"]
    return found[:limit]


def _region_codes(region: str) -> set[str]:
    """Return what a record's country or regions may say to be of a region."""
    return {region, *countries_of(region)}


def _code(name: str, word: str | None) -> str | None:
    """Return the code that a word means: itself, or its label in one of the languages."""
    if not word:
        return None
    known = vocabulary()[name]
    code = code_called(name, word)
    if code is None:
        raise BadInputError(
            f"'{word}' is no {name}{near_matches(word, known) or '.'} Use one of"
            f" {', '.join(known)}."
        )
    return code


def _number(connection: sa.Connection, id: str) -> int:
    no = connection.scalar(sa.select(tables.record.c.no).where(tables.record.c.id == id))
    if no is None:
        raise BadInputError(f"The page can't begin after '{id}', which is no record's id.")
    return int(no)


def _meets(row: dict[str, Any], shape: BaseGeometry) -> bool:
    """Say whether a record is drawn in an area, exactly: the index knows its box only."""
    import shapely

    if area := row["footprint"]:
        return bool(shapely.intersects(shapely.from_wkt(area), shape))
    return bool(shapely.intersects_xy(shape, row["longitude"], row["latitude"]))


def within(records: gpd.GeoDataFrame, area: Region | BaseGeometry) -> gpd.GeoDataFrame:
    """Return the records of an area.

    Parameters
    ----------
    records : GeoDataFrame
        As `Registry.records` gives it.
    area : Region or shapely geometry, EPSG:4326
        For the world, countries and initiative regions, records count by their country code (or
        their place where they have none), so that a coarse coast loses nobody. For any other shape
        they count by their place, and those of which no more than the country or region is known
        are left out: nobody knows whether they lie within it.
    """
    kind = getattr(area, "kind", "custom")
    if kind == "world":
        return records
    placed = records.geometry.intersects(getattr(area, "geometry", area))
    if kind in ("country", "initiative"):
        codes = _region_codes(area.id)  # type: ignore[union-attr]
        told = records["country"] != ""
        return records[records["country"].isin(codes) | (placed & ~told)]
    return records[placed & ~records["place_precision"].isin(["country", "region"])]
