"""Connections to a registry's database: transactions, and its faults in plain words."""

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

PATIENCE_S = 60  # how long one writer waits for another
_IN_MEMORY = ":memory:"
_LEAST_ROOM = 100_000  # bytes
# Any number will do; it marks this program's writers among other users of the same server.
_PG_LOCK = 4_000_1000


def engine_for(url: str | Path) -> sa.Engine:
    """Return an engine; nothing is opened yet.

    Parameters
    ----------
    url : str or path
        ``postgresql://…`` (the psycopg driver is taken), ``sqlite:///…``, or the path of an SQLite
        file; ":memory:" is a database of this process alone.

    Raises
    ------
    RegistryError
        An address of another kind, or the driver isn't installed.
    """
    address = _address(url)
    if address.get_backend_name() == "postgresql":
        return _postgres(address)
    if address.database in (None, "", _IN_MEMORY):
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
    """Return the file of an SQLite registry; None of one in memory or on a server."""
    database = engine.url.database
    if not is_sqlite(engine) or database in (None, "", _IN_MEMORY):
        return None
    return Path(str(database))


def shown(engine: sa.Engine) -> str:
    """Return where a registry is, without its password."""
    if is_sqlite(engine):
        return str(file_of(engine) or _IN_MEMORY)
    address = engine.url.set(drivername="postgresql")
    if "password" in address.query:  # where PostgreSQL takes it from too
        address = address.update_query_dict({"password": "***"})
    return address.render_as_string(hide_password=True)


def log_ahead(engine: sa.Engine) -> None:
    """Let an SQLite registry's readers go on while one writes; the file keeps it."""
    if file_of(engine) is not None:
        with plain_faults(engine), engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]


def is_sqlite(engine: sa.Engine | sa.Connection) -> bool:
    """Say whether the database is SQLite; else it is PostgreSQL."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that sees one state of the registry throughout.

    Raises
    ------
    RegistryError
        The database is gone, locked, or no registry.
    """
    with plain_faults(engine), engine.connect() as connection:
        if not is_sqlite(engine):
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection
            driver = connection.connection.driver_connection
            if isinstance(driver, FileConnection):
                driver.require_unchanged()


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that writes all or nothing; one writer at a time, the next one waits.

    Raises
    ------
    RegistryError
        Another one has been writing for longer than `PATIENCE_S`; the database is gone.
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
    """Turn what a database driver raises into one plain sentence."""
    try:
        yield
    except sa.exc.DBAPIError as fault:
        raise _plain(engine, str(fault.orig).strip()) from fault
    except (sqlite3.Error, sa.exc.TimeoutError) as fault:
        raise _plain(engine, str(fault)) from fault


def _plain(engine: sa.Engine, said: str) -> HotspotsError:
    where = f"The registry '{shown(engine)}'"
    if "disk i/o error" in said.casefold() and _is_full(engine):
        said = "disk full"
    for words, error, told in _FAULTS:
        if any(word in said.casefold() for word in words):
            return error(f"{where} {told}")
    first = said.splitlines()[0] if said else "no reason given"
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
        "is no sound SQLite file. Put a backup in its place: 'hotspots registry restore'.",
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
        "isn't there, or is no registry. 'hotspots registry import FILE' makes one.",
    ),
    (("permission denied",), WriteError, "may not be used so. Check who may write it."),
)


def _is_full(engine: sa.Engine) -> bool:
    """Say whether there is no room for the files that SQLite makes beside a registry."""
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
            f"'{scheme}://…' is no address of a registry. Give the path of a file, or"
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
    return sa.create_engine(
        address, pool_pre_ping=True, connect_args={"connect_timeout": 10}, pool_recycle=1800
    )


def _connect(_dialect: object, _record: object, args: list[Any], _: object) -> FileConnection:
    """Take the driver's place in opening a file; see `sqlite_file`."""
    return connect(args[0], PATIENCE_S)


def _renewed(connection: FileConnection, _record: object, _proxy: object) -> None:
    """Let one that can't write be opened again for each transaction: it may be able to then."""
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
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
