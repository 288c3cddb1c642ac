"""Finding the row of headings below titles, and rows of units or headings among the records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from hotspots.errors import RegistryError
from hotspots.locale.messages import Message
from hotspots.registry.formats.table import CellFault, RawRow
from hotspots.registry.schema.fields import field_called, fields
from hotspots.registry.schema.problems import Problem

_LOOKED_AT = 20  # rows with content, among which the headings are sought
# Words for the unit of a field, as people write it under a heading.
_UNITS = {
    "ha": {"ha", "hectare", "hectares", "hectárea", "hectáreas"},
    "degrees": {"°", "deg", "dd", "degree", "degrees", "decimal degrees", "degré", "degrés"}
    | {"degrés décimaux", "grado", "grados", "grados decimales", "wgs84", "wgs 84"},
    "t ha-1 yr-1": {"t ha-1 yr-1", "t c ha-1 yr-1", "t/ha/yr", "t c/ha/yr", "tc/ha/yr"}
    | {"t/ha/year", "t ha-1 an-1", "t c ha-1 an-1", "t/ha/an", "t c/ha/an", "tc/ha/an"}
    | {"t ha-1 año-1", "t/ha/año", "t c/ha/año", "tc/ha/año"},
}
# Other units, and what stands in such a row for a field without one.
_OTHER = {"km²", "km2", "m²", "m2", "acre", "acres", "feddan", "%", "t", "kg", "m", "km"}
_OTHER |= {"t/ha", "t c/ha", "tc/ha", "t co2/ha/yr", "t co2e/ha/yr", "kg/ha", "g/kg", "minutes"}
_NEUTRAL = {"-", "–", "—", "/", "n/a", "text", "texte", "texto", "number", "nombre", "número"}
_NEUTRAL |= {"year", "année", "annee", "año", "date", "fecha", "yyyy", "aaaa", "yyyy-mm-dd"}
_NEUTRAL |= {"aaaa-mm-jj", "aaaa-mm-dd", "jj/mm/aaaa", "dd/mm/aaaa", "dd/mm/yyyy", "code", "código"}
_BRACKETS = re.compile(r"^[(\[]\s*(.*?)\s*[)\]]$")


@dataclass
class Headed:
    """The rows of a file, once its headings are found.

    Attributes
    ----------
    header : RawRow
        The row of headings.
    rows : iterator of RawRow
        The rows below it.
    notes : list of Problem
        What was passed over; complete when `rows` is read.
    """

    header: RawRow
    rows: Iterator[RawRow]
    notes: list[Problem]


def headed(rows: Iterable[RawRow], name: str, what: str = "file") -> Headed:
    """Find the headings among the first rows: the row that names most fields of a record.

    Parameters
    ----------
    rows : iterable of RawRow
        All rows; blank ones are passed over.
    name : str
        The file's name, for messages.
    what : str
        "file" or "sheet": what must have a row of headings.

    Raises
    ------
    RegistryError
        There is no content, or nothing but a title above cells without headings.
    """
    every = (row for row in rows if row.faults or any(cell.strip() for cell in row.cells))
    first = list(islice(every, _LOOKED_AT))
    there = [row for row in first if any(cell.strip() for cell in row.cells)]
    if not there:
        raise RegistryError(f"'{name}' is empty. Give a {what} with a row of headings.")
    header = _header(there)
    _refuse_title(header, there, name)
    at = first.index(header)
    notes = [_above(row, header) for row in first[:at]]
    below = chain(first[at + 1 :], every)
    return Headed(header, _records(below, header, notes), notes)


def known_headings(row: RawRow) -> int:
    """Return how many fields of a record the cells of a row name."""
    named = {field_called(cell) for cell in row.cells if cell.strip()}
    return len(named - {None})


def _header(rows: Sequence[RawRow]) -> RawRow:
    best = rows[0]
    for row in rows[1:]:
        filled = sum(bool(cell.strip()) for cell in row.cells)
        found = known_headings(row)
        if found >= 2 and 2 * found >= filled and found > known_headings(best):
            best = row
    return best


def _refuse_title(header: RawRow, rows: Sequence[RawRow], name: str) -> None:
    """Raise if what would be the headings is a title: one cell above rows of several."""
    filled = [cell for cell in header.cells if cell.strip()]
    if known_headings(header) or len(filled) > 1 or len(rows) == 1:
        return
    if any(sum(bool(cell.strip()) for cell in row.cells) > 1 for row in rows[1:]):
        raise RegistryError(
            f"Row {header.number} of '{name}' holds only '{' '.join(filled[0].split())[:60]}', as a"
            " title does, and no row below it names fields of a record. Give each column the"
            " heading of a field ('hotspots registry template' shows them)."
        )


def _above(row: RawRow, header: RawRow) -> Problem:
    text = " ".join(cell for cell in row.cells if cell.strip())
    reason = Message("file.above", row=header.number)
    return Problem(row.number, "", text, reason, serious=False)


def _records(rows: Iterator[RawRow], header: RawRow, notes: list[Problem]) -> Iterator[RawRow]:
    """Yield the rows of records; note the others."""
    columns = [field_called(cell) or "" if cell.strip() else "" for cell in header.cells]
    headings = _trimmed(header.cells)
    is_first = True
    for row in rows:
        if row.cells[:1] == header.cells[:1] and _trimmed(row.cells) == headings:
            reason = Message("file.headings_again")
            notes.append(Problem(row.number, "", "", reason, serious=False))
            continue
        if is_first and not row.faults and (units := _units(row, columns)):
            if (fault := _wrong_unit(units)) is None:
                listed = ", ".join(f"'{text}'" for text in units.values())
                reason = Message("file.units", units=listed)
                notes.append(Problem(row.number, "", "", reason, serious=False))
                continue
            row = RawRow(row.number, row.cells, (fault,), row.ragged)
        is_first = False
        yield row


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Return the cells without the empty ones at the end."""
    found = list(cells)
    while found and not found[-1].strip():
        found.pop()
    return found


def _units(row: RawRow, columns: Sequence[str]) -> dict[str, str]:
    """Return the words for units in a row by field, if it holds nothing but such words."""
    found = {}
    for at, cell in enumerate(row.cells):
        word = _BRACKETS.sub(r"\1", " ".join(cell.split()))
        if not word or word.casefold() in _NEUTRAL:
            continue
        column = columns[at] if at < len(columns) else ""
        is_unit = word.casefold() in _OTHER or any(word.casefold() in u for u in _UNITS.values())
        if not column or not is_unit:
            return {}
        found[column] = word
    return found


def _wrong_unit(units: dict[str, str]) -> CellFault | None:
    """Return the fault of a row whose unit for a field isn't the field's own."""
    for column, word in units.items():
        unit = fields()[column].unit
        if word.casefold() not in _UNITS.get(unit, set()):
            key = "file.unit_differs" if unit else "file.unit_none"
            reason = Message(key, column=column, unit=unit, given=word)
            return CellFault(None, word, reason)
    return None
