"""Output of the commands: tables or JSON on standard output, steps and errors on standard error.

Nothing else in `hotspots.cli` prints, so control characters in data can't reach the terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from hotspots.errors import with_short_words
from hotspots.locale.escaping import indented, one_line, visible, visible_json

if TYPE_CHECKING:
    import pandas as pd

    from hotspots.edition.edition import Edition

_WIDEST = 44  # characters in a text cell
Json = Annotated[bool, typer.Option("--json", help="Print JSON records instead of a table.")]


def put(text: str) -> None:
    """Print a line to standard output, with control characters shown as escapes.

    Lines after the first are indented: they may come from a file name or a cell, and are not to
    look like separate lines.
    """
    typer.echo(indented(text))


def put_block(text: str, *, nl: bool = True) -> None:
    """Print a text of several lines (table, card, recipe) in which each datum is on one line."""
    typer.echo(visible(text), nl=nl)


def put_json(content: object) -> None:
    """Print JSON to standard output."""
    # Dates and paths are written as their text.
    typer.echo(visible_json(json.dumps(content, indent=1, ensure_ascii=False, default=str)))


def say(step: str) -> None:
    """Report a step of a long task to standard error."""
    report(f"… {one_line(step)}")


def report(text: str) -> None:
    """Print as `put` does to standard error; a closed stream doesn't stop the work."""
    try:
        typer.echo(indented(with_short_words(text)), err=True)
    except BrokenPipeError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Discard the buffer of a broken stream, about which Python would complain at its exit."""
    # The descriptor itself, since Python flushes the stream once more at its exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function that shows `(done, due)` as a progress bar; None unless on a terminal."""
    # In a file or a pipe, a bar would be a line for each step of it.
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(one_line(what)), total=None)
        yield lambda done, due: bar.update(task, completed=done, total=due or None)


def short(text: str, most: int = 60) -> str:
    """Return a text as one line of at most `most` characters."""
    plain = " ".join(text.split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def print_table(table: pd.DataFrame, *, as_json: bool) -> None:
    """Print a table, or its rows as JSON records."""
    if as_json:
        records = table.to_json(orient="records", force_ascii=False, indent=1)
        typer.echo(visible_json(records))
    else:
        put_block(table.to_string(index=False))


def print_words(table: pd.DataFrame) -> None:
    """Print a table with text left-aligned and long text shortened."""
    shown = table.copy()
    for name in table.select_dtypes(["object", "string"]).columns:
        cells = [short(str(cell), _WIDEST) for cell in table[name]]
        width = max(map(len, [str(name), *cells]))
        shown[name] = [cell.ljust(width) for cell in cells]
        shown = shown.rename(columns={name: str(name).ljust(width)})
    for line in shown.to_string(index=False).splitlines():
        put_block(line.rstrip())


def print_rows(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Print rows: all fields as JSON, or the named columns as a table."""
    import pandas as pd

    if as_json:
        put_json(list(rows))
    elif rows:
        print_table(pd.DataFrame(rows)[list(columns)], as_json=False)


def print_short_rows(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], as_json: bool
) -> None:
    """Print rows as `print_rows` does; in a table, lists are joined and long text is cut."""
    if as_json:
        print_rows(rows, columns, as_json=True)
        return
    shown = [{name: short_cell(row[name]) for name in columns} for row in rows]
    print_rows(shown, columns, as_json=False)


def short_cell(value: object) -> str:
    """Return a value, or a list of some, as a short text for a table."""
    text = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    return short(text)


def print_summary(edition: Edition, out: Path, lang: str = "en") -> None:
    """Print the main figures of an edition and the paths of its files."""
    from hotspots.locale import text
    from hotspots.reports.summary import summary_lines

    for line in summary_lines(edition, lang):
        put_block(line)
    put_block("\n" + text("summary.edition", lang, id=edition.id, folder=out))
    put(text("summary.map", lang, path=(out / "map.html").resolve()))
