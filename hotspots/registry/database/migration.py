"""The schema version of a database, and the migrations (Alembic) that create and upgrade it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from hotspots.errors import RegistryError
from hotspots.registry.database.connection import file_of, log_ahead, shown, writing
from hotspots.registry.database.tables import metadata

# Table of the schema version; its own name, since other programs may share the database.
VERSION_TABLE = "registry_schema"
MIGRATIONS = Path(__file__).with_name("migrations")
NEW, CURRENT, OLD, FUTURE, FOREIGN = "new", "current", "old", "future", "foreign"


def create(engine: sa.Engine) -> None:
    """Create an empty registry in an empty database in a single transaction, unless it exists.

    Raises
    ------
    RegistryError
        The database contains other tables, or a registry of another version of this program;
        PostgreSQL without PostGIS.
    WriteError
        It can't be written.
    """
    with making(engine):
        pass


@contextmanager
def making(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection for a single transaction, which also creates a missing registry.

    A first import that fails or is interrupted thus leaves no empty registry behind.

    Raises
    ------
    RegistryError, WriteError
        See `create`.
    """
    path = file_of(engine)
    if path is not None and not (os.path.isfile(path) and path.stat().st_size):
        log_ahead(engine)  # no other process uses the file yet
    with writing(engine) as connection:
        if state(connection) == NEW:
            migrate(connection)
        require_current(connection)
        yield connection
    log_ahead(engine)


def upgrade(engine: sa.Engine) -> None:
    """Upgrade an older registry to the current schema in a single transaction.

    Raises
    ------
    RegistryError
        There is no registry, or it was created by a newer version.
    WriteError
        It can't be written.
    """
    with writing(engine) as connection:
        if state(connection) == OLD:
            migrate(connection)
        require_current(connection)


def state(connection: sa.Connection) -> str:
    """Return "new" (empty), "current", "old", "future" (by a newer version) or "foreign".

    A database is foreign if it contains no registry but tables with the same names; an SQLite file
    also if it contains any other table.
    """
    found = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE not in found:
        # An SQLite file is of one program; a server's database may be shared.
        taken = found if connection.dialect.name == "sqlite" else found & set(metadata.tables)
        return FOREIGN if taken else NEW
    found_version, newest = number(connection), _newest()
    if not found_version:
        return FOREIGN
    return CURRENT if found_version == newest else OLD if found_version < newest else FUTURE


def number(connection: sa.Connection) -> str:
    """Return the schema version of a registry ("0001"), or "" if it is missing."""
    return connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")) or ""


def require_current(connection: sa.Connection, where: str = "") -> None:
    """Raise unless this version of the program can use the registry.

    Parameters
    ----------
    connection
        Connection to the registry.
    where : str
        Its name in messages; by default its path or URL.

    Raises
    ------
    RegistryError
        It can't be used; the message states the remedy.
    """
    found = state(connection)
    if found != CURRENT:
        raise RegistryError(_MESSAGES[found].format(where=f"'{where or shown(connection.engine)}'"))


def migrate(connection: sa.Connection, to: str = "head") -> None:
    """Migrate a database to a schema version, within the transaction of `connection`.

    Parameters
    ----------
    connection
        Connection from `writing`, to an empty database or a registry with an older schema.
    to : str
        The schema version; by default the newest.

    Raises
    ------
    RegistryError
        PostgreSQL without PostGIS.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    # The configuration parser takes % for the start of a reference.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


_MESSAGES = {
    NEW: "{where} holds no registry yet. 'hotspots registry import FILE' makes one.",
    OLD: "The registry {where} was made by an older version of this program. Make a backup, then"
    " run 'hotspots registry upgrade'.",
    FUTURE: "The registry {where} was made by a newer version of this program. Install that"
    " version: pip install --upgrade hotspots.",
    FOREIGN: "{where} is not a registry: it contains other tables. Give another file or database.",
}


def _newest() -> str:
    # Read from the file names (0001_first.py), since importing Alembic would slow every start.
    return max(path.name[:4] for path in MIGRATIONS.glob("versions/[0-9]*.py"))
