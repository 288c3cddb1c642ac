"""Connections with time limits for slow clients; refusals are answered as problem+json.

uvicorn limits only the time between two requests: a client that sends a byte now and then, or
that never reads its response, would hold a connection indefinitely. Here each connection is
checked once a second (`Guarded._look`), and requests refused by the server itself get a
problem+json with the security headers, like all other responses.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hotspots.api.http_errors import MEDIA_TYPE, problem_body
from hotspots.api.middleware import ANY_ORIGIN
from hotspots.api.security import HEADERS
from hotspots.config import ServiceLimits

LOOK_S = 1.0  # interval between two checks of a connection, s
_RETRY = {"Retry-After": "5"}


def guarded(limits: ServiceLimits) -> type[H11Protocol]:
    """Return the protocol class with these limits, for uvicorn's setting ``http``."""
    return type("Guarded", (Guarded,), {"limits": limits})


class Guarded(H11Protocol):
    """uvicorn's HTTP/1.1 protocol with limits on time and on the number of connections.

    Attributes
    ----------
    limits : ServiceLimits
        Limits that apply to every connection.
    """

    limits: ServiceLimits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the connection; refuse it if too many are open already."""
        super().connection_made(transport)
        now = self.loop.time()
        self._awaited: object = None
        self._awaited_since = self._read_since = now
        self._unread = 0
        self._is_last = False
        self._looking = self.loop.call_later(LOOK_S, self._look)
        # A refusal occupies its connection until the next check; beyond this, none is written.
        if len(self.connections) > 2 * self.limits.connections:
            transport.abort()
        elif len(self.connections) > self.limits.connections:
            most = f"{self.limits.connections:,} connections are open, which is the limit"
            self._refuse(503, f"{most}; try again in some seconds.", _RETRY)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection and its periodic check."""
        self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process what the client sends; after a refusal, discard it."""
        if not self._is_last:
            super().data_received(data)

    def resume_writing(self) -> None:
        """Resume writing: the client has read."""
        self._read_since = self.loop.time()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that isn't HTTP, or whose head is too long."""
        most = f"{self.limits.head_bytes:,} bytes for its first line and headers"
        self._refuse(400, f"This is not a valid HTTP/1.1 request with at most {most}.")

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: any client could fill the log by requesting another protocol."""

    def _refuse(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """Write a last response, unless one has begun; discard what the client still sends.

        The connection is closed at the next check: if it were closed immediately, with bytes of
        the client unread, the response could be lost in transit.
        """
        self._unset_keepalive_if_required()
        self._is_last = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # its route may continue, but writes nothing more
        # A response has begun: a second one would be taken for a part of it.
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        phrase = HTTPStatus(status).phrase
        body = problem_body(status, phrase.lower().replace(" ", "-"), phrase, detail)
        base = HEADERS | ANY_ORIGIN | (headers or {})
        entity = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        head = h11.Response(
            status_code=status, headers=list((base | entity).items()), reason=phrase.encode()
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        # The client sees the end, while what it still sends is received and discarded.
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _look(self) -> None:
        """End the connection if its client exceeds a time limit; else schedule the next check."""
        self._looking = self.loop.call_later(LOOK_S, self._look)
        now = self.loop.time()
        # First: a connection that is closing still waits until its client has read the rest.
        if self._waits_for_reader(now) > self.limits.unread_seconds:
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self._is_last:
            self.transport.close()
        elif self._waits_for_request(now) > self.limits.request_seconds:
            self._end_late()

    def _waits_for_request(self, now: float) -> float:
        """Return for how many seconds a request has been incomplete."""
        client_state = self.conn.their_state
        begun = self.cycle is None or bool(self.conn.trailing_data[0])
        unfinished = client_state is h11.SEND_BODY or (client_state is h11.IDLE and begun)
        # The cycle is that of the request or, until its head is complete, of the previous one.
        awaited = (self.cycle, client_state) if unfinished else None
        if awaited is None or (self._awaited is not None and awaited != self._awaited):
            self._awaited_since = now
        self._awaited = awaited
        return now - self._awaited_since

    def _waits_for_reader(self, now: float) -> float:
        """Return for how many seconds the client has read nothing of the pending response."""
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread < self._unread:
            self._read_since = now
        self._unread = unread
        return now - self._read_since

    def _end_late(self) -> None:
        """End a connection whose request is late; answer 408 if a head has begun."""
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            most = f"within {self.limits.request_seconds} seconds"
            self._refuse(408, f"The request was not whole {most}; send it at once.")
        else:
            self.transport.close()


def server_options(limits: ServiceLimits) -> dict[str, Any]:
    """Return uvicorn's settings, as arguments of `uvicorn.Config`."""
    return {
        "http": guarded(limits),
        "ws": "none",
        "server_header": False,
        "access_log": False,
        "h11_max_incomplete_event_size": limits.head_bytes,
        "timeout_keep_alive": limits.idle_seconds,
        "timeout_graceful_shutdown": limits.stop_seconds,
    }
