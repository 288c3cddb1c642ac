"""Tables of an edition: regions, units and hot patches, all from one matrix of area weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import sparse

from hotspots.analysis.patches import label_patches, patch_polygons
from hotspots.analysis.zonal import zonal_from_cover
from hotspots.grid import cell_area, grid_of
from hotspots.recipe import Recipe
from hotspots.variables import (
    CHANGE_CLASSES,
    CLIMATE_ZONES,
    HOT_CLASSES,
    HOTSPOT_CLASSES,
    RANKED_CLASSES,
    variable,
)
from hotspots.weights import RegionWeights

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Array = npt.NDArray[np.float64]
_CLUSTERED = ("potential", "potential_raw", "loss", "loss_raw")
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
        table = pd.concat([table, pd.DataFrame(_derived(table, leading))], axis=1)
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


def land_cells(layers: xr.Dataset, recipe: Recipe) -> pd.DataFrame:
    """Return hectares, tonnes, zone and class of each cell with land; index: its flat number.

    Missing values count as none: an unknown potential adds no tonnes.
    """
    import pandas as pd

    share = layers["valid_share"].values.ravel()
    cells = np.flatnonzero((share > 0) & np.isfinite(layers["soc_stock"].values.ravel()))
    area = cell_area(layers).values.ravel()[cells]

    def flat(name: str) -> Array:
        return np.nan_to_num(layers[name].values.ravel()[cells].astype("float64"))

    def tonnes(name: str) -> Array:
        return area * flat(f"{name}_valid_share") * flat(name)

    land = area * flat("valid_share")
    classes = layers["hotspot_class"].values.ravel()[cells]
    managed = area * flat("hotspot_class_valid_share")
    ranked = np.isin(classes, [_CLASS[n] for n in RANKED_CLASSES])
    out = {
        "zone": layers["climate_zone"].values.ravel()[cells].astype("int64"),
        "class": classes,
        "land_ha": land,
        "cropland_ha": land * flat("cropland_share"),
        "soc_stock_t": land * flat("soc_stock"),
        "managed_stock_t": tonnes("soc_stock_managed"),
        "potential_t_yr": tonnes(recipe.methods.ranking_potential),
        "ranked_managed_ha": managed * ranked,
    }
    if "modelled_gross_loss" in layers:
        out["gross_loss_t_yr"] = land * flat("modelled_gross_loss")
        out["gross_gain_t_yr"] = land * flat("modelled_gross_gain")
        out["net_change_t_yr"] = out["gross_gain_t_yr"] - out["gross_loss_t_yr"]
    for name in HOT_CLASSES:
        out[f"{name}_ha"] = managed * (classes == _CLASS[name])
    for axis in _CLUSTERED:
        if f"cluster_{axis}" in layers:
            out[f"cluster_{axis}"] = layers[f"cluster_{axis}"].values.ravel()[cells]
    return pd.DataFrame(out, index=cells)


def unit_table(land: pd.DataFrame, weights: RegionWeights, recipe: Recipe) -> pd.DataFrame:
    """Return country × climate zone units with ranked land, by t C per year, largest first."""
    import pandas as pd

    summed = [c for c in land if str(c).endswith(("_ha", "_t", "_t_yr"))]
    rows = weights.rows.iloc[weights.units]
    by_cell = weights.matrix[weights.units].tocsc()[:, land.index.to_numpy()]
    covered = (rows["value_from"] == "covered").to_numpy()
    frames = []
    for code, name in CLIMATE_ZONES.items():
        in_zone = np.flatnonzero(land["zone"] == code)
        sums = by_cell[:, in_zone] @ land.iloc[in_zone][summed].to_numpy()
        frame = pd.DataFrame(sums, columns=summed, index=rows.index)
        frame.insert(0, "climate_zone", name)
        frame = pd.concat([rows[["id", "name_en", "name_fr", "name_es"]], frame], axis=1)
        frames.append(frame[covered])
    units = pd.concat(frames)
    units = units[units["ranked_managed_ha"] > 0].rename(columns={"id": "country"})
    units.insert(0, "id", units["country"] + ":" + units["climate_zone"])
    units["potential_per_mille"] = 1000 * units["potential_t_yr"] / units["managed_stock_t"]
    units["class"] = _leading_class(units, recipe.hotspots.unit_hot_share)
    order = ["potential_t_yr", "id"]
    units = units.sort_values(order, ascending=[False, True]).reset_index(drop=True)
    units["rank"] = np.arange(1, len(units) + 1)
    return units


def _leading_class(units: pd.DataFrame, hot_share: float) -> Any:
    areas = units[[f"{n}_ha" for n in HOT_CLASSES]].to_numpy()
    leading = np.array(HOT_CLASSES)[areas.argmax(axis=1)]
    return np.where(areas.sum(axis=1) >= hot_share * units["ranked_managed_ha"], leading, "monitor")


def hot_patches(layers: xr.Dataset, land: pd.DataFrame, weights: RegionWeights) -> gpd.GeoDataFrame:
    """Return the patches of touching hot cells as polygons with area, tonnes, class and place."""
    import pandas as pd

    grid = grid_of(layers)
    hot = np.isin(layers["hotspot_class"].values, [_CLASS[n] for n in HOT_CLASSES])
    labels = label_patches(hot, wraps=grid.wraps)
    cells = np.flatnonzero(labels.ravel())
    inside = land.loc[cells]
    inside = inside.assign(label=labels.ravel()[cells])
    summed = [c for c in land if str(c).endswith(("_ha", "_t", "_t_yr"))]
    frame = inside.groupby("label")[summed].sum()
    hectares = frame[[f"{name}_ha" for name in HOT_CLASSES]]
    frame.insert(0, "class", np.array(HOT_CLASSES)[hectares.to_numpy().argmax(axis=1)])
    frame.insert(1, "climate_zone", _main_zone(inside))
    frame.insert(2, "countries", _countries(weights, inside, len(frame)))
    frame.insert(3, "cells", inside.groupby("label").size())
    frame["managed_ha"] = hectares.sum(axis=1)
    frame["potential_mean"] = frame["potential_t_yr"] / frame["managed_ha"]
    if "gross_loss_t_yr" in frame:
        frame["gross_loss_mean"] = frame["gross_loss_t_yr"] / frame["land_ha"]
    frame = frame.drop(columns=["soc_stock_t", "managed_stock_t", "ranked_managed_ha"])
    shapes = patch_polygons(labels, grid)
    out = shapes.merge(pd.DataFrame(frame).reset_index(), on="label")
    out = out.sort_values(["potential_t_yr", "label"], ascending=[False, True])
    out = out.drop(columns="label").reset_index(drop=True)
    out.insert(0, "id", [f"hs-{i:04d}" for i in range(1, len(out) + 1)])
    return out


def _main_zone(inside: pd.DataFrame) -> list[str]:
    """Return, for each patch, the climate zone with most of its managed land."""
    area = inside.pivot_table(
        index="label", columns="zone", values="ranked_managed_ha", aggfunc="sum", fill_value=0.0
    )
    return [CLIMATE_ZONES.get(int(code), "") for code in area.idxmax(axis=1)]


def _countries(weights: RegionWeights, inside: pd.DataFrame, n: int) -> list[str]:
    """Return, for each patch, the regions with at least 1 % of its land, largest first."""
    label = np.unique(inside["label"], return_inverse=True)[1]
    area = inside["land_ha"].to_numpy()
    to_patch = sparse.csr_array((area, (np.arange(label.size), label)), shape=(label.size, n))
    by_cell = weights.matrix[weights.units].tocsc()[:, inside.index.to_numpy()]
    shares = (by_cell @ to_patch).toarray()
    ids = weights.rows["id"].to_numpy()[weights.units]
    told = []
    for column in shares.T:
        order = np.argsort(-column, kind="stable")
        kept = [i for i in order if column[i] > 0.01 * column.sum()]
        told.append(",".join(str(ids[i]) for i in kept))
    return told


def no_units() -> pd.DataFrame:
    """Return the unit table of an edition without hotspots: its first columns and no row."""
    import pandas as pd

    return pd.DataFrame({c: pd.Series(dtype="object") for c in ("id", "country", "climate_zone")})


def no_patches(layers: xr.Dataset) -> gpd.GeoDataFrame:
    """Return the patches of an edition without hotspots: none."""
    import geopandas as gpd

    return gpd.GeoDataFrame({"id": [], "class": []}, geometry=[], crs=grid_of(layers).crs)


def whole_summary(table: pd.DataFrame, land: pd.DataFrame | None, recipe: Recipe) -> dict[str, Any]:
    """Return the figures of the whole: totals with units in their names, and shares called hot."""
    whole = table[table["set"] == "total"].iloc[0]

    def total(column: str, scale: float) -> float | None:
        value = _number(whole, column, np.nan)
        return round(value / scale, 9) if np.isfinite(value) else None

    out = {
        "stock_pg": total("soc_stock_total", 1e9),
        "deficit_pg": total("deficit_historic_total", 1e9),
        "potential_pg_yr": total(f"{recipe.methods.ranking_potential}_total", 1e9),
        "potential_per_mille_yr": total("potential_per_mille", 1),
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
    hot = ranked["class"] != _CLASS["monitor"]

    def share(part: pd.Series, amount: str) -> float | None:
        whole = float(ranked[amount].sum())
        return round(float(ranked.loc[part, amount].sum()) / whole, 6) if whole > 0 else None

    out = {"hot_share_of_potential": share(hot, "potential_t_yr")}
    if "gross_loss_t_yr" in land:
        out["hot_share_of_gross_loss"] = share(hot, "gross_loss_t_yr")
    for axis in _CLUSTERED:
        if f"cluster_{axis}" in land:
            out[f"gi_star_alone_{axis}"] = share(
                ranked[f"cluster_{axis}"] == 1, "ranked_managed_ha"
            )
    return out
