"""Import plans: the new, changed, unchanged and refused rows of a file, before it is imported.

A row changes only the fields that are columns of its file (`edits`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.locale.escaping import visible
from hotspots.registry.database import queries
from hotspots.registry.database.changes import Change
from hotspots.registry.imports import validation
from hotspots.registry.imports.slugs import name_the_nameless
from hotspots.registry.imports.three_way_merge import edits
from hotspots.registry.permissions import ADMINISTRATOR, EDITOR, LOCAL, Actor, require_keep
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.problems import Problem

Rows = Iterable[tuple[int, Mapping[str, str]]]
NEW, CHANGED, SAME, REFUSED = "new", "changed", "same", "refused"
OUTCOMES = (NEW, CHANGED, SAME, REFUSED)
HIDDEN = "(personal)"
_CONTACT = frozenset(names("contact"))
_SET_BY_REGISTRY = frozenset({"version", "created", "changed"})


@dataclass(frozen=True)
class Entry:
    """The outcome of one row.

    Attributes
    ----------
    row, id, name : int, str, str
        The row number, and id and name of its record.
    outcome : str
        One of `OUTCOMES`.
    fields : mapping of str to (str, str)
        Field -> text before and after; personal ones are hidden.
    """

    row: int
    id: str
    name: str
    outcome: str
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Plan:
    """The changes that an import would make.

    Attributes
    ----------
    entries : tuple of Entry
        One per row, in file order.
    changes : tuple of Change
        Changes to be written.
    problems : tuple of Problem
        Reasons for refused rows.
    notes : tuple of Problem
        Warnings.
    """

    entries: tuple[Entry, ...]
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of new, changed, unchanged and refused rows."""
        found = Counter(entry.outcome for entry in self.entries)
        return {outcome: found[outcome] for outcome in OUTCOMES}


@dataclass(frozen=True)
class _How:
    """The actor, the time, and the permitted changes."""

    actor: Actor
    now: str
    overwrite: bool

    @property
    def trusted(self) -> bool:
        """Whether the actor may set owners and dates."""
        return self.actor.role in (EDITOR, ADMINISTRATOR)


class _Row:
    """A row during planning: its parsed values, its record in the registry, and its problems."""

    def __init__(self, number: int, cells: Mapping[str, str]) -> None:
        self.number = number
        self.cells = cells
        self.named, self.problems = validation.parse(cells, number)
        self.id: str = self.named.get("id") or ""
        self.before: Mapping[str, Any] | None = None
        self.after: dict[str, Any] = {}

    def refuse(self, column: str, reason: str) -> None:
        """Refuse the row, with a reason."""
        given = values.write(self.named.get(column)) or self.cells.get(column, "")
        self.problems.append(Problem(self.number, column, given, reason))

    @property
    def outcome(self) -> str:
        """New, changed, same or refused, according to the checks so far."""
        if any(problem.serious for problem in self.problems):
            return REFUSED
        if self.before is None:
            return NEW
        return CHANGED if self.after != self.before else SAME


def plan(
    connection: sa.Connection,
    rows: Rows,
    actor: Actor,
    now: str,
    problems: Sequence[Problem] = (),
    *,
    spoiled: Rows = (),
    overwrite: bool = False,
    note: str = "",
) -> Plan:
    """Return the changes that an import of rows would make.

    Parameters
    ----------
    connection
        Connection to the registry; nothing is written.
    rows
        (row number, text cells by field name); fields that are absent are not changed, an empty
        cell deletes the value.
    actor, now
        The actor, and the current time (UTC).
    problems
        Problems of rows that could not be parsed.
    spoiled
        Those of these rows whose other cells can be checked, to report all problems at once.
    overwrite
        Allow rows without a version to change records last changed by another actor.
    note
        For the history of each record that changes.
    """
    work = [_Row(number, cells) for number, cells in rows]
    work += [_Row(number, cells) for number, cells in spoiled]
    _add_unread(work, [problem for problem in problems if problem.serious])
    _identify(connection, work)
    how = _How(actor, now, overwrite)
    for row in work:
        if row.cells:
            _complete(connection, row, how)
    _place(work)
    _relate(connection, work)
    return _planned(work, [p for p in problems if not p.serious], note)


