"""Mapping tables: one TOML file for each registry, parsed and validated here.

``docs/adapters.md`` describes how to write one. A registry is added by adding a file: tables use a
closed set of settings and contain no code.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from hotspots.errors import BadInputError, near_matches
from hotspots.io.readers.texts import parse_toml, read_text
from hotspots.registry.schema.fields import fields
from hotspots.registry.schema.vocabulary import vocabulary

CONVERSIONS = ("text", "date", "sdgs", "web")
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Cell:
    """Source of a field: the first non-blank of some columns, converted."""

    column: tuple[str, ...]
    convert: str = "text"
    format: str = ""

    def __post_init__(self) -> None:
        if self.convert not in CONVERSIONS:
            raise BadInputError(
                f"there is no conversion '{self.convert}'; use one of {', '.join(CONVERSIONS)}"
            )
        if (self.convert == "date") != bool(self.format):
            raise BadInputError("a date, and nothing else, needs its 'format', such as %m/%d/%Y")


@dataclass(frozen=True)
class Condition:
    """True if one of some columns matches a regular expression (case-insensitive)."""

    column: tuple[str, ...]
    matches: str

    def __post_init__(self) -> None:
        try:
            re.compile(self.matches)
        except re.error as fault:
            raise BadInputError(f"'{self.matches}' is not a regular expression: {fault}") from fault


@dataclass(frozen=True)
class Rule:
    """A rule that applies if all conditions are true: its reason, and the codes it implies."""

    when: tuple[Condition, ...]
    why: str = ""
    land_use: tuple[str, ...] = ()
    practice_kind: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.when:
            raise BadInputError("a rule needs at least one condition 'when'")
        for name in ("land_use", "practice_kind"):
            for code in getattr(self, name):
                _known(code, vocabulary()[name], f"'{name}' has no code")


@dataclass(frozen=True)
class Place:
    """Source of the place: columns, or (`list`) items of one column's list."""

    country: str
    unit: str = ""
    town: str = ""
    latitude: str = ""
    longitude: str = ""
    list: str = ""
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Party:
    """A column that names organisations, and their role in the project."""

    column: str
    role: str

    def __post_init__(self) -> None:
        _known(self.role, vocabulary()["relation_role"], "there is no relation")


@dataclass(frozen=True)
class Adapter:
    """The mapping table of one registry.

    Attributes
    ----------
    name : str
        Lower-case words joined by "-"; the beginning of every id.
    title : str
        The registry's own name.
    recognised_by : tuple of str
        Columns that no other registry's export has together.
    id, kind : str
        Columns of the registry's id and of the project type.
    always : mapping of str to str
        Cells added to every project.
    fields : mapping of str to Cell
        By field name.
    summary : tuple of str
        Parts of the summary with {column} or {=field}; a part with a blank is left out.
    keep, also, out : tuple of Rule
        Rules for rows to keep; further rules for kept rows; rules for rows to omit, applied first.
    undated : tuple of Condition
        Rows whose dates would imply that they are running, although the registry states otherwise.
    literals : mapping of str to tuple of str
        Columns with a nested list, and the paths in it that are read as separate columns.
    external_ids : mapping of str to str
        Registry -> column of its id.
    blank, unused : tuple of str
        Cells that mean "no data"; known columns that are not read.
    """

    name: str
    title: str
    recognised_by: tuple[str, ...]
    id: str
    kind: str
    always: Mapping[str, str]
    fields: Mapping[str, Cell]
    summary: tuple[str, ...]
    keep: tuple[Rule, ...]
    place: Place
    also: tuple[Rule, ...] = ()
    out: tuple[Rule, ...] = ()
    undated: tuple[Condition, ...] = ()
    organisations: tuple[Party, ...] = ()
    literals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
    blank: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def columns(self) -> tuple[str, ...]:
        """Return the columns that an export must have, in the order of the table."""
        nested = {f"{column}.{path}" for column, paths in self.literals.items() for path in paths}
        return tuple(dict.fromkeys(name for name in self._read() if name not in nested))

    def _read(self) -> Iterator[str]:
        yield from (*self.recognised_by, self.id, self.kind, *self.literals)
        yield from self.external_ids.values()
        for cell in self.fields.values():
            yield from cell.column
        for part in self.summary:
            yield from (name for name in PLACEHOLDER.findall(part) if not name.startswith("="))
        for rule in (*self.keep, *self.also, *self.out):
            yield from (name for condition in rule.when for name in condition.column)
        yield from (name for condition in self.undated for name in condition.column)
        yield from (party.column for party in self.organisations)
        if self.place.list:
            yield self.place.list
            return
        for name in ("country", "unit", "town", "latitude", "longitude"):
            if getattr(self.place, name):
                yield getattr(self.place, name)


