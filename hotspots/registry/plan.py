"""What a file would change in a registry: new, changed, same and refused rows, before it does.

A row touches only the fields that its file names. Where it says which version it was exported at
(column ``version``) and the record has changed since, the two edits are merged field by field; what
both changed is refused, so that nobody overwrites another's work unseen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.registry import checking, values
from hotspots.registry.actors import ADMINISTRATOR, EDITOR, LOCAL, Actor, require_keep
from hotspots.registry.fields import fields, names
from hotspots.registry.naming import id_for, numbered
from hotspots.registry.problems import Problem
from hotspots.registry.store import reading
from hotspots.registry.store.writing import Change

Rows = Iterable[tuple[int, Mapping[str, str]]]
NEW, CHANGED, SAME, REFUSED = "new", "changed", "same", "refused"
OUTCOMES = (NEW, CHANGED, SAME, REFUSED)
HIDDEN = "(personal)"
_CONTACT = frozenset(names("contact"))
_SET_BY_REGISTRY = frozenset({"version", "created", "changed"})


@dataclass(frozen=True)
class Entry:
    """What becomes of one row.

    Attributes
    ----------
    row, id, name : int, str, str
        The row's number, and its record.
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
    """What a file would do.

    Attributes
    ----------
    entries : tuple of Entry
        One a row, in the file's order.
    changes : tuple of Change
        What is to be written.
    problems : tuple of Problem
        Why rows are refused.
    notes : tuple of Problem
        What should be looked at all the same.
    """

    entries: tuple[Entry, ...]
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are new, changed, same and refused."""
        found = Counter(entry.outcome for entry in self.entries)
        return {outcome: found[outcome] for outcome in OUTCOMES}


class _Row:
    """A row on its way: its cells' values, what the registry has, and what is wrong so far."""

    def __init__(self, number: int, cells: Mapping[str, str]) -> None:
        self.number = number
        self.cells = cells
        self.named, self.problems = checking.parse(cells, number)
        self.id: str = self.named.get("id") or ""
        self.before: Mapping[str, Any] | None = None
        self.after: dict[str, Any] = {}

    def refuse(self, column: str, reason: str) -> None:
        """Keep the row out, with a reason."""
        given = values.write(self.named.get(column)) or self.cells.get(column, "")
        self.problems.append(Problem(self.number, column, given, reason))

    @property
    def outcome(self) -> str:
        """New, changed, same or refused, as far as is known."""
        if any(problem.serious for problem in self.problems):
            return REFUSED
        if self.before is None:
            return NEW
        return CHANGED if self.after != self.before else SAME


def plan(
    connection: sa.Connection, rows: Rows, actor: Actor, now: str, problems: Sequence[Problem] = ()
) -> Plan:
    """Return what rows of cells would change.

    Parameters
    ----------
    connection
        Of the registry; nothing is written.
    rows
        (row number, text cells by field name); a field that isn't named isn't touched, an empty
        cell takes its value out.
    actor, now
        Who does it, and when (moment, UTC).
    problems
        What was wrong with rows that could not even be read.
    """
    work = [_Row(number, cells) for number, cells in rows]
    _identify(connection, work)
    for row in work:
        _complete(connection, row, actor, now)
    work += [_unread(problem) for problem in problems if problem.serious]
    _place(work)
    _relate(connection, work)
    return _planned(work, [p for p in problems if not p.serious])


def _unread(problem: Problem) -> _Row:
    row = _Row(problem.row, {})
    row.problems = [problem]
    return row


def _identify(connection: sa.Connection, work: Sequence[_Row]) -> None:
    """Find the record of each row: by its id, or by the id that its name gives."""
    first: dict[str, int] = {}
    for row in work:
        if row.id in first:
            row.refuse("id", f"the id '{row.id}' stands in row {first[row.id]} too")
        elif row.id:
            first[row.id] = row.number
    _name_the_nameless(connection, [row for row in work if not row.cells.get("id")], set(first))
    gone = reading.current_ids(connection, [row.id for row in work if row.id])
    for row in work:
        if row.id in gone:
            row.refuse("id", f"'{row.id}' was merged into '{gone[row.id]}'; change that one")
    found = reading.fetch(connection, [row.id for row in work if row.id])
    for row in work:
        row.before = found.get(row.id)


def _name_the_nameless(connection: sa.Connection, rows: Sequence[_Row], taken: set[str]) -> None:
    wanted = [id_for(row.named) for row in rows]
    theirs = reading.fetch(connection, wanted)
    for row, made in zip(rows, wanted, strict=True):
        other = theirs.get(made)
        # Of another type or country it is another one that happens to be called the same.
        if other is not None and any(
            row.named.get(name) and other.get(name) not in (None, row.named[name])
            for name in ("type", "country")
        ):
            made = f"{made}-{(row.named.get('country') or row.named['type']).casefold()}"
            made = made.replace("_", "-")
        row.id = numbered(made, taken)
        taken.add(row.id)


def _complete(connection: sa.Connection, row: _Row, actor: Actor, now: str) -> None:
    """Work out the record after the change, and check it."""
    trusted = actor.role in (EDITOR, ADMINISTRATOR)
    named = {k: v for k, v in row.named.items() if k not in ("id", *_SET_BY_REGISTRY)}
    if not trusted:
        named.pop("owner", None)
    if row.before is None:
        row.after = {k: v for k, v in named.items() if v is not None}
        row.after |= _system_of_new(row, actor, now, trusted)
    else:
        if _CONTACT & set(named):  # also a "same" would tell whether a guessed address is right
            _permit(row, actor, row.before)
        if named.get("type") not in (None, row.before["type"]):
            row.refuse(
                "type", f"the record is of the type {row.before['type']}, which never changes"
            )
        row.after = dict(row.before)
        for name, value in _merged(connection, row, named).items():
            if value is None:
                row.after.pop(name, None)
            else:
                row.after[name] = value
        if row.after != row.before:
            row.after |= {"version": row.before["version"] + 1, "changed": now}
    if row.outcome in (SAME, REFUSED):
        return
    row.problems += checking.check(row.after, row.number)
    _permit(row, actor, row.before, row.after)


