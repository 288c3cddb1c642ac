"""Eligible land: managed and not masked; the area of all other land is reported by reason.

A mask is a named switch. A mask whose layers are missing can't be applied, which is reported: a map
without permafrost data must not suggest that there is no permafrost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from hotspots.errors import BadInputError, RasterError
from hotspots.layers.typed import choose
from hotspots.layers.variables import (
    CLIMATE_ZONES,
    EXCLUSION_REASONS,
    LAND_COVERS,
    SOIL_CLASSES,
    describe,
)

_REASON = {name: code for code, name in EXCLUSION_REASONS.items()}
_SOIL = {name: code for code, name in SOIL_CLASSES.items()}
_COVER = {name: code for code, name in LAND_COVERS.items()}
_POLAR = [code for code, name in CLIMATE_ZONES.items() if name.startswith("polar")]
# Of GSOCseq, as are 200 t/ha (FAO 2020, GSOCseq Technical Manual).
MOST_SAND_PERCENT = 90.0
MOST_SALT_DS_M = 4.0
HIGH_STOCK_T_HA = 200.0
HYPER_ARID_INDEX = 0.05  # precipitation / PET, UNEP (1997)
HALF = 0.5


@dataclass(frozen=True)
class Thresholds:
    """Substitute criteria of masks whose preferred layer is missing.

    Attributes
    ----------
    organic_stock : float
        Without ``soil_class``, soil with more than this, t ha-1 in 0-30 cm, counts as organic.
    hyper_arid_precipitation : float
        Without ``annual_pet``, land with less rain than this, mm yr-1, counts as hyper-arid.
    """

    organic_stock: float = 200.0
    hyper_arid_precipitation: float = 100.0


@dataclass(frozen=True)
class Mask:
    """A named switch: its reason in the legend, its alternative layers, and where it applies.

    ``holds(data, thresholds)`` gives a boolean DataArray; False where values are missing.
    """

    reason: str
    needs: tuple[str, ...]
    holds: Callable[[xr.Dataset, Thresholds], xr.DataArray]


def excluded_reason(
    data: xr.Dataset,
    managed_share: xr.DataArray,
    *,
    min_managed_share: float = 0.1,
    masks: Collection[str] | None = None,
    thresholds: Thresholds | None = None,
) -> xr.DataArray:
    """Return the reason why a cell's land is not ranked.

    Parameters
    ----------
    data : Dataset
        With ``soc_stock`` and ``climate_zone``; masks use further layers where present.
    managed_share : DataArray
        Managed land, share of the cell's land, 0-1.
    min_managed_share : float
        Cells with less managed land, or with none, are not ranked.
    masks : collection of str, optional
        Names of `MASKS` that are on; all by default. One whose layers are missing excludes
        nothing, see `mask_states`.
    thresholds : Thresholds, optional
        Substitute criteria of masks whose preferred layer is missing.

    Returns
    -------
    DataArray
        ``excluded_reason``, class codes; 0 where the cell is ranked or holds no soil data. Where
        several reasons apply, the first in the legend is reported.
    """
    for name in ("soc_stock", "climate_zone"):
        if name not in data:
            raise RasterError(f"Ranking hotspots needs the layer '{name}', which isn't given.")
    on, limits = _names(masks), thresholds or Thresholds()
    checks = {
        # A stock of 0 t/ha is a gap in the soil map, not a soil.
        "zero_stock": data["soc_stock"] == 0,
        "no_climate_zone": ~data["climate_zone"].isin(list(CLIMATE_ZONES)),
        "no_land_use_data": managed_share.isnull(),
        "little_managed_land": (managed_share < min_managed_share) | (managed_share <= 0),
    }
    for name in on:
        mask = MASKS[name]
        if any(layer in data for layer in mask.needs):
            checks[mask.reason] = mask.holds(data, limits)
    reason = xr.zeros_like(data["soc_stock"], dtype="uint8")
    # From the last reason in the legend to the first, which overwrites the others.
    for cause in sorted(checks, key=lambda name: -_REASON[name]):
        reason = reason.where(~checks[cause], np.uint8(_REASON[cause]))
    reason = reason.where(data["soc_stock"].notnull(), np.uint8(0)).astype("uint8")
    return describe(reason, "excluded_reason")


def under_mask(
    data: xr.Dataset, masks: Collection[str] | None = None, thresholds: Thresholds | None = None
) -> xr.DataArray:
    """Return where any of the masks that are on and have their layers holds, managed or not."""
    on, limits = _names(masks), thresholds or Thresholds()
    held = xr.zeros_like(data["soc_stock"], dtype=bool)
    for name in on:
        if any(layer in data for layer in MASKS[name].needs):
            held = held | MASKS[name].holds(data, limits)
    return held


def mask_states(data: xr.Dataset, masks: Collection[str] | None = None) -> dict[str, str]:
    """Return, for each mask, "applied", "off", or which layers it lacks."""
    on = _names(masks)
    states = {}
    for name, mask in MASKS.items():
        lacks = f"not applied: the data lack {' or '.join(mask.needs)}"
        known = any(layer in data for layer in mask.needs)
        states[name] = ("applied" if known else lacks) if name in on else "off"
    return states


def is_organic(data: xr.Dataset, stock: float) -> xr.DataArray:
    """Return where soil is organic: by ``soil_class``, elsewhere by more stock than `stock`."""
    by_stock = data["soc_stock"] > stock
    if "soil_class" not in data:
        return by_stock
    soil = data["soil_class"]
    return choose(soil.isin(list(SOIL_CLASSES)), soil == _SOIL["organic"], by_stock)


def _names(masks: Collection[str] | None) -> list[str]:
    unknown = sorted(set(masks or ()) - set(MASKS))
    if unknown:
        raise BadInputError(f"'{unknown[0]}' isn't a mask; allowed are {', '.join(MASKS)}.")
    return [name for name in MASKS if masks is None or name in masks]


def _hyper_arid(data: xr.Dataset, limits: Thresholds) -> xr.DataArray:
    rain = data["annual_precipitation"]
    by_rain = rain < limits.hyper_arid_precipitation
    if "annual_pet" not in data:
        return by_rain
    pet = data["annual_pet"]
    # As a product: where PET is 0, the index is infinite and the land is not arid.
    return choose(pet.notnull(), rain < HYPER_ARID_INDEX * pet, by_rain)


def _wetland(data: xr.Dataset, _: Thresholds) -> xr.DataArray:
    holds = xr.zeros_like(data["soc_stock"], dtype=bool)
    for layer, codes in (("soil_class", _SOIL), ("land_cover", _COVER)):
        if layer in data:
            holds = holds | (data[layer] == codes["wetland"])
    return holds


def _paddy(data: xr.Dataset, _: Thresholds) -> xr.DataArray:
    if "cropland_share" not in data:
        return data["paddy_share"] >= HALF
    # Paddy is a part of cropland: where that is known, half of the crops decides.
    return (data["paddy_share"] > 0) & (data["paddy_share"] >= HALF * data["cropland_share"])


def _topsoil(layer: xr.DataArray) -> xr.DataArray:
    """Return the mean over ``depth``, weighted by ``thickness``, where there are soil layers."""
    if "depth" not in layer.dims:
        return layer
    weight = layer["thickness"] / float(layer["thickness"].sum())
    # A missing layer makes the mean missing: the others alone aren't the topsoil.
    return (layer * weight).sum("depth", skipna=False)


MASKS: Mapping[str, Mask] = {
    "polar": Mask("polar", ("climate_zone",), lambda d, _: d["climate_zone"].isin(_POLAR)),
    "hyper_arid": Mask("hyper_arid", ("annual_precipitation",), _hyper_arid),
    "organic": Mask(
        "organic_soil", ("soil_class", "soc_stock"), lambda d, t: is_organic(d, t.organic_stock)
    ),
    "paddy": Mask("paddy", ("paddy_share",), _paddy),
    "wetland": Mask("wetland_soil", ("soil_class", "land_cover"), _wetland),
    "permafrost": Mask(
        "permafrost", ("permafrost_share",), lambda d, _: d["permafrost_share"] >= HALF
    ),
    "allophanic": Mask(
        "allophanic", ("soil_class",), lambda d, _: d["soil_class"] == _SOIL["volcanic"]
    ),
    "very_sandy": Mask(
        "very_sandy", ("sand",), lambda d, _: _topsoil(d["sand"]) > MOST_SAND_PERCENT
    ),
    "saline": Mask(
        "saline",
        ("electrical_conductivity",),
        lambda d, _: d["electrical_conductivity"] > MOST_SALT_DS_M,
    ),
    "high_stock": Mask("high_stock", ("soc_stock",), lambda d, _: d["soc_stock"] > HIGH_STOCK_T_HA),
}
