"""A registry of records, read from CSV files (UTF-8, comma, one header row)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.errors import RegistryError
from hotspots.registry.model import COLUMNS, Problem, Record, check_row, to_record

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from hotspots.regions import Region

MOST_PROBLEMS_SHOWN = 20


@dataclass(frozen=True)
class Registry:
    """Records as they stand; absence from it means "not recorded here", never "nobody there".

    Attributes
    ----------
    rows : tuple of Record
        In the order read; those without a position too.
    source : str
        Name of the file or folder that the rows came from.
    """

    rows: tuple[Record, ...]
    source: str

    @cached_property
    def records(self) -> gpd.GeoDataFrame:
        """One row per record, the columns of `Record` and a point (EPSG:4326) or None.

        Points of ``place_precision`` "country" are stand-ins that say no more than the country.
        """
        import geopandas as gpd
        import pandas as pd
        from shapely.geometry import Point

        # Text stays object: a missing name is "", so nothing is there to be taken for NaN.
        frame = pd.DataFrame([asdict(row) for row in self.rows], columns=list(COLUMNS))
        frame[["latitude", "longitude"]] = frame[["latitude", "longitude"]].astype("float64")
        points = [
            None if row.longitude is None or row.latitude is None
            else Point(row.longitude, row.latitude)
            for row in self.rows
        ]  # fmt: skip
        return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(points, crs="EPSG:4326"))

    @property
    def without_position(self) -> int:
        """How many records have no point, and so can't be drawn on a map."""
        return sum(row.latitude is None for row in self.rows)

    def in_country(self, iso3: str) -> gpd.GeoDataFrame:
        """Return the records of one country (ISO 3166-1 alpha-3), with or without a position."""
        return self.records[self.records["country"] == iso3.upper()]

    def within(self, area: Region | BaseGeometry) -> gpd.GeoDataFrame:
        """Return the records of an area.

        Parameters
        ----------
        area : Region or shapely geometry, EPSG:4326
            For the world, countries and initiative regions, records count by their country code
            (or their point where they have none), so that a coarse coast loses nobody. For any
            other shape they count by their point, and records of "country" precision are left
            out: nobody knows whether they lie within it.
        """
        kind = getattr(area, "kind", "custom")
        if kind == "world":
            return self.records
        points = self.records.geometry.intersects(getattr(area, "geometry", area))
        if kind in ("country", "initiative"):
            members = _members(area.id, kind)  # type: ignore[union-attr]
            coded = self.records["country"] != ""
            return self.records[self.records["country"].isin(members) | (points & ~coded)]
        return self.records[points & (self.records["place_precision"] != "country")]

    def __len__(self) -> int:
        return len(self.rows)


def open_registry(url: str | Path | None = None) -> Registry:
    """Read a registry.

    Parameters
    ----------
    url : path, optional
        A CSV file, or a folder whose ``*.csv`` files together are the registry. By default the
        small sample registry that comes with the project.

    Raises
    ------
    RegistryError
        With one sentence per bad row; nothing is taken from a file that has one.
    """
    if url is None:
        from hotspots.config import data_dir

        url = data_dir() / "registry"
    path = Path(url)
    rows = [row for file in _csv_files(path) for row in read_records(file)]
    _refuse_twins(rows, path)
    return Registry(tuple(rows), path.name)


def read_records(path: Path) -> list[Record]:
    """Read one CSV file; raise `RegistryError` with a sentence per bad row."""
    numbered = list(_rows(path))
    problems = [p for number, row in numbered if (p := check_row(row, number))]
    if problems:
        raise RegistryError(_told(path, problems))
    return [to_record(row) for _, row in numbered]


def _csv_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(path.glob("*.csv")) if path.is_dir() else []
    if not files:
        raise RegistryError(
            f"'{path}' is neither a CSV file nor a folder with CSV files; give one of these."
        )
    return files


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(reader, [])
        _check_header(header, path)
        for number, cells in enumerate(reader, start=2):
            if any(cells):
                yield number, _named(header, cells, number, path)
    except csv.Error as fault:
        raise RegistryError(
            f"'{path.name}' is no sound CSV near line {reader.line_num} ({fault}); save it as "
            "comma-separated UTF-8 and try again."
        ) from fault


def _text(path: Path) -> str:
    try:
        # A spreadsheet's byte-order mark is no part of the first column's name.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise RegistryError(
            f"'{path.name}' is not in UTF-8 (byte {fault.start}); save it as UTF-8 CSV."
        ) from fault
    except OSError as fault:
        raise RegistryError(f"'{path}' can't be read ({fault.strerror}); check it.") from fault


def _check_header(header: list[str], path: Path) -> None:
    missing = [column for column in COLUMNS if column not in header]
    unknown = [column for column in header if column not in COLUMNS]
    if missing or unknown or len(set(header)) < len(header):
        raise RegistryError(
            f"The header of '{path.name}' must name each of {', '.join(COLUMNS)} once; missing: "
            f"{', '.join(missing) or 'none'}; not known: {', '.join(unknown) or 'none'}."
        )


def _named(header: list[str], cells: list[str], number: int, path: Path) -> dict[str, str]:
    if len(cells) != len(header):
        raise RegistryError(
            f"Row {number} of '{path.name}' has {len(cells)} cells where the header has "
            f"{len(header)}; put text with commas in double quotes."
        )
    return dict(zip(header, cells, strict=True))


def _refuse_twins(rows: Iterable[Record], path: Path) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise RegistryError(
                f"The id '{row.id}' stands twice in '{path.name}'; give each record its own."
            )
        seen.add(row.id)


def _told(path: Path, problems: list[Problem]) -> str:
    lines = [str(problem) for problem in problems[:MOST_PROBLEMS_SHOWN]]
    if len(problems) > MOST_PROBLEMS_SHOWN:
        lines.append(f"And {len(problems) - MOST_PROBLEMS_SHOWN} rows more.")
    what = "1 bad row" if len(problems) == 1 else f"{len(problems)} bad rows"
    return f"'{path.name}' has {what}, so nothing was taken from it.\n" + "\n".join(lines)


def _members(region_id: str, kind: str) -> list[str]:
    if kind == "country":
        return [region_id]
    from hotspots.regions import initiative_members

    return list(initiative_members().get(region_id, []))
