"""Soil profiles in the store: one layer per depth, combined along ``depth`` when opened.

A value is either the mean of a depth interval ("0-5", in cm: SoilGrids 2.0), or the value at a
point depth ("15": OpenLandMap). A layer is named in the store by its variable and depth:
``soc_0-5cm``, ``soc_15cm``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from hotspots.errors import RasterError
from hotspots.layers.dimensions import DEPTH, THICKNESS, third_dimension
from hotspots.layers.grid import require_same_grid

_TEXT = re.compile(r"(\d+(?:\.\d+)?)(?:\s*[-\u2013]\s*(\d+(?:\.\d+)?))?(?:\s*cm)?")
_SHARE = "_valid_share"
_JOINED = ("source", "citation", "licence", "sha256")


@dataclass(frozen=True, order=True)
class Depth:
    """A depth interval in cm below the surface; for a point depth `bottom` equals `top`."""

    top: float
    bottom: float

    def __str__(self) -> str:
        return f"{self.top:g}" if self.is_point else f"{self.top:g}-{self.bottom:g}"

    @property
    def is_point(self) -> bool:
        """Whether it is a point depth rather than an interval."""
        return self.top == self.bottom


Part = tuple[Depth, xr.DataArray]


def has_depths(name: str) -> bool:
    """Return whether this variable (or the variable of this valid share) has depths."""
    return third_dimension(name.removesuffix(_SHARE)) == DEPTH


def depth_of(text: object, name: str = "") -> Depth:
    """Return the depth written as "0-5", "0-5 cm" or "15" (cm), or raise `RasterError`."""
    found = _TEXT.fullmatch(str(text).strip())
    if found is None or (found[2] and float(found[1]) >= float(found[2])):
        raise RasterError(
            f"Layer '{name}' says the depth '{text}'. Write a layer of soil as '0-5' (top and"
            " deeper bottom, cm), and a value at a depth as '15'."
        )
    return Depth(float(found[1]), float(found[2] or found[1]))


def layer_key(layer: xr.DataArray) -> str:
    """Return the name of a layer in the store: its canonical name, with its depth in a profile."""
    name = str(layer.name)
    depth = layer.attrs.get("depth_cm")
    if not has_depths(name) or DEPTH in layer.dims or depth in (None, ""):
        return name
    return f"{name}_{depth_of(depth, name)}cm"


def stacked_depths(name: str, parts: Sequence[Part]) -> xr.DataArray:
    """Return the depths of a variable as contiguous soil layers, from the surface down.

    Parameters
    ----------
    name : str
        The variable.
    parts : sequence of (Depth, DataArray)
        Its layers (y, x) on one grid, in any order.

    Returns
    -------
    DataArray
        Along ``depth`` (midpoint of each layer, cm), with ``thickness`` (cm). Values at point
        depths become layers between neighbouring points, each the mean of its two values
        (trapezoidal rule), as ``depth_rule`` states. A single soil layer is returned unchanged,
        (y, x). For valid shares of cells, the minimum over all depths, (y, x).

    Raises
    ------
    RasterError
        Points and layers are mixed, layers overlap or leave a gap, a point has no neighbour, or the
        profile doesn't begin at the surface.
    GridMismatchError
        The grids differ.
    """
    parts = _in_order(name, parts)
    # A profile is complete only where all of its depths are, hence the smallest share.
    if name.endswith(_SHARE):
        return _least(name, parts)
    depths = [depth for depth, _ in parts]
    if depths[0].is_point:
        parts = _between(name, parts)
    elif len(parts) == 1:
        return parts[0][1]
    # Also of points: nothing is extrapolated from the topmost one to the surface.
    _require_whole(name, parts)
    out = _along(parts)
    out.attrs["depth_cm"] = f"{parts[0][0].top:g}-{parts[-1][0].bottom:g}"
    if depths[0].is_point:
        at = ", ".join(map(str, depths))
        out.attrs["depth_rule"] = f"means between the values at {at} cm (trapezoid rule)"
    return out.drop_vars(["top", "bottom"])


def profile_of(name: str, parts: Sequence[Part]) -> xr.DataArray:
    """Return the depths of a variable without averaging, from the surface down.

    Returns
    -------
    DataArray
        Along ``depth`` (cm: the depth of a point, the midpoint of a layer), with ``top`` and
        ``bottom`` (cm), for layers also ``thickness``; ``attrs["depth_kind"]`` is "points" or
        "layers". There may be gaps between layers.

    Raises
    ------
    RasterError
        Points and layers are mixed, or layers overlap.
    GridMismatchError
        The grids differ.
    """
    parts = _in_order(name, parts)
    points = parts[0][0].is_point
    out = _along(parts).assign_attrs(depth_kind="points" if points else "layers")
    return out.drop_vars(THICKNESS) if points else out


def profile_of_layers(layer: xr.DataArray) -> xr.DataArray:
    """Return a layer that already has a ``depth`` dimension in the form of `profile_of`."""
    bottom = np.cumsum(layer[THICKNESS].values)
    top = bottom - layer[THICKNESS].values
    profile = layer.assign_coords(
        {DEPTH: (top + bottom) / 2, "top": (DEPTH, top), "bottom": (DEPTH, bottom)}
    )
    return profile.assign_attrs(depth_kind="layers")


def _in_order(name: str, parts: Sequence[Part]) -> list[Part]:
    ordered = sorted(parts, key=lambda part: part[0])
    depths = [depth for depth, _ in ordered]
    if len({depth.is_point for depth in depths}) > 1:
        raise RasterError(
            f"'{name}' is there both as means of layers and as values at depths"
            f" ({_depth_list(depths)}), which can't be mixed. {_choose(name, depths)}"
        )
    for above, below in pairwise(depths):
        if below.top < above.bottom:
            raise RasterError(
                f"The layers {above} and {below} cm of '{name}' overlap. {_choose(name, depths)}"
            )
    first = ordered[0][1]
    for depth, layer in ordered[1:]:
        require_same_grid(first, layer, f"{name}_{depth}cm")
    # Coordinates equal within the tolerance are made identical, or xarray would join them.
    place = {c: first[c] for c in ("y", "x", "spatial_ref")}
    return [(depth, layer.assign_coords(place)) for depth, layer in ordered]


def _between(name: str, parts: Sequence[Part]) -> list[Part]:
    if len(parts) == 1:
        raise RasterError(
            f"'{name}' has a value at {parts[0][0]} cm alone, without a neighbour to make the mean"
            f" of a layer with. Add another depth, or open it as it is: names=['{name}_"
            f"{parts[0][0]}cm']."
        )
    return [
        (
            Depth(above.top, below.top),
            ((upper + lower) / 2).astype(upper.dtype).assign_attrs(_common([upper, lower])),
        )
        for (above, upper), (below, lower) in pairwise(parts)
    ]


def _require_whole(name: str, parts: Sequence[Part]) -> None:
    """Raise unless layers are contiguous from the surface: ``thickness`` can't express a gap."""
    end = 0.0
    for depth, _ in parts:
        if depth.top > end:
            raise RasterError(
                f"The profile of '{name}' lacks {end:g}-{depth.top:g} cm, above {depth} cm. Add"
                f" that depth, or open some by name: names=['{name}_{depth}cm']."
            )
        end = depth.bottom


