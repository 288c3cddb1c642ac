"""Adapters: exports of public registries made into records, every row kept or told why not."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hotspots.errors import BadInputError
from hotspots.registry.adapters import Adapted, adapt, adapters, read_adapter, recognise
from hotspots.registry.adapters.conversions import goals, iso_date, nested, tidy
from hotspots.registry.adapters.organisations import is_organisation, organisation_id
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields
from hotspots.registry.schema.validation import check, parse

VERRA = {
    "ID": "1",
    "Name": "Test project",
    "Proponent": "Test station Ltd",
    "Project Type": "Agriculture Forestry and Other Land Use",
    "AFOLU Activities": "ALM",
    "Methodology": "VM0042",
    "Status": "Under validation",
    "Country/Area": "Kenya",
    "Estimated Annual Emission Reductions": "1,000",
    "Region": "Africa",
    "Project Registration Date": "",
    "Crediting Period Start Date": "2024-04-01",
    "Crediting Period End Date": "2044-03-31",
}
CERCARBONO = {
    "id": "1",
    "code": "CDC-1",
    "is_public": "True",
    "owner": "Test station S.A.S.",
    "owner_id": "",
    "developer": "Test station SAS",
    "developer_id": "",
    "validator": "",
    "verifier": "",
    "credits_type": "",
    "name": "Test project",
    "description": "",
    "standard": "Cercarbono",
    "sector": "[{'id': 14, 'description': 'Land use (AFOLU)'}]",
    "evaluation_criteria": "",
    "quantification_method": "CDM - AR-ACM0003: Afforestation",
    "stage": "Certified",
    "locations": "[]",
    "serials": "[]",
    "annualEstimated": "0.0",
}


def export(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """Write rows as an export."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def verra(tmp_path: Path, *changes: Mapping[str, str]) -> Adapted:
    """Adapt an export of Verra's with one row for each set of changes."""
    rows = [VERRA | {"ID": str(n)} | change for n, change in enumerate(changes, 1)]
    return adapt(export(tmp_path / "projects.csv", rows))


def cercarbono(tmp_path: Path, **changes: str) -> Adapted:
    """Adapt an export of Cercarbono's of one row."""
    return adapt(export(tmp_path / "projects.csv", [CERCARBONO | changes]))


def sites(*places: tuple[str, str, float | str, float | str]) -> str:
    """Return Cercarbono's list of (town, unit, latitude, longitude) as its text."""
    return str(
        [
            {
                "city": town,
                "region": unit,
                "country": "Colombia",
                "data_map": {"latitude": lat, "longitude": lon},
            }
            for town, unit, lat, lon in places
        ]
    )


def only(adapted: Adapted) -> dict[str, str]:
    """Return the cells of the one project."""
    (row,) = adapted.projects
    return row[1]


def reasons(adapted: Adapted) -> list[str]:
    """Return the problems' sentences."""
    return [str(problem) for problem in adapted.problems]


# On the samples


KEPT = {
    "american-carbon-registry": 1,
    "cercarbono": 33,
    "climate-action-reserve": 7,
    "gold-standard": 16,
    "verra": 27,
}


@pytest.fixture(scope="module")
def samples(shared: Path) -> dict[str, Adapted]:
    """Every sample export, adapted."""
    folder = shared / "data" / "actors"
    return {name: adapt(folder / f"{name}-projects.csv") for name in KEPT}


def test_samples_are_recognised_and_kept_as_counted_by_eye(samples: dict[str, Adapted]) -> None:
    assert {name: one.adapter for name, one in samples.items()} == {name: name for name in KEPT}
    assert {name: len(one.projects) for name, one in samples.items()} == KEPT


@pytest.mark.parametrize("name", KEPT)
def test_every_row_of_a_sample_is_kept_or_told_why_not(
    samples: dict[str, Adapted], name: str
) -> None:
    """Fifty rows, each once: in the projects with the rule that kept it, or with a reason."""
    one = samples[name]
    left = [row for rows in one.left_out.values() for row in rows]
    assert sorted([*(row for row, _ in one.projects), *left]) == list(range(2, 52))
    assert set(one.kept) == {row for row, _ in one.projects}
    assert all(one.kept.values())
    assert all(one.left_out)


