"""What a file would change: new, changed, same and refused rows; two people at one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import ConflictError, NotAllowedError, RegistryError
from hotspots.registry.database.tables import record_code, relation, version
from hotspots.registry.imports.plan import ImportChoices, Plan
from hotspots.registry.permissions import Actor
from hotspots.registry.registry import Registry

ROW = {
    "id": "test-station",
    "type": "organisation",
    "name": "Test station",
    "summary": "Made up",
    "theme": "pillar1;A6",
    "country": "NAM",
    "latitude": "-22.56",
    "longitude": "17.08",
    "place_precision": "locality",
    "source": "this test",
    "source_kind": "publication",
}


@pytest.fixture
def registry(any_registry: sa.Engine) -> Registry:
    """An empty registry, in SQLite and in PostGIS."""
    return Registry(any_registry)


def take(registry: Registry, *rows: Mapping[str, str], **options: Any) -> Plan:
    """Import rows as a file would give them, the first one being row 2."""
    return registry.import_rows(list(enumerate(rows, start=2)), choices=ImportChoices(**options))


def outcomes(plan: Plan) -> list[str]:
    return [entry.outcome for entry in plan.entries]


def test_twice_the_same_file_changes_nothing(registry: Registry) -> None:
    rows = [ROW, ROW | {"id": "", "name": "Second station"}]
    assert outcomes(take(registry, *rows)) == ["new", "new"]
    before = registry.records
    again = take(registry, *rows)
    assert outcomes(again) == ["same", "same"]
    assert again.changes == ()
    assert registry.records.equals(before)
    assert [row["version"] for row in registry.history("test-station")] == [1]


def test_an_emptied_cell_takes_its_value_out_and_a_missing_column_does_not(
    registry: Registry,
) -> None:
    take(registry, ROW | {"web": "https://example.org", "place": "Windhoek"})
    row = {"id": "test-station", "version": "1", "web": "", "name": "New name"}
    [entry] = take(registry, row).entries
    assert entry.fields == {
        "name": ("Test station", "New name"),
        "web": ("https://example.org", ""),
    }
    found = registry.get("test-station")
    assert "web" not in found
    assert (found["place"], found["version"]) == ("Windhoek", 2)


def test_what_is_required_can_not_be_emptied(registry: Registry) -> None:
    take(registry, ROW)
    with pytest.raises(RegistryError, match="an organisation must have it"):
        take(registry, {"id": "test-station", "theme": "", "version": "1"})
    assert registry.get("test-station")["version"] == 1


def test_one_bad_row_keeps_all_out_unless_asked(registry: Registry) -> None:
    rows = [ROW, ROW | {"id": "bad", "type": "x"}, ROW | {"id": "good"}]
    with pytest.raises(RegistryError, match=r"(?s)1 bad row.*Row 3, column 'type'.*Nothing was"):
        take(registry, *rows)
    assert len(registry) == 0
    plan = take(registry, *rows, skip_bad=True)
    assert outcomes(plan) == ["new", "refused", "new"]
    assert set(registry.records["id"]) == {"test-station", "good"}


def test_a_name_gives_the_id_and_namesakes_get_numbers(registry: Registry) -> None:
    rows = [ROW | {"id": "", "name": name} for name in ("Station d'Été", "Station d’ete", "测试站")]
    first = [entry.id for entry in take(registry, *rows).entries]
    assert first[:2] == ["station-d-ete", "station-d-ete-2"]
    assert first[2].startswith("organisation-")
    assert outcomes(take(registry, *rows)) == ["same"] * 3


def test_a_namesake_of_another_country_is_another_one(registry: Registry) -> None:
    """Without its id, a row may not overwrite somebody who is only called the same."""
    take(registry, ROW | {"id": ""})
    abroad = ROW | {"id": "", "country": "KEN", "latitude": "-1.28", "longitude": "36.8"}
    [entry] = take(registry, abroad).entries
    assert (entry.id, entry.outcome) == ("test-station-2", "new")
    assert outcomes(take(registry, abroad)) == ["same"]


def test_the_type_of_a_record_never_changes(registry: Registry) -> None:
    take(registry, ROW)
    with pytest.raises(RegistryError, match="which never changes"):
        take(registry, {"id": "test-station", "type": "project"})


@pytest.mark.parametrize(
    ("relations", "told"),
    [
        ("partner=nobody", "names 'nobody', which no record has"),
        ("partner=test-station", "which is the record itself"),
        ("partner=second", "whose row in this file is refused"),
    ],
)
def test_a_relation_to_nothing_is_refused(registry: Registry, relations: str, told: str) -> None:
    bad = ROW | {"id": "second", "name": ""}
    with pytest.raises(RegistryError, match=told):
        take(registry, ROW | {"relations": relations}, bad)


def test_relations_within_a_file_may_point_forward(registry: Registry) -> None:
    take(registry, ROW | {"relations": "partner=second 2018/2020"}, ROW | {"id": "second"})
    with registry.reading() as connection:
        [row] = connection.execute(sa.select(relation)).mappings().all()
    assert dict(row) == {
        "subject": "test-station",
        "role": "partner",
        "object": "second",
        "start": "2018",
        "end": "2020",
    }


def test_points_are_looked_at(registry: Registry) -> None:
    """0, 0 and swapped axes keep a row out; a point at sea is told, for there are islets."""
    swapped = ROW | {"latitude": "17.08", "longitude": "-22.56"}
    with pytest.raises(RegistryError, match="swapped"):
        take(registry, swapped)
    with pytest.raises(RegistryError, match="0, 0"):
        take(registry, ROW | {"latitude": "0", "longitude": "0"})
    plan = take(registry, ROW | {"latitude": "-25.1234", "longitude": "5.1234"})
    assert [note.column for note in plan.notes] == ["latitude"]
    moved = take(registry, {"id": "test-station", "place": "At sea"})
    assert moved.notes == (), "what hasn't moved isn't told again"


# ------------------------------------------------------------------- two people at one record


def test_edits_of_different_fields_are_merged(registry: Registry) -> None:
    """Both exported version 1; one changed the name, the other the place: both stay."""
    take(registry, ROW | {"place": "Windhoek"})
    exported = ROW | {"place": "Windhoek", "version": "1"}
    take(registry, exported | {"name": "New name"})
    plan = take(registry, exported | {"place": "Rehoboth"})
    assert dict(plan.entries[0].fields) == {"place": ("Windhoek", "Rehoboth")}
    found = registry.get("test-station")
    assert (found["name"], found["place"], found["version"]) == ("New name", "Rehoboth", 3)


def test_edits_of_one_field_are_refused_unless_equal(registry: Registry) -> None:
    take(registry, ROW)
    exported = ROW | {"version": "1"}
    take(registry, exported | {"name": "Mine"})
    with pytest.raises(
        RegistryError,
        match=r"you write 'Yours', but .* 'Mine' since .* \(version 1, now 2, last by local",
    ):
        take(registry, exported | {"name": "Yours"})
    assert outcomes(take(registry, exported | {"name": "Mine"})) == ["same"]
    assert registry.get("test-station")["name"] == "Mine"
    with pytest.raises(ConflictError):
        registry.change("test-station", {"name": "Yours"}, version=1)
    registry.change("test-station", {"name": "Yours"}, version=2)


def test_a_version_from_elsewhere_is_refused(registry: Registry) -> None:
    take(registry, ROW)
    with pytest.raises(RegistryError, match="comes from another registry"):
        take(registry, {"id": "test-station", "name": "x", "version": "9"})


# --------------------------------------------------------------------------- who may do what


def test_correspondents_keep_their_regions_only(registry: Registry) -> None:
    """Neither a record of another country, nor one that would move there or from there."""
    take(registry, ROW, ROW | {"id": "abroad", "country": "ZAF", "latitude": "", "longitude": ""})
    mine = Registry(registry.engine, actor=Actor("Correspondent", "correspondent", ("NAM",)))
    assert outcomes(take(mine, {"id": "test-station", "name": "New"})) == ["changed"]
    nowhere = ROW | {"id": "new", "country": "ZAF", "latitude": "", "longitude": ""}
    for row, told in (
        ({"id": "abroad", "name": "New"}, "may not change 'abroad', which is in ZAF"),
        ({"id": "test-station", "country": "ZAF"}, "may not move 'test-station' to ZAF"),
        ({"id": "abroad", "country": "NAM"}, "may not change 'abroad', which is in ZAF"),
        (nowhere, "may not add 'new' in ZAF"),
        (nowhere | {"country": ""}, "may not add 'new' without a country or region"),
    ):
        with pytest.raises(RegistryError, match=told):
            take(mine, row)
    assert [row["by"] for row in registry.history("test-station")] == ["local", "Correspondent"]


def test_readers_change_nothing(registry: Registry) -> None:
    take(registry, ROW)
    reader = Registry(registry.engine, actor=Actor("Somebody", "reader"))
    with pytest.raises(RegistryError, match="may not change"):
        take(reader, {"id": "test-station", "name": "New"})
    with pytest.raises(NotAllowedError):
        reader.remove("test-station", "why not")


def test_the_owner_is_who_made_it_and_only_editors_hand_it_on(registry: Registry) -> None:
    mine = Registry(registry.engine, actor=Actor("Correspondent", "correspondent", ("NAM",)))
    take(mine, ROW | {"owner": "Somebody else", "created": "1999-01-01", "version": "7"})
    found = registry.get("test-station")
    assert (found["owner"], found["version"]) == ("Correspondent", 1)
    assert found["created"] > "2026"
    take(mine, {"id": "test-station", "owner": "Me"})
    assert registry.get("test-station")["owner"] == "Correspondent"
    registry.change("test-station", {"owner": "Editor"})
    assert registry.get("test-station")["owner"] == "Editor"


# -------------------------------------------------------------------- history, removal, personal


def test_history_tells_who_did_what_and_holds_nothing_personal(registry: Registry) -> None:
    take(registry, ROW | {"contact_email": "name@example.org"})
    take(registry, {"id": "test-station", "verified_on": "2026-05-01"})
    take(registry, {"id": "test-station", "contact_email": "other@example.org"})
    told = registry.history("test-station")
    assert [(row["version"], row["action"]) for row in told] == [
        (1, "created"),
        (2, "verified"),
        (3, "changed"),
    ]
    assert "@" not in str(told)
    with registry.reading() as connection:
        assert "@" not in str(connection.execute(sa.select(version)).all())


def test_personal_fields_are_hidden_in_a_diff(registry: Registry) -> None:
    take(registry, ROW | {"contact_email": "name@example.org"})
    [entry] = take(registry, {"id": "test-station", "contact_email": "x@example.org"}).entries
    assert entry.fields["contact_email"] == ("(personal)", "(personal)")


def test_personal_fields_need_consent_or_a_keeper(registry: Registry) -> None:
    take(registry, ROW | {"contact_email": "name@example.org"})
    assert "contact_email" not in registry.get("test-station")
    assert registry.get("test-station", private=True)["contact_email"] == "name@example.org"
    reader = Registry(registry.engine, actor=Actor("Somebody", "reader"))
    assert "contact_email" not in reader.get("test-station", private=True)
    assert set(registry.records["contact_email"]) == {""}
    take(registry, {"id": "test-station", "contact_consent": "2026-01-01"})
    assert reader.get("test-station")["contact_email"] == "name@example.org"


def test_a_removed_record_keeps_its_history_and_leaves_no_trace_elsewhere(
    registry: Registry,
) -> None:
    take(registry, ROW, ROW | {"id": "second", "relations": "partner=test-station"})
    with pytest.raises(RegistryError, match="named in a relation of second"):
        registry.remove("test-station", "closed")
    registry.remove("second", "closed")
    registry.remove("test-station", "closed")
    assert [row["action"] for row in registry.history("test-station")] == ["created", "removed"]
    with registry.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(record_code)) == 0
    assert len(registry) == 0


@pytest.mark.parametrize("version", ["", "1", "2"])
def test_a_plan_is_no_oracle_for_personal_data(registry: Registry, version: str) -> None:
    """To one who may not keep the record, a right guess is told no other than a wrong one."""
    take(registry, ROW | {"contact_email": "name@example.org"})
    take(registry, {"id": "test-station", "name": "New"})
    anyone = Registry(registry.engine, actor=Actor("Somebody", "reader"))
    guesses = ("name@example.org", "other@example.org")
    rows = [{"id": "test-station", "contact_email": g, "version": version} for g in guesses]
    told = [
        [(problem.column, problem.reason) for problem in anyone.plan_import([(2, row)]).problems]
        for row in rows
    ]
    assert told[0] == told[1]
    assert [column for column, _ in told[0]] == ["country"]
    hidden = anyone.plan_import([(2, {"id": "test-station", "contact_consent": "2026-01-01"})])
    assert [problem.column for problem in hidden.problems] == ["country"]


def test_an_old_export_brings_no_erased_contact_back(registry: Registry) -> None:
    take(registry, ROW | {"contact_email": "name@example.org"})
    registry.change("test-station", {"contact_email": None})
    for told in ("name@example.org", ""):
        exported = ROW | {"contact_email": told, "version": "1", "name": "New"}
        if told:
            with pytest.raises(RegistryError, match="has changed since your export"):
                take(registry, exported)
    assert "contact_email" not in registry.get("test-station", private=True)


def test_an_emptied_contact_of_an_old_export_is_not_kept_in_silence(registry: Registry) -> None:
    take(registry, ROW | {"contact_email": "name@example.org"})
    take(registry, {"id": "test-station", "name": "New"})
    with pytest.raises(RegistryError, match="has changed since your export"):
        take(registry, ROW | {"contact_email": "", "version": "1"})


def test_a_row_without_a_version_reverts_nobody_elses_work(registry: Registry) -> None:
    """A filled template imported again after an editor's corrections: told, not done."""
    mine = Registry(registry.engine, actor=Actor("Correspondent", "correspondent", ("NAM",)))
    editor = Registry(registry.engine, actor=Actor("Editor", "editor"))
    filled = ROW | {"web": "", "place": "Windhoek"}
    take(mine, filled)
    assert outcomes(take(mine, filled | {"place": "Rehoboth"})) == ["changed"], "one's own edit"
    editor.change("test-station", {"name": "Corrected", "web": "https://example.org"})
    assert outcomes(take(mine, {"id": "test-station", "web": ""})) == ["same"], "blank is nothing"
    with pytest.raises(RegistryError, match=r"Editor changed this record last, on \d{4}-\d\d-\d\d"):
        take(mine, filled)
    assert registry.get("test-station")["name"] == "Corrected"
    take(mine, filled, overwrite=True)
    found = registry.get("test-station")
    assert (found["name"], found["web"]) == ("Test station", "https://example.org")


