"""The fields of a record (`fields.toml`), from which templates, checks and database are built."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from hotspots.geo.countries import key
from hotspots.registry.schema.words import code_called as code_called
from hotspots.registry.schema.words import stem, unique_stems

ORGANISATION, PROJECT, ACTION, PRACTICE = "organisation", "project", "research_action", "practice"
TYPES = (ORGANISATION, PROJECT, ACTION, PRACTICE)
SEPARATOR = ";"
# Fields that are interpreted together: edits by two people are never combined within a group.
TOGETHER = (
    ("place", "latitude", "longitude", "footprint", "place_precision"),
    ("surface_ha", "surface_year"),
    ("effect_size", "effect_low", "effect_high", "effect_n"),
)
# Kinds whose values are tuples, written with SEPARATOR between.
LISTS = frozenset({"codes", "regions", "texts", "languages", "relations"})


@dataclass(frozen=True)
class Field:
    """One field of a record.

    Attributes
    ----------
    name, kind : str
        Column name; value type (see `fields.toml`).
    types, required : frozenset of str
        The record types that have it, and those for which it is required.
    vocabulary : str
        The list of `vocabulary.toml` that defines its codes, or "".
    group : str
        "content", "contact" (personal) or "system" (set by the registry).
    unit : str
        Unit of a number, or "".
    label, help : mapping of str to str
        By language: en, fr, es; `help` may be empty.
    former_labels : tuple of str
        Labels that stand in files of earlier versions; still read, never written.
    other_labels : tuple of str
        Other headings that people give such a column; read, never written.
    """

    name: str
    kind: str
    types: frozenset[str]
    required: frozenset[str]
    vocabulary: str
    group: str
    unit: str
    label: Mapping[str, str]
    help: Mapping[str, str]
    former_labels: tuple[str, ...]
    other_labels: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        """Whether a value is a tuple."""
        return self.kind in LISTS


@cache
def fields() -> Mapping[str, Field]:
    """Return every field by name, in the order of an exported table."""
    text = files("hotspots.registry.schema").joinpath("fields.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _field(name, row) for name, row in tomllib.loads(text).items()})


@cache
def names(group: str) -> tuple[str, ...]:
    """Return the names of the fields of a group: content, contact or system."""
    return tuple(field.name for field in fields().values() if field.group == group)


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def field_called(heading: str) -> str | None:
    """Return the field for a column heading, or None.

    A heading is a field's name or its label, or former label, in one of the three languages, in the
    singular or plural, with or without the unit; case, accents and punctuation are ignored.
    """
    if _CONTROL.search(heading):  # damage, which isn't punctuation
        return None
    return _headings().get(key(heading)) or _stemmed().get(stem(heading))


@cache
def _headings() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for field in fields().values():
        for heading in (*field.label.values(), *field.former_labels, field.name):
            # A label that two fields share is that of the first.
            found.setdefault(key(heading), field.name)
    # A name is never another field's label.
    return found | {key(name): name for name in fields()}


@cache
def _stemmed() -> Mapping[str, str]:
    """Return the stems of headings, with and without the unit that stands in brackets."""
    labels = [(label, f.name) for f in fields().values() for label in f.label.values()]
    bare = [(re.sub(r"\s*\(.*\)$", "", label), name) for label, name in labels]
    others = [(label, f.name) for f in fields().values() for label in f.other_labels]
    return {**unique_stems(bare), **unique_stems(others), **unique_stems(labels)}


def _field(name: str, row: Mapping[str, object]) -> Field:
    types = frozenset(row.get("types", TYPES))  # type: ignore[call-overload]
    required = row.get("required", ())
    return Field(
        name=name,
        kind=str(row["kind"]),
        types=types,
        required=types if required == ["all"] else frozenset(required),  # type: ignore[call-overload]
        vocabulary=str(row.get("vocabulary", "")),
        group=str(row.get("group", "content")),
        unit=str(row.get("unit", "")),
        label=row["label"],  # type: ignore[arg-type]
        help=row.get("help", {}),  # type: ignore[arg-type]
        former_labels=tuple(row.get("former_labels", ())),  # type: ignore[arg-type]
        other_labels=tuple(row.get("also", ())),  # type: ignore[arg-type]
    )
