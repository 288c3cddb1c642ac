"""RothC-26.3: soil organic carbon in monthly steps, and its exact equilibrium.

Four pools decompose (DPM 10, RPM 0.3, BIO 0.66, HUM 0.02 per year), one is inert (IOM). A month's
rates are multiplied by a (temperature), b (moisture) and c (plant cover); what decomposes goes to
CO2, BIO and HUM by clay; the month's inputs come after. Each month is an affine map of the pools,
so that the equilibrium of a repeated year is solved directly, without a spin-up.

Coleman & Jenkinson (1996), doi:10.1007/978-3-642-61094-3_17; Coleman, Prout & Milne (2024), RothC
description; the constants are those of the authors' own RothC_Py (verified in source), with
47.91, 106.06 and 18.27 where older texts round to 47.9, 106 and 18.3.

Drivers have a dimension ``month`` (12, a repeated year) or ``time`` (consecutive months); all other
inputs are per cell. Plain arrays work too: drivers of shape (months,) or (cell, months), other
inputs numbers or of shape (cell,); a number as driver applies to all months.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import elementwise, require_between
from hotspots.analysis.rothc import drivers as rothc_drivers
from hotspots.analysis.rothc.drivers import MONTHS, State, per_cell
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, Numeric, SameKind
from hotspots.layers.variables import require_aligned

POOLS = ("dpm", "rpm", "bio", "hum")
PAN_FACTOR = 0.75  # evapotranspiration over open-pan evaporation; 1 where PET is given
CROP_DPM_RPM = 1.44
IOM_FACTOR, IOM_EXPONENT = 0.049, 1.139
_IOM = rothc_drivers.IOM_PLACE
_LONG_NAMES = {
    "dpm": ("Decomposable plant material", "t ha-1"),
    "rpm": ("Resistant plant material", "t ha-1"),
    "bio": ("Microbial biomass", "t ha-1"),
    "hum": ("Humified organic matter", "t ha-1"),
    "iom": ("Inert organic matter", "t ha-1"),
    "soc": ("Soil organic carbon", "t ha-1"),
    "co2": ("Carbon lost as CO2 in the month", "t ha-1 month-1"),
    "tsmd": ("Topsoil moisture deficit at the month's end (0 or below)", "mm"),
    "temperature": ("Rate modifier of temperature, a", "1"),
    "moisture": ("Rate modifier of moisture, b", "1"),
    "cover": ("Rate modifier of plant cover, c", "1"),
    "product": ("Rate modifier a·b·c", "1"),
    "carbon_input": ("Plant carbon input", "t ha-1 yr-1"),
}


def rate_modifiers(
    *,
    air_temperature: Numeric,
    precipitation: Numeric,
    evaporation: Numeric,
    clay: Numeric,
    plant_cover: Numeric,
    depth: Numeric,
    pan_factor: Numeric = PAN_FACTOR,
) -> xr.Dataset:
    """Return the rate modifiers of each month, from a wet soil before the first.

    Parameters
    ----------
    air_temperature : DataArray, array or float
        Monthly mean, degC, along ``month`` or ``time``.
    precipitation, evaporation : DataArray, array or float
        mm month-1; evaporation from an open pan, or potential evapotranspiration with
        ``pan_factor=1``; evaporation is negative (to -50) in months of net condensation.
    clay : DataArray, array or float
        % of the fine earth, 0-100.
    plant_cover : DataArray, array or float
        1 under plants, 0 bare, or the share of the month under plants; below 0.5 the soil dries
        as a bare one.
    depth : DataArray, array or float
        Depth of the soil layer, cm.
    pan_factor : DataArray, array or float
        Evapotranspiration over `evaporation`.

    Returns
    -------
    Dataset
        ``temperature`` (a), ``moisture`` (b), ``cover`` (c), their ``product``, and ``tsmd``, the
        accumulated moisture deficit at the month's end, mm, 0 or below; numbers where all inputs
        are numbers. NaN in a month gives NaN from that month on; NaN in an input per cell gives
        NaN in all months.

    Raises
    ------
    BadInputError
        Kelvin, negative precipitation, evaporation below -50, clay or cover out of range, depth
        of 0.

    Notes
    -----
    ``a = 47.91/(1 + exp(106.06/(T + 18.27)))``, 0 below −5 °C.
    ``max = −(20 + 1.3 clay − 0.01 clay²)·depth/23``; ``Δ = P − pan_factor·E``;
    ``S = max(max, min(0, S + Δ))`` under plants, ``max(min(0.556 max, S), min(0, S + Δ))`` bare.
    ``b = 1`` above ``0.444 max``, below ``0.2 + 0.8 (max − S)/(max − 0.444 max)``, with the
    maximum of a soil under plants in both cases. ``c = 1 − 0.4·cover``: 0.6 under plants. A share
    of cover and the rule "bare where c > 0.8" are those of GSOCseq (verified in source).
    """
    drivers = (air_temperature, precipitation, evaporation, plant_cover)
    dim = "time" if any("time" in getattr(value, "dims", ()) for value in drivers) else "month"
    given = rothc_drivers.prepared(drivers, (clay, depth, pan_factor), dim)
    a, b, c, tsmd = _apply("rates", given, dim, ["m"] * 4)
    named = {"temperature": a, "moisture": b, "cover": c, "product": a * b * c, "tsmd": tsmd}
    numbers = all(np.ndim(value) == 0 for value in drivers)
    return _described(named).squeeze(dim if numbers else [], drop=True)


def equilibrium(
    *,
    air_temperature: Numeric,
    precipitation: Numeric,
    evaporation: Numeric,
    plant_cover: Numeric,
    carbon_input: Numeric,
    clay: Numeric,
    iom: Numeric,
    depth: Numeric,
    dpm_rpm: Numeric = CROP_DPM_RPM,
    pan_factor: Numeric = PAN_FACTOR,
    manure_input: Numeric = 0.0,
    rate_factor: Numeric = 1.0,
) -> xr.Dataset:
    """Return the equilibrium pools at the end of month 12 of a repeated year.

    Parameters
    ----------
    air_temperature, precipitation, evaporation, plant_cover, clay, depth, pan_factor
        As in `rate_modifiers`, drivers along ``month`` (12).
    carbon_input, manure_input : DataArray, array or float
        Carbon of plants and of manure, t ha-1 month-1, along ``month``.
    iom : DataArray, array or float
        Inert carbon, t ha-1; see `falloon_iom`.
    dpm_rpm : DataArray, array or float
        DPM:RPM ratio of plant carbon: 1.44 crops and improved grassland, 0.67 unimproved
        grassland and shrubs, 0.25 forest.
    rate_factor : DataArray, array or float
        A further factor on all rates; 0.4 for paddy rice.

    Returns
    -------
    Dataset
        ``dpm``, ``rpm``, ``bio``, ``hum``, ``iom``, their sum ``soc``, t ha-1, and ``tsmd``, mm.
        NaN where any input is, and where nothing decomposes all year (always below −5 °C).

    Raises
    ------
    BadInputError
        As `rate_modifiers`; also negative inputs, a DPM:RPM ratio of 0, and not 12 months.

    Notes
    -----
    The year is ``c' = M c + u``; ``c* = (I − M)⁻¹ u``, once the moisture deficit is periodic
    (at most 1000 years are tried, from a wet soil; usually 2 are needed). Convention, checked
    against the months stepped one by one: a spin-up that stops at 1e-6 t ha-1 yr-1 stays about
    1e-4 t ha-1 below.
    """
    given = rothc_drivers.prepared(
        (air_temperature, precipitation, evaporation, plant_cover, carbon_input, manure_input),
        (clay, depth, pan_factor, dpm_rpm, rate_factor, iom),
        "month",
        length=MONTHS,
    )
    dpm, rpm, bio, hum, tsmd, soc = _apply("equilibrium", given, "month", [""] * 6)
    return _state((dpm, rpm, bio, hum), given[_IOM], soc, tsmd)


def simulate(
    *,
    initial: State,
    air_temperature: Numeric,
    precipitation: Numeric,
    evaporation: Numeric,
    plant_cover: Numeric,
    carbon_input: Numeric,
    clay: Numeric,
    depth: Numeric,
    manure_input: Numeric = 0.0,
    dpm_rpm: Numeric = CROP_DPM_RPM,
    pan_factor: Numeric = PAN_FACTOR,
    rate_factor: Numeric = 1.0,
) -> xr.Dataset:
    """Return the pools month by month along ``time``.

    Parameters
    ----------
    initial : Dataset
        The state before the first month, as `equilibrium` returns it: ``dpm``, ``rpm``, ``bio``,
        ``hum``, ``iom`` (t ha-1) and ``tsmd`` (mm).
    air_temperature, precipitation, evaporation, plant_cover, carbon_input, manure_input
        As in `equilibrium`, along ``time``, consecutive months.
    clay, depth, dpm_rpm, pan_factor, rate_factor
        As in `equilibrium`.

    Returns
    -------
    Dataset
        Along ``time``, at each month's end: ``dpm``, ``rpm``, ``bio``, ``hum``, ``soc``, t ha-1,
        ``tsmd``, mm, and ``co2``, the carbon that left *in that month*, t ha-1 month-1, so that
        ``soc + co2.cumsum("time")`` is the initial stock and all inputs up to then; ``iom``
        without ``time``. A month with NaN gives NaN from then on.

    Raises
    ------
    BadInputError
        As `equilibrium`; also an initial state that lacks a pool or ``tsmd``.

    Notes
    -----
    Each month ``C (1 − exp(−ρ k/12))`` decomposes, ρ = a·b·c·rate_factor; the share x/(x + 1)
    leaves as CO2, ``x = 1.67 (1.85 + 1.60 exp(−0.0786 clay))``; of the rest 0.46 go to BIO and
    0.54 to HUM. Then the inputs: plants r/(1 + r) to DPM, 1/(1 + r) to RPM; manure 0.49 DPM,
    0.49 RPM, 0.02 HUM. Verified against RothC_Py.
    """
    given = rothc_drivers.prepared_with_state(
        initial,
        (air_temperature, precipitation, evaporation, plant_cover, carbon_input, manure_input),
        (clay, depth, pan_factor, dpm_rpm, rate_factor),
        "time",
    )
    dpm, rpm, bio, hum, tsmd, soc, co2 = _apply("simulate", given, "time", ["m"] * 7)
    return _state((dpm, rpm, bio, hum), given[_IOM], soc, tsmd, co2=co2)


def final_state(
    *,
    initial: State,
    air_temperature: Numeric,
    precipitation: Numeric,
    evaporation: Numeric,
    plant_cover: Numeric,
    carbon_input: Numeric,
    clay: Numeric,
    depth: Numeric,
    repeat: int = 1,
    manure_input: Numeric = 0.0,
    dpm_rpm: Numeric = CROP_DPM_RPM,
    pan_factor: Numeric = PAN_FACTOR,
    rate_factor: Numeric = 1.0,
) -> xr.Dataset:
    """Return only the final state of a simulation, for maps whose months don't fit into memory.

    The arguments are those of `simulate`, but drivers lie along ``month``, of any length, and are
    run through `repeat` times. Returns a state as `equilibrium` does.

    Parameters
    ----------
    initial : Dataset
        The state before the first month, as `equilibrium` returns it: ``dpm``, ``rpm``, ``bio``,
        ``hum``, ``iom`` (t ha-1) and ``tsmd`` (mm).
    air_temperature : DataArray, array or float
        Monthly mean, degC, along ``month``.
    precipitation, evaporation : DataArray, array or float
        mm month-1, along ``month``.
    plant_cover : DataArray, array or float
        Share of the month under plants, 0-1, along ``month``.
    carbon_input, manure_input : DataArray, array or float
        Carbon of plants and of manure, t ha-1 month-1, along ``month``.
    clay : DataArray, array or float
        % of the fine earth, 0-100.
    depth : DataArray, array or float
        Depth of the soil layer, cm.
    repeat : int
        Number of times that the months are run through, 1 or more.
    dpm_rpm, pan_factor, rate_factor : DataArray, array or float
        Dimensionless, as in `equilibrium`. NaN in any input of a cell gives NaN.
    """
    given = rothc_drivers.prepared_with_state(
        initial,
        (air_temperature, precipitation, evaporation, plant_cover, carbon_input, manure_input),
        (clay, depth, pan_factor, dpm_rpm, rate_factor),
        "month",
    )
    if not repeat >= 1 or repeat != int(repeat):
        raise BadInputError(f"repeat is {repeat}; it is a whole number of repetitions, 1 or more.")
    run = [*given, xr.DataArray(float(repeat))]
    dpm, rpm, bio, hum, tsmd, soc = _apply("after", run, "month", [""] * 6)
    return _state((dpm, rpm, bio, hum), given[_IOM], soc, tsmd)


def input_for_stock(*, soc: Numeric, **drivers: Numeric) -> xr.DataArray:
    """Return the annual plant carbon input that keeps a stock in equilibrium, t ha-1 yr-1.

    The arguments are those of `equilibrium_of_stock`, of which this is the ``carbon_input``: a
    DataArray with the cells' dimensions, without dimensions where all inputs are numbers.
    """
    return equilibrium_of_stock(soc=soc, **drivers)["carbon_input"]


def equilibrium_of_stock(
    *,
    soc: Numeric,
    air_temperature: Numeric,
    precipitation: Numeric,
    evaporation: Numeric,
    plant_cover: Numeric,
    clay: Numeric,
    depth: Numeric,
    input_share: Numeric | None = None,
    iom: Numeric | None = None,
    dpm_rpm: Numeric = CROP_DPM_RPM,
    pan_factor: Numeric = PAN_FACTOR,
    rate_factor: Numeric = 1.0,
) -> xr.Dataset:
    """Return the equilibrium whose stock at the end of month 12 is the one given, and its input.

    Parameters
    ----------
    soc : DataArray, array or float
        Stock to keep, t ha-1, of the layer of `depth`.
    air_temperature, precipitation, evaporation, plant_cover, clay, depth
        As in `equilibrium`.
    input_share : DataArray or array, optional
        Distribution of the year's input over the months, along ``month``; only its pattern counts.
        Even by default.
    iom : DataArray, array or float, optional
        Inert carbon, t ha-1; `falloon_iom` of the stock by default.
    dpm_rpm, pan_factor, rate_factor
        As in `equilibrium`.

    Returns
    -------
    Dataset
        As `equilibrium`, and ``carbon_input``, t ha-1 yr-1. NaN where any input is, where the
        stock isn't above its inert part, and where nothing decomposes.

    Raises
    ------
    BadInputError
        As `equilibrium`; also a negative stock.

    Notes
    -----
    The active pools are proportional to the input: ``C = (SOC − IOM)/active pools of 1 t ha-1
    yr-1``, which is GSOCseq's ``C_i (SOC − IOM)/(SOC_sim − IOM)`` without a second run.
    """
    require_between("soc", soc, 0, np.inf, "t ha-1")
    share = rothc_drivers.monthly_share(input_share)
    unit = equilibrium(
        air_temperature=air_temperature,
        precipitation=precipitation,
        evaporation=evaporation,
        plant_cover=plant_cover,
        carbon_input=share,
        clay=clay,
        iom=0.0,
        depth=depth,
        dpm_rpm=dpm_rpm,
        pan_factor=pan_factor,
        rate_factor=rate_factor,
    )
    stock = per_cell("soc", soc)
    inert = per_cell("iom", falloon_iom(stock) if iom is None else iom)
    require_aligned(stock, inert, unit["soc"])
    # Active carbon only: the inert part is there without input.
    active = (stock - inert).where(stock > inert)
    need = active / unit["soc"].where(unit["soc"] > 0)
    pools = [unit[name] * need for name in POOLS]
    out = _state(pools, inert, unit["soc"] * need + inert, unit["tsmd"])
    return out.assign(_described({"carbon_input": need}))


def falloon_iom(soc: Numeric) -> SameKind:
    """Return the inert carbon of a stock, ``0.049 SOC^1.139``.

    Parameters
    ----------
    soc : DataArray, array or float
        Total stock, t ha-1 (not less its inert part).

    Returns
    -------
    same kind as given
        t ha-1; NaN where the stock is NaN, 0 or negative.

    Notes
    -----
    Falloon et al. (1998), doi:10.1016/S0038-0717(97)00256-3, verified; the width of its
    confidence interval isn't propagated.
    """
    out = elementwise(_falloon, soc)
    if isinstance(out, xr.DataArray):
        out.attrs = {"units": "t ha-1", "long_name": _LONG_NAMES["iom"][0]}
    return out


def _falloon(stock: FloatArray) -> FloatArray:
    return IOM_FACTOR * np.where(stock > 0, stock, np.nan) ** IOM_EXPONENT


def _apply(
    kernel: str, given: list[xr.DataArray], dim: str, outputs: list[str]
) -> tuple[xr.DataArray, ...]:
    """Run a kernel over the cells; `outputs` has "m" where a result has `dim`."""
    found: tuple[xr.DataArray, ...] = xr.apply_ufunc(
        partial(_run, kernel),
        *given,
        input_core_dims=[[dim] if dim in array.dims else [] for array in given],
        output_core_dims=[[dim] if out else [] for out in outputs],
        dask="parallelized",
        output_dtypes=["float64"] * len(outputs),
    )
    return found


def _run(kernel: str, *given: FloatArray) -> tuple[FloatArray, ...]:
    from hotspots.analysis.rothc.cells import run  # numba is slow to import

    return run(kernel, *given)


def _state(
    pools: Sequence[xr.DataArray],
    iom: xr.DataArray,
    soc: xr.DataArray,
    tsmd: xr.DataArray,
    **more: xr.DataArray,
) -> xr.Dataset:
    known = soc.notnull()
    # Inert carbon is missing where the stock is, so that the pools agree.
    inert = iom.where(known.any("time") if "time" in known.dims else known)
    return _described(
        {
            **dict(zip(POOLS, pools, strict=True)),
            "iom": inert,
            "soc": soc,
            "tsmd": tsmd.where(known),
            **more,
        }
    )


def _described(arrays: Mapping[str, xr.DataArray]) -> xr.Dataset:
    out = {}
    for name, array in arrays.items():
        long_name, units = _LONG_NAMES[name]
        # assign_attrs copies; rename alone would share the attributes with its source.
        out[name] = array.rename(name).assign_attrs({})
        out[name].attrs = {"units": units, "long_name": long_name}
    return xr.Dataset(out)
