"""IPCC Tier 1 stock changes of mineral soils (2006 Guidelines and 2019 Refinement, Vol 4).

``SOC = SOCref·F_LU·F_MG·F_I`` is the stock that a management leads to, reached linearly over D = 20
years. A mapped stock isn't SOCref: only the ratio of factors applies to it, after it is unmixed
into the land uses of its cell. The factors are in `tier1_factors`, their errors in
`tier1_uncertainty`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    class_codes,
    common_depth,
    elementwise,
    require_between,
    require_fraction,
)
from hotspots.analysis.ipcc.tier1_factors import (
    GUIDELINES,
    MOST_OF_A_FACTOR,
    OwnFactors,
    by_climate_zone,
    factor_by_zone,
    factor_levels,
    factor_table,
    require_guidelines,
    stock_change_factor,
    stock_change_factor_error,
)
from hotspots.errors import BadInputError
from hotspots.layers.array_types import Numeric, SameKind
from hotspots.layers.typed import choose
from hotspots.layers.variables import CLIMATE_ZONES, describe, require_aligned

__all__ = [
    "GUIDELINES",
    "TRANSITION_YEARS",
    "annual_stock_change",
    "equilibrium_from_observed",
    "equilibrium_stock",
    "factor_levels",
    "factor_table",
    "ipcc_tier1",
    "require_guidelines",
    "stock_after",
    "stock_change_factor",
    "stock_change_factor_error",
    "unmixed_stock",
]
TRANSITION_YEARS = 20.0
DEPTH_CM = "0-30"  # the factors are for this layer
MOST_STOCK = 5000.0  # t ha-1; above any soil's stock in any mapped depth
_ROUNDING = (0.001, 0.01)  # tolerance of sums of shares at 0 and 1, as in layers/plausibility.py


def ipcc_tier1(
    soc_stock: xr.DataArray,
    climate_zone: xr.DataArray,
    cropland_share: xr.DataArray,
    *,
    pasture_share: xr.DataArray | None = None,
    grassland_share: xr.DataArray | None = None,
    land_use: str = "long_term_cultivated",
    from_management: str = "full_tillage",
    from_input: str = "medium",
    management: str = "no_tillage",
    input: str = "high_without_manure",
    from_grassland_management: str = "nominally_managed",
    grassland_management: str = "improved",
    grassland_input: str = "medium",
    adoption: float = 0.0,
    transition_years: float = TRANSITION_YEARS,
    guidelines: str = "2019",
    factors: OwnFactors | None = None,
) -> xr.Dataset:
    """Return the IPCC Tier 1 gain of a change of management, per hectare and year.

    Parameters
    ----------
    soc_stock : DataArray
        Mapped SOC stock of the whole cell, t ha-1 of land, 0-30 cm.
    climate_zone : DataArray
        IPCC climate zone, codes 1-12, of the same guidelines as the factors.
    cropland_share : DataArray
        Cropland, share of the cell's land, 0-1.
    grassland_share : DataArray, optional
        Managed grassland, share of the cell's land: with it grassland counts as managed too, and
        goes from `from_grassland_management` to `grassland_management`. Rangeland isn't managed
        grassland: its factor is 1, as that of forest and other land.
    pasture_share : DataArray, optional
        Alternative to `grassland_share` where a source doesn't separate managed grassland from
        rangeland: an explicit choice, since rangeland is then treated as managed.
    land_use, from_management, from_input : str
        Levels of F_LU, F_MG, F_I of today's cropland.
    management, input : str
        Levels of F_MG and F_I after the change; F_LU is unchanged.
    from_grassland_management, grassland_management : str
        Levels of the grassland's F_MG, before and after the change.
    grassland_input : str
        Level of F_I of improved grassland after the change; "medium" for all other.
    adoption : float
        Share of the land already so managed, 0-1.
    transition_years : float
        Years over which the change is spread, D of the guidelines.
    guidelines : str
        "2006" or "2019".
    factors : sequence of mappings, optional
        The user's own factors, which override or add to the packaged ones; see
        `stock_change_factor`.

    Returns
    -------
    Dataset
        ``soc_stock_managed`` (t per hectare of managed land), ``potential_ipcc_tier1`` (t per
        hectare of managed land and year) and ``managed_share`` (share of the cell's land that it
        stands for); with grassland or pasture also ``potential_ipcc_tier1_cropland`` and
        ``_grassland``, ``soc_stock_cropland`` and ``_grassland``, per hectare of their own use.
        NaN where an input or
        a factor is missing, or where there is no managed land.

    Raises
    ------
    BadInputError
        Mixed editions, percent for a share, a negative stock, another depth than 0-30 cm, uses
        that sum to more than the land, both kinds of grassland at once, an unknown level.

    Notes
    -----
    ``SOC_ref = SOC / Σ_u share_u·F_u`` unmixes the cell; ``SOC_crop = SOC_ref·F_LU·F_MG·F_I`` of
    today; ``ΔSOC/D = SOC_crop·(F_MG'·F_I'/(F_MG·F_I) − 1)/D·(1 − adoption)``. IPCC 2006 Vol 4
    Ch 2 eq 2.25 in ratio form, since the mapped stock is not SOCref. Land that has already adopted
    the practice is unmixed as if it hadn't, which overstates the rest's stock by less than
    share·adoption·gain. Part of a no-till gain is carbon moved towards the surface. Organic soils
    and paddy rice need their own methods. Status: each factor's stands in the table; the unmixing
    is a convention of this project.
    """
    _require_choices(adoption, transition_years, grassland_management, grassland_input)
    grass_share = _one_grassland(grassland_share, pasture_share)
    require_aligned(soc_stock, climate_zone, cropland_share, grass_share)
    _require_values(soc_stock, cropland_share, grass_share)
    require_guidelines(climate_zone, guidelines)
    zone = class_codes(climate_zone, CLIMATE_ZONES, "IPCC climate zone")

    def product(system: str, **levels: str) -> xr.DataArray:
        """Return the product of a system's factors in each cell."""
        by_zone = np.ones(len(CLIMATE_ZONES) + 1)
        for factor, level in levels.items():
            by_zone = by_zone * factor_by_zone(factor, level, system, guidelines, factors=factors)
        in_cells: xr.DataArray = by_climate_zone(by_zone, zone, guidelines)
        return in_cells

    before = product("cropland", F_LU=land_use, F_MG=from_management, F_I=from_input)
    after = product("cropland", F_LU=land_use, F_MG=management, F_I=input)
    uses = {"cropland": (cropland_share, before, after)}
    if grass_share is not None:
        now, then = from_grassland_management, grassland_management
        uses["grassland"] = (
            grass_share,
            product("grassland", F_MG=now),
            product("grassland", F_MG=then, F_I=grassland_input),
        )
    return _gains(soc_stock, uses, (1 - adoption) / transition_years)


