"""Cells to values and back: what is taken, in which spelling, and what is told of the rest."""

from __future__ import annotations

from datetime import date

import pytest

from hotspots.registry import fields
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import field_called
from hotspots.registry.schema.validation import check, parse

TAKEN = [
    ("type", "Projet", "project"),
    ("type", "organización", "organisation"),
    ("country", "Kenya", "KEN"),
    ("country", "ken", "KEN"),
    ("country", "Côte d'Ivoire", "CIV"),
    ("country", "Alemania", "DEU"),
    ("theme", "pillar1; A6;pillar1", ("pillar1", "A6")),
    ("theme", "Projets", ("A2",)),
    ("regions", "KE-31; world;south-america;Kenya", ("KE-31", "world", "south-america", "KEN")),
    ("latitude", "-1,28", -1.28),
    ("latitude", "-0", 0.0),
    ("surface_ha", "1200", 1200.0),
    ("surface_ha", "1 250,5", 1250.5),
    ("surface_ha", "1\u202f250\u00a0000", 1250000.0),
    ("latitude", "-1.283", -1.283),
    ("surface_year", "2019.0", 2019),
    ("start", "2018-05", "2018-05"),
    ("verified_on", "2026-01-31 00:00:00", "2026-01-31"),
    ("created", "2026-01-31", "2026-01-31T00:00:00Z"),
    ("ror", "04cvxnb49", "https://ror.org/04cvxnb49"),
    ("data_doi", "https://doi.org/10.7910/DVN/QQQM8V", "10.7910/DVN/QQQM8V"),
    ("languages", "EN; français;Español;swahili", ("en", "fr", "es", "sw")),
    ("relations", "Lead = inrae 2017/2021; partner=a", ("lead=inrae 2017/2021", "partner=a")),
    ("relations", "lead=inrae /2021", ("lead=inrae /2021",)),
    ("contact_email", "name@example.org", "name@example.org"),
    ("contact_phone", "+254 20 000 0000", "+254 20 000 0000"),
    ("name", "  Cafe\u0301\u00a0 ", "Café"),
    ("summary", "one\r\ntwo  \r\n", "one\ntwo"),
    ("name", "NA", "NA"),
    ("name", " ", None),
]


@pytest.mark.parametrize(("name", "text", "value"), TAKEN)
def test_what_is_taken(name: str, text: str, value: object) -> None:
    """Codes, labels in three languages and the usual spellings give one value, which stays."""
    field = fields()[name]
    assert values.read(field, text) == value
    assert values.read(field, values.write(value)) == value


BAD = [
    ("id", "Test Station", "'Test Station' is not an id"),
    ("type", "company", "'company' is not known; use one of organisation, project"),
    ("type", "projekt", "did you mean project?"),
    ("theme", "pillar1;G9", "'G9' is not known"),
    ("country", "Congo-Kinshassa", "is not a country"),
    ("country", "Guinea Bissau or Guinea", "is not a country"),
    ("regions", "KE-999", "'KE-999' is not an ISO 3166-2 code"),
    ("regions", "atlantis", "'atlantis' is not a region; use world"),
    ("latitude", "-91", "'-91' is not a number from -90 to 90"),
    ("latitude", "nan", "'nan' is not a number"),
    ("longitude", "190", "'190' is not a number from -180 to 180"),
    ("latitude", "1,2,3", "is not a number"),
    ("surface_ha", "-1", "from 0 to 13,000,000,000; write it as 1250.5"),
    ("surface_ha", "12.000", "may be 12000 or 12; write it without a separator"),
    ("surface_ha", "12,000", "may be 12000 or 12"),
    ("surface_year", "2019.5", "is not a whole number"),
    ("web", "javascript:alert(1)", "start it with http:// or https://"),
    ("web", "http://[broken", "is not a web address"),
    ("web", "https://user:secret@example.org", "is not a web address"),
    ("start", "2018-02-30", "is not a date: February has no 30th"),
    ("verified_on", "2018", "is not a day"),
    ("created", "yesterday", "is not a date or time"),
    ("language", "xx", "is not a language"),
    ("ror", "https://ror.org/1234", "is not a ROR id"),
    ("data_doi", "11.1/x", "is not a DOI"),
    ("relations", "inrae", "write it as lead=its-id"),
    ("relations", "boss=inrae", "'boss' is not known; use one of lead"),
    ("relations", "lead=inrae 17", "'17' is not a date"),
    ("contact_email", "nobody", "is not an e-mail address"),
    ("contact_phone", "call me", "is not a telephone number"),
    ("name", "<b>bold</b>", "HTML tag '<b>'"),
    ("name", "a\x07b", "control character U+0007"),
    ("summary", "x" * 20_001, "20,001 characters"),
    ("summary", "write to someone@example.org", "go into contact_email"),
    ("team", "ring +254 20 000 0000", "go into contact_email"),
    ("team", "ring 00254\u00a020\u202f000\u20130000", "go into contact_email"),
    ("team", "jane\uff20example.org", "go into contact_email"),
    ("owner", "jane@example.org", "go into contact_email"),
    ("web", "https://example.org/jane@example.org?m=1", "go into contact_email"),
    ("other_names", "x" * 501, "at most 500"),
    ("name", "\u202eolleh", "control character U+202E"),
    ("name", "a\x9bb", "control character U+009B"),
    ("surface_ha", "1_000", "is not a number"),
    ("footprint", "POINT(1 2)", "It is a Point"),
    ("footprint", "POLYGON((0 0,1 1", "can't be read as WKT"),
    ("footprint", "POLYGON((0 91,1 95,1 92,0 91))", "lies off the globe"),
]


