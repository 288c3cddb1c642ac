"""Errors and warnings about a row: the row, the column, the value and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hotspots.locale.escaping import one_line, visible

MOST_SHOWN = 20
_MOST_OF_VALUE = 80


@dataclass(frozen=True)
class Problem:
    """Why a row is refused, or (`serious` is false) a warning about it.

    Attributes
    ----------
    row : int
        Row number as in a spreadsheet: the header is row 1. 0 if it concerns no row.
    column : str
        Field name, or "" for the row as a whole.
    value : str
        The cell as given, shortened.
    reason : str
        What is wrong and how to correct it, without a full stop.
    serious : bool
        Whether the row is refused.
    """

    row: int
    column: str
    value: str
    reason: str
    serious: bool = True

    def __post_init__(self) -> None:
        short = " ".join(visible(self.value).split())
        if len(short) > _MOST_OF_VALUE:
            short = short[: _MOST_OF_VALUE - 1] + "…"
        object.__setattr__(self, "value", short)
        object.__setattr__(self, "reason", one_line(self.reason))

    def of_row(self, row: int) -> Problem:
        """Return the same problem for another row."""
        return replace(self, row=row)

    def __str__(self) -> str:
        where = f"Row {self.row}" + (f", column '{self.column}'" if self.column else "")
        end = "" if self.reason.endswith(("?", ".")) else "."
        return f"{where}: {self.reason}{end}"


class RecordProblem(NamedTuple):
    """A problem, and the id of the record that has it; "" for a row without a record."""

    id: str
    problem: Problem


def kind_of(problem: Problem) -> str:
    """Return "error" for a problem that refuses its row, "note" for a warning."""
    return "error" if problem.serious else "note"


def problem_report(problems: Sequence[Problem], what: str = "bad row") -> str:
    """Return lines on the first problems, and the number of further ones."""
    rows = {problem.row for problem in problems}
    lines = [f"{len(rows):,} {what}{'' if len(rows) == 1 else 's'}:"]
    lines += [str(problem) for problem in problems[:MOST_SHOWN]]
    if len(problems) > MOST_SHOWN:
        lines.append(f"And {len(problems) - MOST_SHOWN:,} problems more.")
    return "\n".join(lines)
