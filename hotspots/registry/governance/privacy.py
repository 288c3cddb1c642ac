"""Erasing personal data on request, while the record and its history stay.

Personal fields are stored in the table ``contact`` and, for pending suggestions, in the column of
that name; never in the history. Erasing deletes them there; `erasure_remnants.tidy` then removes
all remnants from the database files. `OUT_OF_REACH` states where copies may remain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypedDict

import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.registry.database import queries
from hotspots.registry.database.changes import Change, add_to_journal, apply
from hotspots.registry.database.tables import contact, record, suggestion
from hotspots.registry.governance.erasure_remnants import ERASED
from hotspots.registry.governance.suggestions import Suggestion, base_of, sides_of
from hotspots.registry.permissions import (
    ADMINISTRATOR,
    CORRESPONDENT,
    EDITOR,
    Actor,
    may_keep,
    require_keep,
    require_role,
)
from hotspots.registry.schema.fields import names
from hotspots.registry.schema.records import Values, id_of, version_of

NOTE = "personal fields erased"
OUT_OF_REACH = (
    "Not reached: backups and exports made before, what others copied, a server's logs and replicas"
    " (of PostgreSQL also the files in pg_wal until they are used again), the free space of the"
    " disk. An older export that holds the contact brings it back if it is imported."
)
_CONTACT = names("contact")
# Characters that may surround an address: "A person <name@example.org>".
_APART = re.compile(r"[\s<>(),;:\"']+")


class Erased(TypedDict):
    """An entry whose personal fields were erased: a record, or a suggestion by its number."""

    kind: str
    id: str | int
    fields: list[str]


def erase(
    connection: sa.Connection,
    actor: Actor,
    *,
    id: str | None = None,
    email: str | None = None,
    now: str,
) -> list[Erased]:
    """Erase the personal fields of a record, or of all entries with an e-mail address.

    Pending suggestions for the record, or with the address, are included. Entries that the actor
    does not maintain are neither searched nor reported (see `limits`). Call
    `erasure_remnants.tidy` after the transaction.

    Parameters
    ----------
    connection, actor, now
        Connection from `writing`; an actor who maintains the records; the current time (UTC).
    id, email : str, optional
        A record's id, or an address (case-insensitive); exactly one of them.

    Returns
    -------
    list of Erased
        Erased entries: kind ("record" or "suggestion"), id (of the record, or number of the
        suggestion) and fields (their names).

    Raises
    ------
    NotAllowedError
        The actor maintains no records, or not this one.
    BadInputError
        Neither or both of id and email given; unknown record.
    """
    require_role(actor, CORRESPONDENT, EDITOR, ADMINISTRATOR, doing="erase personal data")
    if bool(id) == bool(email and email.strip()):
        raise BadInputError("Give either a record's id or an e-mail address, one of them.")
    if id:
        # The contact of a merged record is with the survivor.
        id = queries.current_ids(connection, [id]).get(id, id)
        chosen = queries.fetch(connection, [id])
        if not chosen:
            raise queries.unknown_id(id)
        require_keep(actor, chosen[id], "erase personal data of")
    else:
        ids = _ids_with(connection, str(email).strip())
        found = queries.fetch(connection, ids)
        chosen = {id_: found[id_] for id_ in ids}
    erased = _from_records(connection, actor, chosen, now)
    erased += _from_suggestions(connection, actor, id, str(email or "").strip())
    summary = ", ".join(f"{row['kind']} {row['id']}" for row in erased)
    nothing = "nothing was found" + (" within their regions" if not id and limits(actor) else "")
    add_to_journal(connection, actor, now, ERASED, id or "", summary or nothing)
    return erased


def limits(actor: Actor) -> str:
    """Return a sentence on the scope of a search for an address, or "" if it was complete.

    It doesn't depend on the content outside that scope.
    """
    if actor.role != CORRESPONDENT:
        return ""
    return (
        f"Only what is wholly in {', '.join(actor.regions)} was looked at. The address may stand"
        " elsewhere: an editor or administrator can erase it everywhere; ask one."
    )


def _ids_with(connection: sa.Connection, email: str) -> list[str]:
    joined = sa.select(record.c.id, contact).join(record, record.c.no == contact.c.no)
    query = joined.order_by(record.c.no)
    return [row["id"] for row in connection.execute(query).mappings() if _holds(dict(row), email)]


def _holds(row: Mapping[str, object], email: str) -> bool:
    address = email.casefold()
    # In any personal field: an address may stand in a name.
    given = (str(row.get(name) or "").casefold() for name in (*_CONTACT, "by"))
    return any(address == text or address in _APART.split(text) for text in given)


def _from_records(
    connection: sa.Connection, actor: Actor, chosen: Mapping[str, Values], now: str
) -> list[Erased]:
    changes: list[Change] = []
    erased: list[Erased] = []
    for before in chosen.values():
        gone = [name for name in _CONTACT if name in before]
        if not gone or not may_keep(actor, before):
            continue
        after = {name: value for name, value in before.items() if name not in _CONTACT}
        # A new version, so that holders of copies can see that these are outdated.
        after |= {"version": version_of(before) + 1, "changed": now}
        changes.append(Change("changed", before, after, NOTE))
        erased.append({"kind": "record", "id": id_of(before), "fields": gone})
    apply(connection, changes, actor, now)
    return erased


def _from_suggestions(
    connection: sa.Connection, actor: Actor, id: str | None, email: str
) -> list[Erased]:
    erased: list[Erased] = []
    query = sa.select(suggestion).where(suggestion.c.contact != "").order_by(suggestion.c.no)
    for one in map(Suggestion.of, connection.execute(query).mappings().all()):
        if one.id != id and not (email and _holds(one.contact, email)):
            continue
        known = queries.fetch(connection, [one.id]) if one.is_change else {}
        # The current record determines who maintains it, even if a suggestion would move it.
        before = base_of(connection, one, known.get(one.id))
        if not may_keep(actor, sides_of(one.cells, before)[-1]):
            continue
        this_row = suggestion.c.no == one.number
        connection.execute(suggestion.update().where(this_row).values(contact=""))
        erased.append({"kind": "suggestion", "id": one.number, "fields": list(one.contact)})
    return erased
