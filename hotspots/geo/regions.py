"""Regions: named areas with an id, names in English, French and Spanish, and an outline.

`region` resolves a user's specification to one `Region`; `regions` returns whole sets as a table.
The sets are countries (world-atlas; see `hotspots.geo.countries`), the large regions of the 4 per
1000 Initiative (``data/regions/initiative.toml``, which users may edit) and files of their own.
Boundaries imply no opinion on the legal status of any territory: show the text `DISCLAIMER_KEY`
wherever they are drawn.
"""

from __future__ import annotations

import hashlib
import math
import numbers
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import shapely
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError, EmptyRegionError, UnknownRegionError
from hotspots.geo import countries, initiative, user_geometry
from hotspots.geo.antimeridian import WORLD_BOX
from hotspots.geo.areas import areal_union
from hotspots.geo.countries import LANGUAGES, finer_in_use
from hotspots.geo.finer_outlines import FinerOutlines

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

DISCLAIMER_KEY = "notice.boundaries"  # in the message catalogues of hotspots.locale
COLUMNS = ("id", "iso2", "kind", "name_en", "name_fr", "name_es", "note", "geometry")

_WORLD = {"en": "World", "fr": "Monde", "es": "Mundo"}
_WORLD_WORDS = {"world", "monde", "mundo", "earth", "terre", "tierra", "globe", "global"}
_CUSTOM = {"en": "Custom area", "fr": "Zone personnalisée", "es": "Zona personalizada"}
_BOX = {"en": "Box", "fr": "Rectangle", "es": "Rectángulo"}
_LONGEST_NAME = 60
_LONGEST_CODE = 3
_RASTERS = (".tif", ".tiff", ".nc", ".nc4", ".cdf", ".h5", ".zarr", ".vrt", ".img", ".asc", ".grd")
# Columns that hold an id or a name in common boundary files; the first that fits is taken.
# fmt: off
_ID_COLUMNS = (
    "id", "iso3", "iso_a3", "adm0_a3", "iso_3", "shapeid", "gid_2", "gid_1", "gid_0",
    "adm2_pcode", "adm1_pcode", "adm0_pcode", "nuts_id", "hybas_id", "eco_id", "code",
)
_NAME_COLUMNS = (
    "name_en", "name", "shapename", "name_long", "admin", "adm2_en", "adm1_en", "adm0_en",
    "name_2", "name_1", "name_0", "nuts_name", "eco_name", "label", "title", "nom", "nombre",
)
# fmt: on


@dataclass(frozen=True)
class Region:
    """A named area.

    Attributes
    ----------
    id : str
        ISO 3166-1 alpha-3 or XAA to XZZ, the initiative region's id, "world", the box as
        "W,S,E,N", or "custom-" and twelve digits made from the outline.
    kind : str
        "world", "country", "initiative", "box" or "custom".
    names : mapping of str to str
        By language: en, fr, es.
    geometry : shapely geometry
        Valid Polygon or MultiPolygon in EPSG:4326, cut at the antimeridian.
    iso2 : str or None
        ISO 3166-1 alpha-2.
    note : str
        Caveat about the outline, in English; may be empty.
    """

    id: str
    kind: str
    # A dict has no hash.
    names: Mapping[str, str] = field(hash=False)
    geometry: BaseGeometry = field(repr=False)
    iso2: str | None = None
    note: str = field(default="", repr=False)

    def name(self, lang: str = "en") -> str:
        """Return the name in a language ("fr" or "fr-CA"), in English where there is none."""
        return self.names.get(lang.replace("_", "-").split("-")[0].lower(), self.names["en"])


def region(spec: object, *, files: bool = True) -> Region:
    """Return the region that `spec` specifies.

    Parameters
    ----------
    spec
        An ISO alpha-3, alpha-2 or numeric code; a name in English, French or Spanish, in any case
        and without regard to accents; the id or name of a region of the initiative; "world"; a
        box (W, S, E, N) or "W,S,E,N" in degrees, W > E across the antimeridian; GeoJSON of
        polygons as a mapping or text; the path of a file of polygons in any CRS; a shapely
        geometry in EPSG:4326; a Region, which is returned.
    files
        Whether text may name a file. False where the text comes from an untrusted user.

    Raises
    ------
    UnknownRegionError
        No region has this name; the message lists near matches.
    EmptyRegionError
        The area is empty.
    BadInputError
        The box, GeoJSON or file can't be used; the message says why.
    """
    if isinstance(spec, Region):
        return spec
    if isinstance(spec, Path):
        _refuse_raster(str(spec))
        return _file_region(spec)
    if isinstance(spec, str):
        return _from_text(spec.strip(), files)
    if isinstance(spec, BaseGeometry):
        return _geojson_region(spec.__geo_interface__)
    if isinstance(spec, Mapping):
        return _geojson_region(spec)
    if isinstance(spec, Iterable):
        bounds = list(spec)
        if all(isinstance(value, numbers.Real) for value in bounds):
            return _box_region([float(value) for value in bounds])
    raise BadInputError(
        f"A region can't be read from {_short(repr(spec))}. Give a code, a name, a box"
        " (W, S, E, N), GeoJSON or the path of a file."
    )


