"""The layers of an edition: what a recipe makes of canonical data, cell by cell.

Context, potential, yardstick and change are computed for every cell that has the inputs; then
managed mineral land is ranked into hotspot classes, with Gi* clusters beside them.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr

from hotspots import analysis as an
from hotspots.analysis.eligibility import excluded_reason, is_organic
from hotspots.analysis.hotspots import class_share, classify_hotspots
from hotspots.errors import RasterError
from hotspots.grid import cell_area
from hotspots.recipe import Recipe
from hotspots.scenario import scenario
from hotspots.variables import describe

# A rate per stock explodes as the stock goes to nothing.
LEAST_STOCK_FOR_PER_MILLE = 5.0  # t ha-1


def derive(data: xr.Dataset, recipe: Recipe) -> tuple[xr.Dataset, list[str]]:
    """Return the layers of context, potential, yardstick and change, and what couldn't be made."""
    out: dict[str, xr.DataArray] = {}
    notes: list[str] = []

    def lacks(what: str, *names: str) -> bool:
        """Return whether a layer is missing, and note what can't be made without it."""
        missing = [n for n in names if n not in data]
        if missing:
            notes.append(f"No {what}: the data lack {', '.join(missing)}.")
        return bool(missing)

    if not lacks("historical deficit", "soc_stock_reference"):
        out["deficit_historic"] = an.historic_deficit(
            data["soc_stock_reference"], data["soc_stock"]
        )
    if not lacks("potential and hotspots", "climate_zone", "cropland_share"):
        out |= _potential(data, recipe)
    if not lacks("modelled change", recipe.change.start, recipe.change.end):
        change = an.modelled_change(
            data[recipe.change.start], data[recipe.change.end], detectable=recipe.change.detectable
        )
        out |= {str(k): v for k, v in change.items()}
    as_stored = {k: v if v.dtype == "uint8" else v.astype("float32") for k, v in out.items()}
    return xr.Dataset(as_stored), notes


def _potential(data: xr.Dataset, recipe: Recipe) -> dict[str, xr.DataArray]:
    choice = recipe.potential
    pasture = data.get("pasture_share") if choice.include_pasture else None
    if choice.include_pasture and pasture is None:
        raise RasterError("The recipe includes pasture, but the data lack 'pasture_share'.")
    tier1 = an.ipcc_tier1(
        data["soc_stock"].astype("float64"), data["climate_zone"], data["cropland_share"],
        pasture_share=pasture, land_use=choice.land_use, from_management=choice.from_management,
        from_input=choice.from_input, management=choice.management, input=choice.input,
        grassland_management=choice.grassland_management, adoption=choice.adoption,
        transition_years=choice.transition_years, guidelines=choice.guidelines,
    )  # fmt: skip
    # Stock change factors are for mineral soils; organic ones need emission factors instead.
    mineral = ~is_organic(data, recipe.eligibility.organic_stock)
    gain = tier1["potential_ipcc_tier1"].where(mineral)
    stock = tier1["soc_stock_managed"].where(gain.notnull())
    gain.attrs["scenario"] = scenario(recipe)
    gain.attrs["comment"] = "per hectare of managed land"
    per_mille = (1000 * gain / stock).where(stock >= LEAST_STOCK_FOR_PER_MILLE)
    out = {
        "soc_stock_managed": stock,
        "potential_ipcc_tier1": gain,
        "potential_ipcc_tier1_per_mille": describe(per_mille, "potential_ipcc_tier1_per_mille"),
        "target_four_per_mille": an.target_four_per_mille(stock, rate=recipe.target.rate),
    }
    managed = data["valid_share"] * tier1["managed_share"].fillna(0)
    return out | {f"{n}_valid_share": describe(managed, f"{n}_valid_share") for n in out}


