"""A registry's commands killed within their last steps: the former state or the new one, whole."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from kill_points import FUNCTIONS, each_kill, kill_while_writing, points

from hotspots.errors import RegistryError, TokenError
from hotspots.registry import open_registry
from hotspots.registry.database import tables
from hotspots.registry.database.backup import backup
from hotspots.registry.database.connection import engine_for, reading, writing
from hotspots.registry.formats.read import read_file
from hotspots.registry.governance import erasure_remnants, tokens
from hotspots.registry.governance.tokens import Grant
from hotspots.registry.permissions import LOCAL
from hotspots.registry.registry import Registry

# What SQLite and PostgreSQL do at a transaction's end is theirs; here it is the call of it.
COMMIT = "sqlalchemy.engine.default.DefaultDialect.do_commit"
STEPS = (*FUNCTIONS, COMMIT)
CLI = """
import sys
from hotspots.cli import main
sys.argv = ["hotspots", "registry", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    if end.code:
        raise
"""
HEAD = "id,type,name,summary,theme,country,source,source_kind,contact_name\n"
OLD, NEW = [f"old-{n}" for n in range(3)], [f"new-{n}" for n in range(150)]
NOW = "2026-11-21T20:00:00Z"
State = dict[str, Any]


def rows(ids: Sequence[str]) -> str:
    """Return a CSV of records that take some pages of a database."""
    text = "x" * 300
    lines = (f"{i},organisation,{i},{text},pillar1,KEN,a test,publication,Grata {i}\n" for i in ids)
    return HEAD + "".join(lines)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registry, a backup of another one, and files to import."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "old.csv").write_text(rows(OLD))
    (folder / "new.csv").write_text(rows(NEW))
    for name in ("new", "old"):
        registry = open_registry(folder / f"{name}.sqlite", create=True)
        registry.import_rows(read_file(folder / f"{name}.csv").rows)
        with registry.writing() as connection:
            tokens.create(connection, LOCAL, Grant(name, "editor"), NOW)
        if name == "new":
            backup(registry.engine, folder / "new.backup")
        registry.engine.dispose()
    (folder / "old.sqlite").rename(folder / "mine.sqlite")
    (folder / "new.sqlite").unlink()
    return folder


@pytest.fixture
def place(prepared: Path, tmp_path: Path) -> Callable[[], Path]:
    """A function that makes a new copy of the folder."""
    numbers = itertools.count()

    def make() -> Path:
        return Path(shutil.copytree(prepared, tmp_path / str(next(numbers))))

    return make


def state(path: Path) -> State:
    """Return all rows of a registry; {} where there is none. It must be sound, and whole."""
    try:
        registry = open_registry(path)
    except RegistryError as fault:
        if "no registry" not in str(fault):
            raise
        return {}
    with registry.reading() as connection:
        found: State = {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for name, table in tables.metadata.tables.items()
        }
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("SELECT count(*) FROM record_box").scalar() == len(
            found["record_part"]
        )
    registry.engine.dispose()
    ids = {row[1] for row in found["record"]}
    assert ids == {row[1] for row in found["version"]}, "no record without its history"
    return found


def ids(found: State) -> set[str]:
    """Return the ids of the records of a registry."""
    return {row[1] for row in found.get("record", ())}


def hidden(folder: Path) -> list[str]:
    """Return what a killed run may leave, and the next one removes."""
    return [p.name for p in folder.iterdir() if p.name.endswith(".part")]


@pytest.fixture
def again(run: Any) -> Callable[..., None]:
    """A function that runs a command, which must succeed; in this process, to be quick."""

    def command(*words: object) -> None:
        code, _, err = run("registry", *words)
        assert code == 0, err

    return command


def test_a_first_import(place: Callable[[], Path], again: Callable[..., None]) -> None:
    """Nothing but the whole registry is ever taken for one."""

    def prepare() -> Sequence[object]:
        folder = place()
        return "import", folder / "new.csv", "--registry", folder / "first.sqlite"

    seen = set()
    for name, words in each_kill(CLI, prepare, STEPS):
        path = Path(str(words[3]))
        found = ids(state(path))
        assert found in (set(), set(NEW)), name
        seen.add(bool(found))
        again(*words)
        assert ids(state(path)) == set(NEW), name
    assert seen == {False, True}


@pytest.mark.parametrize("limit", [0, 1_000, 40_000, 150_000])
def test_a_first_import_within_a_write(
    place: Callable[[], Path], limit: int, again: Callable[..., None]
) -> None:
    """Of any of SQLite's files, part of which is written."""
    folder = place()
    words = ("import", folder / "new.csv", "--registry", folder / "first.sqlite")
    assert kill_while_writing(limit, CLI, *words)
    assert ids(state(folder / "first.sqlite")) in (set(), set(NEW))
    again(*words)
    assert ids(state(folder / "first.sqlite")) == set(NEW)


def test_a_killed_first_import_of_ones_own_registry_leaves_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: Path, again: Callable[..., None]
) -> None:
    """Without a name, commands go on with the sample as before."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert kill_while_writing(40_000, CLI, "import", prepared / "new.csv")
    assert list(tmp_path.rglob("registry.sqlite")), "it was begun"
    assert open_registry().source == "registry"
    again("import", prepared / "new.csv")
    registry = open_registry()
    assert len(registry) == len(NEW)
    registry.engine.dispose()


@pytest.mark.slow
def test_a_later_import(place: Callable[[], Path], again: Callable[..., None]) -> None:
    def prepare() -> Sequence[object]:
        folder = place()
        return "import", folder / "new.csv", "--registry", folder / "mine.sqlite"

    for name, words in each_kill(CLI, prepare, STEPS):
        path = Path(str(words[3]))
        assert ids(state(path)) in (set(OLD), {*OLD, *NEW}), name
        again(*words)
        assert ids(state(path)) == {*OLD, *NEW}, name


@pytest.mark.parametrize("limit", [10_000, 150_000])
def test_a_later_import_within_a_write(
    place: Callable[[], Path], limit: int, again: Callable[..., None]
) -> None:
    folder = place()
    words = ("import", folder / "new.csv", "--registry", folder / "mine.sqlite")
    assert kill_while_writing(limit, CLI, *words)
    assert ids(state(folder / "mine.sqlite")) in (set(OLD), {*OLD, *NEW})
    again(*words)
    assert ids(state(folder / "mine.sqlite")) == {*OLD, *NEW}


@pytest.mark.slow
def test_a_backup(place: Callable[[], Path], again: Callable[..., None]) -> None:
    """In the place of a former one, that stays until the new one is whole."""

    def prepare() -> Sequence[object]:
        folder = place()
        return "backup", folder / "new.backup", "--force", "--registry", folder / "mine.sqlite"

    seen = set()
    for name, words in each_kill(CLI, prepare, STEPS):
        path = Path(str(words[1]))
        found = ids(state(path))
        assert found in (set(OLD), set(NEW)), name
        seen.add(found == set(OLD))
        again(*words)
        assert ids(state(path)) == set(OLD), name
        assert hidden(path.parent) == [], name
    assert seen == {False, True}


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.slow
def test_a_restoration(
    place: Callable[[], Path], damaged: bool, again: Callable[..., None]
) -> None:
    """Of a sound registry and of a damaged file; what was revoked is so from the first moment."""

    def prepare() -> Sequence[object]:
        folder = place()
        engine = engine_for(folder / "mine.sqlite")
        # The backup holds a token that this registry has revoked since.
        with closing(sqlite3.connect(folder / "new.backup")) as other:
            columns = "id, holder, role, regions, digest, created, expires"
            token = other.execute(f"SELECT {columns} FROM token").fetchone()
        with writing(engine) as connection:
            marks = ", ".join(f"'{value}'" for value in token)
            connection.exec_driver_sql(
                f"INSERT INTO token ({columns}, revoked) VALUES ({marks}, '{NOW}')"
            )
        engine.dispose()
        if damaged:
            with (folder / "mine.sqlite").open("r+b") as opened:
                opened.seek(100)
                opened.write(b"\xff" * 200)
        return "restore", folder / "new.backup", "--force", "--registry", folder / "mine.sqlite"

    for name, words in each_kill(CLI, prepare, STEPS):
        path = Path(str(words[4]))
        if not damaged or path.read_bytes()[100:101] != b"\xff":
            found = state(path)
            assert ids(found) in (set(OLD), set(NEW)), name
            if ids(found) == set(NEW) and not damaged:
                assert [row[-1] for row in found["token"]] == [NOW], name
        again(*words)
        assert ids(state(path)) == set(NEW), name
        assert hidden(path.parent) == [], name


@pytest.mark.parametrize("limit", [10_000, 100_000])
def test_a_restoration_within_a_write(
    place: Callable[[], Path], limit: int, again: Callable[..., None]
) -> None:
    folder = place()
    words = ("restore", folder / "new.backup", "--force", "--registry", folder / "mine.sqlite")
    assert kill_while_writing(limit, CLI, *words)
    assert ids(state(folder / "mine.sqlite")) == set(OLD)
    again(*words)
    assert ids(state(folder / "mine.sqlite")) == set(NEW)


@pytest.mark.parametrize("suffix", [".csv", ".gpkg"])
def test_a_private_export(
    place: Callable[[], Path], suffix: str, again: Callable[..., None]
) -> None:
    def prepare() -> Sequence[object]:
        folder = place()
        out = folder / f"out{suffix}"
        out.write_text("former")
        return "export", out, "--private", "--force", "--registry", folder / "mine.sqlite"

    for name, words in each_kill(CLI, prepare, FUNCTIONS):
        out = Path(str(words[1]))
        former = out.read_bytes() == b"former"
        assert former or len(read_file(out).rows) == len(OLD), name
        again(*words)
        assert len(read_file(out).rows) == len(OLD), name
        assert hidden(out.parent) == [], name


@pytest.mark.parametrize("limit", [0, 700])
def test_a_private_export_within_a_write(
    place: Callable[[], Path], limit: int, again: Callable[..., None]
) -> None:
    folder = place()
    out = folder / "out.csv"
    words = ("export", out, "--private", "--registry", folder / "mine.sqlite")
    with closing(sqlite3.connect(folder / "mine.sqlite")) as held:
        held.execute("SELECT count(*) FROM record")  # so that only the export itself is written
        assert kill_while_writing(limit, CLI, *words)
    assert not out.exists()
    again(*words)
    assert len(read_file(out).rows) == len(OLD)
    assert hidden(folder) == []


@pytest.mark.slow
def test_a_new_token(place: Callable[[], Path], again: Callable[..., None]) -> None:
    """No token of which nobody has the secret: the first administrator's would lock all out."""

    def prepare() -> Sequence[object]:
        folder = place()
        return (
            "token",
            "create",
            "--holder",
            "First",
            "--role",
            "administrator",
            "--force",
            "--out",
            folder / "secret",
            "--registry",
            folder / "mine.sqlite",
        )

    for name, words in each_kill(CLI, prepare, STEPS):
        folder = Path(str(words[-1])).parent
        engine = engine_for(words[-1])
        with reading(engine) as connection:
            made = len(tokens.administrators(connection, NOW))
            if made:
                actor = tokens.actor_of(connection, (folder / "secret").read_text())
                assert (actor.name, actor.role) == ("First", "administrator"), name
            elif (folder / "secret").exists():
                with pytest.raises(TokenError, match="isn't known"):
                    tokens.actor_of(connection, (folder / "secret").read_text())
        engine.dispose()
        again(*(words + (("--token-file", folder / "secret") if made else ())))
        assert hidden(folder) == [], name


