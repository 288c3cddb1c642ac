"""The raster themes: which layer is cut into which classes, in which colours, with which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.locale import number, percent, text
from hotspots.maps import palettes
from hotspots.scenario import scenario
from hotspots.variables import CLUSTERS, HOTSPOT_CLASSES

if TYPE_CHECKING:
    from hotspots.edition import Edition
    from hotspots.recipe import Recipe

Codes = npt.NDArray[np.uint8]

# Upper edges of all classes but the last. Fixed, so that two editions compare at a glance; the
# hotspot threshold of the default recipe (0.2) is one of them.
POTENTIAL_BREAKS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
# The stocks behind it are whole t/ha: a deficit within 1 t/ha of none is none to be seen.
DEFICIT_BREAKS = (-1.0, 1.0, 2.0, 5.0, 10.0, 20.0)
# A rate per hectare of cropland says nothing to the eye where there is next to none.
LEAST_MANAGED_SHARE = 0.01
# Multiples of the smallest change that is told apart, see `_change`.
CHANGE_STEPS = (1, 2, 4, 10)


@dataclass(frozen=True)
class Classes:
    """A layer cut into classes: `codes` (rows, columns), 0 = no colour, k = the k-th class."""

    codes: Codes
    colours: Sequence[str]
    labels: Sequence[str]


@dataclass(frozen=True)
class Theme:
    """One raster theme.

    Attributes
    ----------
    key : str
        Canonical name of its layer; its words are ``theme.<key>.*`` in the catalogues.
    group : str
        "hotspots", "quantities" or "clusters".
    inputs : function (recipe -> names of input layers)
        Whose data years the legend tells.
    cut : function (edition, layer, lang -> Classes)
        Cuts the layer into classes.
    """

    key: str
    group: str
    inputs: Callable[[Recipe], tuple[str, ...]]
    cut: Callable[[Edition, xr.DataArray, str], Classes]


def themes_of(edition: Edition) -> list[Theme]:
    """Return the themes whose layer the edition has, in the order of the panel."""
    return [theme for theme in THEMES if theme.key in edition.rasters]


def unit(theme: Theme, edition: Edition, lang: str) -> str:
    """Return the unit of a theme in words."""
    whose = "managed" if edition.recipe.potential.include_pasture else "cropland"
    return text(f"theme.{theme.key}.unit", lang, per_hectare=text(f"unit.per_{whose}", lang))


def note(theme: Theme, edition: Edition, lang: str) -> str:
    """Return what must be known to read a theme."""
    clusters, change = edition.recipe.clusters, edition.recipe.change
    return text(
        f"theme.{theme.key}.note",
        lang,
        scenario=scenario(edition.recipe, lang),
        detectable=number(change.detectable, lang),
        radius=number(clusters.radius_km, lang),
        alpha=percent(clusters.alpha, lang),
        least=percent(LEAST_MANAGED_SHARE, lang),
        missing=text("caveat.not_in_it", lang),
    )


# ------------------------------------------------------------------------------------- cutting


def _hotspot(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    names = list(HOTSPOT_CLASSES.values())
    return _by_code(
        layer, HOTSPOT_CLASSES, palettes.HOTSPOT, [text(f"class.{n}", lang) for n in names]
    )


def _cluster(colours: Mapping[str, str]) -> Callable[[Edition, xr.DataArray, str], Classes]:
    def cut(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
        labels = [text(f"cluster.{n}", lang) for n in CLUSTERS.values()]
        found = _by_code(layer, CLUSTERS, colours, labels)
        # 0 stands for "not significant" and for cells outside the graph; only the former have a z.
        z = edition.rasters.get(f"{layer.name}_z")
        outside = np.zeros(layer.shape, bool) if z is None else np.isnan(z.values)
        return Classes(np.where(outside, 0, found.codes).astype("uint8"), found.colours, labels)

    return cut


def _by_code(
    layer: xr.DataArray, names: Mapping[int, str], colours: Mapping[str, str], labels: Sequence[str]
) -> Classes:
    values = np.nan_to_num(np.asarray(layer.values, dtype="float32"), nan=-128).astype("int16")
    codes = np.zeros(values.shape, "uint8")
    for position, code in enumerate(names, start=1):
        codes[values == code] = position
    return Classes(codes, [colours[n] for n in names.values()], labels)


def _potential(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    found = _by_breaks(layer, POTENTIAL_BREAKS, palettes.GAIN, lang)
    managed = edition.rasters.get(f"{layer.name}_valid_share")
    land = edition.rasters.get("valid_share")
    if managed is None or land is None:
        return found
    little = ~(managed.values >= LEAST_MANAGED_SHARE * land.values)
    return Classes(np.where(little, 0, found.codes).astype("uint8"), found.colours, found.labels)


def _deficit(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    found = _by_breaks(layer, DEFICIT_BREAKS, (palettes.SURPLUS, *palettes.DEFICIT), lang)
    surplus = text("legend.surplus", lang, high=number(DEFICIT_BREAKS[0], lang))
    return Classes(found.codes, found.colours, [surplus, *found.labels[1:]])


def _by_breaks(
    layer: xr.DataArray, breaks: Sequence[float], colours: Sequence[str], lang: str
) -> Classes:
    values = np.asarray(layer.values, dtype="float64")
    codes = np.where(np.isfinite(values), np.digitize(values, breaks) + 1, 0)
    shown = [number(b, lang) for b in breaks]
    between = [text("legend.between", lang, low=low, high=high) for low, high in pairwise(shown)]
    labels = [text("legend.below", lang, high=shown[0]), *between,
              text("legend.above", lang, low=shown[-1])]  # fmt: skip
    return Classes(codes.astype("uint8"), colours, labels)


def _change(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Cut the change evenly on both sides of what the data can't tell from none."""
    smallest = edition.recipe.change.detectable / _years_between(edition, layer)
    edges = [step * smallest for step in CHANGE_STEPS]
    values = np.asarray(layer.values, dtype="float64")
    # float32 rounds a change of exactly the threshold to either side of it; it is detectable.
    depth = np.digitize(np.abs(values) * (1 + 1e-6), edges)
    middle = len(edges) + 1
    codes = np.where(np.isfinite(values), middle + np.sign(values) * depth, 0)
    colours = [*palettes.LOSS_SIDE[::-1], palettes.NO_CHANGE, *palettes.GAIN_SIDE]
    return Classes(np.nan_to_num(codes).astype("uint8"), colours, _change_labels(edges, lang))


