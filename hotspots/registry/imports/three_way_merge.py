"""Three-way merge of a row with a record that others may have changed in the meantime.

The column ``version`` of a row identifies the state of the record it is based on. That state is in
the registry's history, so changes in the row and changes by others can be distinguished: both are
kept, and fields changed by both are conflicts. For a row without a version, edits can't be
distinguished from unchanged values. Empty cells are then ignored, and a record last changed by
another actor is not modified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from hotspots.locale.messages import Message
from hotspots.registry.database import queries
from hotspots.registry.permissions import LOCAL, Actor
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import TOGETHER, names
from hotspots.registry.schema.records import Record, Value, Values, id_of, text_of, version_of

_CONTACT = frozenset(names("contact"))


@dataclass(frozen=True)
class RowEdit:
    """The values of a row that edits a record, and what the row is based on.

    Attributes
    ----------
    values : mapping of str to Value
        By field name; None for an empty cell.
    version : int
        The version of the record that the row is based on; 0 if the row doesn't state one.
    stamp : str
        Time of the last change of that version (column ``changed``); "" if not stated.
    """

    values: Record
    version: int
    stamp: str


class Conflict(NamedTuple):
    """Why a row can't be merged: a column and the reason."""

    column: str
    reason: str


class Merged(NamedTuple):
    """The fields that a row changes (None deletes a value), and the conflicts."""

    changes: Values
    conflicts: Sequence[Conflict] = ()


def edits(
    connection: sa.Connection, edit: RowEdit, before: Record, actor: Actor, *, overwrite: bool
) -> Merged:
    """Merge a row with the current record.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry; nothing is written.
    edit : RowEdit
        The row.
    before : mapping of str to Value
        The current record, with its system fields.
    actor : Actor
        The actor of the edit.
    overwrite : bool
        Accept a row without a version even if another actor changed the record last.
    """
    version = version_of(before)
    # Based on the current version: the row's values stand as they are.
    if edit.version == version and edit.stamp in ("", before["changed"]):
        return Merged(dict(edit.values))
    if not edit.version:
        return _unversioned(connection, edit, before, actor, overwrite)
    if edit.version > version:
        return _refused(Message("row.version_newer", given=f"{edit.version}", known=f"{version}"))
    base = queries.snapshot(connection, id_of(before), edit.version)
    # A registry restored from a backup may have counted the same numbers again.
    if base is None or edit.stamp not in ("", base.get("changed", edit.stamp)):
        return _refused(Message("row.version_unknown", given=f"{edit.version}"))
    return _three_ways(connection, edit, base, before)


def _refused(reason: str) -> Merged:
    return Merged({}, [Conflict("version", reason)])


def _unversioned(
    connection: sa.Connection, edit: RowEdit, before: Record, actor: Actor, overwrite: bool
) -> Merged:
    given: Values = {name: value for name, value in edit.values.items() if value is not None}
    if overwrite or all(before.get(name) == value for name, value in given.items()):
        return Merged(given)
    by, at = _last_change(connection, before)
    if by in (actor.name, LOCAL.name):
        return Merged(given)
    return _refused(Message("row.changed_by_other", by=by, day=at[:10]))


def _three_ways(connection: sa.Connection, edit: RowEdit, base: Record, before: Record) -> Merged:
    changes: Values = {}
    conflicts: list[Conflict] = []
    for name, value in edit.values.items():
        if name in _CONTACT:  # the history has no personal fields, so there is no base
            if value != before.get(name):
                conflicts.append(Conflict(name, Message("row.perhaps_changed")))
        # Equal to the base: not edited. Equal to the current value: others made the same edit.
        elif value != base.get(name) and value != before.get(name):
            if (other := _changed_beside(name, base, before)) is None:
                changes[name] = value
                continue
            reason = Message(
                "row.changed_since",
                given=_cut(value),
                column=other,
                now=_cut(before.get(other)),
                version=f"{edit.version}",
                known=f"{version_of(before)}",
                by=_last_change(connection, before).by,
            )
            conflicts.append(Conflict(name, reason))
    return Merged(changes, conflicts)


def _changed_beside(name: str, base: Record, before: Record) -> str | None:
    """Return the field changed by others, among those interpreted together with `name`."""
    group = next((group for group in TOGETHER if name in group), (name,))
    changed = [one for one in group if before.get(one) != base.get(one)]
    return name if name in changed else next(iter(changed), None)


class _LastChange(NamedTuple):
    by: str
    at: str


def _last_change(connection: sa.Connection, record: Record) -> _LastChange:
    if found := queries.history(connection, [id_of(record)]):
        return _LastChange(found[-1]["by"], found[-1]["at"])
    return _LastChange(LOCAL.name, text_of(record, "changed"))


def _cut(value: Value, most: int = 60) -> str:
    text = values.write(value)
    return text if len(text) <= most else text[: most - 1] + "…"
