"""The storage of a store: a folder, or a bucket (`s3.py`), with one small set of operations.

Files are named by keys such as ``soc_stock/soc_stock.json``: the catalogue is at the root, all
other files are one folder below.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hotspots.errors import BadInputError
from hotspots.io.atomic import aside, file_hash, lock
from hotspots.io.limits import require_regular
from hotspots.io.os_errors import permitted
from hotspots.io.readers.paths import confined
from hotspots.io.readers.texts import read_bytes


class ChangedError(Exception):
    """A file isn't the one that its item describes; `Store` turns this into a message."""


@dataclass(frozen=True)
class Entry:
    """A file of a storage.

    Attributes
    ----------
    key : str
        Its name, with at most one slash.
    size : int
        Size in bytes.
    modified : float
        Time of modification, seconds since 1970 by the storage's own clock.
    """

    key: str
    size: int
    modified: float


class Storage(Protocol):
    """The operations that a store requires of its storage.

    A missing key raises `FileNotFoundError`; other faults raise `OSError` in a folder, and an error
    of `hotspots.errors` in a bucket.
    """

    shown: str  # as the user gave it
    scratch_name: str  # name of the temporary folder in messages
    grace: float  # age in seconds below which an unreferenced file is kept: it may be in writing

    def entries(self) -> list[Entry]:
        """Return the catalogue and the files of all layers; an empty list if there are none."""

    def read(self, key: str) -> bytes:
        """Return a small file."""

    def write(self, key: str, content: bytes) -> None:
        """Write a small file, or replace it atomically."""

    def put_file(self, key: str, path: Path) -> None:
        """Store a local file, which may be moved, as `key`, atomically."""

    def local(self, key: str, size: int, sha256: str) -> Path:
        """Return a local file with this content, or raise `ChangedError`."""

    def digest(self, key: str) -> str:
        """Return the SHA-256 of a file's present content."""

    def remove(self, key: str) -> None:
        """Remove a file; a missing file isn't an error."""

    def locked(self) -> AbstractContextManager[None]:
        """Lock the storage against changes by other processes, where locks exist."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Yield an empty local folder for writing files, removed at the end."""


class Folder:
    """A folder, created by the first write.

    Files are written in a hidden subfolder and renamed into place. Two runs can write at the same
    time; a lock is held only while files are renamed, and is released when its process ends.
    """

    # Writers hold a lock, so what no item names isn't being written.
    grace = 0.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = str(path)
        self.scratch_name = f"The store '{path}'"

    def entries(self) -> list[Entry]:
        """Return the files, including hidden ones of killed runs."""
        with permitted(self.path):
            if not self.path.is_dir():
                return []
            found: list[Entry] = []
            for entry in os.scandir(self.path):
                if entry.name == "catalog.json":
                    found += _files([entry])
                elif not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    # Another run may have removed the folder since it was listed.
                    with permitted(Path(entry.path)), suppress(FileNotFoundError):
                        found += _files(os.scandir(entry.path), f"{entry.name}/")
        return sorted(found, key=lambda entry: entry.key)

    def read(self, key: str) -> bytes:
        """Return the content of a file."""
        with permitted(self.path / key):
            return read_bytes(confined(self.path, key))

    def write(self, key: str, content: bytes) -> None:
        """Write a temporary file and rename it; call this with the lock held."""
        path = self._own(key)
        beside = path.with_name(f".part.{path.name}")
        beside.unlink(missing_ok=True)  # of a killed run, or a pipe or link that was put there
        beside.write_bytes(content)
        os.replace(beside, path)

    def put_file(self, key: str, path: Path) -> None:
        """Rename a file of `scratch` into place."""
        os.replace(path, self._own(key))

    def local(self, key: str, size: int, sha256: str) -> Path:
        """Return the file itself, after verifying its size and hash."""
        with permitted(self.path / key):
            path = confined(self.path, key)
            if path.stat().st_size != size or file_hash(path) != sha256:
                raise ChangedError
        return path

    def digest(self, key: str) -> str:
        """Return the SHA-256 of a file."""
        with permitted(self.path / key):
            return file_hash(confined(self.path, key))

    def remove(self, key: str) -> None:
        """Remove a file."""
        (self.path / key).unlink(missing_ok=True)

    def _own(self, key: str) -> Path:
        """Return the path of a file to write, after creating its folder."""
        path = self.path / key
        if path.parent != self.path and path.parent.is_symlink():
            raise BadInputError(
                f"'{path.parent}' is a symbolic link, and a store writes in its own folders only."
                " Remove the link."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for the lock of the folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / ".lock"
        require_regular(path)  # to open a pipe would wait for ever
        with path.open("w") as file:
            lock(file.fileno())
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a hidden folder on the same disk; those of killed runs are removed first."""
        with aside(self.path / "new") as folder:
            yield folder


def _files(found: Iterable[os.DirEntry[str]], prefix: str = "") -> list[Entry]:
    entries = []
    for file in found:
        with suppress(FileNotFoundError):  # removed by another run since it was listed
            stat = file.stat()
            # The target of a link isn't part of the store: it is neither read nor removed.
            if file.is_file(follow_symlinks=False):
                entries.append(Entry(f"{prefix}{file.name}", stat.st_size, stat.st_mtime))
    return entries
