"""Tests of surveys, the journal, stale records, and the commands of people's work."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from hotspots.errors import BadInputError, NotAllowedError, RegistryError
from hotspots.registry.database.connection import reading, writing
from hotspots.registry.database.tables import record
from hotspots.registry.governance import surveys, tokens
from hotspots.registry.governance.journal import changed_fields, journal
from hotspots.registry.governance.tokens import Grant
from hotspots.registry.governance.verification import stale, verify
from hotspots.registry.imports.plan import ImportChoices
from hotspots.registry.open import open_registry
from hotspots.registry.permissions import LOCAL, PUBLIC, Actor
from hotspots.registry.registry import Registry

NOW = "2026-11-21T20:00:00Z"
TODAY = date(2026, 11, 21)
EDITOR = Actor("An editor", "editor")
KENYA = Actor("Correspondent Kenya", "correspondent", ("KEN",))
STATION = {
    "type": "organisation",
    "name": "Test station",
    "summary": "A station of a test.",
    "theme": "pillar1",
    "country": "KEN",
    "source": "a test",
    "source_kind": "public_knowledge",
    "language": "en",
}
Run = Any


def lines(engine: sa.Engine, actor: Actor = LOCAL, **asked: Any) -> list[tuple[str, ...]]:
    """Return the journal's lines: by, action, target, detail."""
    with reading(engine) as connection:
        found = journal(connection, actor, **asked)
    return [tuple(row[n] for n in ("by", "action", "target", "detail")) for row in found]


def test_survey_is_declared_by_who_keeps_the_whole_region(any_registry: sa.Engine) -> None:
    """A country by its name, a part of it; a later one takes the place of the earlier."""
    with writing(any_registry) as connection:
        assert (
            surveys.declare(connection, KENYA, "Kenya", "partial", NOW, " Half \n of it ") == "KEN"
        )
        surveys.declare(connection, KENYA, "KE-31", "complete", NOW)
        surveys.declare(connection, EDITOR, "world", "partial", NOW)
        surveys.declare(connection, EDITOR, "KEN", "complete", "2026-12-01T00:00:00Z")
        for region in ("UGA", "sub-saharan-africa", "world"):
            with pytest.raises(NotAllowedError, match=f"survey of {region}"):
                surveys.declare(connection, KENYA, region, "complete", NOW)
        with pytest.raises(NotAllowedError, match="may not declare a survey"):
            surveys.declare(connection, PUBLIC, "KEN", "complete", NOW)
    kept = Registry(any_registry).surveys.set_index("region")
    assert kept.loc[["KE-31", "KEN", "world"], ["level", "on", "by"]].to_numpy().tolist() == [
        ["complete", "2026-11-21", KENYA.name],
        ["complete", "2026-12-01", EDITOR.name],
        ["partial", "2026-11-21", EDITOR.name],
    ]
    assert len(kept) == 3
    assert lines(any_registry, id="KE-31") == [(KENYA.name, "survey declared", "KE-31", "complete")]


def test_survey_is_withdrawn_by_who_keeps_the_region(any_registry: sa.Engine) -> None:
    """What isn't declared can't be; the note is kept as one line."""
    with writing(any_registry) as connection:
        surveys.declare(connection, EDITOR, "UGA", "partial", NOW)
        surveys.declare(connection, KENYA, "KEN", "partial", NOW, " Half \n of it ")
        with pytest.raises(NotAllowedError, match="survey of UGA"):
            surveys.withdraw(connection, KENYA, "UGA", NOW)
    assert list(Registry(any_registry).surveys["note"]) == ["Half of it", ""]
    with writing(any_registry) as connection:
        assert surveys.withdraw(connection, KENYA, "KEN", NOW) == "KEN"
        with pytest.raises(RegistryError, match="No survey of KEN is declared"):
            surveys.withdraw(connection, KENYA, "KEN", NOW)
    assert list(Registry(any_registry).surveys["region"]) == ["UGA"]
    assert lines(any_registry)[0] == (KENYA.name, "survey withdrawn", "KEN", "")


@pytest.mark.parametrize(
    ("region", "level", "note", "told"),
    [
        ("Atlantis", "complete", "", "'Atlantis' is not a region"),
        ("KEN;UGA", "complete", "", "covers one region"),
        ("", "complete", "", "covers one region"),
        ("KEN", "comlete", "", "did you mean complete"),
        ("KEN", "complete", "Ask someone@example.org", "e-mail address"),
        ("KEN", "complete", "x" * 1001, "1,001 characters; at most 1,000"),
    ],
)
def test_survey_that_makes_no_sense_is_refused(
    any_registry: sa.Engine, region: str, level: str, note: str, told: str
) -> None:
    """Each fault is one plain sentence, and nothing is declared."""
    with writing(any_registry) as connection, pytest.raises(BadInputError, match=told):
        surveys.declare(connection, EDITOR, region, level, NOW, note)
    assert len(Registry(any_registry).surveys) == 0


