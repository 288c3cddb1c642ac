"""Review of suggestions: deciders see the content, others only that a suggestion is pending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import sqlalchemy as sa

from hotspots.errors import BadInputError, near_matches
from hotspots.registry.database import queries
from hotspots.registry.database.tables import suggestion
from hotspots.registry.governance import tokens
from hotspots.registry.governance.suggestions import (
    CHECKER,
    PENDING,
    STATES,
    Suggestion,
    base_of,
    overtaken,
    sides_of,
    stored,
)
from hotspots.registry.imports.plan import HIDDEN, GivenRows, TextChange, plan_import
from hotspots.registry.permissions import Actor, home_of, may_keep
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import names
from hotspots.registry.schema.records import Cells, Record, text_of

_CONTACT = names("contact")


class ReviewedSuggestion(TypedDict):
    """A suggestion as `queue` and `one` return it."""

    number: int
    state: str
    at: str
    by: str
    countries: tuple[str, ...]
    deciders: tuple[str, ...]
    decided_at: str
    decided_by: str
    reason: str
    yours: bool
    id: str
    name: str
    type: str
    action: str
    problem: str
    changes: dict[str, TextChange]
    contact: NotRequired[Cells]


def queue(
    connection: sa.Connection,
    actor: Actor,
    now: str,
    state: str = PENDING,
    *,
    limit: int = 100,
    after: int = 0,
) -> list[ReviewedSuggestion]:
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
    found = [Suggestion.of(row) for row in connection.execute(query).mappings()]
    reader = _Reader(connection, actor, now, tokens.keepers(connection, now))
    records = queries.fetch(connection, [one.id for one in found])
    return [_shown(reader, one, records.get(one.id)) for one in found]


def one(connection: sa.Connection, actor: Actor, now: str, number: int) -> ReviewedSuggestion:
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
    found = stored(connection, number)
    reader = _Reader(connection, actor, now, tokens.keepers(connection, now))
    shown = _shown(reader, found, queries.fetch(connection, [found.id]).get(found.id))
    shown["contact"] = found.contact if shown["yours"] else {}
    return shown


@dataclass(frozen=True)
class _Reader:
    """Who reads suggestions when, and who may decide them."""

    connection: sa.Connection
    actor: Actor
    now: str
    keepers: list[Actor]


def _shown(reader: _Reader, suggested: Suggestion, record: Record | None) -> ReviewedSuggestion:
    current = record if suggested.is_change else None
    before = base_of(reader.connection, suggested, current)
    sides = sides_of(suggested.cells, before)
    yours = _keeps_all(reader.actor, sides)
    shown: ReviewedSuggestion = {
        "number": suggested.number,
        "state": suggested.state,
        "at": suggested.at,
        "by": suggested.by,
        "countries": tuple(sorted(frozenset().union(*map(home_of, sides)))),
        "deciders": tuple(keeper.name for keeper in reader.keepers if _keeps_all(keeper, sides)),
        "decided_at": suggested.decided_at,
        "decided_by": suggested.decided_by,
        "reason": suggested.reason,
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
    for name in ("id", "name", "type"):
        shown[name] = text_of(sides[0], name)
    shown["action"] = "changed" if suggested.is_change else "new"
    if suggested.state == PENDING:
        shown["changes"] = _changes(suggested, before or {})
        shown["problem"] = overtaken(suggested, record) or _problem(reader, suggested)
    else:  # as suggested
        shown["changes"] = _changes(suggested, {})
    return shown


def _problem(reader: _Reader, suggested: Suggestion) -> str:
    """Return why the suggested record is not valid, or ""."""
    given = GivenRows([(0, suggested.cells)])
    plan = plan_import(reader.connection, given, CHECKER, reader.now)
    return "; ".join(problem.reason for problem in plan.problems)


def _keeps_all(actor: Actor, records: Sequence[Record]) -> bool:
    return all(may_keep(actor, record) for record in records)


def _changes(suggested: Suggestion, before: Record) -> dict[str, TextChange]:
    texts = {
        name: TextChange(values.write(before.get(name)), text)
        for name, text in suggested.cells.items()
        if name not in ("id", "version")
    }
    hidden = TextChange(HIDDEN, HIDDEN)
    return texts | {name: hidden for name in _CONTACT if name in suggested.contact}