def _gains(
    soc_stock: xr.DataArray,
    uses: dict[str, tuple[xr.DataArray, xr.DataArray, xr.DataArray]],
    per_year: float,
) -> xr.Dataset:
    """Return the dataset of `ipcc_tier1` from (share, factor before, factor after) of each use."""
    depth = common_depth(soc_stock)
    shares = {use: share for use, (share, _, _) in uses.items()}
    reference = unmixed_stock(soc_stock, shares, {use: now for use, (_, now, _) in uses.items()})
    # A cell without the land use has no stock under it, rather than a hypothetical one.
    stocks = {use: (reference * now).where(share > 0) for use, (share, now, _) in uses.items()}
    gains = {use: stocks[use] * (then / now - 1) * per_year for use, (_, now, then) in uses.items()}
    out = {
        "soc_stock_managed": _mean_of_uses(stocks, shares),
        "potential_ipcc_tier1": _mean_of_uses(gains, shares),
    }
    if len(uses) > 1:
        out |= {f"potential_ipcc_tier1_{use}": gain for use, gain in gains.items()}
        out |= {f"soc_stock_{use}": stock for use, stock in stocks.items()}
    described = {name: describe(layer, name, **depth) for name, layer in out.items()}
    managed = xr.DataArray(sum(shares.values()))
    return xr.Dataset({**described, "managed_share": managed})


