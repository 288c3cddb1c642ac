"""Complete files in the cache: downloaded once, revalidated on use, and reported when stale.

Each address has its own folder, ``CACHE/files/KEY/``, with the file, ``record.json`` (address,
version, time of retrieval, SHA-256) and a lock. pooch decides whether the cached file is the
expected one; `download.download` transfers the bytes and resumes interrupted downloads.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, cast
from urllib.parse import unquote, urlsplit

from hotspots.config import variable
from hotspots.errors import FetchError, WriteError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import (
    Progress,
    disk_errors,
    download,
    locked,
    read_json,
    write_json,
)
from hotspots.ingest.access.http import Client, RemoteFile, client
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.io.atomic import file_hash
from hotspots.io.clock import now

_LONGEST_NAME = 80
_OF_A_SHAPEFILE = ("shx", "dbf", "prj", "cpg")


def key_of(*parts: object) -> str:
    """Return a short cache key: a hash of everything that the cached object depends on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:24]


def public(url: str) -> str:
    """Return an address for provenance records, without its query if that may hold credentials."""
    parts = urlsplit(url)
    if parts.username or re.search(r"(token|key|sig|signature|credential)=", parts.query, re.I):
        return server_errors.shown(url)
    return url


def stale(error: FetchError, retrieved: str) -> str:
    """Return the message that a cached copy is used because it couldn't be renewed."""
    return f"The copy of {retrieved[:10]} is used, for it couldn't be renewed: {error}"


@dataclass(frozen=True)
class Expected:
    """What is expected at an address.

    Attributes
    ----------
    checksum : str
        "md5:..." or "sha256:..."; with a checksum, a cached file is never revalidated.
    member : str
        Path within a ZIP archive, ``*`` for any characters; "" if the file itself is wanted.
    """

    checksum: str = ""
    member: str = ""


def fetch(
    url: str,
    cache: Path,
    *,
    expected: Expected = Expected(),
    headers: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    with_client: Client | None = None,
) -> tuple[Path, Origin]:
    """Return a complete file from the cache, downloaded if it is missing or changed upstream.

    Parameters
    ----------
    url : str
        Address of the file.
    cache : path
        Cache folder.
    expected : Expected
        Checksum of the file, and the member of an archive that is extracted and returned.
    headers : mapping, optional
        Further request headers.
    progress : callable, optional
        Called with the bytes received and the bytes expected (-1: unknown).
    with_client : Client, optional
        The HTTP client; that of the environment's settings by default.

    Returns
    -------
    path, Origin
        ``origin.stale`` is set if the server couldn't be reached, or delivered no file, and the
        cached copy is used.

    Raises
    ------
    FetchError
        The file can't be downloaded and isn't in the cache.
    WriteError
        The cache can't be written.
    """
    file = _CachedFile(
        with_client or client(), url, cache / "files" / key_of(url), expected.checksum
    )
    with locked(file.folder / ".lock"):
        origin = _current(file, dict(headers or {}), progress)
        if not expected.member:
            return file.path, origin
        path = member_of(file.path, expected.member, origin, file.folder)
    return path, replace(origin, sha256=file_hash(path))


class FileRecord(TypedDict):
    """The record beside a cached file; `seen` is its size and time of modification, ns."""

    address: str
    etag: str
    last_modified: str
    version: str
    size: int
    retrieved: str
    sha256: str
    checksum: str
    seen: list[int]


@dataclass
class _CachedFile:
    client: Client
    url: str
    folder: Path
    checksum: str

    @property
    def path(self) -> Path:
        """The cached file."""
        return self.folder / file_name(self.url)

    def record(self) -> FileRecord | None:
        """Return the record of the cached file; None if there is none or the file was changed."""
        stored = cast("FileRecord", read_json(self.folder / "record.json"))
        try:
            seen = self.path.stat()
        except OSError:
            return None
        # Hashing reads the whole file, so it is left for files whose size or time differs.
        same = [seen.st_size, seen.st_mtime_ns] == stored.get("seen")
        return stored if same or (stored and file_hash(self.path) == stored.get("sha256")) else None


def file_name(url: str) -> str:
    """Return a safe file name with the suffix of an address."""
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    # Cut at the front, so that the suffix, which names the format, stays.
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".")[-_LONGEST_NAME:] or "file"


def _current(file: _CachedFile, headers: dict[str, str], progress: Progress | None) -> Origin:
    record = file.record()
    if record and file.checksum and record.get("checksum") == file.checksum:
        return _origin(file, record)
    try:
        if record and not file.checksum and _unchanged(file, record, headers):
            return _origin(file, record)
        return _origin(file, _renewed(file, headers, progress))
    except FetchError as error:
        # A copy of another checksum isn't what the catalogue describes, so it can't stand in.
        if not record or file.checksum:
            raise
        return _origin(file, record, stale(error, record["retrieved"]))


def _origin(file: _CachedFile, record: FileRecord, note: str = "") -> Origin:
    return Origin(
        public(file.url),
        record["retrieved"],
        record["version"],
        record["sha256"],
        note,
    )


