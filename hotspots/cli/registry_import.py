"""Commands for importing records: import, validate, template, place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotspots.cli.import_report import PlanText, report_adapted
from hotspots.cli.options import TYPES, Force, Lang, Token, TokenFile, Where
from hotspots.cli.output import Json, print_rows, put, put_json, report, say
from hotspots.cli.registry_access import opened, opened_to_import, secret
from hotspots.errors import BadInputError
from hotspots.locale import check_language, counted, number, text
from hotspots.locale.escaping import shell_word

if TYPE_CHECKING:
    from hotspots.registry.schema.problems import RecordProblem

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
    keep_sample: Annotated[
        bool,
        typer.Option("--keep-sample", help="In a first import: the sample's records come first."),
    ] = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Import new records, and edits of exported ones, in a single transaction.

    A row changes only the columns in the file. In an export, which has the column version, an
    emptied cell deletes its value. The first import makes your own registry, which then takes the
    packaged sample's place.
    """
    from hotspots.registry.imports.first_import import import_after_sample, sample_for
    from hotspots.registry.imports.import_files import (
        FileChoices,
        import_records,
        plan_report,
        read_records,
    )
    from hotspots.registry.imports.plan import ImportChoices
    from hotspots.registry.open import place_of, replaces_sample

    if where == ":memory:":
        raise BadInputError("Nothing stays of a registry in memory. Give the path of a file.")
    said = check_language(lang or "en")
    registry = opened_to_import(where, secret(token, token_file), dry_run=dry_run, lang=said)
    planned = sample_for(registry) if keep_sample else registry
    records = read_records(planned, file, FileChoices(adapter, encoding, sheet, type_, locate))
    # Only of a file that could be read: a refusal is one sentence.
    if keep_sample:
        report(text("registry.kept", said, count=number(len(planned), said)))
    elif replaces_sample(registry, where):
        report(text("registry.first", said))
    report_adapted(file, records, said)
    if not dry_run:
        say(counted("import.rows", len(records.table.rows), said, path=place_of(registry)))
    choices = ImportChoices(skip_bad=skip_bad, overwrite=overwrite, lang=said)
    run = import_after_sample if keep_sample else import_records
    result = run(registry, records, choices, dry_run=dry_run)
    shown = PlanText(records.table.headings, lang)
    if as_json:
        put_json(plan_report(result.plan))
    else:
        shown.print_result(result, place_of(registry))
        shown.print_duplicates(planned if dry_run else registry, result.plan)
    # Also with --skip-bad: a script then notices the rows left out.
    if result.plan.problems:
        raise typer.Exit(2)


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
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Check a file, or a registry: every error with its row, column, value and remedy."""
    from hotspots.registry.schema.problems import RecordProblem

    said = check_language(lang or "en")
    headings: Mapping[str, str] = {}
    if file is None:
        from hotspots.registry.maintenance import check_all

        found = check_all(opened(where, token, token_file, lang=said))
        found = [RecordProblem(one.id, one.problem.in_language(said)) for one in found]
    else:
        from hotspots.registry.imports.import_files import FileChoices, check_records, read_records

        # As a plan: nothing is written, and a missing registry counts as empty.
        registry = opened_to_import(where, secret(token, token_file), dry_run=True, lang=said)
        records = read_records(registry, file, FileChoices(adapter, encoding, sheet))
        report_adapted(file, records, said)
        headings = records.table.headings
        found = check_records(registry, records.table, said)
    if as_json:
        put_json([_problem_row(one) for one in found])
    else:
        PlanText(headings, lang).print_problems(found)
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
    language = "" if lang == "en" else f" --lang {lang}"
    command = f"hotspots registry import {shell_word(out)}{language} --dry-run"
    put(text("registry.template", lang, path=out, command=command))


def place(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help="A town, first-level unit or country: 'Nakuru, KE', KE-31, Kenya."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Look up a place in the packaged gazetteer; homonyms are all listed."""
    from dataclasses import asdict

    from hotspots.registry.gazetteer import ATTRIBUTION, find_places
    from hotspots.registry.gazetteer import place as the_one

    rows = [asdict(found) for found in find_places(name)]
    if not rows:
        the_one(name)  # raises an error that names similar places
    columns = ("name", "kind", "unit", "country", "latitude", "longitude", "precision")
    print_rows(rows, columns, as_json=as_json)
    if not as_json:
        put(ATTRIBUTION)
