"""The rows of a record's popup: every field that a reader of the map needs, with its unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from hotspots.locale import number, text
from hotspots.maps.number_rows import Row, TableRow
from hotspots.registry.schema.fields import fields
from hotspots.registry.schema.vocabulary import vocabulary

# Fields of some types of records, in their order, between what a record is and where it is.
_CODED = ("practice_kind", "land_use", "climate_zone", "basis", "college", "role", "budget_band")
_WORDED = (
    "description",
    "results",
    "activities",
    "interests",
    "call",
    "method",
    "team",
    "results_link",
    "data_doi",
)
_EFFECT = ("effect_size", "effect_low", "effect_high", "effect_n")


def record_name(row: TableRow, lang: str) -> str:
    """Return a record's official name in `lang`, else its own, else words for none."""
    return word(row.get(f"name_{lang}")) or word(row.get("name")) or text("record.unnamed", lang)


def record_rows(row: TableRow, names: Mapping[str, str], lang: str) -> list[Row]:
    """Return the rows of a record's popup; fields without a value are left out.

    Parameters
    ----------
    row : mapping
        Column -> value, as in `hotspots.registry.public_view.table`.
    names : mapping
        Id of a country -> its name in `lang`; a country that isn't in it is shown by its id.
    lang : str
        "en", "fr" or "es".
    """
    web = word(row.get("web"))
    day, status = word(row.get("start")), _label("status", word(row.get("status")), lang)
    rows = [
        ("type", _label("type", word(row.get("type")), lang)),
        ("summary", word(row.get("summary"))),
        ("theme", _labels("theme", row, lang)),
        *((name, _labels(name, row, lang)) for name in _CODED),
        ("surface_ha", _surface(row, lang)),
        ("effect_size", _effect(row, lang)),
        *((name, word(row.get(name))) for name in _WORDED),
        ("place", _place(row, names, lang)),
        ("start", f"{day} ({status})" if day and status else day or status),
        ("end", word(row.get("end"))),
        ("web", "" if is_web_address(web) else web),
        ("source", word(row.get("source"))),
        ("verified_on", word(row.get("verified_on")) or text("record.not_verified", lang)),
    ]
    return [(_heading(name, lang), value, 0) for name, value in rows if value]


def _heading(name: str, lang: str) -> str:
    """Return a field's label; without its unit where the value has one."""
    label = fields()[name].label[lang]
    return label.partition(" (")[0] if name in ("surface_ha", "effect_size") else label


def _place(row: TableRow, names: Mapping[str, str], lang: str) -> str:
    code = word(row.get("country"))
    place = ", ".join(filter(None, (word(row.get("place")), names.get(code, code))))
    precision = _label("place_precision", word(row.get("place_precision")), lang)
    return place + (f" ({precision})" if place and precision else "")


def _surface(row: TableRow, lang: str) -> str:
    """Return the hectares with their year: "12 ha (2021)"."""
    area, year = _amount(row, "surface_ha"), _amount(row, "surface_year")
    if not math.isfinite(area):
        return ""
    # Not in kha: a field's surface is read to the digit.
    shown = f"{number(area, lang, digits=6)}\N{NO-BREAK SPACE}ha"
    return shown + (f" ({year:.0f})" if math.isfinite(year) else "")


def _effect(row: TableRow, lang: str) -> str:
    """Return the effect with unit, interval and number of sites: "0.4 (0.1 to 0.7) t C/ha/yr"."""
    mean, low, high, sites = (_amount(row, name) for name in _EFFECT)
    shown = {
        "value": number(mean, lang),
        "low": number(low, lang),
        "high": number(high, lang),
    }
    known = math.isfinite(mean), math.isfinite(low), math.isfinite(high)
    form = _EFFECTS.get(known)
    if form is None:
        return ""
    said = text(f"record.effect_{form}", lang, **shown)
    if math.isfinite(sites):
        said += text("record.effect_sites", lang, count=number(sites, lang))
    return said


# Whether mean, low and high are known -> the message that has those.
_EFFECTS = {
    (True, False, False): "mean",
    (True, True, True): "interval",
    (True, True, False): "from",
    (True, False, True): "to",
    (False, True, True): "range",
}


def is_web_address(value: str) -> bool:
    """Return whether `value` may become a link: an http or https address with a host."""
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return False
    # Addresses with other schemes, such as javascript:, could run code on a click.
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not value[:1].isspace()


def _labels(column: str, row: TableRow, lang: str) -> str:
    """Return the labels of a field's codes, which the table joins by ";"."""
    codes: Iterable[str] = (code.strip() for code in word(row.get(column)).split(";"))
    labels = [_label(column, code, lang) for code in codes if code]
    return text("format.semicolon", lang).join(labels)


def _label(column: str, code: str, lang: str) -> str:
    """Return the vocabulary's label of a code; unknown codes unchanged."""
    return vocabulary().get(column, {}).get(code, {}).get(lang, code)


def _amount(row: TableRow, name: str) -> float:
    """Return a number of a row; NaN for a missing one, of whatever kind."""
    try:
        return float(str(row.get(name)))
    except ValueError:  # None, pandas' <NA>, text
        return math.nan


def word(value: object) -> str:
    """Return a value as text; "" for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).strip()
