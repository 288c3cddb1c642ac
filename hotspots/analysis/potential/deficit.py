"""The historical deficit: SOC lost to land use, as a stock, not a rate."""

from __future__ import annotations

import xarray as xr

from hotspots.analysis.elementwise import common_depth
from hotspots.layers.array_types import Values
from hotspots.layers.variables import describe, require_aligned


def historic_deficit(reference: Values, current: Values) -> Values:
    """Return the modelled historical SOC deficit (not achievable potential).

    Parameters
    ----------
    reference : DataArray, array or float
        SOC stock without land use, t ha-1.
    current : DataArray, array or float
        SOC stock now, t ha-1, of the same model, depth and grid.

    Returns
    -------
    same kind as given
        ``deficit_historic``, t ha-1, positive where land use has reduced the stock; signed, since
        in a tenth of the world the model gives more carbon now than without land use. NaN where
        either is NaN.

    Raises
    ------
    BadInputError
        Stocks of different depths.

    Notes
    -----
    ``deficit = SOC(without land use) − SOC(now)``. It describes the past and an upper bound, not a
    rate: dividing it by 20 years would claim 1.6 to 1.8 Pg C per year. Sanderman et al. (2017),
    doi:10.1073/pnas.1706103114, and its correction of 2018.
    """
    require_aligned(reference, current)
    kept = common_depth(reference, current)
    deficit = reference - current
    if isinstance(deficit, xr.DataArray):
        return describe(deficit, "deficit_historic", **kept)
    return deficit
