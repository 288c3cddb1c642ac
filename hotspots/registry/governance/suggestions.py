"""Suggestions: anyone may make one; an actor who maintains the record decides it, once.

A suggestion is validated as an import and stored as text cells: for a change only the changed
fields, with the record's version, so that changes made in the meantime are detected at the
decision. Personal cells, and the name given by an author without a token, are stored separately
(column ``contact``) and deleted with the decision. Owner, version and dates of a record can't be
suggested.

A suggested contact replaces the whole contact: consent never covers the address of another person
recorded before. A suggestion can't delete a contact; use `privacy.erase`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import sqlalchemy as sa

from hotspots.errors import BadInputError, ConflictError, RegistryError, near_matches
from hotspots.registry.database import queries
from hotspots.registry.database.changes import add_to_journal, apply
from hotspots.registry.database.tables import suggestion
from hotspots.registry.governance.text_fields import checked
from hotspots.registry.imports.plan import GivenRows, ImportChoices, Plan, plan_import
from hotspots.registry.permissions import (
    ADMINISTRATOR,
    CORRESPONDENT,
    EDITOR,
    PUBLIC,
    Actor,
    require_keep,
    require_role,
)
from hotspots.registry.schema import validation, values
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.problems import Problem, problem_report
from hotspots.registry.schema.records import Cells, Record, Rows, id_of

PENDING, ACCEPTED, REFUSED = "pending", "accepted", "refused"
STATES = (PENDING, ACCEPTED, REFUSED)
# Limit of pending suggestions for each holder, and for all authors without a token together, so
# that the public can't block suggestions by correspondents.
MOST_PENDING = 2_000
MOST_CHARACTERS = 100_000  # of one suggestion, footprint and all
MOST_REASON = 1_000
_MOST_NAME = 100
BY = "by"  # key, beside the personal cells, of the name given by an author without a token
_CONTACT = names("contact")
_CONTENT = names("content")
_SUGGESTED = frozenset((*_CONTENT, "version"))
_JSON = ("cells", "contact")  # columns of JSON text
# Used to validate suggestions; permissions are checked at the decision.
CHECKER = Actor("suggestion", EDITOR)


@dataclass(frozen=True)
class Suggestion:
    """A stored suggestion.

    Attributes
    ----------
    number : int
        Its number.
    id : str
        Id of the record that it adds or changes.
    cells, contact : mapping of str to str
        Text by field name; personal cells, with the author's name under `BY`, in `contact`.
    at, by, state : str
        When (UTC) and by which holder it was made; one of `STATES`.
    decided_at, decided_by, reason : str
        The decision; "" while it is pending.
    """

    number: int
    id: str
    cells: Cells
    contact: Cells
    at: str
    by: str
    state: str
    decided_at: str
    decided_by: str
    reason: str

    @property
    def is_change(self) -> bool:
        """Whether it changes a record; cells of a new one have no version."""
        return "version" in self.cells

    @classmethod
    def of(cls, row: sa.RowMapping) -> Suggestion:
        """Return the suggestion that a row of the table holds."""
        kept = {name: value for name, value in row.items() if name not in ("no", *_JSON)}
        kept |= {name: values.as_written(json.loads(row[name] or "{}")) for name in _JSON}
        return cls(number=row["no"], **kept)


def suggest(
    connection: sa.Connection,
    rows: Rows,
    actor: Actor,
    now: str,
    by: str = "",
    problems: Sequence[Problem] = (),
) -> dict[int, str]:
    """Store suggestions in a single transaction; return number -> record name, in row order.

    A row without changes is skipped; for one that is pending already its number is returned. The
    names are for the author: others don't see them before the decision.

    Parameters
    ----------
    connection, actor, now
        Connection from `writing`; any actor; the current time (UTC).
    rows, problems
        Results of `hotspots.registry.formats.read.read_file`; a row describes a new record, or
        fields of a record to change, with the version they are based on if known.
    by : str
        Optional name of the author: visible to deciders, and deleted with the decision.

    Raises
    ------
    RegistryError
        Refused rows (one sentence each); no changes; too many pending suggestions.
    """
    given = sorted(((number, dict(cells)) for number, cells in rows), key=lambda row: row[0])
    _require_short(given)
    found = [problem for number, cells in given for problem in _contact_problems(cells, number)]
    content = [(n, {k: v for k, v in cells.items() if k in _SUGGESTED}) for n, cells in given]
    # The decider sees the changes, so a row may lack the version it is based on.
    checked_rows = GivenRows(content, (*problems, *found))
    made = plan_import(connection, checked_rows, CHECKER, now, ImportChoices(overwrite=True))
    if made.problems:
        raise RegistryError(f"{problem_report(made.problems)}\nNothing was suggested.")
    name = checked("The name", by, _MOST_NAME)
    new = _new(connection, made, [_contact(cells) for _, cells in given])
    if not new:
        raise RegistryError(
            "Nothing new is suggested: every row is as the registry has it. Change a cell or add a"
            " row."
        )
    named = {BY: name} if name else {}
    numbers = {
        _store(connection, actor, now, one.cells, one.contact | named): one.name for one in new
    }
    # After the insertion: with the error the transaction is undone.
    _require_room(connection, actor)
    return numbers


def accept(connection: sa.Connection, number: int, actor: Actor, now: str) -> str:
    """Accept a suggestion with the permissions of the decider; return the record's id.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection from `writing`; the change and the decision are part of its transaction.
    number : int
        Number of a pending suggestion.
    actor : Actor
        The decider.
    now : str
        The current time (UTC).

    Raises
    ------
    NotAllowedError
        The actor may not change the record in its current or its suggested state.
    ConflictError
        It has been decided already, or the same fields of the record have changed since.
    RegistryError
        Unknown suggestion, or it is not valid (any more).
    """
    pending, before = _for_decision(connection, number, actor)
    if problem := overtaken(pending, before):
        raise ConflictError(f"Suggestion {number} can't be accepted: {problem}. Refuse it.")
    cells, contact = dict(pending.cells), pending.contact
    if any(name in contact for name in _CONTACT):
        cells |= {name: contact.get(name, "") for name in _CONTACT}
    made = plan_import(connection, GivenRows([(0, cells)]), actor, now)
    if made.problems:
        reasons = "; ".join(problem.reason for problem in made.problems)
        error = ConflictError if pending.is_change else RegistryError
        raise error(f"Suggestion {number} can't be accepted: {reasons.rstrip('.')}.")
    note = f"suggestion {number} by {pending.by}"
    apply(connection, [replace(change, note=note) for change in made.changes], actor, now)
    _decide(connection, number, ACCEPTED, actor, now, "")
    return pending.id


def refuse(connection: sa.Connection, number: int, actor: Actor, reason: str, now: str) -> None:
    """Refuse a suggestion, with a reason for its author.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection from `writing`.
    number : int
        Number of a pending suggestion.
    actor : Actor
        The decider.
    reason : str
        Required; at most `MOST_REASON` characters.
    now : str
        The current time (UTC).

    Raises
    ------
    NotAllowedError
        The actor may not change the record in its current or its suggested state.
    ConflictError
        It has been decided already.
    BadInputError
        No reason given, or unknown suggestion.
    """
    _for_decision(connection, number, actor)
    reason = checked("The reason", reason, MOST_REASON)
    if not reason:
        raise BadInputError("A refusal needs a reason, for the one who suggested it. Say why.")
    _decide(connection, number, REFUSED, actor, now, reason)


def sides_of(cells: Cells, before: Record | None) -> tuple[Record, ...]:
    """Return the record that a suggestion would create, and the one it would change, if any.

    Deciders must maintain both, so that no record is moved into a correspondent's region.
    """
    parsed = validation.parse({k: v for k, v in cells.items() if k in _CONTENT}, 0)
    after = dict(before or {}) | parsed.values
    target = {name: value for name, value in after.items() if value is not None}
    return (target,) if before is None else (target, before)


def base_of(
    connection: sa.Connection, suggested: Suggestion, record: Record | None
) -> Record | None:
    """Return the record that a suggestion would change; if removed, the version it is based on.

    Its maintainers can thus still refuse the suggestion. None for a new record.
    """
    if record is not None or not suggested.is_change:
        return record
    return queries.snapshot(connection, suggested.id, int(suggested.cells["version"]))


def overtaken(suggested: Suggestion, before: Record | None) -> str:
    """Return why a suggestion no longer applies to its record, or ""."""
    if suggested.is_change and before is None:
        return f"the record '{suggested.id}' doesn't exist any more"
    if not suggested.is_change and before is not None:
        return f"a record '{suggested.id}' has been added since"
    return ""


class _ForDecision(NamedTuple):
    suggestion: Suggestion
    record: Record | None  # in its current state


def _for_decision(connection: sa.Connection, number: int, actor: Actor) -> _ForDecision:
    """Return a pending suggestion and its record; raise unless the actor may decide it."""
    pending = _pending(connection, number)
    before = queries.fetch(connection, [pending.id]).get(pending.id)
    # The role first: errors must not reveal unreviewed content to the public.
    require_role(actor, CORRESPONDENT, EDITOR, ADMINISTRATOR, doing="decide on suggestions")
    for record in sides_of(pending.cells, base_of(connection, pending, before)):
        require_keep(actor, record, "decide on")
    return _ForDecision(pending, before)


def _contact(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name in _CONTACT if (text := values.clean(cells.get(name, "")))}


def _contact_problems(cells: Mapping[str, str], row: int) -> list[Problem]:
    """Check personal cells separately from the record's own, so as not to reveal those."""
    contact = _contact(cells)
    problems = validation.parse(contact, row).problems
    if list(contact) == ["contact_consent"]:
        reason = "consent requires its contact in the same suggestion"
        problems.append(Problem(row, "contact_consent", contact["contact_consent"], reason))
    return problems


