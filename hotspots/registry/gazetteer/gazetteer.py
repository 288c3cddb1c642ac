"""The bundled gazetteer: towns, first-level units and capitals, read from two small tables.

``cities.csv.gz`` has GeoNames' cities of 15,000 inhabitants and more, capitals and seats, and the
most populous place of each unit; ``units.csv.gz`` has names of the units of ISO 3166-2 and the
town that stands in for each unit or country. `build` says what they're made from. GeoNames is
licensed CC BY 4.0: show `ATTRIBUTION` wherever its places are shown. Codes, local names and some
translations of units are pycountry's.
"""

from __future__ import annotations

import csv
import gettext
import gzip
import io
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

from hotspots.geo.countries import LANGUAGES, key

ATTRIBUTION = (
    "Place names and coordinates: GeoNames (www.geonames.org), CC BY 4.0"
    " (https://creativecommons.org/licenses/by/4.0/); selected and rounded."
)
CITIES = "cities.csv.gz"
UNITS = "units.csv.gz"
CITY_COLUMNS = ("id", "name", "country", "units", "latitude", "longitude", "population", "keys")
UNIT_COLUMNS = ("code", "city", "names")


class City(NamedTuple):
    """A town: `latitude`, `longitude` in degrees (EPSG:4326); `population` 0 where not known.

    `country` is ISO 3166-1 alpha-2; `units` are ISO 3166-2 codes, the largest first, or empty.
    """

    id: int
    name: str
    country: str
    units: tuple[str, ...]
    latitude: float
    longitude: float
    population: int


class Unit(NamedTuple):
    """A unit of ISO 3166-2: its names, the `parent` unit or "", and the id of a town in it or 0.

    The first name is English where there's such a one, else that of the place. The town is the
    most populous one; it lies within the unit but is not its centre.
    """

    code: str
    names: tuple[str, ...]
    parent: str
    city: int


@lru_cache(maxsize=1)
def cities() -> Mapping[int, City]:
    """Return the towns by GeoNames id, the most populous first."""
    return MappingProxyType(_cities()[0])


def cities_called(name_key: str) -> tuple[tuple[City, bool], ...]:
    """Return the towns with this name key, and whether it is the key of their main name.

    False means an alternative or historical spelling in some language.
    """
    towns, names = _cities()
    return tuple((towns[abs(number)], number > 0) for number in names.get(name_key, ()))


def cities_like(name: str) -> Iterator[City]:
    """Yield the towns whose name has the same initial and a length within two letters."""
    # Comparing with all names would take a second for each unknown name.
    for town in _by_letter().get(key(name)[:1], ()):
        if abs(len(town.name) - len(name)) <= 2:
            yield town


@lru_cache(maxsize=1)
def units() -> Mapping[str, Unit]:
    """Return the units of ISO 3166-2 by code."""
    import pycountry

    rows = {code: (city, names) for code, city, names in _rows(UNITS)}
    translated = [
        gettext.translation("iso3166-2", pycountry.LOCALES_DIR, [language], fallback=True).gettext
        for language in LANGUAGES
    ]
    found: dict[str, Unit] = {}
    for entry in pycountry.subdivisions:
        city, spellings = rows.get(entry.code, ("", ""))
        # "Bashkortostan, Respublika" may be written without its second half.
        names = [*(translate(entry.name) for translate in translated), entry.name]
        names = [*names, *map(_short, names), *filter(None, spellings.split("|"))]
        unique = tuple(dict.fromkeys(names))
        found[entry.code] = Unit(entry.code, unique, entry.parent_code or "", int(city or 0))
    return MappingProxyType(found)


def units_called(name_key: str) -> tuple[str, ...]:
    """Return the codes of the units with this key of a name as their code or name."""
    return _unit_index().get(name_key, ())


def capital(iso2: str) -> City | None:
    """Return the capital of a country by ISO 3166-1 alpha-2, or None where GeoNames has none."""
    number = _capitals().get(iso2)
    return cities()[number] if number else None


def twin_of(iso2: str) -> str:
    """Return the unit of another country that a country code stands for too, or "".

    ISO 3166 lists French Guiana as GF and as FR-973, Puerto Rico as PR and as US-PR.
    """
    return _twins().get(iso2, "")


def holders(code: str) -> Iterator[str]:
    """Yield a unit's code and those of the units that hold it."""
    while code:
        yield code
        code = units()[code].parent if code in units() else ""


def _short(name: str) -> str:
    return re.split(r"[,\[(/]", name)[0].strip() or name


def _rows(name: str) -> Iterator[list[str]]:
    packed = resources.files("hotspots.registry.gazetteer").joinpath(name).read_bytes()
    reader = csv.reader(io.StringIO(gzip.decompress(packed).decode()))
    next(reader)
    return reader


@lru_cache(maxsize=1)
def _cities() -> tuple[dict[int, City], dict[str, list[int]]]:
    """Return towns by id, and ids by key: negative where the key is of another spelling."""
    towns: dict[int, City] = {}
    names: dict[str, list[int]] = {}
    for number, name, iso2, suffixes, latitude, longitude, population, keys in _rows(CITIES):
        id_ = int(number)
        codes = tuple(f"{iso2}-{suffix}" for suffix in suffixes.split())
        point = (float(latitude), float(longitude))
        towns[id_] = City(id_, name, iso2, codes, *point, int(population))
        names.setdefault(key(name), []).append(id_)
        for other in keys.split("|") if keys else ():
            names.setdefault(other, []).append(-id_)
    return towns, names


@lru_cache(maxsize=1)
def _by_letter() -> dict[str, list[City]]:
    found: dict[str, list[City]] = {}
    for town in cities().values():
        found.setdefault(key(town.name)[:1], []).append(town)
    return found


@lru_cache(maxsize=1)
def _capitals() -> dict[str, int]:
    return {code: int(city) for code, city, _ in _rows(UNITS) if "-" not in code and city}


@lru_cache(maxsize=1)
def _twins() -> dict[str, str]:
    towns = {unit.code: cities()[unit.city].country for unit in units().values() if unit.city}
    # Where ISO has a land twice, GeoNames places its towns in the country of its own code.
    return {iso2: code for code, iso2 in towns.items() if not code.startswith(f"{iso2}-")}


@lru_cache(maxsize=1)
def _unit_index() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for unit in units().values():
        for name in (unit.code, *unit.names):
            found.setdefault(key(name), {})[unit.code] = None
    return {name: tuple(codes) for name, codes in found.items()}
