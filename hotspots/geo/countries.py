"""Countries: their ids, names in three languages and outlines.

Outlines are those of the npm package world-atlas 2.0.2 (Natural Earth, public domain). Ids are
ISO 3166-1 alpha-3; areas without an ISO entry have a user-assigned code (XAA to XZZ) from
``country_extras.csv``. Names shown are Unicode CLDR's (through babel); names read are also those of
ISO 3166 in three languages (through pycountry) and of ``country_names.toml``, in all forms that
`hotspots.geo.country_forms` knows. Eleven ISO entries have no outline of their own in world-atlas,
such as French Guiana, which is a part of France's: ``country_parts.csv`` defines how they are cut
from it. The table of countries keeps them within their parent.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import shapely
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError, MissingAssetError
from hotspots.geo.antimeridian import Feature, read_topology
from hotspots.geo.areas import areal_union, polygons_of
from hotspots.geo.country_forms import Words, name_rules, readings, spelled, titled, words_of
from hotspots.geo.finer_outlines import FinerOutlines, chosen, read_outlines

LANGUAGES = ("en", "fr", "es")
DETAILS = ("10m", "50m")

_FINEST, _FALLBACK = DETAILS
_COARSE_DEG = 0.01  # about what the coarser map distinguishes
_ARTICLES = re.compile(r"^(?:the|la|le|les|el|los|las|l) (?=.)")
_CODED = re.compile(r"(?P<name>[^()]{1,99}) ?\((?P<code>[A-Za-z]{2,3})\)")
_CRIMEA = "Crimea is drawn within Russia; UN General Assembly resolution 68/262 holds it Ukraine's"
_NOTES = {
    "RUS": _CRIMEA,
    "UKR": _CRIMEA,
    "ATA": "outline without the ice shelves; closed over the pole",
    "VAT": "too small for the 1:10m map: outline of the 1:50m map",
}


@dataclass(frozen=True)
class Country:
    """A country or territory; `parent` is the id whose outline contains its own, or ""."""

    id: str
    iso2: str | None
    names: Mapping[str, str]
    note: str
    parent: str = ""


def countries() -> Mapping[str, Country]:
    """Return every known country by id, including those without an outline of their own."""
    return _countries()


def outlines(detail: str = _FINEST) -> Mapping[str, BaseGeometry]:
    """Return the outlines of one map, by country id in alphabetical order.

    Parameters
    ----------
    detail
        "10m" (scale 1:10 million, about 400 m) or "50m". The coarser map draws no Gibraltar,
        Tuvalu and US Minor Outlying Islands: they are taken from the finer one, so that both have
        every ISO country.

    Returns
    -------
    mapping of str to shapely geometry
        Valid Polygons or MultiPolygons in EPSG:4326, cut at the antimeridian; read once per
        process. Finer outlines in use take the place of the packaged ones: see
        `hotspots.geo.finer_outlines`.
    """
    if detail not in DETAILS:
        raise BadInputError(f"There is no map of detail '{detail}'. Give 10m or 50m.")
    finer = finer_in_use()
    return _outlines(detail) if finer is None else _merged(detail, finer)


def finer_in_use() -> FinerOutlines | None:
    """Return the finer outlines that hold now: of a block, else of ``HOTSPOTS_OUTLINES``; or None.

    Raises
    ------
    BadInputError
        The setting names no readable file of outlines of countries.
    """
    of_block = chosen()
    if of_block is not None:
        return of_block
    from hotspots.config import settings  # loads pydantic

    path = settings().outlines
    if path is None:
        return None
    try:
        seen = path.stat()
    except OSError as error:
        raise BadInputError(
            f"HOTSPOTS_OUTLINES is '{path}', which can't be read. Set it to a file of polygons of"
            " countries, or unset it."
        ) from error
    return _read_once(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=4)
def _read_once(path: Path, changed: int, size: int) -> FinerOutlines:
    return finer_outlines([path])


def finer_outlines(paths: Sequence[Path], *, licence: str = "", made_by: str = "") -> FinerOutlines:
    """Return the outlines in files of countries; see `hotspots.geo.finer_outlines`."""
    return read_outlines(paths, _whole_of, _outlines(_FINEST), licence=licence, made_by=made_by)


def _whole_of(text: str) -> str:
    """Return the one country with an outline of its own that a text means, or ""."""
    found = find(text) if text else []
    return found[0] if len(found) == 1 and not countries()[found[0]].parent else ""


@lru_cache(maxsize=8)
def _merged(detail: str, finer: FinerOutlines) -> Mapping[str, BaseGeometry]:
    """Return the packaged outlines, finer ones in their place (simplified on the coarser map)."""
    shapes = finer.shapes
    if detail != _FINEST:
        shapes = {code: shape.simplify(_COARSE_DEG) for code, shape in shapes.items()}
    return MappingProxyType({**_outlines(detail), **shapes})


def outline(country: str, detail: str = _FINEST) -> BaseGeometry:
    """Return the outline of one country id, a part of its parent's where it has none itself."""
    if country in outlines(detail):
        return outlines(detail)[country]
    parent = countries()[country].parent
    if not parent:  # drawn on the finer map only
        return outlines(_FINEST)[country]
    boxes = _parts()[country][1]
    # Whole polygons are selected, not cut, so that their points equal the parent's.
    return areal_union(
        [
            polygon
            for polygon in polygons_of(outline(parent, _FINEST))
            if any(shapely.intersects(box, polygon.representative_point()) for box in boxes)
        ]
    )


