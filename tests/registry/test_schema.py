"""The schema of a registry: made, recognised and renewed, on SQLite and PostGIS."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import RegistryError
from hotspots.registry.database import migration, tables
from hotspots.registry.database.connection import engine_for, is_sqlite, reading, writing
from hotspots.registry.schema.fields import fields, names

# What only one of the databases has, and what Alembic or PostGIS keep for themselves.
APART = re.compile("record_box.*|spatial_ref_sys|registry_schema|geometry|record_geometry")
SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.add_column("survey", sa.Column("extra", sa.Text, nullable=False, server_default="none"))
    {more}
"""


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes this program one version newer, with a migration of its own."""

    def make(more: str = "") -> None:
        folder = tmp_path / "100% newer"
        shutil.copytree(migration.MIGRATIONS, folder)
        (folder / "versions" / "0002_second.py").write_text(SECOND.format(more=more))
        monkeypatch.setattr(migration, "MIGRATIONS", folder)

    return make


def state(engine: sa.Engine) -> str:
    with reading(engine) as connection:
        return migration.state(connection)


def put(engine: sa.Engine, **given: Any) -> None:
    """Write one record."""
    needed = {"name": "Test station", "version": 1, "created": "2026-01-01T00:00:00Z"}
    row = needed | {"changed": needed["created"]} | given
    with writing(engine) as connection:
        connection.execute(tables.record.insert().values(**row))


def test_the_migrations_make_what_the_tables_say(any_registry: sa.Engine) -> None:
    """Columns, types, keys and indexes; neither side has more than the other."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def compared(_: Any, name: str | None, kind: str, *__: Any) -> bool:
        return not APART.fullmatch(name or "")

    with reading(any_registry) as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not recognize type 'geometry'")
        options = {"compare_type": True, "include_object": compared}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_the_migrations_write_the_same_statements_as_the_tables(
    registry_at: Callable[[str], sa.Engine],
) -> None:
    """Defaults, orders and keys too, which Alembic doesn't compare."""
    migrated, plain = registry_at("sqlite"), engine_for(":memory:")
    tables.metadata.create_all(plain)

    def statements(engine: sa.Engine) -> dict[str, set[str]]:
        with engine.connect() as connection:
            found = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE sql <> ''"
            )
            return {
                name: {re.sub(r"\s+", " ", part.strip("\n\t )")) for part in sql.split(", ")}
                for name, sql in found
                if not APART.fullmatch(name)
            }

    assert statements(migrated) == statements(plain)
    plain.dispose()


def test_a_registry_is_made_once_and_stays(any_registry: sa.Engine) -> None:
    """To make it again changes nothing."""
    put(any_registry, no=1, id="a", type="organisation")
    migration.create(any_registry)
    migration.upgrade(any_registry)
    assert state(any_registry) == "current"
    with reading(any_registry) as connection:
        assert connection.scalar(sa.select(tables.record.c.id)) == "a"


def test_an_empty_database_is_new(postgis: str, tmp_path: Path) -> None:
    """Neither an empty file nor PostGIS's own tables are a registry, or in its way."""
    for url in (tmp_path / "none.sqlite", postgis):
        engine = engine_for(url)
        assert state(engine) == "new"
        with (
            pytest.raises(RegistryError, match=r"holds no registry yet.*registry import"),
            reading(engine) as connection,
        ):
            migration.require_current(connection)
        with pytest.raises(RegistryError, match="holds no registry yet"):
            migration.upgrade(engine)
        if not is_sqlite(engine):
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE EXTENSION postgis")
                connection.exec_driver_sql("CREATE TABLE roads (id int)")
            assert state(engine) == "new"
        migration.create(engine)
        assert state(engine) == "current"
        engine.dispose()


