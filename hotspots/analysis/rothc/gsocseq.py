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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    class_codes,
    common_depth,
    elementwise,
    require_between,
    require_fraction,
)
from hotspots.analysis.ipcc.factor_tables import table
from hotspots.analysis.rothc import model
from hotspots.analysis.rothc.drivers import MONTHS, along_months, monthly_share, per_cell, spread
from hotspots.analysis.rothc.npp import miami_npp
from hotspots.errors import BadInputError
from hotspots.layers.array_types import Attributes, ClassArgument, FloatArray, Numeric, SameKind
from hotspots.layers.variables import LAND_COVERS, describe

YEARS = 20
DEPTH_CM = 30  # of the protocol's stocks
INCREASES = (0.05, 0.10, 0.20)
PADDY_RATE = 0.4  # Shirato & Yokozawa (2004)
CLIMATE = ("air_temperature", "precipitation", "evaporation")
# UNCCD class -> FAO class of tables/gsocseq_landuse_dpm_rpm.csv (convention).
FAO_CLASSES = {
    "tree_covered": "Tree covered",
    "grassland": "Grassland",
    "cropland": "Cropland",
    "wetland": "Herbaceous vegetation flooded",
    "artificial": "Artificial surfaces",
    "other_land": "Bare soil",
    "water_body": "Water bodies",
}
Drivers = dict[str, xr.DataArray]


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
    _require_choices(soc_stock, increases, years, depth)
    run = _today(
        _Inputs(
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


def dpm_rpm_of(land_cover: ClassArgument) -> SameKind:
    """Return the DPM:RPM ratio of UNCCD land covers, by name or code; NaN where there is none.

    The ratios are those of ``tables/gsocseq_landuse_dpm_rpm.csv`` (verified); the FAO class
    of each UNCCD class is a convention, `FAO_CLASSES`.
    """
    by_class = {row["fao_class"]: row["dpm_rpm"] for row in table("gsocseq_landuse_dpm_rpm")}
    ratios = [float(by_class[FAO_CLASSES[name]] or "nan") for name in LAND_COVERS.values()]
    by_code: FloatArray = np.array([np.nan, *ratios])
    codes = class_codes(land_cover, LAND_COVERS, "UNCCD land cover class")
    return elementwise(lambda block: by_code[block], codes)


@dataclass(frozen=True)
class _Run:
    """The state at the start of phase 3, and the drivers of the years ahead (monthly, yearly)."""

    state: xr.Dataset
    climate: Drivers
    carbon_input: xr.DataArray
    at_equilibrium: xr.DataArray
    share: xr.DataArray
    site: Drivers

    def ahead(self, years: int) -> xr.DataArray:
        """Return the stock after `years`."""
        end = model.final_state(
            initial=self.state,
            repeat=years,
            carbon_input=self.carbon_input * self.share,
            **self.climate,
            **self.site,
        )
        return end["soc"]

    def response(self, years: int) -> xr.DataArray:
        """Return the stock built by input alone in `years`: the gain of an increase of 100 %."""
        # Times 0, not zeros: missing cells stay missing.
        empty = {name: self.state[name] * 0.0 for name in (*model.POOLS, "iom")}
        # The moisture deficit stays: rates must be those of the run with carbon.
        start = self.state.assign(empty)
        return replace(self, state=start).ahead(years)


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """Data and conventions of a run, as the arguments of `gsocseq`."""

    soc_stock: Numeric
    clay: Numeric
    air_temperature: Numeric
    precipitation: Numeric
    evaporation: Numeric
    plant_cover: Numeric
    land_cover: ClassArgument | None = None
    dpm_rpm: Numeric | None = None
    warm_up: xr.Dataset | None = None
    forward: xr.Dataset | None = None
    depth: Numeric = DEPTH_CM
    pan_factor: Numeric = 1.0
    input_share: Numeric | None = None
    paddy: Numeric | None = None

    def climatology(self) -> Drivers:
        """Return the drivers of a year, along ``month``."""
        names = (*CLIMATE, "plant_cover")
        along = {name: along_months(name, getattr(self, name), "month") for name in names}
        return {name: _bare(spread(array, "month", MONTHS)) for name, array in along.items()}


def _today(given: _Inputs) -> _Run:
    """Run phases 1 and 2."""
    site = _site(given)
    common_depth(given.soc_stock, given.clay)
    share = _bare(monthly_share(given.input_share))
    year = given.climatology()
    state = model.equilibrium_of_stock(soc=given.soc_stock, input_share=share, **year, **site)
    need = state["carbon_input"]
    ahead, later = year, need
    if given.warm_up is not None:
        state, later, ahead = _warmed_up(state, need, year, given.warm_up, share, site)
    if given.forward is not None:
        # The plant cover of the climatology stays where the climate ahead brings none.
        ahead = year | _climate_of(given.forward, "month", "forward")
    return _Run(state, ahead, later, need, share, site)


def _site(given: _Inputs) -> Drivers:
    if given.dpm_rpm is not None:
        ratio = given.dpm_rpm
    elif given.land_cover is not None:
        ratio = dpm_rpm_of(given.land_cover)
    else:
        raise BadInputError(
            "Neither land_cover nor dpm_rpm is given; plant carbon is split by one of them."
            " Give the UNCCD land cover, or dpm_rpm=1.44 for cropland."
        )
    require_fraction("paddy", given.paddy)
    rice = per_cell("paddy", 0.0 if given.paddy is None else given.paddy)
    per_site: dict[str, Numeric] = {
        "clay": given.clay,
        "dpm_rpm": ratio,
        "depth": given.depth,
        "pan_factor": given.pan_factor,
        # Linear in the share of paddy: 1 without rice, 0.4 with nothing else.
        "rate_factor": 1 - (1 - PADDY_RATE) * rice,
    }
    return {name: per_cell(name, value) for name, value in per_site.items()}


def _warmed_up(
    state: xr.Dataset,
    need: xr.DataArray,
    year: Drivers,
    warm_up: xr.Dataset,
    share: xr.DataArray,
    site: Drivers,
) -> tuple[xr.Dataset, xr.DataArray, Drivers]:
    """Return the state after the years of `warm_up`, their mean carbon input and mean climate."""
    climate = {
        name: _by_year(array) for name, array in _climate_of(warm_up, "time", "warm_up").items()
    }
    # Production moves the input; the soil's own demand doesn't, as in the protocol's phase 2.
    inputs = need * _npp(climate) / _npp(year).where(lambda npp: npp > 0)
    drivers = {**year, **climate, "carbon_input": inputs * share}
    months = {name: _in_a_row(array, inputs.sizes["year"]) for name, array in drivers.items()}
    end = model.final_state(initial=state, repeat=1, **months, **site)
    mean_climate = {name: array.mean("year", skipna=False) for name, array in climate.items()}
    return end, inputs.mean("year", skipna=False), year | mean_climate


def _climate_of(data: xr.Dataset, dim: str, what: str) -> Drivers:
    missing = [name for name in CLIMATE if name not in data]
    if missing or dim not in data.dims:
        raise BadInputError(
            f"{what} has {', '.join(map(str, data.data_vars)) or 'no layers'} along"
            f" {', '.join(map(str, data.dims)) or 'nothing'}; it needs {', '.join(CLIMATE)}"
            f" along '{dim}'."
        )
    months = data.sizes[dim]
    if months % MONTHS or (dim == "month" and months != MONTHS):
        raise BadInputError(f"{what} has {months} months; whole years of 12 are needed.")
    if dim == "time" and np.issubdtype(data["time"].dtype, np.datetime64):
        first = int(data["time"].dt.month[0])
        if first != 1:
            raise BadInputError(f"{what} starts in month {first}; start it in January, month 1.")
    names = (*CLIMATE, *(["plant_cover"] if "plant_cover" in data else []))
    return {name: _bare(data[name].astype("float64")) for name in names}


def _bare(array: xr.DataArray) -> xr.DataArray:
    """Return `array` without labels of months, which differ between sources."""
    return array.drop_vars(["month", "time"], errors="ignore")


def _by_year(array: xr.DataArray) -> xr.DataArray:
    if "time" not in array.dims:
        return array
    return array.coarsen(time=MONTHS).construct(time=("year", "month"))


def _in_a_row(array: xr.DataArray, years: int) -> xr.DataArray:
    """Return consecutive months, along ``month``."""
    by_year = array if "year" in array.dims else array.expand_dims(year=years)
    return by_year.stack(row=("year", "month"), create_index=False).rename(row="month")


def _npp(climate: Drivers) -> xr.DataArray:
    npp: xr.DataArray = miami_npp(
        mean_annual_temperature=climate["air_temperature"].mean("month", skipna=False),
        annual_precipitation=climate["precipitation"].sum("month", skipna=False),
    )
    return npp


def _losses(warming: Numeric, years: int, inputs: dict[str, Any]) -> xr.Dataset:
    require_between("warming", warming, -10, 15, "K", "it is a difference, not a temperature")
    if "increases" in inputs:
        raise BadInputError(
            "increases are for gsocseq; a loss is computed for business as usual only."
        )
    given = _Inputs(**inputs)
    _require_choices(given.soc_stock, (), years, given.depth)
    run = _today(given)
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


def _require_choices(
    soc_stock: Numeric, increases: Sequence[float], years: int, depth: Numeric
) -> None:
    require_between("soc_stock", soc_stock, 0, np.inf, "t ha-1", "look for a nodata value")
    for increase in increases:
        if not -1 <= increase <= 1:
            raise BadInputError(
                f"increases has {increase}; it is a share, up to 1. Divide percent by 100."
            )
    if years != int(years) or not 1 <= years <= 1000:
        raise BadInputError(f"years is {years}; it is a whole number from 1 to 1000.")
    stock_depth = str(getattr(soc_stock, "attrs", {}).get("depth_cm", ""))
    parts = stock_depth.split("-")
    if len(parts) == 2 and np.ndim(depth) == 0 and float(parts[1]) != float(depth):
        raise BadInputError(
            f"The stock is of {stock_depth} cm and depth is {depth:g} cm. Give the stock of the"
            " layer that is modelled, or its depth."
        )
