"""Ranking of managed mineral land in hotspot classes, and Gi* clusters for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

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


def axes_of(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe) -> Axes | None:
    """Return gain and loss for the ranking, or None without the potential that ranks.

    `missing_axes` says which layer of the ranking is missing.

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
    """
    potential, loss_layer = recipe.methods.ranking_potential, recipe.methods.ranking_loss
    if not _has_gain(layers, recipe):
        if potential not in {name for method in METHODS for name in method.gives}:
            raise RecipeError(
                f"methods.ranking_potential is '{potential}', which no method gives and the data"
                f" don't hold{near_matches(potential, _POTENTIALS) or '.'} Methods give:"
                f" {', '.join(_POTENTIALS)}."
            )
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
        # A change is positive for a gain of carbon, an axis of loss for a loss.
        sign = -1 if loss_layer == "modelled_change" else 1
        loss = sign * layers[loss_layer]
    groups = {"hotspot_class": None, "hotspot_class_in_zone": stratum(data, recipe)}
    return Axes(layers[potential], loss, reason, managed, data["valid_share"], groups)


def _has_gain(layers: xr.Dataset, recipe: Recipe) -> bool:
    return recipe.methods.ranking_potential in layers and "soc_stock_managed" in layers


def missing_axes(layers: xr.Dataset, recipe: Recipe) -> list[str]:
    """Return a note where a layer that the recipe ranks by is missing."""
    choice = recipe.methods
    if not _has_gain(layers, recipe):
        # Without Tier 1 the note of the method says it.
        default = choice.ranking_potential == "potential_ipcc_tier1"
        missing = f"No hotspots: there is no layer '{choice.ranking_potential}' to rank by."
        return [] if default else [missing]
    if choice.ranking_loss in layers:
        return []
    other = next((n for n in ("loss_total", "modelled_change") if n in layers), None)
    hint = f'; set methods.ranking_loss = "{other}" to rank by that' if other else ""
    return [f"Hotspots are for gain only: there is no layer {choice.ranking_loss}{hint}."]


def few_ranked(axes: Axes, recipe: Recipe) -> list[str]:
    """Return a note where so few cells are ranked that hardly any can be hot."""
    hot, count = recipe.hotspots, int(axes.ranked.sum())
    if count >= hot.min_patch_cells / hot.top_share:
        return []
    return [
        f"Only {count} cells are ranked: with a top share of {hot.top_share:.0%} and patches of"
        f" at least {hot.min_patch_cells} cells, hardly any can be hot among so few. See what"
        " the edition of a larger region says of this one."
    ]


def stratum(data: xr.Dataset, recipe: Recipe) -> xr.DataArray:
    """Return climate zone × leading managed land use: cropland, or pasture where included."""
    zone = data["climate_zone"].astype("int64")
    if not recipe.potential.include_pasture:
        return zone
    # Codes of zones are below 100, so that both parts stay readable in one code.
    return zone + 100 * (data["pasture_share"] > data["cropland_share"])


def rank(axes: Axes, recipe: Recipe, drawn: Drawn | None) -> xr.Dataset:
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
    """
    out = {"excluded_reason": axes.reason}
    for name, groups in axes.groups.items():
        suffix = name.removeprefix("hotspot_class")
        out[name] = _classes(axes, recipe, groups, _gate(recipe, drawn, suffix))
    if drawn is not None:
        # Over errors and methods, whatever `stability_over` says.
        every = Gate(drawn.stability["stability_gain"], drawn.stability.get("stability_loss"))
        stable = _classes(axes, recipe, None, every)
        out["hotspot_class_stable"] = describe(stable, "hotspot_class_stable")
        out |= drawn.stability
    for name in [n for n in out if n.startswith("hotspot_class")]:
        # Excluded cells are counted with all their land, the others with the managed part.
        share = class_share(out[name], axes.managed, axes.valid).astype("float32")
        out[f"{name}_valid_share"] = describe(share, f"{name}_valid_share")
    return xr.Dataset(out)


