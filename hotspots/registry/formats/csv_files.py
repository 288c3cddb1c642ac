"""CSV files of records: UTF-8 or UTF-16; comma, semicolon or tab.

In French and Spanish they are written in the form expected by spreadsheets in these languages:
semicolons as delimiters and decimal commas.

In a text cell an apostrophe is written before what a spreadsheet would interpret as a formula, at
its start or after a character that may divide it. Apostrophes are removed when reading, so that no
text is changed and no formula is executed.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from hotspots.errors import RegistryError
from hotspots.io.readers.texts import read_bytes
from hotspots.locale.escaping import from_spreadsheet, spreadsheet_text
from hotspots.locale.messages import Message
from hotspots.registry.formats.heading_rows import headed, known_headings
from hotspots.registry.formats.table import CellFault, RawRow, Table, table
from hotspots.registry.schema.records import Value
from hotspots.registry.schema.values import write, write_plain

DELIMITERS = ",;\t"
_SEMICOLON = frozenset({"fr", "es"})
# A footprint, made of numbers only: the numbers after its commas can't be formulas, and other
# programs read it unchanged.
_OUTLINE = re.compile(r"(MULTI)?POLYGON ?\([-0-9., ()]+\)")
# The hint by which Excel knows the delimiter; quoted if a program quotes each cell.
_STATED = re.compile(
    r"[ \t]*(?P<quote>\"?)sep=(?P<delimiter>\\t|[^\w\s\"\\]|\t)(?P=quote)[,; \t]*(\r\n|\r|\n|$)",
    re.IGNORECASE,
)
_LOOKED_AT = 20  # rows in which the headings are sought
MOST_CELL = 10_000_000  # characters; the longest cells are footprints


def read_csv(path: Path, encoding: str | None = None) -> Table:
    """Read a CSV file.

    Raises
    ------
    RegistryError
        Wrong encoding, or invalid headings.
    OSError
        It can't be read.
    """
    # The limit applies to the whole process and is only increased.
    csv.field_size_limit(max(csv.field_size_limit(), MOST_CELL))
    text = _decoded(read_bytes(path, "records_bytes"), path.name, encoding)
    stated, text = _stated_delimiter(text)
    found = headed(_rows(text, stated or _delimiter(text)), path.name)
    header = found.header
    return table(path.name, header.cells, found.rows, found.notes, header.number)


def write_csv(
    path: Path,
    headings: Sequence[str],
    rows: Iterable[Sequence[Value]],
    lang: str | None = None,
) -> None:
    """Write rows of values as UTF-8 with a byte-order mark, so that spreadsheets detect it.

    Parameters
    ----------
    path : Path
        The file; one that exists is replaced.
    headings : sequence of str
        Headings of the columns.
    rows : iterable of sequence
        Values in the order of `headings`; None is an empty cell.
    lang : str, optional
        Language of the headings: "fr" and "es" are written with semicolons and decimal commas, all
        others, and None, with commas and decimal points.
    """
    delimiter = ";" if lang in _SEMICOLON else ","
    with path.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(
            opened,
            delimiter=delimiter,
            # The delimiter can't be inferred from a single heading.
            quoting=csv.QUOTE_ALL if len(headings) == 1 else csv.QUOTE_MINIMAL,
        )
        writer.writerow(headings)
        writer.writerows([_cell(value, delimiter) for value in row] for row in rows)


def _cell(value: Value, delimiter: str) -> str:
    if isinstance(value, float):
        # As text a number may be read with another decimal sign: it is written so that it can't.
        text = write_plain(value)
        return text.replace(".", ",") if delimiter == ";" else text
    text = write(value)
    return text if _OUTLINE.fullmatch(text) else spreadsheet_text(text, delimiter)


def _decoded(data: bytes, name: str, encoding: str | None) -> str:
    codec = encoding or _marked(data)
    try:
        text = data.decode(codec)
    except LookupError as fault:
        raise RegistryError(
            f"There is no encoding '{encoding}'. Give one such as utf-8 or cp1252."
        ) from fault
    except UnicodeDecodeError as fault:
        raise RegistryError(_undecoded(data, name, fault, encoding)) from fault
    # The mark may be left by a given encoding, such as utf-8.
    return text.removeprefix("\ufeff")


def _marked(data: bytes) -> str:
    return "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _undecoded(data: bytes, name: str, fault: UnicodeDecodeError, encoding: str | None) -> str:
    line = data.count(b"\n", 0, fault.start) + 1
    odd = data[fault.start]
    message = f"'{name}' is not in {encoding or 'UTF-8'}: line {line} holds the byte 0x{odd:02X}"
    if encoding:
        return f"{message}. Give the encoding that the file was saved in."
    guess = data[max(0, fault.start - 15) : fault.start + 15]
    try:
        # An excerpt from the text may be valid in the encoding of western spreadsheets.
        shown = " ".join(guess.decode("cp1252").split())
    except UnicodeDecodeError:
        return f"{message}. Save it as 'CSV UTF-8', or name its encoding with --encoding."
    return (
        f"{message}, which looks like Windows-1252 ('{shown}'). Save it as 'CSV UTF-8', or give"
        " --encoding cp1252."
    )


def _stated_delimiter(text: str) -> tuple[str, str]:
    """Return the delimiter that a first line "sep=;" states, or "", and the text below it.

    Excel reads such a line and doesn't show it, so it isn't counted as a row.
    """
    match = _STATED.match(text)
    if match is None:
        return "", text
    stated = match["delimiter"].replace("\\t", "\t")
    return stated, text[match.end() :]


def _delimiter(text: str) -> str:
    """Return the delimiter for which a row has the most field names."""

    def known(delimiter: str) -> tuple[int, int]:
        """Return the most field names in one of the first rows, and the cells of the first."""
        first = list(islice((row for row in _rows(text, delimiter) if any(row.cells)), _LOOKED_AT))
        most = max((known_headings(row) for row in first), default=0)
        return most, len(first[0].cells) if first else 0

    # Without known headings it is the delimiter that gives the most cells.
    return max(DELIMITERS, key=known)


def _rows(text: str, delimiter: str) -> Iterator[RawRow]:
    # strict: a stray quote is an error, instead of part of a cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number, line = number + 1, reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            yield RawRow(number, (), (CellFault(None, "", _broken(fault, line, reader.line_num)),))
            continue
        zero = tuple(
            CellFault(at, "", Message("file.zero_byte"))
            for at, cell in enumerate(cells)
            if "\0" in cell
        )
        yield RawRow(number, [from_spreadsheet(cell) for cell in cells], zero)


def _broken(fault: csv.Error, first: int, last: int) -> Message:
    lines = Message("file.line" if last <= first else "file.lines", first=first, last=last)
    if "unexpected end" in str(fault):
        return Message("file.quote_open", first=first, lines=lines)
    if "field limit" in str(fault):
        return Message("file.cell_long", lines=lines, most=MOST_CELL)
    return Message("file.quote_single", lines=lines)
