"""Reading three columns of a delimited text by position, so that no column takes another's numbers.

A row must have as many fields as the heading names. Two exceptions are recognised: delimiters at
the end of rows, and row names without a heading, which R writes in front of each row.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hotspots.errors import RasterError, deepest_reason, shortened
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import Deadline, paced, require_short_lines, require_size

Array = npt.NDArray[np.float64]

_DELIMITERS = (",", ";", "\t")
_BLANK = " "  # as R writes tables by default; several count as one
_LONGEST_LINE = 1_000_000  # letters of the heading, bytes of other lines
_LONGEST_REASON = 120
_PART = 100_000  # rows converted at once
_EXCEL = re.compile(r"sep=(.)\s*$", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_IN_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_DIGITS = frozenset("0123456789.+-eE")
_MISSING = frozenset(
    (
        "",
        "na",
        "n/a",
        "#n/a",
        "<na>",
        "nan",
        "-nan",
        "null",
        "none",
        "-",
        "--",
        "#value!",
        "#div/0!",
    )
)


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


class _Row(NamedTuple):
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
            lines = [file.readline(_LONGEST_LINE) for _ in range(2)]
    except UnicodeDecodeError as error:
        raise RasterError(f"'{path}' isn't text in UTF-8. Save it as CSV in UTF-8.") from error
    stated = _EXCEL.match(lines[0])  # a first line that states the delimiter for Excel
    line, count = (lines[1], 2) if stated else (lines[0], 1)
    if len(line) >= _LONGEST_LINE or "\0" in line:
        raise RasterError(
            f"'{path}' has a first line of more than {_LONGEST_LINE:,} letters, or bytes that"
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
    found = {d: _names(path, line, d) for d in ((stated,) if stated else (*_DELIMITERS, _BLANK))}

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


def read_columns(path: Path, heading: Heading, selected: Sequence[str]) -> tuple[Array, ...]:
    """Return the numbers of some columns; rows that are empty in all of them are left out.

    Parameters
    ----------
    path : Path
        The table.
    heading : Heading
        As `read_heading` returns it.
    selected : sequence of str
        Names of columns, each of which occurs once in the heading.

    Returns
    -------
    tuple of array
        One for each column, float64 with NaN for missing.

    Raises
    ------
    RasterError
        Rows of another number of fields than the heading's, text where numbers are needed, or
        commas that may be of decimals or of thousands.
    BadInputError
        More rows than the limit, or a very long line.
    """
    require_short_lines(path, _LONGEST_LINE)
    at = [_position(path, heading, name) for name in selected]
    try:
        shift, width = _row_names(path, heading)
        return _numbers(path, heading, selected, _Place([i + shift for i in at], width))
    except (csv.Error, ValueError, LookupError, ArithmeticError) as error:
        raise RasterError(
            f"'{path}' can't be read as a table ({deepest_reason(error, _LONGEST_REASON)}). Save"
            " it again as CSV in UTF-8."
        ) from error


def _position(path: Path, heading: Heading, name: str) -> int:
    if heading.names.count(name) > 1:
        raise RasterError(f"'{path}' has several columns named '{name}'. Rename all but one.")
    return heading.names.index(name)


def _rows(path: Path, heading: Heading) -> Iterator[_Row]:
    """Yield the rows of a table that aren't empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for _ in range(heading.lines):
            file.readline()
        line, last = heading.lines, ""

        def lines() -> Iterator[str]:
            nonlocal line, last
            for last in file:
                line += 1
                yield last.strip(" \r\n") if heading.delimiter == _BLANK else last

        for fields in paced(_parsed(lines(), heading.delimiter), path.name):
            if any(fields):
                yield _Row(line, fields, last.lstrip().startswith('"'))


def _row_names(path: Path, heading: Heading) -> tuple[int, int]:
    """Return 1 if the rows begin with names that the heading leaves out, else 0; and their width.

    Raises
    ------
    RasterError
        A row has more or fewer fields than the heading, and the cause isn't certain.
    """
    shape = _Shape(path, heading)
    if heading.delimiter == _BLANK or _has_quotes(path):
        for row in _rows(path, heading):
            shape.look(row)
        return shape.row_names(), shape.width
    regular, deadline = len(heading.names) - 1, Deadline(path.name)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = islice(file, heading.lines, None)
        for at, line in enumerate(lines, start=heading.lines + 1):
            if at % _PART == 0:
                deadline.check()
            # Without quotes, a line of the right number of delimiters needs no parsing.
            if line.count(heading.delimiter) == regular:
                shape.total += 1
            elif line.strip():
                shape.look(_Row(at, line.split(heading.delimiter), False))
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

    def look(self, row: _Row) -> None:
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
            is_name = row.is_quoted or not _NUMBER.fullmatch(fields[0].strip())
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


def _ragged(path: Path, heading: Heading, row: _Row) -> RasterError:
    return RasterError(
        f"Line {row.line:,} of '{path}' has {len(row.fields)} fields, where the heading names"
        f" {len(heading.names)} columns. Give every row a field for each column; decimal commas"
        " need semicolons between the columns."
    )


# ------------------------------------------------------------------------------------ numbers


class _Text(NamedTuple):
    """A text that isn't a number, and the column that it stands in."""

    column: str
    text: str


