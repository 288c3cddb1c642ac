"""Sheets of XLSX, ODS and XLS: the same cells give the same text, and nothing is lost silently."""

from __future__ import annotations

import datetime as dt
import importlib
import string
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import (
    MAKERS,
    MANIFEST,
    Error,
    Formula,
    Made,
    Month,
    Percent,
    ods_cell,
    ods_of,
    ods_table,
    xls,
    xls_stream,
    xlsx,
)

from hotspots.errors import RegistryError
from hotspots.registry.formats import xlsx_marks
from hotspots.registry.formats.compound_file import CompoundFile, compound_file
from hotspots.registry.formats.read import Table, read_file

KINDS = tuple(MAKERS)
HEADINGS = ("id", "name", "place", "surface_ha", "start")

days = st.dates(dt.date(1900, 3, 1), dt.date(2100, 1, 1))
# What XML or a cell holds; blanks at the ends are no part of a value.
texts = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=20
)
numbers = st.one_of(
    st.integers(-(10**14), 10**14),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.decimals(-1000, 1000, places=3).map(float),
)
values = st.one_of(
    st.none(),
    texts,
    st.from_regex(r"0[0-9]{1,6}", fullmatch=True),  # a number for a program, but a text
    numbers,
    st.booleans(),
    st.floats(0, 1).map(Percent),
    days,
    days.map(Month),
    st.builds(dt.datetime.combine, days, st.times().map(lambda at: at.replace(microsecond=0))),
)
rows_of_values = st.lists(st.lists(values, min_size=5, max_size=5), max_size=6)


def made(folder: Path, kind: str, *rows: Any, **more: Any) -> Table:
    path = MAKERS[kind](folder / f"a.{kind}", [HEADINGS, *rows], Made(**more))
    return read_file(path)


def told(table: Table) -> list[tuple[int, str, str]]:
    return [(p.row, p.column, p.reason.split(";")[0]) for p in table.problems if p.serious]


def notes(table: Table) -> list[str]:
    return [str(p) for p in table.problems if not p.serious]


# ------------------------------------------------------------------------------- values of cells


