"""HEAD requests, and the headers for pages of other origins (CORS)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = "GET, HEAD"
# For responses made where Starlette's CORS middleware can't reach: those of the server itself,
# and that to a crash.
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
# Without this, scripts of other origins see only headers such as Content-Type.
EXPOSED = ("ETag", "Link", "Retry-After")


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
