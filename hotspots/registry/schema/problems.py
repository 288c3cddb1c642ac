"""Errors and warnings about a row: the row, the column, the value and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hotspots.locale import counted, text
from hotspots.locale.escaping import one_line, visible
from hotspots.locale.messages import Message, in_language

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
    lang : str
        Language of the sentence: "en", "fr" or "es".
    """

    row: int
    column: str
    value: str
    reason: str
    serious: bool = True
    lang: str = "en"

    def __post_init__(self) -> None:
        short = " ".join(visible(self.value).split())
        if len(short) > _MOST_OF_VALUE:
            short = short[: _MOST_OF_VALUE - 1] + "…"
        object.__setattr__(self, "value", short)
        if not isinstance(self.reason, Message):
            object.__setattr__(self, "reason", one_line(self.reason))

    def of_row(self, row: int) -> Problem:
        """Return the same problem for another row."""
        return replace(self, row=row)

    def in_language(self, lang: str) -> Problem:
        """Return the same problem in another language; a reason that isn't a `Message` stays."""
        return replace(self, reason=in_language(self.reason, lang), lang=lang)

    def __str__(self) -> str:
        key = "row.where_column" if self.column else "row.where"
        where = text(key, self.lang, row=f"{self.row}", column=self.column)
        end = "" if self.reason.endswith(("?", ".")) else "."
        return f"{where}{text('format.colon', self.lang)}{self.reason}{end}"


class RecordProblem(NamedTuple):
    """A problem, and the id of the record that has it; "" for a row without a record."""

    id: str
    problem: Problem


def kind_of(problem: Problem) -> str:
    """Return "error" for a problem that refuses its row, "note" for a warning."""
    return "error" if problem.serious else "note"


def problem_report(problems: Sequence[Problem], file: str = "") -> str:
    """Return lines on the first problems, and the number of further ones, in their language.

    Parameters
    ----------
    problems : sequence of Problem
        At least one.
    file : str
        Name of the file that has them; "" for none.
    """
    lang = problems[0].lang
    rows = len({problem.row for problem in problems})
    first = counted("row.bad_in", rows, lang, file=file) if file else counted("row.bad", rows, lang)
    lines = [first, *map(str, problems[:MOST_SHOWN])]
    if len(problems) > MOST_SHOWN:
        lines.append(counted("row.more", len(problems) - MOST_SHOWN, lang))
    return "\n".join(lines)
