"""Workbooks for tests: ODS as LibreOffice writes it, and XLS (BIFF 8), from plain values.

A value's type makes the cell's: text, number, bool, date, datetime, time, `Percent`, `Month`,
`Formula` (with a stored result) or `Error`; None is an empty cell.
"""

from __future__ import annotations

import datetime as dt
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import openpyxl

from hotspots.registry.formats.compound_file import compound_file

Rows = Sequence[Sequence[Any]]


class Percent(NamedTuple):
    """A number that is shown in percent."""

    value: float


class Month(NamedTuple):
    """A day that is shown as its month and year."""

    day: dt.date


class Formula(NamedTuple):
    """A formula, and the result that a program stored, if any."""

    text: str
    result: float | None = None


class Error(NamedTuple):
    """An error such as #N/A."""

    text: str


@dataclass(frozen=True)
class Made:
    """What a workbook has beside its first sheet's rows."""

    more: dict[str, Rows] = field(default_factory=dict)
    hidden_sheets: frozenset[str] = frozenset()
    hidden_rows: frozenset[int] = frozenset()  # of the first sheet, from 1
    merged: tuple[str, ...] = ()  # "A1:C1", of the first sheet
    has_1904: bool = False


PLAIN = Made()

# --------------------------------------------------------------------------------------------- XLSX


def xlsx(path: Path, rows: Rows, made: Made = PLAIN) -> Path:
    book = openpyxl.Workbook()
    if made.has_1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    first = book.active
    first.title = "first"
    _fill(first, rows)
    for title, more in made.more.items():
        _fill(book.create_sheet(title), more)
    for title in made.hidden_sheets:
        book[title].sheet_state = "hidden"
    for row in made.hidden_rows:
        first.row_dimensions[row].hidden = True
    for area in made.merged:
        first.merge_cells(area)
    book.save(path)
    return path


def _fill(sheet: Any, rows: Rows) -> None:
    for at, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            _put(sheet.cell(at, column), value)


def _put(cell: Any, value: Any) -> None:
    if isinstance(value, Percent):
        cell.value, cell.number_format = value.value, "0%"
        cell._value = repr(value.value)
    elif isinstance(value, Month):
        cell.value, cell.number_format = value.day, "mmm yyyy"
    elif isinstance(value, Formula):
        cell.value = f"={value.text}"
    elif isinstance(value, Error):
        cell.value, cell.data_type = value.text, "e"
    else:
        cell.value = value
        if isinstance(value, str):
            cell.data_type = "s"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            cell._value = repr(value)  # of its own accord openpyxl writes 16 digits


# ---------------------------------------------------------------------------------------------- ODS

_NAMES = {
    "office": "office",
    "table": "table",
    "text": "text",
    "style": "style",
    "number": "datastyle",
    "draw": "drawing",
}
_HEAD = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in _NAMES.items()
)
_CALC = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
_STYLES = """<office:automatic-styles><number:date-style style:name="N1"><number:month/>
<number:year number:style="long"/></number:date-style><style:style style:name="month"
style:family="table-cell" style:data-style-name="N1"/><style:style style:name="off"
style:family="table"><style:table-properties table:display="false"/></style:style>
</office:automatic-styles>"""
MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"
MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
)


def ods(path: Path, rows: Rows, made: Made = PLAIN) -> Path:
    sheets = {"first": rows, **made.more}
    tables = [
        ods_table(
            title,
            "".join(
                _ods_row(row, at == 0 and number in made.hidden_rows)
                for number, row in enumerate(cells, start=1)
            ),
            title in made.hidden_sheets,
        )
        for at, (title, cells) in enumerate(sheets.items())
    ]
    return ods_of(path, "".join(tables))


def ods_table(title: str, rows: str, hidden: bool = False) -> str:
    style = ' table:style-name="off"' if hidden else ""
    return f"<table:table table:name={quoteattr(title)}{style}>{rows}</table:table>"


