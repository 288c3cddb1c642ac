"""Hotspots ranked by the records inside or near them, those without any first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from hotspots.analysis.gaps.columns import COMPLETENESS, NOTES
from hotspots.analysis.gaps.matching import (
    EXACT_KM,
    absent,
    area_shares,
    nearest_items,
    pairs_within,
)
from hotspots.analysis.gaps.records_table import (
    SEPARATOR,
    RecordFilter,
    chosen,
    codes_of,
    declared_pairs,
    hinted_pairs,
    record_filter,
    select,
    shapes_of,
    tidy,
    worldwide,
)
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, IntArray, ObjectArray, TableRow

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from scipy import sparse

FARTHEST_KM = 1000.0


_TABLE = (
    "id",
    "class",
    "climate_zone",
    "countries",
    "managed_ha",
    "potential_t_yr",
    "gross_loss_t_yr",
    "at_stake_t_yr",
)


def gaps(
    hotspots: gpd.GeoDataFrame,
    records: gpd.GeoDataFrame | pd.DataFrame,
    *,
    within_km: float = 50,
    theme: str | Sequence[str] | None = None,
    practice_kind: str | Sequence[str] | None = None,
    land_use: str | Sequence[str] | None = None,
    types: str | Sequence[str] | None = None,
    active_only: bool = True,
    members: Mapping[str, Sequence[str]] | None = None,
    completeness: pd.DataFrame | None = None,
    today: date | None = None,
) -> gpd.GeoDataFrame:
    """Return the hotspots ranked by the tonnes at stake and the scarcity of records.

    Parameters
    ----------
    hotspots : GeoDataFrame
        An edition's hot patches (id, class, climate_zone, countries, managed_ha, potential_t_yr,
        gross_loss_t_yr and polygons in any CRS); only id and geometry are required.
    records : GeoDataFrame
        Records of a registry; only id is required. Lists are joined by ";".
    within_km : float
        Geodesic distance from a hotspot's boundary within which a record is near, 0 to 1000 km.
    theme, practice_kind, land_use, types : str or sequence of str, optional
        Codes; a record *matches* if it has any of those given of each. A goal (goalA) stands for
        its objectives too.
    active_only : bool
        Whether records that have ended are left out altogether.
    members : mapping of str to sequence of str, optional
        Countries of each region of the initiative, for records that name such a region.
    completeness : DataFrame, optional
        Column ``code`` by country id, from `hotspots.registry.completeness`.
    today : date, optional
        Reference date for what has ended; the current date by default.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        One row per hotspot; columns and units in `COLUMNS`. Hotspots without a matching record
        inside or near come first, by tonnes at stake; then the others by score. Hotspots whose
        tonnes aren't known come last in each part.

    Raises
    ------
    BadInputError
        A distance out of range, or a table without ids or outlines.

    Notes
    -----
    A record counts once per hotspot, in the closest category known: inside, near, working in its
    country, or in its country by an imprecise location. A record located to a region or country
    only is never inside. For the accuracy of distances see `hotspots.analysis.gaps.matching`.
    """
    import geopandas as gpd

    patches = polygons_of(hotspots)
    choice = record_filter(theme, practice_kind, land_use, types, active_only)
    day = today or date.today()
    active = select(tidy(records), RecordFilter(active_only=active_only), day)
    selected = chosen(active, choice, day)
    matching = active[selected].reset_index(drop=True)
    shapes, areas = shapes_of(matching), np.asarray(patches.geometry, dtype=object)
    # At least to EXACT_KM, so that the nearest record is measured to edges however near it is.
    every = pairs_within(areas, shapes_of(active), max(require_distance(within_km), EXACT_KM))
    # Matching records are some of the active ones: distances are taken once for both, and
    # positions among the active become positions among the matching.
    pairs = every[selected[every["item"]]]
    pairs = pairs.assign(item=(np.cumsum(selected) - 1)[pairs["item"]])
    every, near = every[every["km"] <= within_km], pairs[pairs["km"] <= within_km]
    table = gpd.GeoDataFrame(patches[list(_TABLE)], geometry=patches.geometry)
    counted = {
        "records_inside": _count(every[every["km"] == 0], len(table)),
        "records_near": _count(every[every["km"] > 0], len(table)),
        "matching_inside": _count(near[near["km"] == 0], len(table)),
        "matching_near": _count(near[near["km"] > 0], len(table)),
    }
    counted |= _by_country(patches, matching, near, members or {})
    table = table.assign(**counted, **_nearest(areas, shapes, pairs, matching))
    table["footprint_share"] = area_shares(areas, shapes, near)
    there = table["matching_inside"] + table["matching_near"]
    table["score_t_yr"] = table["at_stake_t_yr"] / (1 + there)
    table["presence"] = _presence(table)
    table = table.assign(**known(table["countries"], completeness))
    order = np.lexsort((table["id"], -table["score_t_yr"].fillna(-np.inf), there > 0))
    return _arranged(table.iloc[order].reset_index(drop=True))


def polygons_of(hotspots: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return hotspots in EPSG:4326 with every column of the gap tables and `at_stake_t_yr`."""
    from hotspots.geo.user_geometry import to_globe

    if "id" not in hotspots or "geometry" not in hotspots:
        raise BadInputError("The table of hotspots has no column 'id' or 'geometry'. Give both.")
    table = (
        hotspots[~absent(np.asarray(hotspots.geometry, dtype=object))]
        .drop_duplicates("id")
        .reset_index(drop=True)
    )
    # A table without a CRS is taken as EPSG:4326; `to_globe` would refuse it, or an empty one.
    if len(table) and table.crs is not None and table.crs != "EPSG:4326":
        table = to_globe(table, "The table of hotspots")
    for name in ("class", "climate_zone", "countries"):
        given = table.get(name, "")
        table[name] = "" if isinstance(given, str) else given.fillna("").astype(str)
    for name in ("managed_ha", "potential_t_yr", "gross_loss_t_yr"):
        table[name] = table[name].astype("float64") if name in table else np.nan
    table["at_stake_t_yr"] = at_stake(table)
    return table


