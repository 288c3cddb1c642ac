"""Rights that PostgreSQL itself enforces: what docs/security.md lets a role do, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import WriteError
from hotspots.registry import open_registry
from hotspots.registry.database.connection import engine_for, reading, writing
from hotspots.registry.governance import erasure_remnants, tokens
from hotspots.registry.registry import Registry

DOCS = Path(__file__).parents[2] / "docs" / "security.md"
STATION = {
    "type": "organisation",
    "name": "Test station",
    "summary": "A station of a test.",
    "theme": "pillar1",
    "country": "KEN",
    "source": "a test",
    "source_kind": "public_knowledge",
    "contact_name": "Pelargonia Grata",
}
RegistryAt = Callable[[str], sa.Engine]


@pytest.fixture
def grant(postgis_server: Any, registry_at: RegistryAt) -> Iterator[Callable[[str], sa.Engine]]:
    """A function that makes a role by the statements of the page, and connects as it."""
    keeper = registry_at("postgis")
    Registry(keeper).import_rows([(2, STATION)])
    made: list[tuple[str, sa.Engine]] = []

    def as_role(role: str) -> sa.Engine:
        with keeper.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements(role):
                connection.exec_driver_sql(statement)
        url = keeper.url.set(username=role, password="for-tests-only")
        engine = engine_for(url.render_as_string(hide_password=False))
        made.append((role, engine))
        return engine

    yield as_role
    for role, engine in made:
        engine.dispose()
        with keeper.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


def statements(role: str) -> list[str]:
    """Return the statements of the page that concern a role, with a password for tests."""
    blocks = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (mine,) = [block for block in blocks if f"CREATE ROLE {role} " in block]
    mine = re.sub(r"--.*", "", mine).replace("'…'", "'for-tests-only'")
    return [part.strip() for part in mine.split(";") if part.strip()]


def test_a_reading_role_reads_and_cant_write(grant: Callable[[str], sa.Engine]) -> None:
    """Neither a record nor a token, not even by a recovery."""
    engine = grant("registry_reader")
    registry = open_registry(engine.url.render_as_string(hide_password=False))
    assert list(registry.records["id"]) == ["test-station"]
    with pytest.raises(WriteError, match=r"may not be used so\. Check who may write it"):
        registry.change("test-station", {"summary": "Another one."})
    with pytest.raises(WriteError, match="may not be used so"), writing(engine) as connection:
        tokens.recover(connection, holder="Mine", now="2026-11-21T20:00:00Z")
    with pytest.raises(WriteError, match="may not be used so"), writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM token")
    assert erasure_remnants.finish(engine), "nothing is pending"
    assert len(registry) == 1
    registry.engine.dispose()


def test_a_gis_role_sees_the_views_alone(grant: Callable[[str], sa.Engine]) -> None:
    """No contact, no digest of a token."""
    engine = grant("registry_gis")
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT id, ST_AsText(geometry) FROM organisations")
        assert [row[0] for row in found] == ["test-station"]
    for table in ("contact", "token", "suggestion", "record", "version"):
        with (
            engine.connect() as connection,
            pytest.raises(sa.exc.ProgrammingError, match="permission denied"),
        ):
            connection.exec_driver_sql(f"SELECT * FROM {table}")


def test_a_pending_erasure_doesnt_keep_a_reader_out(
    grant: Callable[[str], sa.Engine], registry_at: RegistryAt
) -> None:
    """Who may not tidy leaves it to one who may."""
    engine = grant("registry_reader")
    address = engine.url.set(username="keeper").render_as_string(hide_password=False)
    keeper = engine_for(address)
    with writing(keeper) as connection:
        connection.exec_driver_sql(
            "INSERT INTO audit (at, by, action) VALUES ('2026-11-21T20:00:00Z', 'x', 'erased')"
        )
    registry = open_registry(engine.url.render_as_string(hide_password=False))
    assert len(registry) == 1
    assert erasure_remnants.is_pending(keeper)
    registry.engine.dispose()
    open_registry(address).engine.dispose()
    assert not erasure_remnants.is_pending(keeper)
    with reading(keeper) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM contact").scalar() == 1
    keeper.dispose()
