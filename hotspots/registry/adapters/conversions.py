"""Conversions of export cells to text for records, one function for each.

Each returns "" for a cell without data, and raises `ValueError` for an invalid cell, stating what
was given and what was expected.
"""

from __future__ import annotations

import ast
import html
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from hotspots.registry.schema.addresses import personal_in
from hotspots.registry.schema.fields import SEPARATOR
from hotspots.registry.schema.values import clean

MOST_LITERAL = 2_000_000  # characters of a nested list; the largest seen has 72,700
_TAG = re.compile(r"</?[a-zA-Z!?][^>]*>")
_UNSEEN = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_GOAL = re.compile(r"\s*(?:(?:SDG|ODD|ODS|Goal)\s*)?0?(\d{1,2})(?!\d)", flags=re.IGNORECASE)
_GOALS = range(1, 18)
# Written by programs for a missing number; not a Python literal.
_NAN = re.compile(r"(?<=[:,\[] )nan(?=[,}\]])")


def tidy(text: str) -> str:
    """Return one line of plain text: without HTML, invisible characters and personal addresses."""
    plain = html.unescape(_TAG.sub(" ", text))
    # Twice: escaped HTML ("&lt;b&gt;") is markup only after unescaping.
    plain = _CONTROL.sub(" ", _UNSEEN.sub("", _TAG.sub(" ", plain)))
    plain = clean(" ".join(plain.split()))
    # One after another, since a text may contain several addresses.
    while personal := personal_in(plain):
        plain = plain.replace(personal, "[…]")
    return plain


def iso_date(text: str, form: str) -> str:
    """Return "2020-01-15" of "1/15/2020" by the form "%m/%d/%Y"; an ISO date is unchanged."""
    for each in (form, "%Y-%m-%d"):
        with suppress(ValueError):
            return datetime.strptime(text, each).date().isoformat()
    raise ValueError(f"'{text[:40]}' is not a date of the form {form}")


def goals(text: str) -> str:
    """Return "sdg4;sdg13" of "4,13", "04: Quality Education;13: Climate Action" or the like."""
    found: dict[str, None] = {}
    for part in re.split(r"[;,]", text):
        match = _GOAL.match(part)
        if match and int(match[1]) not in _GOALS:
            raise ValueError(f"'{part.strip()[:40]}' is not one of the 17 goals")
        if match:
            found[f"sdg{int(match[1])}"] = None
    return SEPARATOR.join(found)


def web_address(text: str) -> str:
    """Return a web address with its http://, which many exports leave out."""
    return text if re.match(r"[a-z]+://", text, flags=re.IGNORECASE) else f"http://{text}"


def nested(text: str) -> list[Mapping[str, Any]]:
    """Return the list of mappings in a cell, written as a Python literal.

    No code is executed: only literals are parsed, of at most `MOST_LITERAL` characters.
    """
    if not text.strip():
        return []
    if len(text) > MOST_LITERAL:
        raise ValueError(f"it has {len(text):,} characters; at most {MOST_LITERAL:,} are read")
    try:
        with warnings.catch_warnings():
            # Python warns of escapes such as "\d" in literals, which are harmless in text.
            warnings.simplefilter("ignore", SyntaxWarning)
            found = ast.literal_eval(_NAN.sub("None", text.strip()))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        # Deep or odd text may also exhaust or confuse the parser.
        found = None
    if isinstance(found, list) and all(isinstance(item, dict) for item in found):
        return found
    raise ValueError("it is not a list of mappings written as a Python literal")


def values_at(item: Any, path: str) -> Iterator[Any]:
    """Yield the values at a path such as "data_map.latitude", in all items of lists."""
    key, _, rest = path.partition(".")
    for part in item if isinstance(item, list) else [item]:
        if isinstance(part, Mapping) and part.get(key) not in (None, ""):
            if rest:
                yield from values_at(part[key], rest)
            else:
                yield part[key]


def joined(items: list[Mapping[str, Any]], path: str) -> str:
    """Return the distinct values at a path as one text, joined by the separator."""
    return SEPARATOR.join(dict.fromkeys(tidy(str(value)) for value in values_at(items, path)))
