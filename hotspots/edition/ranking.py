"""Ranking of managed mineral land in hotspot classes, and Gi* clusters for comparison."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from hotspots import analysis as an
from hotspots.analysis.hotspots.classify import class_share, classify_hotspots
from hotspots.analysis.hotspots.eligibility import excluded_reason
from hotspots.edition.draws import Drawn
from hotspots.edition.methods import METHODS
from hotspots.edition.methods.base import masks_on, thresholds_of
from hotspots.edition.methods.potential import managed_share
from hotspots.edition.ranking_axes import Axes
from hotspots.edition.recipe import Recipe
from hotspots.errors import RecipeError, near_matches
from hotspots.layers.grid import cell_area
from hotspots.layers.rounding import SAME_SUM
from hotspots.layers.variables import describe, variable

_POTENTIALS = [
    name
    for method in METHODS
    for name in method.gives
    if name.startswith("potential_") and variable(name).unit == "t ha-1 yr-1"
]


def axes_of(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe, notes: list[str]) -> Axes | None:
    """Return gain and loss for the ranking, or None without the potential that ranks.

    A remark is appended to `notes` where a layer of the ranking is missing.

    Parameters
    ----------
    data : Dataset
        Canonical layers on one grid with a CRS, with ``valid_share`` and the layers that the
        exclusions need.
    layers : Dataset
        Results of the methods on the same grid: the layers that rank gain and loss,
        t ha-1 yr-1, and ``soc_stock_managed``. NaN is missing.
    recipe : Recipe
        Names the ranking layers, and sets the thresholds and masks of the exclusions.
    notes : list of str
        Remarks of the edition; extended in place.
    """
    potential, loss_layer = recipe.methods.ranking_potential, recipe.methods.ranking_loss
    if potential not in layers or "soc_stock_managed" not in layers:
        if potential not in {name for method in METHODS for name in method.gives}:
            raise RecipeError(
                f"methods.ranking_potential is '{potential}', which no method gives and the data"
                f" don't hold{near_matches(potential, _POTENTIALS) or '.'} Methods give:"
                f" {', '.join(_POTENTIALS)}."
            )
        if potential != "potential_ipcc_tier1":
            notes.append(f"No hotspots: there is no layer '{potential}' to rank by.")
        return None
    rules, managed = recipe.eligibility, managed_share(data, recipe)
    reason = excluded_reason(
        data,
        managed,
        min_managed_share=rules.min_managed_share,
        masks=masks_on(recipe),
        thresholds=thresholds_of(recipe),
    )
    loss = None
    if loss_layer in layers:
        sign = -1 if loss_layer == "modelled_change" else 1
        loss = sign * layers[loss_layer]
    else:
        other = next((n for n in ("loss_total", "modelled_change") if n in layers), None)
        hint = f'; set methods.ranking_loss = "{other}" to rank by that' if other else ""
        notes.append(f"Hotspots are for gain only: there is no layer {loss_layer}{hint}.")
    groups = {"hotspot_class": None, "hotspot_class_in_zone": stratum(data, recipe)}
    return Axes(layers[potential], loss, reason, managed, data["valid_share"], groups)


def stratum(data: xr.Dataset, recipe: Recipe) -> xr.DataArray:
    """Return climate zone × leading managed land use: cropland, or pasture where included."""
    zone = data["climate_zone"].astype("int64")
    if not recipe.potential.include_pasture:
        return zone
    return zone + 100 * (data["pasture_share"] > data["cropland_share"])


def rank(axes: Axes, recipe: Recipe, drawn: Drawn | None, notes: list[str]) -> xr.Dataset:
    """Return hotspot classes, over the whole area and within strata, and reasons of exclusion.

    ``hotspot_class`` is from the best estimate and the stability that `recipe` requires;
    ``hotspot_class_stable`` requires that a cell is hot in enough of all draws.

    Parameters
    ----------
    axes : Axes
        Gain and loss, t ha-1 yr-1, and reasons of exclusion, on one grid with a CRS. A cell with
        NaN as gain isn't ranked.
    recipe : Recipe
        Sets the top share, the thresholds, the stability and the smallest patch.
    drawn : Drawn or None
        Results of the draws on the same grid; None where there are none, which leaves out
        stability and ``hotspot_class_stable``.
    notes : list of str
        Remarks of the edition; extended in place.
    """
    hot = recipe.hotspots
    few = hot.min_patch_cells / hot.top_share
    if (count := int(axes.ranked.sum())) < few:
        notes.append(
            f"Only {count} cells are ranked: with a top share of {hot.top_share:.0%} and patches of"
            f" at least {hot.min_patch_cells} cells, hardly any can be hot among so few. See what"
            " the edition of a larger region says of this one."
        )
    out = {"excluded_reason": axes.reason}
    for name, groups in axes.groups.items():
        suffix = name.removeprefix("hotspot_class")
        out[name] = _classes(axes, recipe, groups, _gate(recipe, drawn, suffix))
    if drawn is not None:
        every = (drawn.stability["stability_gain"], drawn.stability.get("stability_loss"))
        stable = _classes(axes, recipe, None, every)
        out["hotspot_class_stable"] = describe(stable, "hotspot_class_stable")
        out |= drawn.stability
    for name in [n for n in out if n.startswith("hotspot_class")]:
        share = class_share(out[name], axes.managed, axes.valid).astype("float32")
        out[f"{name}_valid_share"] = describe(share, f"{name}_valid_share")
    return xr.Dataset(out)


Gate = tuple[xr.DataArray | None, xr.DataArray | None]


def _gate(recipe: Recipe, drawn: Drawn | None, suffix: str) -> Gate:
    """Return the stability of gain and loss that the best estimate's classes are tested by."""
    over = recipe.hotspots.stability_over
    if drawn is None or over == "nothing" or (over == "sd" and not drawn.has_sd):
        return None, None
    gain = "stability_gain" if over == "all" else "stability_gain_errors"
    return drawn.stability[gain + suffix], drawn.stability.get(f"stability_loss{suffix}")


