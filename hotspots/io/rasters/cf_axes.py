"""Axes of NetCDF and Zarr as CF describes them: which one is which, its unit and its cells' edges.

The coordinate variables decide. Attributes that other programs leave behind, such as GDAL's
GeoTransform, go stale when a layer is cut, coarsened or sorted.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pyproj
import xarray as xr

from hotspots.errors import RasterError
from hotspots.layers.array_types import FloatArray

_STANDARD = {
    "latitude": "y",
    "grid_latitude": "y",
    "projection_y_coordinate": "y",
    "longitude": "x",
    "grid_longitude": "x",
    "projection_x_coordinate": "x",
}
_NAMES = {
    "y": ("y", "lat", "latitude", "northing", "nav_lat", "rlat"),
    "x": ("x", "lon", "long", "longitude", "easting", "nav_lon", "rlon"),
}
_DEGREES = re.compile(r"(°|deg(ree)?s?)([ _]?(north|east|n|e|true))?", re.IGNORECASE)
_TO_NORTH = re.compile(r"deg(ree)?s?[ _]?(north|n)", re.IGNORECASE)
_TO_EAST = re.compile(r"deg(ree)?s?[ _]?(east|e)", re.IGNORECASE)
_NO_UNIT = ("", "1")
# A coordinate may differ by this part of a cell from an even spacing, beyond its own rounding: some
# are typed with few decimals (0.0833), and Gaussian latitudes are nearly even.
_EVEN = 0.02
_SIMPLE = 100_000  # largest denominator of a step or an edge that is tried as the exact one


@dataclass(frozen=True)
class Axis:
    """The edges of the cells along one axis, in the unit of the file.

    Attributes
    ----------
    name : str
        The dimension.
    first : float
        Outer edge of the first cell.
    step : float
        From one cell to the next; negative on an axis that falls.
    size : int
    unit : str
        As the file has it; "" if it has none.
    from_bounds : bool
        The edges are those of CF bounds, and the coordinates aren't the cells' centres.
    turned : bool
        Longitudes that jump back by 360 degrees were continued.
    """

    name: str
    first: float
    step: float
    size: int
    unit: str
    from_bounds: bool = False
    turned: bool = False

    @property
    def in_degrees(self) -> bool:
        """Whether the unit is the degree."""
        return bool(_DEGREES.fullmatch(self.unit))

    def scaled(self, factor: float) -> tuple[float, float]:
        """Return the outer edge of the first cell and the step, multiplied by `factor`."""
        return self.first * factor, self.step * factor


def horizontal_dimensions(layer: xr.DataArray) -> tuple[str, str]:
    """Return the dimensions of (y, x), by attributes of their coordinates, else by their names.

    Raises
    ------
    RasterError
        There isn't exactly one of each, or a name and its attributes contradict each other.
    """
    found: dict[str, list[str]] = {"y": [], "x": []}
    for dim in layer.dims:
        kind = _kind(layer, dim)
        if kind:
            found[kind].append(str(dim))
    if len(found["y"]) != 1 or len(found["x"]) != 1:
        raise RasterError(
            f"The dimensions {tuple(layer.dims)} of '{layer.name}' hold no (y, x) or (lat, lon)"
            " pair. Rename them (ncrename -d for a NetCDF file, layer.rename in Python)."
        )
    return found["y"][0], found["x"][0]


def _kind(layer: xr.DataArray, dim: Hashable) -> str:
    """Return "y", "x" or "" for a dimension."""
    name = str(dim)
    by_name = next((kind for kind, names in _NAMES.items() if name.casefold() in names), "")
    attrs = layer.coords[dim].attrs if dim in layer.coords else {}
    unit = str(attrs.get("units", "")).strip()
    stated = {
        _STANDARD.get(str(attrs.get("standard_name", "")).strip(), ""),
        {"Y": "y", "X": "x"}.get(str(attrs.get("axis", "")).strip().upper(), ""),
        "y" if _TO_NORTH.fullmatch(unit) else "x" if _TO_EAST.fullmatch(unit) else "",
    } - {""}
    if len(stated | ({by_name} - {""})) > 1:
        raise RasterError(
            f"The dimension '{name}' of '{layer.name}' is named like one axis and described like"
            f" the other ({_said(attrs)}). Correct its name or its attributes (ncrename, ncatted)."
        )
    return stated.pop() if stated else by_name


def _said(attrs: dict[str, object]) -> str:
    kept = ("standard_name", "axis", "units")
    return ", ".join(f"{key} {attrs[key]}" for key in kept if attrs.get(key))


# ---------------------------------------------------------------------------------- edges


def axis_of(
    layer: xr.DataArray, data: xr.Dataset, dim: str, given_step: float | None = None
) -> Axis:
    """Return the axis along a dimension.

    Parameters
    ----------
    layer : DataArray
        The layer; the dimension has a coordinate.
    data : Dataset
        The file, with the bounds that the coordinate names.
    dim : str
    given_step : float, optional
        The step of a single cell without bounds.

    Raises
    ------
    RasterError
        No coordinate, uneven spacing, contradictory bounds, or a single cell of unknown size.
    """
    if dim not in layer.coords:
        raise RasterError(
            f"'{layer.name}' has no coordinates along '{dim}', so that the file doesn't say where"
            " its cells lie. Write those of the cells' centres."
        )
    coordinate = decoded(layer.coords[dim])
    values = np.asarray(coordinate.values)
    if not values.size:
        raise RasterError(
            f"Layer '{layer.name}' has no cells: '{dim}' has length 0. Give one with cells."
        )
    if values.dtype.kind not in "iuf":
        raise RasterError(f"The coordinate '{dim}' holds no numbers. Write those of the centres.")
    unit = str(coordinate.attrs.get("units", "")).strip()
    unit = "" if unit in _NO_UNIT else unit
    named = coordinate.attrs.get("bounds") or layer.coords[dim].encoding.get("bounds")
    bounds = data.get(str(named)) if named else None
    if bounds is not None:
        return _axis_of_bounds(dim, values, decoded(bounds, like=coordinate), unit)
    values, turned = _continued(values, unit, dim)
    if values.size == 1:
        step = given_step
        if step is None:
            raise RasterError(
                f"One cell along '{dim}' doesn't define the cell size. Write its bounds (CF), or"
                " the transform with data.rio.write_transform()."
            )
        return Axis(dim, float(values[0]) - step / 2, step, 1, unit)
    first, step = _evenly(values, dim)
    return Axis(dim, first - step / 2, step, values.size, unit, turned=turned)


def decoded(coordinate: xr.DataArray, like: xr.DataArray | None = None) -> xr.DataArray:
    """Return a coordinate that was read as stored with its packing undone.

    Bounds without a packing of their own have that of their coordinate, `like`.
    """
    attrs = coordinate.attrs
    if like is not None and "scale_factor" not in attrs and coordinate.dtype.kind in "iu":
        attrs = attrs | {
            k: like.attrs[k] for k in ("scale_factor", "add_offset") if k in like.attrs
        }
    if not {"scale_factor", "add_offset", "_FillValue", "missing_value"} & set(attrs):
        return coordinate
    scale, offset = float(attrs.get("scale_factor", 1)), float(attrs.get("add_offset", 0))
    if scale == 1 and offset == 0:
        return coordinate
    return coordinate.astype("float64") * scale + offset


def _continued(values: FloatArray, unit: str, dim: str) -> tuple[FloatArray, bool]:
    """Return longitudes of 0 … 179, -180 … -1 as 0 … 359, and whether they were such."""
    is_longitude = dim.casefold() in _NAMES["x"] or bool(_TO_EAST.fullmatch(unit))
    if values.size < 3 or not is_longitude or (unit and not _DEGREES.fullmatch(unit)):
        return values, False
    steps = np.diff(values.astype("float64"))
    step = float(np.median(steps))
    off = np.flatnonzero(np.abs(steps - step) > 1)
    if off.size != 1 or step == 0:
        return values, False
    jump = float(np.copysign(360, step))
    if abs(steps[off[0]] + jump - step) > max(_EVEN * abs(step), 1e-4):
        return values, False
    out = values.astype("float64")
    out[off[0] + 1 :] += jump
    return out, True


def _evenly(centres: FloatArray, dim: str) -> tuple[float, float]:
    """Return the first centre and the step of evenly spaced centres."""
    exact = _of_simple_numbers(centres)
    if exact is not None:
        return exact
    values = centres.astype("float64")
    step = (values[-1] - values[0]) / (values.size - 1)
    from_even = values - (values[0] + step * np.arange(values.size))
    # The first and the last coordinate are rounded too, each by half of the last digit.
    allowed = _EVEN * abs(step) + _rounding(centres)
    if step == 0 or not np.isfinite(values).all() or np.abs(from_even).max() > allowed:
        raise RasterError(_uneven(values, dim))
    # The mean difference from an even spacing is far less rounded than any single coordinate.
    return float(values[0] + (from_even.mean() if values.size > 2 else 0)), float(step)


def _rounding(centres: FloatArray) -> float:
    if centres.dtype.kind != "f":
        return 0.0
    return float(2 * np.spacing(np.abs(centres).max()))


def _uneven(values: FloatArray, dim: str) -> str:
    steps = np.diff(values)
    if not np.isfinite(values).all():
        return f"The coordinate '{dim}' has missing values. Write those of all cells."
    usual = np.median(steps)
    at = int(np.abs(steps - usual).argmax())
    return (
        f"The coordinate '{dim}' is not evenly spaced: its cells are {abs(usual):g} apart, but"
        f" {values[at]:g} is followed by {values[at + 1]:g}. Regrid the layer first (cdo"
        " remapcon), or add the rows that are missing."
    )


def _of_simple_numbers(centres: FloatArray) -> tuple[float, float] | None:
    """Return the centres' first and step as simple fractions, if these give the very same numbers.

    Coordinates of float32 are rounded by up to a hundredth of a fine cell; a world of such cells
    would end beside its edge.
    """
    if centres.dtype.kind != "f" or centres.size < 2:
        return None
    values = centres.astype("float64")
    step = (values[-1] - values[0]) / (values.size - 1)
    if step == 0 or not np.isfinite(values).all():
        return None
    at = np.arange(values.size)
    for most in (1_000, 10_000, _SIMPLE):
        simple = Fraction(step).limit_denominator(most)
        if not simple:
            continue
        halves = 2 * simple.denominator
        first = Fraction(round(values[0] * halves), halves)
        candidate = float(first) + float(simple) * at
        if np.array_equal(candidate.astype(centres.dtype), centres):
            return float(first), float(simple)
    return None


def _axis_of_bounds(dim: str, centres: FloatArray, bounds: xr.DataArray, unit: str) -> Axis:
    """Return the axis whose edges CF bounds give, (n, 2), in either order of the two."""
    pairs = np.asarray(bounds.values, dtype="float64")
    values = centres.astype("float64")
    if pairs.shape != (values.size, 2):
        raise RasterError(
            f"The bounds '{bounds.name}' of '{dim}' have the shape {pairs.shape} for"
            f" {values.size} cells. Correct them, or remove the attribute 'bounds'."
        )
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    slack = _EVEN * np.abs(high - low) + _rounding(centres)
    if not ((values >= low - slack) & (values <= high + slack)).all():
        at = int(np.argmax((values < low - slack) | (values > high + slack)))
        raise RasterError(
            f"The coordinate '{dim}' has {values[at]:g} where its bounds '{bounds.name}' say"
            f" {low[at]:g} to {high[at]:g}. Correct one of them (ncatted, ncks)."
        )
    rises = values.size == 1 or values[-1] > values[0]
    edges = np.concatenate([low, high[-1:]] if rises else [high, low[-1:]])
    others = high[:-1] if rises else low[:-1]
    if values.size > 1 and np.abs(others - edges[1:-1]).max() > slack.max():
        raise RasterError(
            f"The bounds '{bounds.name}' of '{dim}' overlap or leave gaps between cells. Correct"
            " them, or remove the attribute 'bounds' if the coordinates are the cells' centres."
        )
    first, step = _evenly(edges.astype(centres.dtype if centres.dtype.kind == "f" else "f8"), dim)
    middle = np.abs((low + high) / 2 - values).max() > 2 * slack.max()
    return Axis(dim, first, step, values.size, unit, from_bounds=bool(middle))


# ---------------------------------------------------------------------------------- units


def to_crs_unit(axis: Axis, crs: pyproj.CRS) -> float:
    """Return the factor from an axis's unit to that of the CRS.

    Raises
    ------
    RasterError
        The unit is of another kind than that of the CRS, or unknown.
    """
    if not axis.unit:
        return 1.0
    own = crs.axis_info[0].unit_conversion_factor
    # pyproj gives angles in radians.
    kind = "angular" if crs.is_geographic else "linear"
    factor = _units(kind).get(_singular(axis.unit)) if not axis.in_degrees else None
    if axis.in_degrees and crs.is_geographic:
        factor = np.pi / 180
    if factor is None:
        raise RasterError(
            f"The axis '{axis.name}' is in '{axis.unit}', and the CRS '{crs.name}' in"
            f" {crs.axis_info[0].unit_name}s. Correct the unit, or declare the CRS that the"
            " coordinates are in (--crs)."
        )
    ratio = factor / own
    return 1.0 if abs(ratio - 1) < 1e-9 else float(ratio)


def _singular(unit: str) -> str:
    text = re.sub(r"[\s_]+", " ", unit.strip()).casefold().replace("meter", "metre")
    return text if text in _units("linear") | _units("angular") else text.rstrip("s")


@lru_cache(maxsize=2)
def _units(category: str) -> dict[str, float]:
    """Return the units that PROJ knows, by name and by short name, in metres or radians."""
    found = pyproj.database.get_units_map(category=category)
    out = {name.casefold(): unit.conv_factor for name, unit in found.items() if unit.conv_factor}
    out |= {
        unit.proj_short_name: unit.conv_factor for unit in found.values() if unit.proj_short_name
    }
    return out | (
        {"feet": 0.3048, "us survey feet": 0.304800609601219} if category == "linear" else {}
    )