def test_the_name_of_a_merged_record_makes_no_new_one(registry: Registry) -> None:
    from hotspots.registry.deduplication.merge import merge
    from hotspots.registry.permissions import LOCAL

    take(registry, ROW, ROW | {"id": "", "name": "Second station"})
    with registry.writing() as connection:
        merge(connection, LOCAL, "test-station", "second-station", "2026-11-21T00:00:00Z")
    with pytest.raises(RegistryError, match="'second-station' was merged into 'test-station'"):
        take(registry, ROW | {"id": "", "name": "Second station"})


def test_consent_goes_with_the_person_who_gave_it(registry: Registry) -> None:
    take(registry, ROW | {"contact_email": "name@example.org", "contact_consent": "2026-01-01"})
    plan = take(registry, {"id": "test-station", "contact_email": "other@example.org"})
    assert [note.column for note in plan.notes] == ["contact_consent"]
    assert "contact_email" not in registry.get("test-station")
    take(
        registry,
        {"id": "test-station", "contact_email": "x@example.org", "contact_consent": "2026-02-02"},
    )
    assert registry.get("test-station")["contact_email"] == "x@example.org"


def test_edits_of_one_position_are_not_mixed(registry: Registry) -> None:
    """One corrects the latitude, the other the longitude: nobody stated that point."""
    take(registry, ROW)
    exported = ROW | {"version": "1"}
    take(registry, exported | {"latitude": "-22.5"})
    with pytest.raises(RegistryError, match=r"column 'longitude'.*latitude was changed to '-22.5'"):
        take(registry, exported | {"longitude": "17.1"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Проект 2030"}, {"name": "Центр почв 2030"}),
        (
            {"name": "Programme for the restoration of degraded soils in drylands, phase one"},
            {"name": "Programme for the restoration of degraded soils in drylands, phase two"},
        ),
        ({"country": "", "regions": "NAM"}, {"country": "NAM"}),
        ({"name": "Soil lab"}, {"name": "Soil-Lab"}),
    ],
)
def test_names_alike_overwrite_nobody(
    registry: Registry, one: dict[str, str], other: dict[str, str]
) -> None:
    """Without ids: another name, place or spelling is another record, also in another file."""
    first = ROW | {"id": ""} | one
    second = ROW | {"id": ""} | other
    assert outcomes(take(registry, first)) == ["new"]
    assert outcomes(take(registry, second)) == ["new"]
    assert outcomes(take(registry, first, second)) == ["same", "same"]


