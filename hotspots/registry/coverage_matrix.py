"""The theme x region matrix: number and ids of the records of each theme in each region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

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
# Allowed row variables, and the record field of each.
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


class RowTotal(TypedDict):
    """A row of a matrix: its code, label, and number of distinct records."""

    code: str
    label: str
    total: int


class ColumnTotal(TypedDict):
    """A column of a matrix: the region's id, label, and number of distinct records."""

    id: str
    label: str
    total: int


class Cell(TypedDict):
    """A cell of a matrix that isn't empty: number and ids of its records."""

    row: str
    column: str
    count: int
    ids: list[str]


class MatrixContent(TypedDict):
    """A matrix in JSON-compatible form."""

    by: str
    regions: str
    lang: str
    rows: list[RowTotal]
    columns: list[ColumnTotal]
    cells: list[Cell]
    total: int


@dataclass(frozen=True)
class Matrix:
    """Counts of records by row and region.

    Attributes
    ----------
    by, regions : str
        The variables of rows and columns.
    counts : DataFrame
        Index: codes in the vocabulary's order, then "" (records without one) and "total"; columns:
        region ids, then "world" (records with world-wide activity), "elsewhere" (located outside
        all columns; present only if there is such a record), "not_stated" (no country, region or
        position) and "total". Counts are of distinct records: a record with two regions or two
        codes is counted in two cells and once in each total.
    ids : mapping of (row, column) to tuple of str
        Record ids of each non-empty cell except totals, in alphabetical order.
    """

    by: str
    regions: str
    counts: pd.DataFrame
    ids: Mapping[tuple[str, str], tuple[str, ...]]

    def table(self, lang: str = "en") -> pd.DataFrame:
        """Return the counts with column names and row labels in a language."""
        shown = self.counts.rename(columns=lambda code: column_label(code, lang))
        shown.insert(0, "label", [self.row_label(code, lang) for code in shown.index])
        return shown

    def to_dict(self, lang: str = "en") -> MatrixContent:
        """Return rows, columns and the non-empty cells, with labels in a language."""
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
        """Return the label of a row's code; the code itself if it is not in the vocabulary."""
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
    """Count distinct records by theme (or another coded field) and region.

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
        id and polygons of countries (EPSG:4326), for records located only by coordinates or
        footprint; those of `hotspots.geo.regions.regions` by default.
    types : sequence of str
        Record types to count; all by default.

    Returns
    -------
    Matrix
        Counts, and the record ids of each cell.

    Raises
    ------
    BadInputError
        Unknown row or column variable.

    Notes
    -----
    A record is counted in the region of its seat, in the regions it lists and in those its
    footprint intersects. A record that lists a larger region is counted in that region and in none
    of its countries. A record with world-wide activity is counted in the column "world", and in
    the region of its seat.
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
    # A record counts once in a cell, however often it names the region.
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
    """Return (record, code) pairs; the code of records without one is ""."""
    import pandas as pd

    found = codes_of(table, ROWS[by])
    if by == _PILLAR:
        found = found[found["code"].str.startswith(_PILLAR)]
    elif by == _GOAL:
        # Objectives begin with the letter of their goal: A6 is of goalA.
        letters = found["code"].str.extract(r"^(?:goal([A-F])|([A-F])\d)$")
        goals = _GOAL + letters[0].fillna(letters[1])
        found = found.assign(code=goals).dropna().drop_duplicates()
    rest = np.setdiff1d(np.arange(len(table)), found["record"].to_numpy(dtype=np.int64))
    return pd.concat([found, pd.DataFrame({"record": rest, "code": NO_CODE})], ignore_index=True)


def _columns(
    table: gpd.GeoDataFrame, regions: str, outlines: gpd.GeoDataFrame | None
) -> pd.DataFrame:
    """Return (record, region) pairs; "elsewhere" outside all regions, "not_stated" without one."""
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
    """Return the table of counts; totals count distinct records."""
    import pandas as pd

    from hotspots.geo.initiative import groups

    rows = [code for code in vocabulary().get(ROWS[by], {}) if _fits(code, by)]
    rows += [*sorted(set(cells["code"]) - set(rows) - {NO_CODE}), NO_CODE]
    found = set(cells["region"])
    places = groups() if regions == REGIONS[0] else sorted(found - {WORLD, ELSEWHERE, NOT_STATED})
    columns = [*places, WORLD, *({ELSEWHERE} & found), NOT_STATED]
    counts = pd.crosstab(cells["code"], cells["region"])
    counts = counts.reindex(index=rows, columns=columns, fill_value=0)
    # Of distinct records, since one with two regions is in two columns.
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
