"""Importing or checking a file of records: reading it, its plan, and likely duplicates.

The command line and the web service call these; nothing is printed here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import sqlalchemy as sa

from hotspots.registry.adapters import Adapted, adapt, adapter_of
from hotspots.registry.database import queries
from hotspots.registry.deduplication.candidates import Pair, likely_pairs
from hotspots.registry.formats.read import Table, read_file
from hotspots.registry.gazetteer.geocode import located
from hotspots.registry.imports.import_rows import RefusedError
from hotspots.registry.imports.plan import ImportChoices, Plan
from hotspots.registry.permissions import EDITOR, PUBLIC, Actor
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import SEPARATOR, fields, names
from hotspots.registry.schema.problems import RecordProblem, kind_of
from hotspots.registry.schema.records import Cells, Record, Row, id_of, list_of, position

if TYPE_CHECKING:
    from hotspots.registry.registry import Registry


@dataclass(frozen=True)
class FileChoices:
    """How a file of records is read.

    Attributes
    ----------
    adapter : str, optional
        The public registry whose export it is, or a mapping table; by default recognised by the
        headings, unless an encoding or sheet is given.
    encoding, sheet : str, optional
        See `hotspots.registry.formats.read.read_file`.
    type : str, optional
        Type of the rows that don't name one.
    locate : bool
        Give rows without a position that of the place they name.
    """

    adapter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    type: str | None = None
    locate: bool = False


@dataclass(frozen=True)
class ReadRecords:
    """The content of a file.

    Attributes
    ----------
    table : Table
        Its rows, and the problems of reading them.
    note : str
        Note for the history of each record; "" for none.
    adapted : Adapted or None
        What the adapter kept and left out; None for a file that isn't an export.
    """

    table: Table
    note: str = ""
    adapted: Adapted | None = None


@dataclass(frozen=True)
class ImportResult:
    """The outcome of each row, and whether anything was written."""

    plan: Plan
    imported: bool


class PlannedRowReport(TypedDict):
    """The outcome of a row in JSON-compatible form: see `plan_report`."""

    row: int
    id: str
    name: str
    outcome: str
    changes: dict[str, dict[str, str]]
    problems: list[dict[str, str]]


def read_records(registry: Registry, path: Path, choices: FileChoices) -> ReadRecords:
    """Read a file of records, or an export of a public registry through its adapter.

    Parameters
    ----------
    registry : Registry
        Where the records are to be imported; it is only read. Rows of an export are completed
        from it, and records that have a position there aren't located.
    path : Path
        CSV, XLSX, ODS, XLS, GeoJSON or GeoPackage.
    choices : FileChoices
        How it is read.

    Raises
    ------
    RegistryError, BadInputError
        The file can't be read, or there is no such adapter.
    """
    found = _read(registry, path, choices)
    table = found.table
    if choices.type:
        rows = (
            Row(n, cells if cells.get("type") else cells | {"type": choices.type})
            for n, cells in table.rows
        )
        table = replace(table, rows=tuple(rows))
    if choices.locate:
        table = _placed(registry, table)
    return replace(found, table=table)


def import_records(
    registry: Registry, records: ReadRecords, choices: ImportChoices, *, dry_run: bool = False
) -> ImportResult:
    """Import the records of a file in a single transaction, or only plan it.

    Parameters
    ----------
    registry : Registry
        Where they are imported, with the rights of its actor.
    records : ReadRecords
        Result of `read_records`.
    choices : ImportChoices
        How rows are imported; `origin` and `note` are taken from the file.
    dry_run : bool
        Write nothing.
    """
    table = records.table
    chosen = replace(choices, origin=table.name, note=records.note)
    if dry_run:
        plan = registry.plan_import(
            table.rows, table.problems, spoiled=table.spoiled, choices=chosen
        )
        return ImportResult(plan, imported=False)
    try:
        plan = registry.import_rows(
            table.rows, table.problems, spoiled=table.spoiled, choices=chosen
        )
    except RefusedError as refused:
        return ImportResult(refused.plan, imported=False)
    return ImportResult(plan, imported=True)


def check_records(registry: Registry, table: Table, lang: str = "en") -> list[RecordProblem]:
    """Return all faults and notes of a file's rows, whoever checks them.

    Parameters
    ----------
    registry : Registry
        The registry that the rows would be imported into; nothing is written.
    table : Table
        The rows.
    lang : str
        Language of the problems: "en", "fr" or "es".
    """
    given = table.rows
    if registry.actor is PUBLIC:  # so that nobody can find an address by guessing
        personal = set(names("contact"))
        given = tuple(
            Row(n, {name: cell for name, cell in cells.items() if name not in personal})
            for n, cells in table.rows
        )
    # Not with the actor's rights: a file to be suggested may be of any region.
    checker = _for_anyone(registry)
    plan = checker.plan_import(
        given, table.problems, spoiled=table.spoiled, choices=ImportChoices(lang=lang)
    )
    ids = {entry.row: entry.id for entry in plan.entries}
    return [RecordProblem(ids.get(p.row, ""), p) for p in (*plan.problems, *plan.notes)]


def likely_duplicates(registry: Registry, plan: Plan) -> list[Pair]:
    """Return pairs of a plan's new records with records that may be the same under another id."""
    after = {id_of(change.after): change.after for change in plan.changes if change.after}
    new = {id_of(c.after) for c in plan.changes if c.before is None and c.after}
    if not new:
        return []
    with registry.reading() as connection:
        there = {id_of(record): record for record in queries.everything(connection)}
    return likely_pairs([*(there | after).values()], among=new)


