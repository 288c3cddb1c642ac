"""Ranking an edition's layers: managed mineral land in hotspot classes, Gi* clusters beside."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import numpy as np
import xarray as xr

from hotspots import analysis as an
from hotspots.analysis.eligibility import Thresholds, excluded_reason
from hotspots.analysis.hotspots import class_share, classify_hotspots
from hotspots.grid import cell_area
from hotspots.methods.potential import managed_share
from hotspots.recipe import Recipe
from hotspots.variables import describe


def rank(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe, notes: list[str]) -> xr.Dataset:
    """Return hotspot classes over the whole and within climate zone, and why land is excluded."""
    if "potential_ipcc_tier1" not in layers:
        return xr.Dataset()
    rules, hot = recipe.eligibility, recipe.hotspots
    managed = managed_share(data, recipe)
    reason = excluded_reason(
        data, managed, min_managed_share=rules.min_managed_share,
        masks=[name for name, on in asdict(recipe.masks).items() if on],
        thresholds=Thresholds(rules.organic_stock, rules.hyper_arid_precipitation),
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
