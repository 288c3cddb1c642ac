"""Where a store lies: a folder, or a bucket (`bucket.py`), behind one small set of operations.

Files of a place are named by keys such as ``soc_stock/soc_stock.json``: the catalogue at the root,
all else one folder down.
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
from hotspots.io.os_errors import permitted
from hotspots.io.readers.paths import confined
from hotspots.io.readers.texts import read_bytes


class ChangedError(Exception):
    """A file isn't the one that its item tells of; the store says so in words."""


@dataclass(frozen=True)
class Entry:
    """A file of a place.

    Attributes
    ----------
    key : str
        Its name, with one slash at most.
    size : int
        In bytes.
    modified : float
        Seconds since 1970, by the place's own clock.
    """

    key: str
    size: int
    modified: float


class Place(Protocol):
    """What a store needs of where it lies.

    A key that isn't there raises `FileNotFoundError`; what else goes wrong in a folder raises
    `OSError`, in a bucket an error of `hotspots.errors`.
    """

    shown: str  # as the user gave it
    workshop: str  # what messages call the folder in which files are made
    grace: float  # seconds that a file named by no item is left alone: it may be in the making

    def entries(self) -> list[Entry]:
        """Return the catalogue and the files of all layers; none if nothing is there yet."""

    def read(self, key: str) -> bytes:
        """Return a small file."""

    def write(self, key: str, content: bytes) -> None:
        """Write a small file, or replace it in one step."""

    def put_file(self, key: str, path: Path) -> None:
        """Make a local file, which may be moved away, the file `key` in one step."""

    def local(self, key: str, size: int, sha256: str) -> Path:
        """Return a local file of this content, or raise `ChangedError`."""

    def digest(self, key: str) -> str:
        """Return the SHA-256 of a file as it is there."""

    def remove(self, key: str) -> None:
        """Remove a file; one that isn't there is no matter."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from changing the place, where that can be."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Give an empty local folder for the making of files, removed at the end."""


class Folder:
    """A folder; made by the first writing, not before.

    Files are made in a hidden folder within and renamed into place. Two runs make theirs side by
    side; for the moments of putting them in place a lock is held, which ends with its process.
    """

    grace = 0.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = str(path)
        self.workshop = f"The store '{path}'"

    def entries(self) -> list[Entry]:
        """Return the files, hidden ones of killed runs among them."""
        with permitted(self.path):
            if not self.path.is_dir():
                return []
            found: list[Entry] = []
            for entry in os.scandir(self.path):
                if entry.name == "catalog.json":
                    found += _files([entry])
                elif not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    with permitted(Path(entry.path)), suppress(FileNotFoundError):
                        found += _files(os.scandir(entry.path), f"{entry.name}/")
        return sorted(found, key=lambda entry: entry.key)

    def read(self, key: str) -> bytes:
        """Return the content of a file."""
        with permitted(self.path / key):
            return read_bytes(confined(self.path, key))

    def write(self, key: str, content: bytes) -> None:
        """Write beside, and rename; to be called with the lock."""
        path = self._own(key)
        beside = path.with_name(f".part.{path.name}")
        beside.write_bytes(content)
        os.replace(beside, path)

    def put_file(self, key: str, path: Path) -> None:
        """Rename a file of `scratch` into place."""
        os.replace(path, self._own(key))

    def local(self, key: str, size: int, sha256: str) -> Path:
        """Return the file itself, after reading it once."""
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
        """Return the path of a file to be written, with its folder made."""
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
        with (self.path / ".lock").open("w") as file:
            lock(file.fileno())
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a hidden folder on the same disk; those of killed runs are removed first."""
        with aside(self.path / "new") as folder:
            yield folder


def _files(found: Iterable[os.DirEntry[str]], prefix: str = "") -> list[Entry]:
    entries = []
    for file in found:
        with suppress(FileNotFoundError):  # removed by another run since it was listed
            stat = file.stat()
            # What a link stands for is none of the store's, and isn't swept or read.
            if file.is_file(follow_symlinks=False):
                entries.append(Entry(f"{prefix}{file.name}", stat.st_size, stat.st_mtime))
    return entries
