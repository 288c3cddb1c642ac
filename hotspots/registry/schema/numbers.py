"""Numbers as people write them: decimal points and commas, separators of thousands, units.

"12.345" may be twelve or twelve thousand. A text has therefore one reading, two, or none; what a
file holds as a number (`NumberText`) always has one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from hotspots.registry.schema.records import NumberText

_BLANKS = " \u00a0\u2007\u2009\u202f"
_TICKS = "'\u2019\u02bc`\u00b4"
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\ufe63": "-", "\uff0d": "-"})
_PLAIN = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?")
# 1 250 000,5 and 1'250'000.5: neither separator can be a decimal sign.
_SPACED = re.compile(
    rf"[+-]?\d{{1,3}}(?:(?:[{_BLANKS}]\d{{3}})+|(?:[{_TICKS}]\d{{3}})+)(?:[.,]\d*)?"
)
# 1,250,000.5 and 1.250.000,5; 12,50,000 is the grouping of India.
_COMMAS = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3})(?:\.\d*)?")
_POINTS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?")
# One group of three after one separator: thousands or decimals. No thousands begin with 0.
_DOUBTFUL = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")

_WITH_UNIT = re.compile(
    rf"([-+\u2212]?[\d.,{_BLANKS}{_TICKS}]*\d[.,]?)\s*([^\W\d_].*|[%\u2030\u00b0].*)", re.DOTALL
)

_CARBON = ("t", "tc", "tdec", "tofc", "tonnec", "tonnesc", "tonnesdec", "tonnesofc", "toneladasdec")
_YEARS = ("/yr", "/y", "/year", "/an", "/ano", "yr-1", "y-1", "year-1", "an-1", "ano-1")
# The spellings of the units of fields, as `_squeezed` gives them.
_SPELLINGS: Mapping[str, frozenset[str]] = {
    "ha": frozenset({"ha", "has", "hectare", "hectares", "hectarea", "hectareas"}),
    "t ha-1 yr-1": frozenset(
        f"{carbon}{area}{year}"
        for carbon in (*_CARBON, "mg", "mgc")
        for area in ("/ha", "ha-1")
        for year in _YEARS
    ),
    "": frozenset({"site", "sites", "sitio", "sitios"}),
}


def readings(text: str) -> tuple[float, ...]:
    """Return the numbers that a text may mean: none, one, or as decimals and as thousands.

    Parameters
    ----------
    text : str
        A number without its unit. A `NumberText` has one reading.
    """
    if isinstance(text, NumberText):
        return (float(text),)
    plain = text.strip().translate(_MINUS)
    if _DOUBTFUL.fullmatch(plain):
        return float(plain.replace(",", ".")), float(re.sub("[.,]", "", plain))
    if _PLAIN.fullmatch(plain):
        return (float(plain.replace(",", ".")),)
    for pattern, separators in ((_SPACED, _BLANKS + _TICKS), (_COMMAS, ","), (_POINTS, ".")):
        if pattern.fullmatch(plain):
            digits = "".join(c for c in plain if c not in separators)
            return (float(digits.replace(",", ".")),)
    return ()


def unambiguous(text: str) -> str:
    """Return the text of a number so that it has one reading wherever it is read as text."""
    return f"{text}0" if _DOUBTFUL.fullmatch(text) else str(text)


def without_unit(text: str, unit: str) -> tuple[str, str]:
    """Return the number of a cell, and another unit than the field's that stands after it, or "".

    Parameters
    ----------
    text : str
        A cell such as "12,5 ha".
    unit : str
        Unit of the field, as in `fields.toml`; "" if it has none.
    """
    match = None if readings(text) else _WITH_UNIT.fullmatch(text.strip())
    if match is None:
        return text, ""
    known = _SPELLINGS.get(unit, frozenset())
    return match[1].strip(), "" if _squeezed(match[2]) in known else match[2].strip()


def _squeezed(unit: str) -> str:
    """Return a unit without case, accents, blanks and points, and with / for per."""
    letters = unicodedata.normalize("NFKD", unit.casefold())
    plain = "".join(c for c in letters if not unicodedata.combining(c)).replace("\u2212", "-")
    plain = re.sub(r"\b(?:per|par|por)\b", "/", plain)
    return re.sub(r"[\s.\u00b7*]", "", plain)
