"""False discovery rate: p values adjusted for multiple testing over the cells."""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
import xarray as xr

from hotspots.errors import BadInputError

Method = Literal["bh", "by"]
METHODS: tuple[Method, ...] = ("bh", "by")
Values = TypeVar("Values", xr.DataArray, np.ndarray)


def false_discovery_rate(p: Values, method: str = "bh") -> Values:
    """Return p values adjusted to control the false discovery rate.

    Parameters
    ----------
    p : DataArray or array
        p values, 0–1, any shape; NaN where there is no test (not counted among the tests).
    method : {"bh", "by"}
        Benjamini–Hochberg, or Benjamini–Yekutieli, which holds under any dependence between the
        tests and is the cautious choice where neighbouring tests share cells.

    Returns
    -------
    DataArray or array
        Adjusted p, float64, of the same kind and shape as given; NaN stays NaN. A test is
        rejected at level α where its adjusted p ≤ α.

    Raises
    ------
    BadInputError
        Another method, or a value outside of 0–1.

    References
    ----------
    Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57:289; Benjamini & Yekutieli (2001), Ann.
    Stat. 29:1165; for maps, Caldas de Castro & Singer (2006), Geogr. Anal. 38:180.
    """
    if method not in METHODS:
        raise BadInputError(f"'{method}' isn't a known FDR method; allowed are 'bh' and 'by'.")
    if isinstance(p, xr.DataArray):
        out = p.copy(data=_adjusted(np.asarray(p.values, dtype="float64"), method))
        out.attrs = {"units": "1", "long_name": f"p, adjusted for false discoveries ({method})"}
        return out
    return _adjusted(np.asarray(p, dtype="float64"), method)


def _adjusted(p: np.ndarray, method: Method) -> np.ndarray:
    from scipy.stats import false_discovery_control

    tested = ~np.isnan(p)
    values = p[tested]
    if values.size and (values.min() < 0 or values.max() > 1):
        worst = values.min() if values.min() < 0 else values.max()
        raise BadInputError(f"{worst:g} isn't a p value; p values lie between 0 and 1.")
    out = np.full(p.shape, np.nan)
    if values.size:
        out[tested] = false_discovery_control(values, method=method)
    return out
