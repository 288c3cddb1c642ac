"""Sheets that are damaged, or lie about themselves: a sentence, or what is really in them."""

from __future__ import annotations

import datetime as dt
import struct
import tempfile
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import MAKERS, Error, Formula, Made, Month, ods_of, ods_table, xls_stream, xlsx

from hotspots.errors import BadInputError, RegistryError
from hotspots.registry.formats.compound_file import CompoundFile, compound_file
from hotspots.registry.formats.read import read_file

ROWS = [
    ["id", "name", "place", "surface_ha", "start"],
    ["a", "x\ny", True, 1.5, Month(dt.date(2018, 5, 1))],
    ["b", Error("#N/A"), None, Formula("1"), dt.datetime(2018, 1, 1, 3)],
]
CODE_PAGE = b"\x42\0\x02\0"


@cache  # a workbook holds the time when it was made
def whole(kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made = Made(more={"z": [["id"]]}, hidden_rows=frozenset({2}), merged=("A1:B1",))
        return MAKERS[kind](Path(folder) / f"a.{kind}", ROWS, made).read_bytes()


def read(data: bytes, kind: str) -> None:
    """Read a file; its refusal is as good as its reading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{kind}"
        path.write_bytes(data)
        with suppress(RegistryError, BadInputError):
            read_file(path)


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_file_that_is_cut_or_changed_gives_a_sentence(kind: str, data: st.DataObject) -> None:
    sound = bytearray(whole(kind))
    places = st.integers(0, len(sound) - 1)
    for at, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        sound[at] = byte
    read(bytes(sound[: data.draw(places)] if data.draw(st.booleans()) else sound), kind)


@settings(max_examples=80)
@given(data=st.data())
def test_a_changed_part_gives_a_sentence(data: st.DataObject) -> None:
    """The changes lie within the sheet, not in the packing, whose checksum would tell."""
    kind = data.draw(st.sampled_from(sorted(MAKERS)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{kind}"
        path.write_bytes(whole(kind))
        if kind == "xls":
            stream = CompoundFile(path.read_bytes()).stream("Workbook")
            path.write_bytes(compound_file("Workbook", changed(data, stream)))
        else:
            with zipfile.ZipFile(path) as opened:
                parts = {name: opened.read(name) for name in opened.namelist()}
            chosen = data.draw(st.sampled_from(sorted(parts)))
            parts[chosen] = changed(data, parts[chosen])
            with zipfile.ZipFile(path, "w") as opened:
                for name, part in parts.items():
                    opened.writestr(name, part)
        read(path.read_bytes(), kind)


def changed(data: st.DataObject, part: bytes) -> bytes:
    made = bytearray(part or b" ")
    bytes_ = st.one_of(st.sampled_from(list(b"<>\"'/= 09aZ&\0\xff")), st.integers(0, 255))
    places = st.integers(0, len(made) - 1)
    for at, byte in data.draw(st.lists(st.tuples(places, bytes_), min_size=1, max_size=4)):
        made[at] = byte
    return bytes(made[: data.draw(places)] if data.draw(st.booleans()) else made)


def test_a_panic_of_compiled_code_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A record that is too short for what it must hold."""
    stream = xls_stream([["id"], ["a"]]).replace(CODE_PAGE, b"\x42\0\0\0\xff\0\x02\0", 1)
    place = stream.index(b"\x85\0") + 4
    (number,) = struct.unpack_from("<I", stream, place)
    stream = stream[:place] + struct.pack("<I", number + 4) + stream[place + 4 :]
    path = tmp_path / "a.xls"
    path.write_bytes(compound_file("Workbook", stream))
    with pytest.raises(RegistryError) as raised:
        read_file(path)
    assert str(raised.value) == (
        "'a.xls' can't be read as XLS (it is damaged). Save it again from a spreadsheet program."
    )
    assert type(raised.value.__cause__).__name__ == "PanicException"
    assert capfd.readouterr() == ("", "")


def test_a_stated_extent_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """Nor to allocate it."""
    stream = xls_stream([["id"], ["a"]])
    extent = stream.index(b"\0\x02\x0e\0") + 4
    path = tmp_path / "a.xls"
    path.write_bytes(
        compound_file("Workbook", stream[:extent] + b"\xff" * 12 + stream[extent + 12 :])
    )
    assert read_file(path).rows == ((2, {"id": "a"}),)


def test_counts_of_repeated_cells_that_are_no_counts(tmp_path: Path) -> None:
    cell = '<table:table-cell table:number-columns-repeated="-5" office:value-type="string">'
    rows = f"<table:table-row>{cell}<text:p>id</text:p></table:table-cell></table:table-row>"
    assert read_file(ods_of(tmp_path / "a.ods", ods_table("a", rows))).columns == ("id",)
    path = ods_of(tmp_path / "b.ods", ods_table("a", rows.replace("-5", "many")))
    with pytest.raises(RegistryError, match="can't be read as ODS"):
        read_file(path)


def test_content_that_is_far_from_the_table_is_named(tmp_path: Path) -> None:
    """A style down to the last row is no content, as some programs write it."""
    rows: list[list[object]] = [["id"], ["a"]]
    path = xlsx(tmp_path / "a.xlsx", rows)
    with zipfile.ZipFile(path) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    for cell, told in (
        ('<c r="XFD1048576" s="0"/>', ""),
        ('<c r="A1048576"><v>1</v></c>', "its last cell is in row 1,048,576. Delete"),
        ('<c r="XFD3"><v>1</v></c>', "holds a cell in column 16,384; at most 1,000"),
        ('<c r="ALL150000"><v>1</v></c>', "extend over 150,000,000 cells; at most 20,000,000"),
    ):
        number = "".join(filter(str.isdigit, cell.split('"')[1]))
        row = f'<row r="{number}">{cell}</row></sheetData>'.encode()
        with zipfile.ZipFile(path, "w") as opened:
            for name, data in parts.items():
                new = data.replace(b"</sheetData>", row) if name == sheet else data
                opened.writestr(name, new)
        if told:
            with pytest.raises(RegistryError, match=told):
                read_file(path)
        else:
            assert read_file(path).rows == ((2, {"id": "a"}),)
