"""The runs of the GSOCseq protocol: its inputs, the state today, the years ahead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from hotspots.layers.array_types import ClassArgument, FloatArray, Numeric, SameKind
from hotspots.layers.variables import LAND_COVERS

DEPTH_CM = 30  # of the protocol's stocks
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
_DEPTHS = re.compile(r"(\d+(?:\.\d+)?)\s*[-\u2013]\s*(\d+(?:\.\d+)?)(?:\s*cm)?")
Drivers = dict[str, xr.DataArray]


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
class Run:
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
class Inputs:
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


def run_to_today(given: Inputs) -> Run:
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
    return Run(state, ahead, later, need, share, site)


def _site(given: Inputs) -> Drivers:
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


def require_choices(
    soc_stock: Numeric, increases: Sequence[float], years: int, depth: Numeric
) -> None:
    """Raise `BadInputError` for a negative stock, and for impossible increases, years or depths.

    Parameters
    ----------
    soc_stock : DataArray, array or float
        t ha-1; NaN (missing) passes. A depth that its attributes state must be 0 to `depth`.
    increases : sequence of float
        Shares, up to 1.
    years : int
        1 to 1000.
    depth : float
        cm.
    """
    require_between("soc_stock", soc_stock, 0, np.inf, "t ha-1", "look for a nodata value")
    for increase in increases:
        if not -1 <= increase <= 1:
            raise BadInputError(
                f"increases has {increase}; it is a share, up to 1. Divide percent by 100."
            )
    if years != int(years) or not 1 <= years <= 1000:
        raise BadInputError(f"years is {years}; it is a whole number from 1 to 1000.")
    if np.ndim(depth) == 0:
        _require_depth(getattr(soc_stock, "attrs", {}).get("depth_cm"), float(depth))


def _require_depth(stated: object, depth: float) -> None:
    """Raise `BadInputError` if the depth that a stock states isn't 0 to `depth`, cm."""
    if stated in (None, ""):
        return
    found = _DEPTHS.fullmatch(str(stated).strip())
    if found is None:
        raise BadInputError(
            f"The stock says the depth '{stated}', which can't be read. Correct its attribute"
            f" 'depth_cm' to top and bottom, cm: '0-{depth:g}'."
        )
    if float(found[1]) != 0 or float(found[2]) != depth:
        raise BadInputError(
            f"The stock is of {stated} cm and depth is {depth:g} cm. Give the stock of the"
            " layer that is modelled, from the surface down, or its depth."
        )
