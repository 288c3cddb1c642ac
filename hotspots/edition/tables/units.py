"""Country × climate zone units and hot patches: hectares and tonnes summed over their cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import sparse

from hotspots.analysis.hotspots.patches import label_patches, patch_polygons
from hotspots.edition.recipe import Recipe
from hotspots.edition.tables.region_weights import RegionWeights
from hotspots.layers.grid import cell_area, grid_of
from hotspots.layers.rounding import SAME_SUM, steady
from hotspots.layers.variables import (
    CLIMATE_ZONES,
    HOT_CLASSES,
    HOTSPOT_CLASSES,
    LOSS_COMPONENTS,
    RANKED_CLASSES,
    RESPONSES,
)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]
Column: TypeAlias = "pd.Series | Names"
CLUSTERED = ("potential", "potential_raw", "loss", "loss_raw")
_CLASS = {name: code for code, name in HOTSPOT_CLASSES.items()}


def land_cells(layers: xr.Dataset, recipe: Recipe) -> pd.DataFrame:
    """Return hectares, tonnes, zone and class of each cell with land, indexed by flat cell index.

    Missing values count as 0: an unknown potential adds no tonnes.
    """
    import pandas as pd

    share = layers["valid_share"].values.ravel()
    cells = np.flatnonzero((share > 0) & np.isfinite(layers["soc_stock"].values.ravel()))
    area = cell_area(layers).values.ravel()[cells]

    def flat(name: str) -> Array:
        """Return the values of a layer at the land cells, 0 for missing ones."""
        return np.asarray(np.nan_to_num(layers[name].values.ravel()[cells].astype("float64")))

    def tonnes(name: str) -> Array:
        """Return a layer per hectare times its valid area, at the land cells."""
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
        "ranked_cropland_ha": land * flat("cropland_share") * ranked,
        "soc_stock_t": land * flat("soc_stock"),
        "managed_stock_t": tonnes("soc_stock_managed"),
        "potential_t_yr": tonnes(recipe.methods.ranking_potential),
        "ranked_managed_ha": managed * ranked,
    }
    if "modelled_gross_loss" in layers:
        out["gross_loss_t_yr"] = land * flat("modelled_gross_loss")
        out["gross_gain_t_yr"] = land * flat("modelled_gross_gain")
        out["net_change_t_yr"] = land * flat("modelled_change")
    for name in HOT_CLASSES:
        out[f"{name}_ha"] = managed * (classes == _CLASS[name])
    for name in LOSS_COMPONENTS.values():
        if f"loss_{name}" in layers:
            out[f"loss_{name}_t_yr"] = land * flat(f"loss_{name}")
    if "response_class" in layers:
        response = layers["response_class"].values.ravel()[cells]
        for code, name in RESPONSES.items():
            out[f"{name}_ha"] = managed * ranked * (response == code)
    if "methods_known" in layers:
        # Where no method is known none agrees: 0, not 0 / 0.
        agree = flat("methods_agree") / np.maximum(flat("methods_known"), 1)
        out["agreeing_managed_ha"] = managed * ranked * agree
    if "stability_gain" in layers:
        # A cell is as stable as the more stable of its two axes: either makes it hot.
        stable = np.fmax(
            flat("stability_gain"), flat("stability_loss") if "stability_loss" in layers else 0.0
        )
        out["stability"] = stable
        classes_stable = layers["hotspot_class_stable"].values.ravel()[cells]
        hot = np.isin(classes_stable, [_CLASS[n] for n in HOT_CLASSES])
        out["stable_hot_ha"] = managed * hot
    for axis in CLUSTERED:
        if f"cluster_{axis}" in layers:
            out[f"cluster_{axis}"] = layers[f"cluster_{axis}"].values.ravel()[cells]
    return pd.DataFrame(out, index=cells)


def unit_table(land: pd.DataFrame, weights: RegionWeights, recipe: Recipe) -> pd.DataFrame:
    """Return country × climate zone units with ranked land, by potential (t yr-1), descending."""
    import pandas as pd

    summed = [c for c in land if str(c).endswith(("_ha", "_t", "_t_yr"))]
    rows = weights.rows.iloc[weights.units]
    # Cells are columns; selecting them from the row format would be slow.
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
    # Without a stock there is no share of it.
    stock = units["managed_stock_t"].where(units["managed_stock_t"] > 0)
    units["potential_per_mille"] = 1000 * units["potential_t_yr"] / stock
    units["class"] = _leading_class(units, recipe.hotspots.unit_hot_share)
    units = units.assign(**_of_units(units, recipe))
    # The id decides between equal potentials, so that the order is reproducible.
    order = ["potential_t_yr", "id"]
    units = units.sort_values(order, ascending=[False, True]).reset_index(drop=True)
    # One unit alone has no rank.
    ranks = np.arange(1, len(units) + 1) if len(units) > 1 else [None] * len(units)
    units["rank"] = pd.array(ranks, dtype="Int64")
    return units


def _of_units(units: pd.DataFrame, recipe: Recipe) -> dict[str, Column]:
    """Return columns derived from hectares and tonnes: land use, driver, response, agreement."""
    out: dict[str, Column] = {
        "small": (units["ranked_managed_ha"] / 1e6 < recipe.hotspots.unit_min_mha).astype("int64")
    }
    crops = units["ranked_cropland_ha"]
    # Ranked managed land that isn't cropland is pasture.
    grass = units["ranked_managed_ha"] - crops
    out["land_use"] = np.where(grass > crops, "grassland", "cropland")
    if "agreeing_managed_ha" in units:
        out["methods_agree_share"] = units["agreeing_managed_ha"] / units["ranked_managed_ha"]
    losses = [f"loss_{n}_t_yr" for n in LOSS_COMPONENTS.values() if f"loss_{n}_t_yr" in units]
    if losses:
        names = [c.removeprefix("loss_").removesuffix("_t_yr") for c in losses]
        out["main_driver"] = _leading(units, losses, names)
    elif "gross_loss_t_yr" in units:
        # Without components of the loss, only the history of land use is known as its driver.
        out["main_driver"] = np.where(units["gross_loss_t_yr"] > 0, "land_use_history", "")
    if "avoid_ha" in units:
        out["response"] = _response(units, recipe.hotspots.unit_hot_share)
    return out


def _leading(units: pd.DataFrame, columns: list[str], names: list[str]) -> Names:
    """Return, by row, the name of the largest of `columns`; "" where all are 0."""
    # Rounded, so that a tie isn't decided by last digits that depend on the processor.
    amounts = steady(units[columns].to_numpy())
    return np.where(amounts.max(axis=1) > 0, np.array(names)[amounts.argmax(axis=1)], "")


def _response(rows: pd.DataFrame, least: float) -> Names:
    """Return the leading response; "" where it covers less than a share `least` of the land."""
    names = list(RESPONSES.values())
    areas = steady(rows[[f"{name}_ha" for name in names]].to_numpy())
    enough = areas.max(axis=1) >= least * rows["ranked_managed_ha"].to_numpy() * (1 - SAME_SUM)
    return np.where(enough & (areas.max(axis=1) > 0), np.array(names)[areas.argmax(axis=1)], "")


def _leading_class(units: pd.DataFrame, hot_share: float) -> Names:
    areas = steady(units[[f"{n}_ha" for n in HOT_CLASSES]].to_numpy())
    leading = np.array(HOT_CLASSES)[areas.argmax(axis=1)]
    # A share equal to the recipe's counts, though a sum of cells may be just below it.
    least = hot_share * units["ranked_managed_ha"] * (1 - SAME_SUM)
    return np.where(areas.sum(axis=1) >= least, leading, "monitor")


def hot_patches(
    layers: xr.Dataset, land: pd.DataFrame, weights: RegionWeights, recipe: Recipe
) -> gpd.GeoDataFrame:
    """Return connected components of hot cells as polygons with area, tonnes, class, countries.

    Parameters
    ----------
    layers : Dataset
        Layers on a grid with a CRS, with ``hotspot_class``. Polygons are in that CRS.
    land : DataFrame
        Hectares (``_ha``) and tonnes (``_t``, ``_t_yr``) by flat cell index, 0 for missing
        values; see `land_cells`. Each hot cell must be in it.
    weights : RegionWeights
        Shares of the regions in the cells of that grid; its units are the countries of a patch.
    recipe : Recipe
        Sets the least share of the land for a leading response.
    """
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
    frame.insert(0, "class", np.array(HOT_CLASSES)[steady(hectares.to_numpy()).argmax(axis=1)])
    frame.insert(1, "climate_zone", _main_zone(inside))
    frame.insert(2, "countries", _countries(weights, inside, len(frame)))
    frame.insert(3, "cells", inside.groupby("label").size())
    frame["managed_ha"] = hectares.sum(axis=1)
    if "avoid_ha" in frame:
        frame["response"] = _response(frame, recipe.hotspots.unit_hot_share)
    if "stability" in inside:
        frame["stability"] = _mean_by(inside, "stability", "ranked_managed_ha")
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


def _mean_by(inside: pd.DataFrame, value: str, weight: str) -> pd.Series:
    """Return the mean of a column by patch, weighted by another column of its cells."""
    total = (inside[value] * inside[weight]).groupby(inside["label"]).sum()
    return total / inside[weight].groupby(inside["label"]).sum()


def _main_zone(inside: pd.DataFrame) -> list[str]:
    """Return the climate zone with most of the managed land of each patch."""
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
    lists = []
    for column in shares.T:
        order = np.argsort(-column, kind="stable")
        kept = [i for i in order if column[i] > 0.01 * column.sum()]
        lists.append(",".join(str(ids[i]) for i in kept))
    return lists


def no_units() -> pd.DataFrame:
    """Return the unit table of an edition without hotspots: first columns only, no rows."""
    import pandas as pd

    return pd.DataFrame({c: pd.Series(dtype="object") for c in ("id", "country", "climate_zone")})


def no_patches(layers: xr.Dataset) -> gpd.GeoDataFrame:
    """Return the empty patch table of an edition without hotspots."""
    import geopandas as gpd

    return gpd.GeoDataFrame({"id": [], "class": []}, geometry=[], crs=grid_of(layers).crs)
