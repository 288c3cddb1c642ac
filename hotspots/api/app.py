"""The application (state, routers, error handlers, middleware) and its server.

Nothing is downloaded or recomputed while a request is served: routes read the edition with which
the application was created, and the map is redrawn when the registry has changed.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

import hotspots
from hotspots.api import http_errors, security
from hotspots.api.encoding import Compressed
from hotspots.api.log_settings import log_settings
from hotspots.api.map_pages import MapPages
from hotspots.api.middleware import EXPOSED, READS, Head
from hotspots.api.models import Problem
from hotspots.api.routers import editions, health, home, methods, regions
from hotspots.api.sizes import SmallRequests
from hotspots.config import ServiceLimits, in_force
from hotspots.errors import BadInputError
from hotspots.locale.escaping import one_line

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition
    from hotspots.registry import Registry

SMALLEST_GZIP_BYTES = 1000
# Level 9 takes several times as long and saves only a few per cent more.
GZIP_LEVEL = 5
HIGHEST_PORT = 65535
# Time for which a browser needn't ask again whether a page may read; s.
PREFLIGHT_S = 86_400


def create_app(
    edition: Edition, registry: Registry, limits: ServiceLimits | None = None
) -> FastAPI:
    """Return the application that serves `edition` and, on its map, the records of `registry`.

    Without `limits`, those set in the environment apply.

    FastAPI's documentation pages are disabled because they load scripts from other hosts; the
    OpenAPI document is at ``/api``.
    """
    limits = limits or in_force(ServiceLimits)
    app = FastAPI(
        title="hotspots",
        summary="Where soil carbon can be gained, where it is at risk, and who is already there.",
        version=hotspots.__version__,
        openapi_url="/api",
        docs_url=None,
        redoc_url=None,
        responses={code: {"model": Problem} for code in (404, 422)},
    )
    app.state.edition = edition
    app.state.registry = registry
    app.state.pages = MapPages(edition, registry, limits.registry_seconds)

    app.include_router(home.router)
    app.include_router(health.router)
    app.include_router(regions.router)
    app.include_router(editions.router)
    app.include_router(methods.router)

    http_errors.add_handlers(app)
    # The middleware added last is the first to receive a request: refusals and preflights have
    # the security headers, and refusals can be read by pages of other origins. All origins are
    # treated alike, "null" (a page in a sandbox) too, because the numbers are public and nothing
    # can be written; credentials aren't allowed.
    app.add_middleware(Compressed, minimum_size=SMALLEST_GZIP_BYTES, compresslevel=GZIP_LEVEL)
    app.add_middleware(SmallRequests, limits=limits)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=READS.split(", "),
        allow_headers=["*"],
        expose_headers=EXPOSED,
        max_age=PREFLIGHT_S,
    )
    app.add_middleware(security.Headers)
    app.add_middleware(Head)
    return app


def serve(edition: Edition, registry: Registry, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the application of `create_app` until interrupted.

    Parameters
    ----------
    edition : Edition
        The edition to serve.
    registry : Registry
        The registry whose records are drawn on the map.
    host : str
        Host name or address of this machine to listen on.
    port : int
        TCP port, 0 to 65535; 0 selects any free port.

    Raises
    ------
    BadInputError
        The host doesn't belong to this machine, the port is in use or not allowed, or a limit in
        the environment is not a whole number.
    """
    import uvicorn

    from hotspots.api.connections import server_options
    from hotspots.registry.open import place_of

    limits = in_force(ServiceLimits)
    # Bound before uvicorn starts, which would log a port in use and end the process.
    listener = bind(host, port)
    app = create_app(edition, registry, limits)
    address = listener.getsockname()
    name = f"[{address[0]}]" if ":" in address[0] else address[0]
    print(f"Edition {edition.id} is at http://{name}:{address[1]}/ (Ctrl+C ends it)", flush=True)
    print(f"Registry: {one_line(place_of(registry))}", flush=True)
    with listener:
        settings = uvicorn.Config(app, log_config=log_settings(), **server_options(limits))
        uvicorn.Server(settings).run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host` and `port`, or raise `BadInputError`."""
    if not 0 <= port <= HIGHEST_PORT:
        # getaddrinfo would reduce the number modulo 65536 and bind another port.
        raise BadInputError(_refusal(host, port, ValueError("out of range")))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as fault:
        raise BadInputError(_refusal(host, port, fault)) from fault
    try:
        # Or else the port would stay blocked for a while after a service has ended.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Listening immediately makes a second server fail here rather than later.
        listener.listen()
    except OSError as fault:
        listener.close()
        raise BadInputError(_refusal(host, port, fault)) from fault
    return listener


def _refusal(host: str, port: int, fault: Exception) -> str:
    why = getattr(fault, "strerror", None) or str(fault)
    return (
        f"Can't serve at host '{host}', port {port} ({why}); give another port between 1024 and "
        "65535 (0 takes any free one), or a host name of this machine."
    )
