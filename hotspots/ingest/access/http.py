"""A rate-limited HTTP client: few connections, time-outs, retries, one clear message per fault.

A host that can't be reached at all raises an error within `Settings.reach` seconds, whatever the
cause (unresolved names, closed or silent addresses, incomplete TLS handshakes), and immediately for
a while after that. A server that answers with an error is retried up to `Settings.tries` times.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hotspots import __version__
from hotspots.errors import FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.http_settings import Settings, settings
from hotspots.ingest.access.rate_limits import pause_due

if TYPE_CHECKING:
    import requests

__all__ = ["Client", "Settings", "RemoteFile", "client", "settings", "remote_file_of"]

USER_AGENT = f"hotspots/{__version__} (soil-carbon research software; python-requests)"
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
# Statuses of requests that the server didn't process, so that a retry can't act twice.
_NOT_TAKEN = frozenset({429, 503})
_HEAD = 1024  # bytes read by a probe
_MOST_JSON = 64 * 2**20
_REDIRECTS = 5
# Headers that must not follow a redirect to another host; requests itself drops Authorization.
_SECRET_HEADERS = ("PRIVATE-TOKEN",)


@dataclass(frozen=True)
class RemoteFile:
    """A file as its server describes it: size in bytes (-1: unknown), version, range support."""

    address: str
    size: int = -1
    etag: str = ""
    last_modified: str = ""
    ranges: bool = False
    status: int = 200
    head: bytes = field(default=b"", repr=False)

    @property
    def version(self) -> str:
        """The ETag, else the date of the last change, else ""."""
        return self.etag or self.last_modified


def client() -> Client:
    """Return the client with the environment's settings, one for the whole process."""
    return _client(settings())


@cache
def _client(of: Settings) -> Client:
    return Client(of)


