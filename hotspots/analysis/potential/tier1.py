"""IPCC Tier 1 stock changes of mineral soils (2006 Guidelines and 2019 Refinement, Vol 4).

The factors are rows of ``tables/ipcc_stock_change_factors.csv``, each with source and status.
Factors and climate zones must be of the same guidelines; polar zones have no factors.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.errors import BadInputError, near_matches
from hotspots.variables import CLIMATE_ZONES, describe, require_aligned

GUIDELINES = ("2006", "2019")
TRANSITION_YEARS = 20.0
_ZONE_CODES = {name: code for code, name in CLIMATE_ZONES.items()}


@cache
def factor_table() -> tuple[dict[str, str], ...]:
    """Return the rows of the factor table: value, error (2 sd, % of the mean), source, status."""
    table = files("hotspots.analysis").joinpath("tables/ipcc_stock_change_factors.csv")
    return tuple(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))


@cache
def _factor_by_zone(
    factor: str, level: str, system: str, guidelines: str
) -> npt.NDArray[np.float64]:
    """Return the factor indexed by climate zone code 0-12; NaN where there is none."""
    if guidelines not in GUIDELINES:
        allowed = " and ".join(GUIDELINES)
        raise BadInputError(f"guidelines is '{guidelines}'; allowed are {allowed}.")
    if system not in (systems := sorted({r["system"] for r in factor_table()})):
        raise BadInputError(f"system is '{system}'; allowed are {', '.join(systems)}.")
    levels = factor_levels(factor, system, guidelines)
    if level not in levels:
        allowed = ", ".join(levels) if levels else f"none for the factor '{factor}'"
        raise BadInputError(
            f"level is '{level}'; {guidelines} {system} {factor} has: {allowed}"
            f"{near_matches(level, levels) or '.'}"
        )
    out = np.full(len(CLIMATE_ZONES) + 1, np.nan)
    for row in _rows_of(factor, system, guidelines):
        if row["level"] == level:
            out[_ZONE_CODES[row["climate_zone"]]] = float(row["value"])
    return out


def factor_levels(factor: str, system: str, guidelines: str) -> list[str]:
    """Return the levels that the table has of a factor ("F_LU", "F_MG", "F_I"), by name."""
    return sorted({row["level"] for row in _rows_of(factor, system, guidelines)})


def _rows_of(factor: str, system: str, guidelines: str) -> list[dict[str, str]]:
    wanted = {"factor": factor, "system": system, "guidelines": guidelines}
    return [row for row in factor_table() if wanted.items() <= row.items()]


def stock_change_factor(
    *,
    factor: str,
    level: str,
    climate_zone: Any,
    system: str = "cropland",
    guidelines: str = "2019",
) -> Any:
    """Return an IPCC relative stock change factor.

    Parameters
    ----------
    factor : str
        "F_LU" (land use), "F_MG" (management) or "F_I" (input).
    level : str
        A level of the table, e.g. "no_tillage".
    climate_zone : str, int, array or DataArray
        Zone by name or code (JRC 1-12, 0 = nodata); a DataArray's ``guidelines`` attribute, where
        present, must agree with `guidelines`.
    system : str
        "cropland" or "grassland".
    guidelines : str
        "2006" or "2019"; the two must not be mixed.

    Returns
    -------
    float, array or DataArray
        The factor, dimensionless; NaN for nodata and for polar zones, which have no factors.
    """
    by_zone = _factor_by_zone(factor, level, system, guidelines)
    if isinstance(climate_zone, str):
        if climate_zone not in _ZONE_CODES:
            raise BadInputError(
                f"'{climate_zone}' is no IPCC climate zone"
                f"{near_matches(climate_zone, _ZONE_CODES) or '.'}"
            )
        return float(by_zone[_ZONE_CODES[climate_zone]])
    if isinstance(climate_zone, xr.DataArray):
        require_guidelines(climate_zone, guidelines)
        values = xr.apply_ufunc(
            _lookup, climate_zone, kwargs={"by_zone": by_zone}, dask="parallelized",
            output_dtypes=["float64"],
        )  # fmt: skip
        values.name = factor
        return values
    found = _lookup(np.asarray(climate_zone), by_zone)
    return float(found) if found.ndim == 0 else found


def _lookup(codes: npt.NDArray[Any], by_zone: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    known = np.isfinite(codes) & (codes >= 0) & (codes < by_zone.size)
    return by_zone[np.where(known, codes, 0).astype("int64")]


def require_guidelines(climate_zone: xr.DataArray, guidelines: str) -> None:
    """Raise `BadInputError` where zones of one IPCC edition meet factors of another."""
    given = climate_zone.attrs.get("guidelines")
    if given is not None and str(given) != guidelines:
        raise BadInputError(
            f"The climate zones are of the IPCC {given} guidelines and the factors of {guidelines}."
            f" Take factors of {given} (potential.guidelines) or zones of {guidelines}."
        )


def unmixed_stock(
    soc_stock: xr.DataArray, shares: dict[str, xr.DataArray], factors: dict[str, Any]
) -> xr.DataArray:
    """Return the stock that the cell's soil would hold if all its land had factor 1.

    ``SOC_ref = SOC_cell / Σ_u share_u·F_u``, the land outside `shares` having F = 1. Shares are of
    the cell's land; a land use without a factor there (NaN) gives NaN only where it has a share.
    """
    rest = 1.0 - sum(shares.values())
    mixed = rest + sum(
        xr.where(share > 0, share * factors[use], 0.0) for use, share in shares.items()
    )
    return soc_stock / mixed


def ipcc_tier1(
    soc_stock: xr.DataArray,
    climate_zone: xr.DataArray,
    cropland_share: xr.DataArray,
    *,
    pasture_share: xr.DataArray | None = None,
    land_use: str = "long_term_cultivated",
    from_management: str = "full_tillage",
    from_input: str = "medium",
    management: str = "no_tillage",
    input: str = "high_without_manure",
    grassland_management: str = "improved",
    adoption: float = 0.0,
    transition_years: float = TRANSITION_YEARS,
    guidelines: str = "2019",
) -> xr.Dataset:
    """Return the IPCC Tier 1 gain of a change of cropland management, per hectare and year.

    Parameters
    ----------
    soc_stock : DataArray
        Mapped SOC stock of the whole cell, t ha-1 of land, 0-30 cm.
    climate_zone : DataArray
        IPCC climate zone, codes 1-12, of the same guidelines as the factors.
    cropland_share : DataArray
        Cropland, share of the cell's land, 0-1.
    pasture_share : DataArray, optional
        With it pasture counts as managed too, going from nominal to `grassland_management`. Maps
        of "pasture" include rangeland, which isn't managed grassland: an explicit choice.
    land_use, from_management, from_input : str
        Levels of F_LU, F_MG, F_I of today's cropland.
    management, input : str
        Levels of F_MG and F_I that it goes to; F_LU stays.
    adoption : float
        Share of the land already so managed, 0-1.
    transition_years : float
        Years over which the change is spread, D of the guidelines.
    guidelines : str
        "2006" or "2019".

    Returns
    -------
    Dataset
        ``soc_stock_managed`` (t per hectare of managed land), ``potential_ipcc_tier1`` (t per
        hectare of managed land and year) and ``managed_share`` (share of the cell's land that it
        stands for). NaN where an input or a factor is missing, or where there is no managed land.

    Notes
    -----
    ``SOC_ref = SOC / Σ_u share_u·F_u`` unmixes the cell; ``SOC_crop = SOC_ref·F_LU·F_MG·F_I`` of
    today; ``ΔSOC/D = SOC_crop·(F_MG'·F_I'/(F_MG·F_I) − 1)/D·(1 − adoption)``. IPCC 2006 Vol 4
    Ch 2 eq 2.25 in ratio form, since the mapped stock is not SOCref. Part of a no-till gain is
    carbon moved towards the surface. Organic soils and paddy rice need their own methods.
    """
    if not 0 <= adoption <= 1:
        raise BadInputError(f"adoption is {adoption}; it is a share of the land, 0 to 1.")
    if not 0 < transition_years <= 100:
        raise BadInputError(f"transition_years is {transition_years}; allowed is 0 to 100 years.")
    require_aligned(soc_stock, climate_zone, cropland_share, pasture_share)

    def crop(factor: str, level: str) -> xr.DataArray:
        return stock_change_factor(
            factor=factor, level=level, climate_zone=climate_zone, guidelines=guidelines
        )

    before = crop("F_LU", land_use) * crop("F_MG", from_management) * crop("F_I", from_input)
    after = crop("F_LU", land_use) * crop("F_MG", management) * crop("F_I", input)
    reference = unmixed_stock(soc_stock, {"cropland": cropland_share}, {"cropland": before})
    per_year = (1 - adoption) / transition_years
    stock = (reference * before).where(cropland_share > 0)
    gain = stock * (after / before - 1) * per_year
    managed = cropland_share
    if pasture_share is not None:
        improved = stock_change_factor(
            factor="F_MG", level=grassland_management, climate_zone=climate_zone,
            system="grassland", guidelines=guidelines,
        )  # fmt: skip
        grass_gain = reference * (improved - 1) * per_year
        managed = cropland_share + pasture_share
        gain = _mean_of_uses((gain, cropland_share), (grass_gain, pasture_share))
        stock = _mean_of_uses((stock, cropland_share), (reference, pasture_share))
    depth = {k: v for k, v in soc_stock.attrs.items() if k == "depth_cm"}
    return xr.Dataset(
        {
            "soc_stock_managed": describe(stock, "soc_stock_managed", **depth),
            "potential_ipcc_tier1": describe(gain, "potential_ipcc_tier1", **depth),
            "managed_share": managed,
        }
    )


def _mean_of_uses(*uses: tuple[xr.DataArray, xr.DataArray]) -> xr.DataArray:
    """Return the mean of (value, share) pairs by share; NaN where no use has a share."""
    parts = sum(xr.where(share > 0, value * share, 0.0) for value, share in uses)
    managed = sum(share for _, share in uses)
    return xr.DataArray(parts / managed).where(managed > 0)
