"""Opening an SQLite registry: with private permissions from creation, readable on a full disk.

SQLite creates its auxiliary files (-wal, -shm, -journal) with the permissions of the registry file,
so that file is created before SQLite opens it. Reading a registry requires some of these files; if
they can't be created for lack of space or permission, it is read without them.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from hotspots.errors import RegistryError
from hotspots.io.atomic import make_private

# Result codes if auxiliary files can't be created: disk full, no permission, I/O error.
_NO_FILES_BESIDE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_READ_ONLY = "attempt to write a readonly database"


class FileConnection(sqlite3.Connection):
    """A connection that records why it can't write.

    Attributes
    ----------
    unwritable : str
        SQLite's message; "" if it can write. A read-only connection serves one transaction only,
        since it may not see later changes by others.
    used : bool
        Whether it has been used for a transaction.
    """

    unwritable = ""
    used = False
    _path = ""
    _seen: tuple[int, int] | None = None

    def require_unchanged(self) -> None:
        """Raise `RegistryError` if the file changed while it was read without locks."""
        if self._seen is not None and _stamp(self._path) != self._seen:
            raise RegistryError(
                f"The registry '{self._path}' was changed while it was read. Try again."
            )


def connect(path: str, patience_s: float) -> FileConnection:
    """Open an SQLite file for writing, or for reading if it can't be written.

    Parameters
    ----------
    path : str
        The file; a new one is accessible to its owner only.
    patience_s : float
        Time to wait for other processes, in seconds.

    Raises
    ------
    sqlite3.Error
        The file can't be read.
    """
    if _only_readable(path):
        return _unlocked(path, _READ_ONLY)
    with suppress(OSError):  # it exists; otherwise SQLite reports the error
        make_private(Path(path))
    try:
        return _open(path, patience_s)
    except sqlite3.OperationalError as fault:
        # The primary result code; higher bits have details.
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        if code not in _NO_FILES_BESIDE or not os.path.isfile(path):
            raise
        return _without_files_beside(path, patience_s, str(fault))


def _without_files_beside(path: str, patience_s: float, why: str) -> FileConnection:
    """Open a file for reading if auxiliary files can't be created."""
    if not _has_log(path):
        return _unlocked(path, why)
    # Committed data may be in the log only. With an exclusive lock it is read without the
    # shared-memory index (-shm).
    connection = _open(path, patience_s, first="PRAGMA locking_mode=EXCLUSIVE")
    connection.unwritable = why
    return connection


def _unlocked(path: str, why: str) -> FileConnection:
    """Open a file without a log as immutable, without locks and auxiliary files."""
    # Before the opening, so that no change after it goes unnoticed.
    stamp = _stamp(path)
    connection = _open(f"file:{quote(path)}?mode=ro&immutable=1", 0, uri=True)
    connection.unwritable, connection._path, connection._seen = why, path, stamp
    return connection


def _open(name: str, patience_s: float, *, uri: bool = False, first: str = "") -> FileConnection:
    """Open a file and read from it, upon which SQLite creates its auxiliary files."""
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
    """Set the options of every connection to a registry."""
    # SQLAlchemy emits BEGIN itself; the driver's implicit transactions would block readers.
    connection.isolation_level = None
    connection.execute("PRAGMA secure_delete=ON")  # overwrite deleted data in the file
    # With write-ahead logging a power failure may undo the last changes, but damages nothing.
    connection.execute("PRAGMA synchronous=NORMAL")


def _only_readable(path: str) -> bool:
    """Return whether an SQLite file, or the folder of its log, is read-only."""
    file = Path(path)
    if not os.path.isfile(file) or _has_log(path):
        return False
    own = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    return not all(os.access(place, os.W_OK, **own) for place in (file, file.resolve().parent))


def _has_log(path: str) -> bool:
    """Return whether the log may contain committed data that are not yet in the file."""
    try:
        return os.stat(f"{path}-wal").st_size > 0
    except OSError:
        return False


def _stamp(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size
