"""Values of a record: conversion between text cells and values, one rule per kind of field.

An invalid value raises `ValueError`. Its message, which follows the row and column, states what was
given and what is allowed.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from hotspots.errors import BadInputError, near_matches, shortened
from hotspots.geo.countries import LANGUAGES, countries, find, key
from hotspots.registry.schema.fields import SEPARATOR, Field, code_called, fields
from hotspots.registry.schema.records import Record, Value
from hotspots.registry.schema.vocabulary import vocabulary

# 500 characters are at most 2,000 bytes; PostgreSQL indexes entries of up to 2,704.
MOST_ENTRY = 500  # characters of one entry of a list, which is indexed
MOST_TEXT = 20_000  # characters of one cell; a spreadsheet holds 32,767
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_ID = 100
_DOI = re.compile(r"10\.\d{4,9}/\S+")
# Base 32 without i, l, o and u, then two check digits.
_ROR = re.compile(r"https://ror\.org/0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")
_EMAIL = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+\.[^\s@<>(),;:\".]{2,}")
_PHONE = re.compile(r"\+?[\d][\d ()./-]{4,24}\d")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_RELATION = re.compile(r"(?P<role>[^=]+)=\s*(?P<other>\S+)(?:\s+(?P<dates>\S+))?")
_THOUSANDS = re.compile(r"\d{1,3}[.,]\d{3}")  # 12.000 may be 12 or 12 000
_UNIT = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
# Control characters, unpaired surrogates and bidirectional formatting characters.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)
_TAG = re.compile(r"<[a-zA-Z/!?][^>]*>")
_INTERNATIONAL_PHONE = re.compile(r"(?<![\w+.])(?:\+|00)[1-9][\d ()./-]{6,}\d(?!\w)")


def read(field: Field, text: str) -> Value:
    """Return the value of a text cell; None for an empty one.

    Raises
    ------
    ValueError
        The cell is invalid; the message states what was given and what is allowed.
    """
    cell = clean(text)
    if not cell:
        return None
    if odd := _CONTROL.search(cell):
        raise ValueError(f"it contains the control character U+{ord(odd.group()):04X}; remove it")
    try:
        return _READERS[field.kind](field, cell)
    except ValueError as fault:
        raise ValueError(str(fault).replace(cell, shortened(cell))) from fault


def read_list(field: Field, text: str) -> tuple[str, ...]:
    """Return the entries of a cell of a list field; () for an empty one. Raises as `read`."""
    value = read(field, text)
    return value if isinstance(value, tuple) else ()


def write(value: Value) -> str:
    """Return the text of a value; `read` is the inverse."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return SEPARATOR.join(value)
    if isinstance(value, float):
        # Shortest text that represents the same number; 3.0 is "3".
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def clean(text: str) -> str:
    """Return normalised text: NFC, LF line ends, no trailing blanks in lines or around the text."""
    if text.isascii() and "\n" not in text and "\r" not in text:
        return text.strip()
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line.rstrip(" \t\u00a0") for line in lines.split("\n")).strip()


def status(start: str | None, end: str | None, today: date) -> str:
    """Return planned, running, ended, or "" without dates; partial dates cover the whole period."""
    day = today.isoformat()
    if end and end < day[: len(end)]:
        return "ended"
    if start:
        return "planned" if start > day[: len(start)] else "running"
    return "running" if end else ""


class Relation(NamedTuple):
    """A relation to another record: its role, the other's id, and its dates or None."""

    role: str
    other: str
    start: str | None
    end: str | None


def relation(text: str) -> Relation:
    """Return the parts of a canonical relation."""
    match = _RELATION.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a relation; write it as lead=its-id 2017/2021")
    start, _, end = (match["dates"] or "").partition("/")
    return Relation(match["role"].strip(), match["other"], start or None, end or None)


def personal_in(text: str) -> str:
    """Return the e-mail address or international telephone number that a free text holds, or ""."""
    # Normalise typographic variants: full-width characters, no-break spaces and long dashes.
    plain = re.sub(r"\s", " ", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"[\u2010-\u2015\u2212]", "-", plain)
    found = _EMAIL.search(plain) if "@" in plain else None
    found = found or (_INTERNATIONAL_PHONE.search(plain) if "+" in plain or "00" in plain else None)
    return found.group() if found else ""


def _text(field: Field, cell: str) -> str:
    most = MOST_TEXT if field.kind == "text" else MOST_ENTRY
    if len(cell) > most:
        raise ValueError(f"it has {len(cell):,} characters; at most {most:,} are taken")
    if tag := _TAG.search(cell):
        raise ValueError(f"it contains the HTML tag '{tag.group()[:40]}'; write plain text")
    _refuse_personal(field, cell)
    return cell


