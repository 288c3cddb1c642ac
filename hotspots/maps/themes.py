"""The raster themes: layers, their classes and colours, and their texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr

from hotspots.edition.scenario import scenario
from hotspots.layers.variables import DEGRADATION, EVIDENCE, LOSS_COMPONENTS, RESPONSES
from hotspots.locale import has_text, number, percent, text, tonnes
from hotspots.maps import palettes
from hotspots.maps.classes import (
    LEAST_MANAGED_SHARE,
    Classes,
    change_steps,
    clusters,
    deficit_steps,
    hotspot_classes,
    loss_steps,
    named_classes,
    potential_steps,
    stability_steps,
    stable_classes,
)

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition
    from hotspots.edition.recipe import Recipe


@dataclass(frozen=True)
class Theme:
    """One raster theme.

    Attributes
    ----------
    key : str
        Canonical name of its layer; its texts are ``theme.<key>.*`` in the catalogues.
    group : str
        One of `GROUPS`.
    inputs : function (recipe -> names of input layers)
        Layers whose data years the legend shows.
    cut : function (edition, layer, lang -> Classes)
        Divides the layer into classes.
    bare : str
        Text on land without a class: the message ``legend.<bare>``.
    """

    key: str
    group: str
    inputs: Callable[[Recipe], tuple[str, ...]]
    cut: Callable[[Edition, xr.DataArray, str], Classes]
    bare: str = "no_value"


def themes_of(edition: Edition) -> list[Theme]:
    """Return the themes whose layer is in the edition, in the order of the panel."""
    return [theme for theme in THEMES if theme.key in edition.rasters]


def unit(theme: Theme, edition: Edition, lang: str) -> str:
    """Return the unit of a theme in words."""
    whose = "managed" if edition.recipe.potential.include_pasture else "cropland"
    return text(
        f"theme.{theme.key}.unit",
        lang,
        per_hectare=text(f"unit.per_{whose}", lang),
        threshold=number(edition.recipe.hotspots.gain_threshold, lang),
    )


def note(theme: Theme, edition: Edition, lang: str) -> str:
    """Return the note on how to interpret a theme."""
    recipe = edition.recipe
    key = f"theme.{theme.key}.note"
    if theme.key == "response_class":
        key += "_risk" if "loss_total" in edition.rasters else "_modelled"
    modelled = theme.key in ("modelled_change", "response_class")
    of_change = modelled or recipe.methods.ranking_loss == "modelled_change"
    note_text = text(
        key,
        lang,
        scenario=scenario(recipe, lang),
        detectable=number(recipe.change.detectable, lang),
        radius=number(recipe.clusters.radius_km, lang),
        alpha=percent(recipe.clusters.alpha, lang),
        least=percent(LEAST_MANAGED_SHARE, lang),
        missing=text("caveat.not_in_it", lang) if of_change else "",
        level=percent(recipe.hotspots.stability, lang),
        threshold=number(recipe.hotspots.gain_threshold, lang),
        loss=number(recipe.hotspots.loss_threshold, lang),
        quantile=percent(recipe.attainable.quantile, lang),
        attained=number(recipe.attainable.years, lang),
        methods=methods_compared(edition, lang),
        count=number(recipe.ensemble.min_methods, lang),
        agreement=percent(recipe.ensemble.min_agreement, lang),
        spread=methods_spread(edition, lang),
        increase=percent(max(recipe.gsocseq.increases, default=0.0), lang),
        ahead=number(recipe.gsocseq.years, lang),
        components=loss_components(edition, lang),
    )
    return note_text.strip()


def methods_compared(edition: Edition, lang: str) -> str:
    """Return the titles of the compared potentials, as on the map."""
    guidelines = edition.recipe.potential.guidelines

    def named(layer: str) -> str:
        key = f"method.{layer}"
        return text(key, lang, guidelines=guidelines) if has_text(key) else layer

    return ", ".join(named(n) for n in edition.recipe.ensemble.members if n in edition.rasters)


def loss_components(edition: Edition, lang: str) -> str:
    """Return the names of the components of the loss that the edition has."""
    names = [n for n in LOSS_COMPONENTS.values() if f"loss_{n}" in edition.rasters]
    return ", ".join(text(f"component.{n}", lang).lower() for n in names)


def methods_spread(edition: Edition, lang: str) -> str:
    """Return the sentence on the range of the total over methods, "" if unknown."""
    table = edition.table
    whole = table[table["set"] == "total"]
    columns = ["potential_lowest_total", "potential_highest_total"]
    if not len(whole) or not set(columns) <= set(whole):
        return ""
    low, high = (tonnes(float(whole[c].iloc[0]), lang) for c in columns)
    return text("legend.spread", lang, low=low, high=high)


def _of_potential(recipe: Recipe) -> tuple[str, ...]:
    pasture = ("pasture_share",) if recipe.potential.include_pasture else ()
    return ("soc_stock", "cropland_share", *pasture, "climate_zone")


def _of_change(recipe: Recipe) -> tuple[str, ...]:
    return (recipe.change.start, recipe.change.end)


def _of_hotspots(recipe: Recipe) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_of_change(recipe) + _of_potential(recipe)))


def _of_deficit(recipe: Recipe) -> tuple[str, ...]:
    return ("soc_stock_reference", "soc_stock")


def _of_stock(recipe: Recipe) -> tuple[str, ...]:
    return ("soc_stock",)


GROUPS = ("hotspots", "gain", "loss", "evidence", "clusters")
THEMES = (
    Theme("hotspot_class", "hotspots", _of_hotspots, hotspot_classes),
    Theme("hotspot_class_in_zone", "hotspots", _of_hotspots, hotspot_classes),
    Theme("hotspot_class_stable", "hotspots", _of_hotspots, stable_classes),
    Theme("potential_ipcc_tier1", "gain", _of_potential, potential_steps),
    Theme("potential_median", "gain", _of_potential, potential_steps),
    Theme("potential_attainable", "gain", _of_potential, potential_steps),
    Theme("potential_gsocseq_ssm3", "gain", _of_potential, potential_steps),
    Theme("deficit_historic", "gain", _of_deficit, deficit_steps),
    Theme("modelled_change", "loss", _of_change, change_steps),
    Theme("loss_total", "loss", _of_stock, loss_steps, "none_of_these"),
    Theme(
        "loss_main_component",
        "loss",
        _of_stock,
        named_classes("component", LOSS_COMPONENTS, palettes.LOSS_COMPONENT),
        "none_of_these",
    ),
    Theme(
        "sdg_soc_class",
        "loss",
        _of_stock,
        named_classes("degradation", DEGRADATION, palettes.DEGRADATION),
        "none_of_these",
    ),
    Theme(
        "response_class",
        "loss",
        _of_hotspots,
        named_classes("response", RESPONSES, palettes.RESPONSE),
        "none_of_these",
    ),
    Theme(
        "evidence",
        "evidence",
        _of_potential,
        named_classes("evidence", EVIDENCE, palettes.EVIDENCE),
    ),
    Theme("stability_gain", "evidence", _of_potential, stability_steps),
    Theme("cluster_potential", "clusters", _of_potential, clusters(palettes.CLUSTER_GAIN)),
    Theme("cluster_loss", "clusters", _of_change, clusters(palettes.CLUSTER_LOSS)),
)
