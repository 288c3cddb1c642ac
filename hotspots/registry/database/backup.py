"""Backup and restoration of a registry, independent of the kind of database.

A backup is an SQLite file, whichever database it was made from. It is itself a complete registry,
so data erased from the registry are absent from later backups. Since it contains personal fields
and token digests, only its owner may read it.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from hotspots.errors import HotspotsError, RegistryError, WriteError
from hotspots.io.atomic import aside, make_private, reason, sweep, write_error
from hotspots.io.limits import require_regular
from hotspots.io.readers.amounts import timed
from hotspots.registry.database import changes, migration, tables
from hotspots.registry.database.connection import (
    engine_for,
    file_of,
    is_sqlite,
    plain_faults,
    reading,
    shown,
)
from hotspots.registry.database.connection import writing as writing_to

_FurtherChanges = Callable[[sa.Connection], object]
_BATCH = 5_000
# Recomputed from the records when they are copied to SQLite; not used with PostGIS.
_DERIVED = ("record_part", "record_box")
_DAMAGE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def backup(engine: sa.Engine, path: str | Path, *, force: bool = False) -> Mapping[str, int]:
    """Write a consistent backup of a registry, which may be in use.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        The registry, possibly with an older migration.
    path : str or path
        The file to create; it is written to a temporary file and verified before renaming.
    force : bool
        Replace an existing file.

    Returns
    -------
    mapping of str to int
        Number of rows of each table in the backup.

    Raises
    ------
    RegistryError
        There is no registry, it is damaged, or the file exists already.
    WriteError
        The disk is full, or the file can't be written. An existing file is left unchanged.
    """
    target = Path(path)
    try:
        _require_free(target, engine, force)
        with aside(target) as folder:
            made = folder / "backup"
            make_private(made)
            with _named_in_errors(target):
                (_copy_file if is_sqlite(engine) else _copy_server)(engine, made)
            counts = _checked(made)
            # On disk before it is renamed, and its folder after: both survive a power failure.
            _to_disk(made)
            os.replace(made, target)
            _to_disk(target.parent)
    except OSError as fault:
        raise write_error(target, fault) from fault
    return counts


def restore(
    path: str | Path,
    engine: sa.Engine,
    *,
    force: bool = False,
    then: _FurtherChanges = lambda _: None,
) -> Mapping[str, int]:
    """Restore a registry from a backup in a single transaction, on either kind of database.

    Parameters
    ----------
    path : str or path
        A file written by `backup`, by this or an older version; it is not modified.
    engine : sqlalchemy.Engine
        The target database. Other connections see the former registry until completion.
    force : bool
        Replace an existing registry, or a damaged SQLite file.
    then : callable, optional
        Called with the connection to make further changes in the same transaction.

    Returns
    -------
    mapping of str to int
        Number of rows of each table in the backup.

    Raises
    ------
    RegistryError
        The backup is missing, damaged or not a backup; the database is not empty.
    WriteError
        The disk is full, or the database can't be written.
    """
    with tempfile.TemporaryDirectory() as folder:  # accessible to its owner only
        copy = Path(folder) / "backup"
        counts = _copy_of(Path(path), copy)
        source = engine_for(copy)
        try:
            with reading(source) as taken:
                _require_backed(taken, str(path))
            migration.upgrade(source)
            if lost := set(tables.metadata.tables) - set(sa.inspect(source).get_table_names()):
                raise _unsound(Path(path), f"it lacks the table '{min(lost)}'")
            if is_sqlite(engine) and is_damaged(engine):
                _replace(source, engine, force, then)
            else:
                # A replacement of a damaged file that was killed at its end left its folder.
                if (file := file_of(engine)) is not None:
                    sweep(file)
                _fill(source, engine, force, then)
        finally:
            source.dispose()
    return counts


def _require_free(target: Path, engine: sa.Engine, force: bool) -> None:
    if target.is_dir():
        raise RegistryError(f"'{target}' is a folder. Give the name of a file in it.")
    if not target.exists():
        return
    if is_sqlite(engine) and engine.url.database and target.samefile(engine.url.database):
        raise RegistryError(f"'{target}' is the registry itself. Give the backup another name.")
    if not force:
        raise RegistryError(
            f"'{target}' exists already. Give another name, or replace it by --force."
        )


@contextmanager
def _named_in_errors(target: Path) -> Iterator[None]:
    """Name the target, not the temporary file, in error messages raised while writing."""
    try:
        yield
    except HotspotsError as error:
        fault = getattr(error.__cause__, "orig", error.__cause__)
        if isinstance(fault, sqlite3.Error) and _code(fault) in _DISK:
            raise write_error(target, fault) from fault
        raise


def _copy_file(engine: sa.Engine, made: Path) -> None:
    with plain_faults(engine), engine.connect() as connection:
        _require_backed(connection)
        # VACUUM can't run within a transaction.
        connection.rollback()
        driver = connection.connection.driver_connection
        assert driver is not None
        # A consistent copy, without the remnants in freed pages.
        driver.execute("VACUUM INTO ?", (str(made),))


def _copy_server(engine: sa.Engine, made: Path) -> None:
    file = engine_for(made)
    try:
        with reading(engine) as source, writing_to(file) as target:
            _require_backed(source)
            # With the schema of the source, whose tables are copied as they are.
            migration.migrate(target, migration.number(source))
            _copy(source, target, _tables(target))
    finally:
        file.dispose()
    with closing(sqlite3.connect(made)) as connection:
        connection.execute(
            "PRAGMA journal_mode = DELETE"
        )  # a single file, usable in read-only folders too


def _require_backed(connection: sa.Connection, where: str = "") -> None:
    if (
        migration.state(connection) != migration.OLD
    ):  # older schemas are backed up before an upgrade
        migration.require_current(connection, where)


def _copy_of(path: Path, copy: Path) -> Mapping[str, int]:
    """Copy a valid backup, which may also be a registry in use."""
    require_regular(path)
    if not path.is_file():
        raise RegistryError(f"There is no file '{path}'. Give a file that 'registry backup' made.")
    counts = _checked(path)
    try:
        make_private(copy)
        with closing(_opened(path)) as connection, timed(connection, path.name):
            connection.execute("VACUUM INTO ?", (str(copy),))
    except (sqlite3.Error, OSError) as fault:
        there = copy.parent.parent
        raise WriteError(
            f"'{path}' can't be copied to '{there}' ({reason(fault)}); make room there."
        ) from fault
    return counts


def _checked(path: Path) -> Mapping[str, int]:
    """Return the number of rows of each table of a backup; raise RegistryError if damaged."""
    try:
        with closing(_opened(path)) as connection, timed(connection, path.name):
            _check_sound(connection, path)
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            own = [name for (name,) in names if name in tables.metadata.tables]
            return {
                name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                for name in own
                if name not in _DERIVED
            }
    except sqlite3.Error as fault:
        raise _unsound(path, reason(fault)) from fault


def _check_sound(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("SELECT name FROM sqlite_master").fetchall()
    if (migration.VERSION_TABLE,) not in found or ("record",) not in found:
        raise RegistryError(
            f"'{path}' is not a backup of a registry. Give a file that 'registry backup' made."
        )
    (report,) = connection.execute("PRAGMA integrity_check").fetchone()
    if report != "ok":
        raise _unsound(path, report.splitlines()[0])


def _unsound(path: Path, why: str) -> RegistryError:
    return RegistryError(f"The backup '{path}' is damaged ({why}). Take another one.")


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _fill(source: sa.Engine, engine: sa.Engine, force: bool, then: _FurtherChanges) -> None:
    with reading(source) as taken, writing_to(engine) as target:
        _make_room(target, force)
        kept = [table for table in tables.metadata.sorted_tables if table.name not in _DERIVED]
        _copy(taken, target, kept)
        if not is_sqlite(target):
            _set_counters(target, kept)
        then(target)


def _make_room(target: sa.Connection, force: bool) -> None:
    if migration.state(target) in (migration.NEW, migration.OLD):
        migration.migrate(target)
    migration.require_current(target)
    held = {name: _count(target, table) for name, table in tables.metadata.tables.items()}
    if any(held.values()) and not force:
        raise RegistryError(
            f"'{shown(target.engine)}' holds a registry already, of {held['record']:,} records."
            " Back it up, then replace it by --force, or give another place."
        )
    # In the same transaction: others see the former registry until all is there.
    for table in tables.metadata.tables.values():
        target.execute(table.delete())
    if is_sqlite(target):
        target.execute(sa.delete(changes.record_box))


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def _tables(file: sa.Connection) -> list[sa.Table]:
    """Return the tables of an SQLite registry to copy, for any schema version."""
    found = sa.MetaData()
    left = (migration.VERSION_TABLE, *_DERIVED)
    names = [name for name in sa.inspect(file).get_table_names() if not name.startswith(left)]
    found.reflect(file, only=names)
    return found.sorted_tables


def _copy(source: sa.Connection, target: sa.Connection, copied: list[sa.Table]) -> None:
    for table in copied:
        rows = source.execute(sa.select(table).execution_options(yield_per=_BATCH))
        for part in rows.mappings().partitions():
            target.execute(sa.insert(table), [dict(row) for row in part])
    if is_sqlite(target):
        record = tables.record.c
        places = (record.no, record.latitude, record.longitude, record.footprint)
        for part in target.execute(sa.select(*places)).mappings().partitions(_BATCH):
            given = [{k: v for k, v in row.items() if v is not None} for row in part]
            changes.put_boxes(target, [changes.Numbered(row["no"], row) for row in given])


def _set_counters(target: sa.Connection, copied: list[sa.Table]) -> None:
    """Set PostgreSQL sequences to continue after the copied row numbers."""
    for table in copied:
        # Only tables with a row number have a sequence.
        if "no" not in table.c:
            continue
        counter = target.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, "no")))
        if counter is not None:
            following = (target.scalar(sa.select(sa.func.max(table.c.no))) or 0) + 1
            # Not setval(), which is not rolled back if the transaction fails.
            target.exec_driver_sql(f"ALTER SEQUENCE {counter} RESTART WITH {following}")


def is_damaged(engine: sa.Engine) -> bool:
    """Return whether an SQLite registry is a damaged file."""
    file = Path(engine.url.database or "")
    if not file.is_file():
        return False
    try:
        with closing(_opened(file)) as connection:
            return bool(connection.execute("PRAGMA quick_check").fetchone() != ("ok",))
    except sqlite3.DatabaseError as fault:
        return _code(fault) in _DAMAGE


def _code(fault: sqlite3.Error) -> int:
    return getattr(fault, "sqlite_errorcode", 0) & 0xFF  # primary result code


def _replace(source: sa.Engine, engine: sa.Engine, force: bool, then: _FurtherChanges) -> None:
    """Replace a damaged file, which can't be written to, by a new one."""
    file = Path(engine.url.database or "")
    if not force:
        raise RegistryError(
            f"'{file}' is not a valid SQLite file. Keep a copy if it may be of use, then replace it"
            " by --force."
        )
    # Its connections would keep the damaged file open.
    engine.dispose()
    try:
        with aside(file) as folder:
            made = engine_for(folder / "registry")
            with _named_in_errors(file):
                _fill(source, made, force, then)
            made.dispose()
            _to_disk(folder / "registry")
            for suffix in ("-wal", "-shm"):  # SQLite would apply them to the new file
                file.with_name(file.name + suffix).unlink(missing_ok=True)
            os.replace(folder / "registry", file)
    except OSError as fault:
        raise write_error(file, fault) from fault


def _to_disk(path: Path) -> None:
    """Flush a file or folder to disk, so that it survives a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
