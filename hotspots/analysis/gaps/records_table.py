"""The table of records for the gap analysis: selection, location and countries of activity."""

from __future__ import annotations

import calendar
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import shapely

from hotspots.errors import BadInputError
from hotspots.geo.countries import countries
from hotspots.layers.array_types import BoolArray, ObjectArray, TableRow

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

SEPARATOR = ";"
WORLD = "world"
TEXTS = (
    "id",
    "type",
    "name",
    "theme",
    "country",
    "regions",
    "place_precision",
    "status",
    "start",
    "end",
    "practice_kind",
    "land_use",
    "climate_zone",
    "basis",
    "verified_on",
)
NUMBERS = ("effect_size", "effect_low", "effect_high", "effect_n")
VAGUE = ("region", "country")  # precisions whose geometry is a placeholder for an unknown location

_GOAL = "goal"


@dataclass(frozen=True)
class RecordFilter:
    """Which records count: codes of each field, any of them; empty counts all.

    A goal (goalA) as `theme` stands for its objectives too.
    """

    theme: tuple[str, ...] = ()
    practice_kind: tuple[str, ...] = ()
    land_use: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    active_only: bool = True


def record_filter(
    theme: str | Sequence[str] | None = None,
    practice_kind: str | Sequence[str] | None = None,
    land_use: str | Sequence[str] | None = None,
    types: str | Sequence[str] | None = None,
    active_only: bool = True,
) -> RecordFilter:
    """Return a `RecordFilter`; each field is given as one code, several codes or none.

    Parameters
    ----------
    theme, practice_kind, land_use : str or sequence of str, optional
        Codes of the vocabulary, which aren't checked here. A record matches by any of them; none
        given (None or empty) selects all records, with or without a code. A goal as `theme` stands
        for its objectives too.
    types : str or sequence of str, optional
        Types of record, likewise.
    active_only : bool
        Whether to leave out records that have ended.
    """

    def listed(given: str | Sequence[str] | None) -> tuple[str, ...]:
        """Return the codes as a tuple."""
        return (given,) if isinstance(given, str) else tuple(given or ())

    return RecordFilter(
        listed(theme), listed(practice_kind), listed(land_use), listed(types), active_only
    )


def tidy(records: gpd.GeoDataFrame | pd.DataFrame) -> gpd.GeoDataFrame:
    """Return records with every column required by the gap tables, numbered from 0, each id once.

    Missing columns are added empty; missing text is "", a missing number NaN, a missing geometry
    None. A table with a CRS is reprojected to EPSG:4326.
    """
    import geopandas as gpd
    import pandas as pd

    if "id" not in records:
        raise BadInputError("The table of records has no column 'id'. Give one id a record.")
    shapes = records.geometry if "geometry" in records else pd.Series(None, index=records.index)
    if getattr(shapes, "crs", None) is not None:
        shapes = shapes.to_crs("EPSG:4326")
    columns: TableRow = {}
    for name in TEXTS:
        given = records[name] if name in records else pd.Series("", index=records.index)
        # As objects first: columns of numbers or categories can't take an empty text.
        columns[name] = given.astype(object).where(given.notna(), "").astype(str)
    for name in NUMBERS:
        given = records[name] if name in records else pd.Series(np.nan, index=records.index)
        # Text in a column of numbers is missing, not an error.
        columns[name] = pd.to_numeric(given, errors="coerce").astype("float64")
    table = gpd.GeoDataFrame(columns, geometry=np.asarray(shapes, dtype=object), crs="EPSG:4326")
    return table.drop_duplicates("id").reset_index(drop=True)


def select(records: gpd.GeoDataFrame, choice: RecordFilter, today: date) -> gpd.GeoDataFrame:
    """Return the records of a tidy table that match a filter, renumbered from 0."""
    return records[chosen(records, choice, today)].reset_index(drop=True)


def chosen(records: gpd.GeoDataFrame, choice: RecordFilter, today: date) -> BoolArray:
    """Return which records of a tidy table match a filter."""
    kept = np.ones(len(records), dtype=bool)
    if choice.active_only:
        kept &= ~ended(records, today)
    if choice.types:
        kept &= records["type"].isin(list(choice.types)).to_numpy()
    for column in ("theme", "practice_kind", "land_use"):
        if codes := _spread(column, getattr(choice, column)):
            pairs = codes_of(records, column)
            kept &= np.isin(np.arange(len(records)), pairs.loc[pairs["code"].isin(codes), "record"])
    return kept


