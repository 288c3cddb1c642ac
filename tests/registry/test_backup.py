"""Backup and restore: nothing lost between the two databases, nothing half done."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import RegistryError, WriteError
from hotspots.registry.database import connection as database
from hotspots.registry.database import migration, tables
from hotspots.registry.database.backup import backup, restore
from hotspots.registry.database.connection import engine_for, is_sqlite, reading, writing

RegistryAt = Callable[[str], sa.Engine]
ROWS = 3
AREA = "MULTIPOLYGON (((179 -17, 180 -17, 180 -16, 179 -17)), ((-180 -17, -179 -17, -180 -16, -180 -17)))"  # noqa: E501
PLACES = (
    {"latitude": -1.1, "longitude": 36.7, "footprint": None},
    {"latitude": None, "longitude": None, "footprint": AREA},
    {"latitude": None, "longitude": None, "footprint": None},
)
BOXES = {(1, 36.7, 36.7, -1.1, -1.1), (2, 179, 180, -17, -16), (2, -180, -179, -17, -16)}
START = """
    import os, resource, signal, sys
    import sqlalchemy as sa
    from hotspots.registry.database.backup import backup, restore
    from hotspots.registry.database.connection import engine_for
"""


def value(table: sa.Table, column: sa.Column[Any], number: int) -> Any:
    """Return a value for a column: text beyond ASCII, a whole number or a fraction."""
    if isinstance(column.type, sa.Text):
        return f"{table.name} {column.name} {number} «é\u0301漢🌱»"
    return number if isinstance(column.type, sa.Integer) else number / 3


def fill(engine: sa.Engine, rows: int = ROWS) -> sa.Engine:
    """Write rows into every table; every second one lacks what may be absent."""
    with writing(engine) as connection:
        for table in tables.metadata.tables.values():
            if table is tables.record_part:
                continue
            for number in range(1, rows + 1):
                row = {
                    c.name: None if c.nullable and number % 2 else value(table, c, number)
                    for c in table.c
                }
                if table is tables.record:
                    row |= PLACES[(number - 1) % len(PLACES)]
                connection.execute(table.insert().values(**row))
    return engine


def content(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, but the boxes, which follow from the records."""
    with reading(engine) as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for name, table in tables.metadata.tables.items()
            if table is not tables.record_part
        }


