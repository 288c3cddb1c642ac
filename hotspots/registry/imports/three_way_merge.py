"""Three-way merge of a row with a record that others may have changed in the meantime.

The column ``version`` of a row identifies the state of the record it is based on. That state is in
the registry's history, so changes in the row and changes by others can be distinguished: both are
kept, and fields changed by both are conflicts. For a row without a version, edits can't be
distinguished from unchanged values. Empty cells are then ignored, and a record last changed by
another actor is not modified.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hotspots.registry.database import queries
from hotspots.registry.permissions import LOCAL, Actor
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import TOGETHER, names

Record = Mapping[str, Any]
Conflicts = list[tuple[str, str]]
_CONTACT = frozenset(names("contact"))


def edits(
    connection: sa.Connection,
    named: Mapping[str, Any],
    before: Record,
    exported: int | None,
    actor: Actor,
    *,
    stamp: str | None = None,
    overwrite: bool = False,
) -> tuple[dict[str, Any], Conflicts]:
    """Return the fields that a row changes, and (column, reason) for each conflict.

    Parameters
    ----------
    connection
        Connection to the registry.
    named
        Value by field name, None for an empty cell.
    before
        The current record, with its system fields.
    exported
        The version that the row is based on, or None if not given.
    actor
        The actor of the edit.
    stamp
        Time of the last change of the version that the row is based on (column ``changed``).
    overwrite
        Accept a row without a version even if another actor changed the record last.
    """
    if exported == before["version"] and stamp in (None, before["changed"]):
        return dict(named), []
    if exported is None:
        return _unversioned(connection, named, before, actor, overwrite)
    if exported > before["version"]:
        return {}, [
            (
                "version",
                f"it is version {exported}, but the registry's is {before['version']}; it comes"
                " from another registry, so leave the column empty",
            )
        ]
    base = queries.snapshot(connection, before["id"], exported)
    if base is None or stamp not in (None, base.get("changed", stamp)):
        return {}, [
            (
                "version",
                f"the registry has no such version {exported} of it (it may have been restored from"
                " a backup); export it again",
            )
        ]
    return _three_ways(connection, named, base, before, exported)


def _unversioned(
    connection: sa.Connection,
    named: Mapping[str, Any],
    before: Record,
    actor: Actor,
    overwrite: bool,
) -> tuple[dict[str, Any], Conflicts]:
    given = {name: value for name, value in named.items() if value is not None}
    if overwrite or all(before.get(name) == value for name, value in given.items()):
        return given, []
    last = _last(connection, before)
    if last["by"] in (actor.name, LOCAL.name):
        return given, []
    return {}, [
        (
            "version",
            f"{last['by']} changed this record last, on {last['at'][:10]}, and the row doesn't say"
            " which version it was made from; export it and edit that, or take the row all the same"
            " with --overwrite",
        )
    ]


def _three_ways(
    connection: sa.Connection,
    named: Mapping[str, Any],
    base: Record,
    before: Record,
    exported: int,
) -> tuple[dict[str, Any], Conflicts]:
    taken: dict[str, Any] = {}
    conflicts: Conflicts = []
    for name, value in named.items():
        if name in _CONTACT:  # the history has no personal fields, so there is no base
            if value != before.get(name):
                conflicts.append(
                    (
                        name,
                        "the record has changed since your export, perhaps this too; export again"
                        " and decide",
                    )
                )
        elif value != base.get(name) and value != before.get(name):
            if (other := _changed_beside(name, base, before)) is None:
                taken[name] = value
                continue
            last = _last(connection, before)
            conflicts.append(
                (
                    name,
                    f"you write '{_cut(value)}', but {other} was changed to"
                    f" '{_cut(before.get(other))}' since your export (version {exported}, now"
                    f" {before['version']}, last by {last['by']}); export again and decide",
                )
            )
    return taken, conflicts


def _changed_beside(name: str, base: Record, before: Record) -> str | None:
    """Return the field changed by others, among those interpreted together with `name`."""
    group = next((group for group in TOGETHER if name in group), (name,))
    changed = [one for one in group if before.get(one) != base.get(one)]
    return name if name in changed else next(iter(changed), None)


def _last(connection: sa.Connection, record: Record) -> Mapping[str, Any]:
    found = queries.history(connection, [record["id"]])
    return found[-1] if found else {"by": LOCAL.name, "at": record["changed"]}


def _cut(value: Any, most: int = 60) -> str:
    text = values.write(value)
    return text if len(text) <= most else text[: most - 1] + "…"