def _unchanged(file: _CachedFile, record: FileRecord, headers: Mapping[str, str]) -> bool:
    conditional = dict(headers)
    if record.get("etag"):
        conditional["If-None-Match"] = record["etag"]
    elif record.get("last_modified"):
        conditional["If-Modified-Since"] = record["last_modified"]
    remote = file.client.probe(file.url, headers=conditional, allowed=(304,))
    if remote.status == 304:
        return True
    if remote.version:
        return bool(remote.version == record["version"])
    # Without a version of the server's, an equal size is the only sign.
    return bool(0 <= remote.size == record["size"])


def _renewed(
    file: _CachedFile, headers: Mapping[str, str], progress: Progress | None
) -> FileRecord:
    remote = _retrieve(file, headers, progress)
    seen = file.path.stat()
    record: FileRecord = {
        "address": public(file.url),
        "etag": remote.etag,
        "last_modified": remote.last_modified,
        "version": remote.version,
        "size": seen.st_size,
        "retrieved": now(),
        "sha256": file_hash(file.path),
        "checksum": file.checksum,
        "seen": [seen.st_size, seen.st_mtime_ns],
    }
    write_json(file.folder / "record.json", record)
    return record


def _retrieve(
    file: _CachedFile, headers: Mapping[str, str], progress: Progress | None
) -> RemoteFile:
    import pooch

    downloaded: list[RemoteFile] = []

    def resuming(url: str, output: str, _: object) -> None:
        """Replace pooch's own downloader."""
        # The partial file has a fixed name, which the next run finds; pooch uses random names.
        whole = file.folder / f"{file.path.name}.whole"
        downloaded.append(
            download(
                file.client,
                url,
                whole,
                checksum=file.checksum,
                headers=headers,
                progress=progress,
            )
        )
        with disk_errors(whole):
            os.replace(whole, output)

    pooch.get_logger().setLevel("WARNING")
    for left in file.folder.glob("tmp*"):  # pooch's temporary files of killed runs
        left.unlink(missing_ok=True)
    beside = f"{file.path.name}.new"
    (file.folder / beside).unlink(missing_ok=True)
    with disk_errors(file.folder):
        # Beside the old file, which is kept until the new one is complete.
        pooch.retrieve(file.url, file.checksum or None, beside, file.folder, downloader=resuming)
        os.replace(file.folder / beside, file.path)
    return downloaded[0]


def member_of(archive: Path, member: str, origin: Origin, folder: Path) -> Path:
    """Return the extracted member of a ZIP archive, its CRC checked.

    Parameters
    ----------
    archive : Path
        The ZIP file.
    member : str
        Path within the archive, ``*`` for any characters; exactly one file must match. The
        companion files of a shapefile are extracted with it.
    origin : Origin
        Origin of the archive: its SHA-256 becomes part of the file name, its address of messages.
    folder : Path
        Existing folder in which the member is written; a file of the same name and size is reused.

    Raises
    ------
    FetchError
        Not a valid ZIP archive, or not exactly one matching file.
    WriteError
        The disk is full, or the file can't be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            info = _the_one(opened, member, origin)
            # The member comes last, since the last path is returned.
            for one in [*_companions(opened, info), info]:
                # The member's folder is never used (path traversal): only its file name is kept.
                # One stem for all files of a shapefile, by which readers find them.
                stem = key_of(origin.sha256, one.filename.rpartition(".")[0])[:12]
                path = folder / f"{stem}-{file_name(one.filename)}"
                if not (path.exists() and path.stat().st_size == one.file_size):
                    _extract(opened, one, path)
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise FetchError(
            f"'{origin.address}' isn't a valid ZIP archive ({error}). Remove '{archive}' so that it"
            " is downloaded again; if that doesn't help, report it to the project."
        ) from error
    return path


def _the_one(opened: zipfile.ZipFile, member: str, origin: Origin) -> zipfile.ZipInfo:
    found = [i for i in opened.infolist() if not i.is_dir() and fnmatch.fnmatch(i.filename, member)]
    if len(found) != 1:
        names = ", ".join(i.filename for i in (found or opened.infolist())[:5])
        raise FetchError(
            f"The archive '{origin.address}' has {len(found) or 'no'} files '{member}' where one is"
            f" expected; it holds {names}. The source may have changed: report it to the project."
        )
    return found[0]


def _companions(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> list[zipfile.ZipInfo]:
    """Return the companion files of a shapefile, which share its stem."""
    stem, _, suffix = info.filename.rpartition(".")
    if suffix.lower() != "shp":
        return []
    named = {f"{stem}.{one}".lower() for one in _OF_A_SHAPEFILE}
    return [other for other in opened.infolist() if other.filename.lower() in named]


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    free = shutil.disk_usage(path.parent).free
    if info.file_size > free:
        raise WriteError(
            f"'{info.filename}' needs {info.file_size / 1e9:.1f} GB, and '{path.parent}' has"
            f" {free / 1e9:.1f} GB left. Free some space, or set {variable('cache')} to a folder"
            " elsewhere."
        )
    part = path.with_name(f"{path.name}.part")
    # Reading stops at the declared size, and a wrong CRC raises.
    with opened.open(info) as source, disk_errors(path), part.open("wb") as out:
        shutil.copyfileobj(source, out, 2**20)
    with disk_errors(path):
        os.replace(part, path)
