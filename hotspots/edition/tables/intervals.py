"""Intervals and standard deviations of regions and units, from the draws and the errors.

Standard deviations are given for three correlations of errors between cells: none (a lower
bound), decreasing with distance, and perfect (an upper bound).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import sparse

from hotspots.analysis.uncertainty.random_fields import total_sd
from hotspots.analysis.uncertainty.ranks import rank_interval, stable_top_k
from hotspots.analysis.uncertainty.shrinkage import shrunk_mean
from hotspots.edition.draws import Drawn, field_points
from hotspots.edition.stock_error import StockError
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import CLIMATE_ZONES

if TYPE_CHECKING:
    import pandas as pd

    from hotspots.edition.recipe import Recipe
    from hotspots.edition.tables.region_weights import RegionWeights

Array = npt.NDArray[np.float64]
Column = npt.NDArray[np.float64] | npt.NDArray[np.int64]
_SD = ("independent", "correlated", "perfect")
HA_PER_MHA = 1e6
# For the correlated sd; its error is about 1 % for half of the countries, about 5 % at most.
FEATURES = 2000


@dataclass(frozen=True)
class Groups:
    """Regions of the table, then country × climate zone units, and their hectares.

    Attributes
    ----------
    hectares : csr_array (groups, n)
        Hectares in each group, by cell, that the ranking potential refers to.
    cells : array (n,)
        Flat indices of the cells with such land.
    regions : int
        Number of regions; their rows are the first.
    units : list of str
        Ids of the units; their rows follow.
    """

    hectares: sparse.csr_array
    cells: npt.NDArray[np.int64]
    regions: int
    units: list[str]


def groups_of(layers: xr.Dataset, weights: RegionWeights, recipe: Recipe) -> Groups:
    """Return the groups of the tables: hectares of the ranking potential by region and unit."""
    name = recipe.methods.ranking_potential
    area = (cell_area(layers) * layers[f"{name}_valid_share"].fillna(0)).values.ravel()
    # Only cells with such land, to save memory on fine grids.
    cells = np.flatnonzero(area)
    of_regions = _scaled(weights.matrix[:, cells], area[cells])
    of_units = of_regions[weights.units]
    zone = layers["climate_zone"].values.ravel()[cells]
    parts = [_scaled(of_units, (zone == code).astype("float64")) for code in CLIMATE_ZONES]
    for part in parts:
        # Otherwise each zone's matrix would keep the cells of all zones, as stored zeros.
        part.eliminate_zeros()
    ids = weights.rows["id"].iloc[weights.units]
    units = [f"{place}:{zone}" for zone in CLIMATE_ZONES.values() for place in ids]
    hectares = sparse.csr_array(sparse.vstack([of_regions, *parts]))
    return Groups(hectares, cells, len(weights.rows), units)


def _scaled(matrix: sparse.csr_array, by_column: Array) -> sparse.csr_array:
    """Return a matrix with columns scaled; unlike `multiply` it makes no dense arrays."""
    out = matrix.astype(np.float64, copy=True)
    out.data *= by_column[out.indices]
    return out


def with_intervals(
    table: pd.DataFrame, drawn: Drawn, groups: Groups, recipe: Recipe
) -> pd.DataFrame:
    """Return the region table with intervals of potential and rank, and the stable top k.

    Parameters
    ----------
    table : DataFrame
        Region table in the order of `groups`, with ``set`` and the total of the ranking potential,
        t yr-1. A region whose total is missing has no interval.
    drawn : Drawn
        Results of the draws; ``tonnes`` (draws, groups), t yr-1, is used.
    groups : Groups
        Regions, then units, in the order of the columns of ``tonnes``.
    recipe : Recipe
        Sets the level of the intervals, the k of the top k and the stability required,
        and names the ranking potential.
    """
    # In the draws a missing value is 0 t, which would look like a small potential.
    known = table[f"{recipe.methods.ranking_potential}_total"].notnull().to_numpy()
    totals = np.where(known, drawn.tonnes[:, : groups.regions], np.nan)
    return _with(table, _columns(totals, recipe, table["set"].to_numpy()))


def units_with_intervals(
    units: pd.DataFrame, drawn: Drawn, groups: Groups, recipe: Recipe
) -> pd.DataFrame:
    """Return the unit table with the same columns; ranks are among the units.

    Parameters
    ----------
    units : DataFrame
        Unit table, with ``id`` ("country:zone") among the units of `groups`, in any order.
    drawn : Drawn
        Results of the draws; ``tonnes`` (draws, groups), t yr-1, is used.
    groups : Groups
        Regions, then units, in the order of the columns of ``tonnes``.
    recipe : Recipe
        Sets the level of the intervals, the k of the top k and the stability required.
    """
    place = {unit: i for i, unit in enumerate(groups.units)}
    chosen = [groups.regions + place[unit] for unit in units["id"]]
    return _with(units, _columns(drawn.tonnes[:, chosen], recipe, None))


def _columns(
    totals: Array, recipe: Recipe, sets: npt.NDArray[np.object_] | None
) -> dict[str, Column]:
    choice = recipe.uncertainty
    if not totals.shape[1]:
        return {}
    # The interval is central: as many draws are below it as above.
    tail = (1 - choice.level) / 2
    low, high = np.quantile(totals, [tail, 1 - tail], axis=0)
    ranks = rank_interval(totals, level=choice.level, groups=sets)
    k = min(choice.top_k, totals.shape[1])
    sure = max(recipe.hotspots.stability, 1e-9)  # 0 in a recipe means no requirement
    top = stable_top_k(totals, k, probability=sure, groups=sets)
    ranked = _has_peers(totals, sets)
    return {
        "potential_low_t_yr": low,
        "potential_high_t_yr": high,
        "rank_low": np.where(ranked, ranks["rank_low"], np.nan),
        "rank_high": np.where(ranked, ranks["rank_high"], np.nan),
        "top_k_share": np.where(ranked, top["top_share"], np.nan),
        "stable_top_k": np.where(ranked, top["stable"], False).astype("int64"),
    }


def _has_peers(totals: Array, sets: npt.NDArray[np.object_] | None) -> npt.NDArray[np.bool_]:
    """Return which columns have another one of their set to be ranked with."""
    known = np.atleast_1d(np.isfinite(totals).any(axis=0))
    of_set = np.zeros(len(known)) if sets is None else np.unique(sets, return_inverse=True)[1]
    return np.asarray([known[of_set == one].sum() > 1 for one in of_set], dtype=np.bool_)


def with_standard_deviations(
    table: pd.DataFrame,
    layers: xr.Dataset,
    weights: RegionWeights,
    error: StockError,
    groups: Groups,
    recipe: Recipe,
) -> pd.DataFrame:
    """Return the region table with three sd each of stock and potential, from the stock's error.

    The errors of the factors aren't included; the intervals of the draws include them.
    """
    gain = layers[recipe.methods.ranking_potential]
    stock, sd = layers["soc_stock"], error.sd
    land = (cell_area(layers) * layers["valid_share"]).values.ravel()
    # A gain is taken as proportional to the stock: it has the same relative error.
    relative = (sd / stock).where(stock > 0)
    on_land = np.flatnonzero(land)
    amounts = {
        "soc_stock": (_scaled(weights.matrix[:, on_land], land[on_land]), on_land, sd),
        "potential": (groups.hectares[: groups.regions], groups.cells, gain * relative),
    }
    columns: dict[str, Column] = {}
    for name, given in amounts.items():
        found = three_sds(*given, range_km=recipe.uncertainty.range_km)
        columns |= {f"{name}_sd_{kind}": found[kind] for kind in _SD}
    name = recipe.methods.ranking_potential
    area = table[f"{name}_valid_area_ha"].to_numpy()
    mean = table[f"{name}_mean"].to_numpy()
    # The mean's sd, t ha-1 yr-1, from the total's, t yr-1.
    own = np.divide(
        columns["potential_sd_correlated"], area, out=np.full_like(area, np.nan), where=area > 0
    )
    single = (table["set"] == "countries").to_numpy() | (table["set"] == "regions").to_numpy()
    columns["potential_mean_shrunk"] = _shrunk(mean, own, area, single)
    floor = recipe.uncertainty.small_region_mha * HA_PER_MHA
    columns["small_region"] = ((area < floor) & single).astype("int64")
    return _with(table, columns)


def _with(table: pd.DataFrame, columns: dict[str, Column]) -> pd.DataFrame:
    """Return the table with more columns, added together since pandas copies at each addition."""
    import pandas as pd

    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)


def _shrunk(mean: Array, sd: Array, area: Array, of: npt.NDArray[np.bool_]) -> Array:
    """Return the shrunk mean of the regions `of`; NaN for the others, which are sums of these."""
    out = np.full_like(mean, np.nan)
    # The spread between regions can't be estimated from one or two.
    if (of & np.isfinite(mean)).sum() > 2:
        out[of] = shrunk_mean(mean[of], sd[of], area[of]).mean
    return out


def three_sds(
    hectares: sparse.csr_array,
    cells: npt.NDArray[np.int64],
    sd: xr.DataArray,
    *,
    range_km: float,
) -> dict[str, Array]:
    """Return the sd of each row's total Σ hectares·value: independent, correlated, perfect.

    Parameters
    ----------
    hectares : sparse array (rows, n)
        Hectares of each cell in each row.
    cells : array (n,)
        Flat indices of the cells on the grid of `sd`.
    sd : DataArray (y, x)
        Standard deviation of the value, per hectare; NaN where unknown.
    range_km : float
        Range of the errors' correlation. Cells much smaller than it are summed to blocks, whose
        errors are perfectly correlated.
    """
    values = sd.values.ravel()[cells].astype("float64")
    known = np.flatnonzero(np.isfinite(values))
    by_cell = _scaled(hectares[:, known], values[known])
    number, points = field_points(sd, cells[known], range_km)
    rows = np.arange(len(known))
    into = sparse.csr_array((np.ones(len(known)), (rows, number)), shape=(len(known), len(points)))
    found = total_sd(
        by_cell @ into, np.ones(len(points)), points, range_km=range_km, features=FEATURES
    )
    # Without a cell of known error the sd is unknown, not 0.
    empty = np.diff(by_cell.indptr) == 0
    # Variances of independent errors add up: √Σ(hectares x sd)².
    by_cell.data **= 2
    independent = np.sqrt(by_cell @ np.ones(len(known)))
    return {
        "independent": np.where(empty, np.nan, independent),
        "correlated": found["exponential"].to_numpy(),
        "perfect": found["perfect"].to_numpy(),
    }
