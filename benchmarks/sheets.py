"""A workbook of 100,000 records: reading it, beside openpyxl.

Run with ``python -m benchmarks.sheets [COUNT]``. The same file is read by `read_file` and by the
plain way, in which openpyxl gives each cell as an object. The rows must be equal before any time is
printed; the tests compare the two on generated files.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.registry import write_csv
from hotspots.registry.formats.cell_texts import cell_text
from hotspots.registry.formats.read import Table, read_file
from hotspots.registry.formats.sheet_marks import FORMULA, error_mark, shown_precision
from hotspots.registry.formats.table import CellFault, RawRow, table

NUMBERS = ("latitude", "longitude")


def write_workbook(path: Path, count: int) -> None:
    """Write the records of the benchmark of the registry, with coordinates as numbers."""
    from openpyxl import Workbook

    source = path.with_suffix(".csv")
    write_csv(source, count)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("records")
    with source.open(encoding="utf-8", newline="") as opened:
        rows = csv.reader(opened)
        headings = next(rows)
        sheet.append(headings)
        for row in rows:
            values = zip(headings, row, strict=True)
            sheet.append([float(v) if n in NUMBERS else v or None for n, v in values])
    book.save(path)


def plain_rows(path: Path) -> list[RawRow]:
    """Return the rows of a workbook's first sheet, read by openpyxl alone."""
    from openpyxl import load_workbook

    found = []
    book = load_workbook(path, read_only=True)
    for number, row in enumerate(book.worksheets[0].iter_rows(), start=1):
        cells, faults = [], []
        for at, cell in enumerate(row):
            value = cell.value
            if cell.data_type == "f":
                faults.append(CellFault(at, str(value), FORMULA))
            elif cell.data_type == "e":
                faults.append(CellFault(at, *error_mark(str(value))))
            is_text = value is not None and cell.data_type not in ("f", "e")
            shown = shown_precision(cell.number_format) if cell.is_date else 0
            cells.append(cell_text(value, shown) if is_text else "")
        found.append(RawRow(number, cells, tuple(faults), ragged=False))
    book.close()
    return found


def plain_table(path: Path) -> Table:
    """Return the table of a workbook whose headings are in its first row."""
    header, *rows = plain_rows(path)
    return table(path.name, header.cells, rows)


def main(count: int) -> None:
    """Time both ways of reading one workbook, and print their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.xlsx"
        write_workbook(path, count)
        start = time.perf_counter()
        found = read_file(path)
        own = time.perf_counter() - start
        start = time.perf_counter()
        plain = plain_table(path)
        other = time.perf_counter() - start
    assert found == plain, "the two ways read different cells"
    cells = len(found.rows) * len(found.columns)
    print(f"{len(found.rows):,} rows of {path.name}, {cells:,} cells: the same by both")
    print(f"read_file {own:.1f} s, openpyxl {other:.1f} s: a ratio of {other / own:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