def _add_unread(work: list[_Row], problems: Sequence[Problem]) -> None:
    """Add parsing problems to their rows; unparsed rows are appended."""
    rows = {row.number: row for row in work} if problems else {}
    for problem in problems:
        row = rows.get(problem.row)
        if row is None:
            rows[problem.row] = row = _Row(problem.row, {})
            work.append(row)
        row.problems.append(problem)


def _identify(connection: sa.Connection, work: Sequence[_Row]) -> None:
    """Find the record of each row by id or name."""
    rows: dict[str, list[_Row]] = {}
    for row in work:
        if row.id:
            rows.setdefault(row.id, []).append(row)
    for id_, twins in rows.items():
        for row in twins[: len(twins) if len(twins) > 1 else 0]:
            others = ", ".join(str(other.number) for other in twins if other is not row)
            row.refuse("id", f"the id '{id_}' also occurs in row {others} of this file")
    nameless = [row for row in work if row.cells and not row.cells.get("id")]
    name_the_nameless(connection, nameless, set(rows))
    gone = queries.current_ids(connection, [row.id for row in work if row.id])
    found = queries.fetch(connection, [row.id for row in work if row.id])
    for row in work:
        row.before = found.get(row.id)
        if row.id in gone:
            row.refuse("id", f"'{row.id}' was merged into '{gone[row.id]}'; change that one")


def _complete(connection: sa.Connection, row: _Row, how: _How) -> None:
    """Determine the record after the change, and validate it."""
    named = {k: v for k, v in row.named.items() if k not in ("id", *_SET_BY_REGISTRY)}
    if not how.trusted:
        named.pop("owner", None)
    if row.before is None:
        row.after = {k: v for k, v in named.items() if v is not None}
        row.after |= _system_of_new(row, how)
    else:
        _edit(connection, row, named, how)
    if row.after and row.outcome != SAME:
        unread = {problem.column for problem in row.problems}
        found = validation.check(row.after, row.number)
        row.problems += [problem for problem in found if problem.column not in unread]
        _permit(row, how.actor, row.before, row.after)


def _edit(connection: sa.Connection, row: _Row, named: Mapping[str, Any], how: _How) -> None:
    before = row.before or {}
    # Without permission, a row with personal cells reveals neither "same" nor other problems.
    if _CONTACT & set(named) and not _permit(row, how.actor, before):
        return
    if named.get("type") not in (None, before["type"]):
        row.refuse("type", f"the record is of the type {before['type']}, which never changes")
    taken, conflicts = edits(
        connection,
        named,
        before,
        row.named.get("version"),
        how.actor,
        stamp=row.named.get("changed"),
        overwrite=how.overwrite,
    )
    for column, reason in conflicts:
        row.refuse(column, reason)
    _renew_consent(row, taken)
    kept = {name: value for name, value in before.items() if name not in taken}
    row.after = kept | {name: value for name, value in taken.items() if value is not None}
    if row.after != before:
        row.after |= {"version": before["version"] + 1, "changed": how.now}


def _renew_consent(row: _Row, taken: dict[str, Any]) -> None:
    """Delete consent if the contact changes, unless the row has a new one."""
    before = row.before or {}
    other = any(n in taken and taken[n] != before.get(n) for n in _CONTACT - {"contact_consent"})
    if other and "contact_consent" in before and "contact_consent" not in taken:
        taken["contact_consent"] = None
        row.problems.append(
            Problem(
                row.number,
                "contact_consent",
                "",
                "the contact has changed, so the former consent is deleted; give the date of the"
                " new contact's consent, if any",
                serious=False,
            )
        )


def _system_of_new(row: _Row, how: _How) -> dict[str, Any]:
    """Return the system fields of a new record; those of an export are kept if permitted."""
    kept = {name: row.named.get(name) for name in _SET_BY_REGISTRY} if how.trusted else {}
    made = kept.get("created") or how.now
    own = {"id": row.id, "version": 1, "created": made, "changed": made}
    if how.actor is not LOCAL and not (how.trusted and row.named.get("owner")):
        own["owner"] = how.actor.name
    return own | {name: value for name, value in kept.items() if value is not None}


