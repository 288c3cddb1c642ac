"""What a record is, and the checks that one row must pass.

A record says who does what where, and who says so. Missing text is "", never a word such as
"NA": Namibia's code and a project of that name must survive.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from urllib.parse import urlsplit

from hotspots.errors import near_matches
from hotspots.registry.vocabulary import vocabulary

THEME_SEPARATOR = ";"
# ISO 3166-1 leaves XAA to XZZ to users; `hotspots.regions` gives them to areas without a code.
_USER_ASSIGNED = re.compile(r"X[A-Z]{2}")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Record:
    """One organisation, project, research action or practice.

    Attributes
    ----------
    id : str
        Lower-case words joined by "-"; unique in a registry.
    type, theme, place_precision, source_kind : str
        Codes of `hotspots.registry.vocabulary`; ``theme`` may hold several, joined by ";".
    name, name_en, name_fr, name_es : str
        Own name; the others only where they are official.
    role : str
        What the source states, no more.
    country : str
        ISO 3166-1 alpha-3, or "".
    latitude, longitude : float or None
        Degrees, EPSG:4326; both or neither. With precision "country" they are a stand-in point.
    web : str
        http(s) address, or "".
    source : str
        Who states it; never empty.
    recorded_on : date
        Day the row was written.
    """

    id: str
    type: str
    name: str
    name_en: str
    name_fr: str
    name_es: str
    role: str
    theme: str
    country: str
    place: str
    latitude: float | None
    longitude: float | None
    place_precision: str
    web: str
    source: str
    source_kind: str
    recorded_on: date

    @property
    def themes(self) -> tuple[str, ...]:
        """The theme codes."""
        return tuple(_themes(self.theme))


COLUMNS = tuple(field.name for field in fields(Record))


@dataclass(frozen=True)
class Problem:
    """Why one row can't be taken; ``row`` counts as a spreadsheet does, the header being row 1."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        end = "" if self.reason.endswith("?") else "."
        return f"Row {self.row}, column '{self.column}': {self.reason}{end}"


def check_row(row: Mapping[str, str], number: int) -> Problem | None:
    """Return the first problem of a row of text cells, or None when `to_record` can take it."""
    for column, reason in _reasons(row):
        return Problem(number, column, reason)
    return None


def to_record(row: Mapping[str, str]) -> Record:
    """Return the record of a row that `check_row` found sound."""
    cells: dict[str, object] = dict(row)
    for axis in ("latitude", "longitude"):
        cells[axis] = float(row[axis]) if row[axis].strip() else None
    cells["recorded_on"] = date.fromisoformat(row["recorded_on"])
    return Record(**cells)  # type: ignore[arg-type]


def _reasons(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for column, check in _CHECKS:
        if reason := check(row[column]):
            yield column, reason
    if bool(row["latitude"].strip()) != bool(row["longitude"].strip()):
        yield "longitude", "latitude and longitude must be given together, or both left empty"
    if row["latitude"].strip() and not row["place_precision"]:
        allowed = ", ".join(vocabulary()["place_precision"])
        yield "place_precision", f"a position needs its precision, one of {allowed}"


def _filled(value: str) -> str:
    return "" if value.strip() else "it is empty; every record must have it"


def _identifier(value: str) -> str:
    if _ID.fullmatch(value):
        return ""
    return f"'{value}' is no id; use lower-case letters a to z, digits and single hyphens"


def _coded(column: str, *, required: bool) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not value and not required:
            return ""
        return _unknown(value, column)

    return check


def _unknown(value: str, column: str) -> str:
    known = vocabulary()[column]
    if value in known:
        return ""
    return f"'{value}' is not known; use one of {', '.join(known)}{near_matches(value, known)}"


def _theme(value: str) -> str:
    if not _themes(value):
        return "it is empty; name at least one theme, such as pillar1 or A6"
    for code in _themes(value):
        if reason := _unknown(code, "theme"):
            return reason
    return ""


def _themes(value: str) -> list[str]:
    return [code.strip() for code in value.split(THEME_SEPARATOR) if code.strip()]


def _country(value: str) -> str:
    if not value or value in _iso3() or _USER_ASSIGNED.fullmatch(value):
        return ""
    return f"'{value}' is no ISO 3166-1 alpha-3 code; use a code such as KEN, or leave it empty"


@cache
def _iso3() -> frozenset[str]:
    import pycountry

    return frozenset(country.alpha_3 for country in pycountry.countries)


def _within(limit: float) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not value.strip():
            return ""
        try:
            degrees = float(value)
        except ValueError:
            degrees = math.nan
        if -limit <= degrees <= limit:
            return ""
        return f"'{value}' is not a number from -{limit:g} to {limit:g}; give decimal degrees"

    return check


def _web(value: str) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not value or (sound and not re.search(r"\s", value)):
        return ""
    return f"'{value}' is no web address; start it with http:// or https://, or leave it empty"


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"'{value}' is no date; write it as 2026-01-31"
    return ""


_CHECKS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("id", _identifier),
    ("type", _coded("type", required=True)),
    ("name", _filled),
    ("role", _filled),
    ("theme", _theme),
    ("country", _country),
    ("latitude", _within(90)),
    ("longitude", _within(180)),
    ("place_precision", _coded("place_precision", required=False)),
    ("web", _web),
    ("source", _filled),
    ("source_kind", _coded("source_kind", required=True)),
    ("recorded_on", _day),
)
