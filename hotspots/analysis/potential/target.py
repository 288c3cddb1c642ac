"""The 4 per 1000 target: an aspiration relative to the stock, not a potential.

Two comparisons go with it: the gap between a potential and the target, and the time that a
potential would need to close a deficit.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import common_depth, elementwise, require_between
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, Numeric, SameKind, Values
from hotspots.layers.variables import describe

RATE_PER_YEAR = 0.004
DEPTHS_CM = ("0-30", "0-40")
MOST_STOCK = 5000.0  # t ha-1
_RATE, _STOCK = "t ha-1 yr-1", "t ha-1"


def target_four_per_mille(
    soc_stock: Values,
    *,
    rate: float = RATE_PER_YEAR,
    years: float | None = None,
    compound: bool = False,
    depth: str | None = None,
) -> Values:
    """Return 0.4 % of the stock per year, or over a number of years.

    Parameters
    ----------
    soc_stock : DataArray, array or float
        SOC stock at the start, t ha-1; the result has its depth.
    rate : float
        Share of the stock per year, 0-1.
    years : float, optional
        With it the gain over that time is returned, t ha-1.
    compound : bool
        Whether the gain over `years` is counted on the grown stock.
    depth : {"0-30", "0-40"}, optional
        Depth of the target, cm: the initiative refers to the top 30 to 40 cm. A layer's
        ``depth_cm`` must agree; by default that of the layer is kept, whatever it is.

    Returns
    -------
    same kind as given
        ``target_four_per_mille``, t ha-1 yr-1, or t ha-1 where `years` is given. NaN stays NaN.

    Raises
    ------
    BadInputError
        A rate or time out of range, a negative stock, another depth than the layer's.

    Notes
    -----
    ``0.004·SOC0`` per year; over t years ``0.004·SOC0·t``, or ``SOC0·(1.004^t − 1)`` compound.
    Minasny et al. (2017), doi:10.1016/j.geoderma.2017.01.002. Meant for managed mineral land: on
    all land of the world it is 3.5 Pg/yr, a third of it where no practice applies.
    """
    if not 0 <= rate <= 1:
        raise BadInputError(f"rate is {rate}; it is a share of the stock per year, 0 to 1.")
    if years is not None and not 0 <= years < np.inf:
        raise BadInputError(f"years is {years}; it is a number of years, 0 or more.")
    require_between("soc_stock", soc_stock, 0, MOST_STOCK, _STOCK)
    depth = _agreed_depth(soc_stock, depth)
    if years is None:
        growth, unit = rate, _RATE
    else:
        growth, unit = (1 + rate) ** years - 1 if compound else rate * years, _STOCK
    target = soc_stock * growth
    if isinstance(target, xr.DataArray):
        kept = {} if depth is None else {"depth_cm": depth}
        return describe(target, "target_four_per_mille", units=unit, **kept)
    return target


def gap_to_target(*, target: Numeric, potential: Numeric) -> SameKind:
    """Return the gap between the target and a potential.

    Parameters
    ----------
    target, potential : float, array or DataArray
        Both t ha-1 yr-1, or both t ha-1 over the same years; of the same land and depth.

    Returns
    -------
    same kind as given
        Target less potential, in their unit: positive where the potential falls short, negative
        where it is more than the target. NaN where either is NaN.

    Raises
    ------
    BadInputError
        Layers whose units or depths differ.
    """
    common_depth(target, potential)
    units = _units(target, potential)
    if len(units) > 1:
        raise BadInputError(
            f"target and potential have different units: {', '.join(sorted(units))}. Give both"
            " in one."
        )
    gap = elementwise(lambda a, b: a - b, target, potential)
    if isinstance(gap, xr.DataArray):
        gap.name = "gap_to_target"
        gap.attrs = {"long_name": "Target less potential", "units": units[0] if units else _RATE}
    return gap


def years_to_close(*, deficit: Numeric, rate: Numeric) -> SameKind:
    """Return the time that a constant rate would need to close a deficit.

    Parameters
    ----------
    deficit : float, array or DataArray
        Deficit, t ha-1; 0 or less is already closed.
    rate : float, array or DataArray
        Gain, t ha-1 yr-1.

    Returns
    -------
    same kind as given
        Years: 0 where nothing is missing, infinite where the rate is 0 or a loss, NaN where either
        is NaN.

    Raises
    ------
    BadInputError
        Layers in other units, or of different depths.

    Notes
    -----
    ``deficit / rate``. A gain fades as the soil nears its new equilibrium (20 years in Tier 1), so
    that a longer time means that this practice can't close the deficit.
    """
    for what, value, unit in (("deficit", deficit, _STOCK), ("rate", rate, _RATE)):
        given = getattr(value, "attrs", {}).get("units", unit)
        if given != unit:
            raise BadInputError(f"{what} is in '{given}'; it must be in '{unit}'.")
    common_depth(deficit, rate)
    years = elementwise(_years, deficit, rate)
    if isinstance(years, xr.DataArray):
        years.name = "years_to_close"
        years.attrs = {"long_name": "Years until the deficit is closed", "units": "yr"}
    return years


def _agreed_depth(soc_stock: Numeric, depth: str | None) -> str | None:
    own = getattr(soc_stock, "attrs", {}).get("depth_cm")
    if depth is None:
        return None if own is None else str(own)
    if depth not in DEPTHS_CM:
        raise BadInputError(f"depth is '{depth}'; allowed are {' and '.join(DEPTHS_CM)} (cm).")
    if own is not None and str(own) != depth:
        raise BadInputError(
            f"The stock is of {own} cm and the target of {depth} cm. Give the stock of {depth} cm,"
            f" or depth='{own}' if the target is meant for it."
        )
    return depth


def _years(deficit: FloatArray, rate: FloatArray) -> FloatArray:
    known = ~(np.isnan(deficit) | np.isnan(rate))
    missing = np.maximum(deficit, 0.0)
    out = np.where(known, np.where(missing > 0, np.inf, 0.0), np.nan)
    np.divide(missing, rate, out=out, where=known & (missing > 0) & (rate > 0))
    return out


def _units(*layers: Numeric) -> list[str]:
    """Return the units that layers state, each once, in order."""
    stated = [x.attrs.get("units") for x in layers if isinstance(x, xr.DataArray)]
    return list(dict.fromkeys(str(unit) for unit in stated if unit is not None))