def ended(records: gpd.GeoDataFrame, today: date) -> BoolArray:
    """Return which records have ended: by their `end` where they have one, else by `status`."""
    last = np.array([last_day(text) for text in records["end"]], dtype=object)
    known = np.array([day is not None for day in last], dtype=bool)
    past = np.array([day is not None and day < today for day in last], dtype=bool)
    over: BoolArray = past | (~known & (records["status"] == "ended").to_numpy())
    return over


def last_day(text: str) -> date | None:
    """Return the last day of a partial ISO date ("2018", "2018-05"), or None if it isn't a date."""
    try:
        # Ten characters hold a whole date; a time of day behind it doesn't matter.
        parts = [int(part) for part in text.strip()[:10].split("-")] if text.strip() else []
        if not parts:
            return None
        year, month = parts[0], parts[1] if len(parts) > 1 else 12
        day = parts[2] if len(parts) > 2 else calendar.monthrange(year, month)[1]
        return date(year, month, day)
    # Not a number, a month 13, a 31 February.
    except (ValueError, IndexError):
        return None


def codes_of(records: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return record (position) and code, one row for each code of a column joined by ";"."""
    import pandas as pd

    text, texts = pd.factorize(records[column].astype(str))  # many records say the same
    codes = pd.Series(texts).str.split(SEPARATOR).explode().str.strip()
    each = pd.DataFrame({"text": codes.index.to_numpy(), "code": codes.to_numpy()})
    rows = pd.DataFrame({"record": np.arange(len(text)), "text": text})
    found = rows.merge(each, on="text").drop(columns="text")
    return found[found["code"] != ""].drop_duplicates().reset_index(drop=True)


def placed(records: gpd.GeoDataFrame, *, vague: bool = False) -> BoolArray:
    """Return which records are georeferenced to a town or better.

    With `vague`, also those located to a region or country only.
    """
    shapes = np.asarray(records.geometry, dtype=object)
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if not vague:
        there &= ~records["place_precision"].isin(VAGUE).to_numpy()
    return np.asarray(there)


def shapes_of(records: gpd.GeoDataFrame) -> ObjectArray:
    """Return the geometries of records, None where they aren't georeferenced."""
    # A copy: the array may be the table's own.
    shapes = np.asarray(records.geometry, dtype=object).copy()
    shapes[~placed(records)] = None
    return shapes


def country_of(code: str) -> str:
    """Return the country's id of an ISO 3166-2 code ("KE-31" -> "KEN"), or "" for any other."""
    head, dash, _ = code.partition("-")
    return _by_iso2().get(head, "") if dash else ""


def declared_pairs(records: gpd.GeoDataFrame, members: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return record and country for records that declare work in a country or in its region.

    World-wide records and first-level units are left out: neither declares a whole country.
    """
    import pandas as pd

    pairs = codes_of(records, "regions")
    known = {code: (code,) for code in countries()} | {k: tuple(v) for k, v in members.items()}
    pairs["country"] = [known.get(code, ()) for code in pairs["code"]]
    found = pairs.explode("country").dropna(subset=["country"])[["record", "country"]]
    return pd.DataFrame(found).drop_duplicates().reset_index(drop=True)


def hinted_pairs(records: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return record and country of the records located to a country only.

    Records without a location of a town or better, by their country and by first-level units.
    """
    import pandas as pd

    vague = np.flatnonzero(~placed(records))
    sits = pd.DataFrame({"record": vague, "country": records["country"].to_numpy()[vague]})
    units = codes_of(records, "regions")
    units = units[units["record"].isin(vague)]
    units = units.assign(country=[country_of(code) for code in units["code"]])
    found = pd.concat([sits, units[["record", "country"]]], ignore_index=True)
    return found[found["country"] != ""].drop_duplicates().reset_index(drop=True)


def worldwide(records: gpd.GeoDataFrame) -> BoolArray:
    """Return which records declare world-wide work."""
    pairs = codes_of(records, "regions")
    return np.isin(np.arange(len(records)), pairs.loc[pairs["code"] == WORLD, "record"])


def _spread(column: str, codes: Collection[str]) -> set[str]:
    """Return codes with a goal (goalA) spread to its objectives (A1 to A9)."""
    found = set(codes)
    if column == "theme":
        goals = [code.removeprefix(_GOAL) for code in codes if code.startswith(_GOAL)]
        found |= {f"{letter}{number}" for letter in goals for number in range(1, 10)}
    return found


@cache
def _by_iso2() -> dict[str, str]:
    return {item.iso2: code for code, item in countries().items() if item.iso2}
