"""Saturation deficit: the unused capacity of the fine fraction for carbon, by a regression.

A theoretical upper bound of stable carbon, not an attainable rate; the concept is contested
(Paterson et al. 2021, doi:10.5194/bg-18-605-2021). It compares the capacity of the fine fraction
with the carbon **in that fraction**, which is a share of the total.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    class_codes,
    common_depth,
    elementwise,
    require_between,
    require_fraction,
)
from hotspots.analysis.ipcc.factor_tables import Row, status_kind, table
from hotspots.analysis.stock import DEPTH, check_soil, stock_of_content
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import ClassArgument, FloatArray, Numeric, SameKind, TableRow
from hotspots.layers.variables import LAND_USES, SOIL_CLASSES, describe

# Share of SOC in the fine fraction; Chen et al. (2019), verified.
FINE_SHARE = {"cropland": 0.85, "grassland": 0.69, "forest": 0.66}
ORGANIC_ABOVE = 120.0  # g kg-1
UNFIT_SOILS = ("organic", "volcanic", "spodic")
FRACTIONS = ("log_linear", "half", "sum")
# Silt between 2 and 20 um in silt of 2 to 50 um, if particles are log-uniform (convention).
LOG_LINEAR_SHARE = float(np.log(20 / 2) / np.log(50 / 2))
_SILT_SHARE = {"log_linear": LOG_LINEAR_SHARE, "half": 0.5, "sum": 1.0}

Equation = str | Callable[[Any], Any]  # a function of the fine fraction, %, of any kind
Fraction = Numeric | str


def saturation_deficit(
    *,
    soc: Numeric,
    bulk_density: Numeric,
    clay: Numeric | None = None,
    silt: Numeric | None = None,
    coarse_fragments: Numeric = 0.0,
    thickness: Numeric = 30.0,
    equation: Equation = "hassink_1997",
    fraction: Fraction | None = None,
    land_use: ClassArgument | None = None,
    fine_share: Numeric | None = None,
    soil_class: ClassArgument | None = None,
) -> xr.Dataset:
    """Return the carbon saturation deficit of the fine fraction.

    Parameters
    ----------
    soc : DataArray, array or float
        Carbon content of the fine earth, g kg-1.
    bulk_density, coarse_fragments, thickness
        As for `soc_stock`: g cm-3 of the fine earth, volume share 0-1, cm.
    clay, silt : DataArray, array or float, optional
        % of the fine earth, silt 2-50 um; not needed where `fraction` is given as values.
    equation : str or function
        A row of ``tables/saturation_equations.csv`` (see `saturation_equations`), or a function
        from the fine fraction (%) to a capacity in g kg-1 of soil.
    fraction : str, DataArray, array or float, optional
        Rule that derives the fine fraction from texture, or its values in %; see `fine_fraction`.
    land_use : str, array or DataArray, optional
        "cropland", "grassland" or "forest" by name, code or class layer: sets the share of SOC in
        the fine fraction (`FINE_SHARE`).
    fine_share : DataArray, array or float, optional
        That share itself, 0-1, instead of `land_use`. One of the two is needed.
    soil_class : str, array or DataArray, optional
        IPCC soil class; organic, volcanic and spodic soils, for which no equation holds, and cells
        without a class get NaN.

    Returns
    -------
    Dataset
        ``saturation_deficit``, t ha-1, 0 or more, and ``saturation_balance``, the same signed;
        summed over ``depth`` where there is one, each layer's deficit for itself. NaN where an
        input is missing, where `soil_class` is unfit, for land use "other", and in arrays where
        SOC is above 120 g kg-1 (organic soil).

    Raises
    ------
    BadInputError
        An unknown equation, no land use, a single SOC above 120 g kg-1, wrong units.

    Notes
    -----
    ``deficit = max(0, a + b·F − φ·SOC)·BD·(1 − CF)·h·0.1``. Hassink (1997),
    doi:10.1023/A:1004213929699: 4.09 + 0.37·F, F < 20 um (verified); Six (2002) and Feng (2013)
    from memory; Georgiou (2022) abstract verified, coefficients from memory. φ: Chen et al. (2019)
    (verified). Means (regressions) and upper bounds (boundary lines) differ by up to two times.
    """
    check_soil(soc, bulk_density, coarse_fragments, thickness)
    if np.ndim(soc) == 0 and not isinstance(soc, xr.DataArray) and soc > ORGANIC_ABOVE:
        raise BadInputError(
            f"soc is {soc:g} g kg-1, above {ORGANIC_ABOVE:g}: an organic soil, for which no"
            " saturation equation holds. Take organic_soil_factor, or divide dg kg-1 by 10."
        )
    share = _fine_share(land_use, fine_share)
    fine = fine_fraction(clay=clay, silt=silt, equation=equation, fraction=fraction)
    capacity = saturation_capacity(fine, equation)
    balance = elementwise(_balance, capacity, soc, share)
    if soil_class is not None:
        codes = class_codes(soil_class, SOIL_CLASSES, "IPCC soil class")
        balance = elementwise(_where_fit, balance, codes)
    # Clipped before the sum over depth: a surplus in one layer doesn't fill another's deficit.
    deficit = elementwise(lambda b: np.maximum(b, 0.0), balance)
    attrs = {
        "equation": equation
        if isinstance(equation, str)
        else getattr(equation, "__name__", "user"),
        "fraction": fraction if isinstance(fraction, str) else _default(equation, fraction),
    } | common_depth(soc)
    out = {}
    for name, content in {"saturation_deficit": deficit, "saturation_balance": balance}.items():
        layer = xr.DataArray(stock_of_content(content, bulk_density, coarse_fragments, thickness))
        if DEPTH in layer.dims:
            layer = layer.sum(DEPTH, skipna=False)
        out[name] = describe(layer, name, **attrs)
    return xr.Dataset(out)


def saturation_capacity(fine_fraction: Numeric, equation: Equation = "hassink_1997") -> SameKind:
    """Return the carbon that the fine fraction holds at saturation, g kg-1 of soil.

    Parameters
    ----------
    fine_fraction : DataArray, array or float
        %, of the size that the equation is for.
    equation : str or function
        As for `saturation_deficit`.

    Returns
    -------
    DataArray, array or float
        ``a + b·F``; NaN stays NaN.
    """
    # Rounded clay and silt may add up to slightly more than 100 %.
    require_between("fine_fraction", fine_fraction, 0, 101, "%", "multiply fractions by 100")
    if not isinstance(equation, str):
        return equation(fine_fraction)
    row = _row(equation)
    a, b = float(row["intercept_g_per_kg"]), float(row["slope_g_per_kg_per_pct"])
    return elementwise(lambda f: a + b * f, fine_fraction)


def fine_fraction(
    *,
    clay: Numeric | None,
    silt: Numeric | None,
    equation: Equation = "hassink_1997",
    fraction: Fraction | None = None,
) -> SameKind:
    """Return the fine fraction that an equation is for, %.

    Parameters
    ----------
    clay, silt : DataArray, array or float
        % of the fine earth; clay below 2 um, silt 2-50 um.
    equation : str or function
        As for `saturation_deficit`; a function takes the fraction below 20 um.
    fraction : str, DataArray, array or float, optional
        "log_linear" (``clay + 0.715·silt``, the default below 20 um), "half" (``clay + 0.5·silt``,
        crude) or "sum" (``clay + silt``: below 50 um the only one, below 20 um right where silt is
        2-20 um); or the fraction itself, %, which is then returned as it is.

    Returns
    -------
    DataArray, array or float
        %; NaN where clay or silt is NaN. The choice moves the capacity by some 20 %.
    """
    rule = _default(equation, fraction) if fraction is None else fraction
    if not isinstance(rule, str):
        return rule
    if rule not in FRACTIONS:
        raise BadInputError(
            f"fraction is '{rule}'; allowed are {', '.join(FRACTIONS)}, or values in %."
        )
    if rule != "sum" and size_limit(equation) == 50:
        raise BadInputError(
            f"fraction is '{rule}', but '{equation}' is for all particles below 50 um, which is"
            " clay + silt. Leave fraction out."
        )
    if clay is None or silt is None:
        raise BadInputError("Give clay and silt in %, or the fine fraction itself as fraction.")
    for name, value in (("clay", clay), ("silt", silt)):
        require_between(name, value, 0, 100, "%", "divide per mille by 10")
    weight = _SILT_SHARE[rule]
    return elementwise(lambda c, s: np.asarray(c + weight * s, dtype="float64"), clay, silt)


def saturation_equations() -> list[TableRow]:
    """Return the equations by ``id``: intercept, slope, size limit, domain, source and status."""
    return [
        {
            "id": row["id"],
            "intercept": float(row["intercept_g_per_kg"]),
            "slope": float(row["slope_g_per_kg_per_pct"]),
            "size_limit_um": size_limit(row["id"]),
            "domain": row["domain"],
            "source": row["source"],
            "status": status_kind(row["status"]),
        }
        for row in table("saturation_equations")
    ]


def size_limit(equation: Equation) -> int:
    """Return the largest particle of an equation's fine fraction, 20 or 50 um."""
    if not isinstance(equation, str):
        return 20
    found = re.search(r"(?:<|0-)(\d+) um", _row(equation)["domain"])
    return int(found.group(1)) if found else 20


