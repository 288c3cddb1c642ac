"""Tokens: who acts on a registry.

A token is a random secret; only its digest is stored. The digest is a plain SHA-256 without salt,
for a secret of 256 random bits can't be guessed, however fast the hash is: slow, salted hashes
protect passwords that people choose. So one look-up by the digest is enough for each request.

While a registry has never had a token of an administrator, whoever can open its database is its
administrator. From the first such token on, one without a token reads and suggests; a token that
has run out or was revoked doesn't open the registry to all again.

Tokens limit those who come through this program. They can't limit somebody who may write the
database itself: the file, or the tables in PostgreSQL; docs/security.md states the whole model. So
`recover` gives nobody a right that they lack; but correspondents who should be held to their
regions must reach the registry through the web service, or over a machine whose file they can't
write, and never be given the user of the PostgreSQL database.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError, RegistryError, TokenError, near_matches
from hotspots.registry import clock
from hotspots.registry.database.changes import log
from hotspots.registry.database.tables import audit, token
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

PREFIX = "hsp_"  # so that a secret is recognised where it shouldn't be, by people and by scanners
_SECRET_BYTES = 32
_MOST_HOLDER = 100  # characters
VALID, EXPIRED, REVOKED, RECOVERED = "valid", "expired", "revoked", "revoked by a recovery"
# The journal's word for it; from there a token's holder learns why it was revoked.
_BY_RECOVERY = "token revoked by recovery"


def actor_of(connection: sa.Connection, secret: str | None, now: str = "") -> Actor:
    """Return who acts.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Of a registry.
    secret : str or None
        Of a token; without one it is `LOCAL` while no administrator's token was ever made, else
        `PUBLIC`.
    now : str
        The moment; the clock's by default.

    Raises
    ------
    TokenError
        The token isn't known, has run out or was revoked.
    """
    secret = (secret or "").strip()
    if not secret:
        return PUBLIC if _ever_administered(connection) else LOCAL
    digest = _digest(secret)
    found = connection.execute(sa.select(token).where(token.c.digest == digest)).mappings().first()
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


def create(
    connection: sa.Connection,
    actor: Actor,
    *,
    holder: str,
    role: str,
    regions: Iterable[str] = (),
    expires: str = "",
    now: str,
) -> str:
    """Make a token and return its secret, which is stored nowhere: show it once.

    Parameters
    ----------
    connection, actor, now
        One that `writing` gave; an administrator; the moment (UTC).
    holder : str
        Whom the history names, chosen by the organisation: "Correspondent Kenya". No address.
    role : str
        One of `hotspots.registry.permissions.ROLES`.
    regions : iterable of str
        Of a correspondent, at least one: countries, regions of the initiative, or "world".
    expires : str
        Last day (UTC) on which it is valid, such as 2027-12-31; without, it doesn't run out.

    Raises
    ------
    NotAllowedError
        The actor is no administrator.
    BadInputError
        An unknown role or region, regions of another than a correspondent, a day in the past.
    """
    require_role(actor, ADMINISTRATOR, doing="make tokens")
    return _make(connection, actor, holder, role, tuple(regions), expires, now, "token made")


def recover(connection: sa.Connection, *, holder: str, now: str) -> str:
    """Make an administrator's token without showing one, as where all are lost; return its secret.

    Nothing is asked but a connection that can write: who has that owns the registry already. So
    that nobody is recovered from unseen, the valid tokens of all other administrators are revoked,
    and say so when they are used; the list and the journal show it too. No way from outside (a web
    service) may call this.
    """
    beside = administrators(connection, now)
    for row in _valid_administrators(connection, now):
        connection.execute(token.update().where(token.c.id == row["id"]).values(revoked=now))
        log(connection, LOCAL, now, _BY_RECOVERY, row["id"], f"{row['role']} {row['holder']}")
    note = f"; revoked: {', '.join(beside) or 'none'}"
    return _make(connection, LOCAL, holder, ADMINISTRATOR, (), "", now, "token recovered", note)


def administrators(connection: sa.Connection, now: str) -> list[str]:
    """Return the valid tokens of administrators as "holder (id)", in the order of making."""
    return [f"{row['holder']} ({row['id']})" for row in _valid_administrators(connection, now)]


def revoke(connection: sa.Connection, actor: Actor, id: str, now: str) -> None:
    """End a token; it stays in the list.

    Raises
    ------
    NotAllowedError
        The actor is no administrator.
    RegistryError
        No such token, one that was revoked before, or the last of an administrator.
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
    log(connection, actor, now, "token revoked", id, f"{row['role']} {row['holder']}")


def revoked_digests(connection: sa.Connection) -> dict[str, str]:
    """Return digest -> moment of every revoked token; to be read before a backup is restored.

    Empty where the database isn't a registry yet.
    """
    if not sa.inspect(connection).has_table(token.name):
        return {}
    query = sa.select(token.c.digest, token.c.revoked).where(token.c.revoked != "")
    return {row.digest: row.revoked for row in connection.execute(query)}