def boxes(engine: sa.Engine) -> set[tuple[Any, ...]]:
    """Return (record, west, east, south, north) as a search would find them."""
    with reading(engine) as connection:
        found = connection.exec_driver_sql(
            "SELECT no, round(west, 4), round(east, 4), round(south, 4), round(north, 4)"
            " FROM record_part JOIN record_box USING (id)"
        )
        return {tuple(row) for row in found}


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, with what it needs at hand."""
    text = textwrap.dedent(START) + textwrap.dedent(program)
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=os.getcwd())


def address(engine: sa.Engine) -> str:
    """Return where another process finds the registry."""
    if is_sqlite(engine):
        return str(engine.url.database)
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def saved(registry_at: RegistryAt, tmp_path: Path) -> Path:
    """The backup of a filled registry."""
    path = tmp_path / "saved.backup"
    backup(fill(registry_at("sqlite")), path)
    return path


@pytest.mark.parametrize("there", ["sqlite", "postgis"])
def test_what_comes_back_equals_what_was(
    any_registry: sa.Engine, there: str, registry_at: RegistryAt, tmp_path: Path
) -> None:
    """Table by table, from each database to each; the search boxes too."""
    path, other = tmp_path / "a.backup", registry_at(there)
    counts = backup(fill(any_registry), path)
    assert set(counts) == set(tables.metadata.tables) - {"record_part"}
    assert set(counts.values()) == {ROWS}
    assert restore(path, other) == counts
    assert content(other) == content(any_registry)
    if is_sqlite(other):
        assert boxes(other) == BOXES
    with writing(other) as connection:  # new rows are numbered on from the old ones
        at = {"at": "now", "by": "a", "action": "b"}
        assert connection.execute(tables.audit.insert().values(at)).inserted_primary_key[0] == 4


def test_a_backup_is_a_registry_in_one_private_file(
    any_registry: sa.Engine, tmp_path: Path
) -> None:
    """It opens as it is, and nothing else lies beside it."""
    folder = tmp_path / "backups"
    path = folder / "a.backup"
    backup(fill(any_registry), path)
    assert os.listdir(folder) == ["a.backup"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()
    opened = engine_for(path)
    assert content(opened) == content(any_registry)
    if is_sqlite(any_registry):
        with reading(any_registry) as connection:
            assert not connection.scalar(sa.select(sa.func.count(tables.record_part.c.id)))
    else:
        assert boxes(opened) == BOXES
    opened.dispose()


def test_what_was_erased_is_in_no_backup(any_registry: sa.Engine, tmp_path: Path) -> None:
    """Not even in the free space of the file."""
    path = tmp_path / "a.backup"
    fill(any_registry)
    backup(any_registry, path)
    assert b"contact contact_email 2" in path.read_bytes()
    with writing(any_registry) as connection:
        connection.execute(tables.contact.delete())
    backup(any_registry, path, force=True)
    assert b"contact contact_email" not in path.read_bytes()


def test_a_file_that_is_there_is_replaced_only_by_force(
    any_registry: sa.Engine, tmp_path: Path
) -> None:
    """And neither a folder nor the registry itself, even so."""
    path = tmp_path / "a.backup"
    path.write_text("mine")
    with pytest.raises(RegistryError, match=r"exists already.*--force"):
        backup(any_registry, path)
    assert path.read_text() == "mine"
    assert backup(any_registry, path, force=True)["record"] == 0
    with pytest.raises(RegistryError, match="is a folder"):
        backup(any_registry, tmp_path, force=True)
    if is_sqlite(any_registry):
        with pytest.raises(RegistryError, match="is the registry itself"):
            backup(any_registry, str(any_registry.url.database), force=True)


def test_a_backup_shows_one_moment_while_another_writes(
    any_registry: sa.Engine, tmp_path: Path
) -> None:
    """Each change writes two tables; no backup has one without the other."""
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            with writing(any_registry) as connection:
                for table in (tables.alias, tables.survey):
                    row = {c.name: value(table, c, number) for c in table.c}
                    connection.execute(table.insert().values(**row))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(8):
            counts = backup(any_registry, tmp_path / f"{number}.backup")
            assert counts["alias"] == counts["survey"]
    finally:
        ended.set()
        writer.join()
    assert counts["alias"] > 0


def test_a_backup_of_an_older_registry_is_made_and_upgraded(
    any_registry: sa.Engine,
    registry_at: RegistryAt,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One backs up before an upgrade, and may go back to it later."""
    kind = "sqlite" if is_sqlite(any_registry) else "postgis"
    fill(any_registry)
    before, path = content(any_registry), tmp_path / "old.backup"
    folder = tmp_path / "newer"
    shutil.copytree(migration.MIGRATIONS, folder)
    (folder / "versions" / "0002_second.py").write_text(
        "from alembic import op\nrevision, down_revision = '0002', '0001'\n"
        "def upgrade():\n    op.execute(\"UPDATE alias SET id = 'upgraded'\")\n"
    )
    other = registry_at(kind)
    monkeypatch.setattr(migration, "MIGRATIONS", folder)
    backup(any_registry, path)
    as_it_was = path.read_bytes()
    restore(path, other)  # an older registry, too, but empty
    after = content(other)
    assert {row[1] for row in after.pop("alias")} == {"upgraded"}
    assert after == {name: rows for name, rows in before.items() if name != "alias"}
    assert path.read_bytes() == as_it_was


def test_a_backup_of_a_newer_version_is_refused_by_name(
    saved: Path, registry_at: RegistryAt
) -> None:
    """The file that was given is named, not a copy."""
    with sqlite3.connect(saved) as connection:
        connection.execute("UPDATE registry_schema SET version_num = '0999'")
    connection.close()
    with pytest.raises(RegistryError, match=r"'.*saved\.backup' was made by a newer version"):
        restore(saved, registry_at("sqlite"))


def _cut(share: float) -> Callable[[Path], object]:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def _scratched(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 64] = b"\xff" * 64  # the head of a page
    path.write_bytes(data)


def _other_database(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE record (id)")
    connection.close()


def _unindexed(path: Path) -> None:
    """Take a row out of a table, but not out of its index."""
    index = "FROM sqlite_master WHERE name = 'record_type'"
    for statement in (f"DELETE {index}", "DELETE FROM record WHERE no = 1", ""):
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            if "sqlite_master" in statement:
                kept = connection.execute(f"SELECT * {index}").fetchone()
            if statement:
                connection.execute(statement)
            else:
                connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", kept)
        connection.close()


def _lacking(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE contact")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_cut(0.9), "is damaged"),
        (_cut(0.5), "is damaged"),
        (_cut(0.001), "is damaged"),
        (_cut(0), "is not a backup of a registry"),
        (_scratched, "is damaged"),
        (_unindexed, "is damaged"),
        (_lacking, "lacks the table 'contact'"),
        (_other_database, "is not a backup of a registry"),
        (lambda path: path.write_text("id,type\na,b\n" * 100), "is damaged"),
        (Path.unlink, "There is no file"),
        (lambda path: (path.unlink(), path.mkdir()), "There is no file"),
    ],
)
def test_a_spoilt_backup_is_refused_before_anything_is_touched(
    spoil: Callable[[Path], object], told: str, saved: Path, registry_at: RegistryAt
) -> None:
    """Cut, scratched, of something else, or gone."""
    target = fill(registry_at("sqlite"), 1)
    before = content(target)
    spoil(saved)
    with pytest.raises(RegistryError, match=rf"saved\.backup'.*|{told}") as caught:
        restore(saved, target, force=True)
    assert told in str(caught.value)
    assert content(target) == before


