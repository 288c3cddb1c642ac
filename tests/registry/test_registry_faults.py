"""A registry in trouble: killed, locked, gone, full, two at once. Nothing is lost, all is told."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import HotspotsError, RegistryError, WriteError
from hotspots.registry import open_registry
from hotspots.registry.database import connection as database
from hotspots.registry.database import tables
from hotspots.registry.database.connection import engine_for, shown, writing
from hotspots.registry.registry import Registry

ROW = {
    "type": "organisation",
    "summary": "Made up",
    "theme": "pillar1",
    "country": "NAM",
    "source": "this test",
    "source_kind": "publication",
}
# An import that stops after it has written records, but neither their codes nor their history.
STOPPING = """
import sys, time
from hotspots.registry import open_registry
from hotspots.registry.database import changes
real = changes._insert
def slow(connection, table, given):
    real(connection, table, given)
    if table.name == sys.argv[2]:
        print("stopped", flush=True)
        time.sleep(60)
changes._insert = slow
rows = [(n, eval(sys.argv[3]) | {"id": f"new-{n}", "name": f"New {n}"}) for n in range(2, 500)]
open_registry(sys.argv[1]).import_rows(rows)
"""
IMPORTING = """
import sys
from hotspots.registry import open_registry
who = sys.argv[2]
rows = [(n, eval(sys.argv[3]) | {"id": f"{who}-{n}", "name": f"{who} {n}"}) for n in range(2, 400)]
print("ready", flush=True); sys.stdin.readline()
print(open_registry(sys.argv[1]).import_rows(rows).counts)
"""


def row(id_: str) -> tuple[int, dict[str, str]]:
    return 2, ROW | {"id": id_, "name": id_}


def url_of(engine: sa.Engine) -> str:
    """Return the address that another process opens."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def run_script(script: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *words],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.parametrize("table", ["record", "record_code", "version"])
def test_a_killed_import_leaves_nothing_or_all(any_registry: sa.Engine, table: str) -> None:
    registry = Registry(any_registry)
    registry.import_rows([row("first")])
    with run_script(STOPPING, url_of(any_registry), table, repr(ROW)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:  # a server notices a dead client after a moment
        try:
            registry.import_rows([row("after")])
            break
        except HotspotsError:
            time.sleep(0.2)
    assert set(registry.records["id"]) == {"first", "after"}
    with registry.reading() as connection:
        for name in ("record_code", "version"):
            count = sa.select(sa.func.count()).select_from(tables.metadata.tables[name])
            assert connection.scalar(count) == 2, name


def test_two_imports_at_once_both_arrive(any_registry: sa.Engine) -> None:
    processes = [run_script(IMPORTING, url_of(any_registry), who, repr(ROW)) for who in "ab"]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        said.append(process.communicate(timeout=120)[0])
    assert all("'new': 398" in told for told in said), said
    assert len(Registry(any_registry)) == 796
    with Registry(any_registry).reading() as connection:
        numbers = connection.scalars(sa.select(tables.record.c.no)).all()
        assert sorted(numbers) == list(range(1, 797))


def test_readers_go_on_while_one_writes(any_registry: sa.Engine) -> None:
    registry = Registry(any_registry)
    registry.import_rows([row("first")])
    with registry.writing() as connection:
        connection.execute(tables.record.delete())
        assert [r["id"] for r in Registry(any_registry).find()] == ["first"]
        connection.rollback()


def test_a_writer_that_waits_too_long_is_told(
    any_registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 1)
    other = Registry(engine_for(url_of(any_registry)))
    with (
        writing(any_registry),
        pytest.raises(RegistryError, match="has been written by another process"),
    ):
        other.import_rows([row("late")])
    other.import_rows([row("late")])
    other.engine.dispose()


def test_a_registry_that_is_gone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite"
    with pytest.raises(RegistryError, match=r"There is no registry '.*mine.sqlite'"):
        open_registry(path)
    assert not path.exists()
    with pytest.raises(RegistryError, match="doesn't answer") as caught:
        open_registry("postgresql://somebody:secret@127.0.0.1:9/none")
    assert "secret" not in str(caught.value)
    assert "***" in str(caught.value)


def _write_until_the_server_ends_it(registry: Registry, server: Any) -> None:
    with registry.writing() as connection:
        connection.execute(tables.record.delete())
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        server.ask(f"SELECT pg_terminate_backend({pid})")
        connection.execute(tables.record.delete())


def test_a_server_that_goes_away_is_told(
    postgis_server: Any, registry_at: Callable[[str], sa.Engine]
) -> None:
    engine = registry_at("postgis")
    registry = Registry(engine)
    registry.import_rows([row("first")])
    with pytest.raises(RegistryError, match="doesn't answer"):
        _write_until_the_server_ends_it(registry, postgis_server)
    assert len(registry) == 1, "the next use connects anew, and nothing was lost"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"id,name\n1,2\n", "not an SQLite file"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "not a valid SQLite file"),
        (b"", "There is no registry"),
    ],
)
def test_a_file_that_is_no_registry_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "mine.sqlite"
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=told):
        open_registry(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("url", ["mysql://x/y", "ftp://example.org/x"])
def test_an_address_of_another_kind_is_told(url: str) -> None:
    with pytest.raises(RegistryError, match="not a URL of a registry"):
        open_registry(url)


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite"
    registry = open_registry(path, create=True)
    registry.import_rows([row("first")])
    registry.engine.dispose()
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, hard))
    try:
        with pytest.raises(HotspotsError, match="disk"):
            registry.import_rows(
                [(n, row(f"new-{n}")[1] | {"place": "x" * 900}) for n in range(2, 900)]
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
        registry.engine.dispose()
    assert list(open_registry(path).records["id"]) == ["first"]


def test_a_file_that_may_only_be_read_can_be_read(
    tmp_path: Path, as_ordinary_user: Callable[[], object]
) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "mine.sqlite"
    registry = open_registry(path, create=True)
    registry.import_rows([row("first")])
    registry.engine.dispose()
    path.chmod(0o444)
    for parent in path.parents:
        if Path(tempfile.gettempdir()) in parent.parents:  # the folders of this test run
            parent.chmod(parent.stat().st_mode | 0o055)
    with as_ordinary_user():  # type: ignore[attr-defined]
        registry = open_registry(path)
        assert len(registry) == 1
        with pytest.raises(WriteError, match="may only be read"):
            registry.import_rows([row("second")])
        registry.engine.dispose()


def test_files_of_records_are_not_written(tmp_path: Path) -> None:
    registry = open_registry(Path(__file__).parents[2] / "data" / "registry" / "records.csv")
    with pytest.raises(RegistryError, match="was read from files and can't be written"):
        registry.import_rows([row("new")])


@pytest.mark.parametrize("where", ["somebody:secret@127.0.0.1/none", "h/none?password=secret"])
def test_a_password_is_never_shown(where: str) -> None:
    assert "secret" not in shown(engine_for(f"postgresql://{where}"))