def _refuse_personal(field: Field, cell: str) -> None:
    if field.group != "contact" and (personal := personal_in(cell)):
        raise ValueError(
            f"it contains '{personal}'; e-mail addresses and telephone numbers go into"
            " contact_email and contact_phone, which are shown only with consent"
        )


def _identifier(_: Field, cell: str) -> str:
    if _ID.fullmatch(cell) and len(cell) <= _MOST_ID:
        return cell
    raise ValueError(
        f"'{cell[:60]}' is not an id; use lower-case letters a to z, digits and single hyphens,"
        f" {_MOST_ID} characters at most"
    )


def _code(field: Field, cell: str) -> str:
    code = code_called(field.vocabulary, cell)
    if code is None:
        known = vocabulary()[field.vocabulary]
        raise ValueError(
            f"'{cell}' is not known; use one of {', '.join(known)}{near_matches(cell, known)}"
        )
    return code


def _country(_: Field, cell: str) -> str:
    if cell in countries():
        return cell
    called = find(cell)
    if len(called) == 1:
        return called[0]
    if called:
        raise ValueError(f"'{cell}' may be {' or '.join(called)}; write the code that is meant")
    raise ValueError(
        f"'{cell}' is not a country; use an ISO 3166-1 alpha-3 code such as KEN, or leave it empty"
    )


def _region(field: Field, cell: str) -> str:
    if cell == "world" or cell in _initiative_regions():
        return cell
    if _UNIT.fullmatch(cell) and cell not in countries():
        return _unit(cell)
    try:
        return _country(field, cell)
    except ValueError:
        raise ValueError(
            f"'{cell}' is not a region; use world, a country's code such as KEN, a first-level unit"
            f" such as KE-31, or one of {', '.join(_initiative_regions())}"
        ) from None


def _unit(cell: str) -> str:
    if cell in _units():
        return cell
    raise ValueError(f"'{cell}' is not an ISO 3166-2 code; use one such as KE-31")


@cache
def _units() -> frozenset[str]:
    import pycountry

    return frozenset(unit.code for unit in pycountry.subdivisions)


def _initiative_regions() -> Iterable[str]:
    from hotspots.geo.initiative import groups

    return groups()


def _number(field: Field, cell: str) -> float:
    # French and Spanish spreadsheets use a decimal comma.
    plain = re.sub(r"(?<=\d)[ \u00a0\u202f](?=\d{3}\b)", "", cell).replace("\u2212", "-")
    if field.unit == "ha" and _THOUSANDS.fullmatch(plain):
        raise ValueError(
            f"'{cell}' may be {re.sub('[.,]', '', plain)} or {float(plain.replace(',', '.')):g};"
            " write it without a separator"
        )
    plain = plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain
    try:
        value = float(plain) if "_" not in plain else math.nan  # Python's own notation
    except ValueError:
        value = math.nan
    low, high = _RANGES.get(field.name, (-math.inf, math.inf))
    if math.isfinite(value) and low <= value <= high:
        return value + 0.0  # -0 is 0
    raise ValueError(f"'{cell}' is not a number{_between(low, high)}; write it as 1250.5")


def _whole(field: Field, cell: str) -> int:
    value = _number(field, cell)
    if value.is_integer():
        return int(value)
    raise ValueError(f"'{cell}' is not a whole number")


_RANGES = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "surface_ha": (0.0, 1.3e10),  # the land of the earth
    "surface_year": (1500.0, 2100.0),
    "effect_size": (-50.0, 50.0),
    "effect_low": (-50.0, 50.0),
    "effect_high": (-50.0, 50.0),
    "effect_n": (1.0, 1e9),
    "version": (1.0, 1e9),
}


def _between(low: float, high: float) -> str:
    return f" from {low:,g} to {high:,.0f}" if math.isfinite(low) else ""


def _area(_: Field, cell: str) -> str:
    from hotspots.registry.schema.footprints import canonical

    try:
        return canonical(cell)
    except BadInputError as fault:
        raise ValueError(f"the footprint can't be used: {fault}") from fault


def _url(field: Field, cell: str) -> str:
    try:
        parts = urlsplit(cell)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    # A user name in an address could come with a password, or feign another host.
    if sound and not re.search(r"[\s<>\"]", cell) and "@" not in parts.netloc:
        if "@" in cell:
            # An e-mail address in a path or query is found only if it stands apart.
            _refuse_personal(field, cell.replace("/", " ").replace("=", " "))
        return cell
    raise ValueError(f"'{cell}' is not a web address; start it with http:// or https://")


