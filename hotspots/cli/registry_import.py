"""Commands for importing records: import, validate, template, place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hotspots.cli.options import Force, Token, TokenFile, Where
from hotspots.cli.output import Json, print_rows, put, put_json, report, say, short
from hotspots.cli.registry_access import opened, secret, warn_if_exposed, warn_of_password
from hotspots.errors import BadInputError
from hotspots.locale.escaping import shell_word

if TYPE_CHECKING:
    from hotspots.registry import Registry
    from hotspots.registry.formats.table import Table
    from hotspots.registry.imports.plan import Plan
    from hotspots.registry.schema.problems import Problem

_MOST_LINES, _MOST_NEW, _MOST_FAULTS = 60, 10, 200

File = Annotated[Path, typer.Argument(help="CSV, XLSX, GeoJSON or GeoPackage.")]
Encoding = Annotated[str | None, typer.Option(help="For a CSV file that isn't UTF-8: cp1252.")]
Sheet = Annotated[str | None, typer.Option(help="A sheet of an XLSX, a layer of a GeoPackage.")]
Adapter = Annotated[
    str | None,
    typer.Option(
        "--from", help="The registry whose export it is; by default recognised by its headings."
    ),
]
Locate = Annotated[
    bool,
    typer.Option(
        "--locate", help="Give rows without a position the position of the place they name."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group `registry`."""
    app.command("import")(import_records)
    app.command("validate")(validate)
    app.command("template")(template)
    app.command("place")(place)


