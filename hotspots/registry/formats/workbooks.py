"""XLSX and ODS files: checks for zip bombs and damage before opening, and saving."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.errors import RegistryError
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import Deadline

if TYPE_CHECKING:
    from openpyxl import Workbook

MOST_RATIO = 100  # of unpacked to packed bytes; spreadsheets have 5 to 30
_SMALL = 20_000_000  # bytes unpacked that are harmless at any ratio
MOST_PARTS = 2_000
_CHUNK = 1 << 20
_OVERLAP = 200  # bytes; longer than the patterns, which may span two chunks
MAIN_PARTS = {"XLSX": "xl/workbook.xml", "ODS": "content.xml"}
_BINARY = "xl/workbook.bin"
_WIDE_ESCAPE = re.compile(rb"(?<!_x005F)_x(?!00)[0-9A-Fa-f]{4}_")
_ENCODED = re.compile(
    rb"[^<]{0,4}<\?xml[^>]{0,99}encoding\s*=\s*[\"'](?!utf-?8|utf-?16|us-ascii)", re.IGNORECASE
)


def workbook_kind(path: Path) -> str:
    """Return what a zip file holds by the names of its parts: XLSX, ODS or "a zip file"."""
    try:
        with zipfile.ZipFile(path) as opened:
            names = set(opened.namelist())
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError):
        return "XLSX"  # a damaged one, as `check_workbook` says
    if _BINARY in names:
        return "XLSB"
    if "encrypted-package" in names:
        return "a file with a password"
    return next((kind for kind, part in MAIN_PARTS.items() if part in names), "a zip file")


def check_workbook(path: Path, kind: str) -> bool:
    """Raise for an XLSX or ODS file that is a zip bomb, damaged, or defines XML entities.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        XLSX or ODS.

    Returns
    -------
    bool
        Whether a text has an XLSX escape of a character beyond Latin-1.

    Raises
    ------
    RegistryError
        The file is not safe or not valid.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            _check_sizes(opened, path, kind)
            found = [_check_part(opened, part, path) for part in opened.infolist()]
    # RuntimeError: a password, or an unsupported compression method.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as fault:
        raise RegistryError(
            f"'{path.name}' is a damaged {kind} file ({fault}). Save or copy it again."
        ) from fault
    return any(found)


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


def _check_sizes(opened: zipfile.ZipFile, path: Path, kind: str) -> None:
    parts = opened.infolist()
    unpacked = sum(part.file_size for part in parts)
    ratio = unpacked / max(1, path.stat().st_size)
    # The library that reads the values ignores case and the direction of slashes.
    names = {part.filename.replace("\\", "/").casefold() for part in parts}
    if len(parts) > MOST_PARTS or len(names) < len(parts):
        raise RegistryError(
            f"'{path.name}' holds {len(parts):,} parts, more than {MOST_PARTS:,} or some twice;"
            f" that is not a valid {kind} file. Save it again from a spreadsheet program."
        )
    require_within(
        f"'{path.name}' would give", unpacked, "workbook_bytes", "give the records as CSV"
    )
    if unpacked > _SMALL and ratio > MOST_RATIO:
        raise RegistryError(
            f"'{path.name}' would unpack to {unpacked / 1e6:,.0f} MB, {ratio:,.0f} times its size;"
            f" at most {MOST_RATIO} times are taken. Give the records as CSV."
        )
    # The library would take a file for another kind if the parts of this one are damaged.
    others = {_BINARY, *MAIN_PARTS.values()} - {MAIN_PARTS[kind]}
    if MAIN_PARTS[kind] not in names or not names.isdisjoint(others):
        raise RegistryError(
            f"'{path.name}' is not an {kind} file, though it is called one. Save it as {kind} or"
            " CSV."
        )


def _check_part(opened: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path) -> bool:
    """Read a part, which verifies its stated size; return whether it has wide escapes."""
    has_escapes = False
    for piece in _pieces(opened, part):
        plain = piece.replace(b"\0", b"")  # of UTF-16
        # In another encoding a definition could escape this check.
        if b"<!DOCTYPE" in plain or _ENCODED.match(plain):
            raise RegistryError(
                f"'{path.name}' defines XML entities or is in an odd encoding, as no spreadsheet"
                " program writes it. Save it again from one."
            )
        has_escapes = has_escapes or (b"_x" in piece and _WIDE_ESCAPE.search(piece) is not None)
    return has_escapes


def _pieces(opened: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    tail = b""
    deadline = Deadline(part.filename)
    with opened.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            deadline.check()
            yield tail + chunk
            tail = chunk[-_OVERLAP:]
