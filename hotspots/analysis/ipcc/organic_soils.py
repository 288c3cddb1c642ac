"""Organic soils: emissions of drained peat by factor, and wetland mineral soils.

Organic soils have no stock-change gains: the benefit is an avoided emission. The factors
are rows of the tables of the 2013 Wetlands Supplement, by three climates; emission continues
until the peat is gone, so there is no 20-year limit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    class_codes,
    elementwise,
    require_between,
    require_fraction,
)
from hotspots.analysis.ipcc.factor_tables import rows_of, table
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import ClassArgument, FloatArray, Numeric, SameKind
from hotspots.layers.variables import CLIMATE_ZONES, LAND_USES

# Polar zones have no rows of their own; IPCC's "boreal" is the nearest (convention).
CLIMATE_OF_BAND = {
    "polar": "boreal",
    "boreal": "boreal",
    "cool": "temperate",
    "warm": "temperate",
    "tropical": "tropical",
}
# The row for a land use whose nutrients, drainage or crop aren't known (convention): in boreal
# forest and temperate grassland the nutrient-rich row, which emits most.
ROW_OF_USE: dict[str, dict[str, str]] = {
    "cropland": {
        "boreal": "cropland",
        "temperate": "cropland",
        "tropical": "cropland_and_fallow",
    },
    "grassland": {
        "boreal": "grassland",
        "temperate": "grassland_deep_drained_nutrient_rich",
        "tropical": "grassland",
    },
    "forest": {
        "boreal": "forest_land_nutrient_rich",
        "temperate": "forest_land",
        "tropical": "forest_land_and_shrubland_cleared",
    },
}
NUTRIENT_STATUSES = ("poor", "rich")
_ON_SITE, _COMPANION = "ipcc_drained_organic_soils_co2", "ipcc_drained_organic_soils_doc_ch4_n2o"
_BOUNDS = ("ef", "ci95_low", "ci95_high")
_DOC, _N2O = "DOC off-site", "N2O"


class EmissionFactor(NamedTuple):
    """A factor and its 95 % confidence interval, each as float, array or DataArray."""

    ef: SameKind
    low: SameKind
    high: SameKind


def emission_factor(
    climate_zone: ClassArgument, land_use: ClassArgument = "cropland"
) -> EmissionFactor:
    """Return the on-site CO2-C emission factor of drained organic soil.

    Parameters
    ----------
    climate_zone : str, int, array or DataArray
        IPCC climate zone by name or code (1-12, 0 = nodata).
    land_use : str, array or DataArray
        "cropland", "grassland" or "forest", a class layer of these, or the exact name of a row of
        ``tables/ipcc_drained_organic_soils_co2.csv`` (see `organic_land_uses`), which holds only
        in the climates that have it.

    Returns
    -------
    EmissionFactor
        ``ef``, ``low``, ``high``, t CO2-C ha-1 yr-1 of drained land; positive is loss. NaN for
        nodata, and where climate and land use have no factor.

    Notes
    -----
    2013 Wetlands Supplement Table 2.1 (secondary transcriptions; paddy rice from memory). Of
    boreal forest and temperate grassland the nutrient-rich, deep-drained row stands for the land
    use, and boreal for polar zones (conventions).
    """
    return EmissionFactor(*(_factors(_ON_SITE, b, "", climate_zone, land_use) for b in _BOUNDS))


def organic_soil_factor(
    climate_zone: ClassArgument, land_use: ClassArgument = "cropland", *, with_doc: bool = False
) -> SameKind:
    """Return the carbon loss of drained organic soil, t C ha-1 yr-1.

    Parameters
    ----------
    climate_zone, land_use
        As for `emission_factor`.
    with_doc : bool
        Whether to add the dissolved organic carbon that leaves the site, 0.12 to 0.82.

    Returns
    -------
    float, array or DataArray
        t C per hectare of drained land and year, positive; NaN as for `emission_factor`.
    """
    on_site = emission_factor(climate_zone, land_use).ef
    if with_doc:
        on_site = on_site + doc_factor(climate_zone).ef
    return _named(on_site, "organic_soil_factor", "t ha-1 yr-1")


def doc_factor(climate_zone: ClassArgument) -> EmissionFactor:
    """Return the loss by dissolved organic carbon, t C ha-1 yr-1 (Table 2.2; secondary)."""
    return EmissionFactor(*(_factors(_COMPANION, b, _DOC, climate_zone, "all") for b in _BOUNDS))


def n2o_factor(climate_zone: ClassArgument, land_use: ClassArgument = "cropland") -> EmissionFactor:
    """Return the N2O emission, kg N2O-N ha-1 yr-1 (Table 2.5; secondary).

    Arguments as for `emission_factor`; NaN where the packaged table, which isn't the whole of
    IPCC's, has no row: forest, tropical grassland, boreal cropland.
    """
    return EmissionFactor(*(_factors(_COMPANION, b, _N2O, climate_zone, land_use) for b in _BOUNDS))


def methane_factor(*, ef_land: Numeric, ef_ditch: Numeric, ditch_share: Numeric) -> SameKind:
    """Return the methane of drained land and its ditches, in the unit of the two factors.

    Notes
    -----
    ``(1 − f)·EF_land + f·EF_ditch``, f the share of ditches, 0-1 (2013 Wetlands Supplement
    eq 2.6). The packaged tables have no methane factors: give those of Tables 2.3 and 2.4.
    """
    require_fraction("ditch_share", ditch_share)
    return elementwise(lambda a, b, f: (1.0 - f) * a + f * b, ef_land, ef_ditch, ditch_share)


def drained_organic_emission(
    *,
    drained_area: Numeric,
    climate_zone: ClassArgument,
    land_use: ClassArgument = "cropland",
    years: float = 1.0,
    peat_stock: Numeric | None = None,
) -> xr.Dataset:
    """Return the emissions of drained organic soil over a number of years.

    Parameters
    ----------
    drained_area : DataArray, array or float
        ha.
    climate_zone, land_use
        As for `emission_factor`.
    years : float
        Time, yr.
    peat_stock : DataArray, array or float, optional
        Carbon in the peat at the start, t ha-1 (by `soc_stock` over its depth), an upper
        bound of the loss. NaN (not known) gives NaN.

    Returns
    -------
    Dataset
        ``co2_c`` with ``co2_c_lower`` and ``co2_c_upper`` (on site) and ``doc_c`` (off site), t C;
        ``total_c``, their sum; ``n2o_n``, kg N2O-N. NaN where a factor or the area is missing.

    Notes
    -----
    ``L = A·EF·t``, carbon capped at ``A·peat_stock``. The two carbon pathways share
    the stock in proportion. Emission doesn't end after 20 years.
    """
    require_between("drained_area", drained_area, 0, np.inf, "ha")
    require_between("peat_stock", peat_stock, 0, np.inf, "t ha-1")
    if not 0 <= years < np.inf:
        raise BadInputError(f"years is {years}; it is a number of years, 0 or more.")
    site, doc = emission_factor(climate_zone, land_use), doc_factor(climate_zone)
    n2o = n2o_factor(climate_zone, land_use)
    stock = np.inf if peat_stock is None else peat_stock
    parts: dict[str, tuple[Callable[..., FloatArray], tuple[Numeric, ...]]] = {
        "co2_c": (_carbon, (site.ef, doc.ef, site.ef)),
        # The bounds are those of the on-site factor; the off-site one keeps its mean.
        "co2_c_lower": (_carbon, (site.low, doc.ef, site.low)),
        "co2_c_upper": (_carbon, (site.high, doc.ef, site.high)),
        "doc_c": (_carbon, (site.ef, doc.ef, doc.ef)),
        "total_c": (_carbon, (site.ef, doc.ef, site.ef + doc.ef)),
        "n2o_n": (_plain, (n2o.ef,)),
    }
    return xr.Dataset(
        {
            name: _named(
                xr.DataArray(elementwise(function, drained_area, stock, years, *factors)),
                name,
                "kg" if name == "n2o_n" else "t",
            )
            for name, (function, factors) in parts.items()
        }
    )


def peat_loss(
    *,
    climate_zone: ClassArgument,
    land_use: ClassArgument = "cropland",
    years: Numeric,
    peat_stock: Numeric,
) -> SameKind:
    """Return the carbon lost on site over `years`, t ha-1: ``min(EF·t, peat_stock)``.

    Parameters
    ----------
    climate_zone, land_use
        As for `emission_factor`.
    years : DataArray, array or float
        Time since the start, yr, 0 or more.
    peat_stock : DataArray, array or float
        Carbon in the peat at the start, t ha-1, an upper bound of the loss; infinity for no bound.
        NaN in it or in `years`, and a missing emission factor, give NaN.
    """
    require_between("years", years, 0, np.inf, "yr")
    require_between("peat_stock", peat_stock, 0, np.inf, "t ha-1")
    ef = emission_factor(climate_zone, land_use).ef
    return elementwise(lambda f, t, s: np.minimum(f * t, s), ef, years, peat_stock)


def rewetted_factor(climate_zone: ClassArgument, nutrient_status: str = "rich") -> EmissionFactor:
    """Return the CO2-C emission factor of rewetted organic soil.

    Parameters
    ----------
    climate_zone : str, int, array or DataArray
        By name or code (1-12, 0 = nodata).
    nutrient_status : str
        "poor" or "rich"; the tropics have one factor (0, without interval) for both.

    Returns
    -------
    EmissionFactor
        t CO2-C ha-1 yr-1; negative is removal. NaN for nodata.

    Notes
    -----
    2013 Wetlands Supplement Table 3.1 (secondary). Excludes the methane of rewetted land.
    """
    if nutrient_status not in NUTRIENT_STATUSES:
        allowed = " and ".join(NUTRIENT_STATUSES)
        raise BadInputError(f"nutrient_status is '{nutrient_status}'; allowed are {allowed}.")
    columns = ("ef_co2_tC_ha_yr_negative_is_removal", "ci95_low", "ci95_high")
    rows = [
        row
        for row in table("ipcc_rewetted_organic_soils_co2")
        # The tropics have one row for both, without a status.
        if row["nutrient_status"] in ("", nutrient_status)
    ]
    zones = class_codes(climate_zone, CLIMATE_ZONES, "IPCC climate zone")
    out = []
    for column in columns:
        by_climate = {row["climate"]: float(row[column] or "nan") for row in rows}
        values = np.array([by_climate.get(climate, np.nan) for climate in _climates()])
        out.append(elementwise(values.__getitem__, zones))
    return EmissionFactor(*out)


def avoided_emission(
    *,
    climate_zone: ClassArgument,
    land_use: ClassArgument = "cropland",
    nutrient_status: str = "rich",
) -> SameKind:
    """Return the CO2-C emission that rewetting avoids, t C ha-1 yr-1 of drained land.

    The on-site factor of the drained land use less that of rewetted land; an emission that stops,
    not a gain of stock, and without the methane that rewetted land emits. Arguments and missing
    values as for `emission_factor` and `rewetted_factor`.
    """
    drained = emission_factor(climate_zone, land_use).ef
    return _named(
        drained - rewetted_factor(climate_zone, nutrient_status).ef,
        "avoided_emission",
        "t ha-1 yr-1",
    )


def wetland_mineral_factor(years_since_rewetting: Numeric | None = None) -> SameKind:
    """Return F_LU of cropland on wetland mineral soils.

    Parameters
    ----------
    years_since_rewetting : DataArray, array or float, optional
        yr; without it, or 0, the soil is drained and long-term cultivated.

    Returns
    -------
    float, array or DataArray
        0.71 drained; after rewetting 0.80 in the first 20 years and 1.0 later. NaN stays NaN.

    Notes
    -----
    2013 Wetlands Supplement Table 5.3 (secondary; ±41 % for 0.71), whose last row ends at 40
    years: 1, the native stock, holds from then on (convention).
    """
    given = 0.0 if years_since_rewetting is None else years_since_rewetting
    require_between("years_since_rewetting", given, 0, np.inf, "yr")
    name = "ipcc_wetland_mineral_rewetting"
    drained = float(rows_of(name, level="long_term_cultivated")[0]["f_lu"])
    steps = sorted(
        (float(row["years_since_rewetting"].split("-")[1]), float(row["f_lu"]))
        for row in rows_of(name, level="rewetted")
    )
    # The end of the last row isn't a step: its factor holds from then on.
    ends = [0.0, *(end for end, _ in steps[:-1])]
    values = np.array([drained, *(value for _, value in steps)])

    def factor(years: FloatArray) -> FloatArray:
        """Return the factor of the step that each year is in."""
        # The last year of a step still belongs to it, and 0 years to the drained soil.
        found = values[np.searchsorted(ends, years)]
        return np.where(np.isnan(years), np.nan, found)

    return elementwise(factor, given)


def organic_land_uses() -> dict[str, list[str]]:
    """Return the land uses that `emission_factor` takes, with the climates that have a factor."""
    exact: dict[str, list[str]] = {}
    for row in table(_ON_SITE):
        exact.setdefault(row["land_use"], []).append(row["climate"])
    return exact | {use: list(rows) for use, rows in ROW_OF_USE.items()}


@cache
def _climates() -> tuple[str, ...]:
    """Return the Supplement's climate of each zone code, "" for nodata."""
    bands = (name.split("_")[0] for name in CLIMATE_ZONES.values())
    return ("", *(CLIMATE_OF_BAND[band] for band in bands))


