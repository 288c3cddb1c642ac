"""A really full disk: a registry is read all the same, and each refusal is one sentence."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from small_disk import SmallDisk, small_disk

from hotspots.errors import RegistryError, WriteError
from hotspots.registry import open_registry
from hotspots.registry.database.connection import engine_for, reading
from hotspots.registry.registry import Registry

SAMPLE = Path(__file__).parents[2] / "data" / "registry" / "records.csv"
ROW = {
    "type": "organisation",
    "summary": "Made up",
    "theme": "pillar1",
    "country": "NAM",
    "source": "this test",
    "source_kind": "publication",
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk("1m", tmp_path / "disk") as disk:
        yield disk


def row(id_: str) -> tuple[int, dict[str, str]]:
    return 2, ROW | {"id": id_, "name": id_}


@pytest.fixture
def mine(disk: SmallDisk) -> Path:
    """A registry with one record, closed."""
    registry = open_registry(disk.folder / "mine.sqlite", create=True)
    registry.import_rows([row("first")])
    registry.engine.dispose()
    return disk.folder / "mine.sqlite"


def test_a_closed_registry_is_read_and_not_written(disk: SmallDisk, mine: Path) -> None:
    """SQLite has no room for the files that it makes beside it."""
    disk.fill()
    registry = open_registry(mine)
    assert list(registry.records["id"]) == ["first"]
    with pytest.raises(WriteError, match=r"is on a full disk\. Nothing was changed"):
        registry.import_rows([row("second")])
    assert list(registry.records["id"]) == ["first"]
    disk.make_room()
    registry.import_rows([row("second")])  # by the same registry, once there is room
    assert list(registry.records["id"]) == ["first", "second"]
    registry.engine.dispose()


def test_what_is_committed_in_the_log_is_read(disk: SmallDisk, mine: Path) -> None:
    """Left by a program that was killed; the file alone would lack the second record."""
    registry = open_registry(mine)
    registry.import_rows([row("second")])
    copy = disk.folder / "copy.sqlite"
    for suffix in ("", "-wal"):
        shutil.copy(f"{mine}{suffix}", f"{copy}{suffix}")
    registry.engine.dispose()
    assert os.stat(f"{copy}-wal").st_size > 0
    disk.fill()
    found = open_registry(copy)
    assert list(found.records["id"]) == ["first", "second"]
    found.engine.dispose()


def test_others_read_while_one_has_it_open(disk: SmallDisk, mine: Path) -> None:
    """A service goes on, and so does a second reader; neither keeps the other out."""
    service = open_registry(mine)
    with service.reading():
        disk.fill()
        registry = open_registry(mine)
        assert len(registry) == len(service) == 1
        registry.engine.dispose()
    service.engine.dispose()


def test_two_read_a_closed_registry_at_once(disk: SmallDisk, mine: Path) -> None:
    disk.fill()
    with reading(engine_for(mine)) as one, reading(engine_for(mine)) as other:
        found = [c.exec_driver_sql("SELECT id FROM record").scalars().all() for c in (one, other)]
    assert found == [["first"], ["first"]]


def _read_while_another_writes(reader: sa.Engine, disk: SmallDisk, mine: Path) -> None:
    with reading(reader) as connection:
        connection.exec_driver_sql("SELECT id FROM record").all()
        disk.make_room()
        other = open_registry(mine)
        other.import_rows([row("second")])
        other.engine.dispose()


def test_a_registry_that_is_written_meanwhile_is_not_half_read(disk: SmallDisk, mine: Path) -> None:
    """Read without locks, it may change; then the reader says so instead of a mixture."""
    disk.fill()
    reader = engine_for(mine)
    with pytest.raises(RegistryError, match=r"was changed while it was read\. Try again"):
        _read_while_another_writes(reader, disk, mine)
    assert len(Registry(reader)) == 2
    reader.dispose()


COMMANDS = """
import contextlib, io, sys
from hotspots.cli import main
for words in {commands!r}:
    sys.argv = ["hotspots", "registry", *words]
    code, out, err = 0, io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = int(end.code or 0)
    lines = [line for line in err.getvalue().splitlines() if not line.startswith("…")]
    print("RAN", code, words, lines)
