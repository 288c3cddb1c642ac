"""Division of layers into the classes of the map: named classes, and steps of a scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.layers.variables import CLUSTERS, HOT_CLASSES, HOTSPOT_CLASSES
from hotspots.locale import number, percent, text
from hotspots.maps import palettes

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition

Codes = npt.NDArray[np.uint8]

# Upper edges of all classes except the last. Fixed, so that maps of editions are comparable; they
# include the hotspot threshold of the default recipe (0.2).
POTENTIAL_BREAKS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
LOSS_BREAKS = (0.05, 0.1, 0.2, 0.5, 1.0)
# The deficit is a difference of stocks in whole t/ha: within 1 t/ha of 0 it isn't detectable.
DEFICIT_BREAKS = (-1.0, 1.0, 2.0, 5.0, 10.0, 20.0)
# Edges below the share that the recipe requires, which is the edge of the last class.
STABILITY_BREAKS = (0.1, 0.2, 0.4, 0.6)
# A rate per hectare of cropland is misleading on a map where there is hardly any cropland.
LEAST_MANAGED_SHARE = 0.01
# Multiples of the smallest detectable change, see `change_steps`.
CHANGE_STEPS = (1, 2, 4, 10)
_CODE = {name: code for code, name in HOTSPOT_CLASSES.items()}
_HOT_FOR = {"protect": ("loss",), "restore": ("gain", "loss"), "build": ("gain",)}


@dataclass(frozen=True)
class Classes:
    """A layer divided into classes.

    Attributes
    ----------
    codes : array (rows, columns)
        0 = no class, transparent; k = the k-th class.
    colours, labels : sequence of str
        One per class. Classes with the same label share a line of the legend.
    is_scale : bool
        Whether it is a scale from low to high, whose legend shows all steps; the legend of named
        classes shows those that occur.
    key : str
        Remark of the legend on the colours, or "".
    """

    codes: Codes
    colours: Sequence[str]
    labels: Sequence[str]
    is_scale: bool = False
    key: str = ""


def hotspot_classes(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Return the hotspot classes; hot cells not stable over errors and methods in paler colours."""
    labels = [text(f"class.{n}", lang) for n in HOTSPOT_CLASSES.values()]
    found = _by_code(layer, HOTSPOT_CLASSES, palettes.HOTSPOT, labels)
    stable = stable_cells(edition, layer)
    if stable is None:
        return found
    codes, colours = found.codes.copy(), list(found.colours)
    # Codes on the map are positions counted from 1, since 0 stands for cells without a class.
    names = list(HOTSPOT_CLASSES.values())
    hot = np.isin(found.codes, [names.index(n) + 1 for n in HOT_CLASSES])
    for name in HOT_CLASSES:
        place = names.index(name)
        colours.append(palettes.PALE[name])
        labels.append(labels[place])
        codes[(found.codes == place + 1) & ~stable] = len(colours)
    return Classes(codes, colours, labels, key=_stability_key(edition, hot, stable, lang))


def stable_cells(edition: Edition, layer: xr.DataArray) -> npt.NDArray[np.bool_] | None:
    """Return a mask of cells that meet their class's criterion in enough draws; None without draws.

    Cells of unknown stability count as stable, as in `classify_hotspots`.
    """
    suffix = str(layer.name).removeprefix("hotspot_class")
    if f"stability_gain{suffix}" not in edition.rasters:
        return None
    unsure = {
        # NaN, an unknown stability, is not below the threshold.
        axis: np.asarray(edition.rasters[name].values) < edition.recipe.hotspots.stability
        for axis in ("gain", "loss")
        if (name := f"stability_{axis}{suffix}") in edition.rasters
    }
    out = np.ones(layer.shape, dtype=bool)
    # A cell of the class "restore" is hot on both axes, and must be stable on both.
    for name, axes in _HOT_FOR.items():
        of_class = layer.values == _CODE[name]
        for axis in axes:
            out &= ~(of_class & unsure.get(axis, np.zeros_like(out)))
    return out