@pytest.mark.parametrize("name", KEPT)
def test_every_cell_of_a_sample_is_one_that_a_record_takes(
    samples: dict[str, Adapted], name: str
) -> None:
    ids = [cells["id"] for _, cells in samples[name].rows]
    assert len(set(ids)) == len(ids)
    for _, cells in samples[name].rows:
        record, problems = parse(cells, 0)
        assert problems == []
        assert check(record) == []
        assert {k: values.write(v) for k, v in record.items()} == cells
    organisations = {cells["id"] for _, cells in samples[name].organisations}
    for _, cells in samples[name].projects:
        for told in filter(None, cells.get("relations", "").split(";")):
            assert values.relation(told)[1] in organisations


def test_a_sample_gives_the_same_twice(samples: dict[str, Adapted], shared: Path) -> None:
    again = adapt(shared / "data" / "actors" / "cercarbono-projects.csv", "cercarbono")
    assert again == samples["cercarbono"]


def test_the_samples_soil_projects(samples: dict[str, Adapted]) -> None:
    """The projects of soil carbon proper, by methodology, as the sheets state them."""
    told = [c for _, c in samples["verra"].projects if "VM0042" in c["summary"]]
    assert [c["country"] for c in told] == ["KEN", "THA", "KEN"]
    assert {c["land_use"] for c in told} == {"cropland;grassland"}
    assert not any("practice_kind" in c for c in told)
    reserve = {c["name"]: c for _, c in samples["climate-action-reserve"].projects}
    assert reserve["54 Ranch"]["practice_kind"] == "avoided_conversion"
    assert reserve["AgriCapture US Rice Methane Project"]["regions"] == "US-AR;US-MS;US-LA;US-MO"
    gold = {c["external_ids"]: c for _, c in samples["gold-standard"].projects}
    assert gold["gold-standard:23490"]["practice_kind"] == "cover_crops;reduced_tillage"
    # What its description says of others' practices isn't taken for its own.
    assert "practice_kind" not in gold["gold-standard:23491"]


def test_a_person_who_owns_a_project_of_the_sample_isnt_named(samples: dict[str, Adapted]) -> None:
    cells = " ".join(text for _, row in samples["cercarbono"].rows for text in row.values())
    assert "Escorcia" not in cells
    assert not any("Escorcia" in problem.value for problem in samples["cercarbono"].problems)
    assert any("Row 4, column 'owner'" in told for told in reasons(samples["cercarbono"]))


def test_test_entries_of_the_sample_stay_out(samples: dict[str, Adapted]) -> None:
    out = samples["cercarbono"].left_out
    assert len(out["an entry by which the registry tested itself"]) == 7
    assert not any("Pruebas" in cells["name"] for _, cells in samples["cercarbono"].rows)


# What is kept, and what becomes of it


def test_a_project_is_a_record_of_what_the_export_states(tmp_path: Path) -> None:
    made = verra(tmp_path, {})
    assert only(made) == {
        "id": "verra-1",
        "type": "project",
        "name": "Test project",
        "theme": "A5",
        "summary": "Agriculture Forestry and Other Land Use; ALM; methodology VM0042; status: Under"
        " validation; dates are those of the crediting period, from 2024-04-01",
        "country": "KEN",
        "regions": "KEN",
        "place_precision": "country",
        "start": "2024-04-01",
        "end": "2044-03-31",
        "land_use": "cropland;grassland",
        "relations": "lead=test-station-ltd",
        "external_ids": "verra:1",
        "source": "Verra registry (Verified Carbon Standard), public export of projects",
        "source_kind": "registry",
        "language": "en",
    }
    assert made.kept == {
        2: "activity ALM, agricultural land management; "
        "sectoral scope Agriculture Forestry and Other Land Use"
    }
    assert reasons(made) == []
    assert made.left_out == {}


