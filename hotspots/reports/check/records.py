"""A sheet of records, as a dry run of `hotspots registry import` reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from hotspots.errors import BadInputError
from hotspots.locale import counted, number, text
from hotspots.locale.messages import in_language
from hotspots.registry import Registry
from hotspots.registry.formats.headings import heading_of, word
from hotspots.registry.formats.table import Table, UnknownHeadingsError
from hotspots.registry.imports.import_files import (
    FileChoices,
    ReadRecords,
    import_records,
    likely_duplicates,
    read_records,
)
from hotspots.registry.imports.plan import ImportChoices, Plan
from hotspots.registry.schema.fields import fields
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.values import read, write
from hotspots.reports.check.finding import Draft, Finding

_MOST_ERRORS = 20


def record_findings(
    path: Path, registry: Registry, choices: FileChoices, lang: str, labels: str | None
) -> list[Finding]:
    """Return what a file of records is understood as; nothing is written.

    Parameters
    ----------
    path : Path
        CSV, XLSX, ODS, XLS, GeoJSON or GeoPackage.
    registry : Registry
        The one that it would be imported into.
    choices : FileChoices
        As for the import.
    lang : str
        "en", "fr" or "es"; of the problems of rows too.
    labels : str or None
        Language of fields that have no heading in the file; None for their names.
    """
    draft = Draft(str(path), "records")
    try:
        records = read_records(registry, path, choices)
    except UnknownHeadingsError as error:
        _add_columns(draft, error.known, error.unknown, lang)
        draft.refusals.append(str(error))
        return [draft.finding()]
    except BadInputError as error:
        draft.refusals.append(str(error))
        return [draft.finding()]
    plan = import_records(registry, records, ImportChoices(lang=lang), dry_run=True).plan
    _add_table(draft, records, plan, lang)
    headings = records.table.headings
    draft.doubts += (_headed(problem, headings, labels) for problem in plan.notes)
    draft.doubts += _duplicates(registry, plan, lang)
    problems = plan.problems[:_MOST_ERRORS]
    draft.refusals += (_headed(problem, headings, labels) for problem in problems)
    if (more := len(plan.problems) - _MOST_ERRORS) > 0:
        draft.refusals.append(text("check.more_errors", lang, count=number(more, lang)))
    return [draft.finding()]


def _add_table(draft: Draft, records: ReadRecords, plan: Plan, lang: str) -> None:
    table, adapted = records.table, records.adapted
    kinds = Counter(_types(table))
    listed = ", ".join(
        f"{word('type', kind, lang)} {number(count, lang)}" for kind, count in kinds.most_common()
    )
    draft.add("records", listed, dict(kinds))
    if adapted is not None:
        counts = {
            "projects": number(len(adapted.projects), lang),
            "organisations": number(len(adapted.organisations), lang),
        }
        name = Path(draft.file).name
        said = text("import.file", lang, file=name, registry=adapted.adapter, **counts)
        draft.notes.append(said)
        for reason, left in adapted.left_out.items():
            count = number(len(left), lang)
            draft.notes.append(text("import.left_out", lang, count=count, reason=reason))
    if table.heading_row:
        row = str(table.heading_row)
        draft.add("heading_row", text("check.heading_row", lang, row=row), table.heading_row)
    _add_columns(draft, tuple(table.headings.values()) or table.columns, (), lang)
    outcomes = ", ".join(
        counted(f"import.count.{outcome}", count, lang) for outcome, count in plan.counts.items()
    )
    rows = number(len(plan.entries), lang)
    draft.add("rows", f"{rows}{text('format.colon', lang)}{outcomes}", dict(plan.counts))


def _types(table: Table) -> Iterator[str]:
    """Yield the type of each row that names one; a word that means none is left out."""
    for _, cells in (*table.rows, *table.spoiled):
        try:
            yield write(read(fields()["type"], cells["type"]))
        except (KeyError, ValueError):
            continue


def _add_columns(draft: Draft, known: tuple[str, ...], unknown: tuple[str, ...], lang: str) -> None:
    draft.add("columns", ", ".join(known), list(known))
    draft.add("unknown_columns", ", ".join(unknown), list(unknown))


def _headed(problem: Problem, headings: Mapping[str, str], labels: str | None) -> str:
    return str(replace(problem, column=heading_of(problem.column, headings, labels)))


def _duplicates(registry: Registry, plan: Plan, lang: str) -> Iterator[str]:
    for pair in likely_duplicates(registry, plan):
        reasons = ", ".join(in_language(reason, lang) for reason in pair.reasons)
        yield text("import.duplicate", lang, a=pair.a, b=pair.b, reasons=reasons) + "."
