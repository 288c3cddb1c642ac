"""The countries that points lie in, or within 10 km of.

The 1:10 million map draws coasts and borders some hundred metres to some kilometres off and leaves
out islets and quays, and a coordinate given to a tenth of a degree is itself up to 8 km off. Some
inhabited atolls aren't drawn at all: the gazetteer's towns count as land too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from hotspots.geo.countries import countries, find, finer_in_use, outline, outlines
from hotspots.geo.finer_outlines import FinerOutlines
from hotspots.registry.gazetteer.gazetteer import cities

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.str_]

TOLERANCE_KM = 10.0

# Of a great circle on a sphere of 6371 km.
_KM_PER_DEGREE = 111.2
_CORNERS = 16  # of the ring that stands for the circle of TOLERANCE_KM
_PIECE = 50  # points in a piece of outline; short pieces make few of them near a point

# Disputed areas (W, S, E, N). No position is taken: records of any of the countries are valid.
_DISPUTED = (
    (("RUS", "UKR"), (32.4, 44.2, 36.8, 46.3)),  # Crimea
    (("ESH", "MAR"), (-17.2, 20.7, -8.6, 27.7)),  # Western Sahara
    (("CHN", "IND", "PAK"), (72.5, 32.2, 80.5, 37.1)),  # Kashmir
    (("EGY", "SDN"), (33.1, 21.9, 37.2, 23.2)),  # Hala'ib
    (("ISR", "PSE", "SYR"), (34.8, 31.3, 36.0, 33.4)),  # West Bank, Golan
)

# Land that the map draws apart, and the countries that it may be said to lie in.
_ALSO_OF = {
    "XKX": ("SRB",),
    "XSL": ("SOM",),
    "XNC": ("CYP",),
    "XCB": ("CYP",),
    "XAK": ("CYP", "GBR"),
    "XDH": ("CYP", "GBR"),
    "XSG": ("IND", "PAK"),
    "XBK": ("KAZ", "RUS"),
    "XGT": ("CUB", "USA"),
    "XIO": ("AUS",),
    "XCS": ("AUS",),
    "XCL": ("FRA",),
    "XSC": ("CHN", "PHL", "TWN"),
    "XSP": ("BRN", "CHN", "MYS", "PHL", "TWN", "VNM"),
    "XBN": ("COL", "JAM", "NIC", "USA"),
    "XSE": ("COL", "HND", "NIC", "USA"),
    # ISO 3166-2 lists these, which have codes of their own, as units of another country too.
    "ABW": ("NLD",),
    "CUW": ("NLD",),
    "SXM": ("NLD",),
    "ALA": ("FIN",),
    "ASM": ("USA",),
    "GUM": ("USA",),
    "MNP": ("USA",),
    "PRI": ("USA",),
    "UMI": ("USA",),
    "VIR": ("USA",),
    "HKG": ("CHN",),
    "MAC": ("CHN",),
    "TWN": ("CHN",),
    "ATF": ("FRA",),
    "BLM": ("FRA",),
    "MAF": ("FRA",),
    "NCL": ("FRA",),
    "PYF": ("FRA",),
    "SPM": ("FRA",),
    "WLF": ("FRA",),
}
_CLAIMANTS = sorted(
    {code for codes in (*_ALSO_OF.values(), *(names for names, _ in _DISPUTED)) for code in codes}
)


def on_globe(lat: Any, lon: Any) -> Any:
    """Return for each point whether |latitude| <= 90 and |longitude| <= 180 degrees."""
    return (np.abs(lat) <= 90) & (np.abs(lon) <= 180)


def also_of(country: str) -> tuple[str, ...]:
    """Return the other countries that an area may be said to lie in."""
    return _ALSO_OF.get(country, ())


def countries_at(lat: Floats, lon: Floats) -> Codes:
    """Return the id of the country whose outline each point lies in, "" at sea or off the globe.

    Parameters
    ----------
    lat, lon
        Degrees, EPSG:4326.
    """
    found = np.full(len(lat), "", dtype="U3")
    for code, shape in _shapes(finer_in_use()):
        # A box is compared with all points at once, before the costly test of the polygon.
        west, south, east, north = shape.bounds
        left = (found == "") & (lat >= south) & (lat <= north) & (lon >= west) & (lon <= east)
        rows = np.flatnonzero(left)
        found[rows[shapely.contains_xy(shape, lon[rows], lat[rows])]] = code
    return found


def countries_near(lat: Floats, lon: Floats) -> list[set[str]]:
    """Return the ids of the countries with a border, coast or town within 10 km of each point."""
    tree, codes = _borders(finer_in_use())
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    # The ring goes round the circle: none that is within 10 km is left out.
    reach = TOLERANCE_KM / _KM_PER_DEGREE / np.cos(np.pi / _CORNERS)
    squeeze = np.maximum(np.cos(np.radians(lat)), 0.01)[:, None]  # a degree's width towards poles
    ring = np.stack(
        [lon[:, None] + reach * np.cos(angles) / squeeze, lat[:, None] + reach * np.sin(angles)],
        axis=-1,
    )
    found: list[set[str]] = [set() for _ in lat]
    for shift in (0.0, 360.0, -360.0):  # a ring over the antimeridian meets the other side's coast
        moved = ring + np.array([shift, 0.0])
        low, high = moved.min(axis=1), moved.max(axis=1)
        rows = np.flatnonzero((high[:, 0] >= -180) & (low[:, 0] <= 180))
        boxes = shapely.box(*low[rows].T, *high[rows].T)
        # Boxes are quick to make and leave few rings to look at: most of the sea is far from land.
        rows = rows[np.unique(tree.query(boxes)[0])]
        pairs = tree.query(shapely.polygons(moved[rows]), predicate="intersects")
        for row, piece in zip(rows[pairs[0]], pairs[1], strict=True):
            found[row].add(codes[piece])
    return found


def is_in(lat: Floats, lon: Floats, country: Codes) -> Flags:
    """Return for each point whether it lies in its country, or on any land if that is "".

    Points up to 10 km outside count as inside, as do points in land claimed by the country.
    """
    found = np.zeros(len(lat), dtype=bool)
    for code in np.unique(country):
        rows = np.flatnonzero((country == code) & on_globe(lat, lon))
        if code:
            found[rows] = shapely.contains_xy(
                _prepared(str(code), finer_in_use()), lon[rows], lat[rows]
            )
        else:
            found[rows] = countries_at(lat[rows], lon[rows]) != ""
    rows = np.flatnonzero(~found & on_globe(lat, lon))
    near = countries_near(lat[rows], lon[rows])
    # Looked up only for countries with such claims: `countries_at` goes through all outlines.
    claims = np.isin(country[rows], _CLAIMANTS)
    at = np.full(len(rows), "", dtype="U3")
    at[claims] = countries_at(lat[rows[claims]], lon[rows[claims]])
    for n in np.flatnonzero(claims | np.array([bool(codes) for codes in near], dtype=bool)):
        row, code, lands = rows[n], str(country[rows[n]]), near[n] | {str(at[n])}
        found[row] = (
            (code in lands if code else bool(near[n]))
            or any(code in _ALSO_OF.get(other, ()) for other in lands)
            or _is_disputed(lat[row], lon[row], code)
        )
    return found


def is_far(lat: Floats, lon: Floats, country: Codes, degrees: float) -> Flags:
    """Return for each point whether it is farther than `degrees` from its country ("": True).

    Parameters
    ----------
    lat, lon : array of float64, shape (points,)
        Degrees, EPSG:4326. Points off the globe, or with NaN, are far.
    country : array of str, shape (points,)
        Id as in `hotspots.geo.countries` of the country of each point; "" if it has none.
    degrees : float
        Distance from the country's outline, in degrees of latitude and longitude alike; a point at
        this distance is not far. Distances are not measured across the antimeridian.
    """
    found = np.ones(len(lat), dtype=bool)
    for code in np.unique(country[country != ""]):
        rows = np.flatnonzero((country == code) & on_globe(lat, lon))
        points = shapely.points(lon[rows], lat[rows])
        found[rows] = ~shapely.dwithin(_prepared(str(code), finer_in_use()), points, degrees)
    return found


def _is_disputed(lat: float, lon: float, code: str) -> bool:
    return any(
        code in codes and west <= lon <= east and south <= lat <= north
        for codes, (west, south, east, north) in _DISPUTED
    )


@cache
def _prepared(code: str, finer: FinerOutlines | None) -> BaseGeometry:
    shape = outline(code)
    shapely.prepare(shape)
    return shape


@lru_cache(maxsize=2)
def _shapes(finer: FinerOutlines | None) -> tuple[tuple[str, BaseGeometry], ...]:
    """Return every outline by id: first those of parts, whose land is in their parent's too."""
    parts = [code for code, item in countries().items() if item.parent]
    return tuple((code, _prepared(code, finer)) for code in [*parts, *outlines()])


@lru_cache(maxsize=2)
def _borders(finer: FinerOutlines | None) -> tuple[shapely.STRtree, list[str]]:
    """Return the outlines' rings in short pieces and the towns, in a tree, and the id of each."""
    pieces: list[BaseGeometry] = []
    codes: list[str] = []
    for code, shape in _shapes(finer):
        cut = list(_pieces(shape))
        pieces += cut
        codes += [code] * len(cut)
    towns = cities().values()
    pieces += list(shapely.points([(town.longitude, town.latitude) for town in towns]))
    codes += [find(town.country)[0] for town in towns]
    return shapely.STRtree(pieces), codes


def _pieces(shape: BaseGeometry) -> Iterator[BaseGeometry]:
    for ring in shapely.get_rings(shapely.get_parts(shape)):
        xy = shapely.get_coordinates(ring)
        for start in range(0, len(xy) - 1, _PIECE):
            # + 1: pieces share their end points, so that a border has no gaps.
            yield shapely.LineString(xy[start : start + _PIECE + 1])
