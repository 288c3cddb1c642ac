"""The five losses of soil carbon at risk: t C per hectare and year, loss positive.

Conversion, management disequilibrium, erosion, warming and drained organic soil. Nothing here is
rescaled to 0-1, which would depend on the study window. `total` sums them.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    common_depth,
    elementwise,
    require_between,
    require_fraction,
)
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, Numeric, Values
from hotspots.layers.variables import describe

HORIZON_YEARS = 20.0
ENRICHMENT_RATIO = 1.0  # range 0.8 to 2.5, from memory
LOST_SHARE = 0.2  # of the carbon moved; range 0 to 1, from memory
Q10 = 2.2  # range 1.6 to 2.7, verified
MOST_STOCK_T_HA = 5000.0
MOST_LOSS_T_HA = 1000.0
GROSS = "erosion_gross"  # beside the sum, never in it


def loss_conversion(
    *, soc_stock: Values, factor: Numeric, conversion_rate: Numeric, over_years: float | None = None
) -> Values:
    """Return the loss committed by land-use conversion (L1).

    Parameters
    ----------
    soc_stock : DataArray, array or float
        SOC stock before the conversion, t ha-1.
    factor : DataArray, array or float
        F: stock after over stock before, e.g. F_LU of the climate zone. Not needed where nothing
        is converted.
    conversion_rate : DataArray, array or float
        p: share of the cell converted per year, 0-1.
    over_years : float, optional
        With it `conversion_rate` is the share converted over the last so many years, and the loss
        is spread over them.

    Returns
    -------
    same kind as given
        ``loss_conversion``, t ha-1 yr-1, >= 0. NaN where stock or share, or a factor needed, is.

    Notes
    -----
    ``L1 = p·SOC·(1 − F)``, or ``/ D`` for a share over D years. With p per year the whole loss
    committed by a year's conversion is assigned to that year, which equals the steady flow once D
    cohorts overlap. A factor above 1 is a gain and gives a loss of 0. *Convention* of the project;
    F of the IPCC tables has its status there.
    """
    _require_stock(soc_stock=soc_stock)
    require_fraction("conversion_rate", conversion_rate)
    require_between("factor", factor, 0, 10, "as a ratio of stocks", "divide percent by 100")
    if over_years is not None:
        _require_years("over_years", over_years)

    def kernel(stock: FloatArray, f: FloatArray, p: FloatArray) -> FloatArray:
        """Return the loss of the converted part.

        Parameters
        ----------
        stock : array
            SOC stock before the conversion, t ha-1.
        f : array
            Stock after over stock before; NaN is allowed where `p` is 0.
        p : array
            Share of the cell converted, 0-1: per year, or over `over_years`. NaN in `stock` or `p`
            gives NaN. The arrays have shapes that broadcast.
        """
        # A conversion that gains carbon is not a negative loss: gain and loss are never netted.
        lost = p * stock * np.clip(1 - f, 0, None) / (over_years or 1.0)
        # Where nothing is converted no factor is needed; 0 * (…) keeps the other inputs' NaN.
        return np.where(p > 0, lost, 0.0 * (stock + p))

    out = elementwise(kernel, soc_stock, factor, conversion_rate)
    return _named(out, "loss_conversion", soc_stock)


def loss_disequilibrium(
    *, soc_stock: Values, soc_bau: Numeric, years: float = HORIZON_YEARS
) -> Values:
    """Return the continuing loss under today's management (L2).

    Parameters
    ----------
    soc_stock, soc_bau : DataArray, array or float
        SOC stock now, and after `years` of business as usual by a process model started from it,
        t ha-1 of the same depth. Not a Tier 1 equilibrium: the difference of map and default is
        mostly model disagreement.
    years : float
        Years between them.

    Returns
    -------
    same kind as given
        ``loss_disequilibrium = max(0, (SOC − SOC_BAU)/years)``, t ha-1 yr-1. NaN where either is.
    """
    return _fall(soc_stock, soc_bau, years, "loss_disequilibrium", ("soc_stock", "soc_bau"))


def loss_erosion(
    *,
    soil_erosion: Values,
    soc: Numeric,
    enrichment: Numeric = ENRICHMENT_RATIO,
    lost_share: Numeric = LOST_SHARE,
) -> Values:
    """Return the carbon lost by water erosion (L3).

    Parameters
    ----------
    soil_erosion : DataArray, array or float
        Soil (not carbon) lost, t ha-1 yr-1, e.g. RUSLE's A = R·K·LS·C·P.
    soc : DataArray, array or float
        SOC content of the topsoil, g kg-1.
    enrichment : DataArray, array or float
        ER: SOC content of the sediment over that of the soil, 0.8 to 2.5 in the literature.
    lost_share : DataArray, array or float
        m: share of the carbon moved that is lost to the atmosphere, 0-1.

    Returns
    -------
    same kind as given
        ``loss_erosion = A·SOC·10⁻³·ER·m``, t ha-1 yr-1. NaN where an input is.

    Notes
    -----
    Erosion redistributes carbon laterally, and the share emitted is contested: show
    `loss_erosion_gross` beside it. ER 1.0 and m 0.2 are *from memory*.
    """
    require_fraction("lost_share", lost_share)
    gross = loss_erosion_gross(soil_erosion=soil_erosion, soc=soc, enrichment=enrichment)
    out = elementwise(np.multiply, gross, lost_share)
    return _named(out, "loss_erosion", soil_erosion)


def loss_erosion_gross(
    *, soil_erosion: Values, soc: Numeric, enrichment: Numeric = ENRICHMENT_RATIO
) -> Values:
    """Return the carbon that erosion moves, lost or not: `loss_erosion` with a lost share of 1."""
    require_between("soil_erosion", soil_erosion, 0, 10000, "t ha-1 yr-1", "check sign and unit")
    # 580 g kg-1: pure organic matter by van Bemmelen's factor, 1000/1.724.
    require_between("soc", soc, 0, 580, "g kg-1", "divide dg kg-1 by 10")
    require_between("enrichment", enrichment, 0.1, 10, "as a ratio", "0.8 to 2.5 is usual")

    def kernel(erosion: FloatArray, content: FloatArray, ratio: FloatArray) -> FloatArray:
        """Return the carbon in the soil that is moved.

        Parameters
        ----------
        erosion : array
            Soil lost, t ha-1 yr-1.
        content : array
            SOC content of the topsoil, g kg-1.
        ratio : array
            Enrichment ratio, dimensionless. NaN in any of the three gives NaN; their shapes
            broadcast.
        """
        # g of carbon per kg of soil is 1e-3 t per t.
        return erosion * content * 1e-3 * ratio

    out = elementwise(kernel, soil_erosion, soc, enrichment)
    return _named(out, "loss_erosion_gross", soil_erosion)


def loss_warming(
    *, soc_active: Values, decay_rate: Numeric, warming: Numeric, q10: Numeric = Q10
) -> Values:
    """Return the loss by warming where no process model is run (L4, fallback).

    Parameters
    ----------
    soc_active : DataArray, array or float
        Active stock (that decays within decades), t ha-1.
    decay_rate : DataArray, array or float
        Mean k of that stock today, yr-1.
    warming : DataArray, array or float
        ΔT, degC of difference.
    q10 : DataArray, array or float
        Growth of decay per 10 degC, 1.6 to 2.7 in the literature.

    Returns
    -------
    same kind as given
        ``loss_warming = max(0, SOC_act·k·(Q10^(ΔT/10) − 1))``, t ha-1 yr-1. NaN where an input is.

    Notes
    -----
    A first-order upper bound: the loss of the first year at the new temperature, inputs unchanged.
    Q10 of 2.2 is *verified*. Prefer `loss_warming_modelled`.
    """
    _require_stock(soc_active=soc_active)
    require_between("decay_rate", decay_rate, 0, 12, "yr-1")
    require_between("warming", warming, -20, 20, "degC of difference", "subtract today's mean")
    require_between("q10", q10, 1, 6, "as a ratio")

    def kernel(stock: FloatArray, k: FloatArray, rise: FloatArray, base: FloatArray) -> FloatArray:
        """Return the faster decay.

        Parameters
        ----------
        stock : array
            Active stock, t ha-1.
        k : array
            Decay rate, yr-1.
        rise : array
            Warming, degC of difference.
        base : array
            Q10, dimensionless. NaN in any of the four gives NaN; their shapes broadcast.
        """
        return np.clip(stock * k * (base ** (rise / 10) - 1), 0, None)

    out = elementwise(kernel, soc_active, decay_rate, warming, q10)
    return _named(out, "loss_warming", soc_active)


def loss_warming_modelled(
    *, soc_bau: Values, soc_warm: Numeric, years: float = HORIZON_YEARS
) -> Values:
    """Return the loss by warming from two runs of a process model (L4).

    Parameters
    ----------
    soc_bau, soc_warm : DataArray, array or float
        SOC stock after `years` of business as usual, without and with ΔT, t ha-1.
    years : float
        Years of both runs.

    Returns
    -------
    same kind as given
        ``loss_warming = max(0, (SOC_BAU − SOC_warm)/years)``, t ha-1 yr-1. NaN where either is.
    """
    return _fall(soc_bau, soc_warm, years, "loss_warming", ("soc_bau", "soc_warm"))


def loss_drained_organic(*, drained_share: Values, emission_factor: Numeric) -> Values:
    """Return the emission of drained organic soil (L5).

    Parameters
    ----------
    drained_share : DataArray, array or float
        Drained organic soil, share of the cell's land, 0-1.
    emission_factor : DataArray, array or float
        EF of its land use and climate, t C ha-1 yr-1. Not needed where nothing is drained.

    Returns
    -------
    same kind as given
        ``loss_drained_organic = share·EF``, t ha-1 yr-1 of the whole cell. NaN where the share, or
        a factor needed, is. It goes on until the peat is gone: no end after 20 years.
    """
    require_fraction("drained_share", drained_share)
    require_between("emission_factor", emission_factor, 0, 100, "t ha-1 yr-1", "as C, not CO2")

    def kernel(share: FloatArray, ef: FloatArray) -> FloatArray:
        """Return the emission of the drained part.

        Parameters
        ----------
        share : array
            Drained organic soil, share of the cell's land, 0-1; NaN gives NaN.
        ef : array
            Emission factor, t C ha-1 yr-1, of a shape that broadcasts with `share`; NaN is allowed
            where `share` is 0.
        """
        # Where nothing is drained no factor is needed; 0 * share keeps a missing share missing.
        return np.where(share > 0, share * ef, 0.0 * share)

    out = elementwise(kernel, drained_share, emission_factor)
    return _named(out, "loss_drained_organic", drained_share)


def _fall(
    before: Values, after: Numeric, years: float, name: str, stock_names: tuple[str, str]
) -> Values:
    _require_stock(**{stock_names[0]: before, stock_names[1]: after})
    _require_years("years", years)
    attrs = common_depth(before, after)
    out = elementwise(lambda a, b: np.clip((a - b) / years, 0, None), before, after)
    return describe(out, name, **attrs) if isinstance(out, xr.DataArray) else out


def _require_stock(**stocks: Numeric) -> None:
    for name, value in stocks.items():
        require_between(name, value, 0, MOST_STOCK_T_HA, "t ha-1", "look for nodata values")


def _require_years(name: str, years: float) -> None:
    if not 0 < years <= 1000:
        raise BadInputError(f"{name} is {years}; it is a number of years, above 0 to 1000.")


def _named(values: Values, name: str, source: Numeric) -> Values:
    """Return a layer under its canonical name, with the depth of its source; others as they are."""
    if not isinstance(values, xr.DataArray):
        return values
    return describe(values, name, **common_depth(source))
