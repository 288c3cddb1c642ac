"""Conversion between records and database rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from hotspots.geo.countries import key
from hotspots.registry.database.tables import CODED
from hotspots.registry.schema.fields import SEPARATOR, fields, names
from hotspots.registry.schema.records import Record, Values, id_of, list_of, point_of, text_of
from hotspots.registry.schema.values import relation as parts_of


class Box(NamedTuple):
    """A box in degrees, EPSG:4326; it never crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float


_LISTS = tuple(field.name for field in fields().values() if field.is_list)
_KEPT = (*names("content"), *names("system"))
_CONTACT = names("contact")
_NAMED = ("name", "name_en", "name_fr", "name_es", "id")


def to_row(record: Record, no: int) -> Values:
    """Return the row of table ``record``: all columns, lists joined."""
    row = {name: record.get(name) for name in _KEPT}
    for name in _LISTS:
        if name in record:
            row[name] = SEPARATOR.join(list_of(record, name))
    row["no"] = no
    row["search_key"] = search_key(record)
    return row


def search_key(record: Record) -> str:
    """Return the search key of a record: its names and id without case and accents."""
    labels = [text_of(record, name) for name in _NAMED] + [*list_of(record, "other_names")]
    return "\n".join(dict.fromkeys(key(name) for name in labels if name))


def from_row(row: Record) -> Values:
    """Return the record of a row, without empty values and columns that are not fields."""
    record = {name: row[name] for name in fields() if row.get(name) is not None}
    for name in _LISTS:
        if name in record:
            record[name] = tuple(text_of(record, name).split(SEPARATOR))
    return record


def codes(record: Record, no: int) -> Iterator[Values]:
    """Yield the rows of ``record_code``."""
    for field in CODED:
        for code in list_of(record, field):
            yield {"field": field, "code": code, "no": no}


def relations(record: Record) -> Iterator[Values]:
    """Yield the rows of ``relation``: the record is the subject."""
    seen = set()
    for text in list_of(record, "relations"):
        role, other, start, end = parts_of(text)
        # Relations that differ only in their end have one key: the first is stored.
        if (role, other, start) not in seen:
            seen.add((role, other, start))
            yield {
                "subject": id_of(record),
                "role": role,
                "object": other,
                "start": start or "",
                "end": end or "",
            }


def contact(record: Record, no: int) -> Values | None:
    """Return the row of ``contact``, or None if a record has no personal fields."""
    row = {name: record.get(name) for name in _CONTACT}
    return {"no": no, **row} if any(row.values()) else None


def boxes(record: Record) -> list[Box]:
    """Return (west, south, east, north) in degrees for each part of a record's geometry."""
    if area := text_of(record, "footprint"):
        import shapely

        # By part, since the box of a geometry across the antimeridian would go round the globe.
        return [Box(*part.bounds) for part in shapely.get_parts(shapely.from_wkt(area))]
    if point := point_of(record):
        y, x = point
        return [Box(x, y, x, y)]
    return []


def snapshot(record: Record) -> str:
    """Return a record's content as JSON text for the history, without personal fields."""
    stored = (*names("content"), "owner", "changed")
    kept = {name: record[name] for name in stored if name in record}
    return json.dumps(kept, ensure_ascii=False)


def from_snapshot(text: str) -> Values:
    """Return the content of a snapshot."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
