"""XLSX and XLS workbooks, whose values python-calamine reads, a library in compiled code.

It isn't given a file before the file's own statements were checked: see `xlsx_marks` and
`xls_marks` for what is checked, and for what is read beside the values.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.errors import RegistryError
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import read_bytes
from hotspots.registry.formats import xls_marks, xlsx_marks
from hotspots.registry.formats.cell_texts import cell_text
from hotspots.registry.formats.compound_file import CompoundFile, compound_file
from hotspots.registry.formats.sheet_marks import (
    Listed,
    Marks,
    Position,
    Sheet,
    faults_by_row,
    require_modest,
)
from hotspots.registry.formats.table import RawRow

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_STREAMS = ("Workbook", "Book", "WORKBOOK", "BOOK")
# An XLSX escape of a character beyond Latin-1, which the library leaves as it is.
_WIDE_ESCAPE = re.compile(r"_x(?!00)([0-9A-Fa-f]{4})_")


_STDERR = 2
_one_at_a_time = threading.Lock()


class XlsxBook:
    """An XLSX workbook that `check_workbook` has passed.

    Parameters
    ----------
    path : Path
        The file.
    has_wide_escapes : bool
        What `check_workbook` has returned.

    Raises
    ------
    RegistryError
        It is damaged.
    """

    def __init__(self, path: Path, has_wide_escapes: bool) -> None:
        self._name = path.name
        self._has_wide_escapes = has_wide_escapes
        self._data = read_bytes(path)
        with zipfile.ZipFile(BytesIO(self._data)) as opened:
            self._parts = xlsx_marks.workbook_parts(opened, path.name)
        self.sheets: tuple[Listed, ...] = self._parts.sheets
        self._book: CalamineWorkbook | None = None

    def read(self, at: int) -> Sheet:
        """Read a sheet by its position."""
        listed = self.sheets[at]
        with zipfile.ZipFile(BytesIO(self._data)) as opened:
            marks = xlsx_marks.sheet_marks(opened, self._parts.paths[at], self._parts, self._name)
        _require_texts(self._name, marks)
        if self._book is None:
            self._book = _opened(self._data, self._name, "XLSX")
        with _native(self._name, "XLSX"):
            sheet = self._book.get_sheet_by_name(listed.title)
        rows = _rows(sheet, marks, self._name)
        return Sheet(listed.title, _unescaped(rows) if self._has_wide_escapes else rows, marks)


class XlsBook:
    """An XLS workbook (Excel 5 to 2003).

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    RegistryError
        It has a password, is too old or damaged, or its cells extend too far.
    """

    def __init__(self, path: Path) -> None:
        name = path.name
        try:
            file = CompoundFile(read_bytes(path))
            names = file.names()
            stream = next((s for s in _STREAMS if s in names), None)
            if stream is None:
                raise RegistryError(
                    f"'{name}' is not a workbook but another document. Give a sheet of records."
                )
            content = xls_marks.without_extents(file.stream(stream))
        except ValueError as fault:
            raise RegistryError(
                f"'{name}' can't be read as XLS ({fault}). Save it again from a spreadsheet"
                " program."
            ) from fault
        book = xls_marks.workbook_of(content, name)
        self.sheets = tuple(book.sheets)
        # All sheets at once, for the library reads all when it opens the file.
        self._marks = [
            xls_marks.sheet_marks(content, book, at, name) for at in range(len(book.sheets))
        ]
        cells = sum(marks.rows * marks.columns for marks in self._marks)
        require_modest(name, 0, 0, cells)
        _require_texts(name, *self._marks)
        self._name = name
        self._book = _opened(compound_file(stream, content), name, "XLS")

    def read(self, at: int) -> Sheet:
        """Read a sheet by its position."""
        with _native(self._name, "XLS"):
            sheet = self._book.get_sheet_by_index(at)
        marks = self._marks[at]
        return Sheet(self.sheets[at].title, _rows(sheet, marks, self._name), marks)


def _opened(data: bytes, name: str, kind: str) -> CalamineWorkbook:
    from python_calamine import CalamineWorkbook

    with _native(name, kind):
        return CalamineWorkbook.from_filelike(BytesIO(data))


def _require_texts(name: str, *sheets: Marks) -> None:
    """Raise if texts that cells share would take too much memory: each cell gets a copy."""
    letters = sum(marks.letters for marks in sheets)
    require_within(f"'{name}' would give", letters, "workbook_bytes", "give the records as CSV")


def _values(sheet: CalamineSheet, name: str) -> Iterator[Sequence[object]]:
    """Yield the values of each row, empty ones above the first with content included."""
    try:
        yield from sheet.iter_rows() if sheet.start else ()
    except OverflowError as fault:  # of a duration
        raise RegistryError(
            f"'{name}' holds a duration of more than a million years. Correct that cell."
        ) from fault


def _rows(sheet: CalamineSheet, marks: Marks, name: str) -> Iterator[RawRow]:
    """Yield the rows of a sheet as text, with the faults of their cells."""
    faults = faults_by_row(marks)
    is_marked = bool(marks.precision or marks.exact)
    number, before = 0, sheet.start[1] if sheet.start else 0  # empty columns at the left
    for number, values in enumerate(_values(sheet, name), start=1):
        cells = [v if type(v) is str else cell_text(v) for v in values]
        if before:
            cells = [""] * before + cells
        if is_marked:
            for column, value in enumerate(values, start=before):
                cells[column] = _marked_text(value, marks, (number - 1, column))
        bad = faults.get(number, ())
        for fault in bad:  # whatever some program stored as a formula's result
            if fault.at is not None and fault.at < len(cells):
                cells[fault.at] = ""
        yield RawRow(number, cells, tuple(bad), ragged=False)
    # Formulas without a result, and errors, don't extend the sheet that the library gives.
    for row in sorted(row for row in faults if row > number):
        yield RawRow(row, [], tuple(faults[row]), ragged=False)


def _marked_text(value: object, marks: Marks, at: Position) -> str:
    return marks.exact.get(at) or cell_text(value, marks.precision.get(at, 0))


def _unescaped(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    for row in rows:
        cells = [_WIDE_ESCAPE.sub(lambda found: chr(int(found[1], 16)), cell) for cell in row.cells]
        yield RawRow(row.number, cells, row.faults, ragged=False)


@contextmanager
def _native(name: str, kind: str) -> Iterator[None]:
    """Turn every error of the library into one sentence, its panics too."""
    try:
        with _unprinted_panics():
            yield
    except (RegistryError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    # A panic of its code is a BaseException, which isn't exported under any name.
    except BaseException as fault:
        why = str(fault)[:80] if isinstance(fault, Exception) else "it is damaged"
        raise RegistryError(
            f"'{name}' can't be read as {kind} ({why}). Save it again from a spreadsheet program."
        ) from fault


@contextmanager
def _unprinted_panics() -> Iterator[None]:
    """Keep the report that a panic prints from standard error; what others print gets there."""
    with _one_at_a_time, tempfile.TemporaryFile() as aside:
        try:
            former = os.dup(_STDERR)
        except OSError:  # it is closed
            yield
            return
        os.dup2(aside.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(former, _STDERR)
            os.close(former)
        aside.seek(0)
        os.write(_STDERR, aside.read())
