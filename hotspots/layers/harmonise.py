"""Conversion of a layer to the project's form: (y, x) north up, longitudes -180..180, NaN or 0.

Whatever a file's conventions, a harmonised layer has the dimensions (y, x) with y descending,
preceded by month, time or depth where its name has one (see `dimensions`), a CRS in
``spatial_ref``, float32 with NaN for missing, or uint8 with 0 for missing if its values are
classes, in the canonical numbering (int8 with -128 for missing where 0 is one of the classes).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError
from hotspots.layers.array_types import AnyArray, Attributes
from hotspots.layers.dimensions import labelled, third_dimension
from hotspots.layers.error_layers import checked_attributes
from hotspots.layers.grid import Grid, axis_names, crs_of, grid_of
from hotspots.layers.legends import recode
from hotspots.layers.units import with_unit
from hotspots.layers.variables import (
    OF_A_COPY,
    Variable,
    class_nodata,
    classes_of,
    describe,
    how_to_set,
    variable,
)

# Customary nodata values; an undeclared one would corrupt totals. They are recognised as such only
# outside the variable's valid range.
SENTINELS = np.array(
    [
        -1,
        -99,
        -99.9,
        -128,
        -999,
        -999.9,
        -9999,
        -99999,
        -32767,
        -32768,
        -2147483648,
        32767,
        65535,
        2147483647,
        4294967295,
    ],
    dtype="float32",
)
_BYTE_NODATA = np.float32(255)  # common nodata of shares, but a possible stock or precipitation
# 1e20, -3.4e38 and their roundings: far beyond every quantity here.
MAX_MAGNITUDE = 1e15
# Of a quantity without lower bound, a customary number below this is nodata too.
UNBOUNDED = -990.0
# If nodata is declared, smaller customary numbers are values of the model: some carbon densities
# are -1 to -35.
MIN_SENTINEL_IF_DECLARED = 900
GUIDELINES = ("2006", "2019")
# A rounded step (0.0833333) adds up to less than this part of a cell over the whole grid.
_SNAP = 0.05


def harmonise(layer: xr.DataArray, *, declared: bool = False) -> xr.DataArray:
    """Return `layer`, which has a canonical name, in the project's form.

    Parameters
    ----------
    layer : DataArray
        Decoded (nodata masked, scale applied), with a (y, x) or (lat, lon) pair of dimensions,
        and ``month``, ``time`` or ``depth`` if its name has that dimension; further dimensions of
        length one are dropped. May be dask-backed and stays so.
    declared : bool
        Missing cells are known to be NaN already (as in a store): small customary numbers such
        as -1 are then valid model values.

    Returns
    -------
    DataArray
        See the module; attributes completed with ``long_name`` and units or flags. A grid whose
        step was rounded, but which clearly spans all longitudes, spans exactly 360 degrees.

    Raises
    ------
    RasterError
        No canonical name, no CRS, no or another unit, a class outside the legend, climate zones
        of unstated guidelines, an undeclared nodata value, an invalid year or one that differs from
        the name's, impossible coordinates, steps along another dimension, or invalid labels of
        months or depths.
    """
    name = str(layer.name)
    layer = with_unit(layer)
    crs = crs_of(layer)
    out = _north_up(_plane(layer))
    out = out.rio.write_crs(crs)
    grid = grid_of(out)
    if grid.is_geographic:
        out, grid = _turned(out, snapped(grid), name)
    out = out.assign_coords(y=("y", grid.y), x=("x", grid.x))
    out = _canonical_values(out, layer, name, declared)
    placed: xr.DataArray = out.rio.write_crs(crs).rio.write_transform(grid.transform)
    return placed


def _plane(layer: xr.DataArray) -> xr.DataArray:
    y, x = axis_names(layer)
    along = third_dimension(str(layer.name))
    others = [dim for dim in layer.dims if dim not in (y, x, along)]
    for dim in others:
        if layer.sizes[dim] > 1:
            instead = f", or rename '{dim}' to '{along}' if it is that" if along else ""
            raise RasterError(
                f"Layer '{layer.name}' has {layer.sizes[dim]} steps along '{dim}'. Choose one, and"
                f" write it as a layer of two dimensions (y, x){instead}."
            )
    for dim in (y, x):
        if dim not in layer.coords:
            raise RasterError(
                f"Layer '{layer.name}' has no coordinates along '{dim}'. Write those of the cells'"
                " centres."
            )
        if not layer.sizes[dim]:
            raise RasterError(
                f"Layer '{layer.name}' has no cells: '{dim}' has length 0. Give one with cells."
            )
    flat = layer.squeeze(others, drop=True).transpose(..., y, x)
    # A new DataArray, since attributes and encodings may name another grid mapping or a packing.
    coords = {"y": ("y", flat[y].values), "x": ("x", flat[x].values)}
    dims = (*flat.dims[:-2], "y", "x")
    out = labelled(xr.DataArray(flat.data, dims=dims, coords=coords, name=flat.name), flat)
    if "spatial_ref" in flat.coords:  # defines the cell size of a single row or column
        out = out.assign_coords(spatial_ref=flat["spatial_ref"].variable)
    return out


def _north_up(layer: xr.DataArray) -> xr.DataArray:
    if layer.sizes["y"] > 1 and layer["y"].values[0] < layer["y"].values[-1]:
        layer = layer.isel(y=slice(None, None, -1))
    if layer.sizes["x"] > 1 and layer["x"].values[0] > layer["x"].values[-1]:
        layer = layer.isel(x=slice(None, None, -1))
    return layer


def snapped(grid: Grid) -> Grid:
    """Return the grid with a rounded step made exact where it spans the whole world."""
    t, (rows, columns) = grid.transform, grid.shape
    dx, left, dy, top = t.a, t.c, t.e, t.f
    if abs(columns * abs(dx) - 360) < _SNAP * abs(dx):
        dx = float(np.copysign(360 / columns, dx))
        whole = round(left / dx)
        left = whole * dx if abs(left / dx - whole) < _SNAP else left
    pole = float(np.copysign(90.0, -dy))
    if abs(rows * abs(dy) - 180) < _SNAP * abs(dy) and abs(top - pole) < _SNAP * abs(dy):
        dy, top = float(np.copysign(180 / rows, dy)), pole
    return Grid(Affine(dx, 0, left, 0, dy, top), grid.shape, grid.crs)


def first_beyond(grid: Grid) -> int:
    """Return the first column whose middle lies at 180 degrees east or beyond (it goes west)."""
    return int(np.searchsorted(grid.x, 180 - 1e-9))


def _turned(layer: xr.DataArray, grid: Grid, name: str) -> tuple[xr.DataArray, Grid]:
    """Return layer and grid with longitudes in -180..180 (a column centred on 180 goes west)."""
    west, south, east, north = grid.bounds
    dx = grid.transform.a
    turns = west >= -180 - dx and east <= 540 and east - west <= 360 + dx
    if not turns or north > 90 + dx or south < -90 - dx:
        raise RasterError(
            f"Layer '{name}' claims degrees but spans {west:g},{south:g},{east:g},{north:g}."
            " Give it the CRS that its coordinates are in."
        )
    if east <= 180 + dx / 2:
        return layer, grid
    first_west = first_beyond(grid)
    if first_west > 0 and not grid.wraps:
        raise RasterError(
            f"Layer '{name}' crosses the antimeridian ({west:g} to {east:g} degrees east) without"
            " spanning the world. Cut it at 180 degrees, or extend it to all longitudes."
        )
    rolled = xr.concat(
        [layer.isel(x=slice(first_west, None)), layer.isel(x=slice(None, first_west))], dim="x"
    )
    start = grid.x_edges[first_west] - 360
    t = grid.transform
    return rolled, Grid(Affine(t.a, 0, start, 0, t.e, t.f), grid.shape, grid.crs)


def _canonical_values(
    out: xr.DataArray, given: xr.DataArray, name: str, declared: bool
) -> xr.DataArray:
    attrs = checked_attributes(_dated(_kept(given.attrs), name), name)
    classes = variable(name).classes
    if classes is None:
        to_numbers = partial(_quantity, name=name, declared=declared)
        return describe(_apply(to_numbers, out, "float32"), name, **attrs)
    if name == "climate_zone_2006":
        attrs["guidelines"] = "2006"
    elif name == "climate_zone":
        attrs["guidelines"] = _guidelines(given.attrs.get("guidelines"))
    nodata = class_nodata(classes)
    own = classes_of(given) or classes
    # A file's legend may name its nodata, which isn't a class.
    own = {code: meaning for code, meaning in own.items() if code != nodata}
    to_codes = partial(_codes, name=name, own=own, canonical=classes)
    return describe(_apply(to_codes, out, "int8" if nodata else "uint8"), name, **attrs)


def _kept(attrs: Attributes) -> Attributes:
    dropped = ("units", "flag_values", "flag_meanings", "grid_mapping", "valid_range", "_FillValue")
    return {
        str(k): v.item() if isinstance(v, np.generic) else v
        for k, v in attrs.items()
        if k not in dropped
    }


_YEAR_IN_NAME = re.compile(r"soc_stock_(\d{4})")


def _dated(attrs: Attributes, name: str) -> Attributes:
    """Return `attrs` with ``year`` as a whole number, from the name where it stands only there."""
    found = _YEAR_IN_NAME.fullmatch(name)
    given = str(attrs.get("year", "")).removesuffix(".0")
    if given and not (given.isdecimal() and 1 <= int(given) <= 9999):
        raise RasterError(
            f"Layer '{name}' says the year '{given}'; a year of up to four digits is needed, and a"
            f" span of years is given as 'period'. {how_to_set(name, 'year', '2010')}"
        )
    if found and given and int(given) != int(found[1]):
        raise RasterError(
            f"Layer '{name}' says the year {given}, another than its name. Rename it, or correct"
            f" the year. {how_to_set(name, 'year', found[1])}"
        )
    year = given or (found[1] if found else "")
    return attrs | ({"year": int(year)} if year else {})


def _guidelines(given: object) -> str:
    if str(given) not in GUIDELINES:
        raise RasterError(
            "Layer 'climate_zone' must say in its attribute (or GeoTIFF tag) 'guidelines' whether"
            f" its zones are those of 2006 or 2019; it says {given!r}."
            f" {how_to_set('climate_zone', 'guidelines', '2019')}"
        )
    return str(given)


def _apply(func: Callable[..., AnyArray], layer: xr.DataArray, dtype: str) -> xr.DataArray:
    data = layer.data
    if hasattr(data, "dask"):
        # With meta, dask doesn't try the function on an empty block.
        new = data.map_blocks(func, dtype=dtype, meta=np.empty((0,) * data.ndim, dtype=dtype))
    else:
        new = func(np.asarray(data))
    return xr.DataArray(new, dims=layer.dims, coords=layer.coords, name=layer.name)


def _quantity(values: AnyArray, name: str, declared: bool) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, which is detected
        out = values.astype("float32")
    found = _undeclared(out, variable(name), declared)
    if found.size:
        number = f"{found[0]:g}"
        raise RasterError(
            f"Layer '{name}' holds {number}, which looks like a nodata value that the file doesn't"
            f" declare. Declare it with: rio edit-info --nodata {number} FILE ({OF_A_COPY}),"
            f" ncatted -a missing_value,{name},o,f,{number} FILE (NetCDF), or for a store: hotspots"
            f" add-layer FILE --as {name} --nodata {number}."
        )
    return out


def _undeclared(
    values: npt.NDArray[np.float32], row: Variable, declared: bool
) -> npt.NDArray[np.float32]:
    """Return the distinct values outside the valid range that are nodata by custom or size."""
    low = row.low if np.isfinite(row.low) else UNBOUNDED
    outside = values[(values < low) | (values > row.high) | (np.abs(values) > MAX_MAGNITUDE)]
    customary = np.isin(outside, SENTINELS) | (np.abs(outside) > MAX_MAGNITUDE)
    if row.unit in ("1", "%"):
        customary |= outside == _BYTE_NODATA
    if declared:
        customary &= np.abs(outside) >= MIN_SENTINEL_IF_DECLARED
    return np.unique(outside[customary])


def _codes(
    values: AnyArray, name: str, own: dict[int, str], canonical: dict[int, str]
) -> npt.NDArray[np.uint8 | np.int8]:
    nodata = class_nodata(canonical)
    # NaN can't be looked up among the codes of a legend.
    filled = np.nan_to_num(values, nan=nodata) if values.dtype.kind == "f" else values
    try:
        return recode(filled, own, canonical)
    except RasterError as error:
        raise RasterError(f"Layer '{name}': {error}") from error