@cache
def adapters() -> Mapping[str, Adapter]:
    """Return the packaged adapters by name."""
    folder = Path(__file__).parent
    return MappingProxyType(
        {path.stem: read_adapter(path) for path in sorted(folder.glob("*.toml"))}
    )


def read_adapter(path: Path) -> Adapter:
    """Return the adapter that a TOML file describes; the file's name is its name.

    Raises
    ------
    BadInputError
        The file can't be read, or has unknown or missing entries.
    """
    try:
        table = parse_toml(read_text(path, "toml_bytes"))
        if not _NAME.fullmatch(path.stem):
            raise BadInputError("its name must be lower-case words joined by hyphens")
        adapter = _adapter(path.stem, table)
        _check(adapter)
    except (OSError, ValueError, TypeError, AttributeError, BadInputError) as fault:
        raise BadInputError(f"'{path}' is not a mapping table: {fault}") from fault
    return adapter


def _adapter(name: str, table: Mapping[str, Any]) -> Adapter:
    made = dict(table) | {"name": name}
    for key in ("keep", "also", "out"):
        made[key] = tuple(_rule(row) for row in table.get(key, ()))
    made["undated"] = _conditions(table.get("undated", ()))
    made["organisations"] = tuple(_build(Party, row) for row in table.get("organisations", ()))
    made["fields"] = {key: _build(Cell, row) for key, row in table.get("fields", {}).items()}
    made["place"] = _build(Place, table.get("place", {}))
    made["literals"] = {key: tuple(paths) for key, paths in table.get("literals", {}).items()}
    return _build(Adapter, made)


def _rule(row: Mapping[str, Any]) -> Rule:
    return _build(Rule, dict(row) | {"when": _conditions(row.get("when", ()))})


def _conditions(rows: Iterable[Mapping[str, Any]]) -> tuple[Condition, ...]:
    return tuple(_build(Condition, row) for row in rows)


def _build(kind: type[_Made], row: Mapping[str, Any]) -> _Made:
    """Return a `kind` from a TOML table; lists become tuples, `column` may be one name."""
    known = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in row:
        _known(name, known, "there is no setting")
    for name, item in known.items():
        if name not in row and item.default is MISSING and item.default_factory is MISSING:
            raise BadInputError(
                f"'{name}' is absent, which every {kind.__name__.lower()} must have"
            )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    if "column" in values and known["column"].type == "tuple[str, ...]":
        given = values["column"]
        values["column"] = (given,) if isinstance(given, str) else given
    return kind(**values)


def _check(adapter: Adapter) -> None:
    names = fields()
    for name in (*adapter.always, *adapter.fields):
        _known(name, names, "there is no field")
    for name in ("type", "theme", "source", "source_kind"):
        if name not in adapter.always:
            raise BadInputError(f"'always' must give '{name}', which every record has")
    if "name" not in adapter.fields:
        raise BadInputError("'fields' must give 'name', which every record has")
    for rule in (*adapter.keep, *adapter.out):
        if not rule.why:
            raise BadInputError("a rule that keeps a row or leaves it out must say 'why'")


def _known(given: str, known: Iterable[str], message: str) -> None:
    names = tuple(known)
    if given not in names:
        close = near_matches(given, names) or "."
        raise BadInputError(f"{message} '{given}'; known are {', '.join(names)}{close}")