def import_records(
    file: File,
    where: Where = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the valid rows and leave out the others.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Rows without a version win over others' later edits."),
    ] = False,
    type_: Annotated[
        str | None, typer.Option("--type", help="Type of the rows that don't name one.")
    ] = None,
    locate: Locate = False,
    adapter: Adapter = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Import new records, and edits of exported ones, in a single transaction.

    A row changes only the columns in the file. In an export, which has the column version, an
    emptied cell deletes its value.
    """
    from hotspots.registry.registry import RefusedError

    if where == ":memory:":
        raise BadInputError("Nothing stays of a registry in memory. Give the path of a file.")
    registry = _to_import_into(where, secret(token, token_file), dry_run)
    table, note = _read(registry, file, adapter, encoding, sheet)
    if type_:
        table = _typed(table, type_)
    if locate:
        table = _placed(registry, table)
    if dry_run:
        plan, taken = (
            registry.plan(table.rows, table.problems, spoiled=table.spoiled, overwrite=overwrite),
            False,
        )
    else:
        say(f"importing {len(table.rows):,} rows into {registry.source}")
        try:
            plan, taken = (
                registry.take(
                    table.rows,
                    table.problems,
                    spoiled=table.spoiled,
                    skip_bad=skip_bad,
                    overwrite=overwrite,
                    origin=table.name,
                    note=note,
                ),
                True,
            )
        except RefusedError as refused:
            plan, taken = refused.plan, False
    _print_plan(plan, registry.source, table.headings, as_json=as_json, done=taken)
    if not as_json:
        _report_duplicates(registry, plan)
    if plan.problems:
        raise typer.Exit(2)


def _to_import_into(where: str | None, token: str | None, dry_run: bool) -> Registry:
    from hotspots.registry import Registry, open_registry
    from hotspots.registry.database.connection import engine_for, file_of
    from hotspots.registry.open import open_to_import

    warn_of_password(where)
    try:
        opening = open_registry if dry_run else open_to_import
        registry = opening(where, token=token)
    except BadInputError:
        if not dry_run or where is None or "://" in where or Path(where).exists():
            raise
        registry = Registry(engine_for(where), unmade=True)  # a dry run doesn't create it
    warn_if_exposed(file_of(registry.engine))
    return registry


def _read(
    registry: Registry, path: Path, adapter: str | None, encoding: str | None, sheet: str | None
) -> tuple[Table, str]:
    """Read a file of records, or an export of a public registry through its adapter.

    Returns its table, and a note for the history.
    """
    from hotspots.registry.adapters import adapt, adapter_of
    from hotspots.registry.adapters.renewal import note_of, renewed
    from hotspots.registry.formats.read import Table, read_file

    name = adapter or (None if encoding or sheet else adapter_of(path))
    if name is None:
        return read_file(path, encoding=encoding, sheet=sheet), ""
    adapted = adapt(path, name)
    kept = f"projects {len(adapted.projects)}, organisations {len(adapted.organisations)}"
    report(f"'{path.name}' is read as an export of {adapted.adapter}: {kept}.")
    for reason, left in adapted.left_out.items():
        report(f"  {len(left)} left out: {reason}")
    with registry.reading() as connection:
        rows = renewed(connection, adapted)
    table = Table(path.name, adapted.table.columns, rows, adapted.problems)
    return table, note_of(adapted)


def _typed(table: Table, type_: str) -> Table:
    from dataclasses import replace

    rows = ((n, cells if cells.get("type") else cells | {"type": type_}) for n, cells in table.rows)
    return replace(table, rows=tuple(rows))


def _placed(registry: Registry, table: Table) -> Table:
    from dataclasses import replace

    from hotspots.registry.database.queries import fetch
    from hotspots.registry.gazetteer.geocode import located
    from hotspots.registry.schema.footprints import position

    with registry.reading() as connection:
        there = fetch(connection, filter(None, (cells.get("id") for _, cells in table.rows)))
    placed = {id_ for id_, record in there.items() if position(record) is not None}
    rows, notes = located(table.rows, placed)
    return replace(table, rows=tuple(rows), problems=(*table.problems, *notes))


def _print_plan(
    plan: Plan, source: str, headings: Mapping[str, str], *, as_json: bool, done: bool
) -> None:
    if as_json:
        put_json(_plan_rows(plan))
        return
    lines = list(_plan_lines(plan, headings))
    for line in lines[:_MOST_LINES]:
        put(line)
    if len(lines) > _MOST_LINES:
        put(f"… and {len(lines) - _MOST_LINES:,} lines more; --json shows all.")
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in plan.counts.items())
    put(f"{'Imported into' if done else 'Nothing was written to'} {source}: {counts}.")


def _plan_rows(plan: Plan) -> list[dict[str, Any]]:
    reasons: dict[int, list[dict[str, str]]] = {}
    for problem in (*plan.problems, *plan.notes):
        reasons.setdefault(problem.row, []).append(
            {
                "column": problem.column,
                "value": problem.value,
                "reason": problem.reason,
                "kind": "fault" if problem.serious else "note",
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


def _plan_lines(plan: Plan, headings: Mapping[str, str]) -> Iterator[str]:
    yield from (f"fault    {_headed(problem, headings)}" for problem in plan.problems)
    new = [entry for entry in plan.entries if entry.outcome == "new"]
    yield from (f"new      row {e.row}: {e.id} ({short(e.name)})" for e in new[:_MOST_NEW])
    if len(new) > _MOST_NEW:
        yield f"new      … and {len(new) - _MOST_NEW:,} more"
    for entry in plan.entries:
        if entry.outcome == "changed":
            yield f"changed  row {entry.row}: {entry.id}"
            for name, (was, becomes) in entry.fields.items():
                yield f"           {name}: {_cell(was)} -> {_cell(becomes)}"
    yield from (f"note     {_headed(problem, headings)}" for problem in plan.notes)


def _headed(problem: Problem, headings: Mapping[str, str]) -> Problem:
    """Return the problem with the column's heading in the file."""
    from dataclasses import replace

    return replace(problem, column=headings.get(problem.column, problem.column))


def _cell(text: str) -> str:
    return f"'{short(text)}'" if text else "(empty)"


def _report_duplicates(registry: Registry, plan: Plan) -> None:
    """Report new records that may already be present under another id."""
    from hotspots.registry.database.queries import everything
    from hotspots.registry.deduplication.candidates import likely_pairs

    new = {change.after["id"] for change in plan.changes if change.before is None and change.after}
    if not new:
        return
    with registry.reading() as connection:
        there = {record["id"]: record for record in everything(connection)}
    there |= {change.after["id"]: dict(change.after) for change in plan.changes if change.after}
    pairs = likely_pairs(list(there.values()), among=new)
    for pair in pairs[:5]:
        put(f"note     {pair.a} may be {pair.b}: {', '.join(pair.reasons)}")
    if pairs:
        put(
            f"{len(pairs)} likely duplicate{'s' if len(pairs) > 1 else ''}: 'hotspots registry"
            " duplicates' lists them, 'hotspots registry merge KEEP DROP' merges two."
        )


