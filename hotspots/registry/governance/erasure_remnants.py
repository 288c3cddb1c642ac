"""Removal of remnants of erased data from database files, as soon as no reader needs them.

An erased row is removed from the registry when its transaction is committed. Its bytes may remain
for a while: concurrent readers need the former pages, and neither database overwrites them until
those readers have ended. The journal records the state: an erasure is pending until a later line
states that it is finished, even if the program was interrupted. `finish` is called whenever a
registry is opened.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hotspots.errors import HotspotsError, RegistryError
from hotspots.io import clock
from hotspots.registry.database.changes import add_to_journal
from hotspots.registry.database.connection import is_sqlite, plain_faults, reading, shown, writing
from hotspots.registry.database.tables import audit
from hotspots.registry.permissions import LOCAL
from hotspots.registry.schema.fields import names

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor

ERASED, PENDING, FINISHED = "erased", "erasure pending", "erasure finished"
_PATIENCE_MS = 5_000  # wait for readers in interactive use
_LOCKED = "55P03"  # PostgreSQL's "lock not available"


def tidy(engine: sa.Engine) -> None:
    """Remove all bytes of erased data from the database files, after the transaction has ended.

    An SQLite file is rewritten (which needs free space of the same size) and its -wal file
    truncated; in PostgreSQL the two tables are rewritten.

    Raises
    ------
    RegistryError
        Other processes are reading the registry, so that remnants stay until `finish` removes them;
        the journal records this.
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
    """Remove remnants of pending erasures without waiting; return whether none are pending.

    If they can't be removed (concurrent readers, no write permission), the erasure stays
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
    """Return whether remnants of erased data may be in the files of a registry."""
    with reading(engine) as connection:
        erased, finished = (
            connection.scalar(sa.select(sa.func.max(audit.c.no)).where(audit.c.action == action))
            for action in (ERASED, FINISHED)
        )
    # Journal lines are numbered in the order of time.
    return (erased or 0) > (finished or 0)


def _note(engine: sa.Engine, action: str, detail: str) -> None:
    with writing(engine) as connection:
        add_to_journal(connection, LOCAL, clock.now(), action, "", detail)


def _tidied(engine: sa.Engine, patience_ms: int) -> bool:
    with plain_faults(engine):
        tidied = _tidy_sqlite if is_sqlite(engine) else _tidy_postgres
        return tidied(engine, patience_ms)


def _tidy_sqlite(engine: sa.Engine, patience_ms: int) -> bool:
    with closing(engine.raw_connection()) as raw:
        cursor = raw.cursor()
        (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        # Restored below, since the connection returns to the pool.
        cursor.execute(f"PRAGMA busy_timeout = {patience_ms}")
        try:
            # Rewriting the file has no effect while others read former pages.
            if not _emptied(cursor):
                return False
            # Secure deletion overwrites deleted data, but not copies of rows that were moved to
            # another page; only rewriting the file removes these.
            cursor.execute("VACUUM")
            return _emptied(cursor)
        except sqlite3.OperationalError as fault:
            if "locked" not in str(fault):
                raise
            return False
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


def _emptied(cursor: DBAPICursor) -> bool:
    """Checkpoint and truncate the log (-wal); return whether this succeeded."""
    busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _tidy_postgres(engine: sa.Engine, patience_ms: int) -> bool:
    # VACUUM can't run within a transaction.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        run = connection.exec_driver_sql
        run(f"SET lock_timeout = {max(patience_ms, 1)}")  # 0 disables the timeout
        try:
            personal = [("contact", name) for name in names("contact")]
            for table, name in (*personal, ("suggestion", "contact")):
                # The server's statistics contain values too; a change of type drops them.
                run(f"ALTER TABLE {table} ALTER {name} TYPE text, ALTER {name} SET STATISTICS 0")
            # Plain VACUUM only marks space as free; FULL rewrites the tables.
            run("VACUUM (FULL) contact, suggestion")
        except sa.exc.DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", "") != _LOCKED:
                raise
            return False
        finally:
            run("RESET lock_timeout")
    return True