def _row(equation: str) -> Row:
    rows = {row["id"]: row for row in table("saturation_equations")}
    if equation not in rows:
        raise BadInputError(
            f"equation is '{equation}'; allowed are {', '.join(rows)}, or a function"
            f"{near_matches(equation, rows) or '.'}"
        )
    return rows[equation]


def _default(equation: Equation, fraction: Fraction | None) -> str:
    if fraction is not None:
        return "given"
    return "sum" if size_limit(equation) == 50 else "log_linear"


def _fine_share(land_use: ClassArgument | None, fine_share: Numeric | None) -> SameKind:
    if (land_use is None) == (fine_share is None):
        raise BadInputError(
            "Give either land_use or fine_share: the capacity is that of the fine fraction, which"
            " holds 0.66 to 0.85 of the carbon."
        )
    if land_use is None:
        require_fraction("fine_share", fine_share)
        return fine_share
    by_code = np.array([np.nan, *(FINE_SHARE.get(use, np.nan) for use in LAND_USES.values())])
    codes = class_codes(land_use, LAND_USES, "land use")
    return elementwise(lambda use: by_code[use], codes)


def _balance(capacity: FloatArray, soc: FloatArray, share: FloatArray) -> FloatArray:
    mineral = np.where(np.asarray(soc) <= ORGANIC_ABOVE, soc, np.nan)
    return capacity - share * mineral


def _where_fit(balance: Numeric, soil: Numeric) -> SameKind:
    unfit = np.isin(soil, [0, *(c for c, name in SOIL_CLASSES.items() if name in UNFIT_SOILS)])
    return np.where(unfit, np.nan, balance)