def _factors(
    name: str, column: str, item: str, climate_zone: ClassArgument, land_use: ClassArgument
) -> SameKind:
    """Return a column of a table by zone and land use; NaN where there is no row."""
    if isinstance(land_use, str):
        uses: tuple[str, ...] = (land_use,)
        codes: SameKind = 0
        known = ("all", *organic_land_uses())
        if land_use not in known:
            raise BadInputError(
                f"land_use is '{land_use}'; allowed are {', '.join(known[1:])}"
                f"{near_matches(land_use, known[1:]) or '.'}"
            )
    else:
        uses = ("", *LAND_USES.values())
        codes = class_codes(land_use, LAND_USES, "land use")
    values = _matrix(name, column, item, uses)
    zones = class_codes(climate_zone, CLIMATE_ZONES, "IPCC climate zone")
    return elementwise(lambda zone, use: values[zone, use], zones, codes)


@cache
def _matrix(name: str, column: str, item: str, uses: tuple[str, ...]) -> FloatArray:
    found = {
        (row["climate"], row["land_use"]): float(row[column])
        for row in table(name)
        if not item or row["item"] == item
    }
    rows = [[_value(found, climate, use) for use in uses] for climate in _climates()]
    return np.array(rows, dtype="float64")


def _value(found: dict[tuple[str, str], float], climate: str, use: str) -> float:
    row = ROW_OF_USE.get(use, {}).get(climate, use)
    return found.get((climate, row), np.nan)


def _carbon(
    area: FloatArray,
    stock: FloatArray,
    years: FloatArray,
    site: FloatArray,
    doc: FloatArray,
    part: FloatArray,
) -> FloatArray:
    """Return `part` of the carbon loss; both pathways are reduced where the peat is exhausted."""
    # Rewetted or undrained peat may gain carbon: what isn't lost needs no stock.
    demand = np.maximum((site + doc) * years, 0.0)
    with np.errstate(invalid="ignore"):
        share = np.where(demand == 0, 1.0, np.minimum(demand, stock) / demand)
    # An unknown stock stays unknown, also where nothing is taken from it.
    share = np.where(np.isnan(stock), np.nan, share)
    return area * part * years * share


def _plain(
    area: FloatArray, stock: FloatArray, years: FloatArray, factor: FloatArray
) -> FloatArray:
    del stock  # nitrogen isn't capped by carbon
    return area * factor * years


def _named(values: Numeric, name: str, unit: str) -> SameKind:
    if isinstance(values, xr.DataArray):
        values = values.rename(name)
        values.attrs = {"units": unit, "long_name": name.replace("_", " ")}
    return values
