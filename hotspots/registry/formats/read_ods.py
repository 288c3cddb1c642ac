"""Reading ODS files (OpenDocument), as LibreOffice writes them.

The library that reads XLSX and XLS takes ODS too, but joins the lines of a cell that are divided by
line breaks, takes the text of drawings for that of their cell, refuses sheets whose XML is
indented, and tells nothing of formulas, errors and merged cells. Since these are to be found
anyway, the sheets are read from the XML itself.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from xml.parsers import expat

from hotspots.errors import RegistryError
from hotspots.io.readers.texts import Deadline
from hotspots.registry.formats.cell_texts import date_text, number_text
from hotspots.registry.formats.sheet_marks import (
    FORMULA,
    MOST_COLUMNS,
    Listed,
    Mark,
    Marks,
    Sheet,
    cell_fault,
    error_mark,
    require_modest,
)
from hotspots.registry.formats.table import CellFault, RawRow

_CHUNK = 1 << 20
_URN = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _OFFICE, _TEXT, _STYLE = (f"{_URN}{n}:1.0 " for n in ("table", "office", "text", "style"))
_NUMBER = f"{_URN}datastyle:1.0 "
_CALC_TYPE = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
_CELLS = frozenset({f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"})
_PARAGRAPHS = frozenset({f"{_TEXT}p", f"{_TEXT}h"})
_INLINE = frozenset(f"{_TEXT}{name}" for name in ("span", "a", "s", "tab", "line-break"))
_NUMBERS = frozenset({"float", "percentage", "currency"})
_MOST_BLANKS = 1_000  # in a row, within a cell
_MOST_PARENTS = 20  # of a style, which in a damaged file may come from itself
_SPACE = re.compile(r"[ \t\r\n]+")
_LONG = re.compile(r"-?[0-9]{16,}")  # more digits than a float has
_TIME = re.compile(r"PT(\d{1,6})H(\d{1,2})M(\d{1,2})(?:[.,]\d+)?S")


class OdsBook:
    """The sheets of an ODS file, read at once.

    Parameters
    ----------
    path : Path
        A file that `check_workbook` has passed.

    Raises
    ------
    RegistryError
        It has a password, is damaged, or its cells extend too far.
    """

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as opened:
            names = set(opened.namelist())
            if "META-INF/manifest.xml" in names and b"encryption-data" in opened.read(
                "META-INF/manifest.xml"
            ):
                raise RegistryError(
                    f"'{path.name}' is protected by a password. Save it without one."
                )
            reading = _Reading(path.name)
            try:
                # Named styles first; those of the content refer to them.
                for part in ("styles.xml", "content.xml"):
                    if part in names:
                        _parse(opened, part, reading)
            except (expat.ExpatError, ValueError, KeyError) as fault:
                raise RegistryError(
                    f"'{path.name}' can't be read as ODS ({str(fault)[:80]}). Save it again from a"
                    " spreadsheet program."
                ) from fault
        self._tables = reading.tables

    @property
    def sheets(self) -> tuple[Listed, ...]:
        """Its sheets, in order."""
        return tuple(Listed(table.title, table.visible) for table in self._tables)

    def read(self, at: int) -> Sheet:
        """Return a sheet by its position."""
        table = self._tables[at]
        return Sheet(table.title, iter(table.rows), table.marks)


@dataclass
class _Table:
    title: str
    visible: bool
    rows: list[RawRow] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)


@dataclass
class _Cell:
    """A cell that is being read, and the elements within it."""

    attributes: Mapping[str, str]
    is_covered: bool
    paragraphs: list[list[str]] = field(default_factory=list)
    depth: int = 0
    skipped_from: int = 0  # depth of an element that isn't the cell's text: a note, a drawing

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element within the cell."""
        self.depth += 1
        if self.skipped_from:
            return
        if self.depth == 1 and tag in _PARAGRAPHS:
            self.paragraphs.append([])
        elif self.depth == 1 or tag not in _INLINE:
            self.skipped_from = self.depth
        elif tag == f"{_TEXT}s":
            blanks = min(int(attributes.get(f"{_TEXT}c", 1)), _MOST_BLANKS)
            self.paragraphs[-1].append(" " * blanks)
        elif tag == f"{_TEXT}tab":
            self.paragraphs[-1].append("\t")
        elif tag == f"{_TEXT}line-break":
            self.paragraphs[-1].append("\n")

    def end(self) -> None:
        """End the element that began last."""
        if self.depth == self.skipped_from:
            self.skipped_from = 0
        self.depth -= 1

    def add(self, text: str) -> None:
        """Take text that stands in a paragraph."""
        if self.depth and not self.skipped_from:
            self.paragraphs[-1].append(_SPACE.sub(" ", text))

    def text(self) -> str:
        """Return the text that it shows."""
        return "\n".join("".join(paragraph) for paragraph in self.paragraphs)


