"""Distribution of records relative to the tonnes at stake, and records outside every hotspot."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from hotspots.analysis.gaps.hotspot_gaps import known, polygons_of, require_distance
from hotspots.analysis.gaps.matching import EXACT_KM, nearest_items, pairs_within
from hotspots.analysis.gaps.records_table import RecordFilter, placed, select, shapes_of, tidy
from hotspots.layers.array_types import FloatArray, IntArray, ObjectArray

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


def crowded(
    hotspots: gpd.GeoDataFrame,
    records: gpd.GeoDataFrame | pd.DataFrame,
    *,
    within_km: float = 50,
    choice: RecordFilter | None = None,
    completeness: pd.DataFrame | None = None,
    today: date | None = None,
) -> gpd.GeoDataFrame:
    """Return the hotspots ranked by their share of the records over their share of the tonnes.

    Parameters
    ----------
    hotspots : GeoDataFrame
        Hot patches of an edition in any CRS; id and geometry are required.
    records : GeoDataFrame
        Records of a registry; id is required.
    within_km : float
        Geodesic distance from a hotspot's boundary within which a record is near, 0 to 1000 km.
    completeness : DataFrame, optional
        Column ``code`` by country id, from `hotspots.registry.completeness`.
    today : date, optional
        Reference date for what has ended; the current date by default.
    choice : RecordFilter, optional
        Which records count; all that have not ended by default.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        One row per hotspot, the most crowded first; columns in `COLUMNS`. ``attrs`` holds
        ``gini`` and ``herfindahl`` (NaN without records or tonnes), ``records_counted``,
        ``records_outside`` (placed, but in or near no hotspot) and ``records_unplaced``.

    Notes
    -----
    Gini: hotspots in order of records per tonne, G = 1 - sum t_i (R_i + R_{i-1}), with t_i a
    hotspot's share of the tonnes and R_i the cumulated share of records. 0: records are spread as
    the tonnes are; towards 1: all are where hardly any tonne is at stake. Herfindahl: the sum of
    squared shares of records; its inverse is the effective number of hotspots with records.
    """
    import geopandas as gpd

    patches = polygons_of(hotspots)
    counted = select(tidy(records), choice or RecordFilter(), today or date.today())
    areas = np.asarray(patches.geometry, dtype=object)
    pairs = pairs_within(areas, shapes_of(counted), require_distance(within_km))
    keep = ["id", "class", "countries", "managed_ha", "at_stake_t_yr"]
    table = gpd.GeoDataFrame(patches[keep], geometry=patches.geometry)
    area = pairs["area"].to_numpy(dtype=np.int64)
    table["records"] = np.bincount(area, minlength=len(table)).astype(np.int64)
    # From ha to Mha and from t to Mt.
    table["records_per_mha"] = _ratio(1e6 * table["records"], table["managed_ha"])
    table["records_per_mt"] = _ratio(1e6 * table["records"], table["at_stake_t_yr"])
    # One of n hotspots counts 1/n in each, so that the shares add up to 1.
    part = 1 / pairs.groupby("item")["area"].transform("size").to_numpy(dtype="float64")
    weight = np.bincount(area, weights=part, minlength=len(table)).astype(np.float64)
    # Unknown tonnes take no share; one of them would make every share missing.
    stake = np.nan_to_num(table["at_stake_t_yr"].to_numpy())
    table["share_of_records"] = _share(weight)
    table["share_of_stake"] = _share(stake)
    table["crowding"] = _ratio(table["share_of_records"], table["share_of_stake"])
    table["more_than_share"] = table["share_of_records"] > table["share_of_stake"]
    table = table.assign(**known(table["countries"], completeness))
    # lexsort sorts by its last key first; unknown ratios end their part, ids decide ties.
    order = np.lexsort((table["id"], -table["crowding"].fillna(-1), -table["records"].gt(0)))
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    inside = int(pairs["item"].nunique())
    table.attrs |= concentration(weight, stake) | {
        "records_counted": inside,
        "records_outside": int(placed(counted).sum()) - inside,
        "records_unplaced": int((~placed(counted)).sum()),
    }
    return table


def outside(
    hotspots: gpd.GeoDataFrame,
    records: gpd.GeoDataFrame | pd.DataFrame,
    *,
    within_km: float = 0,
    choice: RecordFilter | None = None,
    today: date | None = None,
) -> gpd.GeoDataFrame:
    """Return the georeferenced records that are neither in nor near a hotspot.

    Parameters
    ----------
    hotspots : GeoDataFrame
        Hot patches of an edition in any CRS; id and geometry are required.
    records : GeoDataFrame
        Records of a registry; id is required.
    within_km : float
        Geodesic distance from a hotspot's boundary within which a record is near, 0 to 1000 km.
    today : date, optional
        Reference date for what has ended; the current date by default.
    choice : RecordFilter, optional
        Which records count; all that have not ended by default.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        rank, id, name, type, country, theme, nearest_hotspot, nearest_hotspot_km, geometry; the
        farthest first.
    """
    patches = polygons_of(hotspots)
    counted = select(tidy(records), choice or RecordFilter(), today or date.today())
    counted = counted[placed(counted)].reset_index(drop=True)
    areas, shapes = np.asarray(patches.geometry, dtype=object), shapes_of(counted)
    # At least to EXACT_KM, within which distances are measured to edges.
    pairs = pairs_within(areas, shapes, max(require_distance(within_km), EXACT_KM))
    met = pairs.loc[pairs["km"] <= within_km, "item"]
    table = counted[["id", "name", "type", "country", "theme", "geometry"]].copy()
    item, km = _nearest_area(shapes, areas, pairs)
    # Position -1, for want of any hotspot, is the last name: empty.
    names = np.array([*patches["id"], ""], dtype=object)
    table.insert(5, "nearest_hotspot", names[item])
    table.insert(6, "nearest_hotspot_km", km)
    table = table[~table.index.isin(met)]
    order = np.lexsort((table["id"], -table["nearest_hotspot_km"]))
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def concentration(records: FloatArray, tonnes: FloatArray) -> dict[str, float]:
    """Return the Gini and Herfindahl indices of records against tonnes; see `crowded`."""
    if not records.sum() or not tonnes.sum():
        return {"gini": float("nan"), "herfindahl": float("nan")}
    share, stake = _share(records), _share(tonnes)
    # Records where no tonne is at stake come last, as infinitely many per tonne.
    steep = np.divide(share, stake, out=np.full(len(share), np.inf), where=stake > 0)
    order = np.argsort(steep, kind="stable")
    heap = np.concatenate([[0.0], np.cumsum(share[order])])
    gini = 1 - float(np.sum(stake[order] * (heap[1:] + heap[:-1])))
    return {"gini": gini, "herfindahl": float(np.sum(share**2))}


def _nearest_area(
    shapes: ObjectArray, areas: ObjectArray, pairs: pd.DataFrame
) -> tuple[IntArray, FloatArray]:
    """Return the nearest area of each placed record, by swapping areas and items in the pairs."""
    turned = pairs.rename(columns={"area": "item", "item": "area"})
    return nearest_items(shapes, areas, turned.sort_values(["area", "km", "item"]))


def _ratio(over: pd.Series, under: pd.Series) -> pd.Series:
    """Return over / under, NaN where the denominator is 0 or missing."""
    return over / under.where(under > 0)


def _share(values: FloatArray) -> FloatArray:
    whole = values.sum()
    return values / whole if whole else np.zeros_like(values, dtype="float64")
