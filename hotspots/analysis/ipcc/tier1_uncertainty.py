"""Errors of IPCC Tier 1: the guidelines' two rules, and the error of a change of management.

The guidelines give a factor's error as 2 standard deviations in % of its value. A gain is a
difference of two stocks that share the reference stock and F_LU, so that their errors cancel in
its *relative* size; the guidelines' rule for sums takes them as independent and overstates it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hotspots.analysis.elementwise import elementwise, require_between
from hotspots.analysis.ipcc.tier1_factors import OwnFactors, factor_by_zone
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, Numeric, SameKind

ERROR_IN_SD = 2.0  # the error of a factor, in standard deviations
CI95_IN_SD = 1.96


def product_uncertainty(*uncertainty: Numeric) -> SameKind:
    """Return the uncertainty of a product of independent quantities, %.

    Parameters
    ----------
    *uncertainty : float, array or DataArray
        Uncertainty of each quantity, % of it, 0 or more.

    Returns
    -------
    same kind as given
        %; NaN where any is NaN.

    Notes
    -----
    ``u = sqrt(Σ u_i²)``, IPCC 2006 Vol 1 Ch 3 eq 3.1.
    """
    for value in uncertainty:
        require_between("uncertainty", value, 0, np.inf, "%")
    return elementwise(lambda *u: np.sqrt(sum(np.square(part) for part in u)), *uncertainty)


def sum_uncertainty(values: Sequence[Numeric], uncertainty: Sequence[Numeric]) -> SameKind:
    """Return the uncertainty of a sum or a difference of independent quantities, %.

    Parameters
    ----------
    values : sequence of float, array or DataArray
        The quantities x_i, with their sign (a difference is ``[x1, -x2]``), in one unit.
    uncertainty : sequence of float, array or DataArray
        Uncertainty of each, % of it, 0 or more.

    Returns
    -------
    same kind as given
        % of the sum; infinite where the sum is 0, NaN where any input is NaN.

    Raises
    ------
    BadInputError
        Not one uncertainty for each quantity, or a negative one.

    Notes
    -----
    ``u = sqrt(Σ (u_i x_i)²) / |Σ x_i|``, IPCC 2006 Vol 1 Ch 3 eq 3.2. Start and end of a stock
    change share their reference stock: for them see `change_sd`.
    """
    if len(values) != len(uncertainty) or not len(values):
        raise BadInputError(
            f"{len(values)} quantities have {len(uncertainty)} uncertainties; give one each."
        )
    for value in uncertainty:
        require_between("uncertainty", value, 0, np.inf, "%")

    def rule(*given: FloatArray) -> FloatArray:
        """Return the root of the summed squares, as a share of the sum."""
        x, u = given[: len(values)], given[len(values) :]
        spread = np.sqrt(sum(np.square(a * b) for a, b in zip(x, u, strict=True)))
        total = np.abs(sum(x))
        # A sum of 0 has an infinite relative uncertainty, a missing one has none.
        known = np.isfinite(spread) & np.isfinite(total)
        out = np.where(known, np.inf, np.nan)
        return np.divide(spread, total, out=out, where=known & (total > 0))

    return elementwise(rule, *values, *uncertainty)


def change_sd(
    *,
    soc_reference: Numeric,
    soc_reference_sd: Numeric,
    factor_from: Numeric,
    factor_to: Numeric,
    factor_change_sd: Numeric,
) -> SameKind:
    """Return the standard deviation of a Tier 1 stock change, its reference stock being shared.

    Parameters
    ----------
    soc_reference, soc_reference_sd : float, array or DataArray
        Reference stock and its standard deviation, t ha-1.
    factor_from, factor_to : float, array or DataArray
        F_LU·F_MG·F_I before and after, dimensionless.
    factor_change_sd : float, array or DataArray
        Standard deviation of `factor_to` − `factor_from`.

    Returns
    -------
    same kind as given
        t ha-1; NaN where any is NaN.

    Notes
    -----
    ``sd(Δ) = |f1 − f0|·sd(SOCref) ⊕ SOCref·sd(f1 − f0)``, ⊕ adding in quadrature: SOCref is the
    same number at the start and at the end, so its error is fully correlated. A convention of this
    project, beside the guidelines' sum rule (`sum_uncertainty`).
    """
    require_between("soc_reference", soc_reference, 0, np.inf, "t ha-1")
    for what, value in (
        ("soc_reference_sd", soc_reference_sd),
        ("factor_change_sd", factor_change_sd),
    ):
        require_between(what, value, 0, np.inf, "in the unit of its quantity")
    return elementwise(
        lambda s, sd, f0, f1, sd_f: np.hypot((f1 - f0) * sd, s * sd_f),
        soc_reference,
        soc_reference_sd,
        factor_from,
        factor_to,
        factor_change_sd,
    )


@dataclass(frozen=True)
class ManagementChange:
    """A change of management whose gain Tier 1 estimates.

    Attributes
    ----------
    system : str
        "cropland" or "grassland".
    from_management, from_input, management, input : str
        Levels of F_MG and F_I before and after.
    guidelines : str
        "2006" or "2019".
    factors : sequence of mappings, optional
        The user's own factors; see `stock_change_factor`.
    """

    system: str = "cropland"
    from_management: str = "full_tillage"
    from_input: str = "medium"
    management: str = "no_tillage"
    input: str = "high_without_manure"
    guidelines: str = "2019"
    factors: OwnFactors | None = None

    @property
    def levels(self) -> tuple[tuple[str, str, str], ...]:
        """Factors that the change concerns, each with its level before and after."""
        return (
            ("F_MG", self.from_management, self.management),
            ("F_I", self.from_input, self.input),
        )


def ipcc_tier1_relative_sd(change: ManagementChange = ManagementChange()) -> FloatArray:
    """Return the relative standard deviation of the Tier 1 gain, by climate zone.

    Parameters
    ----------
    change : ManagementChange
        By default of cropland from full to no tillage, and from medium to high input.

    Returns
    -------
    array (13,)
        sd of the gain per size of the gain, by zone code 0-12, so that ``out[codes]`` is a map;
        NaN where there is no factor or no change, infinite where there is an error but no gain.

    Notes
    -----
    With ``R = F_MG'·F_I'/(F_MG·F_I)`` the gain of a mapped stock is ``SOC·(R − 1)/D``: reference
    stock and F_LU cancel. ``sd(R) = R·sqrt(Σ (e_i/200)²)`` over the factors whose level changes (to
    first order; `tier1_draws` is the Monte Carlo equivalent), relative sd = ``sd(R)/|R − 1|``. The
    error of the mapped stock, where known, is to be added in quadrature by the caller; where a cell
    is only partly cropland, the error of F_LU enters by the unmixing and is neglected.
    """
    ratio, variance = np.ones(13), np.zeros(13)
    for factor, before, after in change.levels:
        for level, power in ((before, -1), (after, 1)):
            value, sd = _value_and_sd(change, factor, level)
            ratio = ratio * value**power
            # A level that doesn't change cancels; 0 * value keeps NaN where a factor is missing.
            variance = variance + np.where(before == after, 0 * value, (sd / value) ** 2)
    sd, gain = ratio * np.sqrt(variance), np.abs(ratio - 1)
    out = np.where((sd > 0) & np.isfinite(gain), np.inf, np.nan)
    # Factors whose product doesn't change leave a gain of rounding only.
    return np.divide(sd, gain, out=out, where=gain > 1e-12)


def tier1_draws(
    change: ManagementChange = ManagementChange(), *, n: int, seed: int = 0
) -> FloatArray:
    """Return draws of the relative gain F'/F − 1 over the errors of the factors.

    Parameters
    ----------
    change : ManagementChange
        By default of cropland from full to no tillage, and from medium to high input.
    n : int
        Number of draws, 1 or more.
    seed : int
        The same seed gives the same draws, and a level that two scenarios share the same ones.

    Returns
    -------
    array (n, 13)
        ``F_MG'·F_I'/(F_MG·F_I) − 1`` by zone code 0-12, dimensionless; NaN where there is no
        factor. A draw's gain is ``soc_stock_managed · out[k, codes] / D``.

    Notes
    -----
    Each factor is normal with sd = value·error/200, truncated at 0. Zones that share an estimate
    (one row of the guidelines stands for several zones: same value, same error) share its draw;
    other estimates are independent (a convention of this project: the guidelines give no
    correlations). A level that doesn't change cancels.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise BadInputError(f"n is {n}; it is a number of draws, 1 or more.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise BadInputError(f"seed is {seed}; it is a whole number, 0 or more.")
    ratio = np.ones((int(n), 13))
    for factor, before, after in change.levels:
        drawn = {}
        for level in (before, after):
            value, sd = _value_and_sd(change, factor, level)
            # A stream for each level, so that scenarios which share a level share its draws; crc32,
            # since Python's own hash of a text differs from run to run.
            key = zlib.crc32(f"{change.system} {factor} {level}".encode())
            drawn[level] = _truncated_normal(np.random.default_rng([seed, key]), int(n), value, sd)
        # An unchanged level is one draw, so that its ratio is exactly 1.
        ratio *= drawn[after] / drawn[before]
    return ratio - 1


def _value_and_sd(
    change: ManagementChange, factor: str, level: str
) -> tuple[FloatArray, FloatArray]:
    of, own = (factor, level, change.system, change.guidelines), change.factors
    value = factor_by_zone(*of, factors=own)
    error = factor_by_zone(*of, factors=own, column="error_pct")
    return value, value * error / (100 * ERROR_IN_SD)


def _truncated_normal(
    rng: np.random.Generator, n: int, value: FloatArray, sd: FloatArray
) -> FloatArray:
    """Return draws (n, zones) by the inverse distribution function, one for each estimate."""
    from scipy.special import ndtr, ndtri

    estimates = np.stack([value, sd], axis=1)
    _, first, place = np.unique(estimates, axis=0, return_index=True, return_inverse=True)
    # Zones that share an estimate read one column of random numbers.
    uniform = rng.random((n, len(value)))[:, first[place.ravel()]]
    below_zero = ndtr(np.divide(-value, sd, out=np.full_like(value, -np.inf), where=sd > 0))
    # A uniform number of exactly 0 would be minus infinity.
    quantile = np.maximum(below_zero + uniform * (1 - below_zero), 1e-300)
    return np.asarray(np.where(sd > 0, value + sd * ndtri(quantile), value))