def keep_revoked(
    connection: sa.Connection, actor: Actor, revoked: Mapping[str, str], now: str
) -> list[str]:
    """Revoke again the tokens that an older backup has brought back; return their ids.

    The journal tells of the restoration, and of each token. It doesn't spare the last token of an
    administrator: what was revoked may be in the wrong hands, and `recover` makes another.

    Parameters
    ----------
    connection, actor, now
        One that `writing` gave, after the restoration; an administrator; the moment (UTC).
    revoked
        What `revoked_digests` gave before it.

    Raises
    ------
    NotAllowedError
        The actor is no administrator.
    """
    require_role(actor, ADMINISTRATOR, doing="restore a registry")
    log(connection, actor, now, "restore")
    back = [row for row in _all(connection) if not row["revoked"] and row["digest"] in revoked]
    for row in back:
        moment = revoked[row["digest"]]
        connection.execute(token.update().where(token.c.id == row["id"]).values(revoked=moment))
        told = f"{row['role']} {row['holder']}, as before the restoration"
        log(connection, actor, now, "token revoked", row["id"], told)
    return [row["id"] for row in back]


def listed(connection: sa.Connection, actor: Actor, now: str) -> list[dict[str, Any]]:
    """Return every token in the order of making, without anything of its secret.

    Each has id, holder, role, regions (tuple), created, expires, revoked, and state: "valid",
    "expired", "revoked" or "revoked by a recovery".

    Raises
    ------
    NotAllowedError
        The actor is no administrator.
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
    """Return the day after which no administrator's token is valid, or "" if one doesn't end.

    "" too where there never was one.
    """
    ends = [row["expires"] for row in _valid_administrators(connection, now)]
    return max(ends)[:10] if ends and all(ends) else ""


def keepers(connection: sa.Connection, now: str) -> list[Actor]:
    """Return the actors of all valid tokens that may keep some record, in the order of making."""
    actors = [_actor(row) for row in _valid(connection, now)]
    return [actor for actor in dict.fromkeys(actors) if may_keep(actor, None)]


def _make(
    connection: sa.Connection,
    actor: Actor,
    holder: str,
    role: str,
    regions: tuple[str, ...],
    expires: str,
    now: str,
    action: str,
    note: str = "",
) -> str:
    holder = _holder(holder)
    if role not in ROLES:
        raise BadInputError(
            f"'{role}' is no role{near_matches(role, ROLES) or '.'} Roles are {', '.join(ROLES)}."
        )
    kept = _checked_regions(role, regions)
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = {
        "id": secrets.token_hex(5),
        "holder": holder,
        "role": role,
        "regions": SEPARATOR.join(kept),
        "digest": _digest(secret),
        "created": now,
        "expires": _end(expires, now),
    }
    connection.execute(token.insert().values(row))
    where = f" for {', '.join(kept)}" if kept else ""
    until = f" until {row['expires'][:10]}" if row["expires"] else ""
    log(connection, actor, now, action, row["id"], f"{role} {holder}{where}{until}{note}")
    return secret


def _holder(text: str) -> str:
    holder = text_fields.checked("The token's holder", text, _MOST_HOLDER)
    if not holder or holder.casefold() in (LOCAL.name, PUBLIC.name):
        raise BadInputError(
            f"A token can't be held by '{holder}'. Give a name for the history, such as"
            " 'Correspondent Kenya'."
        )
    return holder


def _checked_regions(role: str, regions: tuple[str, ...]) -> tuple[str, ...]:
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
    # A unit would give the rights of its whole country: more than was meant.
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
    end = f"{day}T23:59:59Z"
    if end < now:
        raise BadInputError(f"The token would have run out on {day}. Give a day to come.")
    return end


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _state(row: Any, now: str) -> str:
    if row["revoked"]:
        return REVOKED
    return EXPIRED if row["expires"] and row["expires"] < now else VALID


def _regions(row: Any) -> tuple[str, ...]:
    return tuple(filter(None, row["regions"].split(SEPARATOR)))


def _actor(row: Any) -> Actor:
    return Actor(row["holder"], row["role"], _regions(row))


def _all(connection: sa.Connection) -> list[Any]:
    query = sa.select(token).order_by(token.c.created, token.c.holder, token.c.id)
    return list(connection.execute(query).mappings())


def _valid(connection: sa.Connection, now: str) -> list[Any]:
    return [row for row in _all(connection) if _state(row, now) == VALID]


def _valid_administrators(connection: sa.Connection, now: str) -> list[Any]:
    return [row for row in _valid(connection, now) if row["role"] == ADMINISTRATOR]


def _recovered(connection: sa.Connection) -> set[str]:
    """Return the ids of the tokens that recoveries have revoked."""
    return set(connection.scalars(sa.select(audit.c.target).where(audit.c.action == _BY_RECOVERY)))


def _ever_administered(connection: sa.Connection) -> bool:
    made = sa.select(token.c.id).where(token.c.role == ADMINISTRATOR).limit(1)
    return connection.execute(made).first() is not None
