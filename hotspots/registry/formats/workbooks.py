"""XLSX files as such: whether one is a bomb or damaged, before it is opened; saving one."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from hotspots.errors import RegistryError
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import Deadline, read_bytes

MOST_RATIO = 100  # of unpacked to packed bytes; spreadsheets have 5 to 30
_SMALL = 20_000_000  # bytes unpacked that do no harm, whatever the ratio
MOST_PARTS = 2_000
_CHUNK = 1 << 20
_OVERLAP = 200  # bytes; what is looked for is shorter and may lie over the border of two chunks
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^<>]{0,99}?ref="[A-Z]{1,3}(\d{1,7}):[A-Z]{1,3}(\d{1,7})"'
)
_ENCODED = re.compile(
    rb"[^<]{0,4}<\?xml[^>]{0,99}encoding\s*=\s*[\"'](?!utf-?8|utf-?16|us-ascii)", re.IGNORECASE
)
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def check_workbook(path: Path) -> Mapping[str, set[tuple[int, int]]]:
    """Refuse an XLSX file that is a zip bomb, damaged, or defines XML entities.

    Returns
    -------
    mapping
        Part of the file -> first and last row of each group of merged cells in it.

    Raises
    ------
    RegistryError
        What was found, and what is allowed.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            _check_sizes(opened, path)
            return {part.filename: _merged_rows(opened, part, path) for part in opened.infolist()}
    # RuntimeError: a password, or a way of packing that no spreadsheet uses.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as fault:
        raise RegistryError(
            f"'{path.name}' is a damaged XLSX file ({fault}). Save or copy it again."
        ) from fault


def save(book: Any, path: Path) -> None:
    """Write an openpyxl workbook to a file, of which nothing is left open if the disk is full.

    Raises
    ------
    OSError
        It can't be written.
    """
    # A zip file whose end can't be written would say so a second time when it is thrown away.
    packed = BytesIO()
    book.save(packed)
    path.write_bytes(packed.getbuffer())


def _check_sizes(opened: zipfile.ZipFile, path: Path) -> None:
    parts = opened.infolist()
    unpacked = sum(part.file_size for part in parts)
    ratio = unpacked / max(1, path.stat().st_size)
    names = {part.filename for part in parts}
    if len(parts) > MOST_PARTS or len(names) < len(parts):
        raise RegistryError(
            f"'{path.name}' holds {len(parts):,} parts, more than {MOST_PARTS:,} or some twice;"
            " that is no sound XLSX file. Save it anew from a spreadsheet program."
        )
    require_within(
        f"'{path.name}' would give", unpacked, "workbook_bytes", "give the records as CSV"
    )
    if unpacked > _SMALL and ratio > MOST_RATIO:
        raise RegistryError(
            f"'{path.name}' would unpack to {unpacked / 1e6:,.0f} MB, {ratio:,.0f} times its size;"
            f" at most {MOST_RATIO} times are taken. Give the records as CSV."
        )
    if "xl/workbook.xml" not in names:
        kind = "an OpenDocument file" if "content.xml" in names else "a zip file"
        raise RegistryError(f"'{path.name}' is {kind}, not XLSX. Save it as XLSX or CSV.")


def _merged_rows(
    opened: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path
) -> set[tuple[int, int]]:
    """Read a part to its end, which proves its stated size; return the rows of merged cells."""
    found: set[tuple[int, int]] = set()
    for piece in _pieces(opened, part):
        plain = piece.replace(b"\0", b"")  # of UTF-16
        # In another encoding a definition could hide from this look.
        if b"<!DOCTYPE" in plain or _ENCODED.match(plain):
            raise RegistryError(
                f"'{path.name}' defines XML entities or is in an odd encoding, as no spreadsheet"
                " program writes it. Save it anew from one."
            )
        found |= {(int(first), int(last)) for first, last in _MERGED.findall(piece)}
    return found


def _pieces(opened: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    tail = b""
    deadline = Deadline(part.filename)
    with opened.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            deadline.check()
            yield tail + chunk
            tail = chunk[-_OVERLAP:]


def ole_told(path: Path) -> str:
    """Return the sentence on a file in Microsoft's old container: a password, or XLS."""
    data = read_bytes(path)
    if _OLE_ENCRYPTED in data:
        return f"'{path.name}' is protected by a password. Save it without one."
    return f"'{path.name}' is an old XLS file. Save it as XLSX or CSV."
