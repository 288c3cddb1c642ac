"""Files of records: what is written is read back; what is broken is told and harms nothing."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from registry_strategies import record_lists
from shapely.geometry import Point

from hotspots.errors import BadInputError, RegistryError
from hotspots.geo.countries import countries
from hotspots.locale import LANGUAGES
from hotspots.registry.formats.headings import word
from hotspots.registry.formats.read import Table, read_file
from hotspots.registry.formats.relation_graph import write_graph
from hotspots.registry.formats.write import write_file
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields

FORMATS = ("csv", "xlsx", "geojson", "gpkg")


def as_records(table: Table) -> list[dict[str, Any]]:
    """Return the values of a table's rows."""
    assert not [problem for problem in table.problems if problem.serious]
    found = []
    for _, cells in table.rows:
        told = {name: values.read(fields()[name], cell) for name, cell in cells.items()}
        found.append({name: told[name] for name in fields() if told.get(name) is not None})
    return found


# ------------------------------------------------------------------------------- and back again


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("lang", [None, *LANGUAGES])
@given(given_records=record_lists())
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_what_is_written_is_read_back(
    suffix: str, lang: str | None, given_records: list[dict[str, Any]]
) -> None:
    """Every field of every kind of record, to the last digit and letter, in every format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"records.{suffix}"
        write_file(path, given_records, lang=lang, columns=list(fields()))
        assert as_records(read_file(path)) == given_records


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_records_are_written_and_read_too(tmp_path: Path, suffix: str) -> None:
    write_file(tmp_path / f"a.{suffix}", [])
    assert read_file(tmp_path / f"a.{suffix}").rows == ()


@pytest.mark.parametrize("suffix", FORMATS)
def test_personal_fields_are_written_only_when_asked_for(tmp_path: Path, suffix: str) -> None:
    record = {"id": "test-station", "contact_email": "name@example.org", "name": "Test station"}
    path = tmp_path / f"a.{suffix}"
    write_file(path, [record])
    table = read_file(path)
    assert not [name for name in table.columns if name.startswith("contact")]
    assert as_records(table) == [{"id": "test-station", "name": "Test station"}]
    write_file(path, [record], columns=["id", "contact_email"], force=True)
    assert as_records(read_file(path)) == [
        {"id": "test-station", "contact_email": "name@example.org"}
    ]


def test_a_footprint_and_a_point_both_survive_in_a_gis_file(tmp_path: Path) -> None:
    """The footprint is the geometry, the point stands in the properties; a lone point is drawn."""
    area = "POLYGON ((36 -1, 37 -1, 37 0, 36 -1))"
    point = {"latitude": -1.25, "longitude": 36.75}
    given_records = [{"id": "a", **point, "footprint": area}, {"id": "b", **point}, {"id": "c"}]
    write_file(tmp_path / "a.geojson", given_records)
    features = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    kinds = [feature["geometry"] and feature["geometry"]["type"] for feature in features]
    assert kinds == ["Polygon", "Point", None]
    assert [feature["properties"]["latitude"] for feature in features] == [-1.25, None, None]
    write_file(tmp_path / "a.gpkg", given_records)
    drawn = gpd.read_file(tmp_path / "a.gpkg").geometry
    assert [shape and shape.geom_type for shape in drawn] == ["Polygon", "Point", None]
    for suffix in ("geojson", "gpkg"):
        found = as_records(read_file(tmp_path / f"a.{suffix}"))
        assert [{k: r[k] for k in sorted(r)} for r in found] == [
            {k: r[k] for k in sorted(r)} for r in given_records
        ]


def test_a_file_that_is_there_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_file(path, [{"id": "first"}])
    with pytest.raises(RegistryError, match=r"a.csv' exists already. Give another name, .*--force"):
        write_file(path, [{"id": "second"}])
    assert as_records(read_file(path)) == [{"id": "first"}]

    def failing() -> Iterator[dict[str, str]]:
        """Yield one record, then fail as a broken database does."""
        yield {"id": "second"}
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        write_file(path, failing(), force=True)
    assert as_records(read_file(path)) == [{"id": "first"}]
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    write_file(path, [{"id": "second"}], force=True)
    assert as_records(read_file(path)) == [{"id": "second"}]


def test_a_graph_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = put(tmp_path, "mine", "a.json")
    with pytest.raises(
        RegistryError, match=r"a.json' exists already. Give another name, .*--force"
    ):
        write_graph(path, [])
    assert path.read_text(encoding="utf-8") == "mine"
    write_graph(path, [], force=True)
    assert json.loads(path.read_text(encoding="utf-8")) == {"nodes": [], "edges": []}


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"ends in one of \.csv, \.xlsx, \.geojson, \.gpkg"):
        write_file(tmp_path / "a.xls", [])
    with pytest.raises(RegistryError, match=r"'nam'; did you mean name"):
        write_file(tmp_path / "a.csv", [], columns=["id", "nam"])
    with pytest.raises(RegistryError, match="No columns were given"):
        write_file(tmp_path / "a.csv", [], columns=[])
    with pytest.raises(BadInputError, match="'de' is not supported"):
        write_file(tmp_path / "a.csv", [], lang="de")
    with pytest.raises(BadInputError, match="There is no folder"):
        write_file(tmp_path / "none" / "a.csv", [])


# ------------------------------------------------------------------------------- in a language

SPOKEN = {
    "id": "test-practice",
    "type": "practice",
    "theme": ("pillar1", "A6"),
    "country": "CIV",
    "regions": ("KE-31",),
    "place": "a, b; c",
    "latitude": -5.12,
    "longitude": 1.5,
    "start": "2018-05",
    "surface_year": 2019,
    "land_use": ("cropland", "grassland"),
    "relations": ("lead=test-station 2018",),
    "source_kind": "registry",
}


def test_codes_are_words_of_the_language_but_for_themes_and_relations(tmp_path: Path) -> None:
    write_file(tmp_path / "a.geojson", [SPOKEN], lang="fr")
    text = (tmp_path / "a.geojson").read_text(encoding="utf-8")
    told = {k: v for k, v in json.loads(text)["features"][0]["properties"].items() if v}
    assert told["Type"] == "Pratique"
    assert told["Pays"] == "Côte d’Ivoire"
    assert told["Usage des terres"] == ["Terres cultivées", "Prairies"]
    assert told["Thèmes"] == ["pillar1", "A6"]
    assert told["Relations"] == ["lead=test-station 2018"]
    assert as_records(read_file(tmp_path / "a.geojson")) == [SPOKEN]
    write_file(tmp_path / "b.geojson", [SPOKEN])
    text = (tmp_path / "b.geojson").read_text(encoding="utf-8")
    assert json.loads(text)["features"][0]["properties"]["type"] == "practice"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_is_read_as_its_code(lang: str) -> None:
    told = {code: word("country", code, lang) for code in countries()}
    told |= {code: word("country", code, lang) for code in ("XXX", "not a code")}
    assert [values.read(fields()["country"], told[code]) for code in countries()] == [*countries()]
    assert sum(name != code for code, name in told.items()) > 230
    assert told["XXX"] == "XXX", "what has no name stays"


def test_a_name_that_may_mean_others_has_its_code() -> None:
    """In Spanish "Congo" is the name of the one, and a name of both."""
    assert word("country", "COG", "es") == "Congo (COG)"
    assert word("country", "COG", "fr") == "Congo-Brazzaville"
    assert word("type", "not a code", "es") == "not a code"


@pytest.mark.parametrize("lang", ["fr", "es"])
def test_csv_is_as_spreadsheets_in_the_language_read_it(tmp_path: Path, lang: str) -> None:
    """Between cells ; and before decimals a comma: "5.12" would become a day in December."""
    path = tmp_path / "a.csv"
    write_file(path, [SPOKEN], lang=lang, columns=["id", "place", "latitude", "longitude"])
    assert path.read_text(encoding="utf-8-sig").splitlines()[1] == (
        'test-practice;"a, b; c";-5,12;1,5'
    )
    assert as_records(read_file(path))[0]["latitude"] == -5.12
    write_file(path, [SPOKEN], lang="en", columns=["id", "place", "latitude"], force=True)
    assert path.read_text(encoding="utf-8-sig").splitlines()[1] == 'test-practice,"a, b; c",-5.12'


@pytest.mark.parametrize("lang", [None, "fr"])
def test_one_column_needs_no_separator(tmp_path: Path, lang: str | None) -> None:
    given_records = [{"place": "a, b"}, {"place": "a; b"}, {"place": "a\tb"}]
    write_file(tmp_path / "a.csv", given_records, lang=lang, columns=["place"])
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[1:] == ['"a, b"', '"a; b"', '"a\tb"']
    assert as_records(read_file(tmp_path / "a.csv")) == given_records


def test_an_export_in_a_language_has_drop_downs(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_file(path, [SPOKEN], lang="es", columns=["id", "type", "name", "country"])
    book = openpyxl.load_workbook(path)
    rules = {str(r.sqref): r.formula1 for r in book["records"].data_validations.dataValidation}
    last = len(countries()) + 1
    assert rules == {"B2:B10000": "lists!$A$2:$A$5", "D2:D10000": f"lists!$B$2:$B${last}"}
    assert [cell.value for cell in book["lists"]["A"][:3]] == ["type", "Organización", "Proyecto"]
    assert book["lists"].sheet_state == "hidden"
    assert "España" in [cell.value for cell in book["lists"]["B"]]
    write_file(path, [SPOKEN] * 10_001, lang="es", columns=["type"], force=True)
    rules_ = openpyxl.load_workbook(path)["records"].data_validations.dataValidation
    assert [str(rule.sqref) for rule in rules_] == ["A2:A10002"]
    for name, lang, columns in (("b", None, None), ("c", "es", ["id", "name"])):
        write_file(tmp_path / f"{name}.xlsx", [SPOKEN], lang=lang, columns=columns)
        assert openpyxl.load_workbook(tmp_path / f"{name}.xlsx").sheetnames == ["records"]


# ------------------------------------------------------------------------------- formulas


def test_a_formula_leaves_csv_as_text(tmp_path: Path) -> None:
    """One apostrophe goes before what a spreadsheet would run, and comes off when read."""
    names = ["=1+1", "'=1+1", "@x", "-2+3", "+1", "＝1", "'quoted'", "-5", "-1e5", "plain"]
    path = tmp_path / "a.csv"
    write_file(path, [{"id": f"a{at}", "name": n} for at, n in enumerate(names)], columns=["name"])
    lines = path.read_text(encoding="utf-8-sig").splitlines()[1:]
    assert [line.strip('"') for line in lines] == [
        "'=1+1",
        "''=1+1",
        "'@x",
        "'-2+3",
        "'+1",
        "'＝1",
        "'quoted'",
        "-5",
        "-1e5",
        "plain",
    ]
    assert [cells["name"] for _, cells in read_file(path).rows] == names


def test_a_cell_like_a_formula_is_noted(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, "id,name,latitude,contact_phone\na,=cmd(),-5,+254 20\n"))
    assert [(p.row, p.column, p.serious) for p in table.problems] == [(2, "name", False)]
    assert "begins with '='" in table.problems[0].reason
    assert table.rows[0][1]["name"] == "=cmd()"


def test_xlsx_text_cells_are_never_formulas(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_file(path, [{"id": "a", "name": "=1+1", "place": "#N/A", "surface_ha": 0.1 + 0.2}])
    row = next(openpyxl.load_workbook(path).active.iter_rows(min_row=2))
    kinds = {cell.value: cell.data_type for cell in row if cell.value is not None}
    assert kinds == {"a": "s", "=1+1": "s", "#N/A": "s", 0.1 + 0.2: "n"}


# ------------------------------------------------------------------------------- headings


def put(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_headings_are_names_or_labels_in_any_language_and_order(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, "Nombre;id;Titre\n".replace("Titre", "Pays") + "x;a;KEN\n"))
    assert table.columns == ("name", "id", "country")
    assert table.rows == ((2, {"name": "x", "id": "a", "country": "KEN"}),)
    assert table.headings == {"name": "Nombre", "id": "id", "country": "Pays"}


def test_headings_are_told_as_they_stand_in_every_format(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id", "Nom\nen  anglais", None], ["a", "x"])
    assert read_file(path).headings == {"id": "id", "name_en": "Nom en anglais"}
    path = collection(tmp_path, (POINT, {"id": "a", "Nom": "x"}))
    assert read_file(path).headings == {"id": "id", "name": "Nom"}
    assert Table("a", (), (), ()).headings == {}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_from_the_header(tmp_path: Path, delimiter: str) -> None:
    text = f'id{delimiter}name{delimiter}theme\na{delimiter}"x,y;z\tw"{delimiter}A5\n'
    assert read_file(put(tmp_path, text)).rows[0][1] == {
        "id": "a",
        "name": "x,y;z\tw",
        "theme": "A5",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "id,nmae\na,x\n",
            r"has a column not among the fields of a record: 'nmae'"
            r" \(did you mean name( or \w+)?\?\)\. Delete"
            r" the column, or give it the heading of a field \('hotspots registry template' shows",
        ),
        (
            "id,zzz,nam,a1,b2,c3,d4\n",
            r"columns not among the fields of a record: 'zzz',"
            r" 'nam' \(did.*\), 'a1', 'b2', 'c3' and 1 more\."
            r" Delete each of them, or",
        ),
        ("id,name,Nom\na,x,y\n", r"two columns for 'name': 'name' and 'Nom'"),
        ("id,,name\na,x,y\n", r"Column 2 of 'a.csv' has no heading, yet row 2 holds 'x'"),
        ("\n  \n", r"is empty"),
    ],
)
def test_headings_that_cannot_be_used_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RegistryError, match=told):
        read_file(put(tmp_path, text))


def test_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    assert read_file(put(tmp_path, "id,name\n")).rows == ()


def test_empty_cells_are_kept_and_blank_rows_left_out(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, "id,name,\na,,\n,,\n\nb,x,\n"))
    assert table.rows == ((2, {"id": "a", "name": ""}), (5, {"id": "b", "name": "x"}))
    assert table.problems == ()


# ------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_known_by_its_mark(tmp_path: Path, codec: str) -> None:
    table = read_file(put(tmp_path, "id,name\na,Forêt 🌱\n".encode(codec)))
    assert table.rows[0][1]["name"] == "Forêt 🌱"


def test_a_mark_is_no_part_of_a_heading_though_the_encoding_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "id,name\na,x\n".encode("utf-8-sig"))
    assert read_file(path, encoding="utf-8").columns == ("id", "name")


def test_another_encoding_is_told_and_can_be_named(tmp_path: Path) -> None:
    path = put(tmp_path, "id,name\na,x\nb,Forêt\n".encode("cp1252"))
    with pytest.raises(
        RegistryError, match=r"line 3 holds the byte 0xEA.*Windows-1252.*Forêt.*--encoding"
    ):
        read_file(path)
    assert read_file(path, encoding="cp1252").rows[1][1]["name"] == "Forêt"
    with pytest.raises(RegistryError, match="no encoding 'cp99999'"):
        read_file(path, encoding="cp99999")
    with pytest.raises(RegistryError, match="is not in ascii"):
        read_file(path, encoding="ascii")


def test_text_that_went_through_a_wrong_encoding_is_noted(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, "id,name\na,ForÃªt\nb,ÃO\n"))
    assert [(p.row, p.reason) for p in table.problems] == [
        (2, "it looks garbled; should it be 'Forêt'?")
    ]


# ------------------------------------------------------------------------------- bad rows of CSV


def test_a_ragged_row_keeps_no_other_out(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, "id,name\na,x,y\nb,x\nc\nd,x,,\n"))
    assert [number for number, _ in table.rows] == [3, 5]
    told = [(p.row, p.reason.split(";")[0], p.serious) for p in table.problems]
    assert told == [
        (2, "it has 3 cells where the header has 2", True),
        (4, "it has 1 cells where the header has 2", True),
    ]


def test_quotes_that_do_not_close_are_told_with_their_lines(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, 'id,name\na,"x"y\nb,"two\nlines"\nc,"x\nd,y\n'))
    assert table.rows == ((3, {"id": "b", "name": "two\nlines"}),)
    assert [(p.row, p.serious) for p in table.problems] == [(2, True), (4, True)]
    assert "line 2 can't be read; a double quote within" in table.problems[0].reason
    assert "opens in line 5 is never closed, so lines 5 to 6" in table.problems[1].reason


def test_zero_bytes_spoil_their_row_alone(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, "id,name\na,x\0y\nb,z\n"))
    assert [(p.row, p.column) for p in table.problems] == [(2, "name")]
    assert [number for number, _ in table.rows] == [3]
    assert table.spoiled == ((2, {"id": "a"}),)
    table = read_file(put(tmp_path, "id,name\na,x\0y,z\nb,c\n"))
    assert table.spoiled == (), "of a ragged row, which cell is whose isn't known"


def test_ten_thousand_bad_rows_are_all_told(tmp_path: Path) -> None:
    table = read_file(put(tmp_path, "id,name\n" + "a,b,c\n" * 10_000 + "a,b\n"))
    assert len(table.problems) == 10_000
    assert table.rows == ((10_002, {"id": "a", "name": "b"}),)


def test_a_footprint_longer_than_csv_readers_take_is_read(tmp_path: Path) -> None:
    write_file(tmp_path / "a.csv", [{"id": "a", "footprint": "x" * 3_000_000}])
    assert len(read_file(tmp_path / "a.csv").rows[0][1]["footprint"]) == 3_000_000


# ------------------------------------------------------------------------------- no file of records


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"PK\x03\x04....", "called CSV but holds XLSX. Give it the right suffix"),
        ("a.csv", b"<html><table>", "called CSV but holds a web page. Save it as CSV"),
        ("a.csv", b'{"type": 1}', "called CSV but holds GeoJSON"),
        ("a.xlsx", b"id,name\na,b\n", "called XLSX but holds text. If it is a table"),
        ("a.ods", b"\xff\xfei\0d\0\t\0n\0", "called ODS but holds text"),
        ("a.xls", b"type\tname\nproject\tA\n", r"called XLS but holds text.* call it \.csv"),
        ("a.xls", b"\x09\x08\x10\0\0\x06\x05\0" * 80, "called XLS but isn't. Save it again as XLS"),
        ("a.xls", b"<html><table>", "holds a web page. Open it in a spreadsheet program and save"),
        ("a.xls", b"<?xml version='1.0'?><Workbook/>", "called XLS but holds XML"),
        ("a.xls", b"PK\x03\x04....", "called XLS but holds XLSX. Give it the right suffix"),
        ("a.xlsx", b"PK\x03\x04....", "damaged XLSX"),
        (
            "a.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600,
            "but holds XLS. Give it the right",
        ),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "can't be read as XLS"),
        (
            "a.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password",
        ),
        ("a.gpkg", b"SQLite format 3\0" + b"x" * 600, "can't be read as a GeoPackage"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [', "can't be read as GeoJSON"),
        ("a.geojson", b'{"type": "Feature"}', "not a FeatureCollection"),
        (
            "a.geojson",
            b'{"type": "FeatureCollection", "features": [3]}',
            "Feature 1 of 'a.geojson'",
        ),
        ("a.geojson", b"{" + b'"a":{' * 100_000, "can't be read as GeoJSON"),
        ("a.geojson", '{"é": 1}'.encode("cp1252"), "not in UTF-8"),
        ("a.xlsm", b"x", r"not in a supported format .*Save it as XLSX or CSV"),
        ("a.pdf", b"x", "not in a supported format"),
    ],
)
def test_what_is_no_file_of_records_is_told(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    with pytest.raises(RegistryError, match=told):
        read_file(put(tmp_path, content, name))


def test_a_path_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="There is no file"):
        read_file(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(RegistryError, match="is a folder"):
        read_file(tmp_path / "b.csv")
    with pytest.raises(RegistryError, match="has no sheets"):
        read_file(put(tmp_path, "id\na\n"), sheet="x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = put(tmp_path, "id\na\n")
    path.chmod(0)
    with pytest.raises(RegistryError, match="Permission denied"):
        read_file(path)


# ------------------------------------------------------------------------------- XLSX


def workbook(path: Path, *rows: list[Any], **sheets: list[list[Any]]) -> Path:
    """Save a workbook with these rows on its first sheet, and further sheets."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(row)
    book.save(path)
    return path


