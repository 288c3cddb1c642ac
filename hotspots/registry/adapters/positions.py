"""Location of a project in an export: countries, first-level units, town, position, precision.

Positions are not inferred: a project with only a country has none. The first position in the export
is used. Its precision is never "exact", since exports repeat one pair of coordinates for several
towns and contain markers set on a map by hand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hotspots.geo.countries import countries, find, key
from hotspots.registry.adapters.conversions import nested, tidy, values_at
from hotspots.registry.adapters.mapping import Place
from hotspots.registry.gazetteer.gazetteer import units, units_called
from hotspots.registry.schema.fields import SEPARATOR
from hotspots.registry.schema.values import write

NEAR_KM = 25.0  # sites further apart than this are not one locality
# Of a great circle on a sphere of 6371 km.
_KM_PER_DEGREE = 111.2
_DECIMALS = 6  # of a degree, 0.1 m; exports have fifteen
_MOST_TOWNS = 12
# A number is a house number or post code ("s/n": none); the house may be a private home.
_ADDRESS = re.compile(r"\d|\bs/n\b", flags=re.IGNORECASE)


@dataclass
class _Sites:
    """Distinct values of the sites of one project, in the export's order."""

    countries: dict[str, None] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)  # unit -> country
    towns: dict[str, None] = field(default_factory=dict)
    points: dict[tuple[float, float], None] = field(default_factory=dict)  # latitude, longitude


def place_cells(
    row: Mapping[str, str], place: Place, blank: frozenset[str], note: Callable[[str, str], None]
) -> dict[str, str]:
    """Return the cells country, regions, place, latitude, longitude and place_precision of a row.

    Parameters
    ----------
    row : mapping of str to str
        The export's row by column.
    place : Place
        Mapping of the place to columns.
    blank : frozenset of str
        Cells, by `key`, that mean "no data".
    note : callable
        Called with a column and the problem with its value.

    Returns
    -------
    dict of str to str
        Missing values are absent or "". Positions in degrees, EPSG:4326. Precision: "locality"
        for one place, "region" for several in one first-level unit or if only the unit is given,
        "country" otherwise.
    """
    column = place.list or place.country
    sites = _Sites()
    try:
        items: list[Mapping[str, Any]] = nested(row[column]) if place.list else [row]
    except ValueError as fault:
        note(column, str(fault))
        return {}
    unknown = blank | {key(word) for word in place.unknown}
    for item in items:
        _collect(sites, item, place, unknown, lambda reason: note(column, reason))
    return _cells(sites, lambda reason: note(column, reason))


def _collect(
    sites: _Sites,
    item: Mapping[str, Any],
    place: Place,
    unknown: frozenset[str],
    note: Callable[[str], None],
) -> None:
    def value(path: str) -> str:
        """Return the text at a path of a list item or in a column; "" without data."""
        if not path:
            return ""
        found = list(values_at(item, path)) if place.list else [item[path]]
        text = tidy(str(found[0])) if found else ""
        return "" if key(text) in unknown else text

    here = _countries(value(place.country), note)
    sites.countries |= dict.fromkeys(here)
    unit, town = value(place.unit), value(place.town)
    # "AR, MS, LA, MO" among the towns are four units.
    within = _units(here, town) or _units(here, unit)
    if unit and not within:
        note(f"'{unit}' is not a first-level unit of {' or '.join(here) or 'a country'}")
    sites.units |= within
    if town and not _units(here, town) and not _ADDRESS.search(town):
        sites.towns[town] = None
    if point := _point(value(place.latitude), value(place.longitude), note):
        sites.points[point] = None


def _cells(sites: _Sites, note: Callable[[str], None]) -> dict[str, str]:
    cells: dict[str, str] = {}
    named: dict[str, list[str]] = {country: [] for country in sites.countries}
    for unit, country in sites.units.items():
        named[country].append(unit)
    cells["regions"] = SEPARATOR.join(
        part for country, units in named.items() for part in units or [country]
    )
    cells["place"] = ", ".join(list(sites.towns)[:_MOST_TOWNS])
    # A project in several countries has no one position.
    if len(sites.countries) > 1:
        if sites.points:
            note("it has positions in several countries; none is taken")
        return cells
    cells["country"] = "".join(sites.countries)
    if sites.points:
        latitude, longitude = next(iter(sites.points))
        cells |= {"latitude": write(latitude), "longitude": write(longitude)}
    if sites.points or sites.countries:
        cells["place_precision"] = _precision(sites)
    return cells


def _precision(sites: _Sites) -> str:
    if not sites.points:
        return without_position(list(sites.units))
    first, *others = sites.points
    scattered = any(_km(first, other) > NEAR_KM for other in others)
    if len(sites.units) > 1 or (scattered and not sites.units):
        return "country"
    return "region" if scattered or len(sites.towns) > 1 else "locality"


def without_position(regions: list[str]) -> str:
    """Return the precision of a project of one country that has no position."""
    return "region" if len(regions) == 1 and "-" in regions[0] else "country"


def _countries(text: str, note: Callable[[str], None]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for part in filter(None, (part.strip() for part in text.split(SEPARATOR))):
        called = find(part)
        if len(called) == 1:
            found[called[0]] = None
        else:
            note(f"'{part}' is not a country, or is ambiguous")
    return tuple(found)


def _units(here: tuple[str, ...], text: str) -> dict[str, str]:
    """Return unit -> country if all parts of a text are units of the countries, else empty."""
    found: dict[str, str] = {}
    # All or nothing: a town that is called like a unit must not become one.
    for part in filter(None, (part.strip() for part in re.split("[;,]", text))):
        called = [(unit, country) for country in here for unit in _units_called(part, country)]
        if len(called) != 1:
            return {}
        found |= dict(called)
    return found


def _units_called(name: str, country: str) -> list[str]:
    """Return the units of a country with a name or the end of a code ("OH"), widest ones only."""
    iso2 = countries()[country].iso2
    if f"{iso2}-{name}" in units():
        return [f"{iso2}-{name}"]
    called = [code for code in units_called(key(name)) if code.startswith(f"{iso2}-")]
    # Of a unit and a part of it with the same name, the unit.
    return [code for code in called if units()[code].parent not in called]


def _point(
    latitude: str, longitude: str, note: Callable[[str], None]
) -> tuple[float, float] | None:
    if not latitude and not longitude:
        return None
    try:
        point = round(float(latitude), _DECIMALS), round(float(longitude), _DECIMALS)
    except ValueError:
        point = math.nan, math.nan
    if abs(point[0]) <= 90 and abs(point[1]) <= 180:
        return point
    note(f"'{latitude[:20]}, {longitude[:20]}' is not a latitude and longitude")
    return None


def _km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance (km) of two nearby positions, within one per cent."""
    across = abs(one[1] - other[1])
    # Across the antimeridian by the shorter way.
    across = min(across, 360 - across) * math.cos(math.radians((one[0] + other[0]) / 2))
    return _KM_PER_DEGREE * math.hypot(one[0] - other[0], across)