@pytest.mark.slow
def test_an_erasure(place: Callable[[], Path], again: Callable[..., None]) -> None:
    """Erased or not; and once erased, the next opening leaves no byte of it."""
    erased, kept = b"Grata old-1", b"Grata old-2"

    def prepare() -> Sequence[object]:
        folder = place()
        return "erase", "old-1", "--registry", folder / "mine.sqlite"

    seen = set()
    for name, words in each_kill(
        CLI, prepare, (*STEPS, "hotspots.registry.governance.erasure_remnants._emptied")
    ):
        path = Path(str(words[3]))
        contacts = {row[1] for row in state(path)["contact"]}
        assert contacts in ({"Grata old-0", "Grata old-2"}, {f"Grata {i}" for i in OLD}), name
        seen.add(len(contacts))
        if len(contacts) == 2:
            files = b"".join(p.read_bytes() for p in path.parent.glob("mine.sqlite*"))
            assert (erased in files, kept in files) == (False, True), name
        again(*words)
        assert len(state(path)["contact"]) == 2, name
        engine = engine_for(path)
        assert not erasure_remnants.is_pending(engine), name
        engine.dispose()
    assert seen == {2, 3}


@pytest.mark.slow
def test_a_first_import_into_postgresql(
    postgis_server: Any, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables come with its records, or not at all."""
    made: list[str] = []

    def prepare() -> Sequence[object]:
        made.append(postgis_server.database())
        monkeypatch.setenv("HOTSPOTS_REGISTRY", made[-1])  # a password is in it
        return "import", prepared / "new.csv"

    seen = set()
    for name, words in each_kill(CLI, prepare, (COMMIT,)):
        engine = engine_for(made[-1])
        there = "record" in sa.inspect(engine).get_table_names()
        seen.add(there)
        assert not there or len(Registry(engine)) == len(NEW), name
        assert points(CLI, *words, functions=()) == []
        assert len(Registry(engine)) == len(NEW), name
        engine.dispose()
    assert seen == {False, True}
    for url in made:
        postgis_server.drop(url)