def find(text: str) -> list[str]:
    """Return the ids of the countries called `text`: none, one, or several if it is ambiguous.

    Codes and names are known in English, French and Spanish, short and formal, and as the World
    Bank, the United Nations and ISO 3166 write them: inverted ("Gambia, The"), abbreviated ("Congo,
    Dem. Rep."), with articles in brackets ("Sudan (the)"), or with the country's own code there, as
    messages write ambiguous ones ("Congo (COG)").
    """
    normalised = key(text)
    for names in _index():
        if normalised in names:
            return sorted(names[normalised])
    if coded := _with_code(text):
        return coded
    forms = _forms()
    return sorted(set().union(*(forms.get(words, ()) for words in readings(key(spelled(text))))))


def _with_code(text: str) -> list[str]:
    """Return the country of a name that is followed by its code in brackets; none for others."""
    parts = _CODED.fullmatch(text.strip())
    if parts is None:
        return []
    named = _index()[0].get(key(parts["code"]), set())
    return sorted(named.intersection(find(parts["name"])))


def known_names() -> Iterator[tuple[str, str]]:
    """Yield (name or id, country id), for suggestions."""
    for country in countries().values():
        yield country.id, country.id
        if country.iso2:
            yield country.iso2, country.id
        for name in dict.fromkeys(country.names.values()):
            yield name, country.id
    for code, names in name_rules().names.items():
        for name in names:
            yield name, code


def key(text: str) -> str:
    """Return `text` without case, accents, punctuation and a leading article."""
    # NFKD leaves the ligature œ whole.
    letters = unicodedata.normalize("NFKD", text.replace("&", " and ").replace("œ", "oe"))
    plain = "".join(c for c in letters if not unicodedata.combining(c)).casefold()
    # "U.S.A." is USA, yet "Guinea-Bissau" is two words.
    words = re.sub(r"[^\w]+", " ", plain.replace(".", "" if _is_initials(text) else " ")).strip()
    return _ARTICLES.sub("", words)


def _is_initials(text: str) -> bool:
    return re.fullmatch(r"(?:\w\.){2,}\w?", text.strip()) is not None


def _rows(name: str) -> list[dict[str, str]]:
    source = resources.files("hotspots.geo").joinpath(name)
    return list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))


@lru_cache(maxsize=1)
def _parts() -> dict[str, tuple[str, list[BaseGeometry]]]:
    """Return, by id, the parent's id and the boxes that hold the part."""
    parts: dict[str, tuple[str, list[BaseGeometry]]] = {}
    for row in _rows("country_parts.csv"):
        west, south, east, north = (float(row[s]) for s in ("west", "south", "east", "north"))
        box = shapely.box(west, south, east, north)
        parts.setdefault(row["id"], (row["parent"], []))[1].append(box)
    return parts


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, Country]:
    import pycountry
    from babel import Locale

    territories = {lang: Locale(lang).territories for lang in LANGUAGES}
    found: dict[str, Country] = {}
    for entry in pycountry.countries:
        names = {lang: str(territories[lang][entry.alpha_2]) for lang in LANGUAGES}
        parent = _parts()[entry.alpha_3][0] if entry.alpha_3 in _parts() else ""
        found[entry.alpha_3] = Country(entry.alpha_3, entry.alpha_2, names, "", parent)
    for row in _rows("country_extras.csv"):
        names = {lang: row[f"name_{lang}"] for lang in LANGUAGES}
        found[row["id"]] = Country(row["id"], row["iso2"] or None, names, row["note"])
    noted = {
        code: Country(code, item.iso2, item.names, _note(found, code), item.parent)
        for code, item in sorted(found.items())
    }
    return MappingProxyType(noted)


