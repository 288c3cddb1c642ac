"""What the commands print: tables or JSON on the output, steps and errors on the error stream.

Nothing else in `hotspots.cli` prints: what data say is shown here, and can't steer the terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from hotspots.locale.escaping import indented, one_line, visible, visible_json

if TYPE_CHECKING:
    import pandas as pd

    from hotspots.edition.edition import Edition

_WIDEST = 44  # characters of a cell of words
Json = Annotated[bool, typer.Option("--json", help="Print JSON records instead of a table.")]


def put(text: str) -> None:
    """Print a line to the output; what would steer a terminal is made visible.

    Lines after the first are indented: they may be of a file name or of a cell, and none shall look
    like a line of its own.
    """
    typer.echo(indented(text))


def put_block(text: str, *, nl: bool = True) -> None:
    """Print lines that were made as such: a table, a card, a recipe; each datum is on one line."""
    typer.echo(visible(text), nl=nl)


def put_json(content: Any) -> None:
    """Print JSON to the output."""
    typer.echo(visible_json(json.dumps(content, indent=1, ensure_ascii=False, default=str)))


def say(step: str) -> None:
    """Tell a step of long work."""
    tell(f"… {one_line(step)}")


def tell(text: str) -> None:
    """Print as `put` to the error stream; when nobody reads it any more, the work goes on."""
    try:
        typer.echo(indented(text), err=True)
    except BrokenPipeError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Let what is still in a broken stream's buffer go nowhere, or Python complains at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give what shows `(done, due)` as a bar on a terminal; None elsewhere, where lines must do."""
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
    """Return a text as one line of at most so many characters."""
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
    """Print a table of words and numbers: words to the left, long ones shortened."""
    shown = table.copy()
    for name in table.select_dtypes(["object", "string"]).columns:
        cells = [short(str(cell), _WIDEST) for cell in table[name]]
        width = max(map(len, [str(name), *cells]))
        shown[name] = [cell.ljust(width) for cell in cells]
        shown = shown.rename(columns={name: str(name).ljust(width)})
    for line in shown.to_string(index=False).splitlines():
        put_block(line.rstrip())


def print_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows: all that they hold as JSON, the named columns as a table."""
    import pandas as pd

    if as_json:
        put_json(list(rows))
    elif rows:
        print_table(pd.DataFrame(rows)[list(columns)], as_json=False)


def print_short_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Print rows as `print_rows` does; in a table, lists are joined and long text is cut."""
    if as_json:
        print_rows(rows, columns, as_json=True)
        return
    shown = [{name: short_cell(row[name]) for name in columns} for row in rows]
    print_rows(shown, columns, as_json=False)


def short_cell(value: Any) -> str:
    """Return a value, or a list of some, as a short text for a table."""
    text = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    return short(text)


def print_summary(edition: Edition, out: Path) -> None:
    """Print the figures of an edition and where its files are."""
    from hotspots.reports.summary import summary_lines

    for line in summary_lines(edition):
        put_block(line)
    put_block(
        f"\nEdition {edition.id}: {out}/regions.csv, {out}/units.parquet, {out}/hotspots.gpkg"
    )
    put(f"Open the map: {(out / 'map.html').resolve()}")