def test_organisations_come_first_and_once(tmp_path: Path) -> None:
    made = verra(tmp_path, {}, {"Proponent": "TEST STATION, LTD."})
    assert [(row, cells["id"]) for row, cells in made.rows] == [
        (2, "test-station-ltd"),
        (2, "verra-1"),
        (3, "verra-2"),
    ]
    assert made.organisations[0][1]["summary"] == (
        "Has land-use projects in Verra registry, Verified Carbon Standard"
    )
    assert made.projects[1][1]["relations"] == "lead=test-station-ltd"


def test_every_rule_that_holds_gives_its_codes(tmp_path: Path) -> None:
    made = verra(tmp_path, {"AFOLU Activities": "REDD; WRC", "Methodology": "VM0007; VM0033"})
    assert only(made)["land_use"] == "forest;wetland"
    assert only(made)["practice_kind"] == "avoided_conversion;other"


def test_what_isnt_land_is_left_out_by_type(tmp_path: Path) -> None:
    stove = {"Project Type": "Energy demand", "AFOLU Activities": "", "Methodology": "VM0050"}
    made = verra(tmp_path, stove, {}, stove, {"Methodology": "VM0041"})
    assert made.left_out == {
        "no soil or land-use project by its methodology or type: Energy demand": (2, 4),
        "no soil or land-use project by its methodology or type: feed of cattle": (5,),
    }


@pytest.mark.parametrize("status", ["Withdrawn", "Rejected by Administrator", "Inactive"])
def test_a_project_that_isnt_any_more_is_left_out(tmp_path: Path, status: str) -> None:
    made = verra(tmp_path, {"Status": status})
    assert made.left_out == {"withdrawn, rejected or inactive": (2,)}


def test_a_row_without_name_or_id_or_with_anothers_id_is_left_out(tmp_path: Path) -> None:
    made = verra(tmp_path, {"Name": "-"}, {"ID": ""}, {"ID": "5"}, {"ID": "5"})
    assert made.left_out == {
        "Name: it is empty; a project must have it": (2,),
        "Id: it is empty; a project must have it": (3,),
        "it has the id of row 4": (5,),
    }


def test_a_ragged_row_is_left_out_and_a_blank_one_passed_over(tmp_path: Path) -> None:
    path = export(tmp_path / "projects.csv", [VERRA])
    path.write_text(path.read_text("utf-8") + "\n5,short\n", "utf-8")
    made = adapt(path)
    assert made.left_out == {"the row has more or fewer cells than the header": (4,)}


def test_a_completed_project_has_no_dates_that_say_it_runs(tmp_path: Path) -> None:
    assert "start" not in only(verra(tmp_path, {"Status": "Completed"}))


def test_a_cell_longer_than_the_csv_modules_limit_is_read(tmp_path: Path) -> None:
    made = cercarbono(tmp_path, description="x" * 200_000)
    assert only(made)["name"] == "Test project"


def test_an_id_with_the_separator_stays_one(tmp_path: Path) -> None:
    assert only(verra(tmp_path, {"ID": "1;2"}))["external_ids"] == "verra:1 2"


def test_a_cell_that_cant_be_used_is_noted_and_the_project_kept(tmp_path: Path) -> None:
    made = verra(tmp_path, {"Crediting Period Start Date": "soon"})
    assert "start" not in only(made)
    assert reasons(made) == [
        "Row 2, column 'Crediting Period Start Date': 'soon' is not a date of the form %Y-%m-%d."
    ]
    assert not made.problems[0].serious


def test_an_end_before_the_start_is_noted(tmp_path: Path) -> None:
    made = verra(tmp_path, {"Crediting Period End Date": "2020-01-01"})
    assert "end" not in only(made)
    assert only(made)["start"] == "2024-04-01"
    assert "it ends (2020-01-01) before it starts (2024-04-01)" in reasons(made)[0]


def test_markup_and_addresses_of_persons_dont_get_in(tmp_path: Path) -> None:
    made = verra(tmp_path, {"Name": "<b>Soil &amp; water</b>\u200b by a.person@example.org"})
    assert only(made)["name"] == "Soil & water by […]"