def _system_of_new(row: _Row, actor: Actor, now: str, trusted: bool) -> dict[str, Any]:
    """Return the system fields of a new record; those of an export are kept if one may."""
    kept = {name: row.named.get(name) for name in _SET_BY_REGISTRY} if trusted else {}
    made = kept.get("created") or now
    own = {"id": row.id, "version": 1, "created": made, "changed": made}
    if actor is not LOCAL and not (trusted and row.named.get("owner")):
        own["owner"] = actor.name
    return own | {name: value for name, value in kept.items() if value is not None}


def _merged(connection: sa.Connection, row: _Row, named: dict[str, Any]) -> dict[str, Any]:
    """Return the fields to take: all that are named, or those that this row has changed."""
    before = row.before or {}
    exported = row.named.get("version")
    if exported is None or exported == before["version"]:
        return named
    if exported > before["version"]:
        row.refuse(
            "version",
            f"it is version {exported}, but the registry's is {before['version']}; it comes from"
            " another registry, so leave the column empty",
        )
        return {}
    base = reading.snapshot(connection, row.id, exported)
    if base is None:
        row.refuse("version", f"the registry has no version {exported} of it; export it again")
        return {}
    return _three_ways(row, named, base, before)


def _three_ways(
    row: _Row, named: Mapping[str, Any], base: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    taken = {}
    for name, value in named.items():
        if name in _CONTACT:  # nothing personal is in the history, so there is no base
            if value is not None and value != before.get(name):
                row.refuse(
                    name,
                    "the record has changed since your export, perhaps this too; export again and"
                    " decide",
                )
            continue
        mine, theirs = value != base.get(name), before.get(name) != base.get(name)
        if mine and theirs and value != before.get(name):
            row.refuse(
                name,
                f"it was changed to '{values.write(before.get(name))}' since your export (version"
                f" {row.named['version']}, now {before['version']}); export again and decide",
            )
        elif mine:
            taken[name] = value
    return taken


def _permit(row: _Row, actor: Actor, *records: Mapping[str, Any] | None) -> None:
    for record in filter(None, records):
        try:
            require_keep(actor, record)
        except BadInputError as fault:
            row.refuse("country", str(fault).rstrip("."))
            return


def _place(work: Sequence[_Row]) -> None:
    """Look at the points that are new or moved."""
    moved = [
        (number, row.after)
        for number, row in enumerate(work)
        if row.outcome in (NEW, CHANGED) and _position(row.after) != _position(row.before or {})
    ]
    for problem in checking.check_places(moved):
        row = work[problem.row]
        row.problems.append(problem.of_row(row.number))


def _position(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in ("latitude", "longitude", "country"))


def _relate(connection: sa.Connection, work: Sequence[_Row]) -> None:
    """Refuse relations to nothing, also to rows that are refused themselves; follow merges."""
    mine = {row.id: row for row in work if row.id}
    named = {other for row in work for other in _others(row)}
    gone = reading.current_ids(connection, named)
    known = reading.known_ids(connection, named | set(gone.values()))
    for row in work:
        if row.outcome in (NEW, CHANGED):
            _follow(row, gone)
    refused = True
    while refused:
        refused = False
        for row in work:
            if row.outcome not in (NEW, CHANGED):
                continue
            for other in _others(row):
                there = other in known or (other in mine and mine[other].outcome != REFUSED)
                if not there or other == row.id:
                    row.refuse("relations", _no_such(other, row.id, other in mine))
                    refused = True


def _others(row: _Row) -> list[str]:
    return [values.relation(text)[1] for text in row.after.get("relations", ())]


def _follow(row: _Row, gone: Mapping[str, str]) -> None:
    if any(other in gone for other in _others(row)):
        row.after["relations"] = tuple(values.redirected(t, gone) for t in row.after["relations"])


def _no_such(other: str, own: str, in_file: bool) -> str:
    if other == own:
        return f"it names '{other}', which is the record itself"
    if in_file:
        return f"it names '{other}', whose row in this file is refused"
    return f"it names '{other}', which no record has as its id; add that record, or mend the id"


def _planned(work: Sequence[_Row], notes: Sequence[Problem]) -> Plan:
    ordered = sorted(work, key=lambda row: row.number)
    problems = [problem for row in ordered for problem in row.problems]
    return Plan(
        entries=tuple(_entry(row) for row in ordered),
        changes=tuple(_change(row) for row in ordered if row.outcome in (NEW, CHANGED)),
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
                hidden = name in _CONTACT
                differ[name] = (HIDDEN, HIDDEN) if hidden else (was, becomes)
    name = row.after.get("name") or row.cells.get("name", "")
    return Entry(row.number, row.id, name, row.outcome, differ)


def _change(row: _Row) -> Change:
    if row.before is None:
        return Change("created", None, row.after)
    content = [n for n in fields() if row.after.get(n) != row.before.get(n)]
    only_verified = set(content) <= {"verified_on", "version", "changed"}
    return Change("verified" if only_verified else "changed", row.before, row.after)
