"""Writing XLSX files of records: text cells as text, numbers with full precision.

A cell has at most 32,767 characters; longer text, such as a footprint, is continued in columns
whose headings end in "(2)", "(3)" and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspots.errors import RegistryError
from hotspots.locale.escaping import like_formula
from hotspots.registry.formats.dropdowns import add_dropdowns
from hotspots.registry.formats.sheet_marks import MOST_ROWS
from hotspots.registry.formats.workbooks import save
from hotspots.registry.schema.fields import fields
from hotspots.registry.schema.records import Record, Value
from hotspots.registry.schema.values import write

if TYPE_CHECKING:
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

MOST_CELL = 16_000  # characters; each may count twice towards Excel's 32,767
_CellValue = str | float | None
NUMBERS = frozenset({"number", "whole"})
_TEXT = "@"  # text format, so that "2018-05" is not converted to a date when typed
_DATES = frozenset({"date", "day", "moment"})
# Characters invalid in XML, which spreadsheets escape as _x0007_; such text is escaped too.
_UNWRITABLE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]")


def write_xlsx(
    path: Path,
    columns: Sequence[str],
    headings: Sequence[str],
    records: Iterable[Record],
    lang: str | None = None,
) -> None:
    """Write records to a sheet, one row each; with `lang`, drop-down lists in that language.

    Parameters
    ----------
    path : Path
        The file to write.
    columns : sequence of str
        Field names, which determine the type and width of each column.
    headings : sequence of str
        Headings, in the order of `columns`.
    records : iterable of mapping
        Field -> value; None or an absent field is an empty cell.
    lang : str, optional
        Language of the drop-down lists; None for no lists.

    Raises
    ------
    RegistryError
        More than `MOST_ROWS` records.
    """
    from openpyxl import Workbook

    rows = [[_value(name, record.get(name)) for name in columns] for record in records]
    if len(rows) > MOST_ROWS:
        raise RegistryError(
            f"{len(rows):,} records are more than the {MOST_ROWS:,} that an XLSX file may hold."
            " Write CSV or GeoPackage."
        )
    extra = _continued(rows)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("records")
    sheet.freeze_panes = "A2"
    for at, name in enumerate(columns, start=1):
        format_column(sheet, at, name)
    more = [f"{headings[at]} ({part + 1})" for at, part in extra]
    sheet.append([*headings, *more])
    for row in rows:
        # The first part is in the field's own column, further parts are behind all fields.
        first = [_cell(sheet, n, _part(v, 0)) for n, v in zip(columns, row, strict=True)]
        rest = [_cell(sheet, columns[at], _part(row[at], part)) for at, part in extra]
        sheet.append(first + rest)
    if lang is not None:
        add_dropdowns(book, sheet, columns, lang, rows=len(rows))
    save(book, path)


def format_column(sheet: Any, at: int, name: str) -> None:
    """Set width and text format of a field's column (`at` counts from 1)."""
    from openpyxl.utils import get_column_letter

    column = sheet.column_dimensions[get_column_letter(at)]
    column.width = 34 if fields()[name].kind in ("text", "area") else 18
    if fields()[name].kind not in NUMBERS:
        column.number_format = _TEXT


def _value(name: str, value: Value) -> _CellValue:
    if isinstance(value, int | float) and fields()[name].kind in NUMBERS:
        return value
    return write(value) or None


def _part(value: _CellValue, part: int) -> _CellValue:
    """Return the part of a text for one cell."""
    if isinstance(value, str):
        return value[part * MOST_CELL : (part + 1) * MOST_CELL] or None
    return value


def _continued(rows: Sequence[Sequence[_CellValue]]) -> list[tuple[int, int]]:
    """Return the continuation cells required by the longest texts: (column position, part)."""
    longest: dict[int, int] = {}
    for row in rows:
        for at, value in enumerate(row):
            if isinstance(value, str) and len(value) > MOST_CELL:
                longest[at] = max(longest.get(at, 0), len(value))
    return [
        (at, part)
        for at, length in sorted(longest.items())
        for part in range(1, -(-length // MOST_CELL))
    ]


def _cell(sheet: WriteOnlyWorksheet, name: str, value: _CellValue) -> object:
    """Return the value to append, or a cell with an explicit type."""
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, float) and float(f"{value:.16g}") != value:
        cell = WriteOnlyCell(sheet, repr(value))  # openpyxl writes 16 digits of a number
        cell.data_type = "n"
        return cell
    if not isinstance(value, str):
        return value
    text = _UNWRITABLE.sub(lambda odd: f"_x{ord(odd.group()):04X}_", value)
    if fields()[name].kind not in _DATES and text[0] not in "=#" and not like_formula(text):
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type, cell.number_format = "s", _TEXT
    return cell