def _stability_key(
    edition: Edition, hot: npt.NDArray[np.bool_], stable: npt.NDArray[np.bool_], lang: str
) -> str:
    if not hot.any():
        return ""
    amount = "some" if (hot & stable).any() else "none"
    level = percent(edition.recipe.hotspots.stability, lang)
    return text(f"legend.stable_{amount}", lang, level=level)


def stable_classes(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Return the classes of the full definition, with a remark if no cell is stable."""
    labels = [text(f"class.{n}", lang) for n in HOTSPOT_CLASSES.values()]
    found = _by_code(layer, HOTSPOT_CLASSES, palettes.HOTSPOT, labels)
    hot = np.isin(layer.values, [_CODE[n] for n in HOT_CLASSES])
    level = percent(edition.recipe.hotspots.stability, lang)
    key = "" if hot.any() else text("legend.stable_nowhere", lang, level=level)
    return Classes(found.codes, found.colours, found.labels, key=key)


def named_classes(
    table: str, names: Mapping[int, str], colours: Mapping[str, str]
) -> Callable[[Edition, xr.DataArray, str], Classes]:
    """Return a function for layers of classes whose labels are the messages ``<table>.<name>``."""

    def cut(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
        """Return the classes of the layer."""
        labels = [text(f"{table}.{n}", lang) for n in names.values()]
        return _without_little(edition, layer, _by_code(layer, names, colours, labels))

    return cut


def clusters(colours: Mapping[str, str]) -> Callable[[Edition, xr.DataArray, str], Classes]:
    """Return a function for layers of Gi* clusters."""
    # The legend lists hot first.
    from_high = dict(reversed(CLUSTERS.items()))

    def cut(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
        """Return the classes of the layer."""
        labels = [text(f"cluster.{n}", lang) for n in from_high.values()]
        found = _by_code(layer, from_high, colours, labels)
        # 0 means "not significant" or outside the neighbour graph; only the former have a z score.
        z = edition.rasters.get(f"{layer.name}_z")
        outside = np.zeros(layer.shape, bool) if z is None else np.isnan(z.values)
        return replace(found, codes=np.where(outside, 0, found.codes).astype("uint8"))

    return cut


def _by_code(
    layer: xr.DataArray, names: Mapping[int, str], colours: Mapping[str, str], labels: Sequence[str]
) -> Classes:
    # NaN becomes -128, which no class has as its code (cold clusters have -1).
    values = np.nan_to_num(np.asarray(layer.values, dtype="float32"), nan=-128).astype("int16")
    codes = np.zeros(values.shape, "uint8")
    for position, code in enumerate(names, start=1):
        codes[values == code] = position
    return Classes(codes, [colours[n] for n in names.values()], labels)


def potential_steps(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Return the classes of a gain per hectare of managed land."""
    return _without_little(edition, layer, _by_breaks(layer, POTENTIAL_BREAKS, palettes.GAIN, lang))


def _without_little(edition: Edition, layer: xr.DataArray, found: Classes) -> Classes:
    """Return classes without cells whose managed share is below `LEAST_MANAGED_SHARE`."""
    managed = edition.rasters.get(f"{layer.name}_valid_share")
    land = edition.rasters.get("valid_share")
    if managed is None or land is None:
        return found
    # Negated, so that NaN, an unknown share, counts as little.
    little = ~(managed.values >= LEAST_MANAGED_SHARE * land.values)
    return replace(found, codes=np.where(little, 0, found.codes).astype("uint8"))


def loss_steps(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Return the classes of a loss per hectare."""
    return _by_breaks(layer, LOSS_BREAKS, palettes.DEFICIT, lang)


def stability_steps(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Return the classes of a share of the draws; the last starts at the recipe's stability."""
    least = edition.recipe.hotspots.stability
    breaks = [b for b in STABILITY_BREAKS if b < least] + [least]
    # In float32 a share equal to the threshold may be just below it.
    shifted = layer.copy(data=np.asarray(layer.values, dtype="float64") + 1e-6)
    colours = [*palettes.STABILITY[: len(breaks)], palettes.STABILITY[-1]]
    return _by_breaks(shifted, breaks, colours, lang, percent)


def deficit_steps(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Return the classes of the historical deficit; a surplus has its own class."""
    found = _by_breaks(layer, DEFICIT_BREAKS, (palettes.SURPLUS, *palettes.DEFICIT), lang)
    surplus = text("legend.surplus", lang, high=number(DEFICIT_BREAKS[0], lang))
    return replace(found, labels=[surplus, *found.labels[1:]])


def _by_breaks(
    layer: xr.DataArray,
    breaks: Sequence[float],
    colours: Sequence[str],
    lang: str,
    show: Callable[[float, str], str] = number,
) -> Classes:
    values = np.asarray(layer.values, dtype="float64")
    # + 1, since 0 stands for cells without a value; `digitize` would put NaN in the last class.
    codes = np.where(np.isfinite(values), np.digitize(values, breaks) + 1, 0)
    shown = [show(b, lang) for b in breaks]
    between = [text("legend.between", lang, low=low, high=high) for low, high in pairwise(shown)]
    labels = [
        text("legend.below", lang, high=shown[0]),
        *between,
        text("legend.above", lang, low=shown[-1]),
    ]
    return Classes(codes.astype("uint8"), colours, labels, is_scale=True)


def change_steps(edition: Edition, layer: xr.DataArray, lang: str) -> Classes:
    """Return the classes of the change, symmetric around "no detectable change".

    Without the period of the change the smallest detectable rate is unknown: no cell has a class.
    """
    years = _years_between(edition, layer)
    if not years > 0:
        return Classes(np.zeros(layer.shape, "uint8"), [], [], is_scale=True)
    # From the smallest detectable change of the stock, t/ha, to a rate per year.
    smallest = edition.recipe.change.detectable / years
    edges = [step * smallest for step in CHANGE_STEPS]
    values = np.asarray(layer.values, dtype="float64")
    # In float32 a change equal to the threshold may be just below it; it counts as detectable.
    depth = np.digitize(np.abs(values) * (1 + 1e-6), edges)
    middle = len(edges) + 1
    # Losses are below the middle class, gains above it; depth 0 is the middle class itself.
    codes = np.where(np.isfinite(values), middle + np.sign(values) * depth, 0)
    colours = [*palettes.LOSS_SIDE[::-1], palettes.NO_CHANGE, *palettes.GAIN_SIDE]
    labels = _change_labels(edges, lang)
    return Classes(np.nan_to_num(codes).astype("uint8"), colours, labels, is_scale=True)


def _change_labels(edges: Sequence[float], lang: str) -> list[str]:
    shown = [number(e, lang) for e in edges]
    sizes = [text("legend.between", lang, low=low, high=high) for low, high in pairwise(shown)] + [
        text("legend.above", lang, low=shown[-1])
    ]
    losses = [f"{text('legend.loss_side', lang)} {size}" for size in sizes]
    gains = [f"{text('legend.gain_side', lang)} {size}" for size in sizes]
    return [*losses[::-1], text("change.no_detectable_change", lang), *gains]


def _years_between(edition: Edition, layer: xr.DataArray) -> float:
    """Return the length of the change's period, years; NaN if its years are unknown."""
    inputs = edition.manifest["inputs"]
    change = edition.recipe.change
    start, _, end = str(layer.attrs.get("period", "")).partition("-")
    dated = [
        row.get("year") if (row := inputs.get(n)) else None for n in (change.start, change.end)
    ]
    # The period that the layer states, else the years of the two stocks.
    for first, last in ((start, end), dated):
        try:
            return float(str(last)) - float(str(first))
        except ValueError:
            continue
    return math.nan
