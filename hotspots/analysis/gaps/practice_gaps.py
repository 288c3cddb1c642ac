"""Practices known to work in the same climate and land use, and absent from a hotspot."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from hotspots.analysis.gaps.hotspot_gaps import known, polygons_of, require_distance
from hotspots.analysis.gaps.matching import EXACT_KM, nearest_items, pairs_within
from hotspots.analysis.gaps.records_table import (
    SEPARATOR,
    RecordFilter,
    codes_of,
    select,
    shapes_of,
    tidy,
)
from hotspots.layers.array_types import BoolArray, TableRow

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_SCIENTIFIC = ("scientific", "both")  # bases of a practice: tests, or tests and experience
_OTHER = "other"  # not a practice that can be adopted
_USES = {
    "pasture": "grassland",
    "rangeland": "grassland",
}  # columns of hotspots whose names differ from the land use
_STRATUM = ["climate_zone", "land_use"]
# Why a practice isn't an example, in the order of the tests.
REASONS = (
    "without a kind of practice",
    "without an effect",
    "effect not proven",
    "without a climate zone",
    "without a land use",
    "of another kind or land use than requested",
    "climate zone and land use of no hotspot here",
)


def practice_gaps(
    hotspots: gpd.GeoDataFrame,
    records: gpd.GeoDataFrame | pd.DataFrame,
    *,
    within_km: float = 50,
    choice: RecordFilter | None = None,
    completeness: pd.DataFrame | None = None,
    today: date | None = None,
) -> pd.DataFrame:
    """Return the practices that work in a hotspot's climate and land use but aren't there.

    Parameters
    ----------
    hotspots : GeoDataFrame
        Hot patches of an edition in any CRS; id and geometry are required. A hotspot has the land
        uses u whose column ``u_ha`` is above 0 (``cropland_ha`` in current editions).
    records : GeoDataFrame
        Records of a registry; id is required.
    within_km : float
        Geodesic distance from a hotspot's boundary within which a record is near, 0 to 1000 km.
    completeness : DataFrame, optional
        Column ``code`` by country id, from `hotspots.registry.completeness`.
    today : date, optional
        Reference date for what has ended; the current date by default.
    choice : RecordFilter, optional
        Restricts the practices (practice_kind) and land uses.

    Returns
    -------
    DataFrame
        One row per hotspot and practice; columns in `COLUMNS`; by tonnes at stake, then by number
        of examples. ``attrs`` holds ``practices``, how many records of type practice there are;
        ``left_out``, why some of them aren't examples: reason -> number, each practice once; and
        ``left_out_ids``, which ones: reason -> list of ids.

    Notes
    -----
    *Known to work* (`known_to_work`): the effect is above 0, and so is the lower end of its range;
    where no range is stated, the basis must be scientific. An example may have ended. *Absent*: no
    active record of that practice kind in the hotspot or within `within_km`; one whose place is
    known to a region or country only may be there all the same. The nearest example is the nearest
    that is georeferenced.
    """
    import pandas as pd

    patches, table, record_filter = polygons_of(hotspots), tidy(records), choice or RecordFilter()
    day, km = today or date.today(), require_distance(within_km)
    areas, strata = _strata(patches)
    examples = _examples(table, record_filter)
    found = strata.merge(examples, on=_STRATUM)
    rows = areas.merge(_gathered(found, table), on="stratum")
    there = select(table, RecordFilter(active_only=record_filter.active_only), day)
    rows = _absent_only(rows, patches, there, km)
    rows = rows.join(_nearest_examples(rows, found, patches, table))
    facts = patches[["id", "class", "countries", "climate_zone", "at_stake_t_yr"]]
    rows = rows.join(pd.DataFrame(facts), on="area").drop(columns=["area", "stratum"])
    rows = rows[[*facts, *(name for name in rows if name not in facts)]]
    rows = rows.assign(**known(rows["countries"], completeness))
    stake = rows["at_stake_t_yr"].fillna(-np.inf)
    order = np.lexsort((rows["practice_kind"], rows["id"], -rows["examples"], -stake))
    ranked = pd.DataFrame(rows.iloc[order]).reset_index(drop=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    ranked.attrs |= _counts_by_reason(table, examples, found)
    return ranked


def known_to_work(records: pd.DataFrame) -> BoolArray:
    """Return which records of a tidy table show a practice that works; see `practice_gaps`."""
    positive = (records["effect_size"] > 0).to_numpy()
    surely = (records["effect_low"] > 0).to_numpy()
    no_range = records["effect_low"].isna().to_numpy()
    bases = codes_of(records, "basis")
    by_test = bases.loc[bases["code"].isin(_SCIENTIFIC), "record"]
    return positive & (surely | (no_range & np.isin(np.arange(len(records)), by_test)))


def _examples(records: pd.DataFrame, choice: RecordFilter) -> pd.DataFrame:
    """Return record, practice_kind, climate_zone and land_use of the practices known to work."""
    works = np.flatnonzero(known_to_work(records))
    rows = codes_of(records, "practice_kind").rename(columns={"code": "practice_kind"})
    for column in _STRATUM:
        rows = rows.merge(codes_of(records, column).rename(columns={"code": column}), on="record")
    rows = rows[rows["record"].isin(works) & (rows["practice_kind"] != _OTHER)]
    for column in ("practice_kind", "land_use"):
        if codes := list(getattr(choice, column)):
            rows = rows[rows[column].isin(codes)]
    return rows


def _counts_by_reason(
    records: pd.DataFrame, examples: pd.DataFrame, found: pd.DataFrame
) -> TableRow:
    """Return the number of practices and, by the first reason that holds, those left out."""

    def without(column: str) -> BoolArray:
        """Return which records have no code that counts in a column."""
        codes = codes_of(records, column)
        codes = codes[codes["code"] != _OTHER] if column == "practice_kind" else codes
        return ~np.isin(np.arange(len(records)), codes["record"])

    who = np.arange(len(records))
    practices = (records["type"] == "practice").to_numpy()
    tests = (
        without("practice_kind"),
        records["effect_size"].isna().to_numpy(),
        ~known_to_work(records),
        without("climate_zone"),
        without("land_use"),
        ~np.isin(who, examples["record"]),
        ~np.isin(who, found["record"]),
    )
    # select takes the first test that holds, so that each practice has one reason.
    first = np.select(tests, np.arange(len(tests)), default=len(tests))[practices]
    names = records["id"].to_numpy()[practices]
    ids = {why: [str(name) for name in names[first == n]] for n, why in enumerate(REASONS)}
    ids = {why: found for why, found in ids.items() if found}
    left = {why: len(found) for why, found in ids.items()}
    return {"practices": int(practices.sum()), "left_out": left, "left_out_ids": ids}


def _strata(patches: gpd.GeoDataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return area and stratum of the hotspots, and stratum, climate_zone and land_use.

    Hotspots of one climate zone and the same land uses share a stratum, and so their examples:
    they are gathered once, since many hotspots share many.
    """
    import pandas as pd

    rows = _land_uses(patches).sort_values(["area", "land_use"])
    uses = rows.groupby("area")["land_use"].agg(SEPARATOR.join)
    zones = pd.Series(patches["climate_zone"].to_numpy()[uses.index], index=uses.index)
    stratum = pd.Series((zones + "|" + uses).factorize()[0], index=uses.index, dtype="int64")
    areas = pd.DataFrame({"area": uses.index, "stratum": stratum.to_numpy()})
    strata = rows.merge(areas, on="area").drop_duplicates(["stratum", "land_use"])
    return areas, strata[["stratum", *_STRATUM]]