def regions(which: str | Path = "countries", detail: str = "10m") -> gpd.GeoDataFrame:
    """Return a set of regions as a table.

    Parameters
    ----------
    which
        "countries", "initiative" (the regions of the 4 per 1000), or the path of a file of
        polygons in any CRS. In a file the id is the first column of a known name (id, iso_a3,
        shapeID, code, …) that is filled and different in every row, else the row's number from 1;
        the name likewise (name_en, name, shapeName, …; name_fr and name_es where there are any),
        else the id.
    detail
        Outlines of countries and initiative regions: "10m" or the coarser "50m".

    Returns
    -------
    GeoDataFrame
        Columns id, iso2, kind, name_en, name_fr, name_es, note, geometry (EPSG:4326, valid, cut at
        the antimeridian). Countries in order of id; the others as in their file.
    """
    if which == "countries":
        known = countries.countries()
        found = [_country(known[code], shape) for code, shape in countries.outlines(detail).items()]
        return _table(found)
    if which == "initiative":
        return _table([_initiative_region(group, detail) for group in initiative.groups().values()])
    path = Path(which)
    # A word without a suffix is a misspelt set rather than a missing file.
    if not path.suffix and not path.exists():
        raise UnknownRegionError(
            f"There is no set of regions '{_short(str(which))}'. Give countries, initiative, or"
            " the path of a file of polygons."
        )
    return _table(_file_regions(path))


def initiative_members() -> dict[str, list[str]]:
    """Return the ids of the member countries of each region of the initiative."""
    return {code: list(group.members) for code, group in initiative.groups().items()}


def _from_text(text: str, files: bool) -> Region:
    if not text:
        raise BadInputError("The region is empty. Give a code, a name, a box W,S,E,N or a file.")
    if text[0] in "{[":
        return _geojson_region(user_geometry.parse_geojson(text))
    if bounds := user_geometry.parse_box(text):
        return _box_region(bounds)
    # Names before files: a folder called "Kenya" must not hide the country.
    if found := _named(text):
        return found
    if files:
        _refuse_raster(text)
    if files and (Path(text).suffix.lower() in user_geometry.SUFFIXES or _is_file(text)):
        return _file_region(Path(text))
    raise UnknownRegionError(
        f"No region is called '{_short(text)}'{_near(text)} Give an ISO code, a country's name in"
        " English, French or Spanish, a region of the initiative, world, a box W,S,E,N, GeoJSON or"
        " a file."
    )


def _refuse_raster(text: str) -> None:
    """Raise `BadInputError` if a text names a raster or a folder: data, where a region is due."""
    if Path(text).suffix.lower() not in _RASTERS and not os.path.isdir(text):
        return
    shown = _short(text)
    raise BadInputError(
        f"'{shown}' is data and not a region. In Python, hs.open_data('{shown}') reads your own"
        f" rasters, and hs.load(region, store='{shown}') the layers of a store; on the command line"
        " give --data or --store. A region is a code, a name, a box W,S,E,N, GeoJSON or a file of"
        " polygons."
    )


def _named(text: str) -> Region | None:
    """Return the country, initiative region or world with this name or code."""
    if countries.key(text) in _WORLD_WORDS:
        return Region("world", "world", dict(_WORLD), WORLD_BOX)
    found = countries.find(text)
    if len(found) == 1:
        return _whole_country(found[0])
    if found:
        named = " or ".join(f"{countries.countries()[i].names['en']} ({i})" for i in found)
        raise UnknownRegionError(f"'{_short(text)}' may mean {named}. Give the code.")
    normalised = countries.key(text)
    for group in initiative.groups().values():
        if normalised in {countries.key(name) for name in (group.id, *group.names.values())}:
            return _initiative_region(group, countries.DETAILS[0])
    return None


def _whole_country(code: str) -> Region:
    country = countries.countries()[code]
    shape = countries.outline(code)
    if shape.is_empty:
        raise EmptyRegionError(
            f"{country.names['en']} ({code}) is too small for the outlines at hand."
            " Give its outline as a file or a box."
        )
    return _country(country, shape)


def _country(country: countries.Country, shape: BaseGeometry) -> Region:
    # A part (French Guiana) has no row in the table of countries: it is identified by its outline.
    kind = "custom" if country.parent else "country"
    return Region(country.id, kind, dict(country.names), shape, country.iso2, country.note)


def _near(text: str) -> str:
    """Return "; did you mean …?" for the names like `text`, each region once; else "."."""
    if len(text) > _LONGEST_NAME:
        return "."
    normalised = countries.key(text)
    labels: dict[str, dict[str, str]] = {}
    for name, code in [*countries.known_names(), *_initiative_names()]:
        # A short text is treated as a code, a longer one as a name.
        if (len(name) <= _LONGEST_CODE) == (len(normalised) <= _LONGEST_CODE):
            labels.setdefault(countries.key(name), {})[code] = _label(name, code)
    matches = get_close_matches(normalised, labels, n=30, cutoff=0.6)
    matches.sort(
        key=lambda match: sorted(match) != sorted(normalised)
    )  # swapped letters come first
    close: dict[str, str] = {}
    for match in matches:
        for code, label in labels[match].items():
            close.setdefault(code, label)
    if not close:
        return "."
    *others, last = list(close.values())[:3]
    return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def _label(name: str, code: str) -> str:
    known = countries.countries()
    if code in known and len(name) <= _LONGEST_CODE:
        name = known[code].names["en"]
    return code if name == code else f"{name} ({code})"


