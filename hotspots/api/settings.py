"""Limits of the service: connections, sizes and times."""

from __future__ import annotations

from dataclasses import dataclass

from hotspots.io.limits import in_force


@dataclass(frozen=True)
class ServiceLimits:
    """The limits of the service; ``HOTSPOTS_MAX_<NAME>`` in the environment changes one.

    Attributes
    ----------
    connections : int
        Number of open connections; the next one is answered 503. Keep it about 64 below the
        number of files that the process may open (``ulimit -n``).
    head_bytes : int
        Size of a request's address and headers; a larger one is answered 431, or 400 where the
        head isn't complete by then.
    body_bytes : int
        Size of a request's body according to Content-Length; a larger one is answered 413. No
        route reads a body.
    request_seconds : int
        Time for a request to be complete, head and body, from its first byte (for the first
        request, from the connection); then it is answered 408, or the connection ends.
    idle_seconds : int
        Seconds that a connection may wait for its next request.
    unread_seconds : int
        Seconds that an answer may wait without its client reading any of it.
    stop_seconds : int
        Seconds that requests in progress are given when the service is stopped.
    registry_seconds : int
        Interval in seconds between checks of the registry for changes.
    """

    connections: int = 512
    head_bytes: int = 16_384
    body_bytes: int = 65_536
    request_seconds: int = 20
    idle_seconds: int = 5
    unread_seconds: int = 60
    stop_seconds: int = 10
    registry_seconds: int = 1


def service_limits() -> ServiceLimits:
    """Return the limits of the service in force.

    Raises
    ------
    BadInputError
        A variable's value is not a whole number above 0.
    """
    return in_force(ServiceLimits)
