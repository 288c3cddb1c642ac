"""Cells as people write them: numbers, dates, coordinates, coded words and addresses."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hotspots.locale import LANGUAGES
from hotspots.locale.messages import Message, in_language
from hotspots.registry.schema import values
from hotspots.registry.schema.coordinates import pair_in
from hotspots.registry.schema.dates import read_date
from hotspots.registry.schema.fields import field_called, fields
from hotspots.registry.schema.numbers import readings, unambiguous
from hotspots.registry.schema.records import NumberText
from hotspots.registry.schema.validation import parse
from hotspots.registry.schema.vocabulary import other_words, vocabulary
from hotspots.registry.schema.words import code_called

BLANKS = " \u00a0\u2009\u202f"


def refusal(name: str, cell: str, lang: str = "en") -> str:
    """Return why a cell is refused; "" if it is taken."""
    found = parse({name: cell}, 2).problems
    return found[0].in_language(lang).reason if found else ""


# ---------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "cell",
    [
        *("2,000", "2.000", "2 000", "2\u00a0000", "2\u202f000", "2'000", "2\u2019000", "2000"),
        *("2000.0", "2.000,0", "2,000.00", "2 000 sites", "2\u202f000 sitios"),
    ],
)
def test_a_whole_number_has_no_decimals(cell: str) -> None:
    """Two thousand sites are never two."""
    assert values.read(fields()["effect_n"], cell) == 2000


@pytest.mark.parametrize("cell", ["2.5", "2,5", NumberText("2.345"), "2,50", "1.2345"])
def test_a_fraction_is_no_whole_number(cell: str) -> None:
    assert "is not a whole number" in refusal("effect_n", cell)


@pytest.mark.parametrize(
    ("cell", "hectares"),
    [
        ("0.125", 0.125),
        ("0,125", 0.125),
        ("12,5 ha", 12.5),
        ("1 250 ha", 1250.0),
        ("1250 hectares", 1250.0),
        ("1.250,5 hectáreas", 1250.5),
        ("1,250.5", 1250.5),
        ("1'250.5", 1250.5),
        ("1.250.000", 1250000.0),
        ("12,50,000", 1250000.0),
        ("12.3450", 12.345),
        ("1250,500", 1250.5),
        (NumberText("12.345"), 12.345),
    ],
)
def test_separators_that_have_one_reading(cell: str, hectares: float) -> None:
    assert values.read(fields()["surface_ha"], cell) == hectares


@pytest.mark.parametrize("cell", ["12.345", "12,345", "12.345 ha", "1.250"])
def test_a_text_of_two_readings_is_doubted(cell: str) -> None:
    said = refusal("surface_ha", cell, "fr")
    assert "peut être" in said
    assert "écrivez-le sans séparateur" in said


@given(st.integers(0, 10**9), st.sampled_from([*BLANKS, ",", ".", "'", ""]))
@example(1234, ",")
def test_a_grouped_whole_number_is_itself(number: int, separator: str) -> None:
    grouped = f"{number:,}".replace(",", separator)
    assert readings(grouped)[-1:] == (float(number),)


@given(st.floats(-1e9, 1e9), st.sampled_from(".,"))
def test_a_plain_text_of_a_number_has_one_reading(number: float, point: str) -> None:
    """What an export writes is read as the same number, with a decimal comma too."""
    text = unambiguous(values.write(number)).replace(".", point)
    assert readings(text) == (number,)


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("surface_ha", "12 km²", "has the unit 'km²', and the column has ha"),
        ("surface_ha", "12 acres", "has the unit 'acres'"),
        ("effect_size", "12 %", "is a percentage"),
        ("effect_size", "0,45 t CO2/ha/an", "has the unit 't CO2/ha/an'"),
        ("effect_n", "3 parcelles", "write the number alone, as 3"),
        ("surface_ha", "n/a", "leave the cell empty"),
    ],
)
def test_another_unit_is_refused(name: str, cell: str, said: str) -> None:
    assert said in refusal(name, cell)


@pytest.mark.parametrize("cell", ["0,45 t C/ha/an", "0.45 tC/ha/año", "0.45 t C ha-1 yr-1"])
def test_the_unit_of_the_field_is_taken(cell: str) -> None:
    assert values.read(fields()["effect_size"], cell) == 0.45


# ------------------------------------------------------------------------------------------ dates


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2024/06/15", "2024-06-15"),
        ("2024.6.5", "2024-06-05"),
        ("15/06/2024", "2024-06-15"),
        ("06/15/2024", "2024-06-15"),
        ("06/06/2024", "2024-06-06"),
        ("15.06.2024", "2024-06-15"),
        ("06/2024", "2024-06"),
        ("6-2024", "2024-06"),
        ("2024", "2024"),
        ("2024.0", "2024"),
        ("juin 2024", "2024-06"),
        ("junio de 2024", "2024-06"),
        ("15 juin 2024", "2024-06-15"),
        ("le 1er juillet 2024", "2024-07-01"),
        ("1º de julio del 2024", "2024-07-01"),
        ("June 15th, 2024", "2024-06-15"),
        ("févr. 2024", "2024-02"),
        ("3 DÉC 2024", "2024-12-03"),
        ("set. 2024", "2024-09"),
        ("mar. 15 juin 2024", "2024-06-15"),
        ("15 mar 2024", "2024-03-15"),
        ("20240615", "2024-06-15"),
        ("2024-06-15T09:12:33.1+01:00", "2024-06-15"),
    ],
)
def test_dates_of_one_reading(cell: str, day: str) -> None:
    assert read_date(cell) == day


@pytest.mark.parametrize(
    ("cell", "lang", "said"),
    [
        ("06/07/2024", "en", "may be 6 July 2024 or 7 June 2024; write 2024-07-06 or 2024-06-07"),
        ("06/07/2024", "fr", "peut être le 6 juillet 2024 ou le 7 juin 2024"),
        ("06/07/2024", "es", "puede ser el 6 de julio de 2024 o el 7 de junio de 2024"),
        ("31/02/2024", "en", "February has no 31st"),
        ("31/02/2024", "fr", "il n’y a pas de 31 février"),
        ("2024-02-31", "es", "no existe el 31 de febrero"),
        ("29 février 2023", "en", "February 2023 has no 29th"),
        ("31 avril 2024", "en", "April has no 31st"),
        ("13/2024", "en", "there is no month 13"),
        ("2024-00", "en", "there is no month 0"),
        ("15/06/24", "fr", "a deux chiffres"),
        ("juin-24", "en", "has two digits"),
        ("2018-2021", "fr", "est une période"),
        ("45458", "en", "a spreadsheet's number of a day"),
        ("2024.1", "en", "may be January 2024 or October 2024"),
        ("été 2024", "fr", "n’est pas une date"),
    ],
)
def test_other_dates_are_refused_with_what_to_do(cell: str, lang: str, said: str) -> None:
    assert said in refusal("start", cell, lang)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from("/-."))
def test_a_day_first_date_is_itself_or_refused(day: date, separator: str) -> None:
    cell = day.strftime(f"%d{separator}%m{separator}%Y")
    doubtful = day.day <= 12 and day.day != day.month
    assert refusal("start", cell) != "" if doubtful else read_date(cell) == day.isoformat()


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from(LANGUAGES), st.booleans())
def test_a_date_in_words_is_itself(day: date, lang: str, short: bool) -> None:
    """As the three languages write it, with the month in full or abbreviated."""
    from babel.dates import format_date

    assert read_date(format_date(day, "medium" if short else "long", locale=lang)) == str(day)


@pytest.mark.parametrize("cell", ["oui", "sí", "yes", "x", "1"])
def test_consent_is_a_day(cell: str) -> None:
    assert "écrivez le jour lui-même" in refusal("contact_consent", cell, "fr")


# ------------------------------------------------------------------------------------ coordinates


@pytest.mark.parametrize(
    ("name", "cell", "degrees"),
    [
        ("latitude", "14°41'N", 14 + 41 / 60),
        ("latitude", "14° 41' 37\" N", 14 + 41 / 60 + 37 / 3600),
        ("latitude", "14º41\u203230\u2033S", -(14 + 41 / 60 + 30 / 3600)),
        ("latitude", "14°41,5'N", 14 + 41.5 / 60),
        ("latitude", "N 14 41", 14 + 41 / 60),
        ("latitude", "14,69", 14.69),
        ("latitude", "14.694", 14.694),
        ("latitude", "14.69 N", 14.69),
        ("latitude", "14.69 sur", -14.69),
        ("latitude", "-1,283°", -1.283),
        ("longitude", "17°26'O", -(17 + 26 / 60)),
        ("longitude", "17.44 ouest", -17.44),
        ("longitude", "17,44 W", -17.44),
        ("longitude", "36.8 Este", 36.8),
    ],
)
def test_angles_as_people_write_them(name: str, cell: str, degrees: float) -> None:
    assert values.read(fields()[name], cell) == pytest.approx(degrees, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("latitude", "17°26'W", "is a longitude in the column of the latitude"),
        ("longitude", "14°41'N", "is a latitude in the column of the longitude"),
        ("latitude", "117.4", "swap the two"),
        ("longitude", "-17.44 W", "a sign and a letter of direction"),
        ("latitude", "14°71'N", "minutes or seconds of 60 or more"),
        ("latitude", "14 41", "is not a number from -90 to 90"),
        ("latitude", "14d41m30s", "is not a number from -90 to 90"),
        ("longitude", "181", "is not a number from -180 to 180"),
    ],
)
def test_other_angles_are_refused(name: str, cell: str, said: str) -> None:
    assert said in refusal(name, cell)


@pytest.mark.parametrize(
    "cell",
    [
        "14.5, -17.25",
        "14.5,-17.25",
        "14,5; -17,25",
        "14,5 -17,25",
        "(14.5 / -17.25)",
        "14°30'N, 17°15'W",
        "17°15'O 14°30'N",
        "N 14.5 W 17.25",
    ],
)
def test_both_coordinates_may_stand_in_one_cell(cell: str) -> None:
    assert parse({"latitude": cell, "longitude": ""}, 2).values == {
        "latitude": 14.5,
        "longitude": -17.25,
    }
    assert parse({"longitude": cell}, 2).values == {"latitude": 14.5, "longitude": -17.25}


def test_a_pair_beside_another_number_is_refused() -> None:
    [problem] = parse({"latitude": "14.5, -17.25", "longitude": "3"}, 2).problems
    assert "holds two coordinates" in problem.reason


@pytest.mark.parametrize("cell", ["14,69", "14, 69", "14 69", "1.2, 3.4, 5.6", "", "14°41'N"])
def test_what_is_no_pair(cell: str) -> None:
    assert pair_in(cell) is None


@given(st.floats(-90, 90), st.sampled_from(".,"))
def test_an_angle_in_minutes_and_seconds_is_itself(degrees: float, point: str) -> None:
    seconds = round(abs(degrees) * 3600, 3)
    minutes, rest = divmod(seconds, 60)
    cell = f"{int(minutes // 60)}°{int(minutes % 60)}'{rest:.3f}\"{'S' if degrees < 0 else 'N'}"
    read = values.read(fields()["latitude"], cell.replace(".", point))
    assert read == pytest.approx(degrees, abs=1e-6)


# ---------------------------------------------------------------------------------- words, headings


@pytest.mark.parametrize(
    ("list_name", "word", "code"),
    [
        ("theme", "Pilier 4", "pillar4"),
        ("theme", "pilar 4", "pillar4"),
        ("theme", "PILLAR 4", "pillar4"),
        ("theme", "Pilier 4 : suivi", "pillar4"),
        ("theme", "ODD 13", "sdg13"),
        ("theme", "ODS13", "sdg13"),
        ("theme", "SDG 13 - Climate", "sdg13"),
        ("theme", "But A", "goalA"),
        ("college", "ONG", "civil_society"),
        ("college", "NGOs", "civil_society"),
        ("college", "Entreprise", "companies"),
        ("land_use", "cultures", "cropland"),
        ("land_use", "Prairie", "grassland"),
        ("land_use", "forets", "forest"),
        ("practice_kind", "semis direct", "reduced_tillage"),
        ("practice_kind", "Culture de couverture", "cover_crops"),
        ("type", "organization", "organisation"),
        ("type", "Actions de recherche", "research_action"),
        ("place_precision", "ville", "locality"),
        ("relation_role", "partenaires", "partner"),
    ],
)
def test_labels_and_like_words_are_their_code(list_name: str, word: str, code: str) -> None:
    assert code_called(list_name, word) == code


@pytest.mark.parametrize(
    "word", ["suivi", "Pilier 9", "Pilier 4 : pratiques adaptées au sol et au climat", "climat"]
)
def test_a_vague_or_contradictory_word_is_no_theme(word: str) -> None:
    assert code_called("theme", word) is None


def test_every_label_and_other_word_has_its_code() -> None:
    for name, codes in vocabulary().items():
        for code, labels in codes.items():
            for word in (code, *labels.values(), *other_words()[name][code]):
                shown = word.upper() if word != code else word
                expected = {c for c, row in codes.items() if word in (c, *row.values())} or {code}
                assert code_called(name, shown) in expected, (name, word)


def test_an_unknown_word_gets_the_nearest_in_the_language() -> None:
    """Three at most, of a list of more than fifty."""
    said = refusal("theme", "Sécurité alimentaires et climat", "fr")
    assert "vouliez-vous dire" in said
    assert "Critère : sécurité alimentaire (criterion_food)" in said
    assert said.count("(") <= 3
    assert "ressemble à aucun" in refusal("theme", "xyzzy", "fr")
    assert "choisissez parmi Organisation, Projet" in refusal("type", "xyzzy", "fr")


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Thème", "theme"),
        ("LANGUE", "languages"),
        ("Zone climatique", "climate_zone"),
        ("Superficie", "surface_ha"),
        ("Surface en ha", "surface_ha"),
        ("Site web", "web"),
        ("Date de début", "start"),
        ("Lat.", "latitude"),
        ("E-mail", "contact_email"),
        ("Region", "regions"),
        ("Surface (km²)", None),
        ("Surfaces cultivées", None),
    ],
)
def test_headings_like_labels_are_their_field(heading: str, name: str | None) -> None:
    assert field_called(heading) == name


# -------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("web", "www.isra.sn", "https://www.isra.sn"),
        ("web", "isra.sn/pages?a=1", "https://isra.sn/pages?a=1"),
        ("web", "example.org:8080", "https://example.org:8080"),
        ("data_doi", "doi.org/10.7910/DVN/QQQM8V", "10.7910/DVN/QQQM8V"),
        ("contact_email", "mailto:name@example.org", "name@example.org"),
        ("contact_email", "A Name <name@example.org>", "name@example.org"),
        ("contact_email", "name(at)example.org", "name@example.org"),
        ("contact_phone", "Tél. : (+221) 33 800 00 00", "+221 33 800 00 00"),
        ("contact_phone", "+221\u00a033\u202f800 00 00", "+221 33 800 00 00"),
        ("contact_phone", "00221 33.800.00.00", "00221 33.800.00.00"),
        ("languages", "français, anglais", ("fr", "en")),
        ("languages", "fr et en", ("fr", "en")),
        ("land_use", "Forêt / prairies", ("forest", "grassland")),
        ("regions", "Monde", ("world",)),
    ],
)
def test_addresses_and_lists_as_people_write_them(name: str, cell: str, value: object) -> None:
    field = fields()[name]
    assert values.read(field, cell) == value
    assert values.read(field, values.write(values.read(field, cell))) == value


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("web", "rapport.pdf"),
        ("web", "isra"),
        ("web", "www.a.org; www.b.org"),
        ("web", "name@example.org"),
        ("contact_email", "a@example.org; b@example.org"),
        ("contact_phone", "+221 33 800 00 00 / +221 77 800 00 00"),
        ("regions", "Thiès"),
    ],
)
def test_what_isn_t_one_address_is_refused(name: str, cell: str) -> None:
    assert refusal(name, cell)


# -------------------------------------------------------------------------------------- languages


def test_every_refusal_is_in_three_languages() -> None:
    """A word that no field takes is answered in the language asked for."""
    kinds: set[str] = set()
    for field in fields().values():
        cell = "<b>" if field.kind in ("text", "texts") else "?? !!"
        said = [refusal(field.name, cell, lang) for lang in LANGUAGES]
        assert len(set(said)) == len(LANGUAGES), (field.name, said)
        kinds.add(field.kind)
    assert len(kinds) > 15


def test_a_message_keeps_its_values_in_each_language() -> None:
    message = Message("cell.number_between", cell="x", low=0.0, high=13e9, example="1")
    assert "13,000,000,000" in message
    assert "13\u202f000\u202f000\u202f000" in in_language(message, "fr")
    assert in_language("plain", "fr") == "plain"