def at_stake(table: pd.DataFrame) -> FloatArray:
    """Return the tonnes of carbon a year that are at stake, by class; NaN where not known."""
    gain = table["potential_t_yr"].to_numpy(dtype="float64")
    loss = table["gross_loss_t_yr"].to_numpy(dtype="float64")
    kind = table["class"].to_numpy()
    # A part that isn't known counts as 0 beside the other; the sum is unknown where both are.
    both = np.where(
        np.isnan(gain) & np.isnan(loss), np.nan, np.nan_to_num(gain) + np.nan_to_num(loss)
    )
    by_class = {"build": gain, "protect": loss, "restore": both}
    choices = [by_class[name] for name in by_class]
    # fmax, since maximum would give NaN where only one of the two is known.
    return np.select([kind == name for name in by_class], choices, default=np.fmax(gain, loss))


def require_distance(within_km: float) -> float:
    """Return a distance in km, or raise `BadInputError` if it is out of range."""
    if not 0 <= within_km <= FARTHEST_KM:
        raise BadInputError(
            f"A distance of {within_km:g} km can't be used. Give 0 to {FARTHEST_KM:g} km."
        )
    return float(within_km)


def known(countries: pd.Series, completeness: pd.DataFrame | None) -> dict[str, list[str]]:
    """Return completeness, completeness_by_country and note for lists of countries.

    `countries` holds ids joined by "," or ";". A country that `completeness` lacks counts as
    "nothing_recorded".
    """
    codes = {} if completeness is None else completeness["code"].to_dict()
    worst, each = [], []
    for text in countries:
        ids = [code for code in str(text).replace(SEPARATOR, ",").split(",") if code]
        of = [str(codes.get(code, COMPLETENESS[0])) for code in ids] if codes else []
        worst.append(min(of, key=COMPLETENESS.index, default=""))
        each.append(SEPARATOR.join(f"{i}:{c}" for i, c in zip(ids, of, strict=bool(codes))))
    notes = [NOTES[code] for code in worst]
    return {"completeness": worst, "completeness_by_country": each, "note": notes}