def test_a_registry_is_replaced_only_by_force(saved: Path, any_registry: sa.Engine) -> None:
    """Then wholly: what it held before is gone."""
    fill(any_registry, 2)
    with pytest.raises(RegistryError, match=r"holds a registry already, of 2 records.*--force"):
        restore(saved, any_registry)
    assert len(content(any_registry)["record"]) == 2
    with writing(any_registry) as connection:
        connection.execute(tables.alias.insert().values(former="another", id="b"))
    for _ in range(2):
        restore(saved, any_registry, force=True)
    assert [len(rows) for rows in content(any_registry).values()] == [ROWS] * 10
    if is_sqlite(any_registry):
        assert boxes(any_registry) == BOXES


def test_a_registry_of_settings_only_isnt_empty(saved: Path, any_registry: sa.Engine) -> None:
    """Tokens and surveys are as dear as records."""
    with writing(any_registry) as connection:
        connection.execute(tables.alias.insert().values(former="a", id="b"))
    with pytest.raises(RegistryError, match="holds a registry already, of 0 records"):
        restore(saved, any_registry)


def test_a_new_place_becomes_a_registry(saved: Path, postgis: str, tmp_path: Path) -> None:
    """A file that wasn't there, a database without tables."""
    for url in (postgis, tmp_path / "new.sqlite"):
        engine = engine_for(url)
        restore(saved, engine)
        with reading(engine) as connection:
            migration.require_current(connection)
        assert len(content(engine)["record"]) == ROWS
        engine.dispose()


