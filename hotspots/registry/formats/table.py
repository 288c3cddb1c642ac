"""The content of a file of records: text cells by field name, and problems of reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from hotspots.errors import RegistryError, near_matches
from hotspots.io.limits import limits, require_within
from hotspots.io.readers.texts import paced
from hotspots.locale.escaping import like_formula
from hotspots.locale.messages import Message
from hotspots.registry.schema.fields import field_called, fields
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Cells, Row

_FREE_TEXT = frozenset({"text", "texts"})
_MOST_UNKNOWN = 5  # columns named in one fault


@dataclass(frozen=True)
class Table:
    """The records of a file as text.

    Attributes
    ----------
    name : str
        The file's name, without its folder.
    columns : tuple of str
        Field names in the file's order.
    rows : tuple of Row
        The row's number as a spreadsheet counts, and its cells by field name. An empty cell is "";
        a missing field (a property that a feature lacks) is absent from the row. Rows that are
        blank or can't be read are omitted.
    problems : tuple of Problem
        Rows that can't be read (serious), and warnings (not serious).
    headings : mapping of str to str
        Field name -> heading as written in the file; fields from geometries have none.
    spoiled : tuple of Row
        Omitted rows whose invalid cells are known (a formula, an error): row number and the
        other cells, so that all their problems can be reported at once.
    heading_row : int
        Number of the row of headings; 0 for a format without rows.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    headings: Mapping[str, str] = field(default_factory=dict)
    spoiled: tuple[Row, ...] = ()
    heading_row: int = 0