def test_goals_of_the_source_become_themes(tmp_path: Path) -> None:
    serials = str([{"global_goals": [{"code": 8}, {"code": 13}]}, {"global_goals": []}])
    assert only(cercarbono(tmp_path, serials=serials))["theme"] == "A5;sdg8;sdg13"


def test_owner_leads_and_developer_helps(tmp_path: Path) -> None:
    same = cercarbono(tmp_path)
    assert only(same)["relations"] == "lead=test-station-sas"
    other = cercarbono(tmp_path, developer="Test foundation")
    assert only(other)["relations"] == "lead=test-station-sas;partner=test-foundation"


# Persons


@pytest.mark.parametrize(
    "name",
    [
        "Test S.A.S.",
        "Test S A S",
        "Test GmbH",
        "Ministry of Tests",
        "Fundación Prueba",
        "PT Test",
        "Test (Pty) Ltd",
        "Test e.V.",
    ],
)
def test_a_mark_of_an_organisation_is_seen(name: str) -> None:
    assert is_organisation(name)


@pytest.mark.parametrize("name", ["Given Surname", "S.A. Surname", "AG Surname", "Surname, Given"])
def test_a_name_without_mark_may_be_a_persons(tmp_path: Path, name: str) -> None:
    """Initials before a surname are no legal form."""
    assert not is_organisation(name)
    made = verra(tmp_path, {"Proponent": name})
    assert made.organisations == ()
    assert "relations" not in only(made)
    assert not any(name in problem.value + str(problem) for problem in made.problems)
    assert "might be a person's" in reasons(made)[0]


def test_several_proponents_without_names_are_none(tmp_path: Path) -> None:
    made = verra(tmp_path, {"Proponent": "Multiple Proponents"})
    assert made.organisations == ()
    assert reasons(made) == []


def test_long_names_that_begin_alike_have_ids_of_their_own() -> None:
    names = [f"{'Test association of very many places ' * 2}{end}" for end in ("one", "two")]
    first, second = map(organisation_id, names)
    assert first != second
    assert organisation_id(names[0].upper()) == first


# Places


def test_one_town_is_a_locality(tmp_path: Path) -> None:
    made = only(cercarbono(tmp_path, locations=sites(("Zambrano", "Bolivar", 9.7445065979, -74.8))))
    assert (made["latitude"], made["longitude"]) == ("9.744507", "-74.8")
    assert (made["country"], made["regions"], made["place"]) == ("COL", "CO-BOL", "Zambrano")
    assert made["place_precision"] == "locality"


@pytest.mark.parametrize(
    ("places", "precision"),
    [
        # One pair of coordinates for two towns: it is known to the unit at best.
        ([("Lloró", "Choco", 5.3, -76.7), ("Cértegui", "Choco", 5.3, -76.7)], "region"),
        ([("Mapiripán", "Meta", 2.9, -72.1), ("Ayapel", "Cordoba", 2.9, -72.1)], "country"),
        # 56 km apart, though only one town is named.
        ([("Lloró", "Choco", 5.3, -76.7), ("Worldwide", "Worldwide", 5.8, -76.7)], "region"),
        ([("Worldwide", "Worldwide", 5.3, -76.7), ("Worldwide", "", 5.8, -76.7)], "country"),
        ([("Lloró", "Choco", 5.3, -76.7), ("Lloró", "Choco", 5.31, -76.7)], "locality"),
        ([("Lloró", "Choco", "", "")], "region"),
        ([("Worldwide", "Worldwide", "", "")], "country"),
    ],
)
def test_precision_is_no_finer_than_the_sites_agree(
    tmp_path: Path, places: list[tuple[str, str, float, float]], precision: str
) -> None:
    made = only(cercarbono(tmp_path, locations=sites(*places)))
    assert made["place_precision"] == precision
    assert ("latitude" in made) == (places[0][2] != "")