def _permit(row: _Row, actor: Actor, *records: Mapping[str, Any] | None) -> bool:
    for record in filter(None, records):
        try:
            moved = record is row.after and row.before is not None
            require_keep(actor, record, "move" if moved else "change" if row.before else "add")
        except BadInputError as fault:
            row.refuse("country", str(fault).rstrip("."))
            return False
    return True


def _place(work: Sequence[_Row]) -> None:
    """Check new and moved points."""
    moved = [
        (number, row.after)
        for number, row in enumerate(work)
        if row.outcome != SAME and _position(row.after) != _position(row.before or {})
    ]
    for problem in validation.check_places(moved):
        row = work[problem.row]
        row.problems.append(problem.of_row(row.number))


def _position(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in ("latitude", "longitude", "country"))


def _relate(connection: sa.Connection, work: Sequence[_Row]) -> None:
    """Refuse relations to unknown records or refused rows; replace merged ids."""
    own_rows = {row.id: row for row in work if row.id}
    named = {other for row in work for other in _others(row)}
    gone = queries.current_ids(connection, named)
    known = queries.known_ids(connection, named | set(gone.values()))
    naming: dict[str, list[_Row]] = {}
    for row in work:
        if row.outcome in (NEW, CHANGED):
            _follow(row, gone)
            for other in _others(row):
                naming.setdefault(other, []).append(row)
    unknown = [id_ for id_ in naming if id_ not in known and id_ not in own_rows]
    refused = [row.id for row in work if row.id not in known and row.outcome == REFUSED]
    for id_, rows in naming.items():
        for row in rows:
            if row.id == id_:
                row.refuse("relations", f"it names '{id_}', which is the record itself")
                refused.append(row.id)
    while unknown or refused:
        id_ = (unknown or refused).pop()
        for row in naming.pop(id_, ()):
            if row.outcome != REFUSED and row.id not in known:
                refused.append(row.id)
            row.refuse("relations", _no_such(id_, id_ in own_rows))


def _others(row: _Row) -> list[str]:
    return [values.relation(text)[1] for text in row.after.get("relations", ())]


def _follow(row: _Row, gone: Mapping[str, str]) -> None:
    if any(other in gone for other in _others(row)):
        row.after["relations"] = tuple(values.redirected(t, gone) for t in row.after["relations"])


def _no_such(other: str, in_file: bool) -> str:
    if in_file:
        return f"it names '{other}', whose row in this file is refused"
    return f"it names '{other}', which no record has as its id; add that record, or correct the id"


def _planned(work: Sequence[_Row], notes: Sequence[Problem], note: str) -> Plan:
    ordered = sorted(work, key=lambda row: row.number)
    problems = [problem for row in ordered for problem in row.problems]
    return Plan(
        entries=tuple(_entry(row) for row in ordered),
        changes=tuple(_change(row, note) for row in ordered if row.outcome in (NEW, CHANGED)),
        problems=tuple(p for p in problems if p.serious),
        notes=(*notes, *(p for p in problems if not p.serious)),
    )


def _entry(row: _Row) -> Entry:
    differ: dict[str, tuple[str, str]] = {}
    if row.outcome == CHANGED:
        before = row.before or {}
        for name in fields():
            was, becomes = values.write(before.get(name)), values.write(row.after.get(name))
            if was != becomes and name not in _SET_BY_REGISTRY:
                if name in _CONTACT:
                    was, becomes = HIDDEN if was else "", HIDDEN if becomes else ""
                differ[name] = (was, becomes)
    name = visible(row.after.get("name") or row.cells.get("name", ""))
    return Entry(row.number, row.id, name, row.outcome, differ)


def _change(row: _Row, note: str) -> Change:
    if row.before is None:
        return Change("created", None, row.after, note)
    content = [n for n in fields() if row.after.get(n) != row.before.get(n)]
    only_verified = set(content) <= {"verified_on", "version", "changed"}
    return Change("verified" if only_verified else "changed", row.before, row.after, note)
