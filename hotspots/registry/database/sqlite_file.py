"""Opening an SQLite registry's file: private from the first byte, readable on a full disk.

SQLite gives the files that it makes beside the registry (-wal, -shm, -journal) the mode of the
registry itself, so that is made before SQLite can. To read a registry SQLite needs room for some
of these files; where there is none, or no right to make them, it is read without.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from hotspots.errors import RegistryError
from hotspots.io.atomic import make_private

# What SQLite says where it can't make or enlarge the files beside: no room, no right, no disk.
_NO_FILES_BESIDE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_READ_ONLY = "attempt to write a readonly database"


class FileConnection(sqlite3.Connection):
    """A connection that knows why it can't write.

    Attributes
    ----------
    unwritable : str
        What SQLite said; "" if it can write. Such a connection is for one transaction only, for it
        may not see what others write later.
    used : bool
        Whether it has had its transaction.
    """

    unwritable = ""
    used = False
    _path = ""
    _seen: tuple[int, int] | None = None

    def require_unchanged(self) -> None:
        """Raise `RegistryError` if the file was changed while it was read without locks."""
        if self._seen is not None and _stamp(self._path) != self._seen:
            raise RegistryError(
                f"The registry '{self._path}' was written while it was read. Try again."
            )


def connect(path: str, patience_s: float) -> FileConnection:
    """Open an SQLite file for writing, or for reading where it can't be written.

    Parameters
    ----------
    path : str
        The file; a new one is made for its owner alone.
    patience_s : float
        How long to wait for other processes.

    Raises
    ------
    sqlite3.Error
        It can't be read either.
    """
    if _only_readable(path):
        return _unlocked(path, _READ_ONLY)
    with suppress(OSError):  # it is there; or SQLite will say what is wrong
        make_private(Path(path))
    try:
        return _open(path, patience_s)
    except sqlite3.OperationalError as fault:
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        if code not in _NO_FILES_BESIDE or not os.path.isfile(path):
            raise
        return _without_files_beside(path, patience_s, str(fault))


def _without_files_beside(path: str, patience_s: float, why: str) -> FileConnection:
    """Open a file for reading where none can be made beside it."""
    if not _has_log(path):
        return _unlocked(path, why)
    # What is committed may stand in the log alone. One who has the file to himself reads it
    # without the shared index (-shm).
    connection = _open(path, patience_s, first="PRAGMA locking_mode=EXCLUSIVE")
    connection.unwritable = why
    return connection


def _unlocked(path: str, why: str) -> FileConnection:
    """Open a file without a log: as it is, without locks and without files beside."""
    stamp = _stamp(path)
    connection = _open(f"file:{quote(path)}?mode=ro&immutable=1", 0, uri=True)
    connection.unwritable, connection._path, connection._seen = why, path, stamp
    return connection


def _open(name: str, patience_s: float, *, uri: bool = False, first: str = "") -> FileConnection:
    """Open a file and read something, which is when SQLite makes the files beside."""
    connection = sqlite3.connect(
        name, timeout=patience_s, check_same_thread=False, uri=uri, factory=FileConnection
    )
    try:
        connection.execute(first)
        prepare(connection)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Set what holds for every connection to a registry, before it is used."""
    # SQLAlchemy says BEGIN itself: the driver's own habit would let readers block.
    connection.isolation_level = None
    connection.execute("PRAGMA secure_delete=ON")  # erased data leave no trace in the file
    connection.execute("PRAGMA synchronous=NORMAL")


def _only_readable(path: str) -> bool:
    """Say whether an SQLite file, or the folder that its log would be in, can't be written."""
    file = Path(path)
    if not os.path.isfile(file) or _has_log(path):
        return False
    own = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    return not all(os.access(place, os.W_OK, **own) for place in (file, file.resolve().parent))


def _has_log(path: str) -> bool:
    """Say whether something may be committed that isn't in the file itself yet."""
    try:
        return os.stat(f"{path}-wal").st_size > 0
    except OSError:
        return False


def _stamp(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size
