"""Land-cover transitions: the SOC sub-indicator of SDG 15.3.1, and change by transition.

Each change of land cover starts a transition of 20 years, in which the stock moves in equal steps
towards its new equilibrium. A later change restarts it from the stock reached by then.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import class_codes, common_depth, require_between
from hotspots.analysis.ipcc.factor_tables import rows_of, table
from hotspots.errors import BadInputError
from hotspots.layers.array_types import (
    AnyArray,
    Attributes,
    ClassArgument,
    CodeArray,
    FloatArray,
    Numeric,
    SameKind,
)
from hotspots.layers.typed import choose
from hotspots.layers.variables import CLIMATE_ZONES, LAND_COVERS, describe, require_aligned

if TYPE_CHECKING:
    import pandas as pd

TRANSITION_YEARS = 20
DEGRADED_PERCENT, IMPROVED_PERCENT = -10.0, 10.0
# Twenty steps of a tenth of a percent must be two percent: the thresholds are inclusive.
PERCENT_DECIMALS = 9
# Codes of `LAND_COVERS`.
WATER, ARTIFICIAL = 7, 5
MOST_STOCK_T_HA = 5000.0
REFERENCE = "SDG 15.3.1 Good Practice Guidance 2.0; rule of Trends.Earth, in floating point"


def sdg_soc_change(
    *,
    soc_stock: Numeric,
    land_cover: ClassArgument,
    climate_zone: ClassArgument,
    years: tuple[int, int] | None = None,
    artificial_factor: float | None = None,
) -> xr.Dataset:
    """Return the SOC stock of each year after land-cover changes, and the SDG 15.3.1 class.

    Parameters
    ----------
    soc_stock : DataArray, array or float
        SOC stock in the first year of `land_cover`, t ha-1, 0-30 cm by default.
    land_cover : DataArray, array, sequence or str
        UNCCD classes by name or code, along a dimension ``year`` (the first axis of an array); a
        text of digits ("1113") is one cell. Without a coordinate the years are 0, 1, 2, … Where
        the coordinate leaves years out, a change between two maps is dated in the middle of
        them (a convention; at the later map it would hardly have begun).
    climate_zone : str, int, array or DataArray
        IPCC climate zone by name or code, any of the 12.
    years : (int, int), optional
        First and last year of the change in percent; by default the first and last of the series.
    artificial_factor : float, optional
        Factor of vegetated land that becomes artificial, above 0 to 1. By default that of the
        table (0.1), which is for replicating the SDG indicator; elsewhere 0.8 is more realistic,
        since otherwise towns dominate the hotspots. If given, the reverse transition gains at most
        ``1/artificial_factor``.

    Returns
    -------
    Dataset
        ``soc_stock`` (t ha-1, by ``year``); ``sdg_soc_change`` (% of the stock in the first of
        `years`); ``sdg_soc_class`` (degraded, stable, improved; 0 where missing); and
        ``loss_land_cover`` (t ha-1 yr-1, mean over `years`, >= 0). The last three are
        missing where the land cover is water in either year. A missing stock or zone gives NaN in
        all years, a missing class from its year on.

    Raises
    ------
    BadInputError
        A negative stock, an unknown class, no dimension ``year``, or years out of the series.

    Notes
    -----
    ``SOC(y) = SOC(y−1) − SOC_k·(1 − f)/20`` for 20 years from the latest change of class, in year
    k; ``Δ% = 100·(SOC1 − SOC0)/SOC0``, degraded at -10 or less, improved at +10 or more, both
    inclusive. The factors f (``tables/sdg1531_soc_transition_factors.csv``) and the rule are
    *verified* in the Trends.Earth algorithms, which store whole tonnes (int16); here values are
    not truncated. The polar and boreal zones take the temperate factors. Masking water in either
    year, holding classes over years without a map and the bound on the transition back from
    artificial are *conventions*; 0.8 for artificial is *from memory*. Management and input factors
    are 1. A window of 15 years shows at most 15/20 of a change.
    """
    require_between("soc_stock", soc_stock, 0, MOST_STOCK_T_HA, "t ha-1", "look for nodata values")
    cover = _annual(land_cover)
    first, last = _window(cover, years)
    stock, zone = _on(cover, soc_stock), _on(cover, _zones(climate_zone))
    require_aligned(cover, stock, zone)
    series = xr.apply_ufunc(
        _stock_by_year,
        stock,
        zone,
        cover,
        kwargs={"factors": _factors(artificial_factor)},
        input_core_dims=[[], [], ["year"]],
        output_core_dims=[["year"]],
        dask="parallelized",
        output_dtypes=["float64"],
    ).transpose("year", ...)
    start, end = series.sel(year=first, drop=True), series.sel(year=last, drop=True)
    land = ~_is_water(cover, first, last)
    # A stock of 0 has no change in percent.
    percent = (100 * (end - start) / start.where(start > 0)).where(land)
    loss = ((start - end).clip(min=0) / (last - first)).where(land)
    attrs: Attributes = {"period": f"{first}-{last}", "references": REFERENCE}
    attrs |= common_depth(stock)
    return xr.Dataset(
        {
            "soc_stock": describe(series, "soc_stock", **attrs),
            "sdg_soc_change": describe(percent, "sdg_soc_change", **attrs),
            "sdg_soc_class": describe(_classified(percent), "sdg_soc_class", **attrs),
            "loss_land_cover": describe(loss, "loss_land_cover", **attrs),
        }
    )


def transition_table(
    *,
    soc_stock: Numeric,
    land_cover: ClassArgument,
    climate_zone: ClassArgument,
    area: Numeric,
    years: tuple[int, int] | None = None,
    artificial_factor: float | None = None,
) -> pd.DataFrame:
    """Return area and SOC change by land-cover transition; its sums are the totals.

    Parameters
    ----------
    soc_stock, land_cover, climate_zone, years, artificial_factor
        As in `sdg_soc_change`.
    area : DataArray, array or float
        Area that each cell's values stand for, ha.

    Returns
    -------
    DataFrame
        One row for each pair of classes, persistence included: ``from_class``, ``to_class``;
        ``area_ha``, by the classes of the first and the last year, so that it adds up to the land
        counted; ``change_t`` (t C, positive = gain), each year's change under the transition that
        causes it, so that it adds up to the whole change; ``changing_area_ha``, land on which the
        transition was active in these years (a cell with two transitions counts in both).
        ``attrs["left_out_ha"]``: area of water in either year, or without a value.

    Notes
    -----
    A cell that goes from forest to cropland and back has its area under forest-forest and its
    changes under forest-cropland and cropland-forest: persistence never has a change. A transition
    before the first of `years` still causes changes until its 20 years end.
    """
    import pandas as pd

    # Over all years, not the window: transitions before it still move the stock within it.
    stock = sdg_soc_change(
        soc_stock=soc_stock,
        land_cover=land_cover,
        climate_zone=climate_zone,
        artificial_factor=artificial_factor,
    )["soc_stock"]
    cover = _annual(land_cover)
    first, last = _window(cover, years)
    year0 = int(cover["year"][0])
    weight = _on(cover, area).astype("float64")
    require_aligned(stock, weight)
    cause = xr.apply_ufunc(
        _causes,
        cover,
        input_core_dims=[["year"]],
        output_core_dims=[["year"]],
        dask="parallelized",
        output_dtypes=["uint8"],
    )
    # NaN lasts from its year on, so that a value in the last year means values in all.
    known = stock.sel(year=last).notnull() & ~_is_water(cover, first, last) & weight.notnull()
    stocks, causes, classes, weights, counts = (
        layer.transpose("year", ...).values
        for layer in xr.broadcast(stock, cause, cover, weight, known)
    )
    counted = np.where(counts[0], weights[0], 0.0)
    begin, end = first - year0, last - year0
    areas = _sums(10 * classes[begin] + classes[end], counted)
    # 0 before the product: NaN of a cell left out would spoil the sums.
    steps = np.where(counts[1:], np.diff(stocks, axis=0), 0.0) * counted
    window = causes[begin + 1 : end + 1]
    changes = _sums(window, steps[begin:end])
    changing = np.zeros(areas.size)
    for code in np.unique(window):
        changing[code] = counted[(window == code).any(axis=0)].sum()
    rows = [
        (old, new, *(sums[10 * i + j] for sums in (areas, changes, changing)))
        for i, old in LAND_COVERS.items()
        for j, new in LAND_COVERS.items()
    ]
    columns = ["from_class", "to_class", "area_ha", "change_t", "changing_area_ha"]
    out = pd.DataFrame(rows, columns=columns)
    out.attrs["left_out_ha"] = float(np.nansum(np.where(counts[0], 0.0, weights[0])))
    out.attrs["period"] = f"{first}-{last}"
    return out


@cache
def _factors(artificial: float | None) -> FloatArray:
    """Return f by climate group (by place in `_groups`, 1 up), old class and new class."""
    if artificial is not None and not 0 < artificial <= 1:
        raise BadInputError(
            f"artificial_factor is {artificial}; it is a share of the stock, above 0 to 1."
        )
    out = np.full((len(_groups()) + 1, len(LAND_COVERS) + 1, len(LAND_COVERS) + 1), np.nan)
    for place, group in enumerate(_groups(), start=1):
        for row in rows_of("sdg1531_soc_transition_factors", climate_group=group):
            old, new, f = int(row["from_code"]), int(row["to_code"]), float(row["factor_20y"])
            # Losses alone: persistence has f = 1.
            if artificial is not None and new == ARTIFICIAL and f < 1:
                f = artificial
            if artificial is not None and old == ARTIFICIAL and f > 1:
                # The way back can't regain more than the way there lost.
                f = min(f, 1 / artificial)
            out[place, old, new] = f
    return out


@cache
def _groups() -> tuple[str, ...]:
    return tuple(sorted({r["climate_group"] for r in table("sdg1531_climate_group")}))


def _zones(climate_zone: ClassArgument) -> SameKind:
    """Return the climate group, by its place in `_groups`, 1 up; 0 where there is no zone."""
    place = np.zeros(len(CLIMATE_ZONES) + 1, dtype="uint8")
    for row in table("sdg1531_climate_group"):
        group = _groups().index(row["climate_group"]) + 1
        place[int(row["jrc_ipcc_climate_code"])] = group
    codes = class_codes(climate_zone, CLIMATE_ZONES, "climate zone")
    if isinstance(codes, xr.DataArray):
        return xr.apply_ufunc(
            lambda block: place[block], codes, dask="parallelized", output_dtypes=["uint8"]
        )
    return place[codes]


def _annual(land_cover: ClassArgument) -> xr.DataArray:
    """Return the codes of land cover, every year from the first to the last, ``year`` last."""
    if isinstance(land_cover, str):
        if not land_cover.isdigit():
            raise BadInputError(
                f"land_cover is '{land_cover}'; a text must be digits, one UNCCD class (1 to 7) a"
                " year. Give names as a list."
            )
        land_cover = [int(digit) for digit in land_cover]
    codes = class_codes(
        land_cover if isinstance(land_cover, xr.DataArray) else np.asarray(land_cover),
        LAND_COVERS,
        "UNCCD class of land cover",
    )
    if not isinstance(codes, xr.DataArray):
        codes = np.atleast_1d(codes)
        codes = xr.DataArray(codes, dims=("year", *(f"dim_{i}" for i in range(1, codes.ndim))))
    if "year" not in codes.dims:
        raise BadInputError(
            f"land_cover has the dimensions {tuple(codes.dims)}; it needs one named 'year'."
            " Join the maps of the years with xarray.concat."
        )
    if "year" not in codes.coords:
        codes = codes.assign_coords(year=np.arange(codes.sizes["year"]))
    codes = codes.sortby("year")
    given = np.asarray(codes["year"].values)
    if given.dtype.kind not in "iuf" or (given != given.astype("int64")).any():
        raise BadInputError(
            f"The coordinate 'year' of land_cover is of type {given.dtype}; whole years as numbers"
            " are needed, like 2000."
        )
    if given.size < 2 or np.unique(given).size < given.size:
        raise BadInputError(
            f"land_cover has the years {', '.join(map(str, given[:20]))}; two years or more are"
            " needed, each once."
        )
    every = np.arange(int(given[0]), int(given[-1]) + 1)
    middles = (given[:-1] + given[1:]) / 2
    # Each year takes the map nearest in time; half-way between two, the later.
    codes = codes.isel(year=np.searchsorted(middles, every, side="right"))
    codes = codes.assign_coords(year=every).transpose(..., "year")
    # One chunk along the years, since each stock depends on the year before.
    return codes.chunk({"year": -1}) if codes.chunks else codes


def _window(cover: xr.DataArray, years: tuple[int, int] | None) -> tuple[int, int]:
    low, high = int(cover["year"][0]), int(cover["year"][-1])
    first, last = years or (low, high)
    if not low <= first < last <= high:
        raise BadInputError(
            f"years is {first} to {last}; land_cover runs from {low} to {high}. Give two years"
            " within it, the earlier first."
        )
    return int(first), int(last)


def _on(cover: xr.DataArray, given: Numeric) -> xr.DataArray:
    """Return `given` as a DataArray; an array without dimension names has the cells of `cover`."""
    if isinstance(given, xr.DataArray):
        return given
    cells = [dim for dim in cover.dims if dim != "year"]
    values = np.asarray(given)
    return xr.DataArray(values, dims=cells[len(cells) - values.ndim :] or None)


def _is_water(cover: xr.DataArray, first: int, last: int) -> xr.DataArray:
    ends = (cover.sel(year=first, drop=True), cover.sel(year=last, drop=True))
    return (ends[0] == WATER) | (ends[1] == WATER)


def _classified(percent: xr.DataArray) -> xr.DataArray:
    rounded = percent.round(PERCENT_DECIMALS)
    code = choose(rounded <= DEGRADED_PERCENT, 1, choose(rounded >= IMPROVED_PERCENT, 3, 2))
    return code.where(percent.notnull(), 0).astype("uint8")


def _stock_by_year(
    stock: FloatArray, group: CodeArray, cover: CodeArray, *, factors: FloatArray
) -> FloatArray:
    """Return the stock of each year (last axis), by transitions that each change restarts."""
    shape = np.broadcast_shapes(stock.shape, group.shape, cover.shape[:-1])
    cover = np.broadcast_to(cover, (*shape, cover.shape[-1]))
    group = np.broadcast_to(group, shape)
    known = (group > 0) & (cover[..., 0] > 0)
    now = np.where(known, stock.astype("float64"), np.nan)
    out = np.empty(cover.shape)
    out[..., 0] = now
    step, age = np.zeros(shape), np.zeros(shape, dtype="int64")
    for k in range(1, cover.shape[-1]):
        old, new = cover[..., k - 1], cover[..., k]
        turned = old != new
        # From the stock reached by then: a second change restarts the 20 years.
        step = np.where(turned, now * (1 - factors[group, old, new]) / TRANSITION_YEARS, step)
        age = np.where(turned, 1, age + 1)
        now = now - np.where(age <= TRANSITION_YEARS, step, 0.0)
        out[..., k] = now
    return out


def _causes(cover: CodeArray) -> CodeArray:
    """Return 10·old + new of the transition active in each year (last axis), else 0."""
    out = np.zeros(cover.shape, dtype="uint8")
    cause, age = np.zeros(cover.shape[:-1], dtype="uint8"), np.zeros(cover.shape[:-1], "int64")
    for k in range(1, cover.shape[-1]):
        old, new = cover[..., k - 1], cover[..., k]
        turned = old != new
        # At most 77, within uint8.
        cause = np.where(turned, 10 * old + new, cause)
        age = np.where(turned, 1, age + 1)
        out[..., k] = np.where(age <= TRANSITION_YEARS, cause, 0)
    return out


def _sums(codes: AnyArray, weights: FloatArray) -> FloatArray:
    # 100 places for the two digits of 10·old + new.
    sums = np.bincount(codes.ravel(), weights=weights.ravel(), minlength=100)
    return sums.astype("float64")
