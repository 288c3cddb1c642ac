"""The factor tables of ``analysis/tables``: rows with value, error, source and status.

All methods read their tables here, by name, and never repeat a number from them. Each row has a
status that states how well its number is verified; `status_kind` classifies it into one of four.
"""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from importlib.resources import files

from hotspots.errors import BadInputError

STATUSES = ("verified", "secondary", "from memory", "convention")
# Words of a status text that name its kind; the first kind with a word in the text counts. "to be
# verified" contains "verified", so that the latter comes last.
_WORDS = {
    "from memory": ("memory", "to be verified"),
    "convention": ("convention", "derived"),
    "secondary": ("secondary", "transcribed"),
    "verified": ("verified",),
}

Row = dict[str, str]


@cache
def table(name: str) -> tuple[Row, ...]:
    """Return the rows of ``tables/<name>.csv``, all values as text."""
    path = files("hotspots.analysis").joinpath(f"tables/{name}.csv")
    return tuple(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def rows_of(name: str, **values: str) -> list[Row]:
    """Return the rows of a table that have these values in these columns."""
    return [row for row in table(name) if values.items() <= row.items()]


def status_kind(status: str) -> str:
    """Return the one of `STATUSES` that the status text of a table row belongs to.

    "from memory" takes precedence over everything else, so that a doubt is never lost.

    Raises
    ------
    BadInputError
        The text has no word of a status.
    """
    text = status.casefold()
    for kind, words in _WORDS.items():
        if any(word in text for word in words):
            return kind
    raise BadInputError(
        f"'{status}' isn't the status of a factor; it must contain one of"
        f" {', '.join(word for words in _WORDS.values() for word in words)}."
    )


def status_counts(name: str) -> dict[str, int]:
    """Return how many rows of a table have each status, in the order of `STATUSES`."""
    counts = Counter(status_kind(row["status"]) for row in table(name))
    return {status: counts[status] for status in STATUSES if counts[status]}
