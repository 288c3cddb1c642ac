"""Content encoding and conditional requests: which encoding a client accepts, and 304."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from hotspots.api.dependencies import weight_of
from hotspots.api.map_pages import Body

# uvicorn waits for the client after each piece, so a slow client holds a few pieces, not a body.
PIECE_BYTES = 65_536


class Compressed(GZipMiddleware):
    """Compresses responses that aren't compressed yet, for clients that accept it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reduce Accept-Encoding to gzip or identity: the base class ignores weights."""
        if scope["type"] == "http":
            headers = MutableHeaders(raw=list(scope["headers"]))
            headers["Accept-Encoding"] = "gzip" if accepts_gzip(headers) else "identity"
            scope = {**scope, "headers": headers.raw}

        async def send_plain_vary(message: Message) -> None:
            """Send without duplicates in Vary, to which the base class always adds."""
            if message["type"] == "http.response.start":
                response_headers = MutableHeaders(scope=message)
                if names := response_headers.get("vary"):
                    response_headers["Vary"] = ", ".join(
                        dict.fromkeys(n.strip() for n in names.split(","))
                    )
            await send(message)

        await super().__call__(scope, receive, send_plain_vary)


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """Say whether Accept-Encoding names gzip, or "*", with a weight above 0."""
    weights = {}
    for choice in headers.get("accept-encoding", "").split(","):
        name, _, parameter = choice.strip().lower().partition(";")
        weights[name.strip()] = weight_of(parameter)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def answer(request: Request, body: Body, headers: Mapping[str, str]) -> Response:
    """Return a cached body, or 304 to a client that has it already (``If-None-Match``)."""
    # Browsers may keep the page, but must ask each time whether it is still current.
    all_headers = dict(headers) | {"ETag": body.etag, "Cache-Control": "no-cache"}
    if _has(request.headers.get("if-none-match", ""), body.etag):
        return Response(status_code=304, headers=all_headers)
    all_headers["Content-Length"] = str(len(body.content))
    if body.encoding:
        all_headers["Content-Encoding"] = body.encoding
    return StreamingResponse(_pieces(body.content), headers=all_headers)


def _has(given: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 requires for If-None-Match."""
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return "*" in tags or etag in tags


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]
        await asyncio.sleep(0)  # lets the server notice that the client has disconnected
