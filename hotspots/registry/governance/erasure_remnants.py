"""Remnants of erased data in a database's files: removed at once, or as soon as readers let it.

An erased row is gone from the registry with its transaction. Its bytes may stay for a while: who
began to read before needs the former pages, and neither database overwrites them until that reader
has ended. The journal is the memory of it: an erasure is pending until a later line says that it is
finished, also if the program was killed in between. `finish` is called whenever a registry is
opened.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hotspots.errors import HotspotsError, RegistryError
from hotspots.registry import clock
from hotspots.registry.database.changes import log
from hotspots.registry.database.connection import is_sqlite, plain_faults, reading, shown, writing
from hotspots.registry.database.tables import audit
from hotspots.registry.permissions import LOCAL
from hotspots.registry.schema.fields import names

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor

ERASED, PENDING, FINISHED = "erased", "erasure pending", "erasure finished"
_PATIENCE_MS = 5_000  # for readers to end, where somebody waits for the answer
_LOCKED = "55P03"  # PostgreSQL's "lock not available"


def tidy(engine: sa.Engine) -> None:
    """Leave no byte of what was erased in the database's files; after the transaction's end.

    An SQLite file is written again (it needs as much free space again) and its -wal file emptied;
    of PostgreSQL the two tables are written again.

    Raises
    ------
    RegistryError
        Others are reading the registry, so that remnants are left until `finish` has removed them;
        the journal says so.
    """
    if _tidied(engine, _PATIENCE_MS):
        _note(engine, FINISHED, "no remnant is left in the registry's files")
        return
    _note(engine, PENDING, "remnants stay in the registry's files while others read it")
    raise RegistryError(
        f"The data are erased, but remnants are left in the files of '{shown(engine)}' until those"
        " who are reading it now have ended. The next command on this registry after that removes"
        " them; 'hotspots registry journal' then shows 'erasure finished'."
    )


def finish(engine: sa.Engine) -> bool:
    """Remove the remnants of a pending erasure, without waiting; return whether none is pending.

    Where they can't be removed (others are reading, or this user may not write), they stay
    pending.
    """
    with suppress(HotspotsError):
        if not is_pending(engine):
            return True
        if _tidied(engine, 0):
            _note(engine, FINISHED, "no remnant is left in the registry's files")
            return True
    return False


def is_pending(engine: sa.Engine) -> bool:
    """Say whether remnants of erased data may be in the files of a registry."""
    with reading(engine) as connection:
        erased, finished = (
            connection.scalar(sa.select(sa.func.max(audit.c.no)).where(audit.c.action == action))
            for action in (ERASED, FINISHED)
        )
    return (erased or 0) > (finished or 0)


def _note(engine: sa.Engine, action: str, detail: str) -> None:
    with writing(engine) as connection:
        log(connection, LOCAL, clock.now(), action, "", detail)


def _tidied(engine: sa.Engine, patience_ms: int) -> bool:
    with plain_faults(engine):
        tidied = _tidy_sqlite if is_sqlite(engine) else _tidy_postgres
        return tidied(engine, patience_ms)


def _tidy_sqlite(engine: sa.Engine, patience_ms: int) -> bool:
    with closing(engine.raw_connection()) as raw:
        cursor = raw.cursor()
        (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {patience_ms}")
        try:
            # As long as somebody reads former pages, writing the file again would be in vain.
            if not _emptied(cursor):
                return False
            # Secure deletion zeroes what is deleted, but not the copies that a page keeps of rows
            # which moved to another one; only a file written again has none.
            cursor.execute("VACUUM")
            return _emptied(cursor)
        except sqlite3.OperationalError as fault:
            if "locked" not in str(fault):
                raise
            return False
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


def _emptied(cursor: DBAPICursor) -> bool:
    """Bring all that the log (-wal) holds into the file and empty it; say whether that was done."""
    busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _tidy_postgres(engine: sa.Engine, patience_ms: int) -> bool:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        run = connection.exec_driver_sql
        run(f"SET lock_timeout = {max(patience_ms, 1)}")  # 0 would be for ever
        try:
            personal = [("contact", name) for name in names("contact")]
            for table, name in (*personal, ("suggestion", "contact")):
                # The server's statistics hold values too; a change of type drops them.
                run(f"ALTER TABLE {table} ALTER {name} TYPE text, ALTER {name} SET STATISTICS 0")
            # Plain VACUUM only marks the room as free; FULL writes the tables again.
            run("VACUUM (FULL) contact, suggestion")
        except sa.exc.DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", "") != _LOCKED:
                raise
            return False
        finally:
            run("RESET lock_timeout")
    return True
