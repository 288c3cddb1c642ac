"""Files with personal data or secrets are their owner's alone, from their first byte."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hotspots.errors import HotspotsError
from hotspots.io import atomic
from hotspots.registry import open_registry
from hotspots.registry.database.backup import backup, restore
from hotspots.registry.database.connection import engine_for
from hotspots.registry.formats.write import write_file

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
SAMPLE = Path(__file__).parents[2] / "data" / "registry" / "records.csv"
CONTACT = {
    "id": "station",
    "type": "organisation",
    "name": "Station",
    "summary": "A test.",
    "theme": "pillar1",
    "country": "KEN",
    "source": "a test",
    "source_kind": "publication",
    "contact_name": "Pelargonia Grata",
}
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def open_folder(tmp_path: Path) -> Iterator[None]:
    """Others may enter the folder, and nothing takes rights from new files."""
    tmp_path.chmod(0o755)
    former = os.umask(0)
    yield
    os.umask(former)


@pytest.fixture
def cli(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(tmp_path / "mine.sqlite"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: run("registry", *words)


def wide(folder: Path) -> dict[str, str]:
    """Return the files in a folder that others than the owner have any right to."""
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()}
    return {name: oct(mode) for name, mode in modes.items() if mode & 0o077}


def test_a_registry_and_what_sqlite_puts_beside_it(tmp_path: Path) -> None:
    """-wal and -shm while it is open, -journal while one of the older kind is written."""
    registry = open_registry(tmp_path / "mine.sqlite", create=True)
    registry.import_rows([(2, CONTACT)])
    assert {p.name for p in tmp_path.iterdir()} == {
        "mine.sqlite",
        "mine.sqlite-wal",
        "mine.sqlite-shm",
    }
    assert wide(tmp_path) == {}
    registry.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "mine.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE more (x)")
        assert (tmp_path / "mine.sqlite-journal").exists()
        assert wide(tmp_path) == {}


def test_a_first_import_makes_it_so(cli: Cli, tmp_path: Path) -> None:
    assert cli("import", str(SAMPLE))[0] == 0
    assert wide(tmp_path) == {}


def test_a_stricter_umask_stays(tmp_path: Path) -> None:
    os.umask(0o277)
    atomic.make_private(tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o400


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".geojson", ".gpkg"])
def test_an_export_with_personal_fields(cli: Cli, tmp_path: Path, suffix: str, force: bool) -> None:
    """Also where it takes the place of a file that others may read."""
    open_registry(tmp_path / "mine.sqlite", create=True).import_rows([(2, CONTACT)])
    out = tmp_path / f"out{suffix}"
    if force:
        out.write_text("former")
    words = ["--private", *(["--force"] if force else [])]
    assert cli("export", out.name, *words)[0] == 0
    assert wide(tmp_path) == {}
    assert cli("export", out.name, "--force")[0] == 0
    assert out.name in wide(tmp_path), "what is public may be read"


def test_personal_columns_make_a_file_private(tmp_path: Path) -> None:
    """Whoever asks for them, not by the command's option alone."""
    write_file(tmp_path / "some.csv", [CONTACT], columns=["id", "contact_name"])
    assert wide(tmp_path) == {}


