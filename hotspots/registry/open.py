"""Opening a registry: a database by path or URL, or files of records read into memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hotspots.config import data_dir, settings
from hotspots.errors import BadInputError, RegistryError, TokenError
from hotspots.locale.escaping import shell_word
from hotspots.registry.database import migration
from hotspots.registry.database.connection import engine_for, file_of, reading, shown
from hotspots.registry.governance.erasure_remnants import finish
from hotspots.registry.permissions import LOCAL, Actor
from hotspots.registry.registry import Registry, unmade_registry
from hotspots.registry.schema.problems import Problem, problem_report

if TYPE_CHECKING:
    from hotspots.registry.formats.read import Table

FILES = (".csv", ".tsv", ".xlsx", ".ods", ".xls", ".geojson", ".json", ".gpkg")
_ROWS = 10_000_000  # more than a file has
_SQLITE = b"SQLite format 3\x00"


def open_registry(
    url: str | Path | None = None, *, token: str | None = None, create: bool = False
) -> Registry:
    """Open a registry.

    Parameters
    ----------
    url : str or path, optional
        An SQLite file; ``postgresql://user:password@host/database``; or a file or folder of
        records (CSV, XLSX, ODS, XLS, GeoJSON, GeoPackage), which is opened read-only. By default
        the value of the environment variable HOTSPOTS_REGISTRY, else the user's own registry
        (`own_registry`) if it exists, else the sample included in the project.
    token : str, optional
        Secret of a token that identifies the actor; by default the value of HOTSPOTS_TOKEN. Until
        a registry has an administrator token, any user who can open its database acts as
        administrator.
    create : bool
        Create an empty registry if none exists.

    Raises
    ------
    RegistryError
        The registry doesn't exist or can't be read. A file with an invalid row is rejected as a
        whole, with one sentence for each invalid row.
    TokenError
        The token is unknown, expired or revoked.
    """
    where = located(url, create=create)
    if _is_files(where):
        return _read_files(Path(where))
    engine = engine_for(where)
    if create:
        _require_makeable(engine, token)
        migration.create(engine)
    else:
        require_there(engine)
    with reading(engine) as connection:
        migration.require_current(connection)
    actor = actor_there(engine, token)
    finish(engine)
    return Registry(engine, actor=actor)


def open_to_import(
    url: str | Path | None = None, *, token: str | None = None, dry_run: bool = False
) -> Registry:
    """Open a registry for an import; a missing registry is created by the first import.

    Parameters
    ----------
    url, token
        See `open_registry`.
    dry_run : bool
        Whether nothing will be written: a missing file is read as an empty registry.

    Raises
    ------
    RegistryError, TokenError
        See `open_registry`.
    """
    if dry_run:
        return _open_to_plan(url, token)
    where = located(url, create=True)
    engine = None if _is_files(where) else engine_for(where)
    if engine is None or is_there(engine):
        return open_registry(url, token=token, create=True)
    _require_makeable(engine, token)
    return unmade_registry(engine)


def _open_to_plan(url: str | Path | None, token: str | None) -> Registry:
    # Never the sample: the plan is of what an import would do.
    where = located(url, create=True)
    try:
        return open_registry(where, token=token)
    except BadInputError:
        if "://" in where or (Path(where).exists() and Path(where).stat().st_size):
            raise
        return unmade_registry(engine_for(where))


def _require_makeable(engine: sa.Engine, token: str | None) -> None:
    _make_room(engine)
    if (token or settings().token) and not is_there(engine):
        raise TokenError(
            f"There is no registry '{shown(engine)}' yet, so it has no tokens. Create it first:"
            " 'hotspots registry create', without a token."
        )


def located(url: str | Path | None = None, *, create: bool = False) -> str:
    """Return the URL or path that `open_registry` opens; with `create`, never the sample."""
    return str(url or settings().registry or _default(create))


def actor_there(engine: sa.Engine, token: str | None = None) -> Actor:
    """Return the actor: the token holder (argument or HOTSPOTS_TOKEN), else local or public."""
    from hotspots.registry.governance.tokens import actor_of

    with reading(engine) as connection:
        if migration.state(connection) in (migration.NEW, migration.FOREIGN):
            return LOCAL  # no tokens to check
        secret = settings().token.get_secret_value() if token is None else token
        return actor_of(connection, secret)


def is_there(engine: sa.Engine) -> bool:
    """Return whether a database contains a registry; none is created."""
    path = file_of(engine)
    if path is not None and not (os.path.isfile(path) and path.stat().st_size):
        return False
    with reading(engine) as connection:
        return migration.state(connection) != migration.NEW


def own_registry() -> Path:
    """Return the path of the user's own registry, which may not exist."""
    import platformdirs

    return Path(platformdirs.user_data_path("hotspots")) / "registry.sqlite"


