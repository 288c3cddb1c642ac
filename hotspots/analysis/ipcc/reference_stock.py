"""IPCC reference stocks (SOCref): soil carbon under native vegetation by climate and soil."""

from __future__ import annotations

from functools import cache

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import class_codes, elementwise
from hotspots.analysis.ipcc.factor_tables import rows_of
from hotspots.analysis.ipcc.tier1 import GUIDELINES, require_guidelines
from hotspots.errors import BadInputError
from hotspots.layers.array_types import ClassArgument, FloatArray, SameKind
from hotspots.layers.variables import CLIMATE_ZONES, SOIL_CLASSES, describe

DEPTH_CM = "0-30"
_ZONE_CODE = {name: code for code, name in CLIMATE_ZONES.items()}
_SOIL_CODE = {name: code for code, name in SOIL_CLASSES.items()}


def soc_reference(
    *, climate_zone: ClassArgument, soil_class: ClassArgument, guidelines: str = "2019"
) -> SameKind:
    """Return the IPCC reference stock of mineral soils.

    Parameters
    ----------
    climate_zone : str, int, array or DataArray
        By name or code (1-12, 0 = nodata); a DataArray's attribute ``guidelines``, where present,
        must agree with `guidelines`.
    soil_class : str, int, array or DataArray
        By name or code (1-7, 0 = nodata).
    guidelines : str
        "2006" or "2019". Stocks of one edition must not be combined with factors of the other.

    Returns
    -------
    float, array or DataArray
        ``soc_stock_reference``, t ha-1, 0-30 cm. NaN for nodata, for organic soils (which have no
        reference stock) and where the table has none.

    Raises
    ------
    BadInputError
        An unknown class, or zones of another edition.

    Notes
    -----
    ``tables/ipcc_socref.csv``: 2006 Vol 4 Ch 2 Table 2.3 (two secondary transcriptions; wetland
    soils of the cool temperate zone from memory) and 2019 Refinement (one secondary
    implementation).
    """
    found = _looked_up("socref_t_c_ha_0_30cm", climate_zone, soil_class, guidelines)
    if isinstance(found, xr.DataArray):
        return describe(found, "soc_stock_reference", depth_cm=DEPTH_CM, guidelines=guidelines)
    return found


def soc_reference_uncertainty(
    *, climate_zone: ClassArgument, soil_class: ClassArgument, guidelines: str = "2019"
) -> SameKind:
    """Return the uncertainty of `soc_reference`, % of the value, with its arguments and NaN.

    Notes
    -----
    2006: nominal error of 90 % (2 sd); 2019: half the 95 % confidence interval. The sd is
    value·uncertainty/196 (2019) or /200 (2006).
    """
    found = _looked_up("uncertainty_pct", climate_zone, soil_class, guidelines)
    if isinstance(found, xr.DataArray):
        found.name = "soc_stock_reference_uncertainty"
        found.attrs = {
            "units": "%",
            "long_name": "Uncertainty of the reference stock",
            "guidelines": guidelines,
        }
    return found


def _looked_up(
    column: str, climate_zone: ClassArgument, soil_class: ClassArgument, guidelines: str
) -> SameKind:
    if guidelines not in GUIDELINES:
        allowed = " and ".join(GUIDELINES)
        raise BadInputError(f"guidelines is '{guidelines}'; allowed are {allowed}.")
    if isinstance(climate_zone, xr.DataArray):
        require_guidelines(climate_zone, guidelines)
    values = _matrix(column, guidelines)
    return elementwise(
        lambda zone, soil: values[zone, soil],
        class_codes(climate_zone, CLIMATE_ZONES, "IPCC climate zone"),
        class_codes(soil_class, SOIL_CLASSES, "IPCC soil class"),
    )


@cache
def _matrix(column: str, guidelines: str) -> FloatArray:
    """Return the values by zone code and soil code; NaN where there is none."""
    out = np.full((len(CLIMATE_ZONES) + 1, len(SOIL_CLASSES) + 1), np.nan)
    for row in rows_of("ipcc_socref", guidelines=guidelines):
        if row[column]:
            out[_ZONE_CODE[row["climate_zone"]], _SOIL_CODE[row["soil_class"]]] = float(row[column])
    return out