def plan_report(plan: Plan) -> list[PlannedRowReport]:
    """Return the outcome of each row: its record, the changed fields, and its problems."""
    reasons: dict[int, list[dict[str, str]]] = {}
    for problem in (*plan.problems, *plan.notes):
        reasons.setdefault(problem.row, []).append(
            {
                "column": problem.column,
                "value": problem.value,
                "reason": problem.reason,
                "kind": kind_of(problem),
            }
        )
    return [
        {
            "row": entry.row,
            "id": entry.id,
            "name": entry.name,
            "outcome": entry.outcome,
            "changes": {k: {"from": a, "to": b} for k, (a, b) in entry.fields.items()},
            "problems": reasons.get(entry.row, []),
        }
        for entry in plan.entries
    ]


def _read(registry: Registry, path: Path, choices: FileChoices) -> ReadRecords:
    # A given encoding or sheet is for a table of records, not for an export.
    recognised = not (choices.encoding or choices.sheet)
    name = choices.adapter or (adapter_of(path) if recognised else None)
    if name is None:
        return ReadRecords(read_file(path, encoding=choices.encoding, sheet=choices.sheet))
    adapted = adapt(path, name)
    with registry.reading() as connection:
        rows = _renewed(connection, adapted)
    table = Table(path.name, adapted.table.columns, rows, adapted.problems)
    return ReadRecords(table, _note_of(adapted), adapted)


def _note_of(adapted: Adapted) -> str:
    """Return the note that marks imports of this registry's exports in the history."""
    return f"export of {adapted.adapter}"


def _renewed(connection: sa.Connection, adapted: Adapted) -> tuple[Row, ...]:
    """Return the rows of an export to be imported.

    Existing organisations are not changed, since their records contain more than the name in the
    export. A project's row gets the version created by the previous export, so that later changes
    here are distinguished from changes in the other registry. Entries added here to its lists
    (themes, relations …) are kept.
    """
    ids = [cells["id"] for _, cells in adapted.rows]
    now = queries.current_ids(connection, ids)
    there = queries.fetch(connection, [now.get(id_, id_) for id_ in ids])
    known = {id_ for id_ in ids if now.get(id_, id_) in there}
    new = tuple(row for row in adapted.organisations if row[1]["id"] not in known)
    # The latest version wins: the history is in the order of time.
    made = {
        row["id"]: row["version"]
        for row in queries.history(connection, there)
        if row["note"] == _note_of(adapted)
    }
    projects = []
    for number, cells in adapted.projects:
        id_ = now.get(cells["id"], cells["id"])
        version = {"version": str(made[id_])} if id_ in made else {}
        projects.append(Row(number, _added(cells, there.get(id_, {})) | {"id": id_} | version))
    return new + tuple(projects)


def _added(cells: Cells, before: Record) -> dict[str, str]:
    out = dict(cells)
    for name, text in cells.items():
        if fields()[name].is_list and name in before:
            entries = values.read_list(fields()[name], text)
            out[name] = SEPARATOR.join(dict.fromkeys((*list_of(before, name), *entries)))
    return out


def _placed(registry: Registry, table: Table) -> Table:
    """Return the table with positions of named places, and notes on these."""
    ids = filter(None, (cells.get("id") for _, cells in table.rows))
    with registry.reading() as connection:
        there = queries.fetch(connection, ids)
    placed = {id_ for id_, record in there.items() if position(record) is not None}
    found = located(table.rows, placed)
    return replace(table, rows=tuple(found.rows), problems=(*table.problems, *found.notes))


def _for_anyone(registry: Registry) -> Registry:
    """Return the registry with the right to check any file, also one to be suggested."""
    if registry.actor is not PUBLIC:
        return registry
    return registry.acting(Actor(PUBLIC.name, EDITOR))