@pytest.mark.parametrize(
    ("latitude", "longitude", "told"),
    [(0.0, 0.0, "0, 0"), (-74.8, 9.7, "swapped"), (9.7, 74.8, "sign")],
)
def test_a_position_that_cant_be_meant_is_left_out(
    tmp_path: Path, latitude: float, longitude: float, told: str
) -> None:
    made = cercarbono(tmp_path, locations=sites(("Zambrano", "Bolivar", latitude, longitude)))
    assert "latitude" not in only(made)
    assert only(made)["place_precision"] == "region"
    assert told in reasons(made)[0]
    assert reasons(made)[0].endswith("The position is left out.")


@pytest.mark.parametrize(("latitude", "longitude"), [("north", 1.0), (95.0, 1.0), (1.0, "nan")])
def test_what_is_no_position_is_noted(
    tmp_path: Path, latitude: float | str, longitude: float | str
) -> None:
    made = cercarbono(tmp_path, locations=sites(("Zambrano", "Bolivar", latitude, longitude)))
    assert "latitude" not in only(made)
    assert "is not a latitude and longitude" in reasons(made)[0]


@pytest.mark.parametrize("text", ["[{'city'", "__import__('os')", "{'city': 1}", "[1]", "[" * 9999])
def test_a_list_that_cant_be_read_is_noted(tmp_path: Path, text: str) -> None:
    made = cercarbono(tmp_path, locations=text)
    assert "place_precision" not in only(made)
    assert "it is not a list of mappings" in reasons(made)[0]


def test_a_missing_number_in_a_list_is_none() -> None:
    assert nested("[{'latitude': nan, 'name': 'nan'}]") == [{"latitude": None, "name": "nan"}]


def test_a_list_too_long_isnt_read() -> None:
    with pytest.raises(ValueError, match="at most 2,000,000 are read"):
        nested("[" + " " * 2_000_000 + "]")


def test_sites_on_both_sides_of_the_antimeridian_are_near(tmp_path: Path) -> None:
    places = sites(("Prueba", "", -16.8, 179.95), ("Prueba", "", -16.8, -179.95))
    made = only(cercarbono(tmp_path, locations=places.replace("Colombia", "Fiji")))
    assert made["place_precision"] == "locality"


def test_positions_in_several_countries_are_none(tmp_path: Path) -> None:
    places = (
        sites(("Prueba", "", 8.4, -75.6))[:-1]
        + ","
        + sites(("Prueba", "", -1.2, 36.8)).replace("Colombia", "Kenya")[1:]
    )
    made = cercarbono(tmp_path, locations=places)
    assert only(made)["regions"] == "COL;KEN"
    assert "latitude" not in only(made)
    assert "it has positions in several countries; none is taken" in reasons(made)[0]


def test_a_list_of_places_stays_short_and_repeats_no_note(tmp_path: Path) -> None:
    places = [(f"Prueba {letter}", "Nowhere", 8.4, -75.6) for letter in "abcdefghijklmnop"]
    made = cercarbono(tmp_path, locations=sites(*places))
    assert only(made)["place"].count(",") == 11
    assert reasons(made) == [
        "Row 2, column 'locations': 'Nowhere' is not a first-level unit of COL."
    ]


def test_several_countries_are_regions(tmp_path: Path) -> None:
    made = only(verra(tmp_path, {"Country/Area": "Kenya; Uganda"}))
    assert made["regions"] == "KEN;UGA"
    assert "country" not in made
    assert "place_precision" not in made


def test_no_country_is_invented(tmp_path: Path) -> None:
    made = verra(tmp_path, {"Country/Area": "Various"})
    assert "regions" not in only(made)
    assert reasons(made) == [
        "Row 2, column 'Country/Area': 'Various' is not a country, or is ambiguous."
    ]


RESERVE = {
    "Project Type": "Soil Enrichment",
    "Project Name": "Test project",
    "Project ID": "CAR1",
    "Project Site Country": "US",
    "Project Site State": "TEXAS",
    "Status": "Listed",
    "Project Owner": "Test station Ltd",
    "Project Developer": "Test station Ltd",
}


