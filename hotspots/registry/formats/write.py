"""Writing records to files of all formats, atomically."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hotspots.errors import RegistryError, near_matches
from hotspots.io.atomic import aside, make_private, require_writable, write_error
from hotspots.locale import check_language
from hotspots.registry.formats.headings import worded
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.records import Record

SUFFIXES = (".csv", ".xlsx", ".geojson", ".gpkg")


def write_file(
    path: str | Path,
    records: Iterable[Record],
    *,
    lang: str | None = None,
    columns: Sequence[str] | None = None,
    force: bool = False,
    private: bool = False,
) -> None:
    """Write records to a CSV, XLSX, GeoJSON or GeoPackage file, by its suffix.

    `read_file` is the inverse. In the last two the geometry is a record's footprint, else its
    point (EPSG:4326), which is not repeated as a property.

    Parameters
    ----------
    path : path
        The file to write.
    records : iterable of mapping
        Values by field name; other keys are ignored.
    lang : str, optional
        "en", "fr" or "es": headings and codes are written as labels, except for themes and
        relations, whose labels are long; XLSX has drop-down lists, CSV the delimiter expected by
        spreadsheets in that language. By default field names and codes are written.
    columns : sequence of str, optional
        Names of the fields to write. By default all but the personal ones (group "contact").
    force : bool
        Whether an existing file is replaced, once the new one is complete.
    private : bool
        Whether only its owner may read it; always so if a personal field is among the columns.

    Raises
    ------
    RegistryError
        Unknown column or format, too many records for the format, or the file exists.
    WriteError
        The disk fails.
    """
    target = Path(path)
    require_suffix(target, SUFFIXES, "Records")
    chosen = _columns(columns)
    headings = _headings(chosen, lang)
    private = private or not set(names("contact")).isdisjoint(chosen)
    with replacing(target, force=force, private=private) as part:
        _write(part, chosen, headings, records, lang)


def require_suffix(target: Path, known: Iterable[str], what: str) -> str:
    """Return the lower-case suffix of a file to be written; raise for an unknown format."""
    suffix = target.suffix.lower()
    if suffix not in known:
        raise RegistryError(
            f"{what} can't be written as '{target.name}'. Give a name that ends in one of"
            f" {', '.join(known)}."
        )
    return suffix


@contextmanager
def replacing(target: Path, *, force: bool, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to, which then replaces `target`.

    The temporary folder is accessible to its owner only; with `private`, the final file is too.

    Raises
    ------
    RegistryError
        `target` exists, and `force` is false.
    EditionError, WriteError
        `target` can't be a file, or the disk fails.
    """
    require_writable(target)
    if target.exists() and not force:
        raise RegistryError(
            f"'{target}' exists already. Give another name, or replace it by --force."
        )
    try:
        # On the target's disk: `os.replace` works only within one file system.
        with aside(target) as folder:
            part = folder / f"file{target.suffix.lower()}"  # GDAL detects the format by suffix
            with _temporary_files(folder):
                yield part
            if private:  # some writers don't accept an existing file
                part = _for_its_owner(part)
            os.replace(part, target)
    except OSError as error:
        raise write_error(target, error) from error


@contextmanager
def _temporary_files(folder: Path) -> Iterator[None]:
    """Make libraries write their temporary files to `folder`: on the disk that errors name.

    openpyxl writes each sheet, personal data included, to such a file first.
    """
    former, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = former


def _for_its_owner(part: Path) -> Path:
    copy = part.with_name("private")
    make_private(copy)
    shutil.copyfile(part, copy)
    return copy


def _write(
    path: Path,
    columns: Sequence[str],
    headings: Sequence[str],
    records: Iterable[Record],
    lang: str | None,
) -> None:
    if lang is not None:
        records = worded(records, columns, lang)
    if path.suffix == ".csv":
        from hotspots.registry.formats.csv_files import write_csv

        write_csv(path, headings, ([r.get(name) for name in columns] for r in records), lang)
    elif path.suffix == ".xlsx":
        from hotspots.registry.formats.write_xlsx import write_xlsx

        write_xlsx(path, columns, headings, records, lang)
    else:
        from hotspots.registry.formats.geo_files import write_geojson, write_gpkg

        writer = write_geojson if path.suffix == ".geojson" else write_gpkg
        writer(path, columns, headings, records)


def _columns(columns: Sequence[str] | None) -> tuple[str, ...]:
    if columns is None:
        personal = names("contact")
        return tuple(name for name in fields() if name not in personal)
    for name in columns:
        if name not in fields():
            raise RegistryError(
                f"No field is called '{name}'{near_matches(name, fields()) or '.'} Fields are"
                f" {', '.join(fields())}."
            )
    if not columns:
        raise RegistryError(f"No columns were given. Give one or more of {', '.join(fields())}.")
    return tuple(dict.fromkeys(columns))


def _headings(columns: Sequence[str], lang: str | None) -> list[str]:
    if lang is None:
        return list(columns)
    return [fields()[name].label[check_language(lang)] for name in columns]
