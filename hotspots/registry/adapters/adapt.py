"""Conversion of exports of public registries to rows of records, by mapping tables.

Soil and land-use projects are kept according to the rules of the table; all other rows are reported
with a reason. The resulting rows have the cells of a table of records and pass the same validation;
fields without data in the export are absent, so that importing a newer export preserves values
entered by others.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from hotspots.errors import BadInputError, near_matches
from hotspots.geo.countries import key
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import paced, read_text
from hotspots.registry.adapters.conversions import (
    goals,
    iso_date,
    joined,
    nested,
    tidy,
    web_address,
)
from hotspots.registry.adapters.mapping import (
    PLACEHOLDER,
    Adapter,
    Cell,
    Condition,
    Rule,
    adapters,
    read_adapter,
)
from hotspots.registry.adapters.organisations import is_organisation, organisation_id
from hotspots.registry.adapters.positions import place_cells, without_position
from hotspots.registry.formats.table import Table
from hotspots.registry.gazetteer.checks import check_places
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import ORGANISATION, SEPARATOR, fields
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Row, Values
from hotspots.registry.schema.slugs import slug
from hotspots.registry.schema.validation import check, parse

_MOST_CELL = 10_000_000  # characters; the default limit of the csv module is 131,072
_MOST_HEADER = 100_000  # characters searched for the headings of an export
_NOT_LAND = "no soil or land-use project by its methodology or type"


@dataclass(frozen=True)
class Adapted:
    """Result of the conversion of an export.

    Attributes
    ----------
    adapter : str
        The name of the mapping table.
    organisations, projects : tuple of Row
        Row number as in a spreadsheet, and cells by field name. An organisation has the number of
        the first row that mentions it.
    kept : mapping of int to str
        Row number of each project -> the rules that kept it.
    left_out : mapping of str to tuple of int
        Reason -> row numbers. Together with `projects` it has each row of the export once.
    problems : tuple of Problem
        Warnings; none is serious.
    """

    adapter: str
    organisations: tuple[Row, ...]
    projects: tuple[Row, ...]
    kept: Mapping[int, str]
    left_out: Mapping[str, tuple[int, ...]]
    problems: tuple[Problem, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Organisations, then the projects that refer to them."""
        return self.organisations + self.projects

    @property
    def table(self) -> Table:
        """The rows as a table of records, for validation and planning of an import."""
        used = {name for _, cells in self.rows for name in cells}
        columns = tuple(name for name in fields() if name in used)
        return Table(self.adapter, columns, self.rows, self.problems)


def recognise(headings: Iterable[str]) -> str | None:
    """Return the name of the packaged adapter for a file with these headings, or None."""
    given = {" ".join(heading.split()) for heading in headings}
    fitting = [name for name, one in adapters().items() if given.issuperset(one.recognised_by)]
    # Only if a single adapter fits: a wrong one would fill fields with other columns' cells.
    return fitting[0] if len(fitting) == 1 else None


def adapter_of(path: Path) -> str | None:
    """Return the name of the packaged adapter for a file, by its headings, or None."""
    if path.suffix.casefold() != ".csv" or not os.path.isfile(path):
        return None
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
        try:
            # Headings are within this limit; the rest of a long line is not read.
            return recognise(next(csv.reader(StringIO(opened.read(_MOST_HEADER))), []))
        except csv.Error:  # reported when the whole file is read
            return None


def adapt(path: Path | str, name: str | None = None) -> Adapted:
    """Convert an export to rows of records.

    Parameters
    ----------
    path : Path or str
        CSV export of the registry, UTF-8.
    name : str, optional
        Name of a packaged adapter, or path of a custom mapping table (.toml); by default the
        adapter is selected by the file's headings.

    Raises
    ------
    BadInputError
        The file can't be read, no adapter fits it, or it lacks a column that the adapter reads.
    """
    path = Path(path)
    header, rows = _read(path)
    adapter = _chosen(path, header, name)
    if missing := [column for column in adapter.columns() if column not in header]:
        spare = [column for column in header if column not in adapter.columns()]
        raise BadInputError(
            f"'{path.name}' lacks the column '{missing[0]}', which the adapter {adapter.name}"
            f" reads{near_matches(missing[0], spare) or '.'} Use a complete export, or correct"
            " the mapping table."
        )
    return _Export(adapter, header).adapted(rows)


