"""What a sheet's file says of cells beside their values, and the bounds of what is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hotspots.errors import RegistryError
from hotspots.locale.messages import Message
from hotspots.registry.formats.table import CellFault, RawRow

MOST_ROWS = 200_000
MOST_COLUMNS = 1_000
# Cells of the rectangle that holds a sheet's content: the reader of XLSX and XLS allocates it.
MOST_CELLS = 20_000_000
_ABOVE = 100  # rows that a title may take above a table of `MOST_ROWS`
FORMULA = Message("file.formula")
Position = tuple[int, int]  # (row, column), both from 0


class Mark(NamedTuple):
    """Why a cell can't be read: its content, and the reason."""

    value: str
    reason: str


@dataclass
class Marks:
    """What the values of a sheet's cells don't tell.

    Attributes
    ----------
    faults : mapping of (row, column) to Mark
        Formulas and errors; rows and columns count from 0.
    precision : mapping of (row, column) to int
        Number of characters of an ISO date that a date cell shows: 7 for a month, 4 for a year.
    exact : mapping of (row, column) to str
        Whole numbers with more digits than a float has, as they are written.
    merged : set of (int, int)
        First and last row of each merged range.
    hidden : list of int
        Hidden rows with content.
    rows, columns : int
        Extent of the content.
    letters : int
        Characters of shared texts, each text counted as often as a cell holds it.
    """

    faults: dict[Position, Mark] = field(default_factory=dict)
    precision: dict[Position, int] = field(default_factory=dict)
    exact: dict[Position, str] = field(default_factory=dict)
    merged: set[tuple[int, int]] = field(default_factory=set)
    hidden: list[int] = field(default_factory=list)
    rows: int = 0
    columns: int = 0
    letters: int = 0

    def see(self, row: int, column: int) -> None:
        """Extend the sheet to a cell with content."""
        self.rows, self.columns = max(self.rows, row + 1), max(self.columns, column + 1)


@dataclass(frozen=True)
class Sheet:
    """A sheet as it is read: rows as text, and the marks, complete once the rows are read."""

    title: str
    rows: Iterator[RawRow]
    marks: Marks


class Listed(NamedTuple):
    """A sheet of a workbook: its title, and whether it is visible."""

    title: str
    visible: bool


class Book(Protocol):
    """A workbook whose sheets can be read one by one."""

    @property
    def sheets(self) -> tuple[Listed, ...]:
        """Its sheets, in order."""

    def read(self, at: int) -> Sheet:
        """Read a sheet by its position."""


def error_mark(error: str) -> Mark:
    """Return the mark of a cell with an error such as #N/A."""
    return Mark(error, Message("file.error", error=error))


def cell_fault(column: int, mark: Mark) -> CellFault:
    """Return a mark as the fault of a cell in a row."""
    return CellFault(column, mark.value, mark.reason)


def faults_by_row(marks: Marks) -> dict[int, list[CellFault]]:
    """Return the faults of each row that has any; rows count from 1."""
    found: dict[int, list[CellFault]] = {}
    for (row, column), mark in sorted(marks.faults.items()):
        found.setdefault(row + 1, []).append(cell_fault(column, mark))
    return found


def require_modest(name: str, rows: int, columns: int, cells: int = 0) -> None:
    """Raise `RegistryError` if a sheet's content extends further than is read.

    Parameters
    ----------
    name : str
        The file's name.
    rows, columns : int
        Extent of the content.
    cells : int
        Cells that are held, if they aren't those of the extent.
    """
    if columns > MOST_COLUMNS:
        raise RegistryError(
            f"'{name}' holds a cell in column {columns:,}; at most {MOST_COLUMNS:,} columns are"
            " read. Delete what is right of your table."
        )
    if rows > MOST_ROWS + _ABOVE:
        raise RegistryError(
            f"'{name}' has more than {MOST_ROWS:,} rows: its last cell is in row {rows:,}. Delete"
            " what is below your table, split it, or give CSV or GeoPackage."
        )
    if (cells or rows * columns) > MOST_CELLS:
        raise RegistryError(
            f"The sheets of '{name}' extend over {cells or rows * columns:,} cells; at most"
            f" {MOST_CELLS:,} are read. Delete what is right of and below your table, or give CSV"
            " or GeoPackage."
        )


def shown_precision(pattern: str) -> int:
    """Return the characters of an ISO date that a number format shows; 0 for all.

    "mmm yyyy" shows the month, so 7 of 2018-05-01; "yyyy" shows the year.
    """
    # Without literal text, escaped characters, colours and conditions, which have letters too.
    shown = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", pattern.casefold())
    if "d" in shown or "h" in shown or "y" not in shown:
        return 0
    return 7 if "m" in shown else 4


def column_letters(column: int) -> str:
    """Return the letters of a column that counts from 0: 27 is "AB"."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
