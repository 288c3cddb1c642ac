"""Dates as people write them, in English, French and Spanish; a month or a day may be missing.

A date is taken if it has one reading: 15/06/2024 has one, 06/07/2024 has two and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

from hotspots.geo.countries import key
from hotspots.locale import LANGUAGES
from hotspots.locale.messages import Message, any_of

_ISO = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
# The time of a date cell or of a form; the day is what is asked for.
_TIME = re.compile(
    r"(?<=\d)[T ]+\d{1,2}[:h]\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[ap]\.?m\.?)?"
    r"(?:Z| ?[+-]\d\d:?\d\d)?$",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/. ])(\d{1,2})(?:\2(\d{1,2}))?")
_YEAR_LAST = re.compile(r"(?:(\d{1,2})([-/. ]))?(\d{1,2})[-/. ](\d{4})")
_YEAR = re.compile(r"(\d{4})(?:\.0+)?")  # some programs write every number with a point
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_SHORT_YEAR = re.compile(r"\d{1,2}([-/. ])\d{1,2}\1\d\d|[^\W\d]+\.?[-/ ]['\u2019]?\d\d")
_PERIOD = re.compile(r"\d{4}\s*(?:[-/\u2013\u2014]|to|\u00e0|a|au|al)\s*\d{4}")
_SERIAL = re.compile(r"[1-9]\d{4}(?:\.\d+)?")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th|er|ere|re|o|a|\u00ba|\u00b0)(?!\w)")
# Words between the parts of a date, as `key` gives them.
_SMALL = frozenset({"de", "del", "of", "the", "le", "el", "du"})
_LEAST_LETTERS = 3  # of an abbreviated month
_YEARS = range(1500, 2101)  # in which eight digits are a date
_DAY_FORMS = {"en": "d MMMM y", "fr": "'le' d MMMM y", "es": "'el' d 'de' MMMM 'de' y"}
_MONTH_FORMS = {"en": "MMMM y", "fr": "MMMM y", "es": "MMMM 'de' y"}


class Reading(NamedTuple):
    """A date; `month` and `day` are None if they aren't given."""

    year: int
    month: int | None = None
    day: int | None = None

    @property
    def iso(self) -> str:
        """The date as 2018, 2018-05 or 2018-05-31."""
        parts = [f"{self.year:04}", *(f"{p:02}" for p in self[1:] if p is not None)]
        return "-".join(parts)


def read_iso(text: str) -> str:
    """Return a date written as 2018, 2018-05 or 2018-05-31; raise `ValueError` for any other."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(_not_a_date(text))
    return _valid(text, [Reading(int(match[1]), _whole(match[2]), _whole(match[3]))])


def read_date(text: str) -> str:
    """Return a date as 2018, 2018-05 or 2018-05-31.

    Raises
    ------
    ValueError
        It isn't a date, has several readings, or there is no such day; the message is a `Message`.
    """
    if _ISO.fullmatch(text):
        return read_iso(text)
    plain = _TIME.sub("", text.strip()).strip(" .")
    if _PERIOD.fullmatch(plain):
        raise ValueError(Message("cell.date_period", cell=text))
    found = _numeric(plain) or _in_words(plain)
    if not found and _SHORT_YEAR.fullmatch(plain):
        raise ValueError(Message("cell.date_short", cell=text))
    if not found and _SERIAL.fullmatch(plain):
        raise ValueError(Message("cell.date_serial", cell=text))
    if not found:
        raise ValueError(_not_a_date(text))
    return _valid(text, found)


def is_like_a_date(text: str) -> bool:
    """Return whether a text has digits as a date has, right or wrong."""
    return any(character.isdigit() for character in text)


def _not_a_date(text: str) -> Message:
    return Message("cell.date", cell=text)


def _valid(text: str, found: list[Reading]) -> str:
    """Return the only reading that exists; raise for none or several."""
    real = list(dict.fromkeys(reading for reading in found if _exists(reading)))
    if len(real) > 1:
        names = any_of([_shown(reading) for reading in real])
        codes = any_of([reading.iso for reading in real])
        raise ValueError(Message("cell.date_several", cell=text, readings=names, codes=codes))
    if real:
        return real[0].iso
    raise ValueError(_impossible(text, found))


def _exists(reading: Reading) -> bool:
    try:
        date(*(1 if part is None else part for part in reading))
    except ValueError:
        return False
    return True


def _impossible(text: str, found: list[Reading]) -> Message:
    """Say which part of a date doesn't exist: February has no 31st."""
    for year, month, day in found:
        if month is not None and day is not None and 1 <= month <= 12 and 1 <= day <= 31:
            leap = month == 2 and day == 29
            name = _month_name(month, year if leap else None)
            return Message("cell.date_no_day", month=name, day=_ordinal(day), cell=text)
    months = [reading.month for reading in found if reading.month is not None]
    if months and not any(1 <= month <= 12 for month in months):
        return Message("cell.date_no_month", month=str(months[0]), cell=text)
    return _not_a_date(text)


