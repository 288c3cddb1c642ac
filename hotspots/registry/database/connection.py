"""Connections to a registry's database: transactions and plain error messages."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import StaticPool

from hotspots.errors import HotspotsError, RegistryError, WriteError
from hotspots.io.limits import require_regular
from hotspots.registry.database.sqlite_file import FileConnection, connect, prepare

PATIENCE_S = 60  # how long a writer waits for another
_IN_MEMORY = ":memory:"
_LEAST_ROOM = 100_000  # bytes
# An arbitrary number that identifies this program's advisory lock on a shared server.
_PG_LOCK = 4_000_1000


def engine_for(url: str | Path) -> sa.Engine:
    """Return an engine without connecting.

    Parameters
    ----------
    url : str or path
        ``postgresql://…`` (with the psycopg driver), ``sqlite:///…``, or the path of an SQLite
        file; ":memory:" is an in-memory database.

    Raises
    ------
    RegistryError
        An unsupported URL, or the driver isn't installed.
    """
    address = _address(url)
    if address.get_backend_name() == "postgresql":
        return _postgres(address)
    if address.database in (None, "", _IN_MEMORY):
        # A database in memory lasts as long as its one connection, which all threads must share.
        made = sa.create_engine(
            address, connect_args={"check_same_thread": False}, poolclass=StaticPool
        )
        sa.event.listen(made, "connect", lambda connection, _: prepare(connection))
    else:
        require_regular(str(address.database))
        made = sa.create_engine(address)
        sa.event.listen(made, "do_connect", _connect)
        sa.event.listen(made, "checkout", _renewed)
    sa.event.listen(made, "begin", _begin)
    return made


def file_of(engine: sa.Engine) -> Path | None:
    """Return the file of an SQLite registry; None for one in memory or on a server."""
    database = engine.url.database
    if not is_sqlite(engine) or database in (None, "", _IN_MEMORY):
        return None
    return Path(str(database))


def shown(engine: sa.Engine) -> str:
    """Return the path or URL of a registry, without its password."""
    if is_sqlite(engine):
        return str(file_of(engine) or _IN_MEMORY)
    address = engine.url.set(drivername="postgresql")
    if "password" in address.query:  # PostgreSQL also accepts it in the query string
        address = address.update_query_dict({"password": "***"})
    return address.render_as_string(hide_password=True)


def log_ahead(engine: sa.Engine) -> None:
    """Set an SQLite registry to write-ahead logging, so that writers don't block readers."""
    if file_of(engine) is not None:
        with plain_faults(engine), engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]


