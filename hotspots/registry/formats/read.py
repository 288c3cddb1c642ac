"""Reading a file of records, whatever its format."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from hotspots.errors import RegistryError
from hotspots.io.atomic import reason
from hotspots.io.limits import require_regular
from hotspots.io.readers.texts import read_bytes, require_size
from hotspots.registry.formats.table import Table

__all__ = ["SUFFIXES", "Table", "read_file"]

SUFFIXES = {
    ".csv": "CSV",
    ".tsv": "CSV",
    ".txt": "CSV",
    ".xlsx": "XLSX",
    ".ods": "ODS",
    ".xls": "XLS",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".gpkg": "GeoPackage",
}
_SHEETS = ("XLSX", "ODS", "XLS")
_OTHER_SHEETS = (".xlsm", ".xlsb", ".xltx", ".xlt", ".ots", ".fods", ".numbers", ".sxc")
_PAGE = "a web page"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What a workbook with a password, of any format of Excel, holds in a compound file.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_SIGNS = (
    (_COMPOUND, "XLS"),
    (b"sqlite format 3\0", "GeoPackage"),
    (b"{", "GeoJSON"),
    (b"<!doctype html", _PAGE),
    (b"<html", _PAGE),
    (b"<table", _PAGE),
    (b"<meta", _PAGE),
    (b"<?xml", "XML"),
    (b"%pdf", "a PDF"),
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HEAD = 512  # bytes that identify a file's format


def read_file(path: str | Path, *, encoding: str | None = None, sheet: str | None = None) -> Table:
    """Read a file of records: CSV, XLSX, ODS, XLS, GeoJSON or GeoPackage, by its suffix.

    Parameters
    ----------
    path : path
        The file. Its columns may be any of the fields, in any order, with headings that are field
        names or labels in English, French or Spanish.
    encoding : str, optional
        Encoding of a CSV file in neither UTF-8 nor UTF-16, such as "cp1252".
    sheet : str, optional
        Sheet of a workbook, or layer of a GeoPackage; by default the one with records.

    Returns
    -------
    Table
        Text cells by field name, to be converted by `hotspots.registry.schema.values.read`. A row
        that can't be read is reported as a problem and doesn't affect other rows.

    Raises
    ------
    RegistryError
        Missing file, a format that differs from the suffix, or invalid headings.
    """
    path = Path(path)
    require_regular(path)
    kind = _kind(path)
    if sheet is not None and kind not in (*_SHEETS, "GeoPackage"):
        raise RegistryError(f"'{path.name}' has no sheets or layers. Leave out --sheet.")
    try:
        _check_content(path, kind)
        if kind == "CSV":
            from hotspots.registry.formats.csv_files import read_csv

            return read_csv(path, encoding)
        if kind in _SHEETS:
            from hotspots.registry.formats.read_sheets import read_sheet

            return read_sheet(path, kind, sheet)
        from hotspots.registry.formats.geo_files import read_geojson, read_gpkg

        return read_geojson(path) if kind == "GeoJSON" else read_gpkg(path, sheet)
    except OSError as fault:
        raise RegistryError(f"'{path}' can't be read ({reason(fault)}). Check it.") from fault
    except _PARSERS as fault:
        first = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise RegistryError(
            f"'{path.name}' can't be read as {kind} ({first[:120]}). Save it again as {kind}, or as"
            " CSV UTF-8."
        ) from fault


# Exceptions of third-party parsers for damaged files; for XML a SyntaxError.
_PARSERS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    SyntaxError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


def _kind(path: Path) -> str:
    kind = SUFFIXES.get(path.suffix.lower())
    if path.is_dir():
        raise RegistryError(f"'{path}' is a folder. Give one of the files in it.")
    if kind is None:
        known = ", ".join(SUFFIXES)
        old = " Save it as XLSX or CSV." if path.suffix.lower() in _OTHER_SHEETS else ""
        raise RegistryError(f"'{path.name}' is not in a supported format ({known}).{old}")
    if not path.is_file():
        raise RegistryError(f"There is no file '{path}'. Give the path of a file of records.")
    return kind


def _check_content(path: Path, kind: str) -> None:
    """Raise for a file whose content differs from its suffix."""
    with path.open("rb") as opened:
        head = opened.read(_HEAD)
    if not head.strip():
        raise RegistryError(f"'{path.name}' is empty. Give a file with headings and records.")
    require_size(path)
    found = _content(head, path)
    if found and found != kind:
        raise RegistryError(
            f"'{path.name}' is called {kind} but holds {found}. {_remedy(found, kind)}"
        )
    if not found and kind != "CSV":
        raise RegistryError(f"'{path.name}' is called {kind} but {_instead(head, kind)}")


def _remedy(found: str, kind: str) -> str:
    if found in SUFFIXES.values():
        return "Give it the right suffix."
    if found == _PAGE and kind in _SHEETS:  # as many portals export tables
        return f"Open it in a spreadsheet program and save it as {kind} there."
    return f"Save it as {kind}."


def _instead(head: bytes, kind: str) -> str:
    """Say what a file without a format's mark is instead."""
    if kind in _SHEETS and (head.startswith(_UTF16) or b"\0" not in head):
        return "holds text. If it is a table with tabs, commas or semicolons, call it .csv."
    return f"isn't. Save it again as {kind}."


def _content(head: bytes, path: Path) -> str:
    """Return the format detected from the first bytes of a file, or ""."""
    if head.startswith(b"PK\x03\x04"):
        from hotspots.registry.formats.workbooks import workbook_kind

        return workbook_kind(path)
    if head.startswith(_COMPOUND) and _ENCRYPTED in read_bytes(path):
        raise RegistryError(f"'{path.name}' is protected by a password. Save it without one.")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for sign, what in _SIGNS:
        if start.startswith(sign):
            return what
    return ""
