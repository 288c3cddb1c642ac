"""The journal: who did what to a registry, of records and of everything else, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.registry.database import rows
from hotspots.registry.database.tables import audit, version
from hotspots.registry.permissions import ADMINISTRATOR, Actor, may_keep
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields

MOST = 10_000  # lines of one page
_TOLD = ("at", "by", "action", "target", "detail")


def journal(
    connection: sa.Connection,
    actor: Actor,
    *,
    id: str | None = None,
    by: str | None = None,
    since: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return what was done, the newest first; nothing personal is in it.

    Lines on tokens are for administrators only; names of files that were imported are for those
    who keep records, and empty for others.

    Parameters
    ----------
    connection, actor
        Of the registry; who looks.
    id : str, optional
        Of a record, a token, a region or a suggestion's number.
    by : str, optional
        A holder of a token.
    since : str, optional
        A day or a moment (UTC).
    limit : int
        Most lines.

    Returns
    -------
    list of dict
        at (moment), by, action, target and detail. An action of the history of a record is one
        word ("created", "changed", …), its target the record's id; of a change the detail names
        the fields too.

    Raises
    ------
    BadInputError
        A moment that is none, or too many lines.
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
    query = query.order_by(both.c.at.desc(), both.c.kind, both.c.no.desc()).limit(limit)
    found = [dict(row) for row in connection.execute(query).mappings()]
    changed = _changed(connection, [row["no"] for row in found if row["kind"] == version.name])
    for row in found:
        if row["kind"] == version.name and (names := changed.get(row["no"])):
            row["detail"] = "; ".join(filter(None, (row["detail"], names)))
    return [{name: row[name] for name in _TOLD} for row in found]


def changed_fields(history: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return for each version the names of the fields that differ from the version before.

    Parameters
    ----------
    history
        As `Registry.history` gives it, the oldest first; other records' versions may stand between.

    Returns
    -------
    list of str
        Names joined by ", "; "" of a first version and of a removal. "contact" where a change
        touched personal fields only: history doesn't hold these, so beside others they aren't told.
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
    # Every change is one of something, and only what is personal isn't kept in history.
    return ", ".join(differ) or ("contact" if action == "changed" else "")


def _changed(connection: sa.Connection, numbers: list[int]) -> dict[int, str]:
    """Return row number of a version -> the fields that it changed; of verifications nothing."""
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


def _seen(actor: Actor) -> sa.Select[Any]:
    """Return the lines of the audit log that the actor may see, as they may see them."""
    target: sa.ColumnElement[Any] = audit.c.target
    if not may_keep(actor, None):
        # Here and not when shown, so that nobody finds out a name by asking for it.
        target = sa.case((audit.c.action == "import", ""), else_=audit.c.target)
    lines = _lines(audit, target, "detail")
    if actor.role != ADMINISTRATOR:
        lines = lines.where(~audit.c.action.startswith("token "))
    return lines


def _lines(table: sa.Table, target: sa.ColumnElement[Any], detail: str) -> sa.Select[Any]:
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
        raise BadInputError(f"The journal's beginning can't be used: {fault}.") from fault
