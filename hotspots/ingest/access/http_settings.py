"""Time-outs, retries and connection limits of the HTTP client, as set by the environment."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from hotspots import config
from hotspots.errors import BadInputError, shortened


@dataclass(frozen=True)
class Settings:
    """Time-outs, retries and connection limits of the client; times in seconds.

    Attributes
    ----------
    connect : float
        Time-out for establishing one connection.
    stall : float
        Longest time without a byte in an open stream.
    reach : float
        Total time of all attempts before a server is reported as unreachable.
    tries : int
        Maximum number of attempts of one request.
    back_off : float
        Wait before the second attempt; doubled for each further one.
    longest_wait : float
        The longest ``Retry-After`` that is waited for; a longer one raises an error.
    silence : float
        Time during which an unreachable host isn't contacted again.
    per_host : int
        Maximum number of simultaneous connections to one host.
    mirrors : tuple of (str, str)
        Address prefixes and their replacements.
    """

    connect: float = 5.0
    stall: float = 20.0
    reach: float = 28.0
    tries: int = 4
    back_off: float = 1.0
    longest_wait: float = 60.0
    silence: float = 60.0
    per_host: int = 2
    mirrors: tuple[tuple[str, str], ...] = ()


def settings() -> Settings:
    """Return the settings from the environment, or raise `BadInputError`."""
    given = config.settings()
    stall = given.http_timeout
    return Settings(
        connect=min(Settings.connect, stall),
        stall=stall,
        # The limit of 30 seconds is scaled down with the time-out, never up.
        reach=min(Settings.reach, stall * Settings.reach / Settings.stall),
        back_off=min(Settings.back_off, stall / 20),
        tries=int(given.http_tries),
        mirrors=_mirrors(given.mirrors),
    )


def _mirrors(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for entry in filter(None, (e.strip() for e in text.split(";"))):
        # Not at the first "=", which the query of an address may have too.
        left, equals, right = entry.partition("=http")
        right = f"http{right}"
        if not equals or not left.startswith("http") or not urlsplit(right).hostname:
            raise BadInputError(
                f"{config.variable('mirrors')} has the entry '{shortened(entry)}'. Write"
                " ADDRESS=ADDRESS, both with http:// or https://, several with ';' between them."
            )
        pairs.append((left.rstrip("/"), right.rstrip("/")))
    return tuple(pairs)
