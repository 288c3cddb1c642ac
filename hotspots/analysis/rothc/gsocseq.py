"""The GSOCseq protocol of FAO (2020): SOC gain of more carbon input over 20 years, by RothC.

Phase 1 derives the carbon input that keeps today's stock in equilibrium with a climatology. Phase 2
(optional) follows the years since, inputs scaled by MIAMI production. Phase 3 runs 20 years on:
business as usual (BAU) and sustainable soil management (SSM: 5, 10 and 20 % more input). RothC is
linear in its input, so that every SSM is BAU plus its increase times one response: the relative
gains are 1:2:4 in every cell.

Technical manual and scripts: FAO-SID/GSOCseq (verified in source). RothC is discrete and exact
here, where FAO's scripts integrate an equation of annual constants, set phase 1's pools by
pedotransfer, and treat bare soil in another way: they are not a reference to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import require_between
from hotspots.analysis.rothc.drivers import per_cell
from hotspots.analysis.rothc.protocol import DEPTH_CM, Inputs, require_choices, run_to_today
from hotspots.errors import BadInputError
from hotspots.layers.array_types import Attributes, ClassArgument, Numeric
from hotspots.layers.variables import describe

YEARS = 20
INCREASES = (0.05, 0.10, 0.20)


def gsocseq(
    *,
    soc_stock: Numeric,
    clay: Numeric,
    air_temperature: Numeric,
    precipitation: Numeric,
    evaporation: Numeric,
    plant_cover: Numeric,
    land_cover: ClassArgument | None = None,
    dpm_rpm: Numeric | None = None,
    warm_up: xr.Dataset | None = None,
    forward: xr.Dataset | None = None,
    years: int = YEARS,
    increases: Sequence[float] = INCREASES,
    depth: Numeric = DEPTH_CM,
    pan_factor: Numeric = 1.0,
    input_share: Numeric | None = None,
    paddy: Numeric | None = None,
) -> xr.Dataset:
    """Return the stocks and yearly gains of more carbon input, per hectare of the land modelled.

    Parameters
    ----------
    soc_stock : DataArray, array or float
        Stock at the end of the climatology, t ha-1, 0 to `depth`.
    clay : DataArray, array or float
        %, of the same depth.
    air_temperature, precipitation, evaporation : DataArray or array
        Climatology along ``month``: degC, mm month-1, mm month-1 (PET with ``pan_factor=1``).
    plant_cover : DataArray, array or float
        1 or 0, or the share of the month under plants, along ``month``.
    land_cover : DataArray, array, str or int, optional
        UNCCD class by name or code, which gives DPM:RPM (crop 1.44, grassland and wetland 0.67,
        trees 0.25); artificial, other land and water have none: NaN. Needed unless `dpm_rpm` is.
    dpm_rpm : DataArray, array or float, optional
        DPM:RPM ratio, instead of `land_cover`.
    warm_up : Dataset, optional
        Months of whole years since the climatology, from January, along ``time``:
        ``air_temperature``, ``precipitation``, ``evaporation``, optionally ``plant_cover``.
    forward : Dataset, optional
        Climatology of the years ahead along ``month``, same names. Default: the mean of
        `warm_up`, else the climatology of phase 1.
    years : int
        Years ahead.
    increases : sequence of float
        Carbon input of each SSM less that of BAU, as a share: 0.05 is 5 %.
    depth : float
        cm.
    pan_factor : DataArray, array or float
        Evapotranspiration over `evaporation`.
    input_share : DataArray or array, optional
        Pattern of the carbon input along ``month``; even by default, as in the protocol.
    paddy : DataArray, array or bool, optional
        1 for paddy rice, whose rates are multiplied by 0.4; a share lies between.

    Returns
    -------
    Dataset
        ``soc_start`` (at the start of phase 3), ``soc_bau``, ``soc_ssm1`` … after `years`, t ha-1;
        ``carbon_input`` (phase 1) and ``carbon_input_bau`` (phase 3), t ha-1 yr-1;
        ``potential_gsocseq_ssm1`` … ((SSM − BAU)/years), ``potential_gsocseq_ssm1_absolute`` …
        ((SSM − start)/years, which may be negative) and ``loss_disequilibrium``
        (max(0, start − BAU)/years), t ha-1 yr-1. NaN where any input is, and without a ratio.

    Raises
    ------
    BadInputError
        As `rothc.equilibrium`; also a negative stock, increases in percent, parts of a year in
        `warm_up`, depths that differ from `depth`, neither land cover nor DPM:RPM.

    Notes
    -----
    ``C_eq = (SOC − IOM)/(active pools of 1 t ha-1 yr-1)``, IOM by Falloon. Phase 2:
    ``C_t = C_{t−1}·NPP_t/NPP_{t−1}``, from the NPP of the climatology (of its mean year, where the
    protocol takes the mean of its years), which is ``C_eq·NPP_t/NPP_0``. Phase 3 takes the mean
    input of phase 2 (verified in the scripts). Gains refer to the land of `land_cover`.

    Masking is left to the caller: the protocol excludes stocks above 200 t ha-1, sand above 90 %,
    EC above 4 dS m-1, peat and wetland, and its scripts exclude forest; RothC isn't designed for
    allophanic, permafrost and hyper-arid soils either.
    """
    require_choices(soc_stock, increases, years, depth)
    run = run_to_today(
        Inputs(
            soc_stock=soc_stock,
            clay=clay,
            air_temperature=air_temperature,
            precipitation=precipitation,
            evaporation=evaporation,
            plant_cover=plant_cover,
            land_cover=land_cover,
            dpm_rpm=dpm_rpm,
            warm_up=warm_up,
            forward=forward,
            depth=depth,
            pan_factor=pan_factor,
            input_share=input_share,
            paddy=paddy,
        )
    )
    bau = run.ahead(years)
    response = run.response(years)
    attrs = {"depth_cm": getattr(soc_stock, "attrs", {}).get("depth_cm", f"0-{depth:g}")}
    start = run.state["soc"]
    out = {
        "soc_start": _stock(start, "SOC stock at the start of the years ahead", attrs),
        "soc_bau": _stock(bau, f"SOC stock after {years} years of business as usual", attrs),
        "carbon_input": run.at_equilibrium,
        "carbon_input_bau": run.carbon_input.assign_attrs(run.at_equilibrium.attrs),
    }
    for i, increase in enumerate(increases, 1):
        ssm_attrs = attrs | {"carbon_input_increase": float(increase), "years": years}
        gain = increase * response
        out[f"soc_ssm{i}"] = _stock(
            bau + gain, f"SOC stock after {years} years of SSM{i}", ssm_attrs
        )
        name = f"potential_gsocseq_ssm{i}"
        out[name] = describe(gain / years, name, **ssm_attrs)
        out[f"{name}_absolute"] = describe(
            (bau + gain - start) / years, f"{name}_absolute", **ssm_attrs
        )
    lost = ((start - bau) / years).clip(min=0)
    out["loss_disequilibrium"] = describe(lost, "loss_disequilibrium", years=years, **attrs)
    return xr.Dataset(out)


def warming_loss(*, warming: Numeric, years: int = YEARS, **inputs: Any) -> xr.DataArray:
    """Return the loss that warming adds to business as usual, from RothC.

    Parameters
    ----------
    warming : DataArray, array or float
        Warming of the years ahead, K (degrees, not kelvin of temperature), -10 to 15.
    years : int
        Years ahead.
    **inputs
        As in `gsocseq`, without `increases`.

    Returns
    -------
    DataArray
        ``loss_warming``, t ha-1 yr-1, positive = loss. NaN where any input is.

    Raises
    ------
    BadInputError
        As `gsocseq`; also a warming out of range.

    Notes
    -----
    ``(SOC_BAU − SOC_BAU+ΔT)/years``: the same input, rain and evaporation, air warmer by ΔT from
    the first month on. Increased plant growth and drier soils in a warmer climate are not included.
    """
    return _losses(warming, years, inputs)["loss_warming"]


def disequilibrium_and_warming(
    *, warming: Numeric, years: int = YEARS, **inputs: Any
) -> xr.Dataset:
    """Return the losses of disequilibrium and of warming from one run, so that they may be summed.

    Parameters
    ----------
    warming, years, **inputs
        As in `warming_loss`.

    Returns
    -------
    Dataset
        ``loss_disequilibrium`` = max(0, start − BAU)/years, and ``loss_warming``, the rest of the
        joint loss max(0, start − BAU+ΔT)/years, t ha-1 yr-1. Where the soil gains carbon under
        BAU, the gain offsets warming first, unlike in `warming_loss` alone.
    """
    out = _losses(warming, years, inputs)
    joint = (out["loss_disequilibrium_signed"] + out["loss_warming"]).clip(min=0)
    first = out["loss_disequilibrium_signed"].clip(min=0)
    attrs = out["loss_warming"].attrs
    return xr.Dataset(
        {
            "loss_disequilibrium": describe(first, "loss_disequilibrium", years=years),
            "loss_warming": describe(joint - first, "loss_warming").assign_attrs(attrs),
        }
    )


def _losses(warming: Numeric, years: int, inputs: dict[str, Any]) -> xr.Dataset:
    require_between("warming", warming, -10, 15, "K", "it is a difference, not a temperature")
    if "increases" in inputs:
        raise BadInputError(
            "increases are for gsocseq; a loss is computed for business as usual only."
        )
    given = Inputs(**inputs)
    require_choices(given.soc_stock, (), years, given.depth)
    run = run_to_today(given)
    bau = run.ahead(years)
    warmer = run.climate["air_temperature"] + per_cell("warming", warming)
    hot = replace(run, climate=run.climate | {"air_temperature": warmer}).ahead(years)
    extra = describe((bau - hot) / years, "loss_warming", years=years)
    if np.ndim(warming) == 0 and not isinstance(warming, xr.DataArray):
        extra.attrs["warming_k"] = float(warming)
    signed = (run.state["soc"] - bau) / years
    return xr.Dataset({"loss_warming": extra, "loss_disequilibrium_signed": signed})


def _stock(array: xr.DataArray, long_name: str, attrs: Attributes) -> xr.DataArray:
    out = array.copy(deep=False)
    out.attrs = {"units": "t ha-1", "long_name": long_name, **attrs}
    return out