"""


def run(folder: Path, *commands: str, **variables: str) -> list[tuple[int, list[str]]]:
    """Run commands in one process of their own; return the code and the error lines of each."""
    text = COMMANDS.format(commands=[line.split() for line in commands])
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | variables,
    )
    assert done.stderr == "", done.stderr  # where what is told behind a sentence would stand
    told = [line.split(" ", 2) for line in done.stdout.splitlines() if line.startswith("RAN ")]
    return [(int(code), eval(rest[rest.index("] [") + 2 :])) for _, code, rest in told]


def test_each_command_reads_or_says_one_sentence(disk: SmallDisk, mine: Path) -> None:
    """In every format; nothing stays behind, and nothing is said after the sentence."""
    disk.fill()
    reading_ = ("list", "show first", "validate", "matrix", "journal", "stale", "duplicates")
    writing_ = (
        "export x.csv",
        "export x.xlsx",
        "export x.geojson",
        "export x.gpkg --private",
        "graph x.graphml",
        "graph x.json",
        "template x.xlsx",
        "backup x.backup",
        "survey KEN partial",
        "erase first",
        "verify first",
        "token create --holder x --role administrator --out x.token",
        f"import {SAMPLE}",
        f"import {SAMPLE} --registry new.sqlite",
    )
    where = f" --registry {mine}"
    named = [
        c + ("" if "--registry" in c or "template" in c else where) for c in (*reading_, *writing_)
    ]
    answers = dict(zip((*reading_, *writing_), run(disk.folder, *named), strict=True))
    assert {c: answers[c] for c in reading_ if answers[c][0] != 0} == {}
    odd = {
        command: answer
        for command in writing_
        if (answer := answers[command])[0] != 1
        or len(answer[1]) != 1
        or len(answer[1][0]) > 400
        or not any(word in answer[1][0] for word in ("full", "No space"))
    }
    assert odd == {}
    assert [p.name for p in disk.folder.iterdir() if p.name.startswith(("x", "."))] == []
    disk.make_room()
    assert len(open_registry(mine)) == 1
    with pytest.raises(RegistryError, match="There is no registry"):
        open_registry(disk.folder / "new.sqlite")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry elsewhere, of more than a megabyte of text that can't be compressed."""
    path = tmp_path_factory.mktemp("long") / "long.sqlite"
    registry = open_registry(path, create=True)
    registry.import_rows(
        [
            (n, ROW | {"id": f"r-{n}", "name": f"r-{n}", "summary": random.randbytes(2000).hex()})
            for n in range(300)
        ]
    )
    registry.engine.dispose()
    return path


EXPORTS = ("export x.xlsx", "export x.xlsx --lang fr", "export x.gpkg", "export x.csv")


@pytest.mark.parametrize("leave", [4_096, 20_000, 200_000])
def test_an_export_for_which_there_is_not_room_enough(
    disk: SmallDisk, long: Path, leave: int
) -> None:
    """The disk fills in the middle of it, also in a library's own temporary files."""
    disk.fill(leave)
    for answer in run(disk.folder, *(f"{command} --registry {long}" for command in EXPORTS)):
        assert answer[0] == 1
        assert len(answer[1]) == 1, answer
        assert "can't be written (" in answer[1][0]
        assert "Free some space" in answer[1][0]
    assert os.listdir(disk.folder) == ["ballast"]


@pytest.mark.parametrize("leave", [0, 20_000])
def test_a_full_folder_for_temporary_files_hinders_no_export(
    disk: SmallDisk, long: Path, tmp_path: Path, leave: int
) -> None:
    """They stand beside the file to be written, where nobody else reads them."""
    disk.fill(leave)
    commands = (*(f"{command} --force --registry {long}" for command in EXPORTS), "template t.xlsx")
    answers = run(tmp_path, *commands, TMPDIR=str(disk.folder))
    assert answers == [(0, [])] * len(commands)
    assert os.listdir(disk.folder) == ["ballast"]
    assert sorted(os.listdir(tmp_path)) == ["disk", "t.xlsx", "x.csv", "x.gpkg", "x.xlsx"]
