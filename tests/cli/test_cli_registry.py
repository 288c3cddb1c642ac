"""The registry's commands, as a correspondent types them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.registry import open_registry
from hotspots.registry.database.connection import engine_for

SAMPLE = Path(__file__).parents[2] / "data" / "registry" / "records.csv"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `hotspots registry …` on a registry with the sample's records."""
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(tmp_path / "registry.sqlite"))
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        """Return exit code, output and error stream."""
        return run("registry", *words)

    assert command("import", str(SAMPLE))[0] == 0
    return command


def edit(path: Path, id_: str, **cells: str) -> None:
    """Change cells of a row of a CSV, as one does in a spreadsheet."""
    with path.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        if row["id"] == id_:
            row.update(cells)
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_export_edit_dry_run_import(cli: Cli, tmp_path: Path) -> None:
    """The daily work: nothing but the edit is changed, the dry run shows it and changes nothing."""
    assert cli("export", "kenya.csv", "--region", "KEN")[0] == 0
    edit(tmp_path / "kenya.csv", "cifor-icraf", web="https://example.org", place="")
    for dry in (True, False):
        code, out, _ = cli("import", "kenya.csv", *(["--dry-run"] if dry else []))
        assert code == 0
        assert "web: 'https://www.cifor-icraf.org' -> 'https://example.org'" in out
        assert "place: 'Nairobi' -> (empty)" in out
        assert ("Nothing was written" in out) is dry
        assert "0 new, 1 changed, 0 same, 0 refused." in out
    code, out, _ = cli("show", "cifor-icraf", "--history")
    assert "place, web" in out
    assert cli("show", "cifor-icraf", "--lang", "fr")[1].startswith("Identifiant: cifor-icraf")
    code, _, err = cli("show", "nobody")
    assert (code, "No record has the id 'nobody'" in err) == (2, True)


def test_an_export_overwrites_no_edited_file(cli: Cli, tmp_path: Path) -> None:
    for words in (("export", "a.csv"), ("template", "a.xlsx"), ("graph", "a.json")):
        assert cli(*words)[0] == 0
        before = (tmp_path / words[1]).read_bytes()
        code, _, err = cli(*words)
        assert (code, "exists already" in err) == (2, True)
        assert (tmp_path / words[1]).read_bytes() == before
        assert cli(*words, "--force")[0] == 0


def test_columns_of_an_export(cli: Cli, tmp_path: Path) -> None:
    assert cli("export", "some.csv", "--columns", "Name,verified_on", "--type", "Projet")[0] == 0
    head, *rows = (tmp_path / "some.csv").read_text("utf-8-sig").splitlines()
    assert head == "id,name,verified_on,version,changed"
    assert len(rows) == 10
    for columns, told in (("nmae", "no column 'nmae'"), ("contact_email", "with --private only")):
        code, _, err = cli("export", "other.csv", "--columns", columns)
        assert (code, told in err) == (2, True)
    assert cli("export", "whole.csv", "--private")[0] == 0
    assert "contact_email" in (tmp_path / "whole.csv").read_text("utf-8-sig").splitlines()[0]


def test_bad_rows_are_told_and_nothing_is_taken(cli: Cli, tmp_path: Path) -> None:
    """Under the file's own headings, with exit code 2; --skip-bad takes the good rows."""
    (tmp_path / "bad.csv").write_text(
        "Identifiant,Type,Nom,En une phrase,Thèmes,Source,Type de source,Surface (ha)\n"
        "test-a,Projet,Test A,Made up,A2,test,publication,\n"
        "test-b,Practice,Test B,Made up,A2,test,publication,12.000\n",
        "utf-8",
    )
    code, out, _ = cli("import", "bad.csv")
    assert code == 2
    assert "Row 3, column 'Surface (ha)': '12.000' may be 12000 or 12" in out
    assert "Row 3, column 'basis': it is empty" in out
    assert "Nothing was written" in out
    assert cli("validate", "bad.csv")[0] == 2
    told = json.loads(cli("validate", "bad.csv", "--json")[1])
    assert {"surface_ha", "basis"} <= {row["column"] for row in told}
    code, out, _ = cli("import", "bad.csv", "--skip-bad")
    assert (code, "1 new, 0 changed, 0 same, 1 refused" in out) == (2, True)
    assert cli("show", "test-a")[0] == 0


