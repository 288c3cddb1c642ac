"""Reading a sheet of records (XLSX, ODS, XLS) as text; cached results of formulas are not used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from hotspots.errors import RegistryError, near_matches
from hotspots.locale.messages import Message
from hotspots.registry.formats.dropdowns import LISTS
from hotspots.registry.formats.heading_rows import headed, known_headings
from hotspots.registry.formats.sheet_marks import Book, Marks, Sheet
from hotspots.registry.formats.table import CellFault, RawRow, Table, table
from hotspots.registry.formats.workbooks import check_workbook
from hotspots.registry.schema.fields import field_called
from hotspots.registry.schema.problems import Problem

_LOOKED_AT = 20  # rows in which the headings are sought
_MOST_LISTED = 10  # hidden rows in one note
_CONTINUED = re.compile(r"(?P<heading>.+) \((?P<part>\d{1,3})\)", re.DOTALL)


def read_sheet(path: Path, kind: str, sheet: str | None = None) -> Table:
    """Read one sheet of a workbook: the one named, else the visible one with most headings.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        XLSX, ODS or XLS: what its content is.
    sheet : str, optional
        Title of the sheet.

    Raises
    ------
    RegistryError
        Invalid file, unknown sheet, too large, or invalid headings.
    OSError
        It can't be read.
    """
    chosen, others = _chosen(_book(path, kind), sheet, path.name)
    found = headed(chosen.rows, path.name, "sheet")
    headings, owners = _joined_headings(found.header.cells)
    rows = _with_merged(found.rows, chosen.marks)
    joined = (_joined(row, owners, len(headings)) for row in rows)
    at = found.header.number
    return table(
        path.name,
        headings,
        joined,
        chain(found.notes, _on_sheets(at, chosen.title, others), _on_hidden_rows(at, chosen.marks)),
        at,
    )


def _book(path: Path, kind: str) -> Book:
    if kind == "ODS":
        from hotspots.registry.formats.read_ods import OdsBook

        check_workbook(path, kind)
        return OdsBook(path)
    from hotspots.registry.formats.calamine_books import XlsBook, XlsxBook

    return XlsBook(path) if kind == "XLS" else XlsxBook(path, check_workbook(path, kind))


class _Chosen(NamedTuple):
    sheet: Sheet
    others: list[str]  # titles of other sheets that have headings


def _chosen(book: Book, called: str | None, name: str) -> _Chosen:
    titles = [listed.title for listed in book.sheets]
    if called is not None:
        if called not in titles:
            raise RegistryError(
                f"'{name}' has no sheet '{called}'{near_matches(called, titles) or ';'} it has"
                f" {', '.join(titles)}."
            )
        return _Chosen(book.read(titles.index(called)), [])
    visible = [at for at, listed in enumerate(book.sheets) if listed.visible]
    if not visible:
        raise RegistryError(f"'{name}' has no visible sheet. Name one with --sheet.")
    hidden = [listed.title for listed in book.sheets if not listed.visible]
    if len(visible) == 1:
        return _Chosen(book.read(visible[0]), _of_people(hidden))
    looked_at = [_looked_at(book, at) for at in visible]
    best = max(looked_at, key=lambda found: found.known)
    if isinstance(best.sheet, RegistryError):
        raise best.sheet
    title = best.sheet.title
    others = [titles[at] for at, found in zip(visible, looked_at, strict=True) if found.known > 1]
    return _Chosen(best.sheet, [*(t for t in others if t != title), *_of_people(hidden)])


def _of_people(titles: Iterable[str]) -> list[str]:
    """Return the titles of hidden sheets without that of the drop-down lists of an export."""
    return [title for title in titles if title != LISTS]


class _LookedAt(NamedTuple):
    sheet: Sheet | RegistryError  # why it can't be read, which matters only if it is chosen
    known: int  # fields that its headings name


def _looked_at(book: Book, at: int) -> _LookedAt:
    try:
        sheet = book.read(at)
    except RegistryError as fault:
        return _LookedAt(fault, -1)
    filled = (row for row in sheet.rows if any(cell.strip() for cell in row.cells))
    first = list(islice(filled, _LOOKED_AT))
    known = max(map(known_headings, first), default=0)
    return _LookedAt(Sheet(sheet.title, chain(first, filled), sheet.marks), known)


def _with_merged(rows: Iterator[RawRow], marks: Marks) -> Iterator[RawRow]:
    """Yield the rows below the headings; merged cells spoil theirs, not those above."""
    if not marks.merged:
        yield from rows
        return
    covered = bytearray(marks.rows + 1)  # by row number; what is below the content doesn't matter
    for first, last in marks.merged:
        end = min(last + 1, len(covered))
        covered[first:end] = b"\1" * max(0, end - first)
    for row in rows:
        is_covered = row.number < len(covered) and covered[row.number]
        faults = (
            (*row.faults, CellFault(None, "", Message("file.merged"))) if is_covered else row.faults
        )
        yield RawRow(row.number, row.cells, faults, row.ragged)


def _on_sheets(row: int, title: str, others: Sequence[str]) -> Iterator[Problem]:
    if others:
        listed = ", ".join(f"'{other}'" for other in others)
        reason = Message("file.one_sheet", sheet=title, others=listed)
        yield Problem(row, "", "", reason, serious=False)


def _on_hidden_rows(header: int, marks: Marks) -> Iterator[Problem]:
    hidden = [row for row in marks.hidden if row > header]
    if hidden:
        listed = ", ".join(map(str, hidden[:_MOST_LISTED]))
        more = len(hidden) - _MOST_LISTED
        reason = Message("file.hidden_more" if more > 0 else "file.hidden", rows=listed, more=more)
        yield Problem(hidden[0], "", "", reason, serious=False)


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