class UnknownHeadingsError(RegistryError):
    """A file has columns that aren't fields of a record.

    Attributes
    ----------
    unknown, known : tuple of str
        Headings that name no field, and those that do, as written.
    """

    def __init__(self, message: str, unknown: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(message)
        self.unknown, self.known = tuple(unknown), tuple(known)


class CellFault(NamedTuple):
    """A cell that can't be read: its position (None for the whole row), its value, and why."""

    at: int | None
    value: str
    reason: str


@dataclass(frozen=True)
class RawRow:
    """A row before its columns are known: cells by position, or its faults."""

    number: int
    cells: Sequence[str]
    faults: tuple[CellFault, ...] = ()
    ragged: bool = True  # whether fewer cells than headings are a fault


def table(
    name: str,
    headings: Sequence[str],
    rows: Iterable[RawRow],
    above: Iterable[Problem] = (),
    heading_row: int = 0,
) -> Table:
    """Return the table of a file's headings and rows.

    Parameters
    ----------
    name : str
        The file's name, without its folder.
    headings : sequence of str
        The cells of the row of headings.
    rows : iterable of RawRow
        The rows below it.
    above : iterable of Problem
        Notes on the file; it is asked for them when the rows are read.
    heading_row : int
        Number of the row of headings; 0 for a format without rows.

    Raises
    ------
    RegistryError
        Unknown or duplicate heading, or cells without a heading.
    """
    columns = columns_of(headings, name)
    kept: list[Row] = []
    spoiled: list[Row] = []
    problems: list[Problem] = []
    most = limits().rows  # asked once: a sheet may have a million empty rows
    for row in paced(rows, name):
        if row.number > most:
            require_within(f"'{name}' has", row.number, "rows", "split it")
        if not row.faults and not any(cell.strip() for cell in row.cells):
            continue
        found = list(_faults(row, columns, name))
        problems += found
        bad = {fault.at for fault in row.faults}
        aligned = not row.ragged or len(row.cells) == len(columns)
        if found and (not bad or None in bad or not aligned):
            continue  # the assignment of its cells is uncertain
        cells = dict(zip(columns, row.cells, strict=False))
        sound = {c: cells.get(c, "") for at, c in enumerate(columns) if c and at not in bad}
        (spoiled if bad else kept).append(Row(row.number, sound))
        problems += notes(row.number, sound)
    return Table(
        name,
        tuple(c for c in columns if c),
        tuple(kept),
        (*above, *problems),
        written(columns, headings),
        tuple(spoiled),
        heading_row,
    )


def written(columns: Sequence[str], headings: Sequence[str]) -> dict[str, str]:
    """Return the heading of each field as it is written in the file, in one line."""
    pairs = zip(columns, headings, strict=True)
    return {column: " ".join(heading.split()) for column, heading in pairs if column}


def columns_of(headings: Sequence[str], name: str) -> list[str]:
    """Return the field of each heading, "" for an empty one.

    Raises
    ------
    RegistryError
        Unknown heading, or two headings for one field.
    """
    require_within(f"'{name}' has", len(headings), "columns", "keep those that a record has")
    columns = [field_called(heading) if heading.strip() else "" for heading in headings]
    unknown = [h for h, column in zip(headings, columns, strict=True) if column is None]
    if unknown:
        known = [h for h, column in zip(headings, columns, strict=True) if column]
        raise UnknownHeadingsError(_unknown_message(unknown, name), unknown, known)
    found = [column or "" for column in columns]
    for at, column in enumerate(found):
        if column and column in found[:at]:
            first = headings[found.index(column)]
            raise RegistryError(
                f"'{name}' has two columns for '{column}': '{first}' and '{headings[at]}'."
                " Keep one of them."
            )
    if not any(found):
        raise RegistryError(f"'{name}' has no headings. Its first row must name the columns.")
    return found


def _unknown_message(unknown: Sequence[str], name: str) -> str:
    listed = []
    for heading in unknown[:_MOST_UNKNOWN]:
        near = near_matches(heading[:60], _known_headings(), most=2).removeprefix("; ")
        listed.append(f"'{' '.join(heading.split())[:60]}'" + f" ({near})" * bool(near))
    more = f" and {len(unknown) - len(listed)} more" * (len(unknown) > len(listed))
    what, each = ("a column", "the column") if len(unknown) == 1 else ("columns", "each of them")
    return (
        f"'{name}' has {what} not among the fields of a record: {', '.join(listed)}{more}."
        f" Delete {each}, or give it the heading of a field ('hotspots registry template' shows"
        " them)."
    )


def _known_headings() -> list[str]:
    labels = [label for field in fields().values() for label in field.label.values()]
    return [*labels, *fields()]  # of headings that differ in case only, the last is shown


def _faults(row: RawRow, columns: Sequence[str], name: str) -> Iterator[Problem]:
    for at, value, reason in row.faults:
        column = columns[at] if at is not None and at < len(columns) else ""
        yield Problem(row.number, column, value, reason)
    if row.faults:
        return
    filled = [at for at, cell in enumerate(row.cells) if cell.strip()]
    for at in filled:
        if at < len(columns) and not columns[at]:
            raise RegistryError(
                f"Column {at + 1} of '{name}' has no heading, yet row {row.number} holds"
                f" '{row.cells[at][:40]}' there. Name the column, or empty it."
            )
    if filled[-1] >= len(columns) or (row.ragged and len(row.cells) < len(columns)):
        reason = Message("file.ragged", cells=len(row.cells), headings=len(columns))
        yield Problem(row.number, "", "", reason)


def notes(number: int, cells: Cells) -> Iterator[Problem]:
    """Yield warnings about the cells of a readable row."""
    free = _free_texts()
    for column, cell in cells.items():
        if not cell:
            continue
        if column in free and like_formula(cell):
            reason = Message("file.like_formula", sign=cell.lstrip()[:1])
            yield Problem(number, column, cell, reason, serious=False)
        elif ("Ã" in cell or "â€" in cell) and _garbled(cell):
            reason = Message("file.garbled", text=_garbled(cell)[:60])
            yield Problem(number, column, cell, reason, serious=False)


@cache
def _free_texts() -> frozenset[str]:
    """Return the names of the fields for which any text is valid."""
    return frozenset(name for name, field in fields().items() if field.kind in _FREE_TEXT)


def _garbled(cell: str) -> str:
    """Return the original of UTF-8 text that was decoded as Windows-1252, or ""."""
    try:
        return cell.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return ""