def validate(
    file: Annotated[
        Path | None, typer.Argument(help="A file; by default the records of the registry.")
    ] = None,
    where: Where = None,
    adapter: Adapter = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Check a file, or a registry: every fault with its row, column, value and remedy."""
    from hotspots.registry.permissions import PUBLIC
    from hotspots.registry.schema.fields import names

    headings: Mapping[str, str] = {}
    if file is None:
        from hotspots.registry.maintenance import check_all

        faults = check_all(opened(where, token, token_file))
    else:
        registry = _to_import_into(where, secret(token, token_file), True)
        table, _ = _read(registry, file, adapter, encoding, sheet)
        headings = table.headings
        given = table.rows
        if registry.actor is PUBLIC:  # so that nobody can find an address by guessing
            personal = set(names("contact"))
            given = tuple(
                (n, {name: cell for name, cell in cells.items() if name not in personal})
                for n, cells in table.rows
            )
        plan = _for_anyone(registry).plan(given, table.problems, spoiled=table.spoiled)
        ids = {entry.row: entry.id for entry in plan.entries}
        faults = [(ids.get(p.row, ""), p) for p in (*plan.problems, *plan.notes)]
    if as_json:
        rows = [
            {
                "id": id_,
                "row": p.row,
                "column": p.column,
                "value": p.value,
                "reason": p.reason,
                "kind": _kind(p),
            }
            for id_, p in faults
        ]
        put_json(rows)
    for id_, problem in [] if as_json else faults[:_MOST_FAULTS]:
        where_ = "" if problem.row else f"{id_}, "
        put(f"{_kind(problem):<9}{where_}{_headed(problem, headings)}")
    if not as_json and len(faults) > _MOST_FAULTS:
        put(f"… and {len(faults) - _MOST_FAULTS:,} more; --json shows all.")
    bad = sum(p.serious for _, p in faults)
    if not as_json:
        put(f"faults: {bad}, notes: {len(faults) - bad}" if faults else "No faults.")
    if bad:
        raise typer.Exit(2)


def _kind(problem: Problem) -> str:
    return "fault" if problem.serious else "note"


def _for_anyone(registry: Registry) -> Registry:
    """Return the registry with the right to check any file, also one to be suggested."""
    from hotspots.registry.permissions import EDITOR, PUBLIC, Actor
    from hotspots.registry.registry import Registry as Opened

    if registry.actor is not PUBLIC:
        return registry
    return Opened(registry.engine, source=registry.source, actor=Actor(PUBLIC.name, EDITOR))


def template(
    out: Annotated[Path, typer.Argument(help="The file to write: .xlsx or .csv.")],
    lang: Annotated[str, typer.Option("--lang", help="Headings in en, fr or es.")] = "en",
    type: Annotated[str | None, typer.Option(help="For one type of record only.")] = None,
    force: Force = False,
) -> None:
    """Write an empty table to fill in, with headings, choices and help in a language."""
    from hotspots.registry.formats.templates import write_template

    write_template(out, lang=lang, type=type, force=force)
    put(f"Wrote {out}. Fill it in, then: hotspots registry import {shell_word(out)} --dry-run")


def place(
    text: Annotated[str, typer.Argument(help="A town, unit or country: 'Nakuru, KE', KE-31.")],
    as_json: Json = False,
) -> None:
    """Look up a place in the packaged gazetteer; homonyms are all listed."""
    from dataclasses import asdict

    from hotspots.registry.gazetteer import ATTRIBUTION, find_places
    from hotspots.registry.gazetteer import place as the_one

    rows = [asdict(found) for found in find_places(text)]
    if not rows:
        the_one(text)  # raises an error that names similar places
    columns = ("name", "kind", "unit", "country", "latitude", "longitude", "precision")
    print_rows(rows, columns, as_json=as_json)
    if not as_json:
        put(ATTRIBUTION)
