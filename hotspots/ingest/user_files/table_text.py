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
from hotspots.io.readers.texts import paced, require_short_lines, require_size

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
        shift = _row_names(path, heading)
        return _numbers(path, heading, selected, [i + shift for i in at])
    except (csv.Error, UnicodeDecodeError) as error:
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

        count = 0
        for fields in paced(_parsed(lines(), heading.delimiter), path.name):
            if not any(field.strip() for field in fields):
                continue
            count += 1
            if count % _PART == 0:
                require_within(f"'{path.name}' has", count, "rows", "give a raster")
            yield _Row(line, fields, last.lstrip().startswith('"'))
        require_within(f"'{path.name}' has", count, "rows", "give a raster")


def _row_names(path: Path, heading: Heading) -> int:
    """Return 1 if the rows begin with names that the heading leaves out, else 0.

    Raises
    ------
    RasterError
        A row has more or fewer fields than the heading, and the cause isn't certain.
    """
    count = len(heading.names)
    longer, ends, names, are_names, total = 0, 0, set[str](), True, 0
    for row in _rows(path, heading):
        fields, total = row.fields, total + 1
        filled = len(fields)
        while filled > count and not fields[filled - 1].strip():
            filled -= 1
        if filled > count + 1 or len(fields) < count:
            raise _ragged(path, heading, row)
        # Only row names can't be coordinates: quoted, or text, and each once.
        if len(fields) == count + 1:
            longer, ends = longer + (filled > count), ends + (filled == count)
            names.add(fields[0])
            are_names = are_names and (row.is_quoted or not _NUMBER.fullmatch(fields[0].strip()))
        # Where some rows have names, all have.
        if longer and longer + ends < total:
            raise _ragged(path, heading, row)
    are_names = are_names and len(names) == total
    if longer and not are_names:
        raise RasterError(
            f"The rows of '{path}' have {count + 1} fields, its heading names {count}. Name all"
            " columns in the first line (in R: write.csv(..., row.names = FALSE))."
        )
    # Quoted first fields are row names whose last value is empty, or coordinates in quotes.
    if not longer and ends == total and are_names and total:
        raise RasterError(
            f"The rows of '{path}' have {count + 1} fields, of which the last is empty, and its"
            f" heading names {count}. Name all columns in the first line, or end no row with a"
            " delimiter."
        )
    return 1 if longer else 0


def _ragged(path: Path, heading: Heading, row: _Row) -> RasterError:
    return RasterError(
        f"Line {row.line:,} of '{path}' has {len(row.fields)} fields, where the heading names"
        f" {len(heading.names)} columns. Give every row a field for each column; decimal commas"
        " need semicolons between the columns."
    )


# ------------------------------------------------------------------------------------ numbers


class _Text(NamedTuple):
    """A text that isn't a number, and where it stands."""

    column: str
    line: int
    text: str


def _numbers(
    path: Path, heading: Heading, selected: Sequence[str], at: Sequence[int]
) -> tuple[Array, ...]:
    """Return the columns at some positions as numbers, by the decimal sign that fits them all."""
    # Where commas separate the columns, they aren't decimal signs.
    signs = (".",) if heading.delimiter == "," else (".", ",")
    faults: list[_Text] = []
    for sign in signs:
        parts: list[list[Array]] = [[] for _ in at]
        commas = _Commas(selected)
        fault = _converted(_rows(path, heading), (selected, at), sign, parts, commas)
        if fault is None:
            if sign == ",":
                commas.require_decimal(path)
            return tuple(np.concatenate([*part, np.empty(0)]) for part in parts)
        faults.append(fault)
    # The values come last: a fault in them is one with the decimal sign of the coordinates.
    fault = next((one for one in faults if one.column == selected[-1]), faults[0])
    raise RasterError(
        f"The column '{fault.column}' of '{path}' isn't all numbers: line {fault.line:,} has"
        f" '{shortened(fault.text, 40)}'. Write plain numbers such as 1234.5, without thousands"
        " separators or units, or choose another column with --column."
    )


def _converted(
    rows: Iterator[_Row],
    columns: tuple[Sequence[str], Sequence[int]],
    sign: str,
    parts: list[list[Array]],
    commas: _Commas,
) -> _Text | None:
    """Append the numbers of each column to `parts`; return the first text that isn't one."""
    selected, at = columns
    while chunk := list(islice(rows, _PART)):
        texts = [[row.fields[i].strip() for i in at] for row in chunk]
        kept = [k for k, of in enumerate(texts) if any(of)]
        for c, name in enumerate(selected):
            column = [texts[k][c] for k in kept]
            if sign == ",":
                commas.look(name, column)
            values, wrong = _floats(column, sign)
            if wrong is not None:
                return _Text(name, chunk[kept[wrong]].line, column[wrong])
            parts[c].append(values)
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

    def look(self, name: str, texts: Sequence[str]) -> None:
        """Note the texts of a column that have commas."""
        if self.are_decimal:
            return
        for text in texts:
            if "," not in text:
                continue
            if not _IN_THOUSANDS.fullmatch(text):
                self.are_decimal = True
                return
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
