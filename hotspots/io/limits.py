"""Limits on the size of one input, checked before memory is allocated for it.

A file from somebody else may be small on disk and huge in memory, or never end. Each limit has a
default well above ordinary use, and an environment variable that changes it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from hotspots.errors import BadInputError

PREFIX = "HOTSPOTS_MAX_"
_SHOWN = 100  # characters of a path in a message
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True)
class Limits:
    """The limits of one input; ``HOTSPOTS_MAX_<NAME>`` in the environment changes one.

    Attributes
    ----------
    grid_cells : int
        Cells of the grid of an analysis, which needs about 450 bytes per cell.
    raster_cells : int
        Cells of all layers of an analysis or an edition, or of one raster that is added to a store.
    raster_bands : int
        Bands of a raster, or steps along the dimensions other than its rows and columns.
    raster_blocks : int
        Tiles or strips that a raster is stored in.
    block_bytes : int
        Bytes of one tile, strip or chunk of a raster after unpacking; it is read as a whole.
    file_bytes : int
        Bytes of a table or a vector file.
    toml_bytes, json_bytes : int
        Bytes of a recipe or another file in TOML; of a manifest or another description in JSON.
    unpacked_bytes, workbook_bytes : int
        Bytes that a compressed file, or a workbook (XLSX), may unpack to.
    rows, columns : int
        Rows and columns of a table of records, points or polygons.
    vertices : int
        Vertices of all the geometries of a file, or of a GeoJSON given as text.
    edge_pairs, crossings : int
        Pairs of an outline's edges whose bounding boxes intersect, and pairs that cross.
    path_letters : int
        Characters of a path.
    read_seconds : int
        Seconds that reading one table, recipe or vector file may take.
    """

    grid_cells: int = 100_000_000
    raster_cells: int = 1_000_000_000
    raster_bands: int = 20_000
    raster_blocks: int = 1_000_000
    block_bytes: int = 200_000_000
    file_bytes: int = 2_000_000_000
    toml_bytes: int = 1_000_000
    json_bytes: int = 50_000_000
    unpacked_bytes: int = 4_000_000_000
    workbook_bytes: int = 600_000_000  # 100,000 long records take about half
    rows: int = 2_000_000
    columns: int = 2_000
    vertices: int = 20_000_000
    edge_pairs: int = 50_000_000
    crossings: int = 50_000
    path_letters: int = 4_096
    read_seconds: int = 600


def limits() -> Limits:
    """Return the limits of one input that are in force (see `in_force`)."""
    return in_force(Limits)


_Kind = TypeVar("_Kind")


def in_force(kind: type[_Kind]) -> _Kind:
    """Return the limits of a dataclass: its defaults, overridden by the environment.

    Raises
    ------
    BadInputError
        A variable's value is not a whole number above 0.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    given = {name: os.environ.get(PREFIX + name.upper(), "") for name in names}
    return kind(**{name: _whole(name, value) for name, value in given.items() if value})


def require_within(what: str, amount: int, limit: str, remedy: str) -> None:
    """Raise `BadInputError` if an amount is above a limit.

    Parameters
    ----------
    what : str
        Subject and verb of the message: "'big.tif' has".
    amount : int
        The amount, in the unit of the limit.
    limit : str
        The name of an attribute of `Limits`; it also names the amount in the message.
    remedy : str
        What the user can do other than raising the limit, as a clause: "cut it to the region".
    """
    most = getattr(limits(), limit)
    if amount > most:
        raise BadInputError(
            f"{what} {amount:,} {limit.replace('_', ' ')}; at most {most:,} are allowed."
            f" {remedy[:1].upper()}{remedy[1:]}, or raise the limit:"
            f" {PREFIX}{limit.upper()}={amount}."
        )


def shown_path(path: str | Path) -> str:
    """Return a path for messages, truncated if it is too long."""
    text = str(path)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def require_regular(path: str | Path) -> None:
    """Raise `BadInputError` if a path is too long, or is a pipe, a socket or a device.

    Nothing is opened: opening a named pipe would block for ever. A path that doesn't exist, or that
    can't be examined, is left to its reader, which raises its own error.
    """
    has = f"The path '{shown_path(path)}' has"
    require_within(has, len(str(path)), "path_letters", "give a shorter one")
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    for is_kind, name in _KINDS:
        if is_kind(mode):
            raise BadInputError(
                f"'{shown_path(path)}' is {name}; only files and folders can be read. Write its"
                " content to a file and give that."
            )


def _whole(name: str, value: str) -> int:
    if not value.strip().isdecimal() or int(value) == 0:
        raise BadInputError(
            f"{PREFIX}{name.upper()} is '{value}'. Give a whole number above 0, or unset it."
        )
    return int(value)
