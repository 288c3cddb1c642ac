"""Plausibility of points: at sea, at 0, 0, swapped, with a wrong sign, in another country."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotspots.geo.countries import countries
from hotspots.registry.gazetteer.country_lookup import (
    TOLERANCE_KM,
    Codes,
    Flags,
    Floats,
    countries_at,
    countries_near,
    is_far,
    is_in,
    on_globe,
)
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Record, point_of, text_of

NOTES = ("whole_degrees",)  # codes of warnings only
# Certain errors of a record's position; the other codes are warnings.
_SERIOUS = frozenset({"null_island", "swapped", "sign"})

_NULL_ISLAND = 0.01  # degrees: 1 km
_FAR = 1.0  # degrees


class OddPoint(NamedTuple):
    """What is implausible about a point.

    Attributes
    ----------
    at : int
        Position of the point among those given, from 0.
    code, sentence : str
        One of the codes of `check_points`; what is wrong and how to correct it.
    """

    at: int
    code: str
    sentence: str


def check_points(
    latitude: ArrayLike, longitude: ArrayLike, country: Sequence[str]
) -> list[OddPoint]:
    """Check the plausibility of points.

    Parameters
    ----------
    latitude, longitude
        Degrees, EPSG:4326; NaN for missing points, which are not checked.
    country
        The country that each point is stated to lie in (ids of `hotspots.geo.countries`); "" or an
        unknown id where none is.

    Returns
    -------
    list of OddPoint
        In the points' order. The codes: "null_island", within 1 km of
        0, 0; "swapped" and "sign", where the point is more than a degree from the stated country
        and would lie in it with latitude and longitude exchanged, or with one sign changed;
        "off_globe"; "sea", more than 10 km from any land; "other_country", more than 10 km from
        the stated one but not at sea. A point has at most one of these, and
        in addition one of `NOTES`: "whole_degrees".
    """
    lat, lon = np.asarray(latitude, dtype=float), np.asarray(longitude, dtype=float)
    stated = np.array([code if code in countries() else "" for code in country], dtype="U3")
    rows = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
    null = _is_null(lat[rows], lon[rows])
    found = [
        OddPoint(int(row), "null_island", _null_island(lat[row], lon[row])) for row in rows[null]
    ]
    rows = rows[~null]
    found += _whole_degrees(rows, lat, lon)
    # Most points are in their country: only the others are examined further.
    wrong = rows[~is_in(lat[rows], lon[rows], stated[rows])]
    found += _misplaced(wrong, lat[wrong], lon[wrong], stated[wrong])
    return sorted(found, key=lambda odd: odd.at)


def check_places(placed: Sequence[tuple[int, Record]]) -> list[Problem]:
    """Return implausible positions: at sea, at 0, 0, swapped coordinates, another country.

    Parameters
    ----------
    placed
        (row number, record) of the records with new positions; those without a point are
        skipped.
    """
    pointed = [(row, record, at) for row, record in placed if (at := point_of(record))]
    if not pointed:
        return []
    found = check_points(
        [latitude for _, _, (latitude, _) in pointed],
        [longitude for _, _, (_, longitude) in pointed],
        [text_of(record, "country") for _, record, _ in pointed],
    )
    return [
        Problem(
            row,
            "latitude",
            f"{latitude:g}, {longitude:g}",
            fault.sentence.rstrip("."),
            serious=fault.code in _SERIOUS,
        )
        for fault in found
        for row, record, (latitude, longitude) in [pointed[fault.at]]
        # A representative point need not be exact.
        if fault.code not in NOTES or record.get("place_precision") in ("exact", "locality")
    ]


def _is_null(lat: Floats, lon: Floats) -> Flags:
    return (np.abs(lat) <= _NULL_ISLAND) & (np.abs(lon) <= _NULL_ISLAND)


def _null_island(lat: float, lon: float) -> str:
    return (
        f"{_point(lat, lon)} is a point in the open sea, where coordinates end up that weren't"
        " known. Give latitude and longitude, or leave both empty."
    )


def _whole_degrees(rows: NDArray[np.intp], lat: Floats, lon: Floats) -> Iterator[OddPoint]:
    whole = (lat[rows] % 1 == 0) & (lon[rows] % 1 == 0)
    for row in rows[whole & on_globe(lat[rows], lon[rows])]:
        yield OddPoint(
            int(row),
            "whole_degrees",
            f"{_point(lat[row], lon[row])} are whole degrees, which may be up to 80 km off. Give"
            " decimals where they're known, or a coarse precision.",
        )


def _misplaced(
    rows: NDArray[np.intp], lat: Floats, lon: Floats, stated: Codes
) -> Iterator[OddPoint]:
    """Yield the errors of points outside their stated country."""
    named = stated != ""
    # Near a border, an imprecise coordinate is as likely as a wrong sign.
    far = named & is_far(lat, lon, stated, _FAR)
    swapped = far & is_in(lon, lat, stated)
    north = far & is_in(-lat, lon, stated)
    east = far & is_in(lat, -lon, stated)
    at = countries_at(lat, lon)
    near = countries_near(lat, lon)
    for n, row in enumerate(rows):
        home = _country(str(stated[n])) if named[n] else ""
        here = f"{_point(lat[n], lon[n])} {_lies(lat[n], lon[n], str(at[n]), near[n])}"
        if swapped[n]:
            right = f"{_point(lon[n], lat[n])} lies in {home}"
            yield OddPoint(int(row), "swapped", _swapped(here, right))
        elif north[n] or east[n]:
            lat_wrong = bool(north[n])
            right = _point(-lat[n], lon[n]) if lat_wrong else _point(lat[n], -lon[n])
            yield OddPoint(int(row), "sign", _sign(here, f"{right} lies in {home}", lat_wrong))
        elif not on_globe(lat[n], lon[n]):
            yield OddPoint(int(row), "off_globe", _off_globe(here))
        elif at[n] or near[n]:
            yield OddPoint(int(row), "other_country", _other_country(here, home))
        else:
            yield OddPoint(int(row), "sea", _sea(here))


def _swapped(here: str, right: str) -> str:
    return f"Latitude and longitude look swapped: {here}; {right}. Swap them."


def _sign(here: str, right: str, lat_wrong: bool) -> str:
    axis = "latitude" if lat_wrong else "longitude"
    return f"The sign of the {axis} looks wrong: {here}; {right}. Change it."


def _off_globe(here: str) -> str:
    return (
        f"{here}: latitude runs from -90 to 90, longitude from -180 to 180. Correct the"
        " coordinates, which are in degrees."
    )


def _other_country(here: str, home: str) -> str:
    return (
        f"{here}, more than {TOLERANCE_KM:g} km from {home}, which is stated. Correct the point or"
        " the country."
    )


def _sea(here: str) -> str:
    return f"{here}, more than {TOLERANCE_KM:g} km from any land. Correct latitude and longitude."


def _lies(lat: float, lon: float, at: str, near: set[str]) -> str:
    """Describe where a point lies."""
    if at:
        return f"lies in {_country(at)}"
    if near:
        return f"lies off the coast of {_country(min(near))}"
    return "lies in the sea" if on_globe(lat, lon) else "lies off the globe"


def _point(lat: float, lon: float) -> str:
    # Rounded to 1 m, and never "-0".
    return f"{round(float(lat), 5) + 0.0:.10g}, {round(float(lon), 5) + 0.0:.10g}"


def _country(code: str) -> str:
    return f"{countries()[code].names['en']} ({code})"
