"""Latitudes and longitudes as people write them: decimal degrees, or degrees, minutes and seconds.

The letters of the directions are those of English, French and Spanish: O is west.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hotspots.geo.countries import key
from hotspots.locale.messages import Message
from hotspots.registry.schema.numbers import readings
from hotspots.registry.schema.records import NumberText

LATITUDE, LONGITUDE = "latitude", "longitude"
LIMITS = {LATITUDE: 90.0, LONGITUDE: 180.0}
_SIXTY = 60.0
_DIGITS = 7  # of degrees computed from minutes: a centimetre
_DIRECTIONS = {
    **dict.fromkeys(("n", "nord", "north", "norte"), (LATITUDE, 1)),
    **dict.fromkeys(("s", "sud", "south", "sur"), (LATITUDE, -1)),
    **dict.fromkeys(("e", "est", "east", "este"), (LONGITUDE, 1)),
    **dict.fromkeys(("w", "o", "west", "ouest", "oeste"), (LONGITUDE, -1)),
}
_WORDS = "|".join(sorted(_DIRECTIONS, key=len, reverse=True))
_NUMBER = r"\d+(?:[.,]\d+)?"
# Signs of degrees, minutes and seconds, and the quotes that stand for them.
_DEGREES, _MINUTES = "[\u00b0\u00ba\u02da]", "['\u2019\u2032\u02b9\u00b4]"
_SECONDS = "(?:[\"\u201d\u2033\u02ba]|''|\u2019\u2019|\u2032\u2032)"
_ANGLE = re.compile(
    rf"(?P<sign>[-+]?)\s*(?P<degrees>{_NUMBER})\s*"
    rf"(?:{_DEGREES}\s*|(?<=\d)\s+(?=\d)|$)"
    rf"(?:(?P<minutes>{_NUMBER})\s*(?:{_MINUTES}\s*|(?<=\d)\s+(?=\d)|$))?"
    rf"(?:(?P<seconds>{_NUMBER})\s*(?:{_SECONDS}\s*|$))?"
)
_BEFORE = re.compile(rf"(?P<word>{_WORDS})\.?[\s:]*(?=[\d+-])", re.IGNORECASE)
_AFTER = re.compile(rf"(?<![^\W\d_])(?P<word>{_WORDS})\.?$", re.IGNORECASE)
# "14,69; -17,44", "14.69 / -17.44", "14.69, -17.44", "14.69 -17.44", "14.69,-17.44".
_PAIR_AT = (
    r"\s*[;/|\n]\s*",
    r"(?<!^),\s+",
    r"(?<=[\d\w\u00b0'\"\u2032\u2033])\s+(?=[-+\d\w])",
    r",",
)


class Angle(NamedTuple):
    """An angle in degrees, and the axis that its letter names, or ""."""

    degrees: float
    axis: str


def read_angle(text: str) -> Angle | None:
    """Return the angle of a text such as 14°41'N, 14,69 or -17.44 W; None if it isn't one.

    Raises
    ------
    ValueError
        It has a minus sign and a direction, or minutes or seconds of 60 and more.
    """
    if isinstance(text, NumberText):
        return Angle(float(text), "")
    plain = text.strip().replace("\u2212", "-").replace("\u2013", "-")
    # A number of its own, such as 1e-7: no "e" of the east.
    if found := _plain_number(plain):
        return found
    direction = _AFTER.search(plain) or _BEFORE.match(plain)
    if direction:
        plain = (plain[: direction.start()] + plain[direction.end() :]).strip(" .,")
    parts = _ANGLE.fullmatch(plain)
    if parts is None or not _is_clear(parts, plain, bool(direction)):
        return None
    axis, sign = _DIRECTIONS[key(direction["word"])] if direction else ("", 1)
    if parts["sign"] and direction:
        raise ValueError(Message("cell.angle_sign", cell=text))
    degrees = _degrees(parts, text)
    return Angle(sign * (-degrees if parts["sign"] == "-" else degrees), axis)


def _is_clear(parts: re.Match[str], text: str, directed: bool) -> bool:
    """Return whether an angle's parts can't be something else: only its last part has decimals."""
    given = [parts[name] for name in ("degrees", "minutes", "seconds") if parts[name]]
    # "14 41" without a sign or letter may be 14.41, or two numbers.
    signed = directed or len(given) == 1 or re.search(_DEGREES, text) is not None
    return signed and all(number.isdecimal() for number in given[:-1])


def read_axis(axis: str, text: str) -> float:
    """Return the degrees of a cell of latitude or longitude.

    Raises
    ------
    ValueError
        It isn't an angle, is one of the other axis, or is out of range; with a `Message`.
    """
    angle = read_angle(text)
    limit = LIMITS[axis]
    other = LONGITUDE if axis == LATITUDE else LATITUDE
    if angle and angle.axis == other:
        raise ValueError(Message(f"cell.angle_not_{axis}", cell=text))
    if angle and abs(angle.degrees) <= limit:
        return angle.degrees + 0.0  # -0 is 0
    if angle and limit < abs(angle.degrees) <= LIMITS[other]:
        raise ValueError(Message("cell.latitude_swapped", cell=text))
    raise ValueError(Message(f"cell.{axis}", cell=text))


def pair_in(text: str) -> tuple[str, str] | None:
    """Return the texts of latitude and longitude that one cell holds, or None.

    Letters of direction decide which is which; without them the latitude comes first.
    """
    if isinstance(text, NumberText) or _is_one(text):
        return None
    for separator in _PAIR_AT:
        parts = [part for part in re.split(separator, text.strip(" ()[]")) if part.strip()]
        found = _ordered(parts)
        if found:
            return found
    return None


def _is_one(text: str) -> bool:
    try:
        return read_angle(text) is not None
    except ValueError:
        return False


def _ordered(parts: list[str]) -> tuple[str, str] | None:
    """Return two texts as latitude and longitude; None unless they are just that."""
    if len(parts) % 2 or not parts:
        return None
    half = len(parts) // 2
    one, other = " ".join(parts[:half]), " ".join(parts[half:])
    try:
        angles = read_angle(one), read_angle(other)
    except ValueError:
        return None
    if angles[0] is None or angles[1] is None:
        return None
    axes = [angle.axis for angle in angles if angle]
    if axes == [LONGITUDE, LATITUDE]:
        return other, one
    # "14, 69" may be one number with a blank in it: a pair has decimals, minutes or letters.
    exact = all(re.search(r"\d[.,]\d|[\u00b0\u00ba']|[^\W\d]", part) for part in (one, other))
    fits = axes[0] in ("", LATITUDE) and axes[1] in ("", LONGITUDE)
    return (one, other) if exact and fits else None


def _plain_number(text: str) -> Angle | None:
    plain = re.sub(r"\s*[\u00b0\u00ba]$", "", text)
    # 14.694 is decimal: no angle has thousands.
    found = readings(plain)
    return Angle(found[0], "") if found and not re.search(r"\d[ \u00a0\u202f']\d", plain) else None


def _degrees(parts: re.Match[str], text: str) -> float:
    """Return the degrees of an angle without its sign."""
    whole, minutes, seconds = (
        float((parts[name] or "0").replace(",", ".")) for name in ("degrees", "minutes", "seconds")
    )
    if minutes >= _SIXTY or seconds >= _SIXTY:
        raise ValueError(Message("cell.angle_sixty", cell=text))
    return round(whole + minutes / 60 + seconds / 3600, _DIGITS)
