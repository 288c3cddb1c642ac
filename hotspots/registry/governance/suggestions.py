"""Suggestions: anyone may make one, who keeps the record decides it, once.

What is suggested is checked as an import is, and stored as text cells: of a change only the fields
that it changes, with the record's version, so that a decision later meets what changed meanwhile.
Personal cells, and the name that one without a token gives, stand apart (column ``contact``) and
are deleted with the decision. Owner, version and dates of a record can't be suggested.

A contact that is suggested stands for a whole one: consent never covers the address of another
person that was recorded before. Nor can one be taken out by a suggestion: `privacy.erase` is for
that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError, ConflictError, RegistryError, near_matches
from hotspots.registry.database import queries
from hotspots.registry.database.changes import apply, log
from hotspots.registry.database.tables import suggestion
from hotspots.registry.governance.text_fields import checked
from hotspots.registry.imports import validation
from hotspots.registry.imports.plan import Plan, Rows, plan
from hotspots.registry.permissions import (
    ADMINISTRATOR,
    CORRESPONDENT,
    EDITOR,
    PUBLIC,
    Actor,
    require_keep,
    require_role,
)
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.problems import Problem, told

PENDING, ACCEPTED, REFUSED = "pending", "accepted", "refused"
STATES = (PENDING, ACCEPTED, REFUSED)
# Against floods. What one holder, or all without a token together, may have waiting: so the public
# can't keep a correspondent's suggestions out.
MOST_PENDING = 2_000
MOST_CHARACTERS = 100_000  # of one suggestion, footprint and all
MOST_REASON = 1_000
_MOST_NAME = 100
BY = "by"  # beside the personal cells: the name that one without a token gives
_CONTACT = names("contact")
_CONTENT = names("content")
_SUGGESTED = frozenset((*_CONTENT, "version"))
# Checks what may be suggested at all; who may do it is asked at the decision.
_CHECKER = Actor("suggestion", EDITOR)


def suggest(
    connection: sa.Connection,
    rows: Rows,
    actor: Actor,
    now: str,
    by: str = "",
    problems: Sequence[Problem] = (),
) -> dict[int, str]:
    """Store suggestions, all rows or none; return number -> name of the record, in row order.

    A row that changes nothing is passed over; one that waits already gives its number again. The
    names are for whoever gave the rows: others don't see them before somebody has decided.

    Parameters
    ----------
    connection, actor, now
        One that `writing` gave; anyone; the moment (UTC).
    rows, problems
        As `hotspots.registry.formats.read.read_file` gives them; a row names a new record, or
        fields of a record to change, with the version that was seen if there is one.
    by : str
        Who suggests it, if they want to say so: seen by those who decide, and deleted then.

    Raises
    ------
    RegistryError
        Rows that can't be taken, one sentence each; nothing new; too many are waiting.
    """
    given = sorted(((number, dict(cells)) for number, cells in rows), key=lambda row: row[0])
    _require_short(given)
    found = [problem for number, cells in given for problem in _contact_problems(cells, number)]
    content = [(n, {k: v for k, v in cells.items() if k in _SUGGESTED}) for n, cells in given]
    # Who decides sees what it would change, so that it may do without the version it was made from.
    made = plan(connection, content, _CHECKER, now, (*problems, *found), overwrite=True)
    if made.problems:
        raise RegistryError(f"{told(made.problems)}\nNothing was suggested.")
    name = checked("The name", by, _MOST_NAME)
    stored = _new(connection, made, [_contact(cells) for _, cells in given])
    if not stored:
        raise RegistryError(
            "Nothing new is suggested: every row is as the registry has it. Change a cell or add a"
            " row."
        )
    named = {BY: name} if name else {}
    numbers = {
        _store(connection, actor, now, cells, contact | named): record
        for record, cells, contact in stored
    }
    _require_room(connection, actor)
    return numbers


def accept(connection: sa.Connection, number: int, actor: Actor, now: str) -> str:
    """Take a suggestion in with the rights of the one who decides; return the record's id.

    Raises
    ------
    NotAllowedError
        The actor may not change the record, as it is or as it would be.
    ConflictError
        It was decided before, or the record has changed since in the same fields.
    RegistryError
        No such suggestion, or what it says can't be taken (any more).
    """
    row, cells, contact = _pending(connection, number)
    before = queries.fetch(connection, [row["id"]]).get(row["id"])
    _require_decider(actor, cells, base_of(connection, cells, before))
    if problem := overtaken(cells, before):
        raise ConflictError(f"Suggestion {number} can't be accepted: {problem}. Refuse it.")
    if any(name in contact for name in _CONTACT):
        cells |= {name: contact.get(name, "") for name in _CONTACT}
    made = plan(connection, [(0, cells)], actor, now)
    if made.problems:
        reasons = "; ".join(problem.reason for problem in made.problems)
        error = ConflictError if "version" in cells else RegistryError
        raise error(f"Suggestion {number} can't be accepted: {reasons.rstrip('.')}.")
    note = f"suggestion {number} by {row['by']}"
    apply(connection, [replace(change, note=note) for change in made.changes], actor, now)
    _decide(connection, number, ACCEPTED, actor, now, "")
    return str(row["id"])


def refuse(connection: sa.Connection, number: int, actor: Actor, reason: str, now: str) -> None:
    """Refuse a suggestion; whoever made it can read the reason.

    Raises
    ------
    NotAllowedError
        The actor may not change the record, as it is or as it would be.
    ConflictError
        It was decided before.
    BadInputError
        No reason is given, or no such suggestion.
    """
    row, cells, _ = _pending(connection, number)
    before = queries.fetch(connection, [row["id"]]).get(row["id"])
    _require_decider(actor, cells, base_of(connection, cells, before))
    reason = checked("The reason", reason, MOST_REASON)
    if not reason:
        raise BadInputError("A refusal needs a reason, for the one who suggested it. Say why.")
    _decide(connection, number, REFUSED, actor, now, reason)


def sides_of(
    cells: Mapping[str, str], before: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any], ...]:
    """Return the record that a suggestion would make, and the one that it would change if any.

    Who decides must keep both: else a record could be moved into a correspondent's region.
    """
    parsed, _ = validation.parse({k: v for k, v in cells.items() if k in _CONTENT}, 0)
    after = dict(before or {}) | parsed
    target = {name: value for name, value in after.items() if value is not None}
    return (target,) if before is None else (target, before)


def base_of(
    connection: sa.Connection, cells: Mapping[str, str], record: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Return the record that a suggestion would change, as it was seen if it is gone by now.

    So that who kept it can still refuse the suggestion; None for a new record.
    """
    if record is not None or "version" not in cells:
        return record
    return queries.snapshot(connection, cells["id"], int(cells["version"]))


