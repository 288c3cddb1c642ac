"""Meaning and unit of each column of an edition's tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hotspots.layers.variables import variable

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_COLUMNS = {
    "id": ("", "ISO 3166-1 alpha-3 (X.. where ISO has none), or another id"),
    "set": ("", "countries, initiative, regions (the user's own), total (the whole) or outside"),
    "name_en": ("", "name in English"),
    "name_fr": ("", "name in French"),
    "name_es": ("", "name in Spanish"),
    "value_from": (
        "",
        "covered (exact fractions of cells), nearest (no valid cell: nearest valid"
        " cells within two cell widths) or missing",
    ),
    "note": ("", "what to know about this row"),
    "rank": (
        "1",
        "rank by potential, t yr-1, in its set; 1 is the largest; empty in a set of one",
    ),
    "area_ha": (
        "ha",
        "area of the outline that the grid covers, ellipsoidal; of the outside: its"
        " land with soil data",
    ),
    "land_valid_ha": ("ha", "land with soil data"),
    "soc_stock_missing_share": ("1", "share of the area without soil data"),
    "potential_per_mille": ("1e-3 yr-1", "potential per stock of the same land"),
    "potential_co2e_total": ("t CO2e yr-1", "the ranking potential x 44/12"),
    "potential_co2e_mean": (
        "t CO2e ha-1 yr-1",
        "the ranking potential per hectare of managed land x 44/12",
    ),
    "ranked_managed_ha": ("ha", "managed land that is ranked for hotspots"),
    "hot_managed_ha": ("ha", "managed land in hot classes (protect, restore, build)"),
    "hot_share": ("1", "hot_managed_ha / ranked_managed_ha"),
    "not_ranked_share": ("1", "share of the land with soil data that is not ranked"),
    "unmanaged_in_ranked_cells_ha": ("ha", "land of cells with a class that isn't managed"),
    "country": ("", "region of the unit"),
    "countries": ("", "regions with at least 1 % of the patch's land, largest first"),
    "climate_zone": ("", "IPCC climate zone; of a patch: that of most of its managed land"),
    "class": ("", "leading hotspot class by managed land"),
    "cells": ("1", "number of cells"),
    "land_ha": ("ha", "land with soil data"),
    "managed_ha": ("ha", "managed land in hot classes"),
    "cropland_ha": ("ha", "cropland"),
    "ranked_cropland_ha": ("ha", "cropland of ranked cells"),
    "soc_stock_t": ("t", "SOC stock of all its land"),
    "managed_stock_t": ("t", "SOC stock of its managed land"),
    "potential_t_yr": ("t yr-1", "potential SOC gain"),
    "potential_mean": ("t ha-1 yr-1", "potential_t_yr / managed_ha"),
    "gross_loss_t_yr": ("t yr-1", "modelled gross SOC loss on all its land"),
    "gross_gain_t_yr": ("t yr-1", "modelled gross SOC gain on all its land"),
    "net_change_t_yr": ("t yr-1", "modelled net SOC change, positive = gain"),
    "gross_loss_mean": ("t ha-1 yr-1", "gross_loss_t_yr / land_ha"),
    "land_use": (
        "",
        "cropland, grassland (with rangeland where not distinguished), forest or other",
    ),
    "soc_stock_mean": ("t ha-1", "SOC stock per hectare of land"),
    "soc_stock_tco2e": ("t CO2e", "soc_stock_t x 44/12"),
    "potential_tco2e_yr": ("t CO2e yr-1", "potential_t_yr x 44/12"),
    "potential_low_t_yr": (
        "t yr-1",
        "lower end of the potential's interval over the draws of errors",
    ),
    "potential_high_t_yr": ("t yr-1", "upper end of it"),
    "rank_low": ("1", "best rank within the interval over the draws"),
    "rank_high": ("1", "worst rank within it"),
    "top_k_share": ("1", "share of the draws in which it is among the top k of its set"),
    "stable_top_k": ("1", "1 where that is at least the stability that the recipe requires"),
    "potential_mean_shrunk": (
        "t ha-1 yr-1",
        "mean potential drawn towards that of all regions by its error; for ranking, not for sums",
    ),
    "small_region": ("1", "1 where its managed land is below the floor of the recipe"),
    "protect_ha": ("ha", "managed land of class protect"),
    "restore_ha": ("ha", "managed land of class restore"),
    "build_ha": ("ha", "managed land of class build"),
    "avoid_ha": ("ha", "ranked managed land whose response is to avoid further loss"),
    "reduce_ha": ("ha", "ranked managed land whose response is to reduce an ongoing loss"),
    "reverse_ha": ("ha", "ranked managed land whose response is to win back what was lost"),
    "response": ("", "leading response by ranked managed land"),
    "agreeing_managed_ha": (
        "ha",
        "ranked managed land x share of the methods known that are above the gain threshold",
    ),
    "methods_agree_share": ("1", "agreeing_managed_ha / ranked_managed_ha"),
    "main_driver": (
        "",
        "largest component of the loss at risk; land_use_history where only the"
        " modelled change is known",
    ),
    "small": ("1", "1 where its ranked managed land is below the recipe's floor for units"),
    "stability": ("1", "mean share of draws in which its cells are hot, for gain or loss"),
    "stable_hot_ha": (
        "ha",
        "managed land that is hot in enough of the draws over errors and methods",
    ),
    "geometry": ("", "polygons in the grid's CRS"),
}
_OVER_TIME = re.compile(r"(constrained_)?gain_in_([\d.]+)_years_t")
_LOST = re.compile(r"loss_(\w+)_t_yr")
_SD = {
    "independent": "if the errors of cells were independent: a lower bound",
    "correlated": "with errors correlated by distance",
    "perfect": "if the errors of all cells were as one: an upper bound",
}
_SUFFIXES = (
    ("_valid_area_ha", "ha", "area that the values of {label} stand for"),
    ("_missing_share", "1", "share of what should have {label} that has none"),
    ("_mean", None, "area-weighted mean: {label}"),
    ("_total", "total", "total: {label}; empty where nothing is known"),
)
_PER = {
    "soc_stock_managed": ", per hectare of it",
    "target_four_per_mille": ", per hectare of managed land",
}


def column_unit(column: str) -> tuple[str, str]:
    """Return (unit, meaning) of a column of the region, unit or patch table."""
    if column in _COLUMNS:
        return _COLUMNS[column]
    if over := _OVER_TIME.fullmatch(column):
        how = "with the ramp-up of adoption" if over[1] else "if all land adopts now"
        return "t", f"gain in {over[2]} years by the ranking potential, {how}"
    if part := _LOST.fullmatch(column):
        return "t yr-1", f"loss at risk: {part[1].replace('_', ' ')}"
    for kind, if_so in _SD.items():
        if column.endswith(f"_sd_{kind}"):
            of = "t" if column.startswith("soc_stock") else "t yr-1"
            return of, f"standard deviation of the total by the stock's error, {if_so}"
    for suffix, unit, meaning in _SUFFIXES:
        if column.endswith(suffix):
            row = variable(column.removesuffix(suffix))
            filled = meaning.format(label=row.long_name + _per(row.name))
            if unit == "total":
                return row.unit.replace(" ha-1", ""), filled
            return (row.unit if unit is None else unit), filled
    if column.endswith("_area_ha"):
        name = column.removesuffix("_area_ha").replace("_", " ")
        whose = "managed land" if _is_of_managed_land(column) else "land with soil data"
        return "ha", f"{whose} of class: {name}"
    return "", ""


def _per(name: str) -> str:
    return _PER.get(name, ", per hectare of managed land" if name.startswith("potential_") else "")


def _is_of_managed_land(column: str) -> bool:
    return column.startswith("hotspot_class") and not column.endswith("_excluded_area_ha")


def codebook(
    table: pd.DataFrame,
    units: pd.DataFrame | None = None,
    patches: gpd.GeoDataFrame | None = None,
    land_use: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one row per column of the tables: file, column, unit and meaning.

    Parameters
    ----------
    table : DataFrame
        Region table, with the regions' ``id`` as index.
    units, land_use : DataFrame, optional
        Unit table and land-use table; the index isn't described.
    patches : GeoDataFrame, optional
        Hot patches, in the CRS of the grid; the geometry is one of the columns.

        A table that is None is left out. A column without a known meaning has "" for unit and
        meaning.
    """
    import pandas as pd

    columns = [("regions", c) for c in ("id", *table.columns)]
    columns += [] if units is None else [("units", c) for c in units.columns]
    columns += [] if patches is None else [("hotspots", c) for c in patches.columns]
    columns += [] if land_use is None else [("land_use", c) for c in land_use.columns]
    rows = [(name, str(column), *column_unit(str(column))) for name, column in columns]
    return pd.DataFrame(rows, columns=["table", "column", "unit", "meaning"])
