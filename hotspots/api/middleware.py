"""Middleware for HEAD requests and for cross-origin reading (CORS)."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = "GET, HEAD"
ANYONE = {"Access-Control-Allow-Origin": "*"}
_A_DAY = "86400"
_PREFLIGHT = ANYONE | {
    "Allow": f"{READS}, OPTIONS",
    "Access-Control-Allow-Methods": READS,
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": _A_DAY,
}


class Head:
    """ASGI middleware that answers HEAD on every GET route: the same headers without a body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle HEAD as GET and remove the body."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            """Send the headers with an empty body."""
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, send_without_body)


class OpenNumbers:
    """ASGI middleware that allows any origin to read ``/v1/…``, ``/health``, ``/ready``.

    The numbers are public and nothing can be written, so all origins are treated alike;
    credentials are neither required nor allowed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS; add the CORS header to responses to GET and HEAD."""
        if scope["type"] != "http" or not _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
            return

        async def send_with_header(message: Message) -> None:
            """Send with the CORS header."""
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ANYONE)
            await send(message)

        reads = scope["method"] in READS.split(", ")
        await self.app(scope, receive, send_with_header if reads else send)


def _is_open(path: str) -> bool:
    return path in ("/health", "/ready") or path.startswith("/v1/")
