"""The factor tables of ``analysis/tables``: rows with value, error, source and status.

One home for reading them: a method asks for its table by name and never repeats a number that
stands there. Each row says how sure its number is; `status_kind` puts that into one of four words.
"""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from importlib.resources import files

STATUSES = ("verified", "secondary", "from memory", "convention")

Row = dict[str, str]


@cache
def table(name: str) -> tuple[Row, ...]:
    """Return the rows of ``tables/<name>.csv``, all values as text."""
    path = files("hotspots.analysis").joinpath(f"tables/{name}.csv")
    return tuple(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def rows_of(name: str, **wanted: str) -> list[Row]:
    """Return the rows of a table that have the values wanted."""
    return [row for row in table(name) if wanted.items() <= row.items()]


def status_kind(status: str) -> str:
    """Return one of `STATUSES` for what a table says of a number.

    "from memory" wins over all else that is said of a number, so that a doubt is never lost.
    """
    told = status.casefold()
    if "convention" in told or "derived" in told:
        return "convention"
    if "memory" in told or "to be verified" in told:
        return "from memory"
    if "secondary" in told or "transcribed" in told:
        return "secondary"
    return "verified"


def status_counts(name: str) -> dict[str, int]:
    """Return how many rows of a table have each status, in the order of `STATUSES`."""
    counts = Counter(status_kind(row["status"]) for row in table(name))
    return {status: counts[status] for status in STATUSES if counts[status]}