def test_a_numbered_id_overwrites_nobody(registry: Registry) -> None:
    take(registry, ROW | {"id": "", "name": "Soil lab 2"})
    twins = [ROW | {"id": "", "name": "Soil lab", "place": place} for place in ("A", "B")]
    assert outcomes(take(registry, *twins)) == ["new", "new"]
    assert registry.get("soil-lab-2")["name"] == "Soil lab 2"


def test_both_rows_of_one_id_are_refused(registry: Registry) -> None:
    plan = registry.plan_import([(2, ROW), (3, ROW | {"name": "Another"})])
    assert [problem.row for problem in plan.problems] == [2, 3]


def test_a_state_that_was_restored_away_is_no_base(registry: Registry) -> None:
    """Version 2 of before the restore isn't version 2 of after it."""
    take(registry, ROW)
    registry.change("test-station", {"name": "After the restore"})
    exported = ROW | {"version": "2", "changed": "2020-01-01T00:00:00Z", "name": "Before it"}
    with pytest.raises(RegistryError, match="no such version 2 of it"):
        take(registry, exported)


def test_a_long_chain_of_refusals_ends_soon(registry: Registry) -> None:
    """Each row names the next one, the last one nobody: all are refused, in linear time."""
    rows = [ROW | {"id": f"test-{n}", "relations": f"partner=test-{n + 1}"} for n in range(3000)]
    assert registry.plan_import(list(enumerate(rows))).counts["refused"] == 3000


def test_what_steers_a_terminal_is_not_shown(registry: Registry) -> None:
    """Neither in a fault nor in the list of rows; half a character can't even be printed."""
    plan = registry.plan_import([(2, ROW | {"name": "a\x1b[2Jb\ud800", "web": "\x9bx"})])
    told = "".join([plan.entries[0].name, *(f"{p} {p.value}" for p in plan.problems)])
    assert told.isprintable()
    told.encode()
