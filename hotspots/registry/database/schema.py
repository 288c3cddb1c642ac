"""Which schema a database has, and the migrations (Alembic) that make and renew it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from hotspots.errors import RegistryError
from hotspots.registry.database.connection import file_of, log_ahead, shown, writing
from hotspots.registry.database.tables import metadata

# The schema's number, kept under a name of our own: a database may serve other programs too.
VERSION_TABLE = "registry_schema"
MIGRATIONS = Path(__file__).with_name("migrations")
NEW, CURRENT, OLD, FUTURE, FOREIGN = "new", "current", "old", "future", "foreign"


def create(engine: sa.Engine) -> None:
    """Make an empty registry in an empty database, whole or not at all; one that is there stays.

    Raises
    ------
    RegistryError
        The database holds something else, or a registry of another version of this program;
        PostgreSQL without PostGIS.
    WriteError
        It can't be written.
    """
    with making(engine):
        pass


@contextmanager
def making(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that writes all or nothing, the registry itself included if there is none.

    So a first import that fails or is killed leaves no empty registry behind.

    Raises
    ------
    RegistryError, WriteError
        See `create`.
    """
    path = file_of(engine)
    if path is not None and not (os.path.isfile(path) and path.stat().st_size):
        log_ahead(engine)  # nobody else's file
    with writing(engine) as connection:
        if state(connection) == NEW:
            migrate(connection)
        require_current(connection)
        yield connection
    log_ahead(engine)


def upgrade(engine: sa.Engine) -> None:
    """Bring a registry of an older version to this version's schema, wholly or not at all.

    Raises
    ------
    RegistryError
        There is no registry, or it was made by a newer version.
    WriteError
        It can't be written.
    """
    with writing(engine) as connection:
        if state(connection) == OLD:
            migrate(connection)
        require_current(connection)


def state(connection: sa.Connection) -> str:
    """Return "new" (empty), "current", "old", "future" (by a newer version) or "foreign".

    A database is foreign if it has no registry, but tables that have the names of a registry's; an
    SQLite file also if it has any other table.
    """
    found = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE not in found:
        taken = found if connection.dialect.name == "sqlite" else found & set(metadata.tables)
        return FOREIGN if taken else NEW
    had, newest = number(connection), _newest()
    if not had:
        return FOREIGN
    return CURRENT if had == newest else OLD if had < newest else FUTURE


def number(connection: sa.Connection) -> str:
    """Return the number of the schema that a registry has ("0001"), or "" if it lost it."""
    return connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")) or ""


def require_current(connection: sa.Connection, where: str = "") -> None:
    """Check that this version of the program can use the registry.

    Parameters
    ----------
    connection
        To the registry.
    where : str
        What to call it; by default its path or address.

    Raises
    ------
    RegistryError
        It can't; the message says what to do.
    """
    found = state(connection)
    if found != CURRENT:
        raise RegistryError(_TOLD[found].format(where=f"'{where or shown(connection.engine)}'"))


def migrate(connection: sa.Connection, to: str = "head") -> None:
    """Bring a database to a schema, within the transaction of `connection`.

    Parameters
    ----------
    connection
        One that `writing` gave, of an empty database or of a registry with an older schema.
    to : str
        The schema's number; by default the newest.

    Raises
    ------
    RegistryError
        PostgreSQL without PostGIS.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


_TOLD = {
    NEW: "{where} holds no registry yet. 'hotspots registry import FILE' makes one.",
    OLD: "The registry {where} was made by an older version of this program. Make a backup, then"
    " run 'hotspots registry upgrade'.",
    FUTURE: "The registry {where} was made by a newer version of this program. Install that"
    " version: pip install --upgrade hotspots.",
    FOREIGN: "{where} is no registry: it holds tables of something else. Give another file or"
    " database.",
}


def _newest() -> str:
    # Read from the files' names (0001_first.py): importing Alembic for it would slow every start.
    return max(path.name[:4] for path in MIGRATIONS.glob("versions/[0-9]*.py"))