def _numeric(text: str) -> list[Reading]:
    """Return the readings of a date in digits; the day-first one before the month-first one."""
    if match := _YEAR.fullmatch(text):
        return [Reading(int(match[1]))]
    if match := _COMPACT.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
        return [Reading(year, month, day)] if year in _YEARS else []
    if match := _YEAR_FIRST.fullmatch(text):
        # A spreadsheet drops the 0 of the number 2024.10.
        if match[2] == "." and match[3] == "1" and match[4] is None:
            return [Reading(int(match[1]), 1), Reading(int(match[1]), 10)]
        return [Reading(int(match[1]), int(match[3]), _whole(match[4]))]
    if match := _YEAR_LAST.fullmatch(text):
        year = int(match[4])
        if match[1] is None:
            return [Reading(year, int(match[3]))]
        one, other = int(match[1]), int(match[3])
        return [Reading(year, other, one), Reading(year, one, other)]
    return []


def _in_words(text: str) -> list[Reading]:
    """Return the reading of "15 juin 2024", "June 15th, 2024", "junio de 2024" and the like."""
    words = [word for word in key(_ORDINAL.sub("", text.casefold())).split() if word not in _SMALL]
    named = [word for word in words if word in _months()]
    if len(named) > 1:  # "mar." is March, and in French a Tuesday
        named = [word for word in named if word not in _weekdays()]
    months = [_months()[word] for word in named]
    rest = [word for word in words if word not in _months() and word not in _weekdays()]
    years = [word for word in rest if re.fullmatch(r"\d{4}", word)]
    days = [word for word in rest if re.fullmatch(r"\d{1,2}", word)]
    if len(months) != 1 or len(years) != 1 or len(days) > 1 or len(rest) != len(years) + len(days):
        return []
    return [Reading(int(years[0]), months[0], int(days[0]) if days else None)]


@cache
def _months() -> Mapping[str, int]:
    """Return months by name, and by each beginning of a name that no other month has."""
    from babel import Locale

    names = [("setiembre", 9)]
    names += [
        (key(name), number)
        for lang in LANGUAGES
        for number, name in Locale(lang).months["format"]["wide"].items()
    ]
    found: dict[str, set[int]] = {}
    for name, number in names:
        for end in range(_LEAST_LETTERS, len(name) + 1):
            found.setdefault(name[:end], set()).add(number)
    return {start: min(numbers) for start, numbers in found.items() if len(numbers) == 1}


@cache
def _weekdays() -> frozenset[str]:
    from babel import Locale

    return frozenset(
        key(name)
        for lang in LANGUAGES
        for width in ("wide", "abbreviated")
        for name in Locale(lang).days["format"][width].values()
    )


def _shown(reading: Reading) -> Callable[[str], str]:
    """Return a function that writes a date in words in a language."""

    def words(lang: str) -> str:
        """Return the date in a language."""
        from babel.dates import format_date

        form = _MONTH_FORMS[lang] if reading.day is None else _DAY_FORMS[lang]
        shown = date(reading.year, reading.month or 1, reading.day or 1)
        return str(format_date(shown, form, locale=lang))

    return words


def _month_name(month: int, year: int | None) -> Callable[[str], str]:
    def name(lang: str) -> str:
        """Return the month, with its year if that matters."""
        from babel import Locale

        word = str(Locale(lang).months["format"]["wide"][month])
        between = " de " if lang == "es" else " "
        return f"{word}{between}{year}" if year else word

    return name


def _ordinal(day: int) -> Callable[[str], str]:
    def written(lang: str) -> str:
        """Return the day as its language counts days: 31st, 31."""
        if lang != "en":
            return str(day)
        ends = {1: "st", 2: "nd", 3: "rd"}
        return f"{day}{'th' if day in (11, 12, 13) else ends.get(day % 10, 'th')}"

    return written


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)
