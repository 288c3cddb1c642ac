"""The numbers of some columns of a delimited text, by position."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hotspots.errors import RasterError, deepest_reason, shortened
from hotspots.ingest.user_files.table_rows import (
    BLANK,
    LONGEST_LINE,
    NUMBER,
    Heading,
    row_names,
    rows_of,
)
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import paced, require_short_lines

Array = npt.NDArray[np.float64]

_LONGEST_REASON = 120
_PART = 100_000  # rows converted at once
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


class Columns(NamedTuple):
    """The numbers of some columns, and how they are written.

    Attributes
    ----------
    values : tuple of array
        One for each column, float64 with NaN for missing.
    decimal : str
        The decimal sign: "." or ",".
    left_out : int
        Rows that are empty in all of these columns.
    row_names : bool
        Whether the rows begin with names that the heading leaves out.
    """

    values: tuple[Array, ...]
    decimal: str
    left_out: int
    row_names: bool = False


def read_columns(path: Path, heading: Heading, selected: Sequence[str]) -> Columns:
    """Return the numbers of some columns; rows that are empty in all of them are left out.

    Parameters
    ----------
    path : Path
        The table.
    heading : Heading
        As `read_heading` returns it.
    selected : sequence of str
        Names of columns, each of which occurs once in the heading.

    Raises
    ------
    RasterError
        Rows of another number of fields than the heading's, text where numbers are needed, or
        commas that may be of decimals or of thousands.
    BadInputError
        More rows than the limit, or a very long line.
    """
    require_short_lines(path, LONGEST_LINE)
    at = [_position(path, heading, name) for name in selected]
    try:
        shift, width = row_names(path, heading)
        found = _numbers(path, heading, selected, _Place([i + shift for i in at], width))
        return found._replace(row_names=bool(shift))
    except (csv.Error, ValueError, LookupError, ArithmeticError) as error:
        raise RasterError(
            f"'{path}' can't be read as a table ({deepest_reason(error, _LONGEST_REASON)}). Save"
            " it again as CSV in UTF-8."
        ) from error


def _position(path: Path, heading: Heading, name: str) -> int:
    if heading.names.count(name) > 1:
        raise RasterError(f"'{path}' has several columns named '{name}'. Rename all but one.")
    return heading.names.index(name)


class _Text(NamedTuple):
    """A text that isn't a number, and the column that it stands in."""

    column: str
    text: str


class _Place(NamedTuple):
    """Positions of the selected columns, and the fields of the longest row."""

    at: list[int]
    width: int


def _numbers(path: Path, heading: Heading, selected: Sequence[str], place: _Place) -> Columns:
    """Return the columns at some positions as numbers, by the decimal sign that fits them all."""
    # Where commas separate the columns, they aren't decimal signs.
    signs = (".",) if heading.delimiter == "," else (".", ",")
    faults: list[_Text] = []
    for sign in signs:
        parts: list[list[Array]] = [[] for _ in selected]
        commas = _Commas(selected)
        fault, left_out = None, 0
        for texts, empty in _texts(path, heading, place):
            left_out += empty
            if sign == ",":
                commas.look(texts)
            fault = _converted(texts, selected, sign, parts)
            if fault is not None:
                faults.append(fault)
                break
        if fault is None:
            if sign == ",":
                commas.require_decimal(path)
            values = tuple(np.concatenate([*part, np.empty(0)]) for part in parts)
            return Columns(values, sign, left_out)
    # The values come last: a fault in them is one with the decimal sign of the coordinates.
    fault = next((one for one in faults if one.column == selected[-1]), faults[0])
    raise RasterError(
        f"The column '{fault.column}' of '{path}' isn't all numbers:"
        f" {_line_of(path, heading, place.at[list(selected).index(fault.column)], fault.text)} has"
        f" '{shortened(fault.text, 40)}'. Write plain numbers such as 1234.5, without thousands"
        " separators or units, or choose another column with --column."
    )


def _texts(path: Path, heading: Heading, place: _Place) -> Iterator[tuple[list[list[str]], int]]:
    """Yield the texts of the selected columns in parts, and how many rows have none of them."""
    import pandas as pd

    rows = 0
    with pd.read_csv(
        path,
        sep=r"\s+" if heading.delimiter == BLANK else heading.delimiter,
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
            yield columns, len(part) - len(columns[0])


def _line_of(path: Path, heading: Heading, at: int, text: str) -> str:
    """Return the first line of the file that has a text in a column, in words."""
    for row in rows_of(path, heading):
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
        if NUMBER.fullmatch(plain):
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