@pytest.mark.parametrize(("name", "text", "told"), BAD)
def test_what_is_refused(name: str, text: str, told: str) -> None:
    """The problem names the row and the column, and says what was given and what is allowed."""
    found, problems = parse({name: text}, 3)
    assert found == {}
    assert str(problems[0]).startswith(f"Row 3, column '{name}': ")
    assert told in str(problems[0])


def test_every_fault_of_a_row_is_told() -> None:
    _, problems = parse({"type": "x", "latitude": "91", "web": "y"}, 2)
    assert [problem.column for problem in problems] == ["type", "latitude", "web"]


@pytest.mark.parametrize("heading", ["Breitengrad", "", "name of it"])
def test_headings_of_no_field(heading: str) -> None:
    assert field_called(heading) is None


def test_headings_are_names_and_labels_in_three_languages() -> None:
    """Each label leads to its field, so a template in any language reads back."""
    for field in fields().values():
        for heading in (field.name, *field.label.values(), field.label["fr"].upper()):
            assert field_called(heading) == field.name, heading


def test_a_former_label_is_still_read() -> None:
    """Files that were written before a label changed are imported as before."""
    former = {label: f.name for f in fields().values() for label in f.former_labels}
    assert former == {"Kept by": "owner"}
    assert {label: field_called(label) for label in former} == former


PRACTICE = {
    "id": "test-practice",
    "type": "practice",
    "name": "Test practice",
    "summary": "Made up",
    "theme": ("pillar2",),
    "source": "this test",
    "source_kind": "publication",
    "description": "Trees",
    "basis": "scientific",
    "results": "More carbon",
    "surface_ha": 3.0,
    "surface_year": 2020,
}


@pytest.mark.parametrize("name", ["description", "basis", "results", "surface_ha", "surface_year"])
def test_a_practice_needs_its_four_fields(name: str) -> None:
    """Description, basis, results and surfaces with year: the road map of 2018."""
    assert check(PRACTICE) == []
    [problem] = check({k: v for k, v in PRACTICE.items() if k != name})
    assert problem.column == name
    assert "a practice must have it" in problem.reason


@pytest.mark.parametrize(
    ("change", "column", "told"),
    [
        ({"latitude": 1.0, "place_precision": "exact"}, "longitude", "given together"),
        ({"latitude": 1.0, "longitude": 1.0}, "place_precision", "a position needs its precision"),
        ({"footprint": "POLYGON ((0 0, 1 0, 1 1, 0 0))"}, "place_precision", "needs its precision"),
        ({"start": "2019", "end": "2018-05"}, "end", "it ends (2018-05) before it starts (2019)"),
        ({"effect_low": 2.0, "effect_size": 1.0}, "effect_size", "not in that order"),
        ({"effect_n": 3}, "effect_size", "needs the effect itself"),
        ({"college": "research"}, "college", "of the type practice has no such field"),
        ({"contact_consent": "2026-01-01"}, "contact_consent", "there is no contact"),
    ],
)
def test_fields_must_fit_together(change: dict[str, object], column: str, told: str) -> None:
    [problem] = check(PRACTICE | change)
    assert problem.column == column
    assert told in problem.reason


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        (None, None, ""),
        ("2018", None, "running"),
        ("2026-11", None, "running"),
        ("2026-12", None, "planned"),
        ("2018", "2026-11-20", "ended"),
        ("2018", "2026-11", "running"),
        ("2018", "2025", "ended"),
        (None, "2030", "running"),
    ],
)
def test_status_is_computed_from_dates(start: str | None, end: str | None, status: str) -> None:
    """A partial date counts to its last day."""
    assert values.status(start, end, date(2026, 11, 21)) == status


@pytest.mark.parametrize(
    "text",
    [
        "POLYGON((36 -1, 37 -1, 37 0, 36 -1))",
        "POLYGON((0 0,1 1,1 0,0 1,0 0))",
        "POLYGON((170 -20,-170 -20,-170 -10,170 -10,170 -20))",
        "POLYGON((170 -20,190 -20,190 -10,170 -10,170 -20))",
        '{"type":"Polygon","coordinates":[[[170,-20],[-170,-20],[-170,-10],[170,-10],[170,-20]]]}',
    ],
)
def test_footprints_are_mended_and_keep_their_form(text: str) -> None:
    """A crossing ring is mended, the antimeridian is cut; what comes out stays as it is."""
    import shapely

    kept = values.read(fields()["footprint"], text)
    shape = shapely.from_wkt(kept)
    assert shape.is_valid
    assert shape.bounds[0] >= -180
    assert shape.bounds[2] <= 180
    assert values.read(fields()["footprint"], kept) == kept
    if "170" in text:
        assert shape.area == pytest.approx(200)
