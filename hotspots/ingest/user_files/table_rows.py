"""The heading of a delimited text, and whether its rows fit it, so that no column takes another's.

A row must have as many fields as the heading names. Two exceptions are recognised: delimiters at
the end of rows, and row names without a heading, which R writes in front of each row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from hotspots.errors import RasterError
from hotspots.io.readers.texts import Deadline, paced, require_size

BLANK = " "  # as R writes tables by default; several count as one
LONGEST_LINE = 1_000_000  # letters of the heading, bytes of other lines
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DELIMITERS = (",", ";", "\t")
_EXCEL = re.compile(r"sep=(.)\s*$", re.IGNORECASE)
_LINES = 100_000  # between two looks at the clock


@dataclass(frozen=True)
class Heading:
    """The first line of a table.

    Attributes
    ----------
    names : tuple of str
        Names of the columns; "" for one without. Delimiters at the end aren't columns.
    delimiter : str
        "," or ";" or a tab; a blank for columns separated by any number of blanks.
    lines : int
        Lines of the file before the first row.
    """

    names: tuple[str, ...]
    delimiter: str
    lines: int


class Row(NamedTuple):
    """One row: its line in the file, its fields, and whether its first field is in quotes."""

    line: int
    fields: list[str]
    is_quoted: bool


def read_heading(path: Path, known: Sequence[str]) -> Heading:
    """Return the heading of a table, whose delimiter is the one that separates `known` names.

    Raises
    ------
    RasterError
        No text in UTF-8, an empty file, a very long first line, or a quote that isn't closed.
    """
    require_size(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [file.readline(LONGEST_LINE) for _ in range(2)]
    except UnicodeDecodeError as error:
        raise RasterError(f"'{path}' isn't text in UTF-8. Save it as CSV in UTF-8.") from error
    stated = _EXCEL.match(lines[0])  # a first line that states the delimiter for Excel
    line, count = (lines[1], 2) if stated else (lines[0], 1)
    if len(line) >= LONGEST_LINE or "\0" in line:
        raise RasterError(
            f"'{path}' has a first line of more than {LONGEST_LINE:,} letters, or bytes that"
            " aren't text. Give a table whose first line names its columns."
        )
    if not line.strip():
        raise RasterError(f"'{path}' is empty. Give a table whose first line names its columns.")
    line = line.rstrip("\r\n")
    if line.count('"') % 2:
        raise RasterError(
            f"The first line of '{path}' has a quote that isn't closed. Give a table whose first"
            " line names its columns."
        )
    delimiter, names = _named(path, line, stated[1] if stated else "", known)
    return Heading(names, delimiter, count)


def _named(path: Path, line: str, stated: str, known: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter and the names of a heading."""
    found = {d: _names(path, line, d) for d in ((stated,) if stated else (*_DELIMITERS, BLANK))}

    def rank(delimiter: str) -> tuple[int, int]:
        names = found[delimiter]
        return len({name.casefold() for name in names} & set(known)), len(names)

    # Names may hold other delimiters: "soc, t/ha".
    delimiter = max(found, key=rank)
    return delimiter, found[delimiter]


def _names(path: Path, line: str, delimiter: str) -> tuple[str, ...]:
    try:
        names = next(_parsed([line], delimiter), [])
    except csv.Error as error:
        raise RasterError(f"The first line of '{path}' can't be read ({error}).") from error
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _parsed(lines: Iterator[str] | list[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def rows_of(path: Path, heading: Heading) -> Iterator[Row]:
    """Yield the rows of a table that aren't empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for _ in range(heading.lines):
            file.readline()
        line, last = heading.lines, ""

        def lines() -> Iterator[str]:
            nonlocal line, last
            for last in file:
                line += 1
                yield last.strip(" \r\n") if heading.delimiter == BLANK else last

        for fields in paced(_parsed(lines(), heading.delimiter), path.name):
            if any(fields):
                yield Row(line, fields, last.lstrip().startswith('"'))


def row_names(path: Path, heading: Heading) -> tuple[int, int]:
    """Return 1 if the rows begin with names that the heading leaves out, else 0; and their width.

    Raises
    ------
    RasterError
        A row has more or fewer fields than the heading, and the cause isn't certain.
    """
    shape = _Shape(path, heading)
    if heading.delimiter == BLANK or _has_quotes(path):
        for row in rows_of(path, heading):
            shape.look(row)
        return shape.row_names(), shape.width
    regular, deadline = len(heading.names) - 1, Deadline(path.name)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = islice(file, heading.lines, None)
        for at, line in enumerate(lines, start=heading.lines + 1):
            if at % _LINES == 0:
                deadline.check()
            # Without quotes, a line of the right number of delimiters needs no parsing.
            if line.count(heading.delimiter) == regular:
                shape.total += 1
            elif line.strip():
                shape.look(Row(at, line.split(heading.delimiter), False))
    return shape.row_names(), shape.width


def _has_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return any(b'"' in chunk for chunk in iter(lambda: file.read(1 << 20), b""))


class _Shape:
    """The numbers of fields of a table's rows, against its heading.

    Attributes
    ----------
    total : int
        Rows looked at.
    width : int
        Fields of the longest row.
    """

    def __init__(self, path: Path, heading: Heading) -> None:
        self.path, self.heading = path, heading
        self.total, self.width = 0, len(heading.names)
        self.longer = self.ends = 0
        self.names: set[str] = set()
        self.are_names = True

    def look(self, row: Row) -> None:
        """Count a row; raise `RasterError` if no reading fits it."""
        count, fields = len(self.heading.names), row.fields
        if not any(field.strip() for field in fields):
            return
        self.total += 1
        self.width = max(self.width, len(fields))
        filled = len(fields)
        while filled > count and not fields[filled - 1].strip():
            filled -= 1
        if filled > count + 1 or len(fields) < count:
            raise _ragged(self.path, self.heading, row)
        if len(fields) == count + 1:
            self.longer, self.ends = self.longer + (filled > count), self.ends + (filled == count)
            self.names.add(fields[0])
            # Only row names can't be coordinates: quoted, or text, and each once.
            is_name = row.is_quoted or not NUMBER.fullmatch(fields[0].strip())
            self.are_names = self.are_names and is_name
        # Where some rows have names, all have.
        if self.longer and self.longer + self.ends < self.total:
            raise _ragged(self.path, self.heading, row)

    def row_names(self) -> int:
        """Return 1 if all rows have a name in front, else 0; raise where it isn't certain."""
        count = len(self.heading.names)
        are_names = self.are_names and len(self.names) == self.total
        if self.longer and (not are_names or self.longer + self.ends < self.total):
            raise RasterError(
                f"Rows of '{self.path}' have {count + 1} fields, where its heading names {count}."
                " Name all columns in the first line (in R: write.csv(..., row.names = FALSE))."
            )
        # Row names whose last value is empty, or coordinates in quotes.
        if not self.longer and self.total and self.ends == self.total and are_names:
            raise RasterError(
                f"The rows of '{self.path}' have {count + 1} fields, of which the last is empty,"
                f" and its heading names {count}. Name all columns in the first line, or end no row"
                " with a delimiter."
            )
        return 1 if self.longer else 0


def _ragged(path: Path, heading: Heading, row: Row) -> RasterError:
    return RasterError(
        f"Line {row.line:,} of '{path}' has {len(row.fields)} fields, where the heading names"
        f" {len(heading.names)} columns. Give every row a field for each column; decimal commas"
        " need semicolons between the columns."
    )