def _land_uses(patches: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return area (position), climate_zone and land_use of the hotspots, a row per land use."""
    import pandas as pd

    # An empty part first: concat refuses an empty list, and positions must stay integers.
    parts = [pd.DataFrame({"area": [], "climate_zone": [], "land_use": []}).astype({"area": int})]
    for column in patches.columns:
        if str(column).endswith("_ha") and pd.api.types.is_numeric_dtype(patches[column]):
            has = np.flatnonzero(patches[column].to_numpy() > 0)
            zones = patches["climate_zone"].to_numpy()[has]
            use = str(column).removesuffix("_ha")
            row = {"area": has, "climate_zone": zones, "land_use": _USES.get(use, use)}
            parts.append(pd.DataFrame(row))
    return pd.concat(parts, ignore_index=True).drop_duplicates()


def _absent_only(
    rows: pd.DataFrame, patches: gpd.GeoDataFrame, records: gpd.GeoDataFrame, km: float
) -> pd.DataFrame:
    """Leave out the hotspots and practices that meet within `km`."""
    kinds = codes_of(records, "practice_kind").rename(columns={"code": "practice_kind"})
    # Only records of a practice can fill a gap: distances to the others aren't needed.
    with_kind = np.unique(kinds["record"].to_numpy())
    areas, shapes = np.asarray(patches.geometry, dtype=object), shapes_of(records)[with_kind]
    pairs = pairs_within(areas, shapes, km)
    pairs = pairs.assign(record=with_kind[pairs["item"]])
    here = pairs.merge(kinds, on="record")[["area", "practice_kind"]].drop_duplicates()
    marked = rows.merge(here, how="left", indicator=True)
    return marked[marked["_merge"] == "left_only"].drop(columns="_merge").reset_index(drop=True)


def _gathered(found: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stratum and practice: the land uses and effects of its examples."""
    found = found.assign(effect=table["effect_size"].to_numpy()[found["record"].astype(int)])
    keys = ["stratum", "practice_kind"]
    each = found.drop_duplicates([*keys, "land_use"]).sort_values("land_use")
    uses = each.groupby(keys)["land_use"].agg(SEPARATOR.join)
    # A record with several land uses is one example.
    once = found.drop_duplicates([*keys, "record"]).groupby(keys)["effect"]
    rows = uses.to_frame().assign(
        examples=once.size(), effect_median=once.median(), effect_least=once.min()
    )
    return rows.reset_index()


def _nearest_examples(
    rows: pd.DataFrame, found: pd.DataFrame, patches: gpd.GeoDataFrame, records: gpd.GeoDataFrame
) -> pd.DataFrame:
    """Return example_id, example_name and example_km for each row.

    Nearby examples are measured once for all; farther ones are searched stratum by stratum.
    """
    import pandas as pd

    item, km = np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), np.nan)
    areas = np.asarray(patches.geometry, dtype=object)
    every = np.unique(found["record"].to_numpy(dtype=np.int64))
    shapes = shapes_of(records)[every]
    pairs = pairs_within(areas, shapes, EXACT_KM)
    keys = ["stratum", "practice_kind"]
    examples = {key: group["record"].to_numpy() for key, group in found.groupby(keys)}
    for key, group in rows.groupby(keys):
        these = np.isin(every, examples[key])
        here, there = group["area"].to_numpy(dtype=np.int64), np.flatnonzero(these)
        near = pairs[these[pairs["item"]] & np.isin(pairs["area"], here)]
        # Both are in ascending order, so that positions are found by bisection.
        near = near.assign(
            area=np.searchsorted(here, near["area"]), item=np.searchsorted(there, near["item"])
        )
        nearest, km[group.index] = nearest_items(areas[here], shapes[these], near)
        # Where no example can be put on the map, nearest is -1 and picks the -1 appended.
        item[group.index] = np.append(every[these], -1)[nearest]
    ids = np.array([*records["id"], ""], dtype=object)
    names = np.array([*records["name"], ""], dtype=object)
    return pd.DataFrame(
        {"example_id": ids[item], "example_name": names[item], "example_km": km}, index=rows.index
    )
