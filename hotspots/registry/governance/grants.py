"""Granting a role on a registry: making a token and handing over its secret in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hotspots.io import clock
from hotspots.registry.governance import tokens
from hotspots.registry.permissions import LOCAL

if TYPE_CHECKING:
    import sqlalchemy as sa

    from hotspots.registry.registry import Registry

Deliver = Callable[[str], None]


@dataclass(frozen=True)
class Granted:
    """The result of `grant` or `recover`.

    Attributes
    ----------
    secret : str
        Secret of the new token, which is not stored and can't be read again.
    revoked : tuple of str
        The administrators' tokens that a recovery revoked, as "holder (id)"; empty for `grant`.
    administered_until : str
        Last day (YYYY-MM-DD, UTC) on which an administrator's token is valid; "" if one doesn't
        expire, or there is none.
    is_open : bool
        Whether there is no administrator's token yet, so that whoever can open the registry is
        its administrator.
    """

    secret: str
    revoked: tuple[str, ...]
    administered_until: str
    is_open: bool


def grant(registry: Registry, wanted: tokens.Grant, deliver: Deliver) -> Granted:
    """Grant a role to a holder, with the rights of the registry's actor.

    Parameters
    ----------
    registry : Registry
        An open registry, whose actor is an administrator.
    wanted : Grant
        The holder, and what the token allows.
    deliver : callable
        Called with the secret before the transaction is committed; if it raises, no token is
        made. A secret without its token is harmless, but a token whose secret is lost may lock
        everybody out.

    Raises
    ------
    NotAllowedError, BadInputError
        See `tokens.create`.
    """
    now = clock.now()
    with registry.writing() as connection:
        secret = tokens.create(connection, registry.actor, wanted, now)
        return _delivered(connection, secret, (), deliver, now)


def recover(registry: Registry, holder: str, deliver: Deliver) -> Granted:
    """Grant the role of an administrator without a token, if all are lost: see `tokens.recover`.

    Parameters
    ----------
    registry : Registry
        An open registry that can be written.
    holder : str
        Name of the new administrator, for the history.
    deliver : callable
        See `grant`.

    Raises
    ------
    BadInputError
        A name that can't be a holder's.
    """
    now = clock.now()
    with registry.writing() as connection:
        revoked = tuple(tokens.administrators(connection, now))
        secret = tokens.recover(connection, holder=holder, now=now)
        return _delivered(connection, secret, revoked, deliver, now)


def administrators(registry: Registry) -> list[str]:
    """Return the valid tokens of administrators, which a recovery would revoke."""
    with registry.reading() as connection:
        return tokens.administrators(connection, clock.now())


def _delivered(
    connection: sa.Connection, secret: str, revoked: tuple[str, ...], deliver: Deliver, now: str
) -> Granted:
    until = tokens.administered_until(connection, now)
    is_open = tokens.actor_of(connection, None) == LOCAL
    deliver(secret)
    return Granted(secret, revoked, until, is_open)
