"""Values of a record: conversion between text cells and values, one rule per kind of field.

An invalid value raises `ValueError` with a `Message`, which follows the row and column, and states
what was given and what is allowed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from hotspots.errors import BadInputError
from hotspots.geo.countries import LANGUAGES, key
from hotspots.locale.messages import Message, any_of, message_of
from hotspots.registry.schema import addresses, dates, words
from hotspots.registry.schema.addresses import personal_in
from hotspots.registry.schema.fields import SEPARATOR, Field, fields
from hotspots.registry.schema.measures import plain_number, read_number, read_whole
from hotspots.registry.schema.numbers import unambiguous
from hotspots.registry.schema.records import Cells, NumberText, Record, Value
from hotspots.registry.schema.regions import read_country, read_region
from hotspots.registry.schema.vocabulary import label, vocabulary

# 500 characters are at most 2,000 bytes; PostgreSQL indexes entries of up to 2,704.
MOST_ENTRY = 500  # characters of one entry of a list, which is indexed
MOST_TEXT = 20_000  # characters of one cell; a spreadsheet holds 32,767
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_ID = 100
_NEAR_LANGUAGE = 0.8  # many names of languages are alike
_MOST_LISTED = 8  # codes that a message lists where none is like the given one
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_RELATION = re.compile(r"(?P<role>[^=]+)=\s*(?P<other>\S+)(?:\s+(?P<dates>\S+))?")
# Control characters, unpaired surrogates and bidirectional formatting characters.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)
_TAG = re.compile(r"<[a-zA-Z/!?][^>]*>")
# Kinds whose values are words of a closed list, which other separators may stand between.
_LISTED = frozenset({"codes", "languages"})
_OTHER_SEPARATORS = re.compile(r"[,/|+&\n]|\s(?:et|and|y)\s")
# What people write into a cell that has no value, and to say yes; as `key` gives them.
_NOTHING = frozenset(
    {"n a", "na", "n d", "nd", "s o", "none", "neant", "aucun", "aucune", "ninguno", "ninguna"}
    | {"inconnu", "unknown", "desconocido", "non renseigne", "sans objet", "no aplica", ""}
)
_YES = frozenset({"oui", "yes", "si", "x", "1", "true", "vrai", "verdadero", "ok", "y", "o", "s"})
_FREE = frozenset({"text", "texts", "id"})
NUMBERS = frozenset({"number", "whole"})


def read(field: Field, text: str) -> Value:
    """Return the value of a text cell; None for an empty one.

    Raises
    ------
    ValueError
        The cell is invalid; the message states what was given and what is allowed.
    """
    cell = text if isinstance(text, NumberText) else clean(text)
    if not cell:
        return None
    if odd := _CONTROL.search(cell):
        raise ValueError(Message("cell.control", code=f"U+{ord(odd.group()):04X}"))
    try:
        return _READERS[field.kind](field, cell)
    except ValueError as fault:
        if field.kind not in _FREE and key(cell) in _NOTHING:
            raise ValueError(Message("cell.placeholder", cell=cell)) from fault
        raise


def read_list(field: Field, text: str) -> tuple[str, ...]:
    """Return the entries of a cell of a list field; () for an empty one. Raises as `read`."""
    value = read(field, text)
    return value if isinstance(value, tuple) else ()


def write(value: Value) -> str:
    """Return the text of a value; `read` is the inverse, if the text is kept as it is.

    That of a number is a `NumberText`. Where it becomes a plain text, in a CSV file, it is written
    by `write_plain`.
    """
    if value is None:
        return ""
    if isinstance(value, tuple):
        return SEPARATOR.join(value)
    if isinstance(value, float):
        return NumberText(plain_number(value))
    return value if isinstance(value, str) else NumberText(value)


def write_plain(value: Value) -> str:
    """Return a text of which `read` is the inverse whatever becomes of it: 12.345 is 12.3450."""
    text = write(value)
    return unambiguous(text) if isinstance(value, float) else str(text)


def as_written(cells: Cells) -> dict[str, str]:
    """Return cells that `write` made, stored as plain text since, as it made them."""
    return {
        name: NumberText(text) if name in fields() and fields()[name].kind in NUMBERS else text
        for name, text in cells.items()
    }


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
        raise ValueError(Message("cell.relation", cell=text))
    start, _, end = (match["dates"] or "").partition("/")
    return Relation(match["role"].strip(), match["other"], start or None, end or None)


def _text(field: Field, cell: str) -> str:
    most = MOST_TEXT if field.kind == "text" else MOST_ENTRY
    if len(cell) > most:
        raise ValueError(Message("cell.long", count=len(cell), most=most))
    if tag := _TAG.search(cell):
        raise ValueError(Message("cell.html", tag=tag.group()[:40]))
    _refuse_personal(field, cell)
    return str(cell)


def _refuse_personal(field: Field, cell: str) -> None:
    if field.group != "contact" and (personal := personal_in(cell)):
        raise ValueError(Message("cell.personal", personal=personal))


def _identifier(_: Field, cell: str) -> str:
    if _ID.fullmatch(cell) and len(cell) <= _MOST_ID:
        return str(cell)
    raise ValueError(Message("cell.id", cell=cell, most=_MOST_ID))


def _code(field: Field, cell: str) -> str:
    code = words.code_called(field.vocabulary, cell)
    if code is None:
        raise ValueError(_unknown_code(field.vocabulary, cell))
    return code


def _unknown_code(list_name: str, cell: str) -> Message:
    known = list(vocabulary()[list_name])
    if near := words.near_codes(list_name, cell):
        shown = any_of([_code_shown(list_name, code) for code in near])
        return Message("cell.code_near", cell=cell, near=shown)
    if len(known) <= _MOST_LISTED:
        return Message("cell.code_one_of", cell=cell, known=listed_codes(list_name, known))
    return Message("cell.code_listed", cell=cell, count=len(known))


def listed_codes(list_name: str, codes: Iterable[str]) -> Callable[[str], str]:
    """Return a function that lists codes: in English as they are, else their labels."""

    def listed(lang: str) -> str:
        """Return the list in a language."""
        return ", ".join(code if lang == "en" else label(list_name, code, lang) for code in codes)

    return listed


def _code_shown(list_name: str, code: str) -> Callable[[str], str]:
    """Return a function that shows a label with its code, or one of them where they're alike."""

    def shown(lang: str) -> str:
        """Return the label in a language."""
        word = label(list_name, code, lang)
        if lang == "en" and words.stem(word) == words.stem(code.replace("_", " ")):
            return code
        return f"{word} ({code})" if words.stem(word) != words.stem(code) else word

    return shown


