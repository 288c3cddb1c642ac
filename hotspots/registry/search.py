"""Searching records by area, theme, type or text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hotspots.errors import BadInputError, near_matches
from hotspots.registry.database import queries, rows, tables
from hotspots.registry.permissions import countries_of
from hotspots.registry.schema.fields import code_called
from hotspots.registry.schema.records import Record, Values, point_of, text_of
from hotspots.registry.schema.vocabulary import vocabulary

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from hotspots.geo.regions import Region

MOST = 10_000  # records of one page


@dataclass(frozen=True)
class RecordQuery:
    """A page of records; None for a criterion that is not applied.

    Attributes
    ----------
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
    """

    text: str | None = None
    box: tuple[float, float, float, float] | None = None
    region: str | None = None
    theme: str | None = None
    type: str | None = None
    stale_before: str | None = None
    limit: int = 100
    after: str | None = None


def find(connection: sa.Connection, query: RecordQuery) -> list[Values]:
    """Return records including personal fields, which `Registry.find` removes.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry; nothing is written.
    query : RecordQuery
        Which records, and which page of them.

    Raises
    ------
    BadInputError
        Unknown code or region, invalid box, or too large a page.
    """
    if not 0 < query.limit <= MOST:
        raise BadInputError(f"A page of {query.limit} records is not possible; give 1 to {MOST:,}.")
    shape = _shape(query)
    criteria = _criteria(query, shape)
    found: list[Values] = []
    at = _number(connection, query.after) if query.after else 0
    # The index has bounding boxes only, so a page may need several queries to be filled.
    while len(found) < query.limit:
        select = queries.page_query(connection, criteria, after=at, limit=query.limit)
        page = [dict(row) for row in connection.execute(select).mappings()]
        found += [rows.from_row(row) for row in page if shape is None or _meets(row, shape)]
        if len(page) < query.limit:
            break
        at = page[-1]["no"]
    return found[: query.limit]


def _shape(query: RecordQuery) -> BaseGeometry | None:
    from hotspots.geo.user_geometry import box_geometry

    return None if query.box is None else box_geometry(query.box)


def _criteria(query: RecordQuery, shape: BaseGeometry | None) -> queries.Criteria:
    everywhere = query.region in (None, "world")
    return queries.Criteria(
        boxes=[] if shape is None else _boxes(shape),
        countries=[] if everywhere else sorted(_region_codes(str(query.region))),
        theme=_code("theme", query.theme),
        type=_code("type", query.type),
        text=query.text or "",
        stale_before=query.stale_before or "",
    )


def _boxes(shape: BaseGeometry) -> list[rows.Box]:
    """Return a box for each part, so that none goes round the globe at the antimeridian."""
    import shapely

    return [rows.Box(*part.bounds) for part in shapely.get_parts(shape)]


def _region_codes(region: str) -> set[str]:
    """Return the values of `country` or `regions` that place a record in a region."""
    return {region, *countries_of(region)}


def _code(name: str, word: str | None) -> str:
    """Return the code for a word: the code itself, or its label in one of the languages."""
    if not word:
        return ""
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


def _meets(row: Record, shape: BaseGeometry) -> bool:
    """Return whether a record's geometry intersects an area; the index has bounding boxes only."""
    import shapely

    if area := text_of(row, "footprint"):
        return bool(shapely.intersects(shapely.from_wkt(area), shape))
    point = point_of(row)
    return point is not None and bool(shapely.intersects_xy(shape, point[1], point[0]))


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