def _note(found: Mapping[str, Country], code: str) -> str:
    country = found[code]
    notes = [country.note or _NOTES.get(code, "")]
    if country.parent:
        parent = found[country.parent]
        notes.append(f"no outline of its own: part of that of {parent.names['en']} ({parent.id})")
    parts = [f"{item.names['en']} ({item.id})" for item in found.values() if item.parent == code]
    if parts:
        notes.append("outline includes " + ", ".join(sorted(parts)))
    return "; ".join(note for note in notes if note)


@lru_cache(maxsize=1)
def _index() -> tuple[dict[str, set[str]], ...]:
    """Return names by key in order of precedence: codes, CLDR and further names, formal names."""
    import pycountry

    codes: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    formal: dict[str, set[str]] = {}
    for country in countries().values():
        for code in (country.id, country.iso2):
            if code:
                codes.setdefault(key(code), set()).add(country.id)
        for name in _usual(country):
            names.setdefault(key(name), set()).add(country.id)
    for row in _rows("country_extras.csv"):
        formal.setdefault(key(row["atlas_name"]), set()).add(row["id"])
    for entry in pycountry.countries:
        codes.setdefault(entry.numeric, set()).add(entry.alpha_3)
    for code, called in _iso_names().items():
        for name in called:
            formal.setdefault(key(name), set()).add(code)
    return codes, names, formal


@lru_cache(maxsize=1)
def _forms() -> dict[Words, set[str]]:
    """Return the countries by the words of their names, with and without their titles."""
    found: dict[Words, set[str]] = {}
    for country in countries().values():
        usual = [_words(name) for name in _usual(country)]
        formal = [_words(name) for name in _iso_names().get(country.id, ())]
        for words in titled([*usual, *formal], [*usual, *formal]):
            found.setdefault(words, set()).add(country.id)
    return found


def _words(name: str) -> Words:
    return words_of(key(spelled(name)))


def _usual(country: Country) -> tuple[str, ...]:
    return (*country.names.values(), *name_rules().names.get(country.id, ()))


@lru_cache(maxsize=1)
def _iso_names() -> dict[str, list[str]]:
    """Return the names of ISO 3166 by country: short, common and formal, in each language."""
    import gettext

    import pycountry

    translated = [
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[lang]).gettext
        for lang in LANGUAGES[1:]
    ]
    found: dict[str, list[str]] = {}
    for entry in pycountry.countries:
        given = (getattr(entry, field, None) for field in ("name", "common_name", "official_name"))
        names = [name for name in given if name]
        names += [translate(name) for translate in translated for name in tuple(names)]
        found[entry.alpha_3] = list(dict.fromkeys(names))
    return found


@lru_cache(maxsize=len(DETAILS))
def _outlines(detail: str) -> Mapping[str, BaseGeometry]:
    found = _read(detail)
    if detail == _FINEST:
        # The smallest (Vatican City) are lost to quantisation here and drawn on the other map.
        lost = [code for code, geometry in found.items() if geometry.is_empty]
        spare = _read(_FALLBACK) if lost else {}
    else:
        # Areas without an ISO code may lie within their neighbours on the coarser map.
        drawn = {code for code, item in countries().items() if item.iso2 and not item.parent}
        lost = sorted(drawn - set(found))
        spare = dict(_outlines(_FINEST)) if lost else {}
    found |= {code: spare.get(code, shapely.MultiPolygon()) for code in lost}
    return MappingProxyType(dict(sorted(found.items())))


def _read(detail: str) -> dict[str, BaseGeometry]:
    from hotspots.config import vendor_file  # loads pydantic

    return _by_id(read_topology(vendor_file(f"world-atlas/countries-{detail}.json")))


def _by_id(features: list[Feature]) -> dict[str, BaseGeometry]:
    """Return outlines by our ids; features of one id (Australia, Ashmore Islands) are joined."""
    import pycountry

    extras = {row["atlas_name"]: row["id"] for row in _rows("country_extras.csv")}
    parts: dict[str, list[BaseGeometry]] = {}
    for feature in features:
        entry = pycountry.countries.get(numeric=feature.id) if feature.id else None
        code = str(entry.alpha_3) if entry else extras.get(feature.name, "")
        if not code:
            raise MissingAssetError(
                f"The map draws '{feature.name}', which has no id here. Install world-atlas 2.0.2,"
                " or add the name to country_extras.csv."
            )
        parts.setdefault(code, []).append(feature.geometry)
    return {
        code: group[0] if len(group) == 1 else areal_union(group) for code, group in parts.items()
    }
