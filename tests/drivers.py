"""Data with every layer that a method may want: a piece of the sample, and drivers made for it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import xarray as xr

import hotspots as hs
from hotspots.edition.inputs import clip
from hotspots.layers.variables import LAND_COVERS, SOIL_GROUPS, flags

MONTHS = np.arange(12)
QUICK: dict[str, Any] = {"uncertainty": {"draws": 25}, "attainable": {"min_samples": 5}}


def quick(**sections: dict[str, Any]) -> hs.Recipe:
    """Return a recipe with few draws and small strata, and what is given beside."""
    return hs.Recipe.from_dict(
        {s: QUICK.get(s, {}) | sections.get(s, {}) for s in {**QUICK, **sections}}
    )


@cache
def _piece(region: str) -> xr.Dataset:
    return clip(hs.sample(), hs.region(region)).load()


def piece(region: str = "UGA") -> xr.Dataset:
    """Return the sample cut to a region, in memory, free to be changed."""
    return _piece(region).copy(deep=True)


def filled(data: xr.Dataset, value: Any, unit: str, **attrs: Any) -> xr.DataArray:
    """Return a quantity on the soil of `data`: one number, or a row of the same shape."""
    like = xr.zeros_like(data["soc_stock"], dtype="float64") + value
    out = like.where(data["soc_stock"].notnull()).astype("float32")
    return out.assign_attrs(units=unit, **attrs)


def monthly(data: xr.Dataset, of_month: Any, unit: str) -> xr.DataArray:
    """Return `of_month(i)`, i = 0 to 11, along ``month``."""
    layers = [filled(data, of_month(i), unit) for i in MONTHS]
    return xr.concat(layers, "month").assign_coords(month=MONTHS + 1).assign_attrs(units=unit)


def classed(data: xr.Dataset, codes: Any, legend: dict[int, str]) -> xr.DataArray:
    """Return a class layer on the soil of `data`."""
    known = data["soc_stock"].notnull()
    out = known.copy(data=np.where(known, codes, 0).astype("uint8"))
    return out.drop_attrs(deep=False).assign_attrs(flags(legend))


def made(region: str = "UGA", seed: int = 0) -> xr.Dataset:
    """Return the sample's layers and all that it lacks, so that every method runs."""
    data, rng = piece(region), np.random.default_rng(seed)
    shape = data["soc_stock"].shape
    warmth, rain = data["mean_annual_temperature"], data["annual_precipitation"]
    depth = {"depth_cm": "0-30"}
    clay = rng.uniform(5, 50, shape)
    layers = {
        "soc": filled(data, data["soc_stock"] / (0.1 * 1.3 * 30), "g kg-1", **depth),
        "bulk_density": filled(data, 1.3, "g cm-3", **depth),
        "coarse_fragments": filled(data, 0.0, "1", **depth),
        "clay": filled(data, clay, "%", **depth),
        "silt": filled(data, (100 - clay) * 0.45, "%", **depth),
        "sand": filled(data, (100 - clay) * 0.55, "%", **depth),
        "soil_erosion": filled(data, rng.gamma(1, 5, shape), "t ha-1 yr-1"),
        "conversion_rate": filled(data, rng.uniform(0, 0.008, shape), "yr-1"),
        "drained_organic_share": filled(data, rng.uniform(0, 0.002, shape), "1"),
        "electrical_conductivity": filled(data, rng.uniform(0, 5, shape), "dS m-1"),
        "annual_pet": filled(data, 1500, "mm yr-1"),
        "air_temperature": monthly(data, lambda i: warmth + 3 * np.sin(i / 2), "degC"),
        "precipitation": monthly(
            data, lambda i: rain / 12 * (1 + 0.8 * np.sin(i / 2)), "mm month-1"
        ),
        "evaporation": monthly(data, lambda i: 90 + 40 * np.cos(i / 2), "mm month-1"),
        "plant_cover": monthly(data, lambda i: 0.9 if i > 3 else 0.2, "1"),
        "soil_group": classed(data, 20, SOIL_GROUPS),
    }
    for year, cover in ((2000, 1), (2008, 3), (2015, 3)):
        codes = np.where(rng.random(shape) < 0.3, cover, 2)
        layers[f"land_cover_{year}"] = classed(data, codes, LAND_COVERS)
    for year in (1995, 2000, 2005):
        stock = data["soc_stock"] + (2010 - year) * 0.1
        layers[f"soc_stock_{year}"] = filled(data, stock, "t ha-1", year=year, **depth)
    return data.assign(layers)
