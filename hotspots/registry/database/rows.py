"""Conversion between records and database rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from hotspots.geo.countries import key
from hotspots.registry.database.tables import CODED
from hotspots.registry.schema.fields import SEPARATOR, fields, names
from hotspots.registry.schema.values import relation as parts_of

_LISTS = tuple(field.name for field in fields().values() if field.is_list)
_KEPT = (*names("content"), *names("system"))
_CONTACT = names("contact")
_NAMED = ("name", "name_en", "name_fr", "name_es", "id")


def to_row(record: Mapping[str, Any], no: int) -> dict[str, Any]:
    """Return the row of table ``record``: all columns, lists joined."""
    row = {name: record.get(name) for name in _KEPT}
    for name in _LISTS:
        if name in record:
            row[name] = SEPARATOR.join(record[name])
    row["no"] = no
    row["search_key"] = search_key(record)
    return row


def search_key(record: Mapping[str, Any]) -> str:
    """Return the search key of a record: its names and id without case and accents."""
    labels = [record.get(name, "") for name in _NAMED] + list(record.get("other_names", ()))
    return "\n".join(dict.fromkeys(key(name) for name in labels if name))


def from_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a row, without empty values and columns that are not fields."""
    record = {name: row[name] for name in fields() if row.get(name) is not None}
    for name in _LISTS:
        if name in record:
            record[name] = tuple(record[name].split(SEPARATOR))
    return record


def codes(record: Mapping[str, Any], no: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``record_code``."""
    for field in CODED:
        for code in record.get(field, ()):
            yield {"field": field, "code": code, "no": no}


def relations(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``relation``: the record is the subject."""
    seen = set()
    for text in record.get("relations", ()):
        role, other, start, end = parts_of(text)
        if (role, other, start) not in seen:
            seen.add((role, other, start))
            yield {
                "subject": record["id"],
                "role": role,
                "object": other,
                "start": start or "",
                "end": end or "",
            }


def contact(record: Mapping[str, Any], no: int) -> dict[str, Any] | None:
    """Return the row of ``contact``, or None if a record has no personal fields."""
    row = {name: record.get(name) for name in _CONTACT}
    return {"no": no, **row} if any(row.values()) else None


def boxes(record: Mapping[str, Any]) -> list[tuple[float, float, float, float]]:
    """Return (west, south, east, north) in degrees for each part of a record's geometry."""
    if area := record.get("footprint"):
        import shapely

        return [part.bounds for part in shapely.get_parts(shapely.from_wkt(area))]
    if "latitude" in record and "longitude" in record:
        x, y = record["longitude"], record["latitude"]
        return [(x, y, x, y)]
    return []


def snapshot(record: Mapping[str, Any]) -> str:
    """Return a record's content as JSON text for the history, without personal fields."""
    stored = (*names("content"), "owner", "changed")
    kept = {name: record[name] for name in stored if name in record}
    return json.dumps(kept, ensure_ascii=False)


def from_snapshot(text: str) -> dict[str, Any]:
    """Return the content of a snapshot."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
