"""Reading a file of records, whatever its format."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from hotspots.errors import RegistryError
from hotspots.io.atomic import reason
from hotspots.io.limits import require_regular
from hotspots.io.readers.texts import require_size
from hotspots.registry.formats.table import Table

__all__ = ["SUFFIXES", "Table", "read_file"]

SUFFIXES = {
    ".csv": "CSV",
    ".tsv": "CSV",
    ".txt": "CSV",
    ".xlsx": "XLSX",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".gpkg": "GeoPackage",
}
_HEAD = 512  # bytes that identify a file's format


def read_file(path: str | Path, *, encoding: str | None = None, sheet: str | None = None) -> Table:
    """Read a file of records: CSV, XLSX, GeoJSON or GeoPackage, by its suffix.

    Parameters
    ----------
    path : path
        The file. Its columns may be any of the fields, in any order, with headings that are field
        names or labels in English, French or Spanish.
    encoding : str, optional
        Encoding of a CSV file in neither UTF-8 nor UTF-16, such as "cp1252".
    sheet : str, optional
        Sheet of an XLSX file, or layer of a GeoPackage; by default the one with records.

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
    if sheet is not None and kind not in ("XLSX", "GeoPackage"):
        raise RegistryError(f"'{path.name}' has no sheets or layers. Leave out --sheet.")
    try:
        _check_content(path, kind)
        if kind == "CSV":
            from hotspots.registry.formats.csv_files import read_csv

            return read_csv(path, encoding)
        if kind == "XLSX":
            from hotspots.registry.formats.read_xlsx import read_xlsx

            return read_xlsx(path, sheet)
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
        old = " Save it as XLSX or CSV." if path.suffix.lower() in (".xls", ".ods", ".xlsm") else ""
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
        remedy = "Give it the right suffix" if found in SUFFIXES.values() else f"Save it as {kind}"
        raise RegistryError(f"'{path.name}' is called {kind} but holds {found}. {remedy}.")
    if not found and kind != "CSV":
        raise RegistryError(f"'{path.name}' is called {kind} but isn't. Save it again as {kind}.")


def _content(head: bytes, path: Path) -> str:
    """Return the format detected from the first bytes of a file, or ""."""
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        from hotspots.registry.formats.workbooks import ole_message

        raise RegistryError(ole_message(path))
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for sign, what in (
        (b"pk\x03\x04", "XLSX"),
        (b"sqlite format 3\0", "GeoPackage"),
        (b"{", "GeoJSON"),
        (b"<!doctype html", "a web page"),
        (b"<html", "a web page"),
        (b"<?xml", "XML"),
        (b"%pdf", "a PDF"),
    ):
        if start.startswith(sign):
            return what
    return ""
