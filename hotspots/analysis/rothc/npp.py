"""Net primary production from annual climate: the MIAMI model."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import class_codes, elementwise, require_between
from hotspots.layers.array_types import ClassArgument, FloatArray, Numeric, SameKind
from hotspots.layers.variables import LAND_COVERS

MOST_G_M2 = 3000.0  # dry matter, g m-2 yr-1
CARBON_SHARE = 0.48  # of dry matter
T_HA_PER_G_M2 = 0.01
# Share of the potential production that a land cover reaches (scripts 11 and 14 of the GSOCseq
# protocol, read in source); the other covers have none.
LAND_COVER_COEFFICIENTS = {
    "tree_covered": 0.88,
    "grassland": 0.72,
    "cropland": 0.53,
    "wetland": 0.72,
}


def miami_npp(
    *,
    mean_annual_temperature: Numeric,
    annual_precipitation: Numeric,
    land_cover: ClassArgument | None = None,
) -> SameKind:
    """Return the net primary production of potential vegetation, or of a land cover.

    Parameters
    ----------
    mean_annual_temperature : DataArray, array or float
        degC.
    annual_precipitation : DataArray, array or float
        mm yr-1.
    land_cover : DataArray, array, str or int, optional
        UNCCD class by name or code; with it the production is multiplied by 0.88 (trees), 0.72
        (grassland, wetland) or 0.53 (cropland). Other classes and nodata give NaN.

    Returns
    -------
    same kind as given
        t C ha-1 yr-1, above and below ground. NaN where an input is.

    Raises
    ------
    BadInputError
        A temperature in kelvin, a negative precipitation, an unknown class.

    Notes
    -----
    ``NPP = min(3000/(1 + e^(1.315 − 0.119 T)), 3000 (1 − e^(−0.000664 P)))`` g dry matter
    m-2 yr-1, × 0.01 × 0.48. Lieth (1975), as in the GSOCseq Technical Manual (FAO 2020) ch. 6,
    whose typeset formulas lack the parentheses; the coefficients and 0.48 are the manual's
    (verified; its scripts use 0.5, which cancels where only ratios count). Soil, nutrients,
    irrigation and seasonality are not considered.
    """
    require_between(
        "mean_annual_temperature",
        mean_annual_temperature,
        -70,
        60,
        "degC",
        "subtract 273.15 from kelvin",
    )
    require_between("annual_precipitation", annual_precipitation, 0, 20000, "mm yr-1")
    npp = elementwise(_miami, mean_annual_temperature, annual_precipitation)
    if land_cover is not None:
        by_code = land_cover_lookup(LAND_COVER_COEFFICIENTS)
        npp = elementwise(lambda value, codes: value * by_code[codes], npp, _codes_of(land_cover))
    if isinstance(npp, xr.DataArray):
        npp.attrs = {"units": "t ha-1 yr-1", "long_name": "Net primary production (MIAMI)"}
    return npp


def land_cover_lookup(values: dict[str, float]) -> FloatArray:
    """Return `values` of land covers by name as an array by code; NaN for all other codes."""
    return np.array([np.nan, *(values.get(name, np.nan) for name in LAND_COVERS.values())])


def _codes_of(land_cover: ClassArgument) -> SameKind:
    return class_codes(land_cover, LAND_COVERS, "UNCCD land cover class")


def _miami(temperature: FloatArray, precipitation: FloatArray) -> FloatArray:
    by_warmth = MOST_G_M2 / (1 + np.exp(1.315 - 0.119 * temperature))
    # expm1, exact for the little rain of deserts too.
    by_water = MOST_G_M2 * -np.expm1(-0.000664 * precipitation)
    return np.minimum(by_warmth, by_water) * T_HA_PER_G_M2 * CARBON_SHARE
