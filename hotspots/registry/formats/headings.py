"""Replacing codes by labels in a language, where a label identifies its code uniquely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from hotspots.geo.countries import countries
from hotspots.registry.schema.fields import SEPARATOR, fields
from hotspots.registry.schema.records import Record, Value
from hotspots.registry.schema.values import read, write
from hotspots.registry.schema.vocabulary import vocabulary

_KINDS = frozenset({"code", "codes", "country"})
_LONG = frozenset({"theme"})  # fields with long labels


def worded(records: Iterable[Record], columns: Sequence[str], lang: str) -> Iterator[Record]:
    """Yield records with codes replaced by labels in a language in these columns."""
    chosen = [name for name in columns if fields()[name].kind in _KINDS and name not in _LONG]
    for record in records:
        words = {name: _words(name, record[name], lang) for name in chosen if record.get(name)}
        yield {**record, **words}


@cache
def word(name: str, code: str, lang: str) -> str:
    """Return the label of a code, with the code if it is an ambiguous name of a country.

    Another ambiguous label is replaced by the code.
    """
    field = fields()[name]
    if field.kind == "country":
        called = countries()[code].names if code in countries() else {}
    else:
        called = vocabulary()[field.vocabulary].get(code, {})
    label = called.get(lang, code)
    for shown in (label, f"{label} ({code})"):
        try:
            if read(field, shown) in (code, (code,)):
                return shown
        except ValueError:
            continue
    return code


def _words(name: str, value: Value, lang: str) -> Value:
    if isinstance(value, tuple):
        return tuple(word(name, code, lang) for code in value)
    return word(name, write(value), lang)


def heading_of(name: str, headings: Mapping[str, str], lang: str | None) -> str:
    """Return the heading of a field in a file; where it has none, its label, or its name.

    Parameters
    ----------
    name : str
        A field; any other text is returned as it is.
    headings : mapping of str to str
        Field -> heading in the file.
    lang : str or None
        Language of the label; None for the field's name.
    """
    if name in headings or lang is None or name not in fields():
        return headings.get(name, name)
    return fields()[name].label[lang]


def word_of_cell(name: str, cell: str, lang: str) -> str:
    """Return the text of a field's cell with codes replaced by labels in a language."""
    if fields()[name].kind not in _KINDS:
        return cell
    return f"{SEPARATOR} ".join(word(name, code, lang) for code in cell.split(SEPARATOR))


def short_words(name: str, cell: str, lang: str) -> str:
    """Return the text of a field's cell for a table: labels that are long end at their colon."""
    words = word_of_cell(name, cell, lang)
    if name not in _LONG:
        return words
    return f"{SEPARATOR} ".join(one.partition(":")[0].strip() for one in words.split(SEPARATOR))