def rank(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe, notes: list[str]) -> xr.Dataset:
    """Return hotspot classes over the whole and within climate zone, and why land is excluded."""
    if "potential_ipcc_tier1" not in layers:
        return xr.Dataset()
    rules, hot = recipe.eligibility, recipe.hotspots
    managed = managed_share(data, recipe)
    reason = excluded_reason(
        data, managed, min_managed_share=rules.min_managed_share,
        organic_stock=rules.organic_stock, hyper_arid_precipitation=rules.hyper_arid_precipitation,
    )  # fmt: skip
    loss = -layers["modelled_change"] if "modelled_change" in layers else None
    if loss is None:
        notes.append("Hotspots are for gain only: there is no loss layer.")
    few = hot.min_patch_cells / hot.top_share
    if (count := int((reason == 0).where(layers["potential_ipcc_tier1"].notnull()).sum())) < few:
        notes.append(
            f"Only {count} cells are ranked: with a top share of {hot.top_share:.0%} and patches of"
            f" at least {hot.min_patch_cells} cells, hardly any can be hot among so few. See what"
            " the edition of a larger region says of this one."
        )
    out = {"excluded_reason": reason}
    for name, groups in (
        ("hotspot_class", None),
        ("hotspot_class_in_zone", data["climate_zone"]),
    ):
        classes = classify_hotspots(
            layers["potential_ipcc_tier1"], loss, reason, managed,
            valid_share=data["valid_share"], groups=groups, top_share=hot.top_share,
            gain_threshold=hot.gain_threshold, loss_threshold=hot.loss_threshold,
            min_patch_cells=hot.min_patch_cells, min_patch_area_km2=hot.min_patch_area_km2,
        )  # fmt: skip
        out[name] = classes
        out[f"{name}_valid_share"] = describe(
            class_share(classes, managed, data["valid_share"]).astype("float32"),
            f"{name}_valid_share",
        )
    return xr.Dataset(out)


def managed_share(data: xr.Dataset, recipe: Recipe) -> xr.DataArray:
    """Return the managed share of the cell's land: cropland, and pasture if the recipe says so."""
    share = data["cropland_share"]
    return share + data["pasture_share"] if recipe.potential.include_pasture else share


def clusters(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe) -> tuple[xr.Dataset, xr.Dataset]:
    """Return Gi* of gain and loss on ranked land: on the residual from the climate zone's mean.

    The second dataset holds the clusters of the raw values, which is what Gi* is mostly used for:
    what it alone would have called hot is told for comparison only.
    """
    if "excluded_reason" not in layers:
        return xr.Dataset(), xr.Dataset()
    choice = recipe.clusters
    ranked = (layers["excluded_reason"] == 0) & layers["potential_ipcc_tier1"].notnull()
    axes = {"potential": layers["potential_ipcc_tier1"]}
    if "modelled_change" in layers:
        axes["loss"] = -layers["modelled_change"]
    gi_star = partial(
        an.getis_ord, radius=choice.radius_km, area_weighted=True,
        alpha=choice.alpha, method=choice.method,
    )  # fmt: skip
    out: dict[str, xr.DataArray] = {}
    raw: dict[str, xr.DataArray] = {}
    for axis, values in axes.items():
        values = values.where(ranked)
        name = f"cluster_{axis}"
        told = {"radius_km": choice.radius_km, "comment": "descriptive; residual from zone mean"}
        found = gi_star(stratum_residual(values, data["climate_zone"]))
        out[name] = describe(found["cluster"].astype("int8"), name, **told)
        for part in ("z", "p_adjusted", "effect"):
            key = f"{name}_{part}"
            out[key] = describe(found[part].astype("float32"), key, **told)
        raw[f"{name}_raw"] = gi_star(values)["cluster"].astype("int8")
    return xr.Dataset(out), xr.Dataset(raw)


def stratum_residual(values: xr.DataArray, stratum: xr.DataArray) -> xr.DataArray:
    """Return `values` less the area-weighted mean of their stratum; NaN stays NaN."""
    v = values.values.astype("float64")
    codes = stratum.values.astype("int64").ravel()
    area = np.where(np.isnan(v), 0.0, cell_area(values).values).ravel()
    sums = np.bincount(codes, weights=np.nan_to_num(v).ravel() * area)
    areas = np.bincount(codes, weights=area)
    means = np.divide(sums, areas, out=np.zeros_like(sums), where=areas > 0)
    return values.copy(data=v - means[codes].reshape(v.shape))