def test_type_and_place_can_be_filled_in(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(
        "name,summary,theme,place,country,source,source_kind\n"
        "Test station,Made up,pillar1,Nakuru,Kenya,test,publication\n"
        "Test office,Made up,pillar1,Springfield,USA,test,publication\n",
        "utf-8",
    )
    code, out, _ = cli("import", "new.csv", "--type", "organisation", "--locate")
    assert code == 0
    assert "placed at Nakuru, KE-31 (-0.3072, 36.0722; precision locality" in out
    assert "'Springfield' may be one of several places" in out
    found = open_registry(tmp_path / "registry.sqlite").get("test-station")
    assert (found["latitude"], found["place_precision"], found["country"]) == (
        -0.3072,
        "locality",
        "KEN",
    )
    assert cli("import", "new.csv", "--type", "organisation")[0] == 0
    assert "latitude" in open_registry(tmp_path / "registry.sqlite").get("test-station")


def test_list_is_my_region(cli: Cli) -> None:
    cli("survey", "KEN", "partial", "--note", "research only")
    code, out, _ = cli("list", "--region", "Kenya")
    assert code == 0
    assert "cifor-icraf" in out
    assert "1 record in" in out
    assert "1 not verified within two years" in out
    assert "Maintained by: no correspondent yet." in out
    assert "Survey of KEN: partial" in out
    rows = json.loads(cli("list", "--theme", "Projets", "--type", "Projet", "--json")[1])
    assert {row["type"] for row in rows} <= {"project"}
    rows = json.loads(cli("list", "--region", "36,-2,37,-1", "--json")[1])
    assert [row["id"] for row in rows] == ["cifor-icraf"]
    assert rows[0]["version"] == 1


def test_places_matrix_and_graph(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("place", "Nakuru, KE")
    assert (code, "36.07" in out, "GeoNames" in out) == (0, True, True)
    assert cli("place", "Nowhereville")[0] == 2
    code, out, _ = cli("matrix", "--lang", "fr")
    assert (code, "Pilier 1" in out, "Non précisé" in out) == (0, True, True)
    cells = json.loads(cli("matrix", "--json")[1])
    assert cells["by"] == "pillar"
    assert cli("graph", "who.graphml")[0] == 0
    assert "cifor-icraf" in (tmp_path / "who.graphml").read_text("utf-8")


def test_an_export_of_a_public_registry_is_recognised(cli: Cli, shared: Path) -> None:
    """Twice the same changes nothing; what was changed here since stays."""
    source = str(shared / "data" / "actors" / "verra-projects.csv")
    code, out, err = cli("import", source)
    assert code == 0
    assert "is read as an export of verra" in err
    assert "left out" in err
    registry = open_registry()
    registry.change("verra-5957", {"place": "Highlands", "theme": ("A5", "pillar2")})
    code, out, _ = cli("import", source)
    assert (code, "0 new, 0 changed" in out) == (0, True)
    assert open_registry().get("verra-5957")["place"] == "Highlands"


def test_backup_restore_and_a_revoked_token(cli: Cli, tmp_path: Path) -> None:
    """The records come back; a token that was revoked since doesn't."""
    secret = cli("token", "create", "--holder", "Secretariat", "--role", "administrator")[1]
    admin = next(word for word in secret.split() if word.startswith("hsp_"))
    other = cli("token", "create", "--holder", "Reader", "--role", "reader", "--token", admin)[1]
    reader = next(word for word in other.split() if word.startswith("hsp_"))
    assert cli("backup", "monday.sqlite", "--token", admin)[0] == 0
    code, _, err = cli("backup", "public.sqlite")
    assert (code, "may not back up" in err) == (2, True)
    listed = json.loads(cli("token", "list", "--token", admin, "--json")[1])
    id_ = next(row["id"] for row in listed if row["holder"] == "Reader")
    assert cli("token", "revoke", id_, "--token", admin)[0] == 0
    assert cli("restore", "monday.sqlite", "--token", admin)[0] == 2, "it isn't empty"
    assert cli("restore", "monday.sqlite", "--force")[0] == 2, "nobody without a token"
    code, out, _ = cli("restore", "monday.sqlite", "--force", "--token", admin)
    assert (code, "Restored 46 records" in out) == (0, True)
    assert cli("list", "--token", reader)[0] == 2
    assert cli("list", "--token", admin)[0] == 0


def test_a_registry_in_ruins_is_checked(cli: Cli, tmp_path: Path) -> None:
    """What an import would refuse is found in a registry too, by record."""
    code, out, _ = cli("validate")
    assert (code, "errors: 0" in out or "No errors" in out) == (0, True)
    with engine_for(tmp_path / "registry.sqlite").begin() as connection:
        connection.execute(
            sa.text("UPDATE record SET theme='G9', relations='lead=nobody' WHERE id='inrae'")
        )
    code, out, _ = cli("validate")
    assert code == 2
    assert "inrae" in out
    assert "'G9' is not known" in out
    assert "no record has this id" in out


def test_what_is_not_there_is_not_made(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong name of a registry leaves no file behind, whatever the command."""
    for words in (
        ("list",),
        ("validate",),
        ("upgrade",),
        ("backup", "b.sqlite"),
        ("export", "x.csv"),
    ):
        code, _, err = cli(*words, "--registry", "missing.sqlite")
        assert (code, "There is no registry 'missing.sqlite'" in err) == (2, True), words
    code, _, err = cli("import", str(SAMPLE), "--registry", "new.sqlite", "--token", "hsp_x")
    assert (code, "There is no registry 'new.sqlite' yet" in err) == (2, True)
    assert cli("import", str(SAMPLE), "--registry", ":memory:")[0] == 2
    assert cli("import", str(SAMPLE), "--registry", "new.sqlite", "--dry-run")[0] == 0
    monkeypatch.setenv("HOTSPOTS_REGISTRY", "new.sqlite")
    assert cli("import", str(SAMPLE), "--dry-run")[0] == 0
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(tmp_path / "registry.sqlite"))
    assert {path.name for path in tmp_path.iterdir()} <= {
        "registry.sqlite",
        "registry.sqlite-wal",
        "registry.sqlite-shm",
    }
    assert "has 46 records" in cli("create")[1]