def unmixed_stock(
    soc_stock: xr.DataArray, shares: dict[str, xr.DataArray], factors: dict[str, xr.DataArray]
) -> xr.DataArray:
    """Return the stock that the cell's soil would hold if all its land had factor 1.

    ``SOC_ref = SOC_cell / Σ_u share_u·F_u``, the land outside `shares` (forest, native grassland,
    rangeland, other) having F = 1. Shares are of the cell's land; a land use without a factor there
    (NaN) gives NaN only where it has a share.
    """
    rest = 1.0 - sum(shares.values())
    # Chosen, not multiplied: a missing factor times a share of 0 would be NaN.
    mixed = rest + sum(
        choose(share > 0, share * factors[use], 0.0) for use, share in shares.items()
    )
    return soc_stock / mixed


def equilibrium_stock(
    *, soc_reference: Numeric, f_lu: Numeric, f_mg: Numeric = 1.0, f_i: Numeric = 1.0
) -> SameKind:
    """Return the stock that a land use, management and input lead to.

    Parameters
    ----------
    soc_reference : float, array or DataArray
        Reference stock SOCref of native vegetation, t ha-1, 0-30 cm. Never an observed stock of
        cropland, which has been through F_LU already: see `equilibrium_from_observed`.
    f_lu, f_mg, f_i : float, array or DataArray
        Stock change factors, dimensionless; 1 for forest and native grassland.

    Returns
    -------
    same kind as given
        t ha-1; NaN where any input is NaN.

    Notes
    -----
    ``SOC = SOCref·F_LU·F_MG·F_I``, IPCC 2006 Vol 4 Ch 2 eq 2.25 for one hectare. Factors and
    reference stocks of 2006 and 2019 must not be mixed.
    """
    _require_stock("soc_reference", soc_reference)
    for what, value in (("f_lu", f_lu), ("f_mg", f_mg), ("f_i", f_i)):
        _require_factor(what, value)
    return elementwise(lambda s, lu, mg, i: s * lu * mg * i, soc_reference, f_lu, f_mg, f_i)


def equilibrium_from_observed(
    *, soc_stock: Numeric, factor_now: Numeric, factor_new: Numeric
) -> SameKind:
    """Return the stock that a measured or mapped one goes to under other factors.

    Parameters
    ----------
    soc_stock : float, array or DataArray
        Observed stock of the land use itself (not of a mixed cell), t ha-1.
    factor_now, factor_new : float, array or DataArray
        F_LU·F_MG·F_I today and after the change, dimensionless, of the same guidelines.

    Returns
    -------
    same kind as given
        t ha-1; NaN where any input is NaN.

    Notes
    -----
    ``SOC_eq = SOC_obs·F_new/F_now`` (a convention of this project): only the ratio applies to an
    observed stock, which is taken to be at the equilibrium of today's management.
    """
    _require_stock("soc_stock", soc_stock)
    _require_factor("factor_now", factor_now)
    _require_factor("factor_new", factor_new)
    return elementwise(lambda s, now, new: s * new / now, soc_stock, factor_now, factor_new)


def stock_after(
    *,
    start: Numeric,
    equilibrium: Numeric,
    years: Numeric,
    transition_years: float = TRANSITION_YEARS,
) -> SameKind:
    """Return the stock some years after a change of management.

    Parameters
    ----------
    start, equilibrium : float, array or DataArray
        Stock at the change, and that which the new management leads to, t ha-1.
    years : float, array or DataArray
        Years since the change, 0 or more.
    transition_years : float
        D of the guidelines, above 0 and at most 100 years.

    Returns
    -------
    same kind as given
        t ha-1; NaN where any input is NaN. Constant beyond D.

    Notes
    -----
    ``SOC(t) = SOC_0 + (SOC_eq − SOC_0)·min(t, D)/D``, IPCC 2006 Vol 4 Ch 2 eq 2.25;
    D = 20 by default.
    """
    _require_course(start, equilibrium, years, transition_years)
    return elementwise(
        lambda a, b, t: a + (b - a) * np.minimum(t, transition_years) / transition_years,
        start,
        equilibrium,
        years,
    )


