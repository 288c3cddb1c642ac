"""Commands for importing records: import, validate, template, place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotspots.cli.options import TYPES, Force, Token, TokenFile, Where
from hotspots.cli.output import Json, print_rows, put, put_json, report, say, short
from hotspots.cli.registry_access import opened, secret, warn_if_exposed, warn_of_password
from hotspots.errors import BadInputError
from hotspots.locale.escaping import shell_word

if TYPE_CHECKING:
    from hotspots.registry import Registry
    from hotspots.registry.imports.import_files import ImportResult, ReadRecords
    from hotspots.registry.imports.plan import Plan
    from hotspots.registry.schema.problems import Problem, RecordProblem

# Lines of a plan, new records, errors and likely duplicates that are printed; JSON has all.
_MOST_LINES, _MOST_NEW, _MOST_ERRORS, _MOST_PAIRS = 60, 10, 200, 5

File = Annotated[Path, typer.Argument(help="CSV, XLSX, ODS, XLS, GeoJSON or GeoPackage.")]
Encoding = Annotated[
    str | None, typer.Option(help="Of a CSV file in neither UTF-8 nor UTF-16: cp1252.")
]
Sheet = Annotated[
    str | None,
    typer.Option(
        help="Sheet of a workbook, or layer of a GeoPackage; by default the one with records."
    ),
]
Adapter = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="The public registry whose export it is, or a mapping table (.toml); by default"
        " recognised by its headings.",
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
    app.command("import")(import_file)
    app.command("validate")(validate)
    app.command("template")(template)
    app.command("place")(place)


def import_file(
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
        str | None, typer.Option("--type", help=f"Type of the rows that don't name one: {TYPES}.")
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
    from hotspots.registry.imports.import_files import FileChoices, import_records, read_records
    from hotspots.registry.imports.plan import ImportChoices

    if where == ":memory:":
        raise BadInputError("Nothing stays of a registry in memory. Give the path of a file.")
    registry = _opened(where, secret(token, token_file), dry_run)
    records = read_records(registry, file, FileChoices(adapter, encoding, sheet, type_, locate))
    _report_adapted(file, records)
    if not dry_run:
        say(f"importing {len(records.table.rows):,} rows into {registry.source}")
    choices = ImportChoices(skip_bad=skip_bad, overwrite=overwrite)
    result = import_records(registry, records, choices, dry_run=dry_run)
    _print_result(result, registry.source, records.table.headings, as_json=as_json)
    if not as_json:
        _report_duplicates(registry, result.plan)
    # Also with --skip-bad: a script then notices the rows left out.
    if result.plan.problems:
        raise typer.Exit(2)


def _opened(where: str | None, token: str | None, dry_run: bool) -> Registry:
    from hotspots.registry.database.connection import file_of
    from hotspots.registry.open import open_to_import

    warn_of_password(where)
    registry = open_to_import(where, token=token, dry_run=dry_run)
    warn_if_exposed(file_of(registry.engine))
    return registry


def _report_adapted(path: Path, records: ReadRecords) -> None:
    """Report what an adapter kept of an export, and why it left out the rest."""
    adapted = records.adapted
    if adapted is None:
        return
    kept = f"projects {len(adapted.projects)}, organisations {len(adapted.organisations)}"
    report(f"'{path.name}' is read as an export of {adapted.adapter}: {kept}.")
    for reason, left in adapted.left_out.items():
        report(f"  {len(left)} left out: {reason}")


def _print_result(
    result: ImportResult, source: str, headings: Mapping[str, str], *, as_json: bool
) -> None:
    from hotspots.registry.imports.import_files import plan_report

    plan = result.plan
    if as_json:
        put_json(plan_report(plan))
        return
    lines = list(_plan_lines(plan, headings))
    for line in lines[:_MOST_LINES]:
        put(line)
    if len(lines) > _MOST_LINES:
        put(f"… and {len(lines) - _MOST_LINES:,} lines more; --json shows all.")
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in plan.counts.items())
    put(f"{'Imported into' if result.imported else 'Nothing was written to'} {source}: {counts}.")


def _plan_lines(plan: Plan, headings: Mapping[str, str]) -> Iterator[str]:
    yield from (f"error    {_headed(problem, headings)}" for problem in plan.problems)
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
    from hotspots.registry.imports.import_files import likely_duplicates

    pairs = likely_duplicates(registry, plan)
    for pair in pairs[:_MOST_PAIRS]:
        put(f"note     {pair.a} may be {pair.b}: {', '.join(pair.reasons)}")
    if pairs:
        put(
            f"{len(pairs)} likely duplicate{'s' if len(pairs) > 1 else ''}: 'hotspots registry"
            " duplicates' lists them, 'hotspots registry merge KEEP DROP' merges two."
        )


def validate(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="CSV, XLSX, ODS, XLS, GeoJSON or GeoPackage; by default the registry's records."
        ),
    ] = None,
    where: Where = None,
    adapter: Adapter = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Check a file, or a registry: every error with its row, column, value and remedy."""
    headings: Mapping[str, str] = {}
    if file is None:
        from hotspots.registry.maintenance import check_all

        found = check_all(opened(where, token, token_file))
    else:
        from hotspots.registry.imports.import_files import FileChoices, check_records, read_records

        # As a plan: nothing is written, and a missing registry counts as empty.
        registry = _opened(where, secret(token, token_file), dry_run=True)
        records = read_records(registry, file, FileChoices(adapter, encoding, sheet))
        _report_adapted(file, records)
        headings = records.table.headings
        found = check_records(registry, records.table)
    if as_json:
        put_json([_problem_row(one) for one in found])
    else:
        _print_problems(found, headings)
    if any(problem.serious for _, problem in found):
        raise typer.Exit(2)


def _problem_row(found: RecordProblem) -> Mapping[str, object]:
    from hotspots.registry.schema.problems import kind_of

    problem = found.problem
    return {
        "id": found.id,
        "row": problem.row,
        "column": problem.column,
        "value": problem.value,
        "reason": problem.reason,
        "kind": kind_of(problem),
    }


def _print_problems(found: Sequence[RecordProblem], headings: Mapping[str, str]) -> None:
    from hotspots.registry.schema.problems import kind_of

    for id_, problem in found[:_MOST_ERRORS]:
        where = "" if problem.row else f"{id_}, "
        put(f"{kind_of(problem):<9}{where}{_headed(problem, headings)}")
    if len(found) > _MOST_ERRORS:
        put(f"… and {len(found) - _MOST_ERRORS:,} more; --json shows all.")
    bad = sum(problem.serious for _, problem in found)
    put(f"errors: {bad}, notes: {len(found) - bad}" if found else "No errors.")


def template(
    out: Annotated[Path, typer.Argument(help="The file to write: .xlsx or .csv.")],
    lang: Annotated[
        str, typer.Option("--lang", help="Language of the headings: en, fr or es.")
    ] = "en",
    type: Annotated[str | None, typer.Option(help=f"For one type of record only: {TYPES}.")] = None,
    force: Force = False,
) -> None:
    """Write an empty table to fill in, with headings, choices and help in a language."""
    from hotspots.registry.formats.templates import write_template

    write_template(out, lang=lang, type=type, force=force)
    put(f"Wrote {out}. Fill it in, then: hotspots registry import {shell_word(out)} --dry-run")


def place(
    text: Annotated[
        str, typer.Argument(help="A town, first-level unit or country: 'Nakuru, KE', KE-31, Kenya.")
    ],
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