def test_cells_of_all_kinds_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["id", "surface_year", "surface_ha", "start", "end", "created", "name"])
    moment = datetime(2026, 1, 31, 12, 30)
    book.active.append(["a", 2019.0, 1234.5, datetime(2018, 5, 31), date(2018, 5, 1), moment, True])
    book.active["E2"].number_format = "mmm-yy"
    book.active.append(["b", 2019, 1e-7, datetime(2018, 1, 1), "2018-05", "007", "line\nline"])
    book.active["D3"].number_format = "yyyy"
    book.save(path)
    rows = read_file(path).rows
    assert list(rows[0][1].values()) == [
        "a",
        "2019",
        "1234.5",
        "2018-05-31",
        "2018-05",
        "2026-01-31T12:30:00",
        "true",
    ]
    assert list(rows[1][1].values()) == [
        "b",
        "2019",
        "1e-07",
        "2018",
        "2018-05",
        "007",
        "line\nline",
    ]


def test_formulas_errors_and_merged_cells_spoil_their_rows_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    for row in (["id", "name"], ["a", "=1+1"], ["b", "#N/A"], ["c", "x"], ["", "y"], ["e", "z"]):
        book.active.append(row)
    book.active.merge_cells("A4:A5")
    book.save(path)
    table = read_file(path)
    assert [number for number, _ in table.rows] == [6]
    assert [(p.row, p.column, p.reason.split(";")[0]) for p in table.problems] == [
        (2, "name", "it contains a formula"),
        (3, "name", "it contains the error #N/A"),
        (4, "", "cells are merged in it"),
        (5, "", "cells are merged in it"),
    ]


