"""A limit on what a client may send with its request."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hotspots.api.errors import problem


class SmallBodies:
    """ASGI middleware that refuses a request whose Content-Length is above a limit.

    No route reads a body, so a body of unknown length (chunked) is never kept: the answer goes out
    and `hotspots.api.connections` ends the connection if the body goes on for too long.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] == "http" and _length(Headers(scope=scope)) > self.most:
            detail = f"The request's body is too large; at most {self.most:,} bytes are allowed."
            refusal = problem(Request(scope), 413, "content-too-large", "Content Too Large", detail)
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _length(headers: Headers) -> int:
    """Return the length that a request declares; the server has refused what is no number."""
    told = headers.get("content-length", "0")
    return int(told) if told.isdecimal() else 0
