"""The theme x region matrix: how many records, and which, for each theme in each region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hotspots.analysis.gaps.membership import region_pairs
from hotspots.analysis.gaps.records_table import WORLD, codes_of, placed, tidy
from hotspots.errors import BadInputError, near_matches
from hotspots.geo.countries import countries
from hotspots.registry.schema.vocabulary import vocabulary

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

ELSEWHERE, NOT_STATED, TOTAL = "elsewhere", "not_stated", "total"
NO_CODE = ""  # the row of records without a code
_DETAIL = "50m"  # of outlines
_GOAL, _PILLAR = "goal", "pillar"
# What the rows may be: the field they come from.
ROWS: Mapping[str, str] = {
    "theme": "theme",
    _PILLAR: "theme",
    _GOAL: "theme",
    "practice_kind": "practice_kind",
    "type": "type",
    "land_use": "land_use",
    "college": "college",
    "role": "role",
    "climate_zone": "climate_zone",
}
REGIONS = ("initiative", "countries")

_LABELS = {
    WORLD: {"en": "World-wide", "fr": "Monde entier", "es": "Mundial"},
    ELSEWHERE: {"en": "Elsewhere", "fr": "Ailleurs", "es": "En otro lugar"},
    NOT_STATED: {
        "en": "Place not stated",
        "fr": "Lieu non précisé",
        "es": "Lugar sin indicar",
    },
    TOTAL: {"en": "All", "fr": "Tous", "es": "Todos"},
    NO_CODE: {"en": "Not stated", "fr": "Non précisé", "es": "Sin indicar"},
}


@dataclass(frozen=True)
class Matrix:
    """Counts of records by row and region.

    Attributes
    ----------
    by, regions : str
        What the rows and the columns are.
    counts : DataFrame
        Index: codes in the vocabulary's order, then "" (records without one) and "total"; columns:
        region ids, then "world" (records that work world-wide), "elsewhere" (a place in none of
        the columns; only if there is such a record), "not_stated" (neither country, region nor
        place on the map) and "total". Each number counts different records: a record of two
        regions or two codes stands in two cells and counts once in each total.
    ids : mapping of (row, column) to tuple of str
        Ids of the records of each cell that has any, totals left out; in alphabetical order.
    """

    by: str
    regions: str
    counts: pd.DataFrame
    ids: Mapping[tuple[str, str], tuple[str, ...]]

    def table(self, lang: str = "en") -> pd.DataFrame:
        """Return the counts for reading: columns by name in a language, and labels of the rows."""
        shown = self.counts.rename(columns=lambda code: column_label(code, lang))
        shown.insert(0, "label", [self.row_label(code, lang) for code in shown.index])
        return shown

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """Return rows, columns and the cells that aren't empty, ready for JSON.

        ``{"by", "regions", "lang", "rows": [{"code", "label", "total"}], "columns": [{"id",
        "label", "total"}], "cells": [{"row", "column", "count", "ids"}], "total"}``.
        """
        whole = self.counts[TOTAL].to_dict()
        below = self.counts.loc[TOTAL].to_dict()
        rows = [code for code in self.counts.index if code != TOTAL]
        columns = [code for code in self.counts.columns if code != TOTAL]
        return {
            "by": self.by,
            "regions": self.regions,
            "lang": lang,
            "rows": [
                {"code": c, "label": self.row_label(c, lang), "total": int(whole[c])} for c in rows
            ],
            "columns": [
                {"id": c, "label": column_label(c, lang), "total": int(below[c])} for c in columns
            ],
            "cells": [
                {"row": row, "column": column, "count": len(ids), "ids": list(ids)}
                for (row, column), ids in self.ids.items()
            ],
            "total": int(whole[TOTAL]),
        }

    def row_label(self, code: str, lang: str = "en") -> str:
        """Return the label of a row's code; the code itself if the vocabulary lacks it."""
        known = vocabulary().get(ROWS[self.by], {}).get(code) or _LABELS.get(code, {})
        return str(known.get(lang, code))


def matrix(
    records: gpd.GeoDataFrame | pd.DataFrame,
    by: str = "theme",
    regions: str = "initiative",
    *,
    outlines: gpd.GeoDataFrame | None = None,
    types: Sequence[str] = (),
) -> Matrix:
    """Count different records by theme, or another code, and by region.

    Parameters
    ----------
    records : GeoDataFrame
        A registry's records; lists are joined by ";".
    by : str
        theme (all codes), pillar, goal (a goal's own code or one of its objectives),
        practice_kind, type, land_use, college, role or climate_zone.
    regions : str
        "initiative" or "countries" (those with a record, by id).
    outlines : GeoDataFrame, optional
        id and polygons of countries (EPSG:4326), for records placed by coordinates or footprint
        alone; those of `hotspots.geo.regions.regions` by default.
    types : sequence of str
        Types of records that count; all without.

    Returns
    -------
    Matrix
        Counts and, for each cell, the ids.

    Raises
    ------
    BadInputError
        No such rows or columns.

    Notes
    -----
    A record counts where its seat is, where it says that it works and where its footprint lies.
    One that names a larger region counts in that, and in none of its countries. What works
    world-wide stands in the column "world", and in its own region by its seat.
    """
    if by not in ROWS or regions not in REGIONS:
        given, allowed = (by, tuple(ROWS)) if by not in ROWS else (regions, REGIONS)
        raise BadInputError(
            f"There is no matrix by '{given}'. Give one of {', '.join(allowed)}"
            f"{near_matches(given, allowed) or '.'}"
        )
    table = _counted(records, types)
    codes = _row_codes(table, by)
    places = _columns(table, regions, outlines)
    cells = codes.merge(places, on="record").drop_duplicates(["record", "code", "region"])
    cells["id"] = table["id"].to_numpy()[cells["record"].astype(int)]
    return Matrix(by, regions, _counts(cells, by, regions), _ids(cells))