def test_the_other_cells_of_a_spoiled_row_are_kept_apart(tmp_path: Path) -> None:
    """So that their faults can be told in the same round."""
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    for row in (
        ["id", "name", "place"],
        ["a", "=1+1", "ForÃªt"],
        ["#N/A", "y"],
        ["c", None, "=1"],
    ):
        book.active.append(row)
    book.active.merge_cells("A4:B4")
    book.save(path)
    table = read_file(path)
    assert table.rows == ()
    assert table.spoiled == (
        (2, {"id": "a", "place": "ForÃªt"}),
        (3, {"name": "y", "place": ""}),
    )
    assert [p.row for p in table.problems if not p.serious] == [2], "notes are told too"
    assert Table("a", (), (), ()).spoiled == ()


def test_the_sheet_with_most_headings_is_read_unless_one_is_named(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        ["Column", "Name"],
        ["id", "what"],
        mine=[["id", "name"], ["a", "x"]],
        hidden=[["id", "name", "type"], ["b", "y", "z"]],
    )
    book = openpyxl.load_workbook(path)
    book["hidden"].sheet_state = "hidden"
    book.save(path)
    assert read_file(path).rows == ((2, {"id": "a", "name": "x"}),)
    assert read_file(path, sheet="hidden").rows[0][1]["id"] == "b"
    with pytest.raises(RegistryError, match="has no sheet 'mime'; did you mean mine"):
        read_file(path, sheet="mime")