def test_journal_tells_records_and_the_rest_newest_first(any_registry: sa.Engine) -> None:
    """By target, by whom, since when; as many lines as asked."""
    registry = Registry(any_registry, actor=EDITOR)
    registry.import_rows([(2, STATION)], choices=ImportChoices(origin="file.csv"))
    with writing(any_registry) as connection:
        surveys.declare(connection, KENYA, "KEN", "partial", "2999-01-01T00:00:00Z")
    survey = (KENYA.name, "survey declared", "KEN", "partial")
    imported = (EDITOR.name, "import", "file.csv", "1 new")
    created = (EDITOR.name, "created", "test-station", "")
    found = lines(any_registry)
    assert found[0] == survey
    assert set(found[1:]) == {imported, created}
    assert lines(any_registry, limit=1) == [survey]
    assert lines(any_registry, id="test-station") == [created]
    assert set(lines(any_registry, by=EDITOR.name)) == {imported, created}
    assert lines(any_registry, since="2998-12-31") == [survey]
    assert lines(any_registry, since="2999-01-01T00:00:01Z") == []
    with pytest.raises(BadInputError, match="'lately' is not a date or time"):
        lines(any_registry, since="lately")
    with pytest.raises(BadInputError, match="give 1 to 10,000"):
        lines(any_registry, limit=0)


def test_survey_of_an_unknown_region_names_those_of_the_initiative(
    any_registry: sa.Engine,
) -> None:
    """And what else may be given, in one sentence more."""
    with writing(any_registry) as connection, pytest.raises(BadInputError) as told:
        surveys.declare(connection, EDITOR, "Atlantis", "complete", NOW)
    said = str(told.value)
    assert said.startswith(
        "'Atlantis' is not a region of a survey. Give a country (KEN or Kenya), a"
    )
    assert "such as KE-31, world, or a region of the Initiative: north-america, " in said
    with writing(any_registry) as connection, pytest.raises(BadInputError, match="mean europe"):
        surveys.declare(connection, EDITOR, "europ", "complete", NOW)


def test_journal_keeps_tokens_and_file_names_from_the_public(any_registry: sa.Engine) -> None:
    """Tokens are seen by administrators, files by those who keep records; nor can one ask."""
    Registry(any_registry, actor=EDITOR).import_rows(
        [(2, STATION)], choices=ImportChoices(origin="file.csv")
    )
    with writing(any_registry) as connection:
        tokens.create(connection, LOCAL, Grant("Secretariat", "administrator"), NOW)
    with reading(any_registry) as connection:
        (made,) = tokens.listed(connection, LOCAL, NOW)
    (line,) = lines(any_registry, id=made["id"])
    assert line[:2] == ("local", "token made")
    reader = Actor("A reader", "reader")
    for actor in (PUBLIC, reader, KENYA, EDITOR):
        seen = {(action, target) for _, action, target, _ in lines(any_registry, actor)}
        file = "" if actor in (PUBLIC, reader) else "file.csv"
        assert seen == {("created", "test-station"), ("import", file)}
        assert lines(any_registry, actor, id=made["id"]) == []
        assert len(lines(any_registry, actor, id="file.csv")) == bool(file)


def test_journal_and_history_name_the_fields_that_changed(any_registry: sa.Engine) -> None:
    """Of personal ones that they are, and only where nothing else changed."""
    registry = Registry(any_registry, actor=EDITOR)
    registry.import_rows([(2, STATION), (3, STATION | {"name": "Other"})])
    for changes in (
        {"summary": "Another.", "web": "https://example.org"},
        {"contact_email": "person@example.org"},
        {"web": None, "contact_email": None},
    ):
        registry.change("test-station", changes)
        registry.change("other", {"name_fr": changes.get("summary", "Autre")})
    verify(registry, ["test-station"], TODAY)
    registry.remove("test-station", "a test")
    registry.import_rows([(2, STATION)])
    history = registry.history("test-station")
    told = ["", "summary, web", "contact", "web", "verified_on", "", ""]
    assert changed_fields(history) == told
    both = sorted([*history, *registry.history("other")], key=lambda row: row["no"])
    mixed = zip(both, changed_fields(both), strict=True)
    assert [names for row, names in mixed if row["id"] == "test-station"] == told
    details = [detail for *_, detail in lines(any_registry, id="test-station")]
    assert details[::-1] == ["", "summary, web", "contact", "web", "", "a test", ""]