def _area(_: Field, cell: str) -> str:
    from hotspots.registry.schema.footprints import canonical

    try:
        return canonical(cell)
    except BadInputError as fault:
        raise ValueError(Message("cell.footprint", fault=message_of(fault))) from fault


def _url(field: Field, cell: str) -> str:
    address = addresses.read_url(cell)
    if "@" in address:
        # An e-mail address in a path or query is found only if it stands apart.
        _refuse_personal(field, address.replace("/", " ").replace("=", " "))
    return address


def _day(_: Field, cell: str) -> str:
    try:
        day = dates.read_date(cell)
    except ValueError as fault:
        if key(cell) in _YES:
            raise ValueError(Message("cell.day_yes", cell=cell)) from fault
        if not dates.is_like_a_date(cell):
            raise ValueError(Message("cell.day", cell=cell)) from fault
        raise
    if len(day) == len("2026-01-31"):
        return day
    raise ValueError(Message("cell.day", cell=cell))


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
        return f"{_day(field, cell.removesuffix('Z'))}T00:00:00Z"
    except ValueError as fault:
        raise ValueError(Message("cell.moment", cell=cell)) from fault


def _language(_: Field, cell: str) -> str:
    if found := _languages().get(key(cell)):
        return found
    names = [(name, code) for name, code in _languages().items() if name != code]
    if near := words.near_names(cell, names, least=_NEAR_LANGUAGE):
        shown = any_of([_language_shown(code) for code in near])
        raise ValueError(Message("cell.language_near", cell=cell, near=shown))
    raise ValueError(Message("cell.language", cell=cell))


def _language_shown(code: str) -> Callable[[str], str]:
    def shown(lang: str) -> str:
        """Return the language's name and code."""
        from babel import Locale

        return f"{Locale(lang).languages[code]} ({code})"

    return shown


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


def _relation(field: Field, cell: str) -> str:
    role, other, start, end = relation(cell)
    canonical = f"{_code(field, role)}={_identifier(field, other)}"
    for day in filter(None, (start, end)):
        dates.read_iso(day)
    if start or end:
        canonical += f" {start or ''}/{end or ''}" if end else f" {start}"
    return canonical


def _each(reader: Callable[[Field, str], str]) -> Callable[[Field, str], tuple[str, ...]]:
    def read_entries(field: Field, cell: str) -> tuple[str, ...]:
        """Return the distinct values between the separators."""
        parts = (clean(part) for part in cell.split(SEPARATOR))
        found = (one for part in parts if part for one in _entries(reader, field, part))
        return tuple(dict.fromkeys(found))

    return read_entries


def _entries(reader: Callable[[Field, str], str], field: Field, part: str) -> list[str]:
    """Return the value of an entry; of words of a closed list, the values that commas divide."""
    try:
        return [reader(field, part)]
    except ValueError:
        inner = [clean(one) for one in _OTHER_SEPARATORS.split(part)]
        if field.kind not in _LISTED or len(inner) == 1:
            raise
        try:
            return [reader(field, one) for one in inner if one]
        except ValueError:
            pass
        # The entry as a whole is what its writer knows.
        raise


_READERS: Mapping[str, Callable[[Field, str], Value]] = {
    "id": _identifier,
    "text": _text,
    "code": _code,
    "codes": _each(_code),
    "country": lambda _, cell: read_country(cell),
    "regions": _each(lambda _, cell: read_region(cell)),
    "texts": _each(_text),
    "number": read_number,
    "whole": read_whole,
    "area": _area,
    "url": _url,
    "ror": lambda _, cell: addresses.read_ror(cell),
    "doi": lambda _, cell: addresses.read_doi(cell),
    "date": lambda _, cell: dates.read_date(cell),
    "day": _day,
    "moment": _moment,
    "language": _language,
    "languages": _each(_language),
    "email": lambda _, cell: addresses.read_email(cell),
    "phone": lambda _, cell: addresses.read_phone(cell),
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
