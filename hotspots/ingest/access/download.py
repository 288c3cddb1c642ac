"""Downloads that resume where they stopped, after a broken stream or a killed run.

Bytes are written to ``NAME.part``; ``NAME.part.json`` beside it records their version. The
remaining bytes are requested *only if the server still has that version* (Range with If-Range);
after any other answer the download restarts. The file gets its final name only when its length and
checksum are correct.
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

from hotspots.config import variable
from hotspots.errors import FetchError, WriteError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.http import Client, RemoteFile, remote_file_of
from hotspots.io.atomic import lock, reason

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int], None]
_CHUNK = 64 * 1024
_HEAD = 1024
# An attempt that transferred this many bytes counts as progress and resets the attempt count.
_WORTH = 2**20


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of a write in the cache into a `WriteError`."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"'{path}' can't be written ({reason(error)}). Free some space, or set"
            f" {variable('cache')} to a folder elsewhere; what was fetched before is kept."
        ) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, made if missing, against other runs and threads."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # no locks on this file system: the user must run one at a time
            lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a small JSON file atomically; for errors see `disk_errors`."""
    write_text(path, json.dumps(content, indent=1))


def write_text(path: Path, text: str) -> None:
    """Write a small text file atomically, in a folder that is made; errors as `disk_errors`."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A fixed name, so that a killed run leaves at most one such file; see `locked`.
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a small JSON file; {} if it is missing or incomplete."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass
class _Job:
    client: Client
    url: str
    part: Path
    headers: Mapping[str, str]
    progress: Progress | None

    @property
    def note(self) -> Path:
        """The file that records the version of the partial download."""
        return self.part.with_name(f"{self.part.name}.json")

    @property
    def where(self) -> str:
        """The address that is requested: a mirror where one is configured."""
        return self.client.address(self.url)

    def got(self) -> int:
        """Return the number of bytes already downloaded."""
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        """Remove the partial download and its note."""
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
) -> RemoteFile:
    """Download `url` to `path`, complete and checked, or leave `path` unchanged.

    Parameters
    ----------
    client : Client
        The HTTP client.
    url : str
        Address of the file.
    path : path
        Only one run may download to it at a time (see `locked`).
    checksum : str
        "md5:..." or "sha256:..." of the complete file; "" if it isn't known.
    headers : mapping, optional
        Further request headers.
    progress : callable, optional
        Called with the bytes received and the bytes expected (-1: unknown).

    Raises
    ------
    FetchError
        The server can't be reached or doesn't deliver the complete, correct file. What was received
        is kept for the next run, unless its checksum is wrong.
    WriteError
        The disk is full or fails.
    """
    job = _Job(client, url, path.with_name(f"{path.name}.part"), headers or {}, progress)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    resumed = job.got() > 0
    remote = _whole(job)
    try:
        require_checksum(job.part, checksum, job.where)
    except FetchError:
        job.forget()
        if not resumed:
            raise
        # Without an ETag two versions may have been joined: download once more from the start.
        remote = _whole(job)
        require_checksum(job.part, checksum, job.where)
    with disk_errors(path):
        os.replace(job.part, path)
        job.note.unlink(missing_ok=True)
    return remote


def require_checksum(path: Path, checksum: str, where: str) -> None:
    """Raise `FetchError` unless a file has the checksum ("algorithm:hex"; "" skips the test)."""
    if not checksum:
        return
    algorithm, _, due = checksum.rpartition(":")
    with path.open("rb") as opened:
        digest = hashlib.file_digest(
            opened, lambda: hashlib.new(algorithm or "sha256", usedforsecurity=False)
        ).hexdigest()
    if digest != due.lower():
        raise server_errors.wrong_checksum(where, due, digest)


def _whole(job: _Job) -> RemoteFile:
    tries, wait = job.client.settings.tries, job.client.settings.back_off
    failed = 0
    while True:
        before = job.got()
        try:
            return _once(job)
        except FetchError as error:
            # The client has already retried error statuses and time-outs.
            if error.status or not error.reached or _is_final(error):
                raise
            failed = 1 if job.got() - before >= _WORTH else failed + 1
            if failed >= tries:
                raise
            time.sleep(wait * 2 ** (failed - 1))


def _is_final(error: FetchError) -> bool:
    return isinstance(error, _WrongKindError)


class _WrongKindError(FetchError):
    """A web page was received instead of data; a retry can't help."""


def _once(job: _Job) -> RemoteFile:
    note = read_json(job.note)
    validator = str(note.get("validator", ""))
    got = job.got() if note.get("address") == job.url and validator else 0
    # Uncompressed: the length, and the byte to resume at, are those of the file itself.
    headers = {"Accept-Encoding": "identity", **job.headers}
    if got:
        headers |= {"Range": f"bytes={got}-", "If-Range": validator}
    with job.client.get(job.url, headers=headers, allowed=(416,) if got else ()) as response:
        remote = remote_file_of(job.url, response)
        if response.status_code == 416:
            return _after_end(job, response, got)
        if response.status_code == 206 and got:
            _require_rest(job, response, got)
        else:
            got = 0
        _store(job, response, remote, got)
    due = remote.size
    if due >= 0 and job.got() != due:
        raise server_errors.truncated(job.where, job.got(), due)
    return remote


def _after_end(job: _Job, response: requests.Response, got: int) -> RemoteFile:
    """Return the description of a part that was complete already; drop one of another file."""
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    if size != str(got):
        with disk_errors(job.part):
            job.forget()
        raise server_errors.truncated(job.where, 0, int(size) if size.isdigit() else -1)
    note = read_json(job.note)
    return RemoteFile(
        job.url, got, str(note.get("etag", "")), str(note.get("last_modified", "")), True
    )


def _require_rest(job: _Job, response: requests.Response, got: int) -> None:
    begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if begins != str(got):
        with disk_errors(job.part):
            job.forget()
        raise server_errors.truncated(job.where, got, -1)


def _store(job: _Job, response: requests.Response, remote: RemoteFile, got: int) -> None:
    chunks = _chunks(job, response)
    first = next(chunks, b"")
    if not got:
        try:
            kind = response.headers.get("Content-Type", "")
            server_errors.require_ready(job.where, response.status_code, first)
            server_errors.require_data(job.where, kind, first[:_HEAD])
        except FetchError as error:
            raise _WrongKindError(str(error)) from error
        with disk_errors(job.part):
            job.part.unlink(missing_ok=True)
            write_json(job.note, _version_note(job.url, remote))
    with disk_errors(job.part), job.part.open("ab") as out:
        while first:
            out.write(first)
            out.flush()  # whole, or an error: a full disk takes a part first
            got += len(first)
            if job.progress:
                job.progress(got, remote.size)
            first = next(chunks, b"")


def _version_note(url: str, remote: RemoteFile) -> dict[str, object]:
    # If-Range accepts strong ETags only; the date of change is used where there is none.
    validator = (
        remote.last_modified if remote.etag.startswith("W/") or not remote.etag else remote.etag
    )
    return {
        "address": url,
        "validator": validator,
        "etag": remote.etag,
        "last_modified": remote.last_modified,
    }


def _chunks(job: _Job, response: requests.Response) -> Iterator[bytes]:
    """Yield bytes as they arrive, so that a killed run loses almost nothing."""
    import urllib3

    while True:
        try:
            chunk = response.raw.read1(_CHUNK)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise server_errors.broken(job.where, error, job.client.settings.stall) from error
        if not chunk:
            return
        yield chunk
