"""SOC stock from a soil profile: contents at several depths, or of several layers, to 0-30 cm.

The arithmetic is in `hotspots.analysis.stock`; this module determines the depths of a profile, and
whether its values hold at points or are means of layers. The two aren't interchangeable: the
trapezoid rule over means of layers, or the reverse, is wrong by some percent to tens of percent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.stock import DEPTH, stock_to_depth
from hotspots.errors import BadInputError
from hotspots.layers.plausibility import require_plausible, require_unit
from hotspots.layers.variables import describe, require_aligned

KINDS = ("points", "layers")
CONTENTS = ("soc", "bulk_density", "coarse_fragments")
DENSITY = "soc_density"
# Attributes passed on to the stock: distinct values, joined.
_TRAVEL = ("source", "citation", "licence", "url", "doi")
_METHOD = {
    "points": "trapezoid rule of {} at {} cm (FAO GSOCseq manual, eq 6.1)",
    "layers": "sum of {} over the layers {} cm",
}
# Of the command "stock": what may be stated in place of a profile.
_INSTEAD = {
    "coarse_fragments": ", or state an assumption: hotspots stock --coarse-fragments 0",
    "bulk_density": ", or compute it from soc: hotspots stock --bulk-density grigal_1989",
}
_FORMULA = "content x bulk density x (1 - coarse fragments)"

Depths = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Profile:
    """One property with its depths, cm: `top` is `bottom` where values hold at points."""

    name: str
    values: xr.DataArray
    top: Depths
    bottom: Depths

    def depths_text(self) -> str:
        """Return the depths, cm, as text."""
        pairs = zip(self.top, self.bottom, strict=True)
        return ", ".join(f"{a:g}" if a == b else f"{a:g}-{b:g}" for a, b in pairs)


def stock_from_profile(
    profiles: Mapping[str, xr.DataArray],
    to: tuple[float, float] = (0, 30),
    kind: str | None = None,
) -> xr.DataArray:
    """Return the stock of soil organic carbon between two depths.

    Parameters
    ----------
    profiles : mapping of str to DataArray
        ``soc`` (g kg-1), ``bulk_density`` (of the fine earth, g cm-3) and ``coarse_fragments``
        (volume share, 0-1); or ``soc_density`` (kg m-3, all of the soil's volume) alone. Each on
        one grid along ``depth``. At points: the coordinate ``depth`` is in cm. Of layers:
        coordinates ``top`` and ``bottom`` along ``depth``, cm, or ``thickness``, cm, of layers
        that are contiguous from the surface. The attribute ``depth_kind`` says which.
    to : tuple of float
        Top and bottom of the stock, cm.
    kind : str, optional
        "points" or "layers", for profiles that don't state it; where they do, both must agree.

    Returns
    -------
    DataArray
        ``soc_stock``, t ha-1, float64, with ``depth_cm``, ``method`` and the sources and licences
        of its profiles. NaN where any required value is missing. Lazy if the profiles are lazy.

    Raises
    ------
    BadInputError
        A missing property, differing depths or grids, a wrong unit, depths that don't cover `to`,
        no kind, or a kind that the profiles contradict.

    Notes
    -----
    Points: ``content x BD x (1 - CF)`` is linear between the depths. Layers: the sum over layers,
    one partly within `to` by that part. See `hotspots.analysis.stock.stock_to_depth`.
    """
    low, high = (float(depth) for depth in to)
    if not 0 <= low < high:
        raise BadInputError(f"The depths {low:g} to {high:g} cm are a top and a deeper bottom, cm.")
    names = _names(profiles)
    given = [profiles[name] for name in names]
    chosen = _kind(names, given, kind)
    needed = [
        _needed(_profile(name, array, chosen), low, high)
        for name, array in zip(names, given, strict=True)
    ]
    _require_alike(needed)
    stock = _stock(needed, chosen, (low, high))
    depth = f"{low:g}-{high:g}"
    method = _METHOD[chosen].format(
        names[0] if len(names) == 1 else _FORMULA, needed[0].depths_text()
    )
    attrs = {"depth_cm": depth, "method": method} | _lineage(given)
    return describe(stock, "soc_stock", long_name=f"Soil organic carbon stock, {depth} cm", **attrs)


def _names(profiles: Mapping[str, xr.DataArray]) -> tuple[str, ...]:
    if DENSITY in profiles and "soc" not in profiles:
        return (DENSITY,)
    lacking = [name for name in CONTENTS if name not in profiles]
    if lacking:
        has = ", ".join(profiles) or "nothing"
        raise BadInputError(
            f"A stock needs {', '.join(CONTENTS)}, or {DENSITY} alone; there is {has}, and"
            f" '{lacking[0]}' is missing. Add that profile{_INSTEAD.get(lacking[0], '')}."
        )
    return CONTENTS


def _kind(names: Iterable[str], given: Iterable[xr.DataArray], requested: str | None) -> str:
    if requested is not None and requested not in KINDS:
        raise BadInputError(
            f"'{requested}' isn't a kind of depths; allowed are {' and '.join(KINDS)}."
        )
    kinds = dict(zip(names, (_own_kind(array) for array in given), strict=True))
    known = {kind for kind in kinds.values() if kind}
    if requested:
        known.add(requested)
    if not known:
        raise BadInputError(
            "The profiles don't say whether their values hold at points or are means of layers."
            " Say --kind points or --kind layers."
        )
    if len(known) > 1:
        listed = ", ".join(f"{name}: {kind or 'not said'}" for name, kind in kinds.items())
        raise BadInputError(
            f"Values at points and means of layers don't mix ({listed}"
            f"{f'; requested: {requested}' if requested else ''}). Give profiles of one kind."
        )
    return known.pop()


def _own_kind(array: xr.DataArray) -> str:
    """Return the kind of depths that a profile states, or that its coordinates imply."""
    kind = str(array.attrs.get("depth_kind", ""))
    if kind and kind not in KINDS:
        raise BadInputError(
            f"'{array.name}' has the depth_kind '{kind}'; allowed are {' and '.join(KINDS)}."
        )
    has_layers = {"thickness"} & set(array.coords) or {"top", "bottom"} <= set(array.coords)
    if has_layers and kind == "points" and not _are_points(array):
        raise BadInputError(
            f"'{array.name}' says that it holds at points, but has layers with a thickness. Correct"
            " its depth_kind, or drop the thickness."
        )
    if kind or not has_layers:
        return kind
    return "points" if _are_points(array) else "layers"


def _are_points(array: xr.DataArray) -> bool:
    if "thickness" in array.coords:
        return not np.any(np.asarray(array["thickness"].values, dtype="float64") > 0)
    return bool(np.array_equal(array["top"].values, array["bottom"].values))


def _profile(name: str, array: xr.DataArray, kind: str) -> _Profile:
    if DEPTH not in array.dims:
        raise BadInputError(
            f"'{name}' has no dimension 'depth'. Give its values at two depths at least."
        )
    array = array.rename(name)
    require_unit(array)
    # A lazy profile would have to be computed for this.
    if not array.chunks:
        require_plausible(array)
    top, bottom = _layers(name, array) if kind == "layers" else _points(name, array)
    order = np.argsort(top, kind="stable")
    if not np.all(np.isfinite(top) & np.isfinite(bottom)) or len(set(top.tolist())) < top.size:
        raise BadInputError(f"'{name}' has a depth twice, or one that isn't a number.")
    return _Profile(name, array.isel({DEPTH: order}), top[order], bottom[order])


def _points(name: str, array: xr.DataArray) -> tuple[Depths, Depths]:
    if DEPTH not in array.coords:
        raise BadInputError(f"'{name}' doesn't say at which depths, cm, its values hold.")
    at = np.asarray(array[DEPTH].values, dtype="float64")
    return at, at


def _layers(name: str, array: xr.DataArray) -> tuple[Depths, Depths]:
    if {"top", "bottom"} <= set(array.coords):
        return (
            np.asarray(array["top"].values, dtype="float64"),
            np.asarray(array["bottom"].values, dtype="float64"),
        )
    if "thickness" not in array.coords:
        raise BadInputError(
            f"'{name}' is declared as layers, but has no top and bottom, cm. Name"
            " layers by both (--depth 0-5), or say --kind points."
        )
    bottom = np.cumsum(np.asarray(array["thickness"].values, dtype="float64"))
    return np.concatenate(([0.0], bottom[:-1])), bottom


def _needed(profile: _Profile, low: float, high: float) -> _Profile:
    """Return the depths needed for the target; raise `BadInputError` if they don't cover it."""
    top, bottom = profile.top, profile.bottom
    if top[0] > low or bottom[-1] < high:
        raise BadInputError(
            f"'{profile.name}' reaches from {top[0]:g} to {bottom[-1]:g} cm, where a stock of"
            f" {low:g} to {high:g} cm needs all of that. Add the depths that are missing."
        )
    if np.array_equal(top, bottom):
        # The points that enclose the target, since the content is interpolated at its ends.
        first = int(np.searchsorted(top, low, side="right")) - 1
        last = int(np.searchsorted(top, high, side="left"))
        used = np.arange(first, last + 1)
    else:
        used = np.flatnonzero((bottom > low) & (top < high))
    return _Profile(profile.name, profile.values.isel({DEPTH: used}), top[used], bottom[used])


def _require_alike(layers: list[_Profile]) -> None:
    for other in layers[1:]:
        if other.depths_text() != layers[0].depths_text():
            raise BadInputError(
                f"'{layers[0].name}' has the depths {layers[0].depths_text()} cm, '{other.name}'"
                f" {other.depths_text()} cm. Give the same depths of each."
            )
    require_aligned(*(profile.values.isel({DEPTH: 0}, drop=True) for profile in layers))


def _stock(layers: list[_Profile], kind: str, target: tuple[float, float]) -> xr.DataArray:
    bare = [_bare(profile.values) for profile in layers]
    # g kg-1 x g cm-3 is kg m-3: a density is the content of a soil of 1 g cm-3 without fragments.
    one, none = xr.ones_like(bare[0]), xr.zeros_like(bare[0])
    soc, density, rock = bare if len(bare) == 3 else (bare[0], one, none)
    depths = (
        {"at": layers[0].top}
        if kind == "points"
        else {"top": layers[0].top, "bottom": layers[0].bottom}
    )
    stock: xr.DataArray = stock_to_depth(
        soc=soc, bulk_density=density, coarse_fragments=rock, target=target, **depths
    )
    # `_bare` made all of them lazy; profiles in memory give a stock in memory.
    return stock if layers[0].values.chunks else stock.compute()


def _bare(values: xr.DataArray) -> xr.DataArray:
    """Return values without labels and depth coordinates, all depths of a place in one chunk.

    Always lazy, so that values out of range (OCD has negative cells) are treated alike: in-memory
    data would be refused, lazy data are not.
    """
    coords = [c for c in values.coords if DEPTH in values[c].dims or c == "depth_cm"]
    return values.drop_vars(coords).drop_attrs(deep=False).chunk({DEPTH: -1})


def _lineage(given: Iterable[xr.DataArray]) -> dict[str, object]:
    arrays = list(given)
    out: dict[str, object] = {}
    for key in _TRAVEL:
        values = dict.fromkeys(str(a.attrs[key]) for a in arrays if a.attrs.get(key))
        if values:
            out[key] = "; ".join(values)
    # Where the profiles are of several years, none of these is that of the stock.
    years = {a.attrs["year"] for a in arrays if "year" in a.attrs}
    return out | ({"year": years.pop()} if len(years) == 1 else {})
