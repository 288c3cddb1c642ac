"""Which encoding of an answer a client takes, and whether it has the answer already."""

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

# uvicorn waits for the client after each piece, so that a slow one holds some pieces and no body.
PIECE_BYTES = 65_536


class Compressed(GZipMiddleware):
    """Compresses answers that aren't compressed yet, for clients that take it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a plain yes or no: the middleware itself reads no weights."""
        if scope["type"] == "http":
            headers = MutableHeaders(raw=list(scope["headers"]))
            headers["Accept-Encoding"] = "gzip" if accepts_gzip(headers) else "identity"
            scope = {**scope, "headers": headers.raw}

        async def send_plain_vary(message: Message) -> None:
            """Send; the middleware adds to Vary what an answer may name already."""
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                if names := told.get("vary"):
                    told["Vary"] = ", ".join(dict.fromkeys(n.strip() for n in names.split(",")))
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
    """Return a kept body as an answer, or 304 to a client that has it (``If-None-Match``)."""
    told = dict(headers) | {"ETag": body.etag, "Cache-Control": "no-cache"}
    if _has(request.headers.get("if-none-match", ""), body.etag):
        return Response(status_code=304, headers=told)
    told["Content-Length"] = str(len(body.content))
    if body.encoding:
        told["Content-Encoding"] = body.encoding
    return StreamingResponse(_pieces(body.content), headers=told)


def _has(given: str, etag: str) -> bool:
    """Compare as RFC 9110 asks for If-None-Match: weakly."""
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return "*" in tags or etag in tags


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]
        await asyncio.sleep(0)  # lets the server see that the client has gone
