"""Rows that name a place but give no position get one from the gazetteer, with its precision."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from hotspots.errors import BadInputError
from hotspots.registry.gazetteer.search import Place, place
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import SEPARATOR, fields
from hotspots.registry.schema.problems import Problem

Rows = Iterable[tuple[int, Mapping[str, str]]]
_POSITION = ("latitude", "longitude", "footprint")


def located(
    rows: Rows, placed: Collection[str] = ()
) -> tuple[list[tuple[int, dict[str, str]]], list[Problem]]:
    """Return rows of cells with positions where their place is known, and notes on each of them.

    Parameters
    ----------
    rows
        (row number, text cells by field name), as a file gives them. What has a position keeps it.
    placed
        Ids of records that have a position in the registry, which a row needn't repeat.

    Returns
    -------
    rows, notes
        A town gives the precision "locality", a first-level unit among the regions "region", a
        country "country": its stand-in point says no more than that. A name that may mean several
        places gets no position, but a note with the choices.
    """
    done, notes = [], []
    for number, cells in rows:
        out = dict(cells)
        given = any(cells.get(name, "").strip() for name in _POSITION)
        if not given and cells.get("id", "") not in placed:
            try:
                if found := _place_of(cells):
                    out |= _cells(found)
                    notes.append(_note(number, cells, _told(found)))
            except BadInputError as fault:
                notes.append(_note(number, cells, str(fault)))
        done.append((number, out))
    return done, notes


def _place_of(cells: Mapping[str, str]) -> Place | None:
    """Return the narrowest place that a row names: its town, its one unit, or its country."""
    country = _country(cells.get("country", ""))
    if town := values.clean(cells.get("place", "")):
        return _found(town, country, "")
    regions = [part.strip() for part in cells.get("regions", "").split(SEPARATOR) if part.strip()]
    if len(regions) == 1 and "-" in regions[0] and regions[0].isupper():
        return _found(regions[0], "", "unit")
    return _found(country, "", "country") if country else None


@lru_cache(maxsize=10_000)
def _found(text: str, country: str, kind: str) -> Place:
    return place(text, country=country, kind=kind)


def _country(text: str) -> str:
    try:
        return values.read(fields()["country"], text) or ""
    except ValueError:
        return ""  # told by the checks


def _cells(found: Place) -> dict[str, str]:
    return {
        "latitude": values.write(found.latitude),
        "longitude": values.write(found.longitude),
        "place_precision": found.precision,
        "country": found.country,
    }


def _told(found: Place) -> str:
    where = f"{found.name}, {found.unit or found.country}"
    return (
        f"placed at {where} ({found.latitude:g}, {found.longitude:g}; precision {found.precision},"
        f" {found.source})"
    )


def _note(row: int, cells: Mapping[str, str], told: str) -> Problem:
    column = next((n for n in ("place", "regions", "country") if cells.get(n, "").strip()), "place")
    return Problem(row, column, cells.get(column, ""), told.rstrip("."), serious=False)
