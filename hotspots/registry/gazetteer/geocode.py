"""Geocoding rows that have a place name but no position, with the precision of the result."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

from hotspots.errors import BadInputError
from hotspots.locale.messages import Message, message_of
from hotspots.registry.gazetteer.place_search import Place, place
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import SEPARATOR, fields
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Row, Rows

_POSITION = ("latitude", "longitude", "footprint")


class Located(NamedTuple):
    """Rows with positions, and notes on those that were added or couldn't be."""

    rows: list[Row]
    notes: list[Problem]


def located(rows: Rows, placed: Collection[str] = ()) -> Located:
    """Return rows with positions of known places, and a note on each added position.

    Parameters
    ----------
    rows
        (row number, text cells by field name), as read from a file. Existing positions are kept.
    placed
        Ids of records with a position in the registry; their rows are not geocoded.

    Returns
    -------
    Located
        The precision is "locality" for a town, "region" for a first-level unit among the regions
        and "country" for a country, whose point is representative only. An ambiguous name gets no
        position, but a note with the choices.
    """
    done: list[Row] = []
    notes: list[Problem] = []
    for number, cells in rows:
        out = dict(cells)
        given = any(cells.get(name, "").strip() for name in _POSITION)
        if not given and cells.get("id", "") not in placed:
            try:
                if found := _place_of(cells):
                    out |= _cells(found)
                    notes.append(_note(number, cells, _placement(found)))
            except BadInputError as fault:
                notes.append(_note(number, cells, message_of(fault)))
        done.append(Row(number, out))
    return Located(done, notes)


def _place_of(cells: Mapping[str, str]) -> Place | None:
    """Return the most specific place of a row: its town, its only unit, or its country."""
    country = _country(cells.get("country", ""))
    if town := values.clean(cells.get("place", "")):
        return _found(town, country, "")
    regions = [part.strip() for part in cells.get("regions", "").split(SEPARATOR) if part.strip()]
    # Several regions have no one point. Codes of ISO 3166-2 have a hyphen and capitals (KE-31).
    if len(regions) == 1 and "-" in regions[0] and regions[0].isupper():
        return _found(regions[0], "", "unit")
    return _found(country, "", "country") if country else None


@lru_cache(maxsize=10_000)
def _found(text: str, country: str, kind: str) -> Place:
    return place(text, country=country, kind=kind)


def _country(text: str) -> str:
    try:
        return values.write(values.read(fields()["country"], text))
    except ValueError:
        return ""  # reported by validation


def _cells(found: Place) -> dict[str, str]:
    return {
        "latitude": values.write(found.latitude),
        "longitude": values.write(found.longitude),
        "place_precision": found.precision,
        "country": found.country,
    }


def _placement(found: Place) -> Message:
    return Message(
        "place.placed",
        place=f"{found.name}, {found.unit or found.country}",
        point=f"{found.latitude:g}, {found.longitude:g}",
        precision=values.listed_codes("place_precision", [found.precision]),
        source=found.source,
    )


def _note(row: int, cells: Mapping[str, str], message: str) -> Problem:
    column = next((n for n in ("place", "regions", "country") if cells.get(n, "").strip()), "place")
    return Problem(row, column, cells.get(column, ""), message, serious=False)
