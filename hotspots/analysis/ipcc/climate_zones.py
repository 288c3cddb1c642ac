"""IPCC climate zones from temperature, precipitation, PET, elevation and frost.

The decision tree of the 2006 Guidelines (Vol 4 Ch 3 Fig 3A.5.2), which the 2019 Refinement keeps.
A comparison with NaN is False and would silently lead into a wrong branch, so each branch first
checks its inputs for missing values.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import class_result, elementwise, require_between
from hotspots.analysis.ipcc.tier1 import GUIDELINES
from hotspots.errors import BadInputError
from hotspots.layers.array_types import CodeArray, FloatArray, Numeric, SameKind
from hotspots.layers.variables import CLIMATE_ZONES, VARIABLES

TROPICAL_ABOVE = 18.0  # degC, mean annual temperature
WARM_ABOVE = 10.0
COOL_ABOVE = 0.0
POLAR_BELOW = 10.0  # degC, warmest month
TROPICAL_FROST_DAYS = 7.0  # d yr-1, at most
MONTANE_ABOVE = 1000.0  # m
WET_ABOVE = 2000.0  # mm yr-1
MOIST_ABOVE = 1000.0  # mm yr-1
MOIST_RATIO_ABOVE = 1.0  # precipitation over PET

_CODE = {name: code for code, name in CLIMATE_ZONES.items()}


def climate_zone(
    *,
    mean_annual_temperature: Numeric,
    annual_precipitation: Numeric,
    annual_pet: Numeric | None = None,
    elevation: Numeric | None = None,
    frost_days: Numeric | None = None,
    warmest_month_temperature: Numeric | None = None,
    guidelines: str = "2019",
) -> SameKind:
    """Return the IPCC climate zone.

    Parameters
    ----------
    mean_annual_temperature : DataArray, array or float
        degC.
    annual_precipitation : DataArray, array or float
        mm yr-1; not needed in tropical montane climates.
    annual_pet : DataArray, array or float, optional
        Potential evapotranspiration, mm yr-1; needed outside of the tropics.
    elevation : DataArray, array or float, optional
        m; needed in the tropics.
    frost_days : DataArray, array or float, optional
        Days of frost a year; needed where the mean annual temperature is above 18 degC. Where a
        proxy stands for it (such as days with a minimum below 0 from monthly means), say which in
        its attribute ``proxy``: the result carries that as ``frost_days_proxy``.
    warmest_month_temperature : DataArray, array or float, optional
        degC; needed where the mean annual temperature is 0 degC or below.
    guidelines : str
        Edition of the factors that the zones are used with, "2006" or "2019": recorded as an
        attribute of the result; the rules are the same.

    Returns
    -------
    str, or DataArray of uint8
        ``climate_zone``: the name for scalars, else codes 1-12 with flags. "nodata" or 0 where an
        input that the branch taken needs is missing; other inputs may be missing there.

    Raises
    ------
    BadInputError
        Kelvin, negative precipitation, or another physically impossible value.

    Notes
    -----
    Tropical: above 18 degC and at most 7 days of frost; there montane above 1000 m, else wet above
    2000 mm, moist above 1000 mm, dry. Warm temperate: above 10 degC; cool temperate: above 0;
    below that polar where every month is below 10 degC, else boreal; each moist where
    precipitation/PET is above 1. All comparisons are strict as written, as in
    ``tables/ipcc_climate_zone_rules.csv`` (secondary: two implementations of the figure). A PET of
    0 makes the ratio infinite (convention).
    """
    if guidelines not in GUIDELINES:
        allowed = " and ".join(GUIDELINES)
        raise BadInputError(f"guidelines is '{guidelines}'; allowed are {allowed}.")
    drivers = {
        "mean_annual_temperature": mean_annual_temperature,
        "annual_precipitation": annual_precipitation,
        "annual_pet": annual_pet,
        "elevation": elevation,
        "frost_days": frost_days,
        "warmest_month_temperature": warmest_month_temperature,
    }
    for name, value in drivers.items():
        row = VARIABLES[name]
        remedy = "subtract 273.15 from kelvin" if row.unit == "degC" else "check unit and nodata"
        require_between(name, value, row.low, row.high, row.unit, remedy)
    given = [np.nan if value is None else value for value in drivers.values()]
    codes = elementwise(_zones, *given, dtype="uint8")
    attrs = {"guidelines": guidelines}
    if isinstance(frost_days, xr.DataArray) and "proxy" in frost_days.attrs:
        attrs["frost_days_proxy"] = str(frost_days.attrs["proxy"])
    return class_result(codes, CLIMATE_ZONES, "climate_zone", **attrs)


def _zones(
    mat: FloatArray,
    rain: FloatArray,
    pet: FloatArray,
    elevation: FloatArray,
    frost: FloatArray,
    warmest: FloatArray,
) -> CodeArray:
    """Return zone codes, 0 where unknown; in each branch conditions are tested in order."""
    unknown = np.isnan
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(
            unknown(rain) | unknown(pet), np.nan, np.where(pet == 0, np.inf, np.divide(rain, pet))
        )
    warm = mat > TROPICAL_ABOVE
    tropical = warm & (frost <= TROPICAL_FROST_DAYS)

    def by_ratio(band: str) -> FloatArray:
        """Return the moist or dry zone of a band, by the ratio of precipitation to PET."""
        moist, dry = _CODE[f"{band}_moist"], _CODE[f"{band}_dry"]
        return np.select([unknown(ratio), ratio > MOIST_RATIO_ABOVE], [0, moist], dry)

    # Elevation before rain: a montane climate doesn't need the rain.
    in_tropics = np.select(
        [
            unknown(elevation),
            elevation > MONTANE_ABOVE,
            unknown(rain),
            rain > WET_ABOVE,
            rain > MOIST_ABOVE,
        ],
        [0, _CODE["tropical_montane"], 0, _CODE["tropical_wet"], _CODE["tropical_moist"]],
        _CODE["tropical_dry"],
    )
    in_cold = np.select(
        [unknown(warmest), warmest < POLAR_BELOW], [0, by_ratio("polar")], by_ratio("boreal")
    )
    # Frost decides above 18 degC only: in cooler climates it may be missing.
    zones = np.select(
        [unknown(mat), warm & unknown(frost), tropical, mat > WARM_ABOVE, mat > COOL_ABOVE],
        [0, 0, in_tropics, by_ratio("warm_temperate"), by_ratio("cool_temperate")],
        in_cold,
    )
    return zones.astype("uint8")