@pytest.fixture
def aged(any_registry: sa.Engine) -> Registry:
    """A registry whose records were verified at different times, one never."""
    registry = Registry(any_registry, actor=EDITOR)
    rows = {
        "Old": {"verified_on": "2020-01-01"},
        "Never": {},
        "Older elsewhere": {"verified_on": "2019-01-01", "country": "UGA"},
        "Works there": {"verified_on": "2020-01-02", "country": "", "regions": "KEN;UGA"},
        "Limit": {"verified_on": "2024-11-21"},
        "Fresh": {"verified_on": "2026-11-01"},
    }
    registry.import_rows([(n, STATION | {"name": k} | v) for n, (k, v) in enumerate(rows.items())])
    return registry


def test_stale_records_come_oldest_first(aged: Registry) -> None:
    """Never verified ones before; 730 days ago is not yet old."""
    table = stale(aged, today=TODAY)
    assert list(table["id"]) == ["never", "older-elsewhere", "old", "works-there"]
    assert list(table.columns) == [
        "id",
        "type",
        "name",
        "country",
        "owner",
        "verified_on",
        "changed",
        "age_days",
    ]
    assert table["age_days"].dtype == np.float64
    assert list(table["age_days"].isna()) == [True, False, False, False]
    assert table.loc[2, "age_days"] == 2516  # from 2020-01-01
    assert table.loc[0, "verified_on"] == ""
    assert table.loc[0, "owner"] == EDITOR.name
    assert "limit" in set(stale(aged, 729, today=TODAY)["id"])
    assert set(stale(aged, region="KEN", today=TODAY)["id"]) == {"never", "old", "works-there"}
    assert len(stale(aged, 10_000, today=TODAY)) == 1  # the one that was never verified


def test_correspondent_sees_own_stale_records(aged: Registry) -> None:
    """Those that the token keeps: not one that works in another country too."""
    mine = Registry(aged.engine, actor=KENYA)
    assert list(stale(mine, today=TODAY)["id"]) == ["never", "old"]


