"""Reading records by id, box, region, theme or type, and their history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from hotspots.errors import RegistryError
from hotspots.geo.countries import key
from hotspots.io import clock
from hotspots.registry.database import rows, tables
from hotspots.registry.database.changes import record_box
from hotspots.registry.database.connection import is_sqlite
from hotspots.registry.schema.fields import names
from hotspots.registry.schema.records import Values

_Columns = tuple[object, ...]  # of a row, in the order of the query
_BATCH = 5_000
# A box that covers much of the globe intersects most records: scanning them in order until the
# page is full is then faster than sorting all index matches.
_WIDE_DEGREES = 90.0
_record = tables.record


def current_ids(connection: sa.Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return former id -> current id, for ids replaced by a merge."""
    found: dict[str, str] = {}
    for batch in _batches(ids):
        query = sa.select(tables.alias.c.former, tables.alias.c.id)
        for former, now in connection.execute(query.where(tables.alias.c.former.in_(batch))):
            found[former] = now
    return found


def unknown_id(id: str) -> RegistryError:
    """Return the error for an id that no record has."""
    return RegistryError(f"No record has the id '{id}'. 'hotspots registry list' shows them.")


def known_ids(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Return those ids that exist."""
    found: set[str] = set()
    for batch in _batches(ids):
        found.update(connection.scalars(sa.select(_record.c.id).where(_record.c.id.in_(batch))))
    return found


def fetch(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Values]:
    """Return records by id, including personal and system fields; unknown ids are omitted."""
    found: dict[str, Values] = {}
    query = _whole()
    for batch in _batches(ids):
        for row in connection.execute(query.where(_record.c.id.in_(batch))).mappings():
            found[row["id"]] = rows.from_row(dict(row))
    return found


def everything(connection: sa.Connection) -> Iterator[Values]:
    """Yield all records in the order of entry, including personal and system fields."""
    query = _whole().order_by(_record.c.no)
    # In parts, so that the driver doesn't hold a large registry in memory.
    for row in connection.execution_options(yield_per=_BATCH).execute(query).mappings():
        yield rows.from_row(dict(row))


def count(connection: sa.Connection) -> int:
    """Return the number of records."""
    return connection.scalar(sa.select(sa.func.count()).select_from(_record)) or 0


def state(connection: sa.Connection) -> tuple[object, ...]:
    """Return a key that is unchanged as long as the table of records is.

    It contains the last change of a record and the last line of the journal (an erasure changes
    no version), each with its time, since a restored backup may have the same numbers; and the
    date, on which a project's status depends.
    """
    found: list[object] = [clock.today()]
    for table in (tables.version, tables.audit):
        last = sa.select(table.c.no, table.c.at).order_by(table.c.no.desc()).limit(1)
        # An empty registry has neither versions nor a journal.
        found.extend(connection.execute(last).one_or_none() or (0, ""))
    return tuple(found)


@dataclass(frozen=True)
class Criteria:
    """Which records a query selects; a criterion left at its default selects all.

    Attributes
    ----------
    boxes : sequence of Box
        Degrees, EPSG:4326; records located in one of them. Footprints are compared by bounding
        box, since the index has no more; the caller must test the geometry.
    countries : sequence of str
        Ids; records with their seat there, or that list one among their regions.
    theme, type : str
        Codes of the vocabulary.
    text : str
        Part of a name or id.
    stale_before : str
        A date (YYYY-MM-DD) since which a record has not been verified.
    """

    boxes: Sequence[rows.Box] = ()
    countries: Sequence[str] = ()
    theme: str = ""
    type: str = ""
    text: str = ""
    stale_before: str = ""


def page_query(
    connection: sa.Connection, criteria: Criteria, *, after: int, limit: int
) -> sa.Select[_Columns]:
    """Return the query for one page of records, in the order of entry.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry, of which only the kind of database is used.
    criteria : Criteria
        Which records are selected.
    after, limit : int
        Row number after which the page begins; maximum number of records.
    """
    query = _whole().where(_record.c.no > after).order_by(_record.c.no).limit(limit)
    if boxes := criteria.boxes:
        query = query.where(sa.or_(*(_in_box(connection, box) for box in boxes)))
    if countries := criteria.countries:
        query = query.where(sa.or_(_record.c.country.in_(countries), _coded("regions", countries)))
    if criteria.theme:
        query = query.where(_coded("theme", [criteria.theme]))
    if criteria.type:
        query = query.where(_record.c.type == criteria.type)
    if text := criteria.text:
        found = _record.c.search_key.contains(key(text), autoescape=True)
        # Of punctuation no search key is left, and an empty one would match every record.
        query = query.where(found if key(text) else sa.false())
    if criteria.stale_before:
        # ISO dates compare as text, but NULL compares as unknown.
        never = _record.c.verified_on.is_(None)
        query = query.where(sa.or_(never, _record.c.verified_on < criteria.stale_before))
    return query


def _coded(field: str, codes: Sequence[str]) -> sa.ColumnElement[bool]:
    code = tables.record_code
    matching = sa.select(code.c.no).where(code.c.field == field, code.c.code.in_(codes))
    return _record.c.no.in_(matching)


def _in_box(connection: sa.Connection, box: rows.Box) -> sa.ColumnElement[bool]:
    west, south, east, north = box
    wide = (east - west) * (north - south) > _WIDE_DEGREES**2
    if not is_sqlite(connection):
        envelope = sa.func.ST_MakeEnvelope(west, south, east, north, 4326)
        meeting = sa.literal_column("record.geometry").op("&&", is_comparison=True)(envelope)
        # Inside a function call, the geometry index is not used.
        return sa.func.coalesce(meeting, sa.false()) if wide else meeting
    part = tables.record_part
    meets = (
        (record_box.c.west <= east)
        & (record_box.c.east >= west)
        & (record_box.c.south <= north)
        & (record_box.c.north >= south)
    )
    if wide:
        joined = part.join(record_box, record_box.c.id == part.c.id)
        return sa.exists().select_from(joined).where(part.c.no == _record.c.no, meets)
    inside = sa.select(record_box.c.id).where(meets)
    return _record.c.no.in_(sa.select(part.c.no).where(part.c.id.in_(inside)))


def history(connection: sa.Connection, ids: Iterable[str]) -> list[tables.VersionRow]:
    """Return the history of records, oldest first: version, at, by, action, note, snapshot."""
    found: list[tables.VersionRow] = []
    for batch in _batches(ids):
        query = sa.select(tables.version).where(tables.version.c.id.in_(batch))
        found += [
            cast("tables.VersionRow", dict(row)) for row in connection.execute(query).mappings()
        ]
    return sorted(found, key=lambda row: row["no"])


def snapshot(connection: sa.Connection, id: str, version: int) -> Values | None:
    """Return the content of a version of a record, or None if the history lacks it."""
    kept = tables.version
    text = connection.scalar(
        sa.select(kept.c.snapshot)
        .where(kept.c.id == id, kept.c.version == version, kept.c.snapshot != "")
        .order_by(kept.c.no.desc())
        .limit(1)
    )
    return rows.from_snapshot(text) if text else None


def former_ids(connection: sa.Connection, id: str) -> list[str]:
    """Return the ids that were replaced by this one in merges."""
    alias = tables.alias
    return sorted(connection.scalars(sa.select(alias.c.former).where(alias.c.id == id)))


def related_to(connection: sa.Connection, id: str) -> list[str]:
    """Return the ids of the records that refer to this one in a relation."""
    relation = tables.relation
    query = sa.select(relation.c.subject).where(relation.c.object == id).distinct()
    return sorted(connection.scalars(query))


def _whole() -> sa.Select[_Columns]:
    """Return the query for records including personal fields."""
    contact = tables.contact
    personal = (contact.c[name] for name in names("contact"))
    return sa.select(_record, *personal).outerjoin(contact, contact.c.no == _record.c.no)


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    listed = list(dict.fromkeys(ids))
    for start in range(0, len(listed), _BATCH):
        yield listed[start : start + _BATCH]
