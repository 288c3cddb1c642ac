"""Tables of an edition: regions, units and hot patches, all from one matrix of area weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.potential.horizons import constrained, gain_at
from hotspots.analysis.zonal.statistics import zonal_from_cover
from hotspots.edition.recipe import Recipe
from hotspots.edition.tables.region_weights import RegionWeights
from hotspots.edition.tables.units import CLUSTERED
from hotspots.layers.variables import (
    CHANGE_CLASSES,
    HOT_CLASSES,
    HOTSPOT_CLASSES,
    RANKED_CLASSES,
    variable,
)

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
_CLASS = {name: code for code, name in HOTSPOT_CLASSES.items()}
T_CO2E_PER_T_C = 44 / 12


def table_layers(layers: xr.Dataset) -> list[str]:
    """Return the layers that have columns: amounts per hectare, and classes; not the clusters."""
    names = [str(n) for n in layers if not str(n).startswith("cluster_")]
    return [n for n in names if (row := variable(n)).per_hectare or row.classes]


def region_table(layers: xr.Dataset, weights: RegionWeights, recipe: Recipe) -> pd.DataFrame:
    """Return one row per region, the whole and the outside, with means, totals and class areas."""
    import pandas as pd

    names = table_layers(layers)
    shares = [s for n in ("", *names) if (s := f"{n}_valid_share".lstrip("_")) in layers]
    ids = pd.Index(weights.rows["id"], name="id")
    sums = zonal_from_cover(layers[[*names, *shares]], weights.matrix, ids)
    sums["area_ha"] = weights.area_ha
    table = pd.concat([weights.rows.set_index("id"), sums], axis=1)
    table["land_valid_ha"] = table["soc_stock_valid_area_ha"]
    table["soc_stock_missing_share"] = (1 - table["land_valid_ha"] / table["area_ha"]).clip(0, 1)
    table.loc[table["value_from"] == "nearest", "soc_stock_missing_share"] = 1.0
    class_areas = [c for c in table if str(c).endswith("_area_ha")]
    table.loc[table["value_from"] == "missing", class_areas] = np.nan  # unknown, not none
    table["note"] = [_noted(row) for _, row in table.iterrows()]
    leading = recipe.methods.ranking_potential
    if "hotspot_class" in layers and f"{leading}_total" in table:
        more = _derived(table, leading) | _over_time(table[f"{leading}_total"], recipe)
        table = pd.concat([table, pd.DataFrame(more)], axis=1)
    return table.copy()  # in one piece: columns were added one by one


def _noted(row: pd.Series) -> str:
    """Return the row's note with what its numbers should be read with."""
    notes = [str(row["note"] or "").rstrip(".")]
    notes[0] += "." if notes[0] else ""
    if row["value_from"] == "missing":
        notes.append("No valid cell in it or within two cell widths.")
    elif row["value_from"] == "nearest":
        notes.append("No valid cell in it; from the nearest cells within two cell widths.")
    elif row["soc_stock_mean"] == 0:
        notes.append("The soil map says 0 t/ha here, which is a gap in it rather than a fact.")
    elif row["soc_stock_missing_share"] > 0.999:
        notes.append("Less than 0.1 % of it has soil data.")
    return " ".join(filter(None, notes))


def _derived(table: pd.DataFrame, leading: str) -> dict[str, Any]:
    def area(*classes: str) -> Any:
        """Return the hectares of these classes."""
        return table[[f"hotspot_class_{n}_area_ha" for n in classes]].sum(axis=1, min_count=1)

    ranked, hot, land = area(*RANKED_CLASSES), area(*HOT_CLASSES), table["land_valid_ha"]
    gain, stock = table[f"{leading}_total"], table["soc_stock_managed_total"]
    return {
        "ranked_managed_ha": ranked,
        "hot_managed_ha": hot,
        "hot_share": (hot / ranked).where(ranked > 0),
        "not_ranked_share": (1 - ranked / land).where(land > 0),
        # Class areas are of managed land, but for the excluded cells: the rest has no class.
        "unmanaged_in_ranked_cells_ha": (land - area(*HOTSPOT_CLASSES.values())).clip(lower=0),
        "potential_per_mille": (1000 * gain / stock).where(stock > 0),
        "potential_co2e_total": T_CO2E_PER_T_C * gain,
        "potential_co2e_mean": T_CO2E_PER_T_C * table[f"{leading}_mean"],
        "rank": gain.groupby(table["set"]).rank(ascending=False, method="min").astype("Int64"),
    }