def test_stale_list_goes_through_all_pages(aged: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records there are."""
    monkeypatch.setattr("hotspots.registry.governance.verification._PAGE", 2)
    assert len(stale(aged, today=TODAY)) == 4


@pytest.mark.parametrize("days", [-1, 10**9])
def test_impossible_age_is_told(any_registry: sa.Engine, days: int) -> None:
    """Rather than an overflow."""
    with pytest.raises(BadInputError, match=f"older than {days} days"):
        stale(Registry(any_registry), days)
    with pytest.raises(BadInputError, match="'Atlantis' is not a region"):
        stale(Registry(any_registry), region="Atlantis")


def test_verified_records_are_fresh(aged: Registry) -> None:
    """History says who verified; what can't be verified keeps all others out."""
    mine = Registry(aged.engine, actor=KENYA)
    assert verify(mine, ["old", "never", "old"], TODAY) == (["old", "never"], [])
    assert aged.get("old")["verified_on"] == "2026-11-21"
    assert aged.get("old")["version"] == 2
    line = aged.history("old")[-1]
    assert (line["by"], line["action"]) == (KENYA.name, "verified")
    assert len(stale(mine, today=TODAY)) == 0
    with pytest.raises(RegistryError, match="No record has the id 'nobody'"):
        verify(mine, ["limit", "nobody"], TODAY)
    with pytest.raises(NotAllowedError, match=r"may not verify 'works-there'.*was verified\.$"):
        verify(mine, ["limit", "works-there"], TODAY)
    assert aged.get("limit")["verified_on"] == "2024-11-21"
    assert verify(mine, ["limit", "old"], TODAY) == (["limit"], ["old"])
    # Whoever verified it last: another one does after a year.
    assert verify(aged, ["old"], date(2027, 11, 21)) == (["old"], [])
    assert verify(mine, ["old"], date(2028, 11, 21)) == (["old"], [])


def test_right_to_verify_is_asked_first(aged: Registry) -> None:
    """Also where nothing is left to be done; what isn't sound is told without rows and columns."""
    verify(aged, ["fresh"], TODAY)
    public = Registry(aged.engine, actor=PUBLIC)
    with pytest.raises(NotAllowedError, match=r"^Without a token, one may not verify 'fresh'"):
        verify(public, ["fresh"], TODAY)
    with writing(aged.engine) as connection:
        connection.execute(record.update().where(record.c.id == "old").values(theme=None))
    with pytest.raises(NotAllowedError):
        verify(public, ["old"], TODAY)
    with pytest.raises(RegistryError, match=r"^'old' can't be verified, .*: theme: it is empty"):
        verify(aged, ["limit", "old"], TODAY)
    assert aged.get("limit")["verified_on"] == "2024-11-21"


@pytest.fixture
def cli(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs 'hotspots registry …' on a registry with one station."""
    path = tmp_path / "registry.sqlite"
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(path))
    open_registry(path, create=True).import_rows([(2, STATION)])
    return lambda *words: run("registry", *words)


def test_commands_from_token_to_decision(cli: Run, tmp_path: Path) -> None:
    """An administrator gives a token, one without suggests, the correspondent decides."""
    code, secret, said = cli(
        "token",
        "create",
        "--holder",
        "Correspondent Kenya",
        "--role",
        "correspondent",
        "--region",
        "KEN",
    )
    assert (code, secret.count("\n")) == (0, 1)
    assert "whoever can open this registry is its administrator" in said
    code, admin, said = cli(
        "token",
        "create",
        "--holder",
        "Secretariat",
        "--role",
        "administrator",
        "--expires",
        "2999-12-31",
    )
    assert "users without a token can only read and suggest" in said
    assert "No administrator's token is valid after 2999-12-31" in said
    secret, admin = secret.strip(), admin.strip()
    file = tmp_path / "mine.csv"
    file.write_text(
        "id,summary,contact_email\ntest-station,A better sentence.,person@example.org\n"
    )
    code, out, said = cli("suggest", file, "--by", "Somebody")
    assert (code, "Correspondent Kenya, Secretariat" in out) == (0, True)
    assert "1" in out.splitlines()[1].split()
    code, out, _ = cli("review", "1")
    assert "not yours to see" in out
    assert "person@" not in out
    code, out, _ = cli("review", "1", "--token", secret)
    assert "summary: A station of a test. -> A better sentence." in out
    assert "contact_email: person@example.org" in out
    assert "by Somebody" in out
    code, out, _ = cli("review", "--json", "--token", secret)
    assert json.loads(out)[0]["changes"]["contact_email"] == ["(personal)", "(personal)"]
    code, _, said = cli("review", "1", "--accept")
    assert (code, "may not decide on" in said) == (2, True)
    code, out, _ = cli("review", "1", "--accept", "--token", secret)
    assert (code, out) == (0, "Accepted 1: 'test-station'.\n")
    code, _, said = cli("review", "1", "--refuse", "--reason", "No.", "--token", admin)
    assert (code, "was accepted by Correspondent Kenya" in said) == (2, True)
    code, out, said = cli("erase", "test-station", "--token", secret)
    assert (code, "contact_email" in out, "Not reached: backups" in said) == (0, True, True)
    code, out, _ = cli("token", "list", "--token", admin)
    assert [line.split()[-1] for line in out.splitlines()] == ["state", "valid", "valid"]
    code, out, _ = cli("journal", "test-station")
    assert [
        line for line in ("created", "suggestion 1 by public", "erased") if line not in out
    ] == []


def test_suggestions_are_named_and_decided_all_or_none(cli: Run, tmp_path: Path) -> None:
    """The sender knows which row is which number; nothing is said to be done that isn't."""
    cli("token", "create", "--holder", "Secretariat", "--role", "administrator")
    secret = cli("token", "create", "--holder", "Other", "--recover", "--yes")[1].strip()
    file = tmp_path / "mine.csv"
    row = "organisation,{},A sentence.,pillar1,KEN,a test,public_knowledge,en\n"
    heading = "type,name,summary,theme,country,source,source_kind,language\n"
    same = "organisation,Test station,A station of a test.,pillar1,KEN,a test,public_knowledge,en\n"
    file.write_text(heading + same + row.format("Kestrel") + row.format("Osprey"))
    code, out, _ = cli("suggest", file)
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["1", "Kestrel"],
        ["2", "Osprey"],
    ]
    out = cli("suggest", file, "--json")[1]
    assert [(row["number"], row["name"]) for row in json.loads(out)] == [
        (1, "Kestrel"),
        (2, "Osprey"),
    ]
    cli("review", "2", "--refuse", "--reason", "No.", "--token", secret)
    code, out, said = cli("review", "1", "2", "--accept", "--token", secret)
    assert (code, out) == (2, "")
    assert "None of the 2 suggestions was decided." in said
    assert cli("review", "1", "--accept", "--token", secret)[1] == "Accepted 1: 'kestrel'.\n"


def test_a_recovery_says_whose_tokens_it_revoked(cli: Run) -> None:
    """It is a door also while others are valid, and says so."""
    first = cli("token", "create", "--holder", "First", "--recover", "--yes")
    assert "No other administrator's token was valid." in first[2]
    said = cli("token", "create", "--holder", "Second", "--recover", "--yes")[2]
    assert "The administrators' tokens of First" in said
    code, _, refused = cli("token", "list", "--token", first[1].strip())
    assert (code, "was revoked by a recovery" in refused) == (2, True)
    help_ = " ".join(cli("token", "create", "--help")[1].replace("│", " ").split())
    assert "those of other administrators are revoked" in help_


def test_lost_token_is_recovered_though_it_still_is_set(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that isn't known doesn't stand in the way."""
    cli("token", "create", "--holder", "Lost", "--role", "administrator")
    monkeypatch.setenv("HOTSPOTS_TOKEN", "hsp_lost")
    assert cli("token", "list")[0] == 2
    code, secret, _ = cli("token", "create", "--holder", "Secretariat", "--recover", "--yes")
    assert code == 0
    code, out, _ = cli("token", "list", "--token", secret.strip(), "--json")
    (lost,) = [row for row in json.loads(out) if row["holder"] == "Lost"]
    assert lost["state"].startswith("revoked by a recovery")


def test_commands_of_upkeep(cli: Run) -> None:
    """Survey, stale and verify, from a table to what changes it."""
    assert "No survey is declared" in cli("survey")[2]
    assert cli("survey", "Kenya", "complete", "--note", "All")[1] == (
        "Declared a complete survey of KEN.\n"
    )
    assert json.loads(cli("survey", "--json")[1])[0]["note"] == "All"
    assert cli("survey", "KEN", "--withdraw")[1] == "Withdrew the survey of KEN.\n"
    assert cli("stale")[1].splitlines()[1].split() == [
        "test-station",
        "organisation",
        "KEN",
        "never",
    ]
    assert json.loads(cli("stale", "--json")[1])[0]["age_days"] is None
    assert cli("verify", "test-station")[1] == "Verified 1: test-station\n"
    assert cli("verify", "test-station")[1] == "Already verified today: test-station\n"
    assert "verified within 730 days" in cli("stale")[2]


def test_address_to_erase_is_read_from_the_input(
    cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So that it doesn't stay in the shell's history."""
    import io

    open_registry().change("test-station", {"contact_email": "person@example.org"})
    monkeypatch.setattr("sys.stdin", io.StringIO("person@example.org\n"))
    code, out, _ = cli("erase", "--email", "-", "--json")
    assert (code, json.loads(out)[0]["id"]) == (0, "test-station")
    monkeypatch.setattr("sys.stdin", io.StringIO("person@example.org\n"))
    _, _, said = cli("erase", "--email", "-")
    assert "Nothing personal was found there." in said
    assert "looked at" not in said


def test_correspondent_is_told_where_an_address_was_not_sought(cli: Run) -> None:
    """No all-clear; and the same words whether it stands elsewhere or not."""
    secret = cli(
        "token", "create", "--holder", "Uganda", "--role", "correspondent", "--region", "UGA"
    )[1].strip()
    asked = ("erase", "--email", "person@example.org", "--token", secret)
    before = cli(*asked)
    open_registry().change("test-station", {"contact_email": "person@example.org"})
    assert cli(*asked) == before
    code, _, said = before
    assert (code, "Nothing personal was found in what you keep." in said) == (0, True)
    assert "Only what is wholly in UGA was looked at." in said
    assert "an editor or administrator can erase it everywhere" in said
    assert "nothing was found within their regions" in cli("journal")[1]
    own = ("erase", "--email", "person@example.org", "--json")
    assert json.loads(cli(*own)[1])[0]["id"] == "test-station"


def test_wrong_use_is_told(cli: Run) -> None:
    """Which options go together."""
    for words, told in (
        (("review", "1", "--accept", "--refuse"), "either --accept or --refuse"),
        (("review", "--accept"), "No suggestion is named"),
        (("token", "create", "--holder", "X"), "is not a role"),
        (("token", "create", "--holder", "X", "--recover", "--role", "editor"), "--holder only"),
    ):
        code, _, said = cli(*words)
        assert (code, told in said) == (2, True), words