def test_a_database_of_something_else_is_left_alone(postgis: str, tmp_path: Path) -> None:
    """Any other SQLite file, and tables that have our names."""
    for url, table in ((tmp_path / "other.gpkg", "roads"), (postgis, "version")):
        engine = engine_for(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE {table} (id int)")
        assert state(engine) == "foreign"
        with pytest.raises(RegistryError, match="not a registry: it contains other tables"):
            migration.create(engine)
        assert sa.inspect(engine).get_table_names() == [table]
        engine.dispose()


def test_an_older_registry_is_upgraded(
    any_registry: sa.Engine, second: Callable[..., None]
) -> None:
    """It says so, keeps its rows, and isn't touched before."""
    survey = {"region": "KEN", "level": "complete", "day": "2026-01-01", "by": "a"}
    with writing(any_registry) as connection:
        connection.execute(tables.survey.insert().values(**survey))
    second()
    assert state(any_registry) == "old"
    with pytest.raises(RegistryError, match=r"older version.*'hotspots registry upgrade'"):
        migration.create(any_registry)
    migration.upgrade(any_registry)
    assert state(any_registry) == "current"
    with reading(any_registry) as connection:
        row = connection.execute(sa.text("SELECT * FROM survey")).mappings().one()
    assert row == survey | {"note": "", "extra": "none"}


def test_an_upgrade_that_fails_changes_nothing(
    any_registry: sa.Engine, second: Callable[..., None]
) -> None:
    """The column that was added before the fault is gone again."""
    second(more='op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(RegistryError):
        migration.upgrade(any_registry)
    assert state(any_registry) == "old"
    columns = {column["name"] for column in sa.inspect(any_registry).get_columns("survey")}
    assert columns == set(tables.survey.c.keys())


def test_a_registry_of_a_newer_version_is_refused(any_registry: sa.Engine) -> None:
    """What the program can't know, it would break."""
    with writing(any_registry) as connection:
        connection.exec_driver_sql("UPDATE registry_schema SET version_num = '0999'")
    assert state(any_registry) == "future"
    for use in (migration.create, migration.upgrade):
        with pytest.raises(RegistryError, match=r"newer version of this program\. Install"):
            use(any_registry)
    with writing(any_registry) as connection:
        connection.exec_driver_sql("DELETE FROM registry_schema")
    assert state(any_registry) == "foreign"


@pytest.mark.parametrize("kind", ["sqlite", "postgis"])
def test_a_killed_creation_leaves_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed when all tables are made, but not all is written."""
    url = request.getfixturevalue("postgis") if kind == "postgis" else str(tmp_path / "r.sqlite")
    program = f"""
        import os, signal
        from hotspots.registry.database import connection as database, migration
        with database.writing(database.engine_for({url!r})) as connection:
            migration.migrate(connection)
            migration.require_current(connection)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=os.getcwd())
    assert ended.returncode == -signal.SIGKILL
    engine = engine_for(url)
    assert state(engine) == "new"
    migration.create(engine)
    engine.dispose()


def test_postgis_draws_each_record_where_it_is(
    registry_at: Callable[[str], sa.Engine],
) -> None:
    """The footprint goes before the point; a record without place has none."""
    engine = registry_at("postgis")
    area = "POLYGON ((36 -1, 37 -1, 37 0, 36 -1))"
    put(engine, no=1, id="a", type="organisation", latitude=-1.5, longitude=36.25)
    put(engine, no=2, id="b", type="project", latitude=-1.5, longitude=36.25, footprint=area)
    put(engine, no=3, id="c", type="practice")
    with reading(engine) as connection:
        drawn = connection.exec_driver_sql(
            "SELECT id, ST_AsText(geometry), ST_SRID(geometry) FROM record ORDER BY no"
        ).all()
        listed = {
            view: connection.exec_driver_sql(f"SELECT id FROM {view}").scalars().all()
            for view in ("organisations", "projects", "research_actions", "practices")
        }
        known = connection.exec_driver_sql(
            "SELECT f_table_name, srid FROM geometry_columns WHERE f_geometry_column = 'geometry'"
        ).all()
    assert drawn == [
        ("a", "POINT(36.25 -1.5)", 4326),
        ("b", area.replace(" (", "(").replace(", ", ","), 4326),
        ("c", None, None),
    ]
    assert listed == {
        "organisations": ["a"],
        "projects": ["b"],
        "research_actions": [],
        "practices": ["c"],
    }
    # A GIS finds its layers there.
    assert set(known) == {(name, 4326) for name in ("record", *listed)}


def test_the_views_show_a_types_fields_and_nothing_personal(
    registry_at: Callable[[str], sa.Engine],
) -> None:
    """No contact, no owner; the outline once, as geometry."""
    engine = registry_at("postgis")
    shown = [name for name in (*names("content"), *names("system")) if name != "owner"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not recognize type 'geometry'")
        for view in ("organisations", "projects", "research_actions", "practices"):
            columns = [column["name"] for column in sa.inspect(engine).get_columns(view)]
            own = {name for name in shown if view.removesuffix("s") in fields()[name].types}
            assert set(columns) == (own - {"footprint"}) | {"no", "geometry"}, view
            assert len(columns) == len(set(columns))


def test_who_may_not_add_postgis_is_told_what_to_ask_for(postgis: str, postgis_server: Any) -> None:
    """An administrator does it once; then the same user makes the registry."""
    name = postgis.rpartition("/")[2]
    postgis_server.ask("CREATE ROLE lowly LOGIN PASSWORD 'lowly'")
    postgis_server.ask(f"GRANT ALL ON DATABASE {name} TO lowly")
    owner, lowly = engine_for(postgis), engine_for(re.sub("//.*@", "//lowly:lowly@", postgis))
    with owner.begin() as connection:
        connection.exec_driver_sql("GRANT ALL ON SCHEMA public TO lowly")
    with pytest.raises(RegistryError, match=r"administrator run there: CREATE EXTENSION postgis;"):
        migration.create(lowly)
    assert state(lowly) == "new"
    with owner.begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION postgis")
    migration.create(lowly)
    assert state(lowly) == "current"
    for engine in (lowly, owner):
        engine.dispose()
    postgis_server.drop(postgis)
    postgis_server.ask("DROP ROLE lowly")


def test_to_open_a_registry_loads_no_alembic(any_registry: sa.Engine) -> None:
    """It's costly, and only creation and upgrade need it."""
    url = any_registry.url.render_as_string(hide_password=False).replace("+psycopg", "")
    program = f"""
        import sys
        from hotspots.registry.database import connection as database, migration
        with database.reading(database.engine_for({url!r})) as connection:
            migration.require_current(connection)
        print("alembic" in sys.modules)
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert said.stdout == "False\n"