def _over_time(potential: pd.Series, recipe: Recipe) -> dict[str, Any]:
    """Return what the potential, t yr-1, gains in t over each horizon: all at once, and ramped up.

    The potential is already that of the land that hasn't adopted; the ramp-up counts from the
    whole, so that adoption isn't discounted twice.
    """
    choice, adopted = recipe.constrained, recipe.potential.adoption
    years, lasts = choice.horizons, recipe.potential.transition_years
    at_once = gain_at(rate=1.0, years_of_transition=lasts, horizon=years)["gain_total"].values
    ramped = constrained(
        potential=1.0,
        adoption_now=adopted,
        feasible_share=choice.feasible_share,
        ceiling=choice.ceiling,
        midpoint=choice.midpoint_years,
        steepness=choice.steepness,
        years=[0.0, *years],
        transition_years=lasts,
    )["gain_total"].values[1:]
    whole = potential / (1 - adopted) if adopted < 1 else potential * 0.0
    out = {
        f"gain_in_{y:g}_years_t": potential * factor
        for y, factor in zip(years, at_once, strict=True)
    }
    return out | {
        f"constrained_gain_in_{y:g}_years_t": whole * factor
        for y, factor in zip(years, ramped, strict=True)
    }


def whole_summary(table: pd.DataFrame, land: pd.DataFrame | None, recipe: Recipe) -> dict[str, Any]:
    """Return the figures of the whole: totals with units in their names, and shares called hot."""
    whole = table[table["set"] == "total"].iloc[0]

    def total(column: str, scale: float) -> float | None:
        """Return the whole's amount; None where it isn't known."""
        value = _number(whole, column, np.nan)
        return round(value / scale, 9) if np.isfinite(value) else None

    out = {
        "stock_pg": total("soc_stock_total", 1e9),
        "deficit_pg": total("deficit_historic_total", 1e9),
        "potential_pg_yr": total(f"{recipe.methods.ranking_potential}_total", 1e9),
        "potential_per_mille_yr": total("potential_per_mille", 1),
        "potential_low_pg_yr": total("potential_low_t_yr", 1e9),
        "potential_high_pg_yr": total("potential_high_t_yr", 1e9),
        "potential_lowest_pg_yr": total("potential_lowest_total", 1e9),
        "potential_median_pg_yr": total("potential_median_total", 1e9),
        "potential_highest_pg_yr": total("potential_highest_total", 1e9),
        "yardstick_pg_yr": total("target_four_per_mille_total", 1e9),
        "gross_loss_pg_yr": total("modelled_gross_loss_total", 1e9),
        "gross_gain_pg_yr": total("modelled_gross_gain_total", 1e9),
        "net_change_pg_yr": total("modelled_change_total", 1e9),
        "land_mha": total("land_valid_ha", 1e6),
        "ranked_managed_mha": total("ranked_managed_ha", 1e6),
        "hot_share_of_ranked": total("hot_share", 1),
    }
    classes = {c: _number(whole, f"change_class_{c}_area_ha") for c in CHANGE_CLASSES.values()}
    if sum(classes.values()) > 0:
        none = classes["no_detectable_change"] / sum(classes.values())
        out["no_detectable_change_share_of_land"] = round(none, 6)
    return out | ({} if land is None else _hot_shares(land))


def _number(row: pd.Series, column: str, absent: float = 0.0) -> float:
    return float(row.get(column, absent))


def _hot_shares(land: pd.DataFrame) -> dict[str, float | None]:
    ranked = land[land["ranked_managed_ha"] > 0]
    hot = ranked["class"].isin([_CLASS[n] for n in HOT_CLASSES])

    def share(part: pd.Series, amount: str) -> float | None:
        """Return the share of an amount that the part holds."""
        whole = float(ranked[amount].sum())
        return round(float(ranked.loc[part, amount].sum()) / whole, 6) if whole > 0 else None

    out = {"hot_share_of_potential": share(hot, "potential_t_yr")}
    if "stability" in land:
        stable = ranked["stable_hot_ha"] > 0
        out["stable_hot_share_of_ranked"] = share(stable, "ranked_managed_ha")
        median = ranked.loc[hot, "stability"].median()
        out["hot_stability_median"] = round(float(median), 6) if hot.any() else None
    if "gross_loss_t_yr" in land:
        out["hot_share_of_gross_loss"] = share(hot, "gross_loss_t_yr")
    for axis in CLUSTERED:
        if f"cluster_{axis}" in land:
            out[f"gi_star_alone_{axis}"] = share(
                ranked[f"cluster_{axis}"] == 1, "ranked_managed_ha"
            )
    return out
