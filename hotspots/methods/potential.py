"""Potentials, the yardstick and the historical deficit, as methods of an edition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from hotspots import analysis as an
from hotspots.analysis.eligibility import is_organic
from hotspots.errors import RasterError
from hotspots.methods.base import Layers, Method, need
from hotspots.scenario import scenario
from hotspots.variables import describe

if TYPE_CHECKING:
    from hotspots.recipe import Recipe

# A rate per stock explodes as the stock goes to nothing.
LEAST_STOCK_FOR_PER_MILLE = 5.0  # t ha-1
_TIER1 = "hotspots.analysis.potential.tier1"


def managed_share(data: xr.Dataset, recipe: Recipe) -> xr.DataArray:
    """Return the managed share of the cell's land: cropland, and pasture if the recipe says so."""
    share = data["cropland_share"]
    return share + data["pasture_share"] if recipe.potential.include_pasture else share


def of_managed_land(layers: Layers, data: xr.Dataset, recipe: Recipe) -> dict[str, xr.DataArray]:
    """Return `layers` with the share of the cell that each stands for: its managed land."""
    managed = data["valid_share"] * managed_share(data, recipe).fillna(0)
    return dict(layers) | {
        f"{n}_valid_share": describe(managed, f"{n}_valid_share") for n in layers
    }


def per_mille(gain: xr.DataArray, stock: xr.DataArray) -> xr.DataArray:
    """Return a gain in ‰ of the stock per year; NaN where the stock is below 5 t/ha."""
    name = f"{gain.name}_per_mille"
    return describe((1000 * gain / stock).where(stock >= LEAST_STOCK_FOR_PER_MILLE), name)


def _deficit(data: xr.Dataset, recipe: Recipe) -> Layers:
    deficit = an.historic_deficit(data["soc_stock_reference"], data["soc_stock"])
    return {"deficit_historic": deficit}


def _tier1(data: xr.Dataset, recipe: Recipe) -> Layers:
    choice = recipe.potential
    pasture = data.get("pasture_share") if choice.include_pasture else None
    if choice.include_pasture and pasture is None:
        raise RasterError("The recipe includes pasture, but the data lack 'pasture_share'.")
    tier1 = an.ipcc_tier1(
        data["soc_stock"].astype("float64"), data["climate_zone"], data["cropland_share"],
        pasture_share=pasture, land_use=choice.land_use, from_management=choice.from_management,
        from_input=choice.from_input, management=choice.management, input=choice.input,
        grassland_management=choice.grassland_management, adoption=choice.adoption,
        transition_years=choice.transition_years, guidelines=choice.guidelines,
    )  # fmt: skip
    # Stock change factors are for mineral soils; organic ones need emission factors instead.
    mineral = ~is_organic(data, recipe.eligibility.organic_stock)
    gain = tier1["potential_ipcc_tier1"].where(mineral)
    stock = tier1["soc_stock_managed"].where(gain.notnull())
    gain.attrs["scenario"] = scenario(recipe)
    gain.attrs["comment"] = "per hectare of managed land"
    made = {
        "soc_stock_managed": stock,
        "potential_ipcc_tier1": gain,
        "potential_ipcc_tier1_per_mille": per_mille(gain, stock),
    }
    return of_managed_land(made, data, recipe)


def _yardstick(data: xr.Dataset, recipe: Recipe) -> Layers:
    target = an.target_four_per_mille(data["soc_stock_managed"], rate=recipe.target.rate)
    return of_managed_land({"target_four_per_mille": target}, data, recipe)


POTENTIAL_METHODS: tuple[Method, ...] = (
    Method(
        "historic_deficit", "potential", "historical deficit",
        need("soc_stock_reference"), ("deficit_historic",), _deficit,
        functions=("hotspots.analysis.potential.deficit:historic_deficit",),
    ),
    Method(
        "ipcc_tier1", "potential", "potential and hotspots",
        need("climate_zone", "cropland_share"),
        ("soc_stock_managed", "potential_ipcc_tier1", "potential_ipcc_tier1_per_mille"), _tier1,
        functions=(f"{_TIER1}:ipcc_tier1",), tables=("ipcc_stock_change_factors",),
        sections=("potential",),
    ),
    Method(
        "four_per_mille", "yardstick", "4 per 1000 yardstick", need("soc_stock_managed"),
        ("target_four_per_mille",), _yardstick,
        functions=("hotspots.analysis.potential.target:target_four_per_mille",),
        sections=("target",),
    ),
)  # fmt: skip