def _chosen(path: Path, header: list[str], name: str | None) -> Adapter:
    if name is not None and name.endswith(".toml"):
        return read_adapter(Path(name))
    name = name or recognise(header)
    if name is None:
        raise BadInputError(
            f"'{path.name}' has the headings of none of the registries known here"
            f" ({', '.join(adapters())}). Name the adapter, or a mapping table of your own."
        )
    if name not in adapters():
        raise BadInputError(
            f"There is no adapter '{name}'{near_matches(name, adapters()) or '.'} Use one of"
            f" {', '.join(adapters())}, or the path of a mapping table (.toml)."
        )
    return adapters()[name]


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the headings and the non-blank rows, numbered as in a spreadsheet."""
    # The limit applies to the whole process and is only increased.
    csv.field_size_limit(max(csv.field_size_limit(), _MOST_CELL))
    try:
        text = StringIO(read_text(path, "records_bytes"), newline="")
        header, *rows = list(_limited(csv.reader(text), path.name)) or [[]]
    except UnicodeDecodeError as fault:
        raise BadInputError(
            f"'{path}' isn't UTF-8 text (byte {fault.start + 1:,}). Save it as CSV UTF-8."
        ) from fault
    except (OSError, csv.Error) as fault:
        raise BadInputError(
            f"'{path}' can't be read as a CSV file ({fault}). Give the export as the registry"
            " gives it."
        ) from fault
    require_within(f"'{path.name}' has", len(header), "columns", "give the whole export only")
    header = [" ".join(heading.split()) for heading in header]
    if doubled := [name for name, count in Counter(header).items() if count > 1 and name]:
        raise BadInputError(f"'{path}' has the column '{doubled[0]}' twice. Take one of them out.")
    return header, [(n, row) for n, row in enumerate(rows, 2) if any(c.strip() for c in row)]


def _limited(rows: Iterable[list[str]], name: str) -> Iterator[list[str]]:
    for number, row in enumerate(paced(rows, name), start=1):
        require_within(f"'{name}' has", number, "rows", "split it")
        yield row


class _Export:
    """Conversion of one export: kept rows, omitted rows and warnings."""

    def __init__(self, adapter: Adapter, header: list[str]) -> None:
        self.adapter = adapter
        self.header = header
        self.blank = frozenset(map(key, adapter.blank)) | {""}
        self.organisations: dict[str, Row] = {}
        self.projects: dict[str, Row] = {}
        self.kept: dict[int, str] = {}
        self.left_out: dict[str, list[int]] = {}
        self.problems: list[Problem] = []

    def adapted(self, rows: list[tuple[int, list[str]]]) -> Adapted:
        """Convert the rows."""
        known = {*self.adapter.columns(), *self.adapter.unused, ""}
        for column in (column for column in self.header if column not in known):
            self._note(1, column, "the adapter doesn't know this column; it is left out")
        for number, cells in rows:
            if reason := self._take(number, cells):
                self.left_out.setdefault(reason, []).append(number)
        self._check_positions()
        return Adapted(
            self.adapter.name,
            tuple(self.organisations.values()),
            tuple(self.projects.values()),
            self.kept,
            {reason: tuple(numbers) for reason, numbers in self.left_out.items()},
            tuple(self.problems),
        )

    def _take(self, number: int, cells: list[str]) -> str:
        """Add the project of a row, or return why it is omitted."""
        if len(cells) != len(self.header):
            return "the row has more or fewer cells than the header"
        row = dict(zip(self.header, cells, strict=True))
        self._expand(number, row)
        # Exclusion first: a row that matches rules of both kinds is left out.
        if out := next(_holding(self.adapter.out, row), None):
            return out.why
        rules = list(_holding(self.adapter.keep, row))
        if not rules:
            kind = self._value(row, self.adapter.kind)
            return f"{_NOT_LAND}: {kind}" if kind else _NOT_LAND
        project = self._project(number, row, [*rules, *_holding(self.adapter.also, row)])
        if faults := check(_record(project), number):
            return f"{fields()[faults[0].column].label['en']}: {faults[0].reason}"
        if project["id"] in self.projects:
            return f"it has the id of row {self.projects[project['id']][0]}"
        self._add_parties(number, row, project)
        self.projects[project["id"]] = Row(number, project)
        self.kept[number] = "; ".join(dict.fromkeys(rule.why for rule in rules))
        return ""

    def _project(self, number: int, row: Mapping[str, str], rules: list[Rule]) -> dict[str, str]:
        adapter = self.adapter
        cells: dict[str, str] = dict(adapter.always)
        for name, cell in adapter.fields.items():
            if text := self._converted(number, row, cell):
                kept = [cells[name]] if name in cells and fields()[name].is_list else []
                cells[name] = SEPARATOR.join([*kept, text])
        # Its dates would make it "running", which the registry denies.
        if any(_holds(condition, row) for condition in adapter.undated):
            cells = {name: text for name, text in cells.items() if name not in ("start", "end")}
        cells |= place_cells(row, adapter.place, self.blank, lambda c, t: self._note(number, c, t))
        for name in ("land_use", "practice_kind"):
            codes = dict.fromkeys(code for rule in rules for code in getattr(rule, name))
            cells[name] = SEPARATOR.join(codes)
        cells["summary"] = "; ".join(self._summary(row, cells))
        if project_id := self._value(row, adapter.id):
            cells["id"] = f"{adapter.name}-{slug(project_id)}"
        cells["external_ids"] = SEPARATOR.join(
            f"{registry}:{external_id}"
            for registry, column in adapter.external_ids.items()
            if (external_id := self._value(row, column).replace(SEPARATOR, " "))
        )
        return self._sound(number, cells)

    def _add_parties(self, number: int, row: Mapping[str, str], project: dict[str, str]) -> None:
        """Add the organisations of a row, and the project's relations to them."""
        roles: dict[str, str] = {}
        for party in self.adapter.organisations:
            for name in filter(None, self._value(row, party.column).split(SEPARATOR)):
                if not is_organisation(name):
                    self._note(
                        number,
                        party.column,
                        "the name doesn't say that it's an organisation's, and might be a"
                        " person's; it is left out. Add the organisation by hand if it is one",
                    )
                    continue
                cells = self._organisation(number, name)
                # An organisation that isn't valid is left out, with its relation.
                if not check(_record(cells)):
                    self.organisations.setdefault(cells["id"], Row(number, cells))
                    roles.setdefault(cells["id"], party.role)
        if roles:
            project["relations"] = SEPARATOR.join(f"{role}={one}" for one, role in roles.items())

    def _organisation(self, number: int, name: str) -> dict[str, str]:
        shared = ("theme", "source", "source_kind", "language")
        cells = {each: self.adapter.always.get(each, "") for each in shared}
        cells |= {"id": organisation_id(name), "type": ORGANISATION, "name": tidy(name)}
        cells["summary"] = f"Has land-use projects in {self.adapter.title}"
        return self._sound(number, cells)

    def _summary(self, row: Mapping[str, str], cells: Mapping[str, str]) -> Iterator[str]:
        def value(name: str) -> str:
            """Return the value of a placeholder {column} or {=field}."""
            return cells.get(name[1:], "") if name[0] == "=" else self._value(row, name)

        for part in self.adapter.summary:
            if all(value(name) for name in PLACEHOLDER.findall(part)):
                yield PLACEHOLDER.sub(lambda match: value(match[1]), part)

    def _converted(self, number: int, row: Mapping[str, str], cell: Cell) -> str:
        convert: Mapping[str, Callable[[str], str]] = {
            "text": str,
            "date": lambda text: iso_date(text, cell.format),
            "sdgs": goals,
            "web": web_address,
        }
        for column in cell.column:
            if text := self._value(row, column):
                try:
                    return convert[cell.convert](text)
                except ValueError as fault:
                    self._note(number, column, str(fault), text)
        return ""

    def _expand(self, number: int, row: dict[str, str]) -> None:
        """Add columns from nested lists."""
        for column, paths in self.adapter.literals.items():
            try:
                items = nested(row[column])
            except ValueError as fault:
                items = []
                self._note(number, column, str(fault), row[column])
            row.update({f"{column}.{path}": joined(items, path) for path in paths})

    def _sound(self, number: int, cells: Mapping[str, str]) -> dict[str, str]:
        """Return the valid cells in canonical form; report the others."""
        record, faults = parse(cells, number)
        kept = {name: value for name, value in record.items() if value is not None}
        faults += [fault for fault in check(kept, number) if fault.column in kept]
        for fault in faults:
            kept.pop(fault.column, None)
            self._note(number, fault.column, fault.reason, fault.value)
        return {name: values.write(value) for name, value in kept.items()}

    def _check_positions(self) -> None:
        """Remove implausible positions: at 0, 0, swapped, with a wrong sign."""
        placed = dict(self.projects.values())
        for fault in check_places([(n, _record(cells)) for n, cells in placed.items()]):
            project = placed[fault.row]
            if fault.serious and "latitude" in project:
                del project["latitude"], project["longitude"]
                regions = project.get("regions", "").split(SEPARATOR)
                project["place_precision"] = without_position(regions)
                reason = f"{fault.reason}. The position is left out"
                self._note(fault.row, fault.column, reason, fault.value)

    def _value(self, row: Mapping[str, str], column: str) -> str:
        text = tidy(row[column])
        return "" if key(text) in self.blank else text

    def _note(self, number: int, column: str, reason: str, value: str = "") -> None:
        problem = Problem(number, column, value, reason, serious=False)
        if problem not in self.problems[-20:]:  # sites of a row repeat the same problem
            self.problems.append(problem)


def _record(cells: Mapping[str, str]) -> Values:
    return parse(cells, 0).values


def _holding(rules: Iterable[Rule], row: Mapping[str, str]) -> Iterator[Rule]:
    return (rule for rule in rules if all(_holds(condition, row) for condition in rule.when))


def _holds(condition: Condition, row: Mapping[str, str]) -> bool:
    pattern = re.compile(condition.matches, flags=re.IGNORECASE)
    return any(pattern.search(tidy(row[column])) for column in condition.column)
