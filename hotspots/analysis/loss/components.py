"""The five losses of soil carbon at risk, and their sum: t C per hectare and year, loss positive.

Conversion, management disequilibrium, erosion, warming and drained organic soil add up as physical
flows, all with weight 1, once their overlaps are removed. Nothing here is rescaled to
0-1, which would depend on the study window.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    common_depth,
    elementwise,
    require_between,
    require_fraction,
)
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import Attributes, CodeArray, FloatArray, Numeric, SameKind, Values
from hotspots.layers.variables import LOSS_COMPONENTS, describe, require_aligned

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
        lost = p * stock * np.clip(1 - f, 0, None) / (over_years or 1.0)
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
        return np.where(share > 0, share * ef, 0.0 * share)

    out = elementwise(kernel, drained_share, emission_factor)
    return _named(out, "loss_drained_organic", drained_share)


def loss_total(
    components: Mapping[Hashable, Numeric] | xr.Dataset,
    *,
    organic: Numeric | None = None,
    conversion_share: Numeric | None = None,
    joint: Numeric | None = None,
) -> xr.Dataset:
    """Return the losses after the overlap rules, their sum, and the largest of them.

    Parameters
    ----------
    components : Dataset or mapping
        Layers by name, with or without ``loss_``: conversion, disequilibrium, erosion, warming,
        drained_organic; t ha-1 yr-1, >= 0. ``erosion_gross`` is kept beside the sum. A layer that
        isn't given counts as absent and is listed in ``attrs["absent"]`` of ``loss_total``.
    organic : DataArray, array or scalar, optional
        Organic soil: a mask, or its share of the cell's land (0-1).
    conversion_share : DataArray, array or scalar, optional
        Share of the cell (0-1) converted over the horizon of the disequilibrium, where conversion
        takes the latter's place; by default none.
    joint : DataArray, array or scalar, optional
        Loss of one run of a process model under business as usual *and* warming, t ha-1 yr-1. It
        takes the place of warming: disequilibrium and warming then add up to it (all of it counts
        as warming where no disequilibrium is given).

    Returns
    -------
    Dataset
        ``loss_<component>`` as they enter the sum; ``loss_total``, exactly their sum;
        ``loss_main_component`` (0 where nothing is lost, or missing). NaN in a component given
        makes the sum NaN, except where the soil is all organic: there only drained_organic is
        needed, and without that layer the sum is NaN.

    Raises
    ------
    BadInputError
        An unknown or no component, a negative loss, a share outside 0-1.

    Notes
    -----
    Overlap rules (*convention*): organic soil loses by drainage only, ``L1…L4·(1 − organic)``;
    ``L2·(1 − converted share)``; of a joint run ``L2' = min(L2, joint)``, ``L4' = joint − L2'``;
    erosion redistributes carbon laterally, so its gross amount is kept beside the sum. A change
    between two maps is never one of the components.
    """
    others = {"organic": organic, "conversion_share": conversion_share, "joint": joint}
    parts = _by_name(components, others)
    soil, converted, run = (parts.pop(k, None) for k in ("organic", "conversion_share", "joint"))
    rules = []
    if run is not None:
        steady = parts.get("disequilibrium", xr.zeros_like(run))
        parts["disequilibrium"] = elementwise(np.minimum, steady, run)
        parts["warming"] = run - parts["disequilibrium"]
        rules.append("warming beyond disequilibrium from one joint run")
    if converted is not None and {"conversion", "disequilibrium"} <= parts.keys():
        parts["disequilibrium"] = parts["disequilibrium"] * (1 - converted)
        rules.append("conversion replaces disequilibrium on the converted share")
    if soil is not None:
        parts = {
            k: v if k == "drained_organic" else elementwise(_on_mineral, v, soil)
            for k, v in parts.items()
        }
        rules.append("organic soil loses by drainage only")
    present = [name for name in LOSS_COMPONENTS.values() if name in parts]
    absent = [name for name in LOSS_COMPONENTS.values() if name not in parts]
    total = sum((parts[name] for name in present[1:]), start=parts[present[0]])
    if soil is not None and "drained_organic" not in parts:
        total = total.where(soil < 1)
    attrs: Attributes = {
        "components": ", ".join(present),
        "absent": ", ".join(absent) or "none",
        "overlap": "; ".join(rules) or "none taken out",
    }
    main = elementwise(_largest(present), total, *(parts[n] for n in present), dtype="uint8")
    kept = [*present, *(n for n in (GROSS,) if n in parts)]
    out = {f"loss_{n}": describe(parts[n], f"loss_{n}") for n in kept}
    out["loss_total"] = describe(total, "loss_total", **attrs)
    out["loss_main_component"] = describe(main, "loss_main_component")
    return xr.Dataset(out)


def _by_name(
    components: Mapping[Hashable, Numeric] | xr.Dataset, others: dict[str, Numeric | None]
) -> dict[str, xr.DataArray]:
    """Return the layers by component, checked, on common dimensions; `others` among them."""
    given = dict(components.data_vars) if isinstance(components, xr.Dataset) else dict(components)
    named = {str(key).removeprefix("loss_"): value for key, value in given.items()}
    allowed = [*LOSS_COMPONENTS.values(), GROSS]
    for name in named:
        if name not in allowed:
            raise BadInputError(
                f"'{name}' isn't a component of the loss; allowed are {', '.join(allowed)}"
                f"{near_matches(name, allowed) or '.'}"
            )
    shares = {"organic", "conversion_share"}
    everything = named | {k: v for k, v in others.items() if v is not None}
    for name, value in everything.items():
        if name in shares:
            require_fraction(name, value)
        else:
            require_between(
                f"loss '{name}'",
                value,
                0,
                MOST_LOSS_T_HA,
                "t ha-1 yr-1",
                "losses are positive, and gains no part of them",
            )
    if not set(named) - {GROSS}:
        raise BadInputError(
            f"components holds none of {', '.join(LOSS_COMPONENTS.values())}; give one or more."
        )
    require_aligned(*everything.values())
    model = next((v for v in everything.values() if isinstance(v, xr.DataArray) and v.ndim), None)
    layers = {name: _layer(value, model) for name, value in everything.items()}
    return {name: layer.astype("float64") for name, layer in layers.items()}


def _layer(value: Numeric, model: xr.DataArray | None) -> xr.DataArray:
    if isinstance(value, xr.DataArray):
        return value
    if np.ndim(value) == 0 or model is None:
        return xr.DataArray(value)
    return xr.DataArray(np.asarray(value), dims=model.dims, coords=model.coords)


def _on_mineral(loss: FloatArray, organic: FloatArray) -> FloatArray:
    """Return the loss of the mineral part; the loss isn't needed where there is no mineral soil."""
    return np.where(organic >= 1, 0.0, loss * (1 - organic))


def _largest(names: list[str]) -> SameKind:
    codes = np.array([c for c, name in LOSS_COMPONENTS.items() if name in names], dtype="uint8")

    def kernel(total: FloatArray, *parts: FloatArray) -> CodeArray:
        """Return the code of the largest part.

        Parameters
        ----------
        total : array
            Sum of the components, t ha-1 yr-1; where it is NaN (missing) or 0 the code is 0.
        *parts : array
            Components, t ha-1 yr-1, in the order of `codes`, of shapes that broadcast.
        """
        stacked = np.stack(np.broadcast_arrays(*parts))
        largest = codes[np.argmax(stacked, axis=0)]
        return np.where(total > 0, largest, 0).astype("uint8")

    return kernel


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