@dataclass(frozen=True)
class Gate:
    """Stability that a cell's class is tested by: shares of draws, None where it isn't tested."""

    gain: xr.DataArray | None = None
    loss: xr.DataArray | None = None


def _gate(recipe: Recipe, drawn: Drawn | None, suffix: str) -> Gate:
    """Return the stability of gain and loss that the best estimate's classes are tested by."""
    over = recipe.hotspots.stability_over
    if drawn is None or over == "nothing" or (over == "sd" and not drawn.has_sd):
        # A predicted absolute error isn't a standard deviation: with "sd" it tests no class.
        return Gate()
    gain = "stability_gain" if over == "all" else "stability_gain_errors"
    return Gate(drawn.stability[gain + suffix], drawn.stability.get(f"stability_loss{suffix}"))


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
        gain_stability=gate.gain,
        loss_stability=gate.loss,
        stability=hot.stability,
        min_patch_cells=hot.min_patch_cells,
        min_patch_area_km2=hot.min_patch_area_km2,
    )


@dataclass(frozen=True)
class Clustered:
    """Gi* of gain and loss on ranked land.

    Attributes
    ----------
    layers : Dataset
        Of residuals from the mean of the climate zone: cluster, z, adjusted p and effect.
    unadjusted : Dataset
        Clusters of the values themselves, the usual input of Gi*; for comparison only.
    """

    layers: xr.Dataset
    unadjusted: xr.Dataset


def clusters(axes: Axes, zone: xr.DataArray, recipe: Recipe) -> Clustered:
    """Return Gi* of gain and loss on ranked land, for residuals and for unadjusted values."""
    choice = recipe.clusters
    values_of = {"potential": axes.gain} | ({} if axes.loss is None else {"loss": axes.loss})
    gi_star = partial(
        an.getis_ord,
        radius=choice.radius_km,
        # Cells of a geographic grid shrink towards the poles.
        area_weighted=True,
        alpha=choice.alpha,
        method=choice.method,
    )
    out: dict[str, xr.DataArray] = {}
    unadjusted: dict[str, xr.DataArray] = {}
    for axis, values in values_of.items():
        # Among ranked cells only: forest and desert would be the cold background of cropland.
        ranked = values.where(axes.ranked)
        attrs = {"radius_km": choice.radius_km, "comment": "descriptive; residual from zone mean"}
        out |= _as_stored(gi_star(stratum_residual(ranked, zone)), f"cluster_{axis}", attrs)
        unadjusted[f"cluster_{axis}_raw"] = gi_star(ranked)["cluster"].astype("int8")
    return Clustered(xr.Dataset(out), xr.Dataset(unadjusted))


def _as_stored(
    found: xr.Dataset, name: str, attrs: Mapping[str, object]
) -> dict[str, xr.DataArray]:
    """Return the results of Gi* as float32 and int8 layers, which take less memory."""
    parts = {f"{name}_{part}": found[part] for part in ("z", "p_adjusted", "effect")}
    stored = {key: describe(v.astype("float32"), key, **attrs) for key, v in parts.items()}
    return {name: describe(found["cluster"].astype("int8"), name, **attrs)} | stored


def stratum_residual(values: xr.DataArray, stratum: xr.DataArray) -> xr.DataArray:
    """Return `values` minus the area-weighted mean of their stratum; NaN stays NaN."""
    v = values.values.astype("float64")
    codes = stratum.values.astype("int64").ravel()
    # Cells without a value add neither to the sum nor to the area of their stratum.
    area = np.where(np.isnan(v), 0.0, cell_area(values).values).ravel()
    sums = np.bincount(codes, weights=np.nan_to_num(v).ravel() * area)
    areas = np.bincount(codes, weights=area)
    means = np.divide(sums, areas, out=np.zeros_like(sums), where=areas > 0)
    residual = v - means[codes].reshape(v.shape)
    # In a stratum of equal values the residual is only the rounding error of the mean.
    return values.copy(data=np.where(np.abs(residual) <= SAME_SUM * np.abs(v), 0.0, residual))