def overtaken(cells: Mapping[str, str], before: Mapping[str, Any] | None) -> str:
    """Return why a suggestion is about another record by now, or ""."""
    if "version" in cells and before is None:
        return f"the record '{cells['id']}' isn't there any more"
    if "version" not in cells and before is not None:
        return f"a record '{cells['id']}' has been added since"
    return ""


def _require_decider(
    actor: Actor, cells: Mapping[str, str], before: Mapping[str, Any] | None
) -> None:
    # First the role: to the public an error must not name what nobody has looked at yet.
    require_role(actor, CORRESPONDENT, EDITOR, ADMINISTRATOR, doing="decide on suggestions")
    for record in sides_of(cells, before):
        require_keep(actor, record, "decide on")


def _contact(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name in _CONTACT if (text := values.clean(cells.get(name, "")))}


def _contact_problems(cells: Mapping[str, str], row: int) -> list[Problem]:
    """Check personal cells by themselves: beside the record's own they would tell about these."""
    contact = _contact(cells)
    _, problems = validation.parse(contact, row)
    if list(contact) == ["contact_consent"]:
        reason = "consent needs the contact that it is for in the same suggestion"
        problems.append(Problem(row, "contact_consent", contact["contact_consent"], reason))
    return problems


def _require_short(given: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    """Refuse too much before any of it is read."""
    if len(given) > MOST_PENDING:
        raise RegistryError(
            f"{len(given):,} rows are more than may be suggested; at most {MOST_PENDING:,} may."
            " Give only the rows that are new or changed."
        )
    for number, cells in given:
        if unknown := [name for name in cells if name not in fields()]:
            raise RegistryError(
                f"Row {number} names '{unknown[0][:60]}', which is no field"
                f"{near_matches(unknown[0], fields()) or '.'} Fields are {', '.join(fields())}."
            )
        if sum(map(len, cells.values())) > MOST_CHARACTERS:
            raise RegistryError(
                f"Row {number} is longer than a suggestion may be ({MOST_CHARACTERS:,} characters)."
                " Make its footprint or its texts simpler. Nothing was suggested."
            )


def _new(
    connection: sa.Connection, made: Plan, contacts: Sequence[dict[str, str]]
) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Return (name of the record, cells, contact) of each row that says something new."""
    changes = {(change.after or {})["id"]: change for change in made.changes}
    found = []
    for entry, contact in zip(made.entries, contacts, strict=True):
        cells = {"id": entry.id}
        if change := changes.get(entry.id):
            after, before = change.after or {}, change.before or {}
            differing = (name for name in _CONTENT if after.get(name) != before.get(name))
            cells |= {name: values.write(after.get(name)) for name in differing}
        elif contact:
            before = queries.fetch(connection, [entry.id])[entry.id]
        else:
            continue
        if before:
            cells["version"] = str(before["version"])
        found.append((entry.name, cells, contact))
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
    mine = (suggestion.c.by == actor.name) & (suggestion.c.state == PENDING)
    waiting = connection.scalar(sa.select(sa.func.count()).where(mine)) or 0
    if waiting > MOST_PENDING:
        whose = "all without a token" if actor == PUBLIC else f"'{actor.name}'"
        raise RegistryError(
            f"With these, {waiting:,} suggestions of {whose} would be waiting; at most"
            f" {MOST_PENDING:,} may. Nothing was suggested; try again when some are decided."
        )


def _pending(
    connection: sa.Connection, number: int
) -> tuple[Mapping[str, Any], dict[str, str], dict[str, str]]:
    row = row_of(connection, number)
    if row["state"] != PENDING:
        raise ConflictError(
            f"Suggestion {number} was {row['state']} by {row['decided_by']} on"
            f" {row['decided_at']} already; a decision stands."
        )
    return row, json.loads(row["cells"]), json.loads(row["contact"] or "{}")


def row_of(connection: sa.Connection, number: int) -> Mapping[str, Any]:
    """Return a suggestion as it is stored.

    Raises
    ------
    RegistryError
        There is none with this number.
    """
    query = sa.select(suggestion).where(suggestion.c.no == number)
    known = 0 < number < 2**63  # what a database can look for
    row = connection.execute(query).mappings().first() if known else None
    if row is None:
        raise RegistryError(
            f"There is no suggestion {number}. 'hotspots registry review' shows those that wait."
        )
    return dict(row)


def _decide(
    connection: sa.Connection, number: int, state: str, actor: Actor, now: str, reason: str
) -> None:
    connection.execute(
        suggestion.update()
        .where(suggestion.c.no == number)
        .values(state=state, decided_at=now, decided_by=actor.name, reason=reason, contact="")
    )
    log(connection, actor, now, f"suggestion {state}", str(number), reason)
