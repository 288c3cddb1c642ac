"""A public registry's export read again: it adds to what is kept here, it takes nothing away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hotspots.registry import values
from hotspots.registry.adapters.adapt import Adapted, Row
from hotspots.registry.fields import SEPARATOR, fields
from hotspots.registry.store.reading import current_ids, fetch


def renewed(connection: sa.Connection, adapted: Adapted) -> tuple[Row, ...]:
    """Return the rows of an export as they are to be imported.

    An organisation that the registry has stays as it is: what is known of it there is more than
    a developer's name. Of a project's lists (themes, relations …) what was added here stays.
    """
    ids = [cells["id"] for _, cells in adapted.rows]
    now = current_ids(connection, ids)
    there = fetch(connection, [now.get(id_, id_) for id_ in ids])
    known = {id_ for id_ in ids if now.get(id_, id_) in there}
    new = tuple(row for row in adapted.organisations if row[1]["id"] not in known)
    return new + tuple((n, _added(cells, there, now)) for n, cells in adapted.projects)


def _added(
    cells: Mapping[str, str], there: Mapping[str, Mapping[str, Any]], now: Mapping[str, str]
) -> dict[str, str]:
    out = dict(cells) | {"id": now.get(cells["id"], cells["id"])}
    before = there.get(out["id"], {})
    for name, text in cells.items():
        if fields()[name].is_list and name in before:
            told = values.read(fields()[name], text) or ()
            out[name] = SEPARATOR.join(dict.fromkeys((*before[name], *told)))
    return out
