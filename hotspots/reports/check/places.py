"""Where values lie, in words: countries, hemisphere, bounds such as 12.3° N to 17.5° N."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hotspots.geo.countries import countries
from hotspots.geo.places import countries_at
from hotspots.layers.placing import Box
from hotspots.locale import number, text
from hotspots.reports.check.finding import Draft

Degrees = npt.NDArray[np.float64]

_MOST_PLACES = 5_000
_NAMED = 3
_MANY = 30  # countries, from which only their number is of interest
_DIGITS = 6


def add_place(draft: Draft, longitude: Degrees, latitude: Degrees, lang: str) -> None:
    """Add in which countries places (degrees, longitudes -180 to 180) lie, the most of them first.

    Of many places, some are looked up.
    """
    if not longitude.size:
        return
    some = np.linspace(0, longitude.size - 1, min(longitude.size, _MOST_PLACES)).astype(int)
    found = countries_at(longitude[some], latitude[some])
    ids = sorted(found, key=lambda code: (-found[code], code))
    said = text("format.semicolon", lang).join((_countries(ids, lang), _hemisphere(latitude, lang)))
    draft.add("place", said, {"countries": ids})


def add_bounds(draft: Draft, box: Box, lang: str) -> None:
    """Add the bounds (west, south, east, north), degrees; west > east crosses the antimeridian."""
    west, south, east, north = box
    whole = east - west >= 360 - 1e-6
    across = text("check.all_longitudes", lang) if whole else _span(west, east, lang)
    down = text(
        "check.range", lang, low=latitude_text(south, lang), high=latitude_text(north, lang)
    )
    draft.add("bounds", f"{down}, {across}", [float(f"{edge:.10g}") for edge in box])


def named(names: Sequence[str], lang: str, most: int = 12) -> str:
    """Return names joined by commas; of many, the first and how many others there are."""
    others = len(names) - most
    # "and 1 others" would be no shorter than the name.
    if others < 2:
        return ", ".join(names)
    return text("check.and_others", lang, names=", ".join(names[:most]), count=number(others, lang))


def place_text(longitude: float, latitude: float, lang: str) -> str:
    """Return a place such as "14.7° N 17.4° W"."""
    return f"{latitude_text(latitude, lang)} {longitude_text(longitude, lang)}"


def latitude_text(degrees: float, lang: str) -> str:
    """Return a latitude such as "14.7° N"."""
    return _degrees(degrees, "north" if degrees >= 0 else "south", lang)


def longitude_text(degrees: float, lang: str) -> str:
    """Return a longitude such as "17.4° W"; those beyond 180° are counted from the other side."""
    turned = degrees if -180 <= degrees <= 180 else (degrees + 180) % 360 - 180
    return _degrees(turned, "east" if turned >= 0 else "west", lang)


def _span(west: float, east: float, lang: str) -> str:
    return text(
        "check.range", lang, low=longitude_text(west, lang), high=longitude_text(east, lang)
    )


def _degrees(degrees: float, side: str, lang: str) -> str:
    shown = number(abs(degrees), lang, _DIGITS)
    return f"{shown}°\N{NO-BREAK SPACE}{text(f'map.{side}', lang)}"


def _countries(ids: list[str], lang: str) -> str:
    if not ids:
        return text("check.at_sea", lang)
    if len(ids) > _MANY:
        return text("check.many_countries", lang, count=number(len(ids), lang))
    return named([countries()[code].names[lang] for code in ids], lang, _NAMED)


def _hemisphere(latitude: Degrees, lang: str) -> str:
    north, south = bool((latitude > 0).any()), bool((latitude < 0).any())
    key = "both" if north and south else "south" if south else "north"
    return text(f"check.hemisphere.{key}", lang)
