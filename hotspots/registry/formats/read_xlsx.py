"""Reading XLSX files of records as text; cached results of formulas are not used."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from zipfile import BadZipFile

from hotspots.errors import RegistryError, near_matches
from hotspots.registry.formats.table import CellFault, RawRow, Table, table
from hotspots.registry.formats.workbooks import check_workbook
from hotspots.registry.formats.write_xlsx import MOST_ROWS
from hotspots.registry.schema.fields import field_called
from hotspots.registry.schema.values import write

if TYPE_CHECKING:
    from openpyxl import Workbook

MOST_COLUMNS = 1_000
_LAST_ROW = 1 << 20  # of any sheet
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # XLSX escape of characters invalid in XML
_CONTINUED = re.compile(r"(?P<heading>.+) \((?P<part>\d{1,3})\)", re.DOTALL)


def read_xlsx(path: Path, sheet: str | None = None) -> Table:
    """Read one sheet of an XLSX file: the one named, else the visible one with most headings.

    Raises
    ------
    RegistryError
        Invalid XLSX, unknown sheet, too large, or invalid headings.
    OSError
        It can't be read.
    """
    merged = check_workbook(path)
    # Opened here, so that it is closed even if openpyxl fails.
    with path.open("rb") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions
        book = _opened(opened, path)
        try:
            chosen = _sheet(book, sheet, path.name)
            merged_rows = _covered(
                merged.get(getattr(chosen, "_worksheet_path", "").lstrip("/"), ())
            )
            rows = _rows(chosen, merged_rows, path.name)
            header = next((row for row in rows if any(cell.strip() for cell in row.cells)), None)
            if header is None:
                raise RegistryError(f"'{path.name}' is empty. Give a sheet with a row of headings.")
            headings, owners = _joined_headings(header.cells)
            joined = (_joined(row, owners, len(headings)) for row in rows)
            return table(path.name, headings, joined)
        finally:
            book.close()


def _opened(opened: BinaryIO, path: Path) -> Workbook:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # read_only streams the rows: a sheet isn't held in memory as a whole.
        return load_workbook(opened, read_only=True)
    # Exceptions of openpyxl for malformed workbooks.
    except (
        InvalidFileException,
        BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        SyntaxError,
        AttributeError,
        IndexError,
    ) as fault:
        raise RegistryError(
            f"'{path.name}' can't be read as XLSX ({str(fault)[:80]}). Save it again from a"
            " spreadsheet program."
        ) from fault


def _sheet(book: Workbook, called: str | None, name: str) -> Any:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if called is not None:
        if called not in sheets:
            raise RegistryError(
                f"'{name}' has no sheet '{called}'{near_matches(called, sheets) or ';'} it has"
                f" {', '.join(sheets)}."
            )
        return sheets[called]
    visible = [sheet for sheet in sheets.values() if sheet.sheet_state == "visible"]
    if not visible:
        raise RegistryError(f"'{name}' has no visible sheet. Name one with --sheet.")
    return max(visible, key=lambda sheet: _known(sheet, name))


def _known(sheet: Any, name: str) -> int:
    rows = _rows(sheet, b"", name)
    first = next((row for row in rows if any(cell.strip() for cell in row.cells)), None)
    return sum(field_called(cell) is not None for cell in first.cells) if first else 0


def _covered(spans: Iterable[tuple[int, int]]) -> bytes:
    """Return flags by row number: whether a row has merged cells."""
    # Rows count from 1 and the first is the header: the last has the number MOST_ROWS + 1.
    covered = bytearray(MOST_ROWS + 2)
    for first, last in spans:
        end = min(last + 1, len(covered))
        covered[first:end] = b"\1" * max(0, end - first)
    return bytes(covered)


def _rows(sheet: Any, merged: bytes, name: str) -> Iterator[RawRow]:
    sheet.reset_dimensions()  # the stated extent of a sheet may be wrong
    seen_header = False
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if number > _LAST_ROW or len(row) > MOST_COLUMNS:
            raise RegistryError(
                f"Row {number:,} of '{name}' is {len(row):,} cells wide; at most {MOST_COLUMNS:,}"
                f" columns and {_LAST_ROW:,} rows are read. Delete what is right of and below"
                " your table."
            )
        cells, faults = _texts(row)
        if number > MOST_ROWS + 1 and any(cells):
            raise RegistryError(
                f"'{name}' has more than {MOST_ROWS:,} rows. Split it, or give CSV or GeoPackage."
            )
        # Merged cells above and in the headings do no harm.
        if seen_header and number < len(merged) and merged[number]:
            faults.append(CellFault(None, "", "cells are merged in it; unmerge them and fill each"))
        seen_header = seen_header or any(cells)
        yield RawRow(number, cells, tuple(faults), ragged=False)


class _Texts(NamedTuple):
    cells: list[str]
    faults: list[CellFault]


def _texts(row: Sequence[Any]) -> _Texts:
    cells: list[str] = []
    faults: list[CellFault] = []
    for at, cell in enumerate(row):
        value = cell.value
        if value is None:
            cells.append("")
        elif cell.data_type == "f":
            # Its cached value may be outdated.
            faults.append(
                CellFault(at, str(value), "it contains a formula; paste its value instead")
            )
            cells.append("")
        elif cell.data_type == "e":
            faults.append(
                CellFault(at, str(value), f"it contains the error {value}; empty or correct it")
            )
            cells.append("")
        else:
            cells.append(_text(cell, value))
    return _Texts(cells, faults)


def _text(cell: Any, value: object) -> str:
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return write(float(value)) if abs(value) < 1e15 else write(value)
    if isinstance(value, datetime | date):
        return _day(value, cell.number_format)
    return str(value)


def _day(value: date, pattern: str) -> str:
    """Return a date cell as text with the precision displayed: "May 2018" is 2018-05."""
    text = value.isoformat().removesuffix("T00:00:00")
    # Without literal text, escaped characters, colours and conditions, which have letters too.
    shown = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", pattern.casefold())
    if len(text) > 10 or "d" in shown or "y" not in shown:
        return text
    return text[:7] if "m" in shown else text[:4]


class _Headings(NamedTuple):
    names: list[str]
    owners: list[int]  # for each cell, the position of its heading


def _joined_headings(cells: Sequence[str]) -> _Headings:
    """Return the headings without continuation columns, and the heading index of each cell."""
    headings: list[str] = []
    owners: list[int] = []
    for heading in cells:
        match = _CONTINUED.fullmatch(heading)
        base = match["heading"] if match and field_called(heading) is None else ""
        owner = headings.index(base) if match and base in headings else len(headings)
        if match and int(match["part"]) != owners.count(owner) + 1:
            owner = len(headings)  # a part without its predecessor is an unknown column
        if owner == len(headings):
            headings.append(heading)
        owners.append(owner)
    return _Headings(headings, owners)


def _joined(row: RawRow, owners: Sequence[int], width: int) -> RawRow:
    if width == len(owners):
        return row
    cells = [""] * width
    for owner, cell in zip(owners, row.cells, strict=False):
        # Joined only where there is a part already: a number stays one.
        cells[owner] = cells[owner] + cell if cells[owner] else cell
    beyond = row.cells[len(owners) :]
    faults = tuple(
        fault._replace(
            at=owners[fault.at] if fault.at is not None and fault.at < len(owners) else None
        )
        for fault in row.faults
    )
    return RawRow(row.number, [*cells, *beyond], faults, ragged=False)