@pytest.fixture(scope="module")
def plain(repo: Path) -> Iterator[ModuleType]:
    """The benchmark, which has the plain way of reading."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repo))
        yield importlib.import_module("benchmarks.sheets")


@settings(max_examples=150)
@given(rows=rows_of_values)
def test_xlsx_is_read_as_openpyxl_reads_it(plain: ModuleType, rows: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = xlsx(Path(folder) / "a.xlsx", [HEADINGS, *rows])
        assert read_file(path).rows == plain.plain_table(path).rows


@settings(max_examples=100)
@given(rows=rows_of_values)
def test_the_three_kinds_of_sheets_say_the_same(rows: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = [made(Path(folder), kind, *rows) for kind in KINDS]
    assert found[0].rows == found[1].rows == found[2].rows
    assert not any(table.problems for table in found if notes(table) == [])


@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_all_types(tmp_path: Path, kind: str) -> None:
    table = made(
        tmp_path,
        kind,
        ["0012", 12, True, 12.0, dt.date(2018, 5, 31)],
        ["a\nb", 0.1 + 0.2, False, Percent(0.125), Month(dt.date(2018, 5, 1))],
        ["+33", 123456789012345, 1e-7, 1234567890123456, dt.datetime(2018, 5, 31, 12, 30)],
        ["é 🌱", dt.time(12, 30), -3, 1e20, dt.date(1900, 3, 1)],
    )
    assert [tuple(cells.values()) for _, cells in table.rows] == [
        ("0012", "12", "true", "12", "2018-05-31"),
        ("a\nb", "0.30000000000000004", "false", "0.125", "2018-05"),
        ("+33", "123456789012345", "1e-07", "1234567890123456", "2018-05-31T12:30:00"),
        ("é 🌱", "12:30:00", "-3", "1e+20", "1900-03-01"),
    ]


@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_both_calendars_give_the_day_that_is_shown(tmp_path: Path, kind: str) -> None:
    day, moment = dt.date(2018, 5, 31), dt.datetime(2018, 5, 31, 6, 15)
    for has_1904 in (False, True):
        table = made(tmp_path, kind, ["a", None, moment, None, day], has_1904=has_1904)
        assert table.rows[0][1]["start"] == "2018-05-31"
        assert table.rows[0][1]["place"] == "2018-05-31T06:15:00"


def test_the_first_days_of_1900_are_those_of_excel(tmp_path: Path) -> None:
    """Its calendar has a 29 February 1900; the days before are counted one less."""
    book = openpyxl.Workbook()
    book.active.append(["start"])
    for serial in (1, 58, 59, 61, 367):
        book.active.append([serial])
        book.active.cell(book.active.max_row, 1).number_format = "yyyy-mm-dd"
    book.save(tmp_path / "a.xlsx")
    found = [cells["start"] for _, cells in read_file(tmp_path / "a.xlsx").rows]
    assert found == ["1900-01-01", "1900-02-27", "1900-02-28", "1900-03-01", "1901-01-01"]


def test_a_number_of_more_digits_than_a_float_has_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    xlsx(path, [["id", "name"], ["a", 12345678901234567890], ["b", 7]])
    assert [cells["name"] for _, cells in read_file(path).rows] == ["12345678901234567890", "7"]
    row = "<table:table-row>{}</table:table-row>"
    cells = row.format(ods_cell("name")) + row.format(ods_cell(12345678901234567890))
    path = ods_of(tmp_path / "a.ods", ods_table("a", cells))
    assert read_file(path).rows[0][1]["name"] == "12345678901234567890"


def test_what_looks_like_an_escape_is_read_once(tmp_path: Path) -> None:
    """XLSX writes "_x0041_" as "_x005F_x0041_"; beyond Latin-1 the library leaves escapes."""
    for text in ("plot_x1234_a", "_x0041_", "_x005F_", "a_xb"):
        raw = text.replace("_x", "_x005F_x") if text != "a_xb" else text
        xlsx(tmp_path / "a.xlsx", [["id", "name"], ["a", raw]])
        assert read_file(tmp_path / "a.xlsx").rows[0][1]["name"] == text


# ------------------------------------------------------------------------------- what spoils a row


@pytest.mark.parametrize("kind", KINDS)
def test_formulas_and_errors_are_named_and_spoil_their_rows_alone(
    tmp_path: Path, kind: str
) -> None:
    table = made(
        tmp_path,
        kind,
        ["a", "x", None, Formula("1+1"), None],
        ["b", Error("#N/A"), None, 1, None],
        ["c", "x", None, Formula("1+1", 2.0), Error("#REF!")],
        ["d", "x", None, 1, None],
        [None, None, None, None, Formula("A1")],
    )
    formula, error = "it contains a formula", "it contains the error #N/A"
    assert told(table) == [
        (2, "surface_ha", formula),
        (3, "name", error),
        (4, "surface_ha", formula),
        (4, "start", "it contains the error #REF!"),
        (6, "start", formula),
    ]
    assert [cells["id"] for _, cells in table.rows] == ["d"]
    assert [dict(cells).get("surface_ha") for _, cells in table.spoiled][:2] == [None, "1"]


@pytest.mark.parametrize("kind", KINDS)
def test_merged_cells_spoil_rows_below_the_headings_only(tmp_path: Path, kind: str) -> None:
    rows = [["My sites", None, None], HEADINGS, ["a", "x"], ["b", "y"], ["c", "z"]]
    path = tmp_path / f"a.{kind}"
    if kind == "ods":
        wide = '<table:table-cell table:number-columns-spanned="5" office:value-type="string"'
        tall = '<table:table-cell table:number-rows-spanned="2" office:value-type="string"'
        title = f"{wide}><text:p>My sites</text:p></table:table-cell>"
        covered = f"{ods_cell('a')}{tall}><text:p>x</text:p></table:table-cell>"
        lines = [title, "".join(map(ods_cell, HEADINGS)), covered]
        lines += [f"{ods_cell('b')}<table:covered-table-cell/>", "".join(map(ods_cell, rows[4]))]
        row = "<table:table-row>{}</table:table-row>"
        ods_of(path, ods_table("a", "".join(map(row.format, lines))))
    else:
        MAKERS[kind](path, rows, Made(merged=("A1:E1", "B3:B4")))
    table = read_file(path)
    assert told(table) == [(3, "", "cells are merged in it"), (4, "", "cells are merged in it")]
    assert [cells["id"] for _, cells in table.rows] == ["c"]


# ------------------------------------------------------------------------------- sheets and rows


@pytest.mark.parametrize("kind", KINDS)
def test_the_sheet_with_most_headings_is_read_and_the_others_are_named(
    tmp_path: Path, kind: str
) -> None:
    more = {"b": [["id", "name", "web"], ["b", "y", "z"]], "c": [["id", "name"], ["c", "z"]]}
    path = tmp_path / f"a.{kind}"
    MAKERS[kind](path, [["Notes"], ["a"]], Made(more=more, hidden_sheets=frozenset({"c"})))
    table = read_file(path)
    assert [cells["id"] for _, cells in table.rows] == ["b"]
    assert notes(table) == ["Row 1: only the sheet 'b' is read, not 'c'; --sheet names another."]
    assert read_file(path, sheet="c").rows[0][1]["id"] == "c"
    with pytest.raises(RegistryError, match="has no sheet 'd'"):
        read_file(path, sheet="d")


def test_a_sheet_that_is_too_wide_keeps_no_other_out(tmp_path: Path) -> None:
    wide = [["x"] * 1_100]
    path = xlsx(tmp_path / "a.xlsx", wide, Made(more={"mine": [["id", "name"], ["a", "x"]]}))
    assert read_file(path).rows == ((2, {"id": "a", "name": "x"}),)
    path = xlsx(tmp_path / "b.xlsx", wide, Made(more={"wide": wide}))
    with pytest.raises(RegistryError, match="a cell in column 1,100"):
        read_file(path)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_rows_are_read_and_named(tmp_path: Path, kind: str) -> None:
    table = made(tmp_path, kind, ["a", "x"], ["b", "y"], ["c", "z"], hidden_rows=frozenset({3}))
    assert [cells["id"] for _, cells in table.rows] == ["a", "b", "c"]
    assert notes(table) == ["Row 3: hidden rows are read like the others: 3."]


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_may_begin_anywhere(tmp_path: Path, kind: str) -> None:
    path = MAKERS[kind](
        tmp_path / f"a.{kind}",
        [[None], [None], [None, None, "id", "name"], [None], [None, None, "a", "x"]],
    )
    assert read_file(path).rows == ((5, {"id": "a", "name": "x"}),)


# ------------------------------------------------------------------------------- ODS


def line(*cells: str, repeated: int = 1) -> str:
    count = f'table:number-rows-repeated="{repeated}"'
    return f"<table:table-row {count}>{''.join(cells)}</table:table-row>"


def test_repeated_cells_and_rows_stand_where_they_are_shown(tmp_path: Path) -> None:
    start = "<table:table-cell"
    twice = ods_cell("same").replace(start, f'{start} table:number-columns-repeated="2"')
    far = '<table:table-cell table:number-columns-repeated="16000"/>'
    rows = [
        line(*map(ods_cell, HEADINGS), far),
        line(ods_cell("a"), twice),
        line(far, repeated=3),
        line(ods_cell("b"), ods_cell("x"), repeated=2),
        line(far, repeated=1_000_000),
    ]
    table = read_file(ods_of(tmp_path / "a.ods", ods_table("a", "".join(rows))))
    assert [(n, cells["id"], cells["place"]) for n, cells in table.rows] == [
        (2, "a", "same"),
        (6, "b", ""),
        (7, "b", ""),
    ]


def test_the_text_of_a_cell_is_what_it_shows(tmp_path: Path) -> None:
    """Not a comment, nor a drawing; blanks, tabs and lines as they are typed."""
    inside = (
        "<office:annotation><text:p>a comment</text:p></office:annotation><text:p>one<text:s "
        'text:c="3"/>two<text:tab/><text:span>three</text:span><text:line-break/>four</text:p>'
        "<text:p>\n  five</text:p><draw:frame><draw:text-box><text:p>drawn</text:p></draw:text-box>"
        "</draw:frame>"
    )
    cell = f'\n <table:table-cell office:value-type="string">{inside}</table:table-cell>\n'
    rows = line("\n", ods_cell("name"), "\n") + line(cell)
    table = read_file(ods_of(tmp_path / "a.ods", ods_table("a", rows)))
    assert table.rows[0][1]["name"] == "one   two\tthree\nfour\n five"


def test_a_password_is_told(tmp_path: Path) -> None:
    locked = MANIFEST.replace("/>", "><manifest:encryption-data/></manifest:manifest>")
    path = ods_of(tmp_path / "a.ods", "", locked)
    with pytest.raises(RegistryError, match="protected by a password"):
        read_file(path)
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("encrypted-package", b"x")
    with pytest.raises(RegistryError, match="holds a file with a password"):
        read_file(path)
    stream = xls_stream([HEADINGS])
    at = stream.index(b"\x42\0\x02\0")  # the record of the code page
    path = tmp_path / "a.xls"
    path.write_bytes(compound_file("Workbook", stream[:at] + b"\x2f\0\x02\0\1\0" + stream[at:]))
    with pytest.raises(RegistryError, match="protected by a password"):
        read_file(path)


# ------------------------------------------------------------------------------- how it is done


@settings(max_examples=60)
@given(rows=rows_of_values)
def test_patterns_and_parser_find_the_same_extent(rows: list[list[Any]]) -> None:
    """A plain sheet is recognised by patterns; the parser is the plain way."""
    shown = [[v.day if isinstance(v, Month) else v for v in row] for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = xlsx(Path(folder) / "a.xlsx", [HEADINGS, *shown])
        with zipfile.ZipFile(path) as opened:
            parts = xlsx_marks.workbook_parts(opened, "a.xlsx")
            fast = xlsx_marks._plain_marks(opened, parts.paths[0], 1)
            plain = xlsx_marks._parsed_marks(opened, parts.paths[0], parts)
    assert fast is not None
    assert (fast.rows, fast.columns) == (plain.rows, plain.columns)
    assert not plain.faults
    assert not plain.merged


@pytest.mark.parametrize(
    "odd",
    [
        "<row r='2'><c r='A2'><f>1</f><v>1</v></c></row>",
        '<row r="2"><c r="A2"><!-- a --><f>1</f><v>1</v></c></row>',
        '<row r="2"><c><f>1</f><v>1</v></c></row>',
        '<row r="2"><c\nr="A2"><f>1</f></c></row>',
        '<x:row xmlns:x="{ns}" r="2"><x:c r="A2"><x:f>1</x:f><x:v>1</x:v></x:c></x:row>',
        '<row><c><v/></c></row><row r="2"><c r="A2" t="n"><f/><v>3</v></c></row>',
    ],
)
def test_a_formula_is_found_however_it_is_written(tmp_path: Path, odd: str) -> None:
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    path = xlsx(tmp_path / "a.xlsx", [["name"]])
    with zipfile.ZipFile(path) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    head = '<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c></row>'
    rows = f"<sheetData>{head}{odd.replace('{ns}', namespace)}</sheetData>"
    parts["xl/worksheets/sheet1.xml"] = (
        f'<worksheet xmlns="{namespace}">{rows}</worksheet>'.encode()
    )
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in parts.items():
            opened.writestr(name, data)
    assert told(read_file(path)) == [(2, "name", "it contains a formula")]


@settings(max_examples=20)
@given(size=st.sampled_from([0, 1, 4095, 4096, 65_024, 7_000_000, 7_200_000, 16_000_000]))
def test_a_stream_comes_out_of_a_compound_file_as_it_went_in(size: int) -> None:
    """The greater ones have more sectors than the header has places for."""
    content = bytes(range(256)) * (size // 256 + 1)
    found = CompoundFile(compound_file("Workbook", content[:size])).stream("Workbook")
    assert found == content[:size].ljust(4096, b"\0")


def test_texts_that_continue_in_another_record_are_counted(tmp_path: Path) -> None:
    """A text may be divided; its second part then says anew how wide its characters are."""
    long = string.ascii_letters * 300
    stream = xls_stream([["id", "name"], ["a", "mark"]])
    mark = "mark".encode("utf-16-le")
    head, tail = stream.split(b"\x04\0\x01" + mark)
    at = head.rindex(b"\xfc\0")
    begun = head[at + 4 :] + len(long).to_bytes(2, "little") + b"\0" + long[:8000].encode()
    rest = b"\0" + long[8000:].encode()
    shared = b"\xfc\0" + len(begun).to_bytes(2, "little") + begun
    shared += b"\x3c\0" + len(rest).to_bytes(2, "little") + rest
    grown = head[:at] + shared + tail
    moved = len(grown) - len(stream)
    place = grown.index(b"\x85\0") + 4
    number = int.from_bytes(grown[place : place + 4], "little") + moved
    grown = grown[:place] + number.to_bytes(4, "little") + grown[place + 4 :]
    path = tmp_path / "a.xls"
    path.write_bytes(compound_file("Workbook", grown))
    assert read_file(path).rows[0][1]["name"] == long
    assert xls(path, [["id"], ["a"]]).exists()
