"""Strategies of hypothesis that make valid records of all types, made from the table of fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st

from hotspots.geo.countries import countries
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import TYPES, Field, fields
from hotspots.registry.schema.records import NumberText
from hotspots.registry.schema.vocabulary import vocabulary

AWKWARD = (
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "'=1+1",
    "''=x",
    "'",
    "'quoted'",
    "=",
    "-",
    "-1",
    "-1e5",
    "NA",
    "N/A",
    "#N/A",
    "#REF!",
    "null",
    "None",
    "nan",
    "TRUE",
    "007",
    "1.0",
    "1e5",
    "2018-05",
    'say "yes"',
    '"',
    "a,b",
    "a\tb",
    "two\nlines",
    "two\n\nlines\n- list",
    "é",
    "Ñandú",
    "日本語",
    "🌱🌍",
    "\u200fعربي",
    "_x0041_",
    "_x005F_",
    "x" * 3000,
    "é" * 15_999 + "😀" * 3,
    "＝1",
    "ﬁ",
    "<5 ha",
    "a & b",
    "&amp;",
    "]]>",
    "C:\\temp\\",
    "%s {0} $x",
    "sep=;",
    "a;=1+1",
    "a,'-2+3",
    'a;"=1+1", b',
    "a\t@SUM(A1)",
    "a\n=1+1",
)
AREAS = (
    "POLYGON((36 -1, 37 -1, 37 0, 36 -1))",
    "POLYGON((36.1234567 -1.7654321, 37.0000001 -1, 37 0.1234567, 36.1234567 -1.7654321))",
    "POLYGON((0 0, 10 0, 10 10, 0 10, 0 0), (2 2, 2 3, 3 3, 3 2, 2 2))",
    "MULTIPOLYGON(((36 -1, 37 -1, 37 0, 36 -1)), ((40 5, 41 5, 41 6, 40 5)))",
    "POLYGON((177 -18, -178 -18, -178 -16, 177 -16, 177 -18))",  # over the antimeridian
    "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))",  # crosses itself
)

_slugs = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,6}){0,2}", fullmatch=True)
# What values.clean changes and what text fields refuse would only be drawn in vain.
_letters = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="<>@+\u2028\u2029;")
_texts = st.sampled_from(AWKWARD) | st.text(_letters, min_size=1, max_size=40)
_years = st.integers(1900, 2100).map(str)
_days = st.dates(min_value=date(1900, 1, 1)).map(str)
_dates = _years | _days | _days.map(lambda day: day[:7])
_moments = st.datetimes(min_value=datetime(1900, 1, 1)).map(lambda t: f"{t.isoformat()}Z")
# Every number of decimals: 12.345 looks like thousands.
_hectares = st.floats(0, 50).map(repr) | st.builds(
    lambda whole, decimals, places: f"{whole}.{decimals:07}"[: len(f"{whole}.") + places],
    st.integers(0, 20_000),
    st.integers(0, 9_999_999),
    st.integers(0, 7),
)
_numbers = st.floats(-50, 50).map(repr) | st.sampled_from(["0.1", "1e-7", "36.123456789012345"])
_wholes = st.integers(1, 9999).map(str)
_boxes = st.tuples(
    st.floats(-179, 178), st.floats(-89, 88), st.floats(0.001, 1), st.floats(0.001, 1)
).map(lambda b: _box(*b))
_hosts = st.sampled_from(["https://example.org", "http://www.example.org/a?b=c&d=é#e"])


def _box(west: float, south: float, width: float, height: float) -> str:
    east, north = west + width, south + height
    ring = f"{west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}"
    return f"POLYGON(({ring}))"


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=1, max_size=4).map(";".join)


def _cells(field: Field) -> st.SearchStrategy[str]:
    """Return text cells for a field; some may turn out to be refused."""
    codes = st.sampled_from(sorted(vocabulary().get(field.vocabulary, {"": {}})))
    languages = st.sampled_from(["en", "fr", "es", "sw"])
    relation = st.builds(
        lambda role, other, dates: f"{role}={other} {dates}".strip(),
        codes,
        _slugs,
        st.sampled_from(["", "2018", "2018-05/2021", "/2021-02-28"]),
    )
    regions = st.sampled_from(["world", "KEN", "FRA", "KE-31", "BR-SP"])
    by_kind: Mapping[str, st.SearchStrategy[str]] = {
        "id": _slugs,
        "text": _texts,
        "texts": _joined(_texts),
        "code": codes,
        "codes": _joined(codes),
        "country": st.sampled_from(sorted(countries())),
        "regions": _joined(regions),
        "number": (_hectares if field.unit == "ha" else _numbers).map(NumberText),
        "whole": st.integers(1600, 2099).map(str) if field.name == "surface_year" else _wholes,
        "area": st.sampled_from(AREAS) | _boxes,
        "url": _hosts,
        "ror": st.just("https://ror.org/04cvxnb49"),
        "doi": st.sampled_from(["10.7910/DVN/QQQM8V", "10.5281/zenodo.1;2"]),
        "date": _dates,
        "day": _days,
        "moment": _moments,
        "language": languages,
        "languages": _joined(languages),
        "email": st.just("name@example.org"),
        "phone": st.sampled_from(["+254 20 000 0000", "+25420000000", "020 000 0000"]),
        "relations": _joined(relation),
    }
    return by_kind[field.kind]


def field_values(field: Field) -> st.SearchStrategy[Any]:
    """Return a strategy of a field's values, as `values.read` gives them."""

    def read(cell: str) -> Any:
        """Return the value of a cell, or None if it isn't taken."""
        try:
            return values.read(field, cell)
        except ValueError:
            return None

    return _cells(field).map(read).filter(lambda value: value not in (None, ()))


def records(types: Sequence[str] = TYPES) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of valid records of these types, with fields of all groups."""
    return st.one_of([_drawn(type_) for type_ in types])


def record_lists(
    types: Sequence[str] = TYPES, max_size: int = 6
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return a strategy of lists of records whose ids differ."""
    return st.lists(records(types), max_size=max_size, unique_by=lambda record: record["id"])


@st.composite
def _drawn(draw: st.DrawFn, type_: str) -> dict[str, Any]:
    """Draw a record; unlike its parts, this has a short name in messages of hypothesis."""
    return draw(_of_type(type_))


@cache  # to make a strategy takes longer than to draw from it
def _of_type(type_: str) -> st.SearchStrategy[dict[str, Any]]:
    known = {name: field for name, field in fields().items() if type_ in field.types}
    needed = {n: field_values(f) for n, f in known.items() if type_ in f.required}
    needed["type"] = st.just(type_)
    rest = {n: field_values(f) for n, f in known.items() if n not in needed}
    return st.fixed_dictionaries(needed, optional=rest).map(_consistent)


def _consistent(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record whose fields agree: both coordinates or none, no end before its start."""
    if ("latitude" in record) != ("longitude" in record):
        record.pop("latitude", None)
        record.pop("longitude", None)
    if "start" in record and "end" in record:
        record["start"], record["end"] = sorted((record["start"], record["end"]))
    sizes = [name for name in ("effect_low", "effect_size", "effect_high") if name in record]
    record |= dict(zip(sizes, sorted(record[name] for name in sizes), strict=True))
    # In the table's order, as a reader of files gives them.
    return {name: record[name] for name in fields() if name in record}
