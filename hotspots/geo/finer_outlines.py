"""Outlines of countries in the place of the packaged ones: a user's, or a national office's.

The packaged outlines are drawn at 1:10 million. Finer ones hold within a block of `using`, or for a
whole process where ``HOTSPOTS_OUTLINES`` names their file; only the countries in the file are
replaced. `hotspots.geo.countries` joins both, so that all who ask it get the same outlines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import pyproj
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError
from hotspots.geo.areas import areal_union

# The least share of the union of both outlines that they have in common.
LEAST_SHARED = 0.5
_CODES = ("iso3", "iso_a3", "adm0_a3", "shapegroup", "country", "gid_0", "id", "code", "iso")
_NAMES = ("name_en", "name", "admin", "shapename", "name_long", "country", "label")
_WGS84 = pyproj.Geod(ellps="WGS84")
_M2_PER_HA = 1e4


@dataclass(frozen=True)
class FinerOutlines:
    """Finer outlines, by country id; two of the same files are equal.

    Attributes
    ----------
    shapes : mapping of str to shapely geometry
        EPSG:4326, valid, cut at the antimeridian.
    files : tuple of (str, str)
        Name and SHA-256 (hex) of each file that they were read from.
    licence, made_by : str
        As stated with the files; "" if nothing is.
    """

    shapes: Mapping[str, BaseGeometry] = field(repr=False, hash=False, compare=False)
    files: tuple[tuple[str, str], ...]
    licence: str = ""
    made_by: str = ""

    @property
    def sentence(self) -> str:
        """What took the place of what, for reports and manifests."""
        names = " and ".join(name for name, _ in self.files)
        stated = [part for part in (self.made_by, self.licence) if part]
        origin = f" ({'; '.join(stated)})" if stated else ""
        return f"Outlines of {', '.join(sorted(self.shapes))} are those of {names}{origin}."


_CHOSEN: ContextVar[FinerOutlines | None] = ContextVar("finer_outlines", default=None)


@contextmanager
def using(finer: FinerOutlines | None) -> Iterator[None]:
    """Use finer outlines until the end of a block; None leaves those in use."""
    token = _CHOSEN.set(finer if finer is not None else _CHOSEN.get())
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def chosen() -> FinerOutlines | None:
    """Return the outlines of the innermost block of `using`, or None."""
    return _CHOSEN.get()


def read_outlines(
    paths: Sequence[Path],
    country_of: Callable[[str], str],
    packaged: Mapping[str, BaseGeometry],
    *,
    licence: str = "",
    made_by: str = "",
) -> FinerOutlines:
    """Return the outlines of countries in files of polygons.

    Parameters
    ----------
    paths : sequence of Path
        GeoPackage, GeoJSON, shapefile or another file of polygons in any CRS, each feature with
        the ISO 3166-1 alpha-3 code of its country, or a name of it; parts of one are joined.
    country_of : callable
        A code or name -> the id of the one country that it means, else "".
    packaged : mapping of str to shapely geometry
        The packaged outlines by country id, with which the finer ones are compared.
    licence, made_by : str
        What is stated of them.

    Raises
    ------
    BadInputError
        A feature has no known country, or its outline isn't plausibly that country's: it has less
        than half in common with the packaged one.
    """
    from hotspots.geo.user_geometry import read_areas
    from hotspots.io.atomic import file_hash

    parts: dict[str, list[BaseGeometry]] = {}
    for path in paths:
        table = read_areas(path)
        columns = {str(name).casefold(): name for name in table.columns}
        for number, (_, row) in enumerate(table.iterrows(), 1):
            texts = [row[columns[c]] for c in (*_CODES, *_NAMES) if c in columns]
            code = next((c for text in texts if (c := country_of(str(text or "").strip()))), "")
            if not code:
                raise BadInputError(
                    f"Feature {number} of '{path.name}' doesn't say which country it is. Give a"
                    " column 'iso3' with its code, such as SEN."
                )
            parts.setdefault(code, []).append(row[table.geometry.name])
    shapes = {code: areal_union(found) for code, found in parts.items()}
    for code, shape in shapes.items():
        _require_plausible(code, shape, packaged.get(code), paths[0].name)
    files = tuple((path.name, file_hash(path)) for path in paths)
    return FinerOutlines(shapes, files, licence, made_by)


def _require_plausible(
    code: str, shape: BaseGeometry, packaged: BaseGeometry | None, file: str
) -> None:
    if packaged is None or packaged.is_empty:
        return
    common, both = _hectares(shape.intersection(packaged)), _hectares(shape.union(packaged))
    if common < LEAST_SHARED * both:
        raise BadInputError(
            f"The outline of {code} in '{file}' has {_hectares(shape):,.0f} ha, of which"
            f" {common:,.0f} lie in the packaged outline of {_hectares(packaged):,.0f} ha: it is"
            " another place, or longitude and latitude are exchanged. Correct it."
        )


def _hectares(shape: BaseGeometry) -> float:
    """Return the area of a shape on the ellipsoid, ha."""
    return abs(float(_WGS84.geometry_area_perimeter(shape)[0])) / _M2_PER_HA
