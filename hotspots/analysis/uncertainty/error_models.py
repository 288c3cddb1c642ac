"""Conversion of published map errors to standard deviations, and bounds for differences.

Sources publish absolute errors, quantiles or errors of a density; totals and draws need a standard
deviation in the unit of the stock. Every step is an assumption, stated in its Notes.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import common_depth, elementwise
from hotspots.errors import BadInputError
from hotspots.layers.array_types import AnyArray, FloatArray, Numeric, SameKind
from hotspots.layers.variables import describe

SD_PER_ABSOLUTE_ERROR = float(np.sqrt(np.pi / 2))  # 1.2533, exact for a normal error
LEVEL = 0.90  # of the interval from the 5 % to the 95 % quantile
SDS_FROM_Q05_TO_Q95 = 2 * NormalDist().inv_cdf((1 + LEVEL) / 2)  # 3.2897
HA_AND_TONNES = 10.0  # kg m-2 -> t ha-1
HIGH_CORRELATION = 0.95  # convention


class Bounds(NamedTuple):
    """A quantity under two correlations: `uncorrelated` is an upper bound, `correlated` less."""

    uncorrelated: SameKind
    correlated: SameKind


class Interval(NamedTuple):
    """Bounds of an interval, in the unit of the value."""

    lower: SameKind
    upper: SameKind


def sd_from_absolute_error(error: Numeric) -> SameKind:
    """Return the standard deviation of a map that predicts its mean absolute error.

    Parameters
    ----------
    error : float, array or DataArray
        Mean absolute error, any unit, 0 or more.

    Returns
    -------
    same kind as given
        In the unit of `error`; NaN where it is missing.

    Raises
    ------
    BadInputError
        A negative error.

    Notes
    -----
    ``sd = √(π/2)·|error|`` (1.2533), exact if the error is normal with mean 0 (closed form);
    a skewed or biased error has another ratio, mostly a larger one.
    """

    def sd(e: FloatArray) -> FloatArray:
        """Return the sd of a normal error."""
        return SD_PER_ABSOLUTE_ERROR * _not_negative("The absolute error", e)

    return _as(error, elementwise(sd, error))


def sds_across(level: float) -> float:
    """Return the width, in standard deviations, of the central interval of a normal distribution.

    Parameters
    ----------
    level : float
        Share of cases in the interval, between 0 and 1: 0.90 gives 3.29, 0.95 gives 3.92.

    Raises
    ------
    BadInputError
        A level that isn't between 0 and 1.
    """
    if not 0 < level < 1:
        raise BadInputError(
            f"The level of an interval is {level:g}; it is a share between 0 and 1, such as 0.95."
        )
    return 2 * NormalDist().inv_cdf((1 + level) / 2)


def sd_from_quantiles(q05: Numeric, q95: Numeric, *, level: float = LEVEL) -> SameKind:
    """Return the standard deviation of a normal distribution with these quantiles.

    Parameters
    ----------
    q05, q95 : float, array or DataArray
        5 % and 95 % quantile, in one unit; or the bounds of a central interval of `level`.
    level : float
        Share of cases between the bounds.

    Returns
    -------
    same kind as given
        In their unit; NaN where either is missing.

    Raises
    ------
    BadInputError
        q95 below q05, two depths, or a level that isn't between 0 and 1.

    Notes
    -----
    ``sd = (Q95 − Q05)/(2 z)``, z = 1.6449 at the level 0.90, 1.9600 at 0.95. The quantiles of
    SoilGrids are of predictions at points (250 m), not of block means: the sd of a coarser cell is
    smaller. Quantiles don't add over cells, nor multiply over layers. SoilGrids' layer
    "uncertainty" is a ratio, not an sd.
    """
    common_depth(q05, q95)
    across = sds_across(level)

    def sd(low: FloatArray, high: FloatArray) -> FloatArray:
        """Return the sd of a normal between both quantiles."""
        _require_order(low, high)
        return (high - low) / across

    return _as(q05, elementwise(sd, q05, q95))


def lognormal_sigma(q05: Numeric, q95: Numeric, *, level: float = LEVEL) -> SameKind:
    """Return σ of the logarithm of a skewed quantity from its quantiles.

    Parameters
    ----------
    q05, q95 : float, array or DataArray
        5 % and 95 % quantile, in one unit, above 0; or the bounds of an interval of `level`.
    level : float
        Share of cases between the bounds.

    Returns
    -------
    same kind as given
        Dimensionless; NaN where either is missing or is 0, whose logarithm doesn't exist.

    Raises
    ------
    BadInputError
        q95 below q05, a negative quantile, two depths, or a level that isn't between 0 and 1.

    Notes
    -----
    ``σ = ln(Q95/Q05)/(2 z)``, 2 z = 3.29 at the level 0.90; the relative sd is ``√(exp(σ²) − 1)``.
    """
    common_depth(q05, q95)
    across = sds_across(level)

    def sigma(low: FloatArray, high: FloatArray) -> FloatArray:
        """Return the sd of the logarithm."""
        _require_order(low, high)
        both = (_not_negative("The quantile q05", low) > 0) & (high > 0)
        ratio = np.divide(high, low, out=np.full(both.shape, np.nan), where=both)
        sigmas: FloatArray = np.log(ratio) / across
        return sigmas

    return elementwise(sigma, q05, q95)


def stock_error_from_density(
    error_at_top: Numeric,
    error_at_bottom: Numeric,
    *,
    thickness_m: float = 0.3,
    correlation: float = 1.0,
) -> SameKind:
    """Return the error of a stock from errors of its density at the top and bottom of the layer.

    Parameters
    ----------
    error_at_top, error_at_bottom : float, array or DataArray
        Error of the carbon density, kg m-3, e.g. at 0 and 30 cm; absolute errors give an absolute
        error, standard deviations a standard deviation.
    thickness_m : float
        Thickness of the layer, m (not cm).
    correlation : float
        Correlation of the two errors, -1 to 1; 1 is the upper bound.

    Returns
    -------
    same kind as given
        t ha-1 (``soc_stock_error`` for a DataArray, with the correlation in its attributes); NaN
        where either is missing.

    Raises
    ------
    BadInputError
        A negative error, a correlation outside -1 to 1, a thickness that can't be metres.

    Notes
    -----
    The stock is the mean of the two densities × thickness × 10:
    ``e = ½·√(e₀² + e₁² + 2ρ e₀ e₁) · thickness · 10``; with ρ = 1 the mean of the two errors. The
    interpolation between the two depths is treated as exact.
    """
    _require_correlation(correlation)
    if not 0 < thickness_m <= 5:
        raise BadInputError(
            f"thickness_m is {thickness_m:g}; allowed is 0 to 5 m. Divide centimetres by 100."
        )
    # kg m-3 x m = kg m-2; the half is that of the mean of both depths.
    factor = thickness_m * HA_AND_TONNES / 2

    def error(top: FloatArray, bottom: FloatArray) -> FloatArray:
        """Return the error of the mean of both depths."""
        return factor * _root(top, bottom, correlation)

    out = elementwise(error, error_at_top, error_at_bottom)
    if isinstance(out, xr.DataArray):
        return describe(out, "soc_stock_error", vertical_correlation=correlation)
    return out


def difference_sd(sd_a: Numeric, sd_b: Numeric, *, correlation: float) -> SameKind:
    """Return the standard deviation of a difference a − b.

    Parameters
    ----------
    sd_a, sd_b : float, array or DataArray
        Standard deviations in one unit, 0 or more.
    correlation : float
        Correlation ρ of the two errors, -1 to 1.

    Returns
    -------
    same kind as given
        In the unit given; NaN where either is missing.

    Raises
    ------
    BadInputError
        A negative sd, a correlation outside -1 to 1, or two depths.

    Notes
    -----
    ``s² = s_a² + s_b² − 2ρ s_a s_b``. Two outputs of one model are strongly correlated and ρ is
    seldom known: see `difference_bounds`.
    """
    _require_correlation(correlation)
    common_depth(sd_a, sd_b)
    return _as(sd_a, elementwise(lambda a, b: _root(a, b, -correlation), sd_a, sd_b))


def difference_bounds(sd_a: Numeric, sd_b: Numeric, *, high: float = HIGH_CORRELATION) -> Bounds:
    """Return the sd of a difference for independent and for highly correlated errors.

    Parameters
    ----------
    sd_a, sd_b : float, array or DataArray
        Standard deviations in one unit, 0 or more.
    high : float
        The high correlation, 0 to 1 (0.95 is a convention of this project).

    Returns
    -------
    Bounds
        ``uncorrelated`` (ρ = 0) and ``correlated`` (ρ = `high`), each of the kind given.

    Notes
    -----
    Report both. The correlated one is not a lower bound: without evidence for ρ the sign of a
    difference smaller than the uncorrelated sd is uncertain.
    """
    if not 0 <= high <= 1:
        raise BadInputError(f"high is {high:g}; allowed is a correlation from 0 to 1, as 0.95.")
    return Bounds(
        difference_sd(sd_a, sd_b, correlation=0.0), difference_sd(sd_a, sd_b, correlation=high)
    )


def interval_from_sd(value: Numeric, sd: Numeric, *, level: float = 0.9) -> Interval:
    """Return the central interval of a normal error.

    Parameters
    ----------
    value, sd : float, array or DataArray
        In one unit; sd 0 or more.
    level : float
        Probability inside, above 0 and below 1 (0.9: from the 5 % to the 95 % quantile).

    Returns
    -------
    Interval
        ``lower`` and ``upper``, in the unit given, with the level in attrs; NaN where an
        input is missing. The lower bound isn't truncated at 0; if it is negative, the normal model
        is inadequate.

    Raises
    ------
    BadInputError
        A negative sd, a level in percent, or two depths.
    """
    if not 0 < level < 1:
        raise BadInputError(f"level is {level:g}; it is a share between 0 and 1, as 0.9.")
    common_depth(value, sd)
    z = NormalDist().inv_cdf((1 + level) / 2)

    def bound(side: float) -> SameKind:
        """Return the value plus a multiple of the sd."""
        out = elementwise(lambda v, s: v + side * _not_negative("The sd", s), value, sd)
        return _as(value, out, level=level)

    return Interval(bound(-z), bound(z))


def _root(a: FloatArray, b: FloatArray, correlation: float) -> FloatArray:
    """Return √(a² + b² + 2ρab), in a form where equal errors with ρ = -1 cancel exactly."""
    a, b = _not_negative("An error or sd", a), _not_negative("An error or sd", b)
    if correlation < 0:
        return np.sqrt((a - b) ** 2 + 2 * (1 + correlation) * a * b)
    return np.sqrt(a**2 + b**2 + 2 * correlation * a * b)


def _as(given: Numeric, result: Numeric, **attrs: object) -> SameKind:
    """Return a DataArray `result` with the unit and depth of `given`."""
    if isinstance(result, xr.DataArray):
        kept = given.attrs if isinstance(given, xr.DataArray) else {}
        result.attrs = {k: v for k, v in kept.items() if k in ("units", "depth_cm")} | attrs
    return result


# Both are called on blocks, so that dask-backed layers are checked as they are computed.
def _not_negative(what: str, values: AnyArray) -> FloatArray:
    numbers = np.asarray(values, dtype="float64")
    if (numbers < 0).any():
        raise BadInputError(
            f"{what} has the value {np.nanmin(numbers):g}; it must be 0 or more. Look for a nodata"
            " value that wasn't declared."
        )
    return numbers


def _require_order(low: FloatArray, high: FloatArray) -> None:
    low, high = np.broadcast_arrays(low, high)
    wrong = high < low
    if wrong.any():
        raise BadInputError(
            f"q95 is {high[wrong].flat[0]:g} where q05 is {low[wrong].flat[0]:g}; it must be at"
            " least as high. Check the order of the two layers."
        )


def _require_correlation(correlation: float) -> None:
    if not -1 <= correlation <= 1:
        raise BadInputError(
            f"correlation is {correlation:g}; allowed is -1 to 1. Divide percent by 100."
        )
