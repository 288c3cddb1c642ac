"""Repeated import of a public registry's export, which adds to existing records."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from hotspots.registry.adapters.adapt import Adapted
from hotspots.registry.database.queries import current_ids, fetch, history
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import SEPARATOR, fields
from hotspots.registry.schema.records import Record, Row, list_of


def note_of(adapted: Adapted) -> str:
    """Return the note that marks imports of this registry's exports in the history."""
    return f"export of {adapted.adapter}"


def renewed(connection: sa.Connection, adapted: Adapted) -> tuple[Row, ...]:
    """Return the rows of an export to be imported.

    Existing organisations are not changed, since their records contain more than the name in the
    export. A project's row gets the version created by the previous export, so that later changes
    here are distinguished from changes in the other registry. Entries added here to its lists
    (themes, relations …) are kept.
    """
    ids = [cells["id"] for _, cells in adapted.rows]
    now = current_ids(connection, ids)
    there = fetch(connection, [now.get(id_, id_) for id_ in ids])
    known = {id_ for id_ in ids if now.get(id_, id_) in there}
    new = tuple(row for row in adapted.organisations if row[1]["id"] not in known)
    made = {
        row["id"]: row["version"]
        for row in history(connection, there)
        if row["note"] == note_of(adapted)
    }
    projects = []
    for number, cells in adapted.projects:
        id_ = now.get(cells["id"], cells["id"])
        version = {"version": str(made[id_])} if id_ in made else {}
        projects.append(Row(number, _added(cells, there.get(id_, {})) | {"id": id_} | version))
    return new + tuple(projects)


def _added(cells: Mapping[str, str], before: Record) -> dict[str, str]:
    out = dict(cells)
    for name, text in cells.items():
        if fields()[name].is_list and name in before:
            entries = values.read_list(fields()[name], text)
            out[name] = SEPARATOR.join(dict.fromkeys((*list_of(before, name), *entries)))
    return out
