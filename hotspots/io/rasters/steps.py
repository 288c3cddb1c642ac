"""Labels of bands: the months, years or dates that a file itself gives them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import xarray as xr

from hotspots.errors import RasterError
from hotspots.layers.array_types import AnyArray

_LANGUAGES = ("en", "fr", "es")
# Spellings besides those of the Unicode locale data.
_OTHER_NAMES = {"setiembre": 9, "jlt": 7}
_SHORTEST = 3
_YEAR_AXES = ("year", "years", "yr", "annee", "año", "ano", "anio")
_YEARS = range(1000, 3000)
MONTHS = 12


@dataclass(frozen=True)
class Step:
    """A band, and what its label says; None for what it doesn't say.

    Attributes
    ----------
    label : str
        As the file has it, dates as ISO 8601; "" if the band has none.
    month : int or None
        1 to 12.
    year : int or None
    """

    label: str = ""
    month: int | None = None
    year: int | None = None


# ------------------------------------------------------------------------------ labels of text


def step_of_text(text: str) -> Step:
    """Return what a band's description says: "Jul", "août", "2019-07", "tavg 2019 July"."""
    words = re.findall(r"[a-z]+|\d+", _plain(text))
    months = {month for word in words if (month := _month_named(word))}
    years = [int(word) for word in words if len(word) == 4 and word.isdigit()]
    dated = re.search(r"(?<!\d)(\d{4})[-/_.]?(0[1-9]|1[0-2])(?:[-/_.]?[0-3]\d)?(?!\d)", text)
    if dated:
        return Step(text, int(dated[2]), int(dated[1]))
    year = years[0] if len(years) == 1 and years[0] in _YEARS else None
    return Step(text, months.pop() if len(months) == 1 else None, year)


def _plain(text: str) -> str:
    """Return a text in lower case without accents."""
    import unicodedata

    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def _month_named(word: str) -> int | None:
    """Return the month that a word names in a language, in full or by its first letters."""
    if word in _OTHER_NAMES:
        return _OTHER_NAMES[word]
    names = _month_names()
    exact = {number for name, number in names if name == word}
    begun = {number for name, number in names if len(word) >= _SHORTEST and name.startswith(word)}
    found = exact or begun
    return found.pop() if len(found) == 1 else None


@cache
def _month_names() -> tuple[tuple[str, int], ...]:
    """Return the names and abbreviations of the months in all languages, without accents."""
    from babel.dates import get_month_names

    return tuple(
        (_plain(str(name)).rstrip("."), number)
        for language in _LANGUAGES
        for width in ("wide", "abbreviated")
        for number, name in get_month_names(width, locale=language).items()
    )


