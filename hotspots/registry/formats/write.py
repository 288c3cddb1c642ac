"""Writing records to a file, whatever its format: whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hotspots.errors import RegistryError, near_matches
from hotspots.io.atomic import aside, make_private, require_writable, write_error
from hotspots.locale import check_language
from hotspots.registry.formats.headings import worded
from hotspots.registry.schema.fields import fields, names

SUFFIXES = (".csv", ".xlsx", ".geojson", ".gpkg")


def write_file(
    path: str | Path,
    records: Iterable[Mapping[str, Any]],
    *,
    lang: str | None = None,
    columns: Sequence[str] | None = None,
    force: bool = False,
    private: bool = False,
) -> None:
    """Write records to a CSV, XLSX, GeoJSON or GeoPackage file, by its suffix.

    `read_file` gives back what was written. In the last two a record's footprint is the geometry,
    else its point is (EPSG:4326); neither is written a second time as a property.

    Parameters
    ----------
    path : path
        The file to write.
    records : iterable of mapping
        Values by field name; what is no field is left out.
    lang : str, optional
        "en", "fr" or "es": headings and codes are the labels in it, but for themes and relations,
        whose labels are long; XLSX has drop-down lists, CSV what spreadsheets in the language
        expect between cells. By default headings are field names, and codes stay codes.
    columns : sequence of str, optional
        Names of the fields to write. By default all but the personal ones (group "contact").
    force : bool
        Whether a file that is there is replaced, once the new one is whole.
    private : bool
        Whether its owner alone may read it; always so if a personal field is among the columns.

    Raises
    ------
    RegistryError
        An unknown column or format, more records than the format holds, or a file that is there.
    WriteError
        The disk fails.
    """
    target = Path(path)
    require_suffix(target, SUFFIXES, "Records")
    chosen = _columns(columns)
    headings = _headings(chosen, lang)
    private = private or not set(names("contact")).isdisjoint(chosen)
    with whole(target, force=force, private=private) as part:
        _write(part, chosen, headings, records, lang)


def require_suffix(target: Path, known: Iterable[str], what: str) -> str:
    """Return the suffix of a file to be written, in lower case; refuse an unknown format."""
    suffix = target.suffix.lower()
    if suffix not in known:
        raise RegistryError(
            f"{what} can't be written as '{target.name}'. Give a name that ends in one of"
            f" {', '.join(known)}."
        )
    return suffix


@contextmanager
def whole(target: Path, *, force: bool, private: bool = False) -> Iterator[Path]:
    """Give a path to write a file at, which then takes the place of `target`.

    Until then it is in a folder that its owner alone may enter; if it is `private`, it is such a
    file afterwards too.

    Raises
    ------
    RegistryError
        `target` is there, and `force` is false.
    EditionError, WriteError
        `target` can't be a file, or the disk fails.
    """
    require_writable(target)
    if target.exists() and not force:
        raise RegistryError(
            f"'{target}' exists already. Give another name, or replace it by --force."
        )
    try:
        with aside(target) as folder:
            part = folder / f"file{target.suffix.lower()}"  # GDAL goes by the suffix
            yield part
            if private:  # not all writers of formats let a file be made for them beforehand
                part = _for_its_owner(part)
            os.replace(part, target)
    except OSError as error:
        raise write_error(target, error) from error


def _for_its_owner(part: Path) -> Path:
    copy = part.with_name("private")
    make_private(copy)
    shutil.copyfile(part, copy)
    return copy


def _write(
    path: Path,
    columns: Sequence[str],
    headings: Sequence[str],
    records: Iterable[Mapping[str, Any]],
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
