"""Import plans: the new, changed, unchanged and refused rows of a file, before it is imported.

A row changes only the fields that are columns of its file (`edits`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.locale import check_language
from hotspots.locale.escaping import visible
from hotspots.locale.messages import Message, message_of
from hotspots.registry.database import queries
from hotspots.registry.database.changes import Change
from hotspots.registry.imports.planned_rows import (
    CHANGED,
    NEW,
    OUTCOMES,
    REFUSED,
    SAME,
    PlannedRow,
    identify,
)
from hotspots.registry.imports.three_way_merge import RowEdit, edits
from hotspots.registry.permissions import ADMINISTRATOR, EDITOR, LOCAL, Actor, require_keep
from hotspots.registry.schema import validation, values
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import (
    Record,
    Rows,
    Value,
    Values,
    list_of,
    text_of,
    version_of,
)

HIDDEN = "(personal)"
_CONTACT = frozenset(names("contact"))
_SET_BY_REGISTRY = frozenset({"version", "created", "changed"})
_CONSENT = "contact_consent"


@dataclass(frozen=True)
class GivenRows:
    """The rows of a file to import, as `hotspots.registry.formats.read.read_file` returns them.

    Attributes
    ----------
    rows : iterable of (int, mapping of str to str)
        Row number, and text cells by field name. Fields that are absent are not changed; an empty
        cell deletes the value.
    problems : sequence of Problem
        Problems of rows that could not be read, and warnings.
    spoiled : iterable of (int, mapping of str to str)
        Those of these rows whose other cells can be checked, to report all problems at once.
    """

    rows: Rows
    problems: Sequence[Problem] = ()
    spoiled: Rows = ()


@dataclass(frozen=True)
class ImportChoices:
    """How rows are imported.

    Attributes
    ----------
    skip_bad : bool
        Import the valid rows and skip refused ones; by default a refused row rejects the whole
        import.
    overwrite : bool
        Allow rows without a version to change records last changed by another actor.
    origin, note : str
        Name of the file, for the journal; a note for the history of each record.
    lang : str
        Language of the problems and notes: "en", "fr" or "es".
    """

    skip_bad: bool = False
    overwrite: bool = False
    origin: str = ""
    note: str = ""
    lang: str = "en"


class TextChange(NamedTuple):
    """The text of a field before and after; "" if it is empty."""

    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """The outcome of one row.

    Attributes
    ----------
    row, id, name : int, str, str
        The row number, and id and name of its record.
    outcome : str
        One of `OUTCOMES`.
    fields : mapping of str to TextChange
        By field name; the texts of personal fields are hidden.
    """

    row: int
    id: str
    name: str
    outcome: str
    fields: Mapping[str, TextChange]


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


DEFAULT_CHOICES = ImportChoices()


@dataclass(frozen=True)
class _Context:
    """The actor, the time, and the permitted changes."""

    actor: Actor
    now: str
    overwrite: bool

    @property
    def trusted(self) -> bool:
        """Whether the actor may set owners and dates."""
        return self.actor.role in (EDITOR, ADMINISTRATOR)


def plan_import(
    connection: sa.Connection,
    given: GivenRows,
    actor: Actor,
    now: str,
    choices: ImportChoices = DEFAULT_CHOICES,
) -> Plan:
    """Return the changes that an import of rows would make.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry; nothing is written.
    given : GivenRows
        The rows, and problems of reading them.
    actor : Actor
        The actor, whose permissions are checked for each row.
    now : str
        The current time (UTC).
    choices : ImportChoices
        How rows are imported; `skip_bad` and `origin` have no effect on a plan.
    """
    check_language(choices.lang)
    rows = _rows_of(given)
    identify(connection, rows)
    context = _Context(actor, now, choices.overwrite)
    for row in rows:
        if row.cells:
            _complete(connection, row, context)
    _check_points(rows)
    # After all rows are complete, since relations may name rows further below.
    _relate(connection, rows)
    return _planned(rows, [p for p in given.problems if not p.serious], choices)


def _rows_of(given: GivenRows) -> list[PlannedRow]:
    """Return all rows, also those that can't be read, each with the problems of reading it."""
    listed = [PlannedRow.of(number, cells) for number, cells in (*given.rows, *given.spoiled)]
    serious = [problem for problem in given.problems if problem.serious]
    rows = {row.number: row for row in listed} if serious else {}
    for problem in serious:
        row = rows.get(problem.row)
        if row is None:
            rows[problem.row] = row = PlannedRow.of(problem.row, {})
            listed.append(row)
        row.problems.append(problem)
    return listed