def _initiative_names() -> Iterator[tuple[str, str]]:
    for group in initiative.groups().values():
        for name in (group.id, *dict.fromkeys(group.names.values())):
            yield name, group.id


def _initiative_region(group: initiative.Group, detail: str) -> Region:
    shape = _union(group.members, detail, finer_in_use())
    return Region(group.id, "initiative", dict(group.names), shape, None, group.note)


@lru_cache(maxsize=64)
def _union(members: tuple[str, ...], detail: str, finer: FinerOutlines | None) -> BaseGeometry:
    # `finer` are those that `outlines` uses: a part of the cache's key.
    shapes = countries.outlines(detail)
    # The coarser map includes some small areas (Baikonur) in their neighbours only.
    return areal_union([shapes[code] for code in members if code in shapes])


def _box_region(bounds: Sequence[float]) -> Region:
    shape = user_geometry.box_geometry(bounds)
    # repr keeps every digit, so that the id gives the same box back.
    code = ",".join(repr(float(value)).removesuffix(".0") for value in bounds)
    return Region(code, "box", {lang: f"{word} {code}" for lang, word in _BOX.items()}, shape)


def _geojson_region(data: user_geometry.GeoJson) -> Region:
    shape, note = user_geometry.geojson_geometry(data)
    properties = data.get("properties")
    names = _names_in(properties) if isinstance(properties, Mapping) else {}
    return _custom(shape, names or _CUSTOM, note)


def _file_region(path: Path) -> Region:
    table = user_geometry.read_areas(path)
    names = _names_in(table.iloc[0]) if len(table) == 1 else {}
    notes = "; ".join(sorted(set(table[user_geometry.NOTE]) - {""}))
    shape = areal_union(list(table.geometry))
    return _custom(shape, names or dict.fromkeys(LANGUAGES, path.stem), notes)


def _file_regions(path: Path) -> Iterator[Region]:
    """Yield a Region for each row of a file, in its order."""
    table = user_geometry.read_areas(path)
    codes = _ids(table)
    for code, (_, row) in zip(codes, table.iterrows(), strict=True):
        names = _names_in(row) or dict.fromkeys(LANGUAGES, code)
        yield Region(code, "custom", names, row[table.geometry.name], None, row[user_geometry.NOTE])


def _custom(shape: BaseGeometry, names: Mapping[str, str], note: str) -> Region:
    # Normalised, so that the id doesn't depend on the vertex that a ring starts from.
    digest = hashlib.sha256(shapely.to_wkb(shapely.normalize(shape))).hexdigest()[:12]
    return Region(f"custom-{digest}", "custom", dict(names), shape, None, note)


def _ids(table: pd.DataFrame) -> list[str]:
    """Return the first column of a known name with unique values, else row numbers."""
    by_name = {str(column).casefold(): column for column in table.columns}
    for name in _ID_COLUMNS:
        if name not in by_name:
            continue
        values = table[by_name[name]]
        codes = [_text(value) for value in values]
        # Natural Earth writes "-99" where it has no code: such a column isn't unique.
        if all(codes) and len(set(codes)) == len(codes):
            return codes
    return [str(number) for number in range(1, len(table) + 1)]


def _names_in(attributes: Mapping[str, object] | pd.Series) -> dict[str, str]:
    """Return names by language from attributes of a feature; empty where there are none."""
    given = {str(column).casefold(): _text(value) for column, value in attributes.items()}
    first = next((given[column] for column in _NAME_COLUMNS if given.get(column)), "")
    names = {lang: given.get(f"name_{lang}") or first for lang in LANGUAGES}
    return names if names["en"] else {}


def _text(value: object) -> str:
    """Return a text or a number as text; "" for missing and other values."""
    if isinstance(value, str):
        # JSON may hold lone surrogates, which can't be written to a file.
        return value.strip().encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, numbers.Real) and not math.isnan(value):
        # Codes in a column of floats read "404", not "404.0".
        return f"{float(value):.15g}"
    return ""


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or a zero byte in it
        return False


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…"


def _table(found: Iterable[Region]) -> gpd.GeoDataFrame:
    import geopandas as gpd

    listed = list(found)
    rows = [
        (item.id, item.iso2, item.kind, *(item.names[lang] for lang in LANGUAGES), item.note)
        for item in listed
    ]
    shapes = gpd.GeoSeries([item.geometry for item in listed], crs="EPSG:4326")
    return gpd.GeoDataFrame(rows, columns=list(COLUMNS[:-1]), geometry=shapes)
