"""What an import, or the check of a file, prints: its rows, problems and likely duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.cli.output import put, report, short
from hotspots.locale import counted, number, text
from hotspots.locale.messages import in_language

if TYPE_CHECKING:
    from hotspots.registry import Registry
    from hotspots.registry.imports.import_files import ImportResult, ReadRecords
    from hotspots.registry.imports.plan import Entry, Plan
    from hotspots.registry.schema.problems import Problem, RecordProblem

# Lines of a plan, new records, errors and likely duplicates that are printed; JSON has all.
_MOST_LINES, _MOST_NEW, _MOST_ERRORS, _MOST_PAIRS = 60, 10, 200, 5
_KINDS = ("error", "new", "changed", "note")


def report_adapted(path: Path, records: ReadRecords, lang: str) -> None:
    """Report what an adapter kept of an export, and why it left out the rest."""
    adapted = records.adapted
    if adapted is None:
        return
    counts = {
        "projects": number(len(adapted.projects), lang),
        "organisations": number(len(adapted.organisations), lang),
    }
    report(text("import.file", lang, file=path.name, registry=adapted.adapter, **counts))
    for reason, left in adapted.left_out.items():
        count = number(len(left), lang)
        report(f"  {text('import.left_out', lang, count=count, reason=reason)}")


@dataclass(frozen=True)
class PlanText:
    """The lines on a plan or on problems, under the file's own headings.

    Attributes
    ----------
    headings : mapping of str to str
        Field -> heading in the file; empty for records of a registry.
    labels : str or None
        Language of fields that have no heading in the file, and of codes; None for their names.
    """

    headings: Mapping[str, str]
    labels: str | None

    @property
    def lang(self) -> str:
        """The language of the sentences."""
        return self.labels or "en"

    def print_result(self, result: ImportResult, place: str) -> None:
        """Print the outcome of each row, and what was written to the registry at a place."""
        lines = list(self._plan_lines(result.plan))
        for line in lines[:_MOST_LINES]:
            put(line)
        if (more := len(lines) - _MOST_LINES) > 0:
            put(text("import.more_lines", self.lang, count=number(more, self.lang)))
        counts = ", ".join(
            counted(f"import.count.{outcome}", count, self.lang)
            for outcome, count in result.plan.counts.items()
        )
        key = "import.imported" if result.imported else "import.nothing"
        put(text(key, self.lang, path=place, counts=counts))

    def print_duplicates(self, registry: Registry, plan: Plan) -> None:
        """Print new records that may already be present under another id."""
        from hotspots.registry.imports.import_files import likely_duplicates

        pairs = likely_duplicates(registry, plan)
        for pair in pairs[:_MOST_PAIRS]:
            reasons = ", ".join(in_language(reason, self.lang) for reason in pair.reasons)
            said = text("import.duplicate", self.lang, a=pair.a, b=pair.b, reasons=reasons)
            put(f"{self._kind('note')}{said}")
        if pairs:
            put(counted("import.duplicates", len(pairs), self.lang))

    def print_problems(self, found: Sequence[RecordProblem]) -> None:
        """Print problems, in the language they have, and their number."""
        for id_, problem in found[:_MOST_ERRORS]:
            where = "" if problem.row else f"{id_}, "
            kind = self._kind("error" if problem.serious else "note")
            put(f"{kind}{where}{self._headed(problem)}")
        if (more := len(found) - _MOST_ERRORS) > 0:
            put(text("import.more_lines", self.lang, count=number(more, self.lang)))
        bad = sum(problem.serious for _, problem in found)
        counts = {"errors": number(bad, self.lang), "notes": number(len(found) - bad, self.lang)}
        key = "registry.errors" if found else "registry.no_errors"
        put(text(key, self.lang, **counts))

    def _plan_lines(self, plan: Plan) -> Iterator[str]:
        yield from (f"{self._kind('error')}{self._headed(problem)}" for problem in plan.problems)
        new = [entry for entry in plan.entries if entry.outcome == "new"]
        yield from (f"{self._kind('new')}{self._row(entry)}" for entry in new[:_MOST_NEW])
        if (more := len(new) - _MOST_NEW) > 0:
            count = number(more, self.lang)
            yield f"{self._kind('new')}{text('import.more', self.lang, count=count)}"
        for entry in plan.entries:
            if entry.outcome == "changed":
                yield from self._changes(entry)
        yield from (f"{self._kind('note')}{self._headed(problem)}" for problem in plan.notes)

    def _kind(self, kind: str) -> str:
        width = max(len(text(f"import.{name}", self.lang)) for name in _KINDS)
        return f"{text(f'import.{kind}', self.lang):<{width}}  "

    def _row(self, entry: Entry) -> str:
        row = {"row": f"{entry.row}", "id": entry.id, "name": short(entry.name)}
        return text("import.row_named", self.lang, **row)

    def _changes(self, entry: Entry) -> Iterator[str]:
        row = text("import.row", self.lang, row=f"{entry.row}", id=entry.id)
        yield f"{self._kind('changed')}{row}"
        for name, (was, becomes) in entry.fields.items():
            colon = text("format.colon", self.lang)
            cells = f"{self._cell(name, was)} -> {self._cell(name, becomes)}"
            yield f"           {self._heading(name)}{colon}{cells}"

    def _headed(self, problem: Problem) -> Problem:
        """Return the problem with the column's heading in the file."""
        return replace(problem, column=self._heading(problem.column))

    def _heading(self, name: str) -> str:
        from hotspots.registry.formats.headings import heading_of

        return heading_of(name, self.headings, self.labels)

    def _cell(self, name: str, cell: str) -> str:
        from hotspots.registry.formats.headings import word_of_cell
        from hotspots.registry.imports.plan import HIDDEN

        if cell in ("", HIDDEN):
            return text("import.personal" if cell else "import.empty", self.lang)
        shown = cell if self.labels is None else word_of_cell(name, cell, self.labels)
        return f"'{short(shown)}'"
