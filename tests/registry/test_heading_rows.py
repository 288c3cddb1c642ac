"""Headings are found below titles; what else people write among records is named."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import MAKERS

from hotspots.errors import RegistryError
from hotspots.registry.formats.csv_files import _delimiter
from hotspots.registry.formats.heading_rows import headed
from hotspots.registry.formats.read import Table, read_file
from hotspots.registry.formats.table import RawRow
from hotspots.registry.schema.fields import fields

KINDS = ("csv", *MAKERS)
HEADINGS = ["type", "name", "surface_ha", "latitude"]
RECORD = ["project", "A", "12", "1.5"]


def read(folder: Path, kind: str, *rows: list[Any]) -> Table:
    path = folder / f"a.{kind}"
    if kind == "csv":
        written = io.StringIO()
        width = max(map(len, rows))
        csv.writer(written, delimiter=";").writerows(
            [*row, *[""] * (width - len(row))] for row in rows
        )
        path.write_text(written.getvalue(), encoding="utf-8")
    else:
        MAKERS[kind](path, [[cell or None for cell in row] for row in rows])
    return read_file(path)


def told(table: Table, *, serious: bool) -> list[str]:
    return [str(problem) for problem in table.problems if problem.serious == serious]


@pytest.mark.parametrize("kind", KINDS)
def test_titles_above_the_headings_are_passed_over_with_a_note(tmp_path: Path, kind: str) -> None:
    table = read(
        tmp_path,
        kind,
        ["Projets suivis par le ministère"],
        [],
        ["Mise à jour", "mai 2024"],
        ["Type", "Nom", "surface_ha", "Latitude"],
        RECORD,
    )
    assert table.rows == ((5, dict(zip(HEADINGS, RECORD, strict=True))),)
    reason = "it stands above the headings, which are in row 4, and isn't read."
    assert told(table, serious=False) == [f"Row 1: {reason}", f"Row 3: {reason}"]
    assert [p.value for p in table.problems] == [
        "Projets suivis par le ministère",
        "Mise à jour mai 2024",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_title_without_headings_is_named_as_one(tmp_path: Path, kind: str) -> None:
    with pytest.raises(
        RegistryError, match=r"Row 1 of 'a\.\w+' holds only 'Our sites', as a title"
    ):
        read(tmp_path, kind, ["Our sites"], ["Site", "Area"], ["A", "12"])


@pytest.mark.parametrize("kind", KINDS)
def test_headings_that_stand_again_are_passed_over(tmp_path: Path, kind: str) -> None:
    table = read(tmp_path, kind, HEADINGS, RECORD, HEADINGS, RECORD)
    assert [row.number for row in table.rows] == [2, 4]
    assert told(table, serious=False) == ["Row 3: it repeats the headings and isn't read."]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_units_is_passed_over_if_they_are_those_of_the_fields(
    tmp_path: Path, kind: str
) -> None:
    units = ["(texte)", "", "(ha)", "degrés décimaux"]
    table = read(tmp_path, kind, HEADINGS, units, RECORD)
    assert [row.number for row in table.rows] == [3]
    assert told(table, serious=False) == [
        "Row 2: it holds the units of the fields ('ha', 'degrés décimaux') and isn't read."
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("units", "what"),
    [
        (["", "", "km²", "°"], "'surface_ha' is in ha, not in 'km²'"),
        (["", "", "[acres]"], "'surface_ha' is in ha, not in 'acres'"),
        (["", "ha", "ha"], "'name' has no unit, not in 'ha'"),
    ],
)
def test_other_units_are_an_error(tmp_path: Path, kind: str, units: list[str], what: str) -> None:
    """Else a thousand km² would become a thousand hectares."""
    table = read(tmp_path, kind, HEADINGS, [*units, *[""] * (4 - len(units))], RECORD)
    (fault,) = told(table, serious=True)
    assert what in fault
    assert fault.endswith("convert the values below, and delete the row.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_never_taken_for_something_else(tmp_path: Path, kind: str) -> None:
    """Not the first of a table with one heading, nor a record whose texts are labels."""
    assert read(tmp_path, kind, ["name"], ["name"], ["place"], ["x"]).columns == ("name",)
    table = read(tmp_path, kind, HEADINGS, ["project", "Type", "1", "2"], RECORD)
    assert [row.number for row in table.rows] == [2, 3]


fields_of_records = st.lists(st.sampled_from(sorted(fields())), min_size=2, max_size=8, unique=True)
titles = st.lists(
    st.lists(st.sampled_from(["", "Liste 2024", "Ministère", "12", "Name"]), max_size=3), max_size=5
)


@given(above=titles, columns=fields_of_records, lang=st.sampled_from(["en", "fr", "es"]))
def test_headings_are_found_below_any_titles(
    above: list[list[str]], columns: list[str], lang: str
) -> None:
    labels = [fields()[name].label[lang] for name in columns]
    rows = [*above, labels, ["x"] * len(columns)]
    found = headed((RawRow(n, row) for n, row in enumerate(rows, start=1)), "a.csv")
    assert list(found.header.cells) == labels
    assert [row.number for row in found.rows] == [len(rows)]
    assert len(found.notes) == sum(any(cell.strip() for cell in row) for row in above)


# ------------------------------------------------------------------------------- sep=


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "\\t"])
@pytest.mark.parametrize(
    "line", ["sep={}\n", "SEP={}\r\n", '"sep={}"\n', "sep={};;;\n", "\ufeffsep={}\n"]
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-8-sig"])
def test_the_line_that_states_the_delimiter_is_obeyed(
    tmp_path: Path, delimiter: str, line: str, codec: str
) -> None:
    """And isn't counted, as Excel doesn't show it."""
    own = delimiter.replace("\\t", "\t")
    text = f"{own.join(HEADINGS)}\n{own.join(RECORD)}\n"
    path = tmp_path / "a.csv"
    path.write_bytes((line.format(delimiter) + text).encode(codec))
    assert read_file(path).rows == ((2, dict(zip(HEADINGS, RECORD, strict=True))),)


def test_a_stated_delimiter_wins_over_the_likely_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=;\nname;place\nA;a,b,c\n")
    assert read_file(path).rows[0].cells == {"name": "A", "place": "a,b,c"}


def test_the_delimiter_is_found_below_a_title(tmp_path: Path) -> None:
    assert _delimiter("Projects, sites, and partners, 2024\n\ntype;name\nproject;A\n") == ";"


def test_unicode_text_of_excel_is_read(tmp_path: Path) -> None:
    """UTF-16 with tabs, and an ending of its own."""
    path = tmp_path / "a.txt"
    path.write_bytes("type\tname\r\nproject\tForêt\r\n".encode("utf-16"))
    assert read_file(path).rows[0].cells["name"] == "Forêt"