def _along(parts: Sequence[Part]) -> xr.DataArray:
    depths, layers = zip(*parts, strict=True)
    bare = [layer.drop_attrs(deep=False) for layer in layers]
    out: xr.DataArray = xr.concat(bare, DEPTH).assign_attrs(_common(layers))
    top, bottom = np.array([d.top for d in depths]), np.array([d.bottom for d in depths])
    return out.assign_coords(
        {
            DEPTH: (top + bottom) / 2,
            THICKNESS: (DEPTH, bottom - top),
            "top": (DEPTH, top),
            "bottom": (DEPTH, bottom),
        }
    )


def _least(name: str, parts: Sequence[Part]) -> xr.DataArray:
    layers = [layer for _, layer in parts]
    out: xr.DataArray = xr.concat([layer.drop_attrs(deep=False) for layer in layers], DEPTH)
    return out.min(DEPTH).rename(name).assign_attrs(_common(layers))


def _common(layers: Sequence[xr.DataArray]) -> dict[str, object]:
    """Return the attributes that all layers share, with their sources and licences joined."""
    first = layers[0].attrs
    out = {k: v for k, v in first.items() if all(_same(x.attrs.get(k), v) for x in layers)}
    for key in _JOINED:
        texts = dict.fromkeys(str(layer.attrs[key]) for layer in layers if key in layer.attrs)
        if texts:
            out[key] = (" " if key == "sha256" else "; ").join(texts)
    # The depth of one layer isn't that of the profile.
    out.pop("depth_cm", None)
    return out


def _same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one, other))


def _depth_list(depths: Sequence[Depth]) -> str:
    return ", ".join(f"{depth} cm" for depth in depths)


def _choose(name: str, depths: Sequence[Depth]) -> str:
    return f"Remove one, or open some by name: names=['{name}_{depths[0]}cm', ...]."
