"""What an XLS workbook says of its cells beside their values, read from its records (BIFF 5 and 8).

A workbook is a stream of records: a number, a length, and data. The first part describes the
workbook, further parts one sheet each. The library that reads the values gives an error cell as an
empty one and a formula as its stored result, and it allocates what a sheet states as its extent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotspots.errors import RegistryError
from hotspots.registry.formats.sheet_marks import (
    FORMULA,
    Listed,
    Mark,
    Marks,
    error_mark,
    require_modest,
    shown_precision,
)

_EOF, _BOF, _CONTINUE = 0x000A, 0x0809, 0x003C
_FILEPASS, _FORMAT, _XF, _SHEET = 0x002F, 0x041E, 0x00E0, 0x0085
_FORMULA, _ERROR, _DIMENSIONS, _ROW, _MERGED = 0x0006, 0x0205, 0x0200, 0x0208, 0x00E5
_NUMBERS = frozenset({0x0203, 0x027E})  # NUMBER, RK
_MANY = 0x00BD  # MULRK: numbers of several cells of a row
_SHARED, _SHARED_TEXT = 0x00FC, 0x00FD  # SST, and LABELSST: a cell with one of its texts
_CELLS = _NUMBERS | {_SHARED_TEXT, 0x0204, 0x00D6, _FORMULA, _ERROR}  # LABEL, RSTRING
_IGNORED = 0x00FF  # an index of shared texts that readers don't need
_WORKSHEET = 0
_BIFF8, _BIFF5 = 0x0600, 0x0500
_HIDDEN_ROW = 0x20
ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_MONTH_AND_YEAR = 17  # the one built-in format that hides the day


@dataclass
class Workbook:
    """The sheets of an XLS workbook.

    Attributes
    ----------
    sheets : list of Listed
        Title and visibility, in order; sheets of charts and macros too, as the library lists them.
    places : list of int
        Where the records of each begin.
    precision : list of int
        For each format of cells, the characters of a date that it shows; 0 for all.
    texts : list of int
        Characters of each text that cells share.
    """

    sheets: list[Listed] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    precision: list[int] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)


def workbook_of(stream: bytes, name: str) -> Workbook:
    """Return the sheets of a workbook's stream.

    Raises
    ------
    RegistryError
        It has a password, is too old, or is damaged.
    """
    records = list(_records(stream, 0, name))
    if records[0][0] != _BOF or len(records[0][1]) < 4:
        raise _damaged(name, "it doesn't begin as a workbook")
    version = struct.unpack_from("<H", records[0][1])[0]
    if version not in (_BIFF8, _BIFF5):
        raise RegistryError(
            f"'{name}' is of a spreadsheet program from before 1993. Save it as XLSX or CSV."
        )
    book, styles = Workbook(), list[int]()
    formats = {_MONTH_AND_YEAR: "mmm-yy"}
    try:
        for kind, *parts in records:
            data = parts[0]
            if kind == _FILEPASS:
                raise RegistryError(f"'{name}' is protected by a password. Save it without one.")
            if kind == _FORMAT:
                formats[struct.unpack_from("<H", data)[0]] = _format(data, version)
            elif kind == _XF:
                styles.append(struct.unpack_from("<H", data, 2)[0])
            elif kind == _SHEET:
                place, state, what = struct.unpack_from("<IBB", data)
                if place >= len(stream):
                    raise _damaged(name, "a sheet lies outside of it")
                is_visible = state & 3 == 0 and what == _WORKSHEET
                book.sheets.append(Listed(_title(data, version), is_visible))
                book.places.append(place)
            elif kind == _SHARED:
                book.texts = _lengths(parts)
    except (struct.error, IndexError) as fault:
        raise _damaged(name, "a record is cut short") from fault
    book.precision = [shown_precision(formats.get(style, "")) for style in styles]
    return book


def without_extents(stream: bytes) -> bytes:
    """Return a workbook's stream whose sheets don't state their extent.

    Memory would be allocated for the stated extent, whatever the sheet holds.
    """
    out, at = bytearray(stream), 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        if kind == _DIMENSIONS:
            struct.pack_into("<H", out, at, _IGNORED)
        at += 4 + length
    return bytes(out)


def sheet_marks(stream: bytes, book: Workbook, at: int, name: str) -> Marks:
    """Return the marks of a sheet of a stream that `without_extents` has returned.

    Raises
    ------
    RegistryError
        It is damaged, or its cells extend too far.
    """
    marks = Marks()
    hidden: set[int] = set()
    depth = 0  # of charts within the sheet, which have cells of their own
    try:
        for kind, data, *_ in _records(stream, book.places[at], name):
            depth += (kind == _BOF) - (kind == _EOF)
            if depth < 1 and kind != _EOF:
                raise _damaged(name, "a sheet doesn't begin as one")
            if kind == _DIMENSIONS:
                raise _damaged(name, "a sheet begins within a record")
            if depth == 1:
                _mark(marks, hidden, kind, data, book)
    except (struct.error, IndexError) as fault:
        raise _damaged(name, "a record is cut short") from fault
    require_modest(name, marks.rows, marks.columns)
    marks.hidden = sorted(row + 1 for row in hidden if row < marks.rows)
    return marks


def _mark(marks: Marks, hidden: set[int], kind: int, data: bytes, book: Workbook) -> None:
    """Note what one record says."""
    if kind == _ROW:
        row, options = struct.unpack_from("<H10xH", data)
        if options & _HIDDEN_ROW:
            hidden.add(row)
    elif kind == _MERGED:
        (count,) = struct.unpack_from("<H", data)
        for first, last in struct.iter_unpack("<HH4x", data[2 : 2 + 8 * count]):
            marks.merged.add((first + 1, last + 1))
    elif kind == _MANY:
        row, first = struct.unpack_from("<HH", data)
        for column, at in enumerate(range(4, len(data) - 2, 6), start=first):
            marks.see(row, column)
            _note_precision(marks, row, column, struct.unpack_from("<H", data, at)[0], book)
    elif kind in _CELLS:
        row, column, style = struct.unpack_from("<HHH", data)
        marks.see(row, column)
        if kind == _FORMULA:
            marks.faults[row, column] = Mark("=", FORMULA)
        elif kind == _ERROR and data[7]:
            marks.faults[row, column] = error_mark(ERRORS.get(data[6], "#?"))
        elif kind == _SHARED_TEXT:
            marks.letters += book.texts[struct.unpack_from("<I", data, 6)[0]]
        elif kind in _NUMBERS:
            _note_precision(marks, row, column, style, book)


def _note_precision(marks: Marks, row: int, column: int, style: int, book: Workbook) -> None:
    if style < len(book.precision) and (length := book.precision[style]):
        marks.precision[row, column] = length


def _records(stream: bytes, start: int, name: str) -> Iterator[list[Any]]:
    """Yield the records of one part: the number, the data, and the data of its continuations."""
    at, depth = start, 0
    record: list[Any] = []
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        data = stream[at + 4 : at + 4 + length]
        at += 4 + length
        if at > len(stream):
            break
        if kind == _CONTINUE and record:
            record.append(data)
            continue
        if record:
            yield record
        record = [kind, data]
        depth += (kind == _BOF) - (kind == _EOF)
        if kind == _EOF and depth <= 0:
            yield record
            return
    raise _damaged(name, "it is cut short")


def _lengths(parts: Sequence[bytes]) -> list[int]:
    """Return the number of characters of each shared text."""
    reading = _Divided(parts)
    reading.take(4)
    (count,) = struct.unpack("<I", reading.take(4))
    found = []
    for _ in range(count):
        length, options = struct.unpack("<HB", reading.take(3))
        runs = struct.unpack("<H", reading.take(2))[0] if options & 8 else 0
        more = struct.unpack("<I", reading.take(4))[0] if options & 4 else 0
        reading.skip_text(length, options & 1)
        reading.take(4 * runs + more)
        found.append(length)
        if reading.is_at_end:  # the stated number may be wrong
            break
    return found


class _Divided:
    """The data of a record and its continuations, read from the start."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        self._part = 0
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        """Whether everything is read."""
        return self._part >= len(self._parts) - 1 and self._at >= len(self._parts[self._part])

    def take(self, length: int) -> bytes:
        """Return the next bytes; raise `struct.error` if there are fewer."""
        found = b""
        while len(found) < length:
            if self.is_at_end:
                raise struct.error("end")
            if self._at == len(self._parts[self._part]):
                self._part, self._at = self._part + 1, 0
            piece = self._parts[self._part][self._at : self._at + length - len(found)]
            self._at += len(piece)
            found += piece
        return found

    def skip_text(self, length: int, is_wide: int) -> None:
        """Pass the characters of a text; each continuation states their width again."""
        while length:
            if self._at == len(self._parts[self._part]):
                is_wide = self.take(1)[0] & 1
            here = (len(self._parts[self._part]) - self._at) // (1 + is_wide)
            if here == 0:
                raise struct.error("a character is divided")
            passed = min(length, here)
            self.take(passed * (1 + is_wide))
            length -= passed


def _format(data: bytes, version: int) -> str:
    if version == _BIFF5:
        return data[3:].decode("cp1252", errors="replace")
    return _text(data, 4, struct.unpack_from("<H", data, 2)[0])


def _title(data: bytes, version: int) -> str:
    if version == _BIFF5:
        return data[7:].decode("cp1252", errors="replace")
    return _text(data, 7, data[6])


def _text(data: bytes, at: int, length: int) -> str:
    """Return a text of BIFF 8: a byte of options, then one or two bytes per character."""
    wide = data[at] & 1
    raw = data[at + 1 : at + 1 + length * (1 + wide)]
    return raw.decode("utf-16-le" if wide else "latin-1", errors="replace")


def _damaged(name: str, why: str) -> RegistryError:
    return RegistryError(
        f"'{name}' can't be read as XLS ({why}). Save it again from a spreadsheet program."
    )
