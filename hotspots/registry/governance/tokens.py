"""Tokens, which identify the actors of a registry.

A token is a random secret; only its digest is stored. The digest is a plain SHA-256 without salt:
a secret of 256 random bits can't be guessed even with a fast hash, whereas slow, salted hashes
protect passwords chosen by people. One look-up by digest thus suffices for each request.

Until the first administrator token is created, any user who can open the database acts as
administrator. From then on, users without a token may read and suggest; an expired or revoked token
does not reopen the registry to all.

Tokens restrict users of this program. They can't restrict users who may write to the database
itself, i.e. the file or the PostgreSQL tables; docs/security.md describes the security model.
`recover` therefore grants no additional permission; but correspondents restricted to their regions
must access the registry through the web service, or on a machine where they can't write the file,
and must not be given the PostgreSQL user.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypedDict, cast

import sqlalchemy as sa

from hotspots.errors import BadInputError, RegistryError, TokenError, near_matches
from hotspots.io import clock
from hotspots.registry.database.changes import add_to_journal
from hotspots.registry.database.tables import TokenRow, audit, token
from hotspots.registry.governance import text_fields
from hotspots.registry.permissions import (
    ADMINISTRATOR,
    CORRESPONDENT,
    LOCAL,
    PUBLIC,
    ROLES,
    Actor,
    may_keep,
    require_role,
)
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import SEPARATOR, fields

PREFIX = "hsp_"  # lets people and scanners recognise a leaked secret
_SECRET_BYTES = 32
_MOST_HOLDER = 100  # characters
VALID, EXPIRED, REVOKED, RECOVERED = "valid", "expired", "revoked", "revoked by a recovery"
# The action in the journal, from which the reason of a revocation is read.
_BY_ADMINISTRATOR, _BY_RECOVERY = "token revoked", "token revoked by recovery"


def actor_of(connection: sa.Connection, secret: str | None, now: str = "") -> Actor:
    """Return the actor identified by a token.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry.
    secret : str or None
        Secret of a token; without one the actor is `LOCAL` until an administrator token has
        been created, else `PUBLIC`.
    now : str
        Time (UTC); the current time by default.

    Raises
    ------
    TokenError
        The token is unknown, expired or revoked.
    """
    secret = (secret or "").strip()
    if not secret:
        return PUBLIC if _ever_administered(connection) else LOCAL
    digest = _digest(secret)
    rows = connection.execute(sa.select(token).where(token.c.digest == digest)).mappings()
    found = cast("TokenRow | None", rows.first())
    if found is None or not hmac.compare_digest(found["digest"], digest):
        raise TokenError(
            "This token isn't known to the registry. Check that it is whole (it begins with"
            f" '{PREFIX}') and of this registry, or ask an administrator for a new one."
        )
    if found["revoked"]:
        how = " by a recovery" if found["id"] in _recovered(connection) else ""
        raise TokenError(
            f"The token '{found['id']}' was revoked{how} on {found['revoked'][:10]}. Ask an"
            " administrator for a new one."
        )
    if _state(found, now or clock.now()) == EXPIRED:
        raise TokenError(
            f"The token '{found['id']}' ran out on {found['expires'][:10]}. Ask an administrator"
            " for a new one."
        )
    return _actor(found)


@dataclass(frozen=True)
class Grant:
    """What a token allows, and to whom.

    Attributes
    ----------
    holder : str
        Name for the history, chosen by the organisation: "Correspondent Kenya". No address.
    role : str
        One of `hotspots.registry.permissions.ROLES`.
    regions : sequence of str
        For a correspondent, at least one: countries, regions of the initiative, or "world".
    expires : str
        Last day of validity (UTC), such as 2027-12-31; without, the token doesn't expire.
    """

    holder: str
    role: str
    regions: Sequence[str] = ()
    expires: str = ""


def create(connection: sa.Connection, actor: Actor, grant: Grant, now: str) -> str:
    """Create a token and return its secret, which is not stored and can be shown only once.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection from `writing`.
    actor : Actor
        An administrator.
    grant : Grant
        The holder, and what the token allows.
    now : str
        The current time (UTC).

    Raises
    ------
    NotAllowedError
        The actor is not an administrator.
    BadInputError
        Unknown role or region, regions for a role other than correspondent, or a past date.
    """
    require_role(actor, ADMINISTRATOR, doing="make tokens")
    return _make(connection, actor, grant, now, "token made")


def recover(connection: sa.Connection, *, holder: str, now: str) -> str:
    """Create an administrator token without using one, if all are lost; return its secret.

    Only a connection that can write is required, which implies full control of the registry. So
    that a recovery can't go unnoticed, all valid tokens of other administrators are revoked, with
    a corresponding error when used; the list and the journal show it too. It must not be callable
    from a web service.
    """
    # Read before the revocations, after which it would be empty.
    beside = administrators(connection, now)
    for row in _valid_administrators(connection, now):
        connection.execute(token.update().where(token.c.id == row["id"]).values(revoked=now))
        add_to_journal(
            connection, LOCAL, now, _BY_RECOVERY, row["id"], f"{row['role']} {row['holder']}"
        )
    note = f"; revoked: {', '.join(beside) or 'none'}"
    return _make(connection, LOCAL, Grant(holder, ADMINISTRATOR), now, "token recovered", note)


def administrators(connection: sa.Connection, now: str) -> list[str]:
    """Return the valid tokens of administrators as "holder (id)", in the order of creation."""
    return [f"{row['holder']} ({row['id']})" for row in _valid_administrators(connection, now)]


def revoke(connection: sa.Connection, actor: Actor, id: str, now: str) -> None:
    """Revoke a token; it stays in the list.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection from `writing`.
    actor : Actor
        An administrator.
    id : str
        Id of the token as in the list of tokens; not its secret.
    now : str
        The current time (UTC), recorded as the time of the revocation.

    Raises
    ------
    NotAllowedError
        The actor is not an administrator.
    RegistryError
        Unknown or already revoked token, or the last one of an administrator.
    """
    require_role(actor, ADMINISTRATOR, doing="revoke tokens")
    rows = {row["id"]: row for row in _all(connection)}
    if id not in rows:
        raise RegistryError(
            f"No token has the id '{id}'{near_matches(id, rows) or '.'} 'hotspots registry token"
            " list' shows them."
        )
    row = rows[id]
    if row["revoked"]:
        raise RegistryError(f"The token '{id}' was revoked on {row['revoked'][:10]} already.")
    others = [r for r in _valid_administrators(connection, now) if r["id"] != id]
    if row["role"] == ADMINISTRATOR and not others:
        raise RegistryError(
            f"'{id}' is the last valid token of an administrator; without it nobody could make"
            " others. Make a new one first, then revoke this one."
        )
    connection.execute(token.update().where(token.c.id == id).values(revoked=now))
    add_to_journal(connection, actor, now, _BY_ADMINISTRATOR, id, f"{row['role']} {row['holder']}")


def revoked_digests(connection: sa.Connection) -> dict[str, tuple[str, str]]:
    """Return digest -> (time of revocation, action), to be read before a backup is restored.

    The action is what the journal calls a revocation by an administrator or by a recovery.

    Empty if the database is not a registry yet.
    """
    if not sa.inspect(connection).has_table(token.name):
        return {}
    query = sa.select(token.c.id, token.c.digest, token.c.revoked).where(token.c.revoked != "")
    recovered = _recovered(connection)
    return {
        row.digest: (row.revoked, _BY_RECOVERY if row.id in recovered else _BY_ADMINISTRATOR)
        for row in connection.execute(query)
    }


def keep_revoked(
    connection: sa.Connection, actor: Actor, revoked: Mapping[str, tuple[str, str]], now: str
) -> list[str]:
    """Revoke tokens again that were restored from an older backup; return their ids.

    The journal records the restoration and each token, and says "by recovery" of one that a
    recovery revoked. This includes the last token of an
    administrator, since a revoked token may be compromised; `recover` creates a new one.

    Parameters
    ----------
    connection, actor, now
        Connection from `writing`, after the restoration; an administrator; the current time
        (UTC).
    revoked
        Result of `revoked_digests` before the restoration.

    Raises
    ------
    NotAllowedError
        The actor is not an administrator.
    """
    require_role(actor, ADMINISTRATOR, doing="restore a registry")
    add_to_journal(connection, actor, now, "restore")
    back = [row for row in _all(connection) if not row["revoked"] and row["digest"] in revoked]
    for row in back:
        moment, action = revoked[row["digest"]]
        connection.execute(token.update().where(token.c.id == row["id"]).values(revoked=moment))
        detail = f"{row['role']} {row['holder']}, as before the restoration"
        add_to_journal(connection, actor, now, action, row["id"], detail)
    return [row["id"] for row in back]


class TokenEntry(TypedDict):
    """A token as `listed` returns it; times are UTC, "" if not set."""

    id: str
    holder: str
    role: str
    regions: tuple[str, ...]
    created: str
    expires: str
    revoked: str
    state: str


def listed(connection: sa.Connection, actor: Actor, now: str) -> list[TokenEntry]:
    """Return every token in the order of making, without its secret.

    Each has id, holder, role, regions (tuple), created, expires, revoked, and state: "valid",
    "expired", "revoked" or "revoked by a recovery".

    Raises
    ------
    NotAllowedError
        The actor is not an administrator.
    """
    require_role(actor, ADMINISTRATOR, doing="list tokens")
    recovered = _recovered(connection)
    return [
        {
            "id": row["id"],
            "holder": row["holder"],
            "role": row["role"],
            "regions": _regions(row),
            "created": row["created"],
            "expires": row["expires"],
            "revoked": row["revoked"],
            "state": RECOVERED if row["id"] in recovered else _state(row, now),
        }
        for row in _all(connection)
    ]


def administered_until(connection: sa.Connection, now: str) -> str:
    """Return the last day on which an administrator token is valid, or "" if one never expires.

    Also "" if there is none.
    """
    ends = [row["expires"] for row in _valid_administrators(connection, now)]
    return max(ends)[:10] if ends and all(ends) else ""


def keepers(connection: sa.Connection, now: str) -> list[Actor]:
    """Return the actors of all valid tokens that may change records, in the order of creation."""
    actors = [_actor(row) for row in _valid(connection, now)]
    return [actor for actor in dict.fromkeys(actors) if may_keep(actor, None)]


def _make(
    connection: sa.Connection, actor: Actor, grant: Grant, now: str, action: str, note: str = ""
) -> str:
    holder, role = _holder(grant.holder), grant.role
    if role not in ROLES:
        raise BadInputError(
            f"'{role}' is not a role{near_matches(role, ROLES) or '.'} Roles are"
            f" {', '.join(ROLES)}."
        )
    kept = _checked_regions(role, grant.regions)
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = {
        "id": secrets.token_hex(5),
        "holder": holder,
        "role": role,
        "regions": SEPARATOR.join(kept),
        "digest": _digest(secret),
        "created": now,
        "expires": _end(grant.expires, now),
    }
    connection.execute(token.insert().values(row))
    where = f" for {', '.join(kept)}" if kept else ""
    until = f" until {row['expires'][:10]}" if row["expires"] else ""
    add_to_journal(
        connection, actor, now, action, row["id"], f"{role} {holder}{where}{until}{note}"
    )
    return secret


def _holder(text: str) -> str:
    holder = text_fields.checked("The token's holder", text, _MOST_HOLDER)
    # Names that the history has for users without a token.
    if not holder or holder.casefold() in (LOCAL.name, PUBLIC.name):
        raise BadInputError(
            f"A token can't be held by '{holder}'. Give a name for the history, such as"
            " 'Correspondent Kenya'."
        )
    return holder


def _checked_regions(role: str, regions: Sequence[str]) -> tuple[str, ...]:
    if role != CORRESPONDENT:
        if regions:
            raise BadInputError(f"Only a correspondent has regions; leave them out for '{role}'.")
        return ()
    kept = text_fields.regions("a token", SEPARATOR.join(regions), units=False)
    if not kept:
        raise BadInputError(
            "A correspondent needs a region: a country such as KEN, a region of the initiative, or"
            " world."
        )
    # A unit would grant permissions for its whole country.
    if units := [region for region in kept if "-" in region and region.isupper()]:
        raise BadInputError(
            f"A token can't be limited to {', '.join(units)}: rights go by country. Give the"
            " country."
        )
    return kept


def _end(expires: str, now: str) -> str:
    if not expires:
        return ""
    try:
        day = values.read(fields()["verified_on"], expires)
    except ValueError as fault:
        raise BadInputError(f"The token's last day can't be used: {fault}.") from fault
    # To the end of the day; times are ISO 8601 in UTC, which compare as text.
    end = f"{day}T23:59:59Z"
    if end < now:
        raise BadInputError(f"The token would have run out on {day}. Give a day to come.")
    return end


def _digest(secret: str) -> str:
    # A secret from the environment may have bytes that aren't UTF-8, as lone surrogates.
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _state(row: TokenRow, now: str) -> str:
    if row["revoked"]:
        return REVOKED
    return EXPIRED if row["expires"] and row["expires"] < now else VALID


def _regions(row: TokenRow) -> tuple[str, ...]:
    return tuple(filter(None, row["regions"].split(SEPARATOR)))


def _actor(row: TokenRow) -> Actor:
    return Actor(row["holder"], row["role"], _regions(row))


def _all(connection: sa.Connection) -> list[TokenRow]:
    query = sa.select(token).order_by(token.c.created, token.c.holder, token.c.id)
    return [cast("TokenRow", dict(row)) for row in connection.execute(query).mappings()]


def _valid(connection: sa.Connection, now: str) -> list[TokenRow]:
    return [row for row in _all(connection) if _state(row, now) == VALID]


def _valid_administrators(connection: sa.Connection, now: str) -> list[TokenRow]:
    return [row for row in _valid(connection, now) if row["role"] == ADMINISTRATOR]


def _recovered(connection: sa.Connection) -> set[str]:
    """Return the ids of the tokens revoked by recoveries."""
    return set(connection.scalars(sa.select(audit.c.target).where(audit.c.action == _BY_RECOVERY)))


def _ever_administered(connection: sa.Connection) -> bool:
    # Of any state: an expired or revoked one doesn't reopen the registry.
    made = sa.select(token.c.id).where(token.c.role == ADMINISTRATOR).limit(1)
    return connection.execute(made).first() is not None
