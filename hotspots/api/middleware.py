"""What every reader may do: ask for headers alone, and read the numbers from a page elsewhere."""

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
    """ASGI middleware that answers HEAD wherever GET is, with the same headers and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass HEAD on as GET; keep the body back."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            """Send the head only."""
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, send_without_body)


class OpenNumbers:
    """ASGI middleware that lets pages of any origin read ``/v1/…``, ``/health``, ``/ready``.

    The numbers are public and nothing can be written, so no origin is told from another; no
    credentials are asked for or allowed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS; add the header that a browser asks for to what is read."""
        if scope["type"] != "http" or not _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
            return

        async def send_with_header(message: Message) -> None:
            """Send, with the header put in."""
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ANYONE)
            await send(message)

        reads = scope["method"] in READS.split(", ")
        await self.app(scope, receive, send_with_header if reads else send)


def _is_open(path: str) -> bool:
    return path in ("/health", "/ready") or path.startswith("/v1/")
