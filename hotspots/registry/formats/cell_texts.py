"""Typed cells of a sheet as text: the form in which all formats hand their cells on."""

from __future__ import annotations

from datetime import date, datetime

from hotspots.registry.schema.values import write

_EXACT = 2.0**53  # up to here a float holds each whole number


def number_text(value: float) -> str:
    """Return a number as text: 12.0 is "12", and a whole number has all its digits."""
    if value.is_integer() and 1e15 <= abs(value) <= _EXACT:
        return str(int(value))
    return write(value)


def date_text(text: str, shown: int) -> str:
    """Return an ISO date, or date and time, with the precision that its cell shows.

    Parameters
    ----------
    text : str
        "2018-05-01", "2018-05-01T00:00:00" or "2018-05-01T12:30:00".
    shown : int
        Number of its characters that the cell shows: 7 for a month, 4 for a year, 0 for all.
    """
    day = text.removesuffix("T00:00:00")
    return day[:shown] if shown and len(day) <= 10 else day


def cell_text(value: object, shown: int = 0) -> str:
    """Return the value of a cell as text; `shown` as for `date_text`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime | date):
        return date_text(value.isoformat(), shown)
    return str(value)
