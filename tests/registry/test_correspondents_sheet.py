"""The sheet of a French-speaking correspondent: taken rightly, or answered in French."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotspots.registry import open_registry
from hotspots.registry.database.queries import everything
from hotspots.registry.formats.read import read_file
from hotspots.registry.imports.import_files import check_records
from hotspots.registry.imports.import_rows import RefusedError
from hotspots.registry.imports.plan import ImportChoices, Plan

FRENCH = ImportChoices(lang="fr", origin="fiches.csv")
SOUND = {
    "Type": "Pratiques",
    "Nom": "Essai de compost",
    "En une phrase": "Un essai de ce test",
    "Thèmes": "Pilier 2 ; ODD 13",
    "Pays": "Sénégal",
    "Lieu": "Thiès",
    "Latitude": "14°47'N",
    "Longitude": "16°56'O",
    "Précision": "ville",
    "Adresse web": "www.example.org",
    "Date de début": "1er juillet 2018",
    "Fin": "15/06/2024",
    "Description": "Compost",
    "Base conceptuelle": "terrain",
    "Résultats": "Plus de carbone",
    "Superficie": "12,5 ha",
    "Année de la surface": "2 019",
    "Usage des terres": "cultures",
    "Type de pratique": "compost, agroforesterie",
    "Effet": "0,45 t C/ha/an",
    "Effet, nombre de sites": "1 200",
    "Source": "ce test",
    "Type de source": "publication",
    "Courriel": "mailto:nom@example.org",
    "Téléphone": "Tél. : (+221) 33 800 00 00",
}


def sheet(folder: Path, **changes: str) -> Path:
    """Write one row, as LibreOffice does in French."""
    row = SOUND | changes
    path = folder / "fiches.csv"
    lines = [";".join(f'"{cell}"' for cell in cells) for cells in (row, row.values())]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def planned(path: Path, lang: str = "fr") -> Plan:
    """Return what an import into an empty registry would do."""
    table = read_file(path)
    registry = open_registry(":memory:", create=True)
    return registry.plan_import(table.rows, table.problems, choices=ImportChoices(lang=lang))


def test_a_sheet_in_french_is_taken(tmp_path: Path) -> None:
    """Spellings, labels, units and headings of a correspondent give the values meant."""
    table = read_file(sheet(tmp_path))
    registry = open_registry(":memory:", create=True)
    plan = registry.import_rows(table.rows, table.problems, choices=FRENCH)
    assert (plan.problems, plan.notes) == ((), ())
    with registry.reading() as connection:
        [record] = everything(connection)
    assert {name: record[name] for name in record if name in EXPECTED} == EXPECTED


EXPECTED = {
    "type": "practice",
    "theme": ("pillar2", "sdg13"),
    "country": "SEN",
    "latitude": 14.7833333,
    "longitude": -16.9333333,
    "place_precision": "locality",
    "web": "https://www.example.org",
    "start": "2018-07-01",
    "end": "2024-06-15",
    "basis": "field_experience",
    "surface_ha": 12.5,
    "surface_year": 2019,
    "land_use": ("cropland",),
    "practice_kind": ("organic_amendments", "agroforestry"),
    "effect_size": 0.45,
    "effect_n": 1200,
    "contact_email": "nom@example.org",
    "contact_phone": "+221 33 800 00 00",
}

MISTAKES = [
    ("Type", "Laboratoire", "n’est pas connu ; choisissez parmi Organisation, Projet"),
    ("Thèmes", "Pilier 7", "n’est pas connu ; vouliez-vous dire Pilier"),
    ("Pays", "Sénégall", "n’est pas un pays ; vouliez-vous dire Sénégal (SEN)"),
    ("Latitude", "14°47'S 3", "écrivez la latitude comme 14,6937"),
    ("Latitude", "16°56'O", "est une longitude dans la colonne de la latitude"),
    ("Latitude", "-14,78", "Le signe de la latitude semble faux"),
    ("Longitude", "196", "n’est pas un nombre de -180 à 180"),
    ("Précision", "", "une position demande sa précision : Lieu exact"),
    ("Adresse web", "voir le site", "n’est pas une adresse web"),
    ("Date de début", "06/07/2018", "peut être le 6 juillet 2018 ou le 7 juin 2018"),
    ("Date de début", "2025", "précède le début (2025)"),
    ("Fin", "31/02/2024", "il n’y a pas de 31 février"),
    ("Fin", "15/06/24", "a deux chiffres"),
    ("Description", "", "une pratique doit l’avoir"),
    ("Base conceptuelle", "tradition", "choisissez parmi Expérience de terrain"),
    ("Superficie", "12.345", "peut être 12345 ou 12,345"),
    ("Superficie", "3 km²", "la colonne est en ha"),
    ("Superficie", "environ 12", "n’est pas un nombre de 0 à"),
    ("Année de la surface", "19", "n’est pas un nombre de 1 500 à 2 100"),
    ("Effet", "12 %", "est un pourcentage"),
    ("Effet, nombre de sites", "2,5", "n’est pas un nombre entier"),
    ("Courriel", "nom chez example", "ce n’est pas une adresse électronique"),
    ("Source", "nom@example.org", "vont dans contact_email"),
]


@pytest.mark.parametrize(("heading", "cell", "said"), MISTAKES)
def test_a_mistake_is_answered_in_french(
    tmp_path: Path, heading: str, cell: str, said: str
) -> None:
    """One sentence, and no English in it; nothing is written."""
    table = read_file(sheet(tmp_path, **{heading: cell}))
    registry = open_registry(":memory:", create=True)
    with pytest.raises(RefusedError) as refused:
        registry.import_rows(table.rows, table.problems, choices=FRENCH)
    plain = str(refused.value).replace("\u00a0", " ").replace("\u202f", " ")
    assert said.replace("\u202f", " ") in plain
    assert plain.startswith("« fiches.csv » a 1 ligne refusée :\nLigne 2, colonne «")
    assert plain.endswith("\nRien n’a été importé.")
    assert not {" is ", " the ", " not "} & {f" {word} " for word in plain.split()}
    assert registry.plan_import([]).counts["same"] == 0
    assert len(registry) == 0


def test_all_mistakes_of_a_sheet_are_reported_at_once(tmp_path: Path) -> None:
    plan = planned(sheet(tmp_path, **{"Fin": "31/02/2024", "Pays": "Sénégall", "Effet": "12 %"}))
    assert [problem.column for problem in plan.problems] == ["country", "end", "effect_size"]
    assert {problem.lang for problem in plan.problems} == {"fr"}


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            "'Thiès' is known as a place in Senegal (SEN), and the country stated is Mali (MLI)",
        ),
        ("fr", "un lieu de ce pays : Sénégal (SEN) ; le pays indiqué est Mali (MLI)"),
        ("es", "un lugar de Senegal (SEN), y el país indicado es Mali (MLI)"),
    ],
)
def test_a_town_of_another_country_is_pointed_out(tmp_path: Path, lang: str, said: str) -> None:
    """A note, since a small place of the same name may be in the country."""
    changes = {"Pays": "Mali", "Latitude": "", "Longitude": "", "Précision": ""}
    plan = planned(sheet(tmp_path, **changes), lang)
    assert plan.problems == ()
    [note] = plan.notes
    assert (note.column, note.value) == ("place", "Thiès")
    assert said in note.reason.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("place", "country"),
    [("Cayenne", "FRA"), ("Cayenne", "GUF"), ("Hameau sans nom", "SEN"), ("San José", "CRI")],
)
def test_a_town_that_may_be_in_the_country_isn_t(tmp_path: Path, place: str, country: str) -> None:
    changes = {"Lieu": place, "Pays": country, "Latitude": "", "Longitude": "", "Précision": ""}
    assert planned(sheet(tmp_path, **changes)).notes == ()


def test_a_point_in_another_country_names_both(tmp_path: Path) -> None:
    """Once: what is said of the point isn't said of the town again."""
    [note] = planned(sheet(tmp_path, Pays="Mali")).notes
    assert "Sénégal (SEN)" in note.reason
    assert "du pays indiqué, Mali (MLI)" in note.reason


def test_swapped_coordinates_are_pointed_out(tmp_path: Path) -> None:
    swapped = {"Latitude": "-16,93", "Longitude": "14,78"}
    [problem] = planned(sheet(tmp_path, **swapped)).problems
    assert "Latitude et longitude semblent inversées" in problem.reason


def test_a_check_speaks_the_language_too(tmp_path: Path) -> None:
    registry = open_registry(":memory:", create=True)
    found = check_records(registry, read_file(sheet(tmp_path, Effet="12 %")), "es")
    assert "es un porcentaje" in found[0].problem.reason