@dataclass
class _Row:
    """A row that is being read; empty cells at its end aren't held."""

    repeats: int
    is_hidden: bool
    cells: list[str] = field(default_factory=list)
    faults: list[CellFault] = field(default_factory=list)
    empty: int = 0  # cells since the last one with content


class _Styles:
    """What styles tell: which show a date without its day, and which hide a table."""

    def __init__(self) -> None:
        self.hidden: set[str] = set()  # styles of tables
        self._current = ""
        self._shown: dict[str, set[str]] = {}  # style of a date -> its parts that are shown
        self._date_of: dict[str, str] = {}  # style of a cell -> style of its date
        self._parent: dict[str, str] = {}

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element of the styles."""
        if tag.startswith(_NUMBER):
            if f"{_STYLE}name" in attributes:
                self._current = attributes[f"{_STYLE}name"]
            if tag == f"{_NUMBER}date-style":
                self._shown[self._current] = set()
            elif self._current in self._shown:
                self._shown[self._current].add(tag.removeprefix(_NUMBER))
        elif tag == f"{_STYLE}style":
            self._current = attributes.get(f"{_STYLE}name", "")
            self._parent[self._current] = attributes.get(f"{_STYLE}parent-style-name", "")
            if f"{_STYLE}data-style-name" in attributes:
                self._date_of[self._current] = attributes[f"{_STYLE}data-style-name"]
        elif tag == f"{_STYLE}table-properties" and attributes.get(f"{_TABLE}display") == "false":
            self.hidden.add(self._current)

    def precision(self, style: str) -> int:
        """Return the characters of a date that a cell's style shows; 0 for all."""
        for _ in range(_MOST_PARENTS):
            if style in self._date_of:
                shown = self._shown.get(self._date_of[style], {"day"})
                if shown & {"day", "hours"} or "year" not in shown:
                    return 0
                return 7 if "month" in shown else 4
            style = self._parent.get(style, "")
        return 0


def _parse(opened: zipfile.ZipFile, part: str, reading: _Reading) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    deadline = Deadline(part)
    with opened.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            deadline.check()
            parser.Parse(chunk, False)
    parser.Parse(b"", True)


