"""Every sentence, label and number that a reader sees, in English, French and Spanish.

One TOML catalogue a language; the three have the same keys and the same ``{placeholders}`` (a test
holds this). There is no fallback between languages: a key that is missing is a fault to be seen.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from hotspots.errors import BadInputError

LANGUAGES = ("en", "fr", "es")

# Largest step first; below the last one a value stands as it is.
_TONNES = ((1e9, "Gt"), (1e6, "Mt"), (1e3, "kt"), (0.0, "t"))
_STICKS = re.compile(r" (?=[%‰:;?!»])|(?<=\d) (?=cm\b)|(?<=\}) (?=(?:cm|km|C)\b)")
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_HECTARES = ((1e6, "Mha"), (1e3, "kha"), (0.0, "ha"))


def check_language(lang: str) -> str:
    """Return `lang` if the catalogues have it, or raise `BadInputError`."""
    if lang not in LANGUAGES:
        raise BadInputError(
            f"The language '{lang}' is not supported; choose one of {', '.join(LANGUAGES)}."
        )
    return lang


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Return all messages of a language by dotted key."""
    raw = files(__name__).joinpath(f"{check_language(lang)}.toml").read_text(encoding="utf-8")
    return MappingProxyType({k: _typeset(v) for k, v in _flat(tomllib.loads(raw))})


def text(key: str, lang: str = "en", **values: object) -> str:
    """Return the message `key` in `lang`, with its placeholders filled.

    Parameters
    ----------
    key : str
        Dotted key, such as ``"theme.deficit_historic.title"``.
    lang : str
        "en", "fr" or "es"; another one raises `BadInputError`.
    **values
        One value a placeholder, numbers already formatted.

    Raises
    ------
    KeyError
        No such key, or a placeholder without a value: a fault of the program, not of its user.
    """
    messages = catalogue(lang)
    if key not in messages:
        raise KeyError(f"The catalogue '{lang}' has no message '{key}'")
    return messages[key].format_map(values)


def counted(key: str, count: int, lang: str = "en", **values: object) -> str:
    """Return the message of a count: ``<key>.one`` or ``<key>.other``, by the language's rule.

    French writes the singular for 0 as well. ``{count}`` is filled with the formatted count.
    """
    from babel import Locale

    form = "one" if Locale.parse(lang).plural_form(count) == "one" else "other"
    return text(f"{key}.{form}", lang, count=number(count, lang), **values)


def has_text(key: str) -> bool:
    """Return whether the catalogues know `key` (words of an open vocabulary may be absent)."""
    return key in catalogue("en")


def code_label(group: str, code: object, lang: str = "en") -> str:
    """Return the message ``<group>.<code>``, or the code itself where the catalogues lack it.

    For codes that were read from a file, which may say anything.
    """
    key = f"{group}.{code}"
    return text(key, lang) if has_text(key) else str(code)


def number(value: float, lang: str = "en", digits: int = 3) -> str:
    """Return `value` with `digits` significant digits and the separators of `lang`.

    Whole numbers keep all their digits; NaN and None give the words for "no data".
    """
    if not _given(value):
        return text("format.missing", lang)
    return _decimal(value, lang, _decimals(value, digits))


def fixed(value: float, digits: int, lang: str = "en") -> str:
    """Return `value` with exactly `digits` decimals and the separators of `lang`."""
    if lang == "en":
        return f"{value:,.{digits}f}"
    from babel.numbers import format_decimal

    decimals = "." + "0" * digits if digits else ""
    return str(format_decimal(round(float(value), digits) + 0.0, f"#,##0{decimals}", locale=lang))


def signed(value: float, lang: str = "en", digits: int = 3) -> str:
    """Return `value` like `number`, with a plus sign before gains."""
    shown = number(value, lang, digits)
    return f"+{shown}" if _given(value) and value > 0 else shown


def tonnes(value: float, lang: str = "en", sign: bool = False) -> str:
    """Return a mass of carbon in t, kt, Mt or Gt (10^9 t), three significant digits."""
    return _scaled(value, lang, _TONNES, sign)


def hectares(value: float, lang: str = "en") -> str:
    """Return an area in ha, kha or Mha (10^6 ha), three significant digits."""
    return _scaled(value, lang, _HECTARES, sign=False)


def byte_text(value: float, lang: str = "en") -> str:
    """Return a size in bytes as kB, MB, GB or TB (powers of 1,000), two significant digits."""
    step, unit = next((s, u) for s, u in _BYTES if value >= s or u == "kB")
    octets = unit if lang != "fr" else unit.replace("B", "o")
    return f"{number(value / step, lang, 2)}\N{NO-BREAK SPACE}{octets}"


def percent(share: float, lang: str = "en") -> str:
    """Return a share (0-1) in per cent; what rounds to zero but isn't is "< 0.1 %"."""
    if not _given(share):
        return text("format.missing", lang)
    if 0 < share < 0.001:
        return "< " + text("format.percent", lang, value=_decimal(0.1, lang, 1))
    return text("format.percent", lang, value=_decimal(100 * share, lang, 1))


def _scaled(value: float, lang: str, steps: tuple[tuple[float, str], ...], sign: bool) -> str:
    if not _given(value):
        return text("format.missing", lang)
    step, unit = next((s, u) for s, u in steps if abs(value) >= s)
    scaled = value / step if step else value
    return f"{signed(scaled, lang) if sign else number(scaled, lang)}\N{NO-BREAK SPACE}{unit}"


def _given(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show `digits` significant ones."""
    if value == 0:
        return 0
    return max(0, digits - 1 - math.floor(math.log10(abs(value))))


def _decimal(value: float, lang: str, decimals: int) -> str:
    from babel.numbers import format_decimal

    rounded = round(float(value), decimals) + 0.0  # + 0.0 turns -0.0 into 0.0
    shown = str(format_decimal(rounded, "#,##0." + "#" * decimals, locale=lang))
    return shown.replace("-", "\N{MINUS SIGN}")  # as wide as a plus sign; never breaks a line


def _typeset(message: str) -> str:
    """Return a message whose units and French punctuation don't start a line of their own."""
    return _STICKS.sub("\N{NO-BREAK SPACE}", message)


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        rows += _flat(value, f"{name}.") if isinstance(value, Mapping) else [(name, str(value))]
    return rows