def is_sqlite(engine: sa.Engine | sa.Connection) -> bool:
    """Return whether the database is SQLite; otherwise it is PostgreSQL."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection with a consistent snapshot of the registry.

    Raises
    ------
    RegistryError
        The database is missing, locked or not a registry.
    """
    with plain_faults(engine), engine.connect() as connection:
        # A transaction of SQLite is a snapshot anyway.
        if not is_sqlite(engine):
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection
            # A file that was read without locks must be the same at the end.
            driver = connection.connection.driver_connection
            if isinstance(driver, FileConnection):
                driver.require_unchanged()


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection for writing in a single transaction; concurrent writers wait.

    Raises
    ------
    RegistryError
        Another writer held the lock for longer than `PATIENCE_S`; the database is missing.
    WriteError
        The disk is full, or the file can't be written.
    """
    with plain_faults(engine), engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            if not is_sqlite(engine):
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE_S}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PG_LOCK})")
            yield connection


@contextmanager
def plain_faults(engine: sa.Engine) -> Iterator[None]:
    """Convert exceptions of a database driver to plain error messages."""
    try:
        yield
    except sa.exc.DBAPIError as fault:
        raise _plain(engine, str(fault.orig).strip()) from fault
    except (sqlite3.Error, sa.exc.TimeoutError) as fault:
        raise _plain(engine, str(fault)) from fault


def _plain(engine: sa.Engine, driver_message: str) -> HotspotsError:
    where = f"The registry '{shown(engine)}'"
    # SQLite reports an I/O error if its auxiliary files don't fit on the disk.
    if "disk i/o error" in driver_message.casefold() and _is_full(engine):
        driver_message = "disk full"
    for words, error, message in _FAULTS:
        if any(word in driver_message.casefold() for word in words):
            return error(f"{where} {message}")
    first = driver_message.splitlines()[0] if driver_message else "no reason given"
    return RegistryError(f"{where} can't be used ({first}). Check it and try again.")


_FAULTS: tuple[tuple[tuple[str, ...], type[HotspotsError], str], ...] = (
    (
        ("database is locked", "database table is locked", "lock timeout"),
        RegistryError,
        f"has been written by another process for more than {PATIENCE_S} seconds. Nothing was"
        " changed; try again when it has ended.",
    ),
    (("unable to open",), RegistryError, "can't be opened. Check the path and who may read it."),
    (("readonly", "read-only"), WriteError, "may only be read. Check who may write it."),
    (("full", "no space"), WriteError, "is on a full disk. Nothing was changed; make room first."),
    (
        ("not a database", "malformed", "disk image"),
        RegistryError,
        "is not a valid SQLite file. Put a backup in its place: 'hotspots registry restore'.",
    ),
    (
        ("disk i/o error",),
        WriteError,
        "can't be read or written: the disk fails, or your share of it is full.",
    ),
    (
        (
            "connection refused",
            "connection failed",
            "could not connect",
            "timeout expired",
            "terminating connection",
            "server closed",
            "connection is lost",
            "getaddrinfo",
            "failed to resolve",
        ),
        RegistryError,
        "doesn't answer. Check that the PostgreSQL server runs and that the address is right.",
    ),
    (
        ("password authentication", "authentication failed", "no password supplied"),
        RegistryError,
        "refused the user or the password. Check the address.",
    ),
    (
        ("does not exist", "no such table", "no such column"),
        RegistryError,
        "doesn't exist, or is not a registry. 'hotspots registry import FILE' makes one.",
    ),
    (("permission denied",), WriteError, "may not be used so. Check who may write it."),
)


def _is_full(engine: sa.Engine) -> bool:
    """Return whether there is no space for the files that SQLite creates beside a registry."""
    path = file_of(engine)
    try:
        return path is not None and shutil.disk_usage(path.resolve().parent).free < _LEAST_ROOM
    except OSError:
        return False


def _address(url: str | Path) -> URL:
    text = str(url)
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        address = make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        address = None
    backend = address.get_backend_name() if address is not None else ""
    if address is None or backend not in ("sqlite", "postgresql", "postgres"):
        scheme = text.partition("://")[0]
        raise RegistryError(
            f"'{scheme}://…' is not a URL of a registry. Give the path of a file, or"
            " postgresql://user:password@host/database."
        )
    if backend == "sqlite":
        return address
    return address.set(drivername="postgresql+psycopg")


def _postgres(address: URL) -> sa.Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError as fault:
        raise RegistryError(
            "A registry in PostgreSQL needs the extra 'postgis': pip install 'hotspots[postgis]'."
        ) from fault
    # Connections that the server or a firewall closed meanwhile are replaced.
    return sa.create_engine(
        address, pool_pre_ping=True, connect_args={"connect_timeout": 10}, pool_recycle=1800
    )


def _connect(_dialect: object, _record: object, args: list[Any], _: object) -> FileConnection:
    """Open a file in place of the default driver; see `sqlite_file`."""
    return connect(args[0], PATIENCE_S)


def _renewed(connection: FileConnection, _record: object, _proxy: object) -> None:
    """Reopen a read-only connection for each transaction, since it may have become writable."""
    if connection.unwritable and connection.used:
        raise sa.exc.DisconnectionError
    connection.used = True


def _begin(connection: sa.Connection) -> None:
    if not is_sqlite(connection):
        return
    writes = connection.get_execution_options().get("writes")
    driver = connection.connection.driver_connection
    if writes and isinstance(driver, FileConnection) and driver.unwritable:
        raise sqlite3.OperationalError(driver.unwritable)
    # IMMEDIATE waits for other writers now; a reader that begins to write later may fail at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
