"""Stock and potential by land use: cropland, grassland, forest and other, for each region.

A cell's stock is divided among its uses by unmixing: the stock of managed land follows from its
stock change factors, and the other uses have the remainder. Where unmixing isn't possible (organic
soil, no factor) all uses have the cell's mean stock. The uses of a region add up to its stock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.edition.edition import no_land_use
from hotspots.edition.tables.regions import T_CO2E_PER_T_C
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import LAND_USES

if TYPE_CHECKING:
    import pandas as pd

    from hotspots.edition.recipe import Recipe
    from hotspots.edition.tables.region_weights import RegionWeights

Array = npt.NDArray[np.float64]
LEAST_REST = (
    1e-6  # of a cell's land; with less unmanaged land, the managed land has all of the stock
)
_SHARES = {
    "cropland": ("cropland_share",),
    "grassland": ("grassland_share", "pasture_share"),  # the first available
    "forest": ("forest_share",),
}


def land_use_table(layers: xr.Dataset, weights: RegionWeights, recipe: Recipe) -> pd.DataFrame:
    """Return hectares, stock and potential (t C and t CO2e) by region and land use.

    Parameters
    ----------
    layers : Dataset
        With ``soc_stock`` and ``cropland_share``; ``pasture_share`` or ``grassland_share``, and
        ``forest_share``, where known. Grassland includes rangeland where the source doesn't
        distinguish it from pasture; without a forest layer, "other" includes forest.
    weights : RegionWeights
        Share of each cell's valid land in each region.
    recipe : Recipe
        Its ranking potential, and whether pasture is managed.

    Returns
    -------
    DataFrame
        id, land_use, land_ha, soc_stock_t, soc_stock_mean (t ha-1), soc_stock_tco2e,
        potential_t_yr, potential_mean (t ha-1 yr-1), potential_tco2e_yr; potentials are NaN where
        the use isn't managed. Uses without land are left out; the table is empty if a required
        layer is missing.
    """
    import pandas as pd

    needed = ("cropland_share", "pasture_share")[: len(_managed(recipe))]
    if any(name not in layers for name in needed):
        return no_land_use()
    cells = _cells_of(layers)
    held_by = weights.matrix[:, cells.number]
    uses = _by_use(cells, recipe)
    frames = []
    for use in LAND_USES.values():
        if use not in uses.hectares:
            continue
        land = held_by @ uses.hectares[use]
        frame = pd.DataFrame({"id": weights.rows["id"].to_numpy(), "land_use": use})
        frame["land_ha"] = land
        frame["soc_stock_t"] = held_by @ uses.stocks[use]
        gain = uses.gains.get(use)
        frame["potential_t_yr"] = np.nan if gain is None else held_by @ gain
        frames.append(frame[land > 0])
    out = pd.concat(frames, ignore_index=True)
    for name, per in (("soc_stock", ""), ("potential", "_yr")):
        out[f"{name}_mean"] = out[f"{name}_t{per}"] / out["land_ha"]
        out[f"{name}_tco2e{per}"] = T_CO2E_PER_T_C * out[f"{name}_t{per}"]
    place = {key: i for i, key in enumerate(weights.rows["id"])}
    return out.sort_values("id", key=lambda ids: ids.map(place), kind="stable", ignore_index=True)


@dataclass(frozen=True)
class _Cells:
    """The cells that have land with soil data, and the values of layers there.

    `number` are their flat indices on the grid, `land_ha` the hectares of that land.
    """

    layers: xr.Dataset
    number: npt.NDArray[np.int64]
    land_ha: Array

    def __contains__(self, name: str) -> bool:
        return name in self.layers

    def __getitem__(self, name: str) -> Array:
        return np.asarray(self.layers[name].values.ravel()[self.number], dtype="float64")


def _cells_of(layers: xr.Dataset) -> _Cells:
    land = np.nan_to_num((cell_area(layers) * layers["valid_share"]).values.ravel())
    known = np.isfinite(layers["soc_stock"].values.ravel())
    number = np.flatnonzero((land > 0) & known)
    return _Cells(layers, number, land[number])


@dataclass(frozen=True)
class _Uses:
    """Area (ha), stock (t) and gain (t yr-1) of each cell, by use; gain of managed uses only."""

    hectares: dict[str, Array]
    stocks: dict[str, Array]
    gains: dict[str, Array]


def _by_use(cells: _Cells, recipe: Recipe) -> _Uses:
    land, stock = cells.land_ha, cells["soc_stock"]
    shares = _shares(cells)
    managed = _managed(recipe)
    owns = {use: _own_stock(cells, use, managed, stock) for use in managed}
    # Shares of different maps may sum to just above 1.
    share = np.clip(sum((shares[use] for use in managed), start=np.zeros_like(land)), 0, 1)
    held = sum((shares[use] * own for use, own in owns.items()), start=np.zeros_like(land))
    rest = 1 - share
    # The stock not on managed land is on the remaining land of the cell.
    has_rest = rest > LEAST_REST
    of_rest = np.divide(stock - held, rest, out=stock.copy(), where=has_rest)
    # Without other land, the managed land is scaled to have exactly the stock of the cell.
    scale = np.divide(stock, held, out=np.ones_like(stock), where=~has_rest & (held > 0))
    hectares = {use: land * part for use, part in shares.items()}
    tonnes = {
        use: np.nan_to_num(hectares[use] * (owns[use] * scale if use in owns else of_rest))
        for use in shares
    }
    return _Uses(hectares, tonnes, _gains(cells, recipe, hectares, managed))


def _managed(recipe: Recipe) -> list[str]:
    return ["cropland", "grassland"] if recipe.potential.include_pasture else ["cropland"]


def _own_stock(cells: _Cells, use: str, managed: list[str], stock: Array) -> Array:
    """Return the stock of a managed use, t ha-1; the cell's mean where it can't be unmixed."""
    name = f"soc_stock_{use}" if len(managed) > 1 else "soc_stock_managed"
    if name not in cells:
        return stock
    own = cells[name]
    return np.where(np.isfinite(own), own, stock)


def _shares(cells: _Cells) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for use, names in _SHARES.items():
        name = next((n for n in names if n in cells), None)
        if name is not None:
            found[use] = np.nan_to_num(cells[name])
    # A share that isn't known counts as 0: that land is in "other".
    found["other"] = np.clip(1 - sum(found.values()), 0, 1)
    return found


def _gains(
    cells: _Cells, recipe: Recipe, hectares: dict[str, Array], managed: list[str]
) -> dict[str, Array]:
    leading = recipe.methods.ranking_potential
    if leading not in cells:
        return {}
    out = {}
    for use in managed:
        own = f"{leading}_{use}"
        rate = cells[own if own in cells else leading]
        out[use] = hectares[use] * np.nan_to_num(rate)
    return out
