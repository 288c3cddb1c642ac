"""Connections to a registry's database: transactions, and its faults in plain words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import StaticPool

from hotspots.errors import HotspotsError, RegistryError, WriteError

PATIENCE_S = 60  # how long one writer waits for another
_IN_MEMORY = ":memory:"
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
    memory = address.database in (None, "", _IN_MEMORY)
    options = {"poolclass": StaticPool} if memory else {}
    if not memory and _only_readable(str(address.database)):
        # Without the right to write there is no shared memory for a log; the file stays as it is.
        address = address.set(
            database=f"file:{quote(str(address.database))}",
            query={"mode": "ro", "immutable": "1", "uri": "true"},
        )
    engine = sa.create_engine(
        address, connect_args={"timeout": PATIENCE_S, "check_same_thread": False}, **options
    )
    if "immutable" not in address.query:
        sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin)
    return engine


def file_of(engine: sa.Engine) -> Path | None:
    """Return the file of an SQLite registry; None of one in memory or on a server."""
    database = engine.url.database
    if not is_sqlite(engine) or database in (None, "", _IN_MEMORY):
        return None
    name = str(database)
    return Path(unquote(name.removeprefix("file:")) if "uri" in engine.url.query else name)


def shown(engine: sa.Engine) -> str:
    """Return where a registry is, without its password."""
    if is_sqlite(engine):
        return str(file_of(engine) or _IN_MEMORY)
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=True)


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
    for words, error, told in _FAULTS:
        if any(word in said.casefold() for word in words):
            return error(f"{where} {told}")
    first = said.splitlines()[0] if said else "no reason given"
    return RegistryError(f"{where} can't be used ({first}). Check it and try again.")


_FAULTS: tuple[tuple[tuple[str, ...], type[HotspotsError], str], ...] = (
    (("database is locked", "database table is locked", "lock timeout"), RegistryError,
     f"has been written by another process for more than {PATIENCE_S} seconds. Nothing was changed;"
     " try again when it has ended."),
    (("unable to open",), RegistryError, "can't be opened. Check the path and who may read it."),
    (("readonly", "read-only"), WriteError, "may only be read. Check who may write it."),
    (("full", "no space"), WriteError, "is on a full disk. Nothing was changed; make room first."),
    (("not a database", "malformed", "disk image"), RegistryError,
     "is no sound SQLite file. Put a backup in its place: 'hotspots registry restore'."),
    (("disk i/o error",), WriteError, "can't be read or written: the disk fails."),
    (("connection refused", "connection failed", "could not connect", "timeout expired",
      "terminating connection", "server closed", "connection is lost", "getaddrinfo",
      "failed to resolve"), RegistryError,
     "doesn't answer. Check that the PostgreSQL server runs and that the address is right."),
    (("password authentication", "authentication failed", "no password supplied"), RegistryError,
     "refused the user or the password. Check the address."),
    (("does not exist", "no such table", "no such column"), RegistryError,
     "isn't there, or is no registry. 'hotspots registry import FILE' makes one."),
    (("permission denied",), WriteError, "may not be used so. Check who may write it."),
)  # fmt: skip


def _only_readable(path: str) -> bool:
    """Say whether an SQLite file, or the folder that its log would be in, can't be written."""
    file = Path(path)
    if not file.is_file() or Path(f"{path}-wal").exists():
        return False
    own = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    return not all(os.access(place, os.W_OK, **own) for place in (file, file.resolve().parent))


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


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # SQLAlchemy says BEGIN itself (`_begin`): the driver's own habit would let readers block.
    connection.isolation_level = None
    connection.execute("PRAGMA secure_delete=ON")  # erased data leave no trace in the file
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin(connection: sa.Connection) -> None:
    if is_sqlite(connection):
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
