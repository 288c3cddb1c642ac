"""XLSX files: checks for zip bombs and damage before opening, and saving."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.errors import RegistryError
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import Deadline, read_bytes

if TYPE_CHECKING:
    from openpyxl import Workbook

MOST_RATIO = 100  # of unpacked to packed bytes; spreadsheets have 5 to 30
_SMALL = 20_000_000  # bytes unpacked that are harmless at any ratio
MOST_PARTS = 2_000
_CHUNK = 1 << 20
_OVERLAP = 200  # bytes; longer than the patterns, which may span two chunks
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^<>]{0,99}?ref="[A-Z]{1,3}(\d{1,7}):[A-Z]{1,3}(\d{1,7})"'
)
_ENCODED = re.compile(
    rb"[^<]{0,4}<\?xml[^>]{0,99}encoding\s*=\s*[\"'](?!utf-?8|utf-?16|us-ascii)", re.IGNORECASE
)
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def check_workbook(path: Path) -> Mapping[str, set[tuple[int, int]]]:
    """Raise for an XLSX file that is a zip bomb, damaged, or defines XML entities.

    Returns
    -------
    mapping
        Part of the file -> first and last row of each merged range in it.

    Raises
    ------
    RegistryError
        The file is not safe or not valid.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            _check_sizes(opened, path)
            return {part.filename: _merged_rows(opened, part, path) for part in opened.infolist()}
    # RuntimeError: a password, or an unsupported compression method.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as fault:
        raise RegistryError(
            f"'{path.name}' is a damaged XLSX file ({fault}). Save or copy it again."
        ) from fault


def save(book: Workbook, path: Path) -> None:
    """Write an openpyxl workbook to a file, leaving no open handle if the disk is full.

    Raises
    ------
    OSError
        It can't be written.
    """
    # An incomplete zip file would raise again when it is garbage-collected.
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
            " that is not a valid XLSX file. Save it again from a spreadsheet program."
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
    """Read a part completely, which verifies its stated size; return the rows of merged cells."""
    found: set[tuple[int, int]] = set()
    for piece in _pieces(opened, part):
        plain = piece.replace(b"\0", b"")  # of UTF-16
        # In another encoding a definition could escape this check.
        if b"<!DOCTYPE" in plain or _ENCODED.match(plain):
            raise RegistryError(
                f"'{path.name}' defines XML entities or is in an odd encoding, as no spreadsheet"
                " program writes it. Save it again from one."
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


def ole_message(path: Path) -> str:
    """Return the message for an OLE container: an encrypted workbook, or XLS."""
    data = read_bytes(path)
    if _OLE_ENCRYPTED in data:
        return f"'{path.name}' is protected by a password. Save it without one."
    return f"'{path.name}' is an old XLS file. Save it as XLSX or CSV."
