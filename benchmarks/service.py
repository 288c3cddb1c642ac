"""The map as the service sends it: kept and compressed once, or compressed for each request.

Run with ``python -m benchmarks.service [SECONDS]``. Two services of the same page run one after
the other in processes of their own: the project's, and a bare one that gives the page to the
middleware, as the project did. Both must send the same page before anything is timed. A third
figure is that of readers who have the page (304). The ratio counts; it is of one run on one
machine.
"""

from __future__ import annotations

import gzip
import http.client
import multiprocessing
import re
import sys
import threading
import time
from collections.abc import Callable

import hotspots as hs
from hotspots.api.app import create_app
from hotspots.api.map_pages import MapPages
from hotspots.config import ServiceLimits

CLIENTS = 4
ASKED = {"Accept-Encoding": "gzip"}


def kept(ports: multiprocessing.Queue[int]) -> None:
    """Run the project's service."""
    _run(create_app(hs.analyze(hs.sample()), hs.open_registry()), ports)


def each_time(ports: multiprocessing.Queue[int]) -> None:
    """Run a service that compresses the page for each request."""
    from fastapi import FastAPI
    from fastapi.middleware.gzip import GZipMiddleware
    from fastapi.responses import HTMLResponse

    pages = MapPages(hs.analyze(hs.sample()), hs.open_registry())
    html = pages.page("en").plain.content
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)

    @app.get("/", response_class=HTMLResponse)
    def home() -> HTMLResponse:
        return HTMLResponse(html)

    _run(app, ports)


def _run(app: object, ports: multiprocessing.Queue[int]) -> None:
    import uvicorn

    from hotspots.api.app import bind
    from hotspots.api.connections import server_options

    listener = bind("127.0.0.1", 0)
    ports.put(listener.getsockname()[1])
    settings = uvicorn.Config(app, log_level="error", **server_options(ServiceLimits()))  # type: ignore[arg-type]
    uvicorn.Server(settings).run(sockets=[listener])


def page_of(port: int) -> tuple[bytes, str]:
    """Return the page, unpacked, and its tag if it has one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", "/", headers=ASKED)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    return gzip.decompress(content), answer.headers.get("ETag", "")


def requests_per_second(port: int, headers: dict[str, str], status: int, seconds: float) -> float:
    """Return how many requests of `CLIENTS` clients are answered in a second."""
    done = [0] * CLIENTS
    end = time.monotonic() + seconds

    def ask(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        while time.monotonic() < end:
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
            done[client] += 1

    begun = time.monotonic()
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - begun)


def measured(
    run: Callable[[multiprocessing.Queue[int]], None], seconds: float
) -> tuple[bytes, float, float]:
    """Return the page of a service, and requests/s without and with the page's tag (else 0)."""
    context = multiprocessing.get_context("spawn")
    ports: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=run, args=(ports,))
    process.start()
    try:
        port = ports.get()
        html, tag = page_of(port)
        speed = requests_per_second(port, ASKED, 200, seconds)
        again = ASKED | {"If-None-Match": tag}
        return html, speed, requests_per_second(port, again, 304, seconds) if tag else 0.0
    finally:
        process.terminate()
        process.join()


def without_names(page: bytes) -> bytes:
    """Return a page without the random names that folium gives to its elements."""
    return re.sub(rb"[0-9a-f]{32}", b"", page)


def main() -> None:
    """Print requests/s of both services, and their ratio."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    page, slow, _ = measured(each_time, seconds)
    same, fast, known = measured(kept, seconds)
    assert without_names(page) == without_names(same), "the services send different pages"
    print(f"page                      {len(page) / 1e6:8.2f} MB")
    print(f"compressed each time      {slow:8.1f} requests/s")
    print(f"compressed once           {fast:8.1f} requests/s, {fast / slow:.0f} times as many")
    print(f"readers who have it (304) {known:8.1f} requests/s")


if __name__ == "__main__":
    main()
