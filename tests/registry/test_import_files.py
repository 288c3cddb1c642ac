"""Imports and grants as functions: what the web service calls gets the same as the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotspots.errors import NotAllowedError, RegistryError
from hotspots.registry import Registry, open_registry
from hotspots.registry.governance import grants, tokens
from hotspots.registry.governance.tokens import Grant
from hotspots.registry.imports.import_files import (
    FileChoices,
    check_records,
    import_records,
    likely_duplicates,
    plan_report,
    read_records,
)
from hotspots.registry.imports.plan import ImportChoices
from hotspots.registry.open import open_to_import
from hotspots.registry.permissions import LOCAL, PUBLIC

HEAD = "id,type,name,summary,theme,country,source,source_kind,contact_email\n"
GOOD = "test-station,organisation,Test station,Made up,pillar1,KEN,a test,publication,{}\n"
BAD = "other,organisation,Other,Made up,pillar1,ATLANTIS,a test,publication,\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv"
    path.write_text(HEAD + GOOD.format("name@example.org") + BAD, encoding="utf-8")
    return path


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "mine.sqlite", create=True)


def test_refused_rows_are_a_result_and_nothing_is_written(registry: Registry, file: Path) -> None:
    records = read_records(registry, file, FileChoices())
    result = import_records(registry, records, ImportChoices())
    assert not result.imported
    assert result.plan.counts == {"new": 1, "changed": 0, "same": 0, "refused": 1}
    assert [problem.column for problem in result.plan.problems] == ["country"]
    assert len(registry) == 0


def test_valid_rows_are_imported_with_the_files_name_in_the_journal(
    registry: Registry, file: Path
) -> None:
    records = read_records(registry, file, FileChoices())
    choices = ImportChoices(skip_bad=True)
    assert not import_records(registry, records, choices, dry_run=True).imported
    assert len(registry) == 0
    result = import_records(registry, records, choices)
    assert result.imported
    assert list(registry.records["id"]) == ["test-station"]
    rows = plan_report(result.plan)
    assert [(row["row"], row["id"], row["outcome"]) for row in rows] == [
        (2, "test-station", "new"),
        (3, "other", "refused"),
    ]
    assert [problem["kind"] for problem in rows[1]["problems"]] == ["error"]
    with registry.reading() as connection:
        from hotspots.registry.governance.journal import journal

        lines = journal(connection, LOCAL)
    assert "records.csv" in [line["target"] for line in lines if line["action"] == "import"]


def test_a_new_record_that_may_be_there_is_found(registry: Registry, file: Path) -> None:
    records = read_records(registry, file, FileChoices())
    import_records(registry, records, ImportChoices(skip_bad=True))
    file.write_text(HEAD + GOOD.format("").replace("test-station", "station-2"), encoding="utf-8")
    again = read_records(registry, file, FileChoices())
    plan = import_records(registry, again, ImportChoices(), dry_run=True).plan
    assert [{pair.a, pair.b} for pair in likely_duplicates(registry, plan)] == [
        {"test-station", "station-2"}
    ]


def test_a_check_shows_the_public_nothing_of_an_address(registry: Registry, file: Path) -> None:
    import_records(
        registry, read_records(registry, file, FileChoices()), ImportChoices(skip_bad=True)
    )
    anyone = registry.acting(PUBLIC)
    for address in ("name@example.org", "other@example.org"):
        file.write_text(HEAD + GOOD.format(address), encoding="utf-8")
        table = read_records(anyone, file, FileChoices()).table
        assert check_records(anyone, table) == []


def test_a_dry_run_makes_no_registry(tmp_path: Path, file: Path) -> None:
    missing = tmp_path / "missing.sqlite"
    registry = open_to_import(missing, dry_run=True)
    records = read_records(registry, file, FileChoices())
    assert import_records(registry, records, ImportChoices(), dry_run=True).plan.counts["new"] == 1
    assert not missing.exists()


def test_a_role_is_granted_once_its_secret_is_delivered(registry: Registry) -> None:
    delivered: list[str] = []
    granted = grants.grant(registry, Grant("Secretariat", "administrator"), delivered.append)
    assert delivered == [granted.secret]
    assert not granted.is_open
    with registry.reading() as connection:
        assert tokens.actor_of(connection, granted.secret).role == "administrator"
    with pytest.raises(NotAllowedError):
        grants.grant(registry.acting(PUBLIC), Grant("Anyone", "editor"), delivered.append)


def test_no_role_is_granted_if_its_secret_can_not_be_delivered(registry: Registry) -> None:
    def lose(_: str) -> None:
        raise RegistryError("lost")

    with pytest.raises(RegistryError, match="lost"):
        grants.grant(registry, Grant("Secretariat", "administrator"), lose)
    assert grants.administrators(registry) == []


def test_a_recovery_names_what_it_revoked(registry: Registry) -> None:
    grants.grant(registry, Grant("Secretariat", "administrator"), lambda _: None)
    former = grants.administrators(registry)
    granted = grants.recover(registry, "New secretariat", lambda _: None)
    assert granted.revoked == tuple(former)
    assert [name.split(" (")[0] for name in grants.administrators(registry)] == ["New secretariat"]
