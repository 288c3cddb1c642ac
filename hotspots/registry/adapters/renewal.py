"""A public registry's export read again: it adds to what is kept here, it takes nothing away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hotspots.registry.adapters.adapt import Adapted, Row
from hotspots.registry.database.queries import current_ids, fetch, history
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import SEPARATOR, fields


def note_of(adapted: Adapted) -> str:
    """Return the word by which the history knows what came from this registry's exports."""
    return f"export of {adapted.adapter}"


def renewed(connection: sa.Connection, adapted: Adapted) -> tuple[Row, ...]:
    """Return the rows of an export as they are to be imported.

    An organisation that the registry has stays as it is: what is known of it there is more than
    a developer's name. A project's row gets the version that the last export made, so that what
    was changed here since is told from what the other registry changed. Of its lists (themes,
    relations …) what was added here stays.
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
        projects.append((number, _added(cells, there.get(id_, {})) | {"id": id_} | version))
    return new + tuple(projects)


def _added(cells: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, str]:
    out = dict(cells)
    for name, text in cells.items():
        if fields()[name].is_list and name in before:
            told = values.read(fields()[name], text) or ()
            out[name] = SEPARATOR.join(dict.fromkeys((*before[name], *told)))
    return out