def _default(create: bool) -> Path:
    # An interrupted first import leaves an empty file, which is not a registry.
    if create or (os.path.isfile(own_registry()) and is_there(engine_for(own_registry()))):
        return own_registry()
    return data_dir() / "registry"


def sample_registry() -> Registry:
    """Return the packaged sample, opened read-only."""
    return _read_files(data_dir() / "registry")


def place_of(registry: Registry) -> str:
    """Return where a registry is: its path, or its URL without a password."""
    return str(registry.files[0]) if registry.files else registry.source


def is_sample(registry: Registry) -> bool:
    """Return whether a registry is the packaged sample."""
    return registry.files == ((data_dir() / "registry").resolve(),)


def replaces_sample(registry: Registry, url: str | Path | None) -> bool:
    """Return whether an import makes the user's own registry, used from then on by default.

    Parameters
    ----------
    registry : Registry
        Result of `open_to_import` for `url`.
    url : str or path, optional
        The registry asked for; None for the one by default.
    """
    return registry.is_unmade and located(url) == str(data_dir() / "registry")


def _is_files(where: str) -> bool:
    path = Path(where)
    if "://" in where:
        return False
    return os.path.isdir(path) or path.suffix.casefold() in FILES


def _make_room(engine: sa.Engine) -> None:
    path = file_of(engine)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise RegistryError(
            f"The registry '{path}' can't be made ({fault.strerror}). Give another path."
        ) from fault


def require_there(engine: sa.Engine) -> None:
    """Raise for a path without a database, since opening it would create an empty one."""
    path = file_of(engine)
    if path is None:
        return
    if not os.path.isfile(path) or not path.stat().st_size:
        raise RegistryError(
            f"There is no registry '{path}'. This makes one: hotspots registry import FILE"
            f" --registry {shell_word(path)} (a file of records ends in {', '.join(FILES)})."
        )
    with path.open("rb") as opened:
        if opened.read(len(_SQLITE)) != _SQLITE:
            raise RegistryError(
                f"'{path}' is not a registry (not an SQLite file). A file of records ends in"
                f" {', '.join(FILES)}."
            )


def _read_files(path: Path) -> Registry:
    """Return an in-memory registry with the records of files."""
    from hotspots.registry.formats.read import read_file

    tables = [read_file(file) for file in record_files(path)]
    engine = engine_for(":memory:")
    migration.create(engine)
    made = Registry(engine, source=path.name, files=(path.resolve(),))
    _refuse_repeated_ids(tables)
    # One plan for all files, since relations may link them; the row number encodes the file.
    rows = [(at * _ROWS + row, cells) for at, t in enumerate(tables) for row, cells in t.rows]
    bad = [(table, p) for table in tables for p in table.problems if p.serious]
    for problem in made.plan_import(rows).problems:
        at, row = divmod(problem.row, _ROWS)
        bad.append((tables[at], problem.of_row(row)))
    if bad:
        raise RegistryError(_rejection(path, bad))
    made.import_rows(rows)
    made.read_only = True
    return made


def _refuse_repeated_ids(tables: list[Table]) -> None:
    """Raise for an id that occurs in two files; the plan checks ids within a file."""
    first: dict[str, str] = {}
    for table in tables:
        for id_ in {cells.get("id", "") for _, cells in table.rows} - {""}:
            if id_ in first:
                raise RegistryError(
                    f"The id '{id_}' occurs in '{first[id_]}' and in '{table.name}'. Give each"
                    " record a unique id."
                )
            first[id_] = table.name


def record_files(path: Path) -> list[Path]:
    """Return the files of records in a folder, in the order of their names; or the file itself."""
    if not path.is_dir():
        return [path]
    found = sorted(f for f in path.iterdir() if f.suffix.casefold() in FILES)
    if not found:
        raise RegistryError(
            f"'{path}' is neither a registry nor a folder with files of records"
            f" ({', '.join(FILES)}); give one of these."
        )
    return found


def _rejection(path: Path, bad: list[tuple[Table, Problem]]) -> str:
    lines = []
    for table in dict.fromkeys(table.name for table, _ in bad):
        own = [problem for t, problem in bad if t.name == table]
        lines.append(problem_report(own, table))
    return "\n".join(lines) + f"\nNothing was imported from '{path.name}'."
