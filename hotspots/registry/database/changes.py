"""Writing records; permissions are checked here for every change, whatever its origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

from hotspots.registry.database import rows, tables
from hotspots.registry.database.connection import is_sqlite
from hotspots.registry.permissions import Actor, require_keep
from hotspots.registry.schema.records import Record, Values, id_of

_Item = TypeVar("_Item")
# Below the limits on parameters of a statement: 32,766 in SQLite, 65,535 in PostgreSQL.
_BATCH = 5_000
_MANY = 1_000  # changes after which a server's statistics are recomputed
record_box = sa.table(
    "record_box", *(sa.column(name) for name in ("id", "west", "east", "south", "north"))
)


@dataclass(frozen=True)
class Change:
    """A change of one record.

    Attributes
    ----------
    action : str
        "created", "changed", "verified", "merged" or "removed"; recorded in the history.
    before, after : mapping or None
        The current record with its system fields, and the new one; None if it doesn't exist.
        Either both or neither include personal fields.
    note : str
        For the history.
    """

    action: str
    before: Record | None
    after: Record | None
    note: str = ""


class Numbered(NamedTuple):
    """A record, and its row number in the database."""

    no: int
    record: Record


def apply(connection: sa.Connection, changes: Sequence[Change], actor: Actor, now: str) -> None:
    """Write changes and their history within the caller's transaction.

    Parameters
    ----------
    connection
        Connection from `writing`.
    changes
        Changes with records that have been validated.
    actor, now
        The actor, and the current time (UTC).

    Raises
    ------
    NotAllowedError
        The actor may not change one of the records, before or after the change.
    """
    # All permissions before any change; a moved record counts where it was and where it goes.
    for change in changes:
        for record in (change.before, change.after):
            if record is not None:
                require_keep(actor, record)
    numbers = _numbers(connection, changes)
    gone = [id_of(change.before) for change in changes if change.before is not None]
    # Deleted and inserted again, so that lists and relations need not be compared.
    _clear(connection, [numbers[id_] for id_ in gone], gone)
    placed = [Numbered(numbers[id_of(c.after)], c.after) for c in changes if c.after is not None]
    _put(connection, placed)
    _insert(connection, tables.version, (_history(c, actor, now) for c in changes))
    if len(changes) > _MANY and not is_sqlite(connection):
        # With outdated statistics PostgreSQL chooses query plans that take minutes, not seconds.
        for table in (tables.record, tables.record_code, tables.contact, tables.relation):
            connection.exec_driver_sql(f"ANALYZE {table.name}")


def add_to_journal(
    connection: sa.Connection,
    actor: Actor,
    now: str,
    action: str,
    target: str = "",
    detail: str = "",
) -> None:
    """Add a line to the journal, for actions that are not part of a record's history.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection from `writing`; the line is part of its transaction.
    actor : Actor
        The actor, of whom the name is recorded.
    now : str
        The current time (UTC), as from `hotspots.io.clock.now`.
    action : str
        What was done, such as "token revoked".
    target : str
        Id or code of what it was done to; "" if it doesn't apply.
    detail : str
        Further text; "" for none.
    """
    connection.execute(
        tables.audit.insert().values(
            at=now, by=actor.name, action=action, target=target, detail=detail
        )
    )


def _numbers(connection: sa.Connection, changes: Iterable[Change]) -> dict[str, int]:
    """Return the row number of each record; new records get the next free numbers."""
    known = [id_of(change.before) for change in changes if change.before is not None]
    found: dict[str, int] = {}
    for batch in _batches(known):
        query = sa.select(tables.record.c.id, tables.record.c.no)
        for id_, no in connection.execute(query.where(tables.record.c.id.in_(batch))):
            found[id_] = no
    # The caller's transaction is the only writer, so these numbers are free.
    last = connection.scalar(sa.select(sa.func.max(tables.record.c.no))) or 0
    for change in changes:
        if change.after is not None and (id_ := id_of(change.after)) not in found:
            last += 1
            found[id_] = last
    return found


def _clear(connection: sa.Connection, numbers: Sequence[int], ids: Sequence[str]) -> None:
    if is_sqlite(connection):
        parts = tables.record_part
        # Boxes before parts, by which they are found.
        for batch in _batches(numbers):
            ids_of_parts = sa.select(parts.c.id).where(parts.c.no.in_(batch))
            connection.execute(sa.delete(record_box).where(record_box.c.id.in_(ids_of_parts)))
            connection.execute(parts.delete().where(parts.c.no.in_(batch)))
    for table in (tables.record, tables.record_code, tables.contact):
        for batch in _batches(numbers):
            connection.execute(table.delete().where(table.c.no.in_(batch)))
    for some in _batches(ids):
        connection.execute(tables.relation.delete().where(tables.relation.c.subject.in_(some)))


def _put(connection: sa.Connection, placed: Sequence[Numbered]) -> None:
    _insert(connection, tables.record, (rows.to_row(record, no) for no, record in placed))
    _insert(
        connection, tables.record_code, (c for no, record in placed for c in rows.codes(record, no))
    )
    _insert(
        connection, tables.relation, (r for _, record in placed for r in rows.relations(record))
    )
    _insert(
        connection, tables.contact, (c for no, record in placed if (c := rows.contact(record, no)))
    )
    if is_sqlite(connection):
        put_boxes(connection, placed)


def put_boxes(connection: sa.Connection, placed: Sequence[Numbered]) -> None:
    """Index the geometries of records by row number; SQLite only, PostGIS has its own index."""
    last = connection.scalar(sa.select(sa.func.max(tables.record_part.c.id))) or 0
    parts: list[Values] = []
    found: list[Values] = []
    for no, record in placed:
        for west, south, east, north in rows.boxes(record):
            last += 1
            parts.append({"id": last, "no": no})
            found.append({"id": last, "west": west, "east": east, "south": south, "north": north})
    _insert(connection, tables.record_part, parts)
    _insert(connection, record_box, found)


def _history(change: Change, actor: Actor, now: str) -> Values:
    kept = change.after or change.before or {}
    return {
        "id": kept["id"],
        "version": kept["version"],
        "at": now,
        "by": actor.name,
        "action": change.action,
        "note": change.note,
        "snapshot": rows.snapshot(change.after) if change.after else "",
    }


def _insert(
    connection: sa.Connection, table: sa.Table | sa.TableClause, given: Iterable[Values]
) -> None:
    for batch in _batches(list(given)):
        connection.execute(sa.insert(table), batch)


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
