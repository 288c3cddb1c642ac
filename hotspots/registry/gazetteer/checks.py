"""Plausibility of points: at sea, at 0, 0, swapped, with a wrong sign, in another country."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotspots.geo.countries import countries
from hotspots.locale.messages import Message, any_of
from hotspots.registry.gazetteer.country_lookup import (
    TOLERANCE_KM,
    Codes,
    Flags,
    Floats,
    also_of,
    countries_at,
    countries_near,
    is_far,
    is_in,
    on_globe,
)
from hotspots.registry.gazetteer.place_search import countries_of_place
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Record, point_of, text_of
from hotspots.registry.schema.regions import country_shown

NOTES = ("whole_degrees",)  # codes of warnings only
# Certain errors of a record's position; the other codes are warnings.
_SERIOUS = frozenset({"null_island", "swapped", "sign"})

_NULL_ISLAND = 0.01  # degrees: 1 km
_FAR = 1.0  # degrees
_TOLERANCE = f"{TOLERANCE_KM:g} km"
_MOST_COUNTRIES = 3  # that a note on a place names


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
    sentence: Message


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
            fault.sentence.without_stop(),
            serious=fault.code in _SERIOUS,
        )
        for fault in found
        for row, record, (latitude, longitude) in [pointed[fault.at]]
        # A representative point need not be exact.
        if fault.code not in NOTES or record.get("place_precision") in ("exact", "locality")
    ]


def check_towns(named: Sequence[tuple[int, Record]]) -> list[Problem]:
    """Return a note for each record whose place is known, but in other countries than its own.

    Parameters
    ----------
    named
        (row number, record); those without a place or country are skipped.
    """
    found = [(row, record, text_of(record, "place")) for row, record in named]
    return [
        Problem(row, "place", place, reason, serious=False)
        for row, record, place in found
        if place and (reason := _elsewhere(place, text_of(record, "country")))
    ]


@lru_cache(maxsize=10_000)
def _elsewhere(place: str, country: str) -> Message | None:
    if country not in countries():
        return None
    everywhere, likely = countries_of_place(place)
    # Small places aren't in the gazetteer: one of the same name may be in the country.
    if not likely or country in everywhere or any(country in also_of(code) for code in everywhere):
        return None
    there = any_of([country_shown(code) for code in likely[:_MOST_COUNTRIES]])
    return Message("place.elsewhere", place=place, there=there, home=country_shown(country))


def _is_null(lat: Floats, lon: Floats) -> Flags:
    return (np.abs(lat) <= _NULL_ISLAND) & (np.abs(lon) <= _NULL_ISLAND)


def _null_island(lat: float, lon: float) -> Message:
    return Message("point.null_island", point=_point(lat, lon))


def _whole_degrees(rows: NDArray[np.intp], lat: Floats, lon: Floats) -> Iterator[OddPoint]:
    whole = (lat[rows] % 1 == 0) & (lon[rows] % 1 == 0)
    for row in rows[whole & on_globe(lat[rows], lon[rows])]:
        yield OddPoint(
            int(row),
            "whole_degrees",
            Message("point.whole_degrees", point=_point(lat[row], lon[row])),
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
        code = str(stated[n]) if named[n] else ""
        here = _lies(lat[n], lon[n], str(at[n]), near[n])
        if swapped[n]:
            yield OddPoint(
                int(row), "swapped", _right("swapped", here, _point(lon[n], lat[n]), code)
            )
        elif north[n]:
            right = _point(-lat[n], lon[n])
            yield OddPoint(int(row), "sign", _right("sign_latitude", here, right, code))
        elif east[n]:
            right = _point(lat[n], -lon[n])
            yield OddPoint(int(row), "sign", _right("sign_longitude", here, right, code))
        elif not on_globe(lat[n], lon[n]):
            yield OddPoint(int(row), "off_globe", Message("point.off_globe", here=here))
        elif at[n] or near[n]:
            yield OddPoint(int(row), "other_country", _other_country(here, code))
        else:
            yield OddPoint(int(row), "sea", Message("point.sea", here=here, distance=_TOLERANCE))


def _right(what: str, here: Message, right: str, code: str) -> Message:
    return Message(f"point.{what}", here=here, right=right, home=country_shown(code))


def _other_country(here: Message, code: str) -> Message:
    home = country_shown(code)
    return Message("point.other_country", here=here, distance=_TOLERANCE, home=home)


def _lies(lat: float, lon: float, at: str, near: set[str]) -> Message:
    """Describe where a point lies."""
    point = _point(lat, lon)
    if at:
        return Message("point.in_country", point=point, country=country_shown(at))
    if near:
        return Message("point.off_coast", point=point, country=country_shown(min(near)))
    return Message("point.in_sea" if on_globe(lat, lon) else "point.nowhere", point=point)


def _point(lat: float, lon: float) -> str:
    # Rounded to 1 m, and never "-0".
    return f"{round(float(lat), 5) + 0.0:.10g}, {round(float(lon), 5) + 0.0:.10g}"