def column_label(code: str, lang: str = "en") -> str:
    """Return the name of a column's region in a language."""
    from hotspots.geo.initiative import groups

    if code in _LABELS:
        return _LABELS[code].get(lang, _LABELS[code]["en"])
    names = countries()[code].names if code in countries() else groups()[code].names
    return names.get(lang, names["en"])


def _counted(records: gpd.GeoDataFrame | pd.DataFrame, types: Sequence[str]) -> gpd.GeoDataFrame:
    table = tidy(records)
    first = records.drop_duplicates("id").reset_index(drop=True)
    for column in ("college", "role"):
        given = first[column].fillna("").astype(str) if column in first else ""
        table[column] = given
    if types:
        table = table[table["type"].isin(list(types))].reset_index(drop=True)
    return table


def _row_codes(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return record and code; records without one have ""."""
    import pandas as pd

    found = codes_of(table, ROWS[by])
    if by == _PILLAR:
        found = found[found["code"].str.startswith(_PILLAR)]
    elif by == _GOAL:
        letters = found["code"].str.extract(r"^(?:goal([A-F])|([A-F])\d)$")
        goals = _GOAL + letters[0].fillna(letters[1])
        found = found.assign(code=goals).dropna().drop_duplicates()
    rest = np.setdiff1d(np.arange(len(table)), found["record"].to_numpy(dtype=np.int64))
    return pd.concat([found, pd.DataFrame({"record": rest, "code": NO_CODE})], ignore_index=True)


def _columns(
    table: gpd.GeoDataFrame, regions: str, outlines: gpd.GeoDataFrame | None
) -> pd.DataFrame:
    """Return record and region; "elsewhere" for a place in none of them, "not_stated" for none."""
    import pandas as pd

    from hotspots.geo.regions import initiative_members
    from hotspots.geo.regions import regions as outlines_of

    drawn = placed(table, vague=True)
    if outlines is None and drawn.any():
        outlines = outlines_of("countries", _DETAIL)
    members = initiative_members()
    pairs = region_pairs(table, members, outlines)[["record", "region"]].drop_duplicates()
    known = set(members) if regions == REGIONS[0] else set(countries())
    pairs = pairs[pairs["region"].isin(known | {WORLD})]
    rest = np.setdiff1d(np.arange(len(table)), pairs["record"].to_numpy(dtype=np.int64))
    stated = (table["country"] != "") | (table["regions"] != "") | drawn
    column = np.where(stated.to_numpy()[rest], ELSEWHERE, NOT_STATED)
    others = pd.DataFrame({"record": rest, "region": column})
    return pd.concat([pairs, others], ignore_index=True)


def _counts(cells: pd.DataFrame, by: str, regions: str) -> pd.DataFrame:
    """Return the table of counts; totals count records, not cells."""
    import pandas as pd

    from hotspots.geo.initiative import groups

    rows = [code for code in vocabulary().get(ROWS[by], {}) if _fits(code, by)]
    rows += [*sorted(set(cells["code"]) - set(rows) - {NO_CODE}), NO_CODE]
    found = set(cells["region"])
    places = groups() if regions == REGIONS[0] else sorted(found - {WORLD, ELSEWHERE, NOT_STATED})
    columns = [*places, WORLD, *({ELSEWHERE} & found), NOT_STATED]
    counts = pd.crosstab(cells["code"], cells["region"])
    counts = counts.reindex(index=rows, columns=columns, fill_value=0)
    counts[TOTAL] = cells.groupby("code")["record"].nunique().reindex(rows, fill_value=0)
    below = cells.groupby("region")["record"].nunique().reindex(columns, fill_value=0)
    counts.loc[TOTAL] = [*below, cells["record"].nunique()]
    counts.index.name, counts.columns.name = by, None
    return counts.astype("int64")


def _fits(code: str, by: str) -> bool:
    return by not in (_PILLAR, _GOAL) or code.startswith(by)


def _ids(cells: pd.DataFrame) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for (code, region), ids in cells.groupby(["code", "region"])["id"]:
        found[str(code), str(region)] = tuple(sorted(ids))
    return found