class _Place(NamedTuple):
    """Positions of the selected columns, and the fields of the longest row."""

    at: list[int]
    width: int


def _numbers(
    path: Path, heading: Heading, selected: Sequence[str], place: _Place
) -> tuple[Array, ...]:
    """Return the columns at some positions as numbers, by the decimal sign that fits them all."""
    # Where commas separate the columns, they aren't decimal signs.
    signs = (".",) if heading.delimiter == "," else (".", ",")
    faults: list[_Text] = []
    for sign in signs:
        parts: list[list[Array]] = [[] for _ in selected]
        commas = _Commas(selected)
        fault = None
        for texts in _texts(path, heading, place):
            if sign == ",":
                commas.look(texts)
            fault = _converted(texts, selected, sign, parts)
            if fault is not None:
                faults.append(fault)
                break
        if fault is None:
            if sign == ",":
                commas.require_decimal(path)
            return tuple(np.concatenate([*part, np.empty(0)]) for part in parts)
    # The values come last: a fault in them is one with the decimal sign of the coordinates.
    fault = next((one for one in faults if one.column == selected[-1]), faults[0])
    raise RasterError(
        f"The column '{fault.column}' of '{path}' isn't all numbers:"
        f" {_line_of(path, heading, place.at[list(selected).index(fault.column)], fault.text)} has"
        f" '{shortened(fault.text, 40)}'. Write plain numbers such as 1234.5, without thousands"
        " separators or units, or choose another column with --column."
    )


def _texts(path: Path, heading: Heading, place: _Place) -> Iterator[list[list[str]]]:
    """Yield the texts of the selected columns in parts; rows without any are left out."""
    import pandas as pd

    rows = 0
    with pd.read_csv(
        path,
        sep=r"\s+" if heading.delimiter == _BLANK else heading.delimiter,
        header=None,
        skiprows=heading.lines,
        names=list(range(place.width)),
        usecols=sorted(place.at),
        # By position: otherwise the first field of longer rows would become an index.
        index_col=False,
        dtype=object,
        na_filter=False,
        skipinitialspace=True,
        encoding="utf-8-sig",
        # Not by the file's suffix: compressed text could unpack to any size.
        compression=None,
        chunksize=_PART,
    ) as reader:
        for part in paced(reader, path.name):
            rows += len(part)
            require_within(f"'{path.name}' has", rows, "rows", "give a raster")
            columns = [[str(text).strip() for text in part[i].tolist()] for i in place.at]
            if not all(map(all, columns)):
                kept = [k for k, of in enumerate(zip(*columns, strict=True)) if any(of)]
                columns = [[column[k] for k in kept] for column in columns]
            yield columns


def _line_of(path: Path, heading: Heading, at: int, text: str) -> str:
    """Return the first line of the file that has a text in a column, in words."""
    for row in _rows(path, heading):
        if len(row.fields) > at and row.fields[at].strip() == text:
            return f"line {row.line:,}"
    return "a row"


def _converted(
    texts: Sequence[Sequence[str]], selected: Sequence[str], sign: str, parts: list[list[Array]]
) -> _Text | None:
    """Append the numbers of each column to `parts`; return the first text that isn't one."""
    for name, column, part in zip(selected, texts, parts, strict=True):
        values, wrong = _floats(column, sign)
        if wrong is not None:
            return _Text(name, column[wrong])
        part.append(values)
    return None


def _floats(texts: Sequence[str], sign: str) -> tuple[Array, int | None]:
    """Return numbers with NaN for missing ones, and the position of a text that is neither."""
    joined = "".join(texts)
    if sign == "," and "." not in joined:
        return _floats([text.replace(",", ".", 1) for text in texts], ".")
    # Python's own conversion is fast, but takes "inf" and "1_000" for numbers too.
    if sign == "." and _DIGITS.issuperset(joined):
        with contextlib.suppress(ValueError):
            return np.array(texts, dtype="float64"), None
    values = np.full(len(texts), np.nan)
    for k, text in enumerate(texts):
        plain = text
        if sign == ",":
            plain = "?" if "." in text else text.replace(",", ".", 1)
        if _NUMBER.fullmatch(plain):
            values[k] = float(plain)
        elif text.casefold() not in _MISSING:
            return values, k
    return values, None


class _Commas:
    """Whether commas in the selected columns are decimal signs, or may separate thousands."""

    def __init__(self, names: Sequence[str]) -> None:
        self.example = dict.fromkeys(names, "")
        self.are_decimal = False

    def look(self, texts: Sequence[Sequence[str]]) -> None:
        """Note the texts of all selected columns that have commas."""
        for name, column in zip(self.example, texts, strict=True):
            for text in () if self.are_decimal else column:
                if "," in text and not _IN_THOUSANDS.fullmatch(text):
                    self.are_decimal = True
                    break
                if "," in text:
                    self.example[name] = self.example[name] or text

    def require_decimal(self, path: Path) -> None:
        """Raise `RasterError` if all commas stand as in 1,234."""
        name = next((name for name, text in self.example.items() if text), "")
        if name and not self.are_decimal:
            raise RasterError(
                f"The commas in the column '{name}' of '{path}' ('{self.example[name]}') may be"
                " decimal signs or separate thousands. Write the numbers with a decimal point and"
                " without separators."
            )