def _classes(axes: Axes, recipe: Recipe, groups: xr.DataArray | None, gate: Gate) -> xr.DataArray:
    hot = recipe.hotspots
    return classify_hotspots(
        axes.gain,
        axes.loss,
        axes.reason,
        axes.managed,
        valid_share=axes.valid,
        groups=groups,
        top_share=hot.top_share,
        gain_threshold=hot.gain_threshold,
        loss_threshold=hot.loss_threshold,
        gain_stability=gate[0],
        loss_stability=gate[1],
        stability=hot.stability,
        min_patch_cells=hot.min_patch_cells,
        min_patch_area_km2=hot.min_patch_area_km2,
    )


def clusters(axes: Axes, zone: xr.DataArray, recipe: Recipe) -> tuple[xr.Dataset, xr.Dataset]:
    """Return Gi* of gain and loss on ranked land, for residuals and for unadjusted values.

    Residuals are from the mean of the climate zone. The second dataset has the clusters of the
    unadjusted values, the usual input of Gi*, which are reported for comparison only.
    """
    choice = recipe.clusters
    values_of = {"potential": axes.gain} | ({} if axes.loss is None else {"loss": axes.loss})
    gi_star = partial(
        an.getis_ord,
        radius=choice.radius_km,
        area_weighted=True,
        alpha=choice.alpha,
        method=choice.method,
    )
    out: dict[str, xr.DataArray] = {}
    unadjusted: dict[str, xr.DataArray] = {}
    for axis, values in values_of.items():
        ranked = values.where(axes.ranked)
        attrs = {"radius_km": choice.radius_km, "comment": "descriptive; residual from zone mean"}
        out |= _as_stored(gi_star(stratum_residual(ranked, zone)), f"cluster_{axis}", attrs)
        unadjusted[f"cluster_{axis}_raw"] = gi_star(ranked)["cluster"].astype("int8")
    return xr.Dataset(out), xr.Dataset(unadjusted)


def _as_stored(found: xr.Dataset, name: str, attrs: dict[str, Any]) -> dict[str, xr.DataArray]:
    """Return the results of Gi* as float32 and int8 layers, which take less memory."""
    parts = {f"{name}_{part}": found[part] for part in ("z", "p_adjusted", "effect")}
    stored = {key: describe(v.astype("float32"), key, **attrs) for key, v in parts.items()}
    return {name: describe(found["cluster"].astype("int8"), name, **attrs)} | stored


def stratum_residual(values: xr.DataArray, stratum: xr.DataArray) -> xr.DataArray:
    """Return `values` minus the area-weighted mean of their stratum; NaN stays NaN."""
    v = values.values.astype("float64")
    codes = stratum.values.astype("int64").ravel()
    area = np.where(np.isnan(v), 0.0, cell_area(values).values).ravel()
    sums = np.bincount(codes, weights=np.nan_to_num(v).ravel() * area)
    areas = np.bincount(codes, weights=area)
    means = np.divide(sums, areas, out=np.zeros_like(sums), where=areas > 0)
    residual = v - means[codes].reshape(v.shape)
    # In a stratum of equal values the residual is only the rounding error of the mean.
    return values.copy(data=np.where(np.abs(residual) <= SAME_SUM * np.abs(v), 0.0, residual))
