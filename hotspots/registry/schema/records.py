"""Records as values by field name, rows of a file as text cells, and typed access to both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

# The value of a field; dates and footprints are text in canonical form, lists are tuples.
Value = str | int | float | tuple[str, ...] | None
# A record: a field without a value is absent, or None where an edit deletes it.
Record = Mapping[str, Value]
# A record, or some of its fields, while they are put together.
Values = dict[str, Value]
# The text cells of a row by field name; "" is an empty cell.
Cells = Mapping[str, str]


class NumberText(str):
    """The text of a number that is one already: a cell of a spreadsheet, a property of a feature.

    It has a decimal point and no separators, so that its reading is never in doubt. A text that is
    changed is a plain `str` again.
    """


class Row(NamedTuple):
    """A row of a file.

    Attributes
    ----------
    number : int
        Row number as in a spreadsheet: the header is row 1.
    cells : dict of str to str
        Text by field name. A field that is absent isn't changed by an import; an empty cell
        deletes its value.
    """

    number: int
    cells: dict[str, str]


# Rows as callers give them: `Row`, or plain pairs of number and cells.
Rows = Iterable[tuple[int, Cells]]


def id_of(record: Record) -> str:
    """Return the id of a record."""
    return str(record["id"])


def text_of(record: Record, name: str) -> str:
    """Return the text of a field; "" if it is absent or not a text."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


def list_of(record: Record, name: str) -> tuple[str, ...]:
    """Return the entries of a list field; () if it is absent or not a list."""
    value = record.get(name)
    return value if isinstance(value, tuple) else ()


def number_of(record: Record, name: str) -> float | None:
    """Return the number of a field; None if it is absent or not a number."""
    value = record.get(name)
    return value if isinstance(value, (int, float)) else None


def version_of(record: Record) -> int:
    """Return the version of a record, from 1; 0 for a record that the registry doesn't have yet."""
    value = record.get("version")
    return value if isinstance(value, int) else 0


def point_of(record: Record) -> tuple[float, float] | None:
    """Return the (latitude, longitude) of a record in degrees, EPSG:4326; None without a point."""
    latitude, longitude = number_of(record, "latitude"), number_of(record, "longitude")
    return None if latitude is None or longitude is None else (latitude, longitude)


def position(record: Record) -> BaseGeometry | None:
    """Return a record's geometry: its footprint, else its point (EPSG:4326), else None."""
    import shapely

    if area := text_of(record, "footprint"):
        return shapely.from_wkt(area)
    if point := point_of(record):
        return shapely.Point(point[1], point[0])
    return None