def test_text_beyond_a_cell_goes_on_in_further_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    long = {"id": "a", "name": "n", "footprint": "0123456789" * 5_000}
    write_file(path, [{"id": "b"}, long], columns=["id", "footprint", "name"], lang="fr")
    headings = [cell.value for cell in openpyxl.load_workbook(path).active[1]]
    assert headings == [
        "Identifiant",
        "Emprise",
        "Nom",
        "Emprise (2)",
        "Emprise (3)",
        "Emprise (4)",
    ]
    table = read_file(path)
    assert table.columns == ("id", "footprint", "name")
    assert table.rows[1][1] == long
    path = workbook(tmp_path / "b.xlsx", ["id", "footprint", "footprint (3)"], ["a", "x", "y"])
    with pytest.raises(RegistryError, match=r"not among the fields of a record: 'footprint \(3\)'"):
        read_file(path)


def test_what_xml_cannot_hold_survives(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_file(path, [{"id": "a", "web": "https://example.org/\x01_x0041_\uffff"}])
    assert read_file(path).rows[0][1]["web"] == "https://example.org/\x01_x0041_\uffff"


def repacked(path: Path, **changes: bytes) -> Path:
    """Write an XLSX file anew with other bytes for some parts, named by their last word."""
    with zipfile.ZipFile(path) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in parts.items():
            opened.writestr(name, changes.get(Path(name).stem, data))
    return path


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = repacked(workbook(tmp_path / "a.xlsx", ["id"], ["a"]), styles=b" " * 40_000_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(RegistryError, match=r"unpack to 40 MB, \d+ times its size"):
        read_file(path)


def test_sizes_that_a_zip_states_wrongly_are_found(tmp_path: Path) -> None:
    """A part that says it is small, but isn't, doesn't fit its own checksum."""
    path = repacked(workbook(tmp_path / "a.xlsx", ["id"], ["a"]), styles=b" " * 5_000_000)
    size, false = (5_000_000).to_bytes(4, "little"), (5_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, false))
    with pytest.raises(RegistryError, match="damaged XLSX"):
        read_file(path)


def test_entities_in_an_xlsx_are_refused(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    declared, hidden = bomb.decode().split("?>", 1)
    ebcdic = declared.encode() + b' encoding="cp037"?>' + hidden.encode("cp037")
    for part in (bomb, bomb.decode().encode("utf-16"), ebcdic):
        path = repacked(workbook(tmp_path / "a.xlsx", ["id"], ["a"]), sheet1=part)
        with pytest.raises(RegistryError, match="defines XML entities"):
            read_file(path)


def test_broken_workbooks_are_told(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "whole.xlsx", ["id"], ["a"]).read_bytes()
    with pytest.raises(RegistryError, match="damaged XLSX"):
        read_file(put(tmp_path, whole[: len(whole) // 2], "cut.xlsx"))
    for part in ("workbook", "sheet1", "styles"):
        path = put(tmp_path, whole, f"{part}.xlsx")
        with pytest.raises(RegistryError, match=r"can't be read as XLSX"):
            read_file(repacked(path, **{part: b"<no"}))
    with zipfile.ZipFile(tmp_path / "ods.xlsx", "w") as opened:
        opened.writestr("content.xml", "<x/>")
    with pytest.raises(RegistryError, match=r"called XLSX but holds ODS\. Give it the right"):
        read_file(tmp_path / "ods.xlsx")
    with pytest.raises(RegistryError, match="is empty"):
        read_file(workbook(tmp_path / "empty.xlsx"))


def test_a_sheet_that_claims_far_rows_or_columns_is_refused(tmp_path: Path) -> None:
    head = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    row = b'<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c></row>'
    far = b'<row r="999999"><c r="A999999"><v>1</v></c></row>'
    wide = b'<row r="2"><c r="XFD2"><v>1</v></c></row>'
    for name, more, told in (("far", far, "row 999,999"), ("wide", wide, "column 16,384")):
        path = workbook(tmp_path / f"{name}.xlsx", ["id"], ["a"])
        repacked(path, sheet1=head + row + more + b"</sheetData></worksheet>")
        with pytest.raises(RegistryError, match=told):
            read_file(path)


# ------------------------------------------------------------------------------- GIS files


def collection(folder: Path, *features: tuple[Any, dict[str, Any]], **more: Any) -> Path:
    """Write a GeoJSON file of (geometry, properties)."""
    made = [{"type": "Feature", "geometry": g, "properties": p} for g, p in features]
    data = {"type": "FeatureCollection", "features": made, **more}
    return put(folder, json.dumps(data), "a.geojson")


POINT = {"type": "Point", "coordinates": [36.8, -1.3]}
SQUARE = {"type": "Polygon", "coordinates": [[[36, -1], [37, -1], [37, 0], [36, -1]]]}


def test_properties_of_all_kinds_become_text(tmp_path: Path) -> None:
    properties = {"fid": 3, "Nom": "x", "theme": ["A5", "sdg2"], "surface_year": 2019.0}
    more = {"Nom": None, "surface_year": 2019, "effect_size": 0.1, "place": True}
    path = collection(tmp_path, (POINT, {"id": "a", **properties}), (None, more))
    table = read_file(path)
    assert table.rows[0] == (
        2,
        {
            "id": "a",
            "name": "x",
            "theme": "A5;sdg2",
            "surface_year": "2019",
            "latitude": "-1.3",
            "longitude": "36.8",
        },
    )
    assert table.columns[-2:] == ("latitude", "longitude")


def test_a_property_that_a_feature_lacks_is_not_emptied(tmp_path: Path) -> None:
    path = collection(tmp_path, (None, {"id": "a", "name": None}), (None, {"id": "b"}))
    assert read_file(path).rows == ((2, {"id": "a", "name": ""}), (3, {"id": "b"}))


def test_odd_geometries_spoil_their_feature_alone(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    path = collection(
        tmp_path,
        (line, {"id": "a"}),
        ({"type": "Point", "coordinates": "x"}, {"id": "b"}),
        (POINT, {"id": "c", "latitude": 5, "longitude": 36.8}),
        (SQUARE, {"id": "d", "footprint": "POLYGON((0 0, 1 0, 1 1, 0 0))"}),
        (POINT, {"id": {"a": 1}}),
        ({"type": "MultiPoint", "coordinates": [[36.8, -1.3]]}, {"id": "e", "latitude": None}),
        (SQUARE, {"id": "f", "latitude": -0.5, "longitude": 36.5}),
    )
    table = read_file(path)
    assert [p.row for p in table.problems] == [2, 3, 4, 5, 6]
    told = " | ".join(p.reason for p in table.problems)
    for part in ("is a LineString", "can't be read", "say 5, 36.8", "differ", "holds an object"):
        assert part in told
    assert table.rows[0][1] == {"id": "e", "latitude": "-1.3", "longitude": "36.8"}
    assert table.rows[1][1] == {
        "id": "f",
        "latitude": "-0.5",
        "longitude": "36.5",
        "footprint": "POLYGON ((36 -1, 37 -1, 37 0, 36 -1))",
    }


def test_geojson_in_another_crs_or_with_unknown_properties_is_refused(tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    with pytest.raises(RegistryError, match="names the CRS 'urn:ogc:def:crs:EPSG::2154'"):
        read_file(collection(tmp_path, (POINT, {"id": "a"}), crs=crs))
    crs["properties"] = {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}
    assert read_file(collection(tmp_path, (POINT, {"id": "a"}), crs=crs)).rows
    with pytest.raises(
        RegistryError, match=r"not among the fields of a record: 'nam' \(did you mean name"
    ):
        read_file(collection(tmp_path, (POINT, {"nam": "a"})))


def test_a_geopackage_is_carried_to_wgs84_and_its_layer_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[Point(36.8, -1.3)], crs="EPSG:4326")
    frame.to_crs("EPSG:32737").to_file(path, layer="one")
    cells = read_file(path).rows[0][1]
    assert float(cells["longitude"]) == pytest.approx(36.8, abs=1e-8)
    assert float(cells["latitude"]) == pytest.approx(-1.3, abs=1e-8)
    frame.to_file(path, layer="two")
    with pytest.raises(RegistryError, match=r"2 layers \(one, two\). Name one with --sheet"):
        read_file(path)
    assert read_file(path, sheet="two").rows[0][1]["latitude"] == "-1.3"
    with pytest.raises(RegistryError, match=r"no layer 'three'"):
        read_file(path, sheet="three")
    frame.to_file(path, layer="records")
    assert read_file(path).rows


def test_a_geopackage_of_a_gis_is_read_with_its_own_types(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    data = {
        "id": ["a", "b"],
        "start": pd.to_datetime(["2018-05-31", None]),
        "surface_year": pd.array([2019, None], dtype="Int64"),
        "surface_ha": [0.1, float("nan")],
    }
    gpd.GeoDataFrame(data, geometry=[None, None], crs="EPSG:4326").to_file(path, layer="x")
    assert [cells for _, cells in read_file(path).rows] == [
        {"id": "a", "start": "2018-05-31", "surface_year": "2019", "surface_ha": "0.1"},
        {"id": "b", "start": "", "surface_year": "", "surface_ha": ""},
    ]


def test_a_geopackage_without_crs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gpd.GeoDataFrame({"id": ["a"]}, geometry=[Point(1, 2)]).to_file(path, layer="x")
    with pytest.raises(RegistryError, match="CRS"):
        read_file(path)


def test_a_full_disk_is_told_for_a_geopackage_too(tmp_path: Path) -> None:
    """GDAL has an error of its own for it; nothing half-written is left."""
    import resource
    import signal

    from hotspots.errors import WriteError

    record = {"id": "a", "type": "project", "name": "x" * 200_000}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(WriteError, match="can't be written"):
            write_file(tmp_path / "records.gpkg", [record])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