def steps_of_texts(texts: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of bands with these descriptions, in their order.

    Where they don't name months or dates but differ only in a number that counts 1 to 12
    (``tavg_01`` … ``tavg_12``), that number is the month.
    """
    steps = tuple(step_of_text(text) for text in texts)
    if any(step.month or step.year for step in steps) or len(texts) != MONTHS:
        return steps
    numbered = [re.fullmatch(r"(.*?)(\d{1,2})(\D*)", text.strip()) for text in texts]
    whole = [match for match in numbered if match]
    if len(whole) == MONTHS and len({(m[1], m[3]) for m in whole}) == 1:
        return tuple(Step(text, int(m[2])) for text, m in zip(texts, whole, strict=True))
    return steps


# ------------------------------------------------------------------------------ labels of axes


def steps_along(axis: xr.DataArray, bounds: xr.DataArray | None = None) -> tuple[Step, ...]:
    """Return the steps along a coordinate that isn't x or y, as stored (times undecoded).

    Parameters
    ----------
    axis : DataArray, shape (n,)
        Its ``units`` decide: a time ("days since 2000-01-01"), else a plain number or text.
    bounds : DataArray, shape (n, 2), optional
        Periods of a time; their middle decides, since a time may be the end of its period.
    """
    values = np.asarray(axis.values).reshape(-1)
    units = str(axis.attrs.get("units", "")).strip()
    if " since " in units or values.dtype.kind == "M":
        return _dated(axis, bounds, units)
    if "%Y%m%d" in units:
        days = [int(value) for value in values]
        return tuple(Step(str(d), d // 100 % 100, d // 10_000) for d in days)
    if values.dtype.kind in "OSU":
        texts = [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values]
        return steps_of_texts(texts)
    return _numbered(str(axis.name), values, units)


def _numbered(name: str, values: AnyArray, units: str) -> tuple[Step, ...]:
    labels = [f"{value:.10g}" for value in values]
    whole = all(float(value).is_integer() for value in values)
    lower = _plain(name)
    if lower in ("month", "months", "mois", "mes") and whole:
        months = [int(value) for value in values]
        return tuple(
            Step(label, month if 1 <= month <= MONTHS else None)
            for label, month in zip(labels, months, strict=True)
        )
    is_years = lower in _YEAR_AXES or (lower in ("time", "t") and units in ("", "1", *_YEAR_AXES))
    if is_years and whole and all(int(value) in _YEARS for value in values):
        return tuple(Step(label, None, int(label)) for label in labels)
    return tuple(map(Step, labels))


def _dated(axis: xr.DataArray, bounds: xr.DataArray | None, units: str) -> tuple[Step, ...]:
    """Return the steps of a time axis; their dates are read by xarray."""
    name = str(axis.name)
    variable = axis.variable
    values = np.asarray(variable.values)
    if bounds is not None and bounds.shape == (*values.shape, 2):
        middle = np.asarray(bounds.values, dtype="float64").mean(axis=1)
        variable = xr.Variable(axis.dims, middle, axis.attrs)
    if units.split(" ")[0].rstrip("s").casefold() in ("month", "year"):
        return _since(name, np.asarray(variable.values, dtype="float64"), units)
    try:
        times = xr.decode_cf(xr.Dataset({name: variable}))[name].values
        own = xr.decode_cf(xr.Dataset({name: axis.variable}))[name].values
        days = [np.datetime_as_string(np.datetime64(time), unit="D") for time in times]
        shown = [np.datetime_as_string(np.datetime64(time), unit="D") for time in own]
    except (ValueError, TypeError, KeyError, OverflowError, ImportError):
        return tuple(Step(f"{value} {units}") for value in values.tolist())
    return tuple(
        Step(label, int(day[5:7]), int(day[:4])) for label, day in zip(shown, days, strict=True)
    )


def _since(name: str, values: AnyArray, units: str) -> tuple[Step, ...]:
    """Return the steps of a time in calendar months or years, which xarray doesn't read."""
    found = re.match(r"(month|year)s? since (\d{1,4})(?:-(\d{1,2}))?", units, re.IGNORECASE)
    if not found:
        return tuple(Step(f"{value:g} {units}") for value in values)
    first = int(found[2]) * MONTHS + int(found[3] or 1) - 1
    per_unit = MONTHS if found[1].casefold() == "year" else 1
    # The middle of a month, 3.5, belongs to it; 1e-6 allows for years as fractions.
    months = np.floor(first + values * per_unit + 1e-6).astype("int64")
    return tuple(
        Step(f"{m // MONTHS:04d}-{m % MONTHS + 1:02d}", int(m % MONTHS) + 1, int(m // MONTHS))
        for m in months
    )


# --------------------------------------------------------------------------------- choosing


def in_calendar_order(steps: Sequence[Step], where: str) -> tuple[tuple[int, ...], str]:
    """Return the positions of January to December among 12 steps, and a note on the reason.

    Raises
    ------
    RasterError
        The labels aren't the twelve months of a year, each once.
    """
    months = [step.month for step in steps]
    if sorted(m or 0 for m in months) == list(range(1, MONTHS + 1)):
        order = tuple(months.index(month) for month in range(1, MONTHS + 1))
        if order == tuple(range(MONTHS)):
            return order, "Its 12 bands are the months."
        return order, f"Its 12 bands are the months, put in order from {listed_steps(steps)}."
    # Equal labels, such as the variable's name, say nothing about the order.
    if len({step.label for step in steps}) == 1 and steps[0].year is None:
        return tuple(range(MONTHS)), "Its 12 bands have no labels; taken as January to December."
    raise RasterError(
        f"'{where}' has 12 bands labelled {listed_steps(steps)}, which aren't the twelve months of"
        " a year. Give a file of January to December, or label its bands by month."
    )


def listed_steps(steps: Sequence[Step], most: int = 12) -> str:
    """Return the labels of steps, joined by commas."""
    shown = ", ".join(step.label[:40] or "?" for step in steps[:most])
    return shown + (" and more" if len(steps) > most else "")


def of_year(steps: Sequence[Step], year: int) -> list[int]:
    """Return the positions of the steps of a year."""
    return [i for i, step in enumerate(steps) if step.year == year]