def ods_of(path: Path, tables: str, manifest: str = MANIFEST) -> Path:
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_HEAD} {_CALC}>{_STYLES}'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("mimetype", MIMETYPE, zipfile.ZIP_STORED)
        opened.writestr("META-INF/manifest.xml", manifest)
        opened.writestr("content.xml", content)
    return path


def _ods_row(row: Sequence[Any], is_hidden: bool) -> str:
    state = ' table:visibility="collapse"' if is_hidden else ""
    return f"<table:table-row{state}>{''.join(map(ods_cell, row))}</table:table-row>"


def ods_cell(value: Any) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, Error):
        return (
            '<table:table-cell office:value-type="string" calcext:value-type="error">'
            f"<text:p>{value.text}</text:p></table:table-cell>"
        )
    formula = ""
    if isinstance(value, Formula):
        formula, value = f" table:formula={quoteattr(f'of:={value.text}')}", value.result or 0.0
    kind, attributes = _ods_value(value)
    shown = "".join(f"<text:p>{_ods_text(p)}</text:p>" for p in str(value).split("\n"))
    style = ' table:style-name="month"' if isinstance(value, Month) else ""
    return (
        f'<table:table-cell{style}{formula} office:value-type="{kind}"{attributes}>{shown}'
        "</table:table-cell>"
    )


def _ods_value(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return "boolean", f' office:boolean-value="{str(value).lower()}"'
    if isinstance(value, Percent):
        return "percentage", f' office:value="{value.value!r}"'
    if isinstance(value, int | float):
        return "float", f' office:value="{value!r}"'
    if isinstance(value, Month):
        return "date", f' office:date-value="{value.day.isoformat()}"'
    if isinstance(value, dt.date):
        return "date", f' office:date-value="{value.isoformat()}"'
    if isinstance(value, dt.time):
        return "time", f' office:time-value="PT{value:%HH%MM%S}S"'
    return "string", ""


def _ods_text(text: str) -> str:
    """Return the text of a paragraph, in which runs of blanks are elements."""
    shown = escape(text).replace("\t", "<text:tab/>")
    return shown.replace("  ", '<text:s text:c="2"/>')


# ---------------------------------------------------------------------------------------------- XLS

# Styles by their position: the number of a format each.
_MONTHS, _XFS = 164, (0, 14, 22, 21, 9, 164)
_DAY, _MOMENT, _TIME, _PERCENT, _MONTH = 1, 2, 3, 4, 5
_EPOCHS = {False: dt.datetime(1899, 12, 30), True: dt.datetime(1904, 1, 1)}
_CODES = {"#NULL!": 0, "#DIV/0!": 7, "#VALUE!": 15, "#REF!": 23, "#NAME?": 29, "#NUM!": 36}
_MOST = 8_224  # bytes of a record


def record(kind: int, data: bytes = b"") -> bytes:
    """Return a record; what is too long for it goes into continuations."""
    made = struct.pack("<HH", kind, len(data[:_MOST])) + data[:_MOST]
    for at in range(_MOST, len(data), _MOST):
        piece = data[at : at + _MOST]
        made += struct.pack("<HH", 0x3C, len(piece)) + piece
    return made


def begin(what: int) -> bytes:
    return record(0x0809, struct.pack("<HHHHII", 0x0600, what, 0x0DBB, 0x07CC, 0, 6))


END = record(0x000A)


def xls(path: Path, rows: Rows, made: Made = PLAIN) -> Path:
    path.write_bytes(compound_file("Workbook", xls_stream(rows, made)))
    return path


def xls_stream(rows: Rows, made: Made = PLAIN) -> bytes:
    texts: dict[str, int] = {}
    first = b"".join(_xls_row_state(row) for row in sorted(made.hidden_rows))
    bodies = [_xls_sheet(rows, texts, made, first, _xls_merged(made.merged))]
    bodies += [_xls_sheet(more, texts, made) for more in made.more.values()]
    return _workbook(["first", *made.more], bodies, texts, made)


def _xls_sheet(
    rows: Rows, texts: dict[str, int], made: Made, before: bytes = b"", after: bytes = b""
) -> bytes:
    extent = record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, 200, 0))
    cells = b"".join(
        _xls_cell(number, column, value, texts, made.has_1904)
        for number, row in enumerate(rows)
        for column, value in enumerate(row)
    )
    return begin(0x10) + extent + before + cells + after + END