def _arranged(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    last = ["completeness", "completeness_by_country", "note", "geometry"]
    return table[[c for c in table if c not in last] + last]


def _count(pairs: pd.DataFrame, areas: int) -> IntArray:
    return np.bincount(pairs["area"].to_numpy(dtype=np.int64), minlength=areas).astype(np.int64)


def _nearest(
    areas: ObjectArray, shapes: ObjectArray, pairs: pd.DataFrame, records: pd.DataFrame
) -> TableRow:
    item, km = nearest_items(areas, shapes, pairs)
    found: TableRow = {}
    for column in ("id", "name"):
        texts = np.array([*records[column], ""], dtype=object)  # -1 is the last, empty
        found[f"nearest_{column}"] = texts[item]
    return found | {"nearest_km": km}


def _presence(table: pd.DataFrame) -> ObjectArray:
    in_country = table["declared_for_country"] + table["known_to_be_in_country"]
    ways = {
        "inside": table["matching_inside"] > 0,
        "near": table["matching_near"] > 0,
        "country": in_country > 0,
    }
    return np.select(list(ways.values()), list(ways), default="none")


def _by_country(
    patches: pd.DataFrame,
    records: gpd.GeoDataFrame,
    near: pd.DataFrame,
    members: Mapping[str, Sequence[str]],
) -> dict[str, IntArray]:
    """Return the counts of records located to a country only, without those near the hotspot.

    Hotspots of the same countries are counted together, since many share a country of many records.
    """
    import pandas as pd
    from scipy import sparse

    lists, group = np.unique(patches["countries"].to_numpy(dtype=str), return_inverse=True)
    groups = np.asarray(group, dtype=np.int64).ravel()
    named = pd.DataFrame({"text": pd.Series(lists).str.replace(",", SEPARATOR)})
    of = codes_of(named, "text")
    ids = pd.Index(sorted(set(of["code"])))
    touched = sparse.csr_array(
        (np.ones(len(of), dtype=np.int32), (of["record"], ids.get_indexer(of["code"]))),
        shape=(len(lists), len(ids)),
    )

    def reached(pairs: pd.DataFrame) -> sparse.csr_array:
        """Return a sparse 0/1 matrix: which records share a country with each list."""
        here = pairs[pairs["country"].isin(ids)]
        cells = (here["record"], ids.get_indexer(here["country"]))
        ones = np.ones(len(here), dtype=np.int32)
        matrix = sparse.csr_array((ones, cells), shape=(len(records), len(ids)))
        found = sparse.csr_array(touched @ matrix.T)
        # A record that shares several countries with a list counts once.
        found.data[:] = 1
        return found

    declared = reached(declared_pairs(records, members))
    hinted = reached(hinted_pairs(records))
    hinted = sparse.csr_array(hinted - hinted.multiply(declared))  # no record counts twice
    whose = groups[near["area"].to_numpy(dtype=np.int64)]
    item = near["item"].to_numpy(dtype=np.int64)
    there = sparse.csr_array((np.ones(len(item), dtype=np.int32), (whose, item)), declared.shape)
    # Subtract those that are near as well: few, compared with those that declare the country.
    row, column = declared.multiply(there).nonzero()
    # Row and column as one number, so that pairs are compared in one call.
    also = np.isin(whose * len(records) + item, row.astype(np.int64) * len(records) + column)
    return {
        "declared_for_country": _rows(declared)[groups] - _count(near[also], len(patches)),
        "known_to_be_in_country": _rows(hinted)[groups],
        "declared_for_world": np.full(len(patches), worldwide(records).sum(), dtype=np.int64),
    }


def _rows(matrix: sparse.csr_array) -> IntArray:
    return np.asarray(matrix.sum(axis=1), dtype=np.int64).ravel()
