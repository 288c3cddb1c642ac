"""Practices known to work in the same climate and land use, and absent from a hotspot."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hotspots.analysis.gaps.matching import EXACT_KM, nearest_items, pairs_within
from hotspots.analysis.gaps.nearby import known, polygons_of, require_distance
from hotspots.analysis.gaps.records import SEPARATOR, Wanted, codes_of, select, shapes_of, tidy

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_SCIENTIFIC = ("scientific", "both")  # bases of a practice: tests, or tests and experience
_OTHER = "other"  # no practice that one could take up
_USES = {"pasture": "grassland", "rangeland": "grassland"}  # columns of hotspots, else as named
_STRATUM = ["climate_zone", "land_use"]


def practice_gaps(
    hotspots: gpd.GeoDataFrame,
    records: gpd.GeoDataFrame | pd.DataFrame,
    *,
    within_km: float = 50,
    choice: Wanted | None = None,
    completeness: pd.DataFrame | None = None,
    today: date | None = None,
) -> pd.DataFrame:
    """Return the practices that work in a hotspot's climate and land use but aren't there.

    Parameters
    ----------
    hotspots, records, within_km, completeness, today
        As of `gaps`. A hotspot has the land uses u of which a column ``u_ha`` is above 0
        (``cropland_ha`` in today's editions).
    choice : Wanted, optional
        Narrows the practices (practice_kind) and land uses asked about.

    Returns
    -------
    DataFrame
        One row per hotspot and practice; columns in `COLUMNS`; by tonnes at stake, then by number
        of examples.

    Notes
    -----
    *Known to work* (`known_to_work`): the effect is above 0, and so is the lower end of its range;
    where no range is stated, the basis must be scientific. An example may have ended. *Absent*: no
    active record of that practice kind in the hotspot or within `within_km`; one whose place is
    known to a region or country only may be there all the same. The nearest example is the nearest
    that can be put on the map.
    """
    import pandas as pd

    patches, table, asked = polygons_of(hotspots), tidy(records), choice or Wanted()
    found = _strata(patches).merge(_examples(table, asked), on=_STRATUM)
    active = Wanted(active_only=asked.active_only)
    there = select(table, active, today or date.today())
    found = _absent_only(found, patches, there, require_distance(within_km))
    rows = _gathered(found, table)
    rows = rows.join(_nearest_examples(rows, found, patches, table))
    facts = patches[["id", "class", "countries", "climate_zone", "at_stake_t_yr"]]
    rows = rows.join(pd.DataFrame(facts), on="area").drop(columns="area")
    rows = rows[[*facts, *(name for name in rows if name not in facts)]]
    rows = rows.assign(**known(rows["countries"], completeness))
    stake = rows["at_stake_t_yr"].fillna(-np.inf)
    order = np.lexsort((rows["practice_kind"], rows["id"], -rows["examples"], -stake))
    ranked = pd.DataFrame(rows.iloc[order]).reset_index(drop=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    return ranked


def known_to_work(records: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which records of a tidy table show a practice that works; see `practice_gaps`."""
    positive = (records["effect_size"] > 0).to_numpy()
    surely = (records["effect_low"] > 0).to_numpy()
    no_range = records["effect_low"].isna().to_numpy()
    bases = codes_of(records, "basis")
    by_test = bases.loc[bases["code"].isin(_SCIENTIFIC), "record"]
    return positive & (surely | (no_range & np.isin(np.arange(len(records)), by_test)))


def _examples(records: pd.DataFrame, choice: Wanted) -> pd.DataFrame:
    """Return record, practice_kind, climate_zone and land_use of what is known to work."""
    works = np.flatnonzero(known_to_work(records))
    rows = codes_of(records, "practice_kind").rename(columns={"code": "practice_kind"})
    for column in _STRATUM:
        rows = rows.merge(codes_of(records, column).rename(columns={"code": column}), on="record")
    rows = rows[rows["record"].isin(works) & (rows["practice_kind"] != _OTHER)]
    for column in ("practice_kind", "land_use"):
        if asked := list(getattr(choice, column)):
            rows = rows[rows[column].isin(asked)]
    return rows


def _strata(patches: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return area (position), climate_zone and land_use of the hotspots, a row per land use."""
    import pandas as pd

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
    found: pd.DataFrame, patches: gpd.GeoDataFrame, records: gpd.GeoDataFrame, km: float
) -> pd.DataFrame:
    """Leave out the hotspots and practices that meet within `km`."""
    areas = np.asarray(patches.geometry, dtype=object)
    pairs = pairs_within(areas, shapes_of(records), km).rename(columns={"item": "record"})
    here = pairs.merge(codes_of(records, "practice_kind"), on="record")
    here = here.rename(columns={"code": "practice_kind"})[["area", "practice_kind"]]
    marked = found.merge(here.drop_duplicates(), how="left", indicator=True)
    return marked[marked["_merge"] == "left_only"].drop(columns="_merge")


def _gathered(found: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per hotspot and practice, with the land uses and effects of its examples."""
    found = found.assign(effect=table["effect_size"].to_numpy()[found["record"].astype(int)])
    keys = ["area", "practice_kind"]
    uses = found.groupby(keys)["land_use"].agg(lambda codes: SEPARATOR.join(sorted(set(codes))))
    once = found.drop_duplicates([*keys, "record"]).groupby(keys)["effect"]
    rows = uses.to_frame().assign(
        examples=once.size(), effect_median=once.median(), effect_least=once.min()
    )
    return rows.reset_index()


def _nearest_examples(
    rows: pd.DataFrame, found: pd.DataFrame, patches: gpd.GeoDataFrame, records: gpd.GeoDataFrame
) -> pd.DataFrame:
    """Return example_id, example_name and example_km for each row.

    Hotspots that ask for the same examples (one stratum and practice) are searched together.
    """
    import pandas as pd

    item, km = np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), np.nan)
    shapes, areas = shapes_of(records), np.asarray(patches.geometry, dtype=object)
    stratum = patches["climate_zone"].to_numpy()[rows["area"].astype(int)]
    key = pd.Series(list(zip(rows["practice_kind"], stratum, rows["land_use"], strict=True)))
    examples = found.groupby(["area", "practice_kind"])["record"].unique()
    for _, group in rows.groupby(key.to_numpy() if len(rows) else []):
        first = (group["area"].iloc[0], group["practice_kind"].iloc[0])
        these = np.sort(np.asarray(examples[first], dtype=np.int64))
        wanted_areas = areas[group["area"].to_numpy(dtype=np.int64)]
        item[group.index], km[group.index] = _nearest(wanted_areas, shapes[these], these)
    ids = np.array([*records["id"], ""], dtype=object)
    names = np.array([*records["name"], ""], dtype=object)
    return pd.DataFrame(
        {"example_id": ids[item], "example_name": names[item], "example_km": km}, index=rows.index
    )


def _nearest(
    areas: npt.NDArray[Any], shapes: npt.NDArray[Any], these: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    near, km = nearest_items(areas, shapes, pairs_within(areas, shapes, EXACT_KM))
    return np.append(these, -1)[near], km
