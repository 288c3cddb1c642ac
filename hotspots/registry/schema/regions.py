"""Countries and regions by their codes and names, and the nearest of unknown ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from hotspots.geo.countries import countries, find, key, known_names
from hotspots.locale.messages import Message, any_of
from hotspots.registry.schema.words import near_names

if TYPE_CHECKING:
    from hotspots.geo.initiative import Group

_UNIT = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
_NEAR = 0.77  # names of countries are short, and many are alike
_MOST_UNITS = 8  # of one name that a message lists


def read_country(cell: str) -> str:
    """Return the id of a country by its id, code or name.

    Raises
    ------
    ValueError
        It isn't a country, or may be several; the message is a `Message`.
    """
    if cell in countries():
        return str(cell)
    called = find(cell)
    if len(called) == 1:
        return called[0]
    if called:
        several = any_of([country_shown(code) for code in called])
        raise ValueError(Message("cell.country_several", cell=cell, several=several))
    if near := near_names(cell, known_names(), least=_NEAR):
        shown = any_of([country_shown(code) for code in near])
        raise ValueError(Message("cell.country_near", cell=cell, near=shown))
    raise ValueError(Message("cell.country", cell=cell))


def country_shown(code: str) -> Callable[[str], str]:
    """Return a function that shows a country's name in a language, with its code."""
    return lambda lang: f"{countries()[code].names[lang]} ({code})"


def read_region(cell: str) -> str:
    """Return the id of a country, first-level unit or region of the initiative, or "world".

    Raises
    ------
    ValueError
        It is none of these; the message is a `Message`.
    """
    if cell in countries():
        return str(cell)
    if _UNIT.fullmatch(cell):
        return _unit(cell)
    if cell == "world" or cell in _initiative_regions():
        return str(cell)
    if found := _region_names().get(key(cell)):
        return found
    try:
        return read_country(cell)
    except ValueError as fault:
        if find(cell):  # several countries
            raise
        raise ValueError(_unknown_region(cell)) from fault


def _unknown_region(cell: str) -> Message:
    if units := _units_called().get(key(cell)):
        return Message("cell.region_unit", cell=cell, units=any_of(units[:_MOST_UNITS]))
    names = [(name, region) for name, region in _region_names().items()]
    if near := near_names(cell, [*names, *known_names()], least=_NEAR):
        shown = any_of([_region_shown(region) for region in near])
        return Message("cell.region_near", cell=cell, near=shown)
    return Message("cell.region", cell=cell, known=", ".join(_initiative_regions()))


def _region_shown(region: str) -> Callable[[str], str]:
    if region in countries():
        return country_shown(region)
    groups = _initiative_regions()
    return lambda lang: f"{groups[region].names[lang]} ({region})" if region in groups else region


@cache
def _units_called() -> Mapping[str, list[str]]:
    """Return the codes of first-level units by the key of a name."""
    import pycountry

    found: dict[str, list[str]] = {}
    for unit in pycountry.subdivisions:
        found.setdefault(key(unit.name), []).append(unit.code)
    return found


def _unit(cell: str) -> str:
    if cell in _units():
        return str(cell)
    raise ValueError(Message("cell.unit", cell=cell))


@cache
def _units() -> frozenset[str]:
    import pycountry

    return frozenset(unit.code for unit in pycountry.subdivisions)


def _initiative_regions() -> Mapping[str, Group]:
    from hotspots.geo.initiative import groups

    return groups()


def _region_names() -> Mapping[str, str]:
    """Return the regions of the initiative, and the world, by the key of a name."""
    groups = _initiative_regions()
    found = {key(name): id_ for id_, row in groups.items() for name in row.names.values()}
    return found | dict.fromkeys(("world", "monde", "mundo"), "world")