def reserve(tmp_path: Path, **changes: str) -> dict[str, str]:
    """Adapt one row of Climate Action Reserve's; keys have _ for blanks."""
    named = {key.replace("_", " "): text for key, text in changes.items()}
    empty = dict.fromkeys(adapters()["climate-action-reserve"].columns(), "")
    return only(adapt(export(tmp_path / "projects.csv", [empty | RESERVE | named])))


def test_states_are_units(tmp_path: Path) -> None:
    assert reserve(tmp_path)["regions"] == "US-TX"
    several = reserve(tmp_path, Project_Site_State="OHIO; TEXAS")
    assert (several["regions"], several["place_precision"]) == ("US-OH;US-TX", "country")
    listed = reserve(tmp_path, Project_Site_Location="AR, MS")
    assert listed["regions"] == "US-AR;US-MS"
    assert "place" not in listed
    # Madrid is the name of a community and of the province within it.
    spain = reserve(tmp_path, Project_Site_Country="ES", Project_Site_State="Madrid")
    assert spain["regions"] == "ES-MD"
    unknown = reserve(tmp_path, Project_Site_State="Nowhere")
    assert (unknown["regions"], unknown["place_precision"]) == ("USA", "country")


@pytest.mark.parametrize(
    ("stated", "place"),
    [
        ("Bailey County, Texas", "Bailey County, Texas"),
        ("1 Test Road, Galt", None),
        ("LOC. PRUEBA S/N", None),
    ],
)
def test_an_address_with_a_number_may_be_a_home(
    tmp_path: Path, stated: str, place: str | None
) -> None:
    assert reserve(tmp_path, Project_Site_Location=stated).get("place") == place


def test_a_web_address_gets_its_beginning(tmp_path: Path) -> None:
    assert reserve(tmp_path, Project_Website="www.example.org")["web"] == "http://www.example.org"
    assert reserve(tmp_path, Project_Website="https://example.org")["web"] == "https://example.org"
    assert "web" not in reserve(tmp_path, Project_Website="none")


# Cells


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("4,15,13", "sdg4;sdg15;sdg13"),
        ("03: Good Health;09: Industry, Innovation and Infrastructure", "sdg3;sdg9"),
        ("2. Zero Hunger;13. Climate Action;2. Zero Hunger", "sdg2;sdg13"),
        ("SDG 13: Climate Action", "sdg13"),
        ("none", ""),
    ],
)
def test_goals(text: str, codes: str) -> None:
    assert goals(text) == codes


def test_a_goal_there_isnt() -> None:
    with pytest.raises(ValueError, match="'18' is not one of the 17 goals"):
        goals("13,18")


def test_dates_by_their_form() -> None:
    assert iso_date("1/15/2020", "%m/%d/%Y") == "2020-01-15"
    assert iso_date("04/05/2024", "%m/%d/%Y") == "2024-04-05"
    assert iso_date("2024-04-05", "%m/%d/%Y") == "2024-04-05"
    with pytest.raises(ValueError, match="'31/12/2020' is not a date of the form %m/%d/%Y"):
        iso_date("31/12/2020", "%m/%d/%Y")


def test_tidy_keeps_what_only_looks_like_markup() -> None:
    assert tidy("less than < 5 ha,\n and\x00 more > 3") == "less than < 5 ha, and more > 3"
    assert tidy("&lt;script&gt;x&lt;/script&gt;") == "x"


# Files and tables


def test_a_heading_tells_the_registry() -> None:
    assert recognise([*VERRA, " Something new "]) == "verra"
    assert recognise([f" {heading} " for heading in CERCARBONO]) == "cercarbono"
    assert recognise(["id", "name"]) is None


def test_a_new_column_is_noted(tmp_path: Path) -> None:
    made = verra(tmp_path, {"Colour": "brown"})
    assert reasons(made) == [
        "Row 1, column 'Colour': the adapter doesn't know this column; it is left out."
    ]


def test_a_renamed_column_is_told(tmp_path: Path) -> None:
    row = {("Methodologies" if k == "Methodology" else k): v for k, v in VERRA.items()}
    with pytest.raises(BadInputError, match=r"lacks the column 'Methodology'.*Methodologies"):
        adapt(export(tmp_path / "projects.csv", [row]))


