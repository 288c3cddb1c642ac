"""Inputs derived from others: stock from soil layers, climate zone, soil class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hotspots import analysis as an
from hotspots.edition.methods.base import Layers, Method, NotPossible, need

if TYPE_CHECKING:
    from hotspots.edition.recipe import Recipe

_CLIMATE = (
    "mean_annual_temperature",
    "annual_precipitation",
    "annual_pet",
    "elevation",
    "frost_days",
    "warmest_month_temperature",
)


def thickness_of(layer: xr.DataArray) -> xr.DataArray | float:
    """Return the thickness of the soil layer or layers of `layer`, cm.

    It is the coordinate ``thickness`` of layers along ``depth``; for a single one it is from the
    attribute ``depth_cm`` ("0-30").
    """
    if "depth" in layer.dims:
        if "thickness" not in layer.coords:
            raise NotPossible(
                f"'{layer.name}' has a dimension 'depth' without a coordinate 'thickness' (cm)."
            )
        return layer["thickness"]
    top, _, bottom = str(layer.attrs.get("depth_cm", "")).partition("-")
    try:
        return float(bottom) - float(top)
    except ValueError as error:
        raise NotPossible(
            f"'{layer.name}' doesn't say its depth in attrs['depth_cm'], such as '0-30'."
        ) from error


def topsoil(layer: xr.DataArray) -> xr.DataArray:
    """Return the mean over ``depth``, weighted by thickness; a single layer unchanged."""
    if "depth" not in layer.dims:
        return layer
    weight = layer["thickness"]
    # With a layer of the profile missing, the mean is unknown: it would be of other depths.
    return (layer * weight).sum("depth", skipna=False).drop_vars("depth", errors="ignore") / float(
        np.sum(weight)
    )


def require_layers_alike(*layers: xr.DataArray) -> None:
    """Raise `NotPossible` if any layer has a dimension ``depth`` and the first hasn't.

    The thickness of the first would be counted once for each depth of the others.
    """
    first, *others = layers
    for layer in others:
        if "depth" in layer.dims and "depth" not in first.dims:
            raise NotPossible(
                f"'{layer.name}' lies along 'depth', but '{first.name}' doesn't. Give both for the"
                " same soil layers."
            )


def _stock(data: xr.Dataset, recipe: Recipe) -> Layers:
    require_layers_alike(data["soc"], data["bulk_density"], data["coarse_fragments"])
    stock = an.soc_stock(
        soc=data["soc"],
        bulk_density=data["bulk_density"],
        coarse_fragments=data["coarse_fragments"],
        thickness=thickness_of(data["soc"]),
    )
    method = {"method": "SOC x bulk density x (1 - coarse fragments) x thickness, layers summed"}
    kept = {k: v for k, v in data["soc"].attrs.items() if k in ("year", "source", "licence")}
    return {"soc_stock": stock.assign_attrs(method | kept)}


def _climate_zone(data: xr.Dataset, recipe: Recipe) -> Layers:
    given = {name: data[name] for name in _CLIMATE if name in data}
    zone = an.climate_zone(**given, guidelines=recipe.potential.guidelines)
    return {"climate_zone": zone.assign_attrs(method="IPCC rules on the climate layers given")}


def _soil_class(data: xr.Dataset, recipe: Recipe) -> Layers:
    found = an.soil_class(
        group=data["soil_group"], sand=topsoil(data["sand"]), clay=topsoil(data["clay"])
    )
    return {"soil_class": found.assign_attrs(method="IPCC rules on WRB group and texture")}


INPUT_METHODS: tuple[Method, ...] = (
    Method(
        "soc_stock",
        "input",
        "stock from soil layers",
        need("soc", "bulk_density", "coarse_fragments"),
        ("soc_stock",),
        _stock,
        functions=("analysis.stock:soc_stock",),
    ),
    Method(
        "climate_zone",
        "input",
        "climate zone from climate layers",
        need("mean_annual_temperature", "annual_precipitation", "annual_pet"),
        ("climate_zone",),
        _climate_zone,
        functions=("analysis.ipcc.climate_zones:climate_zone",),
        tables=("ipcc_climate_zone_rules",),
    ),
    Method(
        "soil_class",
        "input",
        "soil class from soil groups",
        need("soil_group", "sand", "clay"),
        ("soil_class",),
        _soil_class,
        functions=("analysis.ipcc.soil_classes:soil_class",),
        tables=("ipcc_soil_class_crosswalk",),
    ),
)
