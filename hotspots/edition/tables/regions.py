"""The region table of an edition, from the matrix of area weights, and its summary figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.potential.horizons import Adoption, constrained, gain_at
from hotspots.analysis.zonal.statistics import zonal_from_cover
from hotspots.edition.manifest import Figures
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
# Molar masses of CO2 and C, g mol-1.
T_CO2E_PER_T_C = 44 / 12


def table_layers(layers: xr.Dataset) -> list[str]:
    """Return the layers with columns in the table: amounts per hectare and classes, no clusters."""
    names = [str(n) for n in layers if not str(n).startswith("cluster_")]
    return [n for n in names if (row := variable(n)).per_hectare or row.classes]


def region_table(layers: xr.Dataset, weights: RegionWeights, recipe: Recipe) -> pd.DataFrame:
    """Return means, totals and class areas by region, of the whole and of land outside regions."""
    import pandas as pd

    names = table_layers(layers)
    shares = [s for n in ("", *names) if (s := f"{n}_valid_share".lstrip("_")) in layers]
    ids = pd.Index(weights.rows["id"], name="id")
    sums = zonal_from_cover(layers[[*names, *shares]], weights.matrix, ids)
    sums["area_ha"] = weights.area_ha
    table = pd.concat([weights.rows.set_index("id"), sums], axis=1)
    table["land_valid_ha"] = table["soc_stock_valid_area_ha"]
    table["soc_stock_missing_share"] = (1 - table["land_valid_ha"] / table["area_ha"]).clip(0, 1)
    # Its values are from other cells: none of its own area has data.
    table.loc[table["value_from"] == "nearest", "soc_stock_missing_share"] = 1.0
    class_areas = [c for c in table if str(c).endswith("_area_ha")]
    table.loc[table["value_from"] == "missing", class_areas] = np.nan  # unknown, not 0
    table["note"] = [_noted(row) for _, row in table.iterrows()]
    leading = recipe.methods.ranking_potential
    if "hotspot_class" in layers and f"{leading}_total" in table:
        more = _derived(table, leading) | _over_time(table[f"{leading}_total"], recipe)
        table = pd.concat([table, pd.DataFrame(more)], axis=1)
    return table.copy()  # defragmented, since columns were added one by one


def _noted(row: pd.Series) -> str:
    """Return the row's note, with remarks on how its values were obtained."""
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


def _derived(table: pd.DataFrame, leading: str) -> dict[str, pd.Series]:
    def area(*classes: str) -> pd.Series:
        """Return the total area of classes, ha."""
        # Unknown, not 0, in a region whose class areas are all missing.
        return table[[f"hotspot_class_{n}_area_ha" for n in classes]].sum(axis=1, min_count=1)

    ranked, hot, land = area(*RANKED_CLASSES), area(*HOT_CLASSES), table["land_valid_ha"]
    gain, stock = table[f"{leading}_total"], table["soc_stock_managed_total"]
    return {
        "ranked_managed_ha": ranked,
        "hot_managed_ha": hot,
        "hot_share": (hot / ranked).where(ranked > 0),
        "not_ranked_share": (1 - ranked / land).where(land > 0),
        # Class areas are of managed land, except those of excluded cells; the rest has no class.
        "unmanaged_in_ranked_cells_ha": (land - area(*HOTSPOT_CLASSES.values())).clip(lower=0),
        "potential_per_mille": (1000 * gain / stock).where(stock > 0),
        "potential_co2e_total": T_CO2E_PER_T_C * gain,
        "potential_co2e_mean": T_CO2E_PER_T_C * table[f"{leading}_mean"],
        "rank": _ranks(gain, table["set"]),
    }


def _ranks(amounts: pd.Series, sets: pd.Series) -> pd.Series:
    """Return ranks within each set, 1 for the largest; missing in a set of one."""
    by_set = amounts.groupby(sets)
    ranks = by_set.rank(ascending=False, method="min").astype("Int64")
    return ranks.where(by_set.transform("count") > 1)


def _over_time(potential: pd.Series, recipe: Recipe) -> dict[str, pd.Series]:
    """Return the gain, t, over each horizon from `potential`, t yr-1: immediate and ramped up.

    The potential is that of land that hasn't adopted the practice yet. The ramp-up starts from the
    potential of all land, so that present adoption isn't subtracted twice.
    """
    choice, adopted = recipe.constrained, recipe.potential.adoption
    years, lasts = choice.horizons, recipe.potential.transition_years
    # Gains are proportional to the potential: one curve, for a rate of 1, serves all regions.
    at_once = gain_at(rate=1.0, years_of_transition=lasts, horizon=years)["gain_total"].values
    adoption = Adoption(
        adopted, choice.feasible_share, choice.ceiling, choice.midpoint_years, choice.steepness
    )
    ramped = constrained(
        potential=1.0, adoption=adoption, years=[0.0, *years], transition_years=lasts
    )["gain_total"].values[1:]
    # If all land has adopted the practice, nothing is left to gain.
    whole = potential / (1 - adopted) if adopted < 1 else potential * 0.0
    out = {
        f"gain_in_{y:g}_years_t": potential * factor
        for y, factor in zip(years, at_once, strict=True)
    }
    return out | {
        f"constrained_gain_in_{y:g}_years_t": whole * factor
        for y, factor in zip(years, ramped, strict=True)
    }


def whole_summary(table: pd.DataFrame, land: pd.DataFrame | None, recipe: Recipe) -> Figures:
    """Return figures of the whole area: totals with units in their names, and hot shares."""
    whole = table[table["set"] == "total"].iloc[0]

    def total(column: str, scale: float) -> float | None:
        """Return an amount of the whole area, divided by `scale`; None where unknown."""
        value = _number(whole, column, np.nan)
        return round(value / scale, 9) if np.isfinite(value) else None

    # Amounts in Pg (1e9 t), areas in Mha (1e6 ha).
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
        # Of the land with a known change, not of all land.
        none = classes["no_detectable_change"] / sum(classes.values())
        out["no_detectable_change_share_of_land"] = round(none, 6)
    return out | ({} if land is None else _hot_shares(land))


def _number(row: pd.Series, column: str, absent: float = 0.0) -> float:
    return float(row.get(column, absent))


def _hot_shares(land: pd.DataFrame) -> Figures:
    ranked = land[land["ranked_managed_ha"] > 0]
    hot = ranked["class"].isin([_CLASS[n] for n in HOT_CLASSES])

    def share(part: pd.Series, amount: str) -> float | None:
        """Return the share of an amount in the rows of `part`; None where the amount is 0."""
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