def test_another_table_isnt_guessed_at(tmp_path: Path) -> None:
    path = export(tmp_path / "x.csv", [{"id": "1", "name": "Test"}])
    with pytest.raises(BadInputError, match="headings of none of the registries known here"):
        adapt(path)
    with pytest.raises(BadInputError, match="no adapter 'vera'; did you mean verra"):
        adapt(path, "vera")


def test_files_that_cant_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="can't be read as a CSV file"):
        adapt(tmp_path / "absent.csv")
    latin = tmp_path / "latin.csv"
    latin.write_bytes("ID,Name\n1,Café\n".encode("cp1252"))
    with pytest.raises(BadInputError, match=r"isn't UTF-8 text \(byte 14\). Save it as CSV UTF-8"):
        adapt(latin)
    (tmp_path / "empty.csv").write_text("", "utf-8")
    with pytest.raises(BadInputError, match="headings of none"):
        adapt(tmp_path / "empty.csv")
    (tmp_path / "twice.csv").write_text("ID,ID\n1,2\n", "utf-8")
    with pytest.raises(BadInputError, match="has the column 'ID' twice"):
        adapt(tmp_path / "twice.csv")


OWN = """
title = "Test registry"
recognised_by = ["Nr"]
id = "Nr"
kind = "Kind"
summary = ["{Kind}"]
[always]
type = "project"
theme = "A5"
source = "Test registry"
source_kind = "registry"
[fields]
name = { column = ["Own title", "Title"] }
[place]
country = "Land"
[[keep]]
why = "kind soil"
when = [{ column = "Kind", matches = "^soil" }]
land_use = ["cropland"]
"""


def own(tmp_path: Path, old: str = "", new: str = "") -> Path:
    """Write a mapping table of one's own, with something in it changed."""
    path = tmp_path / "test-registry.toml"
    assert old in OWN
    path.write_text(OWN.replace(old, new, 1) if old else OWN, "utf-8")
    return path


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    row = {"Nr": "7", "Kind": "Soil", "Title": "Test project", "Own title": "", "Land": "FR"}
    made = adapt(export(tmp_path / "x.csv", [row]), str(own(tmp_path)))
    assert only(made)["id"] == "test-registry-7"
    assert only(made)["name"] == "Test project"
    assert only(made)["country"] == "FRA"
    assert made.table.columns == tuple(name for name in fields() if name in only(made))
    assert made.table.rows == made.rows


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "Nr"', "", "'id' is absent, which every adapter must have"),
        ('kind = "Kind"', 'kind = "Kind"\nknd = "x"', "no setting 'knd'.*did you mean kind"),
        ("name = {", "nome = {", "there is no field 'nome'.*did you mean name"),
        ('matches = "^soil"', 'matches = "(soil"', r"'\(soil' is not a regular expression"),
        ('["cropland"]', '["cropped"]', "'land_use' has no code 'cropped'.*did you mean cropland"),
        ('"Title"] }', '"Title"], convert = "day" }', "no conversion 'day'; use one of text, date"),
        ('"Title"] }', '"Title"], convert = "date" }', "needs its 'format'"),
        ('why = "kind soil"', "", "must say 'why'"),
        ('theme = "A5"', "", "'always' must give 'theme'"),
        ('when = [{ column = "Kind", matches = "^soil" }]', "", "at least one condition 'when'"),
        ("[place]", "[[organisations]]\ncolumn = 'x'\nrole = 'boss'\n[place]", "relation 'boss'"),
        ("[fields]", "[fields", "is not a mapping table"),
        ('name = { column = ["Own title", "Title"] }', "", "'fields' must give 'name'"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        read_adapter(own(tmp_path, old, new))


def test_a_tables_name_begins_ids(tmp_path: Path) -> None:
    path = own(tmp_path).rename(tmp_path / "My Table.toml")
    with pytest.raises(BadInputError, match="lower-case words joined by hyphens"):
        read_adapter(path)