def annual_stock_change(
    *,
    start: Numeric,
    equilibrium: Numeric,
    years: Numeric = TRANSITION_YEARS,
    transition_years: float = TRANSITION_YEARS,
) -> SameKind:
    """Return the mean yearly change of the stock in an inventory of some years.

    Parameters
    ----------
    start, equilibrium, years, transition_years
        As in `stock_after`; `years` is the time T between the two dates of the inventory.

    Returns
    -------
    same kind as given
        t ha-1 yr-1, positive = gain; NaN where any input is NaN.

    Notes
    -----
    ``ΔC = (SOC_eq − SOC_0)/max(T, D)``: IPCC 2006 Vol 4 Ch 2 eq 2.25, formulation A, where T takes
    the place of D if it is longer.
    """
    _require_course(start, equilibrium, years, transition_years)
    return elementwise(
        lambda a, b, t: (b - a) / np.maximum(t, transition_years), start, equilibrium, years
    )


def _require_course(
    start: Numeric, equilibrium: Numeric, years: Numeric, transition_years: float
) -> None:
    _require_stock("start", start)
    _require_stock("equilibrium", equilibrium)
    require_between("years", years, 0, np.inf, "years")
    _require_transition(transition_years)


def _require_transition(years: float) -> None:
    if not 0 < years <= 100:
        raise BadInputError(f"transition_years is {years}; allowed is 0 to 100 years.")


def _require_stock(what: str, stock: Numeric) -> None:
    require_between(what, stock, 0, MOST_STOCK, "t ha-1")


def _require_factor(what: str, factor: Numeric) -> None:
    require_between(what, factor, 0, MOST_OF_A_FACTOR, "(a factor)", "divide percent by 100")


def _require_choices(
    adoption: float, transition_years: float, grassland_management: str, grassland_input: str
) -> None:
    if not 0 <= adoption <= 1:
        raise BadInputError(f"adoption is {adoption}; it is a share of the land, 0 to 1.")
    _require_transition(transition_years)
    if grassland_input != "medium" and grassland_management != "improved":
        raise BadInputError(
            f"grassland_input is '{grassland_input}' and grassland_management"
            f" '{grassland_management}'; only improved grassland has an input above 'medium'."
        )


def _one_grassland(
    grassland_share: xr.DataArray | None, pasture_share: xr.DataArray | None
) -> xr.DataArray | None:
    if grassland_share is not None and pasture_share is not None:
        raise BadInputError(
            "Both grassland_share and pasture_share are given, but pasture holds the managed"
            " grassland too. Give one of them; grassland_share where a source separates it."
        )
    return pasture_share if grassland_share is None else grassland_share


def _require_values(
    soc_stock: xr.DataArray, cropland_share: xr.DataArray, grass_share: xr.DataArray | None
) -> None:
    _require_stock("soc_stock", soc_stock)
    depth = str(soc_stock.attrs.get("depth_cm", DEPTH_CM))
    if depth != DEPTH_CM:
        raise BadInputError(
            f"soc_stock is of {depth} cm and the factors of IPCC Tier 1 are of {DEPTH_CM} cm. Give"
            f" the stock of {DEPTH_CM} cm."
        )
    _require_share("cropland_share", cropland_share)
    if grass_share is not None:
        _require_share("grassland_share or pasture_share", grass_share)
        _require_share("The sum of cropland and grassland shares", cropland_share + grass_share)


def _require_share(what: str, share: xr.DataArray) -> None:
    """Raise `BadInputError` for percent, but not for the rounding of sums of shares."""
    below, above = _ROUNDING
    lazy = getattr(share, "chunks", None)
    if not lazy and bool(((share < -below) | (share > 1 + above)).any()):
        require_fraction(what, share)


def _mean_of_uses(values: dict[str, xr.DataArray], shares: dict[str, xr.DataArray]) -> xr.DataArray:
    """Return the mean of `values` by share; NaN where no use has a share."""
    if len(values) == 1:
        # The mean of one use is its own value; weighting would only round it.
        return next(iter(values.values()))
    parts = sum(choose(shares[use] > 0, values[use] * shares[use], 0.0) for use in shares)
    managed = xr.DataArray(sum(shares.values()))
    return xr.DataArray(parts / managed).where(managed > 0)