def _complete(connection: sa.Connection, row: PlannedRow, context: _Context) -> None:
    """Determine the record after the change, and validate it."""
    row.settle_doubts()
    named = {k: v for k, v in row.named.items() if k not in ("id", *_SET_BY_REGISTRY)}
    if not context.trusted:
        named.pop("owner", None)
    if row.before is None:
        row.after = {k: v for k, v in named.items() if v is not None}
        row.after |= _system_of_new(row, context)
    else:
        _edit(connection, row, named, context)
    if row.after and row.outcome != SAME:
        # A cell that couldn't be read is absent from the record, which isn't a second problem.
        unread = {problem.column for problem in row.problems}
        found = validation.check(row.after, row.number)
        row.problems += [problem for problem in found if problem.column not in unread]
        _permit(row, context.actor, row.before, row.after)


def _edit(connection: sa.Connection, row: PlannedRow, named: Record, context: _Context) -> None:
    before = row.before or {}
    # Without permission, a row with personal cells reveals neither "same" nor other problems.
    if _CONTACT & set(named) and not _permit(row, context.actor, before):
        return
    if named.get("type") not in (None, before["type"]):
        kind = values.listed_codes("type", [text_of(before, "type")])
        row.refuse("type", Message("row.type_stays", kind=kind))
    edit = RowEdit(named, version_of(row.named), text_of(row.named, "changed"))
    merged = edits(connection, edit, before, context.actor, overwrite=context.overwrite)
    for conflict in merged.conflicts:
        row.refuse(conflict.column, conflict.reason)
    changed = merged.changes
    if _is_consent_outdated(changed, before):
        changed = changed | {"contact_consent": None}
        row.problems.append(
            Problem(row.number, _CONSENT, "", Message("row.consent_deleted"), serious=False)
        )
    kept = {name: value for name, value in before.items() if name not in changed}
    row.after = kept | {name: value for name, value in changed.items() if value is not None}
    if row.after != before:
        row.after |= {"version": version_of(before) + 1, "changed": context.now}


def _is_consent_outdated(changed: Record, before: Record) -> bool:
    """Return whether the contact changes, and the row has no consent of the new one."""
    other = any(n in changed and changed[n] != before.get(n) for n in _CONTACT - {_CONSENT})
    return other and _CONSENT in before and _CONSENT not in changed


def _system_of_new(row: PlannedRow, context: _Context) -> Values:
    """Return the system fields of a new record; those of an export are kept if permitted."""
    kept = {name: row.named.get(name) for name in _SET_BY_REGISTRY} if context.trusted else {}
    made = kept.get("created") or context.now
    own: Values = {"id": row.id, "version": 1, "created": made, "changed": made}
    # Holders of tokens own what they add; a local user has only a general name.
    if context.actor is not LOCAL and not (context.trusted and row.named.get("owner")):
        own["owner"] = context.actor.name
    return own | {name: value for name, value in kept.items() if value is not None}


def _permit(row: PlannedRow, actor: Actor, *records: Record | None) -> bool:
    for record in filter(None, records):
        try:
            moved = record is row.after and row.before is not None
            require_keep(actor, record, "move" if moved else "change" if row.before else "add")
        except BadInputError as fault:
            row.refuse("country", message_of(fault))
            return False
    return True