class Client:
    """Sends HTTP requests within the limits of `Settings`; safe to share between threads."""

    def __init__(self, of: Settings | None = None) -> None:
        self.settings = of or Settings()
        self._hosts: dict[str, threading.BoundedSemaphore] = {}
        self._down: dict[str, tuple[float, FetchError]] = {}
        self._free_from: dict[str, float] = {}
        self._guard = threading.Lock()
        self._local = threading.local()

    def address(self, url: str) -> str:
        """Return the address that is requested for `url`: itself, or its mirror."""
        for left, right in self.settings.mirrors:
            # Whole names only: the mirror of x.org/data isn't one of x.org/database.
            if url == left or (url.startswith(left) and url[len(left)] in "/?"):
                return right + url[len(left) :]
        return url

    @contextmanager
    def place(self, url: str) -> Iterator[None]:
        """Hold one of the few connections to the host of `url`."""
        host = urlsplit(self.address(url)).netloc
        with self._guard:
            of_host = self._hosts.setdefault(
                host, threading.BoundedSemaphore(self.settings.per_host)
            )
        with of_host:
            yield

    @contextmanager
    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        allowed: Sequence[int] = (),
    ) -> Iterator[requests.Response]:
        """Yield the streaming response to GET (POST where there is a `body`, sent as JSON).

        Parameters
        ----------
        url : str
            Address; a mirror replaces it where one is configured.
        headers : mapping, optional
            Further request headers.
        body : object, optional
            Sent as JSON.
        allowed : sequence of int
            Statuses from 400 on that are returned; all others raise.

        Raises
        ------
        FetchError
            The server can't be reached, or answers every attempt with an error.
        """
        with self.place(url):
            response = self._send(url, dict(headers or {}), body, allowed)
            try:
                yield response
            finally:
                response.close()

    def probe(
        self,
        url: str,
        magic: Sequence[bytes] = (),
        *,
        headers: Mapping[str, str] | None = None,
        allowed: Sequence[int] = (),
    ) -> RemoteFile:
        """Return the server's description of a file, after reading its first bytes.

        Parameters
        ----------
        url : str
            Address of the file.
        magic : sequence of bytes
            Permitted first bytes of the file; any if empty.
        headers : mapping, optional
            Further request headers.
        allowed : sequence of int
            Statuses to return instead of raising, such as 404 for a tile that may be absent.

        Raises
        ------
        FetchError
            The server can't be reached or refuses; or it sends a web page, or another kind of
            file, instead of data.
        """
        # GET of the first bytes: some servers refuse HEAD, and the text reveals a web page.
        ranged = {"Range": f"bytes=0-{_HEAD - 1}", "Accept-Encoding": "identity", **(headers or {})}
        # 416: an empty file has no first bytes.
        with self.get(url, headers=ranged, allowed=(*allowed, 416)) as response:
            if response.status_code == 416:
                server_errors.require_ready(self.address(url), 200, b"")
            if response.status_code >= 300:
                return remote_file_of(url, response)
            head = self.first_bytes(response)
            server_errors.require_ready(self.address(url), response.status_code, head)
            remote = replace(remote_file_of(url, response), head=head)
        server_errors.require_data(
            self.address(url), response.headers.get("Content-Type", ""), head
        )
        if magic and not head.startswith(tuple(magic)):
            raise server_errors.another_kind(self.address(url), head)
        return remote

    def json(self, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON at `url`, or raise `FetchError`."""
        return json.loads(self.text(url, headers=headers))

    def post_json(self, url: str, body: object, *, headers: Mapping[str, str] | None = None) -> Any:
        """Return the server's JSON answer to `body`, or raise `FetchError`."""
        return json.loads(self.text(url, headers=headers, body=body))

    def text(
        self, url: str, *, headers: Mapping[str, str] | None = None, body: object = None
    ) -> str:
        """Return the text of a JSON document, validated, up to 64 MiB."""
        where = self.address(url)
        # A job must not be submitted twice, so a request with a body is sent once.
        for left in reversed(range(self.settings.tries if body is None else 1)):
            try:
                with self.get(url, headers=headers, body=body) as response:
                    kind = response.headers.get("Content-Type", "")
                    content = self._content(response, where)
                break
            except FetchError as error:
                if not left or error.status or not error.reached:
                    raise
                time.sleep(self._pause(1))
        server_errors.require_data(where, kind, content[:_HEAD])
        try:
            json.loads(content)
        except ValueError as wrong:
            raise server_errors.no_json(where) from wrong
        return content.decode("utf-8-sig")

    def first_bytes(self, response: requests.Response) -> bytes:
        """Return up to 1 KiB of a streaming answer, or raise `FetchError`."""
        import requests

        try:
            return next(response.iter_content(_HEAD), b"")
        except requests.RequestException as error:
            raise server_errors.broken(response.url, error, self.settings.stall) from error

    def _content(self, response: requests.Response, where: str) -> bytes:
        import requests

        content = bytearray()
        try:
            for chunk in response.iter_content(65536):
                content += chunk
                if len(content) > _MOST_JSON:
                    raise server_errors.too_large(where, _MOST_JSON)
        except requests.RequestException as error:
            raise server_errors.broken(where, error, self.settings.stall) from error
        return bytes(content)

    def _send(
        self, url: str, headers: dict[str, str], body: object, allowed: Sequence[int]
    ) -> requests.Response:
        where = self.address(url)
        host = urlsplit(where).netloc
        self._require_up(host)
        self._await_turn(host)
        started, last = time.monotonic(), FetchError("")
        for number in range(self.settings.tries):
            pause = self._wait(last, number) if number else 0.0
            # A wait that the server itself requests doesn't count towards `Settings.reach`.
            started += pause if last.reached else 0.0
            left = started + self.settings.reach - time.monotonic() - pause
            if left <= 0:
                break
            time.sleep(pause)
            try:
                response = self._once(where, headers, body, left)
            except FetchError as error:
                # The request may have arrived: a job must not be submitted twice.
                if error.reached or body is not None:
                    raise
                last = error
                continue
            self._note_limit(host, response)
            if response.status_code < 400 or response.status_code in allowed:
                return response
            last = self._fault(where, response)
            again = AGAIN if body is None else _NOT_TAKEN
            if last.status not in again or self._wait(last, 1) > self.settings.longest_wait:
                raise last
            started = time.monotonic()  # the host answers: its time limit starts again
        if not last.reached:
            # Report the total time of all attempts; the last one may have been short.
            last = server_errors.lengthened(last, time.monotonic() - started)
            with self._guard:
                self._down[host] = (time.monotonic(), last)
        raise last

    def _note_limit(self, host: str, response: requests.Response) -> None:
        pause = pause_due(response.headers, time.time())
        if pause:
            with self._guard:
                self._free_from[host] = time.monotonic() + min(pause, self.settings.longest_wait)

    def _await_turn(self, host: str) -> None:
        """Wait until a host takes requests again, as its last response said."""
        pause = self._free_from.get(host, 0.0) - time.monotonic()
        if pause > 0:
            time.sleep(pause)

    def _require_up(self, host: str) -> None:
        since, error = self._down.get(host, (0.0, None))
        if error is not None and time.monotonic() - since < self.settings.silence:
            raise error

    def _wait(self, last: FetchError, number: int) -> float:
        due = last.retry_after
        return self._pause(number) if due is None else max(due, self._pause(number))

    def _pause(self, number: int) -> float:
        # Random jitter keeps many clients from retrying at the same moment.
        return float(self.settings.back_off * 2 ** (number - 1) * random.uniform(0.8, 1.2))

    def _fault(self, where: str, response: requests.Response) -> FetchError:
        # The body only explains the fault; without it the status has to do.
        with suppress(Exception):
            said = response.raw.read(2000, decode_content=True)
            return server_errors.refused(where, response, said)
        return server_errors.refused(where, response, b"")

    def _once(
        self, where: str, headers: dict[str, str], body: object, left: float
    ) -> requests.Response:
        """Send one request; the head of the response must arrive within `left` seconds."""
        # In a thread of its own, because DNS look-up and TLS handshake have no time-out.
        results: Queue[requests.Response | Exception] = Queue()
        given_up = threading.Event()
        # Of the calling thread, because requests' sessions aren't safe to share between threads.
        session = self._session()

        def ask() -> None:
            """Put the response, or the exception, into the queue."""
            try:
                answer: requests.Response | Exception = session.request(
                    "GET" if body is None else "POST",
                    where,
                    headers=headers,
                    json=body,
                    stream=True,
                    timeout=(min(self.settings.connect, left), self.settings.stall),
                )
            except Exception as error:
                answer = error
            results.put(answer)
            if given_up.is_set() and not isinstance(answer, Exception):
                answer.close()

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = results.get(timeout=min(left, self.settings.connect + self.settings.stall))
        except Empty:
            given_up.set()
            raise server_errors.silent(where, left) from None
        if isinstance(answer, Exception):
            raise server_errors.unreached(where, answer, self.settings) from answer
        return answer

    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._local, "session", None)
        if found is None:
            found = self._local.session = _new_session()
        return found


def _new_session() -> requests.Session:
    import requests

    class Session(requests.Session):
        """A session that sends no token to another host after a redirect."""

        def rebuild_auth(
            self, prepared_request: requests.PreparedRequest, response: requests.Response
        ) -> None:
            """Drop the tokens if the redirect leads to another host."""
            super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
            if (
                urlsplit(prepared_request.url or "").netloc
                != urlsplit(response.request.url or "").netloc
            ):
                for name in _SECRET_HEADERS:
                    prepared_request.headers.pop(name, None)

    session = Session()
    session.max_redirects = _REDIRECTS
    session.headers["User-Agent"] = USER_AGENT
    return session


def remote_file_of(url: str, response: requests.Response) -> RemoteFile:
    """Return the description of a file from the head of a response."""
    heads = response.headers
    size = heads.get("Content-Length", "")
    if response.status_code == 206:
        size = heads.get("Content-Range", "").rpartition("/")[2]
    return RemoteFile(
        address=url,
        size=int(size) if size.isdigit() else -1,
        etag=heads.get("ETag", ""),
        last_modified=heads.get("Last-Modified", ""),
        ranges=response.status_code == 206,
        status=response.status_code,
    )
