"""The journal: who did what to a registry, of records and of everything else, newest first."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.registry import values
from hotspots.registry.fields import fields
from hotspots.registry.store.tables import audit, version

MOST = 10_000  # lines of one page


def journal(
    connection: sa.Connection,
    *,
    id: str | None = None,
    by: str | None = None,
    since: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return what was done, the newest first; nothing personal is in it.

    Parameters
    ----------
    connection
        Of the registry.
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
        word ("created", "changed", …), its target the record's id.

    Raises
    ------
    BadInputError
        A moment that is none, or too many lines.
    """
    if not 0 < limit <= MOST:
        raise BadInputError(f"{limit} lines can't be shown; give 1 to {MOST:,}.")
    start = _moment(since)
    both = sa.union_all(_lines(version, "id", "note"), _lines(audit, "target", "detail")).subquery()
    query = sa.select(both.c.at, both.c.by, both.c.action, both.c.target, both.c.detail)
    for column, given in (("target", id), ("by", by)):
        if given:
            query = query.where(both.c[column] == given)
    if start:
        query = query.where(both.c.at >= start)
    query = query.order_by(both.c.at.desc(), both.c.kind, both.c.no.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _lines(table: sa.Table, target: str, detail: str) -> sa.Select[Any]:
    return sa.select(
        table.c.at, table.c.by, table.c.action,
        table.c[target].label("target"), table.c[detail].label("detail"),
        sa.literal(table.name).label("kind"), table.c.no,
    )  # fmt: skip


def _moment(text: str | None) -> str:
    if not text:
        return ""
    try:
        return str(values.read(fields()["changed"], text) or "")
    except ValueError as fault:
        raise BadInputError(f"The journal's beginning can't be used: {fault}.") from fault