def _require_short(given: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    """Raise for too many rows or characters before they are parsed."""
    if len(given) > MOST_PENDING:
        raise RegistryError(
            f"{len(given):,} rows are more than may be suggested; at most {MOST_PENDING:,} may."
            " Give only the rows that are new or changed."
        )
    for number, cells in given:
        if unknown := [name for name in cells if name not in fields()]:
            raise RegistryError(
                f"Row {number} names '{unknown[0][:60]}', which is not a field"
                f"{near_matches(unknown[0], fields()) or '.'} Fields are {', '.join(fields())}."
            )
        if sum(map(len, cells.values())) > MOST_CHARACTERS:
            raise RegistryError(
                f"Row {number} is longer than a suggestion may be ({MOST_CHARACTERS:,} characters)."
                " Make its footprint or its texts simpler. Nothing was suggested."
            )


class _NewSuggestion(NamedTuple):
    name: str  # of the record
    cells: dict[str, str]
    contact: dict[str, str]


def _new(
    connection: sa.Connection, made: Plan, contacts: Sequence[dict[str, str]]
) -> list[_NewSuggestion]:
    """Return a suggestion for each row with changes."""
    changes = {id_of(change.after): change for change in made.changes if change.after}
    found = []
    for entry, contact in zip(made.entries, contacts, strict=True):
        cells = {"id": entry.id}
        if change := changes.get(entry.id):
            after, before = change.after or {}, dict(change.before or {})
            differing = (name for name in _CONTENT if after.get(name) != before.get(name))
            cells |= {name: values.write(after.get(name)) for name in differing}
        elif contact:
            before = queries.fetch(connection, [entry.id])[entry.id]
        else:
            continue
        if before:
            cells["version"] = str(before["version"])
        found.append(_NewSuggestion(entry.name, cells, contact))
    return found


def _store(
    connection: sa.Connection,
    actor: Actor,
    now: str,
    cells: Mapping[str, str],
    contact: Mapping[str, str],
) -> int:
    written = {
        "id": cells["id"],
        "cells": json.dumps(cells, ensure_ascii=False),
        "contact": json.dumps(contact, ensure_ascii=False) if contact else "",
        "by": actor.name,
        "state": PENDING,
    }
    same = sa.and_(*(suggestion.c[name] == value for name, value in written.items()))
    waiting = connection.scalar(sa.select(suggestion.c.no).where(same))
    if waiting is not None:
        return int(waiting)
    insert = suggestion.insert().values(at=now, **written).returning(suggestion.c.no)
    return int(connection.execute(insert).scalar_one())


def _require_room(connection: sa.Connection, actor: Actor) -> None:
    own_pending = (suggestion.c.by == actor.name) & (suggestion.c.state == PENDING)
    waiting = connection.scalar(sa.select(sa.func.count()).where(own_pending)) or 0
    if waiting > MOST_PENDING:
        whose = "all without a token" if actor == PUBLIC else f"'{actor.name}'"
        raise RegistryError(
            f"With these, {waiting:,} suggestions of {whose} would be waiting; at most"
            f" {MOST_PENDING:,} may. Nothing was suggested; try again when some are decided."
        )


def _pending(connection: sa.Connection, number: int) -> Suggestion:
    found = stored(connection, number)
    if found.state != PENDING:
        raise ConflictError(
            f"Suggestion {number} was {found.state} by {found.decided_by} on"
            f" {found.decided_at} already; a decision stands."
        )
    return found


def stored(connection: sa.Connection, number: int) -> Suggestion:
    """Return a suggestion by its number.

    Raises
    ------
    RegistryError
        There is no suggestion with this number.
    """
    query = sa.select(suggestion).where(suggestion.c.no == number)
    known = 0 < number < 2**63  # range of database integers
    row = connection.execute(query).mappings().first() if known else None
    if row is None:
        raise RegistryError(
            f"There is no suggestion {number}. 'hotspots registry review' shows those that wait."
        )
    return Suggestion.of(row)


def _decide(
    connection: sa.Connection, number: int, state: str, actor: Actor, now: str, reason: str
) -> None:
    connection.execute(
        suggestion.update()
        .where(suggestion.c.no == number)
        .values(state=state, decided_at=now, decided_by=actor.name, reason=reason, contact="")
    )
    add_to_journal(connection, actor, now, f"suggestion {state}", str(number), reason)