def test_a_database_of_something_else_is_never_replaced(
    saved: Path, postgis: str, tmp_path: Path
) -> None:
    """Not even by force."""
    for url, table in ((tmp_path / "other.gpkg", "roads"), (postgis, "contact")):
        engine = engine_for(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE {table} (id int)")
        with pytest.raises(RegistryError, match="is not a registry"):
            restore(saved, engine, force=True)
        assert sa.inspect(engine).get_table_names() == [table]
        engine.dispose()


@pytest.mark.parametrize("page", [0, 3])
def test_a_damaged_registry_is_replaced_by_force(page: int, saved: Path, tmp_path: Path) -> None:
    """What still lies beside the damaged file doesn't reach into the new one."""
    path = tmp_path / "damaged.sqlite"
    engine = engine_for(path)
    migration.create(engine)
    fill(engine, 30)
    engine.dispose()
    data = bytearray(path.read_bytes())
    data[4096 * page : 4096 * page + 64] = b"\xff" * 64
    with writing(engine) as connection:
        connection.execute(tables.alias.insert().values(former="another", id="b"))
    shutil.copy(f"{path}-wal", tmp_path / "left")  # of a writer that was killed
    engine.dispose()
    path.write_bytes(data)
    shutil.copy(tmp_path / "left", f"{path}-wal")
    with pytest.raises(RegistryError, match=r"not a valid SQLite file.*--force"):
        restore(saved, engine)
    assert path.read_bytes() == data
    restore(saved, engine, force=True)
    good = engine_for(saved)
    assert content(engine) == content(good)
    for used in (engine, good):
        used.dispose()


def test_who_has_it_open_sees_the_restored_registry(saved: Path, any_registry: sa.Engine) -> None:
    """A reader goes on with what it began to read, and then reads what was restored."""
    fill(any_registry, 1)
    how_many = sa.select(sa.func.count()).select_from(tables.record)
    other = engine_for(address(any_registry))
    with reading(other) as connection:
        assert connection.scalar(how_many) == 1
        restore(saved, any_registry, force=True)
        assert connection.scalar(how_many) == 1
    with reading(other) as connection:
        assert connection.scalar(how_many) == ROWS
    other.dispose()


def test_a_registry_that_another_one_writes_is_left(
    saved: Path, any_registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some time the restore gives up, and says so."""
    monkeypatch.setattr(database, "PATIENCE_S", 1)
    mine = engine_for(address(any_registry))
    with (
        writing(any_registry),
        pytest.raises(RegistryError, match="written by another process"),
    ):
        restore(saved, mine)
    assert not content(any_registry)["record"]
    mine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgis"])
@pytest.mark.parametrize("statement", ["DELETE FROM record", "INSERT INTO token", "COMMIT"])
def test_a_killed_restore_leaves_the_former_registry(
    kind: str, statement: str, saved: Path, registry_at: RegistryAt
) -> None:
    """Killed before it clears, while it fills, and just before the end."""
    engine = fill(registry_at(kind), 1)
    before = content(engine)
    program = """
        def die(connection, cursor, statement, *_):
            if statement.startswith(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)

        engine = engine_for(sys.argv[2])
        sa.event.listen(engine, "before_cursor_execute", die)
        sa.event.listen(engine, "commit", lambda connection: die(connection, None, "COMMIT"))
        restore(sys.argv[1], engine, force=True)
    """
    ended = run(program, saved, address(engine), statement)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert content(engine) == before
    restore(saved, engine, force=True)
    assert len(content(engine)["record"]) == ROWS


def test_a_killed_backup_leaves_the_former_one(any_registry: sa.Engine, tmp_path: Path) -> None:
    """Killed just before the new one gets its name; the next run clears up."""
    folder = tmp_path / "backups"
    path = folder / "a.backup"
    backup(any_registry, path)
    before = path.read_bytes()
    fill(any_registry)
    program = """
        def die(event, arguments):
            if event == "os.rename":
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        backup(engine_for(sys.argv[1]), sys.argv[2], force=True)
    """
    assert run(program, address(any_registry), path).returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert len(os.listdir(folder)) == 2
    assert backup(any_registry, path, force=True)["record"] == ROWS
    assert os.listdir(folder) == ["a.backup"]


SMALL_DISK = """
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        {what}
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_full_disk_leaves_no_backup(any_registry: sa.Engine, tmp_path: Path) -> None:
    """The former one stays; the file that was asked for is named."""
    path = tmp_path / "backups" / "a.backup"
    backup(any_registry, path)
    before = path.read_bytes()
    fill(any_registry, 300)
    what = "backup(engine_for(sys.argv[1]), sys.argv[2], force=True)"
    said = run(SMALL_DISK.format(what=what), address(any_registry), path).stdout
    assert said.startswith(f"WriteError '{path}' can't be written")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["a.backup"]


def test_a_full_disk_leaves_the_former_registry(registry_at: RegistryAt, tmp_path: Path) -> None:
    """The backup fits where it is unpacked, but its rows don't fit beside the former ones."""
    path, engine = tmp_path / "a.backup", fill(registry_at("sqlite"), 1)
    before = content(engine)
    other = fill(registry_at("sqlite"), 300)
    backup(other, path)
    what = "restore(sys.argv[2], engine_for(sys.argv[1]), force=True)"
    limited = SMALL_DISK.replace("200_000, 200_000", "limit, limit").format(what=what)
    size = path.stat().st_size
    said = run(f"    limit = {size + 4096}\n{limited}", address(engine), path).stdout
    assert said.startswith(f"WriteError The registry '{address(engine)}'"), said
    assert content(engine) == before
    said = run(f"    limit = {size - 4096}\n{limited}", address(engine), path).stdout
    assert said.startswith(f"WriteError '{path}' can't be copied to")
    assert content(engine) == before


def test_a_place_that_cant_be_written_is_named(
    any_registry: sa.Engine, tmp_path: Path, as_ordinary_user: Any
) -> None:
    """A folder without the right to write; a name that no file can have."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    shown = r"closed/a\.backup' can't be written"
    for path in (closed.parent, *tmp_path.parents[:2]):
        path.chmod(path.stat().st_mode | 0o055)
    if not is_sqlite(any_registry):
        with as_ordinary_user(), pytest.raises(WriteError, match=shown):
            backup(any_registry, closed / "a.backup")
    with pytest.raises(WriteError, match="can't be written"):
        backup(any_registry, tmp_path / ("a" * 300))


def test_no_registry_no_backup(postgis: str, tmp_path: Path) -> None:
    """An empty database is told from a registry without records."""
    for url in (tmp_path / "none.sqlite", postgis):
        engine = engine_for(url)
        with pytest.raises(RegistryError, match="holds no registry yet"):
            backup(engine, tmp_path / "a.backup")
        assert not (tmp_path / "a.backup").exists()
        engine.dispose()
