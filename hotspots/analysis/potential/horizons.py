"""Cumulative gain of a yearly potential: over horizons, with saturation, and under adoption.

A management change gains carbon for some years only (20 in IPCC Tier 1), and adoption is
gradual. Both make totals smaller than rate times years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import require_between, require_fraction
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, Numeric
from hotspots.layers.typed import choose
from hotspots.layers.variables import require_aligned

HORIZONS = (5, 10, 20, 30)  # years
TRANSITION_YEARS = 20.0
# Nearly half of the final adoption is reached after ten years, three quarters of it between the
# fourth and the sixteenth year: a convention, not a finding.
MIDPOINT_YEARS = 10.0
STEEPNESS_PER_YEAR = 0.3
_RATE, _STOCK = "t ha-1 yr-1", "t ha-1"


def gain_at(
    *,
    rate: Numeric,
    years_of_transition: Numeric = TRANSITION_YEARS,
    horizon: float | Sequence[float] = HORIZONS,
    start_year: float | None = None,
) -> xr.Dataset:
    """Return the gain at given horizons of a rate that ends at the new equilibrium of the soil.

    Parameters
    ----------
    rate : DataArray, array or float
        Gain while it lasts, t ha-1 yr-1.
    years_of_transition : DataArray, array or float
        Years that it lasts, D, above 0.
    horizon : float or sequence of float
        Years since the change, 0 or more.
    start_year : float, optional
        Calendar year of the change; with it ``year_of_saturation`` is a calendar year.

    Returns
    -------
    Dataset
        Along ``horizon`` (yr): ``gain_total`` (t ha-1, since the change), ``gain_rate``
        (t ha-1 yr-1, the mean over the horizon) and ``gain_rate_then`` (t ha-1 yr-1, in the year
        before the horizon is reached); without it ``year_of_saturation`` (years since the change,
        or calendar year). NaN where an input is NaN.

    Raises
    ------
    BadInputError
        A negative horizon, a transition of no years.

    Notes
    -----
    ``total(t) = rate·min(t, D)``, linear as in IPCC 2006 Vol 4 Ch 2 eq 2.25; measured gains
    are faster at first and then decline. A horizon of 0 has total 0 and the rate of the first year.
    """
    years = np.atleast_1d(np.asarray(horizon, dtype="float64"))
    if not ((years >= 0) & np.isfinite(years)).all():
        raise BadInputError(f"horizon is {horizon}; it is in years, 0 or more.")
    lasting, gain = _layer(years_of_transition), _layer(rate)
    # The range is inclusive, and the years must be above 0.
    require_between("years_of_transition", lasting, 1e-9, np.inf, "years")
    require_aligned(gain, lasting)
    when = xr.DataArray(years, dims="horizon", coords={"horizon": years}, attrs={"units": "yr"})
    total = gain * np.minimum(when, lasting)
    saturated = lasting + (0.0 if start_year is None else start_year)
    nothing = 0 * total  # NaN where an input is missing
    # At a horizon of 0 the mean is its limit, the rate itself.
    mean = choose(when > 0, total / when.where(when > 0, 1.0), gain + nothing)
    then = gain * choose(when <= lasting, 1.0, 0.0) + nothing
    end = saturated.where(gain.notnull())
    out = {
        "gain_total": (total, "Gain since the change", _STOCK),
        "gain_rate": (mean, "Mean yearly gain over the horizon", _RATE),
        "gain_rate_then": (then, "Yearly gain when the horizon is reached", _RATE),
        "year_of_saturation": (end, "Year in which the gain ends", "yr"),
    }
    return xr.Dataset({name: _with_attrs(layer, *attrs) for name, (layer, *attrs) in out.items()})


@dataclass(frozen=True)
class Adoption:
    """Adoption of a practice along an S-curve.

    Attributes
    ----------
    now : DataArray, array or float
        Share of the managed land that has already adopted, 0-1: it gains nothing more.
    feasible_share : DataArray, array or float
        Share of the managed land on which the practice is feasible, 0-1; a mask is 0 and 1.
    ceiling : DataArray, array or float
        Final share of the feasible land that adopts, 0-1.
    midpoint : float
        Year at which the S-curve is steepest, 0 or more.
    steepness : float
        Of the S-curve, per year, above 0.
    """

    now: Numeric = 0.0
    feasible_share: Numeric = 1.0
    ceiling: Numeric = 1.0
    midpoint: float = MIDPOINT_YEARS
    steepness: float = STEEPNESS_PER_YEAR


def constrained(
    *,
    potential: Numeric,
    adoption: Adoption = Adoption(),
    years: int | Sequence[float] = 30,
    transition_years: float = TRANSITION_YEARS,
) -> xr.Dataset:
    """Return the gain over time of a practice adopted along an S-curve.

    Parameters
    ----------
    potential : DataArray, array or float
        Gain of land that adopts, t per hectare and year while it lasts; without any discount for
        adoption (`ipcc_tier1` with ``adoption=0``), since adoption would otherwise be counted
        twice.
    adoption : Adoption
        By default no land has adopted yet, and all of it finally does.
    years : int or sequence of float
        Years since now: a number n for 0, 1, …, n; or the years themselves.
    transition_years : float
        Years for which land gains after it has adopted, D.

    Returns
    -------
    Dataset
        Along ``year``: ``adoption`` (share of the managed land), ``gain_rate`` (t per hectare of
        *all* the managed land and year, at that time) and ``gain_total`` (t per hectare, since
        now). NaN where an input is NaN.

    Raises
    ------
    BadInputError
        Percent for a share, a negative time, a steepness of 0 or less.

    Notes
    -----
    The land still to adopt is ``n = max(0, feasible_share·ceiling − now)``; of it the
    share ``S(t) = (L(t) − L(0))/(1 − L(0))`` has adopted at t, with
    ``L(t) = 1/(1 + exp(−steepness·(t − midpoint)))``, so that S(0) = 0 and S(∞) = 1. Each cohort
    gains for D years: ``rate(t) = potential·n·(S(t) − S(t − D))``, ``total(t) =
    potential·n·∫_{t−D}^{t} S``, which is closed by ``∫L = ln(1 + exp(steepness·(t −
    midpoint)))/steepness``. The end is ``potential·n·D``. Logistic diffusion is textbook (Rogers);
    its parameters are conventions here, to be replaced by regional values where known.
    """
    when = _years(years)
    _require_curve(adoption)
    if not 0 < transition_years < np.inf:
        raise BadInputError(f"transition_years is {transition_years}; it must be above 0.")
    gain, now, feasible, most = map(
        _layer, (potential, adoption.now, adoption.feasible_share, adoption.ceiling)
    )
    for what, share in (("adoption_now", now), ("feasible_share", feasible), ("ceiling", most)):
        require_fraction(what, share)
    require_aligned(gain, now, feasible, most)
    new = (feasible * most - now).clip(min=0.0)

    def curve(values: FloatArray) -> xr.DataArray:
        """Return numbers along the years."""
        return xr.DataArray(values, dims="year", coords={"year": when})

    before = when - transition_years
    adopted = _adopted(when, adoption)
    gaining = adopted - _adopted(before, adoption)
    summed = _adopted_sum(when, adoption) - _adopted_sum(before, adoption)
    out = {
        "adoption": (now + new * curve(adopted), "Share of the managed land that has adopted", "1"),
        "gain_rate": (gain * new * curve(gaining), "Yearly gain as adoption ramps up", _RATE),
        "gain_total": (gain * new * curve(summed), "Gain as adoption ramps up", _STOCK),
    }
    return xr.Dataset({name: _with_attrs(layer, *attrs) for name, (layer, *attrs) in out.items()})


def _require_curve(adoption: Adoption) -> None:
    if not 0 <= adoption.midpoint < np.inf:
        raise BadInputError(f"midpoint is {adoption.midpoint}; it is in years, 0 or more.")
    if not 0 < adoption.steepness < np.inf:
        raise BadInputError(f"steepness is {adoption.steepness}; it is per year, above 0.")


def _adopted(t: FloatArray, adoption: Adoption) -> FloatArray:
    """Return S(t); 0 before now."""
    midpoint, steepness = adoption.midpoint, adoption.steepness
    # tanh doesn't overflow where exp would.
    start = 0.5 * (1 - np.tanh(steepness * midpoint / 2))
    logistic = 0.5 * (1 + np.tanh(steepness * (t - midpoint) / 2))
    return np.where(t > 0, (logistic - start) / (1 - start), 0.0)


def _adopted_sum(t: FloatArray, adoption: Adoption) -> FloatArray:
    """Return the integral of S from 0 to t; 0 before now."""
    midpoint, steepness = adoption.midpoint, adoption.steepness
    later = np.maximum(t, 0.0)
    start = 0.5 * (1 - np.tanh(steepness * midpoint / 2))
    # ln(1 + exp(x)) by logaddexp, which doesn't overflow; less its value at t = 0.
    area = np.logaddexp(0, steepness * (later - midpoint)) - np.logaddexp(0, -steepness * midpoint)
    return np.asarray((area / steepness - start * later) / (1 - start))


def _years(years: int | Sequence[float]) -> FloatArray:
    given = np.arange(years + 1.0) if isinstance(years, int) else np.asarray(years, dtype="float64")
    if given.ndim != 1 or not given.size or not ((given >= 0) & np.isfinite(given)).all():
        raise BadInputError(f"years is {years}; give a number of years, or a list of years, >= 0.")
    return given


def _layer(given: Numeric) -> xr.DataArray:
    return given if isinstance(given, xr.DataArray) else xr.DataArray(np.asarray(given, "float64"))


def _with_attrs(layer: xr.DataArray, long_name: str, units: str) -> xr.DataArray:
    out = layer.copy(deep=False)
    out.attrs = {"long_name": long_name, "units": units}
    return out