def _ror(_: Field, cell: str) -> str:
    suffix = (
        cell.casefold().removeprefix("http://").removeprefix("https://").removeprefix("ror.org/")
    )
    address = f"https://ror.org/{suffix}"
    if _ROR.fullmatch(address):
        return address
    raise ValueError(f"'{cell}' is not a ROR id; it looks like https://ror.org/04cvxnb49")


def _doi(_: Field, cell: str) -> str:
    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", cell, flags=re.IGNORECASE)
    if _DOI.fullmatch(doi):
        return doi
    raise ValueError(f"'{cell}' is not a DOI; it looks like 10.7910/DVN/QQQM8V")


def _date(_: Field, cell: str) -> str:
    match = _DATE.fullmatch(cell)
    if match:
        year, month, day = (int(part) if part else 1 for part in match.groups())
        try:
            date(year, month, day)
        except ValueError:
            match = None
    if match:
        return cell
    raise ValueError(f"'{cell}' is not a date; write it as 2018, 2018-05 or 2018-05-31")


def _day(field: Field, cell: str) -> str:
    # Date cells of spreadsheets include the time 00:00:00.
    text = cell.removesuffix("T00:00:00").removesuffix(" 00:00:00")
    try:
        if len(text) == 10 and _date(field, text):
            return text
    except ValueError:
        pass
    raise ValueError(f"'{cell}' is not a day; write it as 2026-01-31")


def _moment(field: Field, cell: str) -> str:
    cell += (
        "" if cell.endswith("Z") or len(cell) < 19 else "Z"
    )  # spreadsheet cells have no time zone
    if _MOMENT.fullmatch(cell):
        try:
            datetime.fromisoformat(cell)
        except ValueError:
            pass
        else:
            return cell
    try:
        return f"{_day(field, cell)}T00:00:00Z"
    except ValueError:
        raise ValueError(
            f"'{cell}' is not a date or time; write it as 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None


def _language(_: Field, cell: str) -> str:
    if found := _languages().get(key(cell)):
        return found
    raise ValueError(f"'{cell}' is not a language; use an ISO 639-1 code such as en, fr or es")


@cache
def _languages() -> Mapping[str, str]:
    """Return ISO 639-1 codes by code and by name in the supported languages."""
    import pycountry
    from babel import Locale

    codes = [entry.alpha_2 for entry in pycountry.languages if getattr(entry, "alpha_2", "")]
    found = {
        key(str(Locale(lang).languages[code])): code
        for lang in LANGUAGES
        for code in codes
        if code in Locale(lang).languages
    }
    return found | {code: code for code in codes}


def _email(_: Field, cell: str) -> str:
    if _EMAIL.fullmatch(cell):
        return cell
    raise ValueError("this is not an e-mail address; write it as name@example.org")


def _phone(_: Field, cell: str) -> str:
    if _PHONE.fullmatch(cell):
        return cell
    raise ValueError("this is not a telephone number; write it as +254 20 000 0000")


def _relation(field: Field, cell: str) -> str:
    role, other, start, end = relation(cell)
    canonical = f"{_code(field, role)}={_identifier(field, other)}"
    for day in filter(None, (start, end)):
        _date(field, day)
    if start or end:
        canonical += f" {start or ''}/{end or ''}" if end else f" {start}"
    return canonical


def _each(reader: Callable[[Field, str], str]) -> Callable[[Field, str], tuple[str, ...]]:
    def read_entries(field: Field, cell: str) -> tuple[str, ...]:
        """Return the distinct values between the separators."""
        parts = (clean(part) for part in cell.split(SEPARATOR))
        return tuple(dict.fromkeys(reader(field, part) for part in parts if part))

    return read_entries


_READERS: Mapping[str, Callable[[Field, str], Value]] = {
    "id": _identifier,
    "text": _text,
    "code": _code,
    "codes": _each(_code),
    "country": _country,
    "regions": _each(_region),
    "texts": _each(_text),
    "number": _number,
    "whole": _whole,
    "area": _area,
    "url": _url,
    "ror": _ror,
    "doi": _doi,
    "date": _date,
    "day": _day,
    "moment": _moment,
    "language": _language,
    "languages": _each(_language),
    "email": _email,
    "phone": _phone,
    "relations": _each(_relation),
}


def to_cells(record: Record) -> dict[str, str]:
    """Return the text cell of every field in table order, including empty ones."""
    return {name: write(record.get(name)) for name in fields()}


def redirected(text: str, to: Mapping[str, str]) -> str:
    """Return a canonical relation with the id of its target replaced by `to`, if listed there."""
    head, _, tail = text.partition("=")
    other, *dates = tail.split(" ", 1)
    return f"{head}={' '.join([to.get(other, other), *dates])}"
