"""Headers that keep a page to its own scripts and a browser from guessing."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotspots.maps.policy import script_hashes

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Headers:
    """ASGI middleware that adds `HEADERS` where a response doesn't set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; complete the headers of its answer."""

        async def send_with_headers(message: Message) -> None:
            """Send, with the headers put in."""
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def policy_for(html: str) -> str:
    """Return the Content-Security-Policy of a page that carries its scripts and styles inline.

    Each inline script is allowed by its hash, so that a handler smuggled in through data
    (``<img onerror=…>``) stays dead; styles are allowed inline because Leaflet and folium
    position by style attributes.
    """
    hashes = " ".join(script_hashes(html))
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'self'"
    )