def _change_labels(edges: Sequence[float], lang: str) -> list[str]:
    shown = [number(e, lang) for e in edges]
    sizes = [text("legend.between", lang, low=low, high=high) for low, high in pairwise(shown)] + [
        text("legend.above", lang, low=shown[-1])
    ]
    losses = [f"{text('legend.loss_side', lang)} {size}" for size in sizes]
    gains = [f"{text('legend.gain_side', lang)} {size}" for size in sizes]
    return [*losses[::-1], text("change.no_detectable_change", lang), *gains]


def _years_between(edition: Edition, layer: xr.DataArray) -> float:
    """Return the length of the change's period, years."""
    start, _, end = str(layer.attrs.get("period", "")).partition("-")
    if start.isdigit() and end.isdigit():
        return float(end) - float(start)
    inputs: Mapping[str, Any] = edition.manifest["inputs"]
    change = edition.recipe.change
    return float(inputs[change.end]["year"]) - float(inputs[change.start]["year"])


def _of_potential(recipe: Recipe) -> tuple[str, ...]:
    pasture = ("pasture_share",) if recipe.potential.include_pasture else ()
    return ("soc_stock", "cropland_share", *pasture, "climate_zone")


def _of_change(recipe: Recipe) -> tuple[str, ...]:
    return (recipe.change.start, recipe.change.end)


def _of_hotspots(recipe: Recipe) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_of_change(recipe) + _of_potential(recipe)))


def _of_deficit(recipe: Recipe) -> tuple[str, ...]:
    return ("soc_stock_reference", "soc_stock")


THEMES = (
    Theme("hotspot_class", "hotspots", _of_hotspots, _hotspot),
    Theme("hotspot_class_in_zone", "hotspots", _of_hotspots, _hotspot),
    Theme("potential_ipcc_tier1", "quantities", _of_potential, _potential),
    Theme("modelled_change", "quantities", _of_change, _change),
    Theme("deficit_historic", "quantities", _of_deficit, _deficit),
    Theme("cluster_potential", "clusters", _of_potential, _cluster(palettes.CLUSTER_GAIN)),
    Theme("cluster_loss", "clusters", _of_change, _cluster(palettes.CLUSTER_LOSS)),
)
