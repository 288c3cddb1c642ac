"""Review of suggestions: deciders see the content, others only that a suggestion is pending."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError, near_matches
from hotspots.registry.database import queries
from hotspots.registry.database.tables import suggestion
from hotspots.registry.governance import tokens
from hotspots.registry.governance.suggestions import (
    PENDING,
    STATES,
    base_of,
    overtaken,
    row_of,
    sides_of,
)
from hotspots.registry.imports.plan import HIDDEN, plan
from hotspots.registry.permissions import EDITOR, Actor, home_of, may_keep
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import names

_CONTACT = names("contact")
_CHECKER = Actor("suggestion", EDITOR)


def queue(
    connection: sa.Connection,
    actor: Actor,
    now: str,
    state: str = PENDING,
    *,
    limit: int = 100,
    after: int = 0,
) -> list[dict[str, Any]]:
    """Return one page of suggestions, oldest first.

    Parameters
    ----------
    connection, actor, now
        Connection to the registry; the actor who reads; the current time (UTC).
    state : str
        "pending", "accepted" or "refused".
    limit, after : int
        Maximum number of suggestions, and the number after which the page begins.

    Returns
    -------
    list of dict
        number, state, at, by, countries (ids, sorted), deciders (holders of tokens that may decide
        it), decided_at, decided_by, reason; yours: whether the actor may decide it. If so, also
        id, name, type, action ("new" or "changed"), problem (why it can't be accepted at present,
        or "") and changes: field -> (text before, text after), personal ones hidden. For other
        actors these are empty, since the content has not been reviewed yet.

    Raises
    ------
    BadInputError
        Unknown state.
    """
    if state not in STATES:
        raise BadInputError(
            f"'{state}' is not a state{near_matches(state, STATES) or '.'} Use {', '.join(STATES)}."
        )
    query = (
        sa.select(suggestion)
        .where(suggestion.c.state == state, suggestion.c.no > after)
        .order_by(suggestion.c.no)
        .limit(limit)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    records = queries.fetch(connection, [row["id"] for row in rows])
    keepers = tokens.keepers(connection, now)
    return [_shown(connection, row, actor, now, records, keepers) for row in rows]


def one(connection: sa.Connection, actor: Actor, now: str, number: int) -> dict[str, Any]:
    """Return one suggestion as in `queue`, with its personal data in `contact`.

    `contact` maps field -> text, with "by" for the name given by an author without a token; it is
    shown to deciders only, and is empty after the decision.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry; nothing is written.
    actor : Actor
        The actor who reads; determines whether the content is returned.
    now : str
        The current time (UTC), at which the deciders' tokens must be valid.
    number : int
        Number of the suggestion, pending or decided.

    Raises
    ------
    RegistryError
        There is no suggestion with this number.
    """
    row = row_of(connection, number)
    records = queries.fetch(connection, [row["id"]])
    shown = _shown(connection, row, actor, now, records, tokens.keepers(connection, now))
    return shown | {"contact": json.loads(row["contact"] or "{}") if shown["yours"] else {}}


def _shown(
    connection: sa.Connection,
    row: Mapping[str, Any],
    actor: Actor,
    now: str,
    records: Mapping[str, Mapping[str, Any]],
    keepers: list[Actor],
) -> dict[str, Any]:
    cells = json.loads(row["cells"])
    # Cells of a new record have no version.
    record = records.get(row["id"]) if "version" in cells else None
    before = base_of(connection, cells, record)
    sides = sides_of(cells, before)
    yours = _keeps_all(actor, sides)
    shown = {
        "number": row["no"],
        "state": row["state"],
        "at": row["at"],
        "by": row["by"],
        "countries": tuple(sorted(frozenset().union(*map(home_of, sides)))),
        "deciders": tuple(keeper.name for keeper in keepers if _keeps_all(keeper, sides)),
        "decided_at": row["decided_at"],
        "decided_by": row["decided_by"],
        "reason": row["reason"],
        "yours": yours,
        "id": "",
        "name": "",
        "type": "",
        "action": "",
        "problem": "",
        "changes": {},
    }
    if not yours:
        return shown
    shown |= {name: sides[0].get(name, "") for name in ("id", "name", "type")}
    shown["action"] = "changed" if "version" in cells else "new"
    contact = json.loads(row["contact"] or "{}")
    if row["state"] == PENDING:
        shown["changes"] = _changes(cells, before or {}, contact)
        shown["problem"] = overtaken(cells, records.get(row["id"])) or "; ".join(
            problem.reason for problem in plan(connection, [(0, cells)], _CHECKER, now).problems
        )
    else:  # as suggested
        shown["changes"] = _changes(cells, {}, contact)
    return shown


def _keeps_all(actor: Actor, records: Sequence[Mapping[str, Any]]) -> bool:
    return all(may_keep(actor, record) for record in records)


def _changes(
    cells: Mapping[str, str], before: Mapping[str, Any], contact: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    texts = {
        name: (values.write(before.get(name)), text)
        for name, text in cells.items()
        if name not in ("id", "version")
    }
    return texts | {name: (HIDDEN, HIDDEN) for name in _CONTACT if name in contact}
