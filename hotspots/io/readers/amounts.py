"""The unpacked size of a Parquet file or a GeoPackage, checked before it is read.

Both can unpack to far more than their file size: Parquet is compressed, and one text in its
dictionary can be the value of every row; a view or generated column of a database is computed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspots.errors import BadInputError
from hotspots.io.limits import require_regular, require_within
from hotspots.io.readers.texts import Deadline, paced, require_size

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_BATCH = 10_000  # rows decoded at once
_STEPS = 10_000  # instructions of SQLite's virtual machine between two checks of the time
_REMEDY = "keep only what is needed"
_GENERATED = (2, 3)  # values of "hidden" for generated columns
# Prefixes of the tables and views that belong to the format, SQLite or GDAL.
_OWN = ("gpkg_", "rtree_", "sqlite_", "ogr_")


def read_table(path: Path) -> pd.DataFrame:
    """Return the table in a Parquet file.

    Raises
    ------
    BadInputError
        The path isn't a regular file, or the table exceeds the limits.
    OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError
        The file is missing or damaged.
    """
    import pandas as pd

    require_modest_parquet(path)
    return pd.read_parquet(path)


def require_modest_parquet(path: Path) -> None:
    """Raise `BadInputError` if a Parquet file unpacks to more than the limits."""
    import pyarrow.parquet as pq

    require_regular(path)
    require_size(path)
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        require_amounts(path.name, metadata.num_rows, metadata.num_columns)
        _require_unpacked(path.name, sum(group.total_byte_size for group in groups))
        binary = [
            column.path
            for column in (metadata.schema.column(i) for i in range(metadata.num_columns))
            if column.physical_type == "BYTE_ARRAY" and column.max_repetition_level == 0
        ]
    # Declared sizes count a text once, however many rows share it: decode and add up. Read as
    # dictionaries, such texts are held in memory once meanwhile.
    with pq.ParquetFile(path, read_dictionary=binary) as file:
        size = 0
        for batch in paced(file.iter_batches(_BATCH), path.name):
            size += sum(map(_bytes, batch.columns))
            _require_unpacked(path.name, size)


def require_amounts(name: str, rows: int, columns: int) -> None:
    """Raise `BadInputError` if a table has more rows or columns than the limits."""
    require_within(f"'{name}' has", rows, "rows", _REMEDY)
    require_within(f"'{name}' has", columns, "columns", _REMEDY)


def _require_unpacked(name: str, size: int) -> None:
    require_within(f"'{name}' would give", size, "unpacked_bytes", _REMEDY)


def _bytes(column: pa.Array) -> int:
    """Return the bytes of a column, each text counted as often as it occurs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.cast(pc.binary_length(column.dictionary), "int64")
    return int(pc.sum(pc.take(lengths, column.indices)).as_py() or 0) + int(column.indices.nbytes)


def require_modest_geopackage(path: Path, layer: str | None) -> None:
    """Raise `BadInputError` if a layer (all of them if None) isn't a plain table within limits.

    A damaged file is left to its reader, which raises its own error.
    """
    try:
        with _opened(path) as base:
            _require_plain(path, base)
            there = base.execute("SELECT table_name FROM gpkg_contents").fetchall()
            for name in [str(n) for (n,) in there if layer in (None, n)]:
                quoted = '"' + name.replace('"', '""') + '"'
                ((rows,),) = base.execute(f"SELECT count(*) FROM {quoted}")
                fields = base.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
                require_amounts(path.name, rows, len(fields))
    except sqlite3.Error:
        return


def _require_plain(path: Path, base: sqlite3.Connection) -> None:
    """Raise `BadInputError` if the file has a layer that is computed when it is read."""
    views = {
        str(name) for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
    }
    # Checked first: gpkg_contents, which is queried next, may itself be such a view.
    made = {name for name in views if name.casefold().startswith(_OWN)}
    if not made:
        made = views & {str(n) for (n,) in base.execute("SELECT table_name FROM gpkg_contents")}
    for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        found = base.execute("SELECT hidden FROM pragma_table_xinfo(?)", (table,))
        made |= {str(table)} if any(hidden in _GENERATED for (hidden,) in found) else set()
    if made:
        raise BadInputError(
            f"'{min(made)[:60]}' in '{path.name}' is a view or has generated columns, which are"
            " computed when they are read. Export the layer you mean to a new GeoPackage."
        )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database read-only; queries that exceed the time limit are interrupted."""
    # Immutable: SQLite takes no locks and reads no log beside the file.
    address = f"{path.as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as base, timed(base, path.name):
        yield base


@contextmanager
def timed(base: sqlite3.Connection, name: str) -> Iterator[None]:
    """Interrupt queries of an SQLite connection when reading one input takes too long."""
    deadline = Deadline(name)

    def is_over() -> Any:
        """Return whether SQLite must interrupt the query."""
        return deadline.is_past

    base.set_progress_handler(is_over, _STEPS)
    try:
        yield
    # An interrupted query raises this; within the time limit it is an error of another kind.
    except sqlite3.OperationalError:
        deadline.check()
        raise
    finally:
        base.set_progress_handler(None, 0)