class _Reading:
    """The state of the parser."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tables: list[_Table] = []
        self.styles = _Styles()
        self.columns: list[str] = []  # style of the cells of each column
        self.row: _Row | None = None
        self.number = 0  # of the row that is being read, from 0
        self.cell: _Cell | None = None
        self.held = 0  # cells of all tables

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self.cell is not None:
            self.cell.start(tag, attributes)
        elif tag in _CELLS and self.row is not None:
            self.cell = _Cell(attributes, tag.endswith("covered-table-cell"))
        elif tag == f"{_TABLE}table-row" and self.tables:
            state = attributes.get(f"{_TABLE}visibility", "visible")
            self.row = _Row(_repeats(attributes, "rows"), state != "visible")
        elif tag == f"{_TABLE}table":
            visible = attributes.get(f"{_TABLE}style-name") not in self.styles.hidden
            self.tables.append(_Table(attributes.get(f"{_TABLE}name", ""), visible))
            self.columns, self.number = [], 0
        elif tag == f"{_TABLE}table-column":
            style = attributes.get(f"{_TABLE}default-cell-style-name", "")
            count = min(_repeats(attributes, "columns"), MOST_COLUMNS - len(self.columns))
            self.columns += [style] * count
        else:
            self.styles.start(tag, attributes)

    def end(self, tag: str) -> None:
        """End an element."""
        if self.cell is not None and self.cell.depth:
            self.cell.end()
        elif self.cell is not None and self.row is not None:
            self._end_cell(self.cell, self.row)
            self.cell = None
        elif tag == f"{_TABLE}table-row" and self.row is not None:
            self._end_row(self.row)
            self.row = None

    def text(self, text: str) -> None:
        """Take text, if it is a cell's."""
        if self.cell is not None:
            self.cell.add(text)

    def _end_cell(self, cell: _Cell, row: _Row) -> None:
        marks = self.tables[-1].marks
        down = int(cell.attributes.get(f"{_TABLE}number-rows-spanned", 1))
        if down > 1 or int(cell.attributes.get(f"{_TABLE}number-columns-spanned", 1)) > 1:
            marks.merged.add((self.number + 1, self.number + down))
        repeats = _repeats(cell.attributes, "columns")
        found = self._value(cell, len(row.cells) + row.empty)
        if found == "":
            row.empty += repeats
            return
        require_modest(self.name, self.number + 1, len(row.cells) + row.empty + repeats)
        row.cells += [""] * row.empty
        row.empty = 0
        for _ in range(repeats):
            if isinstance(found, Mark):
                row.faults.append(cell_fault(len(row.cells), found))
            row.cells.append("" if isinstance(found, Mark) else found)

    def _value(self, cell: _Cell, column: int) -> str | Mark:
        """Return a cell as text, or why it can't be read."""
        attributes, kind = cell.attributes, cell.attributes.get(f"{_OFFICE}value-type", "")
        if f"{_TABLE}formula" in attributes:
            return Mark(attributes[f"{_TABLE}formula"].partition(":")[2], FORMULA)
        if attributes.get(_CALC_TYPE) == "error":
            return error_mark(cell.text())
        if cell.is_covered:  # by the merged cell beside or above it
            return ""
        if kind in _NUMBERS:
            return _number(attributes[f"{_OFFICE}value"])
        if kind == "date":
            default = self.columns[column] if column < len(self.columns) else ""
            shown = self.styles.precision(attributes.get(f"{_TABLE}style-name", default))
            return date_text(attributes[f"{_OFFICE}date-value"], shown)
        if kind == "time":
            return _time(attributes[f"{_OFFICE}time-value"])
        if kind == "boolean":
            return attributes[f"{_OFFICE}boolean-value"].lower()
        return attributes.get(f"{_OFFICE}string-value", cell.text())

    def _end_row(self, row: _Row) -> None:
        table, repeats = self.tables[-1], row.repeats
        first, self.number = self.number, self.number + repeats
        if not row.cells:
            return
        self.held += repeats * len(row.cells)
        require_modest(self.name, self.number, len(row.cells), self.held)
        marks = table.marks
        marks.see(self.number - 1, len(row.cells) - 1)
        numbers = range(first + 1, self.number + 1)
        marks.hidden += numbers if row.is_hidden else ()
        faults = tuple(row.faults)
        table.rows += [RawRow(n, row.cells, faults, ragged=False) for n in numbers]


def _repeats(attributes: Mapping[str, str], of: str) -> int:
    return max(1, int(attributes.get(f"{_TABLE}number-{of}-repeated", 1)))


def _number(text: str) -> str:
    return text if _LONG.fullmatch(text) else number_text(float(text))


def _time(text: str) -> str:
    """Return a time or duration as "12:30:00", the form of those in XLSX."""
    match = _TIME.fullmatch(text)
    if match is None:
        return text
    hours, minutes, seconds = map(int, match.groups())
    if hours < 24:
        return f"{hours:02}:{minutes:02}:{seconds:02}"
    return str(timedelta(hours=hours, minutes=minutes, seconds=seconds))
