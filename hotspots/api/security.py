"""Security headers: a page runs only its own scripts, and browsers don't guess media types."""

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
    """ASGI middleware that adds each of `HEADERS` that a response doesn't set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; complete the headers of the response."""

        async def send_with_headers(message: Message) -> None:
            """Send with the missing headers added."""
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def policy_for(html: str) -> str:
    """Return the Content-Security-Policy of a page with inline scripts and styles.

    Each inline script is allowed by its hash, so an event handler injected through data
    (``<img onerror=…>``) doesn't run; inline styles are allowed because Leaflet and folium
    position elements by style attributes.
    """
    hashes = " ".join(script_hashes(html))
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'self'"
    )