def _check_points(rows: Sequence[PlannedRow]) -> None:
    """Check new and moved points and places; the others were checked when they came in."""
    from hotspots.registry.gazetteer.checks import check_places, check_towns

    moved = [
        (number, row.after)
        for number, row in enumerate(rows)
        if row.outcome != SAME and _position(row.after) != _position(row.before or {})
    ]
    odd = check_places(moved)
    # Of a point that is odd itself, its place says nothing more.
    renamed = [
        (number, row.after)
        for number, row in enumerate(rows)
        if number not in {problem.row for problem in odd} and _is_renamed(row)
    ]
    for problem in (*odd, *check_towns(renamed)):
        row = rows[problem.row]
        row.problems.append(problem.of_row(row.number))


def _is_renamed(row: PlannedRow) -> bool:
    before = row.before or {}
    return any(row.after.get(name) != before.get(name) for name in ("place", "country"))


def _position(record: Record) -> tuple[Value, ...]:
    return tuple(record.get(name) for name in ("latitude", "longitude", "country"))


def _relate(connection: sa.Connection, work: Sequence[PlannedRow]) -> None:
    """Refuse relations to unknown records or refused rows; replace merged ids."""
    own_rows = {row.id: row for row in work if row.id}
    named = {other for row in work for other in row.related_ids}
    gone = queries.current_ids(connection, named)
    known = queries.known_ids(connection, named | set(gone.values()))
    naming: dict[str, list[PlannedRow]] = {}
    for row in work:
        if row.outcome in (NEW, CHANGED):
            _follow(row, gone)
            for other in row.related_ids:
                naming.setdefault(other, []).append(row)
    unknown = [id_ for id_ in naming if id_ not in known and id_ not in own_rows]
    refused = [row.id for row in work if row.id not in known and row.outcome == REFUSED]
    for id_, rows in naming.items():
        for row in rows:
            if row.id == id_:
                row.refuse("relations", Message("row.related_itself", id=id_))
                refused.append(row.id)
    # A refused new row refuses the rows that name it in turn, however long the chain.
    while unknown or refused:
        id_ = (unknown or refused).pop()
        for row in naming.pop(id_, ()):
            if row.outcome != REFUSED and row.id not in known:
                refused.append(row.id)
            key = "row.related_refused" if id_ in own_rows else "row.related_unknown"
            row.refuse("relations", Message(key, id=id_))


def _follow(row: PlannedRow, gone: Mapping[str, str]) -> None:
    if any(other in gone for other in row.related_ids):
        relations = list_of(row.after, "relations")
        row.after["relations"] = tuple(values.redirected(text, gone) for text in relations)


def _planned(work: Sequence[PlannedRow], notes: Sequence[Problem], choices: ImportChoices) -> Plan:
    ordered = sorted(work, key=lambda row: row.number)
    lang = choices.lang
    problems = [problem.in_language(lang) for row in ordered for problem in row.problems]
    return Plan(
        entries=tuple(_entry(row) for row in ordered),
        changes=tuple(
            _change(row, choices.note) for row in ordered if row.outcome in (NEW, CHANGED)
        ),
        problems=tuple(p for p in problems if p.serious),
        notes=(*(p.in_language(lang) for p in notes), *(p for p in problems if not p.serious)),
    )


def _entry(row: PlannedRow) -> Entry:
    differ: dict[str, TextChange] = {}
    if row.outcome == CHANGED:
        before = row.before or {}
        for name in fields():
            was, becomes = values.write(before.get(name)), values.write(row.after.get(name))
            if was != becomes and name not in _SET_BY_REGISTRY:
                # That a personal field changes is shown, but not its content.
                if name in _CONTACT:
                    was, becomes = HIDDEN if was else "", HIDDEN if becomes else ""
                differ[name] = TextChange(was, becomes)
    name = visible(text_of(row.after, "name") or row.cells.get("name", ""))
    return Entry(row.number, row.id, name, row.outcome, differ)


def _change(row: PlannedRow, note: str) -> Change:
    if row.before is None:
        return Change("created", None, row.after, note)
    content = [n for n in fields() if row.after.get(n) != row.before.get(n)]
    only_verified = set(content) <= {"verified_on", "version", "changed"}
    return Change("verified" if only_verified else "changed", row.before, row.after, note)