def test_backup_and_restored_registry(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "mine.sqlite", create=True)
    registry.import_rows([(2, CONTACT)])
    backup(registry.engine, tmp_path / "monday.backup")
    restore(tmp_path / "monday.backup", engine_for(tmp_path / "new.sqlite"))
    (tmp_path / "damaged.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    restore(tmp_path / "monday.backup", engine_for(tmp_path / "damaged.sqlite"), force=True)
    assert len(open_registry(tmp_path / "damaged.sqlite")) == 1
    assert wide(tmp_path) == {}


def test_a_token_in_a_file(cli: Cli, tmp_path: Path) -> None:
    """It works as it was written, and isn't printed."""
    cli("create")
    words = ("token", "create", "--holder", "Mine", "--role", "administrator")
    code, out, err = cli(*words, "--out", "secret")
    assert (code, "hsp_" in out + err) == (0, False)
    assert wide(tmp_path) == {}
    assert cli("token", "list", "--token-file", "secret")[0] == 0
    code, _, err = cli(*words, "--out", "secret", "--token-file", "secret")
    assert (code, "exists already" in err) == (2, True)
    assert cli(*words, "--out", "secret", "--force", "--token-file", "secret")[0] == 0
    assert cli("token", "list", "--token-file", "secret")[0] == 0


def test_no_moment_at_which_others_may_read(tmp_path: Path) -> None:
    """Looked at on every event that Python tells of: each file that is opened, renamed, removed."""
    program = """
import os, sys
folder, sample = sys.argv[1:]
os.umask(0)
found, looking = set(), False
def look(event, arguments):
    global looking
    if looking:
        return
    looking = True
    try:
        for entry in os.scandir(folder):
            if entry.stat().st_mode & 0o077:
                found.add(entry.name)
    except FileNotFoundError:
        pass
    looking = False
sys.addaudithook(look)
from hotspots.cli import main
def run(*words):
    sys.argv = ["hotspots", "registry", *words, "--registry", folder + "/mine.sqlite"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
run("import", sample)
run("export", folder + "/mine.gpkg", "--private")
run("export", folder + "/mine.csv", "--private")
run("backup", folder + "/monday")
run("restore", folder + "/monday", "--force")
run("token", "create", "--holder", "x", "--role", "administrator", "--out", folder + "/secret")
run("erase", "inrae", "--token-file", folder + "/secret")
print("FOUND", sorted(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path, SAMPLE], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == ["FOUND []"], (done.stdout, done.stderr)


def test_one_that_others_may_read_is_told_once(cli: Cli, tmp_path: Path) -> None:
    """With the remedy; not where its folder lets nobody else in."""
    cli("create")
    (tmp_path / "mine.sqlite").chmod(0o644)
    code, _, err = cli("list")
    assert code == 0
    assert err.count("Warning") == 1
    assert "chmod 600" in err
    assert str(tmp_path / "mine.sqlite") in err
    tmp_path.chmod(0o700)
    assert "Warning" not in cli("list")[2]
    tmp_path.chmod(0o755)
    (tmp_path / "mine.sqlite").chmod(0o600)
    assert "Warning" not in cli("list")[2]


@pytest.mark.parametrize(
    "words",
    [
        ("validate",),
        ("import", str(SAMPLE)),
        ("export", "x.csv"),
        ("matrix",),
        ("journal",),
        ("backup", "b"),
        ("create",),
        ("duplicates",),
    ],
)
def test_each_command_tells_it(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    cli("create")
    (tmp_path / "mine.sqlite").chmod(0o640)
    code, _, err = cli(*words)
    assert (code, err.count("Warning")) == (0, 1)


def test_a_backup_and_a_token_file_are_told_too(cli: Cli, tmp_path: Path) -> None:
    cli("create")
    cli("backup", "monday")
    (tmp_path / "monday").chmod(0o604)
    assert "'monday'" in cli("restore", "monday", "--registry", "new.sqlite")[2]
    cli("token", "create", "--holder", "x", "--role", "administrator", "--out", "secret")
    (tmp_path / "secret").chmod(0o660)
    code, _, err = cli("token", "list", "--token-file", "secret")
    assert (code, "'secret'" in err, err.count("Warning")) == (0, True, 1)


def test_modes_say_nothing_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch(0o666)
    assert atomic.is_exposed(tmp_path / "file")
    assert not atomic.is_exposed(tmp_path / "none")
    monkeypatch.setattr(atomic, "os", type("nt", (), {"name": "nt"}))
    assert not atomic.is_exposed(tmp_path / "file")


def test_where_it_cant_be_made_private_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(HotspotsError, match="can't be opened"):
        open_registry(tmp_path / ("a" * 300), create=True)
