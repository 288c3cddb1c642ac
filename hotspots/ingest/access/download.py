"""Downloads that go on where they ended: a broken stream, or a run that was killed.

Bytes go to ``NAME.part``; beside it ``NAME.part.json`` tells of which version they are. A server
is asked for the rest *if it still has that version* (Range with If-Range); any other answer begins
anew. The whole file takes its name only when length and checksum are right.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspots.config import CACHE_VARIABLE
from hotspots.errors import FetchError, WriteError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.http import Client, Told, told_of
from hotspots.io.atomic import lock, reason

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int], None]
_CHUNK = 64 * 1024
_HEAD = 1024
# A try that brought this much counts as progress: tries are counted from it again.
_WORTH = 2**20


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn what the system says of a write in the cache into a `WriteError`."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"'{path}' can't be written ({reason(error)}). Free some space, or set"
            f" {CACHE_VARIABLE} to a folder elsewhere; what was fetched before is kept."
        ) from error


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, made if missing, against other runs and threads."""
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # a file system without locks: one run at a time is the user's care
            lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def write_json(path: Path, told: Mapping[str, Any]) -> None:
    """Write a small JSON file whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(told, indent=1), encoding="utf-8")
    os.replace(beside, path)


def read_json(path: Path) -> dict[str, Any]:
    """Return what a small JSON file tells; {} if it isn't there, or isn't whole."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


@dataclass
class _Job:
    client: Client
    url: str
    part: Path
    headers: Mapping[str, str]
    progress: Progress | None

    @property
    def note(self) -> Path:
        """Where it is written down which version the part is of."""
        return self.part.with_name(f"{self.part.name}.json")

    @property
    def where(self) -> str:
        """The address that is asked, a mirror where one is named."""
        return self.client.address(self.url)

    def got(self) -> int:
        """Return how many bytes are there."""
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        """Remove the part and its note."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def download(
    client: Client,
    url: str,
    path: Path,
    *,
    checksum: str = "",
    headers: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Told:
    """Download `url` to `path`, whole and checked, or leave `path` as it was.

    Parameters
    ----------
    path : path
        Only one run may download to it at a time (see `held`).
    checksum : str
        "md5:..." or "sha256:..." of the whole; "" if it isn't known.
    progress : callable, optional
        Called with the bytes there are and the bytes due (-1: unsaid).

    Raises
    ------
    FetchError
        No server, or one that doesn't give the whole and right file; what came stays for the next
        run, except if its checksum is wrong.
    WriteError
        A full disk, or another fault of it.
    """
    job = _Job(client, url, path.with_name(f"{path.name}.part"), headers or {}, progress)
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    resumed = job.got() > 0
    told = _whole(job)
    try:
        require_checksum(job.part, checksum, job.where)
    except FetchError:
        job.forget()
        if not resumed:
            raise
        # Two versions may have been joined by a server that gives no ETag; once more, from nothing.
        told = _whole(job)
        require_checksum(job.part, checksum, job.where)
    with disk(path):
        os.replace(job.part, path)
        job.note.unlink(missing_ok=True)
    return told


def require_checksum(path: Path, checksum: str, where: str) -> None:
    """Raise `FetchError` unless a file has the checksum ("algorithm:hex"; "" asks for none)."""
    if not checksum:
        return
    algorithm, _, due = checksum.rpartition(":")
    with path.open("rb") as opened:
        digest = hashlib.file_digest(
            opened, lambda: hashlib.new(algorithm or "sha256", usedforsecurity=False)
        ).hexdigest()
    if digest != due.lower():
        raise server_errors.wrong_checksum(where, due, digest)


def _whole(job: _Job) -> Told:
    tries, wait = job.client.settings.tries, job.client.settings.back_off
    failed = 0
    while True:
        before = job.got()
        try:
            return _once(job)
        except FetchError as error:
            # Statuses and silence have had their tries in the client.
            if error.status or not error.reached or _is_final(error):
                raise
            failed = 1 if job.got() - before >= _WORTH else failed + 1
            if failed >= tries:
                raise
            time.sleep(wait * 2 ** (failed - 1))


def _is_final(error: FetchError) -> bool:
    return isinstance(error, _WrongKindError)


class _WrongKindError(FetchError):
    """A web page where data are due: asking again is of no use."""


def _once(job: _Job) -> Told:
    note = read_json(job.note)
    validator = str(note.get("validator", ""))
    got = job.got() if note.get("address") == job.url and validator else 0
    asked = {"Accept-Encoding": "identity", **job.headers}
    if got:
        asked |= {"Range": f"bytes={got}-", "If-Range": validator}
    with job.client.get(job.url, headers=asked, allowed=(416,) if got else ()) as response:
        told = told_of(job.url, response)
        if response.status_code == 416:
            return _after_end(job, response, got)
        if response.status_code == 206 and got:
            _require_rest(job, response, got)
        else:
            got = 0
        _store(job, response, told, got)
    due = told.size
    if due >= 0 and job.got() != due:
        raise server_errors.truncated(job.where, job.got(), due)
    return told


def _after_end(job: _Job, response: requests.Response, got: int) -> Told:
    """Return what is known of a part that was whole already; drop one that is of something else."""
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    if size != str(got):
        with disk(job.part):
            job.forget()
        raise server_errors.truncated(job.where, 0, int(size) if size.isdigit() else -1)
    note = read_json(job.note)
    return Told(job.url, got, str(note.get("etag", "")), str(note.get("last_modified", "")), True)


def _require_rest(job: _Job, response: requests.Response, got: int) -> None:
    begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if begins != str(got):
        with disk(job.part):
            job.forget()
        raise server_errors.truncated(job.where, got, -1)


def _store(job: _Job, response: requests.Response, told: Told, got: int) -> None:
    chunks = _chunks(job, response)
    first = next(chunks, b"")
    if not got:
        try:
            kind = response.headers.get("Content-Type", "")
            server_errors.require_data(job.where, kind, first[:_HEAD])
        except FetchError as error:
            raise _WrongKindError(str(error)) from error
        with disk(job.part):
            job.part.unlink(missing_ok=True)
            write_json(job.note, _noted(job.url, told))
    with disk(job.part), job.part.open("ab", buffering=0) as out:
        while first:
            out.write(first)
            got += len(first)
            if job.progress:
                job.progress(got, told.size)
            first = next(chunks, b"")


def _noted(url: str, told: Told) -> dict[str, Any]:
    # If-Range takes strong ETags only; a date serves where there is none.
    validator = told.last_modified if told.etag.startswith("W/") or not told.etag else told.etag
    return {
        "address": url,
        "validator": validator,
        "etag": told.etag,
        "last_modified": told.last_modified,
    }


def _chunks(job: _Job, response: requests.Response) -> Iterator[bytes]:
    """Yield what comes as it comes: a killed run then loses next to nothing."""
    import urllib3

    while True:
        try:
            chunk = response.raw.read1(_CHUNK)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise server_errors.broken(job.where, error, job.client.settings.stall) from error
        if not chunk:
            return
        yield chunk
