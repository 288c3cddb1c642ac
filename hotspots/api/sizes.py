"""Limits on the size of a request."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hotspots.api.http_errors import problem
from hotspots.config import ServiceLimits


class SmallRequests:
    """ASGI middleware that refuses a request with too large a head or too large a body.

    h11 limits only an incomplete head; one that arrives in a single piece may be larger. No route
    reads a body, so a body of unknown length (chunked) is never stored: the response is sent, and
    `hotspots.api.connections` ends the connection if the body continues for too long.
    """

    def __init__(self, app: ASGIApp, limits: ServiceLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 431 or 413."""
        app = self.app
        if scope["type"] == "http":
            if _head_bytes(scope) > self.limits.head_bytes:
                what = f"The request's address and headers are {_most(self.limits.head_bytes)}"
                app = problem(Request(scope), 431, "head-too-large", "Head too large", what)
            elif _body_bytes(scope) > self.limits.body_bytes:
                what = f"The request's body is {_most(self.limits.body_bytes)}"
                app = problem(Request(scope), 413, "body-too-large", "Body too large", what)
        await app(scope, receive, send)


def _most(limit: int) -> str:
    return f"too large; at most {limit:,} bytes are allowed."


def _head_bytes(scope: Scope) -> int:
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
    return headers + len(scope.get("raw_path") or b"") + len(scope["query_string"])


def _body_bytes(scope: Scope) -> int:
    """Return the declared length of a body; the server has already refused a non-numeric one."""
    declared = Headers(scope=scope).get("content-length", "0")
    return int(declared) if declared.isdecimal() else 0
