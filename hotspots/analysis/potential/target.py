"""The 4 per 1000 yardstick: an aspiration on the stock, not a potential."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.errors import BadInputError
from hotspots.variables import describe

Values = TypeVar("Values", xr.DataArray, npt.NDArray[np.float64], float)
RATE_PER_YEAR = 0.004


def target_four_per_mille(
    soc_stock: Values,
    *,
    rate: float = RATE_PER_YEAR,
    years: float | None = None,
    compound: bool = False,
) -> Values:
    """Return 0.4 % of the stock per year, or over a number of years.

    Parameters
    ----------
    soc_stock : DataArray, array or float
        SOC stock at the start, t ha-1; its depth is the depth of the answer.
    rate : float
        Share of the stock per year, 0-1.
    years : float, optional
        With it the gain over that time is returned, t ha-1.
    compound : bool
        Whether the gain over `years` is counted on the grown stock.

    Returns
    -------
    same kind as given
        ``target_four_per_mille``, t ha-1 yr-1, or t ha-1 where `years` is given. NaN stays NaN.

    Notes
    -----
    ``0.004·SOC0`` per year; over t years ``0.004·SOC0·t``, or ``SOC0·(1.004^t − 1)`` compound.
    Minasny et al. (2017), doi:10.1016/j.geoderma.2017.01.002.
    """
    if not 0 <= rate <= 1:
        raise BadInputError(f"rate is {rate}; it is a share of the stock per year, 0 to 1.")
    if years is not None and not 0 <= years < np.inf:
        raise BadInputError(f"years is {years}; it is a number of years, 0 or more.")
    if years is None:
        growth, unit = rate, "t ha-1 yr-1"
    else:
        growth, unit = (1 + rate) ** years - 1 if compound else rate * years, "t ha-1"
    target = soc_stock * growth
    if isinstance(target, xr.DataArray):
        depth = {k: v for k, v in soc_stock.attrs.items() if k == "depth_cm"}
        return describe(target, "target_four_per_mille", units=unit, **depth)
    return target
