"""The journal: all actions on a registry and their actors, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, cast

import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.registry.database import rows
from hotspots.registry.database.tables import VersionRow, audit, version
from hotspots.registry.permissions import ADMINISTRATOR, Actor, may_keep
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields

MOST = 10_000  # lines of one page
_Columns = tuple[object, ...]  # of a row, in the order of the query


class JournalLine(TypedDict):
    """One action: when (UTC), by whom, which, on what, and further text."""

    at: str
    by: str
    action: str
    target: str
    detail: str


def journal(
    connection: sa.Connection,
    actor: Actor,
    *,
    id: str | None = None,
    by: str | None = None,
    since: str | None = None,
    limit: int = 100,
) -> list[JournalLine]:
    """Return the journal, newest first, without personal data.

    Lines on tokens are shown to administrators only; names of imported files to those who maintain
    records, and are empty for others.

    Parameters
    ----------
    connection, actor
        Connection to the registry; the actor who reads.
    id : str, optional
        Id of a record, token or region, or number of a suggestion.
    by : str, optional
        Holder of a token.
    since : str, optional
        A date or a time (UTC).
    limit : int
        Maximum number of lines.

    Returns
    -------
    list of JournalLine
        at (UTC), by, action, target and detail. An action from a record's history is one word
        ("created", "changed", …) with the record's id as target; for a change the detail also
        lists the fields.

    Raises
    ------
    BadInputError
        Invalid time, or too many lines.
    """
    if not 0 < limit <= MOST:
        raise BadInputError(f"{limit} lines can't be shown; give 1 to {MOST:,}.")
    start = _moment(since)
    both = sa.union_all(_lines(version, version.c.id, "note"), _seen(actor)).subquery()
    query = sa.select(both)
    for column, given in (("target", id), ("by", by)):
        if given:
            query = query.where(both.c[column] == given)
    if start:
        query = query.where(both.c.at >= start)
    # Lines of the same second have a fixed order too.
    query = query.order_by(both.c.at.desc(), both.c.kind, both.c.no.desc()).limit(limit)
    found = connection.execute(query).mappings().all()
    changed = _changed(connection, [row["no"] for row in found if row["kind"] == version.name])
    lines: list[JournalLine] = []
    for row in found:
        names = changed.get(row["no"], "") if row["kind"] == version.name else ""
        detail = "; ".join(filter(None, (row["detail"], names)))
        one = {name: row[name] for name in JournalLine.__annotations__} | {"detail": detail}
        lines.append(cast("JournalLine", one))
    return lines


def changed_fields(history: Iterable[VersionRow]) -> list[str]:
    """Return for each version the names of the fields that differ from the previous version.

    Parameters
    ----------
    history
        Result of `Registry.history`, oldest first; it may contain versions of several records.

    Returns
    -------
    list of str
        Names joined by ", "; "" for a first version and for a removal. "contact" if a change
        concerned personal fields only: the history doesn't contain these, so that together with
        other changes they are not reported.
    """
    before: dict[str, str] = {}
    found = []
    for row in history:
        found.append(_differing(before.get(row["id"], ""), row["snapshot"], row["action"]))
        before[row["id"]] = row["snapshot"]
    return found


def _differing(before: str, after: str, action: str) -> str:
    if not before or not after:
        return ""
    was, becomes = rows.from_snapshot(before), rows.from_snapshot(after)
    content = (name for name in fields() if name not in ("version", "created", "changed"))
    differ = [name for name in content if was.get(name) != becomes.get(name)]
    # Every change alters a field, and only personal fields are not stored in the history.
    return ", ".join(differ) or ("contact" if action == "changed" else "")


def _changed(connection: sa.Connection, numbers: list[int]) -> dict[int, str]:
    """Return row number of a version -> changed fields; verifications are omitted."""
    earlier = version.alias()
    before = (
        sa.select(earlier.c.snapshot)
        .where(earlier.c.id == version.c.id, earlier.c.no < version.c.no)
        .order_by(earlier.c.no.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(version.c.no, version.c.snapshot, version.c.action, before.label("before"))
    query = query.where(version.c.no.in_(numbers), version.c.action.in_(("changed", "merged")))
    return {
        row.no: _differing(row.before or "", row.snapshot, row.action)
        for row in connection.execute(query)
    }


def _seen(actor: Actor) -> sa.Select[_Columns]:
    """Return the journal lines visible to the actor, with hidden targets removed."""
    target: sa.ColumnElement[str] = audit.c.target
    if not may_keep(actor, None):
        # In the query and not on output, so that filtering can't reveal a name.
        target = sa.case((audit.c.action == "import", ""), else_=audit.c.target)
    lines = _lines(audit, target, "detail")
    if actor.role != ADMINISTRATOR:
        lines = lines.where(~audit.c.action.startswith("token "))
    return lines


def _lines(table: sa.Table, target: sa.ColumnElement[str], detail: str) -> sa.Select[_Columns]:
    return sa.select(
        table.c.at,
        table.c.by,
        table.c.action,
        target.label("target"),
        table.c[detail].label("detail"),
        sa.literal(table.name).label("kind"),
        table.c.no,
    )


def _moment(text: str | None) -> str:
    if not text:
        return ""
    try:
        return str(values.read(fields()["changed"], text) or "")
    except ValueError as fault:
        raise BadInputError(f"The journal can't begin there: {fault}.") from fault