def _xls_row_state(row: int) -> bytes:
    return record(0x0208, struct.pack("<HHHHHHHH", row - 1, 0, 1, 255, 0, 0, 0x20, 0))


def _xls_merged(areas: Sequence[str]) -> bytes:
    found = [openpyxl.utils.range_boundaries(area) for area in areas]
    raw = [
        struct.pack("<4H", top - 1, low - 1, left - 1, right - 1) for left, top, right, low in found
    ]
    return record(0x00E5, struct.pack("<H", len(raw)) + b"".join(raw))


def _workbook(titles: list[str], bodies: list[bytes], texts: dict[str, int], made: Made) -> bytes:
    head = begin(0x05) + record(0x0042, struct.pack("<H", 1200))
    head += record(0x0022, struct.pack("<H", made.has_1904))
    head += record(0x041E, struct.pack("<HHB", _MONTHS, 8, 0) + b"mmm yyyy")
    head += b"".join(record(0x00E0, struct.pack("<HHHHHHII", 0, n, 0, 0, 0, 0, 0, 0)) for n in _XFS)
    shared = struct.pack("<II", len(texts), len(texts)) + b"".join(map(_xls_text, texts))
    rest = record(0x00FC, shared) + END
    place = len(head) + sum(len(_bound(title, 0, False)) for title in titles) + len(rest)
    bounds = b""
    for title, body in zip(titles, bodies, strict=True):
        bounds += _bound(title, place, title in made.hidden_sheets)
        place += len(body)
    return head + bounds + rest + b"".join(bodies)


def _bound(title: str, place: int, is_hidden: bool) -> bytes:
    name = struct.pack("<BB", len(title), 1) + title.encode("utf-16-le")
    return record(0x0085, struct.pack("<IBB", place, is_hidden, 0) + name)


def _xls_text(text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return struct.pack("<HB", len(raw) // 2, 1) + raw


def _xls_cell(row: int, column: int, value: Any, texts: dict[str, int], has_1904: bool) -> bytes:
    def at(style: int) -> bytes:
        return struct.pack("<HHH", row, column, style)

    def number(style: int, value: float) -> bytes:
        return record(0x0203, at(style) + struct.pack("<d", value))

    if value is None:
        return b""
    if isinstance(value, bool):
        return record(0x0205, at(0) + struct.pack("<BB", value, 0))
    if isinstance(value, Error):
        return record(0x0205, at(0) + struct.pack("<BB", _CODES.get(value.text, 42), 1))
    if isinstance(value, Formula):
        tokens = struct.pack("<HBH", 3, 0x1E, 1)  # the formula =1
        return record(0x0006, at(0) + struct.pack("<dHI", value.result or 0.0, 0, 0) + tokens)
    if isinstance(value, str):
        return record(0x00FD, at(0) + struct.pack("<I", texts.setdefault(value, len(texts))))
    if isinstance(value, Percent):
        return number(_PERCENT, value.value)
    if isinstance(value, int | float):
        return number(0, value)
    if isinstance(value, dt.time):
        return number(_TIME, (value.hour * 3600 + value.minute * 60 + value.second) / 86_400)
    style = _MONTH if isinstance(value, Month) else _DAY
    day = value.day if isinstance(value, Month) else value
    if isinstance(day, dt.datetime):
        return number(_MOMENT, (day - _EPOCHS[has_1904]) / dt.timedelta(days=1))
    moment = dt.datetime.combine(day, dt.time())
    return number(style, (moment - _EPOCHS[has_1904]) / dt.timedelta(days=1))


MAKERS = {"xlsx": xlsx, "ods": ods, "xls": xls}
