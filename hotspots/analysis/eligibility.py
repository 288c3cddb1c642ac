"""Which land is ranked: managed, mineral, neither polar nor hyper-arid; the rest by reason."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.errors import RasterError
from hotspots.variables import CLIMATE_ZONES, EXCLUSION_REASONS, SOIL_CLASSES, describe

_REASON = {name: code for code, name in EXCLUSION_REASONS.items()}
_POLAR = [code for code, name in CLIMATE_ZONES.items() if name.startswith("polar")]
_ORGANIC = next(code for code, name in SOIL_CLASSES.items() if name == "organic")
HYPER_ARID_INDEX = 0.05


def excluded_reason(
    data: xr.Dataset,
    managed_share: xr.DataArray,
    *,
    min_managed_share: float = 0.1,
    organic_stock: float = 200.0,
    hyper_arid_precipitation: float = 100.0,
) -> xr.DataArray:
    """Return why a cell's land is not ranked.

    Parameters
    ----------
    data : Dataset
        With ``soc_stock`` and ``climate_zone``; ``soil_class``, ``annual_precipitation`` and
        ``annual_pet`` are used where present.
    managed_share : DataArray
        Managed land, share of the cell's land, 0-1.
    min_managed_share : float
        Cells with less managed land, or with none, are not ranked.
    organic_stock : float
        Where ``soil_class`` is missing, mineral soil is told by a stock of at most this, t ha-1 in
        0-30 cm (the mask of GSOCseq).
    hyper_arid_precipitation : float
        Where ``annual_pet`` is missing, hyper-arid is told by less precipitation than this,
        mm yr-1; elsewhere by precipitation / PET below 0.05.

    Returns
    -------
    DataArray
        ``excluded_reason``, class codes; 0 where the cell is ranked or holds no soil data. Where
        several reasons hold, the first of the legend is told.
    """
    for name in ("soc_stock", "climate_zone"):
        if name not in data:
            raise RasterError(f"Ranking hotspots needs the layer '{name}', which isn't given.")
    zone = data["climate_zone"]
    checks = [
        # A stock of 0 t/ha is a gap in the soil map rather than a soil.
        ("zero_stock", data["soc_stock"] == 0),
        ("no_climate_zone", ~zone.isin(list(CLIMATE_ZONES))),
        ("polar", zone.isin(_POLAR)),
        ("hyper_arid", _hyper_arid(data, hyper_arid_precipitation)),
        ("no_land_use_data", managed_share.isnull()),
        ("little_managed_land", (managed_share < min_managed_share) | (managed_share <= 0)),
        ("organic_soil", is_organic(data, organic_stock)),
    ]
    reason = xr.zeros_like(data["soc_stock"], dtype="uint8")
    for name, holds in reversed(checks):
        reason = reason.where(~holds, np.uint8(_REASON[name]))
    reason = reason.where(data["soc_stock"].notnull(), np.uint8(0)).astype("uint8")
    return describe(reason, "excluded_reason")


def _hyper_arid(data: xr.Dataset, precipitation: float) -> xr.DataArray:
    if "annual_precipitation" not in data:
        return xr.zeros_like(data["soc_stock"], dtype=bool)
    rain = data["annual_precipitation"]
    if "annual_pet" not in data:
        return rain < precipitation
    pet = data["annual_pet"]
    # As a product: where PET is 0, the index is infinite and the land not arid.
    return xr.where(pet.notnull(), rain < HYPER_ARID_INDEX * pet, rain < precipitation)


def is_organic(data: xr.Dataset, stock: float) -> xr.DataArray:
    """Return where soil is organic: by ``soil_class``, elsewhere by more stock than `stock`."""
    by_stock = data["soc_stock"] > stock
    if "soil_class" not in data:
        return by_stock
    soil = data["soil_class"]
    return xr.where(soil.isin(list(SOIL_CLASSES)), soil == _ORGANIC, by_stock)
