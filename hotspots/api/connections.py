"""A connection that ends when its client is too slow, and that refuses in the service's own words.

uvicorn limits the wait between two requests only: a client that sends a byte now and then, or that
never reads its answer, would hold a connection for ever. Here each connection is looked at once a
second (`Guarded._look`), and what the server itself refuses is a problem+json with the security
headers, like all other answers.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hotspots.api.http_errors import MEDIA_TYPE, problem_body
from hotspots.api.security import HEADERS
from hotspots.api.settings import ServiceLimits

LOOK_S = 1.0  # between two looks at a connection
_RETRY = {"Retry-After": "5"}


def guarded(limits: ServiceLimits) -> type[H11Protocol]:
    """Return the protocol of connections under these limits, as uvicorn's setting ``http``."""
    return type("Guarded", (Guarded,), {"limits": limits})


class Guarded(H11Protocol):
    """uvicorn's HTTP/1.1 protocol with limits of time and number.

    Attributes
    ----------
    limits : ServiceLimits
        In force for all connections.
    """

    limits = ServiceLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; refuse if there are too many already."""
        super().connection_made(transport)
        now = self.loop.time()
        self._awaited: object = None
        self._awaited_since = self._read_since = now
        self._unread = 0
        self._is_last = False
        self._looking = self.loop.call_later(LOOK_S, self._look)
        if len(self.connections) > 2 * self.limits.connections:
            transport.abort()
        elif len(self.connections) > self.limits.connections:
            most = f"{self.limits.connections:,} connections are open, which is the limit"
            self._refuse(503, f"{most}; try again in some seconds.", _RETRY)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; nothing is left to look at."""
        self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends; after a refusal, let it go."""
        if not self._is_last:
            super().data_received(data)

    def resume_writing(self) -> None:
        """Go on writing: the client has read."""
        self._read_since = self.loop.time()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what isn't HTTP, or has too long a head."""
        most = f"{self.limits.head_bytes:,} bytes for its first line and headers"
        self._refuse(400, f"This is not a valid HTTP/1.1 request with at most {most}.")

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anybody can ask for another protocol, as often as they like."""

    def _refuse(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """Write a last answer, if none has begun; what the client still sends is let go.

        The connection is closed at the next look: closed at once, with bytes of the client unread,
        the answer would be lost on its way.
        """
        self._unset_keepalive_if_required()
        self._is_last = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # its route may go on, and writes nothing any more
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        phrase = HTTPStatus(status).phrase
        body = problem_body(status, phrase.lower().replace(" ", "-"), phrase, detail)
        kept = HEADERS | (headers or {})
        told = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), "Connection": "close"}
        head = h11.Response(
            status_code=status, headers=list((kept | told).items()), reason=phrase.encode()
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _look(self) -> None:
        """End the connection if its client keeps it waiting for too long; else look again."""
        self._looking = self.loop.call_later(LOOK_S, self._look)
        now = self.loop.time()
        if self._waits_for_reader(now) > self.limits.unread_seconds:
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self._is_last:
            self.transport.close()
        elif self._waits_for_request(now) > self.limits.request_seconds:
            self._end_late()

    def _waits_for_request(self, now: float) -> float:
        """Return for how many seconds a request has begun and isn't whole."""
        theirs = self.conn.their_state
        begun = self.cycle is None or bool(self.conn.trailing_data[0])
        unfinished = theirs is h11.SEND_BODY or (theirs is h11.IDLE and begun)
        # The cycle is that of the request, or before its head is whole that of the one before.
        awaited = (self.cycle, theirs) if unfinished else None
        if awaited is None or (self._awaited is not None and awaited != self._awaited):
            self._awaited_since = now
        self._awaited = awaited
        return now - self._awaited_since

    def _waits_for_reader(self, now: float) -> float:
        """Return for how many seconds nothing of what is to be sent was taken."""
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread < self._unread:
            self._read_since = now
        self._unread = unread
        return now - self._read_since

    def _end_late(self) -> None:
        """End a connection whose request didn't come; tell the client if a head was begun."""
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            most = f"within {self.limits.request_seconds} seconds"
            self._refuse(408, f"The request was not whole {most}; send it at once.")
        else:
            self.transport.close()


def server_options(limits: ServiceLimits) -> dict[str, Any]:
    """Return what uvicorn is set to, as arguments of `uvicorn.Config`."""
    return {
        "http": guarded(limits),
        "ws": "none",
        "server_header": False,
        "access_log": False,
        "h11_max_incomplete_event_size": limits.head_bytes,
        "timeout_keep_alive": limits.idle_seconds,
        "timeout_graceful_shutdown": limits.stop_seconds,
    }
