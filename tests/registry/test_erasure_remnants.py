"""Erased data in the registry's files: gone at once, or when a reader lets it, and said so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from kill_points import kill

from hotspots.errors import RegistryError
from hotspots.registry import open_registry
from hotspots.registry.database import queries as records
from hotspots.registry.database.connection import engine_for, reading, writing
from hotspots.registry.governance import erasure_remnants, privacy
from hotspots.registry.governance.journal import journal
from hotspots.registry.permissions import LOCAL
from hotspots.registry.registry import Registry

NOW = "2026-11-21T20:00:00Z"
NAME = "Pelargonia Grata"
STATION = {
    "type": "organisation",
    "name": "Test station",
    "summary": "A station of a test.",
    "theme": "pillar1",
    "country": "KEN",
    "source": "a test",
    "source_kind": "public_knowledge",
    "contact_name": NAME,
    "contact_email": "grata@example.org",
}


def url_of(engine: sa.Engine) -> str:
    """Return the address that another process, or another engine, opens."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def fill(engine: sa.Engine) -> Registry:
    registry = Registry(engine)
    registry.import_rows([(2, STATION)])
    return registry


def erase(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        assert privacy.erase(connection, LOCAL, id="test-station", now=NOW)


def bytes_of(path: Path) -> bytes:
    """Return all bytes of the main file, the log and its index."""
    return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))


def actions(engine: sa.Engine) -> list[str]:
    """Return what the journal says of erasing, the newest first."""
    with reading(engine) as connection:
        return [row["action"] for row in journal(connection, LOCAL) if "eras" in row["action"]]


def test_nothing_is_left_where_nobody_reads(any_registry: sa.Engine) -> None:
    fill(any_registry)
    erase(any_registry)
    erasure_remnants.tidy(any_registry)
    assert not erasure_remnants.is_pending(any_registry)
    assert actions(any_registry) == ["erasure finished", "erased"]


def test_a_reader_holds_remnants_until_it_ends(
    registry_at: Callable[[str], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command and the journal say so; the next opening after the reader's end removes them."""
    monkeypatch.setattr(erasure_remnants, "_PATIENCE_MS", 100)
    engine = registry_at("sqlite")
    path = Path(url_of(engine))
    fill(engine)
    other = engine_for(path)
    with reading(other) as connection:
        assert records.fetch(connection, ["test-station"])["test-station"]["contact_name"] == NAME
        erase(engine)
        with pytest.raises(RegistryError, match="The next command on this registry after that"):
            erasure_remnants.tidy(engine)
        assert NAME.encode() in bytes_of(path), "which the reader may still need"
        assert records.fetch(connection, ["test-station"])["test-station"]["contact_name"] == NAME
        for _ in range(3):
            again = open_registry(path)  # neither waits nor fails, and writes nothing
            assert "contact_name" not in again.get("test-station", private=True)
            again.engine.dispose()
        assert actions(engine) == ["erasure pending", "erased"]
    open_registry(path).engine.dispose()
    assert actions(engine) == ["erasure finished", "erasure pending", "erased"]
    assert path.with_name(path.name + "-wal").exists(), "somebody still has it open"
    for text in (NAME, "grata@example.org"):
        assert text.encode() not in bytes_of(path)
    other.dispose()


def test_the_log_doesnt_grow_while_a_reader_stays(
    registry_at: Callable[[str], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying again costs nothing, however often."""
    monkeypatch.setattr(erasure_remnants, "_PATIENCE_MS", 100)
    engine = registry_at("sqlite")
    log = Path(url_of(engine) + "-wal")
    fill(engine)
    with reading(engine_for(url_of(engine))) as connection:
        records.fetch(connection, ["test-station"])
        erase(engine)
        with pytest.raises(RegistryError):
            erasure_remnants.tidy(engine)
        size = log.stat().st_size
        for _ in range(5):
            assert not erasure_remnants.finish(engine)
        assert log.stat().st_size == size


@pytest.mark.parametrize("kind", ["sqlite", "postgis"])
def test_a_killed_erasure_is_finished_at_the_next_opening(
    kind: str, registry_at: Callable[[str], sa.Engine]
) -> None:
    """Killed after the transaction and before the files were tidied."""
    engine = registry_at(kind)
    fill(engine)
    program = """
import sys, os, signal
from hotspots.registry import open_registry
from hotspots.registry.permissions import LOCAL
from hotspots.registry.governance import erasure_remnants, privacy
registry = open_registry(sys.argv[1])
with registry.writing() as connection:
    privacy.erase(connection, LOCAL, id="test-station", now="2026-11-21T20:00:00Z")
erasure_remnants.tidy(registry.engine)
"""
    kill(
        0,
        program,
        url_of(engine),
        functions=["hotspots.registry.governance.erasure_remnants._tidied"],
    )
    assert erasure_remnants.is_pending(engine)
    assert actions(engine) == ["erased"]
    opened = open_registry(url_of(engine))
    assert not erasure_remnants.is_pending(engine)
    assert "contact_name" not in opened.get("test-station", private=True)
    opened.engine.dispose()
    if kind == "sqlite":
        assert NAME.encode() not in bytes_of(Path(url_of(engine)))


def test_a_reader_of_postgresql_holds_them_too(
    registry_at: Callable[[str], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_remnants, "_PATIENCE_MS", 100)
    engine = registry_at("postgis")
    fill(engine)
    other = engine_for(url_of(engine))
    with reading(other) as connection:
        records.fetch(connection, ["test-station"])
        erase(engine)
        with pytest.raises(RegistryError, match="until those who are reading it now have ended"):
            erasure_remnants.tidy(engine)
        assert actions(engine) == ["erasure pending", "erased"]
    other.dispose()
    assert erasure_remnants.finish(engine)
    assert actions(engine)[0] == "erasure finished"


def test_the_command_prints_what_was_erased_and_what_is_left(
    run: Any, registry_at: Callable[[str], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_remnants, "_PATIENCE_MS", 100)
    engine = registry_at("sqlite")
    fill(engine)
    with reading(engine) as connection:
        records.fetch(connection, ["test-station"])
        code, out, err = run("registry", "erase", "test-station", "--registry", url_of(engine))
    assert code == 1
    assert "contact_name, contact_email" in out
    assert "remnants are left in the files" in err
    code, out, err = run("registry", "journal", "--registry", url_of(engine))
    assert code == 0
    assert out.count("erasure finished") == 1
