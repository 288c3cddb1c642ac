"""Trend of a series of SOC stocks: Theil–Sen slope with the Mann–Kendall test.

Both use pairs of dates only, so that they are robust to outliers and dates may be irregular.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.elementwise import common_depth
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, IntArray
from hotspots.layers.variables import describe

UNIT = "t ha-1"
TIME_DIMS = ("time", "year")
MIN_DATES = 4
LEVEL = 0.95
DAYS_PER_YEAR = 365.2425
# Pairwise differences in memory at once: limits it to about 100 MB whatever the raster.
PAIRS_AT_ONCE = 4_000_000

_OUTPUTS = ("slope", "p", "intercept", "lower", "upper", "dates")


def theil_sen(
    *,
    series: xr.DataArray | npt.ArrayLike,
    dates: npt.ArrayLike | None = None,
    dim: str | None = None,
    min_dates: int = MIN_DATES,
    level: float = LEVEL,
) -> xr.Dataset:
    """Return the trend of each cell's series, its confidence interval and the p value of no trend.

    Parameters
    ----------
    series : DataArray or array
        SOC stocks of several dates, t ha-1, one depth; along `dim`, or along the first axis of an
        array. NaN dates are left out of their cell.
    dates : array, optional
        Years as numbers (2000, 2004.5); by default the coordinate of `dim`, in years or as
        dates. Any order, irregular steps allowed.
    dim : str, optional
        Name of the dimension; by default ``time`` or ``year``.
    min_dates : int
        Minimum number of dates, 3 or more; cells with fewer are NaN.
    level : float
        Level of the interval of the slope, 0-1.

    Returns
    -------
    Dataset
        ``soc_trend`` (t ha-1 yr-1, positive = gain), ``soc_trend_p`` (two-sided, Mann–Kendall),
        ``soc_trend_lower`` and ``soc_trend_upper`` (t ha-1 yr-1), ``soc_trend_intercept`` (t ha-1
        at year 0) and ``soc_trend_dates`` (dates with a value, never missing).

    Raises
    ------
    BadInputError
        Another unit than t ha-1, no dimension of dates, a date given twice.

    Notes
    -----
    Slope: median of ``(x_j − x_i)/(t_j − t_i)`` over all pairs, intercept ``median(x) −
    slope·median(t)`` (Theil 1950; Sen 1968, doi:10.1080/01621459.1968.10480934). Interval: the
    slopes of ranks ``(N ∓ z·sqrt(Var S))/2`` (Sen 1968, eq. 2.6). Test: ``S = Σ sign(x_j − x_i)``,
    ``Var S = [n(n−1)(2n+5) − Σ t(t−1)(2t+5)]/18`` with t the size of each group of ties,
    ``z = (S − sign S)/sqrt(Var S)``; p = 1 where all values are equal (Mann 1945; Kendall 1975).
    *Verified* against ``scipy.stats.theilslopes``. The normal approximation of p is
    crude below some 10 dates (with 4 dates it is never below 0.089), and p is too small where the
    dates aren't independent: epochs of one model aren't.
    """
    if not (isinstance(min_dates, int) and min_dates >= 3):
        raise BadInputError(f"min_dates is {min_dates}; it is a whole number, 3 or more.")
    if not 0 < level < 1:
        raise BadInputError(f"level is {level}; it is a probability between 0 and 1, like 0.95.")
    if not isinstance(series, xr.DataArray):
        values = np.asarray(series, dtype="float64")
        names = (dim or "time", *(f"dim_{i}" for i in range(1, values.ndim)))
        series = xr.DataArray(values, dims=names)
    along = _dim(series, dim)
    unit = series.attrs.get("units", UNIT)
    if unit != UNIT:
        raise BadInputError(
            f"series is in '{unit}'; '{UNIT}' is needed, for a trend in t ha-1 yr-1. Convert it"
            " first."
        )
    years = _years(series, along, dates)
    parts = xr.apply_ufunc(
        _trends,
        # All dates of a cell in one chunk, since a trend needs them together.
        series.chunk({along: -1}) if series.chunks else series,
        kwargs={"years": years, "min_dates": min_dates, "level": level},
        input_core_dims=[[along]],
        output_core_dims=[["output"]],
        dask="parallelized",
        output_dtypes=["float64"],
        dask_gufunc_kwargs={"output_sizes": {"output": len(_OUTPUTS)}},
    )
    found = {name: parts.isel(output=i) for i, name in enumerate(_OUTPUTS)}
    attrs = common_depth(series)
    attrs["period"] = f"{years.min():g}-{years.max():g}"
    rate, interval = f"{UNIT} yr-1", f"bound of the {100 * level:g} % interval of the SOC trend"
    return xr.Dataset(
        {
            "soc_trend": describe(found["slope"], "soc_trend", **attrs),
            "soc_trend_p": describe(found["p"], "soc_trend_p", **attrs),
            "soc_trend_lower": _with_unit(found["lower"], rate, f"Lower {interval}"),
            "soc_trend_upper": _with_unit(found["upper"], rate, f"Upper {interval}"),
            "soc_trend_intercept": _with_unit(found["intercept"], UNIT, "SOC trend line at year 0"),
            "soc_trend_dates": _with_unit(found["dates"], "1", "Dates with a value"),
        }
    )


def _with_unit(layer: xr.DataArray, unit: str, label: str) -> xr.DataArray:
    return layer.assign_attrs(units=unit, long_name=label)


def _dim(series: xr.DataArray, dim: str | None) -> str:
    found = [name for name in ((dim,) if dim else TIME_DIMS) if name in series.dims]
    if len(found) != 1:
        expected = f"'{dim}'" if dim else "'time' or 'year' (one of them)"
        raise BadInputError(
            f"series has the dimensions {tuple(series.dims)}; a dimension {expected} is needed. Say"
            " its name with dim=."
        )
    return str(found[0])


def _years(series: xr.DataArray, dim: str, dates: npt.ArrayLike | None) -> FloatArray:
    """Return the dates in years, as numbers."""
    if dates is None and dim not in series.coords:
        raise BadInputError(
            f"series has no coordinate '{dim}' with its dates. Give the years with dates=."
        )
    given = np.asarray(series[dim].values if dates is None else dates)
    if given.shape != (series.sizes[dim],):
        raise BadInputError(
            f"dates holds {given.size} values; series has {series.sizes[dim]} along '{dim}'."
        )
    if given.dtype.kind == "M":
        days = (given - np.datetime64("2000-01-01")) / np.timedelta64(1, "D")
        years = 2000 + days / DAYS_PER_YEAR
    else:
        years = given.astype("float64")
    if not np.isfinite(years).all() or np.unique(years).size < years.size:
        raise BadInputError(
            f"The dates are {', '.join(f'{y:g}' for y in years[:20])}; each must be known and"
            " stand once. Average the layers of one date first."
        )
    return np.asarray(years, dtype="float64")


def _trends(values: FloatArray, *, years: FloatArray, min_dates: int, level: float) -> FloatArray:
    """Return `_OUTPUTS` (last axis) of series along the last axis, in blocks of cells."""
    order = np.argsort(years)
    cells = values.reshape(-1, years.size)[:, order].astype("float64")
    out = np.empty((cells.shape[0], len(_OUTPUTS)))
    size = max(1, PAIRS_AT_ONCE // years.size**2)
    for start in range(0, cells.shape[0], size):
        block = slice(start, start + size)
        out[block] = _block(cells[block], years[order], min_dates, level)
    return out.reshape(*values.shape[:-1], len(_OUTPUTS))


def _block(x: FloatArray, t: FloatArray, min_dates: int, level: float) -> FloatArray:
    from scipy.special import erfc, ndtri

    known = np.isfinite(x)
    n = known.sum(axis=1).astype("float64")
    i, j = np.triu_indices(t.size, k=1)
    rise = x[:, j] - x[:, i]
    # Times ascend, so that no difference is 0 or negative.
    slopes = np.sort(rise / (t[j] - t[i]), axis=1)  # NaN last
    pairs = (n * (n - 1) / 2).astype("int64")
    slope = _median(slopes, pairs)
    ties = (x[:, :, None] == x[:, None, :]).sum(axis=2)
    # Over members instead of groups: t members with (t−1)(2t+5) each.
    tied = np.where(known, (ties - 1) * (2 * ties + 5), 0).sum(axis=1)
    sd = np.sqrt((n * (n - 1) * (2 * n + 5) - tied) / 18)
    s = np.sign(np.where(np.isfinite(rise), rise, 0.0)).sum(axis=1)
    # S moves in steps of two: the normal approximation is continued half a step towards 0.
    z = np.divide(np.abs(s) - (s != 0), sd, out=np.zeros_like(s), where=sd > 0)
    reach = ndtri((1 + level) / 2) * sd
    # Ranks as in scipy.stats.theilslopes, held within the slopes that there are.
    high = np.minimum(np.round((pairs + reach) / 2), pairs - 1).astype("int64")
    low = np.maximum(np.round((pairs - reach) / 2) - 1, 0).astype("int64")
    middle = _median(np.sort(np.where(known, t, np.nan), axis=1), n.astype("int64"))
    intercept = _median(np.sort(x, axis=1), n.astype("int64")) - slope * middle
    out = np.stack(
        [slope, erfc(z / np.sqrt(2)), intercept, _at(slopes, low), _at(slopes, high), n], axis=1
    )
    # All but the number of dates, which is known in any case.
    out[n < min_dates, :-1] = np.nan
    return out


def _at(ordered: FloatArray, place: IntArray) -> FloatArray:
    return np.take_along_axis(ordered, np.maximum(place, 0)[:, None], axis=1)[:, 0]


def _median(ordered: FloatArray, count: IntArray) -> FloatArray:
    """Return the median of the first `count` values of each row."""
    # Without a value (count 0) both places are held at 0, where the row is NaN.
    return (_at(ordered, (count - 1) // 2) + _at(ordered, count // 2 - (count == 0))) / 2
