"""What is wrong with a row, or worth a word: the row, the column, the value and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hotspots.locale.escaping import one_line, visible

MOST_SHOWN = 20
_MOST_OF_VALUE = 80


@dataclass(frozen=True)
class Problem:
    """Why one row can't be taken, or (`serious` is false) what should be looked at.

    Attributes
    ----------
    row : int
        As a spreadsheet counts: the header is row 1. 0 where no row is meant.
    column : str
        Field name, or "" for the row as a whole.
    value : str
        The cell as given, shortened.
    reason : str
        What is wrong and what to do, without a full stop.
    serious : bool
        Whether it keeps the row out.
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
        """Return the same problem of another row."""
        return replace(self, row=row)

    def __str__(self) -> str:
        where = f"Row {self.row}" + (f", column '{self.column}'" if self.column else "")
        end = "" if self.reason.endswith(("?", ".")) else "."
        return f"{where}: {self.reason}{end}"


def told(problems: Sequence[Problem], what: str = "bad row") -> str:
    """Return some lines on many problems: the first ones, and how many more there are."""
    rows = {problem.row for problem in problems}
    lines = [f"{len(rows):,} {what}{'' if len(rows) == 1 else 's'}:"]
    lines += [str(problem) for problem in problems[:MOST_SHOWN]]
    if len(problems) > MOST_SHOWN:
        lines.append(f"And {len(problems) - MOST_SHOWN:,} problems more.")
    return "\n".join(lines)
